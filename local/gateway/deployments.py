"""ECS's record of deployments, and what becomes of them.

ListServiceDeployments, DescribeServiceDeployments and DescribeServiceRevisions, with the digest
that each container's image had when the first task of its deployment started, and the rollout state
in DescribeServices. After tasks that end the circuit breaker goes back to the last deployment that
succeeded.

A deployment is steady, and succeeds, when as many tasks run as the service asks for: at 0 tasks,
whatever the image (botocore's ECS model, Deployment.rolloutState). A change of the desired count
alone starts no deployment (UpdateService.desiredCount); tasks that then can't start are told in an
event (ECS developer guide, "Amazon ECS service action events").

A deregistered task definition is INACTIVE: no service can be created with it or updated to it, by
the circuit breaker neither (botocore's ECS model, DeregisterTaskDefinition; AWS allows up to ten
minutes until that holds, here it holds immediately).
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .background import MOMENT, Background
from .bus import Bus
from .calls import Answer, Part, Refused, Request
from .clients import Clients
from .containers import resolved
from .deployment import Deployment

ECS: Final = "AmazonEC2ContainerServiceV20141113"
KEPT: Final = 1000  # deployments of a service
# What starts a deployment, besides forceNewDeployment (botocore's ECS model, UpdateService).
TRIGGERS: Final = (
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)

log = logging.getLogger("gateway")


class Deployments:
    """ECS's record of deployments, and what becomes of them."""

    def __init__(self, clients: Clients, background: Background, bus: Bus) -> None:
        self._clients = clients
        self._background = background
        self._bus = bus
        self._of: dict[str, list[Deployment]] = {}  # service ARN -> oldest first
        self._asked: dict[str, dict[str, Any]] = {}  # service ARN -> TRIGGERS as they were sent
        self._inactive: set[str] = set()  # ARNs of task definitions
        self.part = Part(
            answers={
                (ECS, "ListServiceDeployments"): self.listed,
                (ECS, "DescribeServiceDeployments"): self.described,
                (ECS, "DescribeServiceRevisions"): self.revisions,
            },
            checks={
                (ECS, "CreateService"): self._definition_checked,
                (ECS, "UpdateService"): self._definition_checked,
                (ECS, "RunTask"): self._definition_checked,
            },
            mends={(ECS, "DescribeServices"): self._services_described},
            follows={
                (ECS, "DeregisterTaskDefinition"): self._deregistered,
                (ECS, "CreateService"): self._service_changed,
                (ECS, "UpdateService"): self._service_changed,
                (ECS, "DeleteService"): self._service_removed,
            },
        )

    def _service_changed(self, request: Request, said: Answer) -> None:
        self.changed(request.asked, said["service"], request.region)

    def _service_removed(self, _request: Request, said: Answer) -> None:
        self.removed(said["service"]["serviceArn"])

    def _deregistered(self, _request: Request, said: Answer) -> None:
        self._inactive.add(said["taskDefinition"]["taskDefinitionArn"])

    async def _definition_checked(self, request: Request) -> None:
        asked = str(request.asked.get("taskDefinition", ""))
        if self._is_inactive(asked):
            raise Refused("ClientException", "TaskDefinition is inactive")

    def _is_inactive(self, definition: str) -> bool:
        """Whether a revision, by its ARN or as FAMILY:REVISION, is deregistered."""
        named = definition.rpartition("/")[2]
        return any(arn.rpartition("/")[2] == named for arn in self._inactive)

    async def _services_described(self, _request: Request, said: Answer) -> None:
        for service in said.get("services", []):
            self.overlay(service)

    def changed(self, asked: dict[str, Any], service: dict[str, Any], region: str) -> None:
        """Note what CreateService or UpdateService did, and a deployment if it starts one."""
        arn = service["serviceArn"]
        before = self._asked.setdefault(arn, {})
        known = self._of.setdefault(arn, [])
        triggered = [key for key in TRIGGERS if key in asked and before.get(key) != asked[key]]
        before.update({key: asked[key] for key in triggered})
        if known and not (
            triggered
            or asked.get("forceNewDeployment")
            or known[-1].service["taskDefinition"] != service["taskDefinition"]
        ):
            self._counted(known[-1], service["desiredCount"])
            return
        path = f"arn:aws:ecs:{':'.join(arn.split(':')[3:5])}"
        place = arn.split("/", 1)[1]
        deployment = Deployment(
            arn=f"{path}:service-deployment/{place}/{secrets.token_urlsafe(16)}",
            revision=f"{path}:service-revision/{place}/{secrets.randbelow(10**19):019d}",
            service=service,
            region=region,
            source=known[-1].revision if known else None,
            created=time.time(),
        )
        known.append(deployment)
        del known[:-KEPT]
        self._background.later(0, lambda: self._begin(deployment))

    def resize(self, region: str, cluster: str, service: str, count: int) -> None:
        """Set a service's desired count, as Application Auto Scaling does."""
        said = self._clients("ecs", region).update_service(
            cluster=cluster, service=service, desiredCount=count
        )
        known = self._of.get(said["service"]["serviceArn"])
        if known:
            self._counted(known[-1], count)

    def _counted(self, newest: Deployment, count: int) -> None:
        """Note a desired count that came without a deployment."""
        more = count > newest.tasks
        newest.service["desiredCount"] = count
        if more:
            self._background.later(0, lambda: self._grow(newest))

    def removed(self, arn: str) -> None:
        """Forget a service."""
        self._of.pop(arn, None)
        self._asked.pop(arn, None)

    def clear(self) -> None:
        """Forget all services."""
        self._of.clear()
        self._asked.clear()
        self._inactive.clear()

    # What becomes of a deployment, in the background.

    def _resolve(self, deployment: Deployment) -> None:
        """Find the images for a deployment's first task: without one ECS resolves none."""
        known = any("imageDigest" in image for image in deployment.images)
        if deployment.tasks > 0 and not known:
            deployment.images, deployment.broken = resolved(
                self._clients, deployment.region, deployment.service["taskDefinition"]
            )

    def _grow(self, newest: Deployment) -> None:
        """Start tasks that a higher desired count asks for."""
        if newest.status != "SUCCESSFUL":
            return  # its end, or that of its rollback, sees the count
        self._resolve(newest)
        if newest.tasks > 0 and newest.broken:
            self._bus.emit(
                newest.region,
                "aws.ecs",
                "ECS Service Action",
                {
                    "eventType": "WARN",
                    "eventName": "SERVICE_TASK_START_IMPAIRED",
                    "clusterArn": newest.service["clusterArn"],
                    "createdAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                },
                newest.service["serviceArn"],
            )

    def _begin(self, deployment: Deployment) -> None:
        self._resolve(deployment)
        deployment.started = time.time()
        self._becomes(deployment, "IN_PROGRESS")
        self._tell(deployment, "INFO", "IN_PROGRESS", "in progress.")
        self._background.later(MOMENT, lambda: self._end(deployment))

    def _end(self, deployment: Deployment) -> None:
        known = self._of.get(deployment.service["serviceArn"]) or [deployment]
        if known[-1] is not deployment:
            deployment.finished = time.time()
            self._becomes(deployment, "STOPPED", "Superseded by a newer deployment.")
            return
        self._resolve(deployment)
        if not deployment.broken or deployment.tasks == 0:
            deployment.finished = time.time()
            self._becomes(deployment, "SUCCESSFUL")
            self._tell(deployment, "INFO", "COMPLETED", "completed.")
            return
        breaker = (deployment.service.get("deploymentConfiguration") or {}).get(
            "deploymentCircuitBreaker"
        ) or {}
        if not breaker.get("enable"):
            return  # ECS goes on starting tasks, for ever
        reason = f"ECS deployment circuit breaker: tasks failed to start: {deployment.broken}"
        steady = [one for one in known if one.status == "SUCCESSFUL"]
        if breaker.get("rollback") and steady and steady[-1].images:
            deployment.rollback = {
                "reason": reason,
                "startedAt": time.time(),
                "serviceRevisionArn": steady[-1].revision,
            }
            self._becomes(deployment, "ROLLBACK_IN_PROGRESS", reason)
            self._background.later(MOMENT, lambda: self._return(deployment, steady[-1]))
        else:
            deployment.finished = time.time()
            self._becomes(deployment, "STOPPED", reason)
        self._tell(deployment, "ERROR", "FAILED", reason, whole=True)

    def _return(self, deployment: Deployment, good: Deployment) -> None:
        """Go back to the revision of `good`."""
        service = deployment.service
        if self._of.get(service["serviceArn"], [deployment])[-1] is not deployment:
            deployment.finished = time.time()
            self._becomes(deployment, "STOPPED", "Superseded by a newer deployment.")
            return
        why = f"the images of {good.revision}: {good.broken}" if good.broken else ""
        if self._is_inactive(good.service["taskDefinition"]):
            why = f"{good.service['taskDefinition']} is inactive"
        if why and deployment.tasks > 0:
            deployment.finished = time.time()
            self._becomes(deployment, "ROLLBACK_FAILED", f"{deployment.reason}; {why}")
            return
        self._clients("ecs", deployment.region).update_service(
            cluster=service["clusterArn"],
            service=service["serviceArn"],
            taskDefinition=good.service["taskDefinition"],
        )
        service["taskDefinition"] = good.service["taskDefinition"]
        deployment.finished = time.time()
        self._becomes(deployment, "ROLLBACK_SUCCESSFUL", deployment.reason)
        self._tell(deployment, "INFO", "COMPLETED", "completed.")

    def _becomes(self, deployment: Deployment, status: str, reason: str = "") -> None:
        deployment.status, deployment.reason = status, reason
        deployment.updated = time.time()
        log.info("%s: %s %s", deployment.arn.split("/", 1)[1], status, reason)

    def _tell(
        self, deployment: Deployment, kind: str, name: str, reason: str, *, whole: bool = False
    ) -> None:
        service = deployment.service
        listed = service.get("deployments") or [{}]
        own = listed[0].get("id", deployment.arn)
        detail = {
            "eventType": kind,
            "eventName": f"SERVICE_DEPLOYMENT_{name}",
            "deploymentId": own,
            "updatedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "reason": reason if whole else f"ECS deployment {own} {reason}",
        }
        self._bus.emit(
            deployment.region,
            "aws.ecs",
            "ECS Deployment State Change",
            detail,
            service["serviceArn"],
        )

    # What ECS answers.

    def listed(self, asked: Mapping[str, Any], region: str) -> dict[str, Any]:
        """ListServiceDeployments."""
        service = str(asked.get("service", "")).rsplit("/", 1)[-1]
        cluster = str(asked.get("cluster", "default")).rsplit("/", 1)[-1]
        found = [
            one.brief()
            for arn, known in self._of.items()
            if arn.split(":", 5)[3] == region and arn.endswith(f":service/{cluster}/{service}")
            for one in reversed(known)
        ]
        wanted = asked.get("status")
        within = asked.get("createdAt") or {}
        found = [
            one
            for one in found
            if (not wanted or one["status"] in wanted)
            and within.get("after", 0) <= one["createdAt"] <= within.get("before", 2**40)
        ]
        start, size = int(asked.get("nextToken") or 0), int(asked.get("maxResults") or 20)
        more = {"nextToken": str(start + size)} if len(found) > start + size else {}
        return {"serviceDeployments": found[start : start + size], **more}

    def described(self, asked: Mapping[str, Any], _region: str) -> dict[str, Any]:
        """DescribeServiceDeployments."""
        return self._found(
            "serviceDeployment", asked, lambda one: (one.arn, one.whole(self._running(one)))
        )

    def _running(self, deployment: Deployment) -> int:
        """How many tasks of a deployment's revision run: those of the last that succeeded."""
        known = self._of.get(deployment.service["serviceArn"], [])
        steady = [one for one in known if one.status == "SUCCESSFUL"]
        runs = steady and steady[-1] is deployment and deployment.proven
        return known[-1].tasks if runs else 0

    def revisions(self, asked: Mapping[str, Any], _region: str) -> dict[str, Any]:
        """DescribeServiceRevisions."""
        return self._found("serviceRevision", asked, lambda one: (one.revision, one.revised()))

    def _found(
        self,
        what: str,
        asked: Mapping[str, Any],
        shown: Callable[[Deployment], tuple[str, dict[str, Any]]],
    ) -> dict[str, Any]:
        there = dict(shown(one) for known in self._of.values() for one in known)
        arns = asked.get(f"{what}Arns") or []
        return {
            f"{what}s": [there[arn] for arn in arns if arn in there],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in there],
        }

    def overlay(self, service: dict[str, Any]) -> None:
        """Have DescribeServices say what became of the newest deployment."""
        known = self._of.get(service.get("serviceArn", ""))
        if not known or not service.get("deployments"):
            return
        newest, primary = known[-1], service["deployments"][0]
        running = newest.status in {"PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}
        failed = newest.broken and newest.status == "STOPPED"
        primary["rolloutState"] = "IN_PROGRESS" if running else "FAILED" if failed else "COMPLETED"
        if newest.reason:
            primary["rolloutStateReason"] = newest.reason
        if newest.broken and not any(one.proven for one in known):
            service["runningCount"] = primary["runningCount"] = 0
