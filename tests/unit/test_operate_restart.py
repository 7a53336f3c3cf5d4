"""`make restart`, `stop` and `start`: asked about on a real account, watched to their end."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from operate.errors import OperateError
from operate.restart import restart, start, stop
from tests.unit.answers import Answer, Answers
from tests.unit.running import SHORT, deployed, well


class Cloud:
    """A stack whose services, once restarted, have a new deployment that ends so."""

    def __init__(self, outcome: Answer, **changed: Mapping[str, Any]) -> None:
        self.before, self.outcome = deployed(), outcome
        self.restarted: list[str] = []
        self.lag = 0  # looks for which the record still has the deployment before
        known = well(**changed)
        self.answers = Answers(
            known
            | {
                "ecs.ListServiceDeployments": self.listed,
                "ecs.DescribeServiceDeployments": self.described,
                "ecs.UpdateService": self.updated,
            }
        )

    def listed(self, params: dict[str, Any]) -> Mapping[str, Any]:
        number = self.restarted.count(params["service"])
        if number and self.lag:
            self.lag -= 1
            number -= 1
        arn = f"deployment/{params['service']}/{number}"
        return {"serviceDeployments": [{"serviceDeploymentArn": arn}]}

    def described(self, params: dict[str, Any]) -> Mapping[str, Any]:
        (arn,) = params["serviceDeploymentArns"]
        answer = self.before if arn.endswith("/0") else self.outcome
        assert callable(answer)
        return answer(params)

    def updated(self, params: dict[str, Any]) -> Mapping[str, Any]:
        assert params["cluster"] == "otakaro-dt-ecs"
        assert params["forceNewDeployment"] is True
        assert set(params) == {"cluster", "service", "forceNewDeployment"}
        self.restarted.append(params["service"])
        return {}

    def restart(self, service: str, *, sure: bool = True, emulated: bool = False) -> list[str]:
        """Restart it; what is told."""
        said: list[str] = []
        account = self.answers.account(emulated=emulated)
        restart(account, service, sure=sure, pause=0, tell=said.append)
        return said


class Terminal(io.StringIO):
    """Someone who types."""

    def isatty(self) -> bool:
        return True


def test_a_restart_is_told_to_its_end() -> None:
    cloud = Cloud(deployed())
    said = cloud.restart("geoserver")
    assert cloud.restarted == ["otakaro-dt-geoserver"]
    assert said[0] == (
        "new deployments of otakaro-dt-geoserver asked for in AWS account 111122223333, "
        "ap-southeast-2"
    )
    assert said[1].endswith(
        "s  otakaro-dt-geoserver: SUCCESSFUL, 1 of 1 running, sha256:a1a1a1a1a1a1"
    )


def test_the_deployment_before_is_not_taken_for_the_new_one() -> None:
    cloud = Cloud(deployed("ROLLBACK_SUCCESSFUL", reason="exit code 1", rollback=True))
    cloud.lag = 3
    with pytest.raises(OperateError, match="exit code 1"):
        cloud.restart("geoserver")


def test_the_backend_is_both_services_of_its_image() -> None:
    cloud = Cloud(deployed())
    cloud.restart("backend")
    assert cloud.restarted == ["otakaro-dt-backend-celery", "otakaro-dt-backend-flask"]


def test_a_restart_that_fails_is_an_error_with_its_reason() -> None:
    cloud = Cloud(deployed("ROLLBACK_SUCCESSFUL", reason="exit code 1", rollback=True))
    with pytest.raises(OperateError) as told:
        cloud.restart("terriamap")
    assert "otakaro-dt-terriamap (exit code 1)" in str(told.value)
    assert "`make logs SERVICE=terriamap ACCOUNT=aws`" in str(told.value)


def test_a_deployment_at_work_is_not_overtaken() -> None:
    cloud = Cloud(deployed())
    cloud.before = deployed("ROLLBACK_IN_PROGRESS")
    with pytest.raises(OperateError, match="is being deployed already"):
        cloud.restart("geoserver")
    assert cloud.restarted == []


def test_a_service_without_tasks_is_not_restarted() -> None:
    cloud = Cloud(deployed(), geoserver={"desiredCount": 0, "runningCount": 0})
    with pytest.raises(OperateError, match="has no tasks to restart: it waits for"):
        cloud.restart("geoserver")
    assert cloud.restarted == []


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "Y\n"])
def test_a_restart_goes_on_when_it_is_confirmed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    cloud = Cloud(deployed())
    cloud.restart("geoserver", sure=False)
    assert cloud.restarted == ["otakaro-dt-geoserver"]
    assert capsys.readouterr().out == (
        "Restart otakaro-dt-geoserver in AWS account 111122223333, ap-southeast-2? "
        "It is away meanwhile. [y/N] "
    )


@pytest.mark.parametrize("typed", ["\n", "n\n", "yep\n", "geoserver\n", ""])
def test_a_restart_that_is_not_confirmed_is_none(
    monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    cloud = Cloud(deployed())
    with pytest.raises(OperateError, match="nothing was restarted"):
        cloud.restart("geoserver", sure=False)
    assert cloud.restarted == []


def test_where_nobody_can_answer_nothing_restarts_and_the_way_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    cloud = Cloud(deployed())
    with pytest.raises(OperateError) as told:
        cloud.restart("terriamap", sure=False)
    assert str(told.value) == (
        "nobody is there to say whether otakaro-dt-terriamap shall restart in AWS account "
        "111122223333, ap-southeast-2: `make restart SERVICE=terriamap YES=1 ACCOUNT=aws` does "
        "not ask"
    )
    assert cloud.restarted == []


def test_the_emulated_account_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    cloud = Cloud(deployed())
    cloud.restart("geoserver", sure=False, emulated=True)
    assert cloud.restarted == ["otakaro-dt-geoserver"]


def test_ctrl_c_ends_the_watching_not_the_restart() -> None:
    def interrupted(_params: dict[str, Any]) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    cloud = Cloud(interrupted)
    with pytest.raises(OperateError, match="the deployments go on by themselves, `make status"):
        cloud.restart("geoserver")
    assert cloud.restarted == ["otakaro-dt-geoserver"]


class Stopping:
    """A stack whose services are stopped and started, by scaling and desired count."""

    def __init__(self) -> None:
        self.desired = dict.fromkeys(SHORT, 1)
        self.held: set[str] = set()
        self.raised: list[str] = []  # services that scaling raises once more
        self.starts = True  # the rollout function starts what may run
        self.done: list[str] = []
        known = well()
        self.answers = Answers(
            known
            | {
                "ecs.DescribeServices": self.described,
                "ecs.UpdateService": self.updated,
                "application-autoscaling.RegisterScalableTarget": self.registered,
                "sqs.GetQueueUrl": {"QueueUrl": "https://sqs/otakaro-dt-rollout-images.fifo"},
                "sqs.SendMessage": self.sent,
            }
        )

    def described(self, params: dict[str, Any]) -> Mapping[str, Any]:
        for short in [self.raised.pop()] if self.raised else []:
            self.desired[short] = 1
        changed = {
            short: {"desiredCount": count, "runningCount": count}
            for short, count in self.desired.items()
        }
        answer = well(**changed)["ecs.DescribeServices"]
        assert callable(answer)
        return answer(params)

    def updated(self, params: dict[str, Any]) -> Mapping[str, Any]:
        assert params["desiredCount"] == 0
        assert set(params) == {"cluster", "service", "desiredCount"}
        short = params["service"].removeprefix("otakaro-dt-")
        assert short in self.held  # else scaling, or the rollout function, starts it again
        self.desired[short] = 0
        self.done.append(f"stop {short}")
        return {}

    def registered(self, params: dict[str, Any]) -> Mapping[str, Any]:
        short = params["ResourceId"].removeprefix("service/otakaro-dt-ecs/otakaro-dt-")
        state = params["SuspendedState"]
        assert params["MinCapacity"] == 0
        assert "MaxCapacity" not in params
        assert state["DynamicScalingInSuspended"] is state["DynamicScalingOutSuspended"] is True
        if state["ScheduledScalingSuspended"]:
            self.held.add(short)
        else:
            self.held.discard(short)
        return {}

    def sent(self, params: dict[str, Any]) -> Mapping[str, Any]:
        assert '"Look"' in params["MessageBody"]
        if self.starts:
            self.desired |= {short: 1 for short in SHORT if short not in self.held}
        return {}

    def stop(self, service: str, *, sure: bool = True, emulated: bool = False) -> list[str]:
        """Stop it; what is told."""
        said: list[str] = []
        account = self.answers.account(emulated=emulated)
        stop(account, service, sure=sure, pause=0, tell=said.append)
        return said

    def start(self, service: str) -> list[str]:
        """Start it; what is told."""
        said: list[str] = []
        start(self.answers.account(), service, pause=0, tell=said.append)
        return said


def test_a_stopped_service_is_held_before_its_tasks_are_taken_away() -> None:
    stack = Stopping()
    said = stack.stop("backend-celery")
    assert stack.desired == dict.fromkeys(SHORT, 1) | {"backend-celery": 0}
    assert stack.held == {"backend-celery"}
    assert said[0] == (
        "otakaro-dt-backend-celery stops in AWS account 111122223333, ap-southeast-2; "
        "`make start SERVICE=backend-celery ACCOUNT=aws` starts it again"
    )
    assert said[1].endswith("s  otakaro-dt-backend-celery: no task is left")


def test_what_scaling_had_begun_before_is_taken_back() -> None:
    stack = Stopping()
    stack.raised = ["geoserver"]
    stack.stop("geoserver")
    assert stack.done == ["stop geoserver", "stop geoserver"]
    assert stack.desired["geoserver"] == 0


def test_tasks_that_compute_on_are_told_when_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operate.restart._PATIENCE", -1.0)
    stack = Stopping()
    stack.raised = ["geoserver"] * 3
    with pytest.raises(OperateError, match="tasks of otakaro-dt-geoserver still run"):
        stack.stop("geoserver")


def test_both_services_of_the_backend_stop_and_start() -> None:
    stack = Stopping()
    stack.stop("backend")
    assert stack.held == {"backend-celery", "backend-flask"}
    said = stack.start("backend")
    assert stack.held == set()
    assert stack.desired == dict.fromkeys(SHORT, 1)
    assert said[1:] == [
        "otakaro-dt-backend-celery starts with 1",
        "otakaro-dt-backend-flask starts with 1",
    ]


def test_a_service_that_lacks_something_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operate.restart._STARTING", -1.0)
    stack = Stopping()
    stack.stop("terriamap")
    stack.starts = False
    with pytest.raises(OperateError, match="waits for an image, a secret or the running hours"):
        stack.start("terriamap")
    assert stack.held == set()


def test_a_stop_is_asked_about_on_a_real_account_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stopping()
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(OperateError, match="nothing was stopped"):
        stack.stop("geoserver", sure=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(OperateError, match="`make stop SERVICE=geoserver YES=1 ACCOUNT=aws`"):
        stack.stop("geoserver", sure=False)
    assert stack.done == []
    stack.stop("geoserver", sure=False, emulated=True)
    assert stack.done == ["stop geoserver"]
