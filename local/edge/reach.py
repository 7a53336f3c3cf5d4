"""Connections to load balancers, as their schemes and security groups allow them."""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.account import Account

# The managed prefix list of CloudFront's addresses, and the start of the name of the security group
# that CloudFront makes with a VPC origin (CloudFront developer guide, "Restrict access with VPC
# origins", Security Group Configuration): either may stand in a rule.
PREFIX_LIST: Final = "com.amazonaws.global.cloudfront.origin-facing"
SERVICE_GROUP: Final = "CloudFront-VPCOrigins-Service-SG"
INTERNET: Final = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An inbound rule of a security group."""

    protocol: str
    first: int
    last: int
    source: str  # a range of addresses, or the id of a security group or prefix list

    def admits(self, port: int, sources: Collection[str]) -> bool:
        """Whether it lets one of `sources` (ids, or addresses) connect to `port`."""
        if self.protocol not in ("tcp", "-1"):
            return False
        if self.protocol == "tcp" and not self.first <= port <= self.last:
            return False
        return any(self.source == each or _within(each, self.source) for each in sources)


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A load balancer as the network sees it."""

    name: str
    arn: str
    domain: str
    internal: bool  # its name leads to private addresses
    rules: tuple[Rule, ...]
    cloudfront: frozenset[str]  # ids by which rules of this account name CloudFront

    def admits(self, port: int, *sources: str) -> bool:
        """Whether something with these ids and addresses can connect to `port`."""
        return any(rule.admits(port, sources) for rule in self.rules)

    def reached_from_internet(self, port: int) -> bool:
        """Whether any address of the Internet can connect, CloudFront's own aside."""
        return not self.internal and self.admits(port, INTERNET)

    def reached_by_public_origin(self, port: int) -> bool:
        """Whether a distribution, whoever's, can connect by the load balancer's name."""
        return not self.internal and self.admits(port, INTERNET, *self.cloudfront)

    def reached_by_vpc_origin(self, port: int) -> bool:
        """Whether this account's VPC origins can connect."""
        return self.admits(port, *self.cloudfront)


def load_balancers(account: Account) -> list[LoadBalancer]:
    """The account's load balancers."""
    described = account.client("elbv2").describe_load_balancers()["LoadBalancers"]
    if not described:
        return []
    ec2 = account.client("ec2")
    named = [{"Name": "prefix-list-name", "Values": [PREFIX_LIST]}]
    lists = ec2.describe_managed_prefix_lists(Filters=named)["PrefixLists"]
    groups = {each["GroupId"]: each for each in ec2.describe_security_groups()["SecurityGroups"]}
    cloudfront = {each["PrefixListId"] for each in lists} | {
        id_ for id_, group in groups.items() if group["GroupName"].startswith(SERVICE_GROUP)
    }
    return [
        LoadBalancer(
            name=each["LoadBalancerName"],
            arn=each["LoadBalancerArn"],
            domain=each["DNSName"].lower(),
            internal=each["Scheme"] == "internal",
            rules=tuple(
                rule
                for id_ in each.get("SecurityGroups", [])
                for permission in groups[id_]["IpPermissions"]
                for rule in _rules(permission)
            ),
            cloudfront=frozenset(cloudfront),
        )
        for each in described
    ]


def _rules(permission: Mapping[str, Any]) -> list[Rule]:
    kinds = {
        "IpRanges": "CidrIp",
        "PrefixListIds": "PrefixListId",
        "UserIdGroupPairs": "GroupId",
    }
    return [
        Rule(
            protocol=permission["IpProtocol"],
            first=permission.get("FromPort", 0),
            last=permission.get("ToPort", 65535),
            source=each[key],
        )
        for kind, key in kinds.items()
        for each in permission.get(kind, [])
    ]


def _within(address: str, block: str) -> bool:
    try:
        inner, outer = ipaddress.ip_network(address), ipaddress.ip_network(block)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
