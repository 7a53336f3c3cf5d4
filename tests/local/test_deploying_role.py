"""The role that deploys by workflow deploys, changes and removes a stack, as far as the emulator
evaluates policies. `tests/iam` asks a simulator of AWS's evaluation for the rest.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from bootstrap import permissions
from bootstrap.permissions import ACCOUNT as PLACEHOLDER
from bootstrap.permissions import ROLE_BOUNDARY, ROLES, Stack
from local import emulator
from local.account import HOME_REGION
from tests.local.stack import Local

STACK = "local"
OURS: Final = Stack(prefix="otakaro-local", tag="local")
# Actions that the emulator evaluates on another resource than AWS, mostly on '*', or without the
# resource's tags (Service Authorization Reference). `tests/iam` asks a simulator for these.
ASKED_WRONGLY: Final = (
    "acm:DeleteCertificate",
    "acm:DescribeCertificate",
    "acm:ListTagsForCertificate",
    "budgets:ListTagsForResource",
    "budgets:TagResource",
    "cloudfront:DeleteCachePolicy",
    "cloudfront:DeleteDistribution",
    "cloudfront:DeleteOriginAccessControl",
    "cloudfront:DeleteOriginRequestPolicy",
    "cloudfront:DeleteResponseHeadersPolicy",
    "cloudfront:DeleteVpcOrigin",
    "cloudfront:GetCachePolicy",
    "cloudfront:GetDistribution",
    "cloudfront:GetOriginAccessControl",
    "cloudfront:GetOriginRequestPolicy",
    "cloudfront:GetResponseHeadersPolicy",
    "cloudfront:GetVpcOrigin",
    "cloudfront:ListTagsForResource",
    "cloudfront:TagResource",
    "cloudfront:UpdateCachePolicy",
    "cloudfront:UpdateDistribution",
    "cloudfront:UpdateVpcOrigin",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DeleteDashboards",
    "cloudwatch:GetDashboard",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutDashboard",
    "ec2:AllocateAddress",
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:CreateFlowLogs",
    "ec2:CreateInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateRoute",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:DeleteFlowLogs",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteNatGateway",
    "ec2:DeleteRoute",
    "ec2:DeleteRouteTable",
    "ec2:DeleteSubnet",
    "ec2:DeleteVpc",
    "ec2:DeleteVpcEndpoints",
    "ec2:DescribeVpcAttribute",
    "ec2:DetachInternetGateway",
    "ec2:DisassociateRouteTable",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVpcAttribute",
    "ec2:ReleaseAddress",
    "ec2:ReplaceRoute",
    "ecr:ListTagsForResource",
    "ecs:CreateCluster",
    "ecs:DescribeServices",
    "ecs:RegisterTaskDefinition",
    "elasticache:CreateCacheParameterGroup",
    "elasticache:CreateCacheSubnetGroup",
    "elasticache:DeleteCacheParameterGroup",
    "elasticache:DeleteCacheSubnetGroup",
    "elasticache:DescribeCacheParameters",
    "elasticache:ListTagsForResource",
    "elasticache:ModifyCacheParameterGroup",
    "elasticfilesystem:CreateAccessPoint",
    "elasticfilesystem:CreateMountTarget",
    "elasticfilesystem:DeleteAccessPoint",
    "elasticfilesystem:DeleteFileSystem",
    "elasticfilesystem:DeleteFileSystemPolicy",
    "elasticfilesystem:DeleteMountTarget",
    "elasticfilesystem:DescribeBackupPolicy",
    "elasticfilesystem:DescribeFileSystemPolicy",
    "elasticfilesystem:DescribeLifecycleConfiguration",
    "elasticfilesystem:DescribeMountTargetSecurityGroups",
    "elasticfilesystem:PutBackupPolicy",
    "elasticfilesystem:PutFileSystemPolicy",
    "elasticfilesystem:PutLifecycleConfiguration",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DeleteRule",
    "events:DeleteRule",
    "events:DescribeRule",
    "events:ListTagsForResource",
    "events:ListTargetsByRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "lambda:CreateFunction",
    "logs:CreateDelivery",
    "logs:DeleteDelivery",
    "logs:DeleteDeliveryDestination",
    "logs:DeleteDeliverySource",
    "logs:GetDelivery",
    "logs:GetDeliveryDestination",
    "logs:GetDeliverySource",
    "logs:PutDeliveryDestination",
    "logs:PutDeliverySource",
    "rds:CreateDBParameterGroup",
    "rds:CreateDBSubnetGroup",
    "rds:DeleteDBParameterGroup",
    "rds:DeleteDBSubnetGroup",
    "rds:DescribeDBParameters",
    "rds:ListTagsForResource",
    "rds:ModifyDBParameterGroup",
    "servicediscovery:CreateService",
    "servicediscovery:DeleteNamespace",
    "servicediscovery:DeleteService",
    "servicediscovery:DeregisterInstance",
    "servicediscovery:GetInstance",
    "servicediscovery:GetNamespace",
    "servicediscovery:GetOperation",
    "servicediscovery:GetService",
    "servicediscovery:RegisterInstance",
    "sns:GetSubscriptionAttributes",
    "sns:ListTagsForResource",
    "sns:Unsubscribe",
    "wafv2:ListTagsForResource",
)
# The emulator doesn't know the condition key iam:PermissionsBoundary.
UNBOUNDED: Final = ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy")
# Calls of the stand-in provider in place of the AWS provider's.
STAND_INS: Final = (
    "budgets:CreateBudget",
    "budgets:DeleteBudget",
    "budgets:DescribeBudget",
    "ecs:ListTagsForResource",
    "elasticfilesystem:ListTagsForResource",
    "iam:ListRoleTags",
    "lambda:ListEventSourceMappings",
)


@pytest.fixture(scope="module")
def role(local: Local) -> Iterator[dict[str, str]]:
    """The environment of a command that deploys as this role."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAKARO_AUTH", "true")
        patch.setenv("OTAKARO_LOCAL", str(local.folder))
        patch.setenv("LOCAL_PORT", str(local.port))
        emulator.ensure()
        iam = local.aws("iam")
        documents = {
            **permissions.look_policies(OURS),
            **permissions.change_policies(OURS),
            "boundary": without_denials(
                permissions.workflow_boundary(OURS, "otakaro-local-pulumi-state")
            ),
            "exceptions": exceptions(),
            "role-boundary": permissions.role_boundary(OURS),
        }
        arns = {
            name: iam.create_policy(
                PolicyName=f"{ROLES}-{name}",
                PolicyDocument=text.replace(PLACEHOLDER, emulator.ACCOUNT),
            )["Policy"]["Arn"]
            for name, text in documents.items()
        }
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{emulator.ACCOUNT}:root"},
        }
        name = f"{ROLES}-deploy"
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            PermissionsBoundary=arns.pop("boundary"),
        )
        del arns["role-boundary"]
        for arn in arns.values():
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        found = local.aws("sts").assume_role(
            RoleArn=f"arn:aws:iam::{emulator.ACCOUNT}:role/{name}", RoleSessionName="workflow"
        )["Credentials"]
        yield {
            "OTAKARO_ACCESS_KEY_ID": found["AccessKeyId"],
            "OTAKARO_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "OTAKARO_SESSION_TOKEN": found["SessionToken"],
        }


