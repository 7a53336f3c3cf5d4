"""What holds for every answer of the edge's handler, and requests of all kinds to try it with."""

import base64
import binascii
import copy
import hashlib
import hmac
import itertools
import json
import random
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from local.edge import paths
from tests.lambdas.loading import load, unpacked

MAP, API, GEOSERVER, STATUS = (
    f"{name}.example.nz" for name in ("otakaro", "api.otakaro", "gs.otakaro", "status.otakaro")
)
HOSTS = {MAP: "required", API: "from-map", GEOSERVER: "from-map", STATUS: "open"}
CLOSED = {
    GEOSERVER: [
        f"/geoserver/{path}"
        for path in (
            *("web", "rest", "gwc/rest", "gwc/demo", "gwc/home", "TestWfsPost"),
            *("j_spring_security_check", "j_spring_security_logout", "login", "logout"),
        )
    ]
}
EXACT = {MAP: ["/proxy", "/api/v1/proxy"]}
PUBLIC = {MAP: ["/favicon.ico", "/manifest.json", "/favicons/"]}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SALT = "5a" * 32
PEOPLE = ("otakaro:river", "mīria:wai:ora", "empty:")


def config(**changes: object) -> str:
    """The text of config.json."""
    digests = [
        hmac.new(
            bytes.fromhex(SALT), unicodedata.normalize("NFC", person).encode(), hashlib.sha256
        ).hexdigest()
        for person in PEOPLE
    ]
    settings = {
        "map": MAP,
        "hosts": HOSTS,
        "reading": [GEOSERVER],
        "closed": CLOSED,
        "exact": EXACT,
        "public": PUBLIC,
        "ogc": [GEOSERVER],
        "realm": "Otakaro Digital Twin",
        "salt": SALT,
        "users": digests,
    }
    return json.dumps(settings | changes)


def edge(folder: Path, **changes: object) -> ModuleType:
    """The handler with its configuration beside it."""
    (folder / "config.json").write_text(config(**changes), encoding="utf-8")
    return load(unpacked("basic_auth", folder))


def basic(credentials: str | bytes, scheme: str = "Basic") -> str:
    """The value of an Authorization header."""
    raw = credentials.encode() if isinstance(credentials, str) else credentials
    return f"{scheme} {base64.b64encode(raw).decode()}"


def event(host: str | None = MAP, method: str = "GET", **headers: str) -> dict[str, Any]:
    """A viewer-request event; underscores in the headers' names are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if host is not None:
        named["host"] = host
    return {
        "Records": [
            {
                "cf": {
                    "config": {"eventType": "viewer-request"},
                    "request": {
                        "clientIp": "203.0.113.1",
                        "method": method,
                        "uri": "/",
                        "querystring": "",
                        "headers": {
                            name: [{"key": name.title(), "value": value}]
                            for name, value in named.items()
                        },
                    },
                }
            }
        ]
    }


def check(handler: Callable[[Any, object], Any], given: Any) -> bool:
    """Hold the handler's answer against what must be true of all; whether it let the request in."""
    before = copy.deepcopy(given)
    answer = handler(given, None)
    request = _request(before)
    json.dumps(answer)
    if answer is _request(given):
        assert _is_understood(request)
        assert not leads_to_administration(request)
        assert not evades_its_behaviour(request)
        assert _may_pass(request)
        expected = copy.deepcopy(request)
        host = _one(request["headers"], "host")
        if HOSTS[host] != "open":
            expected["headers"].pop("authorization", None)
        if host == GEOSERVER and request["method"] in ("GET", "HEAD"):
            assert meaning(answer["querystring"]) == meaning(request["querystring"])
            assert len(answer["querystring"]) <= len(request["querystring"])
            expected["querystring"] = answer["querystring"]
        assert answer == expected
        return True
    for name, values in answer["headers"].items():
        assert name == name.lower()
        for header in values:
            assert header["key"].lower() == name
            assert header["value"].isascii()
            assert header["value"].isprintable()
    assert answer["headers"]["cache-control"][0]["value"] == "no-store"
    if answer["status"] == "403":
        assert (
            not _is_understood(request)
            or (
                _one(request["headers"], "host") in CLOSED
                and (not is_plain(request["uri"]) or leads_to_administration(request))
            )
            or (
                _one(request["headers"], "host") in EXACT
                and (evades_its_behaviour(request) or "/." in request["uri"].replace("%2e", "."))
            )
        )
        return False
    assert _is_understood(request)
    if answer["status"] == "200":
        assert request["uri"] == "/robots.txt"
        assert request["method"] in ("GET", "HEAD")
        assert HOSTS[_one(request["headers"], "host")] != "open"
        return False
    assert answer["status"] == "401"
    assert not _may_pass(request)
    assert answer["headers"]["www-authenticate"][0]["value"].endswith('charset="UTF-8"')
    return False


