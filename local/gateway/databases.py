"""RDS, whose requests are forms: what is restored, and what a state allows.

An instance stops only when it is available, and starts only when it is stopped; one that is stopped
is neither changed nor rebooted (RDS user guide, "Stopping an Amazon RDS DB instance temporarily").
It stops and starts for a MOMENT.
"""

import asyncio
import logging
import re
import urllib.parse
from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .background import MOMENT, Background
from .clients import Clients
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

    def __init__(self, app: App, clients: Clients, background: Background) -> None:
        self._app = app
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
            start, content = _refusal(action, name, status)
        else:
            start, content = await gathered(self._app, scope, body)
            if start["status"] == 200:
                if action in _BECOMES:
                    self._changes(region, name, _BECOMES[action])
                content = self._shown(content, region)
        await pass_on(send, start, content)

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
        length = (b"content-length", str(len(form)).encode())
        headers = [pair for pair in scope["headers"] if pair[0].lower() != b"content-length"]
        start, answer = await gathered(self._app, {**scope, "headers": [*headers, length]}, form)
        return start, answer.replace(b"CreateDBInstance", asked["Action"].encode())


def _refusal(action: str, name: str, status: str) -> tuple[Message, bytes]:
    message = f"{action}: instance {name} is {status}"
    content = (
        '<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error>'
        "<Type>Sender</Type><Code>InvalidDBInstanceState</Code>"
        f"<Message>{escape(message)}</Message></Error><RequestId>gateway</RequestId>"
        "</ErrorResponse>"
    )
    start: Message = {
        "type": "http.response.start",
        "status": 400,
        "headers": [(b"content-type", b"text/xml")],
    }
    return start, content.encode()
