"""Makes ECS services roll by themselves: after a push, after a secret's change, after a failure.

Task definitions name `REPOSITORY_URL:live`. The tag `live` (POINTER) is this function's: it puts
it on the image that shall run and forces new deployments, for which ECS resolves the tag once.
People push with any other tag. Per repository these tags are kept:

- `live`: the image that runs, or is being rolled out;
- `live-good`: the image that ran last with every service of the repository that has tasks;
- `rolled-TIME` (`rolled-20241123T101500Z`): a push at that time was rolled out with this image.

A push (event "ECR Image Action"). Events come at least once and in any order, so one fact decides:
the event's own time, against the times noted in the repository. `imagePushedAt` can't, because it
is an image's first push: an older image that is pushed again under a new tag (a rollback by hand)
keeps it. A push is rolled out if it is newer than the newest note on the image that runs, and isn't
noted on its own image yet. So late events lose, repeated ones do nothing, a failed push isn't tried
again, and a rollback by hand wins as the newest push. The note is written last: an attempt that
broke off has none, so its repetition goes on where it broke off: if the pointer is there already,
those services roll that ECS has with another image. (CI pushes one image under two tags, too: the
second push rolls nothing, but is noted.) Two pushes in one second are ordered by
digest, any order being as good. Pushes without a tag (parts of multi-architecture images), of
signatures, attestations and build caches, and images that lost their tags since are left alone.
A note costs a call, but no database and no drift, and lives as long as its image.

A changed secret ("Parameter Store Change", Update). Tasks read secrets at their start, so a service
whose newest deployment is younger than the edit has the new value: nothing to do. One edit is one
roll, and a burst of edits is one roll if the events wait in a queue with a delay: the first to come
through rolls, and the others find a deployment younger than themselves.

Starting. A service at 0 tasks is started with `start` of them, and scales from `minimum` to
`maximum`, once there is an image behind the pointer and every secret that people must fill was
filled: until then it waits, and the log says for what. That is asked before any deployment of this
function's, whatever the number of tasks: a service that runs keeps what it runs, and one that
something else raised from 0 goes back to 0. What a service must be (counts.py) is looked at after
each of its deployments and every few minutes (events "Scheduled Event", and Look), which is when
changed settings of `pulumi up` come to act. An operator who suspends all scaling of a service has
it to himself: neither a push nor an edit starts it.
Whether a secret was filled is told by its version: 1 is as created. So no value is needed:
GetParameters *without* decryption answers with the version and an encrypted value. The account's
aws/ssm key would decrypt for whoever may read the parameter, hence the Deny below.

A deployment's end ("ECS Deployment State Change"). What runs is read from ECS's own record (service
deployments and revisions), not from the event, because a rollback ends in COMPLETED too.
While the record lags behind the event, the event must come again.
One fact decides what is good: the image of the last deployment that succeeded and has tasks that
run, of every service of the repository that is to have tasks. (A deployment also succeeds at 0
tasks, even with an image whose tasks were failing when the number fell to 0: that proves nothing.)
Each deployment's end, however late, finds it, and notes it before anything else. Where services run
different images, or none, or ECS has forgotten (after 90 days: its Developer Guide, "View service
history"), the note stays what it was.
FAILED: the circuit breaker rolls the service itself back; the pointer goes back to the good image,
or the next deployment would bring the broken one again; services of the repository that are left
with another image than the good one are rolled with it (flask and celery are one application), and
people are told. If a newer deployment has begun since, or there is no good image yet, the pointer
stays.
To try a failed image again, push it under a new tag.

Running hours (night.py). Where the stack is stopped for the night, a push still moves the pointer,
and an edit is still known, but no service is started before the morning. A service without tasks
isn't deployed at all: its start does that.

Everything else is ignored. Each decision is one line in the log. An error is raised, for the event
to come again: every step may be repeated.

Environment
    CLUSTER    name of the ECS cluster
    SERVICES   JSON: service -> {"repository": name, "start": tasks at its start,
               "minimum", "maximum": the range of scaling afterwards,
               "parameters": [names of the SSM parameters that it reads]}
    BY_HAND    JSON: names of the parameters that people fill (created with a placeholder); all
               others have their value from the beginning
    POINTER    the pointer's tag, "live"
    TOPIC_ARN  SNS topic for people
    HOURS, DATABASE  name of the parameter with the hours' state, and of the database; unset where
               services always run

Events: from EventBridge directly, or in SQS messages, any number at once. Pushes and deployments'
ends must be answered ONE AT A TIME, since two that read the repository at once could each move the
pointer: a FIFO queue with one message group (content-based deduplication, a few seconds of delay
for ECS's records to settle), or a reserved concurrency of 1. Edits of secrets may come beside them,
through a queue whose delay is as long as a burst of edits. Both with a dead-letter queue.

Permissions
    ecr:DescribeImages, ecr:BatchGetImage, ecr:PutImage            the repositories
    ecs:DescribeServices, ecs:UpdateService,
    ecs:ListServiceDeployments                                     service/CLUSTER/NAME, each
    ecs:DescribeServiceDeployments                                 service-deployment/CLUSTER/NAME/*
    ecs:DescribeServiceRevisions                                   service-revision/CLUSTER/NAME/*
    application-autoscaling:RegisterScalableTarget                 the services' targets
    application-autoscaling:DescribeScalableTargets                *, it has no resources
    ssm:GetParameters                                              the parameters BY_HAND
    sns:Publish                                                    TOPIC_ARN
    ssm:GetParameter, ssm:PutParameter                             HOURS, if set
    rds:DescribeDBInstances, rds:StartDBInstance,
    rds:StopDBInstance                                             DATABASE, if set
    Deny kms:Decrypt on * if kms:ViaService is ssm.REGION.amazonaws.com
    sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes  the queue
    logs:CreateLogStream, logs:PutLogEvents                        its log group
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

import boto3
from botocore.config import Config

import counts

CLUSTER: Final = os.environ["CLUSTER"]
SERVICES: Final[dict[str, dict[str, Any]]] = json.loads(os.environ["SERVICES"])
BY_HAND: Final = frozenset(json.loads(os.environ["BY_HAND"]))
POINTER: Final = os.environ["POINTER"]
TOPIC_ARN: Final = os.environ["TOPIC_ARN"]
HOURS: Final = "HOURS" in os.environ
if HOURS:  # what it needs takes time to load
    import night

GOOD: Final = f"{POINTER}-good"
NOTE: Final = re.compile(r"rolled-\d{8}T\d{6}Z")
# Tags that aren't releases: ours, signatures and attestations (cosign, OCI referrers), caches.
NO_RELEASE: Final = re.compile(
    rf"{re.escape(POINTER)}|{re.escape(GOOD)}|{NOTE.pattern}"
    r"|sha256-[0-9a-f]{64}([.-].*)?|.*build-?cache.*|cache"
)
# What no container is: build caches, charts, signatures, attestations, bare artifacts.
NO_CONTAINER: Final = re.compile(
    r"application/vnd\.(buildkit|cncf|dev\.cosign|dev\.sigstore|in-toto|oci\.empty)\b.*"
)
# Manifests as they were pushed: ECR converts to what the asker accepts.
MANIFESTS: Final = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]
RUNNING: Final = frozenset({"PENDING", "IN_PROGRESS"})
ROLLED_BACK: Final = frozenset(
    {"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"}
)
FAILED: Final = ROLLED_BACK | {"ROLLBACK_FAILED", "STOP_REQUESTED", "STOPPED"}
# Of a service's deployments that succeeded, so many are asked whether tasks of theirs run.
REMEMBERED: Final = 5
# Events' times are cut to the second.
TICK: Final = timedelta(seconds=1)

_RETRIES: Final = Config(retries={"mode": "standard", "max_attempts": 5})
ecr = boto3.client("ecr", config=_RETRIES)
ecs = boto3.client("ecs", config=_RETRIES)
ssm = boto3.client("ssm", config=_RETRIES)
sns = boto3.client("sns", config=_RETRIES)


def handler(event: dict[str, Any], _context: object) -> dict[str, list[str]]:
    """Decide upon one event, or upon each of a batch from SQS."""
    decisions = []
    for single in _events(event):
        decision = decide(single)
        if decision:
            print(decision)
        decisions.append(decision)
    return {"decisions": decisions}


def _events(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Records" in event:
        for record in event["Records"]:
            yield json.loads(record["body"])
    else:
        yield event


def decide(event: dict[str, Any]) -> str:
    """Do what the event asks for; one line that says what and why."""
    detail = event.get("detail") or {}
    match event.get("source"), event.get("detail-type"):
        case "aws.ecr", "ECR Image Action":
            return pushed(detail, _time(event))
        case "aws.ssm", "Parameter Store Change":
            return edited(detail, _time(event))
        case "aws.ecs", "ECS Deployment State Change":
            return deployed(detail, event["resources"], _time(event))
        case ("otakaro.hours", "Look") | ("aws.events", "Scheduled Event"):
            return look()
        case "otakaro.hours", ("Start" | "Stop") as order if HOURS:
            return night.follow(order, _begin)
        case source, kind:
            return f"Ignored: {source} {kind} is no event of ours"


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"]).astimezone(UTC)


# A push.


def pushed(detail: dict[str, Any], time: datetime) -> str:
    """Roll the pushed image out if it is the newest."""
    repository, tag = detail.get("repository-name"), detail.get("image-tag")
    digest = detail.get("image-digest")
    subject = f"{repository}:{tag} ({digest})"
    services = _of(repository)
    if detail.get("action-type") != "PUSH" or detail.get("result") != "SUCCESS":
        return f"Ignored: {subject} is no finished push"
    if repository is None or not services:
        return f"Ignored: {subject} is of no repository of ours"
    if not digest or not tag or NO_RELEASE.fullmatch(tag):
        return f"Ignored: {subject} is no release"

    images = _images(repository)
    image = images.get(digest)
    if image is None:
        return f"Nothing to do: {subject} has lost its tags since"
    if NO_CONTAINER.match(image.kind):
        return f"Ignored: {subject} is {image.kind}, no container"
    note = f"rolled-{time:%Y%m%dT%H%M%SZ}"
    if note <= image.noted:
        return f"Nothing to do: {subject} was rolled out before"
    live = next((other for other in images.values() if POINTER in other.tags), None)
    if live is not None and (note, digest) < (live.noted, live.digest):
        return f"Nothing to do: {subject} is older than {live.digest}, which runs"

    manifest = _manifests(repository, {"imageDigest": digest})[digest]
    known = counts.read(services)
    if live is image:
        newest = max(images.values(), key=lambda other: (other.noted, other.digest))
        done = newest is image and image.noted != ""
        services = [
            service
            for service, deployment in _newest_deployments(repository, known).items()
            if not (done if deployment.leaves is None else manifest.covers(deployment.leaves))
        ]
    else:
        _put(repository, manifest, POINTER)
    outcomes = [_roll(service, known[service]) for service in services]
    _put(repository, manifest, note)
    if not outcomes:
        return f"Nothing to do: {subject} runs already"
    before = live.digest if live is not None else "no image"
    return f"Rolled: {subject} replaces {before}: {', '.join(outcomes)}"


@dataclass(frozen=True)
class Image:
    """An image of a repository, as the list of images has it."""

    digest: str
    tags: tuple[str, ...]
    kind: str

    @property
    def noted(self) -> str:
        """The newest note of a push that was rolled out with it."""
        return max((tag for tag in self.tags if NOTE.fullmatch(tag)), default="")


def _images(repository: str) -> dict[str, Image]:
    """The tagged images by digest."""
    pages = ecr.get_paginator("describe_images").paginate(
        repositoryName=repository,
        filter={"tagStatus": "TAGGED"},
        PaginationConfig={"PageSize": 1000},
    )
    return {
        detail["imageDigest"]: Image(
            digest=detail["imageDigest"],
            tags=tuple(detail["imageTags"]),
            kind=detail.get("artifactMediaType", ""),
        )
        for page in pages
        for detail in page["imageDetails"]
        if detail.get("imageTags")
    }


@dataclass(frozen=True)
class Manifest:
    """An image's manifest: what one needs to put a tag on it."""

    digest: str
    text: str
    media_type: str

    def covers(self, digest: str | None) -> bool:
        """Whether a container with `digest` runs this image or, if it is an index, a part of it."""
        return digest is not None and (digest == self.digest or digest in self.text)


