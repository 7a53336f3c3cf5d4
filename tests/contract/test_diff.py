"""Changes lead to an update or a replacement, and what leads to neither is refused."""

import json
from typing import Any

import pytest

from tests.contract.conftest import Engine

ALARM, TASK = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:ecs/taskDefinition:TaskDefinition"
REDIS = "aws:elasticache/replicationGroup:ReplicationGroup"
BALANCER, ROLE = "aws:lb/loadBalancer:LoadBalancer", "aws:iam/role:Role"


def test_equal_inputs_are_no_change(engine: Engine) -> None:
    answer = engine.diff(
        ALARM, {"name": "a", "__defaults": ["name"]}, {"name": "a", "__defaults": []}
    )
    assert answer.changes == answer.DIFF_NONE


def test_json_is_compared_by_its_meaning(engine: Engine) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    answer = engine.diff(
        ROLE,
        {"assumeRolePolicy": json.dumps(policy)},
        {"assumeRolePolicy": json.dumps(policy, indent=2)},
    )
    assert answer.changes == answer.DIFF_NONE


@pytest.mark.parametrize(
    ("token", "key", "replaced"),
    [
        (ALARM, "threshold", False),
        (ALARM, "name", True),
        (BALANCER, "securityGroups", False),
        (BALANCER, "idleTimeout", False),
        (BALANCER, "internal", True),
        (TASK, "cpu", True),
        (TASK, "skipDestroy", False),
        ("aws:rds/instance:Instance", "instanceClass", False),
        ("aws:rds/instance:Instance", "dbName", True),
        ("aws:ecs/service:Service", "taskDefinition", False),
        ("aws:ecs/service:Service", "launchType", True),
        ("aws:lambda/function:Function", "code", False),
        ("aws:ec2/flowLog:FlowLog", "trafficType", True),
        ("aws:ec2/flowLog:FlowLog", "tags", False),
        ("aws:ssm/parameter:Parameter", "region", True),
        ("aws:cloudfront/distribution:Distribution", "origins", False),
    ],
)
def test_a_change_updates_or_replaces(engine: Engine, token: str, key: str, replaced: bool) -> None:
    answer = engine.diff(token, {key: "old"}, {key: "new"})
    assert answer.changes == answer.DIFF_SOME
    assert list(answer.replaces) == ([key] if replaced else [])
    assert set(answer.detailedDiff) == {key}


def test_a_change_without_a_way_is_refused(engine: Engine) -> None:
    with pytest.raises(Exception, match="no update is known for numNodeGroups"):
        engine.diff(REDIS, {"numNodeGroups": 1}, {"numNodeGroups": 2})


@pytest.mark.parametrize(
    ("token", "olds", "news", "replaced"),
    [
        (REDIS, {"engineVersion": "7.1"}, {"engineVersion": "7.0"}, True),
        (REDIS, {"engineVersion": "6.x"}, {"engineVersion": "6.2"}, True),
        (REDIS, {"engineVersion": "7.0"}, {"engineVersion": "7.1"}, False),
        (REDIS, {"engine": "redis"}, {"engine": "valkey"}, False),
        (REDIS, {"engine": "valkey"}, {"engine": "redis"}, True),
    ],
)
def test_a_replacement_may_depend_on_the_values(
    engine: Engine, token: str, olds: dict[str, Any], news: dict[str, Any], *, replaced: bool
) -> None:
    answer = engine.diff(token, olds, news)
    assert answer.changes == answer.DIFF_SOME
    assert bool(answer.replaces) is replaced


@pytest.mark.parametrize(
    ("allocated", "wanted", "most", "same"),
    [(30, 20, 100, True), (30, 20, None, False), (20, 30, 100, False)],
)
def test_storage_that_grew_automatically_is_no_change(
    engine: Engine, allocated: int, wanted: int, most: int | None, *, same: bool
) -> None:
    rest = {"maxAllocatedStorage": most} if most else {}
    olds = {"allocatedStorage": allocated, **rest}
    answer = engine.diff("aws:rds/instance:Instance", olds, {"allocatedStorage": wanted, **rest})
    assert (answer.changes == answer.DIFF_NONE) is same


def test_what_waits_for_the_maintenance_window_stays_a_difference(engine: Engine) -> None:
    inputs = {"nodeType": "cache.t4g.small"}
    state = {**inputs, "__pending": {"nodeType": "cache.t4g.micro"}}
    answer = engine.diff(REDIS, inputs, inputs, state)
    assert list(answer.diffs) == ["nodeType"]
    assert engine.diff(REDIS, inputs, inputs, inputs).changes == answer.DIFF_NONE


def test_an_object_with_a_given_name_is_deleted_before_its_successor(engine: Engine) -> None:
    olds = {"name": "a", "path": "/x/"}
    assert engine.diff(ROLE, olds, {**olds, "path": "/y/"}).deleteBeforeReplace
    news = {**olds, "path": "/y/", "__defaults": ["name"]}
    assert not engine.diff(ROLE, olds, news).deleteBeforeReplace


def test_containers_in_another_order_of_variables_are_the_same(engine: Engine) -> None:
    def text(*names: str) -> str:
        return json.dumps(
            [{"name": "app", "environment": [{"name": n, "value": "1"} for n in names]}]
        )

    one, _ = engine.check(TASK, {"family": "f", "containerDefinitions": text("A", "B")})
    other, _ = engine.check(TASK, {"family": "f", "containerDefinitions": text("B", "A")})
    assert one["containerDefinitions"] == other["containerDefinitions"]
