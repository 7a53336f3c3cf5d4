"""What the edge keeps, by what, for how long, and what it does when the origin fails."""

import gzip
import threading
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import brotli
import pytest

from local.edge import keeping
from local.edge.deployment import ErrorResponse
from local.edge.message import Headers, Request, Response
from local.edge.origins import Unreachable
from local.edge.policies import Selection, Taken
from tests.edge.world import World, answer, behaviour, distribution, policy

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("said", "least", "default", "longest", "seconds"),
    [
        ({}, 0, 300, 1000, 300),
        ({}, 400, 300, 1000, 400),
        ({"cache-control": "max-age=50"}, 0, 300, 1000, 50),
        ({"cache-control": "max-age=50"}, 60, 300, 1000, 60),
        ({"cache-control": "max-age=5000"}, 0, 300, 1000, 1000),
        ({"cache-control": "max-age=50, s-maxage=70"}, 0, 300, 1000, 70),
        ({"cache-control": "public, max-age=0"}, 0, 300, 1000, 0),
        ({"cache-control": "no-store"}, 0, 300, 1000, None),
        ({"cache-control": "private, max-age=50"}, 0, 300, 1000, None),
        ({"cache-control": "no-cache"}, 0, 300, 1000, 0),
        ({"cache-control": "no-store"}, 60, 300, 1000, 60),
        ({"expires": formatdate(NOW + 90, usegmt=True)}, 0, 300, 1000, 90),
        ({"expires": formatdate(NOW - 90, usegmt=True)}, 0, 300, 1000, 0),
        ({"expires": "0"}, 0, 300, 1000, 0),
        (
            {"expires": formatdate(NOW + 90, usegmt=True), "cache-control": "max-age=20"},
            *(0, 300, 1000, 20),
        ),
        ({"cache-control": "max-age=50"}, 0, 0, 0, None),
    ],
)
def test_how_long_a_response_stays_fresh(
    said: dict[str, str], least: int, default: int, longest: int, seconds: int | None
) -> None:
    times = policy(default=default, longest=longest, least=least)
    assert keeping.seconds(200, Headers(said.items()), times, NOW) == seconds


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308])
def test_these_are_kept(status: int) -> None:
    assert keeping.seconds(status, Headers(), policy(), NOW) == 300


@pytest.mark.parametrize("status", [201, 204, 206, 304])
def test_these_are_not_kept(status: int) -> None:
    assert keeping.seconds(status, Headers(), policy(), NOW) is None


@pytest.mark.parametrize(
    ("status", "control", "seconds"),
    [
        (404, "", 10),
        (500, "", 2),
        (500, "max-age=60", 60),
        (404, "no-store", None),
        (501, "private", None),
        (500, "no-store", 2),
        (410, "", 10),
        (404, "max-age=86400", 300),
        (403, "", None),
        (403, "max-age=5", 10),
        (401, "max-age=60", None),
        (429, "", None),
        (503, "", None),
    ],
)
def test_how_long_an_error_is_remembered(status: int, control: str, seconds: int | None) -> None:
    errors = {500: ErrorResponse(ttl=2), 503: ErrorResponse(ttl=0)}
    headers = Headers([("Cache-Control", control)])
    kept = policy(longest=300)
    assert keeping.error_seconds(status, headers, errors, kept, NOW) == seconds


def test_where_nothing_is_kept_an_error_is_no_longer_than_its_least() -> None:
    disabled = policy(default=0, longest=0)
    headers = Headers([("Cache-Control", "max-age=86400")])
    assert keeping.error_seconds(404, headers, {404: ErrorResponse(ttl=2)}, disabled, NOW) == 2
    assert keeping.error_seconds(404, headers, {404: ErrorResponse(ttl=0)}, disabled, NOW) is None


def test_a_second_request_is_answered_from_the_cache_until_it_expires() -> None:
    world = World()
    assert world.get("/t?x=1").x_cache == "Miss from cloudfront"
    world.now += 299
    hit = world.get("/t?x=1")
    assert (hit.x_cache, hit.by, hit.headers.get("age")) == ("Hit from cloudfront", "cache", "299")
    world.now += 1
    assert world.get("/t?x=1").x_cache == "Miss from cloudfront"
    assert len(world.asked) == 2


def keyed(**taken: Selection) -> World:
    world = World()
    cache = policy(key=Taken(**taken))
    world.edge.serve([distribution(behaviour(cache=cache))])
    return world


def test_only_what_the_policy_takes_tells_objects_apart() -> None:
    some = Selection(kind="whitelist", names=frozenset({"a", "origin"}))
    world = keyed(queries=some, headers=some, cookies=some)
    base: dict[str, Any] = {"headers": [("Origin", "o"), ("Cookie", "a=1; b=1")]}
    world.get("/t?a=1&b=1", **base)
    assert world.get("/t?a=1&b=2", **base).by == "cache"
    assert world.get("/t?a=2&b=1", **base).by == "origin"
    assert world.get("/t?a=1", headers=[("Origin", "p"), ("Cookie", "a=1")]).by == "origin"
    assert world.get("/t?a=1", headers=[("Origin", "o"), ("Cookie", "b=9; a=1")]).by == "cache"
    assert world.get("/t?a=1", headers=[("Origin", "o"), ("Cookie", "a=2")]).by == "origin"
    assert world.get("/T?a=1", **base).by == "origin"


