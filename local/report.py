"""What a command shows at its end."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

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
_INNER = {"create-replacement", "delete-replaced", "read-replacement", "discard", "read-discard"}


def outputs(values: Mapping[str, Any], *, show_secrets: bool = False) -> None:
    """The stack's outputs as a table."""
    if not values:
        console.note("The stack has no outputs yet")
        return
    table = Table("output", "value", title_justify="left", box=None, pad_edge=False)
    for name in sorted(values):
        output = values[name]
        hidden = output.secret and not show_secrets
        table.add_row(name, "\\[secret]" if hidden else _plain(output.value))
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
    services = Counter(_service(str(resource["type"])) for resource in recorded)
    parts = ", ".join(f"{service} {number}" for service, number in sorted(services.items()))
    console.OUT.print(f"{services.total()} resources: {parts}", markup=False, soft_wrap=True)


def recorded_only(things: Iterable[str]) -> None:
    """What was checked and kept in the state, but exists nowhere: the emulator lacks it."""
    told = sorted(things)
    if not told:
        return
    console.OUT.print("Recorded only (checked, in the state, but the emulator lacks it):")
    for thing in told:
        console.OUT.print(f"  {thing}", markup=False, soft_wrap=True)


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


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("[", r"\[")
