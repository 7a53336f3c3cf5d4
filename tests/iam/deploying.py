"""The requests that deploying the program sends to AWS, and the policies of who may send them.

Actions are those of `bootstrap/provider_calls.json`; resources have the names, Regions and tags of
the recorded program, by the types that the Service Authorization Reference lists for each action.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from bootstrap import permissions
from bootstrap.permissions import ACCOUNT as PLACEHOLDER
from bootstrap.permissions import DERIVED, RESOURCES, ROLE_BOUNDARY, Stack
from local.iam.simulator import Action, Answer, Request, Simulator
from local.permissions import LOOKUPS, calls, program_types, resources
from local.record import ACCOUNT, Recording
from tests.iam.calls import HERE, REGION
from tests.iam.needs import outputs

STACK: Final = Stack(prefix="otakaro-dt", tag="production")
STATE: Final = "otakaro-dt-pulumi-state"
BOUNDARY: Final = f"arn:aws:iam::{ACCOUNT}:policy/{ROLE_BOUNDARY}"
_GLOBAL: Final = frozenset({"budgets", "cloudfront", "iam", "route53"})
# Resources that the program's have or become, without a resource of their own in Pulumi.
_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "cloudwatch:alarm": (
        f"arn:aws:cloudwatch:{HERE}:alarm:TargetTracking-service/otakaro-dt-ecs/"
        "otakaro-dt-terriamap-AlarmHigh-0a1b2c3d-0000-4000-8000-000000000000",
    ),
    "cloudfront:vpcorigin": (f"arn:aws:cloudfront::{ACCOUNT}:vpcorigin/vo_0123456789abcdef",),
    "ec2:natgateway": (f"arn:aws:ec2:{HERE}:natgateway/nat-0123456789abcdef0",),
    "ec2:network-interface": (f"arn:aws:ec2:{HERE}:network-interface/eni-0123456789abcdef0",),
    "ec2:prefix-list": (f"arn:aws:ec2:{REGION}:aws:prefix-list/pl-0b1c2d3e",),
    "ecs:service-deployment": (
        f"arn:aws:ecs:{HERE}:service-deployment/otakaro-dt-ecs/otakaro-dt-terriamap/0123456789",
    ),
    "elasticache:cluster": (f"arn:aws:elasticache:{HERE}:cluster:otakaro-dt-backend-redis-001",),
    "elasticache:snapshot": (f"arn:aws:elasticache:{HERE}:snapshot:otakaro-dt-backend-redis-last",),
    "kms:key": (f"arn:aws:kms:{HERE}:key/0a1b2c3d-0000-4000-8000-000000000000",),
    "logs:delivery": (f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery:0123456789abcdef",),
    "rds:og": (f"arn:aws:rds:{HERE}:og:default:postgres-17",),
    "rds:snapshot": (
        f"arn:aws:rds:{HERE}:snapshot:otakaro-dt-pg-last-0a1b2c3d",
        f"arn:aws:rds:{HERE}:snapshot:rds:otakaro-dt-pg-2026-11-30-15-00",
    ),
    "route53:change": ("arn:aws:route53:::change/C0123456789",),
    "route53:hostedzone": ("arn:aws:route53:::hostedzone/Z0FOUND",),
}
# Types whose ARN the recording can't give: the input that has the name, and the ARN before it.
_BY_INPUT: Final[Mapping[str, tuple[str, str, str]]] = {
    "budgets:budget": ("budgets/budget:Budget", "name", f"arn:aws:budgets::{ACCOUNT}:budget/"),
    "cloudwatch:dashboard": (
        *("cloudwatch/dashboard:Dashboard", "dashboardName"),
        f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/",
    ),
}
_ANY: Final = {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}
# Numbered resources differ in nothing that a policy sees.
_NUMBERED: Final = frozenset(kind for kind, one in RESOURCES.items() if one.by != "name")

# A key leaves its use to IAM policies (KMS developer guide, "Key policies in AWS KMS").
_KEY: Final = "policy of the key"
_KEY_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": ["kms:*"],
            "Resource": "*",
        }
    ],
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request, and what it is about."""

    request: Request
    kind: str  # of the resource, as the reference calls it; '*' for none

    @property
    def action(self) -> str:
        return self.request.action


