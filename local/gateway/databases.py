"""RDS, whose requests are forms: what is restored, what a state allows, and what waits.

An instance stops only when it is available, and starts only when it is stopped; one that is stopped
is neither changed nor rebooted (RDS user guide, "Stopping an Amazon RDS DB instance temporarily").
It stops and starts for a MOMENT.

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
from typing import Any, Final

from . import seams
from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .background import MOMENT, Background
from .clients import Clients
from .errors import rejection
from .restoration import RESTORATIONS, restoration

# The statuses that AWS asks for, or does not take.
_NEEDED: Final = {
    "StopDBInstance": {"available"},
    "StartDBInstance": {"stopped"},
    "RebootDBInstance": {"available"},
}
_REFUSED: Final = {"ModifyDBInstance": {"stopped", "stopping", "starting"}}
_BECOMES: Final = {"StopDBInstance": "stopping", "StartDBInstance": "starting"}
_STATUS: Final = re.compile(
    r"(<DBInstanceIdentifier>(?P<name>[^<]*)</DBInstanceIdentifier>"
    r"(?:(?!</DBInstance>).)*?<DBInstanceStatus>)[^<]*",
    re.DOTALL,
)

log = logging.getLogger("gateway")


class Databases:
    """The calls of RDS, and the instances that are stopping or starting."""

    def __init__(self, app: App, clients: Clients, background: Background, account: str) -> None:
        self._app = app
        self._account = account
        self._clients = clients
        self._background = background
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
            record = seams.database(self._account, region, name) if name else None
            waiting = dict(record.get("PendingModifiedValues", {})) if record else {}
            start, content = await gathered(self._app, scope, body)
            if start["status"] == 200:
                if record is not None and action == "ModifyDBInstance":
                    _defer(record, asked, waiting)
                    start, content = await self._described(name, scope, action)
                if action in _BECOMES:
                    self._changes(region, name, _BECOMES[action])
                content = self._shown(content, region)
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

    async def _described(self, name: str, scope: Message, action: str) -> tuple[Message, bytes]:
        """The answer to `action` that shows an instance as it is now."""
        form = urllib.parse.urlencode(
            {"Action": "DescribeDBInstances", "Version": "2014-10-31", "DBInstanceIdentifier": name}
        ).encode()
        start, content = await gathered(self._app, scope, form)
        found = re.search(rb"<DBInstance>.*</DBInstance>", content, re.DOTALL)
        shown = found[0] if found else b""
        inner = f"<{action}Result>".encode() + shown + f"</{action}Result>".encode()
        return start, f"<{action}Response>".encode() + inner + f"</{action}Response>".encode()

    def clear(self) -> None:
        """Forget all instances."""
        self._changing.clear()

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
        """An answer with the instances' statuses as they are meanwhile."""
        if not self._changing:
            return content

        def status(match: "re.Match[str]") -> str:
            meanwhile = self._changing.get((region, match["name"]))
            return match[1] + meanwhile if meanwhile else match[0]

        return _STATUS.sub(status, content.decode()).encode()

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
