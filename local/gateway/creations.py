"""Client tokens: a creation that says CREATION is carried out once, however often it arrives.

Its answer is given again to whoever asks again: AWS has that for operations with a client token,
here all have it. CREATIONS tells which there were, as CloudTrail would.
"""

import asyncio
from typing import Final

from .asgi import App, Message, Receive, gathered, read

CREATIONS: Final = "/_otakaro/creations"
CREATION: Final = b"x-otakaro-creation"  # "TOKEN WHAT", WHAT being the same for the next attempt
_Answering = asyncio.Task[tuple[Message, bytes]]


class Creations:
    """The last creation of each thing, and what it answered."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, _Answering]] = {}  # the thing -> its token, the answer

    async def once(
        self, header: str, app: App, scope: Message, receive: Receive
    ) -> tuple[Message, bytes]:
        """Have `app` carry a creation out unless it was: what it answered, though nobody heard
        it then."""
        token, _, what = header.partition(" ")
        body = await read(receive)
        known, task = self._of.get(what, ("", None))
        if task is None or known != token or (task.done() and not _succeeded(task)):
            task = asyncio.create_task(gathered(app, scope, body))
            self._of[what] = token, task
        return await asyncio.shield(task)  # it goes on when the client has gone

    def made(self) -> dict[str, str]:
        """What was made, and its token."""
        return {
            what: token
            for what, (token, task) in self._of.items()
            if task.done() and _succeeded(task)
        }

    def clear(self) -> None:
        """Forget all."""
        self._of.clear()


def _succeeded(task: _Answering) -> bool:
    if task.cancelled() or task.exception() is not None:
        return False
    status: int = task.result()[0]["status"]
    return status < 300
