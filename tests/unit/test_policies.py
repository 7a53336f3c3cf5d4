"""Nobody may do more than this: rules that hold for every policy of the program. What AWS makes of
them is asked in tests/iam."""

import pulumi

from local.record import ACCOUNT, Recording, configuration, document, record_program
from policies import policy, statement, trust
from tests.unit.reading import component, policies


def test_no_wildcard_is_among_the_actions_that_are_allowed(stack: Recording) -> None:
    actions = {a for _, one in policies(stack) for a in one["Action"] if one["Effect"] == "Allow"}
    assert len(actions) > 20
    assert [action for action in actions if "*" in action] == []


def test_nobody_may_pass_roles_or_change_rights(stack: Recording) -> None:
    actions = {a for _, one in policies(stack) for a in one["Action"] if one["Effect"] == "Allow"}
    assert [action for action in actions if action.startswith(("iam:", "sts:", "kms:"))] == []


def test_nobody_unknown_is_admitted(stack: Recording) -> None:
    for _, one in policies(stack):
        if one["Effect"] == "Allow" and "Principal" in one:
            assert one["Principal"] not in ("*", {"AWS": "*"})
            assert "*" not in one["Principal"].values()
            # A service of AWS works for every account: the resource or a condition says whose.
            # EventBridge alone tells SNS neither, and a condition would shut it out.
            letters = one["Principal"] == {"Service": "events.amazonaws.com"}
            letters = letters and one["Action"] == ["sns:Publish"]
            ours = all(f"/{ACCOUNT}/" in name for name in one["Resource"])
            assert "Condition" in one or ours or letters


def test_roles_are_taken_by_services_alone(stack: Recording) -> None:
    for role in stack["iam/role:Role"].values():
        [one] = document(role["assumeRolePolicy"])["Statement"]
        assert one["Action"] == "sts:AssumeRole"
        assert one["Principal"].keys() == {"Service"}
        assert "name" not in role  # AWS's names are left to Pulumi, so that they can be replaced


def test_documents_are_aws_json_in_a_fixed_order() -> None:
    def build() -> object:
        one = statement(
            ["s3:GetObject"],
            [pulumi.Output.from_input("arn:1")],
            {"Bool": {"aws:SecureTransport": "true"}},
            effect="Deny",
            principal="*",
        )
        return pulumi.Output.all(policy(one), trust("b.amazonaws.com", "a.amazonaws.com"))

    written, trusting = component(build).result
    assert written == (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["s3:GetObject"],'
        ' "Resource": ["arn:1"], "Principal": "*",'
        ' "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}'
    )
    [one] = document(trusting)["Statement"]
    assert one["Principal"] == {"Service": ["a.amazonaws.com", "b.amazonaws.com"]}


def test_every_role_has_the_permissions_boundary_that_a_setting_names() -> None:
    config = configuration("production")
    bounded = record_program(config | {"otakaro:permissionsBoundary": "of-the-account"})
    found = {role.get("permissionsBoundary") for role in bounded["iam/role:Role"].values()}
    assert found == {f"arn:aws:iam::{ACCOUNT}:policy/of-the-account"}
    assert len(bounded["iam/role:Role"]) > 8
    free = record_program(config)
    assert {role.get("permissionsBoundary") for role in free["iam/role:Role"].values()} == {None}
