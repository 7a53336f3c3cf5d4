"""A push or a secret's edit, and nothing else: the rules, queues and function do the rest.

The tests go on from each other, in their order, on one deployed stack. While edits of a secret wait
for the end of their burst, those tests run that touch none of its readers.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dxf
import pytest

from local import images
from tests.local.services import BACKEND, BY_HAND, PREFIX, World, until
from tests.local.stack import ROOT, Local

STACK = "local"
GEOSERVER, TERRIAMAP = f"{PREFIX}-geoserver", f"{PREFIX}-terriamap"
SETTING = ("--set", "geoserverMemory=6144")  # is in an environment variable of GeoServer's
DELAY = 5  # s that a push waits in its queue
BURST = 60  # s that edits of secrets do


@pytest.fixture(scope="module")
def world(local: Local) -> World:
    """The stack, deployed once; its first deployments have ended."""
    local.do("up")
    found = World(local)
    found.settle()
    return found


@pytest.fixture(scope="module")
def older() -> Iterator[Path]:
    """An image that is pushed twice."""
    with images.made(architecture="arm64", title="older") as layout:
        yield layout


def test_a_push_to_a_stack_that_is_not_deployed_is_told(local: Local) -> None:
    assert "is not deployed" in error(local, "push", "--service", "backend")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("push", "--service", "frontend"), "backend, terriamap, geoserver"),
        (("push", "--service", "backend", "--tag", "a b"), "TAG=a b is no tag"),
        (("push", "--service", "backend", "--image", "oci:/nowhere"), "there is no /nowhere"),
        (("push", "--service", "backend", "--image", "README.md"), "README.md is no archive"),
        (("secret", "--name", "OTHER"), "OTHER is no parameter"),
        (("restart", "--service", "frontend"), "geoserver, terriamap, backend"),
        (("logs", "--service", "geoserver", "--since", "soon"), "SINCE=soon is no length of time"),
        (("shell", "--service", "geoserver"), "no container runs on the emulated AWS"),
        (("secret", "--name", "NIWA_API_KEY"), "there is no value"),
    ],
)
@pytest.mark.usefixtures("world")
def test_what_a_command_cannot_do_is_told(local: Local, words: tuple[str, ...], told: str) -> None:
    assert told in error(local, *words)


def error(local: Local, *words: str) -> str:
    """The single line that a command fails with."""
    done = local.run(*words, VALUE="", PATH="/usr/bin:/bin")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("skopeo is")]
    assert line.startswith("error: ")
    return line


def test_the_first_up_starts_no_task_and_tells_nobody(world: World) -> None:
    """Registering scalable targets with a minimum would: images and secrets are missing."""
    for service in world.services:
        assert world.tasks(service) == (0, 0)
        assert world.scale(service) == (0, "suspended")
        assert [one["status"] for one in world.deployments(service)] == ["SUCCESSFUL"]
        assert world.image(service) is None
    assert world.told() == []


def test_the_first_push_waits_for_secrets_and_says_so(world: World, older: Path) -> None:
    said = world.local.run("push", "--service", "backend", "--image", f"oci:{older}", "--tag", "v1")
    assert said.returncode == 0, said.stdout + said.stderr
    for service in BACKEND:
        assert world.tasks(service) == (0, 0)
        assert f"{service} waits for {' and '.join(BY_HAND)}" in said.stdout
    assert world.tagged(f"{PREFIX}-backend-ecr", "live") == world.tagged(
        f"{PREFIX}-backend-ecr", "v1"
    )


def test_filled_secrets_start_each_service_once_at_its_minimum(world: World) -> None:
    before = world.counts()
    for name in [*BY_HAND, "CESIUM_ACCESS_TOKEN"]:
        world.edit(name, f"secret of {name}")
    world.settle()
    assert world.counts() == before | {service: before[service] + 1 for service in BACKEND}
    pushed = world.tagged(f"{PREFIX}-backend-ecr", "v1")
    for service in BACKEND:
        start = world.services[service]["start"]
        assert world.tasks(service) == (start, start)
        assert world.scale(service) == (world.services[service]["minimum"], "by policies")
        assert world.image(service) == pushed
    # Another service's secret, edited while it has no image.
    assert world.tasks(TERRIAMAP) == (0, 0)
    assert any(f"{TERRIAMAP} waits for an image" in line for line in world.log())
    assert world.tagged(f"{PREFIX}-backend-ecr", "live-good") == pushed


def test_a_push_rolls_the_services_of_its_repository_alone(world: World) -> None:
    before = world.counts()
    started = time.time()
    said = world.local.run("push", "--service", "backend", "--tag", "v2")
    assert said.returncode == 0, said.stdout + said.stderr
    assert world.counts() == before | {service: before[service] + 1 for service in BACKEND}
    for service in BACKEND:
        assert world.image(service) == world.tagged(f"{PREFIX}-backend-ecr", "v2")
        assert world.tasks(service)[1] > 0
        rolled = world.deployments(service)[0]["createdAt"].timestamp()
        assert started + DELAY <= rolled < started + DELAY + 10
        assert f"{service}: SUCCESSFUL" in said.stdout
    assert "-> rule " in said.stdout


def test_a_service_that_an_operator_stopped_stays_so(world: World) -> None:
    """Whatever else raises a count: an alarm of scaling, the function, a push."""
    worker = BACKEND[0]
    world.stop(worker)
    assert world.tasks(worker) == (0, 0)
    world.alarm(f"{worker}-queue")
    world.look()
    said = world.local.run("push", "--service", "backend", "--tag", "v2-again")
    assert f"{worker} stays stopped" in said.stdout
    assert f"{worker} was stopped: make start" in said.stdout
    assert world.tasks(worker) == (0, 0)
    world.release(worker)
    world.look()
    start = world.services[worker]["start"]
    assert world.tasks(worker) == (start, start)
    assert world.image(worker) == world.tagged(f"{PREFIX}-backend-ecr", "v2-again")
    # And now the alarm adds one.
    world.alarm(f"{worker}-queue")
    until(lambda: world.tasks(worker) == (start + 1, start + 1))


def test_pushes_that_are_no_release_roll_nothing(world: World) -> None:
    world.settle()
    before, tags = world.counts(), world.tagged(f"{PREFIX}-backend-ecr", "live")
    registry = dxf.DXF(f"127.0.0.1:{world.local.port}", f"{PREFIX}-backend-ecr", insecure=True)
    live = str(registry.get_manifest("live"))
    with images.made(architecture="arm64", title="signature") as layout:
        for tag in (f"sha256-{'a' * 64}.sig", "buildcache"):
            images.push_layout(layout, world.target(f"{PREFIX}-backend-ecr", tag))
    with images.made(architecture="arm64", title="part") as layout:
        (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
        images.push_layout(layout, world.target(f"{PREFIX}-backend-ecr", entry["digest"]))
    registry.set_manifest("live", live)
    world.settle()
    assert world.counts() == before
    assert world.tagged(f"{PREFIX}-backend-ecr", "live") == tags
    said = [line for line in world.log() if line.endswith("is no release")]
    for tag in (f"sha256-{'a' * 64}.sig", "buildcache", "None", "live"):
        assert any(f"{PREFIX}-backend-ecr:{tag} " in line for line in said), tag


def test_an_event_that_comes_again_does_nothing_more(world: World) -> None:
    before = world.counts()
    event = {
        "id": "again",
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "time": rolled_at(world, "v2"),
        "resources": [],
        "detail": {
            "action-type": "PUSH",
            "result": "SUCCESS",
            "repository-name": f"{PREFIX}-backend-ecr",
            "image-tag": "v2",
            "image-digest": world.tagged(f"{PREFIX}-backend-ecr", "v2"),
        },
    }
    answer = world.local.aws("lambda").invoke(
        FunctionName=f"{PREFIX}-rollout", Payload=json.dumps(event).encode()
    )
    (decision,) = json.load(answer["Payload"])["decisions"]
    assert decision.endswith("was rolled out before")
    assert world.counts() == before


def rolled_at(world: World, tag: str) -> str:
    """When the push of a tag was, by the function's note on the image."""
    found = world.local.aws("ecr").describe_images(
        repositoryName=f"{PREFIX}-backend-ecr", imageIds=[{"imageTag": tag}]
    )["imageDetails"][0]["imageTags"]
    note = max(each for each in found if each.startswith("rolled-"))
    return str(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(note, "rolled-%Y%m%dT%H%M%SZ")))


