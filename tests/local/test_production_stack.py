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


def test_a_replica_comes_with_failover_in_one_deployment(deployed: Local) -> None:
    """It goes in one, too, by the last test: failover is off before the last replica goes."""
    group = "aws:elasticache/replicationGroup:ReplicationGroup"
    done = deployed.do("up", "--set", "redisReplicas=1")
    assert done[f"{group} {deployed.one(group).name}"] == "update"
    (seen,) = deployed.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert (seen["AutomaticFailover"], len(seen["MemberClusters"])) == ("enabled", 2)
    assert seen.get("PendingModifiedValues", {}) == {}


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
    assert set(done.values()) == {"update", "delete"}  # the alarms of the replica
    (seen,) = deployed.aws("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert (seen["AutomaticFailover"], len(seen["MemberClusters"])) == ("disabled", 1)
    (database,) = deployed.deployed("aws:rds/instance:Instance")
    (redis,) = deployed.deployed("aws:elasticache/replicationGroup:ReplicationGroup")
    (edge,) = [
        each
        for each in deployed.deployed("aws:lambda/function:Function")
        if each.inputs.get("skipDestroy")
    ]
    said = deployed.run("down")
    assert said.returncode == 0, said.stdout + said.stderr
    lines = [line for line in said.stdout.splitlines() if line.startswith("kept on purpose")]
    kept = [line for line in lines if "task-definition/otakaro-dt-" not in line]
    assert len(lines) >= len(kept) + 4  # the revisions of each service, which cost nothing
    names = [
        edge.inputs["name"],
        database.inputs["finalSnapshotIdentifier"],
        redis.inputs["finalSnapshotIdentifier"],
    ]
    assert len(kept) == len(names)
    assert all(any(name in line for line in kept) for name in names)
    assert deployed.resources() == []
