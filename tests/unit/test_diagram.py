"""The committed pictures show what the program deploys, and a person can read them."""

import re
from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from local.diagram import SOURCE, source
from local.picture.deployed import deployed
from local.picture.drawing import drawing
from local.picture.geometry import FONT, Rect
from local.picture.layout import Sheet, layout
from local.picture.model import Picture
from local.picture.network import network
from local.picture.network_drawing import network_drawing
from local.picture.places import (
    ALARMS,
    DATA,
    EDGE,
    ENTRANCE,
    LEFT_OUT,
    NETWORK,
    PLACES,
    PRIVATE,
    PUBLIC,
    ROLLOUT,
    SECRETS,
    homeless,
)
from local.picture.routes import gathered
from local.picture.svg import DARK, LIGHT
from local.record import ROOT, Recording, configuration, kinds, record_program

README_WIDTH = 850  # px, GitHub's
STACKS = ["production", "local", "switched"]


@pytest.fixture(params=STACKS, scope="module")
def recording(request: pytest.FixtureRequest) -> Recording:
    """Each stack in turn, as it is and with its switches the other way."""
    found: Recording = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def picture(recording: Recording) -> Picture:
    return deployed(recording)


@pytest.fixture(scope="module")
def sheet(picture: Picture) -> Sheet:
    return layout(picture)


def test_without_a_gateway_tasks_stand_in_public_subnets(production: Recording) -> None:
    settings = {"otakaro:natGateways": "0", "otakaro:interfaceEndpoints": '["ssm"]'}
    without = deployed(record_program(configuration("production") | settings))
    [title] = {without.title(part.group) for part in without.parts if part.service}
    assert title.startswith("Public subnets: tasks")
    assert title in re.sub("<[^>]+>", "", drawing(without, LIGHT))
    assert '"Private subnets"' not in without.text()
    usual = deployed(production)
    assert {usual.title(part.group) for part in usual.parts if part.service} == {PRIVATE}


def arrows(picture: Picture, kind: str) -> set[tuple[str, str]]:
    return {(arrow.start, arrow.end) for arrow in picture.arrows if arrow.kind == kind}


def test_the_committed_source_is_the_program(production: Recording) -> None:
    assert source(production) == SOURCE.read_text(), (
        "the program has changed since its pictures were drawn: run `make diagram`"
    )


def test_every_kind_of_resource_has_its_place_or_a_reason_to_have_none(
    recording: Recording,
) -> None:
    assert homeless(kinds(recording)) == [], "give these kinds a place in local/picture/places.py"


def test_no_kind_is_both_shown_and_left_out() -> None:
    left = [kind for group in LEFT_OUT.values() for kind in group]
    assert len(left) == len(set(left))
    assert not set(left) & (PLACES.keys() | NETWORK)


def test_everything_that_runs_or_keeps_something_is_in_the_picture(recording: Recording) -> None:
    drawn = {part.key for part in deployed(recording).parts}
    for kind in (
        "cloudfront/distribution:Distribution",
        "ecr/repository:Repository",
        "ecs/service:Service",
        "efs/fileSystem:FileSystem",
        "elasticache/replicationGroup:ReplicationGroup",
        "lambda/function:Function",
        "lb/loadBalancer:LoadBalancer",
        "rds/instance:Instance",
        "s3/bucket:Bucket",
    ):
        names = {resource.name for resource in recording.of(kind)}
        assert names, kind
        assert names <= drawn, kind


def test_networking_is_left_to_its_own_picture(recording: Recording) -> None:
    picture = deployed(recording)
    for kind in NETWORK - {"ec2/natGateway:NatGateway"}:
        names = {resource.name for resource in recording.of(kind)}
        assert kind not in PLACES
        assert not names & {part.key for part in picture.parts if part.key == kind}


