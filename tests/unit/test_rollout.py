"""A push, a changed secret and a deployment's end reach the function, which may answer them."""

import ast
import json
import re
from typing import Any

import pytest

from local.record import ACCOUNT, ROOT, Recording, document
from tests.unit.reading import arn, may, statements, trusted

NAME = "otakaro-dt-rollout"
SERVICES = [
    *("otakaro-dt-terriamap", "otakaro-dt-geoserver"),
    *("otakaro-dt-backend-flask", "otakaro-dt-backend-celery"),
]
REPOSITORIES = ["otakaro-dt-backend-ecr", "otakaro-dt-geoserver-ecr", "otakaro-dt-terriamap-ecr"]
IMAGES, SECRETS = arn("sqs", f"{NAME}-images.fifo"), arn("sqs", f"{NAME}-secrets")


def function(recording: Recording) -> dict[str, Any]:
    return recording["lambda/function:Function"][NAME]


def variables(recording: Recording) -> dict[str, str]:
    found: dict[str, str] = function(recording)["environment"]["variables"]
    return found


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """EventBridge's exact matching: a list holds the values that pass, any one of an array's."""
    for key, wanted in pattern.items():
        value = event.get(key)
        if isinstance(wanted, dict):
            if not isinstance(value, dict) or not matches(wanted, value):
                return False
        elif not set(wanted) & set(value if isinstance(value, list) else [value]):
            return False
    return True


def reached(recording: Recording, event: dict[str, Any]) -> list[str]:
    """The queues that an event comes to."""
    targets = {
        target["rule"]: target["arn"]
        for target in recording["cloudwatch/eventTarget:EventTarget"].values()
    }
    return [
        targets[name]
        for name, rule in recording["cloudwatch/eventRule:EventRule"].items()
        if "eventPattern" in rule  # the others are schedules
        if matches(document(rule["eventPattern"]), event)
    ]


def push(**detail: str) -> dict[str, Any]:
    """As ECR tells of a push; `resources` is empty."""
    return {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "resources": [],
        "detail": {
            "action-type": "PUSH",
            "result": "SUCCESS",
            "repository-name": "otakaro-dt-backend-ecr",
            "image-tag": "1.4.2",
            **detail,
        },
    }


def deployment(name: str, service: str = "otakaro-dt-terriamap") -> dict[str, Any]:
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "resources": [arn("ecs", service)],
        "detail": {"eventType": "INFO", "eventName": name, "deploymentId": "ecs-svc/1"},
    }


def change(name: str, operation: str = "Update") -> dict[str, Any]:
    return {
        "source": "aws.ssm",
        "detail-type": "Parameter Store Change",
        "resources": [arn("ssm", name)],
        "detail": {"name": name, "type": "SecureString", "operation": operation},
    }


# Events


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_a_push_to_a_repository_of_ours_is_answered(production: Recording, repository: str) -> None:
    assert reached(production, push(**{"repository-name": repository})) == [IMAGES]


@pytest.mark.parametrize(
    "event",
    [
        push(**{"repository-name": "another"}),
        push(**{"action-type": "DELETE"}),
        push(result="FAILURE"),
        deployment("SERVICE_DEPLOYMENT_IN_PROGRESS"),
        deployment("SERVICE_DEPLOYMENT_FAILED", "another"),
        change("/otakaro-dt/NIWA_API_KEY", "Create"),
        change("/otakaro-dt/NIWA_API_KEY", "LabelParameterVersion"),
        change("/otakaro-local/NIWA_API_KEY"),
    ],
)
def test_what_concerns_nobody_is_left_alone(production: Recording, event: dict[str, Any]) -> None:
    assert reached(production, event) == []


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", ["SERVICE_DEPLOYMENT_FAILED", "SERVICE_DEPLOYMENT_COMPLETED"])
def test_the_end_of_a_deployment_is_answered(
    production: Recording, service: str, name: str
) -> None:
    assert reached(production, deployment(name, service)) == [IMAGES]


