"""The workflow roles may do what deploying and previewing take, by AWS's rules, and no more."""

import json
import re
from dataclasses import replace
from typing import Any, Final

import pytest

from bootstrap import permissions
from bootstrap.permissions import RESOURCES, WITHHELD, Stack
from local.iam.simulator import Answer, Request, Simulator
from local.paths import ROOT
from local.permissions import FILE, needed
from local.record import ACCOUNT, configuration, record_program
from tests.contract.world import Aws
from tests.iam.asking import asks
from tests.iam.calls import HERE, REGION
from tests.iam.deploying import (
    BOUNDARIES,
    BOUNDARY,
    GRANTED,
    LOOK,
    NAMED,
    STACK,
    Deployment,
    Sent,
    answered,
    changed,
    documents,
    told,
)
from tests.iam.needs import Program
from tests.unit.conftest import SWITCHES


@pytest.fixture(scope="session")
def deployment(simulator: Simulator) -> Deployment:
    """Production with all that settings can add to it."""
    switches = SWITCHES | {"otakaro:namePrefix": STACK.prefix}
    recording = record_program(configuration("production") | switches, cloud=Aws(REGION))
    return Deployment(recording, simulator)


def test_the_derived_actions_are_up_to_date(simulator: Simulator) -> None:
    assert json.loads(FILE.read_text()) == needed(simulator), "run python -m local.permissions"


Answered = list[tuple[Sent, Answer]]


@pytest.fixture(scope="session")
def reads(simulator: Simulator, deployment: Deployment) -> Answered:
    """What a refresh sends, by the previewing role's policies, which both roles have."""
    return answered(simulator, deployment.reads())


@pytest.fixture(scope="session")
def changes(simulator: Simulator, deployment: Deployment) -> Answered:
    """What a deployment sends besides."""
    return answered(simulator, deployment.changes())


def test_a_refresh_is_allowed(reads: Answered) -> None:
    assert len(reads) > 400
    assert told(reads, allowed=False) == set()


def test_a_deployment_is_allowed(changes: Answered) -> None:
    assert len(changes) > 800
    assert told(changes, allowed=False) == set()


def test_each_action_is_needed(reads: Answered, changes: Answered) -> None:
    """Without any one action of any one statement, something of the deployment is refused."""
    alone = {(answer.by[0], one.action) for one, answer in reads + changes if len(answer.by) == 1}
    granted = {
        (f"{name} {place}", action.rstrip("*"))
        for name, document in GRANTED.items()
        for place, statement in enumerate(document["Statement"], 1)
        for action in statement["Action"]
    }
    assert len(granted) > 400
    assert granted - alone == set()


def samples(*pairs: Answered) -> list[Sent]:
    """One request of each action on each type of resource, with a name or tag where it has one."""
    found = {}
    for one, _ in (pair for some in pairs for pair in some):
        found[one.action, one.kind, "aws:ResourceTag/Stack" in one.request.context] = one
    return list(found.values())


def test_a_preview_changes_nothing(simulator: Simulator, changes: Answered) -> None:
    requests = [
        changed(one, identity=tuple(name for name in one.request.identity if name in LOOK))
        for one in samples(changes)
    ]
    assert told(answered(simulator, requests), allowed=True) == set()


def test_another_stack_is_out_of_reach(
    simulator: Simulator, reads: Answered, changes: Answered
) -> None:
    """By its name where AWS limits by names, by its tag where AWS knows tags."""
    requests = []
    for one in samples(reads, changes):
        request = one.request
        if STACK.prefix in request.resource:
            foreign = request.resource.replace(STACK.prefix, "another")
            requests.append(changed(one, resource=foreign))
        elif "aws:ResourceTag/Stack" in request.context:
            tagged = request.context | {"aws:ResourceTag/Stack": "another"}
            requests.append(changed(one, context=tagged))
        elif "lambda:FunctionArn" in request.context:
            function = f"arn:aws:lambda:{HERE}:function:another"
            requests.append(
                changed(one, context=request.context | {"lambda:FunctionArn": function})
            )
    assert len(requests) > 300
    assert told(answered(simulator, requests), allowed=True) == set()


def test_what_aws_limits_by_neither_is_known(deployment: Deployment, changes: Answered) -> None:
    """docs/review.md lists what the deploying role could change of other stacks."""
    page = (ROOT / "docs" / "review.md").read_text()
    _, _, rest = page.partition("| not limited to the program |")
    listed = set(re.findall(r"`([a-z0-9-]+:[A-Za-z-]+)`", rest.partition("\n\n")[0]))
    loose = {
        one.kind
        for one, _ in changes
        if one.kind != "*" and RESOURCES[one.kind].by in ("nothing", "loose", "condition")
    }
    everywhere = {
        one.action
        for one, _ in changes
        if one.kind == "*" and not {"Read", "List"} & set(deployment.access(one.action))
    }
    assert listed == loose | everywhere


