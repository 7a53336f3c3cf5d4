"""Each input goes to the API member that someone has looked at."""

from collections.abc import Iterator

import pytest

from local.provider.catalogue import TYPES, find
from local.provider.model import operation
from tests.contract.mapping import computed, frozen

KEPT = {  # nothing of its own to delete
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:lambda/invocation:Invocation",
    "aws:route53/record:Record",  # by its content
    "aws:sns/topicPolicy:TopicPolicy",
}


def test_the_mapping_is_the_frozen_one() -> None:
    assert computed() == frozen(), "python -m tests.contract.mapping writes the file anew"


@pytest.mark.parametrize("token", sorted(TYPES))
def test_every_operation_and_output_of_an_entry_exists(token: str) -> None:
    entry = find(token)
    changes = [step for step, _ in entry.updates]
    steps = (entry.create, *entry.reads, *entry.also, *entry.then, *changes, *entry.deletes)
    assert all(operation(entry.service, step.op) for step in steps)
    assert entry.reads or entry.recorded
    assert entry.deletes or entry.recorded or token in KEPT
    assert set(entry.outputs) <= {*entry.schema.outputs, "arn", "id"}
    assert set(_inputs_named(token)) <= set(entry.schema.inputs)


def _inputs_named(token: str) -> Iterator[str]:
    entry = find(token)
    yield from (key for key in entry.replace.split() if key != "*")
    yield from (*entry.client.split(), *entry.unread.split(), *entry.defaults)
    yield from (path.split(".")[0] for path in (*entry.words.names, *entry.values, *entry.seen))
