"""What a command shows at its end."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from local import console
from local.account import HOME_REGION

_DONE = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "same": "unchanged",
    "refresh": "refreshed",
}
_PACKAGES = ("aws:", "random:")  # components are no resources of anyone's
_INNER = {"create-replacement", "delete-replaced", "read-replacement", "discard", "read-discard"}


def outputs(values: Mapping[str, Any], *, show_secrets: bool = False) -> None:
    """The stack's outputs as a table, a row for each value inside."""
    if not values:
        console.note("The stack has no outputs yet")
        return
    table = Table("output", "value", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for name in sorted(values):
        output = values[name]
        hidden = output.secret and not show_secrets
        for label, value in _rows(name, "[secret]" if hidden else output.value):
            table.add_row(escape(label), escape(value))
    console.OUT.print(table)


def counts(changes: Mapping[str, int], seconds: float, *, planned: bool = False) -> None:
    """What an operation did or would do, by number of resources, and how long it took."""
    words = {"same": "unchanged"} if planned else _DONE
    told = [
        f"{number} {words.get(operation, f'to {operation}')}"
        for operation, number in changes.items()
        if number and operation not in _INNER
    ]
    console.OUT.print(f"{', '.join(told) or 'nothing to do'}, in {seconds:.0f} s", markup=False)


def resources(recorded: Iterable[Mapping[str, Any]]) -> None:
    """How many resources of each service the stack has."""
    types = (str(resource["type"]) for resource in recorded)
    services = Counter(_service(kind) for kind in types if kind.startswith(_PACKAGES))
    parts = ", ".join(f"{service} {number}" for service, number in sorted(services.items()))
    console.OUT.print(f"{services.total()} resources: {parts}", markup=False, soft_wrap=True)


def recorded_only(things: Iterable[tuple[str, str, str]]) -> None:
    """What was checked and kept in the state alone, as (type, name, input or * for all)."""
    number = Counter((kind, what) for kind, _name, what in things)
    if not number:
        return
    console.OUT.print("Recorded only (checked and in the state, but the emulator lacks it):")
    for (kind, what), times in sorted(number.items()):
        told = f"  {kind}" + ("" if what == "*" else f": {what}")
        console.OUT.print(told + (f" ({times} times)" if times > 1 else ""), markup=False)


def how_to_look(endpoint: str) -> None:
    """How to ask the emulator what it holds."""
    console.OUT.print(
        f"Look at it: AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test "
        f"AWS_DEFAULT_REGION={HOME_REGION} aws --endpoint-url {endpoint} ecs list-clusters\n"
        f'  or boto3.client("ecs", endpoint_url="{endpoint}", region_name="{HOME_REGION}", '
        f'aws_access_key_id="test", aws_secret_access_key="test")',
        markup=False,
        soft_wrap=True,
    )


def _service(token: str) -> str:
    package, _, rest = token.partition(":")
    return rest.partition("/")[0] if package == "aws" else package


def _rows(label: str, value: object) -> Iterator[tuple[str, str]]:
    """A value and, when it has parts, a row for each."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _rows(f"{label}.{key}", part)
    else:
        yield label, value if isinstance(value, str) else json.dumps(value)
