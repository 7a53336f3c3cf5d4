"""The services of a stack: what runs, which image, and how the last deployment ended."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from operate.account import Account
from operate.errors import OperateError

# One image, two services.
BACKEND: Final = "backend"
ENDED: Final = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
# The tags that the rollout function sets itself (lambdas/rollout).
_OWN: Final = re.compile(r"live(-good)?|rolled-\d{8}T\d{6}Z")
_AT_ONCE: Final = 10  # services that DescribeServices takes (ECS API)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment of a service, from ECS's own record."""

    arn: str
    status: str
    reason: str
    began: datetime
    ended: datetime | None
    image: str  # digest that the service is left with, or runs until it has ended; "" when none

    @property
    def at_work(self) -> bool:
        """Whether its end is still to come."""
        return self.status not in ENDED


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, as ECS has it at this moment."""

    name: str
    short: str  # without the stack's prefix
    running: int
    desired: int
    pending: int
    shells: bool  # whether its new tasks take `make shell`
    pauses: bool  # whether it is away while it is restarted
    deployment: Deployment | None
    tags: tuple[str, ...] = ()  # that people gave to the image


class Services:
    """Asks about the services of the stack's cluster."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._ecs = account.client("ecs")
        self._cluster = account.stack.cluster

    def names(self) -> list[str]:
        """All of the cluster; raises OperateError when there is no cluster."""
        clusters = self._ecs.describe_clusters(clusters=[self._cluster])["clusters"]
        if not any(each["status"] == "ACTIVE" for each in clusters):
            raise self._account.nothing_deployed
        pages = self._ecs.get_paginator("list_services").paginate(cluster=self._cluster)
        return sorted(arn.rsplit("/", 1)[1] for page in pages for arn in page["serviceArns"])

    def chosen(self, service: str, *, one: bool = False) -> list[str]:
        """The services that SERVICE=... means: one by its short name, or the backend's two.

        Raises:
            OperateError: it means none, or more than the `one` that is asked for.
        """
        names = self.names()
        short = {self.short(name): name for name in names}
        allowed = list(short)
        if not one and any(key.startswith(f"{BACKEND}-") for key in short):
            allowed.append(BACKEND)
        if service in short:
            return [short[service]]
        if service == BACKEND and service in allowed:
            return [name for key, name in short.items() if key.startswith(f"{BACKEND}-")]
        said = f"SERVICE={service} is none" if service else "there is no SERVICE=..."
        raise OperateError(f"{said}; allowed: one of {', '.join(allowed)}")

    def short(self, name: str) -> str:
        """A service's name without the stack's prefix."""
        return name.removeprefix(f"{self._account.stack.prefix}-")

    def described(self, names: Sequence[str]) -> list[Service]:
        """The services as they are now, in this order."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(names), _AT_ONCE):
            answer = self._ecs.describe_services(
                cluster=self._cluster, services=list(names[start : start + _AT_ONCE])
            )
            found |= {each["serviceName"]: each for each in answer["services"]}
        return [self._service(found[name]) for name in names if name in found]

    def _service(self, entry: Mapping[str, Any]) -> Service:
        name = str(entry["serviceName"])
        listed = self._ecs.list_service_deployments(
            cluster=self._cluster, service=name, maxResults=1
        )["serviceDeployments"]
        deployment, repository = self._deployment(listed[0]) if listed else (None, "")
        image = deployment.image if deployment else ""
        configuration = entry.get("deploymentConfiguration") or {}
        return Service(
            name=name,
            short=self.short(name),
            running=entry["runningCount"],
            desired=entry["desiredCount"],
            pending=entry["pendingCount"],
            shells=bool(entry.get("enableExecuteCommand")),
            pauses=configuration.get("minimumHealthyPercent", 100) == 0,
            deployment=deployment,
            tags=self._tags(repository, image) if image else (),
        )

    def _deployment(self, brief: Mapping[str, Any]) -> tuple[Deployment, str]:
        """The deployment, and the repository of its image."""
        arn = brief["serviceDeploymentArn"]
        whole = self._ecs.describe_service_deployments(serviceDeploymentArns=[arn])[
            "serviceDeployments"
        ][0]
        status = whole["status"]
        target = whole["targetServiceRevision"]["arn"]
        before = [each["arn"] for each in whole.get("sourceServiceRevisions") or []]
        back = (whole.get("rollback") or {}).get("serviceRevisionArn")
        if back:
            revision = back
        elif status == "SUCCESSFUL" or not before:
            revision = target
        else:
            revision = before[0]
        repository, image = self._image(revision)
        return (
            Deployment(
                arn=arn,
                status=status,
                reason=str(whole.get("statusReason") or ""),
                began=whole["createdAt"],
                ended=whole.get("finishedAt"),
                image=image,
            ),
            repository,
        )

    def _image(self, revision: str) -> tuple[str, str]:
        """Repository and digest of the image that a service revision runs; empty when unknown."""
        answer = self._ecs.describe_service_revisions(serviceRevisionArns=[revision])
        for each in answer["serviceRevisions"]:
            for image in each.get("containerImages") or []:
                if image.get("imageDigest"):
                    repository = re.split("[:@]", image["image"].partition("/")[2])[0]
                    return repository, image["imageDigest"]
        return "", ""

    def _tags(self, repository: str, digest: str) -> tuple[str, ...]:
        try:
            found = self._account.client("ecr").describe_images(
                repositoryName=repository, imageIds=[{"imageDigest": digest}]
            )["imageDetails"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ImageNotFoundException":
                raise
            return ()
        tags = {tag for image in found for tag in image.get("imageTags") or []}
        return tuple(sorted((tag for tag in tags if not _OWN.fullmatch(tag)), reverse=True))


def digests(services: Iterable[Service]) -> str:
    """The images of these services, each once, in words."""
    images = dict.fromkeys(s.deployment.image for s in services if s.deployment)
    return ", ".join(brief(image) for image in images if image) or "no image"


def brief(digest: str) -> str:
    """A digest by the characters that people compare."""
    return digest[: len("sha256:") + 12]
