"""Nobody gets past the edge, nor round it: each row of docs/attacks.md, sent."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.edge import RunningEdge
from local.edge.message import Headers, Request, Response
from local.edge.origins import Origins, Unreachable
from local.edge.reach import LoadBalancer, load_balancers
from local.record import ROOT
from tests.local.stack import Local
from tests.visitors.attacks import (
    API,
    ATTACKS,
    CAPABILITIES,
    FROM_MAP,
    NAMES,
    RAW,
    ROUND,
    Attack,
    document,
    raw,
    send,
)
from tests.visitors.conftest import Visitor


def applications(served: RunningEdge) -> list[Any]:
    return [request for each in served.standins.all() for request in each.requests]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.family}, {attack.what}")
def test_an_attack_is_answered_as_the_table_says(
    attack: Attack, served: RunningEdge, visitor: Visitor
) -> None:
    assert send(attack, served, visitor) == attack.answer
    reached = applications(served)
    assert bool(reached) == attack.reaches
    for request in reached:  # whatever passes, credentials never go with it
        assert "authorization" not in request.headers


@pytest.mark.parametrize("what", RAW)
def test_what_two_servers_may_read_differently_is_refused(what: str, served: RunningEdge) -> None:
    assert raw(RAW[what], served, NAMES[API]) in {0, 400, 401, 403}
    assert applications(served) == []


def test_a_forged_host_is_in_nobodys_capabilities(served: RunningEdge) -> None:
    host = NAMES["geoserver"]
    poison = [("X-Forwarded-Host", "another.example"), *FROM_MAP]
    for headers in (poison, FROM_MAP):
        answer = served.client.ask(host, CAPABILITIES, headers=headers)
        assert b"another.example" not in answer.body
    assert answer.x_cache == "Hit"


@pytest.fixture(scope="module")
def balancer(deployed: Local) -> LoadBalancer:
    """The load balancer as the network sees it."""
    [found] = load_balancers(deployed.account)
    return found


def test_the_internet_finds_no_load_balancer(balancer: LoadBalancer) -> None:
    assert "no connection" in ROUND["internet"][1]
    assert not balancer.reached_from_internet(443)
    assert not balancer.reached_from_internet(80)


def test_nothing_in_the_vpc_reaches_the_load_balancer(
    deployed: Local, balancer: LoadBalancer
) -> None:
    assert "no connection" in ROUND["task"][1]
    ec2 = deployed.aws("ec2")
    groups = [each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]]
    subnets = [each["CidrBlock"] for each in ec2.describe_subnets()["Subnets"]]
    assert len(groups) > 8
    for group in groups:
        assert not any(balancer.admits(port, group, *subnets) for port in (80, 443))


def test_cloudfront_reaches_the_load_balancer_by_https_alone(balancer: LoadBalancer) -> None:
    assert "port 443 alone" in ROUND["plain"][1]
    assert balancer.reached_by_vpc_origin(443)
    assert not balancer.reached_by_vpc_origin(80)


def ask_as(served: RunningEdge, host: str, **changes: Any) -> Response:
    """What CloudFront gets from the API's origin with these changes, by the viewer's `host`."""
    [distribution] = [each for each in served.deployed.distributions if NAMES[API] in each.aliases]
    origin = replace(distribution.origins["alb"], **changes)
    request = Request(method="GET", uri="/", query="", headers=Headers([("Host", host)]))
    account = served.deployed.account
    origins = Origins(account, lambda: served.deployed.load_balancers)
    return origins.ask(origin, request, distribution)


def test_a_public_origin_by_the_load_balancers_name_is_no_way_in(served: RunningEdge) -> None:
    """As another account's distribution, or one of a stranger in this account, would ask."""
    with pytest.raises(Unreachable) as unreachable:
        ask_as(served, NAMES[API], balancer="")
    assert ROUND["name"][1].startswith(str(unreachable.value.status))
    assert applications(served) == []


def test_another_account_cannot_use_the_vpc_origin(deployed: Local) -> None:
    cloudfront = deployed.aws("cloudfront")
    [ours] = [
        summary
        for summary in cloudfront.list_distributions()["DistributionList"]["Items"]
        if NAMES[API] in summary["Aliases"]["Items"]
    ]
    config = cloudfront.get_distribution_config(Id=ours["Id"])["DistributionConfig"]
    stranger = boto3.client(
        "cloudfront",
        endpoint_url=deployed.account.endpoint,
        region_name="us-east-1",
        aws_access_key_id="210987654321",  # the emulator takes the account from the key
        aws_secret_access_key="test",
    )
    theirs = {**config, "CallerReference": "stranger", "Aliases": {"Quantity": 0}}
    with pytest.raises(ClientError) as refused:
        stranger.create_distribution(DistributionConfig=theirs)
    assert refused.value.response["Error"]["Code"] in ROUND["origin"][1]


def test_the_vpc_origin_serves_the_sites_own_hosts_alone(served: RunningEdge) -> None:
    assert ROUND["host"][1].startswith(str(ask_as(served, "another.example").status))
    assert applications(served) == []
    assert ask_as(served, NAMES[API]).status == 200
    assert len(applications(served)) == 1


def test_the_document_is_this_table() -> None:
    """Written by: python -m tests.visitors.attacks > docs/attacks.md"""
    assert (ROOT / "docs" / "attacks.md").read_text() == document()
