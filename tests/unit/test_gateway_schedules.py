"""EventBridge Scheduler as it is emulated: when schedules fire, and under which role."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from local.gateway import SCHEDULES
from local.gateway.background import Background
from local.gateway.bus import Bus
from local.gateway.clients import Clients
from local.gateway.schedules import Schedules, filled
from local.gateway.times import following
from tests.unit.emulated import ACCOUNT, QUEUE, REGION, Served, every_day

NAME = "otakaro-hours-stop"
PLACE = (REGION, "default", NAME)
GROUP = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"
ARN = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{NAME}"


def utc(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "after", "due"),
    [
        ("UTC", "2026-06-01T02:29:59", "2026-06-01T02:30"),
        ("UTC", "2026-06-01T02:30:00", "2026-06-02T02:30"),
        # In winter New Zealand is 12 hours before UTC, in summer 13.
        ("Pacific/Auckland", "2026-06-01T00:00", "2026-06-01T14:30"),
        ("Pacific/Auckland", "2026-12-01T00:00", "2026-12-01T13:30"),
        # On 27 September 2026 its clocks go from 02:00 to 03:00: there is no half past two.
        ("Pacific/Auckland", "2026-09-26T00:00", "2026-09-27T13:30"),
        # On 5 April 2026 they go from 03:00 back to 02:00: half past two comes twice.
        ("Pacific/Auckland", "2026-04-04T00:00", "2026-04-04T13:30"),
        ("Pacific/Auckland", "2026-04-04T13:30", "2026-04-05T14:30"),
        ("Pacific/Auckland", "2026-04-04T14:10", "2026-04-05T14:30"),
    ],
)
def test_a_cron_goes_by_the_clocks_of_its_zone(zone: str, after: str, due: str) -> None:
    assert following("cron(30 2 * * ? *)", zone, utc(after), every_day) == utc(due)


def test_rates_count_and_a_moment_comes_once() -> None:
    after = utc("2026-06-01T10:00")
    for rate, length in {
        "rate(5 minutes)": timedelta(minutes=5),
        "rate(1 hour)": timedelta(hours=1),
        "rate(2 days)": timedelta(days=2),
    }.items():
        assert following(rate, "UTC", after, every_day) == after + length
    at = "at(2026-06-02T07:00:00)"
    assert following(at, "Pacific/Auckland", after, every_day) == utc("2026-06-01T19:00")
    assert following(at, "UTC", utc("2026-06-02T07:00"), every_day) is None


class MissingError(Exception):
    """There is no such schedule, or role."""


class Aws:
    """The emulator, of one schedule with its queue and role."""

    exceptions = SimpleNamespace(
        ResourceNotFoundException=MissingError, NoSuchEntityException=MissingError
    )

    def __init__(self) -> None:
        self.schedule: dict[str, Any] | None = {
            "Arn": ARN,
            "Name": NAME,
            "ScheduleExpression": "rate(5 minutes)",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "Target": {
                "Arn": QUEUE,
                "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/path/hours",
                "Input": '{"time": "<aws.scheduler.scheduled-time>"}',
                "SqsParameters": {"MessageGroupId": "group"},
            },
        }
        self.trust: dict[str, Any] | None = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": GROUP},
            },
        }
        self.inline: dict[str, Any] = allow("sqs:SendMessage", QUEUE)
        self.attached: dict[str, Any] | None = None
        self.sent: list[dict[str, str]] = []
        self.deleted: list[str] = []

    def __call__(self, _service: str, _region: str) -> "Aws":
        return self

    def get_schedule(self, **_: str) -> dict[str, Any]:
        if self.schedule is None:
            raise MissingError
        return self.schedule

    def delete_schedule(self, *, Name: str, **_: str) -> None:  # noqa: N803
        self.deleted.append(Name)

    def get_role(self, *, RoleName: str) -> dict[str, Any]:  # noqa: N803
        if self.trust is None:
            raise MissingError
        assert RoleName == "hours"
        return {"Role": {"AssumeRolePolicyDocument": {"Statement": self.trust}}}

    def list_role_policies(self, **_: str) -> dict[str, Any]:
        return {"PolicyNames": ["own"]}

    def get_role_policy(self, **_: str) -> dict[str, Any]:
        return {"PolicyDocument": {"Statement": [self.inline]}}

    def list_attached_role_policies(self, **_: str) -> dict[str, Any]:
        return {"AttachedPolicies": [{"PolicyArn": "arn:p"}] if self.attached else []}

    def get_policy(self, **_: str) -> dict[str, Any]:
        return {"Policy": {"DefaultVersionId": "v3"}}

    def get_policy_version(self, *, VersionId: str, **_: str) -> dict[str, Any]:  # noqa: N803
        assert VersionId == "v3"
        return {"PolicyVersion": {"Document": {"Statement": self.attached}}}

    def get_queue_url(self, **_: str) -> dict[str, str]:
        return {"QueueUrl": "url"}

    def send_message(self, **asked: str) -> None:
        self.sent.append(asked)


def allow(action: str, resource: str, effect: str = "Allow") -> dict[str, Any]:
    """A statement of a role's policy."""
    return {"Effect": effect, "Action": [action], "Resource": resource}


