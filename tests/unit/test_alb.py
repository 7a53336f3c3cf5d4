"""The internal load balancer forwards by host, over TLS, and logs its requests."""

from typing import Any

import pytest

from local.record import Recording
from tests.unit.reading import arn


def balancer(recording: Recording) -> dict[str, Any]:
    [inputs] = recording["lb/loadBalancer:LoadBalancer"].values()
    return inputs


def listener(recording: Recording) -> dict[str, Any]:
    [inputs] = recording["lb/listener:Listener"].values()
    return inputs


@pytest.mark.parametrize("recorded", ["production", "local", "switched"])
def test_it_is_internal_in_every_private_subnet(
    recorded: str, request: pytest.FixtureRequest
) -> None:
    recording: Recording = request.getfixturevalue(recorded)
    private = {f"{name}-id" for name in recording["ec2/subnet:Subnet"] if "-private-" in name}
    assert balancer(recording)["internal"] is True
    assert set(balancer(recording)["subnets"]) == private


def test_it_has_the_group_that_admits_cloudfront(production: Recording) -> None:
    assert balancer(production)["securityGroups"] == ["otakaro-dt-vpc-alb-id"]


def test_malformed_requests_go_no_further(stack: Recording) -> None:
    assert balancer(stack)["dropInvalidHeaderFields"] is True
    assert balancer(stack)["desyncMitigationMode"] in {"defensive", "strictest"}


def test_https_speaks_forward_secret_tls_only(stack: Recording) -> None:
    """FSBP ELB.17 takes this policy; the one without Res has ciphers that it doesn't."""
    assert listener(stack)["protocol"] == "HTTPS"
    assert listener(stack)["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


def test_requests_for_other_hosts_get_404(stack: Recording) -> None:
    [action] = listener(stack)["defaultActions"]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "404")


def test_https_waits_for_the_validated_certificate_of_its_region(stack: Recording) -> None:
    [https] = stack.of("lb/listener:Listener")
    assert https.inputs["port"] == 443
    [validation] = [
        resource.urn
        for resource in stack.of("acm/certificateValidation:CertificateValidation")
        if resource.inputs["region"] == "ap-southeast-2"
    ]
    assert validation in https.dependencies
    assert https.inputs["certificateArn"].endswith("-cert-ap-southeast-2")


@pytest.mark.parametrize(
    ("key", "host", "port", "path", "codes"),
    [
        ("terriamap", "otakaro.digitaltwins.nz", 3001, "/ping", "200"),
        ("api", "api.otakaro.digitaltwins.nz", 5000, "/", "200"),
        ("geoserver", "gs.otakaro.digitaltwins.nz", 8080, "/geoserver/web/", "200-399"),
    ],
)
def test_a_host_goes_to_its_service(
    production: Recording, key: str, host: str, port: int, path: str, codes: str
) -> None:
    rule = production["lb/listenerRule:ListenerRule"][f"otakaro-dt-{key}"]
    assert rule["listenerArn"] == arn("lb", "otakaro-dt-alb-https")
    assert rule["conditions"] == [{"hostHeader": {"values": [host]}}]
    target = arn("lb", f"otakaro-dt-{key}")
    assert rule["actions"] == [{"type": "forward", "targetGroupArn": target}]
    group = production["lb/targetGroup:TargetGroup"][f"otakaro-dt-{key}"]
    # Fargate's tasks are known by address.
    assert (group["targetType"], group["protocol"], group["port"]) == ("ip", "HTTP", port)
    check = group["healthCheck"]
    assert (check["path"], check["matcher"]) == (path, codes)
    assert check["timeout"] < check["interval"]


def test_there_are_no_other_ways_in(stack: Recording) -> None:
    assert len(stack["lb/listener:Listener"]) == 1
    rules = stack["lb/listenerRule:ListenerRule"].values()
    assert len(rules) == 3
    assert len({rule["priority"] for rule in rules}) == 3


def test_a_replaced_load_balancer_replaces_its_target_groups(stack: Recording) -> None:
    """A target group can't be associated with the old and the new one."""
    [replaced] = stack.of("lb/loadBalancer:LoadBalancer")
    for group in stack.of("lb/targetGroup:TargetGroup"):
        assert group.replace_with == (replaced.urn,)


def test_target_groups_have_names_that_can_be_replaced(stack: Recording) -> None:
    """A fixed name is in use while its successor is made."""
    assert not any("name" in group for group in stack["lb/targetGroup:TargetGroup"].values())


def test_access_is_logged_once_the_bucket_takes_logs(production: Recording) -> None:
    name = "otakaro-dt-access-logs"
    assert balancer(production)["accessLogs"] == {"bucket": name, "enabled": True}
    [resource] = production.of("lb/loadBalancer:LoadBalancer")
    assert production.one("s3/bucketPolicy:BucketPolicy", name).urn in resource.dependencies


@pytest.mark.parametrize("recorded", ["production", "local", "switched"])
def test_each_keeps_connections_longer_than_the_one_before_it(
    recorded: str, request: pytest.FixtureRequest
) -> None:
    """Otherwise it closes one that is just being used: a 502 now and then."""
    recording: Recording = request.getfixturevalue(recorded)
    origins = [
        origin["vpcOriginConfig"]
        for inputs in recording["cloudfront/distribution:Distribution"].values()
        for origin in inputs["origins"]
        if "vpcOriginConfig" in origin
    ]
    [edge] = {origin["originReadTimeout"] for origin in origins}
    [kept] = {origin["originKeepaliveTimeout"] for origin in origins}
    idle = balancer(recording)["idleTimeout"]
    texts = [
        inputs["containerDefinitions"]
        for name, inputs in recording["ecs/taskDefinition:TaskDefinition"].items()
        if name.endswith("-flask")
    ]
    gunicorn = int(texts[0].split("--keep-alive ")[1].split('"')[0])
    assert max(edge, kept) < idle < gunicorn