def without_denials(document: str) -> str:
    """The boundary without what it denies to roles that have none: see UNBOUNDED."""
    whole = json.loads(document)
    whole["Statement"] = [one for one in whole["Statement"] if one["Effect"] == "Allow"]
    return json.dumps(whole)


def exceptions() -> str:
    """What the emulator asks for otherwise than AWS."""
    anything = {"Effect": "Allow", "Action": [*ASKED_WRONGLY, *STAND_INS], "Resource": "*"}
    roles = f"arn:aws:iam::{emulator.ACCOUNT}:role/{OURS.prefix}-*"
    unbounded = {"Effect": "Allow", "Action": UNBOUNDED, "Resource": roles}
    return json.dumps({"Version": "2012-10-17", "Statement": [anything, unbounded]})


BOUND: Final = ("--set", f"permissionsBoundary={ROLE_BOUNDARY}")
# What is created, changed in place, replaced and removed again besides the stack's own resources.
MORE: Final = {
    "alarmEmail": "team@example.org",
    "databaseInsights": "false",
    "firewall": "true",
    "geoserverMemory": "8192",
    "interfaceEndpoints": '["ssm"]',
    "logRetentionDays": "14",
    "monthlyBudget": "400",
    "natGateways": "2",
    "redisReplicas": "1",
    "tileSeconds": "600",
}


def test_another_stacks_resources_are_refused(local: Local, role: dict[str, str]) -> None:
    session = boto3.Session(
        aws_access_key_id=role["OTAKARO_ACCESS_KEY_ID"],
        aws_secret_access_key=role["OTAKARO_SECRET_ACCESS_KEY"],
        aws_session_token=role["OTAKARO_SESSION_TOKEN"],
        region_name=HOME_REGION,
    )

    def call(service: str, operation: str, **parameters: str) -> None:
        client: Any = session.client(service, endpoint_url=local.account.endpoint)  # type: ignore[call-overload]
        getattr(client, operation)(**parameters)

    for service, operation, parameters in (
        ("sqs", "create_queue", {"QueueName": "another"}),
        ("ssm", "get_parameter", {"Name": "/another/SECRET"}),
        ("lambda", "get_function", {"FunctionName": "another"}),
        ("iam", "delete_role", {"RoleName": f"{ROLES}-deploy"}),
        ("iam", "create_user", {"UserName": "another"}),
        ("ecr", "create_repository", {"repositoryName": "another"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(service, operation, **parameters)


def test_it_deploys_changes_and_removes_the_stack(local: Local, role: dict[str, str]) -> None:
    more = [word for key, value in MORE.items() for word in ("--set", f"{key}={value}")]
    steps: list[set[str]] = []
    for words in (("up", *BOUND, *more), ("up", *BOUND), ("down",)):
        done = local.run(*words, **role)
        assert done.returncode == 0, done.stdout + done.stderr
        steps.append(set(local.did().values()))
    created, changed, removed = steps
    assert (created, removed) == ({"create"}, {"delete"})
    assert changed == {"update", "delete-replaced", "delete"}


def test_what_is_excepted_is_granted_by_the_roles_own_policies() -> None:
    documents = permissions.look_policies(OURS) | permissions.change_policies(OURS)
    granted = {
        action
        for text in documents.values()
        for statement in json.loads(text)["Statement"]
        for action in statement["Action"]
    }
    assert {*ASKED_WRONGLY, *UNBOUNDED} <= granted
    assert not {*STAND_INS} & granted
