"""RDS, whose requests are forms: what is restored, and what a state allows.

An instance stops only when it is available, and starts only when it is stopped; one that is stopped
is neither changed nor rebooted (RDS user guide, "Stopping an Amazon RDS DB instance temporarily").
It stops and starts for a MOMENT. Where the machine has PostgreSQL and PostGIS, a server of its own
runs behind each instance (postgresql.py), with the master user's password that the calls set; the
instance's endpoint is the server's address.

A modification of what ministack keeps in PendingModifiedValues waits for the next maintenance
window unless ApplyImmediately is true, which applies what is pending, too (RDS API reference,
ModifyDBInstance; RDS user guide, "Schedule modifications setting"). A backup retention period that
is not 0 before and after changes as soon as possible all the same. In the window AWS also brings in
minor versions, where AutoMinorVersionUpgrade is on.
"""

import asyncio
import logging
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from . import postgresql, seams
from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .background import MOMENT, Background
from .clients import Clients
from .errors import described, rejection
from .restoration import RESTORATIONS, restoration, source_of

# The statuses that AWS asks for, or does not take.
_NEEDED: Final = {
    "StopDBInstance": {"available"},
    "StartDBInstance": {"stopped"},
    "RebootDBInstance": {"available"},
}
_REFUSED: Final = {"ModifyDBInstance": {"stopped", "stopping", "starting"}}
_BECOMES: Final = {"StopDBInstance": "stopping", "StartDBInstance": "starting"}
_CREATIONS: Final = {"CreateDBInstance", *RESTORATIONS}
_INSTANCE: Final = re.compile(r"<DBInstance>.*?</DBInstance>", re.DOTALL)
_NAME: Final = re.compile(r"<DBInstanceIdentifier>([^<]*)<")
_STATUS: Final = re.compile(r"(<DBInstanceStatus>)[^<]*")
_ADDRESS: Final = re.compile(r"(<Endpoint>\s*<Address>)[^<]*")

log = logging.getLogger("gateway")


@dataclass(frozen=True, kw_only=True)
class Master:
    """The master user of an instance, and the database that RDS created with it."""

    user: str
    password: str
    database: str


