"""Paths of requests against the path patterns of cache behaviours."""

import functools
import posixpath
import re
from typing import Final

_ENCODED: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)


def matches(pattern: str, uri: str) -> bool:
    """Whether a behaviour's path pattern is `uri`'s, case and all.

    `*` stands for any characters, `?` for one, the leading slash may be left out ("Path pattern" in
    "Cache behavior settings"). The path is normalised before, as RFC 3986 says; what goes to the
    origin is the path as sent.
    """
    return _compiled(pattern).fullmatch(normalised(uri)) is not None


def normalised(uri: str) -> str:
    """A path by RFC 3986, section 6.2.2: letters plain, escapes upper-case, dot segments gone."""

    def plain(match: "re.Match[str]") -> str:
        character = chr(int(match[1], 16))
        return character if _UNRESERVED.fullmatch(character) else match[0].upper()

    path = _ENCODED.sub(plain, uri)
    if not path.startswith("/"):
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@functools.cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    absolute = posixpath.join("/", pattern)
    words = {"*": ".*", "?": "."}
    return re.compile(
        "".join(words.get(character) or re.escape(character) for character in absolute), re.DOTALL
    )
