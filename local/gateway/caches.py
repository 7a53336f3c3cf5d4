"""ElastiCache's replication groups, whose requests are forms: what waits for a maintenance window.

ModifyReplicationGroup applies changes of the nodes in the next window unless ApplyImmediately is
true, which applies whatever is pending, too (ElastiCache API reference). ministack applies all at
once. Replicas come and go immediately (IncreaseReplicaCount and DecreaseReplicaCount: false is not
supported). With automatic failover or Multi-AZ a group keeps a replica: AWS rejects its removal
(hashicorp/terraform-provider-aws#24244, pulumi/pulumi#11458), and failover without one
(hashicorp/terraform#25077). An older engine version is rejected (ModifyReplicationGroup,
EngineVersion). DeleteReplicationGroup takes the final snapshot that it is asked for.
"""

import asyncio
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from . import seams
from .asgi import App, Message, Receive, Send, gathered, pass_on, read
from .clients import Clients
from .errors import described, rejection

# What is applied in the window, by parameter: the member of ministack's record of a group, of its
# nodes or of both (ReplicationGroupPendingModifiedValues and PendingModifiedValues of a cache
# cluster; Multi-AZ waits without being shown).
_DEFERRED: Final[Mapping[str, str]] = {
    "AutomaticFailoverEnabled": "AutomaticFailover",
    "MultiAZEnabled": "MultiAZ",
    "CacheNodeType": "CacheNodeType",
    "EngineVersion": "EngineVersion",
    "TransitEncryptionEnabled": "TransitEncryptionEnabled",
    "TransitEncryptionMode": "TransitEncryptionMode",
}
_OF_NODES: Final = ("CacheNodeType", "EngineVersion")
_SHOWN: Final = {"AutomaticFailoverEnabled": "AutomaticFailoverStatus"}
_GROUP: Final = re.compile(r"<ReplicationGroupId>([^<]*)</ReplicationGroupId>(?=<Description>)")
_NODE: Final = re.compile(r"<CacheClusterId>([^<]*)</CacheClusterId>(?=<CacheClusterStatus>)")

Pending = dict[str, str]  # parameter of ModifyReplicationGroup -> value


