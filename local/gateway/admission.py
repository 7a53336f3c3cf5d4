"""What IAM lets a service of AWS's do: the little of its judgement that deliveries need."""

import fnmatch
import json
from collections.abc import Iterable, Mapping
from typing import Any

EVENTBRIDGE = "events.amazonaws.com"
Statement = Mapping[str, Any]


def admits(
    policy: str | None,
    action: str,
    resource: str,
    context: Mapping[str, str],
    service: str = EVENTBRIDGE,
) -> bool:
    """Whether a resource's policy lets a service do `action`; no without a policy."""
    document = json.loads(policy) if policy else {}
    own = [one for one in statements(document) if _is_of(one.get("Principal"), service)]
    return allows(own, action, resource, context)


def allows(
    given: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    """Whether some statement allows `action` on `resource`, and none denies it."""
    effects = {
        statement["Effect"]
        for statement in given
        if _like(action, statement.get("Action"))
        and _like(resource, statement.get("Resource", resource))
        and _holds(statement.get("Condition") or {}, context)
    }
    return effects == {"Allow"}


def statements(document: Mapping[str, Any]) -> list[Statement]:
    """A policy's statements, of which one may stand alone."""
    return _listed(document.get("Statement"))


def _is_of(principal: object, service: str) -> bool:
    if isinstance(principal, dict):
        return service in _listed(principal.get("Service"))
    return principal == "*"


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether all conditions hold; one that isn't known doesn't."""
    known = {"ArnEquals", "ArnLike", "StringEquals", "StringLike"}
    return all(
        operator in known and key in context and _like(context[key], wanted)
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _like(value: str, patterns: object) -> bool:
    return any(fnmatch.fnmatchcase(value, str(pattern)) for pattern in _listed(patterns))


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
