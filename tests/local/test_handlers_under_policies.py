"""The functions run with what their roles allow and no more: the emulator holds each call to it.

Elsewhere the emulator lets every caller do everything; `tests/iam` asks a simulator of AWS's
evaluation. Here the handlers themselves run under their own policies.
"""

import json
from collections.abc import Iterator

import pytest

from tests.local.stack import Local

STACK = "local"
PREFIX = "otakaro-local"
FUNCTION = f"{PREFIX}-rollout"
# What the emulator asks on another resource than AWS (Service Authorization Reference): ECS's
# actions on services it asks on the cluster, GetParameters on all parameters.
ASKED_WRONGLY = [
    {
        "Effect": "Allow",
        "Action": [
            *("ecs:DescribeServices", "ecs:UpdateService"),
            *("ecs:ListServiceDeployments", "ecs:DescribeServiceRevisions"),
        ],
        "Resource": f"arn:aws:ecs:ap-southeast-2:123456789012:cluster/{PREFIX}-ecs",
    },
    {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"},
]


@pytest.fixture(scope="module")
def held(local: Local) -> Iterator[Local]:
    """The stack on an emulator that evaluates policies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAKARO_AUTH", "true")
        local.do("up")
        local.aws("iam").put_role_policy(
            RoleName=role(local),
            PolicyName="asked-wrongly",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": ASKED_WRONGLY}),
        )
        yield local


def role(local: Local) -> str:
    """The rollout function's role."""
    found = local.aws("lambda").get_function_configuration(FunctionName=FUNCTION)
    return str(found["Role"].rsplit("/", 1)[1])


def test_the_bootstrap_read_its_secret_under_its_own_role(held: Local) -> None:
    functions = held.deployed("aws:lambda/function:Function")
    (group,) = [f"/aws/lambda/{each.outputs['name']}" for each in functions if "-pg" in each.name]
    events = held.aws("logs").filter_log_events(logGroupName=group)["events"]
    assert any("REPORT" in event["message"] for event in events)
    assert not any("AccessDenied" in event["message"] for event in events)


def test_a_push_rolls_under_the_functions_own_policy(held: Local) -> None:
    done = held.run("push", "--service", "geoserver")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "function: Rolled:" in done.stdout + done.stderr


def test_an_edited_secret_restarts_its_readers_under_it(held: Local) -> None:
    done = held.run("secret", "--name", "GEOSERVER_ADMIN_PASSWORD", VALUE="another0word")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_its_policy_the_function_may_do_nothing(held: Local) -> None:
    iam, name = held.aws("iam"), role(held)
    before = iam.list_role_policies(RoleName=name)["PolicyNames"]
    for each in before:
        iam.delete_role_policy(RoleName=name, PolicyName=each)
    event = {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "time": "2126-01-01T00:00:00Z",
        "detail": {
            "result": "SUCCESS",
            "action-type": "PUSH",
            "repository-name": f"{PREFIX}-geoserver-ecr",
            "image-tag": "next",
            "image-digest": f"sha256:{'0' * 64}",
        },
    }
    answer = held.aws("lambda").invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
    assert "FunctionError" in answer
    assert "AccessDenied" in answer["Payload"].read().decode()
