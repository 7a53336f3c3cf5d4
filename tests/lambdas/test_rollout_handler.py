"""Services roll after a push, after a secret's change and after a failure: once, and rightly."""

import copy
import functools
import json
import random
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lambdas.cluster import Aws, UnavailableError, Wire
from tests.lambdas.loading import LAMBDAS, load

TERRIA, BACKEND = "twin-terriamap-ecr", "twin-backend-ecr"
MAP, FLASK, CELERY = "twin-terriamap", "twin-backend-flask", "twin-backend-celery"
CESIUM, NIWA, DATABASE = "/twin/CESIUM", "/twin/NIWA", "/twin/DATABASE"
SERVICES: dict[str, dict[str, Any]] = {
    MAP: {"repository": TERRIA, "start": 1, "minimum": 1, "maximum": 1, "parameters": [CESIUM]},
    FLASK: {
        "repository": BACKEND,
        "start": 1,
        "minimum": 1,
        "maximum": 3,
        "parameters": [NIWA, DATABASE],
    },
    CELERY: {
        "repository": BACKEND,
        "start": 2,
        "minimum": 2,
        "maximum": 4,
        "parameters": [NIWA, DATABASE],
    },
}
TOPIC = "arn:aws:sns:ap-southeast-2:123456789012:twin"
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "ap-southeast-2",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "CLUSTER": "twin-ecs",
            "SERVICES": json.dumps(SERVICES),
            "BY_HAND": json.dumps([CESIUM, NIWA]),
            "POINTER": "live",
            "TOPIC_ARN": TOPIC,
        }.items():
            patch.setenv(name, value)
        yield load(LAMBDAS / "rollout" / "handler.py")


Start = Callable[..., Aws]


@pytest.fixture(scope="module")
def start(module: ModuleType) -> Start:
    """A fresh account; `running` as if the given image had been running everywhere for long."""
    wire = Wire()
    for client in clients(module):
        wire.attach(client)

    @functools.cache
    def begun(running: str | None) -> Aws:
        wire.aws = aws = Aws("twin-ecs", SERVICES)
        aws.by_hand = frozenset({CESIUM, NIWA})
        if running is not None:
            run_everywhere(module, aws, running)
        return aws

    def start(running: str | None = None) -> Aws:
        wire.aws = copy.deepcopy(begun(running))
        return wire.aws

    return start


def run_everywhere(module: ModuleType, aws: Aws, image: str) -> None:
    """Push it, and wait for the deployments."""
    aws.versions = dict.fromkeys(aws.versions, 2)
    for repository in aws.tags:
        module.handler(aws.push(repository, image, "v0"), None)
    for service in aws.services:
        aws.settle(service)
    drain(module, aws)
    aws.wait(600)
    aws.calls.clear()


def clients(module: ModuleType) -> list[Any]:
    """The clients of the handler and of its counts."""
    own = [module.ecr, module.ecs, module.ssm, module.sns]
    return [*own, module.counts.ecs, module.counts.scaling]


LOOK = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def deliver(module: ModuleType, event: dict[str, Any]) -> str:
    decisions = module.handler(event, None)["decisions"]
    assert len(decisions) == 1
    assert "\n" not in decisions[0]
    return str(decisions[0])


def drain(module: ModuleType, aws: Aws) -> None:
    """Deliver all events, in order, until there are no more."""
    while aws.events:
        deliver(module, aws.events.pop(0))


# Pushes.


