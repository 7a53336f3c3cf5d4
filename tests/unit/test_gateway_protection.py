"""Task scale-in protection as it is emulated."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.gateway import protection
from local.gateway.asgi import Message, Receive, Send, read
from local.gateway.background import Background
from local.gateway.calls import Answer, Refused, Request
from local.gateway.clients import Clients
from local.gateway.deployments import ECS
from local.gateway.protection import Protection
from tests.unit.emulated import PLACE, REGION, Later

CLUSTER = f"{PLACE}:cluster/one"
BUSY, STOPPED, ALONE = (f"{PLACE}:task/one/{name}" for name in ("busy", "stopped", "alone"))
TASKS = {
    BUSY: {"group": "service:worker", "lastStatus": "RUNNING"},
    STOPPED: {"group": "service:worker", "lastStatus": "STOPPED"},
    ALONE: {"group": "family:worker", "lastStatus": "RUNNING"},
}


class Cloud:
    """ministack's ECS, and the protection around it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.status = "ACTIVE"
        self.did: list[tuple[str, dict[str, Any]]] = []
        self.later = Later()
        monkeypatch.setattr(protection, "_now", lambda: self.now)
        clients: Clients = self  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.served = Protection(self._ministack, clients, background)

    def __call__(self, _service: str, _region: str) -> "Cloud":
        return self

    async def _ministack(self, _scope: Message, receive: Receive, send: Send) -> None:
        asked = json.loads(await read(receive))
        found = [
            {"taskArn": arn, "clusterArn": CLUSTER, **TASKS[arn]}
            for arn in asked["tasks"]
            if arn in TASKS
        ]
        missing = [{"arn": arn, "reason": "MISSING"} for arn in asked["tasks"] if arn not in TASKS]
        body = json.dumps({"tasks": found, "failures": missing}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def describe_services(self, **_asked: object) -> dict[str, Any]:
        return {"services": [self.service()]}

    def update_service(self, **asked: object) -> None:
        self.did.append(("update", asked))

    def stop_task(self, **asked: object) -> None:
        self.did.append(("stop", asked))

    def service(self) -> dict[str, Any]:
        """The worker's service as DescribeServices returns it."""
        service = {
            "serviceName": "worker",
            "clusterArn": CLUSTER,
            "status": self.status,
            "desiredCount": 0,
            "runningCount": 0,
        }
        self._asked("DescribeServices", {"services": [service]})
        return service

    def protect(self, *tasks: str, enabled: bool = True, **more: object) -> Answer:
        """Ask for UpdateTaskProtection."""
        return self._asked(
            "UpdateTaskProtection",
            {"protectedTasks": [], "failures": []},
            cluster=CLUSTER,
            tasks=list(tasks),
            protectionEnabled=enabled,
            **more,
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        self.now += seconds
        for job in self.later.jobs:
            job()

    def _asked(self, action: str, said: Answer, **asked: Any) -> Answer:
        scope: Message = {"type": "http", "headers": []}
        request = Request(scope=scope, service=ECS, action=action, region=REGION, asked=asked)
        part = self.served.part

        async def served() -> None:
            if (ECS, action) in part.checks:
                await part.checks[ECS, action](request)
            await part.mends[ECS, action](request, said)

        asyncio.run(served())
        return said


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with monkeypatch.context() as patch:
        yield Cloud(patch)


def test_a_task_is_protected_for_two_hours_unless_the_request_says_otherwise(cloud: Cloud) -> None:
    said = cloud.protect(BUSY)
    assert said["protectedTasks"] == [
        {"taskArn": BUSY, "protectionEnabled": True, "expirationDate": 1000 + 2 * 60 * 60}
    ]
    cloud.protect(BUSY, expiresInMinutes=1)
    cloud.now += 59
    assert cloud.served.is_protected(BUSY)
    cloud.now += 1
    assert not cloud.served.is_protected(BUSY)


def test_only_running_tasks_of_services_are_protected(cloud: Cloud) -> None:
    said = cloud.protect(STOPPED, ALONE, f"{BUSY}-other")
    assert said["protectedTasks"] == []
    assert {each["arn"]: each["reason"] for each in said["failures"]} == {
        STOPPED: "TASK_NOT_VALID",
        ALONE: "TASK_NOT_VALID",
        f"{BUSY}-other": "MISSING",
    }


@pytest.mark.parametrize("minutes", [0, 2881])
def test_other_times_are_refused(cloud: Cloud, minutes: int) -> None:
    with pytest.raises(Refused):
        cloud.protect(BUSY, expiresInMinutes=minutes)


def test_a_deleted_service_waits_for_its_protected_tasks(cloud: Cloud) -> None:
    cloud.protect(BUSY)
    assert (cloud.service()["status"], cloud.service()["runningCount"]) == ("ACTIVE", 0)
    cloud.status = "INACTIVE"
    assert (cloud.service()["status"], cloud.service()["runningCount"]) == ("DRAINING", 1)
    cloud.protect(BUSY, enabled=False)
    assert cloud.service()["status"] == "INACTIVE"
    cloud.pass_time(0)
    assert [what for what, _ in cloud.did] == ["stop"]


def test_the_scheduler_looks_again_once_a_protection_is_over(cloud: Cloud) -> None:
    cloud.protect(BUSY, expiresInMinutes=1)
    cloud.pass_time(30)
    assert cloud.did == []
    cloud.pass_time(31)
    [(what, asked)] = cloud.did
    assert what == "update"
    assert asked["desiredCount"] == 0


def test_a_stopped_task_is_protected_no_longer(cloud: Cloud) -> None:
    cloud.protect(BUSY)
    stop = cloud.served.part.follows[ECS, "StopTask"]
    stop(
        Request(scope={}, service=ECS, action="", region=REGION, asked={}),
        {"task": {"taskArn": BUSY}},
    )
    assert not cloud.served.is_protected(BUSY)
