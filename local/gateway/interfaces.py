"""Network interfaces of Lambda functions in the VPC, which outlive their function.

Lambda deletes the interface of a deleted function after 20 to 45 minutes. Until then its security
group and its subnets have a dependent object, and EC2 rejects their deletion (the official
provider waits for that: ec2/vpc_network_interface.go, deleteLingeringLambdaENI, "P99 deletion time
of ~35 minutes"; Lambda developer guide, "Giving Lambda functions access to resources in an Amazon
VPC"). Here it takes LINGER.
"""

import asyncio
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .clients import Clients

FUNCTIONS: Final = "/2015-03-31/functions/"
LINGER: Final = 1.0  # s
_DELETIONS: Final = {"DeleteSecurityGroup": "GroupId", "DeleteSubnet": "SubnetId"}


class Interfaces:
    """The security groups and subnets that still have an interface of a deleted function."""

    def __init__(self, app: App, clients: Clients) -> None:
        self._app = app
        self._clients = clients
        self._until: dict[tuple[str, str], float] = {}  # region and id -> when it is free

    async def delete_function(
        self, region: str, scope: Message, receive: Receive, send: Send
    ) -> None:
        """Serve the deletion of a function, whose interfaces stay."""
        name = urllib.parse.unquote(scope["path"].removeprefix(FUNCTIONS))
        held = await asyncio.to_thread(self._used_by, region, name)
        start, content = await gathered(self._app, scope, await read(receive))
        if start["status"] < 300:
            self._until |= dict.fromkeys(((region, id_) for id_ in held), _now() + LINGER)
        await pass_on(send, start, content)

    async def serve_ec2(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to EC2."""
        body = await read(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        id_ = asked.get(_DELETIONS.get(asked.get("Action", ""), ""), "")
        if self._until.get((region, id_), 0) > _now():
            start, content = _violation(id_)
        else:
            start, content = await gathered(self._app, scope, body)
        await pass_on(send, start, content)

    def clear(self) -> None:
        """Discard all state."""
        self._until.clear()

    def _used_by(self, region: str, name: str) -> list[str]:
        """The security groups and subnets of a function."""
        functions = self._clients("lambda", region)
        try:
            found = functions.get_function_configuration(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            return []
        place: Mapping[str, Any] = found.get("VpcConfig") or {}
        return [*place.get("SecurityGroupIds", []), *place.get("SubnetIds", [])]


def _now() -> float:
    return time.monotonic()


def _violation(id_: str) -> tuple[Message, bytes]:
    content = (
        "<Response><Errors><Error><Code>DependencyViolation</Code>"
        f"<Message>resource {id_} has a dependent object</Message>"
        "</Error></Errors><RequestID>gateway</RequestID></Response>"
    )
    start: Message = {
        "type": "http.response.start",
        "status": 400,
        "headers": [(b"content-type", b"text/xml")],
    }
    return start, content.encode()