def test_a_changed_secret_is_answered_if_a_service_reads_it(production: Recording) -> None:
    names = [p["name"] for p in production["ssm/parameter:Parameter"].values()]
    assert len(names) == 7
    for name in names:
        assert reached(production, change(name)) == [SECRETS]


def test_one_stack_doesnt_answer_the_others_events(local: Recording) -> None:
    assert reached(local, push()) == []
    assert reached(local, deployment("SERVICE_DEPLOYMENT_FAILED")) == []


# Queues


def test_pushes_wait_in_order_and_are_answered_one_at_a_time(production: Recording) -> None:
    queue = production["sqs/queue:Queue"][f"{NAME}-images"]
    assert queue["fifoQueue"] is True
    assert queue["contentBasedDeduplication"] is True
    for target in production["cloudwatch/eventTarget:EventTarget"].values():
        if target["arn"] == IMAGES:
            assert target["sqsTarget"] == {"messageGroupId": "images"}
    [feed] = [
        feed
        for feed in production["lambda/eventSourceMapping:EventSourceMapping"].values()
        if feed["eventSourceArn"] == IMAGES
    ]
    assert feed["batchSize"] == 1


def test_edits_of_secrets_wait_until_the_burst_is_over(production: Recording) -> None:
    queue = production["sqs/queue:Queue"][f"{NAME}-secrets"]
    assert "fifoQueue" not in queue
    assert queue["delaySeconds"] >= 30
    [feed] = [
        feed
        for feed in production["lambda/eventSourceMapping:EventSourceMapping"].values()
        if feed["eventSourceArn"] == SECRETS
    ]
    # Lambda wants a window for more than ten.
    assert feed["batchSize"] <= 10 or feed["maximumBatchingWindowInSeconds"] >= 1


def test_both_queues_feed_the_function(production: Recording) -> None:
    feeds = production["lambda/eventSourceMapping:EventSourceMapping"].values()
    assert {(f["eventSourceArn"], f["functionName"]) for f in feeds} == {
        (IMAGES, NAME),
        (SECRETS, NAME),
    }


@pytest.mark.parametrize(("key", "suffix"), [("images", ".fifo"), ("secrets", "")])
def test_what_cannot_be_answered_is_kept_aside_and_tried_again_first(
    production: Recording, key: str, suffix: str
) -> None:
    queues = production["sqs/queue:Queue"]
    queue, failed = queues[f"{NAME}-{key}"], queues[f"{NAME}-{key}-failed"]
    assert failed["name"] == f"{NAME}-{key}-failed{suffix}"
    # SQS wants the same kind of queue behind a FIFO one.
    assert queue.get("fifoQueue") == failed.get("fifoQueue")
    redrive = document(queue["redrivePolicy"])
    assert redrive["deadLetterTargetArn"] == arn("sqs", failed["name"])
    assert redrive["maxReceiveCount"] >= 3
    # Lambda refuses less than the function's time; twice lets no attempt overtake another.
    assert queue["visibilityTimeoutSeconds"] >= 2 * function(production)["timeout"]
    assert queue["sqsManagedSseEnabled"] is True
    assert failed["sqsManagedSseEnabled"] is True
    assert failed["messageRetentionSeconds"] == 14 * 86400


@pytest.mark.parametrize(
    ("key", "queue", "rules"),
    [
        ("images", IMAGES, [*REPOSITORIES, "deployment", "look"]),
        ("secrets", SECRETS, ["secret"]),
    ],
)
def test_a_queue_takes_events_of_its_rules_only(
    production: Recording, key: str, queue: str, rules: list[str]
) -> None:
    """Without the permission EventBridge drops them in silence."""
    [statement] = statements(production["sqs/queuePolicy:QueuePolicy"][f"{NAME}-{key}"]["policy"])
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == ["sqs:SendMessage"]
    assert statement["Resource"] == [queue]
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert set(sources) == {arn("cloudwatch", f"{NAME}-{rule}") for rule in rules}
    fed = {
        target["rule"]
        for target in production["cloudwatch/eventTarget:EventTarget"].values()
        if target["arn"] == queue
    }
    assert fed == {f"{NAME}-{rule}" for rule in rules}


