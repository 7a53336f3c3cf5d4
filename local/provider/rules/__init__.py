"""What AWS would refuse although its models allow it: tables of rules with their sources.

Each looks at one resource; `broken` holds all that apply to a type against its inputs.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from local.provider.rules import compute, data, documents, edge, messaging, network
from local.provider.rules.core import Rule

RULES: tuple[Rule, ...] = (
    *network.RULES,
    *data.RULES,
    *edge.RULES,
    *compute.RULES,
    *messaging.RULES,
    *documents.RULES,
)


@cache
def rules_of(token: str) -> tuple[Rule, ...]:
    """The rules of a type such as `aws:ec2/vpc:Vpc`."""
    name = token.removeprefix("aws:")
    return tuple(rule for rule in RULES if name in rule.types or "*" in rule.types)


def broken(token: str, inputs: Mapping[str, Any], region: str) -> Iterator[str]:
    """The rules that the inputs break, each in one line that names the input and the source."""
    placed = {"region": region, **inputs}
    for rule in rules_of(token):
        yield from rule.broken(placed)
