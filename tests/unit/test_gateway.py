"""What the gateway plays of AWS: events by the rules, ECS's record in ECS's own shapes."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from local.gateway import EVENTS
from local.gateway.admission import admits
from local.gateway.background import Background
from local.gateway.calls import Refused, Request
from local.gateway.deployments import ECS
from local.gateway.parameters import SSM
from local.gateway.registry import ECR
from local.gateway.restoration import restoration
from tests.unit.emulated import (
    ACCOUNT,
    PLACE,
    QUEUE,
    REGION,
    REPOSITORY,
    RULE,
    Served,
    World,
    policy,
)


@pytest.mark.parametrize(
    ("changes", "admitted"),
    [
        ({}, True),
        ({"Action": "sqs:*"}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": f"{RULE[:-3]}*"}}}, True),
        ({"Condition": {"ArnEquals": {"aws:SourceArn": [f"{RULE}-other"]}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, False),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Action": "sqs:ReceiveMessage"}, False),
        ({"Resource": f"{QUEUE}-other"}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_a_rule_is_let_in_by_the_targets_policy_alone(
    changes: dict[str, object], admitted: bool
) -> None:
    context = {"aws:SourceArn": RULE, "aws:SourceAccount": ACCOUNT}
    given = json.dumps(policy(**changes))
    assert admits(given, "sqs:SendMessage", QUEUE, context) is admitted
    assert not admits(None, "sqs:SendMessage", QUEUE, context)


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_goes_to_its_queue_in_the_targets_group(world: World) -> None:
    world.bus.emit(REGION, "aws.ecr", "ECR Image Action", {"image-tag": "v1"})
    world.later.work()
    (sent,) = world.aws.sent
    event = json.loads(sent["MessageBody"])
    assert sent["MessageGroupId"] == "group"
    assert (event["source"], event["resources"], event["region"]) == ("aws.ecr", [], REGION)
    assert event["detail"] == {"image-tag": "v1"}


def test_an_event_without_a_rule_or_with_a_closed_queue_goes_nowhere(world: World) -> None:
    world.aws.matching = False
    world.bus.emit(REGION, "aws.ecr", "ECR Image Action", {})
    world.later.work()
    world.aws.matching, world.aws.policy = True, None
    world.bus.emit(REGION, "aws.ecr", "ECR Image Action", {})
    world.later.work()
    assert world.aws.sent == []
    assert world.bus.journal[0]["rules"] == []
    assert "does not admit" in world.bus.journal[1]["rules"][0]["targets"][0]["outcome"]


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:letters"


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ({}, "published"),
        # EventBridge names neither rule nor account to SNS.
        ({"Condition": {"ArnEquals": {"aws:SourceArn": [RULE]}}}, "does not admit"),
        ({"Principal": {"Service": "cloudwatch.amazonaws.com"}}, "does not admit"),
    ],
)
def test_an_event_becomes_a_letter_where_the_topic_lets_it(
    world: World, condition: dict[str, object], outcome: str
) -> None:
    open_ = {"Action": ["sns:Publish"], "Resource": [TOPIC], "Condition": {}}
    world.aws.policy = policy(**(open_ | condition))
    world.aws.targets = [
        {
            "Arn": TOPIC,
            "InputTransformer": {
                "InputPathsMap": {"of": "$.detail.group", "code": "$.detail.containers[0].exitCode"}
                | {"none": "$.detail.nothing.here"},
                "InputTemplate": '"<of> ended with <code><none>"',
            },
        }
    ]
    detail = {"group": "service:app", "containers": [{"exitCode": 137}]}
    world.bus.emit(REGION, "aws.ecs", "ECS Task State Change", detail)
    world.later.work()
    told = world.bus.journal[-1]["rules"][0]["targets"][0]["outcome"]
    assert outcome in told
    letters = [sent["Message"] for sent in world.aws.sent]
    assert letters == (['"service:app ended with 137"'] if outcome == "published" else [])


def test_a_deployment_keeps_the_image_that_its_tag_had(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.later.work()
    world.aws.tags["live"] = "sha256:two"
    (image,) = world.images()
    assert image == {
        "containerName": "app",
        "image": f"{REPOSITORY}:live",
        "imageDigest": "sha256:one",
    }
    assert world.states() == ["SUCCESSFUL"]
    assert world.events() == ["IN_PROGRESS", "COMPLETED"]


def test_without_tasks_no_image_is_resolved(world: World) -> None:
    world.update(0)
    world.later.work()
    assert world.images() == []
    assert world.states() == ["SUCCESSFUL"]


def test_only_some_changes_of_a_service_start_a_deployment(world: World) -> None:
    world.update(0, networkConfiguration={"subnets": ["a"]})
    world.update(1, desiredCount=1)
    world.update(1, networkConfiguration={"subnets": ["a"]})
    assert len(world.states()) == 1
    world.update(1, networkConfiguration={"subnets": ["b"]})
    world.update(1, forceNewDeployment=True)
    world.update(1, definition="app:2")
    assert len(world.states()) == 4


def test_a_newer_deployment_stops_the_one_before(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.update(1, forceNewDeployment=True)
    world.later.work()
    assert world.states() == ["SUCCESSFUL", "STOPPED"]
    assert world.events().count("COMPLETED") == 1


def test_a_crashing_image_goes_back_to_the_revision_before(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.later.work()
    world.aws.tags["live"] = "sha256:two"
    world.aws.crashing.add("sha256:two")
    world.update(1, definition="app:2")
    world.later.work()
    assert world.states() == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    assert world.events()[2:] == ["IN_PROGRESS", "FAILED", "COMPLETED"]
    assert [each["taskDefinition"] for each in world.aws.updated] == ["app:1"]


def test_a_crash_with_nothing_before_it_stops(world: World) -> None:
    world.update(1)  # and there is no image at all
    world.later.work()
    assert world.states() == ["STOPPED"]
    assert world.events() == ["IN_PROGRESS", "FAILED"]
    described: dict[str, Any] = {
        "serviceArn": f"{PLACE}:service/cluster/app",
        "runningCount": 1,
        "deployments": [{"runningCount": 1, "rolloutState": "COMPLETED"}],
    }
    world.record.overlay(described)
    assert described["runningCount"] == 0
    assert described["deployments"][0]["rolloutState"] == "FAILED"


def running(world: World) -> list[int]:
    """How many tasks of each deployment's revision run, the newest first."""
    listed = world.record.listed({"service": "app", "cluster": "cluster"}, REGION)
    arns = [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]
    found = world.record.described({"serviceDeploymentArns": arns}, REGION)["serviceDeployments"]
    return [one["targetServiceRevision"]["runningTaskCount"] for one in found]


