"""SQS's redrive: dead letters go back to their queue, in order, once."""

import json
from typing import Any

import pytest

from local.gateway.background import Background
from local.gateway.calls import Refused
from local.gateway.clients import Clients
from local.gateway.redrive import SQS, Redrive
from tests.unit.emulated import REGION, Later

ARN = "arn:aws:sqs:ap-southeast-2:123456789012:{}"


class Queues:
    """SQS with three queues, two of which give up their messages to `dead.fifo`."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {
            "other": [],
            "work.fifo": [],
            "more.fifo": [],
            "dead.fifo": ["one", "two", "three"],
        }
        self.groups: list[str] = []
        self.hidden: list[str] = []

    def __call__(self, _service: str, _region: str) -> "Queues":
        return self

    def list_queues(self) -> dict[str, Any]:
        return {"QueueUrls": list(self.messages)}

    def get_queue_url(self, *, QueueName: str) -> dict[str, Any]:  # noqa: N803
        assert QueueName in self.messages
        return {"QueueUrl": QueueName}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        if AttributeNames == ["ApproximateNumberOfMessagesNotVisible"]:
            return {"Attributes": {AttributeNames[0]: str(len(self.hidden))}}
        assert AttributeNames == ["RedrivePolicy"]
        if QueueUrl not in ("work.fifo", "more.fifo"):
            return {}
        policy = {"deadLetterTargetArn": ARN.format("dead.fifo"), "maxReceiveCount": 3}
        return {"Attributes": {"RedrivePolicy": json.dumps(policy)}}

    def receive_message(self, *, QueueUrl: str, **_more: Any) -> dict[str, Any]:  # noqa: N803
        found = [
            {"Body": body, "ReceiptHandle": body, "Attributes": {"MessageGroupId": f"of {body}"}}
            for body in self.messages[QueueUrl][:2]
        ]
        return {"Messages": found} if found else {}

    def reappear(self) -> None:
        self.messages["dead.fifo"] += self.hidden
        self.hidden.clear()

    def send_message(self, *, QueueUrl: str, MessageBody: str, **fifo: str) -> None:  # noqa: N803
        self.messages[QueueUrl].append(MessageBody)
        self.groups.append(fifo["MessageGroupId"])

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.messages[QueueUrl].remove(ReceiptHandle)


@pytest.mark.parametrize(
    ("destination", "queue"),
    [(None, "work.fifo"), (ARN.format("more.fifo"), "more.fifo")],
)
def test_dead_letters_go_back(destination: str | None, queue: str) -> None:
    queues, later = Queues(), Later()
    clients: Clients = queues  # type: ignore[assignment]
    background: Background = later  # type: ignore[assignment]
    start = Redrive(clients, background).part.answers[SQS, "StartMessageMoveTask"]
    asked = {"SourceArn": ARN.format("dead.fifo"), "DestinationArn": destination}
    assert start({key: value for key, value in asked.items() if value}, REGION)["TaskHandle"]
    assert queues.messages[queue] == []  # the task only starts
    later.work()
    assert queues.messages == {
        "other": [],
        "work.fifo": [],
        "more.fifo": [],
        "dead.fifo": [],
        queue: ["one", "two", "three"],
    }
    assert queues.groups == ["of one", "of two", "of three"]


def test_a_message_that_somebody_looked_at_goes_back_later() -> None:
    """docs/runbooks/bad-deploy.md reads the message before it starts the task."""
    queues, later = Queues(), Later()
    queues.messages["dead.fifo"], queues.hidden = [], ["seen"]
    clients: Clients = queues  # type: ignore[assignment]
    background: Background = later  # type: ignore[assignment]
    start = Redrive(clients, background).part.answers[SQS, "StartMessageMoveTask"]
    start({"SourceArn": ARN.format("dead.fifo")}, REGION)
    later.jobs.pop(0)()
    assert queues.messages["work.fifo"] == []
    queues.reappear()
    later.work()
    assert queues.messages["work.fifo"] == ["seen"]


def test_a_task_needs_the_arn_of_a_queue() -> None:
    clients: Clients = Queues()  # type: ignore[assignment]
    background: Background = Later()  # type: ignore[assignment]
    part = Redrive(clients, background).part
    with pytest.raises(Refused, match="dead is not the ARN"):
        part.answers[SQS, "StartMessageMoveTask"]({"SourceArn": "dead"}, REGION)
