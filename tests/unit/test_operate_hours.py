"""`make wake` and `make sleep`: what the clocks order, ordered by people, and told to its end."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from operate.errors import OperateError
from operate.hours import look, sleep, wake
from tests.unit.answers import Answers, refusing
from tests.unit.running import well
from tests.unit.test_operate_restart import Terminal
from tests.unit.test_operate_status import line, seen, unfolded

QUEUE = "https://sqs.example/111122223333/otakaro-dt-rollout-images.fifo"
STOPPED = "otakaro-dt-geoserver"


def parameter(phase: str, *waiting: str) -> dict[str, Any]:
    return {"Parameter": {"Value": json.dumps({"phase": phase, "waiting": waiting})}}


class Cloud:
    """A stack with hours, whose function follows orders as lambdas/rollout/night.py does."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.database = "available" if phase == "day" else "stopped"
        self.orders: list[str] = []
        self.answers = Answers(
            well()
            | {
                "ssm.GetParameter": self.read,
                "sqs.GetQueueUrl": {"QueueUrl": QUEUE},
                "sqs.SendMessage": self.sent,
                "rds.DescribeDBInstances": self.described,
            }
        )

    def read(self, params: dict[str, Any]) -> Mapping[str, Any]:
        assert params == {"Name": "/otakaro-dt/hours"}
        return parameter(self.phase, STOPPED)

    def sent(self, params: dict[str, Any]) -> Mapping[str, Any]:
        assert (params["QueueUrl"], params["MessageGroupId"]) == (QUEUE, "images")
        message = json.loads(params["MessageBody"])
        assert message["source"] == "otakaro.hours"
        order = message["detail-type"]
        self.orders.append(order)
        match order, self.phase, self.database:
            case "Start", "night", _:
                self.phase, self.database = "morning", "starting"
            case "Look", "morning", "available":
                self.phase = "day"
            case "Stop", _, _:
                self.phase = "night"
        return {}

    def described(self, _: dict[str, Any]) -> Mapping[str, Any]:
        status = self.database
        if status == "starting":
            self.database = "available"
        return {
            "DBInstances": [{"DBInstanceIdentifier": "otakaro-dt-pg", "DBInstanceStatus": status}]
        }

    def wake(self) -> list[str]:
        said: list[str] = []
        wake(self.answers.account(), pause=0, tell=said.append)
        return said

    def sleep(self, *, sure: bool = False, emulated: bool = False) -> list[str]:
        said: list[str] = []
        account = self.answers.account(emulated=emulated)
        sleep(account, sure=sure, pause=0, tell=said.append)
        return said


def test_waking_is_told_from_the_database_to_the_services() -> None:
    cloud = Cloud("night")
    said = cloud.wake()
    # It does not wait for the clock once the database is there.
    assert cloud.orders == ["Start", "Look"]
    assert said[0] == "otakaro-dt wakes, in AWS account 111122223333, ap-southeast-2"
    assert [each.split("s  ")[-1] for each in said[1:]] == [
        "the database is starting",
        "the database is available",
        "the services start: `make status ACCOUNT=aws` tells how",
    ]


def test_what_runs_is_not_woken() -> None:
    cloud = Cloud("day")
    assert cloud.wake() == ["otakaro-dt runs already; `make status ACCOUNT=aws` tells how"]
    assert cloud.orders == []


def test_every_order_is_another_message() -> None:
    """A FIFO queue drops one that it has had."""
    cloud = Cloud("night")
    cloud.wake()
    bodies = [asked["MessageBody"] for asked in cloud.answers.of("sqs.SendMessage")]
    assert len(set(bodies)) == len(bodies) == 2


def test_sleep_asks_on_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for typed, orders in (("y\n", ["Stop"]), ("yes\n", ["Stop"])):
        cloud = Cloud("day")
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        [said] = cloud.sleep()
        assert cloud.orders == orders
        assert said.endswith("the database follows when no task is left")


@pytest.mark.parametrize("typed", ["n\n", "\n", "", "yep\n"])
def test_sleep_that_is_not_confirmed_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    cloud = Cloud("day")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with pytest.raises(OperateError, match="not confirmed with y, so nothing was stopped"):
        cloud.sleep()
    assert cloud.orders == []


def test_where_nobody_can_answer_nothing_stops_and_the_way_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = Cloud("day")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(OperateError, match="`make sleep YES=1 ACCOUNT=aws` does not ask"):
        cloud.sleep()
    assert cloud.orders == []
    cloud.sleep(sure=True)
    assert cloud.orders == ["Stop"]


def test_what_is_stopped_is_not_stopped_again() -> None:
    cloud = Cloud("night")
    assert cloud.sleep(sure=True) == ["otakaro-dt is stopped already"]
    assert cloud.orders == []


def test_a_stack_that_always_runs_says_which_setting_has_it_stop() -> None:
    answers = Answers(well() | {"ssm.GetParameter": refusing("ParameterNotFound: none")})
    assert look(answers.account()) is None
    with pytest.raises(OperateError) as told:
        wake(answers.account(), pause=0, tell=print)
    assert "always runs" in str(told.value)
    assert "pulumi config set otakaro:runningHours" in str(told.value)
    with pytest.raises(OperateError, match="make up SET="):
        wake(answers.account(emulated=True), pause=0, tell=print)


def test_at_night_status_says_what_waits_and_how_to_wake_it() -> None:
    text = seen(
        ssm__GetParameter=parameter("night", STOPPED),
        ecs__DescribeServices=well(geoserver={"desiredCount": 0, "runningCount": 0})[
            "ecs.DescribeServices"
        ],
        rds__DescribeDBInstances={
            "DBInstances": [
                {"DBInstanceIdentifier": "otakaro-dt-pg", "DBInstanceStatus": "stopped"}
            ]
        },
    )
    assert "all but what holds data is stopped; `make wake ACCOUNT=aws` starts it" in unfolded(text)
    assert "geoserver waits for the running hours" in unfolded(text)
    # A stopped database writes no log that could be saved.
    assert not line(text, "otakaro-dt-pg (stopped)").startswith("!")


def test_hours_that_may_not_be_read_leave_the_rest_to_be_seen() -> None:
    text = seen(ssm__GetParameter=refusing("AccessDeniedException: perform: ssm:GetParameter"))
    assert "may not ssm:GetParameter" in unfolded(text)
    assert "0 in ALARM" in text
