"""The emulated AWS as it is served: ministack, and around it what AWS does and ministack doesn't.

An ASGI application around ministack's own, in ministack's environment (so it imports nothing of
ours). Requests go through; after a successful one the part of AWS is played that is missing there:

- Events. A push ("ECR Image Action"), a parameter's edit ("Parameter Store Change") and a
  deployment's states ("ECS Deployment State Change") are delivered as EventBridge does: by the
  rules that there are, to their targets, if the target's own policy admits the rule. What nothing
  here causes, a task that runs out of memory or a backup that fails, is posted to EVENTS.
- ECS's record of deployments: ListServiceDeployments, DescribeServiceDeployments and
  DescribeServiceRevisions, with the digest that each container's image had when its deployment
  began, and the rollout state in DescribeServices. No container runs here, so an image tells its
  fate itself: tasks of one with the label CRASH end at once, as do those without an image, and the
  circuit breaker goes back to the revision before.
- RDS's restorations: to a point in time, which ministack lacks, and from a snapshot with the port,
  network and tags that are asked for, which it ignores. A restored instance is a new one that is
  what its source was; no data is behind either.
- What ministack answers otherwise than AWS, and rollouts depend on: BatchGetImage names images by
  the tags asked for, DescribeImages has the kind of an artifact, PutImage refuses what is there.
- Client tokens. A creation that says CREATION is carried out once, however often it arrives, and
  its answer is given again to whoever asks again: AWS has that for operations with a client token,
  here all have it. CREATIONS tells which there were, as CloudTrail would.

What it did can be read at JOURNAL. Its memory ends with the process.
"""

import asyncio
import fnmatch
import functools
import heapq
import importlib
import itertools
import json
import logging
import os
import re
import secrets
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

CRASH: Final = "local.otakaro.crash"
JOURNAL: Final = "/_otakaro/journal"
EVENTS: Final = "/_otakaro/events"  # POST {source, detail-type, detail, resources?, region?}
LOAD_BALANCERS: Final = "/_alb/"  # where ministack serves them
CREATIONS: Final = "/_otakaro/creations"
CREATION: Final = b"x-otakaro-creation"  # "TOKEN WHAT", WHAT being the same for the next attempt
KEPT: Final = 1000  # entries of the journal, deployments of a service
MOMENT: Final = 2.0  # s that a deployment takes, and as much again its rollback

ECR: Final = "AmazonEC2ContainerRegistry_V20150921"
ECS: Final = "AmazonEC2ContainerServiceV20141113"
SSM: Final = "AmazonSSM"
# Marks the gateway's own requests, which are no user's.
_OWN: Final = "otakaro-gateway"
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
RESTORATIONS: Final = ("RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime")
_MANIFEST: Final = re.compile(r"/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)")
_REGISTRY: Final = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.")
_CREDENTIAL: Final = re.compile(r"Credential=[^/]+/[^/]+/(?P<region>[^/]+)/")
_MANIFESTS: Final = [
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
]

log = logging.getLogger("gateway")


class Background(threading.Thread):
    """Does one thing after the other, each when it is due, and outlives what goes wrong."""

    def __init__(self) -> None:
        super().__init__(name="gateway", daemon=True)
        self._changed = threading.Condition()
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def later(self, seconds: float, job: Callable[[], None]) -> None:
        """Do `job` in so many seconds."""
        with self._changed:
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._numbers), job))
            self._changed.notify()

    def run(self) -> None:
        """Work for as long as the process lives."""
        while True:
            job = self._next()
            try:
                job()
            except Exception:
                log.exception("Not done, and not tried again")

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while True:
                due = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if due is not None and due <= 0:
                    return heapq.heappop(self._jobs)[2]
                self._changed.wait(due)


class Clients:
    """AWS clients of the emulator; made late, because importing boto3 takes a while."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @functools.cache  # noqa: B019 - there is one instance, for the process's life
    def __call__(self, service: str, region: str) -> Any:
        """A client of one service."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - any word opens the emulator
            config=Config(user_agent_extra=_OWN, proxies={}, inject_host_prefix=False),
        )

    def blob(self, repository: str, digest: str) -> bytes:
        """What the registry keeps under a digest; raises OSError when that is nothing."""
        url = f"{self.endpoint}/v2/{repository}/blobs/{digest}"
        with self._opener.open(url, timeout=30) as answer:
            content: bytes = answer.read()
        return content


