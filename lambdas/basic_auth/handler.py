"""Basic Auth at CloudFront's viewer request (Lambda@Edge).

`config.json` beside this file says which hosts ask for a password and whose passwords are right:
`users` holds HMAC-SHA256("user:password") under the key `salt`, all in hex, the text in UTF-8 and
composed (NFC, as RFC 7617 has browsers send it). Modes of a host: `required` always asks;
`from-map` asks unless the request comes from a page of the host `map` (its Origin or Referer says
so: a barrier to entry, for anyone can send these headers); `open` never asks. A host that isn't
listed is `required`. `reading` lists the hosts of which the map's pages only read: to do more there
takes a password. `closed` lists, by host, the paths that nobody gets by way of the edge: the
administration of an application, whatever its spelling.

A preflight carries no credentials by specification, so it passes. A checked `Authorization` header
ends here: an origin with a log-in of its own would take it for that. CloudFront answers 502 when
this raises, so whatever a visitor sends is either let through or answered with 401 or 403.

Each cold start compiles and runs this file, so it imports only what Lambda's runtime has loaded
before it; what few requests need is loaded for the first of them.
"""

from __future__ import annotations

import functools
import json
import re

TYPE_CHECKING = False  # typing itself would be most of the cold start; so would pathlib
if TYPE_CHECKING:
    from typing import Any, Final

_FOLDER: Final = __file__.rpartition("/")[0] or "."
with open(f"{_FOLDER}/config.json", encoding="utf-8") as file:  # noqa: PTH123
    _CONFIG: Final[dict[str, Any]] = json.load(file)

_MODES: Final[dict[str, str]] = {host.lower(): mode for host, mode in _CONFIG["hosts"].items()}
# '/a/b' closes itself, what lies below it, and '/a/b.html': applications take that for '/a/b'.
_CLOSED: Final[dict[str, tuple[str, ...]]] = {
    host.lower(): tuple(
        "".join(f"/{name}" for name in path.lower().split("/") if name) + end
        for path in paths
        for end in "/."
    )
    for host, paths in _CONFIG["closed"].items()
}
_READING: Final = frozenset(host.lower() for host in _CONFIG["reading"])
_MAP: Final = f"https://{_CONFIG['map']}".lower()
_MAP_PAGE: Final = f"{_MAP}/"
_SALT: Final = bytes.fromhex(_CONFIG["salt"])
_USERS: Final = [bytes.fromhex(user) for user in _CONFIG["users"]]

# What a browser calls a web origin. Anything else isn't worth an answer that scripts can read, and
# as a header's value it could make CloudFront refuse the answer.
_ORIGIN: Final = r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"
# An honest client encodes a path once; a proxy and a server may decode it twice between them.
_DECODINGS: Final = 3


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Pass the request on, or answer it with 401 or 403."""
    try:
        request: dict[str, Any] = event["Records"][0]["cf"]["request"]
        headers = request["headers"]
    except (LookupError, TypeError):
        return _unauthorized("")
    if not isinstance(headers, dict):
        return _unauthorized("")

    host = _value(headers, "host").lower()
    uri = request.get("uri")
    if host in _CLOSED and (not isinstance(uri, str) or _is_closed(uri, host)):
        return _answer("403", "Forbidden", "This page is closed.\n")
    mode = _MODES.get(host, "required")
    if mode == "open":
        return request
    method = request.get("method")
    if (
        (method == "OPTIONS" and _is_preflight(headers))
        or (
            mode == "from-map"
            and (host not in _READING or method in ("GET", "HEAD"))
            and _is_from_map(headers)
        )
        or _is_known(_value(headers, "authorization"))
    ):
        headers.pop("authorization", None)
        return request
    return _unauthorized(_value(headers, "origin"))


def _value(headers: dict[Any, Any], name: str) -> str:
    """The header's value, '' unless it is there exactly once; CloudFront's names are lower-case."""
    if name not in headers:
        return ""
    try:
        [header] = headers[name]
        value = header["value"]
    except (LookupError, TypeError, ValueError):
        return ""
    return value if isinstance(value, str) else ""


# A map asks for few paths, many times each: what tells its requests apart is mostly the query.
@functools.lru_cache(maxsize=256)
def _is_closed(uri: str, host: str) -> bool:
    """Whether `uri` may lead to a closed path of `host` in some server's reading."""
    path = uri.lower()
    if "%" in path or not path.isascii():
        try:
            path = _decoded(path)
        except ValueError:  # not UTF-8, such as the overlong spelling of a dot
            return True
    # Servers read differently what these begin: a step up, a parameter, a separator of other
    # systems, the end of the path, one more encoding. No path of a map service holds them.
    if ".." in path or ";" in path or "\\" in path or "?" in path or "#" in path or "%" in path:
        return True
    if path[:1] != "/" or not path.isprintable():
        return True
    if "//" in path or "./" in path or "/." in path or " " in path or path[-1] == ".":
        # Empty segments are skipped, and some systems drop dots and spaces at a name's ends.
        path = "/" + "/".join(name for part in path.split("/") if (name := part.strip(". ")))
    return f"{path}/".startswith(_CLOSED[host])


