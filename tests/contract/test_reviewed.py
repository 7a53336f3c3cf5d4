"""Every type of the program was compared with the official provider's source."""

import re
from typing import Any

import pytest

from local.provider.catalogue import TYPES, find
from local.provider.catalogue.reviewed import REVIEWED
from local.provider.lifecycle import Type
from tests.contract.conftest import Engine
from tests.contract.world import World

SOURCE = re.compile(r"(?P<file>[a-z0-9]+/\w+\.go):\w+")


def conditions(entry: Type) -> list[tuple[str, str]]:
    """Inputs with a condition, and the source of each."""
    return [
        (key, when.source)
        for group in (entry.replace_when, entry.reject_when, entry.same_when)
        for key, when in group.items()
    ]


def test_every_type_of_the_program_was_reviewed(
    production: World, second: World, switched_on: World
) -> None:
    used = {
        thing.type
        for world in (production, second, switched_on)
        for thing in world.things
        if not thing.type.startswith(("random:", "otakaro:"))
    }
    assert len(used) > 75
    assert {f"aws:{type_.removeprefix('aws:')}" for type_ in used} <= REVIEWED.keys()


def test_every_type_of_the_catalogue_was_reviewed() -> None:
    assert TYPES.keys() == REVIEWED.keys()


@pytest.mark.parametrize("token", TYPES)
def test_what_decides_about_a_change_is_an_input_with_its_source(token: str) -> None:
    entry = find(token)
    files = REVIEWED[token][0].replace("*", "").split()
    assert all(re.fullmatch(r"[a-z0-9]+/\w+\.go", file) for file in files)
    for key, source in conditions(entry):
        assert key in entry.schema.inputs
        found = SOURCE.match(source)
        assert found is not None
        assert found["file"] in files
    named = {*entry.replace.split(), *entry.deferred.split()} - {"*"}
    assert named <= entry.schema.inputs.keys()


S = "aws:ecs/service:Service"
SPOT = [{"capacityProvider": "FARGATE_SPOT"}]
NAMES = "aws:servicediscovery/service:Service"
DNS = {"namespaceId": "ns-1", "dnsRecords": [{"type": "CNAME", "ttl": 60}]}
LOGS = "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination"
BUCKET, STREAM = "arn:aws:s3:::logs", "arn:aws:firehose:us-east-1:1:deliverystream/logs"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
A, B, C = ({"subnetId": name} for name in "abc")


@pytest.mark.parametrize(
    ("token", "key", "old", "new", "more", "replaced"),
    [
        ("aws:ec2/vpc:Vpc", "instanceTenancy", "dedicated", "default", {}, False),
        ("aws:ec2/vpc:Vpc", "instanceTenancy", "default", "dedicated", {}, True),
        (S, "capacityProviderStrategies", [], SPOT, {"forceNewDeployment": True}, False),
        (NAMES, "dnsConfig", DNS, DNS | {"dnsRecords": [{"type": "CNAME", "ttl": 9}]}, {}, False),
        (NAMES, "dnsConfig", DNS, DNS | {"dnsRecords": [{"type": "A", "ttl": 60}]}, {}, True),
        (NAMES, "dnsConfig", DNS, DNS | {"routingPolicy": "WEIGHTED"}, {}, True),
        ("aws:ssm/parameter:Parameter", "tier", "Advanced", "Standard", {}, True),
        ("aws:ssm/parameter:Parameter", "tier", "Standard", "Advanced", {}, False),
        ("aws:ssm/parameter:Parameter", "type", "String", "SecureString", {}, False),
        (
            LOGS,
            "deliveryDestinationConfiguration",
            {"destinationResourceArn": BUCKET},
            {"destinationResourceArn": f"{BUCKET}-2"},
            {},
            False,
        ),
        (
            LOGS,
            "deliveryDestinationConfiguration",
            {"destinationResourceArn": BUCKET},
            {"destinationResourceArn": STREAM},
            {},
            True,
        ),
        (
            "aws:lambda/invocation:Invocation",
            "input",
            "1",
            "2",
            {"lifecycleScope": "CREATE_ONLY"},
            True,
        ),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", "policy", "{}", '{"a": 1}', {}, True),
        (BALANCER, "subnetMappings", [A, B], [A, B, C], {}, False),
        (BALANCER, "subnetMappings", [A, B, C], [A, B], {}, False),
        (BALANCER, "subnetMappings", [A, B], [A, C], {}, True),
        ("aws:budgets/budget:Budget", "notifications", [], [{"threshold": 80}], {}, False),
        ("aws:ec2/internetGateway:InternetGateway", "vpcId", "vpc-1", "vpc-2", {}, False),
        (
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
            "logDestinationConfigs",
            ["a"],
            ["b"],
            {},
            True,
        ),
    ],
)
def test_a_change_replaces_when_the_provider_does(
    engine: Engine,
    token: str,
    key: str,
    old: Any,
    new: Any,
    more: dict[str, Any],
    *,
    replaced: bool,
) -> None:
    answer = engine.diff(token, {key: old, **more}, {key: new, **more})
    assert list(answer.diffs) == [key]
    assert bool(answer.replaces) is replaced


@pytest.mark.parametrize(("version", "replaced"), [("6.2.6", True), ("7.0.7", False)])
def test_tls_replaces_a_redis_that_is_too_old_for_it(
    engine: Engine, version: str, *, replaced: bool
) -> None:
    token = "aws:elasticache/replicationGroup:ReplicationGroup"
    olds, news = ({"transitEncryptionEnabled": on} for on in (False, True))
    answer = engine.diff(token, olds, news, {**olds, "engineVersionActual": version})
    assert bool(answer.replaces) is replaced


@pytest.mark.parametrize(
    ("token", "olds", "news"),
    [
        (S, {"capacityProviderStrategies": []}, {"capacityProviderStrategies": SPOT}),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"versioningConfiguration": {"status": "Enabled"}},
            {"versioningConfiguration": {"status": "Disabled"}},
        ),
    ],
)
def test_a_change_that_the_provider_rejects_is_rejected(
    engine: Engine, token: str, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    with pytest.raises(Exception, match="the provider rejects this change"):
        engine.diff(token, olds, news)


@pytest.mark.parametrize(
    ("token", "olds", "news"),
    [
        ("aws:budgets/budget:Budget", {"limitAmount": "500.0"}, {"limitAmount": "500"}),
        (S, {"triggers": {"a": "1"}}, {"triggers": {"a": "2"}}),
        ("aws:ssm/parameter:Parameter", {"tier": "Standard"}, {"tier": "Intelligent-Tiering"}),
        (
            "aws:rds/instance:Instance",
            {"allocatedStorage": 20},
            {"allocatedStorage": 20, "maxAllocatedStorage": 20},
        ),
    ],
)
def test_what_the_provider_takes_for_the_same_is_no_change(
    engine: Engine, token: str, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    answer = engine.diff(token, olds, news)
    assert answer.changes == answer.DIFF_NONE
