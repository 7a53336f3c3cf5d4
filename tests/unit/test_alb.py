"""The load balancer answers CloudFront, by host, over TLS, and logs what it answers."""

from typing import Any

import pytest

from local.record import Recording, configuration, record_program
from tests.unit.reading import arn

SECRET = "Generated0Password0For0Tests"


def balancer(recording: Recording) -> dict[str, Any]:
    [inputs] = recording["lb/loadBalancer:LoadBalancer"].values()
    return inputs


def listener(recording: Recording, port: int) -> dict[str, Any]:
    listeners = recording["lb/listener:Listener"].values()
    [inputs] = [inputs for inputs in listeners if inputs["port"] == port]
    return inputs


def test_it_faces_the_internet_from_every_public_subnet(stack: Recording) -> None:
    public = {f"{name}-id" for name in stack["ec2/subnet:Subnet"] if "-public-" in name}
    assert balancer(stack)["internal"] is False
    assert set(balancer(stack)["subnets"]) == public


def test_it_has_the_groups_that_admit_cloudfront(production: Recording) -> None:
    assert balancer(production)["securityGroups"] == [
        "otakaro-dt-vpc-alb-id",
        "otakaro-dt-vpc-alb-redirect-id",
    ]


def test_malformed_requests_go_no_further(stack: Recording) -> None:
    assert balancer(stack)["dropInvalidHeaderFields"] is True
    assert balancer(stack)["desyncMitigationMode"] in {"defensive", "strictest"}


def test_plain_http_is_sent_to_https(production: Recording) -> None:
    plain = listener(production, 80)
    assert plain["protocol"] == "HTTP"
    assert plain["defaultActions"] == [
        {
            "type": "redirect",
            "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
        }
    ]


def test_https_speaks_forward_secret_tls_only(stack: Recording) -> None:
    """FSBP ELB.17 takes this policy; the one without Res has ciphers that it doesn't."""
    assert listener(stack, 443)["protocol"] == "HTTPS"
    assert listener(stack, 443)["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


def test_who_comes_by_another_host_or_without_the_header_gets_404(stack: Recording) -> None:
    [action] = listener(stack, 443)["defaultActions"]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "404")


def test_https_waits_for_the_validated_certificate_of_its_region(stack: Recording) -> None:
    [https] = [r for r in stack.of("lb/listener:Listener") if r.inputs["port"] == 443]
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
def test_a_host_goes_to_its_service_if_cloudfront_asks(
    production: Recording, key: str, host: str, port: int, path: str, codes: str
) -> None:
    rule = production["lb/listenerRule:ListenerRule"][f"otakaro-dt-{key}"]
    assert rule["listenerArn"] == arn("lb", "otakaro-dt-alb-https")
    assert rule["conditions"] == [
        {"hostHeader": {"values": [host]}},
        {"httpHeader": {"httpHeaderName": "X-Otakaro-Origin", "values": [SECRET]}},
    ]
    target = arn("lb", f"otakaro-dt-{key}")
    assert rule["actions"] == [{"type": "forward", "targetGroupArn": target}]
    group = production["lb/targetGroup:TargetGroup"][f"otakaro-dt-{key}"]
    # Fargate's tasks are known by address.
    assert (group["targetType"], group["protocol"], group["port"]) == ("ip", "HTTP", port)
    check = group["healthCheck"]
    assert (check["path"], check["matcher"]) == (path, codes)
    assert check["timeout"] < check["interval"]


def test_there_are_no_other_ways_in(stack: Recording) -> None:
    assert len(stack["lb/listener:Listener"]) == 2
    rules = stack["lb/listenerRule:ListenerRule"].values()
    assert len(rules) == 3
    assert len({rule["priority"] for rule in rules}) == 3
    for rule in rules:
        assert any("httpHeader" in condition for condition in rule["conditions"])


def test_target_groups_have_names_that_can_be_replaced(stack: Recording) -> None:
    """A fixed name is in use while its successor is made."""
    assert not any("name" in group for group in stack["lb/targetGroup:TargetGroup"].values())


@pytest.mark.parametrize(("number", "taken"), [("1", {"1"}), ("2", {"1", "2"}), ("3", {"2", "3"})])
def test_a_raised_number_is_a_new_secret_and_the_one_before_is_taken_too(
    number: str, taken: set[str]
) -> None:
    recording = record_program(configuration("production") | {"otakaro:originSecret": number})
    kind = "random:index/randomPassword:RandomPassword"
    secrets = {
        resource.urn: resource.name.rpartition("-")[2]
        for resource in recording.resources
        if resource.type == kind and "-alb-origin-" in resource.name
    }
    assert set(secrets.values()) == taken
    for resource in recording.of("lb/listenerRule:ListenerRule"):
        assert {secrets[urn] for urn in resource.dependencies if urn in secrets} == taken
        [values] = [c["httpHeader"]["values"] for c in resource.inputs["conditions"][1:]]
        assert len(values) == len(taken)
    # CloudFront shows the newest, once the rule of its host takes it.
    shown = set()
    for resource in recording.of("cloudfront/distribution:Distribution"):
        assert any("ListenerRule" in urn for urn in resource.dependencies)
        shown |= {secrets[urn] for urn in resource.dependencies if urn in secrets}
    assert number in shown


def test_the_header_is_long_and_random(production: Recording) -> None:
    made = production["random:index/randomPassword:RandomPassword"]["otakaro-dt-alb-origin-1"]
    assert made["length"] >= 32
    assert made["special"] is False  # '*' and '?' are wildcards in a listener's rule


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
        origin["customOriginConfig"]
        for inputs in recording["cloudfront/distribution:Distribution"].values()
        for origin in inputs["origins"]
        if "customOriginConfig" in origin
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