def _request(given: Any) -> Any:
    try:
        return given["Records"][0]["cf"]["request"]
    except (LookupError, TypeError):
        return None


def _is_understood(request: Any) -> bool:
    """Whether the request is one that CloudFront sends for a host of ours."""
    match request:
        case {"headers": dict(headers), "uri": str(uri), "method": method, "querystring": str()}:
            return uri.startswith("/") and method in METHODS and _one(headers, "host") in HOSTS
        case _:
            return False


def evades_its_behaviour(request: Any) -> bool:
    """Whether Express finds the proxy at a path that CloudFront takes for another."""
    if _one(request["headers"], "host") != MAP:
        return False
    mounted = re.compile("/(api/v1/)?proxy", re.IGNORECASE)
    seen = paths.normalised(request["uri"])
    return bool(mounted.match(request["uri"])) and not seen.startswith(tuple(EXACT[MAP]))


def meaning(query: str) -> dict[str, list[str]]:
    """What a server reads in the query string of an OGC request: names have no case."""
    found: dict[str, list[str]] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        if name.lower() != "exceptions" or value.lower() in ("application/json", "text/javascript"):
            found.setdefault(name.lower(), []).append(value)
    return found


def leads_to_administration(request: Any) -> bool:
    """Whether some server would take the request's path for a closed one."""
    closed = CLOSED.get(_one(request["headers"], "host"), [])
    uri = request["uri"]
    return any(
        names[:-1] == wanted[:-1] and names[-1].partition(".")[0] == wanted[-1]
        for wanted in (path.lower().strip("/").split("/") for path in closed)
        for reading in readings(uri)
        if len(names := reading[: len(wanted)]) == len(wanted)
    )


def readings(uri: str) -> Iterator[list[str]]:
    """The names in a path as servers read them: decoding up to three times in either of two
    encodings, parameters cut off before or after that, steps up taken or not, a path's end at NUL.
    """
    ways = itertools.product(range(4), ("utf-8", "latin-1"), (True, False), (True, False))
    for decodings, encoding, parameters_first, steps in ways:
        path = re.sub(";[^/]*", "", uri) if parameters_first else uri
        for _ in range(decodings):
            path = urllib.parse.unquote(path, encoding, "replace")
        path = re.sub(";[^/]*", "", path.replace("\\", "/")).partition("\0")[0]
        names: list[str] = []
        for part in path.split("/"):
            name = part.strip()
            if name == ".." and steps:
                del names[-1:]
            elif name not in ("", ".", ".."):
                names.append(name.rstrip(".").casefold())
        yield names


def is_plain(uri: object) -> bool:
    """Whether a path is one that map clients ask for."""
    return isinstance(uri, str) and bool(
        re.fullmatch(r"(/[A-Za-z0-9_:@,=+-]+(\.[A-Za-z0-9_:@,=+-]+)*)+/?", uri)
    )


def _one(headers: Any, name: str) -> str:
    match headers.get(name):
        case [{"value": str(value)}]:
            return value
        case _:
            return ""


