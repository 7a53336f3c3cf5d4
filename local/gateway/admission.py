"""What IAM lets a service of AWS's do: the little of its judgement that deliveries need."""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any


def admits(policy: str | None, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a resource's policy lets EventBridge do `action`; no without a policy."""
    statements = json.loads(policy).get("Statement", []) if policy else []
    effects = {
        statement["Effect"]
        for statement in _listed(statements)
        if _is_eventbridge(statement.get("Principal"))
        and _like(action, statement.get("Action"))
        and _like(resource, statement.get("Resource", resource))
        and _holds(statement.get("Condition") or {}, context)
    }
    return effects == {"Allow"}


def _is_eventbridge(principal: object) -> bool:
    if isinstance(principal, dict):
        return "events.amazonaws.com" in _listed(principal.get("Service"))
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