def test_accept_encoding_counts_only_as_far_as_the_edge_compresses() -> None:
    world = World()
    for accepted, by in (
        ("gzip, deflate, br", "origin"),
        ("br;q=1.0, gzip;q=0.5, zstd", "cache"),
        ("gzip", "origin"),
        ("deflate", "origin"),
        ("", "cache"),
        ("br;q=0, gzip", "cache"),
    ):
        assert world.get("/t", headers=[("Accept-Encoding", accepted)]).by == by, accepted
    assert world.asked[0].headers.get("accept-encoding") == "br,gzip"


def test_text_is_compressed_and_pictures_are_not() -> None:
    page = b"<p>hello</p>" * 200
    world = World(says=lambda _: answer(page, Content_Type="text/html; charset=utf-8", ETag='"1"'))
    by_brotli = world.get("/", headers=[("Accept-Encoding", "gzip, br")])
    assert brotli.decompress(by_brotli.body) == page
    assert by_brotli.headers.get("etag") == 'W/"1"'
    assert by_brotli.headers.get("vary") == "Accept-Encoding"
    by_gzip = world.get("/", headers=[("Accept-Encoding", "gzip")])
    assert gzip.decompress(by_gzip.body) == page
    assert world.get("/").body == page
    world.says = lambda _: answer(page, Content_Type="image/png")
    assert "content-encoding" not in world.get("/t", headers=[("Accept-Encoding", "br")]).headers
    world.says = lambda _: answer(page[:900], Content_Type="text/html")
    assert "content-encoding" not in world.get("/s", headers=[("Accept-Encoding", "br")]).headers


def test_nothing_is_compressed_where_nothing_is_cached() -> None:
    page = b"<p>hello</p>" * 200
    world = World(says=lambda _: answer(page, Content_Type="text/html"))
    world.edge.serve([distribution(behaviour(cache=policy(default=0, longest=0)))])
    assert world.get("/", headers=[("Accept-Encoding", "br")]).body == page
    world.says = lambda _: answer(page, 404, Content_Type="text/html")
    assert world.get("/x", headers=[("Accept-Encoding", "br")]).body == page


def revalidating() -> World:
    def says(request: Request) -> Response:
        if request.headers.get("if-none-match") == '"1"':
            return Response(status=304, headers=Headers([("ETag", '"1"')]), by="origin")
        return answer(b"page", ETag='"1"')

    return World(says=says)


def test_what_expired_is_confirmed_by_its_tag() -> None:
    world = revalidating()
    world.get("/t")
    world.now += 300
    again = world.get("/t")
    assert (again.status, again.body) == (200, b"page")
    assert again.x_cache == "RefreshHit from cloudfront"
    assert world.get("/t").x_cache == "Hit from cloudfront"
    assert len(world.asked) == 2


def test_a_page_without_lifetime_is_confirmed_each_time() -> None:
    world = revalidating()
    world.edge.serve([distribution(behaviour(cache=policy(default=0)))])
    assert [world.get("/t").x_cache.split()[0] for _ in range(3)] == [
        *("Miss", "RefreshHit", "RefreshHit")
    ]


def test_a_viewer_that_has_it_is_told_so() -> None:
    world = revalidating()
    world.get("/t")
    assert world.get("/t", headers=[("If-None-Match", 'W/"1"')]).status == 304
    assert world.get("/t", headers=[("If-None-Match", '"2"')]).status == 200
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-1", 206, b"he"),
        ("bytes=3-", 206, b"lo"),
        ("bytes=-2", 206, b"lo"),
        ("bytes=3-99", 206, b"lo"),
        ("bytes=9-", 416, b""),
        ("bytes=0-0,2-2", 200, b"hello"),
        ("lines=1-2", 200, b"hello"),
    ],
)
def test_a_range_is_cut_from_what_is_kept(asked: str, status: int, body: bytes) -> None:
    world = World()
    world.get("/t")
    got = world.get("/t", headers=[("Range", asked)])
    assert (got.status, got.body, got.by) == (status, body, "cache")


def test_a_part_from_the_origin_is_not_kept() -> None:
    world = World(says=lambda _: answer(b"he", 206, Content_Range="bytes 0-1/5"))
    assert world.get("/t", headers=[("Range", "bytes=0-1")]).status == 206
    assert world.asked[0].headers.get("range") == "bytes=0-1"
    world.says = lambda _: answer()
    assert world.get("/t").body == b"hello"


def test_head_is_answered_from_what_get_left_and_leaves_nothing() -> None:
    world = World()
    assert world.get("/t", "HEAD").by == "origin"
    assert world.get("/t").by == "origin"
    head = world.get("/t", "HEAD")
    assert (head.by, head.body, head.headers.get("content-length")) == ("cache", b"", "5")