def documents(written: Mapping[str, str]) -> dict[str, Any]:
    """Return the documents as they are in the tests' account."""
    return {name: json.loads(text.replace(PLACEHOLDER, ACCOUNT)) for name, text in written.items()}


LOOK: Final = documents(permissions.look_policies(STACK))
CHANGE: Final = documents(permissions.change_policies(STACK))
GRANTED: Final = {**LOOK, **CHANGE}
NAMED: Final = {
    name: {action.rstrip("*") for one in document["Statement"] for action in one["Action"]}
    for name, document in GRANTED.items()
}
BOUNDARIES: Final = documents(
    {
        permissions.BOUNDARY: permissions.workflow_boundary(STACK, STATE),
        ROLE_BOUNDARY: permissions.role_boundary(STACK),
    }
)


class Deployment:
    """What deploying the recorded program takes."""

    def __init__(self, recording: Recording, simulator: Simulator) -> None:
        self._recording = recording
        found = [calls(terraform) for terraform in program_types()]
        self.read = {*LOOKUPS, *(action for one in found for action in one.read)}
        self.change = {action for one in found for action in one.change}
        entries = simulator.actions({one.rstrip("*") for one in self.read | self.change})
        self.reference: dict[str, Action] = {}
        for action in self.read | self.change:
            entry = entries[action.rstrip("*")]
            assert entry is not None, action
            self.reference[action] = entry

    @cached_property
    def _arns(self) -> list[str]:
        found = (outputs(one).get("arn") for one in self._recording.resources)
        return sorted({str(arn) for arn in found if arn})

    def access(self, action: str) -> list[str]:
        """The levels of access that the reference gives to an action."""
        return self.reference[action].access.split(", ")

    def arns(self, action: str, kind: str) -> list[str]:
        """The program's resources of a type that `action` is authorized against."""
        if kind in _BY_INPUT:
            pulumi, key, before = _BY_INPUT[kind]
            found = [before + one[key] for one in self._recording[pulumi].values()]
        else:
            name = kind.partition(":")[2]
            [form] = [one for one in self.reference[action].resources if one.name == name]
            found = [arn for arn in self._arns if form.matches(arn)]
            if kind == "s3:bucket":
                found = [arn for arn in found if "/" not in arn]
        found = [*found, *_MORE.get(kind, ())]
        return found[:1] if kind in _NUMBERED else found

    def reads(self) -> list[Sent]:
        """All requests of a refresh."""
        return [one for action in sorted(self.read) for one in self._sent(action, "look")]

    def changes(self) -> list[Sent]:
        """All requests of a deployment that a refresh doesn't send."""
        actions = sorted(self.change - self.read - permissions.WITHHELD)
        found = [one for action in actions for one in self._sent(action, "change")]
        roles = self.arns("iam:CreateRole", "iam:role")
        for service in DERIVED.passed:
            context: dict[str, str | list[str]] = {"iam:PassedToService": service}
            found += [_ask("iam:PassRole", role, "iam:role", context, "change") for role in roles]
        for service in DERIVED.linked:
            arn = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{service}/AWSServiceRole"
            context = {"iam:AWSServiceName": service}
            found.append(_ask("iam:CreateServiceLinkedRole", arn, "iam:role", context, "change"))
        return found

    def _regions(self, action: str) -> list[str]:
        """Where it is called without a resource."""
        if action == "logs:DescribeLogGroups":
            return sorted({arn.split(":")[3] for arn in self._arns if ":log-group:" in arn})
        return _regions(action)

    def _sent(self, action: str, who: str) -> Iterator[Sent]:
        entry = self.reference[action]
        asked = action.rstrip("*")
        for kind, use in resources(action, entry):
            if kind == "*":
                for region in self._regions(asked):
                    # A list is authorized against each resource that there is.
                    some = "*" if entry.without_resource else entry.resources[0].arn
                    arn = re.sub(r"\$\{(\w+)\}", lambda found: _ANY.get(found[1], "any"), some)
                    yield _ask(asked, arn, kind, {"aws:RequestedRegion": region}, who)
                continue
            for arn in self.arns(action, kind):
                context: dict[str, str | list[str]] = _context(asked, entry)
                context["aws:RequestedRegion"] = arn.split(":")[3] or _regions(asked)[0]
                by = RESOURCES[kind].by
                if by == "loose" or (by == "tag" and use == "tags"):
                    yield _ask(asked, arn, kind, context, who)  # not tagged yet
                if by in ("tag", "loose") and use != "new":
                    context = context | {"aws:ResourceTag/Stack": STACK.tag}
                yield _ask(asked, arn, kind, context, who)