def _may_pass(request: Any) -> bool:
    """The rules for a request that is understood once more, written another way."""
    headers, host = request["headers"], _one(request["headers"], "host")
    mode = HOSTS[host]
    if mode == "open":
        return True
    origin = _one(headers, "origin")
    wish = _one(headers, "access-control-request-method")
    if request.get("method") == "OPTIONS" and origin and wish:
        return True
    places = {origin.lower(), _one(headers, "referer").lower()}
    reads = request.get("method") in ("GET", "HEAD")
    writes_elsewhere = host != GEOSERVER
    public = r"/(favicon\.ico|manifest\.json|favicons/[\w-]+(\.[A-Za-z0-9]+)?)"
    if reads and host == MAP and re.fullmatch(public, request["uri"], re.ASCII):
        return True
    if (
        mode == "from-map"
        and (reads or writes_elsewhere)
        and (
            f"https://{MAP}" in places
            or _one(headers, "referer").lower()[: len(MAP) + 9] == f"https://{MAP}/"
        )
    ):
        return True
    word = _one(headers, "authorization")
    if word[:6].lower() != "basic ":
        return False
    try:
        said = base64.b64decode(word[6:].strip(" \t"), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return unicodedata.normalize("NFC", said) in PEOPLE


# Requests written as they go over the wire, which a fuzzer can alter byte by byte.


def request_of(data: bytes) -> Any:
    """An event of a request's head ("GET /path", then lines "name:value"), or of JSON."""
    text = data.decode("utf-8", "surrogateescape")
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    first, *lines = text.split("\n")
    method, _, target = first.partition(" ")
    uri, _, query = target.partition("?")
    headers: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name, []).append({"key": name, "value": value})
    request = {"method": method, "uri": uri, "querystring": query, "headers": headers}
    return {"Records": [{"cf": {"request": request}}]}


def seeds() -> Iterator[bytes]:
    """Requests to begin with, one for each rule."""
    for host in (*HOSTS, MAP.upper(), "evil.example"):
        yield f"GET /\nhost:{host}".encode()
        for name, values in VALUES.items():
            if name != "host":
                yield from (f"GET /\nhost:{host}\n{name}:{value}".encode() for value in values)
        yield f"OPTIONS /\nhost:{host}\norigin:x\naccess-control-request-method:GET".encode()
    for uri in URIS:
        yield f"GET {uri}\nhost:{GEOSERVER}\nreferer:https://{MAP}/".encode()
    for uri in MAP_URIS:
        yield f"GET {uri}\nhost:{MAP}\nauthorization:{basic(PEOPLE[0])}".encode()
    for query in QUERIES:
        yield f"GET /geoserver/ows?{query}\nhost:{GEOSERVER}\nreferer:https://{MAP}/".encode()
    yield json.dumps(event(authorization=basic(PEOPLE[0]))).encode()
    yield b'{"Records": [{"cf": {"request": {"headers": {"host": [{"value": 1}]}, "uri": []}}}]}'


# Random requests, for the long run by hand.

