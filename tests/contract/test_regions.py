"""The program in other home Regions: CloudFront's own, and another one."""

import pytest

from local.record import configuration
from tests.contract.references import broken
from tests.contract.world import World, world

EDGE = "us-east-1"
CERTIFICATE = "acm/certificate:Certificate"
VALIDATION = "acm/certificateValidation:CertificateValidation"


@pytest.fixture(scope="module", params=[EDGE, "ap-southeast-4"])
def abroad(request: pytest.FixtureRequest) -> World:
    """Production with another home Region."""
    return world(configuration("production") | {"aws:region": request.param})


def test_aws_would_accept_every_resource(abroad: World) -> None:
    assert abroad.faults == ()
    assert [*broken(abroad)] == []


def test_each_region_has_one_certificate_and_validates_it(abroad: World) -> None:
    regions = {abroad.context.region, EDGE}
    certificates = {each.id: each.region for each in abroad.of(CERTIFICATE)}
    assert sorted(certificates.values()) == sorted(regions)
    validations = {each.inputs["certificateArn"]: each.region for each in abroad.of(VALIDATION)}
    assert validations == certificates


def test_one_set_of_records_validates_all_certificates(abroad: World) -> None:
    """ACM asks for the same CNAME in each Region; a second record of the name would collide."""
    records = [
        each for each in abroad.of("route53/record:Record") if each.inputs["type"] == "CNAME"
    ]
    hosts = next(abroad.of(CERTIFICATE)).inputs
    names = [hosts["domainName"], *hosts["subjectAlternativeNames"]]
    assert len({record.inputs["name"] for record in records}) == len(records) == len(names)
    for validation in abroad.of(VALIDATION):
        assert all(abroad.waits(validation, record) for record in records)


def test_listener_and_distributions_take_the_certificate_of_their_region(abroad: World) -> None:
    arns = {each.region: each.id for each in abroad.of(CERTIFICATE)}
    [listener] = abroad.of("lb/listener:Listener")
    assert listener.inputs["certificateArn"] == arns[abroad.context.region]
    for distribution in abroad.of("cloudfront/distribution:Distribution"):
        assert distribution.inputs["viewerCertificate"]["acmCertificateArn"] == arns[EDGE]


def test_nothing_in_a_region_has_the_name_of_another(abroad: World) -> None:
    """Where home and edge Region are one, what they have twice would collide."""
    named = [
        (each.type, each.region, each.inputs["name"])
        for each in abroad.things
        if each.type.partition("/")[0] not in ("route53", "acm", "servicediscovery")
        and isinstance(each.inputs.get("name"), str)
    ]
    assert len(named) > 100
    assert sorted(set(named)) == sorted(named)
