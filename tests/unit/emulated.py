"""The gateway without an emulator behind it, for its tests to look at."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.gateway import CRASH, Gateway, Message, Receive, Send, serving
from local.gateway.background import Background
from local.gateway.bus import Bus
from local.gateway.clients import Clients
from local.gateway.deployments import Deployments

REGION, ACCOUNT = "ap-southeast-2", "123456789012"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/pushes"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:images.fifo"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/app"
PLACE = f"arn:aws:ecs:{REGION}:{ACCOUNT}"


def every_day(_expression: str, after: datetime) -> datetime:
    """A cron that means half past two, each day."""
    today = after.replace(hour=2, minute=30, second=0, microsecond=0)
    return today if today > after else today + timedelta(days=1)


class Later:
    """A background whose time is the test's."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def later(self, _seconds: float, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def start(self) -> None:
        """Nothing runs by itself."""

    def work(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


class Aws:
    """What the gateway asks of the emulator, answered from memory."""

    endpoint = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.crashing: set[str] = set()
        self.policy: object = None
        self.sent: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []
        self.matching = True
        self.targets: list[dict[str, Any]] = [
            {"Arn": QUEUE, "SqsParameters": {"MessageGroupId": "group"}}
        ]

    def __call__(self, _service: str, _region: str) -> "Aws":
        return self

    def blob(self, _repository: str, digest: str) -> bytes:
        crash = {CRASH: "true"} if digest in self.crashing else {}
        return json.dumps({"config": {"Labels": crash}}).encode()

    def describe_task_definition(self, **_: object) -> dict[str, Any]:
        container = {"name": "app", "image": f"{REPOSITORY}:live"}
        return {"taskDefinition": {"containerDefinitions": [container]}}

    def batch_get_image(self, *, imageIds: list[dict[str, str]], **_: object) -> dict[str, Any]:  # noqa: N803
        digest = self.tags.get(imageIds[0]["imageTag"])
        manifest = json.dumps({"config": {"digest": digest}})
        found = [{"imageId": {"imageDigest": digest}, "imageManifest": manifest}]
        return {"images": found if digest else []}

    def update_service(self, **asked: Any) -> None:
        self.updated.append(asked)

    def list_rules(self) -> dict[str, Any]:
        return {"Rules": [{"Name": "pushes", "Arn": RULE, "EventPattern": "{}"}]}

    def test_event_pattern(self, **_: str) -> dict[str, bool]:
        return {"Result": self.matching}

    def list_targets_by_rule(self, **_: str) -> dict[str, Any]:
        return {"Targets": self.targets}

    def get_queue_url(self, **_: str) -> dict[str, str]:
        return {"QueueUrl": "url"}

    def get_queue_attributes(self, **_: object) -> dict[str, Any]:
        return {"Attributes": {"Policy": json.dumps(self.policy)} if self.policy else {}}

    def send_message(self, **asked: Any) -> None:
        self.sent.append(asked)

    def get_topic_attributes(self, **_: object) -> dict[str, Any]:
        return {"Attributes": {"Policy": json.dumps(self.policy)}}

    def publish(self, **asked: Any) -> None:
        self.sent.append(asked)


def policy(**changes: object) -> dict[str, object]:
    """A queue's policy that admits the rule, or something else."""
    statement = {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage"],
        "Resource": [QUEUE],
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": [RULE]}},
    }
    return {"Statement": [statement | changes]}


class World:
    """A gateway without an emulator behind it."""

    def __init__(self) -> None:
        self.aws, self.later = Aws(), Later()
        self.aws.policy = policy()
        clients: Clients = self.aws  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.bus = Bus(ACCOUNT, clients, background)
        self.record = Deployments(clients, background, self.bus)

    def update(self, tasks: int, definition: str = "app:1", **asked: object) -> None:
        service = {
            "serviceArn": f"{PLACE}:service/cluster/app",
            "clusterArn": f"{PLACE}:cluster/cluster",
            "taskDefinition": definition,
            "desiredCount": tasks,
            "deployments": [{"id": "ecs-svc/1"}],
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": True, "rollback": True}
            },
        }
        self.record.changed(dict(asked), service, REGION)

    def states(self) -> list[str]:
        listed = self.record.listed({"service": "app", "cluster": "cluster"}, REGION)
        return [one["status"] for one in listed["serviceDeployments"]]

    def events(self) -> list[str]:
        return [
            entry["event"]["detail"]["eventName"].removeprefix("SERVICE_DEPLOYMENT_")
            for entry in self.bus.journal
        ]

    def images(self) -> list[dict[str, str]]:
        newest = self.record.listed({"service": "app", "cluster": "cluster"}, REGION)
        revision = newest["serviceDeployments"][0]["targetServiceRevisionArn"]
        found = self.record.revisions({"serviceRevisionArns": [revision]}, REGION)
        images: list[dict[str, str]] = found["serviceRevisions"][0]["containerImages"]
        return images


class Served:
    """The gateway around an application that answers what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.later = Later()
        monkeypatch.setattr(serving, "Background", lambda: self.later)
        self.answer: tuple[int, list[tuple[bytes, bytes]], bytes] = (200, [], b"{}")
        self.got: list[tuple[str, bytes]] = []
        self.app = Gateway(
            self._ministack, account=ACCOUNT, region=REGION, endpoint="http://none", cron=every_day
        )
        self.events: list[dict[str, Any]] = []
        monkeypatch.setattr(self.app.bus, "_deliver", lambda event, _at: self.events.append(event))

    async def _ministack(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        message = await receive()
        self.got.append((headers.get(b"x-amz-target", b"").decode(), message["body"]))
        status, more, body = self.answer
        await send({"type": "http.response.start", "status": status, "headers": more})
        await send({"type": "http.response.body", "body": body})

    def ask(
        self,
        target: str = "",
        content: object = None,
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[bytes, bytes] | None = None,
    ) -> tuple[int, Any]:
        body = json.dumps(content or {}).encode()
        credential = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/x/aws4_request".encode()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Message = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": list(
                {
                    b"x-amz-target": target.encode(),
                    b"authorization": credential,
                    **(headers or {}),
                }.items()
            ),
        }
        asyncio.run(self.app(scope, receive, send))
        self.later.work()
        told = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], json.loads(told or b"null")

    def answers(self, content: object, status: int = 200) -> None:
        self.answer = (status, [(b"content-length", b"0")], json.dumps(content).encode())
