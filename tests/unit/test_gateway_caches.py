"""ElastiCache as it is emulated: changes that wait for the window, replicas, the last snapshot."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from local.gateway import seams
from local.gateway.asgi import Message, Receive, Send, gathered, read
from local.gateway.caches import Caches
from local.gateway.clients import Clients
from tests.unit.emulated import ACCOUNT, REGION

NAME = "otakaro-redis"


class Redis:
    """ministack's ElastiCache, of one group; and ElastiCache around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nodes: int = 1) -> None:
        members = [{"CacheClusterId": f"{NAME}-0001-{n:03}"} for n in range(1, nodes + 1)]
        failover = "enabled" if nodes > 1 else "disabled"
        self.group: dict[str, Any] = {
            "ReplicationGroupId": NAME,
            "AutomaticFailover": failover,
            "MultiAZ": failover,
            "CacheNodeType": "cache.t4g.micro",
            "EngineVersion": "7.1",
            "MemberClusters": [each["CacheClusterId"] for each in members],
            "NodeGroups": [{"NodeGroupMembers": members}],
        }
        self.nodes = {name: {"EngineVersion": "7.1"} for name in self.group["MemberClusters"]}
        self.got: list[dict[str, str]] = []
        self.snapshots: list[dict[str, str]] = []
        monkeypatch.setattr(
            seams, "replication_group", lambda _a, _r, name: self.group if name == NAME else None
        )
        monkeypatch.setattr(
            seams, "cache_clusters", lambda _a, _r, names: [self.nodes[name] for name in names]
        )
        monkeypatch.setattr(seams, "list_nodes", lambda *_: None)
        clients: Clients = self  # type: ignore[assignment]
        self.served = Caches(self._ministack, clients, ACCOUNT)

    def __call__(self, _service: str, _region: str) -> "Redis":
        return self

    def signed(self, *_: object) -> list[tuple[bytes, bytes]]:
        return []

    def create_snapshot(self, **asked: str) -> None:
        self.snapshots.append(asked)

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        asked = dict(parse_qsl((await read(receive)).decode()))
        self.got.append(asked)
        if asked["Action"] == "ModifyReplicationGroup":  # ministack applies all at once
            for parameter, (_, member, after) in LATER.items():
                if parameter in asked:
                    self.group[member] = after
        content = (
            f"<ReplicationGroupId>{NAME}</ReplicationGroupId><Description>x</Description>"
            f"<CacheClusterId>{NAME}-0001-001</CacheClusterId><CacheClusterStatus>available"
        )
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content.encode()})

    def ask(self, action: str, **more: str) -> tuple[int, str]:
        """The answer's status and text."""
        form = urlencode({"Action": action, "ReplicationGroupId": NAME, **more}).encode()

        async def serve(scope: Message, receive: Receive, send: Send) -> None:
            await self.served.serve(REGION, scope, receive, send)

        scope: Message = {"type": "http", "method": "POST", "path": "/", "headers": []}
        start, content = asyncio.run(gathered(serve, scope, form))
        return start["status"], content.decode()

    def modify(self, **more: str) -> tuple[int, str]:
        return self.ask("ModifyReplicationGroup", **more)

    def pending(self) -> list[str]:
        """What the group and its node show as pending."""
        told = self.ask("DescribeReplicationGroups")[1]
        return re.findall("<PendingModifiedValues>(.*?)</PendingModifiedValues>", told)


LATER = {
    "AutomaticFailoverEnabled": ("false", "AutomaticFailover", "disabled"),
    "MultiAZEnabled": ("false", "MultiAZ", "disabled"),
    "CacheNodeType": ("cache.t4g.small", "CacheNodeType", "cache.t4g.small"),
    "EngineVersion": ("7.2", "EngineVersion", "7.2"),
    "TransitEncryptionMode": ("required", "TransitEncryptionMode", "required"),
}


@pytest.mark.parametrize("parameter", LATER)
@pytest.mark.parametrize("now", ["", "false", "true"])
def test_a_change_waits_unless_it_is_to_be_applied_immediately(
    monkeypatch: pytest.MonkeyPatch, parameter: str, now: str
) -> None:
    redis = Redis(monkeypatch, nodes=2)
    value, member, after = LATER[parameter]
    before = redis.group.get(member)
    status, _ = redis.modify(**{parameter: value, **({"ApplyImmediately": now} if now else {})})
    assert status == 200
    assert redis.got[0][parameter] == value  # as it was signed
    if now == "true":
        assert redis.group[member] == after
        return
    assert redis.group.get(member) == before
    redis.served.apply_pending(REGION, NAME)
    assert redis.group[member] == after
    assert redis.pending() in ([], ["", ""])


def test_what_waits_is_shown_where_aws_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Redis(monkeypatch, nodes=2)
    redis.modify(AutomaticFailoverEnabled="false", CacheNodeType="cache.t4g.small")
    assert redis.pending() == [
        "<AutomaticFailoverStatus>disabled</AutomaticFailoverStatus>",
        "<CacheNodeType>cache.t4g.small</CacheNodeType>",
    ]


def test_what_is_applied_immediately_takes_what_was_pending_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis = Redis(monkeypatch)
    redis.modify(CacheNodeType="cache.t4g.small")
    redis.modify(EngineVersion="7.2", ApplyImmediately="true")
    assert redis.group["CacheNodeType"] == "cache.t4g.small"
    assert {node["EngineVersion"] for node in redis.nodes.values()} == {"7.2"}


def test_the_last_replica_stays_as_long_as_failover_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis = Redis(monkeypatch, nodes=2)
    off = {"AutomaticFailoverEnabled": "false", "MultiAZEnabled": "false"}
    redis.modify(**off, ApplyImmediately="false")
    status, told = redis.ask("DecreaseReplicaCount", NewReplicaCount="0", ApplyImmediately="true")
    assert status == 400
    assert "Must have at least 1 replica" in told
    redis.modify(**off, ApplyImmediately="true")
    assert redis.ask("DecreaseReplicaCount", NewReplicaCount="0", ApplyImmediately="true")[0] == 200


@pytest.mark.parametrize(
    ("nodes", "asked", "words"),
    [
        (1, {"AutomaticFailoverEnabled": "true"}, "at least 2 cache clusters"),
        (1, {"MultiAZEnabled": "true"}, "without automatic failover"),
        (2, {"MultiAZEnabled": "true", "AutomaticFailoverEnabled": "false"}, "without automatic"),
        (1, {"EngineVersion": "7.0"}, "Cannot downgrade from 7.1 to 7.0"),
    ],
)
def test_what_aws_rejects_is_rejected(
    monkeypatch: pytest.MonkeyPatch, nodes: int, asked: dict[str, str], words: str
) -> None:
    redis = Redis(monkeypatch, nodes)
    status, told = redis.modify(**asked, ApplyImmediately="true")
    assert status == 400
    assert words in told
    assert redis.got == []


def test_a_deletion_takes_the_final_snapshot_that_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis = Redis(monkeypatch)
    redis.ask("DeleteReplicationGroup", FinalSnapshotIdentifier="last")
    assert redis.snapshots == [{"ReplicationGroupId": NAME, "SnapshotName": "last"}]


def test_groups_that_are_not_there_are_left_to_the_emulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis = Redis(monkeypatch)
    asked = {"ReplicationGroupId": "other", "CacheNodeType": "cache.t4g.small"}
    assert redis.ask("ModifyReplicationGroup", **asked)[0] == 200
    assert redis.got[-1]["CacheNodeType"] == "cache.t4g.small"
