"""The edge asks for a password where it should, and never falls over."""

import base64
import copy
import hmac
import json
import random
import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lambdas.edge import (
    API,
    CLOSED,
    GEOSERVER,
    HOSTS,
    MAP,
    METHODS,
    PEOPLE,
    STATUS,
    VALUES,
    basic,
    check,
    edge,
    event,
    request_of,
    seeds,
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
        basic(PEOPLE[0]) + " x",
        basic(PEOPLE[0]) + "\u00a0",
        basic(PEOPLE[0]) + "\n",
        basic(PEOPLE[0]) + "=",
        basic(PEOPLE[0], "Basi"),
        basic(PEOPLE[0], "Basics"),
        basic(PEOPLE[0]).replace(" ", ""),
        basic(PEOPLE[0]).replace(" ", "\t"),
        basic(PEOPLE[0]).replace(" ", "\u00a0"),
        basic("mīria:wai:ora".encode("latin-1", "replace")),
        basic(b"otakaro:river\xff"),
        basic("otakaro:ríver"),
        f"Basic {PEOPLE[0]}",
    ],
)
def test_everyone_else_is_asked(auth: ModuleType, authorization: str) -> None:
    assert not passes(auth, event(authorization=authorization))


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_letters_count_however_they_are_composed(auth: ModuleType, form: Any) -> None:
    typed = unicodedata.normalize(form, "mīria:wai:ora")
    assert passes(auth, event(authorization=basic(typed)))


def test_letters_that_only_look_alike_do_not_count(auth: ModuleType) -> None:
    assert not passes(auth, event(authorization=basic("mīria:wai:ora".replace("r", "\uff52"))))


@pytest.mark.parametrize("spaces", ["{0}  {1}", "{0} {1} ", "{0}   {1}\t \t"])
def test_spaces_around_the_token_are_none_of_it(auth: ModuleType, spaces: str) -> None:
    scheme, token = basic(PEOPLE[0]).split()
    assert passes(auth, event(authorization=spaces.format(scheme, token)))


def test_a_remembered_visitor_is_let_in_and_a_remembered_stranger_is_not(auth: ModuleType) -> None:
    for _ in range(3):
        assert passes(auth, event(authorization=basic(PEOPLE[0])))
        assert not passes(auth, event(authorization=basic("otakaro:wrong")))


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    auth = edge(tmp_path)
    for number in range(1000):
        auth.handler(event(authorization=basic(f"otakaro:{number}")), None)
        auth.handler(at(f"/geoserver/{number}"), None)
        normalised(auth, f"request=GetMap&bbox={number}")
    for remembering in (auth._is_known, auth._is_closed, auth._normalised):
        assert remembering.cache_info().currsize == remembering.cache_info().maxsize < 1000


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
    "origin",
    [
        *("null", "*", "https://a\r\nX: y", "https://é", "ftp://a", "https://a/b", "https://"),
        *("https://a\n", "https://a:", "https://a:123456", "xhttps://a", f"https://{'a' * 254}"),
    ],
)
def test_an_origin_that_is_none_is_not_repeated(auth: ModuleType, origin: str) -> None:
    answer = auth.handler(event(API, origin=origin), None)
    assert answer["status"] == "401"
    assert header(answer, "access-control-allow-origin") is None


def test_the_realm_is_a_quoted_string(tmp_path: Path) -> None:
    auth = edge(tmp_path, realm='Ōé\x7f "Twin" \\\n')
    realm = 'Basic realm="??? \\"Twin\\" \\\\?", charset="UTF-8"'
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
        {"referer": f"HTTPS://{MAP.upper()}/"},
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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_map_only_reads_where_it_has_nothing_to_write(auth: ModuleType, method: str) -> None:
    given = event(GEOSERVER, method, origin=f"https://{MAP}", referer=f"https://{MAP}/")
    assert auth.handler(given, None)["status"] == "401"
    for reading in ("GET", "HEAD"):
        given = event(GEOSERVER, reading, referer=f"https://{MAP}/")
        assert "status" not in auth.handler(given, None)
    # The API computes what the map posts, and who has a password may write anywhere.
    assert "status" not in auth.handler(event(API, "POST", origin=f"https://{MAP}"), None)
    known = event(GEOSERVER, method, authorization=basic(PEOPLE[0]))
    assert "status" not in auth.handler(known, None)


