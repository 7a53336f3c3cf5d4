"""`make logs`: which log, from when, and each line once."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from operate.errors import OperateError
from operate.logs import Tail, begin, follow, groups
from tests.unit.answers import Answers, refusing
from tests.unit.running import well


def event(at: int, text: str, *, task: str = "0123456789abcdef", number: str = "") -> Any:
    """A line as CloudWatch has it."""
    return {
        "timestamp": at,
        "message": text,
        "logStreamName": f"task/otakaro-dt-x/{task}",
        **({"eventId": number} if number else {}),
    }


class Log:
    """Log groups that lines are added to."""

    def __init__(self) -> None:
        self.lines: dict[str, list[Any]] = {"/ecs/a": [], "/ecs/b": []}

    def __call__(self, params: dict[str, Any]) -> Mapping[str, Any]:
        lines = self.lines[params["logGroupName"]]
        return {"events": [each for each in lines if each["timestamp"] >= params["startTime"]]}


def tail(log: Log, **more: Any) -> Tail:
    """A reader of both groups, from 1000 ms on."""
    logs = Answers({"logs.FilterLogEvents": log}).make("logs", "ap-southeast-2")
    return Tail(logs, {"/ecs/a": "a", "/ecs/b": "b"}, 1000, **more)


def test_lines_of_two_services_come_in_the_order_of_their_time_with_their_task() -> None:
    log = Log()
    log.lines["/ecs/a"] += [event(500, "too early"), event(1000, "one"), event(3000, "three")]
    log.lines["/ecs/b"] += [event(2000, "two\n", task="fedcba9876543210")]
    found = list(tail(log).more())
    assert [(each.at, each.source, each.text) for each in found] == [
        (1000, "a/01234567", "one"),
        (2000, "b/fedcba98", "two"),
        (3000, "a/01234567", "three"),
    ]


@pytest.mark.parametrize("number", ["", "id"])
def test_a_line_is_told_once_also_when_another_comes_late(number: str) -> None:
    log = Log()
    told: list[str] = []
    reader = tail(log)

    def add(at: int, text: str) -> None:
        log.lines["/ecs/a"].append(event(at, text, number=number and f"{number}{at}"))
        told.extend(each.text for each in reader.more())

    add(20_000, "first")
    add(30_000, "second")
    add(25_000, "late")
    add(90_000, "third")
    add(90_000 - 16_000, "much too late")
    assert told == ["first", "second", "late", "third"]


def test_following_goes_on_with_what_comes() -> None:
    log = Log()
    log.lines["/ecs/a"].append(event(1000, "one"))
    lines = follow(tail(log), pause=0)
    assert next(lines).text == "one"
    log.lines["/ecs/b"].append(event(2000, "two"))
    assert [each.text for each in islice(lines, 1)] == ["two"]


def test_a_filter_is_cloudwatchs_to_apply() -> None:
    answers = Answers({"logs.FilterLogEvents": {"events": []}})
    logs = answers.make("logs", "ap-southeast-2")
    list(Tail(logs, {"/ecs/a": "a"}, 1000, "ERROR").more())
    (asked,) = answers.of("logs.FilterLogEvents")
    assert asked == {"logGroupName": "/ecs/a", "startTime": 1000, "filterPattern": "ERROR"}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("geoserver", {"/ecs/otakaro-dt-geoserver": "geoserver"}),
        (
            "backend",
            {
                "/ecs/otakaro-dt-backend-celery": "backend-celery",
                "/ecs/otakaro-dt-backend-flask": "backend-flask",
            },
        ),
        ("rollout", {"/aws/lambda/otakaro-dt-rollout": "rollout"}),
        ("backend-queue", {"/aws/lambda/otakaro-dt-backend-queue": "backend-queue"}),
    ],
)
def test_a_service_has_its_log_groups(service: str, expected: dict[str, str]) -> None:
    assert groups(Answers(well()).account(), service) == expected


@pytest.mark.parametrize(
    ("service", "words"), [("", "there is no SERVICE=..."), ("web", "SERVICE=web is none")]
)
def test_a_service_that_there_is_not_is_told_with_those_that_are(service: str, words: str) -> None:
    with pytest.raises(OperateError) as told:
        groups(Answers(well()).account(), service)
    assert str(told.value) == (
        f"{words}; allowed: one of backend-celery, backend-flask, geoserver, terriamap, backend, "
        "rollout, backend-queue"
    )


def test_the_functions_log_is_none_where_nothing_is_deployed() -> None:
    answers = Answers({"ecs.DescribeClusters": {"clusters": []}})
    with pytest.raises(OperateError, match="nothing is deployed"):
        groups(answers.account(), "rollout")


@pytest.mark.parametrize(("since", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200)])
def test_a_length_of_time_is_one_of_seconds_to_days(since: str, seconds: int) -> None:
    assert begin(since, 1_000_000.0) == (1_000_000 - seconds) * 1000


@pytest.mark.parametrize("since", ["1", "h", "1w", "-1h", "1.5h", "yesterday"])
def test_another_length_of_time_is_told_with_what_is_allowed(since: str) -> None:
    with pytest.raises(OperateError, match=f"SINCE={since} is no length of time; .*SINCE=1h"):
        begin(since, 0.0)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceNotFoundException", "there is no log group /ecs/a"),
        ("InvalidParameterException", "FILTER={ is no filter pattern of CloudWatch Logs"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(code: str, words: str) -> None:
    answers = Answers({"logs.FilterLogEvents": refusing(code)})
    logs = answers.make("logs", "ap-southeast-2")
    with pytest.raises(OperateError, match=words.replace("{", r"\{")):
        list(Tail(logs, {"/ecs/a": "a"}, 0, "{").more())
