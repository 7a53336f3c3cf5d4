"""Who may talk to whom, where everything lies, and how it gets out."""

import ipaddress
from collections.abc import Sequence

import pytest

from local.record import Recording, configuration, record_program
from network import CLOUDFRONT, ENDPOINTS, INTERNET, Network, NetworkArgs, Traffic
from tests.unit.reading import component, may, trusted

INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "vpc/securityGroupEgressRule:SecurityGroupEgressRule"

# The architecture's picture in rows; a new edge is a decision, so it is written here too.
EDGES = {
    ("cloudfront", "alb", 443),
    ("alb", "terriamap", 3001),
    ("alb", "api", 5000),
    ("alb", "geoserver", 8080),
    ("api", "database", 5432),
    ("api", "redis", 6379),
    ("api", "files", 2049),
    ("api", "geoserver", 8080),
    ("worker", "database", 5432),
    ("worker", "redis", 6379),
    ("worker", "files", 2049),
    ("worker", "geoserver", 8080),
    ("geoserver", "database", 5432),
    ("geoserver", "files", 2049),
    ("bootstrap", "database", 5432),
    ("queue", "redis", 6379),
    ("terriamap", "internet", 443),
    ("api", "internet", 443),
    ("worker", "internet", 443),
    ("worker", "internet", 80),
    ("geoserver", "internet", 443),
    ("bootstrap", "internet", 443),
}


def group(reference: str) -> str:
    """The traffic table's name of a security group."""
    return reference.removesuffix("-id").rpartition("-vpc-")[2]


def edges(recording: Recording, kind: str) -> list[tuple[str, str, int]]:
    """Client, server and port of each rule as it is written on one side."""
    found = []
    for rule in recording[kind].values():
        assert (rule["ipProtocol"], rule["fromPort"]) == ("tcp", rule["toPort"])
        [key] = {"referencedSecurityGroupId", "prefixListId", "cidrIpv4", "cidrIpv6"} & rule.keys()
        own, named = group(rule["securityGroupId"]), rule[key]
        other = {"pl-cloudfront": CLOUDFRONT, "0.0.0.0/0": INTERNET}.get(named) or group(named)
        pair = (other, own) if kind == INGRESS else (own, other)
        found.append((*pair, rule["fromPort"]))
    return found


def build(zones: Sequence[str] = ("a", "b"), nats: int = 1, cidr: str = "10.0.0.0/16") -> Recording:
    args = NetworkArgs(
        region="ap-southeast-2",
        account_id="111122223333",
        cidr=cidr,
        zones=[f"ap-southeast-2{zone}" for zone in zones],
        nat_gateways=nats,
        traffic=[Traffic(client="one", server="two", port=1234)],
        interface_endpoints=[],
        flow_log_traffic="REJECT",
        log_retention_days=30,
        private_domain="net.internal",
    )
    return component(lambda: Network("net", args))


def test_a_server_lets_in_exactly_the_clients_of_the_table(stack: Recording) -> None:
    found = edges(stack, INGRESS)
    assert set(found) == {edge for edge in EDGES if edge[1] != INTERNET}
    assert len(found) == len(set(found))


def test_a_client_may_go_exactly_where_the_table_says(stack: Recording) -> None:
    found = edges(stack, EGRESS)
    assert set(found) == {edge for edge in EDGES if edge[0] != CLOUDFRONT}
    assert len(found) == len(set(found))


def test_nothing_listens_to_the_whole_world(stack: Recording) -> None:
    for rule in stack[INGRESS].values():
        assert "cidrIpv4" not in rule
        assert "cidrIpv6" not in rule


def test_only_four_reach_the_database(stack: Recording) -> None:
    clients = {client for client, server, _ in edges(stack, INGRESS) if server == "database"}
    assert clients == {"api", "worker", "geoserver", "bootstrap"}


def test_the_internet_is_reached_by_https_and_by_http_from_the_worker(stack: Recording) -> None:
    ways = {(client, port) for client, server, port in edges(stack, EGRESS) if server == INTERNET}
    assert {client for client, port in ways if port != 443} == {"worker"}
    assert {port for _, port in ways} == {80, 443}


def test_no_group_has_cloudfronts_list_twice(stack: Recording) -> None:
    """It weighs 55 of the 60 rules that a group may have."""
    groups = [rule["securityGroupId"] for rule in stack[INGRESS].values() if "prefixListId" in rule]
    assert len(groups) == len(set(groups)) == 1


