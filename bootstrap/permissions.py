"""What the two workflow roles may do: read the program's resources, and change them.

AWS limits an action by the resource's name, by its tags, or not at all (Service Authorization
Reference). Names start with the program's prefix; what AWS numbers carries the tag `Stack`, from
`aws:defaultTags` of the stack's file. What AWS limits by neither is held to the program's Regions.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pulumi import Output

from policies import policy, statement

Kind = Literal["existing", "new", "tags"]
# Actions by the type of resource that AWS authorizes them against, and by what they do to it.
Grants = Mapping[str, Mapping[Kind, Sequence[str]]]
Conditions = Mapping[str, Mapping[str, Sequence[str]]]
Statement = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """The content of `actions.json`, which `python -m local.permissions` writes."""

    read: Grants
    change: Grants
    passed: Sequence[str]  # services that the program's roles are for
    linked: Sequence[str]  # services that create a role of their own at their first use
    roles: Grants  # what the program's roles do


DERIVED: Final = Derived(**json.loads((Path(__file__).parent / "actions.json").read_text()))
# The program's Region, and that of CloudFront and of services without Regions.
REGIONS: Final = ("ap-southeast-2", "us-east-1")
# Characters of a managed policy, white space left out (IAM user guide, "IAM and AWS STS quotas").
POLICY_CHARACTERS: Final = 6144
# Pulumi's "Using a DIY backend", "Required permissions".
READ_STATE: Final = ("s3:GetObject", "s3:ListBucket")
WRITE_STATE: Final = ("s3:PutObject", "s3:DeleteObject")
PROJECT: Final = "otakaro"
ROLES: Final = "otakaro-github"  # begins the names of all that `bootstrap/` creates in IAM
BOUNDARY: Final = f"{ROLES}-boundary"
ROLE_BOUNDARY: Final = f"{ROLES}-role-boundary"
# An account's number, as long as one, in the texts that are measured before it is known.
ACCOUNT: Final = "{account-id}"
ATTACHED: Final = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
# Calls of the provider that are withheld: who may lift a role's boundary has none.
WITHHELD: Final = frozenset({"iam:DeleteRolePermissionsBoundary"})
# They give a role permissions, so they need the role to have the boundary.
_BOUNDED: Final = frozenset(
    {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"}
    | {"iam:PutRolePermissionsBoundary"}
)
_BOUND: Final = {"iam:PermissionsBoundary": [f"arn:aws:iam::{ACCOUNT}:policy/{ROLE_BOUNDARY}"]}
# Services that encrypt what they hold with a key of AWS's own, for the caller.
_KEYS: Final = ("elasticache", "elasticfilesystem", "rds", "ssm")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """The program's resources of one type, as ARNs; `$` is the prefix."""

    arns: tuple[str, ...]
    # by: "name", the ARN has the prefix; "tag", the resource has the tag `Stack`; "loose", the same
    # where it has such a tag at all; "condition", as `conditions` say; "nothing".
    by: Literal["name", "tag", "loose", "condition", "nothing"] = "name"
    conditions: Conditions | None = None
    # In a statement of its own: an ARN of the service's other types would match, too.
    apart: bool = False


def _named(service: str, *names: str, regional: bool = True) -> Pattern:
    region = "*" if regional else ""
    return Pattern(arns=tuple(f"arn:aws:{service}:{region}:{ACCOUNT}:{name}" for name in names))


def _numbered(service: str, name: str, by: Literal["tag", "loose"] = "tag") -> Pattern:
    return Pattern(arns=(f"arn:aws:{service}:*:{ACCOUNT}:{name}/*",), by=by)


def _global(service: str, name: str, by: Literal["tag", "nothing"]) -> Pattern:
    return Pattern(arns=(f"arn:aws:{service}::{ACCOUNT}:{name}/*",), by=by)


def _open(*arns: str) -> Pattern:
    return Pattern(arns=arns, by="nothing")


