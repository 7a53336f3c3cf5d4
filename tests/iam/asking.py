"""Requests of the program's roles, and what a wrong decision looks like."""

from collections.abc import Iterable
from typing import Final

from local.iam.simulator import Answer, Request, Simulator
from local.record import ACCOUNT
from tests.iam.needs import Need, Program, Role

OTHER: Final = "222233334444"  # another account


def asks(program: Program, role: Role, need: Need) -> Request:
    """The role's holder asks for it; the resource's own policy has a say, too."""
    owner = need.resource.split(":")[4] if need.resource != "*" else ACCOUNT
    return Request(
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/someone",
        action=need.action,
        resource=need.resource,
        account=owner or ACCOUNT,
        context=need.context,
        identity=tuple(role.policies),
        attached=program.attached_to(need.resource),
    )


def decided(
    simulator: Simulator, program: Program, requests: list[Request]
) -> list[tuple[Request, Answer]]:
    """Each request with AWS's decision; one that AWS could not even read is a mistake of ours."""
    policies = dict(program.resource_policies)
    for role in program.roles:
        policies |= role.policies
        policies[trust_of(role)] = role.trust
    answers = simulator.decide(requests, policies)
    pairs = list(zip(requests, answers, strict=True))
    assert [(one, answer.why) for one, answer in pairs if answer.decision == "Invalid"] == []
    assert [(one, answer.ignored) for one, answer in pairs if answer.ignored] == []
    return pairs


def allowed(pairs: Iterable[tuple[Request, Answer]]) -> set[str]:
    return {told(one) for one, answer in pairs if answer.decision == "Allowed"}


def refused(pairs: Iterable[tuple[Request, Answer]]) -> set[str]:
    return {told(one) for one, answer in pairs if answer.decision != "Allowed"}


def told(request: Request) -> str:
    who = request.principal.removesuffix("/someone").rpartition("/")[2]
    return f"{who} {request.action} {request.resource} {request.context or ''}".rstrip()


def trust_of(role: Role) -> str:
    """What the role's trust policy is called among the policies."""
    return f"trust of {role.name}"
