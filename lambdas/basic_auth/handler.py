"""Basic Auth at CloudFront's viewer request (Lambda@Edge).

`config.json` beside this file says which hosts ask for a password and whose passwords are right:
`users` holds HMAC-SHA256("user:password" in UTF-8) under the key `salt`, all in hex. Modes of a
host: `required` always asks; `from-map` asks unless the request comes from a page of the host
`map` (its Origin or Referer says so: a barrier to entry, for anyone can send these headers);
`open` never asks. A host that isn't listed is `required`. `closed` lists, by host, the paths that
nobody gets by way of the edge: the administration of an application, whatever its spelling.

A preflight carries no credentials by specification, so it passes. A checked `Authorization` header
ends here: an origin with a log-in of its own would take it for that. CloudFront answers 502 when
this raises, so whatever a visitor sends is either let through or answered with 401 or 403.
"""

import binascii
import hmac
import json
import re
from typing import Any, Final

# The folder of this file; pathlib would be most of the cold start.
_FOLDER: Final = __file__.rpartition("/")[0] or "."
with open(f"{_FOLDER}/config.json", encoding="utf-8") as file:  # noqa: PTH123
    _CONFIG: Final[dict[str, Any]] = json.load(file)

_MODES: Final[dict[str, str]] = {host.lower(): mode for host, mode in _CONFIG["hosts"].items()}
_CLOSED: Final = {
    host.lower(): ["/".join(filter(None, path.lower().split("/"))) for path in paths]
    for host, paths in _CONFIG["closed"].items()
}
_MAP: Final = f"https://{_CONFIG['map']}".lower()
_SALT: Final = bytes.fromhex(_CONFIG["salt"])
_USERS: Final = [bytes.fromhex(user) for user in _CONFIG["users"]]
# A quoted string of RFC 9110: printable ASCII, quote and backslash escaped.
_REALM: Final = re.sub(r'(["\\])', r"\\\1", re.sub(r"[^ -~]", "?", _CONFIG["realm"]))
# What a browser calls a web origin. Anything else isn't worth an answer that scripts can read, and
# as a header's value it could make CloudFront refuse the answer.
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)
_ENCODED: Final = re.compile("%([0-9a-f]{2})")
# An honest client encodes a path once; a proxy and a server may decode it twice between them.
_DECODINGS: Final = 3


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Pass the request on, or answer it with 401 or 403."""
    try:
        request = event["Records"][0]["cf"]["request"]
    except (LookupError, TypeError):
        request = None
    if not isinstance(request, dict):
        return _unauthorized("")
    headers = request.get("headers")
    if not isinstance(headers, dict):
        return _unauthorized("")

    host = _value(headers, "host").lower()
    if (closed := _CLOSED.get(host)) and _is_closed(request.get("uri"), closed):
        return _answer("403", "Forbidden", "This page is closed.\n")
    mode = _MODES.get(host, "required")
    if mode == "open":
        return request
    origin = _value(headers, "origin")
    if (
        _is_preflight(request, headers, origin)
        or (mode == "from-map" and _is_from_map(headers, origin))
        or _is_known(_value(headers, "authorization"))
    ):
        headers.pop("authorization", None)
        return request
    return _unauthorized(origin)


def _value(headers: dict[Any, Any], name: str) -> str:
    """The header's value, '' unless it is there exactly once; CloudFront's names are lower-case."""
    values = headers.get(name)
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], dict):
        value = values[0].get("value")
        if isinstance(value, str):
            return value
    return ""


def _is_closed(uri: object, closed: list[str]) -> bool:
    """Whether `uri` leads below one of the `closed` paths in any reading that a server may have."""
    if not isinstance(uri, str):
        return True
    path = uri.lower()
    for _ in range(_DECODINGS):
        path = _ENCODED.sub(lambda match: chr(int(match[1], 16)), path)
    if _ENCODED.search(path) or not path.isprintable():
        return True
    written: list[str] = []  # the segments as they stand there
    resolved: list[str] = []  # with '..' carried out
    for segment in path.replace("\\", "/").split("/"):
        # Java servers take what follows a semicolon as a parameter, not as the segment's name.
        name = segment.partition(";")[0].strip()
        if name in ("", "."):
            continue
        if name == "..":
            del resolved[-1:]
            continue
        written.append(name)
        resolved.append(name)
    readings = [f"/{'/'.join(names)}/" for names in (written, resolved)]
    return any(f"/{path}/" in reading for path in closed for reading in readings)


def _is_preflight(request: dict[Any, Any], headers: dict[Any, Any], origin: str) -> bool:
    return (
        request.get("method") == "OPTIONS"
        and origin != ""
        and _value(headers, "access-control-request-method") != ""
    )


def _is_from_map(headers: dict[Any, Any], origin: str) -> bool:
    referer = _value(headers, "referer").lower()
    return origin.lower() == _MAP or referer == _MAP or referer.startswith(f"{_MAP}/")


def _is_known(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        credentials = binascii.a2b_base64(token.strip(), strict_mode=True)
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
        {"key": "WWW-Authenticate", "value": f'Basic realm="{_REALM}", charset="UTF-8"'}
    ]
    headers["vary"] = [{"key": "Vary", "value": "Origin"}]
    if _ORIGIN.fullmatch(origin):
        # Without it a script on another host sees a network error instead of 401. The answer holds
        # nothing secret, and credentials that a browser adds by itself remain refused.
        headers["access-control-allow-origin"] = [
            {"key": "Access-Control-Allow-Origin", "value": origin}
        ]
    return answer


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
