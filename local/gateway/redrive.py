"""SQS's redrive: what ministack lacks of dead-letter queues.

StartMessageMoveTask moves the messages of a dead-letter queue back to the queue whose they were
(botocore's model of SQS: without a destination, "the messages will be redriven back to their
respective original source queues"). ministack does not record where a message came from, so all
go to the first queue that names the dead-letter queue.
"""

import base64
import json
import uuid
from typing import Any, Final

from .background import Background
from .calls import Answer, Part, Refused
from .clients import Clients

SQS: Final = "AmazonSQS"
_BATCH: Final = 10  # SQS's most


class Redrive:
    """Tasks that move messages."""

    def __init__(self, clients: Clients, background: Background) -> None:
        self._clients = clients
        self._background = background
        self.part = Part(answers={(SQS, "StartMessageMoveTask"): self._start})

    def _start(self, asked: dict[str, Any], region: str) -> Answer:
        source = str(asked.get("SourceArn", ""))
        if not source.startswith("arn:aws:sqs:"):
            raise Refused("InvalidParameterValueException", f"{source} is not the ARN of a queue")
        # Later, since these are calls of the emulator that answers this one.
        self._background.later(0, lambda: self._move(source, asked.get("DestinationArn"), region))
        return {"TaskHandle": base64.b64encode(uuid.uuid4().bytes).decode()}

    def _move(self, source: str, destination: str | None, region: str) -> None:
        sqs = self._clients("sqs", region)
        dead = sqs.get_queue_url(QueueName=_name(source))["QueueUrl"]
        if destination is None:
            target = next(each for each in _queues(sqs) if _dead_letters(sqs, each) == source)
        else:
            target = sqs.get_queue_url(QueueName=_name(destination))["QueueUrl"]
        while messages := _received(sqs, dead):
            for message in messages:
                fifo = {
                    "MessageGroupId": message["Attributes"]["MessageGroupId"],
                    "MessageDeduplicationId": str(uuid.uuid4()),
                }
                sqs.send_message(
                    QueueUrl=target,
                    MessageBody=message["Body"],
                    **(fifo if target.endswith(".fifo") else {}),
                )
                sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
        if _hidden(sqs, dead):  # received by somebody, who did not delete them
            self._background.later(1, lambda: self._move(source, destination, region))


def _queues(sqs: Any) -> list[str]:
    found: list[str] = sqs.list_queues().get("QueueUrls", [])
    return found


def _dead_letters(sqs: Any, queue: str) -> str:
    """Return the ARN of a queue's dead-letter queue; empty when it has none."""
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    policy = json.loads(asked.get("Attributes", {}).get("RedrivePolicy", "{}"))
    return str(policy.get("deadLetterTargetArn", ""))


def _hidden(sqs: Any, queue: str) -> int:
    """Return how many messages become visible again later."""
    name = "ApproximateNumberOfMessagesNotVisible"
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(asked.get("Attributes", {}).get(name, 0))


def _received(sqs: Any, queue: str) -> list[dict[str, Any]]:
    got = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=_BATCH, AttributeNames=["All"], WaitTimeSeconds=0
    )
    found: list[dict[str, Any]] = got.get("Messages", [])
    return found


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]
