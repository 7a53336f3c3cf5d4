"""Which distribution and behaviour a request gets, and what is refused before anything is asked."""

from typing import Any

import pytest

from local.edge import paths
from local.edge.policies import Selection, Taken
from tests.edge.world import HOST, World, behaviour, distribution, policy


@pytest.mark.parametrize(
    ("pattern", "uri", "expected"),
    [
        ("*", "/", True),
        ("/build/*", "/build/a/b.js", True),
        ("build/*", "/build/a.js", True),
        ("/build/*", "/Build/a.js", False),
        ("/build/*", "/build", False),
        ("*.jpg", "/a/b.jpg", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/a.c", "/abc", False),
        ("/geoserver/*", "/x/../geoserver/wms", True),
        ("/geoserver/*", "/./geoserver/wms", True),
        ("/geoserver/*", "/%67eoserver/wms", True),
        ("/geoserver/*", "/%2fgeoserver/wms", False),
        ("/geoserver/*", "/geoserver/../x", False),
    ],
)
def test_a_path_pattern_matches_the_normalised_path(pattern: str, uri: str, expected: bool) -> None:
    assert paths.matches(pattern, uri) is expected


def test_the_first_behaviour_that_matches_decides() -> None:
    first, second = behaviour("/a/*"), behaviour("/a/b/*")
    assert distribution(first, second, behaviour()).behaviour("/a/b/c") is first


def test_the_origin_gets_the_path_as_it_was_sent() -> None:
    world = World()
    world.get("/x/../%67eoserver//wms;a=b?c=%2f")
    assert world.asked[0].target == "/x/../%67eoserver//wms;a=b?c=%2f"


def test_an_unknown_host_is_refused_by_cloudfront() -> None:
    world = World()
    refused = world.get(host="other.example.test")
    assert (refused.status, refused.x_cache) == (403, "Error from cloudfront")
    assert not world.asked


def test_the_distributions_own_name_serves_too() -> None:
    assert World().get(host="D1.cloudfront.net").status == 200


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 307), ("OPTIONS", 307)]
)
def test_plain_http_is_redirected(method: str, status: int) -> None:
    world = World()
    redirected = world.get("/a?b=c", method, secure=False)
    assert redirected.status == status
    assert redirected.headers.get("location") == f"https://{HOST}/a?b=c"
    assert not world.asked


def test_plain_http_is_refused_where_https_alone_is_served() -> None:
    world = World()
    world.edge.serve([distribution(behaviour(viewer_protocol="https-only"))])
    assert world.get(secure=False).status == 403


@pytest.mark.parametrize(
    "more",
    [
        {"method": "DELETE"},
        {"body": b"a GET with a body"},
        {"headers": [("Via", "1.1 abc.cloudfront.net (CloudFront)")]},
    ],
)
def test_what_a_behaviour_does_not_allow_is_refused(more: dict[str, Any]) -> None:
    world = World()
    world.edge.serve([distribution(behaviour(methods=frozenset({"GET", "HEAD"})))])
    assert world.get(**more).status == 403
    assert not world.asked


def test_what_is_too_long_is_refused() -> None:
    world = World()
    assert world.get("/" + "a" * 8_192).status == 413
    assert world.get("/" + "a" * 8_191).status == 200
    assert world.get(size=20_481).status == 413


def test_the_default_root_object_stands_for_the_root() -> None:
    world = World()
    world.edge.serve([distribution(root="index.html")])
    world.get("/")
    assert world.asked[0].uri == "/index.html"


def test_without_policies_little_reaches_the_origin() -> None:
    world = World()
    nothing = policy(key=Taken(), gzip=False, brotli=False)
    world.edge.serve([distribution(behaviour(forwarded=None, cache=nothing))])
    given = {
        "Authorization": "Basic x",
        "Cookie": "a=b",
        "Referer": "r",
        "Accept": "a",
        "Accept-Encoding": "gzip",
        "User-Agent": "curl",
        "Range": "bytes=0-1",
    }
    world.get("/a?b=c", headers=list(given.items()))
    (asked,) = world.asked
    assert asked.target == "/a"
    assert {name.lower() for name, _ in asked.headers} == {
        *("host", "user-agent", "range", "x-forwarded-for", "via", "x-amz-cf-id", "x-secret")
    }
    assert asked.headers.get("host") == "alb.example.test"
    assert asked.headers.get("user-agent") == "Amazon CloudFront"


def test_a_viewers_own_copy_of_a_custom_header_is_replaced() -> None:
    world = World()
    world.get(headers=[("x-secret", "guess"), ("X-SECRET", "again")])
    assert world.asked[0].headers.all("X-Secret") == ["s3cret"]


def test_the_viewers_address_is_appended_and_forged_edge_headers_are_gone() -> None:
    world = World()
    forged = [
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Edge-Location", "x"),
        ("X-Amz-Cf-Id", "x"),
        ("X-Real-IP", "x"),
        ("CloudFront-Viewer-Country", "NZ"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "x"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
    ]
    world.get(headers=forged, client_ip="192.0.2.7")
    headers = world.asked[0].headers
    assert headers.get("x-forwarded-for") == "10.0.0.1, 192.0.2.7"
    assert len(headers.all("x-amz-cf-id")) == 1
    assert headers.get("x-amz-cf-id") != "x"
    for name in ("x-forwarded-proto", "x-edge-location", "x-real-ip", "cloudfront-viewer-country"):
        assert name not in headers
    for name in ("connection", "x-hop", "te", "upgrade"):
        assert name not in headers


@pytest.mark.parametrize(
    ("method", "kept"), [("GET", False), ("HEAD", False), ("POST", True), ("OPTIONS", True)]
)
def test_authorization_goes_on_only_where_nothing_is_cached(method: str, kept: bool) -> None:
    world = World()
    world.edge.serve([distribution(behaviour(forwarded=None))])
    world.get(method=method, headers=[("Authorization", "Basic x")])
    assert ("authorization" in world.asked[0].headers) is kept


def test_authorization_goes_on_with_all_viewer_headers() -> None:
    world = World()
    world.get(headers=[("Authorization", "Basic x")])
    assert world.asked[0].headers.get("authorization") == "Basic x"


def test_all_headers_except_some_go_on() -> None:
    world = World()
    some = Taken(headers=Selection(kind="allExcept", names=frozenset({"host"})))
    world.edge.serve([distribution(behaviour(forwarded=some))])
    world.get(headers=[("X-Mine", "1")])
    assert world.asked[0].headers.get("host") == "alb.example.test"
    assert world.asked[0].headers.get("x-mine") == "1"