def _manifests(repository: str, *images: Mapping[str, str]) -> dict[str, Manifest]:
    """The manifests of those `images` that there are, by tag and by digest."""
    answer = ecr.batch_get_image(
        repositoryName=repository, imageIds=images, acceptedMediaTypes=MANIFESTS
    )
    found = {}
    for image in answer["images"]:
        manifest = Manifest(
            digest=image["imageId"]["imageDigest"],
            text=image["imageManifest"],
            media_type=image["imageManifestMediaType"],
        )
        found[manifest.digest] = manifest
        if tag := image["imageId"].get("imageTag"):
            found[tag] = manifest
    return found


def _put(repository: str, manifest: Manifest, tag: str) -> None:
    """Put `tag` on the image; it leaves the one that had it."""
    with suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(
            repositoryName=repository,
            imageManifest=manifest.text,
            imageManifestMediaType=manifest.media_type,
            imageDigest=manifest.digest,
            imageTag=tag,
        )


def _of(repository: str | None) -> list[str]:
    """The services that run images of the repository."""
    return [name for name, service in SERVICES.items() if service["repository"] == repository]


def _roll(name: str, service: counts.Service) -> str:
    """Deploy what is behind the pointer; start the service if it may."""
    if service.desired == 0:
        return _start(name)
    if missing := _unfilled(SERVICES[name]["parameters"]):
        if service.running == 0 and not service.held:
            counts.stop(name, service)
        return f"{name} waits for {' and '.join(missing)}"
    ecs.update_service(cluster=CLUSTER, service=name, forceNewDeployment=True)
    return f"{name} rolls"