def test_no_other_region_is_changed(simulator: Simulator, changes: Answered) -> None:
    """But for names, which are the program's in every Region, as edge functions' logs must be."""
    requests = [
        changed(one, context=one.request.context | {"aws:RequestedRegion": "eu-west-1"})
        for one in samples(changes)
        if "aws:RequestedRegion" in one.request.context and STACK.prefix not in one.request.resource
        if one.kind == "*" or RESOURCES[one.kind].by in ("tag", "loose", "nothing")
    ]
    assert len(requests) > 100
    assert told(answered(simulator, requests), allowed=True) == set()


# What would show content, or others' secrets, to whoever previews.
_CONTENT: Final = (
    ("cloudfront:GetDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/EOTHER"),
    ("cloudfront:GetDistributionConfig", f"arn:aws:cloudfront::{ACCOUNT}:distribution/EOTHER"),
    ("ecr:BatchGetImage", f"arn:aws:ecr:{HERE}:repository/otakaro-dt-backend-ecr"),
    ("ecs:ExecuteCommand", f"arn:aws:ecs:{HERE}:task/otakaro-dt-ecs/0123"),
    ("iam:GetRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/another"),
    ("kms:Decrypt", f"arn:aws:kms:{HERE}:key/any"),
    ("lambda:GetFunction", f"arn:aws:lambda:{HERE}:function:another"),
    ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:{HERE}:function:another"),
    ("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:otakaro-dt-rollout"),
    ("lambda:ListVersionsByFunction", f"arn:aws:lambda:{HERE}:function:another"),
    ("logs:FilterLogEvents", f"arn:aws:logs:{HERE}:log-group:/ecs/otakaro-dt-terriamap"),
    ("logs:GetLogEvents", f"arn:aws:logs:{HERE}:log-group:/ecs/otakaro-dt-x:log-stream:one"),
    ("s3:GetObject", "arn:aws:s3:::another/object"),
    ("s3:GetObject", "arn:aws:s3:::otakaro-dt-access-logs-1a2b3c/AWSLogs/any.gz"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:any-abcdef"),
    ("sns:GetTopicAttributes", f"arn:aws:sns:{HERE}:another"),
    ("sqs:GetQueueAttributes", f"arn:aws:sqs:{HERE}:another"),
    ("sqs:ReceiveMessage", f"arn:aws:sqs:{HERE}:otakaro-dt-rollout-images.fifo"),
    ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/another/SECRET"),
    ("ssm:GetParameterHistory", f"arn:aws:ssm:{HERE}:parameter/otakaro-dt/NIWA_API_KEY"),
    ("ssm:GetParametersByPath", f"arn:aws:ssm:{HERE}:parameter/otakaro-dt"),
)


def test_a_preview_reads_no_content_of_others(simulator: Simulator) -> None:
    requests = [
        _request("look", action, arn, {"aws:RequestedRegion": REGION}, tuple(LOOK))
        for action, arn in _CONTENT
    ]
    assert told(answered(simulator, requests), allowed=True) == set()


def _request(
    who: str,
    action: str,
    resource: str,
    context: dict[str, str | list[str]],
    identity: tuple[str, ...],
) -> Sent:
    return Sent(
        kind="",
        request=Request(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/otakaro-github-{who}/workflow",
            action=action,
            resource=resource,
            account=ACCOUNT,
            context=context,
            identity=identity,
            boundary=(permissions.BOUNDARY,),
        ),
    )


# How the deploying role could get more than it has.
_ESCALATIONS: Final = [
    (action, f"arn:aws:iam::{ACCOUNT}:{resource}", context)
    for action, resource, context in [
        ("iam:CreateRole", "role/otakaro-dt-any", {}),
        ("iam:CreateRole", "role/otakaro-dt-any", {"iam:PermissionsBoundary": f"{BOUNDARY}-other"}),
        ("iam:CreateRole", "role/otakaro-github-deploy", {"iam:PermissionsBoundary": BOUNDARY}),
        ("iam:PutRolePolicy", "role/otakaro-dt-any", {}),
        ("iam:AttachRolePolicy", "role/otakaro-dt-any", {"iam:PolicyARN": permissions.ATTACHED}),
        ("iam:DeleteRolePermissionsBoundary", "role/otakaro-dt-any", {}),
        ("iam:PutRolePermissionsBoundary", "role/otakaro-dt-any", {}),
        ("iam:AttachRolePolicy", "role/otakaro-github-deploy", {}),
        ("iam:PutRolePolicy", "role/otakaro-github-deploy", {}),
        ("iam:UpdateAssumeRolePolicy", "role/otakaro-github-deploy", {}),
        ("iam:DeleteRolePermissionsBoundary", "role/otakaro-github-deploy", {}),
        ("iam:CreatePolicyVersion", "policy/otakaro-github-role-boundary", {}),
        ("iam:CreatePolicyVersion", "policy/otakaro-github-boundary", {}),
        ("iam:CreateUser", "user/any", {}),
        ("iam:CreateAccessKey", "user/any", {}),
        ("iam:PassRole", "role/another", {"iam:PassedToService": "lambda.amazonaws.com"}),
        ("iam:UpdateOpenIDConnectProviderThumbprint", "oidc-provider/any", {}),
    ]
]
_ADMINISTRATOR: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}],
}