@dataclass
class Edit:
    """Two edits of a secret that is waiting to restart its readers."""

    command: "subprocess.Popen[str]"
    before: dict[str, int]
    at: float


@pytest.fixture(scope="module")
def edit(world: World) -> Edit:
    """Begun once."""
    before = world.counts(*BACKEND)
    world.edit("NIWA_API_KEY", "one")
    command = world.local.start("secret", "--name", "NIWA_API_KEY", VALUE="two-in-confidence")
    return Edit(command, before, time.time())


@pytest.mark.usefixtures("edit")
def test_a_changed_variable_leaves_the_pushed_image(world: World) -> None:
    world.local.run("push", "--service", "geoserver", "--tag", "v1")
    assert world.tasks(GEOSERVER) == (1, 1)
    pushed = world.tagged(f"{PREFIX}-geoserver-ecr", "v1")
    before = world.counts(GEOSERVER, TERRIAMAP)
    done = world.local.do("up", *SETTING)
    assert set(done) == {
        f"aws:ecs/taskDefinition:TaskDefinition {GEOSERVER}",
        f"aws:ecs/service:Service {GEOSERVER}",
    }
    world.settle("images.fifo")
    assert world.counts(GEOSERVER, TERRIAMAP) == before | {GEOSERVER: before[GEOSERVER] + 1}
    assert world.image(GEOSERVER) == pushed
    assert world.tasks(GEOSERVER) == (1, 1)


