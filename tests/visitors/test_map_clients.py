"""Programs that read the layers: GDAL's WMS driver, as QGIS uses it, and OWSLib, as scripts do."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from owslib.util import Authentication, ServiceException
from owslib.wms import WebMapService

from local.edge import RunningEdge
from local.standins.geoserver import LAYER
from tests.visitors.conftest import Visitor

needs_gdal = pytest.mark.skipif(
    shutil.which("gdal_translate") is None, reason="no GDAL on this machine"
)
SERVICE = "https://gs.otakaro.test/geoserver/ows?"


def gdal(
    served: RunningEdge, proxy: str, *words: str, visitor: Visitor | None = None
) -> "subprocess.CompletedProcess[str]":
    settings = {
        "GDAL_HTTP_PROXY": proxy,
        "CURL_CA_BUNDLE": str(served.ca_file),
        "GDAL_DEFAULT_WMS_CACHE_PATH": "/nonexistent",
    }
    if visitor is not None:
        settings["GDAL_HTTP_USERPWD"] = f"{visitor.user}:{visitor.password}"
        settings["GDAL_HTTP_AUTH"] = "BASIC"
    return subprocess.run(
        words, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
    )


def layer(width: int) -> str:
    """A GDAL description of the layer, without a cache of its own."""
    return (
        "<GDAL_WMS><Service name='WMS'><Version>1.1.1</Version>"
        f"<ServerUrl>{SERVICE}</ServerUrl><Layers>otakaro:flood</Layers><SRS>EPSG:4326</SRS>"
        "<ImageFormat>image/png</ImageFormat></Service><DataWindow><UpperLeftX>172</UpperLeftX>"
        "<UpperLeftY>-43</UpperLeftY><LowerRightX>173</LowerRightX><LowerRightY>-44</LowerRightY>"
        f"<SizeX>{width}</SizeX><SizeY>{width}</SizeY></DataWindow><BandsCount>3</BandsCount>"
        "<BlockSizeX>128</BlockSizeX><BlockSizeY>128</BlockSizeY></GDAL_WMS>"
    )


@needs_gdal
def test_gdal_lists_the_layers_with_a_password(
    served: RunningEdge, proxy: str, visitor: Visitor
) -> None:
    done = gdal(served, proxy, "gdalinfo", f"WMS:{SERVICE}", visitor=visitor)
    assert done.returncode == 0, done.stderr
    assert "otakaro%3Aflood" in done.stdout or "otakaro:flood" in done.stdout
    # GeoServer takes any credentials that reach it for its own, and refuses them.
    assert not any("authorization" in seen.headers for seen in served.standins.geoserver.requests)


@needs_gdal
def test_gdal_reads_a_picture_and_the_second_time_the_cache_gives_it(
    served: RunningEdge, proxy: str, visitor: Visitor, tmp_path: Path
) -> None:
    for number in range(2):
        picture = tmp_path / f"{number}.tif"
        done = gdal(
            served, proxy, "gdal_translate", "-q", layer(256), str(picture), visitor=visitor
        )
        assert done.returncode == 0, done.stderr
        assert picture.stat().st_size > 256 * 256
        assert served.standins.geoserver.tiles == 4  # of 128 pixels
    assert (tmp_path / "0.tif").read_bytes() == (tmp_path / "1.tif").read_bytes()


@needs_gdal
def test_gdal_without_a_password_is_refused_in_words(served: RunningEdge, proxy: str) -> None:
    done = gdal(served, proxy, "gdalinfo", f"WMS:{SERVICE}")
    assert done.returncode != 0
    assert "401" in done.stderr + done.stdout
    assert served.standins.geoserver.requests == []


@needs_gdal
def test_gdal_with_a_wrong_password_is_refused(
    served: RunningEdge, proxy: str, visitor: Visitor
) -> None:
    wrong = Visitor(visitor.user, quote(visitor.password) + "x")
    done = gdal(served, proxy, "gdalinfo", f"WMS:{SERVICE}", visitor=wrong)
    assert done.returncode != 0
    assert served.standins.geoserver.requests == []


@pytest.fixture
def owslib(
    served: RunningEdge, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., WebMapService]:
    """OWSLib, which finds the hosts through the proxy."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(served.ca_file))
    return partial(WebMapService, SERVICE, timeout=60)


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_owslib_lists_and_draws_the_layer(
    served: RunningEdge, owslib: Callable[..., WebMapService], visitor: Visitor, version: str
) -> None:
    service = owslib(version=version, auth=Authentication(visitor.user, visitor.password))
    assert list(service.contents) == [LAYER]
    asked = {
        "layers": [LAYER],
        "srs": "EPSG:4326",
        "bbox": (172, -44, 173, -43),
        "size": (128, 128),
        "format": "image/png",
    }
    pictures = [service.getmap(**asked).read() for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
    assert served.standins.geoserver.tiles == 1
    with pytest.raises(ServiceException, match="layer"):
        service.getmap(**{**asked, "layers": ["otakaro:none"]})
    assert not any("authorization" in seen.headers for seen in served.standins.geoserver.requests)


def test_owslib_without_a_password_is_refused(
    served: RunningEdge, owslib: Callable[..., WebMapService]
) -> None:
    with pytest.raises((ServiceException, requests.HTTPError), match="password"):
        owslib(version="1.3.0")
    assert served.standins.geoserver.requests == []
