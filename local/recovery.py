"""What a command that was cut off had begun: taken over into the state instead of made twice.

The engine writes down what it is about to create, and what it has created. Between the two it knows
nothing of the thing; the emulator does (CREATIONS in `gateway/`, on AWS it would be CloudTrail).
"""

import json
from collections.abc import Mapping
from typing import Any

from pulumi import automation

from local import emulator
from local.provider.aws import Aws
from local.provider.catalogue import find
from local.provider.parts import Context

_SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - how the engine marks a value
_CUT_OFF = "its creation was cut off"


def take_over(stack: automation.Stack, aws: Aws) -> list[str]:
    """Give the state the ids of what was made without its knowledge; the answer is their URNs.

    Such a thing is half made: the next `up` finishes it, `down` removes it. What wasn't made after
    all is forgotten.
    """
    exported = stack.export_stack()
    latest: dict[str, Any] = dict(exported.deployment or {})
    pending = latest.get("pending_operations") or []
    begun = [operation["resource"] for operation in pending if operation["type"] == "creating"]
    if not begun:
        return []
    resources: list[dict[str, Any]] = latest.get("resources") or []
    tokens = aws.creations()
    found = []
    for resource in begun:
        token = tokens.get(resource["urn"])
        id_ = made(resource, _region(resource, resources), aws, token) if token else ""
        if id_ and not any(_is(other, resource["urn"], id_) for other in resources):
            _insert(resources, {**resource, "id": id_})
            found.append(str(resource["urn"]))
    latest["pending_operations"] = [each for each in pending if each["type"] != "creating"]
    exported.deployment = latest
    stack.import_stack(exported)
    return found


def made(resource: Mapping[str, Any], region: str, aws: Aws, token: str) -> str:
    """The id of what a creation with this token made, empty when it is gone again."""
    kind = find(resource["type"])
    if kind.recorded:
        return ""
    urn, inputs = str(resource["urn"]), opened(resource.get("inputs") or {})
    context = Context(aws=aws, region=region, account=emulator.ACCOUNT, creating=urn, token=token)
    _, id_ = kind.begin(inputs, context)
    return id_ if kind.look(context.scope(inputs, id=id_), context) is not None else ""


def opened(value: Any) -> Any:
    """A value of an exported state with its secrets opened."""
    if isinstance(value, dict):
        if _SECRET in value and "plaintext" in value:
            return json.loads(value["plaintext"])
        return {key: opened(part) for key, part in value.items()}
    if isinstance(value, list):
        return [opened(part) for part in value]
    return value


def _is(resource: Mapping[str, Any], urn: str, id_: str) -> bool:
    return bool(resource["urn"] == urn and resource.get("id") == id_)


def _region(resource: Mapping[str, Any], resources: list[dict[str, Any]]) -> str:
    """Its own region, or that of its provider."""
    urn = str(resource.get("provider", "")).rpartition("::")[0]
    given = [each["inputs"].get("region") for each in resources if each["urn"] == urn]
    return str(resource["inputs"].get("region") or (given and given[0]) or "")


def _insert(resources: list[dict[str, Any]], half: dict[str, Any]) -> None:
    """Put a half-made thing among the resources.

    Where its predecessor is still in use, it is for the engine to remove: the next `up` replaces
    that again.
    """
    inputs = half.get("inputs") or {}
    half["outputs"] = {key: value for key, value in inputs.items() if not key.startswith("__")}
    half["initErrors"] = [_CUT_OFF]
    for resource in resources:
        if resource["urn"] == half["urn"] and not resource.get("delete"):
            if resource.get("pendingReplacement"):
                resources.remove(resource)
            else:
                half["delete"] = True
                del half["initErrors"]
            break
    resources.append(half)
