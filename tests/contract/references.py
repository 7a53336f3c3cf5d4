"""What must hold between resources: references lead to something of the right kind, region and
VPC, in time; what belongs together is together."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary

from local.provider.rules.core import values
from tests.contract.world import FOUND_ZONE, PREFIX_LIST, Thing, World

Faults = Iterator[tuple[Thing, str]]
Check = Callable[[World], Faults]

CHECKS: dict[str, tuple[Check, str]] = {}  # name -> check and its source


def check(source: str) -> Callable[[Check], Check]:
    def keep(function: Check) -> Check:
        CHECKS[function.__name__] = (function, source)
        return function

    return keep


def broken(world: World) -> list[str]:
    """All that is wrong between the resources of a world, each in one line with its source."""
    found = (
        f"{thing}: {told} ({source})"
        for function, source in CHECKS.values()
        for thing, told in function(world)
    )
    return [*dict.fromkeys(found)]


# ---- references by the inputs that hold them


@dataclass(frozen=True)
class Reference:
    """Inputs at `paths` of `owners` ('' for all types) hold the output `key` of `targets`."""

    paths: str
    targets: str
    key: str = "id"
    owners: str = ""
    outside: tuple[str, ...] = ()  # values of what exists without the program


_SUBNETS = """
    subnetId subnetIds[] subnets[] networkConfiguration.subnets[] vpcConfig.subnetIds[]
    """
_GROUPS = """
    securityGroups[] securityGroupIds[] vpcSecurityGroupIds[] securityGroupId
    referencedSecurityGroupId networkConfiguration.securityGroups[] vpcConfig.securityGroupIds[]
    """
_EDGE = ["defaultCacheBehavior", "orderedCacheBehaviors"]
# CloudFront developer guide, "Managed policies".
_MANAGED_CACHES = (
    *("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
    *("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "83da9c7e-98b4-4e11-a168-04f0df8e2c65"),
)
_MANAGED_REQUESTS = (
    *("216adef6-5c7f-47e4-b989-5492eafa07d3", "b689b0a8-53d0-40ab-baf2-68738e2966ac"),
    *("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "59781a5b-3903-41f3-afcb-af62929ccde1"),
)

# A row reads best in one place.
# fmt: off
REFERENCES = (
    Reference("vpcId", "ec2/vpc:Vpc"),
    Reference("vpc", "ec2/vpc:Vpc", owners="servicediscovery/"),
    Reference(_SUBNETS, "ec2/subnet:Subnet"),
    Reference(_GROUPS, "ec2/securityGroup:SecurityGroup"),
    Reference("routeTableId routeTableIds[]", "ec2/routeTable:RouteTable"),
    Reference("gatewayId", "ec2/internetGateway:InternetGateway", owners="ec2/route:"),
    Reference("natGatewayId", "ec2/natGateway:NatGateway"),
    Reference("allocationId", "ec2/eip:Eip"),
    Reference("prefixListId", "", outside=(PREFIX_LIST,)),
    Reference("loadBalancerArn", "lb/loadBalancer:LoadBalancer", "arn"),
    Reference("listenerArn", "lb/listener:Listener", "arn"),
    Reference("actions.targetGroupArn defaultActions.targetGroupArn loadBalancers.targetGroupArn",
        "lb/targetGroup:TargetGroup", "arn"),
    Reference("certificateArn viewerCertificate.acmCertificateArn",
        "acm/certificate:Certificate", "arn"),
    Reference("zoneId", "route53/zone:Zone", "zoneId", "route53/record:", (FOUND_ZONE,)),
    Reference("cluster", "ecs/cluster:Cluster", "arn"),
    Reference("clusterName", "ecs/cluster:Cluster", "name"),
    Reference("taskDefinition", "ecs/taskDefinition:TaskDefinition", "arn"),
    Reference("serviceRegistries.registryArn", "servicediscovery/service:Service", "arn"),
    Reference("serviceId", "servicediscovery/service:Service"),
    Reference("dnsConfig.namespaceId", "servicediscovery/privateDnsNamespace:PrivateDnsNamespace"),
    Reference("repository", "ecr/repository:Repository", "name"),
    Reference("executionRoleArn taskRoleArn iamRoleArn monitoringRoleArn", "iam/role:Role", "arn"),
    Reference("role", "iam/role:Role", "arn", "lambda/"),
    Reference("role", "iam/role:Role", owners="iam/"),
    Reference("fileSystemId volumes.efsVolumeConfiguration.fileSystemId",
        "efs/fileSystem:FileSystem"),
    Reference("volumes.efsVolumeConfiguration.authorizationConfig.accessPointId",
        "efs/accessPoint:AccessPoint"),
    Reference("dbSubnetGroupName", "rds/subnetGroup:SubnetGroup", "name"),
    Reference("parameterGroupName", "rds/parameterGroup:ParameterGroup", "name", "rds/"),
    Reference("subnetGroupName", "elasticache/subnetGroup:SubnetGroup", "name"),
    Reference("parameterGroupName", "elasticache/parameterGroup:ParameterGroup", "name",
        "elasticache/"),
    Reference("bucket accessLogs.bucket", "s3/bucket:Bucket"),
    Reference("functionName", "lambda/function:Function", "name"),
    Reference("eventSourceArn", "sqs/queue:Queue", "arn"),
    Reference("queueUrl", "sqs/queue:Queue", "url"),
    Reference("topic okActions[] notifications.subscriberSnsTopicArns[]",
        "sns/topic:Topic", "arn"),
    Reference("alarmActions[]", "sns/topic:Topic appautoscaling/policy:Policy", "arn"),
    Reference("function", "lambda/function:Function", "name", "lambda/permission:"),
    Reference("sourceArn", "cloudwatch/eventRule:EventRule", "arn", "lambda/permission:"),
    Reference("arn", "sns/topic:Topic", "arn", "sns/topicPolicy:"),
    Reference("rule", "cloudwatch/eventRule:EventRule", "name", "cloudwatch/"),
    Reference("arn", "sqs/queue:Queue lambda/function:Function sns/topic:Topic", "arn",
        "cloudwatch/eventTarget:"),
    Reference("logDestination logDestinationConfigs[]", "cloudwatch/logGroup:LogGroup", "arn"),
    Reference("deliverySourceName", "cloudwatch/logDeliverySource:LogDeliverySource", "name"),
    Reference("deliveryDestinationArn",
        "cloudwatch/logDeliveryDestination:LogDeliveryDestination", "arn"),
    Reference("resourceArn", "cloudfront/distribution:Distribution", "arn",
        "cloudwatch/logDeliverySource:"),
    Reference("resourceArn", "wafv2/webAcl:WebAcl", "arn", "wafv2/"),
    Reference("webAclId", "wafv2/webAcl:WebAcl", "arn", outside=("",)),
    Reference("origins.originAccessControlId",
        "cloudfront/originAccessControl:OriginAccessControl", outside=("",)),
    *(reference for key in _EDGE for reference in (
        Reference(f"{key}.cachePolicyId", "cloudfront/cachePolicy:CachePolicy",
            outside=_MANAGED_CACHES),
        Reference(f"{key}.originRequestPolicyId",
            "cloudfront/originRequestPolicy:OriginRequestPolicy", outside=_MANAGED_REQUESTS),
        Reference(f"{key}.responseHeadersPolicyId",
            "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"),
        Reference(f"{key}.lambdaFunctionAssociations.lambdaArn", "lambda/function:Function",
            "qualifiedArn"))),
)
# fmt: on
_GLOBAL = ("cloudfront/", "iam/", "route53/", "s3/")  # of no region, or used from any


def found(world: World) -> list[tuple[Thing, str, str, Reference, Thing | None]]:
    """Every reference: its owner, its place, its value and what it leads to."""
    if world not in _FOUND:
        _FOUND[world] = [
            (thing, where, value, reference, target)
            for thing in world.things
            for where, value, reference in _held(thing)
            for target in [_target(world, reference, value)]
            if target is not thing  # its own name
        ]
    return _FOUND[world]


# Things are many and stay the same from one world to another.
_FOUND: WeakKeyDictionary[World, list[tuple[Thing, str, str, Reference, Thing | None]]] = (
    WeakKeyDictionary()
)
_HELD: WeakKeyDictionary[Thing, list[tuple[str, str, Reference]]] = WeakKeyDictionary()


def _held(thing: Thing) -> list[tuple[str, str, Reference]]:
    if thing not in _HELD:
        _HELD[thing] = [
            (where, value, reference)
            for reference in REFERENCES
            if thing.type.startswith(reference.owners)
            for path in reference.paths.split()
            for where, value in values(thing.inputs, path)
            if isinstance(value, str) and value not in reference.outside
        ]
    return _HELD[thing]


def _target(world: World, reference: Reference, value: str) -> Thing | None:
    found = (world.found(type_, value, reference.key) for type_ in reference.targets.split())
    return next(filter(None, found), None)


@check("the API of the type: the input names an object that exists")
def references_lead_to_the_right_kind(world: World) -> Faults:
    for thing, where, _, reference, target in found(world):
        if target is None:
            kinds = " or ".join(name.split(":")[-1] for name in reference.targets.split())
            yield thing, f"{where} must be the {reference.key} of a {kinds or 'known list'}"


@check("AWS General Reference: regional objects see those of their region")
def references_stay_in_their_region(world: World) -> Faults:
    for thing, where, _, _, target in found(world):
        if target is None or thing.type.startswith(_GLOBAL) or target.type.startswith(_GLOBAL):
            continue
        if thing.region != target.region:
            yield thing, f"{where} is in {target.region}, not in {thing.region}"


@check("Pulumi: what is named must exist before it is used")
def references_are_waited_for(world: World) -> Faults:
    for thing, where, _, _, target in found(world):
        if target and not world.waits(thing, target):
            yield thing, f"{where} is written down, so that it does not wait for {target}"


@check("IAM and the APIs: ids and ARNs in policies, variables and patterns exist, too")
def every_id_and_arn_exists(world: World) -> Faults:
    ids = {thing.id for thing in world.things}
    arns = {text for thing in world.things for text in _arns_of(thing)}
    for thing in world.things:
        for text in thing.mentions:
            if text not in ids and not (text.startswith("arn:") and _known_arn(text, arns, world)):
                yield thing, f"{text} is nothing of this program"


def _arns_of(thing: Thing) -> Iterator[str]:
    for key in ("arn", "qualifiedArn", "id"):
        value = thing.outputs.get(key)
        if isinstance(value, str) and value.startswith("arn:"):
            yield value


def _known_arn(arn: str, arns: set[str], world: World) -> bool:
    if arn in arns or re.fullmatch(r"arn:aws:(iam::(aws|\d{12}):(root|policy/.*)|sts:.*)", arn):
        return True
    if any(arn.startswith((f"{known}:", f"{known}/")) for known in arns):
        return True  # a part of it
    account = world.context.account
    part = arn.partition(f":{account}:")[2]
    clusters = {cluster.outputs["name"] for cluster in world.of("ecs/cluster:Cluster")}
    services = {service.outputs["name"] for service in world.of("ecs/service:Service")}
    if inner := re.fullmatch(r"task/([^/]+)/\*", part):
        return inner[1] in clusters
    if inner := re.fullmatch(r"service-revision/([^/]+)/([^/]+)/\*", part):
        return inner[1] in clusters and inner[2] in services
    if part == "network-interface/*":  # AWS makes and names them
        return True
    if inner := re.fullmatch(r"log-group:([^:]+):\*", part):
        return inner[1] in _edge_groups(world)
    if inner := re.fullmatch(r"(delivery-source|delivery-destination|log-group):.*", part):
        return any(fnmatchcase(known, arn) for known in arns)
    return "*" in arn and any(fnmatchcase(known, arn) for known in arns)


def _edge_groups(world: World) -> Iterator[str]:
    """Where functions at the edge log, in the regions of their visitors."""
    for function in world.of("lambda/function:Function"):
        yield f"/aws/lambda/us-east-1.{function.outputs['name']}"
        yield function.inputs.get("loggingConfig", {}).get("logGroup", "")


# ---- network


def _subnets(world: World, thing: Thing) -> list[Thing]:
    """Where a thing is, directly or by its subnet group."""
    places = [value for path in _SUBNETS.split() for _, value in values(thing.inputs, path)]
    for kind, key in (("rds", "dbSubnetGroupName"), ("elasticache", "subnetGroupName")):
        group = world.found(f"{kind}/subnetGroup:SubnetGroup", thing.inputs.get(key), "name")
        places += group.inputs["subnetIds"] if group else []
    subnets = (world.found("ec2/subnet:Subnet", place) for place in places)
    return [subnet for subnet in subnets if subnet]


def _groups(world: World, thing: Thing) -> list[Thing]:
    named = [value for path in _GROUPS.split() for _, value in values(thing.inputs, path)]
    groups = (world.found("ec2/securityGroup:SecurityGroup", value) for value in named)
    return [group for group in groups if group]


@check("VPC user guide, Security groups: a group belongs to one VPC, and works in it only")
def subnets_and_groups_are_of_one_vpc(world: World) -> Faults:
    for thing in world.things:
        if not any("subnet" in where.lower() for where, *_ in _held(thing)):
            continue
        members = [*_subnets(world, thing), *_groups(world, thing)]
        homes = {member.inputs.get("vpcId") for member in members}
        if len(homes) > 1:
            yield thing, "subnets and security groups are of different VPCs"


@check("VPC user guide, Subnet CIDR blocks")
def subnets_are_parts_of_their_vpc(world: World) -> Faults:
    for subnet in world.of("ec2/subnet:Subnet"):
        vpc = world.found("ec2/vpc:Vpc", subnet.inputs["vpcId"])
        block = IPv4Network(subnet.inputs["cidrBlock"])
        if vpc and not block.subnet_of(IPv4Network(vpc.inputs["cidrBlock"])):
            yield subnet, f"cidrBlock is outside that of {vpc}"
    for one, other in combinations(world.of("ec2/subnet:Subnet"), 2):
        same = one.inputs["vpcId"] == other.inputs["vpcId"]
        blocks = [IPv4Network(subnet.inputs["cidrBlock"]) for subnet in (one, other)]
        if same and blocks[0].overlaps(blocks[1]):
            yield one, f"cidrBlock overlaps that of {other}"


@check("VPC user guide, Route tables")
def routes_and_associations_are_unique(world: World) -> Faults:
    destinations = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
    yield from _twice(
        world,
        "ec2/route:Route",
        lambda route: (route["routeTableId"], *map(route.get, destinations)),
        "leads where another route of its table leads",
    )
    yield from _twice(
        world,
        "ec2/routeTableAssociation:RouteTableAssociation",
        lambda association: association.get("subnetId"),
        "subnetId has another route table",
    )
    for route in world.of("ec2/route:Route"):
        table = world.found("ec2/routeTable:RouteTable", route.inputs["routeTableId"])
        vpc = table and world.found("ec2/vpc:Vpc", table.inputs["vpcId"])
        if vpc and route.inputs.get("destinationCidrBlock") == vpc.inputs["cidrBlock"]:
            yield route, "destinationCidrBlock is the VPC's own, whose route is there already"
    for association in world.of("ec2/routeTableAssociation:RouteTableAssociation"):
        subnet = world.found("ec2/subnet:Subnet", association.inputs.get("subnetId"))
        table = world.found("ec2/routeTable:RouteTable", association.inputs["routeTableId"])
        if subnet and table and subnet.inputs["vpcId"] != table.inputs["vpcId"]:
            yield association, "routeTableId is of another VPC"


def _twice(world: World, type_: str, key: Callable[[dict[str, Any]], Any], told: str) -> Faults:
    seen: dict[Any, Thing] = {}
    for thing in world.of(type_):
        value = key(thing.inputs)
        if value in seen:
            yield thing, f"{told} ({seen[value].name})"
        seen[value] = thing


def _public(world: World, subnet: Thing) -> bool:
    """Whether its route table leads to an internet gateway."""
    tables = {
        association.inputs["routeTableId"]
        for association in world.of("ec2/routeTableAssociation:RouteTableAssociation")
        if association.inputs.get("subnetId") == subnet.id
    }
    routes = [r.inputs for r in world.of("ec2/route:Route") if r.inputs["routeTableId"] in tables]
    return any("gatewayId" in r and r.get("destinationCidrBlock") == "0.0.0.0/0" for r in routes)


@check("VPC user guide, NAT gateways; ELB user guide, Internet-facing load balancers")
def what_faces_the_internet_is_in_public_subnets(world: World) -> Faults:
    for nat in world.of("ec2/natGateway:NatGateway"):
        subnet = world.found("ec2/subnet:Subnet", nat.inputs["subnetId"])
        if subnet and not _public(world, subnet):
            yield nat, "subnetId has no route to an internet gateway"
    for balancer in world.of("lb/loadBalancer:LoadBalancer"):
        for subnet in _subnets(world, balancer) if not balancer.inputs.get("internal") else ():
            if not _public(world, subnet):
                yield balancer, f"subnets: {subnet} has no route to an internet gateway"


_RULES = {
    direction: f"vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    for direction in ("Ingress", "Egress")
}
_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
_WEIGHT = 55  # of CloudFront's prefix list (VPC user guide, "AWS-managed prefix lists")


def _whole_rule(rule: dict[str, Any]) -> Any:
    keys = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *_SOURCES)
    return tuple(map(rule.get, keys))


@check("VPC user guide, Amazon VPC quotas: 60 rules a group and direction")
def security_groups_hold_their_rules(world: World) -> Faults:
    for type_ in _RULES.values():
        weights: Counter[str] = Counter()
        for rule in world.of(type_):
            weight = _WEIGHT if "prefixListId" in rule.inputs else 1
            weights[rule.inputs["securityGroupId"]] += weight
            if weights[rule.inputs["securityGroupId"]] > 60:
                yield rule, "securityGroupId has more than 60 rules"
        yield from _twice(world, type_, _whole_rule, "is the same as another rule")


@check("ELB user guide, Subnets for your load balancer; RDS user guide; ElastiCache user guide")
def zones_are_enough_and_apart(world: World) -> Faults:
    for thing in world.of("lb/loadBalancer:LoadBalancer", "rds/subnetGroup:SubnetGroup"):
        zones = [subnet.inputs.get("availabilityZone") for subnet in _subnets(world, thing)]
        key = "subnets" if thing.type.startswith("lb/") else "subnetIds"
        if len({*zones}) < 2:
            yield thing, f"{key} must be of two zones at least"
        if len({*zones}) != len(zones) and key == "subnets":
            yield thing, f"{key}: one a zone"


# ---- load balancer


@check("ELB API, CreateRule and CreateListener")
def priorities_and_ports_are_unique(world: World) -> Faults:
    yield from _twice(
        world,
        "lb/listenerRule:ListenerRule",
        lambda rule: (rule["listenerArn"], rule["priority"]),
        "priority is another rule's",
    )
    yield from _twice(
        world,
        "lb/listener:Listener",
        lambda listener: (listener["loadBalancerArn"], listener["port"]),
        "port is another listener's",
    )


@check("ACM user guide, DNS validation: only an issued certificate can be used")
def certificates_are_issued_before_they_are_used(world: World) -> Faults:
    proofs = {
        proof.inputs["certificateArn"]: proof
        for proof in world.of("acm/certificateValidation:CertificateValidation")
    }
    for thing, where, value, reference, _ in found(world):
        if "acm/certificate" not in reference.targets or thing.type.startswith("acm/"):
            continue
        if value not in proofs or not world.waits(thing, proofs[value]):
            yield thing, f"{where} is not waited for to be issued"


@check("ELB user guide: a load balancer and its targets are in one VPC")
def target_groups_are_in_the_vpc_of_their_load_balancer(world: World) -> Faults:
    for rule in world.of("lb/listenerRule:ListenerRule"):
        listener = world.found("lb/listener:Listener", rule.inputs["listenerArn"], "arn")
        balancer = listener and world.found(
            "lb/loadBalancer:LoadBalancer", listener.inputs["loadBalancerArn"], "arn"
        )
        homes = {s.inputs["vpcId"] for s in _subnets(world, balancer)} if balancer else set()
        for _, arn in values(rule.inputs, "actions.targetGroupArn"):
            group = world.found("lb/targetGroup:TargetGroup", arn, "arn")
            if group and homes and group.inputs.get("vpcId") not in homes:
                yield rule, f"actions.targetGroupArn: {group} is of another VPC"


# ---- what runs


def _containers(definition: Thing) -> list[dict[str, Any]]:
    text = definition.inputs["containerDefinitions"]
    found: list[dict[str, Any]] = json.loads(text) if isinstance(text, str) else text
    return found


def _definition(world: World, service: Thing) -> Thing | None:
    arn = service.inputs["taskDefinition"]
    return world.found("ecs/taskDefinition:TaskDefinition", arn, "arn")


@check("ECS API, LoadBalancer: a container and a port of the task, a target group in use")
def services_are_where_their_load_balancer_looks(world: World) -> Faults:
    for service in world.of("ecs/service:Service"):
        definition = _definition(world, service)
        ports = {
            (container["name"], port["containerPort"])
            for container in (_containers(definition) if definition else [])
            for port in container.get("portMappings", [])
        }
        for entry in service.inputs.get("loadBalancers", []):
            if definition and (entry["containerName"], entry["containerPort"]) not in ports:
                yield service, "loadBalancers: containerName has no such containerPort"
            group = world.found("lb/targetGroup:TargetGroup", entry["targetGroupArn"], "arn")
            if group is None:
                continue
            if group.inputs.get("targetType", "instance") != "ip":
                yield service, f"loadBalancers: targetType of {group} must be ip on Fargate"
            rules = [r for r in world.of("lb/listenerRule:ListenerRule") if _leads(r, group.arn)]
            if not any(world.waits(service, rule) for rule in rules):
                yield service, f"loadBalancers: no listener leads to {group} before the service"


def _leads(rule: Thing, arn: str) -> bool:
    return arn in json.dumps(rule.inputs.get("actions", []))


_TRUSTED = {
    ("ecs/taskDefinition:TaskDefinition", "executionRoleArn"): "ecs-tasks",
    ("ecs/taskDefinition:TaskDefinition", "taskRoleArn"): "ecs-tasks",
    ("lambda/function:Function", "role"): "lambda",
    ("ec2/flowLog:FlowLog", "iamRoleArn"): "vpc-flow-logs",
    ("rds/instance:Instance", "monitoringRoleArn"): "monitoring.rds",
}


def _trusts(role: Thing | None, service: str) -> bool:
    return role is None or f'"{service}.amazonaws.com"' in str(role.inputs["assumeRolePolicy"])


@check("IAM user guide, Roles for AWS services: the role trusts the service that takes it")
def roles_trust_who_takes_them(world: World) -> Faults:
    for (type_, key), service in _TRUSTED.items():
        for thing in world.of(type_):
            role = world.found("iam/role:Role", thing.inputs.get(key), "arn")
            if not _trusts(role, service):
                yield thing, f"{key}: {role} does not trust {service}.amazonaws.com"


def _may(world: World, role_arn: Any, action: str, resource: str) -> bool:
    """Whether a policy of the role names the action for the resource; conditions are not judged."""
    role = world.found("iam/role:Role", role_arn, "arn")
    if role is None:
        return False
    for policy in world.of("iam/rolePolicy:RolePolicy"):
        if policy.inputs["role"] not in (role.id, role.outputs.get("name")):
            continue
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions, resources = statement.get("Action", []), statement.get("Resource", [])
            actions = actions if isinstance(actions, list) else [actions]
            resources = resources if isinstance(resources, list) else [resources]
            if (
                statement["Effect"] == "Allow"
                and any(fnmatchcase(action, allowed) for allowed in actions)
                and any(fnmatchcase(resource, allowed) for allowed in resources)
            ):
                return True
    return False


@check("ECS developer guide, Task execution role: it reads secrets and images and writes logs")
def execution_roles_may_what_the_agent_does(world: World) -> Faults:
    for definition in world.of("ecs/taskDefinition:TaskDefinition"):
        role = definition.inputs.get("executionRoleArn")
        for container in _containers(definition):
            for secret in container.get("secrets", []):
                parameter = world.found("ssm/parameter:Parameter", secret["valueFrom"], "arn")
                if parameter is None:
                    yield definition, f"secrets: {secret['name']} is no parameter of the program"
                elif not _may(world, role, "ssm:GetParameters", parameter.arn):
                    yield definition, f"executionRoleArn may not read {secret['name']}"
                elif not world.waits(definition, parameter):
                    yield definition, f"secrets: {secret['name']} is not waited for"
            url = container["image"].partition("@")[0].rpartition(":")[0]
            repository = world.found("ecr/repository:Repository", url, "repositoryUrl")
            if ".dkr.ecr." in url and repository is None:
                yield definition, "image is in no repository of the program"
            elif repository and not _may(world, role, "ecr:BatchGetImage", repository.arn):
                yield definition, f"executionRoleArn may not pull from {repository}"
            yield from _logs(world, definition, container, role)


def _logs(world: World, definition: Thing, container: dict[str, Any], role: Any) -> Faults:
    options = container.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group")
    group = world.found("cloudwatch/logGroup:LogGroup", name)
    if name and (group is None or group.region != options.get("awslogs-region")):
        yield definition, "logConfiguration: awslogs-group is no group of that region"
    elif group and not _may(world, role, "logs:PutLogEvents", f"{group.arn}:log-stream:x"):
        yield definition, f"executionRoleArn may not write to {group}"


@check("EFS user guide, Mounting from ECS: an access point of the disk, a target in each zone")
def disks_can_be_mounted_where_tasks_run(world: World) -> Faults:
    targets = {
        (target.inputs["fileSystemId"], subnet.inputs.get("availabilityZone"))
        for target in world.of("efs/mountTarget:MountTarget")
        for subnet in _subnets(world, target)
    }
    yield from _twice_in_a_zone(world)
    for service in world.of("ecs/service:Service"):
        definition = _definition(world, service)
        volumes = definition.inputs.get("volumes", []) if definition else []
        for volume in volumes:
            efs = volume.get("efsVolumeConfiguration", {})
            for subnet in _subnets(world, service):
                zone = subnet.inputs.get("availabilityZone")
                if efs and (efs["fileSystemId"], zone) not in targets:
                    yield service, f"networkConfiguration: no mount target in {zone}"
            access = efs.get("authorizationConfig", {}).get("accessPointId")
            point = world.found("efs/accessPoint:AccessPoint", access)
            if point and point.inputs["fileSystemId"] != efs["fileSystemId"]:
                yield definition or service, f"volumes: {point} is of another file system"
            for target in world.of("efs/mountTarget:MountTarget"):
                mine = target.inputs["fileSystemId"] == efs.get("fileSystemId")
                if mine and not world.waits(service, target):
                    yield service, f"starts before {target} can be mounted"
            role = definition and definition.inputs.get("taskRoleArn")
            disk = world.found("efs/fileSystem:FileSystem", efs.get("fileSystemId"))
            iam = efs.get("authorizationConfig", {}).get("iam") == "ENABLED"
            if disk and iam and not _may(world, role, "elasticfilesystem:ClientMount", disk.arn):
                yield definition or service, f"taskRoleArn may not mount {disk}"


def _twice_in_a_zone(world: World) -> Faults:
    seen: set[tuple[str, Any]] = set()
    for target in world.of("efs/mountTarget:MountTarget"):
        for subnet in _subnets(world, target):
            place = (target.inputs["fileSystemId"], subnet.inputs.get("availabilityZone"))
            if place in seen:
                yield target, "subnetId: its zone has a mount target already"
            seen.add(place)


@check("ECS developer guide, Service auto scaling")
def scaling_is_of_services_that_exist(world: World) -> Faults:
    services = {
        f"service/{service.inputs['cluster'].rpartition('/')[2]}/{service.outputs['name']}"
        for service in world.of("ecs/service:Service")
    }
    for thing in world.of("appautoscaling/target:Target", "appautoscaling/policy:Policy"):
        if thing.inputs["resourceId"] not in services:
            yield thing, "resourceId is no service of the program"


@check("Application Auto Scaling API, PredefinedMetricSpecification: ResourceLabel")
def requests_are_counted_where_the_service_answers(world: World) -> Faults:
    """The label is the end of the load balancer's ARN and that of the service's target group."""
    [balancer] = world.of("lb/loadBalancer:LoadBalancer")
    labels = {
        f"service/{service.inputs['cluster'].rpartition('/')[2]}/{service.outputs['name']}": (
            f"{balancer.outputs['arnSuffix']}/{group.outputs['arnSuffix']}"
        )
        for service in world.of("ecs/service:Service")
        for entry in service.inputs.get("loadBalancers", [])
        for group in world.of("lb/targetGroup:TargetGroup")
        if group.arn == entry["targetGroupArn"]
    }
    for policy in world.of("appautoscaling/policy:Policy"):
        tracking = policy.inputs.get("targetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("predefinedMetricSpecification", {})
        if metric.get("predefinedMetricType") != "ALBRequestCountPerTarget":
            continue
        if metric.get("resourceLabel") != labels.get(policy.inputs["resourceId"]):
            yield policy, "resourceLabel is not that of the service's target group"


@check("ECS API, CapacityProviderStrategyItem: one that the cluster has")
def services_use_the_providers_of_their_cluster(world: World) -> Faults:
    had = {
        each.inputs["clusterName"]: each.inputs["capacityProviders"]
        for each in world.of("ecs/clusterCapacityProviders:ClusterCapacityProviders")
    }
    for service in world.of("ecs/service:Service"):
        cluster = service.inputs["cluster"].rpartition("/")[2]
        for _, name in values(service.inputs, "capacityProviderStrategies.capacityProvider"):
            if name is not None and name not in had.get(cluster, []):
                yield service, f"capacityProviderStrategies: {cluster} has no {name}"


@check("Cloud Map and ECS: a registry of A records for tasks in awsvpc")
def registries_take_addresses(world: World) -> Faults:
    for service in world.of("ecs/service:Service"):
        for _, arn in values(service.inputs, "serviceRegistries.registryArn"):
            registry = world.found("servicediscovery/service:Service", arn, "arn")
            kinds = registry and [r["type"] for r in registry.inputs["dnsConfig"]["dnsRecords"]]
            if kinds and kinds != ["A"]:
                yield service, f"serviceRegistries: {registry} has records of {kinds}"


# ---- functions, queues, events


@check("Lambda developer guide, Using Lambda with Amazon SQS")
def functions_can_take_from_their_queues(world: World) -> Faults:
    for mapping in world.of("lambda/eventSourceMapping:EventSourceMapping"):
        queue = world.found("sqs/queue:Queue", mapping.inputs["eventSourceArn"], "arn")
        function = world.found("lambda/function:Function", mapping.inputs["functionName"], "name")
        if queue is None or function is None:
            continue
        hidden = queue.inputs.get("visibilityTimeoutSeconds", 30)
        if hidden < function.inputs.get("timeout", 3):
            yield mapping, f"visibilityTimeoutSeconds of {queue} is below the function's timeout"
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            if not _may(world, function.inputs["role"], f"sqs:{action}", queue.arn):
                yield mapping, f"role of {function} may not sqs:{action}"


@check("Lambda developer guide, Giving functions access to resources in a VPC")
def functions_in_a_vpc_may_make_interfaces(world: World) -> Faults:
    actions = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
    for function in world.of("lambda/function:Function"):
        role = function.inputs["role"]
        if "vpcConfig" in function.inputs and world.found("iam/role:Role", role, "arn"):
            made = f"arn:aws:ec2:{function.region}:{world.context.account}:network-interface/eni-1"
            for action in actions:
                # Describing has no resource level.
                where = "*" if action.startswith("Describe") else made
                if not _may(world, role, f"ec2:{action}", where):
                    yield function, f"role may not ec2:{action}"


@check("SQS developer guide, Dead-letter queues: of the same kind, account and region")
def dead_letters_go_to_a_queue_of_the_same_kind(world: World) -> Faults:
    for queue in world.of("sqs/queue:Queue"):
        policy = queue.inputs.get("redrivePolicy")
        told = json.loads(policy) if isinstance(policy, str) else policy
        if not told:
            continue
        dead = world.found("sqs/queue:Queue", told["deadLetterTargetArn"], "arn")
        if dead is None:
            yield queue, "redrivePolicy: deadLetterTargetArn is no queue of the program"
        elif bool(dead.inputs.get("fifoQueue")) != bool(queue.inputs.get("fifoQueue")):
            yield queue, f"redrivePolicy: {dead} is of the other kind"


@check("EventBridge user guide, Targets: five a rule, and each lets the rule in")
def rules_reach_their_targets(world: World) -> Faults:
    count: Counter[str] = Counter()
    for target in world.of("cloudwatch/eventTarget:EventTarget"):
        count[target.inputs["rule"]] += 1
        if count[target.inputs["rule"]] > 5:
            yield target, "rule has five targets already"
        rule = world.found("cloudwatch/eventRule:EventRule", target.inputs["rule"], "name")
        queue = world.found("sqs/queue:Queue", target.inputs["arn"], "arn")
        if rule and queue and not _admits(world, queue, rule):
            yield target, f"arn: {queue} does not admit {rule}"
        function = world.found("lambda/function:Function", target.inputs["arn"], "arn")
        if rule and function and not _invokable(world, function, rule):
            yield target, f"arn: {function} does not admit {rule}"


def _invokable(world: World, function: Thing, rule: Thing) -> bool:
    return any(
        permission.inputs["function"] == function.outputs["name"]
        and permission.inputs["action"] == "lambda:InvokeFunction"
        and permission.inputs["principal"] == "events.amazonaws.com"
        and permission.inputs.get("sourceArn") in (None, rule.arn)
        for permission in world.of("lambda/permission:Permission")
    )


def _admits(world: World, queue: Thing, rule: Thing) -> bool:
    for policy in world.of("sqs/queuePolicy:QueuePolicy"):
        if policy.inputs["queueUrl"] == queue.outputs.get("url"):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                text = json.dumps(statement)
                if statement["Effect"] == "Allow" and "events.amazonaws.com" in text:
                    return "Condition" not in statement or rule.arn in text
    return False


@check("CloudWatch: a metric of an object that doesn't exist never arrives")
def alarms_watch_what_exists(world: World) -> Faults:
    known: Mapping[str, tuple[str, str]] = {
        "DBInstanceIdentifier": ("rds/instance:Instance", "identifier"),
        "CacheClusterId": ("elasticache/replicationGroup:ReplicationGroup", "id"),
        "CertificateArn": ("acm/certificate:Certificate", "arn"),
        "NatGatewayId": ("ec2/natGateway:NatGateway", "id"),
        "QueueName": ("sqs/queue:Queue", "name"),
        "TargetGroup": ("lb/targetGroup:TargetGroup", "arnSuffix"),
        "LoadBalancer": ("lb/loadBalancer:LoadBalancer", "arnSuffix"),
        "ClusterName": ("ecs/cluster:Cluster", "name"),
        "ServiceName": ("ecs/service:Service", "name"),
        "FileSystemId": ("efs/fileSystem:FileSystem", "id"),
        "FunctionName": ("lambda/function:Function", "name"),
        "DistributionId": ("cloudfront/distribution:Distribution", "id"),
        "WebACL": ("wafv2/webAcl:WebAcl", "name"),
    }
    for alarm in world.of("cloudwatch/metricAlarm:MetricAlarm"):
        queries = alarm.inputs.get("metricQueries") or []
        watched = [alarm.inputs, *(query["metric"] for query in queries if "metric" in query)]
        for one in watched:
            for name, value in (one.get("dimensions") or {}).items():
                told = _edge_name(one, value) if name == "FunctionName" else value
                if name == "CacheClusterId":  # the group's nodes are numbered
                    told = str(value)[: -len("-001")]
                if name in known and world.found(known[name][0], told, known[name][1]) is None:
                    yield alarm, f"dimensions.{name} is nothing of this program"


def _edge_name(metric: Mapping[str, Any], function: str) -> str:
    """A function at the edge has its home before its name, wherever it runs."""
    return function.removeprefix("us-east-1.") if metric["namespace"] == "AWS/Lambda" else function


# ---- data


@check("RDS user guide, Parameter groups; ElastiCache user guide, Parameter groups")
def parameter_families_are_the_engines(world: World) -> Faults:
    for instance in world.of("rds/instance:Instance"):
        key = instance.inputs.get("parameterGroupName")
        group = world.found("rds/parameterGroup:ParameterGroup", key, "name")
        major = str(instance.inputs["engineVersion"]).split(".")[0]
        family = f"{instance.inputs['engine']}{major}"
        if group and group.inputs["family"] != family:
            yield instance, f"parameterGroupName: family must be {family}"
    for cache in world.of("elasticache/replicationGroup:ReplicationGroup"):
        key = cache.inputs.get("parameterGroupName")
        group = world.found("elasticache/parameterGroup:ParameterGroup", key, "name")
        version = str(cache.inputs.get("engineVersion", "7.1"))
        major = "6.x" if version.startswith("6.") else version.split(".")[0]
        family = f"{cache.inputs.get('engine', 'redis')}{major}"
        if group and group.inputs["family"] != family:
            yield cache, f"parameterGroupName: family must be {family}"


# ---- edge


@check("CloudFront developer guide, Requirements for using SSL/TLS certificates")
def certificates_cover_the_names_they_are_used_for(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        arn = distribution.inputs.get("viewerCertificate", {}).get("acmCertificateArn")
        certificate = world.found("acm/certificate:Certificate", arn, "arn")
        for alias in distribution.inputs.get("aliases", []) if certificate else ():
            if certificate and not _covers(certificate, alias):
                yield distribution, f"aliases: {alias} is no name of {certificate}"
    aliases = Counter(
        alias
        for distribution in world.of("cloudfront/distribution:Distribution")
        for alias in distribution.inputs.get("aliases", [])
    )
    for distribution in world.of("cloudfront/distribution:Distribution"):
        for alias in distribution.inputs.get("aliases", []):
            if aliases[alias] > 1:
                yield distribution, f"aliases: {alias} is another distribution's, too"


def _covers(certificate: Thing, host: str) -> bool:
    inputs = certificate.inputs
    names = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
    return host in names or f"*.{host.partition('.')[2]}" in names


@check("CloudFront developer guide, Using HTTPS with a custom origin: 502 for another name")
def origins_have_the_name_that_is_asked_for(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        balancers = {
            origin["originId"]: world.found(
                "lb/loadBalancer:LoadBalancer", origin["domainName"], "dnsName"
            )
            for origin in distribution.inputs["origins"]
        }
        for where, behaviour in _behaviours(distribution):
            balancer = balancers.get(behaviour["targetOriginId"])
            # Only with the viewer's host does the load balancer's certificate fit.
            if balancer and not _forwards_host(world, behaviour.get("originRequestPolicyId")):
                yield distribution, f"{where}: an ALB by HTTPS needs the viewer's Host"
            for alias in distribution.inputs.get("aliases", []) if balancer else ():
                if balancer and not _serves(world, balancer, alias):
                    yield distribution, f"aliases: {balancer} has no certificate for {alias}"


def _behaviours(distribution: Thing) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in _EDGE:
        found = distribution.inputs.get(key) or []
        for behaviour in found if isinstance(found, list) else [found]:
            yield key, behaviour


def _forwards_host(world: World, policy_id: Any) -> bool:
    policy = world.found("cloudfront/originRequestPolicy:OriginRequestPolicy", policy_id)
    if policy is None:
        return bool(policy_id == "216adef6-5c7f-47e4-b989-5492eafa07d3")  # AllViewer
    return "allViewer" in json.dumps(policy.inputs) or '"Host"' in json.dumps(policy.inputs)


def _serves(world: World, balancer: Thing, host: str) -> bool:
    for listener in world.of("lb/listener:Listener"):
        if listener.inputs["loadBalancerArn"] == balancer.arn:
            arn = listener.inputs.get("certificateArn")
            certificate = world.found("acm/certificate:Certificate", arn, "arn")
            if certificate and _covers(certificate, host):
                return True
    return False


@check("CloudFront developer guide, Restrictions on Lambda@Edge")
def functions_at_the_edge_keep_its_limits(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        for where, behaviour in _behaviours(distribution):
            for entry in behaviour.get("lambdaFunctionAssociations", []):
                arn = entry["lambdaArn"]
                function = world.found("lambda/function:Function", arn, "qualifiedArn")
                if function is None:
                    continue
                for told in _edge_faults(world, function, entry["eventType"]):
                    yield function, f"{told} at the edge ({where})"


def _edge_faults(world: World, function: Thing, event: str) -> Iterator[str]:
    inputs, viewer = function.inputs, event.startswith("viewer")
    if function.region != "us-east-1":
        yield "region must be us-east-1"
    if not inputs.get("publish"):
        yield "publish must make numbered versions"
    for key in ("environment", "vpcConfig", "layers", "deadLetterConfig", "kmsKeyArn", "imageUri"):
        if inputs.get(key):
            yield f"{key} is not possible"
    if "arm64" in inputs.get("architectures", []):
        yield "architectures must be x86_64"
    if inputs.get("tracingConfig", {}).get("mode") == "Active":
        yield "tracingConfig is not possible"
    if inputs.get("ephemeralStorage", {}).get("size", 512) != 512:
        yield "ephemeralStorage is not possible"
    if "reservedConcurrentExecutions" in inputs and inputs["reservedConcurrentExecutions"] == 0:
        yield "reservedConcurrentExecutions must not be zero"
    if not str(inputs.get("runtime", "")).startswith(("python", "nodejs")):
        yield "runtime must be Python or Node.js"
    if inputs.get("timeout", 3) > (5 if viewer else 30):
        yield f"timeout must be {5 if viewer else 30} seconds at most"
    if viewer and inputs.get("memorySize", 128) > 128:
        yield "memorySize must be 128 MB"
    role = world.found("iam/role:Role", inputs["role"], "arn")
    if not _trusts(role, "edgelambda"):
        yield "role must trust edgelambda.amazonaws.com"


@check("CloudFront API, Logging: a bucket whose ownership allows ACLs")
def log_buckets_of_the_old_kind_have_acls(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        host = distribution.inputs.get("loggingConfig", {}).get("bucket")
        for bucket in world.of("s3/bucket:Bucket") if host else ():
            if host not in (bucket.outputs.get(k) for k in ("bucketDomainName",
                "bucketRegionalDomainName")):  # fmt: skip
                continue
            for control in world.of("s3/bucketOwnershipControls:BucketOwnershipControls"):
                rule = control.inputs.get("rule", {})
                enforced = rule.get("objectOwnership") == "BucketOwnerEnforced"
                if control.inputs["bucket"] == bucket.id and enforced:
                    yield distribution, f"loggingConfig: {bucket} takes no ACLs"


@check("Route 53 API, ChangeResourceRecordSets: in the zone, once, a CNAME alone")
def records_are_in_their_zone_once(world: World) -> Faults:
    kinds: dict[tuple[str, str], list[str]] = {}
    for record in world.of("route53/record:Record"):
        zone = world.found("route53/zone:Zone", record.inputs["zoneId"], "zoneId")
        domain = str(zone.inputs["name"] if zone else world.zone_name).rstrip(".")
        name = str(record.inputs["name"]).rstrip(".")
        if name != domain and not name.endswith(f".{domain}"):
            yield record, f"name is outside the zone {domain}"
        if record.inputs["type"] == "CNAME" and name == domain:
            yield record, "type CNAME is not possible at the zone's own name"
        others = kinds.setdefault((record.inputs["zoneId"], name), [])
        alone = "CNAME" in (*others, record.inputs["type"])
        if record.inputs["type"] in others or (others and alone):
            yield record, "name has such a record already"
        others.append(record.inputs["type"])
        for alias in record.inputs.get("aliases", []):
            target = _alias_target(world, alias["name"])
            if target is None:
                yield record, "aliases.name is nothing of this program"
            elif alias["zoneId"] != target:
                yield record, "aliases.zoneId is not the target's"


def _alias_target(world: World, name: str) -> str | None:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        if distribution.outputs.get("domainName") == name:
            return "Z2FDTNDATAQYW2"
    balancer = world.found("lb/loadBalancer:LoadBalancer", name, "dnsName")
    return str(balancer.outputs["zoneId"]) if balancer else None


# ---- names and quotas


@check("the API of the type: a name is an object's of its kind only")
def names_are_unique(world: World) -> Faults:
    keys = ("name", "identifier", "replicationGroupId", "bucket", "family")
    seen: dict[tuple[str, ...], Thing] = {}
    for thing in world.things:
        folder = thing.type.partition("/")[0]
        if thing.type.startswith(("route53/", "s3/bucket")) and thing.type != "s3/bucket:Bucket":
            continue
        if thing.type in ("iam/rolePolicy:RolePolicy", "ec2/defaultSecurityGroup:"):
            folder = str(thing.inputs.get("role"))
        for key in keys:
            if key in thing.inputs:
                place = "" if thing.type.startswith(_GLOBAL) else thing.region
                scope = str(thing.inputs.get("dnsConfig", {}).get("namespaceId", ""))
                slot = (thing.type, folder, place, scope, key, str(thing.inputs[key]))
                if slot in seen:
                    yield thing, f"{key} is another's ({seen[slot].name})"
                seen[slot] = thing


@check("IAM user guide, IAM and STS quotas, of a role as a whole")
def roles_keep_their_quotas(world: World) -> Faults:
    attached: Counter[str] = Counter()
    for attachment in world.of("iam/rolePolicyAttachment:RolePolicyAttachment"):
        attached[attachment.inputs["role"]] += 1
        if attached[attachment.inputs["role"]] > 10:
            yield attachment, "role has ten managed policies already"
    sizes: Counter[str] = Counter()
    for policy in world.of("iam/rolePolicy:RolePolicy"):
        sizes[policy.inputs["role"]] += len(re.sub(r"\s", "", str(policy.inputs["policy"])))
        if sizes[policy.inputs["role"]] > 10240:
            yield policy, "policy: the role's inline policies may have 10240 characters together"


@check("S3, SQS, SNS and EFS: a policy of a resource speaks of that resource only")
def policies_speak_of_their_own_resource(world: World) -> Faults:
    kinds = {
        "s3/bucketPolicy:BucketPolicy": ("s3/bucket:Bucket", "bucket", "id"),
        "sqs/queuePolicy:QueuePolicy": ("sqs/queue:Queue", "queueUrl", "url"),
        "sns/topicPolicy:TopicPolicy": ("sns/topic:Topic", "arn", "arn"),
        "efs/fileSystemPolicy:FileSystemPolicy": (
            "efs/fileSystem:FileSystem",
            "fileSystemId",
            "id",
        ),
    }
    for type_, (owner, path, key) in kinds.items():
        for policy in world.of(type_):
            target = world.found(owner, policy.inputs[path], key)
            for statement in json.loads(policy.inputs["policy"])["Statement"] if target else ():
                named = statement.get("Resource", [])
                for resource in named if isinstance(named, list) else [named]:
                    if target and not resource.startswith(target.arn):
                        yield policy, f"policy: {resource} is not {target}"
