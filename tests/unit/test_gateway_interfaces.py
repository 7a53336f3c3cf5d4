"""Network interfaces of functions as they are emulated: they outlive their function."""

import asyncio
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from local.gateway import interfaces
from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.clients import Clients
from local.gateway.interfaces import FUNCTIONS, LINGER, Interfaces
from tests.unit.emulated import REGION


class MissingError(Exception):
    """No such function."""


class Cloud:
    """ministack's Lambda and EC2, and the interfaces around them."""

    exceptions = SimpleNamespace(ResourceNotFoundException=MissingError)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.status = 200
        monkeypatch.setattr(interfaces, "_now", lambda: self.now)
        clients: Clients = self  # type: ignore[assignment]
        self.served = Interfaces(self._ministack, clients)

    def __call__(self, _service: str, _region: str) -> "Cloud":
        return self

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        if FunctionName == "none":
            raise MissingError
        place = {"SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]}
        return {"VpcConfig": place} if FunctionName == "inside" else {}

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def _served(self, serve: Any, path: str, body: bytes) -> tuple[int, str]:
        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": path, "headers": []}
        start, content = asyncio.run(gathered(app, scope, body))
        return start["status"], content.decode()

    def delete_function(self, name: str) -> None:
        self._served(self.served.delete_function, f"{FUNCTIONS}{name}", b"")

    def delete(self, action: str, **asked: str) -> tuple[int, str]:
        return self._served(
            self.served.serve_ec2, "/", urlencode({"Action": action, **asked}).encode()
        )


GROUP = {"action": "DeleteSecurityGroup", "GroupId": "sg-1"}
SUBNET = {"action": "DeleteSubnet", "SubnetId": "subnet-1"}


@pytest.mark.parametrize("deletion", [GROUP, SUBNET])
def test_what_a_deleted_function_used_can_be_deleted_only_later(
    monkeypatch: pytest.MonkeyPatch, deletion: dict[str, str]
) -> None:
    cloud = Cloud(monkeypatch)
    cloud.delete_function("inside")
    status, told = cloud.delete(**deletion)
    assert status == 400
    assert "<Code>DependencyViolation</Code>" in told
    cloud.now += LINGER
    assert cloud.delete(**deletion) == (200, "ok")


@pytest.mark.parametrize("name", ["outside", "none"])
def test_a_function_outside_the_vpc_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cloud = Cloud(monkeypatch)
    cloud.delete_function(name)
    assert cloud.delete(**GROUP)[0] == 200


def test_a_function_that_stays_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(monkeypatch)
    cloud.status = 409
    cloud.delete_function("inside")
    cloud.status = 200
    assert cloud.delete(**GROUP)[0] == 200