def test_groups_have_no_rules_of_their_own(stack: Recording) -> None:
    """Rules within a group and separate ones would take turns in removing each other."""
    for inputs in stack["ec2/securityGroup:SecurityGroup"].values():
        assert inputs.keys().isdisjoint({"ingress", "egress"})


def test_the_default_group_lets_nothing_through(stack: Recording) -> None:
    [default] = stack["ec2/defaultSecurityGroup:DefaultSecurityGroup"].values()
    assert default.keys() == {"vpcId"}


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.16.0.0/23"])
@pytest.mark.parametrize("zones", ["ab", "abc"])
def test_subnets_lie_in_the_vpc_side_by_side_one_of_each_kind_a_zone(cidr: str, zones: str) -> None:
    subnets = build(zones, cidr=cidr)["ec2/subnet:Subnet"]
    blocks = [ipaddress.IPv4Network(inputs["cidrBlock"]) for inputs in subnets.values()]
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert all(block.prefixlen <= 27 for block in blocks)  # the least for a load balancer
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[:i])
    assert {name: inputs["availabilityZone"] for name, inputs in subnets.items()} == {
        f"net-{kind}-ap-southeast-2{zone}": f"ap-southeast-2{zone}"
        for kind in ("public", "private")
        for zone in zones
    }
    assert not any(inputs["mapPublicIpOnLaunch"] for inputs in subnets.values())


def test_subnets_keep_their_ranges_when_a_zone_is_added() -> None:
    """A changed range replaces the subnet, and with it the database's place."""
    two, three = build("ab")["ec2/subnet:Subnet"], build("abc")["ec2/subnet:Subnet"]
    assert {name: three[name]["cidrBlock"] for name in two} == {
        name: inputs["cidrBlock"] for name, inputs in two.items()
    }


@pytest.mark.parametrize(
    ("nats", "ways_out"),
    [
        (1, {"a": "a", "b": "a", "c": "a"}),
        (2, {"a": "a", "b": "b", "c": "a"}),
        (3, {"a": "a", "b": "b", "c": "c"}),
    ],
)
def test_a_private_subnet_goes_out_by_its_own_zone_or_by_the_first(
    nats: int, ways_out: dict[str, str]
) -> None:
    net = build("abc", nats)
    gateways = net["ec2/natGateway:NatGateway"]
    assert len(gateways) == len(net["ec2/eip:Eip"]) == nats
    for name, gateway in gateways.items():
        zone = name.removeprefix("net-")
        assert gateway["subnetId"] == f"net-public-{zone}-id"
        assert gateway["allocationId"] == f"net-nat-{zone}-id"
    routes = net["ec2/route:Route"]
    associations = net["ec2/routeTableAssociation:RouteTableAssociation"]
    for zone, gateway_zone in ways_out.items():
        name = f"net-private-ap-southeast-2{zone}"
        assert routes[name] == {
            "routeTableId": f"{name}-id",
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": f"net-ap-southeast-2{gateway_zone}-id",
        }
        assert associations[name] == {"subnetId": f"{name}-id", "routeTableId": f"{name}-id"}


def test_public_subnets_go_out_by_the_internet_gateway(stack: Recording) -> None:
    [(table, route)] = [
        (route["routeTableId"], route)
        for route in stack["ec2/route:Route"].values()
        if "gatewayId" in route
    ]
    [gateway] = stack["ec2/internetGateway:InternetGateway"]
    assert route["gatewayId"] == f"{gateway}-id"
    public = {f"{name}-id" for name in stack["ec2/subnet:Subnet"] if "-public-" in name}
    associated = {
        association["subnetId"]
        for association in stack["ec2/routeTableAssociation:RouteTableAssociation"].values()
        if association["routeTableId"] == table
    }
    assert associated == public


def test_nat_waits_for_the_internet_gateway(production: Recording) -> None:
    [nat] = production.of("ec2/natGateway:NatGateway")
    [gateway] = production.of("ec2/internetGateway:InternetGateway")
    assert gateway.urn in nat.dependencies


