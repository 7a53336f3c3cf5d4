"""RDS as it is emulated: what a status allows, how long a stop takes, what waits for the window."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from local.gateway import postgresql, seams
from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.background import Background
from local.gateway.clients import Clients
from local.gateway.databases import Databases
from tests.unit.emulated import ACCOUNT, REGION, Later

NAME = "otakaro-postgres"


WAITING = ("DBInstanceClass", "AllocatedStorage", "BackupRetentionPeriod", "EngineVersion")


class MissingError(Exception):
    """No such instance."""


class Rds:
    """ministack's RDS, of one instance, which does at once what it is asked; and RDS around it."""

    exceptions = SimpleNamespace(DBInstanceNotFoundFault=MissingError)

    def signed(self, *_: object) -> list[tuple[bytes, bytes]]:
        return []

    def __init__(self) -> None:
        self.status = "available"
        self.record: dict[str, Any] = {"BackupRetentionPeriod": 7, "EngineVersion": "17.6"}
        self.got: list[str] = []
        self.later = Later()
        clients: Clients = self  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.served = Databases(self._ministack, clients, background, ACCOUNT)

    def __call__(self, _service: str, _region: str) -> "Rds":
        return self

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, object]:  # noqa: N803
        if DBInstanceIdentifier != NAME:
            raise MissingError
        return {"DBInstances": [{"DBInstanceStatus": self.status}]}

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl((await read(receive)).decode()))
        action = asked["Action"]
        self.got.append(action)
        if action == "ModifyDBInstance":  # ministack forgets what was pending before
            sent = {key: value for key, value in asked.items() if key in WAITING}
            if asked.get("ApplyImmediately") == "true":
                self.record.update(sent)
            elif sent:
                self.record["PendingModifiedValues"] = sent
        becomes = {"StopDBInstance": "stopped", "StartDBInstance": "available"}
        self.status = becomes.get(action, self.status)
        content = "".join(
            f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><Engine>x</Engine>"
            f"<DBInstanceStatus>{status}</DBInstanceStatus></DBInstance>"
            for name, status in {"another": "backing-up", NAME: self.status, "last": "x"}.items()
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content.encode()})

    def ask(self, action: str, name: str = NAME, **more: str) -> tuple[int, str]:
        """The answer's status and text."""
        form = urlencode({"Action": action, "DBInstanceIdentifier": name, **more}).encode()

        async def serve(scope: Message, receive: Receive, send: Send) -> None:
            await self.served.serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        start, content = asyncio.run(gathered(serve, scope, form))
        return start["status"], content.decode()

    def shown(self) -> list[str]:
        """The statuses that RDS tells."""
        told = self.ask("DescribeDBInstances")[1]
        return re.findall("<DBInstanceStatus>([^<]*)", told)


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> Rds:
    made = Rds()
    monkeypatch.setattr(
        seams, "database", lambda _a, _r, name: made.record if name == NAME else None
    )
    return made


def test_a_database_stops_and_starts_and_takes_its_time(rds: Rds) -> None:
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
def test_a_status_allows_what_it_does_on_aws(rds: Rds, action: str, status: str) -> None:
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


def test_a_database_that_is_not_there_is_left_to_the_emulator(rds: Rds) -> None:
    assert rds.ask("StopDBInstance", "no-such")[0] == 200
    assert rds.got == ["StopDBInstance"]


# -- the servers behind the instances


class Instances:
    """RDS around a ministack that names one address for all instances, and servers that only note
    what they are asked for."""

    exceptions = Rds.exceptions

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self.names: list[str] = []
        self.log: list[tuple[str, ...]] = []
        self.home = home
        self.fails = False
        clients: Clients = self  # type: ignore[assignment]
        background: Background = Later()  # type: ignore[assignment]
        self.served = Databases(self._ministack, clients, background, ACCOUNT, home)
        patch.setattr(seams, "database", lambda *_: None)
        patch.setattr(postgresql, "create", self._create)
        patch.setattr(postgresql.Server, "stop", self._noted("stop"))
        patch.setattr(postgresql.Server, "set_password", self._noted("password"))

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, object]:  # noqa: N803
        assert DBInstanceIdentifier in self.names
        return {"DBInstances": [{"DBInstanceStatus": "available"}]}

    def __call__(self, _service: str, _region: str) -> "Instances":
        return self

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, object]:  # noqa: N803
        assert DBSnapshotIdentifier == "before"
        source = {"DBInstanceIdentifier": "one", "Encrypted": True, "Engine": "postgres"}
        more = {"EngineVersion": "17.6", "MasterUsername": "anna", "AllocatedStorage": 20}
        return {"DBSnapshots": [source | more]}

    def delete_db_instance(self, *, DBInstanceIdentifier: str, SkipFinalSnapshot: bool) -> None:  # noqa: N803
        assert SkipFinalSnapshot
        self.names.remove(DBInstanceIdentifier)

    def _noted(self, what: str) -> Callable[..., None]:
        return lambda server, *words: self.log.append((what, server.instance, *words))

    def _create(self, instance: str, port: int, user: str, database: str) -> postgresql.Server:
        if self.fails:
            raise postgresql.PostgresError("no space left")
        self.log.append(("create", instance, user, database))
        return postgresql.Server(
            instance=instance,
            address=f"127.54.32.{len(self.log)}",
            port=port,
            folder="/nowhere",
            programs="/nowhere",
            user=user,
            database=database,
        )

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl((await read(receive)).decode()))
        if asked["Action"] == "CreateDBInstance":
            self.names.append(asked["DBInstanceIdentifier"])
        content = "".join(
            f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><Endpoint>"
            "<Address>localhost</Address><Port>5432</Port></Endpoint>"
            "<DBInstanceStatus>available</DBInstanceStatus></DBInstance>"
            for name in self.names
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content.encode()})

    def ask(self, action: str, **asked: str) -> tuple[int, str]:
        """Return the response's status and text."""

        async def serve(scope: Message, receive: Receive, send: Send) -> None:
            await self.served.serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        form = urlencode({"Action": action, **asked}).encode()
        start, content = asyncio.run(gathered(serve, scope, form))
        return start["status"], content.decode()

    def create(self, name: str, password: str) -> tuple[int, str]:
        """Create an instance."""
        return self.ask(
            "CreateDBInstance",
            DBInstanceIdentifier=name,
            MasterUsername="anna",
            MasterUserPassword=password,
            DBName="maps",
        )


