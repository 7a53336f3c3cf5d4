"""Who can connect to a load balancer, by its scheme and its security groups' rules."""

from typing import Any

import pytest

from local.account import Account
from local.edge.deployment import Distribution
from local.edge.message import Headers, Request
from local.edge.origins import Origins, Unreachable
from local.edge.reach import PREFIX_LIST, LoadBalancer, load_balancers
from tests.edge.world import distribution, origin

HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
FROM_LIST = {**HTTPS, "PrefixListIds": [{"PrefixListId": "pl-1"}]}
FROM_SERVICE = {**HTTPS, "UserIdGroupPairs": [{"GroupId": "sg-service"}]}
FROM_ALL = {**HTTPS, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
FROM_VPC = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}


class Aws:
    """Elastic Load Balancing and EC2, of one load balancer."""

    def __init__(self, scheme: str, *permissions: dict[str, Any]) -> None:
        self._scheme = scheme
        self._permissions = list(permissions)

    def describe_load_balancers(self) -> dict[str, Any]:
        found = {
            "LoadBalancerName": "alb",
            "LoadBalancerArn": "arn:alb",
            "DNSName": "ALB.example.test",
            "Scheme": self._scheme,
            "SecurityGroups": ["sg-alb"],
        }
        return {"LoadBalancers": [found]}

    def describe_managed_prefix_lists(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert Filters == [{"Name": "prefix-list-name", "Values": [PREFIX_LIST]}]
        return {"PrefixLists": [{"PrefixListId": "pl-1"}]}

    def describe_security_groups(self) -> dict[str, Any]:
        return {
            "SecurityGroups": [
                {"GroupId": "sg-alb", "GroupName": "a", "IpPermissions": self._permissions},
                {
                    "GroupId": "sg-service",
                    "GroupName": "CloudFront-VPCOrigins-Service-SG",
                    "IpPermissions": [],
                },
            ]
        }


def balancer(scheme: str, *permissions: dict[str, Any]) -> LoadBalancer:
    class Stub(Account):
        def client(self, service: str, region: str = "") -> Any:  # noqa: ARG002
            return Aws(scheme, *permissions)

    [found] = load_balancers(Stub("http://127.0.0.1:1"))
    return found


@pytest.mark.parametrize(
    ("scheme", "permissions", "internet", "public_origin", "vpc_origin"),
    [
        ("internal", [FROM_LIST], False, False, True),
        ("internal", [FROM_SERVICE], False, False, True),
        ("internal", [FROM_ALL], False, False, False),
        ("internal", [], False, False, False),
        ("internet-facing", [FROM_LIST], False, True, True),
        ("internet-facing", [FROM_ALL], True, True, False),
        ("internet-facing", [], False, False, False),
    ],
)
def test_scheme_and_rules_decide_who_connects(
    scheme: str,
    permissions: list[dict[str, Any]],
    internet: bool,
    public_origin: bool,
    vpc_origin: bool,
) -> None:
    found = balancer(scheme, *permissions)
    assert found.reached_from_internet(443) is internet
    assert found.reached_by_public_origin(443) is public_origin
    assert found.reached_by_vpc_origin(443) is vpc_origin
    assert not found.reached_by_vpc_origin(80)


def test_a_range_of_addresses_admits_what_lies_within() -> None:
    found = balancer("internal", FROM_VPC)
    assert found.admits(80, "10.0.32.0/19")
    assert not found.admits(80, "10.1.0.0/19")
    assert not found.admits(80, "sg-task")


def ask(found: LoadBalancer | None, **changes: Any) -> int:
    """The status of an origin that can't be asked."""
    origins = Origins(Account("http://127.0.0.1:1"), lambda: [found] if found else [])
    asked = Request(method="GET", uri="/", headers=Headers([("Host", "map.example.test")]))
    there: Distribution = distribution()
    with pytest.raises(Unreachable) as unreachable:
        origins.ask(origin(**changes), asked, there)
    return unreachable.value.status


def test_an_internal_load_balancer_is_asked_by_a_vpc_origin_alone() -> None:
    assert ask(balancer("internal", FROM_LIST)) == 504
    assert ask(balancer("internal", FROM_ALL), balancer="arn:alb") == 504
    assert ask(balancer("internal", FROM_LIST), balancer="arn:another") == 502
    assert ask(None) == 502