def test_every_private_table_reaches_s3_without_nat(stack: Recording) -> None:
    [endpoint] = stack["ec2/vpcEndpoint:VpcEndpoint"].values()
    assert endpoint["serviceName"] == "com.amazonaws.ap-southeast-2.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    private = {f"{name}-id" for name in stack["ec2/routeTable:RouteTable"] if "-private-" in name}
    assert set(endpoint["routeTableIds"]) == private


@pytest.fixture(scope="module")
def endpoints() -> Recording:
    return record_program(
        configuration("production") | {"otakaro:interfaceEndpoints": '["ecr.api", "ssm"]'}
    )


def test_aws_is_reached_within_the_vpc_where_a_setting_says_so(endpoints: Recording) -> None:
    private = {f"{name}-id" for name in endpoints["ec2/subnet:Subnet"] if "-private-" in name}
    found = endpoints["ec2/vpcEndpoint:VpcEndpoint"]
    assert set(found) == {f"otakaro-dt-vpc-{name}" for name in ("s3", "ecr-api", "ssm")}
    for name in ("ecr.api", "ssm"):
        endpoint = found[f"otakaro-dt-vpc-{name.replace('.', '-')}"]
        assert endpoint["serviceName"] == f"com.amazonaws.ap-southeast-2.{name}"
        assert endpoint["vpcEndpointType"] == "Interface"
        assert endpoint["privateDnsEnabled"] is True
        assert set(endpoint["subnetIds"]) == private
        assert endpoint["securityGroupIds"] == ["otakaro-dt-vpc-endpoints-id"]


def test_endpoints_let_in_all_that_speak_to_aws(endpoints: Recording) -> None:
    """Their private names hide AWS's public addresses, so nobody may be left outside."""
    clients = {c for c, server, _ in edges(endpoints, EGRESS) if server == INTERNET}
    for kind in (INGRESS, EGRESS):
        assert {edge for edge in edges(endpoints, kind) if edge[1] == ENDPOINTS} == {
            (client, ENDPOINTS, 443) for client in clients
        }
    rules = {r.urn for r in endpoints.of(INGRESS) if "-to-endpoints-" in r.name}
    assert rules <= endpoints.one("ec2/vpcEndpoint:VpcEndpoint", "otakaro-dt-vpc-ssm").dependencies


def test_only_nat_lies_in_public_subnets(stack: Recording) -> None:
    """Nothing else has an address that the Internet can reach."""
    placed = [balancer["subnets"] for balancer in stack["lb/loadBalancer:LoadBalancer"].values()]
    placed += [
        inputs["networkConfiguration"]["subnets"]
        for inputs in stack["ecs/service:Service"].values()
    ]
    placed += [group["subnetIds"] for group in stack["rds/subnetGroup:SubnetGroup"].values()]
    placed += [g["subnetIds"] for g in stack["elasticache/subnetGroup:SubnetGroup"].values()]
    placed += [[t["subnetId"]] for t in stack["efs/mountTarget:MountTarget"].values()]
    placed += [
        f["vpcConfig"]["subnetIds"]
        for f in stack["lambda/function:Function"].values()
        if "vpcConfig" in f
    ]
    assert len(placed) >= 10
    assert all("-private-" in subnet for subnets in placed for subnet in subnets)
    for service in stack["ecs/service:Service"].values():
        assert service["networkConfiguration"]["assignPublicIp"] is False


@pytest.fixture(scope="module")
def bare() -> Recording:
    """Production without a NAT gateway."""
    return record_program(
        configuration("production")
        | {"otakaro:natGateways": "0", "otakaro:interfaceEndpoints": '["ssm"]'}
    )


def test_without_nat_tasks_alone_move_to_public_subnets(bare: Recording) -> None:
    assert bare["ec2/natGateway:NatGateway"] == bare["ec2/eip:Eip"] == {}
    public = [
        "otakaro-dt-vpc-public-ap-southeast-2a-id",
        "otakaro-dt-vpc-public-ap-southeast-2b-id",
    ]
    for service in bare["ecs/service:Service"].values():
        assert service["networkConfiguration"]["subnets"] == public
        assert service["networkConfiguration"]["assignPublicIp"] is True
    kept = [balancer["subnets"] for balancer in bare["lb/loadBalancer:LoadBalancer"].values()]
    kept += [group["subnetIds"] for group in bare["rds/subnetGroup:SubnetGroup"].values()]
    kept += [group["subnetIds"] for group in bare["elasticache/subnetGroup:SubnetGroup"].values()]
    kept += [[target["subnetId"]] for target in bare["efs/mountTarget:MountTarget"].values()]
    kept += [
        function["vpcConfig"]["subnetIds"]
        for function in bare["lambda/function:Function"].values()
        if "vpcConfig" in function
    ]
    assert len(kept) >= 7
    assert all("-private-" in subnet for subnets in kept for subnet in subnets)


