"""The protocol between a server and an application: requests and answers as wholes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


async def read(receive: Receive) -> bytes:
    """A request's whole body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def replayed(body: bytes) -> Receive:
    """A request's body, read already, for ministack to read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()  # the client stays; ministack ends its wait itself
        raise AssertionError

    return receive


async def gathered(app: App, scope: Message, body: bytes) -> tuple[Message, bytes]:
    """An application's answer to a request with this body, as a whole: its start and its body."""
    length = (b"content-length", str(len(body)).encode())
    headers = [pair for pair in scope["headers"] if pair[0].lower() != length[0]]
    scope = {**scope, "headers": [*headers, length]}
    start: Message = {}
    parts: list[bytes] = []

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, replayed(body), noting)
    return start, b"".join(parts)


async def answer(send: Send, status: int, content: dict[str, Any]) -> None:
    """Answer in AWS's JSON protocol."""
    headers = [(b"content-type", b"application/x-amz-json-1.1")]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await pass_on(send, start, json.dumps(content).encode())


async def pass_on(send: Send, start: Message, body: bytes) -> None:
    """Answer with another's start, and a body that may have another length."""
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    length = (b"content-length", str(len(body)).encode())
    await send({**start, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