def _start(name: str) -> str:
    """Start a service that has no tasks, in the running hours, and if it has all it needs."""
    if HOURS and night.postponed(name):
        return f"{name} waits for the running hours"
    return _begin(name)


def _begin(name: str) -> str:
    """Start a service that has no tasks, if it has all it needs."""
    if counts.read([name])[name].held:
        return f"{name} stays stopped, as an operator wants it"
    if lacks := _lacks(name):
        return f"{name} waits for {lacks}"
    return counts.start(name)


def _lacks(name: str) -> str:
    """What a service needs before its first task, and hasn't; empty if it has all."""
    if POINTER not in _manifests(SERVICES[name]["repository"], {"imageTag": POINTER}):
        return "an image"
    return " and ".join(_unfilled(SERVICES[name]["parameters"]))


def look() -> str:
    """Do what the time asks for, and bring all services to what they must be now."""
    if HOURS:
        done = night.follow("Look", _begin)
        if done or not night.by_day():
            return done
    return ", ".join(_kept(counts.read(SERVICES)))


def _kept(services: Mapping[str, counts.Service]) -> Iterator[str]:
    """Bring services to what they must be in the running hours; what was done."""
    for name, service in services.items():
        if service.held:
            continue
        if service.running == 0 and (lacks := _lacks(name)):
            if service.desired > 0 or not service.closed:
                counts.stop(name, service)
                yield f"{name} waits for {lacks}"
        elif service.desired == 0:
            yield counts.start(name)
        elif done := counts.keep(name, service):
            yield done


