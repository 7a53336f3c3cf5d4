"""ECS's task scale-in protection.

A protected task is stopped neither by a lower desired count nor by a deployment; StopTask stops it
all the same (ECS developer guide, "Protect your Amazon ECS tasks from being terminated by scale-in
events"; botocore's ECS model, UpdateTaskProtection). A deleted service is DRAINING until its last
task stops (DeleteService in the same model). That a protected task keeps a deleted service DRAINING
follows from these two; no text says it.

Unlike ECS, scale-in here stops no other task in place of a protected one.
"""

import functools
import time
from dataclasses import dataclass
from typing import Any, Final

from .asgi import App
from .background import Background
from .calls import Answer, Part, Refused, Request, beside
from .clients import Clients
from .deployments import ECS

MINUTES: Final = 120  # that a protection lasts unless the request says otherwise
LONGEST: Final = 2880  # minutes


@dataclass(frozen=True, kw_only=True)
class _Protected:
    """A protected task."""

    region: str
    cluster: str
    service: str  # its name
    until: float  # s since 1970


class Protection:
    """The tasks that scale-in and deployments do not stop."""

    def __init__(self, app: App, clients: Clients, background: Background) -> None:
        self._app = app
        self._clients = clients
        self._background = background
        self._tasks: dict[str, _Protected] = {}  # by ARN
        self.part = Part(
            checks={(ECS, "UpdateTaskProtection"): self._checked},
            mends={
                (ECS, "UpdateTaskProtection"): self._updated,
                (ECS, "GetTaskProtection"): self._told,
                (ECS, "DescribeServices"): self._described,
                (ECS, "DeleteService"): self._deleted,
            },
            follows={(ECS, "StopTask"): self._stopped},
        )

    def is_protected(self, task: str) -> bool:
        """Return whether a task, by its ARN, is protected now."""
        found = self._tasks.get(task)
        return found is not None and found.until > _now()

    def clear(self) -> None:
        """Discard all state."""
        self._tasks.clear()

    async def _checked(self, request: Request) -> None:
        minutes = request.asked.get("expiresInMinutes", MINUTES)
        if not 1 <= minutes <= LONGEST:
            raise Refused("InvalidParameterException", f"expiresInMinutes is {minutes}")

    async def _updated(self, request: Request, said: Answer) -> None:
        wanted = request.asked["protectionEnabled"]
        seconds = request.asked.get("expiresInMinutes", MINUTES) * 60
        for task in await self._running(request, said):
            arn = task["taskArn"]
            self._tasks[arn] = _Protected(
                region=request.region,
                cluster=task["clusterArn"],
                service=task["group"].removeprefix("service:"),
                until=_now() + seconds if wanted else 0,
            )
            # One moment later, so that the protection is over by then.
            self._background.later(
                seconds + 0.1 if wanted else 0, functools.partial(self._settle, arn)
            )
            said["protectedTasks"].append(self._shown(arn))

    async def _told(self, request: Request, said: Answer) -> None:
        tasks = await self._running(request, said)
        said["protectedTasks"] = [self._shown(task["taskArn"]) for task in tasks]

    async def _running(self, request: Request, said: Answer) -> list[dict[str, Any]]:
        """Return the tasks of services that a request names, and note the others as failures."""
        named = request.asked.get("tasks", [])
        cluster = request.asked["cluster"]
        found = await beside(self._app, request, "DescribeTasks", cluster=cluster, tasks=named)
        said["failures"] = found.get("failures", [])
        tasks = []
        for task in found.get("tasks", []):
            if task["group"].startswith("service:") and task["lastStatus"] != "STOPPED":
                tasks.append(task)
            else:
                said["failures"].append({"arn": task["taskArn"], "reason": "TASK_NOT_VALID"})
        return tasks

    def _shown(self, arn: str) -> dict[str, Any]:
        if self.is_protected(arn):
            until = self._tasks[arn].until
            return {"taskArn": arn, "protectionEnabled": True, "expirationDate": until}
        return {"taskArn": arn, "protectionEnabled": False}

    async def _described(self, _request: Request, said: Answer) -> None:
        for service in said.get("services", []):
            self._drain(service)

    async def _deleted(self, _request: Request, said: Answer) -> None:
        if "service" in said:
            self._drain(said["service"])

    def _drain(self, service: dict[str, Any]) -> None:
        """Have a deleted service wait for its protected tasks."""
        place = service["clusterArn"], service["serviceName"]
        count = sum(
            (task.cluster, task.service) == place and self.is_protected(arn)
            for arn, task in self._tasks.items()
        )
        if count and service["status"] == "INACTIVE":
            service["status"], service["runningCount"] = "DRAINING", count

    def _stopped(self, _request: Request, said: Answer) -> None:
        self._tasks.pop(said["task"]["taskArn"], None)

    def _settle(self, arn: str) -> None:
        """Stop a task that is no longer protected, if its service has no use for it."""
        if arn not in self._tasks or self.is_protected(arn):
            return
        task = self._tasks.pop(arn)
        ecs = self._clients("ecs", task.region)
        [service] = ecs.describe_services(cluster=task.cluster, services=[task.service])["services"]
        if service["status"] == "ACTIVE":  # the scheduler of services looks again
            count = service["desiredCount"]
            ecs.update_service(cluster=task.cluster, service=task.service, desiredCount=count)
        else:
            ecs.stop_task(cluster=task.cluster, task=arn, reason="Service deleted")


def _now() -> float:
    return time.time()
