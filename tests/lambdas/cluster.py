"""A small AWS in memory: just so much of ECR, ECS, Application Auto Scaling, SSM and SNS as the
rollout's handler calls.

Scaling acts as in local/gateway/scaling.py, where the sources stand: registering a scalable target
moves the desired count into its range, and an alarm raises even a service that has no tasks. No
task may start without an image, or while a secret is as it was created: the account notes it in
`unready`, which tests want empty.

Time moves only when a test moves it. People push and edit, ECS deploys; both leave events in
`events`, which a test delivers when, how often and in which order it likes. It answers through
boto3's own clients, so botocore's models check every request and every answer.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.validate import ParamValidator

REGISTRY = "123456789012.dkr.ecr.ap-southeast-2.amazonaws.com"
OCI = "application/vnd.oci.image.manifest.v1+json"
FIRST = "arn:of:the:first"  # deployment of each service, without tasks
START = datetime(2024, 11, 23, 10, tzinfo=UTC)


class UnavailableError(Exception):
    """AWS didn't answer."""


class SameImageError(Exception):
    """The tag is on this very image."""


@dataclass
class Deployment:
    arn: str
    created: datetime
    image: str | None  # the digest, resolved when its first task starts
    status: str = "IN_PROGRESS"
    active: bool = True  # its task definition can be deployed again


@dataclass
class Service:
    name: str
    repository: str
    desired: int = 0
    minimum: int = 0
    maximum: int = 1
    suspended: bool = True  # scaling by policies
    held: bool = False  # scheduled scaling is suspended: an operator stopped it
    deployments: list[Deployment] = field(
        default_factory=lambda: [Deployment(FIRST, START, None, "SUCCESSFUL")]
    )

    @property
    def newest(self) -> Deployment:
        return self.deployments[-1]

    @property
    def steady(self) -> Deployment | None:
        """The last deployment that succeeded: ECS rolls a failure back to it."""
        found = [one for one in self.deployments if one.status == "SUCCESSFUL"]
        return found[-1] if found else None

    @property
    def runs(self) -> str | None:
        """The image of its tasks."""
        return None if self.steady is None else self.steady.image