def _unfilled(names: Sequence[str]) -> list[str]:
    """Those of the parameters that people must fill and haven't filled."""
    asked = [name for name in names if name in BY_HAND]
    versions: dict[str, int] = {}
    for first in range(0, len(asked), 10):  # GetParameters takes ten
        answer = ssm.get_parameters(Names=asked[first : first + 10], WithDecryption=False)
        versions |= {found["Name"]: found["Version"] for found in answer["Parameters"]}
    return [name for name in asked if versions.get(name, 0) < 2]


# A changed secret.


def edited(detail: dict[str, Any], time: datetime) -> str:
    """Roll the services that read the parameter and don't have its new value."""
    name, operation = detail.get("name"), detail.get("operation")
    readers = [service for service, facts in SERVICES.items() if name in facts["parameters"]]
    if operation != "Update":
        return f"Ignored: {operation} of {name} changes no value"
    if not readers:
        return f"Ignored: no service reads {name}"
    known = counts.read(readers)
    answer = ecs.describe_services(cluster=CLUSTER, services=readers)
    began = {
        service["serviceName"]: [one["createdAt"] for one in service["deployments"]]
        for service in answer["services"]
    }
    outcomes = [_refresh(reader, known[reader], began[reader], time) for reader in readers]
    return f"Changed: {name}: {', '.join(outcomes)}"