def test_coming_from_the_map_opens_no_host_that_requires_credentials(auth: ModuleType) -> None:
    assert not passes(auth, event(MAP, origin=f"https://{MAP}", referer=f"https://{MAP}/"))


NOT_OURS = [
    *(None, "", "evil.example", f"{STATUS}.", f"{STATUS}:443", STATUS.upper(), STATUS.title()),
    *(f" {STATUS}", f"{STATUS} ", f"{STATUS},{STATUS}", f"user@{STATUS}", f"x.{STATUS}"),
    *(f"{STATUS}\0", STATUS.replace("s", "\u017f"), "d111111abcdef8.cloudfront.net", "192.0.2.1"),
]


@pytest.mark.parametrize("host", NOT_OURS)
@pytest.mark.parametrize("method", METHODS)
def test_a_host_that_is_not_exactly_ours_is_refused(
    auth: ModuleType, host: str | None, method: str
) -> None:
    named = {"origin": f"https://{MAP}", "access_control_request_method": "GET"}
    given = event(host, method, **named, authorization=basic(PEOPLE[0]))
    assert auth.handler(given, None)["status"] == "403"


@pytest.mark.parametrize("hosts", [[STATUS, STATUS], [STATUS, "evil.example"], []])
def test_two_hosts_are_none(auth: ModuleType, hosts: list[str]) -> None:
    given = event(STATUS)
    headers = given["Records"][0]["cf"]["request"]["headers"]
    headers["host"] = [{"key": "Host", "value": host} for host in hosts]
    assert auth.handler(given, None)["status"] == "403"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "", "GET ", None, 5, ["GET"]])
def test_a_method_that_no_behaviour_allows_is_refused(
    auth: ModuleType, host: str, method: Any
) -> None:
    given = event(host, authorization=basic(PEOPLE[0]))
    given["Records"][0]["cf"]["request"]["method"] = method
    assert auth.handler(given, None)["status"] == "403"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("field", ["uri", "querystring"])
@pytest.mark.parametrize("value", [None, 5, ["/"], {}, b"/"])
def test_a_path_or_query_that_is_no_text_is_refused(
    auth: ModuleType, host: str, field: str, value: Any
) -> None:
    for credentials in ("", basic(PEOPLE[0])):
        sent = event(host, authorization=credentials)
        sent["Records"][0]["cf"]["request"][field] = value
        assert auth.handler(sent, None)["status"] == "403"
        del sent["Records"][0]["cf"]["request"][field]
        assert auth.handler(sent, None)["status"] == "403"


@pytest.mark.parametrize("host", [MAP, API, STATUS])
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


@pytest.mark.parametrize("person", [*PEOPLE, "otakaro:wrong"])
def test_every_user_is_compared_in_constant_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    compared = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", counting)
    auth = edge(tmp_path)
    answer = auth.handler(event(authorization=basic(person)), None)
    assert ("uri" in answer) == (person in PEOPLE)
    assert len(set(compared)) == len(PEOPLE)


# CloudFront developer guide, "Lambda@Edge event structure": the viewer request's fields.
DOCUMENTED: dict[str, Any] = {
    "Records": [
        {
            "cf": {
                "config": {
                    "distributionDomainName": "d111111abcdef8.cloudfront.net",
                    "distributionId": "EDFDVBD6EXAMPLE",
                    "eventType": "viewer-request",
                    "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
                },
                "request": {
                    "clientIp": "203.0.113.178",
                    "headers": {
                        "host": [{"key": "Host", "value": MAP}],
                        "user-agent": [{"key": "User-Agent", "value": "curl/7.66.0"}],
                        "accept": [{"key": "accept", "value": "*/*"}],
                    },
                    "method": "GET",
                    "querystring": "",
                    "uri": "/",
                },
            }
        }
    ]
}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {
            "body": {
                "action": "read-only",
                "data": base64.b64encode(b"<wfs:GetFeature/>").decode(),
                "encoding": "base64",
                "inputTruncated": False,
            }
        },
    ],
)
@pytest.mark.parametrize("credentials", [None, *PEOPLE])
def test_the_documented_event_is_understood(
    auth: ModuleType, body: dict[str, Any], credentials: str | None
) -> None:
    given = copy.deepcopy(DOCUMENTED)
    request = given["Records"][0]["cf"]["request"]
    request |= body
    untouched = copy.deepcopy(request)
    if credentials is None:
        assert auth.handler(given, None)["status"] == "401"
        return
    request["headers"]["authorization"] = [{"key": "Authorization", "value": basic(credentials)}]
    assert auth.handler(given, None) == untouched


