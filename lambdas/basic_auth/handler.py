"""Basic Auth at CloudFront's viewer request (Lambda@Edge).

`config.json` beside this file says which hosts ask for a password and whose passwords are right:
`users` holds HMAC-SHA256("user:password") under the key `salt`, all in hex, the text in UTF-8 and
composed (NFC, as RFC 7617 has browsers send it). Modes of a host: `required` always asks;
`from-map` asks unless the request comes from a page of the host `map` (its Origin or Referer says
so: a barrier to entry, for anyone can send these headers); `open` never asks. `reading` lists the
hosts of which the map's pages only read: to do more there takes a password. By host, `closed` lists
the paths that are blocked in every spelling, such as the administration of an application;
`exact` the beginnings of paths that have a cache behaviour of their own, which another spelling
would evade; `public` the files that browsers request without credentials. `ogc` lists the hosts
whose query strings are normalised, so that equal requests share a cache entry.

A `Host` that is not exactly one of ours, a method that no behaviour allows and an event of another
shape are refused with 403. A preflight carries no credentials by specification, so it passes. A
checked `Authorization` header is removed: an origin with its own sign-in would take it for that.
CloudFront returns 502 when this function raises, so every request is either passed on or answered
with 200 (robots.txt), 401 or 403.

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


def _by_host(key: str) -> dict[str, Any]:
    return {host.lower(): value for host, value in _CONFIG[key].items()}


# '/a/b' closes itself, what lies below it, and '/a/b.html': applications take that for '/a/b'.
_CLOSED: Final[dict[str, tuple[str, ...]]] = {
    host: tuple(
        "".join(f"/{name}" for name in path.lower().split("/") if name) + end
        for path in paths
        for end in "/."
    )
    for host, paths in _by_host("closed").items()
}
_EXACT: Final[dict[str, tuple[str, ...]]] = {
    host: tuple(paths) for host, paths in _by_host("exact").items()
}
_PUBLIC: Final[dict[str, frozenset[str]]] = {
    host: frozenset(paths) for host, paths in _by_host("public").items()
}
_OGC: Final = frozenset(host.lower() for host in _CONFIG["ogc"])
_READING: Final = frozenset(host.lower() for host in _CONFIG["reading"])
# Of each host, all that is looked at for every request.
_HOSTS: Final = {
    host: (mode, host in _CLOSED, host in _EXACT, host in _READING, host in _OGC)
    for host, mode in _by_host("hosts").items()
}
_MAP: Final = f"https://{_CONFIG['map']}".lower()
_MAP_PAGE: Final = f"{_MAP}/"
_SALT: Final = bytes.fromhex(_CONFIG["salt"])
_USERS: Final = [bytes.fromhex(user) for user in _CONFIG["users"]]

# What a browser calls a web origin. Anything else isn't worth an answer that scripts can read, and
# as a header's value it could make CloudFront refuse the answer.
_ORIGIN: Final = r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?"
# What the behaviours allow (cloudfront.py); CloudFront itself refuses the others.
_METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
# A file's name that is no step up: a dot at most once, before its ending.
_FILE_NAME: Final = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)?"
_DOT_SEGMENT: Final = r"/(\.|%2e){1,2}(/|$)"
# Letters, digits and -._~ as RFC 3986 has it; comma, colon and slash.
_NEEDLESS: Final = "%(2[CDEFcdef]|3[0-9Aa]|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])"
# No escape: a server ignores such a parameter, and resolving those around it could make one of it.
_BROKEN: Final = "%(?![0-9A-Fa-f]{2})"
# GeoServer's kinds of exceptions that are not the default, and no image.
_EXCEPTIONS: Final = ("=application/json", "=text/javascript")
_AS_IMAGE: Final = r"(?i)exceptions(?!=(application/json|text/javascript)\Z)(=|\Z)"
# An honest client encodes a path once; a proxy and a server may decode it twice between them.
_DECODINGS: Final = 3


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Pass the request on, or answer it with robots.txt, 401 or 403."""
    try:
        request: dict[str, Any] = event["Records"][0]["cf"]["request"]
        headers = request["headers"]
        [named] = headers["host"]
        host = named["value"]
        mode, has_closed, has_exact, is_read, is_ogc = _HOSTS[host]
        uri: str = request["uri"]
        method = request["method"]
        query: str = request["querystring"]
    except (LookupError, TypeError, ValueError):
        return _refused()
    if method not in _METHODS or type(uri) is not str or type(query) is not str or uri[:1] != "/":
        return _refused()

    if has_closed and _is_closed(uri, host):
        return _answer("403", "Forbidden", "This page is closed.\n")
    if has_exact and _is_disguised(uri, host):
        return _refused()
    reads = method == "GET" or method == "HEAD"
    if mode != "open":
        if reads and uri == "/robots.txt":
            return _answer("200", "OK", "User-agent: *\nDisallow: /\n")
        if not (
            (mode == "from-map" and (reads or not is_read) and _is_from_map(headers))
            or ("authorization" in headers and _is_known(_value(headers, "authorization")))
            or (method == "OPTIONS" and _is_preflight(headers))
            or (reads and _is_public(uri, host))
        ):
            return _unauthorized(_value(headers, "origin"))
        headers.pop("authorization", None)
    if is_ogc and reads:
        request["querystring"] = _normalised(query)
    return request


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


