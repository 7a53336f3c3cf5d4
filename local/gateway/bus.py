"""EventBridge: brings an event to the targets of the rules that match it."""

import itertools
import json
import logging
import re
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .admission import admits
from .background import Background
from .clients import Clients, pages
from .targets import to_queue

KEPT = 1000  # entries of the journal

log = logging.getLogger("gateway")


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
        told = [
            {"rule": rule["Name"], "targets": self._to_targets(rule, event)}
            for rule in self._matching(event)
        ]
        self.record(event, told, at)

    def record(
        self, event: dict[str, Any], rules: list[dict[str, Any]], at: float | None = None
    ) -> None:
        """Write down what was delivered to whom, and when it happened."""
        happened = time.time() if at is None else at
        number = next(self._numbers)
        self.journal.append({"number": number, "at": happened, "event": event, "rules": rules})

    def _matching(self, event: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """The rules of the event's region whose pattern matches, by ministack's own judgement."""
        events = self._clients("events", event["region"])
        for page in pages(events.list_rules, "NextToken"):
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
            return to_queue(self._clients, target, text)
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