def test_each_part_stands_where_it_belongs(production: Recording) -> None:
    picture = deployed(production)
    groups = {part.key.removeprefix("otakaro-dt-"): part.group for part in picture.parts}
    assert groups["map-cdn"] == groups["basic-auth"] == groups["maintenance"] == EDGE
    assert (groups["alb"], groups["ec2/natGateway:NatGateway"]) == (ENTRANCE, PUBLIC)
    for key in ("terriamap", "geoserver", "backend-flask", "backend-celery", "backend-redis"):
        assert groups[key] == PRIVATE
    assert groups["pg-postgis"] == PRIVATE
    assert groups["pg"] == groups["shared-data"] == groups["access-logs"] == DATA
    assert groups["ssm/parameter:Parameter"] == SECRETS
    assert groups["backend-ecr"] == groups["rollout"] == groups["rollout-images"] == ROLLOUT
    assert groups["cloudwatch/metricAlarm:MetricAlarm"] == groups["alarms"] == ALARMS


def test_a_request_goes_from_visitors_over_the_edge_to_the_data(production: Recording) -> None:
    found = arrows(deployed(production), "request")
    way = ["visitors", "otakaro-dt-api-cdn", "otakaro-dt-alb", "otakaro-dt-backend-flask"]
    assert set(pairwise([*way, "otakaro-dt-pg"])) <= found
    assert ("otakaro-dt-backend-celery", "otakaro-dt-backend-redis") in found
    assert ("otakaro-dt-backend-celery", "otakaro-dt-geoserver") in found
    assert ("otakaro-dt-geoserver", "otakaro-dt-shared-data") in found
    assert ("otakaro-dt-terriamap", "otakaro-dt-pg") not in found
    assert ("otakaro-dt-alb", "otakaro-dt-backend-celery") not in found
    assert not any(start.endswith("-cdn") and not end.endswith("-alb") for start, end in found)


def test_a_push_goes_over_events_and_a_queue_to_the_services_of_its_image(
    production: Recording,
) -> None:
    picture = deployed(production)
    events, rules = arrows(picture, "event"), "cloudwatch/eventRule:EventRule"
    way = ["team", "otakaro-dt-backend-ecr", rules, "otakaro-dt-rollout-images"]
    way += ["otakaro-dt-rollout", "otakaro-dt-backend-celery"]
    assert set(pairwise(way)) <= events
    assert ("ssm/parameter:Parameter", rules) in events
    images = arrows(picture, "image")
    assert {start for start, end in images if end == "otakaro-dt-backend-celery"} == {
        "otakaro-dt-backend-ecr",
        "ssm/parameter:Parameter",
    }


def test_the_firewall_is_there_when_it_is_on(production: Recording, switched: Recording) -> None:
    assert "wafv2/webAcl:WebAcl" not in {part.key for part in deployed(production).parts}
    assert deployed(switched)["wafv2/webAcl:WebAcl"].group == EDGE


def test_nothing_lies_over_anything_else(sheet: Sheet) -> None:
    for places in (sheet.parts, sheet.boxes, sheet.groups):
        for (one, a), (other, b) in combinations(places.items(), 2):
            assert not a.overlaps(b), (one, other)


def test_everything_is_within_its_group_and_on_the_sheet(picture: Picture, sheet: Sheet) -> None:
    whole = Rect(0, 0, *sheet.size)
    for part in picture.parts:
        a, b = sheet.parts[part.key], sheet.groups.get(part.group, whole)
        assert b.holds(a), part.key


def test_no_arrow_runs_over_a_part_that_it_does_not_concern(sheet: Sheet) -> None:
    for route in sheet.routes:
        for key, rect in sheet.parts.items():
            if key in (route.arrow.start, route.arrow.end):
                continue
            icon = Rect(rect.x + 4, rect.y + 4, rect.w - 8, rect.h - 8)
            over = [p for p in route.along() if icon.overlaps(Rect(*p, 0.1, 0.1))]
            assert not over, (route.arrow, key)


def test_the_picture_is_wide_and_legible_in_a_readme(sheet: Sheet) -> None:
    wide, high = sheet.size
    assert README_WIDTH / wide * FONT >= 11
    assert 1.4 <= wide / high <= 1.7


