"""A deployment of an ECS service, in the shapes of ECS's answers."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Deployment:
    """A service's deployment, and the revision that it brings."""

    arn: str
    revision: str
    service: dict[str, Any]  # as UpdateService answered
    region: str
    source: str | None  # the revision before
    created: float
    status: str = "PENDING"
    reason: str = ""
    started: float | None = None
    finished: float | None = None
    updated: float = 0.0
    images: list[dict[str, str]] = field(default_factory=list)
    broken: str = ""  # why its tasks don't run
    rollback: dict[str, Any] | None = None

    @property
    def tasks(self) -> int:
        """Tasks asked for; the newest deployment of a service has its desired count."""
        return int(self.service.get("desiredCount", 0))

    def brief(self) -> dict[str, Any]:
        """As ListServiceDeployments has it."""
        return present(
            serviceDeploymentArn=self.arn,
            serviceArn=self.service["serviceArn"],
            clusterArn=self.service["clusterArn"],
            createdAt=self.created,
            startedAt=self.started,
            finishedAt=self.finished,
            targetServiceRevisionArn=self.revision,
            status=self.status,
            statusReason=self.reason or None,
        )

    @property
    def proven(self) -> bool:
        """Whether it succeeded with an image whose tasks run."""
        return self.status == "SUCCESSFUL" and bool(self.images) and not self.broken

    def whole(self, running: int) -> dict[str, Any]:
        """As DescribeServiceDeployments has it, with `running` tasks of the revision."""
        brief = self.brief()
        target = brief.pop("targetServiceRevisionArn")
        failed = self.broken and self.rollback is not None
        return brief | present(
            updatedAt=self.updated or self.created,
            targetServiceRevision={
                "arn": target,
                "requestedTaskCount": self.tasks,
                "runningTaskCount": running,
                "pendingTaskCount": 0,
            },
            sourceServiceRevisions=[{"arn": self.source}] if self.source else [],
            deploymentConfiguration=self.service.get("deploymentConfiguration"),
            rollback=self.rollback,
            deploymentCircuitBreaker={
                "status": "TRIGGERED" if failed else "MONITORING_COMPLETE",
                "failureCount": 3 if failed else 0,
                "threshold": 3,
            },
        )

    def revised(self) -> dict[str, Any]:
        """The revision as DescribeServiceRevisions has it."""
        service = self.service
        return present(
            serviceRevisionArn=self.revision,
            serviceArn=service["serviceArn"],
            clusterArn=service["clusterArn"],
            taskDefinition=service["taskDefinition"],
            launchType=service.get("launchType"),
            capacityProviderStrategy=service.get("capacityProviderStrategy"),
            platformVersion=service.get("platformVersion"),
            networkConfiguration=service.get("networkConfiguration"),
            loadBalancers=service.get("loadBalancers"),
            serviceRegistries=service.get("serviceRegistries"),
            containerImages=self.images,
            createdAt=self.created,
        )


def present(**members: Any) -> dict[str, Any]:
    """The members that there are."""
    return {name: value for name, value in members.items() if value is not None}
