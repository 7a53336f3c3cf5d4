"""Who may deploy: what the workflow roles are allowed, within IAM's limits."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
import yaml
from pulumi import Output

from bootstrap import permissions
from bootstrap.permissions import POLICY_CHARACTERS, Stack
from bootstrap.settings import Settings
from local.permissions import DerivationError, calls, program_types
from local.provider.rules.documents import _known_action
from local.record import ACCOUNT, ROOT, Recording, document
from local.terraform import terraform_type

BUCKET = "arn:aws:s3:::otakaro-dt-pulumi-state"
STACK = Stack(prefix="otakaro-dt", tag="production")
RIGHT = {
    "repository": "octocat-123456/otakaro-456789",
    "state_bucket": "otakaro-dt-pulumi-state",
    "name_prefix": "otakaro-dt",
    "stack_tag": "production",
}
# With the longest prefix and tag that the settings accept.
LONGEST = Stack(prefix="a" * 14, tag="t" * 256)


def resolved(make: Callable[[], Output[str]]) -> str:
    """The value of an output, created in the event loop that waits for it."""

    async def value() -> str:
        return await make().future() or ""

    loop = asyncio.new_event_loop()  # asyncio.run would take the tests' own away
    try:
        return loop.run_until_complete(value())
    finally:
        loop.close()


def statements(documents: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """All statements of these documents."""
    for text in documents.values():
        yield from json.loads(text)["Statement"]


def test_every_resource_type_of_the_program_has_its_calls(
    production: Recording, switched: Recording
) -> None:
    """A type whose calls nobody recorded fails the derivation, with what to do."""
    types = {
        terraform_type(resource.type)
        for recording in (production, switched)
        for resource in recording.resources
        if resource.type.startswith("aws:")
    }
    assert types <= set(program_types())
    assert all(calls(terraform).read | calls(terraform).change for terraform in types)
    with pytest.raises(DerivationError, match="aws_no_such is not in bootstrap/provider_calls"):
        calls("aws_no_such")


@pytest.mark.parametrize(
    ("terraform", "action"),
    [
        ("aws_cloudfront_distribution", "lambda:EnableReplication*"),
        ("aws_cloudfront_distribution", "lambda:DisableReplication*"),
        ("aws_db_instance", "rds:RestoreDBInstanceFromDBSnapshot"),
        ("aws_db_instance", "rds:RestoreDBInstanceToPointInTime"),
        ("aws_efs_mount_target", "ec2:CreateNetworkInterface"),
        ("aws_efs_mount_target", "ec2:DeleteNetworkInterface"),
        ("aws_efs_mount_target", "ec2:ModifyNetworkInterfaceAttribute"),
        ("aws_elasticache_parameter_group", "elasticache:ResetCacheParameterGroup"),
        ("aws_elasticache_replication_group", "elasticache:DecreaseReplicaCount"),
        ("aws_elasticache_replication_group", "elasticache:IncreaseReplicaCount"),
    ],
)
def test_what_the_emulators_own_calls_do_not_show_is_granted(terraform: str, action: str) -> None:
    assert action in calls(terraform).change
    granted = {
        one for each in statements(permissions.change_policies(STACK)) for one in each["Action"]
    }
    assert action in granted


def test_logs_of_edge_functions_may_be_written_in_every_region() -> None:
    [region] = {
        resource.split(":")[3]
        for each in statements(permissions.change_policies(STACK))
        if "logs:CreateLogGroup" in each["Action"]
        for resource in each["Resource"]
        if ":log-group:/edge/" in resource and "Condition" not in each
    }
    assert region == "*"


def test_no_statement_allows_every_action_of_a_service() -> None:
    for each in statements(permissions.look_policies(STACK) | permissions.change_policies(STACK)):
        wild = {action for action in each["Action"] if "*" in action}
        assert wild <= {"lambda:EnableReplication*", "lambda:DisableReplication*"}
        assert each["Effect"] == "Allow"


def test_the_programs_roles_are_taken_by_the_services_that_they_may_be_passed_to(
    switched: Recording,
) -> None:
    [passing] = [
        each
        for each in statements(permissions.change_policies(STACK))
        if each["Action"] == ["iam:PassRole"]
    ]
    taken = {
        service
        for role in switched["iam/role:Role"].values()
        for each in document(role["assumeRolePolicy"])["Statement"]
        for service in each["Principal"]["Service"]
    }
    assert taken == set(passing["Condition"]["StringEquals"]["iam:PassedToService"])


def test_what_has_no_name_is_held_to_the_programs_regions() -> None:
    for each in statements(permissions.look_policies(STACK) | permissions.change_policies(STACK)):
        if each["Resource"] == ["*"] and each["Action"] != ["logs:DescribeLogGroups"]:
            assert each["Condition"]["StringEquals"]["aws:RequestedRegion"] == [
                "ap-southeast-2",
                "us-east-1",
            ]


def test_a_preview_only_reads_the_state() -> None:
    text = resolved(lambda: permissions.reading_state(Output.from_input(BUCKET)))
    [reading] = json.loads(text)["Statement"]
    assert set(reading["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    text = resolved(lambda: permissions.writing_state(Output.from_input(BUCKET)))
    _, writing = json.loads(text)["Statement"]
    assert set(writing["Action"]) == {"s3:PutObject", "s3:DeleteObject"}
    assert all("/otakaro/" in resource for resource in writing["Resource"])


@pytest.mark.parametrize("stack", [STACK, LONGEST], ids=["production", "longest"])
def test_the_policies_are_within_iams_quotas(stack: Stack) -> None:
    """IAM user guide, "IAM and AWS STS quotas": 6,144 characters, ten policies a role."""
    changes = permissions.change_policies(stack) | permissions.look_policies(stack)
    assert len(changes) + 1 <= 10  # and the state's
    boundaries = {
        "roles": permissions.role_boundary(stack),
        "workflows": permissions.workflow_boundary(stack, "b" * 63),
    }
    sizes = {name: len("".join(text.split())) for name, text in (changes | boundaries).items()}
    assert {name: size for name, size in sizes.items() if size > POLICY_CHARACTERS} == {}


def test_a_policy_names_the_account_that_it_is_for() -> None:
    for text in permissions.change_policies(STACK).values():
        filled = resolved(partial(_in_account, text))
        assert permissions.ACCOUNT in text
        assert permissions.ACCOUNT not in filled
        assert len(filled) == len(text)
        for each in json.loads(filled)["Statement"]:
            assert [
                action for action in each["Action"] if not _known_action(action.rstrip("*"))
            ] == []


def _in_account(text: str) -> Output[str]:
    return permissions.in_account(text, Output.from_input(ACCOUNT))


def test_the_tag_is_that_of_productions_resources() -> None:
    project = yaml.safe_load((ROOT / "bootstrap" / "Pulumi.yaml").read_text())["config"]
    production = yaml.safe_load((ROOT / "Pulumi.production.yaml").read_text())["config"]
    tags = production["aws:defaultTags"]["tags"]
    assert project["otakaro-bootstrap:stackTag"]["default"] == tags["Stack"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repository", ""),
        ("repository", "octocat/*"),
        ("repository", "octocat/otakaro:environment:other"),
        ("state_bucket", "Upper"),
        ("stack_tag", "*"),
        ("stack_tag", "${aws:username}"),
        ("name_prefix", "*"),
        ("name_prefix", "otakaro"),
        ("name_prefix", "otakaro-github"),
    ],
)
def test_a_wrong_setting_is_refused(key: str, value: str) -> None:
    assert Settings(**RIGHT, create_provider=True).subject("production") == (
        "repo:octocat-123456/otakaro-456789:environment:production"
    )
    with pytest.raises(ValueError, match=r"pulumi config set|choose another"):
        Settings(**{**RIGHT, key: value}, create_provider=True)