def test_a_new_service_finds_its_place_by_itself(production: Recording) -> None:
    more = Recording(resources=list(production.resources), outputs=production.outputs)
    for kind in ("ecs/service:Service", "ecs/taskDefinition:TaskDefinition"):
        like = production.one(kind, "otakaro-dt-terriamap")
        more.resources.append(replace(like, name="otakaro-dt-tile-server"))
    picture = deployed(more)
    assert picture["otakaro-dt-tile-server"].label == "tile\nserver"
    assert ("otakaro-dt-alb", "otakaro-dt-tile-server") in arrows(picture, "request")
    sheet = layout(picture)
    test_nothing_lies_over_anything_else(sheet)
    test_everything_is_within_its_group_and_on_the_sheet(picture, sheet)
    assert source(more) != source(production)


def test_one_arrow_stands_for_those_of_all_in_a_box(production: Recording) -> None:
    drawn = {(arrow.start, arrow.end) for arrow in gathered(deployed(production))}
    assert ("visitors", "CloudFront") in drawn
    assert ("Backend", "otakaro-dt-pg") in drawn
    assert ("otakaro-dt-rollout", PRIVATE) in drawn
    # TerriaMap asks no database, and the load balancer no worker: those stay arrows of their own.
    assert (PRIVATE, "otakaro-dt-pg") not in drawn
    assert ("otakaro-dt-alb", "otakaro-dt-backend-flask") in drawn


def test_the_network_shows_what_stands_in_each_subnet(production: Recording) -> None:
    picture = network(production)
    public, _, private, _ = picture.subnets
    assert (public.zone, public.out) == ("ap-southeast-2a", "internet gateway")
    assert {item.label for item in public.items} == {"NAT gateway"}
    assert (private.zone, private.out) == ("ap-southeast-2a", "NAT gateway in a")
    names = [item.label for item in private.items]
    assert len(names) == len(set(names))
    assert {"TerriaMap", "GeoServer", "Flask API", "Celery worker", "EFS"} <= set(names)
    assert "Load balancer" in names
    assert {"Redis 7.1", "PostgreSQL 17", "creates PostGIS"} <= set(names)


def test_the_networks_table_is_the_security_groups(switched: Recording) -> None:
    table = {(client, server): ports for client, server, ports in network(switched).traffic}
    assert table["CloudFront", "Load balancer"] == "443"
    assert table["Load balancer", "Flask API"] == "5000"
    assert table["Celery worker", "internet"] == "443, 80"
    assert table["GeoServer", "EFS"] == "2049"
    assert table["TerriaMap", "endpoints"] == "443"
    assert ("TerriaMap", "PostgreSQL 16.10") not in table
    rules = switched["vpc/securityGroupIngressRule:SecurityGroupIngressRule"].values()
    assert len([ports for (_, server), ports in table.items() if server != "internet"]) == (
        len({r["description"] for r in rules})
    )


def test_the_svgs_need_no_other_file(production: Recording) -> None:
    picture = deployed(production)
    for theme in (LIGHT, DARK):
        for text in (drawing(picture, theme), network_drawing(network(production), theme)):
            assert len(text) < 500_000
            assert re.findall(r'href="(?!data:image/png;base64,|#)', text) == []
            assert re.findall(r"url\((?!data:font/|#)", text) == []
            assert set(re.findall(r'href="#([^"]+)"', text)) <= set(
                re.findall(r'id="([^"]+)"', text)
            )
            assert str(ROOT) not in text
    whole = drawing(picture, LIGHT)
    assert all(line in whole for part in picture.parts for line in part.label.split("\n"))


def test_the_committed_pictures_are_of_that_source(production: Recording) -> None:
    """All but the bytes of icons and letters, which another build of a library may pack anew."""
    for path, text in (
        ("asbuilt.svg", drawing(deployed(production), LIGHT)),
        ("docs/network.svg", network_drawing(network(production), LIGHT)),
    ):
        committed = (ROOT / path).read_text()
        assert without_data(committed) == without_data(text), f"{path}: run `make diagram`"
    for path in ("asbuilt.png", "docs/asbuilt-dark.png", "docs/network.png"):
        assert (ROOT / path).read_bytes().startswith(b"\x89PNG"), path
        assert (ROOT / path).stat().st_size < 400_000, path


def without_data(text: str) -> str:
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
