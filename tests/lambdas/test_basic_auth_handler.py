"""The edge asks for a password where it should, and never falls over."""

import copy
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lambdas.edge import (
    API,
    GEOSERVER,
    MAP,
    PEOPLE,
    STATUS,
    VALUES,
    basic,
    check,
    edge,
    event,
)
from tests.lambdas.fuzz_basic_auth import fuzz


@pytest.fixture(scope="module")
def auth(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return edge(tmp_path_factory.mktemp("edge"))


def passes(auth: ModuleType, request: dict[str, Any]) -> bool:
    return check(auth.handler, request)


def header(answer: dict[str, Any], name: str) -> str | None:
    values = answer["headers"].get(name)
    return None if values is None else values[0]["value"]


@pytest.mark.parametrize("person", PEOPLE)
def test_everyone_listed_is_let_in(auth: ModuleType, person: str) -> None:
    assert passes(auth, event(authorization=basic(person)))


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_the_scheme_is_case_insensitive(auth: ModuleType, scheme: str) -> None:
    assert passes(auth, event(authorization=basic(PEOPLE[0], scheme)))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic ====",
        "Basic é",
        "Bearer abc",
        basic("otakaro:wrong"),
        basic("otakaro"),
        basic("otakaro:river "),
        basic("Otakaro:river"),
        basic("mīria:wai:ora".encode("utf-16")),
        basic(""),
        basic(PEOPLE[0])[:-1] + "*",
        f"Basic {PEOPLE[0]}",
    ],
)
def test_everyone_else_is_asked(auth: ModuleType, authorization: str) -> None:
    assert not passes(auth, event(authorization=authorization))


def test_two_authorization_headers_are_none(auth: ModuleType) -> None:
    request = event(authorization=basic(PEOPLE[0]))
    headers = request["Records"][0]["cf"]["request"]["headers"]
    headers["authorization"] *= 2
    assert not passes(auth, request)


def test_the_answer_says_how_to_log_in_and_is_not_kept(auth: ModuleType) -> None:
    answer = auth.handler(event(), None)
    assert answer["status"] == "401"
    realm = 'Basic realm="Otakaro Digital Twin", charset="UTF-8"'
    assert header(answer, "www-authenticate") == realm
    assert header(answer, "cache-control") == "no-store"
    assert header(answer, "vary") == "Origin"
    assert header(answer, "access-control-allow-origin") is None


def test_a_script_of_another_host_can_read_the_answer(auth: ModuleType) -> None:
    answer = auth.handler(event(API, origin="http://localhost:3001"), None)
    assert header(answer, "access-control-allow-origin") == "http://localhost:3001"
    assert header(answer, "access-control-allow-credentials") is None


@pytest.mark.parametrize(
    "origin", ["null", "*", "https://a\r\nX: y", "https://é", "ftp://a", "https://a/b", "https://"]
)
def test_an_origin_that_is_none_is_not_repeated(auth: ModuleType, origin: str) -> None:
    answer = auth.handler(event(API, origin=origin), None)
    assert answer["status"] == "401"
    assert header(answer, "access-control-allow-origin") is None


def test_the_realm_is_a_quoted_string(tmp_path: Path) -> None:
    auth = edge(tmp_path, realm='Ō "Twin" \\\n')
    realm = 'Basic realm="? \\"Twin\\" \\\\?", charset="UTF-8"'
    assert header(auth.handler(event(), None), "www-authenticate") == realm


@pytest.mark.parametrize("host", [API, GEOSERVER])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"https://{MAP}"},
        {"referer": f"https://{MAP}/"},
        {"referer": f"https://{MAP}/catalogue?a=b"},
        {"referer": f"https://{MAP}"},
        {"origin": f"https://{MAP.upper()}"},
    ],
)
def test_the_map_reaches_the_hosts_it_uses(
    auth: ModuleType, host: str, headers: dict[str, str]
) -> None:
    assert passes(auth, event(host, **headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": f"http://{MAP}"},
        {"origin": f"https://{MAP}.evil.example"},
        {"origin": f"https://{MAP}:8443"},
        {"origin": f"https://{MAP}/"},
        {"referer": f"https://{MAP}.evil.example/"},
        {"referer": f"https://{MAP}@evil.example/"},
        {"referer": f"https://evil.example/https://{MAP}/"},
        {"origin": "null"},
    ],
)
def test_others_need_credentials_there(auth: ModuleType, headers: dict[str, str]) -> None:
    assert not passes(auth, event(API, **headers))
    assert passes(auth, event(API, **headers, authorization=basic(PEOPLE[0])))


def test_coming_from_the_map_opens_no_host_that_requires_credentials(auth: ModuleType) -> None:
    assert not passes(auth, event(MAP, origin=f"https://{MAP}", referer=f"https://{MAP}/"))


@pytest.mark.parametrize("host", [MAP.upper(), MAP])
def test_hosts_are_case_insensitive(auth: ModuleType, host: str) -> None:
    assert passes(auth, event(host, authorization=basic(PEOPLE[0])))
    assert passes(auth, event(API.upper(), origin=f"https://{MAP}"))


@pytest.mark.parametrize("host", [None, "", "evil.example", f"{STATUS}.", f"{STATUS}:443"])
def test_an_unknown_host_requires_credentials(auth: ModuleType, host: str | None) -> None:
    assert not passes(auth, event(host, origin=f"https://{MAP}"))
    assert passes(auth, event(host, authorization=basic(PEOPLE[0])))


