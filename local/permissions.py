"""The actions that deploying and previewing the program take, and those that its roles may have.

    python -m local.permissions

writes `bootstrap/actions.json`: the resource types that the program uses, times the calls that the
AWS provider makes for each (`bootstrap/provider_calls.json`), plus what AWS requires of the caller
besides the call itself. Each action is listed under the resource types that AWS authorizes it
against (Service Authorization Reference). The diff shows which permission a change requires.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from botocore.model import ServiceModel
from botocore.session import get_session

from bootstrap.permissions import RESOURCES
from local.iam.simulator import Action, ResourceType, Simulator
from local.paths import ROOT
from local.provider.catalogue import TYPES
from local.record import configuration, document, record_program
from local.terraform import terraform_type

CALLS: Final = ROOT / "bootstrap" / "provider_calls.json"
FILE: Final = ROOT / "bootstrap" / "actions.json"
# Created by `bootstrap/` alone, so that nothing that the program deploys can change it.
BOOTSTRAP_ONLY: Final = frozenset(
    {
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "aws:iam/policy:Policy",
        "aws:s3/bucketVersioning:BucketVersioning",
    }
)
# IAM's actions whose names are not the operation's (Service Authorization Reference).
_ACTIONS: Final = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:CreateNotification": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DeleteNotification": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
# What AWS requires of the caller of a type's operations besides the operation itself.
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    # Application Auto Scaling user guide, "How Application Auto Scaling works with IAM": target
    # tracking creates alarms for the caller; and the service that is scaled.
    "aws_appautoscaling_policy": (
        *("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
    ),
    "aws_appautoscaling_target": ("ecs:DescribeServices", "ecs:UpdateService"),
    # CloudFront developer guide, "Set up IAM permissions and roles for Lambda@Edge": the asterisk
    # belongs to the actions' names. A distribution's web ACL is read as it is associated (AWS WAF
    # developer guide, "Protecting CloudFront distributions").
    "aws_cloudfront_distribution": (
        *("lambda:GetFunction", "lambda:EnableReplication*", "lambda:DisableReplication*"),
        "wafv2:GetWebACL",
    ),
    # CloudFront developer guide, "Restrict access with VPC origins", prerequisites and permissions.
    "aws_cloudfront_vpc_origin": (
        *("ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups"),
        *("ec2:DescribeSubnets", "ec2:DescribeVpcs", "elasticloadbalancing:DescribeListeners"),
        "elasticloadbalancing:DescribeLoadBalancers",
    ),
    # CloudFront developer guide, "Configure standard logging (v2)": the source's permission, and
    # the bucket's policy, which CloudWatch Logs reads and completes for the caller.
    "aws_cloudwatch_log_delivery_source": ("cloudfront:AllowVendedLogDeliveryForResource",),
    "aws_cloudwatch_log_delivery": ("s3:GetBucketPolicy", "s3:PutBucketPolicy"),
    # RDS user guide, "Encrypting Amazon RDS resources", "Working with a DB instance in a VPC".
    "aws_db_instance": ("kms:CreateGrant", "kms:DescribeKey"),
    "aws_db_subnet_group": ("ec2:DescribeSubnets", "ec2:DescribeVpcs"),
    # EFS API reference: CreateFileSystem, CreateMountTarget, DeleteMountTarget,
    # DescribeMountTargetSecurityGroups, ModifyMountTargetSecurityGroups.
    "aws_efs_file_system": (
        *("kms:CreateGrant", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
    ),
    "aws_efs_mount_target": (
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeSubnets"),
        *("ec2:DescribeNetworkInterfaceAttribute", "ec2:DescribeNetworkInterfaces"),
        "ec2:ModifyNetworkInterfaceAttribute",
    ),
    # ElastiCache user guide, "At-rest encryption"; subnets as RDS's.
    "aws_elasticache_replication_group": ("kms:CreateGrant", "kms:DescribeKey"),
    "aws_elasticache_subnet_group": ("ec2:DescribeSubnets", "ec2:DescribeVpcs"),
    # VPC user guide, "Control the use of flow logs".
    "aws_flow_log": (
        *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery"),
        "logs:ListLogDeliveries",
    ),
    # Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC".
    "aws_lambda_function": (
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
    ),
    # Elastic Load Balancing user guide, "API permissions".
    "aws_lb": (
        *("ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeSubnets"),
        *("ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"),
    ),
    # S3 API reference, DeleteObjects: the provider empties a bucket version by version
    # (s3/delete.go:deletePageOfObjectVersions).
    "aws_s3_bucket": ("s3:DeleteObjectVersion",),
    # Cloud Map developer guide, "AWS Cloud Map API permissions": its zone is the caller's.
    "aws_service_discovery_instance": (
        *("route53:ChangeResourceRecordSets", "route53:GetHostedZone"),
    ),
    "aws_service_discovery_private_dns_namespace": (
        *("route53:AssociateVPCWithHostedZone", "route53:CreateHostedZone"),
        *("route53:DeleteHostedZone", "route53:GetHostedZone", "route53:ListHostedZonesByName"),
        *("ec2:DescribeRegions", "ec2:DescribeVpcs"),
    ),
    # Systems Manager user guide, "AWS KMS encryption for Parameter Store parameters".
    "aws_ssm_parameter": ("kms:Decrypt", "kms:Encrypt"),
    # VPC user guide, "Private DNS" of interface endpoints.
    "aws_vpc_endpoint": ("route53:AssociateVPCWithHostedZone",),
    # AWS WAF developer guide, "Sending web ACL traffic logs to CloudWatch Logs".
    "aws_wafv2_web_acl_logging_configuration": (
        *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups"),
        *("logs:DescribeResourcePolicies", "logs:PutResourcePolicy"),
    ),
}
# Look-ups of the program (`get_…`), which have no resource type.
LOOKUPS: Final = (
    *("ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries"),
    *("route53:GetHostedZone", "route53:ListHostedZones", "route53:ListTagsForResource"),
)
# Services that a role of the program is passed to, by what takes it (IAM user guide, "Grant a user
# permissions to pass a role to an AWS service").
PASSED: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_db_instance": ("monitoring.rds.amazonaws.com",),
    "aws_ecs_task_definition": ("ecs-tasks.amazonaws.com",),
    "aws_flow_log": ("vpc-flow-logs.amazonaws.com",),
    "aws_lambda_function": ("edgelambda.amazonaws.com", "lambda.amazonaws.com"),
    "aws_scheduler_schedule": ("scheduler.amazonaws.com",),
}
# Services that create a role of their own at their first use in an account (IAM user guide, "AWS
# services that work with IAM", and each service's "Using service-linked roles").
LINKED: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_appautoscaling_target": ("ecs.application-autoscaling.amazonaws.com",),
    "aws_cloudfront_distribution": (
        *("logger.cloudfront.amazonaws.com", "replicator.lambda.amazonaws.com"),
    ),
    "aws_cloudfront_vpc_origin": ("vpcorigin.cloudfront.amazonaws.com",),
    "aws_cloudwatch_log_delivery": ("delivery.logs.amazonaws.com",),
    "aws_db_instance": ("rds.amazonaws.com",),
    "aws_ecs_cluster": ("ecs.amazonaws.com",),
    "aws_efs_file_system": ("elasticfilesystem.amazonaws.com",),
    "aws_elasticache_replication_group": ("elasticache.amazonaws.com",),
    "aws_lb": ("elasticloadbalancing.amazonaws.com",),
    "aws_wafv2_web_acl_logging_configuration": ("wafv2.amazonaws.com",),
}
# What roles of the program have besides their inline policies: AmazonRDSEnhancedMonitoringRole (AWS
# Managed Policy Reference), and what AWS managed keys allow who reads an encrypted parameter.
_MORE_ROLE_ACTIONS: Final = frozenset(
    {
        *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams"),
        *("logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy", "kms:Decrypt"),
    }
)
# Settings that give roles more to do than production's own.
_MORE_ROLES: Final = {
    "otakaro:ecsExec": "true",
    "otakaro:runningHours": "mon-fri 07:00-19:00",
    "otakaro:databaseBackupWindow": "00:00-01:00",
    "otakaro:databaseMaintenanceWindow": "tue:01:30-tue:02:30",
}
# What botocore calls services that IAM calls otherwise.
_APIS: Final = {"elasticfilesystem": "efs", "elasticloadbalancing": "elbv2"}
# Whether an action meets a resource that exists, creates it, or tags it.
Kind = Literal["existing", "new", "tags"]


class DerivationError(Exception):
    """A permission that can't be derived; the message names what is missing where."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Actions that a resource type takes."""

    read: frozenset[str]
    change: frozenset[str]  # besides those that read