class Databases:
    """The calls of RDS, the servers behind instances, and instances that are stopping or starting.

    Without a `home`, the directory for records of servers, no instance has a server.
    """

    def __init__(
        self,
        app: App,
        clients: Clients,
        background: Background,
        account: str,
        home: Path | None = None,
    ) -> None:
        self._app = app
        self._account = account
        self._clients = clients
        self._background = background
        self._home = home
        self._servers: dict[str, postgresql.Server] = {}
        self._masters: dict[str, Master] = {}  # of deleted instances too: snapshots have them
        self._changing: dict[tuple[str, str], str] = {}  # region, instance -> its status meanwhile

    async def serve(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to RDS."""
        body = await read(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        action, name = asked.get("Action", ""), asked.get("DBInstanceIdentifier", "")
        if action in RESTORATIONS:
            start, content = await self._restored(asked, region, scope, body)
        elif status := await asyncio.to_thread(self._forbids, action, name, region):
            start, content = rejection(
                "InvalidDBInstanceState", f"{action}: instance {name} is {status}"
            )
        else:
            changes = action == "ModifyDBInstance"
            record = seams.database(self._account, region, name) if changes else None
            waiting = dict(record.get("PendingModifiedValues", {})) if record else {}
            start, content = await gathered(self._app, scope, body)
            if start["status"] == 200 and record is not None:
                _defer(record, asked, waiting)
                form = {
                    "Action": "DescribeDBInstances",
                    "Version": "2014-10-31",
                    "DBInstanceIdentifier": name,
                }
                start, content = await described(
                    self._app,
                    self._clients,
                    scope,
                    "rds",
                    region,
                    form,
                    element="DBInstance",
                    action=action,
                )
            if start["status"] == 200 and action in _BECOMES:
                self._changes(region, name, _BECOMES[action])
        if start["status"] == 200:
            try:
                await asyncio.to_thread(self._serve_clients, asked, region)
                content = self._shown(content, region)
            except postgresql.PostgresError as error:
                start, content = rejection("InternalFailure", str(error))
        await pass_on(send, start, content)

    def apply_pending(self, region: str, name: str, minor: str = "") -> None:
        """Do what AWS does in an instance's maintenance window.

        Args:
            region: of the instance.
            name: its identifier.
            minor: an engine version that AWS wants automatic minor upgrades to bring in.
        """
        record = seams.database(self._account, region, name)
        if record is None:
            return
        record.update(record.pop("PendingModifiedValues", {}))
        record["PendingModifiedValues"] = {}
        if minor and record.get("AutoMinorVersionUpgrade"):
            record["EngineVersion"] = minor

    def clear(self) -> None:
        """Discard all instances."""
        self._changing.clear()
        for name in list(self._servers):
            self._stop(name)

    def _serve_clients(self, asked: Mapping[str, str], region: str) -> None:
        """Start, change or stop the server behind the instance of a request that succeeded.

        Raises PostgresError, after the instance is deleted, when its server does not start.
        """
        action, name = asked.get("Action", ""), asked.get("DBInstanceIdentifier", "")
        if action in _CREATIONS:
            name = asked.get("TargetDBInstanceIdentifier") or name
            rds = self._clients("rds", region)
            try:
                self._start(name, asked, rds)
            except postgresql.PostgresError:
                rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
                raise
        elif action == "ModifyDBInstance" and (password := asked.get("MasterUserPassword")):
            if name in self._servers:
                self._masters[name] = replace(self._masters[name], password=password)
                self._servers[name].set_password(password)
        elif action == "DeleteDBInstance":
            self._stop(name)

    def _start(self, name: str, asked: Mapping[str, str], rds: Any) -> None:
        if self._home is None:
            return
        if asked["Action"] == "CreateDBInstance":
            master = Master(
                user=asked.get("MasterUsername", ""),
                password=asked.get("MasterUserPassword", ""),
                database=asked.get("DBName", "postgres"),
            )
        else:
            master = self._masters[source_of(asked, rds)["DBInstanceIdentifier"]]
        port = int(asked.get("Port") or postgresql.PORT)
        server = postgresql.create(name, port, master.user, master.database)
        if server is None:
            return
        server.set_password(master.password)
        postgresql.write(server, self._home)
        self._servers[name], self._masters[name] = server, master

    def _stop(self, name: str) -> None:
        server = self._servers.pop(name, None)
        if server is not None and self._home is not None:
            server.stop()
            postgresql.forget(server, self._home)

    def _forbids(self, action: str, name: str, region: str) -> str:
        """The instance's status if it is not one for `action`, otherwise nothing."""
        if action not in _NEEDED and action not in _REFUSED:
            return ""
        rds = self._clients("rds", region)
        try:
            (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        except rds.exceptions.DBInstanceNotFoundFault:  # ministack has words for that
            return ""
        status: str = self._changing.get((region, name), found["DBInstanceStatus"])
        needed = _NEEDED.get(action, {status}) - _REFUSED.get(action, set())
        return "" if status in needed else status

    def _changes(self, region: str, name: str, status: str) -> None:
        self._changing[region, name] = status
        self._background.later(MOMENT, lambda: self._changing.pop((region, name), None))

    def _shown(self, content: bytes, region: str) -> bytes:
        """Return a response with each instance's present status and its server's address."""
        if not self._changing and not self._servers:
            return content

        def shown(match: "re.Match[str]") -> str:
            text, found = match[0], _NAME.search(match[0])
            name = found[1] if found else ""
            if status := self._changing.get((region, name)):
                text = _STATUS.sub(rf"\g<1>{status}", text, count=1)
            if server := self._servers.get(name):
                text = _ADDRESS.sub(rf"\g<1>{server.address}", text, count=1)
            return text

        return _INSTANCE.sub(shown, content.decode()).encode()

    async def _restored(
        self, asked: Mapping[str, str], region: str, scope: Message, body: bytes
    ) -> tuple[Message, bytes]:
        rds = self._clients("rds", region)
        try:
            creation = await asyncio.to_thread(restoration, asked, rds)
        except Exception:  # there is no such source: ministack has words for that
            log.info("Nothing to restore from: %s", asked)
            return await gathered(self._app, scope, body)
        form = urllib.parse.urlencode(creation).encode()
        start, answer = await gathered(self._app, scope, form)
        return start, answer.replace(b"CreateDBInstance", asked["Action"].encode())


def _defer(record: dict[str, Any], asked: Mapping[str, str], waiting: dict[str, Any]) -> None:
    """Keep or apply what waits for the window, after ministack carried out a modification."""
    pending = {**waiting, **record.get("PendingModifiedValues", {})}
    if asked.get("ApplyImmediately") == "true":
        now = {key: value for key, value in waiting.items() if key not in _parameters(asked)}
        record.update(now)
        pending = {}
    days = pending.get("BackupRetentionPeriod")
    if days and record.get("BackupRetentionPeriod"):
        record["BackupRetentionPeriod"] = pending.pop("BackupRetentionPeriod")
    if "AutoMinorVersionUpgrade" in asked:
        record["AutoMinorVersionUpgrade"] = asked["AutoMinorVersionUpgrade"] == "true"
    record["PendingModifiedValues"] = pending


def _parameters(asked: Mapping[str, str]) -> set[str]:
    """The members of an instance that a modification sets."""
    renamed = {"EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled"}
    return {renamed.get(key, key) for key in asked}