@pytest.mark.parametrize("host", [MAP, API, STATUS, "evil.example"])
def test_a_preflight_needs_no_credentials(auth: ModuleType, host: str) -> None:
    asked = {"origin": "https://else.example", "access_control_request_method": "POST"}
    assert passes(auth, event(host, "OPTIONS", **asked))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", {}),
        ("OPTIONS", {"origin": "https://else.example"}),
        ("OPTIONS", {"access_control_request_method": "POST"}),
        ("GET", {"origin": "https://else.example", "access_control_request_method": "POST"}),
    ],
)
def test_nothing_else_is_a_preflight(
    auth: ModuleType, method: str, headers: dict[str, str]
) -> None:
    assert not passes(auth, event(MAP, method, **headers))


@pytest.mark.parametrize(
    "request_",
    [
        event(MAP, authorization=basic(PEOPLE[0])),
        event(API, authorization=basic(PEOPLE[0])),
        event(GEOSERVER, origin=f"https://{MAP}", authorization="Basic of-someone-else"),
        event(
            MAP,
            "OPTIONS",
            origin="https://else.example",
            access_control_request_method="GET",
            authorization="Basic x",
        ),
    ],
)
def test_what_was_checked_goes_no_further(auth: ModuleType, request_: dict[str, Any]) -> None:
    passed = auth.handler(copy.deepcopy(request_), None)
    assert "authorization" not in passed["headers"]
    assert passed["headers"]["host"]


def test_an_open_host_gets_the_request_as_it_is(auth: ModuleType) -> None:
    request = event(STATUS, authorization="Bearer its-own", cookie="a=b")
    passed = auth.handler(copy.deepcopy(request), None)
    assert passed == request["Records"][0]["cf"]["request"]


def test_every_user_is_compared(auth: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(auth.hmac, "compare_digest", counting)
    assert auth.handler(event(authorization=basic(PEOPLE[0])), None)["uri"] == "/"
    assert len(compared) == len(PEOPLE)


def test_a_request_takes_microseconds(auth: ModuleType) -> None:
    began = time.perf_counter()
    for _ in range(2000):
        auth.handler(event(authorization=basic("otakaro:wrong")), None)
    assert (time.perf_counter() - began) / 2000 < 0.001


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def values(name: str) -> st.SearchStrategy[Any]:
    text = st.sampled_from(VALUES[name]) | st.text(st.characters())
    one = st.fixed_dictionaries({"value": text})
    return one.map(lambda value: [value]) | st.lists(one | anything, max_size=2) | anything


headers_of_all_kinds = st.fixed_dictionaries({}, optional={name: values(name) for name in VALUES})
requests = st.fixed_dictionaries(
    {"headers": headers_of_all_kinds | anything},
    optional={"method": st.sampled_from(["GET", "OPTIONS"]) | anything, "uri": anything},
)


@given(requests | anything)
@settings(max_examples=4000, deadline=None)
def test_no_request_breaks_it(auth: ModuleType, request: Any) -> None:
    passes(auth, {"Records": [{"cf": {"request": request}}]})


@given(anything)
@settings(max_examples=1000, deadline=None)
def test_no_event_breaks_it(auth: ModuleType, request: Any) -> None:
    assert not passes(auth, request)


def test_random_requests_do_not_break_it() -> None:
    passed = fuzz(20_000, seed=1)
    assert 2_000 < passed < 18_000


CLOSED_SPELLINGS = [
    "/geoserver/web",
    "/geoserver/web/",
    "/geoserver/web/wicket/bookmarkable/x",
    "/geoserver/rest/workspaces.json",
    "/geoserver/gwc/rest/seed",
    "/GeoServer/Web/",
    "//geoserver//web",
    "/geoserver/./web",
    "/geoserver/ows/../web",
    "/geoserver/..;/geoserver/web",
    "/geoserver;x=y/web;jsessionid=1/",
    "/geoserver/%77eb",
    "/geoserver/%2577eb",
    "/geoserver%2fweb",
    "/geoserver%5cweb",
    "/geoserver\\web",
    "/geoserver/web%00",
    "/geoserver/web/../ows",
    "/x/../geoserver/rest",
    "/geoserver/%25252577eb",
]


@pytest.mark.parametrize("uri", CLOSED_SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_nobody_reaches_a_closed_path_however_it_is_written(
    auth: ModuleType, uri: str, method: str
) -> None:
    request = event(
        GEOSERVER,
        method,
        authorization=basic(PEOPLE[0]),
        origin=f"https://{MAP}",
        access_control_request_method="GET",
    )
    request["Records"][0]["cf"]["request"]["uri"] = uri
    assert auth.handler(request, None)["status"] == "403"


@pytest.mark.parametrize(
    "uri",
    ["/geoserver/ows", "/geoserver/webmap/wms", "/geoserver/gwc/service/wmts", "/geoserver/a%20b"],
)
def test_map_services_beside_the_closed_paths_are_open(auth: ModuleType, uri: str) -> None:
    request = event(GEOSERVER, authorization=basic(PEOPLE[0]))
    request["Records"][0]["cf"]["request"]["uri"] = uri
    assert passes(auth, request)


def test_other_hosts_have_no_closed_paths(auth: ModuleType) -> None:
    request = event(API, authorization=basic(PEOPLE[0]))
    request["Records"][0]["cf"]["request"]["uri"] = "/geoserver/web"
    assert passes(auth, request)
