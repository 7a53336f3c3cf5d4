"""Whoever holds a role of the program may do what it must, and nothing else, by AWS's rules."""

import ast
from fnmatch import fnmatchcase
from typing import Final

import pytest

from local.iam.simulator import Request, Simulator
from local.record import ACCOUNT
from tests.iam.asking import OTHER, allowed, asks, decided, refused, trust_of
from tests.iam.calls import HERE, REGION, rollout
from tests.iam.needs import MANAGED, Need, Program, handler_of
from tests.lambdas.loading import LAMBDAS

# By type of the program's resources: what would do harm to each of them, or tell its secrets.
HARM: Final = {
    "ecr/repository:Repository": (
        *("ecr:DeleteRepository", "ecr:BatchDeleteImage", "ecr:SetRepositoryPolicy"),
        *("ecr:PutLifecyclePolicy", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"),
    ),
    "ecs/service:Service": ("ecs:DeleteService",),
    "ssm/parameter:Parameter": (
        *("ssm:PutParameter", "ssm:DeleteParameter", "ssm:GetParameterHistory"),
        *("ssm:GetParametersByPath", "ssm:GetParameter", "ssm:GetParameters"),
    ),
    "iam/role:Role": (
        *(
            "iam:PassRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ),
        *("iam:DeleteRole", "sts:AssumeRole"),
    ),
    "lambda/function:Function": (
        *("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:GetFunction"),
        *("lambda:InvokeFunction", "lambda:AddPermission", "lambda:DeleteFunction"),
    ),
    "sqs/queue:Queue": (
        *("sqs:SendMessage", "sqs:PurgeQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes"),
        *("sqs:ReceiveMessage", "sqs:DeleteMessage"),
    ),
    "sns/topic:Topic": ("sns:Publish", "sns:Subscribe", "sns:SetTopicAttributes"),
    "s3/bucket:Bucket": ("s3:ListBucket", "s3:DeleteBucket", "s3:PutBucketPolicy"),
    "rds/instance:Instance": (
        *("rds:DeleteDBInstance", "rds:ModifyDBInstance", "rds:RebootDBInstance"),
    ),
    "efs/fileSystem:FileSystem": (
        *("elasticfilesystem:DeleteFileSystem", "elasticfilesystem:PutFileSystemPolicy"),
        *("elasticfilesystem:ClientRootAccess", "elasticfilesystem:ClientMount"),
    ),
    "cloudfront/distribution:Distribution": (
        *("cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution"),
    ),
    "cloudwatch/logGroup:LogGroup": (
        *("logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:FilterLogEvents"),
    ),
    "cloudwatch/eventRule:EventRule": ("events:PutRule", "events:PutTargets"),
}
# The same of what has no resource of its own in the program.
MORE_HARM: Final = [
    Need(action=action, resource=resource)
    for action, resource in {
        "ecs:RegisterTaskDefinition": "*",
        "ecs:RunTask": f"arn:aws:ecs:{HERE}:task-definition/any:1",
        "ecs:ExecuteCommand": f"arn:aws:ecs:{HERE}:task/any/0123",
        "ecs:StopTask": f"arn:aws:ecs:{HERE}:task/any/0123",
        "ecs:UpdateTaskProtection": f"arn:aws:ecs:{HERE}:task/any/0123",
        "ecs:UpdateCluster": f"arn:aws:ecs:{HERE}:cluster/any",
        "iam:CreateUser": f"arn:aws:iam::{ACCOUNT}:user/any",
        "kms:Decrypt": f"arn:aws:kms:{HERE}:key/any",
        "s3:GetObject": "arn:aws:s3:::any/object",
        "s3:PutObject": "arn:aws:s3:::any/object",
        "s3:ListAllMyBuckets": "*",
        "secretsmanager:GetSecretValue": f"arn:aws:secretsmanager:{HERE}:secret:any-abcdef",
        "ssm:DescribeParameters": "*",
        "ssm:SendCommand": f"arn:aws:ec2:{HERE}:instance/i-0123456789abcdef0",
        "rds-db:connect": f"arn:aws:rds-db:{HERE}:dbuser:any/otakaro",
        "ec2:RunInstances": f"arn:aws:ec2:{HERE}:instance/*",
        "ec2:DescribeInstances": "*",
        "logs:GetLogEvents": f"arn:aws:logs:{HERE}:log-group:/any:log-stream:one",
        "cloudformation:CreateStack": f"arn:aws:cloudformation:{HERE}:stack/any/0123",
        "organizations:LeaveOrganization": "*",
    }.items()
]


def test_every_role_has_a_holder_and_every_holder_may_do_all_it_does(
    simulator: Simulator, program: Program
) -> None:
    assert [role.name for role in program.roles if not role.takers] == []
    needs = [asks(program, role, need) for role in program.roles for need in role.needs]
    assert len(needs) > 90
    assert refused(decided(simulator, program, needs)) == set()


def test_nobody_may_do_what_only_others_must(simulator: Simulator, program: Program) -> None:
    requests = [
        asks(program, role, need)
        for role in program.roles
        for other in program.roles
        for need in other.needs
        if need not in role.needs
    ]
    assert len(requests) > 1000
    assert allowed(decided(simulator, program, requests)) == set()


def test_nobody_may_do_the_same_elsewhere(simulator: Simulator, program: Program) -> None:
    """In another account, in another region, to what is called almost the same."""
    requests = [
        asks(program, role, Need(action=need.action, resource=elsewhere, context=need.context))
        for role in program.roles
        for need in role.needs
        for elsewhere in _elsewhere(need.resource)
        if elsewhere != need.resource
        # AWS's own policy is for the metrics of every region and account that trusts the role.
        if not role.policies.keys() & MANAGED.keys()
        # The edge is everywhere.
        if not (role.everywhere and ":eu-west-1:" in elsewhere)
    ]
    assert len(requests) > 200
    assert allowed(decided(simulator, program, requests)) == set()


def _elsewhere(arn: str) -> list[str]:
    """ARNs that must not be taken for this one."""
    if arn == "*":
        return []
    places = [arn.replace(f":{ACCOUNT}:", f":{OTHER}:"), arn.replace(f":{REGION}:", ":eu-west-1:")]
    group, stream, rest = arn.partition(":log-stream:")
    if "network-interface/" in arn or ":task/" in arn:
        return places  # AWS numbers them
    if ":service-revision/" in arn or ":service-deployment/" in arn:
        service, _, number = arn.rpartition("/")
        return [*places, f"{service}-other/{number}"]
    return [*places, f"{group}-other{stream}{rest}"]


def test_nobody_may_do_harm(simulator: Simulator, program: Program) -> None:
    harm = [
        Need(action=action, resource=arn)
        for kind, actions in HARM.items()
        for arn in sorted(program.arns(kind))
        for action in actions
    ]
    assert {need.action for need in harm} == {one for some in HARM.values() for one in some}
    requests = [
        asks(program, role, need)
        for role in program.roles
        for need in [*harm, *MORE_HARM]
        if need not in role.needs
    ]
    assert allowed(decided(simulator, program, requests)) == set()


@pytest.mark.parametrize("part", ["Action", "Resource"])
def test_every_word_of_a_statement_is_needed(program: Program, part: str) -> None:
    idle = []
    for role in program.roles:
        for name, policy in role.policies.items():
            for statement in policy["Statement"]:
                if name in MANAGED or statement["Effect"] == "Deny":
                    continue
                for word in statement[part]:
                    narrowed = statement | {part: [word]}
                    if not any(_covers(narrowed, need) for need in role.needs):
                        idle.append((role.name, word))
    assert idle == []


def _covers(statement: dict[str, list[str]], need: Need) -> bool:
    return need.action in statement["Action"] and any(
        fnmatchcase(need.resource, resource) for resource in statement["Resource"]
    )


def test_roles_are_taken_by_their_services_at_work_for_this_stack(
    simulator: Simulator, program: Program
) -> None:
    requests = [
        _takes(role.arn, trust_of(role), taker.service, taker.context)
        for role in program.roles
        for taker in role.takers
    ]
    assert refused(decided(simulator, program, requests)) == set()


def test_nobody_else_takes_a_role(simulator: Simulator, program: Program) -> None:
    services = {taker.service for role in program.roles for taker in role.takers}
    services |= {"ec2.amazonaws.com", "events.amazonaws.com", "cloudformation.amazonaws.com"}
    requests = []
    for role in program.roles:
        own = {taker.service for taker in role.takers}
        requests += [
            _takes(role.arn, trust_of(role), service, {}) for service in sorted(services - own)
        ]
        # The same service, at work for another account.
        requests += [
            _takes(
                role.arn,
                trust_of(role),
                taker.service,
                {key: str(value).replace(ACCOUNT, OTHER) for key, value in taker.context.items()},
            )
            for taker in role.takers
            if taker.context
        ]
        people = [f"arn:aws:iam::{account}:root" for account in (ACCOUNT, OTHER)]
        requests += [_takes(role.arn, trust_of(role), one, {}) for one in people]
    assert allowed(decided(simulator, program, requests)) == set()


def _takes(role: str, trust: str, principal: str, context: dict[str, str | list[str]]) -> Request:
    return Request(
        principal=principal,
        action="sts:AssumeRole",
        resource=role,
        account=ACCOUNT,
        context=context,
        attached=trust,
    )


def test_values_of_secrets_are_read_by_those_who_need_them_alone(
    simulator: Simulator, program: Program
) -> None:
    """The account's own key decrypts for whoever may read the parameter, but the rollout's function
    is kept from it: it asks for versions."""
    policies = {
        # AWS managed key aws/ssm (KMS developer guide, "AWS managed keys").
        "aws/ssm": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
                    "Resource": "*",
                    "Condition": {
                        "StringEquals": {
                            "kms:CallerAccount": ACCOUNT,
                            "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
                        }
                    },
                }
            ],
        }
    }
    requests = [
        Request(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/someone",
            action="kms:Decrypt",
            resource=f"arn:aws:kms:{HERE}:key/aws-ssm",
            account=ACCOUNT,
            context={
                "kms:CallerAccount": ACCOUNT,
                "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
            },
            identity=tuple(role.policies),
            attached="aws/ssm",
        )
        for role in program.roles
    ]
    for role in program.roles:
        policies |= role.policies
    answers = simulator.decide(requests, policies)
    decisions = {role.name: answer for role, answer in zip(program.roles, answers, strict=True)}
    decrypt = {name for name, answer in decisions.items() if answer.decision == "Allowed"}
    kept = {name for name, answer in decisions.items() if answer.decision == "ExplicitlyDenied"}
    readers = {
        role.name
        for role in program.roles
        for need in role.needs
        if need.action.startswith("ssm:GetParameter")
    }
    [watcher] = [name for name in readers if name.endswith("-rollout")]
    assert kept == {watcher}
    assert readers - kept <= decrypt


def test_all_that_the_rollouts_code_can_call_was_called(program: Program) -> None:
    [function] = [
        one
        for one in program.recording.of("lambda/function:Function")
        if handler_of(one) == "rollout"
    ]
    variables = function.inputs["environment"]["variables"]
    _, tape = rollout(variables)
    made = {(service, operation) for service, operation, _ in tape.noted}
    files = ["counts.py", "handler.py", *(["night.py"] if "HOURS" in variables else [])]
    trees = [ast.parse((LAMBDAS / "rollout" / file).read_text()) for file in files]
    clients = {key: key for key in ("ecr", "ecs", "ssm", "sns", "rds")}
    clients["scaling"] = "application-autoscaling"
    written = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=known), attr=name),
                args=arguments,
            ) if known in clients:
                if name == "get_paginator":
                    [argument] = arguments
                    assert isinstance(argument, ast.Constant)
                    name = str(argument.value)
                operation = name.title().replace("_", "").replace("Db", "DB")
                written.add((clients[known], operation))
    assert made == written
    assert len(written) == (17 if "HOURS" in variables else 12)
