"""AWS's policy evaluation, by a simulator that runs on Node.js, and its copy of AWS's Service
Authorization Reference.

Both come as pinned packages (engine/package-lock.json) into a folder that every checkout shares.
They run as a program of their own: the simulator's licence, the AGPL, reaches no further.
"""

import json
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from local import node

ENGINE = Path(__file__).parent / "engine"
Decision = Literal["Allowed", "ImplicitlyDenied", "ExplicitlyDenied", "Invalid"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """Who asks AWS for what; policies are named as `Simulator.decide` is given them."""

    principal: str  # an ARN, or the name of an AWS service
    action: str
    resource: str  # '*' for actions without a resource level
    account: str  # that the resource belongs to
    context: dict[str, str | list[str]] = field(default_factory=dict)
    identity: tuple[str, ...] = ()  # the principal's policies
    attached: str | None = None  # the resource's policy
    boundary: tuple[str, ...] = ()  # the principal's permissions boundary


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What AWS would say."""

    decision: Decision
    why: str  # of an invalid request or policy
    ignored: list[str]  # condition keys that the action doesn't know
    by: list[str]  # statements of the principal's policies that allow it, as 'policy number'


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A resource that an action is authorized against."""

    name: str
    required: bool
    arn: str  # with ${Region} and the like
    keys: list[str]

    def matches(self, pattern: str) -> bool:
        """Whether ARNs of this type can match a policy's `pattern`."""
        parts, wanted = self.arn.split(":", 5), pattern.split(":", 5)
        return len(wanted) == 6 and all(
            _overlap(part, other) for part, other in zip(parts, wanted, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Action:
    """What the Service Authorization Reference says of an action."""

    access: str
    keys: list[str]
    without_resource: bool
    resources: list[ResourceType]


class SimulatorError(Exception):
    """The simulator failed, or can't be installed."""


class Simulator:
    """The installed simulator; each call starts it once for all that is asked."""

    def __init__(self) -> None:
        self._node, npm = node.programs()
        files = [ENGINE / name for name in ("answer.mjs", "package.json", "package-lock.json")]
        try:
            self._home = node.installed("iam", files, self._node, npm)
        except node.NodeError as error:
            raise SimulatorError(str(error)) from error

    def decide(self, requests: Sequence[Request], policies: Mapping[str, object]) -> list[Answer]:
        """AWS's decision on each request, in their order."""
        said = self._ask(requests=[asdict(one) for one in requests], policies=dict(policies))
        return [Answer(**one) for one in said["decisions"]]

    def actions(self, names: Collection[str]) -> dict[str, Action | None]:
        """The reference's entries; None for an action that there is not."""
        said = self._ask(actions=sorted(names))["actions"]
        return {
            name: entry
            and Action(
                access=entry["access"],
                keys=entry["keys"],
                without_resource=entry["without_resource"],
                resources=[ResourceType(**one) for one in entry["resources"]],
            )
            for name, entry in said.items()
        }

    def actions_of(self, services: Collection[str]) -> set[str]:
        """Every action that these services have."""
        said = self._ask(services=sorted(services))["services"]
        return {f"{service}:{name}" for service, names in said.items() for name in names}

    def are_keys(self, names: Collection[str]) -> dict[str, bool]:
        """Which condition keys there are, of a service's or of all requests."""
        known: dict[str, bool] = self._ask(keys=sorted(names))["keys"]
        return known

    def _ask(self, **asked: Any) -> dict[str, Any]:
        nothing: dict[str, Any] = {"requests": [], "policies": {}}
        nothing |= {"actions": [], "services": [], "keys": []}
        done = subprocess.run(
            [self._node, "answer.mjs"],
            cwd=self._home,
            input=json.dumps(nothing | asked),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SimulatorError(done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def _overlap(template: str, pattern: str) -> bool:
    """Whether some text fits both a template such as 'role/${Name}' and a policy's pattern."""
    return _meet(re.sub(r"\$\{[^}]+\}", "*", template), pattern)


@cache
def _meet(one: str, other: str) -> bool:
    """Whether two patterns with '*' have a text in common."""
    if one.startswith("*"):
        return _meet(one[1:], other) or (other != "" and _meet(one, other[1:]))
    if other.startswith("*"):
        return _meet(other, one)
    if not one or not other:
        return one == other
    return one[0] == other[0] and _meet(one[1:], other[1:])