def program_types() -> list[str]:
    """Return Terraform's names of the types that the program's catalogue knows."""
    return sorted(terraform_type(token) for token in set(TYPES) - BOOTSTRAP_ONLY)


def calls(terraform: str) -> Calls:
    """Return the IAM actions of a resource type.

    Raises:
        DerivationError: the provider's calls for this type are not recorded.
    """
    entry = json.loads(CALLS.read_text())["types"].get(terraform)
    if entry is None:
        raise DerivationError(
            f"{terraform} is not in {CALLS.relative_to(ROOT)}: read what the provider's functions "
            "for it call (hashicorp/terraform-provider-aws, internal/service/) and add them"
        )
    parts = [entry[part] for part in ("recorded", "source") if part in entry]
    read = _actions(one for part in parts for one in part["read"])
    change = _actions(one for part in parts for one in part["change"])
    change |= set(REQUIRED.get(terraform, ()))
    return Calls(read=frozenset(read), change=frozenset(change - read))


def _actions(operations: Iterable[str]) -> set[str]:
    return {_ACTIONS.get(operation, operation) for operation in operations}


def needed(simulator: Simulator) -> dict[str, Any]:
    """Return the content of the file."""
    types = program_types()
    found = {terraform: calls(terraform) for terraform in types}
    read = {*LOOKUPS, *(action for one in found.values() for action in one.read)}
    change = {action for one in found.values() for action in one.change} - read
    roles = role_actions()
    reference = _reference(simulator, read | change | roles)
    return {
        "read": _by_resource(read, reference),
        "change": _by_resource(change, reference),
        "passed": sorted({service for one in types for service in PASSED.get(one, ())}),
        "linked": sorted({service for one in types for service in LINKED.get(one, ())}),
        "roles": _by_resource(roles, reference),
    }


