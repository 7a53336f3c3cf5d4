"""The stand-ins behave as their models do to browsers, and fail when told to."""

import http.client
import json
import struct
import threading
import time
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from local.standins import Api, GeoServer, Map, StandIn
from local.standins.geoserver import picture

WMS = "/geoserver/ows?service=WMS&version={}&request=GetCapabilities"
TILE = "/geoserver/ows?REQUEST=GetMap&LAYERS=otakaro:flood&BBOX=1,2,3,4&WIDTH=8&HEIGHT=4"


@pytest.fixture
def made() -> Iterator[list[StandIn]]:
    """What a test makes, stopped after it."""
    standins: list[StandIn] = []
    yield standins
    for each in standins:
        each.mend()
        each.stop()


def ask(
    standin: StandIn, target: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", standin.port, timeout=20)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, named)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and colours of a PNG, its checksums checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    rest = png[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + length]
        assert struct.unpack(">I", rest[8 + length : 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        rest = rest[12 + length :]
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    return width, height, zlib.decompress(chunks[b"IDAT"])


def test_a_tile_is_a_picture_of_its_box() -> None:
    width, height, colours = pixels(picture(172, -44, 173, -43, 16, 8))
    assert (width, height, len(colours)) == (16, 8, 8 * (1 + 16 * 3))
    assert picture(172, -44, 173, -43, 16, 8) != picture(173, -44, 174, -43, 16, 8)


@pytest.mark.parametrize(
    ("version", "root", "name"),
    [
        ("1.1.1", "WMT_MS_Capabilities", "Layer/Layer/Name"),
        (
            "1.3.0",
            "{http://www.opengis.net/wms}WMS_Capabilities",
            "{*}Layer/{*}Layer/{*}Name",
        ),
    ],
)
def test_capabilities_name_the_host_that_was_asked(
    made: list[StandIn], version: str, root: str, name: str
) -> None:
    made.append(geoserver := GeoServer())
    status, _, body = ask(geoserver, WMS.format(version), Host="gs.test", X_Forwarded_Proto="https")
    document = ET.fromstring(body)
    assert (status, document.tag, document.get("version")) == (200, root, version)
    assert document.findtext(f".//{name}") == "otakaro:flood"
    links = {
        link.get("{http://www.w3.org/1999/xlink}href") for link in document.iter() if link.attrib
    }
    assert "https://gs.test/geoserver/ows?" in links


def test_geoserver_counts_tiles_and_refuses_foreign_credentials(made: list[StandIn]) -> None:
    made.append(geoserver := GeoServer())
    assert pixels(ask(geoserver, TILE)[2])[:2] == (8, 4)
    assert geoserver.tiles == 1
    status, headers, _ = ask(geoserver, TILE, Authorization="Basic x")
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="GeoServer Realm"')
    assert ask(geoserver, "/geoserver/web/")[0] == 200
    assert ask(geoserver, "/geoserver/..;/geoserver/web/")[0] == 404
    assert b"ServiceException" in ask(geoserver, TILE.replace("flood", "other"))[2]
    assert b"ServiceException" in ask(geoserver, TILE.replace("WIDTH=8", "WIDTH=0"))[2]


def test_the_api_lets_every_origin_read(made: list[StandIn]) -> None:
    made.append(api := Api())
    status, headers, _ = ask(api, "/", Origin="https://m.test")
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in headers
    _, headers, _ = ask(api, "/wps", "OPTIONS", Access_Control_Request_Headers="content-type")
    assert headers["access-control-allow-headers"] == "content-type"
    assert ask(api, "/models/7")[1]["content-disposition"].startswith("attachment")


def test_a_slow_process_is_done_once_and_found_on_a_retry(made: list[StandIn]) -> None:
    made.append(api := Api())
    results: list[Any] = []

    def process() -> None:
        results.append(json.loads(ask(api, "/wps?seconds=0.5", "POST", b"<x/>")[2]))

    first = threading.Thread(target=process)
    first.start()
    first.join(10)
    began = time.monotonic()
    process()
    assert time.monotonic() - began < 0.4
    assert [each["retried"] for each in results] == [False, True]
    assert results[0]["result"] == results[1]["result"]


def test_the_maps_page_names_assets_that_are_there(made: list[StandIn]) -> None:
    made.append(page := Map({"api": "a.test", "geoserver": "g.test"}))
    _, headers, body = ask(page, "/")
    for path in page.assets.values():
        assert path.encode() in body
        assert ask(page, path)[0] == 200
    assert json.loads(ask(page, "/config.json")[2])["api"] == "https://a.test"
    assert ask(page, "/ping")[2] == b"OK"
    assert ask(page, "/", If_None_Match=headers["etag"])[0] == 304
    assert ask(page, "/nothing")[0] == 404
    assert ask(page, "/", "POST", b"x")[0] == 405


def test_a_stand_in_fails_hangs_and_stops_as_told(made: list[StandIn]) -> None:
    made.append(api := Api())
    api.fail(503)
    assert ask(api, "/")[0] == 503
    api.mend()
    assert ask(api, "/")[0] == 200
    api.hang(20)
    threading.Timer(0.3, api.mend).start()
    began = time.monotonic()
    assert ask(api, "/")[0] == 200
    assert 0.2 < time.monotonic() - began < 15
    port = api.port
    api.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(api, "/")
    api.mend()
    assert api.port == port
    assert ask(api, "/")[0] == 200
    assert len(api.requests) == 4
    api.forget()
    assert not api.requests


def test_geoserver_says_nothing_of_caching_but_what_its_container_adds_to_images(
    made: list[StandIn],
) -> None:
    made += [plain := GeoServer(), wrapped := GeoServer(image_seconds=300)]
    missing = TILE.replace("otakaro:flood", "otakaro:new")
    assert "cache-control" not in ask(plain, TILE)[1]
    assert ask(wrapped, TILE)[1]["cache-control"] == "max-age=300"
    for target in (missing, WMS.format("1.3.0")):
        status, headers, _ = ask(wrapped, target)
        assert (status, headers["content-type"]) == (200, "text/xml")
        assert "cache-control" not in headers
    # Drawn, an exception can't be told from a tile.
    _, headers, body = ask(wrapped, f"{missing}&EXCEPTIONS=INIMAGE")
    assert (headers["content-type"], headers["cache-control"]) == ("image/png", "max-age=300")
    assert body.startswith(b"\x89PNG")


def test_a_published_layer_is_drawn_and_listed(made: list[StandIn]) -> None:
    made.append(geoserver := GeoServer())
    geoserver.layers.append("otakaro:new")
    assert ask(geoserver, TILE.replace("flood", "new"))[1]["content-type"] == "image/png"
    wmts = "/geoserver/gwc/service/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"
    for target in (WMS.format("1.1.1"), WMS.format("1.3.0"), wmts):
        assert b"otakaro:new" in ask(geoserver, target)[2]


@pytest.mark.parametrize("path", ["/geoserver/login", "/geoserver/logout/"])
def test_geoservers_form_log_in_answers_outside_its_administration(
    made: list[StandIn], path: str
) -> None:
    made.append(geoserver := GeoServer())
    assert ask(geoserver, path, "POST", b"username=admin")[0] == 302