def _refresh(name: str, service: counts.Service, began: Sequence[datetime], time: datetime) -> str:
    """Make the service's tasks younger than `time`."""
    if service.desired > 0 and (newest := max(began)) >= time + TICK:
        return f"{name} has it since its deployment at {newest:%H:%M:%S}"
    return _roll(name, service)


# A deployment's end.


@dataclass(frozen=True)
class Deployment:
    """A service's newest deployment; a digest is None where ECS hasn't resolved the image."""

    status: str
    created: datetime | None
    digest: str | None
    fallback: str | None  # of the last deployment that succeeded: ECS rolls back to it
    ran: str | None  # of the last that succeeded with tasks that run
    idle: bool  # the service is to have no tasks: nothing that an image could break

    @property
    def leaves(self) -> str | None:
        """The image that the service's tasks run, or will when it ends."""
        return self.fallback if self.status in ROLLED_BACK else self.digest


def deployed(detail: dict[str, Any], resources: Sequence[str], time: datetime) -> str:
    """Note a good image; move the pointer back from a bad one and tell people."""
    name, reason = detail.get("eventName"), detail.get("reason", "")
    _, cluster, service = ["", "", *resources[0].split("/")][-3:]
    if cluster != CLUSTER or service not in SERVICES:
        return f"Ignored: {name} of {resources[0]}, no service of ours"
    if name not in {"SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED"}:
        return f"Ignored: {name} of {service} is not a deployment's end"
    repository = SERVICES[service]["repository"]
    known = counts.read(_of(repository))
    deployments = _newest_deployments(repository, known)
    own = deployments[service]
    if own.status in RUNNING and own.created is not None and own.created < time:
        # What was the newest deployment then has ended.
        raise TimeoutError(f"ECS still lists {service} as {own.status}; it had ended at {time}")
    ran = {one.ran for one in deployments.values() if not one.idle}
    images = [{"imageDigest": digest} for digest in ran if digest is not None]
    found = _manifests(repository, {"imageTag": POINTER}, {"imageTag": GOOD}, *images)
    proven, noted = _common(ran, found), found.get(GOOD)
    if proven is not None and proven != noted:
        _put(repository, proven, GOOD)
    if name == "SERVICE_DEPLOYMENT_COMPLETED":
        decision = _completed(service, deployments, proven, noted)
        kept = _kept({service: known[service]}) if not HOURS or night.by_day() else ()
        return ", ".join([decision, *kept])
    decision = _failed(service, deployments, known, found.get(POINTER), proven or noted)
    sns.publish(
        TopicArn=TOPIC_ARN,
        Subject=f"Deployment of {service} failed"[:100],
        Message=f"{decision}\n\nReason: {reason}\nCluster: {CLUSTER}\n",
    )
    return f"{decision} ({reason})"


def _common(digests: Set[str | None], found: Mapping[str, Manifest]) -> Manifest | None:
    """The image that all `digests` are of; none if one is unknown, or there are none."""
    # First what has a tag: a part of an index stands for it.
    for image in (found.get(POINTER), found.get(GOOD), *found.values()):
        if image is not None and digests and all(image.covers(digest) for digest in digests):
            return image
    return None


def _completed(
    service: str,
    deployments: Mapping[str, Deployment],
    proven: Manifest | None,
    noted: Manifest | None,
) -> str:
    own, repository = deployments[service], SERVICES[service]["repository"]
    if proven is not None and proven != noted:
        return f"Good: {repository} {proven.digest}: {', '.join(deployments)} came up with it"
    if own.status != "SUCCESSFUL":
        return f"Nothing to do: {service} is {own.status}, which proves nothing"
    if own.idle or own.digest is None:
        return f"Nothing to do: {service} is steady without tasks"
    if own.ran != own.digest:
        return f"Nothing to do: no task of {service} runs {own.digest}, which proves nothing"
    if proven is not None:
        return f"Nothing to do: {service} runs {own.digest}, noted as good before"
    for other, one in deployments.items():
        if not one.idle and one.ran != own.digest:
            return f"Nothing to do: {service} runs {own.digest}, {other} doesn't yet"
    return f"Nothing to do: {own.digest} of {service} isn't in {repository}"


