"""The stack `local` from nothing to nothing, in the order of the tests.

An ordinary user deploys it, from a checkout whose path has spaces and more, in a hostile shell.
"""

import json
import os
import signal
import socket
import time

import pytest

from local import database
from tests.local.seen import Seen
from tests.local.stack import Local

STACK = "local"
ORDINARY = True


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once."""
    local.do("up")
    return local


def test_where_postgis_is_installed_a_database_is_behind_rds(deployed: Local) -> None:
    assert deployed.has_database is (database.possible())


def test_jobs_in_the_redis_behind_elasticache_are_counted_each_minute(deployed: Local) -> None:
    """By the function that the program deploys, its clock, its log and the metric made of that."""
    assert deployed.redis("LPUSH celery one two three") == ":3"
    deadline = time.monotonic() + 150
    while "3 waiting" not in (said := deployed.run("status").stdout):
        assert time.monotonic() < deadline, said
        time.sleep(5)
    group = "/aws/lambda/otakaro-local-backend-queue"
    events = deployed.aws("logs").filter_log_events(logGroupName=group)["events"]
    lengths = [json.loads(e["message"]) for e in events if e["message"].startswith("{")]
    assert lengths[-1]["QueueLength"] == 3
    assert deployed.redis("DEL celery") == ":1"


class TestSeen(Seen):
    """Right after the first `up`."""


def test_a_preview_of_the_deployed_stack_changes_nothing(deployed: Local) -> None:
    assert deployed.do("preview") == {}


def test_up_again_changes_nothing(deployed: Local) -> None:
    assert deployed.do("up") == {}


def test_outputs_are_told_without_their_secrets(deployed: Local) -> None:
    said = deployed.run("outputs")
    assert said.returncode == 0
    assert "otakaro-local-backend-ecr" in said.stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["secret", "--name", "LINZ_API_KEY"], "LINZ_API_KEY"),
        (["push", "--service", "geoserver", "--tag", "v1"], "COMPLETED"),
        (["logs", "--service", "rollout", "--since", "1h", "--once"], "Rolled: "),
        (["restart", "--service", "geoserver"], "geoserver"),
        (["stop", "--service", "geoserver"], "no task is left"),
        (["start", "--service", "geoserver"], "geoserver"),
        (["cost", "--stack", "production"], "a month"),
    ],
    ids=lambda words: " ".join(words[:1]) if isinstance(words, list) else "",
)
def test_each_command_works_in_that_shell(deployed: Local, words: list[str], shown: str) -> None:
    done = deployed.run(*words, VALUE="a key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown in done.stdout


def test_a_changed_setting_is_exactly_that_change(deployed: Local) -> None:
    groups = {
        f"aws:cloudwatch/logGroup:LogGroup {group.name}": ["retentionInDays"]
        for group in deployed.deployed("aws:cloudwatch/logGroup:LogGroup")
        if group.inputs["retentionInDays"] == 7
    }
    assert groups
    done = deployed.do("up", "--set", "logRetentionDays=14")
    assert done == dict.fromkeys(groups, "update")
    assert deployed.changed_inputs() == groups
    name = deployed.deployed("aws:cloudwatch/logGroup:LogGroup")[0].id
    found = deployed.aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert found[0]["retentionInDays"] == 14
    assert deployed.do("up") == dict.fromkeys(groups, "update")


def test_what_was_deleted_behind_its_back_is_found_and_made_again(deployed: Local) -> None:
    topics = deployed.deployed("aws:sns/topic:Topic")
    parameter = next(
        each
        for each in deployed.deployed("aws:ssm/parameter:Parameter")
        if each.id.endswith("NIWA_API_KEY")
    )
    deployed.aws("ssm").delete_parameter(Name=parameter.id)
    assert deployed.do("refresh") == {f"{parameter.kind} {parameter.name}": "delete"}
    done = deployed.do("up")
    assert done[f"{parameter.kind} {parameter.name}"] == "create"
    assert topics
    assert not {f"{topic.kind} {topic.name}" for topic in topics} & done.keys()
    assert deployed.aws("ssm").get_parameter(Name=parameter.id)["Parameter"]["Name"]
    assert deployed.do("up") == {}


def test_an_emulator_that_lost_its_memory_is_filled_again(deployed: Local) -> None:
    before = len(deployed.resources())
    os.kill(deployed.emulator(), signal.SIGKILL)
    done = deployed.do("up")
    assert len([step for step in done.values() if step == "create"]) > before / 2
    assert len(deployed.resources()) == before
    assert deployed.do("up") == {}


def test_down_leaves_nothing_and_stops_the_emulator(deployed: Local) -> None:
    said = deployed.run("down")
    assert said.returncode == 0, said.stdout + said.stderr
    assert deployed.resources() == []
    assert "Nothing else is left; the emulator has stopped" in said.stdout
    kept = [line for line in said.stdout.splitlines() if line.startswith("kept on purpose")]
    assert all("task-definition/otakaro-local-" in line for line in kept)  # they cost nothing
    assert len(kept) >= 4
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", deployed.port), timeout=2)