def test_a_push_rolls_the_services_of_its_repository(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    decision = deliver(module, aws.push(BACKEND, B, "v1"))
    assert aws.tags[BACKEND]["live"] == B
    assert aws.tags[TERRIA]["live"] == A
    assert aws.services[FLASK].newest.image == aws.services[CELERY].newest.image == B
    assert aws.services[MAP].newest.image == A
    assert decision == (f"Rolled: {BACKEND}:v1 ({B}) replaces {A}: {FLASK} rolls, {CELERY} rolls")


def test_a_roll_takes_eight_calls(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    deliver(module, aws.push(TERRIA, B, "v1"))
    pages = [call for call in aws.calls if call != "describe_images"]
    assert pages == [
        *("batch_get_image", "describe_services", "describe_scalable_targets", "put_image"),
        *("get_parameters", "update_service", "put_image"),
    ]


def test_a_roll_keeps_the_number_of_tasks(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    aws.services[CELERY].desired = 4
    deliver(module, aws.push(BACKEND, B, "v1"))
    assert aws.services[CELERY].desired == 4


def test_a_repeated_event_does_nothing(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    push = aws.push(BACKEND, B, "v1")
    deliver(module, push)
    aws.calls.clear()
    assert "rolled out before" in deliver(module, push)
    assert set(aws.calls) == {"describe_images"}


def test_an_old_push_does_not_overtake_a_newer_one(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    older = aws.push(BACKEND, B, "v1")
    aws.wait(1)
    newer = aws.push(BACKEND, C, "v2")
    deliver(module, newer)
    assert "older than" in deliver(module, older)
    assert aws.tags[BACKEND]["live"] == C


def test_a_rollback_by_hand_is_the_newest_push(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    newer = aws.push(BACKEND, B, "v1")
    deliver(module, newer)
    aws.wait(60)
    deliver(module, aws.push(BACKEND, A, "rollback"))
    assert aws.tags[BACKEND]["live"] == A
    assert aws.services[FLASK].newest.image == A
    deliver(module, newer)
    assert aws.tags[BACKEND]["live"] == A


def test_a_second_tag_of_the_image_that_runs_rolls_nothing(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    deliver(module, aws.push(BACKEND, B, "v1"))
    aws.wait(5)
    late = aws.push(BACKEND, C, "v2")
    aws.wait(5)
    aws.calls.clear()
    assert "runs already" in deliver(module, aws.push(BACKEND, B, "latest"))
    assert "update_service" not in aws.calls
    # But it is the newest push, also for an event that comes late.
    assert "older than" in deliver(module, late)


def test_an_image_whose_tag_went_on_is_left_alone(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    older = aws.push(BACKEND, B, "latest")
    aws.wait(9)
    aws.push(BACKEND, C, "latest")
    assert "lost its tags" in deliver(module, older)


@pytest.mark.parametrize(
    "tag",
    [
        None,
        "",
        "live",
        "live-good",
        "rolled-20241123T101500Z",
        f"sha256-{'a' * 64}.sig",
        f"sha256-{'a' * 64}.att",
        f"sha256-{'a' * 64}.sbom",
        f"sha256-{'a' * 64}",
        "buildcache",
        "main-buildcache-arm64",
        "build-cache",
        "cache",
    ],
)
def test_a_push_that_is_no_release_is_ignored(
    module: ModuleType, start: Start, tag: str | None
) -> None:
    aws = start(running=A)
    push = aws.push(BACKEND, B, "x")
    push["detail"]["image-tag"] = tag
    if tag is None:
        del push["detail"]["image-tag"]
    assert "no release" in deliver(module, push)
    assert aws.calls == []


@pytest.mark.parametrize(
    "tag", ["v1", "latest", "lively", "fix-cache-headers", "rolled-out", "a.sig"]
)
def test_other_tags_are_releases(module: ModuleType, start: Start, tag: str) -> None:
    aws = start(running=A)
    assert deliver(module, aws.push(BACKEND, B, tag)).startswith("Rolled")


def test_an_artifact_is_no_container(
    module: ModuleType, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = start(running=A)
    kind = "application/vnd.buildkit.cacheconfig.v0"
    answer = {"imageDetails": [{"imageDigest": B, "imageTags": ["x"], "artifactMediaType": kind}]}
    monkeypatch.setattr(aws, "describe_images", lambda **_: answer)
    assert "no container" in deliver(module, aws.push(BACKEND, B, "x"))
    assert aws.calls == ["describe_images"]


@pytest.mark.parametrize(
    "change",
    [{"result": "FAILURE"}, {"action-type": "DELETE"}, {"repository-name": "of-someone-else"}],
)
def test_what_is_no_push_of_ours_is_ignored(
    module: ModuleType, start: Start, change: dict[str, str]
) -> None:
    aws = start(running=A)
    push = aws.push(BACKEND, B, "v1")
    push["detail"] |= change
    assert deliver(module, push).startswith("Ignored")
    assert aws.calls == []


def test_a_roll_that_broke_off_is_done_again(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    push = aws.push(BACKEND, B, "v1")
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):
        deliver(module, push)
    assert aws.tags[BACKEND]["live"] == B
    aws.fails = lambda _number: False
    assert deliver(module, push).startswith("Rolled")
    assert aws.services[FLASK].newest.image == aws.services[CELERY].newest.image == B


def test_two_rolls_that_broke_off_leave_no_service_behind(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    wrong = aws.push(BACKEND, B, "v1")
    aws.fails = lambda number: aws.calls[:number].count("update_service") == 2
    with pytest.raises(UnavailableError):  # flask rolls, celery doesn't
        deliver(module, wrong)
    aws.wait(5)
    rollback = aws.push(BACKEND, A, "v0-again")
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):
        deliver(module, rollback)
    aws.fails = lambda _number: False
    assert deliver(module, rollback).endswith(f": {FLASK} rolls")
    assert aws.services[FLASK].newest.image == aws.services[CELERY].newest.image == A


def test_a_start_that_broke_off_is_done_again(module: ModuleType, start: Start) -> None:
    aws = start()
    deliver(module, aws.edit(CESIUM))
    push = aws.push(TERRIA, A, "v1")
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):
        deliver(module, push)
    aws.fails = lambda number: aws.calls[number - 1] == "register_scalable_target"
    with pytest.raises(UnavailableError):
        deliver(module, push)
    aws.fails = lambda _number: False
    service = aws.services[MAP]
    assert (service.desired, service.minimum, service.suspended) == (1, 0, True)
    assert "runs already" in deliver(module, push)
    aws.events.clear()
    aws.settle(MAP)
    assert deliver(module, aws.events.pop()).endswith(f"{MAP} scales from 1 to 1")
    assert (service.desired, service.minimum, service.suspended) == (1, 1, False)


def test_messages_of_a_queue_are_events_too(
    module: ModuleType, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = start(running=A)
    bodies = [aws.push(TERRIA, B, "v1"), aws.push(BACKEND, B, "v1")]
    capsys.readouterr()
    records = [{"eventSource": "aws:sqs", "body": json.dumps(body)} for body in bodies]
    decisions = module.handler({"Records": records}, None)["decisions"]
    assert [decision[:6] for decision in decisions] == ["Rolled", "Rolled"]
    assert capsys.readouterr().out.splitlines() == decisions


@pytest.mark.parametrize("event", [{}, {"source": "aws.s3", "detail-type": "Object Created"}])
def test_other_events_are_ignored(module: ModuleType, start: Start, event: dict[str, str]) -> None:
    aws = start()
    assert deliver(module, event).startswith("Ignored")
    assert aws.calls == []


# Starting, and secrets.


def test_a_service_waits_for_its_secrets(module: ModuleType, start: Start) -> None:
    aws = start()
    decision = deliver(module, aws.push(BACKEND, A, "v1"))
    assert f"{FLASK} waits for {NIWA}" in decision
    assert aws.services[FLASK].desired == aws.services[CELERY].desired == 0


def test_the_last_secret_starts_what_waited(module: ModuleType, start: Start) -> None:
    aws = start()
    deliver(module, aws.push(BACKEND, A, "v1"))
    decision = deliver(module, aws.edit(NIWA))
    assert decision == f"Changed: {NIWA}: {FLASK} starts with 1, {CELERY} starts with 2"
    assert (aws.services[FLASK].desired, aws.services[CELERY].desired) == (1, 2)
    assert aws.services[CELERY].newest.image == A


def test_the_first_push_starts_a_service_whose_secrets_are_filled(
    module: ModuleType, start: Start
) -> None:
    aws = start()
    assert f"{MAP} waits for an image" in deliver(module, aws.edit(CESIUM))
    assert f"{MAP} starts with 1" in deliver(module, aws.push(TERRIA, A, "v1"))
    assert aws.services[MAP].newest.image == A


def test_a_deleted_secret_is_not_filled(
    module: ModuleType, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = start()
    answer = {"Parameters": [], "InvalidParameters": [CESIUM]}
    monkeypatch.setattr(aws, "get_parameters", lambda **_: answer)
    assert f"{MAP} waits for {CESIUM}" in deliver(module, aws.push(TERRIA, A, "v1"))


def test_more_than_ten_secrets_are_asked_in_parts(
    module: ModuleType, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = start()
    names = [f"/twin/{number}" for number in range(23)]
    aws.versions = dict.fromkeys(names, 2) | {names[20]: 1}
    monkeypatch.setattr(module, "BY_HAND", frozenset(names))
    monkeypatch.setitem(module.SERVICES, MAP, SERVICES[MAP] | {"parameters": names})
    assert f"{MAP} waits for {names[20]}" in deliver(module, aws.push(TERRIA, A, "v1"))
    assert aws.calls.count("get_parameters") == 3


def test_a_changed_secret_rolls_exactly_its_readers(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    decision = deliver(module, aws.edit(DATABASE))
    assert decision == f"Changed: {DATABASE}: {FLASK} rolls, {CELERY} rolls"
    assert [call for call in aws.calls if not call.startswith(("describe", "get"))] == [
        *("update_service", "update_service")
    ]


def test_a_burst_of_edits_is_one_roll(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    edits = []
    for _ in range(5):
        edits.append(aws.edit(NIWA))
        aws.wait(5)
    aws.wait(35)  # the queue's delay
    assert "rolls" in deliver(module, edits[2])
    aws.wait(2)
    for edit in edits:
        assert f"{FLASK} has it since" in deliver(module, edit)
    aws.wait(60)
    assert f"{FLASK} rolls" in deliver(module, aws.edit(NIWA))


@pytest.mark.parametrize("operation", ["Create", "Delete", "LabelParameterVersion"])
def test_only_an_update_changes_a_secret(module: ModuleType, start: Start, operation: str) -> None:
    aws = start(running=A)
    edit = aws.edit(NIWA)
    edit["detail"]["operation"] = operation
    assert deliver(module, edit).startswith("Ignored")
    assert aws.calls == []


def test_a_secret_that_no_one_reads_is_ignored(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    edit = aws.edit(NIWA)
    edit["detail"]["name"] = "/else"
    assert deliver(module, edit) == "Ignored: no service reads /else"
    assert aws.calls == []


# Good and bad images.


def test_an_image_is_good_when_all_its_services_run_it(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    deliver(module, aws.push(BACKEND, B, "v1"))
    aws.events.clear()
    aws.settle(FLASK)
    assert f"{CELERY} doesn't yet" in deliver(module, aws.events.pop())
    assert aws.tags[BACKEND]["live-good"] == A
    aws.settle(CELERY)
    completed = aws.events.pop()
    assert deliver(module, completed).startswith(f"Good: {BACKEND} {B}")
    assert aws.tags[BACKEND]["live-good"] == B
    assert "noted as good before" in deliver(module, completed)


def test_a_part_of_an_index_stands_for_it(
    module: ModuleType, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = start(running=A)
    deliver(module, aws.push(TERRIA, B, "v1"))
    part = f"sha256:{'d' * 64}"
    images = [
        {
            "imageId": {"imageDigest": part},
            "imageManifest": json.dumps({"config": f"of {part}"}),
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        },
        {
            "imageId": {"imageDigest": B, "imageTag": "live"},
            "imageManifest": json.dumps({"manifests": [{"digest": part}], "of": B}),
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        },
    ]
    monkeypatch.setattr(aws, "batch_get_image", lambda **_: {"images": images})
    aws.services[MAP].newest.image = part
    aws.events.clear()
    aws.settle(MAP)
    deliver(module, aws.events.pop())
    assert aws.tags[TERRIA]["live-good"] == B


def test_steady_without_tasks_proves_nothing(module: ModuleType, start: Start) -> None:
    aws = start()
    deliver(module, aws.push(TERRIA, A, "v1"))
    aws.events.clear()
    aws.up(MAP)
    aws.settle(MAP)
    assert "without tasks" in deliver(module, aws.events.pop())
    assert "live-good" not in aws.tags[TERRIA]


def test_a_broken_image_whose_tasks_are_stopped_is_not_good(
    module: ModuleType, start: Start
) -> None:
    """ECS completes a deployment at 0 tasks that was failing a moment before."""
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.hold(MAP)
    aws.events.clear()
    aws.settle(MAP)
    assert aws.services[MAP].newest.status == "SUCCESSFUL"
    assert aws.services[MAP].newest.image == B
    completed = aws.events.pop()
    assert "without tasks" in deliver(module, completed)
    assert aws.tags[TERRIA]["live-good"] == A
    # And not when the service has tasks again that never come up.
    aws.release(MAP)
    deliver(module, LOOK)
    assert "proves nothing" in deliver(module, completed)
    assert aws.tags[TERRIA]["live-good"] == A
    # ECS goes back to what it takes for good, which is the broken image; the function doesn't.
    aws.events.clear()
    aws.settle(MAP)
    assert aws.services[MAP].newest.status == "ROLLBACK_FAILED"
    decision = deliver(module, aws.events[0])
    assert decision.startswith(f"Rolled back: {MAP} failed with {B}; {A} is live again")
    assert f"{MAP} rolls" in decision
    aws.settle(MAP)
    assert aws.services[MAP].runs == aws.tags[TERRIA]["live"] == A


def test_tasks_that_fail_after_a_deployment_without_tasks_prove_nothing(
    module: ModuleType, start: Start
) -> None:
    """Scaling raises a count without a deployment: the one at 0 tasks then has an image."""
    aws = start(running=A)
    aws.hold(MAP)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.up(MAP)
    aws.events.clear()
    aws.settle(MAP)
    aws._count(aws.services[MAP], 1)
    assert aws.services[MAP].steady is aws.services[MAP].newest
    assert aws.services[MAP].newest.image == B
    assert f"no task of {MAP} runs {B}" in deliver(module, aws.events.pop())
    assert aws.tags[TERRIA]["live-good"] == A


@pytest.mark.parametrize("deregistered", [False, True])
def test_a_failed_up_and_a_failed_push_end_with_the_good_image(
    module: ModuleType, start: Start, deregistered: bool
) -> None:
    """ECS goes back to the revision before, unless its task definition was deregistered."""
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.up(MAP, deregister=deregistered)
    aws.settle(MAP)
    status = "ROLLBACK_FAILED" if deregistered else "ROLLBACK_SUCCESSFUL"
    assert aws.services[MAP].newest.status == status
    drain(module, aws)
    aws.settle(MAP)
    drain(module, aws)
    assert aws.services[MAP].runs == aws.tags[TERRIA]["live"] == A
    assert len(aws.mail) == 1


def test_a_service_without_tasks_keeps_no_image_from_being_good(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    aws.hold(CELERY)
    decision = deliver(module, aws.push(BACKEND, B, "v1"))
    assert f"{CELERY} stays stopped" in decision
    aws.events.clear()
    aws.settle(FLASK)
    assert deliver(module, aws.events.pop()).startswith(f"Good: {BACKEND} {B}")


def test_a_first_start_beside_a_service_that_runs_proves_nothing_yet(
    module: ModuleType, start: Start
) -> None:
    aws = start()
    deliver(module, aws.push(BACKEND, A, "v1"))
    deliver(module, aws.edit(NIWA))
    aws.events.clear()
    aws.settle(FLASK)
    assert f"{CELERY} doesn't yet" in deliver(module, aws.events.pop())
    assert "live-good" not in aws.tags[BACKEND]


@pytest.mark.parametrize(("broken", "outcome"), [(False, "Good"), (True, "Rolled back")])
def test_a_record_that_lags_is_waited_for(
    module: ModuleType, start: Start, broken: bool, outcome: str
) -> None:
    aws = start(running=A)
    aws.broken = {B} if broken else set()
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.events.clear()
    aws.wait(90)
    aws.settle(MAP)
    ended, status = aws.events[0], aws.services[MAP].newest.status
    aws.services[MAP].newest.status = "IN_PROGRESS"
    with pytest.raises(TimeoutError, match="still lists"):
        deliver(module, ended)
    aws.services[MAP].newest.status = status
    assert deliver(module, ended).startswith(outcome)


def test_a_failure_moves_the_pointer_back_and_tells_people(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    aws.broken.add(B)
    push = aws.push(TERRIA, B, "v1")
    deliver(module, push)
    aws.events.clear()
    aws.settle(MAP)
    failed, completed = aws.events
    # ECS's own rollback completes too; that isn't the new image's doing, whatever comes first.
    assert "proves nothing" in deliver(module, completed)
    aws.calls.clear()
    decision = deliver(module, failed)
    assert decision.startswith(f"Rolled back: {MAP} failed with {B}; {A} is live again")
    assert aws.tags[TERRIA]["live"] == A
    assert "update_service" not in aws.calls
    [mail] = aws.mail
    assert mail["topic"] == TOPIC
    assert MAP in mail["subject"]
    assert B in mail["message"]
    assert "circuit breaker" in mail["message"]
    assert "rolled out before" in deliver(module, push)
    assert aws.tags[TERRIA]["live"] == A


def test_a_failed_image_may_be_pushed_again(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.settle(MAP)
    drain(module, aws)
    aws.broken.clear()
    aws.wait(60)
    assert deliver(module, aws.push(TERRIA, B, "v1-again")).startswith("Rolled")
    assert aws.services[MAP].newest.image == B


def test_siblings_go_back_together(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    deliver(module, aws.push(BACKEND, B, "v1"))
    aws.settle(CELERY)
    aws.broken.add(B)
    aws.settle(FLASK)
    failed = next(event for event in aws.events if "FAILED" in json.dumps(event))
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):
        deliver(module, failed)
    aws.fails = lambda _number: False
    assert f"{CELERY} rolls" in deliver(module, failed)
    aws.settle(CELERY)
    assert aws.services[FLASK].runs == aws.services[CELERY].runs == A
    drain(module, aws)
    assert aws.tags[BACKEND]["live"] == aws.tags[BACKEND]["live-good"] == A


def test_a_failure_of_something_else_leaves_a_good_image(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    deliver(module, aws.edit(NIWA))
    aws.broken.add(A)
    aws.settle(FLASK)
    aws.settle(CELERY)
    aws.calls.clear()
    assert f"the good {A} is live" in deliver(module, aws.events[-2])
    assert not {"put_image", "update_service"} & set(aws.calls)
    assert len(aws.mail) == 1


def test_without_a_good_image_the_pointer_stays(module: ModuleType, start: Start) -> None:
    aws = start()
    aws.broken.add(A)
    deliver(module, aws.edit(CESIUM))
    deliver(module, aws.push(TERRIA, A, "v1"))
    aws.settle(MAP)
    assert "no image has run before" in deliver(module, aws.events[-1])
    assert aws.tags[TERRIA]["live"] == A
    assert len(aws.mail) == 1


def test_a_failure_that_a_newer_push_overtook_moves_nothing(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.settle(MAP)
    failed = aws.events[-2]
    aws.wait(5)
    deliver(module, aws.push(TERRIA, C, "v2"))
    assert "newest deployment is IN_PROGRESS" in deliver(module, failed)
    assert aws.tags[TERRIA]["live"] == C


def test_a_failure_moves_nothing_from_an_image_that_is_yet_to_roll(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.settle(MAP)
    failed = aws.events[-2]
    aws.wait(5)
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):
        deliver(module, aws.push(TERRIA, C, "v2"))
    aws.fails = lambda _number: False
    assert f"but {C} came since" in deliver(module, failed)
    assert aws.tags[TERRIA]["live"] == C


@pytest.mark.parametrize("late", ["while the next rolls", "after its failure", "never"])
def test_a_failure_goes_back_to_the_last_image_that_all_ran_however_late_its_events(
    module: ModuleType, start: Start, late: str
) -> None:
    aws = start(running=A)
    deliver(module, aws.push(BACKEND, B, "v1"))
    aws.events.clear()
    aws.settle(FLASK)
    aws.settle(CELERY)
    completed = [*aws.events]
    aws.wait(60)
    aws.broken.add(C)
    deliver(module, aws.push(BACKEND, C, "v2"))
    if late == "while the next rolls":
        assert deliver(module, completed[0]).startswith(f"Good: {BACKEND} {B}")
    aws.events.clear()
    aws.settle(FLASK)
    aws.settle(CELERY)
    aws.calls.clear()
    drain(module, aws)
    if late == "after its failure":
        assert "proves nothing" in deliver(module, completed[0])
    assert aws.tags[BACKEND]["live"] == aws.tags[BACKEND]["live-good"] == B
    assert "update_service" not in aws.calls  # ECS itself went back to it


def test_an_image_pushed_again_amid_a_failure_is_still_good(
    module: ModuleType, start: Start
) -> None:
    aws = start(running=A)
    deliver(module, aws.push(BACKEND, B, "v1"))
    aws.events.clear()
    aws.settle(FLASK)
    aws.settle(CELERY)
    completed = [*aws.events]
    aws.wait(60)
    aws.broken.add(C)
    deliver(module, aws.push(BACKEND, C, "v2"))
    for event in completed:  # late: another image rolls already
        deliver(module, event)
    aws.events.clear()
    aws.settle(FLASK)
    aws.settle(CELERY)
    ended = [*aws.events]
    aws.wait(60)
    again = aws.push(BACKEND, B, "v1-again")
    aws.fails = lambda number: aws.calls[number - 1] == "update_service"
    with pytest.raises(UnavailableError):  # the pointer is there, but nothing rolls
        deliver(module, again)
    aws.fails = lambda _number: False
    for event in ended:
        deliver(module, event)
    assert "runs already" in deliver(module, again)
    assert aws.tags[BACKEND]["live"] == aws.tags[BACKEND]["live-good"] == B


def test_what_ecs_has_forgotten_the_note_knows(module: ModuleType, start: Start) -> None:
    aws = start(running=A)
    aws.broken.add(B)
    deliver(module, aws.push(TERRIA, B, "v1"))
    aws.events.clear()
    aws.settle(MAP)
    del aws.services[MAP].deployments[:-1]
    drain(module, aws)
    assert aws.tags[TERRIA]["live"] == aws.tags[TERRIA]["live-good"] == A


@pytest.mark.parametrize(
    ("change", "resource"),
    [
        ({"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS"}, f"service/twin-ecs/{MAP}"),
        ({}, f"service/other/{MAP}"),
        ({}, "service/twin-ecs/other"),
        ({}, f"service/{MAP}"),
    ],
)
def test_other_deployments_are_ignored(
    module: ModuleType, start: Start, change: dict[str, str], resource: str
) -> None:
    aws = start(running=A)
    detail = {"eventName": "SERVICE_DEPLOYMENT_FAILED", "reason": "x"} | change
    arn = f"arn:aws:ecs:ap-southeast-2:123456789012:{resource}"
    event = aws.event("aws.ecs", "ECS Deployment State Change", detail, arn)
    assert deliver(module, event).startswith("Ignored")
    assert aws.calls == []
    assert aws.mail == []


# Any order, any repetition, any failure.


@given(st.integers(0, 2**32), st.integers(1, 14), st.booleans(), st.booleans())
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_interleaving_of_pushes_edits_failures_and_ups_ends_with_the_newest_push(
    module: ModuleType,
    start: Start,
    seed: int,
    steps: int,
    with_broken: bool,
    with_outages: bool,
) -> None:
    dice = random.Random(seed)
    aws = start(running=A)
    images = [f"sha256:{digit * 64}" for digit in "0123456"]
    if with_broken:
        aws.broken = set(dice.sample(images, 3))
    newest: tuple[str, str] = ("", "")
    edited = aws.now
    delivered: list[dict[str, Any]] = []
    aws.events.clear()

    def deliver_one() -> None:
        again = delivered and dice.random() < 0.3
        event = dice.choice(delivered if again else aws.events)
        if with_outages and dice.random() < 0.3:
            last = len(aws.calls) + dice.randrange(1, 8)
            aws.fails = lambda number: number == last
        try:
            deliver(module, event)
        except UnavailableError:
            if again:  # it will come once more
                delivered.remove(event)
                aws.events.append(event)
        else:
            if not again:
                aws.events.remove(event)
                delivered.append(event)
            both = [aws.services[service] for service in (FLASK, CELERY)]
            run = {service.runs for service in both if service.desired > 0}
            # One that was deployed without tasks, and has some by now, proves nothing.
            if event["source"] == "aws.ecs" and len(run) == 1 and not run & aws.broken:
                assert run == {aws.tags[BACKEND]["live-good"]}
        finally:
            aws.fails = lambda _number: False

    def push() -> None:
        nonlocal newest
        digest = dice.choice(images)
        event = aws.push(BACKEND, digest, f"v{len(aws.tags[BACKEND])}-{aws.now:%H%M%S}")
        newest = max(newest, (event["time"], digest))

    def edit() -> None:
        nonlocal edited
        aws.edit(NIWA)
        edited = aws.now

    for _ in range(steps):
        push()
        for _ in range(dice.randrange(4)):
            aws.wait(dice.choice((0, 0.4, 1, 7)))
            if dice.random() < 0.2:
                edit()
            elif dice.random() < 0.15:
                aws.up(dice.choice((FLASK, CELERY)), deregister=dice.random() < 0.3)
            elif dice.random() < 0.15:
                aws.scale(dice.choice((FLASK, CELERY)), dice.choice((-1, 1)))
            elif dice.random() < 0.1:
                held = aws.services[CELERY].held
                (aws.release if held else aws.hold)(CELERY)
            elif dice.random() < 0.1:
                aws.events.append({**LOOK})
            elif dice.random() < 0.4:
                aws.settle(dice.choice((FLASK, CELERY)))
            elif aws.events:
                deliver_one()
        aws.wait(1)
    aws.release(CELERY)
    aws.events.append({**LOOK})
    for _ in range(1000):
        aws.wait(1)
        if aws.events:
            deliver_one()
        elif all(service.newest.status != "IN_PROGRESS" for service in aws.services.values()):
            break
        if dice.random() < 0.3 or not aws.events:
            aws.settle(dice.choice((FLASK, CELERY)))
    else:
        pytest.fail("it doesn't come to rest")

    tags = aws.tags[BACKEND]
    both = [aws.services[FLASK], aws.services[CELERY]]
    if newest[1] not in aws.broken:
        assert tags["live"] == tags["live-good"] == newest[1]
    else:
        assert tags["live"] not in aws.broken
        assert tags["live"] == tags["live-good"]
    assert {service.runs for service in both} == {tags["live"]}
    assert all(service.newest.created >= edited for service in both)
    assert aws.tags[TERRIA]["live"] == A
    for service in both:
        facts = SERVICES[service.name]
        assert facts["minimum"] <= service.desired <= facts["maximum"]
        assert (service.minimum, service.maximum) == (facts["minimum"], facts["maximum"])
        assert not service.suspended
    assert aws.unready == []


@given(st.integers(0, 2**32), st.integers(5, 40))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_happens_no_task_starts_before_image_and_secrets_and_all_that_may_run_does(
    module: ModuleType, start: Start, seed: int, steps: int
) -> None:
    """From the first `up` on: pushes and secrets in any order, alarms of scaling, operators,
    changed settings, updates of scalable targets by someone else, and calls that fail."""
    dice = random.Random(seed)
    aws = start()
    names = list(SERVICES)
    stopped: dict[str, int] = {}  # services that an operator has, with their number of tasks

    def push(name: str) -> None:
        aws.push(SERVICES[name]["repository"], dice.choice((A, B)), f"v{len(aws.events)}")

    def edit(name: str) -> None:
        aws.edit(dice.choice(SERVICES[name]["parameters"]))

    def hold(name: str) -> None:
        aws.hold(name)
        stopped[name] = 0

    def release(name: str) -> None:
        if stopped.pop(name, None) is not None:
            aws.release(name)

    def change(name: str) -> None:
        """`pulumi up` with other settings: the function's environment is all that changes."""
        least = dice.randrange(1, 4)
        module.counts.SERVICES[name]["minimum"] = least
        module.counts.SERVICES[name]["maximum"] = dice.randrange(least, 6)
        module.counts.SERVICES[name]["start"] = least

    def reset(name: str) -> None:
        """An update of the scalable target that isn't the function's."""
        service = aws.services[name]
        service.minimum, service.maximum = 0, dice.randrange(1, 6)
        aws._count(service, min(service.desired, service.maximum))

    acts: list[Callable[[str], object]] = [
        *(push, edit, edit, hold, release, change, reset, aws.up, aws.settle),
        *(lambda name: aws.scale(name, 1), lambda name: aws.scale(name, -1)),
        lambda _name: aws.events.append({**LOOK}),
    ]

    def deliver_one() -> None:
        event = aws.events[0]
        if dice.random() < 0.2:
            last = len(aws.calls) + dice.randrange(1, 8)
            aws.fails = lambda number: number == last
        try:
            deliver(module, event)
            aws.events.pop(0)
        except UnavailableError:
            pass  # it comes again
        finally:
            aws.fails = lambda _number: False

    before = copy.deepcopy(module.counts.SERVICES)
    try:
        for _ in range(steps):
            if aws.events and dice.random() < 0.6:
                deliver_one()
            else:
                dice.choice(acts)(dice.choice(names))
            for name, count in stopped.items():
                assert aws.services[name].desired == count
            assert aws.unready == []
            aws.wait(dice.choice((0, 1, 60)))
        for _ in range(3):
            for name in names:
                aws.settle(name)
            drain(module, aws)
            aws.wait(60)
        deliver(module, LOOK)
        for name, service in aws.services.items():
            facts = module.counts.SERVICES[name]
            missing = [key for key in SERVICES[name]["parameters"] if key in aws.by_hand]
            ready = "live" in aws.tags[service.repository] and all(
                aws.versions[key] > 1 for key in missing
            )
            if name in stopped:
                continue
            if ready:
                assert facts["minimum"] <= service.desired <= facts["maximum"]
                assert (service.minimum, service.maximum) == (facts["minimum"], facts["maximum"])
                assert not service.suspended
            else:
                assert (service.desired, service.minimum, service.suspended) == (0, 0, True)
        assert aws.unready == []
        assert aws.mail == []
    finally:
        module.counts.SERVICES.update(before)
