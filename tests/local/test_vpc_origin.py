"""The VPC origin through changes that AWS would refuse in place: tags, load balancer, zones."""

import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.stack import CUT_OFF_SECONDS, ROOT, Local

STACK = "local"
ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin otakaro-local-origin"
BALANCER = "aws:lb/loadBalancer:LoadBalancer otakaro-local-alb"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
# `pulumi up --replace`, with the emulator's providers attached.
REPLACE = """
import sys
from local.session import opened
with opened(sys.argv[1]) as session:
    session.run(session.stack.up, replace=[sys.argv[2]])
"""


TWO_ZONES = ("--set", "zones=[a, b]")


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once, in two of its three Availability Zones."""
    local.do("up", *TWO_ZONES)
    return local


def origin(deployed: Local) -> dict[str, Any]:
    """The only VPC origin, as CloudFront has it."""
    listed = deployed.aws("cloudfront").list_vpc_origins()["VpcOriginList"]
    [found] = listed["Items"]
    got: dict[str, Any] = deployed.aws("cloudfront").get_vpc_origin(Id=found["Id"])
    return {**got["VpcOrigin"], "ETag": got["ETag"]}


def used(deployed: Local) -> set[str]:
    """The VPC origins that the distributions use."""
    listed = deployed.aws("cloudfront").list_distributions()["DistributionList"]
    return {
        each["VpcOriginConfig"]["VpcOriginId"]
        for distribution in listed["Items"]
        for each in distribution["Origins"]["Items"]
        if each.get("VpcOriginConfig")
    }


def balancer(deployed: Local) -> dict[str, Any]:
    """The only load balancer, as Elastic Load Balancing has it."""
    described = deployed.aws("elbv2").describe_load_balancers()
    [found] = described["LoadBalancers"]
    return dict(found)


def test_all_distributions_use_the_one_origin_of_the_internal_load_balancer(
    deployed: Local,
) -> None:
    seen = origin(deployed)
    assert seen["Status"] == "Deployed"
    assert used(deployed) == {seen["Id"]}
    assert seen["VpcOriginEndpointConfig"]["Arn"] == balancer(deployed)["LoadBalancerArn"]
    assert seen["VpcOriginEndpointConfig"]["OriginProtocolPolicy"] == "https-only"
    assert balancer(deployed)["Scheme"] == "internal"


@pytest.mark.parametrize("change", [{}, {"HTTPSPort": 8443}])
def test_an_origin_in_use_can_neither_be_updated_nor_deleted(
    deployed: Local, change: dict[str, int]
) -> None:
    seen, cloudfront = origin(deployed), deployed.aws("cloudfront")
    key = {"Id": seen["Id"], "IfMatch": seen["ETag"]}
    config = {**seen["VpcOriginEndpointConfig"], **change}
    with pytest.raises(ClientError, match="CannotUpdateEntityWhileInUse"):
        cloudfront.update_vpc_origin(**key, VpcOriginEndpointConfig=config)
    with pytest.raises(ClientError, match="CannotDeleteEntityWhileInUse"):
        cloudfront.delete_vpc_origin(**key)


def test_another_default_tag_leaves_the_origin_alone(deployed: Local) -> None:
    before = origin(deployed)
    done = deployed.do("up", *TWO_ZONES, "--set", "aws:defaultTags.tags.Owner=somebody-else")
    assert done[f"{DISTRIBUTION} otakaro-local-map-cdn"] == "update"
    assert ORIGIN not in done
    assert origin(deployed) == before
    assert ORIGIN not in deployed.do("up", *TWO_ZONES)


def test_another_zone_changes_the_load_balancer_in_place(deployed: Local) -> None:
    before, zones = origin(deployed), len(balancer(deployed)["AvailabilityZones"])
    done = deployed.do("up")
    assert done[BALANCER] == "update"
    assert ORIGIN not in done
    assert len(balancer(deployed)["AvailabilityZones"]) == zones + 1
    assert origin(deployed) == before


def test_another_load_balancer_gets_an_origin_before_the_old_one_goes(deployed: Local) -> None:
    before, arn = origin(deployed), balancer(deployed)["LoadBalancerArn"]
    [urn] = [each["urn"] for each in deployed.resources(BALANCER.split()[0])]
    said = subprocess.run(
        [sys.executable, "-c", REPLACE, deployed.stack, urn],
        cwd=ROOT,
        env=deployed.python_environment,
        capture_output=True,
        text=True,
        timeout=CUT_OFF_SECONDS,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    done, after = deployed.did(), origin(deployed)
    groups = [name for name in done if name.startswith("aws:lb/targetGroup:TargetGroup")]
    assert len(groups) == 3
    assert balancer(deployed)["LoadBalancerArn"] != arn
    assert after["Id"] != before["Id"]
    assert after["VpcOriginEndpointConfig"]["Name"] != before["VpcOriginEndpointConfig"]["Name"]
    assert used(deployed) == {after["Id"]}
    lines = said.stdout.splitlines()

    def first(*words: str) -> int:
        return next(number for number, line in enumerate(lines) if all(w in line for w in words))

    created = first("cloudfront:VpcOrigin", "created replacement")
    changed = first("cloudfront:Distribution", "updat")
    assert created < changed < first("cloudfront:VpcOrigin", "deleting original")
    assert deployed.do("up") == {}


def test_the_retired_secret_is_told_with_the_command_that_removes_it(deployed: Local) -> None:
    said = deployed.run("up", "--set", "originSecret=2")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "pulumi config rm otakaro:originSecret" in " ".join(said.stdout.split())
    assert deployed.did() == {}


def test_down_leaves_nothing(deployed: Local) -> None:
    said = deployed.run("down")
    assert said.returncode == 0, said.stdout + said.stderr
    assert deployed.resources() == []