def test_a_broken_image_is_taken_back_and_people_are_told(world: World) -> None:
    good = world.tagged(f"{PREFIX}-geoserver-ecr", "live")
    letters = mailbox(world)
    said = world.local.run("push", "--service", "geoserver", "--tag", "broken", "--crash")
    assert said.returncode == 0, said.stdout + said.stderr
    broken = world.tagged(f"{PREFIX}-geoserver-ecr", "broken")
    newest = world.deployments(GEOSERVER)[0]
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    assert world.image(GEOSERVER) == broken
    assert world.tagged(f"{PREFIX}-geoserver-ecr", "live") == good != broken
    assert f"{GEOSERVER}: ROLLBACK_SUCCESSFUL" in said.stdout
    (letter,) = letters()
    assert letter["Subject"] == f"Deployment of {GEOSERVER} failed"
    assert broken in letter["Message"]


def mailbox(world: World) -> Callable[[], list[dict[str, str]]]:
    """A reader of what people are told from now on."""
    sqs, sns = world.local.aws("sqs"), world.local.aws("sns")
    url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    sns.subscribe(
        TopicArn=world.variables["TOPIC_ARN"],
        Protocol="sqs",
        Endpoint=asked["Attributes"]["QueueArn"],
    )

    def read() -> list[dict[str, str]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"]) for each in found]

    return read


def test_edits_of_a_secret_restart_its_readers_once(world: World, edit: Edit) -> None:
    others = world.counts(GEOSERVER, TERRIAMAP)
    said, complained = edit.command.communicate(timeout=120)
    assert edit.command.returncode == 0, said + complained
    assert "two-in-confidence" not in said + complained
    world.settle()
    assert world.counts(*BACKEND) == {service: edit.before[service] + 1 for service in BACKEND}
    assert world.counts(GEOSERVER, TERRIAMAP) == others
    for service in BACKEND:
        assert world.deployments(service)[0]["createdAt"].timestamp() > edit.at + BURST - 1
        assert f"{service}: new deployment" in said
        assert world.image(service) == world.tagged(f"{PREFIX}-backend-ecr", "live")


def test_an_older_image_under_a_new_tag_is_a_rollback_by_hand(world: World, older: Path) -> None:
    back = ("--image", f"oci:{older}", "--tag", "back-to-v1")
    said = world.local.run("push", "--service", "backend", *back)
    assert said.returncode == 0, said.stdout + said.stderr
    before = world.tagged(f"{PREFIX}-backend-ecr", "v1")
    assert before != world.tagged(f"{PREFIX}-backend-ecr", "v2")
    assert [world.image(service) for service in BACKEND] == [before, before]
    assert world.tagged(f"{PREFIX}-backend-ecr", "live") == before


def test_status_shows_what_was_pushed_and_what_failed(world: World) -> None:
    said = world.local.run("status")
    assert said.returncode == 0, said.stdout + said.stderr
    rows = {line.lstrip("! ").split()[0]: line for line in said.stdout.splitlines() if line.strip()}
    for service in BACKEND:
        row = rows[service.removeprefix(f"{PREFIX}-")]
        running, desired = world.tasks(service)
        assert row.startswith("  ")
        assert f"{running} of {desired} " in row
        assert "v1" in row  # the image has both tags
        assert "back-to-v1" in said.stdout
        assert (world.image(service) or "none")[:19] in said.stdout
    assert rows["terriamap"].startswith("  ")
    assert "0 of 0" in said.stdout
    assert max(len(line) for line in said.stdout.splitlines()) <= 100


def test_a_real_accounts_status_is_the_same_screen(world: World) -> None:
    """The way that the chain of credentials leads, which ends at the emulator here."""
    account = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "x"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    said = subprocess.run(
        [sys.executable, "-m", "operate", "status", "--stack", STACK],
        cwd=ROOT,
        env={**kept, **account, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{world.local.port}"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    first, *screen = said.stdout.splitlines()
    assert first.startswith(f"{PREFIX} in AWS account 123456789012, ap-southeast-2")
    emulated = world.local.run("status").stdout.splitlines()
    ours = next(number for number, line in enumerate(emulated) if line.startswith(PREFIX))
    tasks = re.compile(r" \d+ of \d+ ")
    rows = [line for line in screen if tasks.search(line)]
    assert [row.split()[:6] for row in rows] == [
        line.split()[:6] for line in emulated[ours:] if tasks.search(line)
    ]
    assert len(rows) == len(world.services)


def test_logs_show_the_lines_of_a_service_as_they_come(world: World) -> None:
    logs, group = world.local.aws("logs"), f"/ecs/{GEOSERVER}"
    logs.create_log_stream(logGroupName=group, logStreamName="task/x/0123456789abcdef")

    def write(text: str) -> None:
        logs.put_log_events(
            logGroupName=group,
            logStreamName="task/x/0123456789abcdef",
            logEvents=[{"timestamp": int(time.time() * 1000), "message": text}],
        )

    write("a line before")
    reading = world.local.start("logs", "--service", "geoserver")
    try:
        assert reading.stdout is not None
        assert reading.stdout.readline().endswith("  geoserver/01234567  a line before\n")
        write("a line since")
        assert reading.stdout.readline().endswith("  geoserver/01234567  a line since\n")
    finally:
        reading.kill()
        reading.communicate(timeout=20)
    decided = world.local.run("logs", "--service", "rollout", "--since", "1h", "--once")
    assert "Rolled: " in decided.stdout


def test_the_prompt_is_of_the_database_behind_the_instance(world: World) -> None:
    if not world.local.has_database:
        assert "install PostgreSQL with PostGIS" in error(world.local, "psql")
        return
    said = subprocess.run(
        [sys.executable, "-m", "local", "psql"],
        cwd=ROOT,
        env=world.local.environment,
        input="select current_user, extname from pg_extension where extname = 'postgis';\n",
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert "otakaro      | postgis" in said.stdout


def test_a_restart_rolls_the_service_and_keeps_its_image(world: World) -> None:
    before, image = world.counts(), world.image(BACKEND[1])
    said = world.local.run("restart", "--service", "backend-flask")
    assert said.returncode == 0, said.stdout + said.stderr
    assert world.counts() == before | {BACKEND[1]: before[BACKEND[1]] + 1}
    assert world.image(BACKEND[1]) == image
    assert f"{BACKEND[1]}: SUCCESSFUL, " in said.stdout


def test_up_leaves_what_pushes_edits_and_failures_did(world: World) -> None:
    world.settle()
    before = world.counts(), [world.image(service) for service in world.services]
    assert world.local.do("up", *SETTING) == {}
    assert (world.counts(), [world.image(service) for service in world.services]) == before