# In every Region: an edge function writes where its caller is.
_LOG_GROUPS: Final = _named(
    "logs",
    "log-group:$-*",
    *(f"log-group:{place}$-*" for place in ("/aws/ecs/containerinsights/", "/aws/lambda/")),
    *(f"log-group:{place}$-*" for place in ("/aws/rds/instance/", "/ecs/", "/edge/")),
    "log-group:aws-waf-logs-$-*",
)
# Types of resources as the Service Authorization Reference calls them.
RESOURCES: Final[Mapping[str, Pattern]] = {
    "acm:certificate": _numbered("acm", "certificate"),
    # Numbered, and tagged by later releases of the provider alone.
    "application-autoscaling:ScalableTarget": Pattern(
        arns=(f"arn:aws:application-autoscaling:*:{ACCOUNT}:scalable-target/*",),
        by="condition",
        conditions={"StringEqualsIfExists": {"application-autoscaling:service-namespace": ["ecs"]}},
    ),
    "budgets:budget": _named("budgets", "budget/$*", regional=False),
    # Policies and access controls have neither names in their ARNs nor tags.
    "cloudfront:cache-policy": _global("cloudfront", "cache-policy", "nothing"),
    "cloudfront:distribution": _global("cloudfront", "distribution", "tag"),
    "cloudfront:origin-access-control": _global("cloudfront", "origin-access-control", "nothing"),
    "cloudfront:origin-request-policy": _global("cloudfront", "origin-request-policy", "nothing"),
    "cloudfront:response-headers-policy": _global(
        "cloudfront", "response-headers-policy", "nothing"
    ),
    "cloudfront:vpcorigin": _global("cloudfront", "vpcorigin", "tag"),
    # Target tracking names its alarms itself.
    "cloudwatch:alarm": _named("cloudwatch", "alarm:$-*", "alarm:TargetTracking-service/$-*"),
    "cloudwatch:dashboard": _named("cloudwatch", "dashboard/$-*", regional=False),
    "ec2:elastic-ip": _numbered("ec2", "elastic-ip"),
    "ec2:internet-gateway": _numbered("ec2", "internet-gateway"),
    "ec2:natgateway": _numbered("ec2", "natgateway"),
    # EFS, Lambda and CloudFront create them, without the program's tags.
    "ec2:network-interface": _numbered("ec2", "network-interface", "loose"),
    # CloudFront's and S3's own.
    "ec2:prefix-list": _open("arn:aws:ec2:*:aws:prefix-list/*"),
    "ec2:route-table": _numbered("ec2", "route-table"),
    # A VPC's default group has no tags before the provider gives it the program's.
    "ec2:security-group": _numbered("ec2", "security-group", "loose"),
    # Tagged after its creation.
    "ec2:security-group-rule": _numbered("ec2", "security-group-rule", "loose"),
    "ec2:subnet": _numbered("ec2", "subnet"),
    "ec2:vpc": _numbered("ec2", "vpc"),
    "ec2:vpc-endpoint": _numbered("ec2", "vpc-endpoint"),
    "ec2:vpc-flow-log": _numbered("ec2", "vpc-flow-log"),
    "ecr:repository": _named("ecr", "repository/$-*"),
    "ecs:cluster": _named("ecs", "cluster/$-*"),
    "ecs:service": _named("ecs", "service/$-*"),
    "ecs:service-deployment": _named("ecs", "service-deployment/$-*"),
    "ecs:service-revision": _named("ecs", "service-revision/$-*"),
    "ecs:task": _named("ecs", "task/$-*"),
    "ecs:task-definition": _named("ecs", "task-definition/$-*"),
    "elasticache:cluster": _named("elasticache", "cluster:$-*"),
    "elasticache:parametergroup": _named("elasticache", "parametergroup:$-*"),
    "elasticache:replicationgroup": _named("elasticache", "replicationgroup:$-*"),
    "elasticache:snapshot": _named("elasticache", "snapshot:$-*"),
    "elasticache:subnetgroup": _named("elasticache", "subnetgroup:$-*"),
    "elasticfilesystem:access-point": _numbered("elasticfilesystem", "access-point"),
    "elasticfilesystem:file-system": _numbered("elasticfilesystem", "file-system"),
    "elasticloadbalancing:listener-rule/app": _named(
        "elasticloadbalancing", "listener-rule/app/$-*"
    ),
    "elasticloadbalancing:listener/app": _named("elasticloadbalancing", "listener/app/$-*"),
    "elasticloadbalancing:loadbalancer": _named("elasticloadbalancing", "loadbalancer/app/$-*"),
    "elasticloadbalancing:loadbalancer/app/": _named(
        "elasticloadbalancing", "loadbalancer/app/$-*"
    ),
    "elasticloadbalancing:targetgroup": _named("elasticloadbalancing", "targetgroup/$-*"),
    "events:rule-on-default-event-bus": _named("events", "rule/$-*"),
    "iam:role": _named("iam", "role/$-*", regional=False),
    "kms:key": Pattern(
        arns=(f"arn:aws:kms:*:{ACCOUNT}:key/*",),
        by="condition",
        conditions={
            "StringLike": {"kms:ViaService": [f"{service}.*.amazonaws.com" for service in _KEYS]}
        },
    ),
    # Its number is Lambda's, its function's name the program's.
    "lambda:eventSourceMapping": Pattern(
        arns=(f"arn:aws:lambda:*:{ACCOUNT}:event-source-mapping:*",),
        by="condition",
        conditions={
            "ArnLikeIfExists": {"lambda:FunctionArn": [f"arn:aws:lambda:*:{ACCOUNT}:function:$-*"]}
        },
    ),
    "lambda:function": _named("lambda", "function:$-*"),
    "logs:delivery": Pattern(arns=(f"arn:aws:logs:*:{ACCOUNT}:delivery:*",), by="tag"),
    "logs:delivery-destination": _named("logs", "delivery-destination:$-*"),
    "logs:delivery-source": _named("logs", "delivery-source:$-*"),
    "logs:log-group": _LOG_GROUPS,
    "logs:log-stream": _LOG_GROUPS,
    "rds:db": _named("rds", "db:$-*"),
    "rds:es": _named("rds", "es:$-*"),
    # RDS chooses its own default group (RDS user guide, "Identity-based policy examples").
    "rds:og": _named("rds", "og:default:*"),
    "rds:pg": _named("rds", "pg:$-*"),
    # Its last one has the program's name, an automated one RDS's prefix before it.
    "rds:snapshot": _named("rds", "snapshot:$-*", "snapshot:rds:$-*"),
    "rds:subgrp": _named("rds", "subgrp:$-*"),
    # The zone's number is not known here, and Route 53 knows no tags in policies.
    "route53:change": _open("arn:aws:route53:::change/*"),
    "route53:hostedzone": _open("arn:aws:route53:::hostedzone/*"),
    "s3:bucket": Pattern(arns=("arn:aws:s3:::$-*",)),
    "s3:object": Pattern(arns=("arn:aws:s3:::$-*/*",)),
    "scheduler:schedule": _named("scheduler", "schedule/default/$-*"),
    "servicediscovery:namespace": _numbered("servicediscovery", "namespace"),
    "servicediscovery:service": _numbered("servicediscovery", "service"),
    "sns:topic": _named("sns", "$-*"),
    "sqs:queue": _named("sqs", "$-*"),
    "ssm:parameter": _named("ssm", "parameter/$/*"),
    "wafv2:webacl": _named("wafv2", "global/webacl/$-*", "regional/webacl/$-*"),
}
# The maintenance page is the only object that the program manages; the others are access logs.
_READ: Final = {"s3:object": Pattern(arns=("arn:aws:s3:::$-maintenance-*/*",), apart=True)}
# Edge functions have log groups in the Regions of their callers.
_EVERYWHERE: Final = frozenset({"logs:DescribeLogGroups"})
# A call in one of these Regions.
_HERE: Final = {"StringEquals": {"aws:RequestedRegion": list(REGIONS)}}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Whose resources they are."""

    prefix: str  # begins their names
    tag: str  # value of their tag `Stack`


def in_account(document: str, account: Output[str]) -> Output[str]:
    """Return a policy of this module as it is in one account."""
    return account.apply(lambda number: document.replace(ACCOUNT, number))


def written_keys(bucket: Output[str]) -> list[Output[str]]:
    """Return where the engine writes a stack's state: itself, its history, copies and lock."""
    places = ("stacks", "history", "backups", "locks/organization")
    return [Output.concat(bucket, f"/.pulumi/{place}/{PROJECT}/*") for place in places]


