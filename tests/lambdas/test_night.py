"""Outside the running hours nothing runs but what holds data; in the morning all is as before."""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lambdas.cluster import UnavailableError, Wire
from tests.lambdas.loading import LAMBDAS, load
from tests.lambdas.night_account import NightAws
from tests.lambdas.test_rollout_handler import (
    BACKEND,
    CELERY,
    CESIUM,
    FLASK,
    MAP,
    NIWA,
    SERVICES,
    TOPIC,
    A,
    B,
    clients,
    drain,
    run_everywhere,
)


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "ap-southeast-2",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "CLUSTER": "twin-ecs",
            "SERVICES": json.dumps(SERVICES),
            "BY_HAND": json.dumps([CESIUM, NIWA]),
            "POINTER": "live",
            "TOPIC_ARN": TOPIC,
            "HOURS": "/twin/hours",
            "DATABASE": "twin-pg",
        }.items():
            patch.setenv(name, value)
        yield load(LAMBDAS / "rollout" / "handler.py")


Begin = Callable[..., NightAws]


@pytest.fixture(scope="module")
def begin(module: ModuleType) -> Begin:
    """A fresh account by day, `running` everywhere if an image is given."""
    wire = Wire()
    for client in (*clients(module), module.night.rds, module.night.ssm):
        wire.attach(client)

    @functools.cache
    def begun(running: str | None) -> NightAws:
        wire.aws = aws = NightAws("twin-ecs", SERVICES, hours="/twin/hours", name="twin-pg")
        aws.by_hand = frozenset({CESIUM, NIWA})
        if running is not None:
            run_everywhere(module, aws, running)
        return aws

    def begin(running: str | None = None) -> NightAws:
        wire.aws = aws = copy.deepcopy(begun(running))
        return aws

    return begin


def order(module: ModuleType, kind: str) -> str:
    """What the function does upon an order of the clocks."""
    event = {"source": "otakaro.hours", "detail-type": kind, "time": "2024-11-23T06:00:00Z"}
    [decision] = module.handler(event, None)["decisions"]
    return str(decision)


def scales(aws: NightAws) -> bool:
    """Whether each service scales within the range of its settings."""
    return all(
        (one.minimum, one.maximum, one.suspended, one.held)
        == (SERVICES[name]["minimum"], SERVICES[name]["maximum"], False, False)
        for name, one in aws.services.items()
    )


def asleep(module: ModuleType, aws: NightAws) -> None:
    order(module, "Stop")
    order(module, "Look")
    aws.settled()
    assert (aws.phase, aws.database) == ("night", "stopped")


