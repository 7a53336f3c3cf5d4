"""What the edge answered, one entry a request; never what somebody wrote into Authorization."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from local.edge.message import Request, Response

_KEPT: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request and its answer."""

    at: float  # s since the epoch
    seconds: float  # that the answer took
    secure: bool
    method: str
    host: str
    path: str
    query: str
    status: int
    by: str  # function, cache, origin or edge
    x_cache: str

    def __str__(self) -> str:
        clock = time_of_day(self.at)
        scheme = "" if self.secure else "http "
        return (
            f"{clock}  {self.status}  {self.by:<8}  {self.seconds * 1000:6.0f} ms  "
            f"{scheme}{self.method} {self.host}{self.path}"
        )


class Log:
    """The newest entries."""

    def __init__(self, tell: Callable[[Entry], None] | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._tell = tell

    def add(self, request: Request, response: Response, *, at: float, seconds: float) -> None:
        """Note an answer."""
        entry = Entry(
            at=at,
            seconds=seconds,
            secure=request.secure,
            method=request.method,
            host=request.host,
            path=request.uri,
            query=request.query,
            status=response.status,
            by=response.by,
            x_cache=response.x_cache,
        )
        with self._lock:
            self._entries.append(entry)
        if self._tell is not None:
            self._tell(entry)

    def entries(self) -> list[Entry]:
        """All that are kept, the oldest first."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._entries.clear()


def time_of_day(at: float) -> str:
    """Hours, minutes, seconds and thousandths where the user is."""
    return f"{datetime.fromtimestamp(at):%H:%M:%S.%f}"[:-3]
