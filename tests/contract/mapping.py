"""Where each input of each type goes in the API.

`python -m tests.contract.mapping` writes mapping.json anew; its diff shows what a change moved.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.provider.catalogue import TYPES, find
from local.provider.lifecycle import Type
from local.provider.model import Kind, along, content
from local.provider.parts import Call

FILE = Path(__file__).with_name("mapping.json")


def computed() -> dict[str, dict[str, str]]:
    return {token: _mapping(find(token)) for token in sorted(TYPES)}


def frozen() -> dict[str, dict[str, str]]:
    mapping: dict[str, dict[str, str]] = json.loads(FILE.read_text())
    return mapping


def _mapping(entry: Type) -> dict[str, str]:
    """Each input and the API member it goes to."""
    result: dict[str, str] = {}
    steps: list[tuple[Call, frozenset[str]]] = [(entry.create, entry.takes(entry.create))]
    steps += entry.followers
    for key, kind in sorted(entry.schema.inputs.items()):
        homes = [step for step, keys in steps if key in keys]
        if key in ("tags", "tagsAll") or entry.is_client_side(key):
            continue
        if not homes:
            result[key] = "refused"
        for step in homes[:1]:
            shape = content(along(entry.input_shape(step), step.root))
            result |= dict(_places(entry, kind, (key,), shape, step.op))
    return result


def _places(
    entry: Type, kind: Kind, path: tuple[str, ...], shape: Any, place: str
) -> Iterator[tuple[str, str]]:
    dotted = ".".join(path)
    route = entry.words.route(path, shape)
    if route is None:
        yield dotted, "not sent" if entry.words.unsent(path) else "refused"
        return
    place += "".join(_step(shape, route, number) for number in range(len(route)))
    inner_shape, fields = along(shape, route), (kind.item or kind).fields
    if inner_shape.type_name == "structure" and kind.form == "list":
        inner_shape = inner_shape.members.get("Items", inner_shape)
    while inner_shape.type_name == "list":
        inner_shape = inner_shape.member
    if not fields or inner_shape.type_name != "structure" or len(path) > 5:
        yield dotted, place
        return
    for name, inner in fields.items():
        yield from _places(entry, inner, (*path, name), inner_shape, place)


def _step(shape: Any, route: list[str], number: int) -> str:
    name, final = route[number], number == len(route) - 1
    if name[0] in "@.":
        return f".Attributes[{name[1:]}]" if name[0] == "@" else ""
    first = ".[0]" if along(shape, route[: number + 1]).type_name == "list" and not final else ""
    return f".{name}{first}"


if __name__ == "__main__":
    FILE.write_text(json.dumps(computed(), indent=1) + "\n")
