"""What was published a moment ago is on the map, and an error is never taken for a tile."""

import itertools
import time
from collections.abc import Iterator

import pytest

from local.edge import RunningEdge
from local.edge.client import Answer
from local.standins.geoserver import LAYER
from tests.visitors.attacks import FROM_MAP

HOST = "gs.otakaro.test"
NEW = "otakaro:flood_2"
OWS = "/geoserver/ows?"
TILE = (
    "service=WMS&version=1.1.1&request=GetMap&layers={}&styles=&srs=EPSG:4326&format=image/png"
    "&width=64&height=64&bbox=172,-44,173,-43"
)
OLDEST = 10.0  # s that capabilities may be old
ERROR = 2.0  # s that an error of the origin is remembered (cloudfront.py)
TILE_SECONDS = 300.0  # as Pulumi.yaml has it


@pytest.fixture
def clock(served: RunningEdge) -> Iterator[list[float]]:
    """Seconds by which the edge's cache is ahead."""
    ahead = [0.0]
    before = served.cache.clock
    served.cache.clock = lambda: time.time() + ahead[0]
    yield ahead
    served.cache.clock = before
    served.standins.geoserver.layers = [LAYER]


def get(served: RunningEdge, target: str) -> Answer:
    return served.client.ask(HOST, target, headers=FROM_MAP)


@pytest.mark.parametrize(
    "target",
    [
        "/geoserver/ows?service=WMS&version=1.3.0&request=GetCapabilities",
        "/geoserver/otakaro/wms?REQUEST=GetCapabilities&SERVICE=WMS&VERSION=1.1.1",
        "/geoserver/ows?Version=1.3.0&%52equest=Get%43apabilities&Service=WMS",
        "/geoserver/wms?request=getcapabilities",
        "/geoserver/gwc/service/wmts?SERVICE=WMTS&REQUEST=GetCapabilities",
        "/geoserver/ows?service=WMS&service=WMS&request=GetCapabilities",
    ],
)
def test_a_layer_is_listed_as_soon_as_it_is_published(
    served: RunningEdge, clock: list[float], target: str
) -> None:
    assert NEW.encode() not in get(served, target).body
    served.standins.geoserver.layers.append(NEW)
    clock[0] += OLDEST
    answer = get(served, target)
    assert NEW.encode() in answer.body
    # As often as it is asked for, it is asked of GeoServer at most once in the meantime.
    assert get(served, target).x_cache == "Hit"


def test_a_tile_is_kept_in_one_copy_whatever_its_spelling(
    served: RunningEdge, clock: list[float]
) -> None:
    names = TILE.format(LAYER).split("&")
    spellings = [
        "&".join(names),
        "&".join(reversed(names)),
        "&".join(name.partition("=")[0].upper() + "=" + name.partition("=")[2] for name in names),
        TILE.format(LAYER).replace(",", "%2C").replace(":", "%3a") + "&exceptions=XML",
        TILE.format(LAYER) + "&EXCEPTIONS=application%2Fvnd.ogc.se_inimage",
    ]
    first = get(served, OWS + spellings[0])
    assert (first.status, first.headers.get("content-type")) == (200, "image/png")
    # The time is for CloudFront, where an invalidation ends it; a browser asks each time.
    assert first.headers.get("cache-control") == "no-cache"
    clock[0] += TILE_SECONDS - 5
    for spelling in spellings:
        answer = get(served, OWS + spelling)
        assert (answer.x_cache, answer.body) == ("Hit", first.body)
    assert served.standins.geoserver.tiles == 1
    clock[0] += 10
    assert get(served, OWS + spellings[0]).x_cache == "Miss"


EXCEPTIONS = ["", "XML", "application/vnd.ogc.se_xml", "INIMAGE", "BLANK", "application/json"]


@pytest.mark.parametrize(
    ("exceptions", "name"), itertools.product(EXCEPTIONS, ["exceptions", "EXCEPTIONS"])
)
def test_an_exception_is_forgotten_as_soon_as_an_error(
    served: RunningEdge, clock: list[float], exceptions: str, name: str
) -> None:
    target = OWS + TILE.format(NEW) + (f"&{name}={exceptions}" if exceptions else "")
    refused = get(served, target)
    assert refused.status == 200
    assert refused.headers.get("content-type") == "text/xml"
    served.standins.geoserver.layers.append(NEW)
    clock[0] += ERROR
    assert get(served, target).headers.get("content-type") == "image/png"


def test_an_error_and_an_exception_are_remembered_equally_long(
    served: RunningEdge, clock: list[float]
) -> None:
    targets = [OWS + TILE.format(NEW), OWS + TILE.format(LAYER)]
    get(served, targets[0])
    served.standins.geoserver.fail(500)
    get(served, targets[1])
    served.standins.geoserver.mend()
    served.standins.geoserver.forget()
    for seconds, reached in ((ERROR - 1, 0), (1.5, 2)):
        clock[0] += seconds
        for target in targets:
            get(served, target)
        assert len(served.standins.geoserver.requests) == reached
