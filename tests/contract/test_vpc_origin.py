"""A VPC origin as the provider treats it: each change is an update, which sends everything."""

from typing import Any

import pytest

from tests.contract.conftest import Cloud, Engine

ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"
BALANCER = "arn:aws:elasticloadbalancing:ap-southeast-2:210987654321:loadbalancer/app/alb/{}"


def inputs(number: int) -> dict[str, Any]:
    config = {
        "name": f"origin-{number}",
        "arn": BALANCER.format(number),
        "httpPort": 80,
        "httpsPort": 443,
        "originProtocolPolicy": "https-only",
        "originSslProtocols": {"items": ["TLSv1.2"], "quantity": 1},
    }
    return {"vpcOriginEndpointConfig": config}


@pytest.fixture
def origin(engine: Engine, cloud: Cloud) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """One that was created a moment ago: its id, outputs and inputs."""
    seen = {"Id": "vo_1", "Arn": "arn:vo_1", "Status": "Deployed"}
    cloud.answers |= {
        "CreateVpcOrigin": {"VpcOrigin": {"Id": "vo_1"}, "ETag": "e1"},
        "GetVpcOrigin": lambda _: {
            "VpcOrigin": {
                **seen,
                "VpcOriginEndpointConfig": cloud.requests("CreateVpcOrigin")[0][
                    "VpcOriginEndpointConfig"
                ],
            },
            "ETag": "e2",
        },
        "ListTagsForResource": {"Tags": {"Items": [{"Key": "Project", "Value": "twin"}]}},
    }
    checked, faults = engine.check(ORIGIN, inputs(1))
    assert faults == []
    id_, outputs = engine.create(ORIGIN, checked)
    return id_, outputs, checked


def test_its_creation_has_configuration_and_tags(cloud: Cloud, origin: Any) -> None:
    assert origin[0] == "vo_1"
    [request] = cloud.requests("CreateVpcOrigin")
    assert request["VpcOriginEndpointConfig"]["OriginSslProtocols"] == {
        "Items": ["TLSv1.2"],
        "Quantity": 1,
    }
    assert request["Tags"] == {"Items": [{"Key": "Project", "Value": "twin"}]}


def test_no_change_replaces_it_unless_the_program_says_so(engine: Engine, origin: Any) -> None:
    news, _ = engine.check(ORIGIN, inputs(2), origin[2])
    answer = engine.diff(ORIGIN, origin[2], news)
    assert list(answer.diffs) == ["vpcOriginEndpointConfig"]
    assert list(answer.replaces) == []


def test_a_change_of_tags_sends_the_whole_configuration(
    engine: Engine, cloud: Cloud, origin: Any
) -> None:
    """It is what CloudFront refuses for an origin in use."""
    id_, outputs, olds = origin
    engine.update(ORIGIN, id_, outputs, olds, {**olds, "tagsAll": {"Project": "other"}})
    [request] = cloud.requests("UpdateVpcOrigin")
    assert (request["Id"], request["IfMatch"]) == ("vo_1", "e2")
    assert request["VpcOriginEndpointConfig"]["Arn"] == BALANCER.format(1)


def test_ignored_tags_are_no_change(engine: Engine, origin: Any) -> None:
    olds = origin[2]
    news = {**olds, "tagsAll": {"Project": "other"}}
    assert list(engine.diff(ORIGIN, olds, news).diffs) == ["tagsAll"]
    assert list(engine.diff(ORIGIN, olds, news, ignore=["tags", "tagsAll"]).diffs) == []