def test_services_are_looked_at_every_few_minutes(stack: Recording) -> None:
    """A rule of its own events, each with another id: a FIFO queue drops what it has had."""
    (name,) = [name for name in stack["cloudwatch/eventRule:EventRule"] if name.endswith("-look")]
    rule = stack["cloudwatch/eventRule:EventRule"][name]
    assert rule["scheduleExpression"] == "rate(5 minutes)"
    target = stack["cloudwatch/eventTarget:EventTarget"][name]
    assert not {"input", "inputPath", "inputTransformer"} & target.keys()
    assert target["arn"].endswith("-rollout-images.fifo")
    assert target["sqsTarget"] == {"messageGroupId": "images"}


# The function


def test_the_function_knows_each_service_its_repository_and_its_secrets(
    production: Recording,
) -> None:
    backend = [
        f"/otakaro-dt/{name}"
        for name in (
            *("GEOSERVER_ADMIN_PASSWORD", "LINZ_API_KEY", "MFE_API_KEY"),
            *("NIWA_API_KEY", "POSTGRES_PASSWORD", "STATSNZ_API_KEY"),
        )
    ]
    assert document(variables(production)["SERVICES"]) == {
        "otakaro-dt-terriamap": {
            "repository": "otakaro-dt-terriamap-ecr",
            "start": 1,
            "minimum": 1,
            "maximum": 3,
            "parameters": ["/otakaro-dt/CESIUM_ACCESS_TOKEN"],
        },
        "otakaro-dt-geoserver": {
            "repository": "otakaro-dt-geoserver-ecr",
            "start": 1,
            "minimum": 1,
            "maximum": 1,
            "parameters": ["/otakaro-dt/GEOSERVER_ADMIN_PASSWORD"],
        },
        "otakaro-dt-backend-flask": {
            "repository": "otakaro-dt-backend-ecr",
            "start": 1,
            "minimum": 1,
            "maximum": 3,
            "parameters": backend,
        },
        "otakaro-dt-backend-celery": {
            "repository": "otakaro-dt-backend-ecr",
            "start": 2,
            "minimum": 2,
            "maximum": 4,
            "parameters": backend,
        },
    }


def test_the_function_waits_for_the_secrets_that_people_fill(production: Recording) -> None:
    """Not for passwords of the program's own, which have their first version for ever."""
    edited = {
        resource.inputs["name"]
        for resource in production.of("ssm/parameter:Parameter")
        if "value" in resource.ignore_changes
    }
    assert set(document(variables(production)["BY_HAND"])) == edited
    assert len(edited) == 5


def test_the_function_knows_cluster_pointer_and_people(production: Recording) -> None:
    found = variables(production)
    assert found["CLUSTER"] == "otakaro-dt-ecs"
    assert found["POINTER"] == "live"
    assert found["TOPIC_ARN"] == arn("sns", "otakaro-dt-alarms")
    assert found.keys() == {"CLUSTER", "POINTER", "TOPIC_ARN", "SERVICES", "BY_HAND"}


def test_the_handler_reads_the_variables_that_it_is_given(production: Recording) -> None:
    code = (ROOT / "lambdas" / "rollout" / "handler.py").read_text()
    assert set(re.findall(r'os\.environ\["(\w+)"\]', code)) == variables(production).keys()


def test_the_function_waits_for_its_permissions_and_its_log(production: Recording) -> None:
    resource = production.one("lambda/function:Function", NAME)
    assert production.one("iam/rolePolicy:RolePolicy", NAME).urn in resource.dependencies
    assert production.one("cloudwatch/logGroup:LogGroup", NAME).urn in resource.dependencies
    assert production["cloudwatch/logGroup:LogGroup"][NAME]["name"] == f"/aws/lambda/{NAME}"
    assert resource.inputs["name"] == NAME


