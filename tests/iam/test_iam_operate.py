"""The policies of docs/operate.md let people do what `operate/` asks of AWS, and nothing more."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.iam.simulator import Request, Simulator
from local.record import ACCOUNT
from operate.account import ROOT
from operate.logs import Tail, groups
from operate.shell import shell
from operate.status import look
from tests.unit.answers import Answers
from tests.unit.running import NOW, deployed, well
from tests.unit.test_operate_hours import Cloud as Night
from tests.unit.test_operate_prices import List, product
from tests.unit.test_operate_restart import Cloud, Stopping
from tests.unit.test_operate_shell import cloud, task, tools

__all__ = ["tools"]
HERE = f"ap-southeast-2:{ACCOUNT}"
CLUSTER = f"arn:aws:ecs:{HERE}:cluster/otakaro-dt-ecs"
# boto3's names of services that IAM calls otherwise.
_PREFIX = {"efs": "elasticfilesystem"}


def policies(account: str = ACCOUNT) -> dict[str, Any]:
    """The documented policies, in their order."""
    text = (ROOT / "docs" / "operate.md").read_text().replace("ACCOUNT:", f"{account}:")
    blocks = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    names = ("read", "restart", "stop", "hours", "shell", "prices")
    return dict(zip(names, map(json.loads, blocks), strict=True))


def resources(key: str, params: Mapping[str, Any]) -> list[str]:
    """What AWS asks the policy for, by the Service Authorization Reference."""
    service = f"arn:aws:ecs:{HERE}:service/otakaro-dt-ecs"
    match key:
        case "ecs.DescribeClusters":
            return [CLUSTER]
        case "ecs.DescribeServices":
            return [f"{service}/{name}" for name in params["services"]]
        case "ecs.ListServiceDeployments" | "ecs.UpdateService":
            return [f"{service}/{params['service']}"]
        case "ecs.DescribeServiceDeployments" | "ecs.DescribeServiceRevisions":
            kind = "deployment" if key.endswith("Deployments") else "revision"
            place = f"arn:aws:ecs:{HERE}:service-{kind}/otakaro-dt-ecs/otakaro-dt-geoserver"
            return [f"{service}/otakaro-dt-geoserver", f"{place}/1234567890123456789"]
        case "ecs.ListTasks":
            return [f"arn:aws:ecs:{HERE}:container-instance/otakaro-dt-ecs/*"]
        case "ecs.DescribeTasks":
            return [arn.replace("111122223333", ACCOUNT) for arn in params["tasks"]]
        case "ecs.ExecuteCommand":
            return [CLUSTER, f"arn:aws:ecs:{HERE}:task/otakaro-dt-ecs/0123456789abcdef"]
        case "ecr.DescribeImages":
            # The recorded answer's repository stands for the stack's.
            return [f"arn:aws:ecr:{HERE}:repository/{params['repositoryName']}"]
        case "logs.FilterLogEvents":
            return [f"arn:aws:logs:{HERE}:log-group:{params['logGroupName']}"]
        case "acm.DescribeCertificate" | "acm.ListTagsForCertificate":
            return [
                f"arn:aws:acm:{region}:{ACCOUNT}:certificate/ours"
                for region in ("ap-southeast-2", "us-east-1")
            ]
        case "ssm.GetParameter":
            return [f"arn:aws:ssm:{HERE}:parameter{params['Name']}"]
        case "sqs.GetQueueUrl":
            return [f"arn:aws:sqs:{HERE}:{params['QueueName']}"]
        case "sqs.GetQueueAttributes" | "sqs.SendMessage":
            return [f"arn:aws:sqs:{HERE}:{params['QueueUrl'].rsplit('/', 1)[1]}"]
        case "cloudwatch.DescribeAlarms":
            return [
                f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:*"
                for region in ("ap-southeast-2", "us-east-1")
            ]
        case "efs.DescribeFileSystems":
            return [f"arn:aws:elasticfilesystem:{HERE}:file-system/*"]
        case "application-autoscaling.RegisterScalableTarget":
            return [f"arn:aws:application-autoscaling:{HERE}:scalable-target/0ec51234567890abcdef"]
        case "rds.DescribeDBInstances":
            return [f"arn:aws:rds:{HERE}:db:*"]
    return ["*"]


def requests(answers: Answers, *names: str, more: tuple[str, ...] = ()) -> list[Request]:
    """What was asked of AWS, by someone with these policies."""
    asked = {
        (key, resource)
        for key, params in [*answers.asked, *[(key, {}) for key in more]]
        for resource in resources(key, params)
        if not key.startswith("sts.")  # needs no permission
    }
    return [
        Request(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/someone",
            action=f"{_PREFIX.get(service, service)}:{operation}",
            resource=resource,
            account=ACCOUNT,
            context={"ecs:cluster": CLUSTER} if operation in ("ListTasks", "DescribeTasks") else {},
            identity=names,
        )
        for key, resource in sorted(asked)
        for service, _, operation in [key.partition(".")]
    ]


def refused(simulator: Simulator, asked: list[Request]) -> set[str]:
    """The actions that AWS would refuse."""
    answers = simulator.decide(asked, policies())
    assert [a.why for a in answers if a.decision == "Invalid"] == []
    return {
        one.action
        for one, answer in zip(asked, answers, strict=True)
        if answer.decision != "Allowed"
    }


@pytest.fixture
def reading() -> Answers:
    """What `status` and `logs` ask for."""
    answers = Answers(well() | {"logs.FilterLogEvents": {"events": []}})
    account = answers.account()
    look(account, NOW)
    for service in ("backend", "geoserver", "rollout"):
        list(Tail(account.client("logs"), groups(account, service), 0).more())
    return answers


@pytest.fixture
def restarting() -> Answers:
    """What `restart` asks for."""
    stack = Cloud(deployed())
    stack.restart("backend")
    return stack.answers


@pytest.fixture
def stopping() -> Answers:
    """What `stop` and `start` ask for."""
    stack = Stopping()
    stack.stop("backend")
    stack.start("backend")
    return stack.answers


@pytest.fixture
def waking() -> Answers:
    """What `wake` and `sleep` ask for."""
    stack = Night("night")
    stack.wake()
    stack.sleep(sure=True)
    return stack.answers


@pytest.fixture
def opening(tools: object) -> Answers:  # noqa: ARG001 - they are on the PATH
    """What `shell` asks for, before the AWS CLI goes on."""
    answers = cloud(task("0123456789abcdef"))
    shell(answers.account(), "backend-flask")
    return answers


@pytest.fixture
def pricing(tmp_path: Path) -> Answers:
    """What `prices` asks for."""
    prices = List(tmp_path, {"APS2-Disk": [product((0, "0.2"))]})
    prices.refresh()
    return prices.answers


def test_the_policy_for_reading_suffices_for_status_and_logs(
    simulator: Simulator, reading: Answers
) -> None:
    asked = requests(reading, "read")
    assert len(asked) > 30
    assert refused(simulator, asked) == set()


def test_restarting_stopping_waking_and_shells_need_the_policies_of_their_own(
    simulator: Simulator,
    restarting: Answers,
    stopping: Answers,
    waking: Answers,
    opening: Answers,
) -> None:
    stopped = {"application-autoscaling:RegisterScalableTarget"}
    assert refused(simulator, requests(stopping, "read", "restart", "hours", "shell")) == stopped
    assert refused(simulator, requests(stopping, "read", "stop")) == set()
    woken = {"sqs:GetQueueUrl", "sqs:SendMessage"}
    assert refused(simulator, requests(waking, "read", "restart", "shell")) == woken
    assert refused(simulator, requests(waking, "read", "hours")) == set()
    assert refused(simulator, requests(restarting, "read")) == {"ecs:UpdateService"}
    assert refused(simulator, requests(restarting, "read", "restart")) == set()
    more = ("ecs.ExecuteCommand",)
    opened = {"ecs:ListTasks", "ecs:DescribeTasks", "ecs:ExecuteCommand"}
    assert refused(simulator, requests(opening, "read", "restart", more=more)) == opened
    assert refused(simulator, requests(opening, "read", "shell", more=more)) == set()


def test_prices_need_a_policy_that_lets_nothing_else_be_seen(
    simulator: Simulator, pricing: Answers, reading: Answers
) -> None:
    assert refused(simulator, requests(pricing, "read")) == {"pricing:GetProducts"}
    assert refused(simulator, requests(pricing, "prices")) == set()
    asked = requests(reading, "prices")
    assert refused(simulator, asked) == {one.action for one in asked}


def test_nothing_is_allowed_that_no_command_asks_for(
    reading: Answers,
    restarting: Answers,
    stopping: Answers,
    waking: Answers,
    opening: Answers,
    pricing: Answers,
) -> None:
    asked = {
        "prices": requests(pricing),
        "hours": requests(waking),
        "read": requests(reading),
        "restart": requests(restarting),
        "stop": requests(stopping),
        "shell": requests(opening, more=("ecs.ExecuteCommand",)),
    }
    for name, policy in policies().items():
        assert set(actions(policy)) <= {one.action for one in asked[name]}, name


def actions(policy: Mapping[str, Any]) -> Iterator[str]:
    """All that a policy names."""
    for statement in policy["Statement"]:
        named = statement["Action"]
        yield from [named] if isinstance(named, str) else named


def test_another_stack_stays_out_of_reach(simulator: Simulator, restarting: Answers) -> None:
    others = [
        Request(
            principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/someone",
            action=one.action,
            resource=one.resource.replace("otakaro-dt", "another"),
            account=ACCOUNT,
            identity=("read", "restart", "stop", "hours", "shell"),
        )
        for one in requests(restarting)
        if "otakaro-dt" in one.resource
    ]
    assert refused(simulator, others) == {one.action for one in others}
