"""A day of a stack that is stopped for the night: clocks that fire, and nobody who waits.

The tests go on from each other, in their order, on one deployed stack, from one day to the next.
The rule that has the function look fires by itself as well, so nothing is said of what a look would
end.
"""

import json
import urllib.request
from typing import Any

import pytest

from local.gateway import JOURNAL, SCHEDULES
from tests.local.services import BACKEND, BY_HAND, PREFIX, World, until
from tests.local.stack import Local
from tests.local.terminal import Terminal, block, typed

STACK = "local"
SETTINGS = (
    "--set",
    "runningHours=mon-fri 07:00-19:00",
    "--set",
    "databaseBackupWindow=00:00-01:00",
    "--set",
    "databaseMaintenanceWindow=tue:01:30-tue:02:30",
)
MORE_WORKERS = ("--set", "celeryMin=2", "--set", "celeryDesired=2")
REPOSITORY = f"{PREFIX}-backend-ecr"
QUEUE = f"{PREFIX}-rollout-images.fifo"


class Clocks:
    """The stack, its clocks, and what they move."""

    def __init__(self, local: Local) -> None:
        self.local = local
        self.world = World(local)

    def fire(self, order: str) -> dict[str, Any]:
        """Have a clock fire and its order be followed; what the journal has of it."""
        name = f"{PREFIX}-hours-{order.lower()}"
        before = self.delivered(name)
        request = urllib.request.Request(
            f"{self.local.account.endpoint}{SCHEDULES}", json.dumps({"name": name}).encode()
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        until(lambda: len(self.delivered(name)) > len(before))
        self.world.settle()
        return self.delivered(name)[-1]

    def delivered(self, name: str) -> list[dict[str, Any]]:
        """The journal's entries of a clock."""
        url = f"{self.local.account.endpoint}{JOURNAL}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            entries: list[dict[str, Any]] = json.loads(answer.read())["entries"]
        return [entry for entry in entries if [one["rule"] for one in entry["rules"]] == [name]]

    def state(self) -> dict[str, Any]:
        """What the function keeps."""
        found = self.local.aws("ssm").get_parameter(Name=f"/{PREFIX}/hours")
        state: dict[str, Any] = json.loads(found["Parameter"]["Value"])
        return state

    def database(self) -> str:
        """The database's status."""
        found = self.local.aws("rds").describe_db_instances()
        (instance,) = found["DBInstances"]
        return str(instance["DBInstanceStatus"])

    def scales(self) -> dict[str, tuple[int, str]]:
        """Of each service the minimum that scaling has, and what changes the count."""
        return {service: self.world.scale(service) for service in self.world.services}

    def tasks(self) -> dict[str, tuple[int, int]]:
        """The backend's tasks, asked for and running."""
        return {service: self.world.tasks(service) for service in BACKEND}


@pytest.fixture(scope="module")
def terminal(local: Local, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """An operator's terminal."""
    return Terminal(local, tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="module")
def clocks(local: Local, terminal: Terminal) -> Clocks:
    """The stack by day, with the backend running, set as the handbook has it."""
    terminal.run(typed(block("operate.md", "pulumi config set otakaro:runningHours")))
    found = Clocks(local)
    for name in BY_HAND:
        found.world.edit(name, f"secret of {name}")
    push(found, "day")
    assert all(running > 0 for _, running in found.tasks().values())
    return found


def push(clocks: Clocks, tag: str) -> str:
    """Push an image, wait until it is answered for; what the command said."""
    said = clocks.local.run("push", "--service", "backend", "--tag", tag)
    assert said.returncode == 0, said.stdout + said.stderr
    clocks.world.settle()
    return said.stdout


def test_the_clocks_are_there_as_aws_would_have_them(clocks: Clocks) -> None:
    scheduler = clocks.local.aws("scheduler")
    listed = scheduler.list_schedules()["Schedules"]
    queue = clocks.local.aws("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
    found = {one["Name"]: scheduler.get_schedule(Name=one["Name"]) for one in listed}
    assert {
        name.removeprefix(f"{PREFIX}-hours-"): one["ScheduleExpression"]
        for name, one in found.items()
    } == {
        "start": "cron(0 7 ? * MON,TUE,WED,THU,FRI *)",
        "stop": "cron(0 19 ? * MON,TUE,WED,THU,FRI *)",
    }
    for one in found.values():
        assert one["ScheduleExpressionTimezone"] == "Pacific/Auckland"
        assert (one["State"], one["GroupName"]) == ("ENABLED", "default")
        assert one["FlexibleTimeWindow"] == {"Mode": "OFF"}
        target = one["Target"]
        assert target["Arn"].rpartition(":")[2] == queue.rpartition("/")[2] == QUEUE
        assert target["SqsParameters"]["MessageGroupId"]
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
        clocks.local.aws("iam").get_role(RoleName=target["RoleArn"].rpartition("/")[2])


def test_by_day_a_start_and_a_look_change_nothing(clocks: Clocks) -> None:
    before = clocks.world.counts(), clocks.scales(), clocks.tasks()
    entry = clocks.fire("Start")
    assert [target["outcome"] for target in entry["rules"][0]["targets"]] == ["sent"]
    order = json.loads(entry["event"]["detail"]["input"])
    assert order["time"] == entry["event"]["time"]
    clocks.world.look()
    assert (clocks.world.counts(), clocks.scales(), clocks.tasks()) == before
    assert clocks.state() == {"phase": "day", "waiting": []}


def test_a_changed_range_acts_with_the_next_look(clocks: Clocks) -> None:
    """By day: a minimum above the count raises it, a maximum below lowers it."""
    assert clocks.local.do("refresh") == {}  # the range is not the program's
    worker = BACKEND[0]
    functions = {f"aws:lambda/function:Function {PREFIX}-rollout"}
    done = clocks.local.do("up", *SETTINGS, *MORE_WORKERS)
    assert functions <= set(done)
    assert not [urn for urn in done if "appautoscaling" in urn]
    clocks.world.look()
    assert clocks.world.scale(worker) == (2, "by policies")
    until(lambda: clocks.world.tasks(worker) == (2, 2))
    clocks.local.do("up", *SETTINGS, "--set", "celeryMax=1")
    clocks.world.look()
    assert clocks.world.scale(worker) == (1, "by policies")
    until(lambda: clocks.world.tasks(worker) == (1, 1))
    clocks.local.do("up", *SETTINGS)
    clocks.world.look()


def test_in_the_evening_all_services_stop_and_scaling_with_them(clocks: Clocks) -> None:
    clocks.fire("Stop")
    assert clocks.tasks() == dict.fromkeys(BACKEND, (0, 0))
    assert set(clocks.scales().values()) == {(0, "suspended")}
    clocks.world.alarm(f"{BACKEND[0]}-queue")
    assert clocks.tasks() == dict.fromkeys(BACKEND, (0, 0))
    assert clocks.state() == {"phase": "night", "waiting": sorted(BACKEND)}
    assert any("the database waits for" in line for line in clocks.world.log())


def test_the_database_stops_once_no_task_is_left(clocks: Clocks) -> None:
    clocks.world.look()
    assert any("the database stops" in line for line in clocks.world.log())
    until(lambda: clocks.database() == "stopped")


def test_a_push_at_night_starts_nothing(clocks: Clocks) -> None:
    said = push(clocks, "night")
    for service in BACKEND:
        assert f"{service} waits for the running hours" in said
    assert clocks.world.tagged(REPOSITORY, "live") == clocks.world.tagged(REPOSITORY, "night")
    assert clocks.tasks() == dict.fromkeys(BACKEND, (0, 0))


def test_what_is_stopped_for_the_night_is_no_change(clocks: Clocks) -> None:
    clocks.local.do("up", *SETTINGS, *MORE_WORKERS)
    clocks.world.look()
    assert set(clocks.scales().values()) == {(0, "suspended")}
    assert clocks.tasks() == dict.fromkeys(BACKEND, (0, 0))
    # Values that the program ignores are no change, the state of the hours and secrets included.
    assert clocks.local.do("refresh") == {}
    assert clocks.local.do("up", *SETTINGS, *MORE_WORKERS) == {}
    assert clocks.database() == "stopped"
    assert clocks.state() == {"phase": "night", "waiting": sorted(BACKEND)}


def test_in_the_morning_the_database_starts_and_then_the_services(clocks: Clocks) -> None:
    clocks.fire("Start")
    assert any("the database starts" in line for line in clocks.world.log())
    until(lambda: clocks.database() == "available")
    clocks.world.look()
    assert clocks.state() == {"phase": "day", "waiting": []}
    pushed = clocks.world.tagged(REPOSITORY, "night")
    services = World(clocks.local).services  # with the range of last night
    assert services[BACKEND[0]]["minimum"] == 2
    for service in BACKEND:
        facts = services[service]
        assert clocks.world.tasks(service) == (facts["start"], facts["start"])
        assert clocks.world.image(service) == pushed
        assert clocks.world.scale(service) == (facts["minimum"], "by policies")


def test_the_handbook_s_commands_stop_the_stack_and_start_it(
    clocks: Clocks, terminal: Terminal
) -> None:
    """docs/operate.md: at their end everything runs, with the image pushed."""
    said = terminal.run(typed(block("operate.md", "make up SET=")))
    assert "is stopped; " in said
    until(lambda: clocks.state() == {"phase": "day", "waiting": []})
    assert clocks.database() == "available"
    for service in (*BACKEND, f"{PREFIX}-geoserver"):
        until(lambda service=service: clocks.world.tasks(service)[1] > 0)  # type: ignore[misc]