class Clock:
    """The schedules, with a background that is told how much time passes."""

    def __init__(self) -> None:
        self.aws = Aws()
        self.now, self.began = 0.0, datetime.now(UTC)
        self.jobs: list[tuple[float, Callable[[], object]]] = []
        clients: Clients = self.aws  # type: ignore[assignment]
        background: Background = self  # type: ignore[assignment]
        self.bus = Bus(ACCOUNT, clients, background)
        self.schedules = Schedules(ACCOUNT, clients, background, self.bus, every_day)

    def later(self, seconds: float, job: Callable[[], object]) -> None:
        self.jobs.append((self.now + seconds, job))

    def at(self, moment: datetime, job: Callable[[], object]) -> None:
        self.jobs.append(((moment - self.began).total_seconds(), job))

    def passes(self, seconds: float) -> int:
        """Let time pass; how many messages came."""
        before, until = len(self.aws.sent), self.now + seconds
        while due := [entry for entry in self.jobs if entry[0] <= until]:
            first = min(due, key=lambda entry: entry[0])
            self.jobs.remove(first)
            self.now = first[0]
            first[1]()
        self.now = until
        return len(self.aws.sent) - before

    def outcome(self) -> str:
        """What became of the last delivery."""
        (rule,) = self.bus.journal[-1]["rules"]
        (target,) = rule["targets"]
        assert (rule["rule"], target["target"]) == (NAME, QUEUE)
        return str(target["outcome"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_schedule_fires_again_and_again_and_says_when_it_was_due(clock: Clock) -> None:
    made = datetime.now(UTC)
    clock.schedules.changed(PLACE)
    assert clock.passes(290) == 0
    assert clock.passes(15) == 1
    (sent,) = clock.aws.sent
    assert sent["MessageGroupId"] == "group"
    due = datetime.fromisoformat(json.loads(sent["MessageBody"])["time"])
    assert (
        timedelta(0)
        <= due - made.replace(microsecond=0) - timedelta(minutes=5)
        < timedelta(seconds=3)
    )
    entry = clock.bus.journal[-1]
    assert entry["event"]["resources"] == [ARN]
    assert entry["event"]["detail"]["input"] == sent["MessageBody"]
    assert clock.outcome() == "sent"
    assert clock.passes(305) == 1


def test_a_schedule_that_is_changed_fires_by_its_new_clock_alone(clock: Clock) -> None:
    clock.schedules.changed(PLACE)
    clock.passes(0)
    assert clock.aws.schedule is not None
    clock.aws.schedule["ScheduleExpression"] = "rate(20 minutes)"
    clock.schedules.changed(PLACE)
    assert clock.passes(1190) == 0
    assert clock.passes(20) == 1


def test_what_was_removed_or_switched_off_does_not_fire(clock: Clock) -> None:
    clock.schedules.changed(PLACE)
    clock.passes(0)
    clock.aws.schedule, gone = None, clock.aws.schedule
    assert clock.passes(400) == 0
    assert gone is not None
    clock.aws.schedule = gone | {"State": "DISABLED"}
    clock.schedules.changed(PLACE)
    assert clock.passes(400) == 0
    assert clock.jobs == []


def test_a_schedule_ends_and_goes_if_it_shall(clock: Clock) -> None:
    assert clock.aws.schedule is not None
    clock.aws.schedule |= {
        "EndDate": datetime.now(UTC) + timedelta(minutes=6),
        "ActionAfterCompletion": "DELETE",
    }
    clock.schedules.changed(PLACE)
    assert clock.passes(305) == 1
    assert clock.passes(1000) == 0
    assert clock.aws.deleted == [NAME]


def test_a_schedule_begins_when_it_shall(clock: Clock) -> None:
    assert clock.aws.schedule is not None
    clock.aws.schedule["StartDate"] = datetime.now(UTC) + timedelta(minutes=10)
    clock.schedules.changed(PLACE)
    assert clock.passes(890) == 0
    assert clock.passes(20) == 1


def test_one_fires_at_once_when_it_is_told_to(clock: Clock) -> None:
    clock.schedules.fire(PLACE)
    assert clock.passes(0) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trust": None}, "there is no role hours"),
        ({"trust.Principal": {"Service": "events.amazonaws.com"}}, "does not trust"),
        ({"trust.Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}, "does not trust"),
        ({"trust.Condition": {"ArnLike": {"aws:SourceArn": ARN}}}, "does not trust"),
        ({"inline": allow("sqs:ReceiveMessage", QUEUE)}, "does not allow sqs:SendMessage"),
        ({"inline": allow("sqs:SendMessage", f"{QUEUE}-other")}, "does not allow"),
        ({"attached": allow("sqs:*", "*", "Deny")}, "does not allow"),
        ({"target.SqsParameters": {}}, "no message group"),
    ],
)
def test_a_schedule_reaches_what_its_role_may(
    clock: Clock, changes: dict[str, Any], told: str
) -> None:
    parts: dict[str, Any] = {"trust": clock.aws.trust}
    assert clock.aws.schedule is not None
    parts["target"] = clock.aws.schedule["Target"]
    for path, value in changes.items():
        part, _, member = path.partition(".")
        if member:
            parts[part][member] = value
        else:
            setattr(clock.aws, part, value)
    clock.schedules.fire(PLACE)
    assert clock.passes(0) == 0
    assert told in clock.outcome()


def test_an_attached_policy_allows_as_well(clock: Clock) -> None:
    clock.aws.inline = allow("sqs:ReceiveMessage", "*")
    clock.aws.attached = allow("sqs:*", QUEUE)
    clock.schedules.fire(PLACE)
    assert clock.passes(0) == 1


def test_the_context_attributes_are_filled_in() -> None:
    names = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")
    text = json.dumps([f"<aws.scheduler.{name}>" for name in names])
    arn, time, execution, attempt = json.loads(filled(text, ARN, utc("2026-06-01T10:00:07")))
    assert (arn, time, attempt) == (ARN, "2026-06-01T10:00:07Z", "1")
    assert "<" not in execution


def test_making_a_schedule_and_posting_one_reach_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = Served(monkeypatch)
    planned: list[tuple[str, ...]] = []
    monkeypatch.setattr(Schedules, "changed", lambda _, place: planned.append(place))
    monkeypatch.setattr(Schedules, "fire", lambda _, place: planned.append(("now", *place)))
    served.answers({"ScheduleArn": ARN})
    assert served.ask(path=f"/schedules/{NAME}", content={"GroupName": "own"})[0] == 200
    served.ask(method="PUT", path=f"/schedules/{NAME}")
    served.ask(method="GET", path=f"/schedules/{NAME}")
    served.answers({}, status=400)
    served.ask(path="/schedules/refused")
    served.ask(path=SCHEDULES, content={"name": NAME})
    assert planned == [(REGION, "own", NAME), PLACE, ("now", *PLACE)]
