"""Inputs are held against the SDK's schema and AWS's models before anything is sent."""

from typing import Any

import pytest

from local.provider.wire import UNKNOWN
from tests.contract.conftest import Engine

VPC, ALARM, QUEUE = (
    "aws:ec2/vpc:Vpc",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:sqs/queue:Queue",
)
TASK, GROUP = "aws:ecs/taskDefinition:TaskDefinition", "aws:ec2/securityGroup:SecurityGroup"
ALARM_INPUTS = {
    "comparisonOperator": "GreaterThanThreshold",
    "evaluationPeriods": 1,
    "metricName": "CPUUtilization",
    "namespace": "AWS/ECS",
    "period": 60,
    "statistic": "Average",
    "threshold": 80,
}


def faults(engine: Engine, token: str, inputs: dict[str, Any]) -> Any:
    return engine.check(token, inputs)[1]


def test_good_inputs_have_no_fault(engine: Engine) -> None:
    assert faults(engine, ALARM, ALARM_INPUTS) == []


@pytest.mark.parametrize(
    ("token", "inputs", "told"),
    [
        (VPC, {"cidrBlok": "10.0.0.0/16"}, "no input cidrBlok"),
        (ALARM, {**ALARM_INPUTS, "comparisonOperator": "Bigger"}, "must be one of"),
        (ALARM, {**ALARM_INPUTS, "evaluationPeriods": 0}, "below 1"),
        (ALARM, {**ALARM_INPUTS, "period": "often"}, "must be of type integer"),
        ("aws:iam/role:Role", {"name": "a b", "assumeRolePolicy": "{}"}, "does not match"),
        ("aws:iam/role:Role", {"name": "r" * 65, "assumeRolePolicy": "{}"}, "above 64"),
        (TASK, {"family": "f"}, "lacks containerDefinitions"),
        (
            TASK,
            {"family": "f", "containerDefinitions": '[{"nam": "x"}]'},
            "no member of ContainerDefinition",
        ),
        (
            TASK,
            {
                "family": "f",
                "containerDefinitions": '[{"logConfiguration": {"logDriver": "paper"}}]',
            },
            "must be one of",
        ),
        (
            GROUP,
            {"ingress": [{"protocol": "tcp", "fromPort": 1, "toPort": 1}]},
            "no API member takes ingress",
        ),
        (
            "aws:cloudfront/distribution:Distribution",
            {"enabled": True, "priceClass": "PriceClass_Cheap"},
            "must be one of",
        ),
        (
            "aws:appautoscaling/target:Target",
            {
                "minCapacity": 1,
                "maxCapacity": 2,
                "resourceId": "service/c/s",
                "serviceNamespace": "ecs",
                "scalableDimension": "ecs:service:Count",
            },
            "must be one of",
        ),
    ],
)
def test_a_wrong_input_is_told(
    engine: Engine, token: str, inputs: dict[str, Any], told: str
) -> None:
    assert any(told in reason for reason in faults(engine, token, inputs))


@pytest.mark.parametrize(
    ("token", "inputs", "told"),
    [
        (QUEUE, {"name": "a.b"}, "name must be 80 letters, digits, - and _, at most (SQS API"),
        (QUEUE, {"name": UNKNOWN, "delaySeconds": 901}, "delaySeconds must be 0 to 900 seconds"),
        (GROUP, {"name": "sg-web", "vpcId": UNKNOWN}, "name must not begin with sg-"),
        (VPC, {"cidrBlock": "10.0.0.0/8"}, "cidrBlock must be a network of /16 to /28 (EC2 API"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"aws:a": "b"}}, "tagsAll must have keys of"),
    ],
)
def test_what_the_models_lack_is_told_with_its_source(
    engine: Engine, token: str, inputs: dict[str, Any], told: str
) -> None:
    assert any(told in reason for reason in faults(engine, token, inputs))


def test_a_rule_over_several_inputs_waits_until_they_are_known(engine: Engine) -> None:
    rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    given = {"securityGroupId": UNKNOWN, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}
    assert faults(engine, rule, {**given, "fromPort": 443, "toPort": UNKNOWN}) == []
    assert faults(engine, rule, {**given, "fromPort": 443, "toPort": 80}) != []


def test_a_text_that_may_be_secret_is_not_repeated(engine: Engine) -> None:
    inputs = {"type": "SecureString", "name": "/a b", "value": "open sesame", "dataType": "x" * 200}
    reasons = faults(engine, "aws:ssm/parameter:Parameter", inputs)
    assert reasons
    assert "open sesame" not in " ".join(reasons)


def test_unknown_values_are_not_judged_but_their_neighbours_are(engine: Engine) -> None:
    inputs = {**ALARM_INPUTS, "alarmActions": [UNKNOWN], "metricName": UNKNOWN, "statistic": "Mean"}
    assert faults(engine, ALARM, inputs) == [
        "Statistic is 'Mean', must be one of SampleCount, Average, Sum, Minimum, Maximum"
    ]


def test_a_missing_name_is_made_once_and_kept(engine: Engine) -> None:
    first, _ = engine.check(QUEUE, {}, seed=b"one")
    assert first["name"].startswith("thing-")
    assert len(first["name"]) == len("thing-") + 7
    assert "name" in first["__defaults"]
    assert engine.check(QUEUE, {}, olds=first, seed=b"two")[0]["name"] == first["name"]
    assert engine.check(QUEUE, {}, seed=b"two")[0]["name"] != first["name"]


@pytest.mark.parametrize(
    ("token", "inputs", "key", "start", "longest"),
    [
        ("aws:lb/targetGroup:TargetGroup", {}, "name", "t" * 24, 32),
        ("aws:s3/bucket:Bucket", {}, "bucket", "t" * 55, 63),
        (
            "aws:rds/instance:Instance",
            {"instanceClass": "db.t4g.micro"},
            "identifier",
            "t" * 60,
            255,
        ),
        (QUEUE, {"fifoQueue": True}, "name", "t" * 20, 80),
        (QUEUE, {"namePrefix": "given"}, "name", "given", 80),
    ],
)
def test_names_keep_the_limits_of_their_type(
    engine: Engine, token: str, inputs: dict[str, Any], key: str, start: str, longest: int
) -> None:
    kind = engine.provider._type(token)
    context = engine.provider._contexts["default"]
    news, _ = kind.check(inputs, {}, "t" * 90, b"seed", context)
    assert news[key].startswith(start)
    assert len(news[key]) <= longest
    assert news[key].endswith(".fifo") == ("fifoQueue" in inputs)


def test_default_tags_go_below_the_own_ones(engine: Engine) -> None:
    news, _ = engine.check(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "a", "Project": "b"}})
    assert news["tagsAll"] == {"Name": "a", "Project": "b"}
    assert engine.check(VPC, {"cidrBlock": "10.0.0.0/16"})[0]["tagsAll"] == {"Project": "twin"}


def test_an_unknown_type_names_the_place_to_add_it(engine: Engine) -> None:
    with pytest.raises(Exception, match="local/provider/catalogue"):
        engine.check("aws:glue/job:Job", {})