def _decoded(path: str) -> str:
    """The path in lower-case ASCII: what is encoded decoded, what looks like ASCII made so.

    Raises ValueError when it isn't UTF-8.
    """
    import unicodedata

    for _ in range(_DECODINGS):
        octets = re.sub(b"%([0-9a-f]{2})", lambda code: bytes((int(code[1], 16),)), path.encode())
        # Wide, accented, dotless and other letters of the alphabet's kind, as Windows or a
        # comparison without regard to case would take them; the rest of Unicode spells nothing.
        text = unicodedata.normalize("NFKD", octets.decode().upper())
        if not text.isprintable():
            raise ValueError("a control character")
        path = text.encode("ascii", "ignore").decode().lower()
    return path


def _is_preflight(headers: dict[Any, Any]) -> bool:
    return _value(headers, "origin") != "" != _value(headers, "access-control-request-method")


def _is_from_map(headers: dict[Any, Any]) -> bool:
    return _value(
        headers, "origin"
    ).lower() == _MAP or f"{_value(headers, 'referer').lower()}/".startswith(_MAP_PAGE)


# The same visitors come again with every picture and tile. Who is remembered was compared before,
# so how fast the answer is tells no more than what it says.
@functools.lru_cache(maxsize=64)
def _is_known(authorization: str) -> bool:
    """Whether these are a user's credentials."""
    # Loaded for the first that come: OpenSSL takes longer than all else here together.
    import binascii
    import hmac

    if authorization[:6].lower() != "basic ":
        return False
    try:
        credentials = binascii.a2b_base64(authorization[6:].strip(" \t"), strict_mode=True)
        if not credentials.isascii():
            import unicodedata

            # What was typed may come in pieces: a letter, then its accent.
            credentials = unicodedata.normalize("NFC", credentials.decode()).encode()
    except ValueError:
        return False
    digest = hmac.digest(_SALT, credentials, "sha256")
    # Every user is compared, so that the time taken tells nothing.
    found = False
    for user in _USERS:
        found |= hmac.compare_digest(user, digest)
    return found


def _unauthorized(origin: str) -> dict[str, Any]:
    answer = _answer("401", "Unauthorized", "This page asks for a user name and a password.\n")
    headers = answer["headers"]
    headers["www-authenticate"] = [
        {"key": "WWW-Authenticate", "value": f'Basic realm="{_realm()}", charset="UTF-8"'}
    ]
    headers["vary"] = [{"key": "Vary", "value": "Origin"}]
    if re.fullmatch(_ORIGIN, origin, re.ASCII):
        # Without it a script on another host sees a network error instead of 401. The answer holds
        # nothing secret, and credentials that a browser adds by itself remain refused.
        headers["access-control-allow-origin"] = [
            {"key": "Access-Control-Allow-Origin", "value": origin}
        ]
    return answer


@functools.cache
def _realm() -> str:
    """The realm as a quoted string of RFC 9110: printable ASCII, quote and backslash escaped."""
    return re.sub(r'(["\\])', r"\\\1", re.sub(r"[^ -~]", "?", _CONFIG["realm"]))


def _answer(status: str, description: str, body: str) -> dict[str, Any]:
    return {
        "status": status,
        "statusDescription": description,
        "headers": {
            "cache-control": [{"key": "Cache-Control", "value": "no-store"}],
            "content-type": [{"key": "Content-Type", "value": "text/plain; charset=utf-8"}],
        },
        "body": body,
    }
