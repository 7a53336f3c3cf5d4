"""Queues as targets: of a rule, or of a schedule, that may send to them."""

from collections.abc import Mapping
from typing import Any

from .clients import Clients


def to_queue(clients: Clients, target: Mapping[str, Any], text: str) -> str:
    """Send a target's message; what became of it."""
    _, _, _, _, region, account, name = f":{target['Arn']}".split(":", 6)
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    if name.endswith(".fifo") and not group:
        return "dropped: the target names no message group for a FIFO queue"
    sqs = clients("sqs", region)
    url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    more = {"MessageGroupId": group} if group else {}
    sqs.send_message(QueueUrl=url, MessageBody=text, **more)
    return "sent"