def test_only_lambda_takes_the_role_and_it_may_do_exactly_this(production: Recording) -> None:
    assert trusted(production, NAME) == {"Service": ["lambda.amazonaws.com"]}
    *allowed, denied = may(production, NAME)
    assert all(s["Effect"] == "Allow" and "Condition" not in s for s in allowed)
    here = f"arn:aws:ecs:ap-southeast-2:{ACCOUNT}"
    assert {tuple(s["Action"]): set(s["Resource"]) for s in allowed} == {
        ("logs:CreateLogStream", "logs:PutLogEvents"): {
            arn("cloudwatch", f"/aws/lambda/{NAME}") + ":*"
        },
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"): {IMAGES, SECRETS},
        ("sns:Publish",): {arn("sns", "otakaro-dt-alarms")},
        ("ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"): {
            arn("ecr", repository) for repository in REPOSITORIES
        },
        ("ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"): {
            arn("ecs", service) for service in SERVICES
        },
        ("ecs:DescribeServiceRevisions",): {
            *(arn("ecs", service) for service in SERVICES),
            *(f"{here}:service-revision/otakaro-dt-ecs/{service}/*" for service in SERVICES),
        },
        ("ecs:DescribeServiceDeployments",): {
            *(arn("ecs", service) for service in SERVICES),
            *(f"{here}:service-deployment/otakaro-dt-ecs/{service}/*" for service in SERVICES),
        },
        ("application-autoscaling:RegisterScalableTarget",): {
            target.state["arn"] for target in production.of("appautoscaling/target:Target")
        },
        ("application-autoscaling:DescribeScalableTargets",): {"*"},
        ("ssm:GetParameters",): {
            arn("ssm", name) for name in document(variables(production)["BY_HAND"])
        },
    }
    # It learns whether a secret was filled, and never what with.
    assert denied == {
        "Effect": "Deny",
        "Action": ["kms:Decrypt"],
        "Resource": ["*"],
        "Condition": {"StringEquals": {"kms:ViaService": "ssm.ap-southeast-2.amazonaws.com"}},
    }


def called(folder: str) -> set[str]:
    """The actions that a handler calls, as IAM names them, its running hours apart."""
    files = (ROOT / "lambdas" / folder).glob("*.py")
    trees = [ast.parse(file.read_text()) for file in files if file.name != "night.py"]
    found = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Name(id="ecr" | "ecs" | "ssm" | "sns" | "scaling" as client),
                    attr=name,
                ),
                args=arguments,
            ):
                service = "application-autoscaling" if client == "scaling" else client
                if name == "get_paginator":
                    assert isinstance(arguments[0], ast.Constant)
                    name = str(arguments[0].value)
                found.add(f"{service}:{''.join(part.title() for part in name.split('_'))}")
    return found


@pytest.mark.parametrize(
    ("folder", "role"), [("rollout", NAME), ("postgis", "otakaro-dt-pg-postgis")]
)
def test_a_handler_may_do_what_it_does_and_no_more(
    production: Recording, folder: str, role: str
) -> None:
    allowed = {
        action
        for statement in may(production, role)
        for action in statement["Action"]
        if statement["Effect"] == "Allow"
        and action.split(":")[0] in {"application-autoscaling", "ecr", "ecs", "ssm", "sns"}
    }
    assert called(folder) == allowed


def test_the_package_is_the_functions_own_code_alone(production: Recording) -> None:
    assert set(function(production)["code"].assets) == {"counts.py", "handler.py", "night.py"}


def test_descriptions_are_json_that_never_changes_its_order(production: Recording) -> None:
    text = variables(production)["SERVICES"]
    assert text == json.dumps(json.loads(text), sort_keys=True)