def _regions(action: str) -> list[str]:
    return ["us-east-1"] if action.partition(":")[0] in _GLOBAL else [REGION, "us-east-1"]


def _context(action: str, entry: Action) -> dict[str, str | list[str]]:
    """What AWS tells policies of the action besides its resource."""
    context: dict[str, str | list[str]] = {}
    if "application-autoscaling:service-namespace" in entry.keys:
        context["application-autoscaling:service-namespace"] = "ecs"
    if "lambda:FunctionArn" in entry.keys:
        context["lambda:FunctionArn"] = f"arn:aws:lambda:{HERE}:function:otakaro-dt-rollout"
    if action.startswith("kms:"):
        context["kms:ViaService"] = f"rds.{REGION}.amazonaws.com"
    if action.startswith("iam:") and "iam:PermissionsBoundary" in entry.keys:
        context["iam:PermissionsBoundary"] = BOUNDARY
    if action == "iam:AttachRolePolicy":
        context["iam:PolicyARN"] = permissions.ATTACHED
    return context


def _ask(
    action: str, resource: str, kind: str, context: dict[str, str | list[str]], who: str
) -> Sent:
    owner = resource.split(":")[4] if resource != "*" else ""
    # A policy that doesn't name the action has no say; the simulator would read it all the same.
    identity = tuple(name for name in (LOOK if who == "look" else GRANTED) if action in NAMED[name])
    return Sent(
        kind=kind,
        request=Request(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/otakaro-github-{who}/workflow",
            action=action,
            resource=resource,
            account=owner if owner.isdigit() else ACCOUNT,
            context=context,
            identity=identity,
            boundary=(permissions.BOUNDARY,),
            attached=_KEY if action.startswith("kms:") else None,
        ),
    )


def answered(
    simulator: Simulator, sent: list[Sent], more: Mapping[str, Any] | None = None
) -> list[tuple[Sent, Answer]]:
    """Each with AWS's decision; one that AWS could not even read is a mistake here."""
    known = {**GRANTED, **BOUNDARIES, _KEY: _KEY_POLICY, **(more or {})}
    answers = simulator.decide([one.request for one in sent], known)
    pairs = list(zip(sent, answers, strict=True))
    invalid = {(one.action, answer.why) for one, answer in pairs if answer.decision == "Invalid"}
    assert invalid == set()
    ignored = {(one.action, *answer.ignored) for one, answer in pairs if answer.ignored}
    assert ignored == set()
    return pairs


def told(pairs: list[tuple[Sent, Answer]], *, allowed: bool) -> set[str]:
    """What was allowed, or what was not."""
    return {
        f"{one.action} {one.request.resource} {one.request.context}"
        for one, answer in pairs
        if (answer.decision == "Allowed") == allowed
    }


def changed(sent: Sent, **changes: Any) -> Sent:
    """The same request, with something else in it."""
    return replace(sent, request=replace(sent.request, **changes))
