"""Elastic Load Balancing, whose requests are forms: a target group is one load balancer's.

Another one's listener or rule can't forward to it (ELB API, TargetGroupAssociationLimit; ELB user
guide, "Quotas for your Application Load Balancers": load balancers per target group, 1).
"""

import asyncio
import re
import urllib.parse
from typing import Any, Final
from xml.sax.saxutils import escape

from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .clients import Clients

_FORWARDS: Final = {"CreateListener", "ModifyListener", "CreateRule", "ModifyRule"}
_GROUP: Final = re.compile(r"(Default)?Actions\.member\..*TargetGroupArn")
# The load balancer in an ARN of itself, of its listeners and of their rules.
_BALANCER: Final = re.compile(r":(?:loadbalancer|listener|listener-rule)/((?:app|net)/[^/]+/[^/]+)")


class Balancers:
    """The calls of Elastic Load Balancing."""

    def __init__(self, app: App, clients: Clients) -> None:
        self._app = app
        self._clients = clients

    async def serve(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to Elastic Load Balancing."""
        body = await read(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        taken = ""
        if asked.get("Action") in _FORWARDS:
            taken = await asyncio.to_thread(self._taken, asked, region)
        if taken:
            start, content = _refusal(taken)
        else:
            start, content = await gathered(self._app, scope, body)
        await pass_on(send, start, content)

    def _taken(self, asked: dict[str, str], region: str) -> str:
        """A target group that the request forwards to and another load balancer has."""
        groups = {value for key, value in asked.items() if _GROUP.fullmatch(key)}
        mine = _of(
            "".join(asked.get(f"{each}Arn", "") for each in ("LoadBalancer", "Listener", "Rule"))
        )
        elb = self._clients("elbv2", region)
        for balancer in elb.describe_load_balancers()["LoadBalancers"] if groups else ():
            arn = balancer["LoadBalancerArn"]
            for group in self._groups(elb, arn) if _of(arn) != mine else ():
                if group in groups:
                    return group
        return ""

    @staticmethod
    def _groups(elb: Any, balancer: str) -> list[str]:
        """The target groups that a load balancer forwards to."""
        actions = []
        for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
            rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            actions += [
                *listener["DefaultActions"],
                *(a for rule in rules for a in rule["Actions"]),
            ]
        return [action["TargetGroupArn"] for action in actions if action.get("TargetGroupArn")]


def _of(arn: str) -> str:
    found = _BALANCER.search(arn)
    return found[1] if found else ""


def _refusal(group: str) -> tuple[Message, bytes]:
    message = (
        "The following target groups cannot be associated with more than one load balancer:"
        f" {group}"
    )
    content = (
        '<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error>'
        "<Type>Sender</Type><Code>TargetGroupAssociationLimit</Code>"
        f"<Message>{escape(message)}</Message></Error><RequestId>gateway</RequestId>"
        "</ErrorResponse>"
    )
    start: Message = {
        "type": "http.response.start",
        "status": 400,
        "headers": [(b"content-type", b"text/xml")],
    }
    return start, content.encode()