# EventBridge.


class Bus:
    """Brings events to the targets of the rules that match them."""

    def __init__(self, account: str, clients: Clients, background: Background) -> None:
        self._account = account
        self._clients = clients
        self._background = background
        self._numbers = itertools.count(1)
        self.journal: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def emit(
        self, region: str, source: str, kind: str, detail: Mapping[str, Any], *resources: str
    ) -> None:
        """Have an event of AWS's delivered."""
        now = datetime.now(UTC)
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": source,
            "account": self._account,
            "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": list(resources),
            "detail": dict(detail),
        }
        self._background.later(0, lambda: self._deliver(event, now.timestamp()))

    def _deliver(self, event: dict[str, Any], at: float) -> None:
        entry = {
            "number": next(self._numbers),
            "at": at,
            "event": event,
            "rules": [
                {"rule": rule["Name"], "targets": self._to_targets(rule, event)}
                for rule in self._matching(event)
            ],
        }
        self.journal.append(entry)

    def _matching(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The rules of the event's region whose pattern matches, by ministack's own judgement."""
        events = self._clients("events", event["region"])
        for page in _pages(events.list_rules, "NextToken"):
            for rule in page["Rules"]:
                if rule.get("State") != "DISABLED" and rule.get("EventPattern"):
                    text = json.dumps(event)
                    pattern = rule["EventPattern"]
                    if events.test_event_pattern(EventPattern=pattern, Event=text)["Result"]:
                        yield rule

    def _to_targets(self, rule: dict[str, Any], event: dict[str, Any]) -> list[dict[str, str]]:
        events = self._clients("events", event["region"])
        found = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        told = []
        for target in found:
            try:
                outcome = self._to(target, rule["Arn"], event)
            except Exception as error:
                log.exception("%s: %s was not reached", rule["Name"], target["Arn"])
                outcome = f"not reached: {error}"
            log.info(
                "%s -> %s -> %s: %s", event["detail-type"], rule["Name"], target["Arn"], outcome
            )
            told.append({"target": target["Arn"], "outcome": outcome})
        return told

    def _to(self, target: dict[str, Any], rule: str, event: dict[str, Any]) -> str:
        arn = target["Arn"]
        if "InputPath" in target:
            return "dropped: the gateway knows no input paths"
        text = target.get("Input") or json.dumps(event)
        if "InputTransformer" in target:
            text = transformed(target["InputTransformer"], event)
        _, _, _, service, region, account, name = f":{arn}".split(":", 6)
        context = {"aws:SourceArn": rule, "aws:SourceAccount": self._account}
        if service == "sqs":
            sqs = self._clients("sqs", region)
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            policy = (asked.get("Attributes") or {}).get("Policy")
            if not admits(policy, "sqs:SendMessage", arn, context):
                return "dropped: the queue's policy does not admit the rule"
            group = (target.get("SqsParameters") or {}).get("MessageGroupId")
            if name.endswith(".fifo") and not group:
                return "dropped: the target names no message group for a FIFO queue"
            more = {"MessageGroupId": group} if group else {}
            sqs.send_message(QueueUrl=url, MessageBody=text, **more)
            return "sent"
        if service == "lambda":
            client = self._clients("lambda", region)
            try:
                policy = client.get_policy(FunctionName=arn)["Policy"]
            except client.exceptions.ResourceNotFoundException:
                policy = None
            if not admits(policy, "lambda:InvokeFunction", arn, context):
                return "dropped: the function's policy does not admit the rule"
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
            return "invoked"
        if service == "sns":
            sns = self._clients("sns", region)
            policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy")
            # EventBridge tells SNS nothing of the rule: a condition on it never holds.
            if not admits(policy, "sns:Publish", arn, {}):
                return "dropped: the topic's policy does not admit EventBridge"
            sns.publish(TopicArn=arn, Message=text)
            return "published"
        return f"dropped: the gateway knows no targets of {service}"


def transformed(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The template with the event's values in it; a path that leads nowhere is empty text, as
    EventBridge has it. Of paths it knows names and indices: $.detail.containers[0].reason."""
    text: str = transformer["InputTemplate"]
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        value: Any = event
        for step in re.findall(r"[^.$\[\]]+", path):
            try:
                value = value[int(step)] if isinstance(value, list) else value[step]
            except (KeyError, IndexError, TypeError, ValueError):
                value = ""
        text = text.replace(f"<{name}>", value if isinstance(value, str) else json.dumps(value))
    return text


def admits(policy: str | None, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a resource's policy lets EventBridge do `action`; no without a policy."""
    statements = json.loads(policy).get("Statement", []) if policy else []
    effects = {
        statement["Effect"]
        for statement in _listed(statements)
        if _is_eventbridge(statement.get("Principal"))
        and _like(action, statement.get("Action"))
        and _like(resource, statement.get("Resource", resource))
        and _holds(statement.get("Condition") or {}, context)
    }
    return effects == {"Allow"}


def _is_eventbridge(principal: object) -> bool:
    if isinstance(principal, dict):
        return "events.amazonaws.com" in _listed(principal.get("Service"))
    return principal == "*"


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether all conditions hold; one that isn't known doesn't."""
    known = {"ArnEquals", "ArnLike", "StringEquals", "StringLike"}
    return all(
        operator in known and key in context and _like(context[key], wanted)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _like(value: str, patterns: object) -> bool:
    return any(fnmatch.fnmatchcase(value, str(pattern)) for pattern in _listed(patterns))


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _pages(call: Callable[..., dict[str, Any]], token: str) -> Iterable[dict[str, Any]]:
    request: dict[str, Any] = {}
    while True:
        page = call(**request)
        yield page
        if not page.get(token):
            return
        request[token] = page[token]


# ECS.


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
        """Tasks asked for."""
        return int(self.service.get("desiredCount", 0))

    def brief(self) -> dict[str, Any]:
        """As ListServiceDeployments has it."""
        return _present(
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

    def whole(self) -> dict[str, Any]:
        """As DescribeServiceDeployments has it."""
        brief = self.brief()
        target = brief.pop("targetServiceRevisionArn")
        failed = self.broken and self.rollback is not None
        return brief | _present(
            updatedAt=self.updated or self.created,
            targetServiceRevision={
                "arn": target,
                "requestedTaskCount": self.tasks,
                "runningTaskCount": self.tasks if self.status == "SUCCESSFUL" else 0,
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
        return _present(
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


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class Deployments:
    """ECS's record of deployments, and what becomes of them."""

    def __init__(self, clients: Clients, background: Background, bus: Bus) -> None:
        self._clients = clients
        self._background = background
        self._bus = bus
        self._of: dict[str, list[Deployment]] = {}  # service ARN -> oldest first
        self._asked: dict[str, dict[str, Any]] = {}  # service ARN -> TRIGGERS as they were sent

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

    def removed(self, arn: str) -> None:
        """Forget a service."""
        self._of.pop(arn, None)
        self._asked.pop(arn, None)

    def clear(self) -> None:
        """Forget all services."""
        self._of.clear()
        self._asked.clear()

    # What becomes of a deployment, in the background.

    def _begin(self, deployment: Deployment) -> None:
        if deployment.tasks > 0:  # without a task ECS resolves no image
            deployment.images, deployment.broken = self._images(deployment)
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
        if not deployment.broken:
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

    def _images(self, deployment: Deployment) -> tuple[list[dict[str, str]], str]:
        """The images of the deployment's containers with their digests, and what is amiss."""
        ecs = self._clients("ecs", deployment.region)
        definition = ecs.describe_task_definition(
            taskDefinition=deployment.service["taskDefinition"]
        )["taskDefinition"]
        found, broken = [], ""
        for container in definition["containerDefinitions"]:
            image = container["image"]
            entry = {"containerName": container["name"], "image": image}
            if _REGISTRY.match(image):
                digest, fate = self._image(image)
                broken = broken or fate
                entry |= {"imageDigest": digest} if digest else {}
            found.append(entry)
        return found, broken

    def _image(self, image: str) -> tuple[str, str]:
        """The digest of an image in ECR and why a container of it ends, empty if it doesn't."""
        registry, _, path = image.partition("/")
        match = _REGISTRY.match(registry)
        region = match["region"] if match else ""
        repository, at, digest = path.partition("@")
        repository, _, tag = repository.partition(":")
        ecr = self._clients("ecr", region)
        answer = ecr.batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageDigest": digest} if at else {"imageTag": tag or "latest"}],
            acceptedMediaTypes=_MANIFESTS,
        )
        if not answer["images"]:
            return "", f"CannotPullContainerError: {image}: not found"
        pulled = answer["images"][0]
        digest = pulled["imageId"]["imageDigest"]
        manifest = json.loads(pulled["imageManifest"])
        if manifest.get("manifests"):
            part = ecr.batch_get_image(
                repositoryName=repository,
                imageIds=[{"imageDigest": manifest["manifests"][0]["digest"]}],
                acceptedMediaTypes=_MANIFESTS,
            )["images"]
            manifest = json.loads(part[0]["imageManifest"]) if part else {}
        try:
            config = json.loads(self._clients.blob(repository, manifest["config"]["digest"]))
        except (OSError, ValueError, KeyError, TypeError):
            return digest, ""  # PutImage alone brings no config
        labels = (config.get("config") or {}).get("Labels") or {}
        crashes = labels.get(CRASH) == "true"
        return digest, f"essential container in task exited, as {CRASH} says" if crashes else ""

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
        return self._found("serviceDeployment", asked, lambda one: (one.arn, one.whole()))

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
        if newest.broken and not any(one.status == "SUCCESSFUL" and one.tasks for one in known):
            service["runningCount"] = primary["runningCount"] = 0


# What stands before ministack.


@dataclass(frozen=True)
class Request:
    """A request in AWS's JSON protocol."""

    scope: Message
    service: str
    action: str
    region: str
    asked: dict[str, Any]


class Gateway:
    """The application: ministack's, with what AWS does besides."""

    def __init__(self, app: App, *, account: str, region: str, endpoint: str) -> None:
        self._app = app
        self._region = region
        self._account = account
        self._background = Background()
        self._clients = clients = Clients(endpoint)
        self.bus = Bus(account, clients, self._background)
        self.deployments = Deployments(clients, self._background, self.bus)
        self._answers: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {
            (ECS, "ListServiceDeployments"): self.deployments.listed,
            (ECS, "DescribeServiceDeployments"): self.deployments.described,
            (ECS, "DescribeServiceRevisions"): self.deployments.revisions,
        }
        self._follows: dict[tuple[str, str], Callable[[Request, dict[str, Any]], None]] = {
            (ECS, "CreateService"): self._service_changed,
            (ECS, "UpdateService"): self._service_changed,
            (ECS, "DeleteService"): self._service_removed,
            (ECR, "PutImage"): self._image_put,
            (ECR, "BatchDeleteImage"): self._images_deleted,
            (SSM, "PutParameter"): self._parameter_put,
            (SSM, "DeleteParameter"): self._parameter_deleted,
            (SSM, "DeleteParameters"): self._parameters_deleted,
        }
        self._mends: dict[tuple[str, str], Callable[[Request, dict[str, Any]], Awaitable[None]]] = {
            (ECS, "DescribeServices"): self._services_described,
            (ECR, "BatchGetImage"): self._images_got,
            (ECR, "DescribeImages"): self._images_described,
        }
        self._creations: dict[str, tuple[str, asyncio.Task[tuple[Message, bytes]]]] = {}
        self._background.start()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        # What goes to load balancers is visitors' and no call of AWS's API, whatever its headers.
        if scope["type"] != "http" or path.startswith(LOAD_BALANCERS):
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] == CREATIONS:
            await _answer(send, 200, {what: token for what, (token, _) in self._made()})
        elif CREATION in headers:
            token, _, what = headers[CREATION].partition(" ")
            await _pass_on(send, *await self._once(token, what, scope, receive))
        else:
            await self._serve(scope, headers, receive, send)

    async def _once(
        self, token: str, what: str, scope: Message, receive: Receive
    ) -> tuple[Message, bytes]:
        """Carry a creation out unless it was: what it answered, though nobody heard it then."""
        body = await _body(receive)
        known, task = self._creations.get(what, ("", None))
        if task is None or known != token or (task.done() and not _succeeded(task)):
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}

            async def serve(scope: Message, receive: Receive, send: Send) -> None:
                await self._serve(scope, headers, receive, send)

            task = asyncio.create_task(_gathered(serve, scope, body))
            self._creations[what] = token, task
        return await asyncio.shield(task)  # it goes on when the client has gone

    def _made(self) -> list[tuple[str, tuple[str, "asyncio.Task[tuple[Message, bytes]]"]]]:
        """The creations that succeeded, the last one of each thing."""
        entries = self._creations.items()
        return [(what, made) for what, made in entries if made[1].done() and _succeeded(made[1])]

    async def _serve(
        self, scope: Message, headers: dict[bytes, str], receive: Receive, send: Send
    ) -> None:
        path = scope["path"]
        service, _, action = headers.get(b"x-amz-target", "").partition(".")
        concerned = (service, action)
        own = _OWN in headers.get(b"user-agent", "")
        if path == JOURNAL:
            await _answer(send, 200, self._journal(scope))
        elif path == EVENTS:
            await _answer(send, 200, self._told(json.loads(await _body(receive))))
        elif scope["method"] == "PUT" and (match := _MANIFEST.fullmatch(path)):
            await self._push(match, headers, scope, receive, send)
        elif concerned in self._mends or (
            not own and (concerned in self._answers or concerned in self._follows)
        ):
            credential = _CREDENTIAL.search(headers.get(b"authorization", ""))
            region = credential["region"] if credential else self._region
            await self._call(scope, receive, send, service, action, region)
        elif not own and "/rds/aws4_request" in headers.get(b"authorization", ""):
            await self._database(
                scope, receive, send, _CREDENTIAL.search(headers[b"authorization"])
            )
        else:
            await self._app(scope, receive, send)
            if path == "/_ministack/reset":
                self.deployments.clear()
                self._creations.clear()

    def _journal(self, scope: Message) -> dict[str, Any]:
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode())
        after = int((query.get("after") or ["0"])[0])
        entries = [entry for entry in list(self.bus.journal) if entry["number"] > after]
        return {"entries": entries}

    def _told(self, event: dict[str, Any]) -> dict[str, Any]:
        """Have AWS tell what it is said to tell."""
        self.bus.emit(
            event.get("region", self._region),
            event["source"],
            event["detail-type"],
            event["detail"],
            *event.get("resources", []),
        )
        return {}

    async def _push(
        self,
        match: "re.Match[str]",
        headers: dict[bytes, str],
        scope: Message,
        receive: Receive,
        send: Send,
    ) -> None:
        answered: Message = {}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.update(message)
            await send(message)

        await self._app(scope, receive, noting)
        if answered.get("status") != 201:
            return
        told = {name.lower(): value.decode() for name, value in answered["headers"]}
        host = _REGISTRY.match(headers.get(b"host", ""))
        reference = match["reference"]
        self._pushed(
            host["region"] if host else self._region,
            match["repository"],
            told[b"docker-content-digest"],
            None if reference.startswith("sha256:") else reference,
        )

    def _pushed(
        self, region: str, repository: str, digest: str, tag: str | None, action: str = "PUSH"
    ) -> None:
        detail = _present(
            **{
                "result": "SUCCESS",
                "repository-name": repository,
                "image-digest": digest,
                "action-type": action,
                "image-tag": tag,
            }
        )
        self.bus.emit(region, "aws.ecr", "ECR Image Action", detail)

    async def _call(
        self,
        scope: Message,
        receive: Receive,
        send: Send,
        service: str,
        action: str,
        region: str,
    ) -> None:
        body = await _body(receive)
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            asked = None
        if not isinstance(asked, dict):  # ministack has words for that
            await self._app(scope, _replayed(body), send)
            return
        request = Request(scope, service, action, region, asked)
        key = service, action
        if key in self._answers:
            await _answer(send, 200, self._answers[key](asked, region))
            return
        if key == (ECR, "PutImage") and await self._is_there(request):
            message = "The image with that digest and tag exists already"
            error = {"__type": "ImageAlreadyExistsException", "message": message}
            await _answer(send, 400, error)
            return
        start, answer = await self._through(scope, body)
        said = json.loads(answer or b"{}") if start["status"] == 200 else {}
        if said and key in self._mends:
            await self._mends[key](request, said)
            answer = json.dumps(said).encode()
        await _pass_on(send, start, answer)
        if start["status"] == 200 and key in self._follows:
            try:
                self._follows[key](request, said)
            except Exception:
                log.exception("Nothing follows %s.%s", service, action)

    async def _database(
        self, scope: Message, receive: Receive, send: Send, credential: "re.Match[str] | None"
    ) -> None:
        """Serve RDS, whose requests are forms."""
        body = await _body(receive)
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        action = asked.get("Action")
        if action not in RESTORATIONS:
            await self._app(scope, _replayed(body), send)
            return
        rds = self._clients("rds", credential["region"] if credential else self._region)
        try:
            creation = await asyncio.to_thread(restoration, asked, rds)
        except Exception:  # there is no such source: ministack has words for that
            log.info("Nothing to restore from: %s", body.decode())
            await self._app(scope, _replayed(body), send)
            return
        form = urllib.parse.urlencode(creation).encode()
        length = (b"content-length", str(len(form)).encode())
        headers = [pair for pair in scope["headers"] if pair[0].lower() != b"content-length"]
        start, answer = await self._through({**scope, "headers": [*headers, length]}, form)
        await _pass_on(send, start, answer.replace(b"CreateDBInstance", action.encode()))

    async def _through(self, scope: Message, body: bytes) -> tuple[Message, bytes]:
        """Ask ministack; its answer's start and body."""
        return await _gathered(self._app, scope, body)

    async def _ask(self, request: Request, action: str, **asked: Any) -> dict[str, Any]:
        """Ask ministack something besides, in the name of the one who made `request`."""
        body = json.dumps(asked).encode()
        changed = {
            b"x-amz-target": f"{request.service}.{action}".encode(),
            b"content-length": str(len(body)).encode(),
        }
        headers = [
            (name, changed.get(name.lower(), value)) for name, value in request.scope["headers"]
        ]
        start, answer = await self._through({**request.scope, "headers": headers}, body)
        said: dict[str, Any] = json.loads(answer or b"{}") if start["status"] == 200 else {}
        return said

    # What ministack answers otherwise than AWS.

    async def _services_described(self, _request: Request, said: dict[str, Any]) -> None:
        for service in said.get("services", []):
            self.deployments.overlay(service)

    async def _images_got(self, request: Request, said: dict[str, Any]) -> None:
        """Name images as they were asked for; ministack names the tag that was put last."""
        missing = [failure.get("imageId") for failure in said.get("failures", [])]
        found = [asked for asked in request.asked.get("imageIds", []) if asked not in missing]
        images = said.get("images", [])
        if len(found) == len(images):
            for asked, image in zip(found, images, strict=True):
                image["imageId"] = {**asked, "imageDigest": image["imageId"]["imageDigest"]}

    async def _images_described(self, request: Request, said: dict[str, Any]) -> None:
        """Tell what an artifact is, which its config says."""
        details = said.get("imageDetails", [])
        repository = request.asked.get("repositoryName")
        got = await self._ask(
            request,
            "BatchGetImage",
            repositoryName=repository,
            imageIds=[{"imageDigest": detail["imageDigest"]} for detail in details],
        )
        for detail, image in zip(details, got.get("images", []), strict=False):
            manifest = json.loads(image["imageManifest"])
            config = manifest.get("config") or {}
            kind = manifest.get("artifactType") or config.get("mediaType")
            if kind:
                detail["artifactMediaType"] = kind

    async def _is_there(self, request: Request) -> bool:
        """Whether PutImage would put nothing: the tag is on this very image."""
        asked = request.asked
        tag, digest = asked.get("imageTag"), asked.get("imageDigest")
        if not tag or not digest:
            return False
        got = await self._ask(
            request,
            "BatchGetImage",
            repositoryName=asked.get("repositoryName"),
            imageIds=[{"imageTag": tag}],
        )
        return any(image["imageId"]["imageDigest"] == digest for image in got.get("images", []))

    # What AWS does besides answering.

    def _service_changed(self, request: Request, said: dict[str, Any]) -> None:
        self.deployments.changed(request.asked, said["service"], request.region)

    def _service_removed(self, _request: Request, said: dict[str, Any]) -> None:
        self.deployments.removed(said["service"]["serviceArn"])

    def _image_put(self, request: Request, said: dict[str, Any]) -> None:
        image = said["image"]
        digest = image["imageId"]["imageDigest"]
        self._pushed(request.region, image["repositoryName"], digest, request.asked.get("imageTag"))

    def _images_deleted(self, request: Request, said: dict[str, Any]) -> None:
        repository = request.asked["repositoryName"]
        for image in said.get("imageIds", []):
            digest = image.get("imageDigest", "")
            self._pushed(request.region, repository, digest, image.get("imageTag"), "DELETE")

    def _parameter_put(self, request: Request, said: dict[str, Any]) -> None:
        operation = "Create" if said.get("Version") == 1 else "Update"
        self._parameter(request, request.asked["Name"], operation)

    def _parameter_deleted(self, request: Request, _said: dict[str, Any]) -> None:
        self._parameter(request, request.asked["Name"], "Delete")

    def _parameters_deleted(self, request: Request, said: dict[str, Any]) -> None:
        for name in said.get("DeletedParameters", []):
            self._parameter(request, name, "Delete")

    def _parameter(self, request: Request, name: str, operation: str) -> None:
        asked = request.asked
        detail = _present(
            operation=operation,
            name=name,
            type=asked.get("Type", "SecureString"),
            description=asked.get("Description"),
        )
        arn = f"arn:aws:ssm:{request.region}:{self._account}:parameter/{name.removeprefix('/')}"
        self.bus.emit(request.region, "aws.ssm", "Parameter Store Change", detail, arn)


