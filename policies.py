"""IAM documents in AWS's own JSON: who may take a role, and what its holder may do."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pulumi import (
    Input,
    Output,
    ResourceTransformationArgs,
    ResourceTransformationResult,
    runtime,
)

Conditions = Mapping[str, Mapping[str, Input[str] | Sequence[Input[str]]]]


def trust(*services: str) -> Output[str]:
    """The trust policy of a role that the AWS `services` (principals) take."""
    return _trust(services, {})


def trust_for(service: str, *, account_id: Input[str], source: Input[str]) -> Output[str]:
    """The trust policy of a role that `service` takes at work for this account alone.

    For services that tell whom they work for (IAM user guide, "The confused deputy problem").

    Args:
        service: the AWS service (principal).
        account_id: of whoever uses the service.
        source: ARN, with wildcards, of what the service works on.
    """
    return _trust(
        [service],
        {
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": source},
            }
        },
    )


def _trust(services: Sequence[str], conditions: Mapping[str, object]) -> Output[str]:
    return policy(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": sorted(services)},
            **conditions,
        }
    )


def statement(
    actions: Sequence[str],
    resources: Sequence[Input[str]],
    conditions: Conditions | None = None,
    *,
    effect: Literal["Allow", "Deny"] = "Allow",
    principal: str | Mapping[str, Input[str]] | None = None,
    sid: str | None = None,
) -> dict[str, object]:
    """One statement; `principal` (in policies of resources only) is '*' or AWS's mapping."""
    written: dict[str, object] = {
        **({"Sid": sid} if sid else {}),
        "Effect": effect,
        "Action": list(actions),
        "Resource": list(resources),
    }
    if principal is not None:
        written["Principal"] = principal
    if conditions is not None:
        written["Condition"] = conditions
    return written


def policy(*statements: dict[str, object], id_: str | None = None) -> Output[str]:
    """A policy document of `statements`, with an Id if one is given."""
    return Output.json_dumps(
        {
            "Version": "2012-10-17",
            **({"Id": id_} if id_ else {}),
            "Statement": list(statements),
        }
    )


def bound_roles(boundary_arn: Input[str]) -> None:
    """Give every role of the stack that follows a permissions boundary, wherever it is created."""

    def bound(args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        if args.type_ != "aws:iam/role:Role":
            return None
        return ResourceTransformationResult(
            {**args.props, "permissions_boundary": boundary_arn}, args.opts
        )

    runtime.register_stack_transformation(bound)
