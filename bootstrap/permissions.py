"""What the two roles may do: look at what the program deploys, and change it."""

import json
from pathlib import Path
from typing import Final

from pulumi import Output

from policies import policy, statement

# Written by `python -m local.permissions` from the operations that deploying takes.
ACTIONS: Final[dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "actions.json").read_text()
)
# The program lives in one region, what CloudFront needs of it and global services in another.
REGIONS: Final = ("ap-southeast-2", "us-east-1")
# Pulumi's "Using a DIY backend", "Required permissions".
READ_STATE: Final = ("s3:GetObject", "s3:ListBucket")
WRITE_STATE: Final = ("s3:PutObject", "s3:DeleteObject")
PROJECT: Final = "otakaro"
# The AWS provider also reads what the program does not set. None of it is content: no object, no
# message, no log line, no parameter.
LOOKS: Final = (
    *("acm:DescribeCertificate", "acm:List*", "application-autoscaling:Describe*"),
    *("application-autoscaling:ListTagsForResource", "budgets:ListTagsForResource"),
    *("budgets:ViewBudget", "cloudfront:Get*", "cloudfront:List*"),
    *("cloudwatch:Describe*", "cloudwatch:GetDashboard", "cloudwatch:List*", "ec2:Describe*"),
    "ec2:GetManagedPrefixList*",
    *("ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:List*"),
    *("ecs:Describe*", "ecs:List*", "elasticache:Describe*", "elasticache:ListTagsForResource"),
    *("elasticfilesystem:Describe*", "elasticfilesystem:ListTagsForResource"),
    *("elasticloadbalancing:Describe*", "events:Describe*", "events:List*"),
    *("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
    *("iam:ListRoleTags", "iam:ListInstanceProfilesForRole", "kms:DescribeKey", "kms:ListAliases"),
    *("lambda:Get*", "lambda:List*", "logs:Describe*", "logs:GetDelivery*"),
    *("logs:ListTagsForResource", "rds:Describe*", "rds:ListTagsForResource"),
    *("route53:Get*", "route53:List*", "s3:GetAccelerateConfiguration", "s3:GetBucket*"),
    *("s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration"),
    *("s3:GetReplicationConfiguration", "s3:ListBucket", "servicediscovery:Get*"),
    *("servicediscovery:List*", "sns:Get*", "sns:List*", "sqs:GetQueueAttributes"),
    *("scheduler:Get*", "scheduler:List*", "sqs:GetQueueUrl", "sqs:List*"),
    *("ssm:DescribeParameters", "ssm:ListTagsForResource"),
    *("wafv2:Get*", "wafv2:List*"),
)
# Content that the state has anyway (encrypted): run-time secrets, and the outage page.
_READS_BY_NAME: Final = ("s3:GetObject", "s3:GetObjectTagging", "ssm:GetParameter")
# Services that the program's roles are for.
_TAKERS: Final = (
    *("ecs-tasks.amazonaws.com", "edgelambda.amazonaws.com", "lambda.amazonaws.com"),
    *("monitoring.rds.amazonaws.com", "scheduler.amazonaws.com", "vpc-flow-logs.amazonaws.com"),
)
# Services that make a role of their own at their first use in an account.
_LINKED: Final = (
    *("ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com"),
    *("elasticache.amazonaws.com", "elasticfilesystem.amazonaws.com"),
    *("elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"),
    *("logger.cloudfront.amazonaws.com", "replicator.lambda.amazonaws.com"),
    *("wafv2.amazonaws.com", "delivery.logs.amazonaws.com", "vpcorigin.cloudfront.amazonaws.com"),
)
ATTACHED: Final = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
# What AWS asks for besides the operation itself, with the document that says so.
_BESIDES: Final = (
    # CloudFront developer guide, "Set up IAM permissions and roles for Lambda@Edge"
    *("lambda:EnableReplication", "lambda:GetFunction"),
    # CloudFront developer guide, "Configure standard logging (v2)"
    "cloudfront:AllowVendedLogDeliveryForResource",
    # WAF developer guide, "Sending web ACL traffic logs to CloudWatch Logs"
    *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:PutResourcePolicy"),
    # Cloud Map makes a private zone in the VPC (Cloud Map developer guide, "Permissions")
    "route53:AssociateVPCWithHostedZone",
    # VPC user guide, "Permissions" of flow logs, and of gateways' addresses
    *("logs:GetLogDelivery", "logs:ListLogDeliveries", "ec2:DisassociateAddress"),
    # New definitions of a Lambda function in a VPC, and its versions
    *("lambda:PublishVersion", "lambda:AddPermission", "lambda:RemovePermission"),
    # IAM: a role's end takes what it has of it
    "iam:ListInstanceProfilesForRole",
)
_BY_NAME: Final = ("iam:", "s3:", "ssm:", "lambda:")
_NAMELESS: Final = ("lambda:CreateEventSourceMapping",)


def written_keys(bucket: Output[str]) -> list[Output[str]]:
    """Where the engine writes a stack's state: itself, its history, copies and lock."""
    places = ("stacks", "history", "backups", "locks/organization")
    return [Output.concat(bucket, f"/.pulumi/{place}/{PROJECT}/*") for place in places]


def reading_state(bucket: Output[str]) -> Output[str]:
    """Read all state: a preview takes no lock."""
    return policy(statement(READ_STATE, [bucket, Output.concat(bucket, "/.pulumi/*")]))


def writing_state(bucket: Output[str]) -> Output[str]:
    """Read all state and write the program's."""
    return policy(
        statement(READ_STATE, [bucket, Output.concat(bucket, "/.pulumi/*")]),
        statement(WRITE_STATE, written_keys(bucket)),
    )


def looking(prefix: str, account: Output[str]) -> Output[str]:
    """Everything about the program's resources, and nothing of what is in them."""
    return policy(
        statement(LOOKS, ["*"]),
        statement(_READS_BY_NAME, [f"arn:aws:s3:::{prefix}-*/*", _parameters(prefix, account)]),
    )


def deploying(prefix: str, account: Output[str]) -> dict[str, Output[str]]:
    """What changes the program's resources, in parts that IAM takes.

    Roles, buckets, parameters and functions are the program's by their names; other services name
    things by numbers, or refuse names in some of their actions, and are held to the regions.
    """
    writes = sorted({*ACTIONS["write"], *_BESIDES} - {"iam:AttachRolePolicy"})
    named = {
        service: [
            action for action in writes if action.startswith(service) and action not in _NAMELESS
        ]
        for service in _BY_NAME
    }
    taken = {action for actions in named.values() for action in actions}
    numbered = [action for action in writes if action not in taken]
    half = len(numbered) // 2
    here = {"StringEquals": {"aws:RequestedRegion": list(REGIONS)}}
    roles = Output.concat("arn:aws:iam::", account, f":role/{prefix}-*")
    return {
        "resources-1": policy(statement(numbered[:half], ["*"], here)),
        "resources-2": policy(statement(numbered[half:], ["*"], here)),
        "names": policy(
            statement(named["iam:"], [roles]),
            statement(
                ["iam:AttachRolePolicy"], [roles], {"ArnEquals": {"iam:PolicyARN": ATTACHED}}
            ),
            statement(
                ["iam:PassRole"], [roles], {"StringEquals": {"iam:PassedToService": list(_TAKERS)}}
            ),
            statement(
                ["iam:CreateServiceLinkedRole"],
                [Output.concat("arn:aws:iam::", account, ":role/aws-service-role/*")],
                {"StringEquals": {"iam:AWSServiceName": list(_LINKED)}},
            ),
            statement(named["s3:"], [f"arn:aws:s3:::{prefix}-*", f"arn:aws:s3:::{prefix}-*/*"]),
            statement(named["ssm:"], [_parameters(prefix, account)]),
            statement(
                named["lambda:"],
                [
                    Output.concat("arn:aws:lambda:*:", account, f":function:{prefix}-*"),
                    Output.concat("arn:aws:lambda:*:", account, ":event-source-mapping:*"),
                ],
            ),
            # Keys of AWS's own, used by the services that hold the program's data.
            statement(
                ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
                [Output.concat("arn:aws:kms:*:", account, ":key/*")],
                {
                    "StringLike": {
                        "kms:ViaService": [
                            f"{service}.*.amazonaws.com"
                            for service in ("elasticfilesystem", "rds", "ssm", "elasticache")
                        ]
                    }
                },
            ),
        ),
    }


def _parameters(prefix: str, account: Output[str]) -> Output[str]:
    return Output.concat("arn:aws:ssm:*:", account, f":parameter/{prefix}/*")