def test_other_methods_always_reach_the_origin() -> None:
    world = World()
    for method in ("POST", "OPTIONS", "PUT", "DELETE"):
        for _ in range(2):
            assert world.get("/t", method).by == "origin"
    assert len(world.asked) == 8


def test_an_error_is_remembered_as_long_as_the_distribution_says() -> None:
    world = World(says=lambda _: answer(b"broken", 500))
    world.edge.serve([distribution(errors={500: ErrorResponse(ttl=2)})])
    assert [world.get("/t").status for _ in range(3)] == [500, 500, 500]
    assert len(world.asked) == 1
    assert world.get("/t").x_cache == "Error from cloudfront"
    world.now += 2
    world.says = lambda _: answer()
    assert world.get("/t").status == 200


def test_what_expired_is_served_while_the_origin_fails() -> None:
    world = World()
    world.get("/t")
    world.now += 300
    world.says = lambda _: Unreachable(504, "late")
    assert (world.get("/t").status, world.get("/t").by) == (200, "cache")
    assert len(world.asked) == 2
    world.now += 10
    world.says = lambda _: answer(b"new")
    assert world.get("/t").body == b"new"


def test_a_missing_object_replaces_what_expired() -> None:
    world = World()
    world.get("/t")
    world.now += 300
    world.says = lambda _: answer(b"gone", 404)
    assert world.get("/t").status == 404


def paged(says: Any) -> World:
    world = World(says=says)
    errors = {502: ErrorResponse(ttl=2, page="/_page/index.html", status=503)}
    world.edge.serve([distribution(behaviour("/_page/*"), behaviour(), errors=errors)])
    return world


def test_an_errors_page_stands_for_it_and_comes_by_its_own_behaviour() -> None:
    def says(request: Request) -> Response | Unreachable:
        return answer(b"page") if request.uri == "/_page/index.html" else Unreachable(502, "down")

    world = paged(says)
    got = world.get("/t")
    assert (got.status, got.body, got.x_cache) == (503, b"page", "Error from cloudfront")
    assert world.get("/t").by == "cache"
    world.now += 2
    world.get("/t")
    assert [request.uri for request in world.asked] == ["/t", "/_page/index.html"] * 2


def test_the_error_itself_is_told_when_its_page_is_not_there() -> None:
    assert paged(lambda _: Unreachable(502, "down")).get("/t").status == 502


@pytest.mark.parametrize(
    ("path", "gone"),
    [("/a/b", ["/a/b"]), ("/a/*", ["/a/b", "/a/b?x=1"]), ("/*", ["/a/b", "/a/b?x=1", "/c"])],
)
def test_an_invalidation_forgets_what_it_names(path: str, gone: list[str]) -> None:
    world = World()
    targets = ["/a/b", "/a/b?x=1", "/c"]
    for target in targets:
        world.get(target)
    assert world.edge.cache.invalidate("E2", "/*") == 0
    assert world.edge.cache.invalidate("E1", path) == len(gone)
    assert [target for target in targets if world.get(target).by == "origin"] == gone


def test_viewers_of_one_object_at_one_time_make_one_request() -> None:
    came, go = threading.Event(), threading.Event()

    def says(_request: Request) -> Response:
        came.set()
        assert go.wait(10)
        return answer()

    world = World(says=says)
    found: list[Response] = []
    viewers = [threading.Thread(target=lambda: found.append(world.get("/t"))) for _ in range(4)]
    for viewer in viewers:
        viewer.start()
    assert came.wait(10)
    go.set()
    for viewer in viewers:
        viewer.join(10)
    assert sorted(response.by for response in found) == ["cache", "cache", "cache", "origin"]
    assert len(world.asked) == 1


def test_cookies_and_vary_are_kept_back_where_nobody_asked_by_them() -> None:
    world = World(says=lambda _: answer(Set_Cookie="a=b", Vary="Origin, Accept-Encoding"))
    world.edge.serve([distribution(behaviour(forwarded=None))])
    headers = world.get("/t").headers
    assert "set-cookie" not in headers
    assert headers.get("vary") == "Accept-Encoding"
    world.edge.serve([distribution()])
    headers = world.get("/u").headers
    assert headers.get("set-cookie") == "a=b"
    assert headers.get("vary") == "Origin, Accept-Encoding"


def test_the_origins_own_traces_are_replaced() -> None:
    world = World(says=lambda _: answer(Via="1.1 proxy", X_Cache="Hit", Connection="close"))
    headers = world.get("/t").headers
    assert headers.all("x-cache") == ["Miss from cloudfront"]
    assert headers.get("via").endswith(".cloudfront.net (CloudFront)")
    assert "connection" not in headers


def test_a_viewer_whose_copy_is_as_new_is_told_so() -> None:
    kept = replace(answer(), headers=Headers([("Last-Modified", formatdate(NOW, usegmt=True))]))
    world = World(says=lambda _: kept)
    world.get("/t")
    since = [("If-Modified-Since", formatdate(NOW, usegmt=True))]
    assert world.get("/t", headers=since).status == 304
    before = [("If-Modified-Since", formatdate(NOW - 60, usegmt=True))]
    assert world.get("/t", headers=before).status == 200
