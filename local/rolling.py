"""The commands that make services roll: push, secret.

Each does one thing that people do on AWS and then looks on. What the rules, the queues and the
function of the stack make of it is told step by step, with the seconds since.
"""

import argparse
import getpass
import json
import os
import re
import secrets
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from local import console, emulator, images, stackfile
from local.account import Account
from local.errors import LocalError
from local.gateway import JOURNAL
from local.session import Memory
from local.workspace import Workspace

SERVICES: Final = ("backend", "terriamap", "geoserver")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# Tags that the function sets itself, and what it says of their events.
_OWN: Final = re.compile(r"live(-good)?|rolled-\d{8}T\d{6}Z")
_IGNORED: Final = re.compile(r"Ignored: [^:]+:(?P<tag>\S+) .* is no release")
_DIGEST: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_PAUSE: Final = 0.25
_QUIET: Final = 3  # looks in which nothing is seen, until nothing more will be
_PATIENCE: Final = 180.0  # s; secrets wait 60 in their queue
_ENDED: Final = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})


def arguments(command: argparse.ArgumentParser, name: str) -> None:
    """What a command of these takes."""
    if name == "push":
        command.add_argument("--service", default="", help=", ".join(SERVICES))
        command.add_argument("--image", help="an image that there is, instead of a small new one")
        command.add_argument("--tag", help="its tag (default: a new one)")
        command.add_argument(
            "--crash", action="store_true", help="a new image whose containers end at once"
        )
    if name == "secret":
        command.add_argument("--name", default="", help="with or without its prefix")


def push(arguments: argparse.Namespace) -> None:
    """Push an image and watch the services roll."""
    rollout = Rollout.of(arguments.stack)
    repository = rollout.repository(arguments.service)
    tag = arguments.tag or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if not _TAG.fullmatch(tag):
        raise LocalError(f"TAG={tag} is no tag: letters, digits and ._- only, at most 128")
    if arguments.image and arguments.crash:
        raise LocalError("CRASH=1 is for the image that the command makes: leave IMAGE out")
    registry = urllib.parse.urlsplit(rollout.account.endpoint).netloc
    target = images.Target(registry=registry, repository=repository, tag=tag)
    watch = Watch(rollout, rollout.services_of(repository), repository)
    if arguments.image:
        by = images.push(arguments.image, target)
    else:
        by = "the registry's API"
        with images.made(
            architecture=rollout.architecture(repository),
            title=repository,
            crash=arguments.crash,
        ) as layout:
            images.push_layout(layout, target)
    watch.begin(f"pushed {repository}:{tag} by {by}")
    watch.follow(expected=f"{repository}:{tag} ", tag=tag)
    rollout.tell_what_waits(rollout.services_of(repository))


