"""What functions are given, what they may give back, and how their failures look to viewers."""

import copy
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.edge import events
from local.edge.functions import Failed, Process
from local.edge.message import Headers, Request, Response
from local.record import ROOT
from tests.edge.world import ARN, HOST, World, at_viewer_request, behaviour, distribution

Make = Callable[[dict[str, Any]], Any]


def with_function(makes: Make, **changes: Any) -> World:
    world = World(makes=lambda event: makes(event["Records"][0]["cf"]["request"]))
    world.edge.serve([distribution(behaviour(functions=at_viewer_request(), **changes))])
    return world


def test_the_event_is_cloudfronts() -> None:
    world = with_function(lambda request: request)
    world.get(
        "/a%20b?c=d&c=e",
        headers=[("X-One", "1"), ("x-one", "2"), ("User-Agent", "curl"), ("Expect", "x")],
        client_ip="192.0.2.7",
    )
    (event,) = world.events
    cf = event["Records"][0]["cf"]
    request_id = cf["config"].pop("requestId")
    assert len(request_id) == 56
    assert cf["config"] == {
        "distributionDomainName": "d1.cloudfront.net",
        "distributionId": "E1",
        "eventType": "viewer-request",
    }
    assert cf["request"] == {
        "clientIp": "192.0.2.7",
        "method": "GET",
        "uri": "/a%20b",
        "querystring": "c=d&c=e",
        "headers": {
            "host": [{"key": "Host", "value": HOST}],
            "x-one": [{"key": "X-One", "value": "1"}, {"key": "x-one", "value": "2"}],
            "user-agent": [{"key": "User-Agent", "value": "curl"}],
        },
    }


@pytest.mark.parametrize(
    "name", ["Connection", "X-Forwarded-Proto", "X-Edge-A", "X-Amz-Cf-Id", "X-Real-IP", "X-Cache"]
)
def test_disallowed_headers_are_not_shown(name: str) -> None:
    world = with_function(lambda request: request)
    world.get(headers=[(name, "x")])
    assert set(world.events[0]["Records"][0]["cf"]["request"]["headers"]) == {"host"}


def test_a_body_is_shown_only_where_that_was_asked_for_and_in_part() -> None:
    request = Request(method="POST", uri="/", body=b"x" * (events.LARGEST_BODY + 1))
    shown = events.request_event(request, distribution(), "id", include_body=True)
    body = shown["Records"][0]["cf"]["request"]["body"]
    assert body["inputTruncated"] is True
    assert body["encoding"] == "base64"


def test_a_request_that_is_handed_back_goes_on_as_changed() -> None:
    def makes(request: dict[str, Any]) -> dict[str, Any]:
        request["uri"], request["querystring"] = "/other", "x=1"
        request["headers"].pop("authorization")
        request["headers"]["x-user"] = [{"key": "X-User", "value": "Māori"}]
        return request

    world = with_function(makes)
    world.get("/a?b=c", headers=[("Authorization", "Basic x")])
    (asked,) = world.asked
    assert asked.target == "/other?x=1"
    assert "authorization" not in asked.headers
    assert asked.headers.get("x-user").encode("latin-1").decode() == "Māori"


def test_an_answer_goes_to_the_viewer_and_is_not_kept() -> None:
    answer = {
        "status": "401",
        "statusDescription": "No",
        "headers": {"www-authenticate": [{"key": "WWW-Authenticate", "value": "Basic"}]},
        "body": "who?",
    }
    world = with_function(lambda _: answer)
    for _ in range(2):
        got = world.get()
        assert (got.status, got.reason, got.body, got.by) == (401, "No", b"who?", "function")
        assert got.x_cache == "LambdaGeneratedResponse from cloudfront"
        assert got.headers.get("www-authenticate") == "Basic"
    assert len(world.events) == 2
    assert not world.asked


def changed(**parts: Any) -> Make:
    def makes(request: dict[str, Any]) -> dict[str, Any]:
        headers = parts.get("headers")
        if headers is not None:
            request["headers"] |= headers
        for name in parts.get("without", []):
            del request["headers"][name]
        rest = {key: part for key, part in parts.items() if key not in ("headers", "without")}
        return request | rest

    return makes


def header(name: str, value: object = "x", key: object = None) -> dict[str, Any]:
    return {name: [{"key": name if key is None else key, "value": value}]}