def _is_disguised(uri: str, host: str) -> bool:
    """Whether an application may take `uri` for one of `exact` that CloudFront takes for another.

    Express compares paths without regard to case and doesn't resolve dot segments; CloudFront
    compares with regard to case, after it has resolved them ("Path pattern" in "Cache behavior
    settings").
    """
    path = uri.lower()
    prefixes = _EXACT[host]
    return path.startswith(prefixes) and (
        not uri.startswith(prefixes) or re.search(_DOT_SEGMENT, path) is not None
    )


def _is_public(uri: str, host: str) -> bool:
    """Whether `uri` is a public file, or a plainly named file in a public folder."""
    public = _PUBLIC.get(host, ())
    if uri in public:
        return not uri.endswith("/")
    folder, _, name = uri.rpartition("/")
    return f"{folder}/" in public and re.fullmatch(_FILE_NAME, name, re.ASCII) is not None


# A map requests each tile again when its visitor comes back; others request the same ones.
@functools.lru_cache(maxsize=256)
def _normalised(query: str) -> str:
    """The query string of an OGC request in one spelling, any other as it is.

    Names have no case and no order (OGC 06-042, section 6.8; 07-057r7, section 8.1). Escapes that
    RFC 3986 (section 6.2.2.2) calls needless are resolved, as well as those of the separators in
    coordinates, layers and formats. GeoServer can draw an exception as an image, which a cache
    would take for a tile: of the ways to report one, only those remain that are told apart.
    """
    if "%" in query:
        if re.search(_BROKEN, query):
            return _without_images(query)
        query = _resolved(query).replace("%20", "+")
    found = {
        name.lower(): equals + value
        for name, equals, value in [part.partition("=") for part in query.split("&")]
    }
    if (
        "request" not in found
        or "" in found
        or len(found) <= query.count("&")  # several of one name, or of none
        or not "".join(found).replace("_", "").isalnum()
        or not query.isascii()
    ):
        return _without_images(query)
    if "exceptions" in found and found["exceptions"].lower() not in _EXCEPTIONS:
        del found["exceptions"]
    return "&".join([name + found[name] for name in sorted(found)])


def _without_images(query: str) -> str:
    """The query string without a wish for exceptions as images, else as it is."""
    return "&".join([part for part in query.split("&") if not re.match(_AS_IMAGE, _resolved(part))])


def _resolved(text: str) -> str:
    return re.sub(_NEEDLESS, _unescaped, text)


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _is_preflight(headers: dict[Any, Any]) -> bool:
    return _value(headers, "origin") != "" != _value(headers, "access-control-request-method")


def _is_from_map(headers: dict[Any, Any]) -> bool:
    referer = _value(headers, "referer").lower()
    return (
        referer.startswith(_MAP_PAGE)
        or referer == _MAP
        or _value(headers, "origin").lower() == _MAP
    )


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


def _refused() -> dict[str, Any]:
    return _answer("403", "Forbidden", "This request is not understood here.\n")


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