@pytest.mark.parametrize("more", [False, True], ids=["as it is", "with all rights attached"])
def test_the_deploying_role_cannot_give_itself_more(simulator: Simulator, more: bool) -> None:
    identity = (*GRANTED, *(["AdministratorAccess"] if more else []))
    requests = [
        _request("deploy", action, arn, dict(context), identity)
        for action, arn, context in _ESCALATIONS
    ]
    requests += [
        _request("deploy", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/another", {}, identity),
        _request("deploy", "organizations:LeaveOrganization", "*", {}, identity),
        _request("deploy", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/any", {}, identity),
        _request("deploy", "s3:DeleteBucket", "arn:aws:s3:::another", {}, identity),
    ]
    found = answered(simulator, requests, {"AdministratorAccess": _ADMINISTRATOR})
    assert told(found, allowed=True) == set()


def test_a_role_of_the_program_does_its_work_within_its_boundary(
    simulator: Simulator, program: Program
) -> None:
    policies = dict(program.resource_policies) | {"boundary": boundary_of(program)}
    needs = [(role, need) for role in program.roles for need in role.needs]
    for role in program.roles:
        policies |= role.policies
    here: dict[str, str | list[str]] = {"aws:RequestedRegion": REGION}
    requests = [
        replace(asks(program, role, need), boundary=("boundary",), context=here | need.context)
        for role, need in needs
    ]
    answers = simulator.decide(requests, policies)
    refused = {
        f"{one.action} {one.resource}: {answer.why}"
        for one, answer in zip(requests, answers, strict=True)
        if answer.decision != "Allowed"
    }
    assert refused == set()


def boundary_of(program: Program) -> dict[str, Any]:
    """The boundary of the program's roles, for its own prefix."""
    [cluster] = program.recording["ecs/cluster:Cluster"].values()
    stack = Stack(prefix=cluster["name"].removesuffix("-ecs"), tag="any")
    found: dict[str, Any] = documents({"": permissions.role_boundary(stack)})[""]
    return found


def test_whatever_a_role_of_the_program_is_given_it_gets_no_further(simulator: Simulator) -> None:
    harm = {
        "iam:CreateRole": f"arn:aws:iam::{ACCOUNT}:role/otakaro-dt-any",
        "iam:PassRole": f"arn:aws:iam::{ACCOUNT}:role/otakaro-dt-any",
        "sts:AssumeRole": f"arn:aws:iam::{ACCOUNT}:role/any",
        "ec2:RunInstances": f"arn:aws:ec2:{HERE}:instance/*",
        "lambda:CreateFunction": f"arn:aws:lambda:{HERE}:function:otakaro-dt-any",
        "s3:GetObject": "arn:aws:s3:::otakaro-dt-pulumi-state/.pulumi/stacks/otakaro/a.json",
        "ssm:GetParameter": f"arn:aws:ssm:{HERE}:parameter/another/SECRET",
        "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:{HERE}:secret:any-abcdef",
        "ecs:UpdateService": f"arn:aws:ecs:{HERE}:service/another/any",
        "rds:DeleteDBInstance": f"arn:aws:rds:{HERE}:db:otakaro-dt-pg",
        "sqs:SendMessage": f"arn:aws:sqs:{HERE}:another",
    }
    requests = [
        changed(
            _request("any", action, arn, {}, ("AdministratorAccess",)),
            boundary=(permissions.ROLE_BOUNDARY,),
        )
        for action, arn in harm.items()
    ]
    found = answered(simulator, requests, {"AdministratorAccess": _ADMINISTRATOR})
    assert told(found, allowed=True) == set()


def test_every_action_of_the_policies_exists(simulator: Simulator) -> None:
    named = {
        action.rstrip("*")
        for document in (*GRANTED.values(), BOUNDARIES[permissions.ROLE_BOUNDARY])
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    assert [action for action, entry in simulator.actions(named).items() if entry is None] == []
    assert {action for name in GRANTED for action in NAMED[name]} & WITHHELD == set()
