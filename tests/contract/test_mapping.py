"""Each input goes to the API member that someone has looked at."""

from collections.abc import Iterator

import pytest

from local.provider.catalogue import TYPES, find
from local.provider.model import operation
from tests.contract.mapping import computed, frozen


def test_the_mapping_is_the_frozen_one():
    assert computed() == frozen(), "python -m tests.contract.mapping writes the file anew"


@pytest.mark.parametrize("token", sorted(TYPES))
def test_every_operation_and_output_of_an_entry_exists(token: str):
    entry = find(token)
    steps = (entry.create, *entry.read, *entry.also, *entry.update, *entry.delete)
    assert all(operation(step.service or entry.service, step.op) for step in steps)
    assert set(entry.outputs) <= {*entry.schema.outputs, "arn", "id"}
    assert set(_inputs_named(token)) <= set(entry.schema.inputs)


def _inputs_named(token: str) -> Iterator[str]:
    entry = find(token)
    yield from (key for key in entry.replace.split() if key != "*")
    yield from entry.client.split()
    yield from entry.unread.split()
    yield from (
        path.split(".")[0] for path in (*entry.words.names, *entry.words.values, *entry.seen)
    )
    yield from entry.defaults
