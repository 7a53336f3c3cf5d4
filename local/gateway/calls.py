"""A call in AWS's JSON protocol, and what is to be done around ministack's answer to it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .asgi import App, Message, gathered

Answer = dict[str, Any]
Key = tuple[str, str]  # the target's prefix, which is the service's, and the operation


@dataclass(frozen=True)
class Request:
    """A request in AWS's JSON protocol."""

    scope: Message
    service: str
    action: str
    region: str
    asked: dict[str, Any]


Mend = Callable[[Request, Answer], Awaitable[None]]


class Refused(Exception):  # noqa: N818 - AWS's codes are the names of errors
    """What AWS would not do: its code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def told(self) -> Answer:
        """The error as AWS tells it."""
        return {"__type": self.code, "message": str(self)}


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a part of AWS does besides ministack, or instead of it, by the operation."""

    answers: dict[Key, Callable[[dict[str, Any], str], Answer]] = field(default_factory=dict)
    """Answers instead of ministack, from what is asked and the region; may raise Refused."""
    checks: dict[Key, Callable[[Request], Awaitable[None]]] = field(default_factory=dict)
    """Raises Refused for what ministack is not even asked to do."""
    mends: dict[Key, Mend] = field(default_factory=dict)
    """Changes ministack's answer, to the gateway's own requests, too."""
    follows: dict[Key, Callable[[Request, Answer], None]] = field(default_factory=dict)
    """Does what AWS does besides answering, after a success."""

    @classmethod
    def union(cls, *parts: "Part") -> "Part":
        """All of these together; several change one answer in their order."""
        mends: dict[Key, Mend] = {}
        for part in parts:
            for key, mend in part.mends.items():
                mends[key] = _in_order(mends[key], mend) if key in mends else mend
        return cls(
            answers={key: done for part in parts for key, done in part.answers.items()},
            checks={key: done for part in parts for key, done in part.checks.items()},
            mends=mends,
            follows={key: done for part in parts for key, done in part.follows.items()},
        )


def _in_order(first: Mend, second: Mend) -> Mend:
    async def both(request: Request, said: Answer) -> None:
        await first(request, said)
        await second(request, said)

    return both


async def beside(app: App, request: Request, action: str, **asked: Any) -> Answer:
    """Ask ministack something besides, in the name of the one who made `request`."""
    body = json.dumps(asked).encode()
    changed = {
        b"x-amz-target": f"{request.service}.{action}".encode(),
        b"content-length": str(len(body)).encode(),
    }
    headers = [(name, changed.get(name.lower(), value)) for name, value in request.scope["headers"]]
    start, answer = await gathered(app, {**request.scope, "headers": headers}, body)
    said: Answer = json.loads(answer or b"{}") if start["status"] == 200 else {}
    return said
