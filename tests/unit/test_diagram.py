"""The committed pictures show what the program deploys, and a person can read them."""

from itertools import combinations, pairwise

import pytest

from local.diagram import SOURCE, source
from local.picture.deployed import deployed
from local.picture.layout import FONT, Rect, Sheet, layout
from local.picture.model import Picture
from local.picture.places import (
    ALARMS,
    DATA,
    EDGE,
    LEFT_OUT,
    NETWORK,
    PLACES,
    PRIVATE,
    PUBLIC,
    ROLLOUT,
    SECRETS,
    homeless,
)
from local.picture.svg import DARK, LIGHT, svg
from local.record import Recording, kinds

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
    assert groups["alb"] == groups["ec2/natGateway:NatGateway"] == PUBLIC
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


def overlap(a: Rect, b: Rect) -> bool:
    return min(a.right, b.right) > max(a.x, b.x) and min(a.bottom, b.bottom) > max(a.y, b.y)


def test_nothing_lies_over_anything_else(sheet: Sheet) -> None:
    for places in (sheet.parts, sheet.boxes, sheet.groups):
        for (one, a), (other, b) in combinations(places.items(), 2):
            assert not overlap(a, b), (one, other)


def test_everything_is_within_its_group_and_on_the_sheet(picture: Picture, sheet: Sheet) -> None:
    whole = Rect(0, 0, *sheet.size)
    for part in picture.parts:
        a, b = sheet.parts[part.key], sheet.groups.get(part.group, whole)
        inside = b.x <= a.x and a.right <= b.right and b.y <= a.y and a.bottom <= b.bottom
        assert inside, part.key


def test_no_arrow_runs_over_a_part_that_it_does_not_concern(sheet: Sheet) -> None:
    for route in sheet.routes:
        for key, rect in sheet.parts.items():
            if key in (route.arrow.start, route.arrow.end):
                continue
            icon = Rect(rect.x + 4, rect.y + 4, rect.w - 8, rect.h - 8)
            over = [p for p in route.along() if overlap(Rect(*p, 0.1, 0.1), icon)]
            assert not over, (route.arrow, key)


def test_the_picture_is_wide_and_legible_in_a_readme(sheet: Sheet) -> None:
    wide, high = sheet.size
    assert README_WIDTH / wide * FONT >= 11
    assert 1.4 <= wide / high <= 1.7


def test_the_svg_needs_no_other_file(production: Recording) -> None:
    picture = deployed(production)
    for theme in (LIGHT, DARK):
        text = svg(picture, layout(picture), theme, "A title")
        assert len(text) < 500_000
        assert text.count('href="data:image/png;base64,') == len(
            {part.icon for part in picture.parts if not part.icon.startswith("general/user")}
        )
        assert "http" not in text.replace("http://www.w3.org/", "")
        assert "/resources/" not in text
        assert all(line in text for part in picture.parts for line in part.label.split("\n"))