class Caches:
    """The calls of ElastiCache, and the changes that wait for a window."""

    def __init__(self, app: App, clients: Clients, account: str) -> None:
        self._app = app
        self._clients = clients
        self._account = account
        self._pending: dict[tuple[str, str], Pending] = {}  # by region and group

    async def serve(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request to ElastiCache."""
        body = await read(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        action, name = asked.get("Action", ""), asked.get("ReplicationGroupId", "")
        group = seams.replication_group(self._account, region, name) if name else None
        if group is not None and (problem := self._problem(action, asked, group, region)):
            start, content = rejection(*problem)
        else:
            if group is not None and action == "DeleteReplicationGroup":
                await asyncio.to_thread(self._keep_snapshot, asked, region)
                self._pending.pop((region, name), None)
            before = self._deferred(group, region)
            start, content = await gathered(self._app, scope, body)
            if group is not None and action.endswith("ReplicaCount"):
                seams.list_nodes(self._account, region, group)
            if group is not None and action == "ModifyReplicationGroup" and start["status"] == 200:
                # The request is passed on as it was signed; what waits is taken back.
                for record, values in before:
                    for member in _DEFERRED.values():
                        record.pop(member, None)
                    record.update(values)
                self._modify((region, name), asked, group)
                form = {
                    "Action": "DescribeReplicationGroups",
                    "Version": "2015-02-02",
                    "ReplicationGroupId": name,
                }
                start, content = await described(
                    self._app,
                    self._clients,
                    scope,
                    "elasticache",
                    region,
                    form,
                    element="ReplicationGroup",
                    action=action,
                )
        await pass_on(send, start, self._shown(content, region))

    def apply_pending(self, region: str, name: str) -> None:
        """Apply what waits, as AWS does in a group's maintenance window."""
        group = seams.replication_group(self._account, region, name)
        if group is not None:
            self._apply((region, name), group, self._pending.pop((region, name), {}))

    def clear(self) -> None:
        """Discard all state."""
        self._pending.clear()

    def _problem(
        self, action: str, asked: Mapping[str, str], group: Mapping[str, Any], region: str
    ) -> tuple[str, str] | None:
        """The code and the message with which AWS rejects a request."""
        if action == "DecreaseReplicaCount" and asked.get("NewReplicaCount") == "0":
            if group["MultiAZ"] == "enabled":
                return (
                    "InvalidParameterValue",
                    "Must have at least 1 replica for Multi-AZ enabled Replication Group.",
                )
            if group["AutomaticFailover"] == "enabled":
                return (
                    "InvalidParameterValue",
                    "Must have at least 1 replica when cluster mode is disabled with auto failover"
                    " enabled.",
                )
        if action != "ModifyReplicationGroup":
            return None
        nodes = len(group["MemberClusters"])
        waiting = self._pending.get((region, asked["ReplicationGroupId"]), {})
        after = {**waiting, **asked}
        failover = after.get("AutomaticFailoverEnabled")
        if asked.get("AutomaticFailoverEnabled") == "true" and nodes < 2:
            return (
                "InvalidParameterCombination",
                "When using automatic failover, there must be at least 2 cache clusters in the"
                " replication group.",
            )
        stays = failover != "true" if failover else group["AutomaticFailover"] != "enabled"
        if asked.get("MultiAZEnabled") == "true" and stays:
            return (
                "InvalidParameterCombination",
                "Cannot enable Multi-AZ without automatic failover.",
            )
        if _version(asked.get("EngineVersion", "")) < _version(group["EngineVersion"]) and (
            asked.get("EngineVersion")
        ):
            return (
                "InvalidParameterCombination",
                f"Cannot downgrade from {group['EngineVersion']} to {asked['EngineVersion']}.",
            )
        return None

    def _modify(
        self, key: tuple[str, str], asked: Mapping[str, str], group: dict[str, Any]
    ) -> None:
        changes = {name: asked[name] for name in _DEFERRED if name in asked}
        waiting = self._pending.setdefault(key, {})
        if asked.get("ApplyImmediately") == "true":
            self._apply(key, group, {**self._pending.pop(key), **changes})
        else:
            waiting.update(changes)

    def _apply(self, key: tuple[str, str], group: dict[str, Any], changes: Pending) -> None:
        region, _ = key
        nodes = seams.cache_clusters(self._account, region, group["MemberClusters"])
        for name, text in changes.items():
            value: Any = text
            if text in ("true", "false"):
                words = {"true": "enabled", "false": "disabled"}
                value = words[text] if name != "TransitEncryptionEnabled" else text == "true"
            for record in (group, *nodes):
                if record is group or _DEFERRED[name] in record:
                    record[_DEFERRED[name]] = value

    def _keep_snapshot(self, asked: Mapping[str, str], region: str) -> None:
        if snapshot := asked.get("FinalSnapshotIdentifier"):
            self._clients("elasticache", region).create_snapshot(
                ReplicationGroupId=asked["ReplicationGroupId"], SnapshotName=snapshot
            )

    def _deferred(
        self, group: dict[str, Any] | None, region: str
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The records of a group and its nodes, each with its values of what can wait."""
        if group is None:
            return []
        nodes = seams.cache_clusters(self._account, region, group["MemberClusters"])
        members = {*_DEFERRED.values()}
        return [
            (record, {key: value for key, value in record.items() if key in members})
            for record in (group, *nodes)
        ]

    def _shown(self, content: bytes, region: str) -> bytes:
        """An answer with what waits for the window."""
        if not any(self._pending.values()):
            return content

        def group(match: "re.Match[str]") -> str:
            waiting = self._pending.get((region, match[1]), {})
            words = {"true": "enabled", "false": "disabled"}
            shown = "".join(
                f"<{_SHOWN.get(key, key)}>{words.get(value, value)}</{_SHOWN.get(key, key)}>"
                for key, value in waiting.items()
                if key not in (*_OF_NODES, "MultiAZEnabled")
            )
            return match[0] + f"<PendingModifiedValues>{shown}</PendingModifiedValues>"

        def node(match: "re.Match[str]") -> str:
            groups = [g for r, g in self._pending if r == region and match[1].startswith(f"{g}-")]
            waiting = self._pending[region, groups[0]] if groups else {}
            shown = "".join(f"<{k}>{waiting[k]}</{k}>" for k in _OF_NODES if k in waiting)
            return match[0] + f"<PendingModifiedValues>{shown}</PendingModifiedValues>"

        return _NODE.sub(node, _GROUP.sub(group, content.decode())).encode()


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdecimal()]
