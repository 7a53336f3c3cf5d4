"""What a dead command had begun to create is found, or forgotten, and never made twice."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pulumi import automation

from local.provider.aws import AwsError, Creation
from local.recovery import take_over

URN = "urn:pulumi:local::otakaro::otakaro:index:Network$aws:ec2/vpc:Vpc::net"
PROVIDER = "urn:pulumi:local::otakaro::pulumi:providers:aws::default"
SECRET = "4dabf18193072939515e22adb298388d"


class Cloud:
    """An emulator that remembers one creation."""

    def __init__(self) -> None:
        self.made = {URN: "token"}
        self.gone = False
        self.asked: list[tuple[str, str, Creation | None]] = []
        self._creation: Creation | None = None

    def creations(self) -> dict[str, str]:
        return self.made

    @contextmanager
    def creating(self, creation: Creation | None) -> Iterator[None]:
        self._creation = creation
        yield
        self._creation = None

    def call(self, _: str, region: str, operation: str, __: Mapping[str, Any]) -> Any:
        self.asked.append((operation, region, self._creation))
        if operation == "CreateVpc":
            return {"Vpc": {"VpcId": "vpc-1"}}
        if self.gone:
            raise AwsError("ec2:DescribeVpcs", "InvalidVpcID.NotFound", "no such VPC")
        return {"Vpcs": [{"VpcId": "vpc-1"}], "EnableDnsSupport": {"Value": True}}


@dataclass
class Stack:
    """The engine's state of a stack."""

    deployment: dict[str, Any]

    def export_stack(self) -> automation.Deployment:
        return automation.Deployment(version=3, deployment=self.deployment)

    def import_stack(self, state: automation.Deployment) -> None:
        self.deployment = dict(state.deployment or {})

    def recover(self, cloud: Cloud) -> list[str]:
        stack: Any = self
        aws: Any = cloud
        return take_over(stack, aws)

    def of(self, urn: str) -> list[dict[str, Any]]:
        return [each for each in self.deployment["resources"] if each["urn"] == urn]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def stack() -> Stack:
    inputs = {"cidrBlock": {SECRET: "1", "plaintext": '"10.0.0.0/16"'}, "__defaults": []}
    begun = {"urn": URN, "type": "aws:ec2/vpc:Vpc", "custom": True, "inputs": inputs}
    begun["provider"] = f"{PROVIDER}::1"
    provider = {"urn": PROVIDER, "id": "1", "inputs": {"region": "ap-southeast-2"}}
    pending = [{"type": "creating", "resource": begun}]
    return Stack({"resources": [provider], "pending_operations": pending})


def test_what_was_made_is_taken_over_as_half_made(stack: Stack, cloud: Cloud) -> None:
    assert stack.recover(cloud) == [URN]
    (vpc,) = stack.of(URN)
    assert vpc["id"] == "vpc-1"
    assert vpc["initErrors"]
    assert "__defaults" not in vpc["outputs"]
    assert stack.deployment["pending_operations"] == []
    creation = Creation(operation="CreateVpc", what=URN, token="token")
    assert cloud.asked[0] == ("CreateVpc", "ap-southeast-2", creation)


def test_what_was_not_made_is_forgotten_and_nothing_is_asked(stack: Stack, cloud: Cloud) -> None:
    cloud.made = {}
    assert stack.recover(cloud) == []
    assert stack.of(URN) == stack.deployment["pending_operations"] == []
    assert cloud.asked == []


def test_what_is_gone_again_is_forgotten(stack: Stack, cloud: Cloud) -> None:
    cloud.gone = True
    assert stack.recover(cloud) == []
    assert stack.of(URN) == []


def test_one_that_the_state_knows_is_left_alone(stack: Stack, cloud: Cloud) -> None:
    stack.deployment["resources"].append({"urn": URN, "id": "vpc-1"})
    assert stack.recover(cloud) == []
    assert stack.of(URN) == [{"urn": URN, "id": "vpc-1"}]


def test_the_successor_of_one_in_use_is_the_engines_to_remove(stack: Stack, cloud: Cloud) -> None:
    stack.deployment["resources"].append({"urn": URN, "id": "vpc-0"})
    assert stack.recover(cloud) == [URN]
    old, new = stack.of(URN)
    assert old == {"urn": URN, "id": "vpc-0"}
    assert (new["id"], new["delete"], "initErrors" in new) == ("vpc-1", True, False)


def test_the_successor_of_one_that_is_gone_takes_its_place(stack: Stack, cloud: Cloud) -> None:
    stack.deployment["resources"].append({"urn": URN, "id": "vpc-0", "pendingReplacement": True})
    assert stack.recover(cloud) == [URN]
    (vpc,) = stack.of(URN)
    assert vpc["id"] == "vpc-1"


def test_other_unfinished_work_is_left_to_the_engine(stack: Stack, cloud: Cloud) -> None:
    stack.deployment["pending_operations"] = [{"type": "deleting", "resource": {"urn": URN}}]
    assert stack.recover(cloud) == []
    assert len(stack.deployment["pending_operations"]) == 1
