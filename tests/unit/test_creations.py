"""A creation is carried out once, however often its request comes."""

import asyncio
from typing import Any

import pytest

from local.gateway import CREATION, CREATIONS, Gateway, Message, Receive, Send
from tests.unit.emulated import every_day


class Emulator:
    """Makes a thing with each request; may be slow, or refuse."""

    def __init__(self) -> None:
        self.made = 0
        self.status = 200
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, _: Message, receive: Receive, send: Send) -> None:
        await receive()
        await self.go.wait()
        self.made += self.status == 200
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": f"thing-{self.made}".encode()})


class Client:
    """Sends requests to a gateway."""

    def __init__(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("local.gateway.background.Background.start", lambda _self: None)
        self.gateway = Gateway(
            emulator, account="1", region="r", endpoint="http://x", cron=every_day
        )

    async def ask(self, creation: str = "", path: str = "/") -> tuple[int, str]:
        said: list[Message] = []
        headers = [(CREATION, creation.encode())] if creation else []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            said.append(message)

        scope: Any = {"type": "http", "method": "POST", "path": path, "headers": headers}
        await self.gateway(scope, receive, send)
        return said[0]["status"], said[1]["body"].decode()


def test_the_same_token_gets_the_first_answer_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        emulator = Emulator()
        client = Client(emulator, monkeypatch)
        assert await client.ask("t1 vpc") == await client.ask("t1 vpc") == (200, "thing-1")
        assert await client.ask("t2 vpc") == (200, "thing-2")
        assert await client.ask() == (200, "thing-3")
        assert (await client.ask(path=CREATIONS))[1] == '{"vpc": "t2"}'

    asyncio.run(story())


def test_what_goes_on_after_its_client_left_is_not_done_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        emulator = Emulator()
        client = Client(emulator, monkeypatch)
        emulator.go.clear()
        first = asyncio.create_task(client.ask("t1 vpc"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.create_task(client.ask("t1 vpc"))
        await asyncio.sleep(0)
        emulator.go.set()
        assert await second == (200, "thing-1")

    asyncio.run(story())


def test_what_was_refused_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        emulator = Emulator()
        client = Client(emulator, monkeypatch)
        emulator.status = 503
        assert (await client.ask("t1 vpc"))[0] == 503
        assert (await client.ask(path=CREATIONS))[1] == "{}"
        emulator.status = 200
        assert await client.ask("t1 vpc") == (200, "thing-1")

    asyncio.run(story())
