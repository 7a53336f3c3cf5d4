"""Subnets, groups and routes are of one VPC, and enough of them."""

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from local.provider.rules.core import values
from tests.contract.references.core import Faults, check
from tests.contract.references.held import GROUPS, SUBNETS, held
from tests.contract.world import Thing, World


def subnets(world: World, thing: Thing) -> list[Thing]:
    """Where a thing is, directly or by its subnet group."""
    places = [value for path in SUBNETS.split() for _, value in values(thing.inputs, path)]
    for kind, key in (("rds", "dbSubnetGroupName"), ("elasticache", "subnetGroupName")):
        group = world.found(f"{kind}/subnetGroup:SubnetGroup", thing.inputs.get(key), "name")
        places += group.inputs["subnetIds"] if group else []
    subnets = (world.found("ec2/subnet:Subnet", place) for place in places)
    return [subnet for subnet in subnets if subnet]


def _groups(world: World, thing: Thing) -> list[Thing]:
    named = [value for path in GROUPS.split() for _, value in values(thing.inputs, path)]
    groups = (world.found("ec2/securityGroup:SecurityGroup", value) for value in named)
    return [group for group in groups if group]


@check("VPC user guide, Security groups: a group belongs to one VPC, and works in it only")
def subnets_and_groups_are_of_one_vpc(world: World) -> Faults:
    for thing in world.things:
        if not any("subnet" in where.lower() for where, *_ in held(thing)):
            continue
        members = [*subnets(world, thing), *_groups(world, thing)]
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
    yield from twice(
        world,
        "ec2/route:Route",
        lambda route: (route["routeTableId"], *map(route.get, destinations)),
        "leads where another route of its table leads",
    )
    yield from twice(
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


def twice(world: World, type_: str, key: Callable[[dict[str, Any]], Any], told: str) -> Faults:
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
        for subnet in subnets(world, balancer) if not balancer.inputs.get("internal") else ():
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
        yield from twice(world, type_, _whole_rule, "is the same as another rule")


@check("ELB user guide, Subnets for your load balancer; RDS user guide; ElastiCache user guide")
def zones_are_enough_and_apart(world: World) -> Faults:
    for thing in world.of("lb/loadBalancer:LoadBalancer", "rds/subnetGroup:SubnetGroup"):
        zones = [subnet.inputs.get("availabilityZone") for subnet in subnets(world, thing)]
        key = "subnets" if thing.type.startswith("lb/") else "subnetIds"
        if len({*zones}) < 2:
            yield thing, f"{key} must be of two zones at least"
        if len({*zones}) != len(zones) and key == "subnets":
            yield thing, f"{key}: one a zone"
