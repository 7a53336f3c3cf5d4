"""CloudFront's VPC origins as they are emulated: what they need, and what is refused."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.background import Background
from local.gateway.clients import Clients
from local.gateway.origins import Origins
from tests.unit.emulated import REGION, Later

ARN = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/app/alb/1"
CREATION = f"<CreateVpcOriginRequest><Arn>{ARN}</Arn></CreateVpcOriginRequest>"
ORIGIN, DISTRIBUTION = "/2020-05-31/vpc-origin", "/2020-05-31/distribution"
USE = "<DistributionConfig><VpcOriginId>vo_1</VpcOriginId></DistributionConfig>"


class MissingError(Exception):
    """No such load balancer."""


class CloudFront:
    """ministack's CloudFront, which deploys at once; and CloudFront around it."""

    exceptions = SimpleNamespace(LoadBalancerNotFoundException=MissingError)

    def __init__(self) -> None:
        self.state, self.gateways, self.free = "active", ["igw-1"], 8
        self.used = False
        self.got: list[str] = []
        self.later = Later()
        clients: Clients = self  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.served = Origins(self._ministack, clients, background)

    def __call__(self, _service: str, _region: str) -> "CloudFront":
        return self

    def describe_load_balancers(self, LoadBalancerArns: list[str]) -> dict[str, Any]:  # noqa: N803
        if LoadBalancerArns != [ARN]:
            raise MissingError
        zones = [{"SubnetId": "subnet-1"}]
        found = {"VpcId": "vpc-1", "State": {"Code": self.state}, "AvailabilityZones": zones}
        return {"LoadBalancers": [found]}

    def describe_internet_gateways(self, **_: object) -> dict[str, Any]:
        return {"InternetGateways": self.gateways}

    def describe_subnets(self, **_: object) -> dict[str, Any]:
        return {"Subnets": [{"AvailableIpAddressCount": self.free}]}

    def get_paginator(self, _name: str) -> "CloudFront":
        return self

    def paginate(self) -> list[dict[str, Any]]:
        own = {"Id": "page"}
        origin = {"Id": "alb", "VpcOriginConfig": {"VpcOriginId": "vo_1"}}
        items = [{"Origins": {"Items": [own, origin] if self.used else [own]}}]
        return [{"DistributionList": {"Items": items}}, {"DistributionList": {}}]

    async def _ministack(self, scope: Message, receive: Receive, send: Send) -> None:
        await read(receive)
        self.got.append(f"{scope['method']} {scope['path']}")
        content = b"<VpcOrigin><Id>vo_1</Id><Status>Deployed</Status></VpcOrigin>"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        """The answer's status and text."""
        scope: Message = {"type": "http", "method": method, "path": path, "headers": []}
        start, content = asyncio.run(gathered(self.served.serve, scope, body.encode()))
        return start["status"], content.decode()


def test_an_origin_is_deployed_after_a_while_and_used_only_then() -> None:
    cloudfront = CloudFront()
    assert cloudfront.ask("POST", ORIGIN, CREATION)[0] == 200
    assert "Deploying" in cloudfront.ask("GET", f"{ORIGIN}/vo_1")[1]
    status, said = cloudfront.ask("POST", DISTRIBUTION, USE)
    assert (status, "not deployed yet" in said) == (400, True)
    cloudfront.later.work()
    assert "Deployed" in cloudfront.ask("GET", f"{ORIGIN}/vo_1")[1]
    assert cloudfront.ask("POST", DISTRIBUTION, USE)[0] == 200
    assert cloudfront.ask("PUT", f"{DISTRIBUTION}/E1/config", USE)[0] == 200


@pytest.mark.parametrize(
    ("lack", "told"),
    [
        ({"gateways": []}, "has no internet gateway"),
        ({"state": "provisioning"}, "is not active"),
        ({"free": 0}, "free IPv4 address"),
    ],
)
def test_an_origin_needs_a_gateway_an_active_balancer_and_an_address(
    lack: dict[str, Any], told: str
) -> None:
    cloudfront = CloudFront()
    vars(cloudfront).update(lack)
    status, said = cloudfront.ask("POST", ORIGIN, CREATION)
    assert (status, "InvalidArgument" in said, told in said) == (400, True, True)
    assert cloudfront.got == []


@pytest.mark.parametrize("body", ["", CREATION.replace("app/alb", "app/other")])
def test_ministack_has_words_for_what_is_no_load_balancer(body: str) -> None:
    cloudfront = CloudFront()
    cloudfront.ask("POST", ORIGIN, body)
    assert cloudfront.got == [f"POST {ORIGIN}"]


def test_an_origin_in_use_is_not_updated() -> None:
    cloudfront = CloudFront()
    assert cloudfront.ask("PUT", f"{ORIGIN}/vo_1", "<VpcOriginEndpointConfig/>")[0] == 200
    cloudfront.used = True
    status, said = cloudfront.ask("PUT", f"{ORIGIN}/vo_1", "<VpcOriginEndpointConfig/>")
    assert (status, "CannotUpdateEntityWhileInUse" in said) == (409, True)
    assert cloudfront.ask("PUT", f"{ORIGIN}/vo_2", "<VpcOriginEndpointConfig/>")[0] == 200