NASTY = (
    "",
    " ",
    "\0",
    "\r\nX: y",
    "null",
    "*",
    "é",
    "\ud800",
    "İ",
    "https://",
    "A" * 3000,
    "=",
    ",",
)
VALUES: Mapping[str, tuple[str, ...]] = {
    "host": (*HOSTS, MAP.upper(), f"{MAP}:443", f"{MAP}.", "evil.example"),
    "origin": (f"https://{MAP}", f"HTTPS://{MAP}", f"http://{MAP}", f"https://{MAP}.evil.example"),
    "referer": (f"https://{MAP}", f"https://{MAP}/", f"https://{MAP}/a?b", f"https://{MAP}.evil/"),
    "authorization": (
        *(basic(person) for person in PEOPLE),
        basic(PEOPLE[0], "bAsIc"),
        basic("otakaro:wrong"),
        basic(b"\xff\xfe:\x00"),
        basic(unicodedata.normalize("NFD", PEOPLE[1])),
        basic(PEOPLE[0]).rstrip("="),
        basic(PEOPLE[0]) + "=",
        "Basic",
        "Bearer abc",
        "Basic ====",
        "Basic é",
    ),
    "access-control-request-method": ("GET", "POST"),
    "cookie": ("a=b", "; ;=", "\x01"),
}
URIS = (
    "/geoserver/ows",
    "/geoserver/rest.html",
    "/geoserver;%2fx/web",
    "/geoserver/%c1%b7eb",
    "/geoserver/we%c4%b1",
    "/geoserver/gwc/service/tms/1.0.0/",
    "/geoserver/web/",
    "/geoserver/..;/geoserver/rest",
    "/geoserver/%2e%2e/geoserver/%77eb",
    "/geoserver/%",
    "/geoserver/%25252577eb",
)
MAP_URIS = (
    "/proxy/_1d/https://data.example/a?b=c",
    "/PROXY/http://data.example/",
    "/api/v1/Proxy/x",
    "/proxy/http://a/../../../build/x",
    "/proxy/%2e%2E/build/x",
    "/robots.txt",
    "/favicon.ico",
    "/favicons/icon-1.png",
    "/favicons/../config.json",
)
QUERIES = (
    "service=WMS&request=GetMap&layers=a:b&bbox=1,2,3,4",
    "REQUEST=GetMap&BBOX=1%2C2%2c3,4&Exceptions=INIMAGE",
    "request=GetFeature&exceptions=application%2Fjson&a=+%20%2B",
    "request=x&a=1&A=2&a=3&&",
    "request=%&a=%%34%",
    "request=%&%45xceptions=blank&Exceptions",
    "%72equest=GetMap&%65xceptions=blank",
    "layers=a&exceptions=blank",
    "wicket:interface=:1&B=1&a=2",
)
SENT: tuple[object, ...] = (*METHODS, "options", "TRACE", "", None, 5)


def random_event(dice: random.Random) -> Any:
    """A request, mostly well-formed, with faults sprinkled over it."""
    if dice.random() < 0.03:
        return random_value(dice, 3)
    headers: dict[str, Any] = {}
    for name, values in VALUES.items():
        if dice.random() < (0.95 if name == "host" else 0.5):
            value = dice.choice(values) if dice.random() < 0.85 else random_text(dice)
            headers[name] = [{"key": name.title(), "value": value}]
            if dice.random() < 0.03:
                headers[name] = random_value(dice, 2)
            elif dice.random() < 0.03:
                headers[name].append(dice.choice(headers[name]))
            elif dice.random() < 0.03:
                headers[name][0] = random_value(dice, 1)
    uri = dice.choice(("/", "", *URIS, *MAP_URIS)) + random_text(dice) * (dice.random() < 0.5)
    query = dice.choice(("", *QUERIES)) + random_text(dice) * (dice.random() < 0.3)
    method = dice.choice(SENT) if dice.random() < 0.3 else dice.choice(METHODS)
    request: Any = {"method": method, "uri": uri, "querystring": query, "headers": headers}
    if dice.random() < 0.03:
        wrong = dice.choice(("method", "headers", "uri", "querystring"))
        request[wrong] = random_value(dice, 2)
    if dice.random() < 0.02:
        request = random_value(dice, 2)
    return {"Records": [{"cf": {"request": request}}]}


def random_text(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return "".join(dice.choice(NASTY) for _ in range(dice.randrange(4)))
    return "".join(chr(dice.randrange(0x300)) for _ in range(dice.randrange(12)))


def random_value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(7 if depth else 5)
    if kind == 0:
        return None
    if kind == 1:
        return dice.choice((0, -1, 1.5, True, False))
    if kind <= 4:
        return random_text(dice)
    if kind == 5:
        return [random_value(dice, depth - 1) for _ in range(dice.randrange(3))]
    keys = ("value", "key", "Records", "cf", "request", "headers", "host", "")
    return {dice.choice(keys): random_value(dice, depth - 1) for _ in range(dice.randrange(4))}