@pytest.fixture
def instances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Instances:
    """RDS without any instance."""
    return Instances(monkeypatch, tmp_path)


def test_each_instance_has_its_own_server_and_password(instances: Instances) -> None:
    """Two stacks on one emulator: before, the last one's password opened the only server."""
    instances.create("one", "first")
    assert "<Address>127.54.32.1<" in instances.ask("DescribeDBInstances")[1]
    instances.create("two", "second")
    told = instances.ask("DescribeDBInstances")[1]
    assert re.findall("<Address>([^<]*)", told) == ["127.54.32.1", "127.54.32.3"]
    instances.ask("ModifyDBInstance", DBInstanceIdentifier="two", MasterUserPassword="third")
    instances.ask("DeleteDBInstance", DBInstanceIdentifier="one")
    assert instances.log == [
        ("create", "one", "anna", "maps"),
        ("password", "one", "first"),
        ("create", "two", "anna", "maps"),
        ("password", "two", "second"),
        ("password", "two", "third"),
        ("stop", "one"),
    ]
    assert [each.instance for each in postgresql.recorded(instances.home)] == ["two"]


def test_a_restored_instance_has_the_password_of_its_source(instances: Instances) -> None:
    """RDS user guide, "Restoring to a DB instance": its settings are those of the snapshot."""
    instances.create("one", "first")
    instances.ask(
        "RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier="new", DBSnapshotIdentifier="before"
    )
    assert instances.log[-2:] == [("create", "new", "anna", "maps"), ("password", "new", "first")]


def test_an_instance_without_its_server_is_no_instance(instances: Instances) -> None:
    instances.fails = True
    status, told = instances.create("one", "first")
    assert status == 400
    assert "no space left" in told
    assert instances.names == []


def test_changes_wait_for_the_window_together(rds: Rds) -> None:
    rds.ask("ModifyDBInstance", DBInstanceClass="db.t4g.medium")
    rds.ask("ModifyDBInstance", AllocatedStorage="50")
    assert "DBInstanceClass" not in rds.record
    assert rds.record["PendingModifiedValues"] == {
        "DBInstanceClass": "db.t4g.medium",
        "AllocatedStorage": "50",
    }
    rds.served.apply_pending(REGION, NAME)
    assert rds.record["DBInstanceClass"] == "db.t4g.medium"
    assert rds.record["AllocatedStorage"] == "50"
    assert rds.record["PendingModifiedValues"] == {}


def test_a_change_that_is_applied_immediately_takes_what_was_pending_along(rds: Rds) -> None:
    rds.ask("ModifyDBInstance", DBInstanceClass="db.t4g.medium")
    rds.ask("ModifyDBInstance", AllocatedStorage="50", ApplyImmediately="true")
    assert rds.record["DBInstanceClass"] == "db.t4g.medium"
    assert rds.record["PendingModifiedValues"] == {}


def test_days_of_backups_change_at_once_unless_they_begin_or_end(rds: Rds) -> None:
    rds.ask("ModifyDBInstance", BackupRetentionPeriod="14")
    assert rds.record["BackupRetentionPeriod"] == "14"
    rds.record["BackupRetentionPeriod"] = 0
    rds.ask("ModifyDBInstance", BackupRetentionPeriod="7")
    assert rds.record["BackupRetentionPeriod"] == 0


@pytest.mark.parametrize(("automatic", "version"), [("true", "17.7"), ("false", "17.6")])
def test_minor_versions_come_in_the_window_where_they_may(
    rds: Rds, automatic: str, version: str
) -> None:
    rds.ask("ModifyDBInstance", AutoMinorVersionUpgrade=automatic)
    rds.served.apply_pending(REGION, NAME, minor="17.7")
    assert rds.record["EngineVersion"] == version
