"""What an edge location keeps, by cache key ("Understand the cache key")."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local.edge.deployment import Behaviour
from local.edge.encodings import normalised
from local.edge.message import Headers, Request, Response


@dataclass(frozen=True, kw_only=True)
class Key:
    """What tells one object from another; GET and HEAD share theirs."""

    distribution: str
    options: bool
    uri: str
    query: str
    headers: tuple[tuple[str, str], ...]
    cookies: str
    encoding: str

    @classmethod
    def of(cls, distribution: str, behaviour: Behaviour, request: Request) -> "Key":
        """The key of a request under a behaviour's cache policy."""
        policy = behaviour.cache
        names = sorted({name.lower() for name, _ in request.headers})
        return cls(
            distribution=distribution,
            options=request.method == "OPTIONS",
            uri=request.uri,
            query=policy.key.query(request.query),
            headers=tuple(
                (name, request.headers.get(name))
                for name in names
                if policy.key.headers.takes(name)
            ),
            cookies=policy.key.cookie(request.headers),
            encoding=normalised(request.headers, policy),
        )

    @property
    def path(self) -> str:
        """As invalidations name it ("Invalidate files")."""
        return f"{self.uri}?{self.query}" if self.query else self.uri


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A response in the cache; times in seconds of the cache's clock."""

    response: Response
    since: float
    until: float
    again: float = 0.0  # when the origin is asked again after it failed to renew this
    is_error: bool = False  # stands for the origin's error

    def validators(self) -> Headers:
        """What the origin is asked with whether this is still so ("Conditional requests")."""
        found = []
        if tag := self.response.headers.get("etag"):
            found.append(("If-None-Match", tag))
        if date := self.response.headers.get("last-modified"):
            found.append(("If-Modified-Since", date))
        return Headers(found)


class Cache:
    """Kept responses; whoever asks while another fetches the same waits for that one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._kept: dict[Key, Kept] = {}
        self._lock = threading.Lock()
        self._fetching: dict[Key, threading.Event] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Kept | None:
        """What is kept under a key, fresh or not."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: Key, kept: Kept) -> None:
        """Keep a response instead of an earlier one."""
        with self._lock:
            self._kept[key] = kept

    def drop(self, key: Key) -> None:
        """Forget one."""
        with self._lock:
            self._kept.pop(key, None)

    def invalidate(self, distribution: str, path: str) -> int:
        """Forget what an invalidation's path names, `*` at its end standing for anything."""
        wanted = path if path.startswith("/") else f"/{path}"
        with self._lock:
            gone = [
                key
                for key in self._kept
                if key.distribution == distribution
                and (
                    key.path.startswith(wanted[:-1]) if wanted.endswith("*") else key.path == wanted
                )
            ]
            for key in gone:
                del self._kept[key]
        return len(gone)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    @contextmanager
    def fetching(self, key: Key, patience: float) -> Iterator[bool]:
        """Fetch a key's object; false for one who waited, at most `patience` s, while another did.

        "Simultaneous requests for the same object (request collapsing)": the others wait for the
        first one's answer, and go to the origin only if that could not be kept.
        """
        with self._lock:
            other = self._fetching.get(key)
            if other is None:
                mine = self._fetching[key] = threading.Event()
        if other is not None:
            other.wait(patience)
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                del self._fetching[key]
            mine.set()