def reading_state(bucket: Output[str]) -> Output[str]:
    """Return the policy to read all state: a preview takes no lock."""
    return policy(statement(READ_STATE, [bucket, Output.concat(bucket, "/.pulumi/*")]))


def writing_state(bucket: Output[str]) -> Output[str]:
    """Return the policy to read all state and to write the program's."""
    return policy(
        statement(READ_STATE, [bucket, Output.concat(bucket, "/.pulumi/*")]),
        statement(WRITE_STATE, written_keys(bucket)),
    )


def look_policies(stack: Stack) -> dict[str, str]:
    """Return the policies to read what the program's resources are, not what they hold."""
    return _packed("look", _statements(stack, DERIVED.read, {**RESOURCES, **_READ}))


def change_policies(stack: Stack) -> dict[str, str]:
    """Return the policies to change the program's resources."""
    return _packed("change", _changes(stack))


def role_boundary(stack: Stack) -> str:
    """Return the most that a role of the program may do, whatever its own policies say."""
    # RDS writes its enhanced metrics there, by the policy that is attached.
    groups = Pattern(arns=(*_LOG_GROUPS.arns, f"arn:aws:logs:*:{ACCOUNT}:log-group:RDSOSMetrics*"))
    resources = {
        kind: Pattern(arns=pattern.arns, conditions=pattern.conditions)
        for kind, pattern in RESOURCES.items()
    } | {"logs:log-group": groups, "logs:log-stream": groups}
    return _text(_statements(stack, DERIVED.roles, resources))


