"""Faults put into a recorded program, to see them caught."""

import copy
import json
from dataclasses import dataclass, replace
from typing import Any

from local.record import Recording, Resource


@dataclass(frozen=True)
class Fault:
    """An input of every resource of a kind with another value; without a path, none of the kind."""

    kind: str
    path: str = ""  # keys and indices between dots, also within a JSON text
    value: Any = None  # None takes the input away

    def __str__(self) -> str:
        kind = self.kind.partition(":")[2]
        return f"{kind} {self.path}={json.dumps(self.value)}" if self.path else f"no {kind}"


def seeded(recording: Recording, *faults: Fault) -> Recording:
    """`recording` with the faults in it; the original stays as it is."""
    resources = recording.resources
    for fault in faults:
        if not any(recording.of(fault.kind)):
            raise ValueError(f"the program has no {fault.kind} to spoil")
        resources = [
            _spoilt(resource, fault) if resource.type.endswith(fault.kind) else resource
            for resource in resources
            if fault.path or not resource.type.endswith(fault.kind)
        ]
    return Recording(resources=resources, outputs=recording.outputs)


def _spoilt(resource: Resource, fault: Fault) -> Resource:
    inputs = {key: copy.deepcopy(v) for key, v in resource.inputs.items() if key != "code"}
    _put(inputs, fault.path.split("."), fault.value)
    return replace(resource, inputs=inputs)


def _put(place: Any, keys: list[str], value: Any) -> None:
    head, *rest = keys
    key = int(head) if isinstance(place, list) else head
    if not rest:
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    elif isinstance(place, dict) and isinstance(place[key], str):
        document = json.loads(place[key])
        _put(document, rest, value)
        place[key] = json.dumps(document)
    else:
        _put(place[key], rest, value)