def test_a_public_address_lets_nobody_in_who_was_kept_out(
    bare: Recording, production: Recording
) -> None:
    own = {edge for edge in edges(bare, INGRESS) if edge[1] != ENDPOINTS}
    assert own == set(edges(production, INGRESS))


def test_without_nat_private_subnets_have_no_way_out_but_the_endpoints(bare: Recording) -> None:
    assert [r for r in bare["ec2/route:Route"] if "-private-" in r] == []
    [gateway] = [
        endpoint
        for endpoint in bare["ec2/vpcEndpoint:VpcEndpoint"].values()
        if endpoint["vpcEndpointType"] == "Gateway"
    ]
    assert {*gateway["routeTableIds"]} == {
        f"{name}-id" for name in bare["ec2/routeTable:RouteTable"]
    }
    # PostGIS is created with a password that comes by the endpoint.
    [endpoint] = [r for r in bare.of("ec2/vpcEndpoint:VpcEndpoint") if r.name.endswith("-ssm")]
    [invocation] = bare.of("lambda/invocation:Invocation")
    assert endpoint.urn in invocation.dependencies


def test_no_task_starts_before_its_subnets_have_their_way_out(
    bare: Recording, production: Recording
) -> None:
    for recording, ways in ((production, "-private-"), (bare, "-public")):
        wanted = {route.urn for route in recording.of("ec2/route:Route") if ways in route.name}
        wanted |= {
            association.urn
            for association in recording.of("ec2/routeTableAssociation:RouteTableAssociation")
            if ways in association.name
        }
        assert len(wanted) in (3, 4)
        for service in recording.of("ecs/service:Service"):
            assert wanted <= service.dependencies


def test_refused_connections_are_logged(production: Recording, switched: Recording) -> None:
    [log] = production["ec2/flowLog:FlowLog"].values()
    assert (log["vpcId"], log["trafficType"]) == ("otakaro-dt-vpc-id", "REJECT")
    assert next(iter(switched["ec2/flowLog:FlowLog"].values()))["trafficType"] == "ALL"


def test_the_flow_log_may_write_to_its_own_group_alone(production: Recording) -> None:
    assert trusted(production, "otakaro-dt-vpc-flow") == {
        "Service": ["vpc-flow-logs.amazonaws.com"]
    }
    own, listing = may(production, "otakaro-dt-vpc-flow")
    assert own["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    assert all(resource.rstrip(":*").endswith("-flow") for resource in own["Resource"])
    assert listing["Action"] == ["logs:DescribeLogGroups"]
    [log] = production.of("ec2/flowLog:FlowLog")
    permission = production.one("iam/rolePolicy:RolePolicy", "otakaro-dt-vpc-flow")
    assert permission.urn in log.dependencies


def test_names_resolve_in_the_vpc(stack: Recording) -> None:
    """EFS and Cloud Map names need both."""
    [vpc] = stack["ec2/vpc:Vpc"].values()
    assert vpc["enableDnsSupport"] is True
    assert vpc["enableDnsHostnames"] is True


def test_hosts_whose_names_are_written_down_have_names_of_our_own(production: Recording) -> None:
    instances = production["servicediscovery/instance:Instance"]
    assert {i["instanceId"]: i["attributes"]["AWS_INSTANCE_CNAME"] for i in instances.values()} == {
        "database": "otakaro-dt-pg.rds.example",
        "redis": "otakaro-dt-backend-redis.cache.example",
    }
    services = {
        service["name"]: service["dnsConfig"]
        for service in production["servicediscovery/service:Service"].values()
    }
    kinds = {
        name: (config["routingPolicy"], [record["type"] for record in config["dnsRecords"]])
        for name, config in services.items()
    }
    # Cloud Map takes WEIGHTED only for CNAME.
    assert kinds == {
        "database": ("WEIGHTED", ["CNAME"]),
        "redis": ("WEIGHTED", ["CNAME"]),
        "geoserver": ("MULTIVALUE", ["A"]),
    }
