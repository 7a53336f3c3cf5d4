"""Elastic Load Balancing as it is emulated: a target group is one load balancer's."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest

from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.balancers import Balancers
from local.gateway.clients import Clients
from tests.unit.emulated import REGION

PLACE = f"arn:aws:elasticloadbalancing:{REGION}:123456789012"
OLD, NEW = f"{PLACE}:loadbalancer/app/alb/1", f"{PLACE}:loadbalancer/app/alb/2"
TAKEN, FREE = f"{PLACE}:targetgroup/taken/1", f"{PLACE}:targetgroup/free/1"


class Elb:
    """ministack's load balancers, of which the old one forwards to TAKEN."""

    def __init__(self) -> None:
        clients: Clients = self  # type: ignore[assignment]
        self.served = Balancers(self._ministack, clients)

    def __call__(self, _service: str, _region: str) -> "Elb":
        return self

    def describe_load_balancers(self) -> dict[str, Any]:
        return {"LoadBalancers": [{"LoadBalancerArn": arn} for arn in (OLD, NEW)]}

    def describe_listeners(self, LoadBalancerArn: str) -> dict[str, Any]:  # noqa: N803
        arn = LoadBalancerArn.replace(":loadbalancer/", ":listener/") + "/1"
        return {"Listeners": [{"ListenerArn": arn, "DefaultActions": [{"Type": "fixed-response"}]}]}

    def describe_rules(self, ListenerArn: str) -> dict[str, Any]:  # noqa: N803
        forward = {"Type": "forward", "TargetGroupArn": TAKEN}
        return {"Rules": [{"Actions": [forward]}] if "/alb/1/" in ListenerArn else []}

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<CreateRuleResponse/>"})

    def ask(self, **form: str) -> tuple[int, str]:
        """The answer's status and text."""

        async def serve(scope: Message, receive: Receive, send: Send) -> None:
            await self.served.serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        start, content = asyncio.run(gathered(serve, scope, urlencode(form).encode()))
        return start["status"], content.decode()


def listener(balancer: str) -> str:
    return balancer.replace(":loadbalancer/", ":listener/") + "/1"


@pytest.mark.parametrize(
    "form",
    [
        {
            "Action": "CreateRule",
            "ListenerArn": listener(NEW),
            "Actions.member.1.TargetGroupArn": TAKEN,
        },
        {
            "Action": "CreateRule",
            "ListenerArn": listener(NEW),
            "Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn": TAKEN,
        },
        {
            "Action": "CreateListener",
            "LoadBalancerArn": NEW,
            "DefaultActions.member.1.TargetGroupArn": TAKEN,
        },
        {
            "Action": "ModifyRule",
            "RuleArn": listener(NEW).replace(":listener/", ":listener-rule/") + "/1",
            "Actions.member.1.TargetGroupArn": TAKEN,
        },
    ],
)
def test_another_load_balancers_target_group_is_refused(form: dict[str, str]) -> None:
    status, said = Elb().ask(**form)
    assert (status, "TargetGroupAssociationLimit" in said, TAKEN in said) == (400, True, True)


def test_its_own_and_free_ones_are_taken() -> None:
    elb, key = Elb(), "Actions.member.1.TargetGroupArn"
    for balancer, group in ((OLD, TAKEN), (NEW, FREE)):
        form = {"Action": "CreateRule", "ListenerArn": listener(balancer), key: group}
        assert elb.ask(**form) == (200, "<CreateRuleResponse/>")
    assert elb.ask(Action="DescribeLoadBalancers")[0] == 200
