"""The stack `production`, with its own configuration: protected until that is lifted."""

import pytest

from tests.local.seen import Seen
from tests.local.stack import Local

STACK = "production"


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once."""
    local.do("up")
    return local


class TestSeen(Seen):
    """Right after the first `up`."""


def test_up_again_changes_nothing(deployed: Local) -> None:
    assert deployed.do("up") == {}


def test_down_is_refused_with_the_way_to_lift_the_protection(deployed: Local) -> None:
    before = deployed.resources()
    said = deployed.run("down")
    assert said.returncode == 1
    assert "resources are protected" in said.stderr
    assert "otakaro-dt-pg" in said.stderr
    assert "make up STACK=production SET=protectData=false" in said.stderr
    assert deployed.resources() == before


def test_after_that_only_what_is_meant_to_stay_stays(deployed: Local) -> None:
    done = deployed.do("up", "--set", "protectData=false")
    assert set(done.values()) == {"update"}
    (database,) = deployed.deployed("aws:rds/instance:Instance")
    (edge,) = [
        each
        for each in deployed.deployed("aws:lambda/function:Function")
        if each.inputs.get("skipDestroy")
    ]
    said = deployed.run("down")
    assert said.returncode == 0, said.stdout + said.stderr
    kept = [line for line in said.stdout.splitlines() if line.startswith("kept on purpose")]
    assert len(kept) == 2
    assert database.inputs["finalSnapshotIdentifier"] in kept[1]
    assert edge.inputs["name"] in kept[0]
    assert deployed.resources() == []
