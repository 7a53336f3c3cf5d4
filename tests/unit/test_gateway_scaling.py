"""Application Auto Scaling as it is emulated: what is kept, and what is refused."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from local.gateway.background import Background
from local.gateway.calls import Refused
from local.gateway.clients import Clients
from local.gateway.scaling import SCALING, Scaling
from tests.unit.emulated import ACCOUNT, REGION, Later, Served

PLACE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/cluster/celery",
    "ScalableDimension": "ecs:service:DesiredCount",
}
AWAKE = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


class Ecs:
    """A service with a desired count, as the gateway asks for it and changes it."""

    def __init__(self, desired: int, status: str = "ACTIVE") -> None:
        self.desired, self.status = desired, status
        self.later = Later()
        clients: Clients = self  # type: ignore[assignment]
        background: Background = self.later  # type: ignore[assignment]
        self.scaling = Scaling(ACCOUNT, clients, background, self.resize)

    def __call__(self, _service: str, _region: str) -> "Ecs":
        return self

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        assert (cluster, services) == ("cluster", ["celery"])
        return {"services": [{"status": self.status, "desiredCount": self.desired}]}

    def resize(self, region: str, cluster: str, service: str, count: int) -> None:
        assert (region, cluster, service) == (REGION, "cluster", "celery")
        assert count != self.desired
        self.desired = count

    def register(self, **asked: object) -> int:
        """Register the target so; the desired count afterwards."""
        self.scaling.register(PLACE | asked, REGION)
        self.later.work()
        return self.desired

    def alarm(self, change: int, kind: str = "ChangeInCapacity") -> int:
        """An alarm whose action is a policy of this change; the desired count afterwards."""
        steps = [
            {"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": change},
            {"MetricIntervalLowerBound": 4.0, "ScalingAdjustment": 9 * change},
        ]
        policy = {"AdjustmentType": kind, "StepAdjustments": steps}
        answer = self.scaling.put_policy(
            PLACE | {"PolicyName": "p", "StepScalingPolicyConfiguration": policy}, REGION
        )
        self.scaling.alarmed(REGION, answer["PolicyARN"])
        self.scaling.alarmed(REGION, f"{answer['PolicyARN']}-other")
        self.later.work()
        return self.desired


@pytest.fixture
def scaling() -> Scaling:
    return Ecs(1).scaling


@pytest.mark.parametrize(
    ("desired", "least", "most", "after"),
    [(0, 1, 4, 1), (0, 0, 4, 0), (2, 1, 4, 2), (6, 1, 4, 4), (3, 0, 0, 0)],
)
def test_registering_a_target_brings_the_count_into_its_range(
    desired: int, least: int, most: int, after: int
) -> None:
    ecs = Ecs(desired)
    assert ecs.register(MinCapacity=least, MaxCapacity=most) == after


def test_an_update_does_it_again_whatever_it_changes_and_is_suspended() -> None:
    ecs = Ecs(0)
    ecs.register(MinCapacity=2, MaxCapacity=4, SuspendedState=dict.fromkeys(AWAKE, True))
    assert ecs.desired == 2
    ecs.desired = 0
    assert ecs.register(MaxCapacity=5) == 2
    ecs.desired = 0
    assert ecs.register(SuspendedState=AWAKE) == 2


def test_a_service_that_is_gone_is_left_alone() -> None:
    ecs = Ecs(0, "INACTIVE")
    assert ecs.register(MinCapacity=2, MaxCapacity=4) == 0


@pytest.mark.parametrize(
    ("desired", "change", "after"),
    [
        (2, 1, 3),
        (4, 1, 4),
        (6, 1, 6),  # above its maximum a service isn't scaled out
        (1, 1, 2),
        (0, 1, 2),  # up to the minimum, from no tasks too
        (0, 3, 3),
        (3, -1, 2),
        (2, -1, 2),
        (0, -1, 0),  # below its minimum a service isn't scaled in
        (6, -1, 4),
    ],
)
def test_an_alarm_scales_within_the_range_from_outside_too(
    desired: int, change: int, after: int
) -> None:
    ecs = Ecs(2)
    ecs.register(MinCapacity=2, MaxCapacity=4)
    ecs.desired = desired
    assert ecs.alarm(change) == after


@pytest.mark.parametrize(
    ("kind", "change", "after"), [("ExactCapacity", 7, 7), ("PercentChangeInCapacity", 50, 6)]
)
def test_a_policy_may_change_the_count_in_other_ways(kind: str, change: int, after: int) -> None:
    ecs = Ecs(4)
    ecs.register(MinCapacity=1, MaxCapacity=9)
    assert ecs.alarm(change, kind) == after


def test_a_suspension_holds_in_its_own_direction() -> None:
    ecs = Ecs(2)
    out = AWAKE | {"DynamicScalingOutSuspended": True}
    ecs.register(MinCapacity=1, MaxCapacity=4, SuspendedState=out)
    assert ecs.alarm(1) == 2
    assert ecs.alarm(-1) == 1
    ecs.register(SuspendedState=AWAKE | {"DynamicScalingInSuspended": True})
    assert ecs.alarm(1) == 2
    assert ecs.alarm(-1) == 2


def only(scaling: Scaling) -> dict[str, Any]:
    """The one target that there is."""
    (target,) = scaling.targets({"ServiceNamespace": "ecs"}, REGION)["ScalableTargets"]
    return dict(target)


def test_a_known_target_keeps_what_is_left_out(scaling: Scaling) -> None:
    first = scaling.register(PLACE | {"MinCapacity": 1, "MaxCapacity": 4}, REGION)
    assert only(scaling)["SuspendedState"] == AWAKE
    part = {"DynamicScalingOutSuspended": True}
    assert scaling.register(PLACE | {"SuspendedState": part}, REGION) == first
    target = only(scaling)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["SuspendedState"] == AWAKE | part
    scaling.register(PLACE | {"MaxCapacity": 2}, REGION)
    assert only(scaling) == target | {"MaxCapacity": 2}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"SuspendedState": AWAKE}, "MinCapacity"),
        ({"MinCapacity": 1}, "MaxCapacity"),
        ({"MinCapacity": 3, "MaxCapacity": 2}, "MinCapacity 3"),
    ],
)
def test_an_unknown_target_needs_its_limits(
    scaling: Scaling, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused, match=told) as refused:
        scaling.register(PLACE | asked, REGION)
    assert refused.value.code == "ValidationException"
    assert scaling.targets({"ServiceNamespace": "ecs"}, REGION)["ScalableTargets"] == []


def test_a_policy_needs_its_target_and_goes_with_it(scaling: Scaling) -> None:
    policy = PLACE | {"PolicyName": "by-queue", "PolicyType": "StepScaling"}
    with pytest.raises(Refused) as refused:
        scaling.put_policy(policy, REGION)
    assert refused.value.code == "ObjectNotFoundException"
    scaling.register(PLACE | {"MinCapacity": 1, "MaxCapacity": 4}, REGION)
    arn = scaling.put_policy(policy, REGION)["PolicyARN"]
    assert arn.endswith("resource/ecs/service/cluster/celery:policyName/by-queue")
    again = policy | {"StepScalingPolicyConfiguration": {"Cooldown": 60}}
    assert scaling.put_policy(again, REGION)["PolicyARN"] == arn
    asked = {"ServiceNamespace": "ecs", "PolicyNames": ["by-queue"]}
    (found,) = scaling.policies(asked, REGION)["ScalingPolicies"]
    assert found["StepScalingPolicyConfiguration"] == {"Cooldown": 60}
    assert scaling.policies(asked | {"PolicyNames": ["other"]}, REGION)["ScalingPolicies"] == []
    assert scaling.policies(asked, "us-east-1")["ScalingPolicies"] == []
    scaling.deregister(PLACE, REGION)
    assert scaling.policies(asked, REGION)["ScalingPolicies"] == []
    for gone in (scaling.deregister, scaling.delete_policy):
        with pytest.raises(Refused) as refused:
            gone(policy, REGION)
        assert refused.value.code == "ObjectNotFoundException"


def test_a_targets_tags_are_kept_until_it_goes(scaling: Scaling) -> None:
    registered = PLACE | {"MinCapacity": 1, "MaxCapacity": 4, "Tags": {"a": "1"}}
    named = {"ResourceARN": scaling.register(registered, REGION)["ScalableTargetARN"]}
    scaling.tag(named | {"Tags": {"b": "2"}}, REGION)
    scaling.untag(named | {"TagKeys": ["a"]}, REGION)
    assert scaling.tags(named, REGION) == {"Tags": {"b": "2"}}
    scaling.deregister(PLACE, REGION)
    with pytest.raises(Refused):
        scaling.tags(named, REGION)


def test_answers_have_the_shapes_of_application_auto_scaling(scaling: Scaling) -> None:
    model = botocore.session.get_session().get_service_model("application-autoscaling")
    assert model.metadata["targetPrefix"] == SCALING
    policy = PLACE | {"PolicyName": "by-queue"}
    answers = {
        "RegisterScalableTarget": scaling.register(
            PLACE | {"MinCapacity": 1, "MaxCapacity": 4}, REGION
        ),
        "DescribeScalableTargets": scaling.targets({"ServiceNamespace": "ecs"}, REGION),
        "PutScalingPolicy": scaling.put_policy(policy, REGION),
        "DescribeScalingPolicies": scaling.policies({"ServiceNamespace": "ecs"}, REGION),
    }
    for operation, answer in answers.items():
        shape: Any = model.operation_model(operation).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        for name, value in answer.items():
            if isinstance(value, list) and value:
                assert {*value[0]} <= {*shape.members[name].member.members}, operation


def test_a_refusal_is_told_as_aws_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(monkeypatch)
    status, said = served.ask(f"{SCALING}.RegisterScalableTarget", PLACE)
    assert (status, said["__type"]) == (400, "ValidationException")
    status, said = served.ask(f"{SCALING}.DescribeScalableTargets", {"ServiceNamespace": "ecs"})
    assert (status, said) == (200, {"ScalableTargets": []})
    assert served.got == []