def restoration(asked: Mapping[str, str], rds: Any) -> dict[str, str]:
    """The creation of an instance that is what the source of a restoration is.

    Raises botocore's ClientError when there is no such source.
    """
    if snapshot := asked.get("DBSnapshotIdentifier"):
        (source,) = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
        encrypted = source["Encrypted"]
    else:
        name = asked.get("SourceDBInstanceIdentifier")
        found = rds.describe_db_instances(**{"DBInstanceIdentifier": name} if name else {})
        (source,) = [
            each
            for each in found["DBInstances"]
            if name or each["DbiResourceId"] == asked["SourceDbiResourceId"]
        ]
        encrypted = source["StorageEncrypted"]
    own = ("Action", "DBSnapshot", "Source", "TargetDB", "RestoreTime", "UseLatest")
    return {
        **{key: value for key, value in asked.items() if not key.startswith(own)},
        "Action": "CreateDBInstance",
        "DBInstanceIdentifier": asked.get("TargetDBInstanceIdentifier")
        or asked["DBInstanceIdentifier"],
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": "as-its-source-has-it",  # nothing asks for it here
        "AllocatedStorage": str(source["AllocatedStorage"]),
        "StorageEncrypted": str(encrypted).lower(),
    }


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    """A request's body, read already, for ministack to read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()  # the client stays; ministack ends its wait itself
        raise AssertionError

    return receive


async def _gathered(app: App, scope: Message, body: bytes) -> tuple[Message, bytes]:
    """An application's answer as a whole: its start and its body."""
    start: Message = {}
    parts: list[bytes] = []

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, _replayed(body), noting)
    return start, b"".join(parts)


def _succeeded(task: "asyncio.Task[tuple[Message, bytes]]") -> bool:
    if task.cancelled() or task.exception() is not None:
        return False
    status: int = task.result()[0]["status"]
    return status < 300


async def _answer(send: Send, status: int, content: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/x-amz-json-1.1")]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await _pass_on(send, start, json.dumps(content).encode())


async def _pass_on(send: Send, start: Message, body: bytes) -> None:
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    length = (b"content-length", str(len(body)).encode())
    await send({**start, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve on BIND_HOST:GATEWAY_PORT until SIGTERM."""
    app = importlib.import_module("ministack.app").app
    serve = importlib.import_module("hypercorn.asyncio").serve
    config = importlib.import_module("hypercorn.config").Config()
    host, port = os.environ["BIND_HOST"], os.environ["GATEWAY_PORT"]
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = 75  # s, as ministack's own start has it
    config.loglevel = "WARNING"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s gateway %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    gateway = Gateway(
        app,
        account=os.environ["MINISTACK_ACCOUNT_ID"],
        region=os.environ["MINISTACK_REGION"],
        endpoint=f"http://{host}:{port}",
    )
    asyncio.run(serve(gateway, config))


if __name__ == "__main__":
    main()
