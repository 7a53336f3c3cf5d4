"""Checks of what must hold between resources, each with the document that says so."""

from collections.abc import Callable, Iterator

from tests.contract.world import Thing, World

Faults = Iterator[tuple[Thing, str]]
Check = Callable[[World], Faults]

CHECKS: dict[str, tuple[Check, str]] = {}  # name -> check and its source


def check(source: str) -> Callable[[Check], Check]:
    def keep(function: Check) -> Check:
        CHECKS[function.__name__] = (function, source)
        return function

    return keep


def broken(world: World) -> list[str]:
    """All that is wrong between the resources of a world, each in one line with its source."""
    found = (
        f"{thing}: {told} ({source})"
        for function, source in CHECKS.values()
        for thing, told in function(world)
    )
    return [*dict.fromkeys(found)]
