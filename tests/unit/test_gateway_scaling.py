"""Application Auto Scaling as it is emulated: what is kept, and what is refused."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from local.gateway.calls import Refused
from local.gateway.scaling import SCALING, Scaling
from tests.unit.emulated import ACCOUNT, REGION, Served

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


@pytest.fixture
def scaling() -> Scaling:
    return Scaling(ACCOUNT)


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
