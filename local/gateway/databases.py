"""RDS: what ministack lacks of it, in RDS's protocol, whose requests are forms.

Restorations to a point in time, and from a snapshot with the port, network and tags that are asked
for, which ministack ignores. A restored instance is a new one that is what its source was; no data
is behind either.
"""

import asyncio
import logging
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .clients import Clients

RESTORATIONS: Final = ("RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime")

log = logging.getLogger("gateway")


class Databases:
    """The calls of RDS that ministack is not asked as they come."""

    def __init__(self, app: App, clients: Clients) -> None:
        self._app = app
        self._clients = clients

    async def serve(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to RDS."""
        body = await read(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        if asked.get("Action") in RESTORATIONS:
            start, answer = await self._restored(asked, region, scope, body)
        else:
            start, answer = await gathered(self._app, scope, body)
        await pass_on(send, start, answer)

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


def restoration(asked: Mapping[str, str], rds: Any) -> dict[str, str]:
    """The creation of an instance that is what the source of a restoration is.

    Raises botocore's ClientError when there is no such source.
    """
    if snapshot := asked.get("DBSnapshotIdentifier"):
        (source,) = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
        encrypted = source["Encrypted"]
    else:
        name = asked.get("SourceDBInstanceIdentifier")
        found = rds.describe_db_instances(**{"DBInstanceIdentifier": name} if name else {})
        (source,) = [
            each
            for each in found["DBInstances"]
            if name or each["DbiResourceId"] == asked["SourceDbiResourceId"]
        ]
        encrypted = source["StorageEncrypted"]
    own = ("Action", "DBSnapshot", "Source", "TargetDB", "RestoreTime", "UseLatest")
    return {
        **{key: value for key, value in asked.items() if not key.startswith(own)},
        "Action": "CreateDBInstance",
        "DBInstanceIdentifier": asked.get("TargetDBInstanceIdentifier")
        or asked["DBInstanceIdentifier"],
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": "as-its-source-has-it",  # nothing asks for it here
        "AllocatedStorage": str(source["AllocatedStorage"]),
        "StorageEncrypted": str(encrypted).lower(),
    }