class Wire:
    """Between boto3's clients and the account: checks what goes over it by botocore's models."""

    aws: "Aws"

    def attach(self, client: Any) -> None:
        client.meta.events.register_first("before-parameter-build.*.*", self._keep)
        client.meta.events.register_first("before-call.*.*", self._answer)

    def _keep(self, *, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["asked"] = dict(params)

    def _answer(
        self, *, model: Any, context: dict[str, Any], **_: object
    ) -> tuple[AWSResponse, dict[str, Any]]:
        name = xform_name(model.name)
        self.aws.calls.append(name)
        if self.aws.fails(len(self.aws.calls)):
            raise UnavailableError(name)
        try:
            parsed = getattr(self.aws, name)(**context["asked"]) or {}
        except SameImageError:
            error = {"Code": "ImageAlreadyExistsException", "Message": "it is there"}
            return AWSResponse("", 400, HTTPHeaders(), None), {"Error": error}
        if model.output_shape is not None:
            report = ParamValidator().validate(parsed, model.output_shape)
            assert not report.has_errors(), report.generate_report()
        return AWSResponse("", 200, HTTPHeaders(), None), parsed


class Aws:
    """One account: people and ECS act on it, the handler asks it."""

    def __init__(self, cluster: str, services: dict[str, dict[str, Any]]) -> None:
        self.cluster = cluster
        self.now = START
        self.services = {
            name: Service(name, facts["repository"], maximum=facts["maximum"])
            for name, facts in services.items()
        }
        self.reads = {name: facts["parameters"] for name, facts in services.items()}
        self.by_hand: frozenset[str] = frozenset()  # parameters that are placeholders at first
        self.unready: list[str] = []  # services whose tasks started without all they need
        self.tags: dict[str, dict[str, str]] = {
            facts["repository"]: {} for facts in services.values()
        }
        self.versions = {name: 1 for facts in services.values() for name in facts["parameters"]}
        self.broken: set[str] = set()  # images whose containers don't come up
        self.events: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.mail: list[dict[str, str]] = []
        self.fails: Callable[[int], bool] = lambda _number: False
        self._numbers = itertools.count(1)

    # What people and ECS do.

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def event(self, source: str, kind: str, detail: object, *resources: str) -> dict[str, Any]:
        made = {
            "version": "0",
            "id": str(next(self._numbers)),
            "source": source,
            "detail-type": kind,
            "time": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "resources": list(resources),
            "detail": detail,
        }
        self.events.append(made)
        return made

    def push(self, repository: str, digest: str, tag: str) -> dict[str, Any]:
        self.tags[repository][tag] = digest
        detail = {
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": digest,
            "action-type": "PUSH",
            "image-tag": tag,
        }
        return self.event("aws.ecr", "ECR Image Action", detail)

    def edit(self, name: str) -> dict[str, Any]:
        self.versions[name] += 1
        detail = {"operation": "Update", "name": name, "type": "SecureString"}
        return self.event("aws.ssm", "Parameter Store Change", detail)

    def up(self, name: str, *, deregister: bool = False) -> None:
        """Change the service's task definition, as `pulumi up` does: ECS deploys the pointer.

        Args:
            name: the service.
            deregister: the revisions before are INACTIVE from then on.
        """
        service = self.services[name]
        if deregister:
            for one in service.deployments:
                one.active = False
        self._deploy(service)

    def scale(self, name: str, change: int) -> None:
        """An alarm whose action is a scaling policy: so many tasks more, or fewer."""
        service = self.services[name]
        wanted = service.desired + change
        if service.suspended:
            return
        if change > 0:
            wanted = min(max(wanted, service.minimum), service.maximum)
            self._count(service, max(service.desired, wanted))
        else:
            self._count(service, min(service.desired, max(wanted, service.minimum)))

    def _count(self, service: Service, count: int) -> None:
        """Change the desired count, without a deployment."""
        before, service.desired = service.desired, count
        if count > before:
            self._task(service, service.newest)

    def _task(self, service: Service, deployment: Deployment) -> None:
        """A task of the deployment starts."""
        if deployment.image is None:
            deployment.image = self.tags[service.repository].get("live")
        missing = [n for n in self.reads[service.name] if n in self.by_hand]
        if deployment.image is None or any(self.versions[name] < 2 for name in missing):
            self.unready.append(service.name)

    def running(self, name: str) -> int:
        """How many of the service's tasks run: none of an image whose containers don't come up."""
        service = self.services[name]
        return 0 if service.runs is None or service.runs in self.broken else service.desired

    def settle(self, name: str) -> None:
        """Let the service's deployment come to its end."""
        service = self.services[name]
        for old in service.deployments[:-1]:
            if old.status == "IN_PROGRESS":  # a newer one took its place
                old.status = "STOPPED"
        if not service.deployments or service.newest.status != "IN_PROGRESS":
            return
        arn = f"arn:aws:ecs:ap-southeast-2:123456789012:service/{self.cluster}/{name}"
        if service.desired > 0 and service.newest.image in {None, *self.broken}:
            back = service.steady
            if back is None or back.arn == FIRST:
                service.newest.status = "STOPPED"
            elif back.active:
                self._task(service, back)
                good = back.image not in {None, *self.broken}
                service.newest.status = "ROLLBACK_SUCCESSFUL" if good else "ROLLBACK_FAILED"
            else:
                service.newest.status = "ROLLBACK_FAILED"
            self._ended(arn, "FAILED")
            if service.newest.status == "ROLLBACK_SUCCESSFUL":
                self._ended(arn, "COMPLETED")
        else:  # at no tasks, too, whatever the image
            service.newest.status = "SUCCESSFUL"
            self._ended(arn, "COMPLETED")

    def _ended(self, arn: str, outcome: str) -> None:
        detail = {
            "eventType": "ERROR" if outcome == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{outcome}",
            "deploymentId": "ecs-svc/1",
            "updatedAt": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
            "reason": "ECS deployment circuit breaker: tasks failed to start.",
        }
        self.event("aws.ecs", "ECS Deployment State Change", detail, arn)

    def _deploy(self, service: Service) -> None:
        arn = f"arn:of:{service.name}:{next(self._numbers)}"
        service.deployments.append(Deployment(arn, self.now, None))
        if service.desired:
            self._task(service, service.newest)

    # What the handler asks for.

    def describe_images(
        self,
        *,
        repositoryName: str,  # noqa: N803
        nextToken: str = "",  # noqa: N803
        **_: object,
    ) -> dict[str, Any]:
        tags = self.tags[repositoryName]
        details = [
            {"imageDigest": digest, "imageTags": [tag for tag in tags if tags[tag] == digest]}
            for digest in sorted(set(tags.values()))
        ]
        if nextToken:
            return {"imageDetails": details[1:]}
        return {"imageDetails": details[:1]} | ({"nextToken": "1"} if details[1:] else {})

    def batch_get_image(
        self,
        *,
        repositoryName: str,  # noqa: N803
        imageIds: list[dict[str, str]],  # noqa: N803
        acceptedMediaTypes: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        assert OCI in acceptedMediaTypes
        tags = self.tags[repositoryName]
        images = []
        for asked in imageIds:
            digest = asked.get("imageDigest") or tags.get(asked["imageTag"])
            if digest is not None and digest in tags.values():
                images.append(
                    {
                        "imageId": {**asked, "imageDigest": digest},
                        "imageManifest": f'{{"config": "of {digest}"}}',
                        "imageManifestMediaType": OCI,
                    }
                )
        return {"images": images, "failures": []}

    def put_image(
        self,
        *,
        repositoryName: str,  # noqa: N803
        imageManifest: str,  # noqa: N803
        imageManifestMediaType: str,  # noqa: N803
        imageDigest: str,  # noqa: N803
        imageTag: str,  # noqa: N803
    ) -> None:
        assert imageDigest in imageManifest
        assert imageManifestMediaType == OCI
        if self.tags[repositoryName].get(imageTag) == imageDigest:
            raise SameImageError
        # As on AWS, the function's own tags are pushes too.
        self.push(repositoryName, imageDigest, imageTag)

    def update_service(
        self,
        *,
        cluster: str,
        service: str,
        forceNewDeployment: bool = False,  # noqa: N803
        desiredCount: int | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert cluster == self.cluster
        found = self.services[service]
        if not forceNewDeployment:
            assert desiredCount is not None
            self._count(found, desiredCount)
        else:
            found.desired = found.desired if desiredCount is None else desiredCount
            self._deploy(found)
        return {"service": {"serviceName": service, "desiredCount": found.desired}}

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        assert cluster == self.cluster
        return {
            "services": [
                {
                    "serviceName": name,
                    "desiredCount": self.services[name].desired,
                    "runningCount": self.running(name),
                    "pendingCount": 0,
                    "deployments": [
                        {"createdAt": one.created} for one in self.services[name].deployments
                    ],
                }
                for name in services
            ]
        }

    def list_service_deployments(self, *, cluster: str, service: str) -> dict[str, Any]:
        assert cluster == self.cluster
        return {
            "serviceDeployments": [
                {
                    "createdAt": one.created + timedelta(milliseconds=place),
                    "serviceDeploymentArn": one.arn,
                    "status": one.status,
                    "targetServiceRevisionArn": one.arn,
                }
                for place, one in enumerate(self.services[service].deployments)
            ]
        }

    def describe_service_deployments(
        self,
        *,
        serviceDeploymentArns: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        assert 1 <= len(serviceDeploymentArns) <= 20
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": one.arn,
                    "status": one.status,
                    "targetServiceRevision": {
                        "arn": one.arn,
                        # Tasks of now: those of a deployment that another replaced are gone.
                        "runningTaskCount": self.running(name) if one is service.steady else 0,
                    },
                }
                for name, service in self.services.items()
                for one in service.deployments
                if one.arn in serviceDeploymentArns
            ]
        }

    def describe_scalable_targets(
        self,
        *,
        ServiceNamespace: str,  # noqa: N803
        ResourceIds: list[str],  # noqa: N803
        ScalableDimension: str,  # noqa: N803
    ) -> dict[str, Any]:
        known = {f"service/{self.cluster}/{one.name}": one for one in self.services.values()}
        return {
            "ScalableTargets": [
                {
                    "ServiceNamespace": ServiceNamespace,
                    "ResourceId": name,
                    "ScalableDimension": ScalableDimension,
                    "MinCapacity": known[name].minimum,
                    "MaxCapacity": known[name].maximum,
                    "RoleARN": "arn:of:a:role",
                    "CreationTime": START,
                    "SuspendedState": {
                        "DynamicScalingInSuspended": known[name].suspended,
                        "DynamicScalingOutSuspended": known[name].suspended,
                        "ScheduledScalingSuspended": known[name].held,
                    },
                }
                for name in ResourceIds
                if name in known
            ]
        }

    def register_scalable_target(
        self,
        *,
        ServiceNamespace: str,  # noqa: N803
        ResourceId: str,  # noqa: N803
        ScalableDimension: str,  # noqa: N803
        MinCapacity: int,  # noqa: N803
        MaxCapacity: int,  # noqa: N803
        SuspendedState: dict[str, bool],  # noqa: N803
    ) -> None:
        assert (ServiceNamespace, ScalableDimension) == ("ecs", "ecs:service:DesiredCount")
        prefix, cluster, name = ResourceId.split("/")
        assert (prefix, cluster) == ("service", self.cluster)
        assert 0 <= MinCapacity <= MaxCapacity
        service = self.services[name]
        service.minimum, service.maximum = MinCapacity, MaxCapacity
        service.suspended = SuspendedState["DynamicScalingOutSuspended"]
        assert SuspendedState["DynamicScalingInSuspended"] == service.suspended
        service.held = SuspendedState["ScheduledScalingSuspended"]
        self._count(service, min(max(service.desired, MinCapacity), MaxCapacity))

    # What an operator does (operate/restart.py).

    def hold(self, name: str) -> None:
        """Stop a service: all scaling suspended, the minimum 0, no tasks."""
        service = self.services[name]
        service.minimum, service.suspended, service.held = 0, True, True
        self._count(service, 0)

    def release(self, name: str) -> None:
        """Leave the service to the function again."""
        self.services[name].held = False

    def describe_service_revisions(self, *, serviceRevisionArns: list[str]) -> dict[str, Any]:  # noqa: N803
        return {
            "serviceRevisions": [
                {
                    "serviceRevisionArn": one.arn,
                    "containerImages": [
                        {"image": f"{REGISTRY}/{service.repository}:live"}
                        | ({} if one.image is None else {"imageDigest": one.image})
                    ],
                }
                for service in self.services.values()
                for one in service.deployments
                if one.arn in serviceRevisionArns
            ]
        }

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        assert not WithDecryption
        assert 1 <= len(Names) <= 10
        return {
            "Parameters": [
                {"Name": name, "Version": self.versions[name], "Value": "AQICAHh…"}
                for name in Names
            ]
        }

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803
        self.mail.append({"topic": TopicArn, "subject": Subject, "message": Message})