def secret(arguments: argparse.Namespace) -> None:
    """Change a run-time secret and watch its readers restart."""
    rollout = Rollout.of(arguments.stack)
    name = rollout.parameter(arguments.name)
    value = os.environ.get("VALUE") or ""
    if not value and sys.stdin.isatty():
        value = getpass.getpass(f"Value of {name}: ")
    if not value:
        raise LocalError(f"there is no value for {name}: `make secret NAME=... VALUE=...`")
    readers = [
        service for service, facts in rollout.services.items() if name in facts["parameters"]
    ]
    watch = Watch(rollout, readers, name)
    version = rollout.account.client("ssm").put_parameter(
        Name=name, Value=value, Type="SecureString", Overwrite=True
    )["Version"]
    watch.begin(f"{name} has version {version}; a restart waits a minute for more edits")
    watch.follow(expected=f" {name}:")
    rollout.tell_what_waits(readers)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A deployed stack's function for rollouts, and what it goes by."""

    stack: str
    account: Account
    function: str
    cluster: str
    services: Mapping[str, dict[str, Any]]
    by_hand: frozenset[str]
    parameters: tuple[str, ...]  # of the stack, as its state has them

    @classmethod
    def of(cls, stack: str) -> "Rollout":
        """The stack's own; raises LocalError while it isn't deployed."""
        recorded = Workspace(stack).recorded
        running = emulator.running()
        names = [
            str(resource["id"])
            for resource in recorded
            if resource["type"] == "aws:lambda/function:Function"
            and str(resource["urn"]).endswith("-rollout")
        ]
        suffix = "" if stack == stackfile.STACKS[0] else f" STACK={stack}"
        if running is None or not names:
            raise LocalError(f"the stack {stack} is not deployed: `make up{suffix}` does that")
        account = Memory(running).account
        client = account.client("lambda")
        try:
            found = client.get_function_configuration(FunctionName=names[0])
        except ClientError as error:
            raise LocalError(
                f"the emulator lost {names[0]}: `make up{suffix}` brings it back"
            ) from error
        variables = found["Environment"]["Variables"]
        return cls(
            stack=stack,
            account=account,
            function=names[0],
            cluster=variables["CLUSTER"],
            services=json.loads(variables["SERVICES"]),
            by_hand=frozenset(json.loads(variables["BY_HAND"])),
            parameters=tuple(
                sorted(
                    str(resource["id"])
                    for resource in recorded
                    if resource["type"] == "aws:ssm/parameter:Parameter"
                )
            ),
        )

    def repository(self, service: str) -> str:
        """The repository whose images a service runs."""
        if service not in SERVICES:
            told = f"SERVICE={service} is none" if service else "there is no SERVICE=..."
            raise LocalError(f"{told}: give one of {', '.join(SERVICES)}")
        ends = f"-{service}-ecr"
        for facts in self.services.values():
            if facts["repository"].endswith(ends):
                return str(facts["repository"])
        raise LocalError(f"the stack {self.stack} has no repository for {service}")

    def services_of(self, repository: str) -> list[str]:
        """The services that run a repository's images."""
        return [name for name, facts in self.services.items() if facts["repository"] == repository]

    def parameter(self, name: str) -> str:
        """A parameter of the stack by its name, with or without prefix."""
        for parameter in self.parameters:
            if name in (parameter, parameter.rsplit("/", 1)[1]):
                return parameter
        told = f"NAME={name}" if name else "nothing"
        raise LocalError(
            f"{told} is no parameter of the stack {self.stack}; "
            f"there are {', '.join(each.rsplit('/', 1)[1] for each in self.parameters)}"
        )

    def architecture(self, repository: str) -> str:
        """What an image's config calls the processor that the services run on."""
        ecs = self.account.client("ecs")
        service = ecs.describe_services(
            cluster=self.cluster, services=self.services_of(repository)[:1]
        )["services"][0]
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        platform = definition["taskDefinition"].get("runtimePlatform") or {}
        return "arm64" if platform.get("cpuArchitecture") == "ARM64" else "amd64"

    def deployments(self, services: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The newest deployment of each of the services."""
        ecs = self.account.client("ecs")
        found = {}
        for service in services:
            listed = ecs.list_service_deployments(
                cluster=self.cluster, service=service, maxResults=1
            )["serviceDeployments"]
            if listed:
                found[service] = listed[0]
        return found

    def digest(self, deployment: Mapping[str, Any]) -> str:
        """The image that a deployment left the service with."""
        ecs = self.account.client("ecs")
        whole = ecs.describe_service_deployments(
            serviceDeploymentArns=[deployment["serviceDeploymentArn"]]
        )["serviceDeployments"][0]
        revision = (whole.get("rollback") or {}).get(
            "serviceRevisionArn", whole["targetServiceRevision"]["arn"]
        )
        answer = ecs.describe_service_revisions(serviceRevisionArns=[revision])
        shown = [
            image["imageDigest"]
            for revision in answer["serviceRevisions"]
            for image in revision["containerImages"]
            if "imageDigest" in image
        ]
        return ", ".join(shown) or "no image"

    def running(self, service: str) -> int:
        """How many tasks of a service run."""
        answer = self.account.client("ecs").describe_services(
            cluster=self.cluster, services=[service]
        )
        return int(answer["services"][0]["runningCount"])

    def stopped(self, service: str) -> bool:
        """Whether an operator stopped a service (operate/restart.py)."""
        targets = self.account.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{self.cluster}/{service}"]
        )["ScalableTargets"]
        return any(one["SuspendedState"]["ScheduledScalingSuspended"] for one in targets)

    def tell_what_waits(self, services: Iterable[str]) -> None:
        """Report why services have no tasks."""
        ecs, ssm = self.account.client("ecs"), self.account.client("ssm")
        for service in ecs.describe_services(cluster=self.cluster, services=list(services))[
            "services"
        ]:
            if service["desiredCount"] > 0:
                continue
            name = service["serviceName"]
            if self.stopped(name):
                console.OUT.print(f"{name} was stopped: make start SERVICE=...", markup=False)
                continue
            missing = [
                parameter
                for parameter in self.services[name]["parameters"]
                if parameter in self.by_hand
                and ssm.get_parameter(Name=parameter)["Parameter"]["Version"] < 2
            ]
            if missing:
                told = " and ".join(each.rsplit("/", 1)[1] for each in missing)
                console.OUT.print(
                    f"{name} waits for {told}: make secret NAME=... VALUE=...", markup=False
                )
            else:
                console.OUT.print(f"{name} waits for an image: make push", markup=False)


@dataclass
class Watch:
    """Looks on at what one change sets off."""

    rollout: Rollout
    services: Sequence[str]  # that it may concern
    subject: str = ""  # the repository or parameter that is changed
    changed: float = 0.0  # when the change was done
    _journal: int = 0
    _logged: set[tuple[str, int, str]] = field(default_factory=set)
    _known: dict[str, tuple[str, str]] = field(default_factory=dict)
    _steps: list[tuple[float, str]] = field(default_factory=list)
    _unanswered: int = 0  # events in a queue of the function's

    def __post_init__(self) -> None:
        """Note what was before."""
        self._journal = max((entry["number"] for entry in self._entries()), default=0)
        self._logged = {_key(event) for event in self._events(0)}
        self._known = {
            service: (one["serviceDeploymentArn"], one["status"])
            for service, one in self.rollout.deployments(self.services).items()
        }

    def begin(self, text: str) -> None:
        """The change is done: time runs."""
        self.changed = time.time()
        self._step(text, self.changed)
        self._show()

    def follow(self, *, expected: str | None = None, tag: str | None = None) -> None:
        """Tell all that happens until nothing more will.

        Of the decisions one has `expected` in its line; without it, none need come. Of the tags
        that the function sets itself only `tag` is of interest. Raises LocalError when something
        is still to come after a long while.
        """
        until = time.monotonic() + _PATIENCE
        decided, quiet = expected is None, 0
        while quiet < _QUIET:
            if time.monotonic() > until:
                raise LocalError(
                    f"after {_PATIENCE:.0f} s something is still to come: the emulator's log "
                    f"and the log group /aws/lambda/{self.rollout.function} tell more"
                )
            time.sleep(_PAUSE)
            matched = self._see_events(tag)
            decided = self._see_decisions(expected, tag) or decided
            busy = self._see_deployments() or self._unanswered > 0
            self._show()
            if matched is False and not decided:
                self._step("no rule leads this event on: nothing follows", time.time())
                self._show()
                return
            quiet = 0 if busy or not decided else quiet + 1

    def _step(self, text: str, at: float) -> None:
        self._steps.append((at, text))

    def _show(self) -> None:
        for at, text in sorted(self._steps):
            line = _DIGEST.sub(r"\1", text)
            console.OUT.print(f"{max(0.0, at - self.changed):6.1f} s  {line}", markup=False)
        self._steps.clear()

    def _see_events(self, tag: str | None) -> bool | None:
        """Whether a rule led the change's own event on; None while it isn't known."""
        matched: bool | None = None
        for entry in self._entries():
            self._journal = entry["number"]
            event = entry["event"]
            detail = event["detail"]
            about = detail.get("repository-name") or detail.get("name")
            if about is None:
                about = event["resources"][0].rsplit("/", 1)[-1]
            if about not in (self.subject, *self.services):
                continue
            image = detail.get("image-tag")
            if image is not None and image != tag and _OWN.fullmatch(image):
                continue
            sent = [
                (rule["rule"], target["target"].rsplit(":", 1)[1], target["outcome"])
                for rule in entry["rules"]
                for target in rule["targets"]
            ]
            if event["source"] != "aws.ecs" and matched is None:
                matched = any(outcome == "sent" for _, _, outcome in sent)
            what = detail.get("name") or detail.get("eventName") or image
            for rule, queue, outcome in sent:
                told = "" if outcome == "sent" else f": {outcome}"
                text = f"event {event['detail-type']} ({what}) -> rule {rule} -> {queue}{told}"
                self._step(text, entry["at"])
                self._unanswered += outcome == "sent"
        return matched

    def _see_decisions(self, expected: str | None, tag: str | None) -> bool:
        """Whether the line about `expected` has come."""
        found = False
        for event in self._events(int(self.changed - 1)):
            line = event["message"].rstrip()
            if _key(event) in self._logged or line.startswith(("START ", "END ", "REPORT ")):
                continue
            self._logged.add(_key(event))
            if not any(word and word in line for word in (self.subject, *self.services)):
                continue
            ignored = _IGNORED.match(line)
            if ignored and ignored["tag"] != tag and _OWN.fullmatch(ignored["tag"]):
                continue
            self._step(f"function: {line}", event["timestamp"] / 1000)
            self._unanswered = max(0, self._unanswered - 1)
            found = found or (expected is not None and expected in line)
        return found

    def _see_deployments(self) -> bool:
        """Whether a deployment is still at work."""
        busy = False
        for service, one in self.rollout.deployments(self.services).items():
            arn, status = one["serviceDeploymentArn"], one["status"]
            ended = status in _ENDED
            busy = busy or not ended
            known = self._known.get(service)
            if known == (arn, status):
                continue
            self._known[service] = (arn, status)
            if known is None or known[0] != arn:
                self._step(f"{service}: new deployment", one["createdAt"].timestamp())
            if ended:
                running = self.rollout.running(service)
                told = f"{status}, {running} running, {self.rollout.digest(one)}"
                self._step(f"{service}: {told}", one["finishedAt"].timestamp())
            elif status == "ROLLBACK_IN_PROGRESS":
                self._step(f"{service}: {status}, {one['statusReason']}", time.time())
        return busy

    def _entries(self) -> list[dict[str, Any]]:
        url = f"{self.rollout.account.endpoint}{JOURNAL}?after={self._journal}"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - it is on loopback
            found: list[dict[str, Any]] = json.load(answer)["entries"]
        return found

    def _events(self, since: int) -> list[dict[str, Any]]:
        logs = self.rollout.account.client("logs")
        group = f"/aws/lambda/{self.rollout.function}"
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since * 1000
        )
        try:
            return [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []


def _key(event: Mapping[str, Any]) -> tuple[str, int, str]:
    """What tells a line of the log from others; the emulator gives them no ids."""
    return event["logStreamName"], event["timestamp"], event["message"]
