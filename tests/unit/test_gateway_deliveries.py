"""Deliveries of CloudWatch Logs as they are emulated: overlapping changes are rejected."""

import asyncio
import json
from typing import Any

import pytest

from local.gateway import Message, deliveries
from local.gateway.asgi import Receive, Send, gathered, read
from local.gateway.deliveries import LOGS
from tests.unit.emulated import Served

DESTINATION = "arn:aws:logs:us-east-1:123456789012:delivery-destination:logs"
OTHER = f"{DESTINATION}-2"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(deliveries, "CHANGE", 0.05)
    return Served(monkeypatch)


def together(served: Served, *calls: tuple[str, dict[str, Any]]) -> list[tuple[int, Any]]:
    """The answers to requests that arrive at the same time."""

    async def one(action: str, asked: dict[str, Any]) -> tuple[int, Any]:
        headers = [(b"x-amz-target", f"{LOGS}.{action}".encode())]
        scope: Message = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": headers,
        }
        start, content = await gathered(served.app, scope, json.dumps(asked).encode())
        return start["status"], json.loads(content)

    async def run() -> list[tuple[int, Any]]:
        return await asyncio.gather(*(one(*call) for call in calls))

    return asyncio.run(run())


def creation(source: str, destination: str = DESTINATION) -> tuple[str, dict[str, Any]]:
    return "CreateDelivery", {
        "deliverySourceName": source,
        "deliveryDestinationArn": destination,
    }


@pytest.mark.parametrize(
    ("first", "second", "together_allowed"),
    [
        (creation("map"), creation("api"), False),  # the same destination
        (creation("map"), creation("map", OTHER), False),  # the same source
        (creation("map"), creation("api", OTHER), True),
        (creation("map"), ("PutDeliverySource", {"name": "map"}), False),
        (creation("map"), ("PutDeliverySource", {"name": "api"}), True),
        (creation("map"), ("DeleteDeliveryDestination", {"name": "logs"}), False),
        (creation("map"), ("GetDelivery", {"id": "1"}), True),
        (("DeleteDelivery", {"id": "1"}), ("DeleteDelivery", {"id": "2"}), False),
        (("DeleteDelivery", {"id": "1"}), ("UpdateDeliveryConfiguration", {"id": "1"}), False),
    ],
)
def test_changes_that_overlap_are_rejected(
    served: Served, first: Any, second: Any, *, together_allowed: bool
) -> None:
    async def ministack(_scope: Message, receive: Receive, send: Send) -> None:
        await read(receive)
        found = {"delivery": {"deliverySourceName": "map", "deliveryDestinationArn": DESTINATION}}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    served.app._app = served.app._deliveries._app = ministack
    answers = together(served, first, second)
    statuses = sorted(status for status, _ in answers)
    assert statuses == ([200, 200] if together_allowed else [200, 400])
    for status, told in answers:
        if status == 400:
            assert told["__type"] == "ConflictException"
            assert "currently being updated" in told["message"]


def test_changes_one_after_the_other_are_accepted(served: Served) -> None:
    for source in ("map", "api"):
        [(status, _)] = together(served, creation(source))
        assert status == 200


def test_a_rejected_change_blocks_nothing(served: Served) -> None:
    together(served, creation("map"), creation("api"))
    [(status, _)] = together(served, creation("api"))
    assert status == 200
