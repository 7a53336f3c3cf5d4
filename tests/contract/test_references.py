"""What must hold between the program's resources does; test_mutations breaks each check once."""

import pytest

from tests.contract.references import CHECKS, broken, found
from tests.contract.world import World

STACKS = ["production", "second", "switched_on", "bare"]


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> World:
    """Each stack in turn."""
    world: World = request.getfixturevalue(request.param)
    return world


@pytest.mark.parametrize("name", CHECKS)
def test_what_belongs_together_is_together(stack: World, name: str) -> None:
    check, source = CHECKS[name]
    assert [f"{thing}: {told} ({source})" for thing, told in check(stack)] == []


def test_references_are_found_in_every_kind_of_place(stack: World) -> None:
    """Otherwise the checks would have nothing to look at."""
    places = [where.split(".")[0].split("[")[0] for _, where, _, _, _ in found(stack)]
    assert len(places) > 250
    assert {"vpcId", "subnetIds", "volumes", "defaultCacheBehavior", "alarmActions"} <= {*places}


def test_a_hard_written_reference_is_told(production: World) -> None:
    """The value is right, but nothing waits for what it names."""
    service = next(production.of("ecs/service:Service"))
    hasty = {**production.before, service.urn: frozenset()}
    world = World(
        things=production.things,
        context=production.context,
        before=hasty,
        zone_name=production.zone_name,
        faults=(),
    )
    told = [reason for reason in broken(world) if str(service) in reason]
    assert any("does not wait for" in reason for reason in told)
    assert any("before the service" in reason or "mounted" in reason for reason in told)