def test_an_answer_is_what_cloudfront_takes(auth: ModuleType) -> None:
    """CloudFront developer guide, "Generate HTTP responses in request triggers"."""
    closed = auth.handler(at("/geoserver/web"), None)
    for answer, status in ((auth.handler(event(), None), "401"), (closed, "403")):
        assert set(answer) == {"status", "statusDescription", "headers", "body"}
        assert answer["status"] == status
        assert header(answer, "content-type") == "text/plain; charset=utf-8"
        assert header(answer, "cache-control") == "no-store"
        assert answer["body"].endswith(".\n")
        for name, values in answer["headers"].items():
            assert [value["key"].lower() for value in values] == [name]


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
@settings(max_examples=1500, deadline=None)
def test_no_request_breaks_it(auth: ModuleType, request: Any) -> None:
    passes(auth, {"Records": [{"cf": {"request": request}}]})


@given(anything)
@settings(max_examples=500, deadline=None)
def test_no_event_breaks_it(auth: ModuleType, request: Any) -> None:
    assert not passes(auth, request)


# What stands in the place of an event, of its request, of the headers, of a value.
MALFORMED: list[Any] = [
    *(None, 5, "x", [], {}, {"Records": None}, {"Records": []}, {"Records": {}}),
    *({"Records": [{"cf": {"request": given}}]} for given in (None, 5, "x", [1], {"": 1})),
    *(
        {"Records": [{"cf": {"request": {"headers": headers}}}]}
        for headers in (None, 5, "host", ["host"], {"host": 5}, {"host": "x"}, {"host": ["x"]})
    ),
    *(
        {"Records": [{"cf": {"request": {"headers": {"host": [{"value": value}]}}}}]}
        for value in (None, 5, [STATUS], {"value": STATUS})
    ),
]


@pytest.mark.parametrize("given", MALFORMED)
def test_what_is_no_request_is_refused(auth: ModuleType, given: Any) -> None:
    assert not passes(auth, given)
    assert auth.handler(given, None)["status"] == "403"


def test_random_requests_do_not_break_it() -> None:
    passed = fuzz(20_000, seed=1)
    assert 2_000 < passed < 18_000


