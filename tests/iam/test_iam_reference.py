"""Every statement holds against AWS's Service Authorization Reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.iam.simulator import Action, Simulator
from tests.iam.needs import MANAGED, Program

# Of every request that a function's code makes (Lambda developer guide, "Working with Lambda
# execution environment credentials"); the reference lists it with Lambda's own actions.
OF_ALL_REQUESTS = {"lambda:SourceFunctionArn"}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A statement, and where it stands."""

    place: str
    statement: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        """The actions that it names; every action of a service only in a Deny."""
        named: list[str] = self.statement["Action"]
        wide = [action for action in named if "*" in action]
        assert not wide or self.statement["Effect"] == "Deny", (self.place, wide)
        return [action for action in named if action not in wide]

    @property
    def keys(self) -> set[str]:
        return {key for tests in self.statement.get("Condition", {}).values() for key in tests}


def statements(program: Program) -> Iterator[Written]:
    """Every statement that the program writes, trust policies left out."""
    for role in program.roles:
        for name, policy in role.policies.items():
            if name not in MANAGED:
                for statement in policy["Statement"]:
                    yield Written(place=role.name, statement=statement)
    for urn, policy in program.resource_policies.items():
        for statement in policy["Statement"]:
            yield Written(place=urn, statement=statement)


def reference(simulator: Simulator, program: Program) -> dict[str, Action]:
    """The entries of all actions that the program names."""
    named = {action for one in statements(program) for action in one.actions}
    entries = simulator.actions(named)
    assert [action for action, entry in entries.items() if entry is None] == []
    return {action: entry for action, entry in entries.items() if entry is not None}


def test_every_action_exists(simulator: Simulator, program: Program) -> None:
    assert len(reference(simulator, program)) > 20
    assert simulator.actions(["ecs:NoSuchAction"]) == {"ecs:NoSuchAction": None}


def test_all_resources_are_allowed_where_the_action_has_no_other(
    simulator: Simulator, program: Program
) -> None:
    entries = reference(simulator, program)
    wide = {
        (one.place, action)
        for one in statements(program)
        if one.statement["Effect"] == "Allow" and "*" in one.statement["Resource"]
        for action in one.actions
    }
    assert wide
    assert {
        (place, action) for place, action in wide if not entries[action].without_resource
    } == set()
    narrow = {
        (one.place, action)
        for one in statements(program)
        if one.statement["Effect"] == "Allow" and "*" not in one.statement["Resource"]
        for action in one.actions
        if entries[action].without_resource
    }
    assert narrow == set()  # they would allow nothing


def test_every_resource_is_one_that_the_action_is_asked_for(
    simulator: Simulator, program: Program
) -> None:
    entries = reference(simulator, program)
    strange = [
        (one.place, resource)
        for one in statements(program)
        for resource in one.statement["Resource"]
        if resource != "*" and one.actions
        if not any(
            kind.matches(resource) for action in one.actions for kind in entries[action].resources
        )
    ]
    assert strange == []


def test_all_kinds_of_resources_that_an_action_needs_are_named(
    simulator: Simulator, program: Program
) -> None:
    """An action that is authorized against two kinds is refused when one of them is left out."""
    entries = reference(simulator, program)
    lacking = []
    for role in program.roles:
        granted: dict[str, list[str]] = {}
        for name, policy in role.policies.items():
            for statement in policy["Statement"] if name not in MANAGED else []:
                if statement["Effect"] == "Allow":
                    for action in statement["Action"]:
                        granted.setdefault(action, []).extend(statement["Resource"])
        lacking += [
            (role.name, action, kind.name)
            for action, resources in granted.items()
            for kind in entries[action].resources
            if kind.required and not any(kind.matches(resource) for resource in resources)
        ]
    assert lacking == []


def test_every_condition_is_on_a_key_that_the_action_has(
    simulator: Simulator, program: Program
) -> None:
    entries = reference(simulator, program)
    used = {key for one in statements(program) for key in one.keys}
    assert len(used) > 4
    known = simulator.are_keys(used)
    assert {key for key in used if not known[key]} == set()
    unsupported = {
        (one.place, action, key)
        for one in statements(program)
        for action in one.actions
        for key in one.keys
        if not key.startswith("aws:") and key not in OF_ALL_REQUESTS
        if key not in entries[action].keys
        and not any(key in kind.keys for kind in entries[action].resources)
    }
    assert unsupported == set()
