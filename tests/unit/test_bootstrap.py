"""Who may deploy: what the roles are allowed follows from what the program needs."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pulumi import Output

from bootstrap import permissions
from bootstrap.settings import Settings
from bootstrap.trust import POLICY_CHARACTERS
from local.permissions import FILE, needed
from local.provider.rules.documents import _known_action
from local.record import ACCOUNT, Recording, document

BUCKET = "arn:aws:s3:::otakaro-dt-pulumi-state"
RIGHT = {
    "repository": "octocat-123456/otakaro-456789",
    "state_bucket": "otakaro-dt-pulumi-state",
    "name_prefix": "otakaro-dt",
}


def written(make: Callable[[], Mapping[str, Output[str]]]) -> dict[str, str]:
    """The documents that `make` makes, as text."""

    async def values() -> dict[str, str]:
        # Made where they are waited for: an output belongs to its event loop.
        return {name: await document.future() or "" for name, document in make().items()}

    loop = asyncio.new_event_loop()  # asyncio.run would take the tests' own away
    try:
        return loop.run_until_complete(values())
    finally:
        loop.close()


def statements(make: Callable[[], Mapping[str, Output[str]]]) -> list[dict[str, Any]]:
    """All statements of these documents."""
    return [each for text in written(make).values() for each in json.loads(text)["Statement"]]


def parts() -> Mapping[str, Output[str]]:
    return permissions.deploying("otakaro-dt", Output.from_input(ACCOUNT))


def looking() -> Mapping[str, Output[str]]:
    return {"look": permissions.looking("otakaro-dt", Output.from_input(ACCOUNT))}


@pytest.fixture(scope="module")
def deploying() -> list[dict[str, Any]]:
    return statements(parts)


def test_what_deploying_takes_is_what_the_catalogue_says() -> None:
    assert json.loads(FILE.read_text()) == needed(), "run python -m local.permissions"


def test_every_resource_of_the_program_counts(switched: Recording) -> None:
    writes = {action.split(":")[0] for action in needed()["write"]}
    names = {
        "lb": "elasticloadbalancing",
        "efs": "elasticfilesystem",
        "appautoscaling": "application-autoscaling",
        "vpc": "ec2",
        "cloudwatch": "logs",
    }
    aws = {
        resource.type.split(":")[1].split("/")[0]
        for resource in switched.resources
        if resource.type.startswith("aws:")
    }
    assert {names.get(service, service) for service in aws} <= writes


def test_the_deploying_role_may_do_all_of_it(deploying: list[dict[str, Any]]) -> None:
    allowed = {action for statement in deploying for action in statement["Action"]}
    assert set(permissions.ACTIONS["write"]) <= allowed


def test_no_statement_allows_every_action_of_a_service(deploying: list[dict[str, Any]]) -> None:
    for statement in deploying:
        assert all(action.split(":")[1] not in ("*", "") for action in statement["Action"])
        assert statement["Effect"] == "Allow"


def test_roles_are_changed_by_the_programs_names_and_passed_to_their_takers_alone(
    deploying: list[dict[str, Any]], switched: Recording
) -> None:
    found = [
        statement
        for statement in deploying
        if any(action.startswith("iam:") for action in statement["Action"])
    ]
    assert len(found) == 4
    prefixes = ("role/otakaro-dt-*", "role/aws-service-role/*")
    for statement in found:
        assert all(one.split("::")[1].split(":")[1] in prefixes for one in statement["Resource"])
    [passing] = [each for each in found if each["Action"] == ["iam:PassRole"]]
    taken = {
        service
        for role in switched["iam/role:Role"].values()
        for each in document(role["assumeRolePolicy"])["Statement"]
        for service in each["Principal"]["Service"]
    }
    assert taken == set(passing["Condition"]["StringEquals"]["iam:PassedToService"])
    [attaching] = [each for each in found if each["Action"] == ["iam:AttachRolePolicy"]]
    assert attaching["Condition"] == {"ArnEquals": {"iam:PolicyARN": permissions.ATTACHED}}


def test_what_has_no_name_is_held_to_the_programs_regions(deploying: list[dict[str, Any]]) -> None:
    for statement in deploying:
        if statement["Resource"] == ["*"]:
            assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"] == [
                "ap-southeast-2",
                "us-east-1",
            ]


def test_the_looking_role_changes_nothing_and_reads_no_content() -> None:
    wide = {
        action
        for each in statements(looking)
        if each["Resource"] == ["*"]
        for action in each["Action"]
    }
    verbs = ("Describe", "Get", "List", "View")
    assert all(action.split(":")[1].startswith(verbs) for action in wide)
    content = {"s3:GetObject", "ssm:GetParameter", "logs:GetLogEvents", "sqs:ReceiveMessage"}
    assert not wide & content
    assert not {action for action in wide if action.endswith(":Get*")} & {"s3:Get*", "ssm:Get*"}
    assert not wide & set(permissions.ACTIONS["write"])


def test_a_preview_only_reads_the_state() -> None:
    [reading] = statements(lambda: {"": permissions.reading_state(Output.from_input(BUCKET))})
    assert set(reading["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    _, writing = statements(lambda: {"": permissions.writing_state(Output.from_input(BUCKET))})
    assert set(writing["Action"]) == {"s3:PutObject", "s3:DeleteObject"}
    assert all("/otakaro/" in resource for resource in writing["Resource"])


def test_every_action_is_one_that_aws_has_and_every_part_fits(
    deploying: list[dict[str, Any]],
) -> None:
    for statement in (*deploying, *statements(looking)):
        assert [action for action in statement["Action"] if not _known_action(action)] == []
    for text in written(parts).values():
        assert len("".join(text.split())) <= POLICY_CHARACTERS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repository", ""),
        ("repository", "octocat/*"),
        ("repository", "octocat/otakaro:environment:other"),
        ("state_bucket", "Upper"),
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