def _reference(simulator: Simulator, actions: Iterable[str]) -> dict[str, Action]:
    """Return the reference's entries; an asterisk in a name stands for the name without it."""
    entries = simulator.actions({action.rstrip("*") for action in actions})
    found = {action: entries[action.rstrip("*")] for action in actions}
    if missing := sorted(action for action, entry in found.items() if entry is None):
        raise DerivationError(
            f"IAM has no action {', '.join(missing)}: add what it is called there to _ACTIONS"
        )
    return {action: entry for action, entry in found.items() if entry is not None}


def _by_resource(
    actions: Iterable[str], reference: Mapping[str, Action]
) -> dict[str, dict[Kind, list[str]]]:
    grouped: dict[str, dict[Kind, list[str]]] = {}
    for action in sorted(actions):
        for resource, kind in resources(action, reference[action]):
            grouped.setdefault(resource, {}).setdefault(kind, []).append(action)
    return {resource: dict(sorted(kinds.items())) for resource, kinds in sorted(grouped.items())}


def resources(action: str, entry: Action) -> Iterator[tuple[str, Kind]]:
    """Yield the resource types of the program that `action` is authorized against, or '*'.

    A list that needs no name is requested with filters, and AWS authorizes it against every
    resource.

    Raises:
        DerivationError: it is authorized against types for which there is no pattern.
    """
    service, _, operation = action.partition(":")
    if entry.without_resource or _lists(service, action):
        yield "*", "existing"
        return
    names = {f"{service}:{kind.name}": kind for kind in entry.resources}
    known = {name: kind for name, kind in names.items() if name in RESOURCES}
    lacking = sorted(name for name, kind in names.items() if kind.required and name not in known)
    if not known or (lacking and not _interchangeable(lacking, known)):
        raise DerivationError(
            f"{action} is authorized against {', '.join(lacking or sorted(names))}: add a pattern "
            "to RESOURCES in bootstrap/permissions.py"
        )
    for name, kind in known.items():
        use = _kind(service, operation, entry, kind)
        if (name, use) not in _AWS_OWN:
            yield name, use


def _lists(service: str, action: str) -> bool:
    """Whether an operation lists, with no parameter that it requires (botocore's models)."""
    api = _api(service)
    operations = {one for one, name in _ACTIONS.items() if name == action} or {action}
    names = [one.partition(":")[2] for one in operations]
    return all(
        name.startswith(("Describe", "List"))
        and name in api.operation_names
        and not getattr(api.operation_model(name).input_shape, "required_members", ())
        for name in names
    )


@cache
def _api(service: str) -> ServiceModel:
    return get_session().get_service_model(_APIS.get(service, service))


def _interchangeable(lacking: Iterable[str], known: Iterable[str]) -> bool:
    """Whether each type is a variant of one that is known, as listeners of other load balancers."""
    families = {name.split("/")[0] for name in known}
    return all("/" in name and name.split("/")[0] in families for name in lacking) or all(
        name in _NEVER for name in lacking
    )


# AWS's own lists of addresses are named in rules, and can't be tagged.
_AWS_OWN: Final = frozenset({("ec2:prefix-list", "tags")})
# Types that the reference requires of an action, which the program's calls never have.
_NEVER: Final = frozenset({"ec2:instance", "route53:healthcheck"})


def _kind(service: str, operation: str, entry: Action, kind: ResourceType) -> Kind:
    if "Tagging" in entry.access:
        return "tags"
    keys = {key.partition("/")[0] for key in kind.keys}
    if service == "ec2":
        new = "aws:RequestTag" in keys and "aws:ResourceTag" not in keys
    else:
        created = re.fullmatch(r"(Create|Register)(\w+)", operation)
        new = created is not None and created[2].lower() == re.sub(r"\W", "", kind.name).lower()
    return "new" if new else "existing"


def role_actions() -> set[str]:
    """Return the actions that roles of the program are allowed."""
    found = set(_MORE_ROLE_ACTIONS)
    for settings in ({}, _MORE_ROLES):
        recording = record_program(configuration("production") | settings)
        for one in recording.of("iam/rolePolicy:RolePolicy"):
            for statement in document(one.inputs["policy"])["Statement"]:
                if statement["Effect"] == "Allow":
                    found.update(statement["Action"])
    return found


def write(simulator: Simulator) -> None:
    """Bring the file up to date."""
    FILE.write_text(json.dumps(needed(simulator), indent=1) + "\n")


if __name__ == "__main__":
    write(Simulator())
