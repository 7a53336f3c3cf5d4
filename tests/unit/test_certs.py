"""Certificates are proved before anyone uses them."""

import pytest

from certs import Certificate, CertificateArgs, HostedZone
from local.record import NAME_SERVERS, Recording
from tests.unit.reading import component

HOSTS = ["otakaro.digitaltwins.nz", "api.otakaro.digitaltwins.nz", "gs.otakaro.digitaltwins.nz"]


def test_one_certificate_of_all_hosts_in_each_of_the_two_regions(production: Recording) -> None:
    certificates = production["acm/certificate:Certificate"].values()
    assert {c["region"] for c in certificates} == {"ap-southeast-2", "us-east-1"}
    for certificate in certificates:
        assert certificate["domainName"] == HOSTS[0]
        assert certificate["subjectAlternativeNames"] == HOSTS[1:]
        assert certificate["validationMethod"] == "DNS"


def test_one_record_a_host_proves_both(production: Recording) -> None:
    """ACM asks for the same record in each region: a second one would collide."""
    records = [
        inputs
        for inputs in production["route53/record:Record"].values()
        if inputs["type"] == "CNAME"
    ]
    assert {(r["name"], *r["records"]) for r in records} == {
        (f"_proof.{host}.", f"_{host}.acm.example.") for host in HOSTS
    }
    assert len(records) == len(HOSTS)
    proved = {f"_proof.{host}." for host in HOSTS}
    for validation in production["acm/certificateValidation:CertificateValidation"].values():
        assert set(validation["validationRecordFqdns"]) == proved


def test_a_validation_is_of_the_certificate_of_its_region(production: Recording) -> None:
    for resource in production.of("acm/certificateValidation:CertificateValidation"):
        assert resource.name.endswith(resource.inputs["region"])
        assert resource.inputs["certificateArn"].endswith(resource.name)


@pytest.mark.parametrize("recorded", ["production", "local"])
def test_every_public_record_stands_in_the_one_zone(
    recorded: str, request: pytest.FixtureRequest
) -> None:
    recording: Recording = request.getfixturevalue(recorded)
    zones = {record["zoneId"] for record in recording["route53/record:Record"].values()}
    assert zones == {{"production": "Z0FOUND", "local": "Z0otakaro.test"}[recorded]}


def test_the_zone_is_made_where_the_stack_says_so(production: Recording, local: Recording) -> None:
    assert production["route53/zone:Zone"] == {}
    assert [zone["name"] for zone in local["route53/zone:Zone"].values()] == ["otakaro.test"]


def test_the_name_servers_of_a_new_zone_are_reported_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not with the outputs, for which the certificates, which wait for the delegation, are done."""

    def build(*, create: bool) -> None:
        HostedZone("zone", domain="example.org", create=create, protect=False)

    caplog.set_level("INFO")
    component(lambda: build(create=True))
    [message] = [record.message for record in caplog.records if "Name servers" in record.message]
    assert message.startswith(f"Name servers of example.org: {', '.join(NAME_SERVERS)}. Delegate")
    assert "75 minutes" in message
    caplog.clear()
    component(lambda: build(create=True), preview=True)
    component(lambda: build(create=False))
    assert not [record for record in caplog.records if "Name servers" in record.message]


def test_the_name_servers_are_an_output(production: Recording, local: Recording) -> None:
    assert production.outputs["name-servers"] == local.outputs["name-servers"] == NAME_SERVERS


def test_a_stack_at_home_in_cloudfronts_region_has_one_certificate() -> None:
    def build() -> None:
        zone = HostedZone("zone", domain="example.org", create=False, protect=False)
        regions = ["us-east-1", "us-east-1"]
        Certificate("cert", CertificateArgs(hosts=["a.example.org"], zone=zone, regions=regions))

    assert len(component(build)["acm/certificate:Certificate"]) == 1