def test_a_deployment_that_was_failing_completes_at_no_tasks(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.later.work()
    assert running(world) == [1]
    world.aws.tags["live"] = "sha256:two"
    world.aws.crashing.add("sha256:two")
    world.update(1, forceNewDeployment=True)
    world.later.jobs.pop(0)()  # it has found its image
    world.update(0, desiredCount=0)
    world.later.work()
    assert world.states() == ["SUCCESSFUL", "SUCCESSFUL"]
    assert [image["imageDigest"] for image in world.images()] == ["sha256:two"]
    assert running(world) == [0, 0]
    # What ECS then goes back to is that very image.
    world.update(1, desiredCount=1, forceNewDeployment=True)
    world.later.work()
    assert world.states()[0] == "ROLLBACK_FAILED"
    assert running(world) == [0, 0, 0]


def test_tasks_that_a_higher_count_asks_for_may_not_start(world: World) -> None:
    world.update(0)
    world.later.work()
    world.update(1, desiredCount=1)
    world.later.work()
    assert world.states() == ["SUCCESSFUL"]
    assert world.events()[-1] == "SERVICE_TASK_START_IMPAIRED"
    assert running(world) == [0]
    world.aws.tags["live"] = "sha256:one"
    world.update(2, desiredCount=2)
    world.later.work()
    assert running(world) == [2]
    assert world.events().count("SERVICE_TASK_START_IMPAIRED") == 1


def deregister(world: World, name: str) -> None:
    """Have the task definition deregistered."""
    asked = Request({}, ECS, "DeregisterTaskDefinition", REGION, {"taskDefinition": name})
    definition = {"taskDefinitionArn": f"{PLACE}:task-definition/{name}"}
    follow = world.record.part.follows[ECS, "DeregisterTaskDefinition"]
    follow(asked, {"taskDefinition": definition})


@pytest.mark.parametrize("action", ["CreateService", "UpdateService", "RunTask"])
def test_a_deregistered_task_definition_is_rejected(world: World, action: str) -> None:
    deregister(world, "app:1")
    check = world.record.part.checks[ECS, action]

    async def ask(**asked: str) -> None:
        await check(Request({}, ECS, action, REGION, asked))

    for name in ("app:1", f"{PLACE}:task-definition/app:1"):
        with pytest.raises(Refused, match="TaskDefinition is inactive") as refused:
            asyncio.run(ask(taskDefinition=name))
        assert refused.value.code == "ClientException"
    asyncio.run(ask(taskDefinition="app:11"))
    asyncio.run(ask(service="app"))  # whose definition stays in use, whatever becomes of it


def test_the_circuit_breaker_cannot_go_back_to_a_deregistered_task_definition(
    world: World,
) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.later.work()
    world.aws.crashing.add("sha256:two")
    world.aws.tags["live"] = "sha256:two"
    world.update(1, definition="app:2")
    deregister(world, "app:1")
    world.later.work()
    assert world.states() == ["ROLLBACK_FAILED", "SUCCESSFUL"]
    assert world.aws.updated == []
    assert world.events()[-1] == "FAILED"


def test_answers_have_the_shapes_of_ecs(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    world.update(1)
    world.later.work()
    world.aws.crashing.add("sha256:one")
    world.update(1, forceNewDeployment=True)
    world.later.work()
    model = botocore.session.get_session().get_service_model("ecs")
    listed = world.record.listed({"service": "app", "cluster": "cluster"}, REGION)
    arns = [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]
    revisions = [one["targetServiceRevisionArn"] for one in listed["serviceDeployments"]]
    answers = {
        "ListServiceDeployments": listed,
        "DescribeServiceDeployments": world.record.described(
            {"serviceDeploymentArns": [*arns, "arn:missing"]}, REGION
        ),
        "DescribeServiceRevisions": world.record.revisions(
            {"serviceRevisionArns": [*revisions, "arn:missing"]}, REGION
        ),
    }
    for operation, answer in answers.items():
        shape: Any = model.operation_model(operation).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), f"{operation}: {report.generate_report()}"
        unknown = {key for one in next(iter(answer.values())) for key in one}
        assert unknown <= set(shape.members[next(iter(answer))].member.members), operation


def test_deployments_are_listed_in_pages_and_by_status(world: World) -> None:
    world.aws.tags["live"] = "sha256:one"
    for _ in range(3):
        world.update(1, forceNewDeployment=True)
    world.later.work()
    asked: dict[str, Any] = {"service": "app", "cluster": "cluster", "maxResults": 2}
    first = world.record.listed(asked, REGION)
    second = world.record.listed(asked | {"nextToken": first["nextToken"]}, REGION)
    assert [len(first["serviceDeployments"]), len(second["serviceDeployments"])] == [2, 1]
    assert "nextToken" not in second
    stopped = world.record.listed(asked | {"status": ["STOPPED"]}, REGION)
    assert len(stopped["serviceDeployments"]) == 2


# Requests as they come in.


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    return Served(monkeypatch)


@pytest.mark.parametrize(
    ("reference", "tag"), [("v1", {"image-tag": "v1"}), (f"sha256:{'a' * 64}", {})]
)
def test_a_registry_push_is_an_event(served: Served, reference: str, tag: dict[str, str]) -> None:
    digest = f"sha256:{'a' * 64}"
    served.answer = (201, [(b"Docker-Content-Digest", digest.encode())], b"")
    served.ask(method="PUT", path=f"/v2/some/app/manifests/{reference}")
    (event,) = served.events
    assert event["detail"] == tag | {
        "result": "SUCCESS",
        "repository-name": "some/app",
        "image-digest": digest,
        "action-type": "PUSH",
    }
    assert (event["resources"], event["region"]) == ([], REGION)


def test_what_aws_would_tell_can_be_posted(served: Served) -> None:
    event = {"source": "aws.backup", "detail-type": "Backup Job State Change", "detail": {"a": 1}}
    served.ask(path=EVENTS, content=event | {"resources": ["arn:r"]})
    (told,) = served.events
    assert {key: told[key] for key in event} == event
    assert (told["resources"], told["region"]) == (["arn:r"], REGION)
    assert served.got == []


def test_a_refused_request_is_no_event(served: Served) -> None:
    served.answers({}, status=400)
    served.ask(method="PUT", path="/v2/app/manifests/v1")
    served.ask(f"{SSM}.PutParameter", {"Name": "/a", "Value": "b"})
    assert served.events == []


@pytest.mark.parametrize(("version", "operation"), [(1, "Create"), (2, "Update")])
def test_a_parameters_edit_is_an_event_without_its_value(
    served: Served, version: int, operation: str
) -> None:
    served.answers({"Version": version})
    asked = {"Name": "/a/B", "Value": "in confidence", "Type": "SecureString"}
    served.ask(f"{SSM}.PutParameter", asked)
    (event,) = served.events
    assert event["detail"] == {"operation": operation, "name": "/a/B", "type": "SecureString"}
    assert event["resources"] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/a/B"]
    assert "in confidence" not in json.dumps(event)


def test_images_are_named_as_they_were_asked_for(served: Served) -> None:
    served.answers(
        {
            "images": [{"imageId": {"imageDigest": "sha256:one", "imageTag": "put-last"}}],
            "failures": [{"imageId": {"imageTag": "gone"}}],
        }
    )
    asked = {"repositoryName": "app", "imageIds": [{"imageTag": "gone"}, {"imageTag": "live"}]}
    _, said = served.ask(f"{ECR}.BatchGetImage", asked)
    assert said["images"][0]["imageId"] == {"imageDigest": "sha256:one", "imageTag": "live"}


def test_an_image_that_has_the_tag_is_not_put_again(served: Served) -> None:
    served.answers({"images": [{"imageId": {"imageDigest": "sha256:one"}}]})
    asked = {"repositoryName": "app", "imageTag": "live", "imageDigest": "sha256:one"}
    status, said = served.ask(f"{ECR}.PutImage", {**asked, "imageManifest": "{}"})
    assert (status, said["__type"]) == (400, "ImageAlreadyExistsException")
    assert served.events == []
    assert [target for target, _ in served.got] == [f"{ECR}.BatchGetImage"]


def test_ecs_is_asked_for_deployments_here(served: Served) -> None:
    status, said = served.ask(f"{ECS}.ListServiceDeployments", {"service": "app"})
    assert (status, said) == (200, {"serviceDeployments": []})
    assert served.got == []


def test_everything_else_passes_untouched(served: Served) -> None:
    served.answers({"some": "answer"})
    assert served.ask("AWSEvents.ListRules", {"a": 1}) == (200, {"some": "answer"})
    assert served.got == [("AWSEvents.ListRules", b'{"a": 1}')]
    assert served.events == []


@pytest.mark.parametrize("call", [f"{SSM}.PutParameter", f"{ECS}.ListServiceDeployments"])
def test_a_visitors_request_is_no_call_whatever_its_headers(served: Served, call: str) -> None:
    served.answers({"Version": 1})
    assert served.ask(call, {"Name": "/a"}, path="/_alb/balancer/wps")[1] == {"Version": 1}
    assert served.events == []


def test_what_goes_wrong_in_the_background_holds_up_nothing() -> None:
    background = Background()
    background.start()
    done: list[str] = []
    background.at(datetime.now(UTC) + timedelta(seconds=0.2), lambda: done.append("late"))
    background.later(0, lambda: done.append(str(1 // 0)))
    background.later(0, lambda: done.append("soon"))
    until = time.monotonic() + 5
    while len(done) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert done == ["soon", "late"]


class Databases:
    """An RDS with one encrypted instance and a snapshot of it."""

    SHOWN = {  # noqa: RUF012 - read only
        "Engine": "postgres",
        "EngineVersion": "15.13",
        "MasterUsername": "otakaro",
        "AllocatedStorage": 40,
        "DbiResourceId": "db-1",
    }

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        assert DBSnapshotIdentifier == "last"
        return {"DBSnapshots": [{**self.SHOWN, "Encrypted": True}]}

    def describe_db_instances(self, **asked: str) -> dict[str, Any]:
        assert asked in ({}, {"DBInstanceIdentifier": "pg"})
        return {"DBInstances": [{**self.SHOWN, "StorageEncrypted": True}]}


@pytest.mark.parametrize(
    "asked",
    [
        {"DBInstanceIdentifier": "pg-2", "DBSnapshotIdentifier": "last"},
        {
            "TargetDBInstanceIdentifier": "pg-2",
            "SourceDBInstanceIdentifier": "pg",
            "RestoreTime": "2026-11-20T03:00:00Z",
        },
        {
            "TargetDBInstanceIdentifier": "pg-2",
            "SourceDbiResourceId": "db-1",
            "UseLatestRestorableTime": "true",
        },
    ],
)
def test_a_restored_database_is_what_its_source_was_where_it_is_wanted(
    asked: dict[str, str],
) -> None:
    wanted = {"Port": "5432", "VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-1"}
    creation = restoration(
        {"Action": "Restore", "Version": "2014-10-31", **asked, **wanted}, Databases()
    )
    assert creation == {
        **wanted,
        "Action": "CreateDBInstance",
        "Version": "2014-10-31",
        "DBInstanceIdentifier": "pg-2",
        "Engine": "postgres",
        "EngineVersion": "15.13",
        "MasterUsername": "otakaro",
        "MasterUserPassword": "as-its-source-has-it",
        "AllocatedStorage": "40",
        "StorageEncrypted": "true",
    }