def workflow_boundary(stack: Stack, state: str) -> str:
    """Return the most that the two workflow roles may do, whatever is attached to them later.

    Their own policies are narrower. This one keeps IAM to the program's roles, S3 to the program's
    buckets and the state, and everything else to the services that the program uses.
    """
    services = {
        action.partition(":")[0]
        for grants in (DERIVED.read, DERIVED.change)
        for kinds in grants.values()
        for actions in kinds.values()
        for action in actions
    }
    roles = RESOURCES["iam:role"].arns[0].replace("$", stack.prefix)
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*"
    buckets = [
        f"arn:aws:s3:::{name}{rest}" for name in (f"{stack.prefix}-*", state) for rest in ("", "/*")
    ]
    return _text(
        [
            statement(
                [f"{one}:*" for one in sorted(services - {"iam", "logs", "s3"})], ["*"], _HERE
            ),
            statement(["logs:*"], ["*"]),
            statement(["iam:*"], [roles, linked]),
            statement(["s3:*"], buckets),
            statement(sorted(_BOUNDED), ["*"], {"StringNotEquals": _BOUND}, effect="Deny"),
            statement(sorted(WITHHELD), ["*"], effect="Deny"),
        ]
    )


def _changes(stack: Stack) -> Iterator[Statement]:
    """Yield statements for all changes; those of roles on conditions of their own."""
    change = {kind: grants for kind, grants in DERIVED.change.items() if kind != "iam:role"}
    # What only a change reads: waits, and what AWS reads for the caller.
    yield from _statements(stack, change)
    roles = [RESOURCES["iam:role"].arns[0].replace("$", stack.prefix)]
    actions = {
        action for actions in DERIVED.change["iam:role"].values() for action in actions
    } - WITHHELD
    yield statement(sorted(actions - _BOUNDED), roles)
    yield statement(
        sorted(actions & _BOUNDED - {"iam:AttachRolePolicy"}), roles, {"StringEquals": _BOUND}
    )
    yield statement(
        ["iam:AttachRolePolicy"],
        roles,
        {"StringEquals": _BOUND, "ArnEquals": {"iam:PolicyARN": [ATTACHED]}},
    )
    yield statement(
        ["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": list(DERIVED.passed)}}
    )
    yield statement(
        ["iam:CreateServiceLinkedRole"],
        [f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*"],
        {"StringEquals": {"iam:AWSServiceName": list(DERIVED.linked)}},
    )


def _statements(
    stack: Stack, grants: Grants, resources: Mapping[str, Pattern] = RESOURCES
) -> list[Statement]:
    """Return one statement for all that has the same resources and conditions."""
    granted: dict[tuple[str, str], tuple[set[str], set[str], Conditions | None]] = {}
    for resource, kinds in grants.items():
        service = resource.partition(":")[0]
        for kind, actions in kinds.items():
            if resource == "*":
                everywhere = set(actions) & _EVERYWHERE
                _grant(granted, ("*", ""), everywhere, ["*"], None)
                _grant(granted, ("*", "here"), set(actions) - everywhere, ["*"], _HERE)
                continue
            pattern = resources[resource]
            arns = [arn.replace("$", stack.prefix) for arn in pattern.arns]
            conditions = _conditions(stack, pattern, kind)
            # Resources that a call creates stay apart: with a statement's other resources they
            # would be open to the same call as existing ones.
            place = resource if conditions is _HERE else f"{pattern.by} {kind} {conditions}"
            if conditions is None or pattern.by == "loose":
                place = resource if pattern.apart else pattern.by
            _grant(granted, (service, place), actions, arns, conditions)
    merged: dict[tuple[frozenset[str], str], tuple[set[str], Conditions | None]] = {}
    for allowed, found, conditions in granted.values():
        key = (frozenset(allowed), json.dumps(conditions))
        merged.setdefault(key, (set(), conditions))[0].update(found)
    return [
        statement(sorted(allowed), sorted(places), conditions)
        for (allowed, _), (places, conditions) in merged.items()
        if allowed
    ]


def _grant(
    granted: dict[tuple[str, str], tuple[set[str], set[str], Conditions | None]],
    key: tuple[str, str],
    actions: Iterable[str],
    arns: Iterable[str],
    conditions: Conditions | None,
) -> None:
    entry = granted.setdefault(key, (set(), set(), conditions))
    entry[0].update(actions)
    entry[1].update(arns)


def _conditions(stack: Stack, pattern: Pattern, kind: Kind) -> Conditions | None:
    """Return what a request must show besides its resource's ARN; None where the name suffices."""
    tag = {"aws:ResourceTag/Stack": [stack.tag]}
    if pattern.by in ("name", "condition"):
        filled = json.dumps(pattern.conditions).replace("$", stack.prefix)
        return None if pattern.conditions is None else json.loads(filled)
    if pattern.by == "loose" or (pattern.by == "tag" and kind == "tags"):
        return {**_HERE, "StringEqualsIfExists": tag}
    if pattern.by == "nothing" or kind == "new":
        return _HERE
    return {"StringEquals": {**_HERE["StringEquals"], **tag}}


def _packed(name: str, statements: Iterable[Statement]) -> dict[str, str]:
    """Return the statements in as few policies as IAM's limit allows, in their order."""
    documents: list[list[Statement]] = []
    for one in (part for whole in statements for part in _split(whole)):
        for document in documents:
            if len(_text([*document, one])) <= POLICY_CHARACTERS:
                document.append(one)
                break
        else:
            documents.append([one])
    return {f"{name}-{number}": _text(document) for number, document in enumerate(documents, 1)}


def _split(whole: Statement) -> Iterator[Statement]:
    """Yield the statement, in parts that leave room for others."""
    actions = whole["Action"]
    if not isinstance(actions, list) or len(_text([whole])) <= POLICY_CHARACTERS // 2:
        yield whole
        return
    half = len(actions) // 2
    yield from _split({**whole, "Action": actions[:half]})
    yield from _split({**whole, "Action": actions[half:]})


def _text(statements: Sequence[Statement]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":")
    )
