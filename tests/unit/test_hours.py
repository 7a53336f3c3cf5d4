"""A stack that people use by day is stopped and started by clocks, and by nothing else."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from local.record import ROOT, Recording, document
from running_hours import DAYS, WEEK, RunningHours, minutes
from tests.unit.reading import may, statements, trusted

PREFIX = "a2345678901234"
NAME, ROLLOUT = f"{PREFIX}-hours", f"{PREFIX}-rollout"
SCHEDULE = "scheduler/schedule:Schedule"
HERE = "ap-southeast-2:111122223333"


def test_a_stack_without_hours_always_runs(production: Recording) -> None:
    assert production[SCHEDULE] == {}
    variables = production["lambda/function:Function"]["otakaro-dt-rollout"]["environment"]
    assert not {"HOURS", "DATABASE"} & variables["variables"].keys()
    actions = {a for s in may(production, "otakaro-dt-rollout") for a in s["Action"]}
    assert not {a for a in actions if a.startswith("rds:")}


def test_two_schedules_go_by_the_time_of_the_place(switched: Recording) -> None:
    assert {
        name.rpartition("-")[2]: (one["scheduleExpression"], one["scheduleExpressionTimezone"])
        for name, one in switched[SCHEDULE].items()
    } == {
        "start": ("cron(0 7 ? * MON,TUE,WED,THU,FRI *)", "Pacific/Auckland"),
        "stop": ("cron(0 19 ? * MON,TUE,WED,THU,FRI *)", "Pacific/Auckland"),
    }
    assert {one["flexibleTimeWindow"]["mode"] for one in switched[SCHEDULE].values()} == {"OFF"}


def test_their_orders_are_answered_one_at_a_time_with_the_pushes(switched: Recording) -> None:
    """And each is another message: a FIFO queue drops what it has had within five minutes."""
    pushes = switched["cloudwatch/eventTarget:EventTarget"][f"{ROLLOUT}-deployment"]
    for name, schedule in switched[SCHEDULE].items():
        target = schedule["target"]
        assert target["arn"] == pushes["arn"]
        assert target["sqsParameters"] == pushes["sqsTarget"]
        order = document(target["input"])
        assert order == {
            "source": "otakaro.hours",
            "detail-type": name.rpartition("-")[2].title(),
            "time": "<aws.scheduler.scheduled-time>",
        }


def test_the_clocks_may_send_to_that_queue_and_nothing_else(switched: Recording) -> None:
    assert [(s["Action"], s["Resource"]) for s in may(switched, NAME)] == [
        (["sqs:SendMessage"], [f"arn:aws:sqs:{HERE}:{ROLLOUT}-images.fifo"])
    ]
    [trust] = statements(switched["iam/role:Role"][NAME]["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": ["scheduler.amazonaws.com"]}
    assert trust["Condition"]["ArnLike"] == {
        "aws:SourceArn": f"arn:aws:scheduler:{HERE}:schedule-group/default"
    }
    permission = switched.one("iam/rolePolicy:RolePolicy", NAME).urn
    assert all(permission in one.dependencies for one in switched.of(SCHEDULE))


def test_the_function_may_stop_this_database_and_scale_this_stacks_services(
    switched: Recording,
) -> None:
    assert trusted(switched, ROLLOUT) == {"Service": ["lambda.amazonaws.com"]}
    allowed = {tuple(s["Action"]): s["Resource"] for s in may(switched, ROLLOUT)}
    database = allowed["rds:DescribeDBInstances", "rds:StartDBInstance", "rds:StopDBInstance"]
    assert database == [f"arn:aws:rds:{HERE}:{PREFIX}-pg"]
    assert allowed["ssm:GetParameter", "ssm:PutParameter"] == [
        f"arn:aws:ssm:{HERE}:/{PREFIX}/hours"
    ]
    targets = {t.state["arn"] for t in switched.of("appautoscaling/target:Target")}
    assert set(allowed["application-autoscaling:RegisterScalableTarget",]) == targets != set()
    variables = switched["lambda/function:Function"][ROLLOUT]["environment"]["variables"]
    assert (variables["HOURS"], variables["DATABASE"]) == (f"/{PREFIX}/hours", f"{PREFIX}-pg")


def test_the_state_is_the_functions_from_its_first_value_on(switched: Recording) -> None:
    state = switched.one("ssm/parameter:Parameter", NAME)
    assert document(state.inputs["value"]) == {"phase": "day", "waiting": []}
    assert "value" in state.ignore_changes
    # Whoever may read the state may not decrypt the secrets beside it.
    assert state.inputs["type"] == "String"


def test_its_code_reads_the_variables_that_it_is_given(switched: Recording) -> None:
    variables = switched["lambda/function:Function"][ROLLOUT]["environment"]["variables"]
    code = (ROOT / "lambdas" / "rollout" / "night.py").read_text()
    assert {name for name in variables if f'os.environ["{name}"]' in code} == {
        "DATABASE",
        "HOURS",
        "SERVICES",
    }
    assert json.dumps(document(variables["SERVICES"]), sort_keys=True) == variables["SERVICES"]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "UTC", "America/St_Johns", "Asia/Kolkata"])
@pytest.mark.parametrize("days", [DAYS, DAYS[:5], DAYS[2:3]])
def test_windows_that_are_proposed_are_within_the_hours_all_year(
    zone: str, days: tuple[str, ...]
) -> None:
    hours = RunningHours(days=days, start=7 * 60, stop=11 * 60, time_zone=zone)
    weekly = [window for _, window in hours.weekly_windows()]
    assert len(weekly) >= len(days)
    now = datetime.now(UTC)
    monday = now.replace(hour=0, minute=0) - timedelta(days=now.weekday())
    for week in range(52):
        for window in weekly:
            begin, end = (minutes(one) for one in window.split("-"))
            for moment, least in ((begin, 7 * 60 + 30), (end, 0)):
                after = moment + (WEEK if moment == end < begin else 0)
                there = (monday + timedelta(weeks=week, minutes=after)).astimezone(ZoneInfo(zone))
                assert DAYS[there.weekday()] in days
                assert least <= there.hour * 60 + there.minute <= 11 * 60
        begin, _ = (minutes(one) for one in hours.daily_window().split("-"))
        there = (monday + timedelta(weeks=week, minutes=begin)).astimezone(ZoneInfo(zone))
        assert 7 * 60 + 30 <= there.hour * 60 + there.minute <= 10 * 60
