"""The network: zones, subnets and what may stand in them, ways out, and who may talk to whom."""

from collections.abc import Iterator
from dataclasses import dataclass

from local.picture.deployed import deployed, holders
from local.picture.model import Part, rows
from local.picture.places import DATA, ENTRANCE, PRIVATE, PUBLIC
from local.record import Recording, Resource

INTERNET, CLOUDFRONT, ENDPOINTS = "internet", "CloudFront", "endpoints"


@dataclass(frozen=True)
class Item:
    """Something that stands in a subnet, or at the edge of the network."""

    label: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A zone's addresses of one sort."""

    zone: str
    cidr: str
    out: str  # the way to everywhere else
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the network's picture says."""

    cidr: str
    doors: tuple[Item, ...]
    subnets: tuple[Subnet, ...]
    traffic: tuple[tuple[str, str, str], ...]  # client, server, ports; in the order of the story
    order: tuple[str, ...]  # of clients and servers

    def text(self) -> str:
        """One line a door, subnet and permission."""
        return rows(
            {
                "doors": [[self.cidr, door.label] for door in self.doors],
                "subnets": [
                    [s.zone, s.cidr, s.out, *(item.label for item in s.items)] for s in self.subnets
                ],
                "traffic": [list(permission) for permission in self.traffic],
            }
        )


def network(recording: Recording) -> Network:
    """The network of a recorded program."""
    [vpc] = recording.of("ec2/vpc:Vpc")
    inside = [p for p in deployed(recording).parts if p.group in (PUBLIC, ENTRANCE, PRIVATE, DATA)]
    subnets = [_subnet(recording, subnet, inside) for subnet in recording.of("ec2/subnet:Subnet")]
    order = [CLOUDFRONT, *(part.name for part in inside), ENDPOINTS, INTERNET]
    return Network(
        cidr=vpc.inputs["cidrBlock"],
        doors=tuple(_doors(recording)),
        # Those with a way in from outside first, each kind by zone.
        subnets=tuple(sorted(subnets, key=lambda s: (s.out != "internet gateway", s.zone))),
        traffic=tuple(
            sorted(_traffic(recording, inside), key=lambda t: [*map(order.index, t[:2])])
        ),
        order=tuple(order),
    )


def _subnet(recording: Recording, subnet: Resource, inside: list[Part]) -> Subnet:
    standing = {name for name, subnets in _places(recording) if subnet.id in subnets}
    items = [Item(part.name, part.icon) for part in inside if part.key in standing]
    items += [
        Item("NAT gateway", "network/nat-gateway")
        for gateway in recording["ec2/natGateway:NatGateway"].values()
        if gateway["subnetId"] == subnet.id
    ]
    return Subnet(
        zone=subnet.inputs["availabilityZone"],
        cidr=subnet.inputs["cidrBlock"],
        out=_way_out(recording, subnet),
        items=tuple(items),
    )


def _places(recording: Recording) -> Iterator[tuple[str, list[str]]]:
    """Names of resources, and the subnets that they stand in."""
    groups: dict[str, list[str]] = {}
    for kind in ("rds/subnetGroup:SubnetGroup", "elasticache/subnetGroup:SubnetGroup"):
        groups |= {name: inputs["subnetIds"] for name, inputs in recording[kind].items()}
    for resource in recording.resources:
        inputs = resource.inputs
        within = {**inputs, **inputs.get("networkConfiguration", {}), **inputs.get("vpcConfig", {})}
        for key in ("subnets", "subnetIds"):
            yield resource.name, within.get(key, [])
        if resource.type.endswith("efs/mountTarget:MountTarget"):
            yield inputs["fileSystemId"].removesuffix("-id"), [inputs["subnetId"]]
        for key in ("dbSubnetGroupName", "subnetGroupName"):
            yield resource.name, groups.get(inputs.get(key, ""), [])


def _way_out(recording: Recording, subnet: Resource) -> str:
    """Where a subnet's route table sends what has no other way."""
    tables = {
        association["routeTableId"]
        for association in recording["ec2/routeTableAssociation:RouteTableAssociation"].values()
        if association["subnetId"] == subnet.id
    }
    for route in recording["ec2/route:Route"].values():
        if route["routeTableId"] in tables and route["destinationCidrBlock"] == "0.0.0.0/0":
            if "natGatewayId" not in route:
                return "internet gateway"
            gateway = next(
                nat
                for nat in recording.of("ec2/natGateway:NatGateway")
                if nat.id == route["natGatewayId"]
            )
            where = next(
                other
                for other in recording.of("ec2/subnet:Subnet")
                if other.id == gateway.inputs["subnetId"]
            )
            return f"NAT gateway in {where.inputs['availabilityZone'][-1]}"
    return "no way out"


def _doors(recording: Recording) -> Iterator[Item]:
    for _ in recording.of("ec2/internetGateway:InternetGateway"):
        yield Item("internet gateway", "network/internet-gateway")
    endpoints = recording.of("ec2/vpcEndpoint:VpcEndpoint")
    for endpoint in sorted(endpoints, key=lambda endpoint: endpoint.name):
        service = endpoint.inputs["serviceName"].split(".", 3)[3]
        yield Item(f"endpoint {service}", "network/endpoint")
    for log in recording.of("ec2/flowLog:FlowLog"):
        yield Item(f"flow log {log.inputs['trafficType']}", "network/vpc-flow-logs")


def _traffic(recording: Recording, inside: list[Part]) -> Iterator[tuple[str, str, str]]:
    """The table of permissions: client, server and ports."""
    word = {part.key: part.name for part in inside}
    names: dict[str, list[str]] = {}
    for group, keys in holders(recording).items():
        names[group] = sorted(word[key] for key in keys if key in word) or [ENDPOINTS]
    ports: dict[tuple[str, str], set[int]] = {}
    for rule in recording["vpc/securityGroupIngressRule:SecurityGroupIngressRule"].values():
        clients = [CLOUDFRONT] if "prefixListId" in rule else []
        clients = names.get(rule.get("referencedSecurityGroupId", ""), clients)
        for client in clients:
            for server in names.get(rule["securityGroupId"], []):
                ports.setdefault((client, server), set()).add(rule["fromPort"])
    for rule in recording["vpc/securityGroupEgressRule:SecurityGroupEgressRule"].values():
        if rule.get("cidrIpv4") == "0.0.0.0/0":
            for client in names.get(rule["securityGroupId"], []):
                ports.setdefault((client, INTERNET), set()).add(rule["fromPort"])
    for (client, server), allowed in ports.items():
        yield client, server, ", ".join(str(port) for port in sorted(allowed, reverse=True))