@pytest.mark.parametrize(
    "makes",
    [
        lambda _: None,
        lambda _: "text",
        lambda _: {},
        changed(method="POST"),
        changed(clientIp="10.0.0.1"),
        changed(uri="no-slash"),
        changed(uri="/a b"),
        changed(uri="/a#b"),
        changed(uri="/" + "a" * 8_192),
        changed(querystring="a b"),
        changed(headers=header("host", "other")),
        changed(headers=header("via")),
        changed(headers=header("content-length", "1")),
        changed(without=["host"]),
        changed(headers=header("x-edge-a")),
        changed(headers=header("connection")),
        changed(headers=header("x-forwarded-proto")),
        changed(headers=header("cloudfront-viewer-country")),
        changed(headers=header("X-Upper")),
        changed(headers=header("x-one", key="x-two")),
        changed(headers=header("x-one", 1)),
        changed(headers=header("x-one", "a\r\nb: c")),
        changed(headers={"x-one": "x"}),
        changed(headers={"a b": []}),
        lambda _: {"status": "99"},
        lambda _: {"status": "600"},
        lambda _: {"status": "ok"},
        lambda _: {"status": "204", "body": "x"},
        lambda _: {"status": "200", "body": 5},
        lambda _: {"status": "200", "body": "%%%", "bodyEncoding": "base64"},
        lambda _: {"status": "200", "body": "x", "bodyEncoding": "rot13"},
        lambda _: {"status": "200", "body": "x" * 40_961},
        lambda _: {"status": "200", "headers": header("content-length", "1")},
        lambda _: {"status": "200", "headers": header("x-cache", "1")},
        lambda _: {"status": "200", "headers": header("x-a", "a\nb")},
        lambda _: {"status": "200", "statusDescription": "a\r\nb"},
    ],
)
def test_what_cloudfront_refuses_is_a_502(makes: Make) -> None:
    world = with_function(makes)
    got = world.get()
    assert (got.status, got.x_cache) == (502, "LambdaValidationError from cloudfront")
    assert not world.asked


@pytest.mark.parametrize(
    "makes",
    [
        lambda _: {"status": 200},
        lambda _: {"status": "204"},
        lambda _: {"status": "599", "body": ""},
        lambda _: {"status": "200", "body": "eA==", "bodyEncoding": "base64"},
        lambda _: {"status": "200", "body": "x" * 40_960},
        changed(uri="/" + "a" * 8_000),
        changed(headers={"x-one": [{"value": "a key is the name if it is left out"}]}),
    ],
)
def test_what_cloudfront_takes_passes(makes: Make) -> None:
    assert with_function(makes).get().status != 502


def test_a_function_that_fails_is_a_503() -> None:
    got = with_function(lambda _: Failed("boom")).get()
    assert (got.status, got.x_cache) == (503, "LambdaExecutionError from cloudfront")
    assert b"boom" not in got.body


def test_a_viewer_response_function_changes_headers_but_no_status() -> None:
    response = Response(status=200, headers=Headers([("Via", "v"), ("Server", "s")]))
    given = events.response_event(Request(method="GET", uri="/"), response, distribution(), "id")[
        "Records"
    ][0]["cf"]["response"]
    assert given["status"] == "200"
    more = copy.deepcopy(given)
    more["headers"]["x-a"] = [{"key": "X-A", "value": "1"}]
    assert events.responded(more, response).headers.get("x-a") == "1"
    for wrong in (
        {**given, "status": "201"},
        {**given, "headers": {**given["headers"], "via": [{"key": "Via", "value": "w"}]}},
    ):
        with pytest.raises(events.Invalid):
            events.responded(wrong, response)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Process]]:
    """Makes a process of a handler's source."""
    started: list[Process] = []

    def make(source: str) -> Process:
        folder = tmp_path / f"code{len(started)}"
        folder.mkdir()
        (folder / "handler.py").write_text(textwrap.dedent(source))
        config = {
            "FunctionName": "auth",
            "Runtime": "python{}.{}".format(*sys.version_info[:2]),
            "Handler": "handler.handler",
            "Timeout": 1,
            "MemorySize": 128,
        }
        started.append(Process(arn=ARN, config=config, folder=folder))
        return started[-1]

    yield make
    for each in started:
        each.stop()


def test_a_function_runs_by_itself_and_stays_alive(run: Callable[[str], Process]) -> None:
    process = run(
        """
        import os, sys
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            print("printed")
            try:
                import boto3
            except ImportError:
                boto3 = None
            return {
                "calls": calls,
                "event": event,
                "boto3": boto3 is not None,
                "env": sorted(set(os.environ) - {"LC_CTYPE"}),
                "left": context.get_remaining_time_in_millis(),
                "arn": context.invoked_function_arn,
                "path": sys.path,
            }
        """
    )
    first, second = (process.invoke({"n": n}, "id") for n in (1, 2))
    assert (first["calls"], second["calls"]) == (1, 2)
    assert second["event"] == {"n": 2}
    assert first["boto3"] is False
    assert first["env"] == ["AWS_REGION", "LANG", "TZ"]
    assert 0 < first["left"] <= 1000
    assert first["arn"] == ARN
    assert not [path for path in first["path"] if "site-packages" in path]
    assert str(ROOT) not in first["path"]


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): raise ValueError('boom')",
        "def handler(event, context): return object()",
        "def handler(event, context): return 'x' * 200_000_000",
        "import no_such_module",
        "def other(event, context): return 1",
        "import os\ndef handler(event, context): os._exit(1)",
        "import time\ndef handler(event, context): time.sleep(30)",
    ],
)
def test_a_function_without_a_result_has_failed(source: str, run: Callable[[str], Process]) -> None:
    process = run(source)
    for _ in range(2):
        with pytest.raises(Failed):
            process.invoke({}, "id")


def test_a_function_that_was_cut_off_works_again(run: Callable[[str], Process]) -> None:
    process = run(
        "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return event"
    )
    with pytest.raises(Failed, match="did not end within 1 s"):
        process.invoke({"s": 20}, "id")
    assert process.invoke({"s": 0}, "id") == {"s": 0}


def test_large_events_and_results_come_through(run: Callable[[str], Process]) -> None:
    process = run("def handler(event, context): return event")
    event = {"text": "ā" * 300_000}
    assert process.invoke(event, "id") == event