def test_in_the_evening_all_services_stop_and_then_the_database(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    names = sorted(SERVICES)
    said = order(module, "Stop")
    assert set(aws.desired.values()) == {0}
    assert all(one.suspended and one.minimum == 0 for one in aws.services.values())
    # What was told to stop may still write.
    assert aws.database == "available"
    assert said == ", ".join(
        [*(f"{name} stops" for name in names), f"the database waits for {' and '.join(names)}"]
    )
    assert order(module, "Look") == "the database stops"


def test_the_database_waits_for_a_worker_that_computes(module: ModuleType, begin: Begin) -> None:
    aws = begin(running=A)
    aws.computing = {CELERY: 1}
    order(module, "Stop")
    for _ in range(3):
        assert order(module, "Look") == f"the database waits for {CELERY}"
    assert aws.database == "available"
    aws.computing = {}
    assert order(module, "Look") == "the database stops"


def test_the_database_waits_for_tasks_that_may_just_begin(module: ModuleType, begin: Begin) -> None:
    aws = begin(running=A)
    aws.crashing = set(SERVICES)
    assert "the database waits" in order(module, "Stop")
    assert order(module, "Look") == "the database stops"


def test_in_the_morning_the_database_starts_and_then_what_ran(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    assert order(module, "Start") == "the database starts"
    assert order(module, "Look") == "the services wait for the database, which is starting"
    assert set(aws.desired.values()) == {0}
    aws.settled()
    assert order(module, "Look").endswith("it is day")
    assert aws.desired == {MAP: 1, FLASK: 1, CELERY: 2}
    assert {service.newest.image for service in aws.services.values()} == {A}
    assert scales(aws)


def test_a_look_by_day_touches_nothing_that_is_as_it_must_be(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    aws.hold(MAP)
    assert order(module, "Look") == ""
    assert not {call for call in aws.calls if not call.startswith(("get", "describe"))}


def test_nothing_done_is_no_line_in_the_log(
    module: ModuleType, begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(running=A)
    capsys.readouterr()
    order(module, "Look")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("at_night", [False, True])
def test_what_an_operator_stopped_stays_so_in_the_morning(
    module: ModuleType, begin: Begin, at_night: bool
) -> None:
    aws = begin(running=A)
    if not at_night:
        aws.hold(MAP)
    asleep(module, aws)
    if at_night:
        aws.hold(MAP)
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    for _ in range(3):
        order(module, "Look")
        aws.scale(MAP, 1)
        assert aws.desired == {MAP: 0, FLASK: 1, CELERY: 2}
    aws.release(MAP)
    assert order(module, "Look") == f"{MAP} starts with 1"
    assert scales(aws)


def test_what_an_operator_froze_stops_at_night_and_scales_by_day(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    aws.hold(CELERY)
    aws.services[CELERY].desired = 4
    order(module, "Look")
    assert aws.desired[CELERY] == 4
    asleep(module, aws)
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    assert aws.desired == {MAP: 1, FLASK: 1, CELERY: 2}
    assert scales(aws)


def test_a_push_at_night_runs_from_the_morning_on(module: ModuleType, begin: Begin) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    module.handler(aws.push(BACKEND, B, "v1"), None)
    drain(module, aws)
    assert aws.tags[BACKEND]["live"] == B
    assert set(aws.desired.values()) == {0}
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    assert aws.services[FLASK].newest.image == aws.services[CELERY].newest.image == B
    assert aws.services[MAP].newest.image == A


def test_the_first_push_of_all_may_come_at_night(module: ModuleType, begin: Begin) -> None:
    aws = begin()
    aws.versions = dict.fromkeys(aws.versions, 2)
    asleep(module, aws)
    said = module.handler(aws.push(BACKEND, A, "v1"), None)["decisions"][0]
    assert f"{FLASK} waits for the running hours" in said
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    assert aws.desired == {MAP: 0, FLASK: 1, CELERY: 2}


def test_a_secrets_edit_at_night_starts_nothing(module: ModuleType, begin: Begin) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    said = module.handler(aws.edit(NIWA), None)["decisions"][0]
    assert said.count("waits for the running hours") == 2
    assert set(aws.desired.values()) == {0}


def test_a_service_without_its_secret_waits_for_it_in_the_morning_too(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    aws.versions[CESIUM] = 1
    order(module, "Start")
    aws.settled()
    assert f"{MAP} waits for {CESIUM}" in order(module, "Look")
    assert aws.desired == {MAP: 0, FLASK: 1, CELERY: 2}
    assert aws.phase == "day"


def test_what_starts_at_night_by_itself_or_by_hand_is_stopped_again(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    aws.database = "available"  # as RDS does after seven days
    assert order(module, "Look") == "the database stops"
    aws.settled()
    aws.services[MAP].desired = 1
    assert order(module, "Look").startswith(f"{MAP} stops")


def test_start_at_night_is_for_people_who_work_late(module: ModuleType, begin: Begin) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    assert order(module, "Look") == ""
    assert aws.desired == {MAP: 1, FLASK: 1, CELERY: 2}
    # The regular morning finds it awake.
    assert order(module, "Start") == ""


def test_a_stop_before_the_morning_is_over_makes_it_night_again(
    module: ModuleType, begin: Begin
) -> None:
    aws = begin(running=A)
    asleep(module, aws)
    order(module, "Start")
    order(module, "Stop")
    aws.settled()
    assert order(module, "Look") == "the database stops"
    aws.settled()
    order(module, "Start")
    aws.settled()
    order(module, "Look")
    assert aws.desired == {MAP: 1, FLASK: 1, CELERY: 2}


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.sampled_from(["Stop", "Start", "Look", "settled", "push"]), max_size=20),
    st.sets(st.integers(1, 200), max_size=12),
)
def test_whatever_breaks_off_the_next_morning_has_everything_run(
    module: ModuleType, begin: Begin, steps: list[str], failing: set[int]
) -> None:
    """The account itself asserts that no task starts without its database, that none is left when
    the database stops, and that scaling doesn't start again what is stopped."""
    aws = begin(running=A)
    aws.fails = lambda number: number in failing
    for step in steps:
        if step == "settled":
            aws.settled()
            continue
        event = (
            aws.push(BACKEND, B, f"v{len(aws.calls)}")
            if step == "push"
            else {"source": "otakaro.hours", "detail-type": step}
        )
        for _ in range(3):  # the queue's attempts
            try:
                module.handler(event, None)
            except UnavailableError:
                continue
            break
    aws.fails = lambda _number: False
    order(module, "Stop")
    for _ in range(4):
        aws.settled()
        order(module, "Look")
    assert (aws.phase, aws.database, set(aws.desired.values())) == ("night", "stopped", {0})
    order(module, "Start")
    for _ in range(4):
        aws.settled()
        order(module, "Look")
    assert (aws.phase, aws.database) == ("day", "available")
    assert aws.desired == {MAP: 1, FLASK: 1, CELERY: 2}
    assert scales(aws)
    assert aws.unready == []