def test_requests_altered_byte_by_byte_do_not_break_it(auth: ModuleType) -> None:
    """What `make fuzz` does with guidance, for a moment and always the same."""
    dice = random.Random(2)
    known = list(seeds())
    passed = 0
    for _ in range(5_000):
        data = bytearray(dice.choice(known))
        for _ in range(dice.randrange(4)):
            place = dice.randrange(len(data))
            data[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        passed += check(auth.handler, request_of(bytes(data)))
    assert 500 < passed < 4_500


def at(uri: object, host: str = GEOSERVER, method: str = "GET") -> dict[str, Any]:
    """A request from the map, by a user, for a path."""
    request = event(
        host,
        method,
        authorization=basic(PEOPLE[0]),
        origin=f"https://{MAP}",
        access_control_request_method="GET",
    )
    request["Records"][0]["cf"]["request"]["uri"] = uri
    return request


CLOSED_SPELLINGS: list[Any] = [
    *CLOSED[GEOSERVER],
    "/geoserver/web/",
    "/geoserver/web/wicket/bookmarkable/x",
    "/geoserver/rest/workspaces.json",
    "/geoserver/rest.html",
    "/geoserver/rest.json/",
    "/geoserver/gwc/rest.html",
    "/geoserver/gwc/rest/seed",
    "/geoserver/gwc/demo/layer",
    "/GeoServer/Web/",
    "/geoserver/testwfspost",
    "//geoserver//web",
    "/geoserver/./web",
    "/./geoserver/web",
    "/geoserver/ows/../web",
    "/geoserver/..;/geoserver/web",
    "/geoserver/ows/..;x=y/web",
    "/geoserver;x=y/web;jsessionid=1/",
    "/geoserver/web;jsessionid=1",
    "/geoserver;%2fx/web",
    "/geoserver%3b%2fx/web",
    "/geoserver/%77eb",
    "/geoserver/%57EB",
    "/geoserver/%2577eb",
    "/geoserver/%252577eb",
    "/geoserver/%25252577eb",
    "/geoserver%2fweb",
    "/geoserver%252fweb",
    "/geoserver%5cweb",
    "/geoserver\\web",
    "/geoserver/ows/%2e%2e/web",
    "/geoserver/ows/%252e%252e/web",
    "/geoserver/%2e/web",
    "/geoserver/web%00",
    "/geoserver/web\0.png",
    "/geoserver/web%0a",
    "/geoserver/web%20",
    "/geoserver/web.",
    "/geoserver/web%2e",
    "/geoserver./web",
    "/geoserver /web",
    "/geoserver/web...",
    "/geoserver/web%3fx",
    "/geoserver/web?x",
    "/geoserver/web%23x",
    "/geoserver/web/../ows",
    "/x/../geoserver/rest",
    # UTF-8 that is none: too long, cut off, of half a pair
    "/geoserver/ows/%c0%ae%c0%ae/web",
    "/geoserver/%c1%b7eb",
    "/geoserver/%e0%81%b7eb",
    "/geoserver/we%c3",
    "/geoserver/%ed%a0%80web",
    "/geoserver/web\udcff",
    # other codes
    "/geoserver/%u0077eb",
    "/geoserver/%w",
    "/geoserver/100%",
    "/geoserver/a%25252520b/wms",
    "/geoserver/.web",
    # letters that some comparison takes for those of the alphabet
    "/geoserver/re%c5%bft",
    "/geoserver/re\u017ft",
    "/geoserver/%ef%bd%97eb",
    "/geoserver/\uff57eb",
    "/geoserver\uff0fweb",
    "/geoserver/ows/\u2025/web",
    "/geoserver/\uff05\uff17\uff17eb",
    "/geoserver/login",
    "/geoserver/Login?error=true",
    "/geoserver/login.html",
    "/geoserver//logout/",
    "/geoserver/%6cogin",
    "/geoserver/ows/..;/logout;jsessionid=1",
    "/geoserver/j_spr\u0131ng_security_check",
    "/geoserver/j_spr\u0130ng_security_check",
    "/geoserver/wéb",
    "/geoserver/we\u200bb",
    "/geoserver/web\u00a0",
    "/geoserver/\u3000web",
    # no path at all
    "",
    "geoserver/web",
    "https://gs.example/geoserver/web",
    "*",
    None,
    5,
    ["/geoserver/web"],
    {},
]


@pytest.mark.parametrize("uri", CLOSED_SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_nobody_reaches_a_closed_path_however_it_is_written(
    auth: ModuleType, uri: object, method: str
) -> None:
    assert auth.handler(at(uri, method=method), None)["status"] == "403"


@pytest.mark.parametrize(
    "uri",
    [
        "/",
        "/geoserver",
        "/geoserver/",
        "/geoserver/ows",
        "/geoserver//ows",
        "/geoserver/webmap/wms",
        "/geoserver/restaurants/wms",
        "/geoserver/web-mercator/wms",
        "/geoserver/otakaro/rest/wms",
        "/geoserver/gwc/service/wmts",
        "/geoserver/gwc/service/wmts/rest/otakaro:dem//EPSG:900913/EPSG:900913:3/1/2",
        "/geoserver/gwc/service/tms/1.0.0/otakaro%3Adem@EPSG%3A900913@png/3/1/2.png",
        "/geoserver/a%20b/wms",
        "/geoserver/a%2Fwms",
        "/geoserver/a%2520b/wms",
        "/geoserver/a%252520b/wms",
        "/geoserver/Ōtākaro/wms",
        "/geoserver/%C5%8Ct%C4%81karo/wms",
        "/geoserver/styles/river.sld",
        "/geoserver/.hidden",
    ],
)
def test_map_services_beside_the_closed_paths_are_open(auth: ModuleType, uri: str) -> None:
    assert passes(auth, at(uri))


@pytest.mark.parametrize(
    "closed", ["/geoserver/web", "/GeoServer/Web/", "geoserver/web", "//geoserver//web"]
)
def test_a_closed_path_may_be_configured_in_any_spelling(tmp_path: Path, closed: str) -> None:
    auth = edge(tmp_path, closed={GEOSERVER.upper(): [closed]})
    assert auth.handler(at("/geoserver/web/x"), None)["status"] == "403"
    assert "uri" in auth.handler(at("/geoserver/rest"), None)


def test_a_closed_root_closes_all(tmp_path: Path) -> None:
    auth = edge(tmp_path, closed={GEOSERVER: ["/"]})
    for uri in ("/", "/geoserver", "/index.html"):
        assert auth.handler(at(uri), None)["status"] == "403"


def test_other_hosts_have_no_closed_paths(auth: ModuleType) -> None:
    assert passes(auth, at("/geoserver/web", API))
    assert passes(auth, at("/geoserver/ows/../web", STATUS))


def test_a_closed_path_is_closed_on_an_open_host(tmp_path: Path) -> None:
    auth = edge(tmp_path, closed={STATUS: ["/admin"]})
    assert auth.handler(at("/admin", STATUS), None)["status"] == "403"
    assert "uri" in auth.handler(at("/", STATUS), None)


def test_hosts_are_configured_in_any_case(tmp_path: Path) -> None:
    auth = edge(tmp_path, map=MAP.upper(), hosts={API.upper(): "from-map"})
    assert "uri" in auth.handler(event(API, origin=f"https://{MAP}"), None)


def test_nothing_of_a_request_is_kept_for_the_next(auth: ModuleType) -> None:
    first = auth.handler(event(API, origin="https://one.example"), None)
    second = auth.handler(event(API, origin="https://two.example"), None)
    json.dumps([first, second])
    assert header(first, "access-control-allow-origin") == "https://one.example"
    assert header(second, "access-control-allow-origin") == "https://two.example"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "uri",
    ["/favicon.ico", "/manifest.json", "/favicons/manifest.json", "/favicons/icon-192x192.png"],
)
def test_what_browsers_request_without_credentials_needs_none(
    auth: ModuleType, uri: str, method: str
) -> None:
    assert passes(auth, without_password(uri, method=method))
    assert auth.handler(without_password(uri, API), None)["status"] == "401"


@pytest.mark.parametrize(
    ("uri", "method"),
    [
        ("/favicon.ico", "POST"),
        ("/favicon.ico/", "GET"),
        ("/Favicon.ico", "GET"),
        ("/favicon.icon", "GET"),
        ("/config/manifest.json", "GET"),
        ("/favicons", "GET"),
        ("/favicons/", "GET"),
        ("/favicons/..", "GET"),
        ("/favicons/../config.json", "GET"),
        ("/favicons/..config.json", "GET"),
        ("/favicons/%2e%2e", "GET"),
        ("/favicons/x/../../config.json", "GET"),
        ("/favicons/a/b.png", "GET"),
        ("/favicons/a.png\n", "GET"),
        ("/favicons/a.png;/../x", "GET"),
        ("/", "GET"),
        ("", "GET"),
    ],
)
def test_nothing_else_is_public(auth: ModuleType, uri: str, method: str) -> None:
    assert auth.handler(without_password(uri, method=method), None)["status"] in ("401", "403")


@pytest.mark.parametrize("host", [MAP, API, GEOSERVER])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_search_engines_are_told_to_stay_away(auth: ModuleType, host: str, method: str) -> None:
    answer = auth.handler(without_password("/robots.txt", host, method), None)
    assert answer["status"] == "200"
    assert answer["body"] == "User-agent: *\nDisallow: /\n"
    assert header(answer, "content-type") == "text/plain; charset=utf-8"
    assert auth.handler(without_password("/robots.txt", host, "POST"), None)["status"] == "401"


def test_an_open_host_has_its_own_robots_txt(auth: ModuleType) -> None:
    assert passes(auth, without_password("/robots.txt", STATUS))


def without_password(uri: str, host: str = MAP, method: str = "GET") -> dict[str, Any]:
    request = event(host, method)
    request["Records"][0]["cf"]["request"]["uri"] = uri
    return request


@pytest.mark.parametrize(
    "uri",
    [
        "/Proxy/https://data.example/",
        "/PROXY",
        "/api/v1/pRoxy/https://data.example/",
        "/API/v1/proxy/https://data.example/",
        "/proxy/https://data.example/../../../../build/x",
        "/proxy/https://data.example/%2e%2e/%2E./.%2e/../build/x",
        "/api/v1/proxy/../../../build/x",
        "/proxy/..",
        "/proxy/./x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_proxy_has_one_spelling(auth: ModuleType, uri: str, method: str) -> None:
    assert auth.handler(at(uri, MAP, method), None)["status"] == "403"


@pytest.mark.parametrize(
    "uri",
    [
        "/proxy/_1d/https://data.example/a/b.json",
        "/proxy/https://data.example/.well-known/x..y/",
        "/api/v1/proxy/http://data.example/A%20b;c?",
        "/proxyabledomains",
        "/prox",
        "/build/Proxy.js",
    ],
)
def test_the_proxy_and_what_is_called_alike_are_passed_on(auth: ModuleType, uri: str) -> None:
    assert passes(auth, at(uri, MAP))


def normalised(auth: ModuleType, query: str, method: str = "GET", host: str = GEOSERVER) -> Any:
    given = at("/geoserver/ows", host, method)
    request = given["Records"][0]["cf"]["request"]
    request["querystring"] = query
    assert passes(auth, given)
    return request["querystring"]


SAME = [
    [
        "bbox=1,2,3,4&layers=a:b&request=GetMap&service=WMS",
        "SERVICE=WMS&REQUEST=GetMap&LAYERS=a:b&BBOX=1,2,3,4",
        "service=WMS&request=GetMap&layers=a%3Ab&bbox=1%2C2%2c3,4",
        "%73ervice=WMS&request=Get%4Dap&layers=a:b&bbox=1,2,3,4&exceptions=XML",
        "service=WMS&request=GetMap&layers=a:b&bbox=1,2,3,4"
        "&EXCEPTIONS=application/vnd.ogc.se_inimage",
        "service=WMS&request=GetMap&layers=a:b&bbox=1,2,3,4"
        "&%45xceptions=application%2Fvnd.ogc.se_blank",
    ],
    ["cql_filter=a+b%2B%26%3D&request=GetFeature", "Request=GetFeature&CQL_FILTER=a%20b%2B%26%3D"],
    ["exceptions=application/json&request=a", "REQUEST=a&exceptions=application%2fjson"],
]


@pytest.mark.parametrize("spellings", SAME)
def test_equal_requests_have_equal_query_strings(auth: ModuleType, spellings: list[str]) -> None:
    assert [normalised(auth, query) for query in spellings] == [spellings[0]] * len(spellings)
    assert normalised(auth, spellings[-1], "HEAD") == spellings[0]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "B=1&a=2",
        "wicket:interface=:1:x&A=1",
        "REQUEST=GetMap&B=%&a=1",
        "REQUEST=GetMap&a=%%341",
        "REQUEST=GetMap&a=%4",
        "bbox=1,2,3,4&request=GetMap&styles=",
        "request=GetMap&z=%25",
        "subset=B(1)&REQUEST=GetCoverage&subset=a(1)",
        "layers=a&REQUEST=GetMap&Layers=b",
        "REQUEST=GetMap&&a=1",
        "REQUEST=GetMap&=1",
        "REQUEST=GetMap&a b=1",
        "REQUEST=GetMap&\u00e9=1",
    ],
)
def test_what_may_mean_something_else_stays_as_it_is(auth: ModuleType, query: str) -> None:
    assert normalised(auth, query) == query


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("layers=a:b&Exceptions=INIMAGE&width=1", "layers=a:b&width=1"),
        ("exceptions=blank", ""),
        ("exceptions", ""),
        ("request=a&exceptions=a&exceptions=b&b=exceptions=", "request=a&b=exceptions="),
        ("a=%&%45xceptions=blank&b=%41", "a=%&b=%41"),
    ],
)
def test_no_exception_is_drawn_as_an_image(auth: ModuleType, query: str, left: str) -> None:
    """GeoServer's reflector takes no `request`: /geoserver/wms/reflect."""
    assert normalised(auth, query) == left


def test_other_hosts_and_other_methods_keep_their_query_strings(auth: ModuleType) -> None:
    query = "REQUEST=GetMap&BBOX=1%2C2&exceptions=blank"
    assert normalised(auth, query, "POST") == query
    assert normalised(auth, query, host=API) == query


@given(st.lists(st.tuples(st.text("aB%=+& \x7f", max_size=4), st.text(max_size=4)), max_size=6))
@settings(max_examples=300, deadline=None)
def test_normalising_again_changes_nothing(auth: ModuleType, pairs: list[tuple[str, str]]) -> None:
    query = "&".join([*(f"{name}={value}" for name, value in pairs), "Request=x"])
    once = normalised(auth, query)
    assert normalised(auth, once) == once
