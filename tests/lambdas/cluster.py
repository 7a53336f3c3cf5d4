"""A small AWS in memory: just so much of ECR, ECS, SSM and SNS as the rollout's handler calls.

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
START = datetime(2024, 11, 23, 10, tzinfo=UTC)


class UnavailableError(Exception):
    """AWS didn't answer."""


class SameImageError(Exception):
    """The tag is on this very image."""


@dataclass
class Deployment:
    arn: str
    created: datetime
    image: str | None  # the digest, resolved at its start
    status: str = "IN_PROGRESS"


@dataclass
class Service:
    name: str
    repository: str
    desired: int = 0
    deployments: list[Deployment] = field(
        default_factory=lambda: [Deployment("arn:of:the:first", START, None, "SUCCESSFUL")]
    )

    @property
    def newest(self) -> Deployment:
        return self.deployments[-1]

    @property
    def runs(self) -> str | None:
        """The image of its tasks: the last that came up, for ECS rolls a failure back."""
        steady = [one.image for one in self.deployments if one.status == "SUCCESSFUL"]
        return steady[-1]


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
            name: Service(name, facts["repository"]) for name, facts in services.items()
        }
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

    def up(self, name: str) -> None:
        """Change the service's task definition, as `pulumi up` does: ECS deploys the pointer."""
        self._deploy(self.services[name])

    def settle(self, name: str) -> None:
        """Let the service's deployment come to its end."""
        service = self.services[name]
        for old in service.deployments[:-1]:
            if old.status == "IN_PROGRESS":  # a newer one took its place
                old.status = "STOPPED"
        if not service.deployments or service.newest.status != "IN_PROGRESS":
            return
        arn = f"arn:aws:ecs:ap-southeast-2:123456789012:service/{self.cluster}/{name}"
        if service.desired > 0 and service.newest.image in self.broken:
            service.newest.status = "ROLLBACK_SUCCESSFUL"
            if service.runs is None:
                service.newest.status = "STOPPED"
            for outcome in ("FAILED", "COMPLETED")[: 1 if service.runs is None else 2]:
                self._ended(arn, outcome)
        else:
            service.newest.status = "SUCCESSFUL"
            if service.desired == 0:
                service.newest.image = None
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
        image = self.tags[service.repository]["live"] if service.desired else None
        arn = f"arn:of:{service.name}:{next(self._numbers)}"
        service.deployments.append(Deployment(arn, self.now, image))

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
        forceNewDeployment: bool,  # noqa: N803
        desiredCount: int | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert cluster == self.cluster
        assert forceNewDeployment
        found = self.services[service]
        if desiredCount is not None:
            found.desired = desiredCount
        self._deploy(found)
        return {"service": {"serviceName": service, "desiredCount": found.desired}}

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        assert cluster == self.cluster
        return {
            "services": [
                {
                    "serviceName": name,
                    "desiredCount": self.services[name].desired,
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
                    "status": one.status,
                    "targetServiceRevisionArn": one.arn,
                }
                for place, one in enumerate(self.services[service].deployments)
            ]
        }

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
