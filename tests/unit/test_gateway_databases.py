"""RDS as it is emulated: what a status allows, and that stopping and starting take a moment."""

import asyncio
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode

import pytest

from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.background import Background
from local.gateway.clients import Clients
from local.gateway.databases import Databases
from tests.unit.emulated import REGION, Later

NAME = "otakaro-postgres"


class MissingError(Exception):
    """No such instance."""


class Rds:
    """ministack's RDS, of one instance, which does at once what it is asked; and RDS around it."""

    exceptions = SimpleNamespace(DBInstanceNotFoundFault=MissingError)

    def __init__(self) -> None:
        self.status = "available"
        self.got: list[str] = []
        self.later = Later()
        clients: Clients = self  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.served = Databases(self._ministack, clients, background)

    def __call__(self, _service: str, _region: str) -> "Rds":
        return self

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, object]:  # noqa: N803
        if DBInstanceIdentifier != NAME:
            raise MissingError
        return {"DBInstances": [{"DBInstanceStatus": self.status}]}

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        action = dict(parse_qsl((await read(receive)).decode()))["Action"]
        self.got.append(action)
        becomes = {"StopDBInstance": "stopped", "StartDBInstance": "available"}
        self.status = becomes.get(action, self.status)
        content = "".join(
            f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><Engine>x</Engine>"
            f"<DBInstanceStatus>{status}</DBInstanceStatus></DBInstance>"
            for name, status in {"another": "backing-up", NAME: self.status, "last": "x"}.items()
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content.encode()})

    def ask(self, action: str, name: str = NAME) -> tuple[int, str]:
        """The answer's status and text."""
        form = urlencode({"Action": action, "DBInstanceIdentifier": name}).encode()

        async def serve(scope: Message, receive: Receive, send: Send) -> None:
            await self.served.serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        start, content = asyncio.run(gathered(serve, scope, form))
        return start["status"], content.decode()

    def shown(self) -> list[str]:
        """The statuses that RDS tells."""
        told = self.ask("DescribeDBInstances")[1]
        return re.findall("<DBInstanceStatus>([^<]*)", told)


def test_a_database_stops_and_starts_and_takes_its_time() -> None:
    rds = Rds()
    assert "<DBInstanceStatus>stopping" in rds.ask("StopDBInstance")[1]
    assert rds.shown() == ["backing-up", "stopping", "x"]
    rds.later.work()
    assert rds.shown() == ["backing-up", "stopped", "x"]
    assert "<DBInstanceStatus>starting" in rds.ask("StartDBInstance")[1]
    assert rds.shown() == ["backing-up", "starting", "x"]
    rds.later.work()
    assert rds.shown() == ["backing-up", "available", "x"]


ALLOWED = {
    "StopDBInstance": {"available"},
    "StartDBInstance": {"stopped"},
    "RebootDBInstance": {"available"},
    "ModifyDBInstance": {"available"},
}


@pytest.mark.parametrize("action", ALLOWED)
@pytest.mark.parametrize("status", ["available", "stopping", "stopped", "starting"])
def test_a_status_allows_what_it_does_on_aws(action: str, status: str) -> None:
    rds = Rds()
    if status != "available":
        rds.ask("StopDBInstance")
    if status in {"stopped", "starting"}:
        rds.later.work()
    if status == "starting":
        rds.ask("StartDBInstance")
    before = len(rds.got)
    answered, told = rds.ask(action)
    assert (answered == 200) is (status in ALLOWED[action])
    assert (len(rds.got) > before) is (answered == 200)
    if answered != 200:
        assert "<Code>InvalidDBInstanceState</Code>" in told
        assert f"{NAME} is {status}" in told


def test_a_database_that_is_not_there_is_left_to_the_emulator() -> None:
    rds = Rds()
    assert rds.ask("StopDBInstance", "no-such")[0] == 200
    assert rds.got == ["StopDBInstance"]