def _failed(
    service: str,
    deployments: Mapping[str, Deployment],
    known: Mapping[str, counts.Service],
    live: Manifest | None,
    good: Manifest | None,
) -> str:
    own, repository = deployments[service], SERVICES[service]["repository"]
    if own.status not in FAILED:
        return f"Stays: {service} failed, but its newest deployment is {own.status}"
    broken = own.digest or (live.digest if live is not None else "an unknown image")
    if good is None or live is None:
        return f"Stays: {service} failed with {broken}; no image has run before"
    moves = live.digest != good.digest
    if moves and own.digest is not None and not live.covers(own.digest):
        return f"Stays: {service} failed with {broken}, but {live.digest} came since"
    if moves:
        _put(repository, good, POINTER)
        outcome = f"Rolled back: {service} failed with {broken}; {good.digest} is live again"
    else:
        outcome = f"Stays: {service} failed with {broken}; the good {good.digest} is live"
    also = [
        _roll(other, known[other])
        for other, deployment in deployments.items()
        if not deployment.idle
        and (
            not good.covers(deployment.leaves)
            if deployment.leaves is not None
            # It may have found the broken image behind the pointer, or may find it yet.
            else moves and deployment.status in RUNNING | ROLLED_BACK
        )
    ]
    return ", ".join([outcome, *also])


def _newest_deployments(
    repository: str, services: Mapping[str, counts.Service]
) -> dict[str, Deployment]:
    """The newest deployment of each service of a repository, from ECS's record."""
    newest: dict[str, dict[str, Any]] = {}
    steady: dict[str, list[dict[str, Any]]] = {}
    for name in services:
        listed = sorted(_deployments(name), key=lambda one: one["createdAt"], reverse=True)
        newest[name] = listed[0] if listed else {}
        steady[name] = [one for one in listed if one["status"] == "SUCCESSFUL"][:REMEMBERED]
    running = _running([one for listed in steady.values() for one in listed])
    ran = {
        name: [one for one in listed if one["serviceDeploymentArn"] in running]
        for name, listed in steady.items()
    }
    told = [one[:1] for one in (*steady.values(), *ran.values())]
    digests = _digests(
        repository,
        {one["targetServiceRevisionArn"] for one in (*newest.values(), *chain(*told)) if one},
    )

    def digest(listed: Sequence[Mapping[str, Any]]) -> str | None:
        return digests.get(listed[0]["targetServiceRevisionArn"]) if listed else None

    return {
        name: Deployment(
            status=one.get("status", "unknown"),
            created=one.get("createdAt"),
            digest=digest([one] if one else []),
            fallback=digest(steady[name]),
            ran=digest(ran[name]),
            idle=services[name].desired == 0,
        )
        for name, one in newest.items()
    }


def _running(deployments: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ARNs of those deployments that have tasks that run."""
    arns = [one["serviceDeploymentArn"] for one in deployments]
    found = set()
    for first in range(0, len(arns), 20):  # DescribeServiceDeployments takes twenty
        answer = ecs.describe_service_deployments(serviceDeploymentArns=arns[first : first + 20])
        for one in answer["serviceDeployments"]:
            if one["targetServiceRevision"].get("runningTaskCount", 0) > 0:
                found.add(one["serviceDeploymentArn"])
    return found


def _deployments(service: str) -> Iterator[dict[str, Any]]:
    request = {"cluster": CLUSTER, "service": service}
    while True:
        answer = ecs.list_service_deployments(**request)
        yield from answer["serviceDeployments"]
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def _digests(repository: str, revisions: Set[str]) -> dict[str, str]:
    """What image of the repository each service revision runs, as far as ECS knows."""
    if not revisions:
        return {}
    answer = ecs.describe_service_revisions(serviceRevisionArns=sorted(revisions))
    return {
        revision["serviceRevisionArn"]: image["imageDigest"]
        for revision in answer["serviceRevisions"]
        for image in revision.get("containerImages", [])
        # REGISTRY/REPOSITORY:TAG; other containers of the task have other repositories.
        if re.split("[:@]", image["image"].partition("/")[2])[0] == repository
        and "imageDigest" in image
    }
