"""Requests and responses as the edge handles them, header names spelt and repeated as they came."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

# Of one connection only (RFC 9110, section 7.6.1), besides what the field Connection itself names.
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Headers:
    """An ordered list of fields; names compare without regard to case. Never changed in place."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = tuple(fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, name: str) -> bool:
        return any(each.lower() == name.lower() for each, _ in self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return f"Headers({', '.join(name for name, _ in self._fields)})"  # values may be secret

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for each, value in self._fields if each.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The field's values as one list (RFC 9110, section 5.3), '' when it is not there."""
        return ", ".join(self.all(name))

    def without(self, *names: str) -> "Headers":
        """The fields of other names."""
        gone = {name.lower() for name in names}
        return Headers((name, value) for name, value in self if name.lower() not in gone)

    def set(self, name: str, value: str) -> "Headers":
        """With this field instead of any of its name."""
        return Headers((*self.without(name), (name, value)))

    def end_to_end(self) -> "Headers":
        """The fields that are not of one connection only."""
        named = {word.strip() for word in self.get("connection").split(",")}
        return self.without(*HOP_BY_HOP, *named)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A viewer's request, or what becomes of it on its way to the origin."""

    method: str
    uri: str  # the path as sent, percent-encoded
    query: str = ""  # without the question mark
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    client_ip: str = "127.0.0.1"
    secure: bool = True

    @property
    def host(self) -> str:
        """The host asked for, in lower case, without a port."""
        return self.headers.get("host").rpartition("@")[2].split(":")[0].lower()

    @property
    def target(self) -> str:
        """Path and query as in a request line."""
        return f"{self.uri}?{self.query}" if self.query else self.uri


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a viewer, or the edge, is answered."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    by: str = ""  # who answered: function, cache, origin or edge
    x_cache: str = ""  # what became of it, as the header X-Cache says
