"""CloudFront's VPC origins: what creating one needs, and that one in use can't be updated.

ministack keeps them, with AWS's own messages, but finishes at once and asks little of the network.
CloudFront developer guide, "Restrict access with VPC origins": the VPC has an internet gateway, the
load balancer is active, and a subnet has a free address for CloudFront's interface; deployment
takes minutes, here a MOMENT, and a distribution takes the origin only afterwards. An origin that a
distribution uses can't be updated, not even by the same configuration, which is what a change of
its tags sends (aws/aws-cdk#34629 and #35765, hashicorp/terraform-provider-aws#40905).
"""

import asyncio
import re
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .background import MOMENT, Background
from .clients import Clients

PATH: Final = "/2020-05-31/"
_ORIGIN: Final = re.compile(r"/2020-05-31/vpc-origin(/(?P<id>[^/]+))?/?")
_DISTRIBUTION: Final = re.compile(r"/2020-05-31/distribution(/[^/]+/config)?/?")
_ID: Final = re.compile(rb"<Id>(vo_[^<]*)</Id>")
_USED: Final = re.compile(rb"<VpcOriginId>([^<]*)</VpcOriginId>")
_BALANCER: Final = re.compile(
    rb"<Arn>(?P<arn>arn:aws:elasticloadbalancing:(?P<region>[^:]+):[^<]*)</Arn>"
)
_IN_USE: Final = (
    "The specified VPC origin is currently associated with one or more distributions. Please"
    " disassociate the VPC origin from all distributions before updating or deleting"
)


class Origins:
    """The calls about VPC origins, and the origins that are being deployed."""

    def __init__(self, app: App, clients: Clients, background: Background) -> None:
        self._app = app
        self._clients = clients
        self._background = background
        self._deploying: set[str] = set()

    async def serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to CloudFront."""
        body, method = await read(receive), scope["method"]
        origin = _ORIGIN.fullmatch(scope["path"])
        refused: tuple[Message, bytes] | None = None
        if origin and method == "POST":
            refused = await asyncio.to_thread(self._unprepared, body)
        elif origin and method == "PUT":
            refused = await asyncio.to_thread(self._used, origin["id"] or "")
        elif method in ("POST", "PUT") and _DISTRIBUTION.fullmatch(scope["path"]):
            refused = self._too_early(body)
        start, content = refused or await gathered(self._app, scope, body)
        if origin and start["status"] < 300:
            if method == "POST" and (made := _ID.search(content)):
                self._deploy(made[1].decode())
            if origin["id"] in self._deploying:
                content = content.replace(b"<Status>Deployed<", b"<Status>Deploying<")
        await pass_on(send, start, content)

    def clear(self) -> None:
        """Forget all origins."""
        self._deploying.clear()

    def _deploy(self, origin: str) -> None:
        self._deploying.add(origin)
        self._background.later(MOMENT, lambda: self._deploying.discard(origin))

    def _unprepared(self, body: bytes) -> tuple[Message, bytes] | None:
        """The refusal of an origin whose load balancer or VPC isn't ready for one."""
        asked = _BALANCER.search(body)
        if asked is None:  # an instance, or no ARN: ministack has words for that
            return None
        arn, region = asked["arn"].decode(), asked["region"].decode()
        elb = self._clients("elbv2", region)
        try:
            (balancer,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
        except elb.exceptions.LoadBalancerNotFoundException:
            return None
        told = "".join(self._missing(balancer, region))
        return _refusal(400, "InvalidArgument", told) if told else None

    def _missing(self, balancer: dict[str, Any], region: str) -> Iterator[str]:
        """What the load balancer's network lacks. The codes and words are ours: no public text
        shows AWS's."""
        ec2, vpc = self._clients("ec2", region), balancer["VpcId"]
        if balancer["State"]["Code"] != "active":
            yield "The load balancer is not active. "
        attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
        if not ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
            yield f"{vpc} has no internet gateway. "
        subnets = [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
        described = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
        if not any(subnet["AvailableIpAddressCount"] for subnet in described):
            yield "No subnet of the load balancer has a free IPv4 address. "

    def _used(self, origin: str) -> tuple[Message, bytes] | None:
        """The refusal to update an origin that a distribution uses."""
        cloudfront = self._clients("cloudfront", "us-east-1")
        for page in cloudfront.get_paginator("list_distributions").paginate():
            for summary in page["DistributionList"].get("Items", []):
                for each in summary["Origins"]["Items"]:
                    if (each.get("VpcOriginConfig") or {}).get("VpcOriginId") == origin:
                        return _refusal(409, "CannotUpdateEntityWhileInUse", _IN_USE)
        return None

    def _too_early(self, body: bytes) -> tuple[Message, bytes] | None:
        """The refusal of a distribution whose origin is being deployed."""
        for origin in _USED.findall(body):
            if origin.decode() in self._deploying:
                told = f"The VPC origin {origin.decode()} is not deployed yet"
                return _refusal(400, "InvalidArgument", told)
        return None


def _refusal(status: int, code: str, message: str) -> tuple[Message, bytes]:
    content = (
        '<?xml version="1.0"?><ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
        f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message.strip())}"
        "</Message></Error><RequestId>gateway</RequestId></ErrorResponse>"
    )
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", b"text/xml")],
    }
    return start, content.encode()
