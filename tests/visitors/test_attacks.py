"""Nobody gets past the edge, nor round it: each row of docs/attacks.md, sent."""

import http.client
from typing import Any

import pytest

from local.edge import RunningEdge
from local.record import ROOT
from tests.local.stack import Local
from tests.visitors.attacks import (
    API,
    ATTACKS,
    CAPABILITIES,
    DIRECT,
    FROM_MAP,
    NAMES,
    RAW,
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
    # Whatever passes, neither credentials nor a viewer's word for CloudFront's go with it.
    for request in reached:
        assert "authorization" not in request.headers
        assert request.headers["x-otakaro-origin"] != "guess"


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


def secret(deployed: Local) -> str:
    """What CloudFront shows to the load balancer."""
    cloudfront = deployed.aws("cloudfront")
    shown = {
        header["HeaderValue"]
        for each in cloudfront.list_distributions()["DistributionList"]["Items"]
        for origin in each["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
        if header["HeaderName"].lower() == "x-otakaro-origin"
    }
    [value] = shown
    return str(value)


def ask_load_balancer(deployed: Local, host: str, value: str | None) -> int:
    [balancer] = deployed.aws("elbv2").describe_load_balancers()["LoadBalancers"]
    connection = http.client.HTTPConnection("127.0.0.1", deployed.port, timeout=30)
    connection.putrequest("GET", f"/_alb/{balancer['LoadBalancerName']}/", skip_host=True)
    connection.putheader("Host", f"{host}:443")
    if value is not None:
        connection.putheader("X-Otakaro-Origin", value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_load_balancer_answers_only_who_shows_the_secret(
    deployed: Local, served: RunningEdge
) -> None:
    ours, right = NAMES[API], secret(deployed)
    asked = [(ours, None), (ours, "guess"), (ours, "*"), ("another.example", right), (ours, right)]
    assert len(right) >= 32
    for (host, value), (_, answer, _) in zip(asked, DIRECT, strict=True):
        assert ask_load_balancer(deployed, host, value) == answer
    assert len(applications(served)) == 1


def test_the_document_is_this_table() -> None:
    """Written by: python -m tests.visitors.attacks > docs/attacks.md"""
    assert (ROOT / "docs" / "attacks.md").read_text() == document()
