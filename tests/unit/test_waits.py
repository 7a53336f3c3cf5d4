"""How long a first `up` waits is known, and no longer than it must be."""

from dataclasses import replace
from itertools import pairwise

import pytest

from local import waits
from local.bench import REPORT
from local.record import Recording, Resource


def thing(like: Recording, name: str, kind: str, *after: str, parent: str = "") -> Resource:
    """A resource that waits for others, by name."""
    return replace(
        like.resources[0],
        type=kind,
        name=name,
        urn=name,
        parent=parent,
        inputs={},
        dependencies=frozenset(after),
    )


DATABASE = "aws:rds/instance:Instance"
SUBNET = "aws:ec2/subnet:Subnet"
FUNCTION = "aws:lambda/function:Function"


def test_the_longest_chain_is_near_what_aws_alone_forces(production: Recording) -> None:
    """Computed from the graph and the data file, so the same on every machine."""
    assert 1.0 <= waits.ratio(production) <= 1.15


def test_a_needless_wait_would_be_seen(production: Recording) -> None:
    """The load balancer, say, that waits for the database."""
    [database] = production.of("rds/instance:Instance")
    spoilt = [
        replace(resource, dependencies=resource.dependencies | {database.urn})
        if resource.type == "aws:elasticache/replicationGroup:ReplicationGroup"
        else resource
        for resource in production.resources
    ]
    before, after = waits.longest(production), waits.longest(Recording(resources=spoilt))
    assert after.seconds > before.seconds + 300


def test_the_chain_is_one_in_the_graph(production: Recording) -> None:
    graph = waits.edges(production)
    urn = {(resource.type, resource.name): resource.urn for resource in production.resources}
    steps = [urn[step.kind, step.name] for step in waits.longest(production).steps]
    assert len(steps) > 3
    assert all(before in graph[after] for before, after in pairwise(steps))


def test_who_waits_for_a_component_waits_for_all_in_it(production: Recording) -> None:
    recording = Recording(
        resources=[
            thing(production, "shelf", "otakaro:index:Shelf"),
            thing(production, "store", DATABASE, parent="shelf"),
            thing(production, "reader", SUBNET, "shelf"),
        ]
    )
    assert [step.name for step in waits.longest(recording).steps] == ["store", "reader"]
    together = waits.typical(DATABASE) + waits.typical(SUBNET)
    assert waits.longest(recording).seconds == together > waits.typical(DATABASE) > 300


def test_what_aws_does_not_ask_for_is_not_in_the_floor(production: Recording) -> None:
    recording = Recording(
        resources=[
            thing(production, "store", DATABASE),
            thing(production, "starter", FUNCTION, "store"),
        ]
    )
    together = waits.typical(DATABASE) + waits.typical(FUNCTION)
    assert waits.longest(recording).seconds == together
    assert waits.longest(recording, ours=False).seconds == waits.typical(DATABASE)


def test_a_function_in_the_network_takes_longer_than_one_outside(
    production: Recording,
) -> None:
    outside = thing(production, "f", FUNCTION)
    inside = replace(outside, inputs={"vpcConfig": {"subnetIds": ["a"]}})
    assert waits.seconds(inside) > waits.seconds(outside)


@pytest.mark.parametrize("wait", waits.data()["ours"], ids=lambda w: w["kind"] + w["after"])
def test_every_wait_that_is_called_ours_is_one_of_the_program(
    production: Recording, wait: dict[str, str]
) -> None:
    kinds = {resource.urn: resource.type for resource in production.resources}
    pairs = {
        (kinds[urn], kinds[after])
        for urn, others in waits.edges(production).items()
        for after in others
    }
    assert (wait["kind"], wait["after"]) in pairs
    assert wait["why"]


def test_each_time_is_the_middle_of_logs_or_what_people_report() -> None:
    for kind, entry in waits.data()["seconds"].items():
        assert ("logs" in entry) != ("typical" in entry), kind
        assert entry["seen"], kind
        assert entry.get("logs", []) == sorted(entry.get("logs", [])), kind
        assert waits.typical(kind) > waits.data()["other"], kind


def test_one_slow_run_does_not_make_a_kind_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mean would."""
    logs = {"seconds": {DATABASE: {"logs": [300, 400, 2000]}}}
    monkeypatch.setattr(waits, "data", lambda: logs)
    assert waits.typical(DATABASE) == 400


def test_the_benchmarks_tell_the_chain_as_it_is(production: Recording) -> None:
    """When this fails, `make bench` or `python -m local.waits` gives the section anew."""
    assert "\n".join(waits.report(production)) in REPORT.read_text(encoding="utf-8")
