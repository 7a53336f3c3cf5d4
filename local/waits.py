"""How long a first `up` waits on AWS, before it is run: the longest chain of waits, and its floor.

The graph is the program's own, as recorded; how long each kind takes is in data/waits.yaml. The
floor is the longest chain once the waits are taken away that the program asks for and AWS would not
(`ours` in that file): no order of the same resources is done sooner.

    python -m local.waits       prints both
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from local.record import Recording, Resource, configuration, record_program

STACK = "production"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource of a chain."""

    kind: str
    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Resources each of which waits for the one before it."""

    steps: tuple[Step, ...] = ()

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)


@cache
def data() -> Any:
    """data/waits.yaml."""
    return yaml.safe_load((Path(__file__).parent / "data" / "waits.yaml").read_text())


def seconds(resource: Resource) -> float:
    """How long AWS typically takes to create `resource`; nothing for a component."""
    if not resource.type.startswith("aws:"):
        return 0.0
    known = data()["seconds"]
    for key in known:
        kind, _, given = key.partition("#")
        if kind == resource.type and given and resource.inputs.get(given):
            return typical(key)
    return typical(resource.type) if resource.type in known else float(data()["other"])


def typical(kind: str) -> float:
    """How long AWS takes to create a kind that the data file names: in the middle of its logs."""
    entry = data()["seconds"][kind]
    return float(median(entry["logs"]) if "logs" in entry else entry["typical"])


def edges(recording: Recording, *, ours: bool = True) -> dict[str, set[str]]:
    """What each resource waits for, by URN; one that waits for a component waits for all in it.

    `ours` false leaves the waits out that AWS would not ask for.
    """
    by_urn = {resource.urn: resource for resource in recording.resources}
    within: dict[str, list[str]] = {}
    for resource in recording.resources:
        within.setdefault(resource.parent, []).append(resource.urn)

    def members(urn: str) -> Iterator[str]:
        yield urn
        for child in within.get(urn, []) if by_urn[urn].type.startswith("otakaro:") else []:
            yield from members(child)

    left_out = {(wait["kind"], wait["after"]) for wait in data()["ours"]}
    return {
        resource.urn: {
            member
            for urn in resource.dependencies
            if urn in by_urn
            for member in members(urn)
            if ours or (resource.type, by_urn[member].type) not in left_out
        }
        for resource in recording.resources
    }


def longest(recording: Recording, *, ours: bool = True) -> Chain:
    """The chain of waits that takes longest."""
    graph = edges(recording, ours=ours)
    by_urn = {resource.urn: resource for resource in recording.resources}
    found: dict[str, Chain] = {}

    def chain(urn: str) -> Chain:
        if urn not in found:
            before = max(map(chain, sorted(graph[urn])), key=_length, default=Chain())
            resource = by_urn[urn]
            step = Step(kind=resource.type, name=resource.name, seconds=seconds(resource))
            found[urn] = Chain(steps=(*before.steps, step))
        return found[urn]

    return max(map(chain, sorted(graph)), key=_length)


def _length(chain: Chain) -> float:
    return chain.seconds


def ratio(recording: Recording) -> float:
    """The longest chain over its floor."""
    return longest(recording).seconds / longest(recording, ours=False).seconds


def report(recording: Recording) -> list[str]:
    """The section of docs/benchmarks.md."""
    taken, floor = longest(recording), longest(recording, ours=False)
    return [
        "On AWS a first `up` waits at least for its longest chain,"
        f" {_minutes(taken.seconds)} by"
        " what AWS typically takes for each kind"
        f" ([local/data/waits.yaml](../local/data/waits.yaml), {data()['checked']}; computed, not"
        " measured):",
        "",
        *_table(taken),
        "",
        f"Without the waits that AWS would not ask for, the longest is {_minutes(floor.seconds)}"
        f" ({' → '.join(_short(step.kind) for step in floor.steps)}): a ratio of"
        f" {taken.seconds / floor.seconds:.2f}, goal 1.15.",
        "",
    ]


def _table(chain: Chain) -> Iterator[str]:
    yield "| waits for | typically, s |"
    yield "| --- | ---: |"
    for step in chain.steps:
        yield f"| {_short(step.kind)} `{step.name}` | {step.seconds:.0f} |"


def _short(kind: str) -> str:
    return kind.rpartition(":")[2]


def _minutes(length: float) -> str:
    return f"{length / 60:.1f} minutes"


def main(config: Mapping[str, str]) -> int:
    """Print the report; the result is the exit code."""
    print("\n".join(report(record_program(config))))
    return 0


if __name__ == "__main__":
    sys.exit(main(configuration(STACK)))
