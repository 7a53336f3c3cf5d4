"""Connections to the real servers stay open for longer than the load balancer uses them.

Minutes are made seconds here; `python -m tests.servers.measure` takes the real times.
"""

import http.client
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

import entry_points
from tests.servers import servers
from tests.servers.balancer import Load, resets

Server = Callable[..., AbstractContextManager[int]]
TILE_SECONDS = 321
needs_tomcat = pytest.mark.skipif(not servers.HAS_TOMCAT, reason="no Tomcat on this machine")


@pytest.mark.parametrize(
    ("server", "keep_alive", "idle"),
    [
        # Longer than 5 s and 2 s, after which these close a connection by default.
        pytest.param(servers.terriamap, 8, 6, id="terriamap"),
        pytest.param(servers.api, 5, 3, id="api"),
    ],
)
def test_a_connection_is_kept_beyond_the_servers_default(
    server: Server, keep_alive: int, idle: float
) -> None:
    with (
        server(keep_alive=keep_alive) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection,
    ):
        used = None
        for pause in (0, idle):
            time.sleep(pause)
            used = connection.sock
            connection.request("GET", "/ping")
            assert connection.getresponse().read()
        assert connection.sock is used


@pytest.fixture(scope="module")
def tomcat() -> Iterator[int]:
    with servers.geoserver(keep_alive=2, tile_seconds=TILE_SECONDS) as port:
        yield port


@needs_tomcat
def test_tomcat_keeps_a_connection_as_long_as_the_entry_point_says(tomcat: int) -> None:
    """By default it would be 20 s, which is too long to wait for."""
    with closing(http.client.HTTPConnection("127.0.0.1", tomcat, timeout=60)) as connection:
        connection.request("GET", "/geoserver/ows.jsp")
        connection.getresponse().read()
        connection.sock.settimeout(15)
        began = time.monotonic()
        assert connection.sock.recv(1) == b""
        assert time.monotonic() - began > 1


@needs_tomcat
def test_tomcat_lets_images_be_cached_and_nothing_else(tomcat: int) -> None:
    def age(query: str) -> int | None:
        with closing(http.client.HTTPConnection("127.0.0.1", tomcat, timeout=60)) as connection:
            connection.request("GET", f"/geoserver/ows.jsp?{query}")
            answer = connection.getresponse()
            assert answer.read() == b"ok"
            assert answer.status == 200
            control = answer.getheader("cache-control")
            return int(control.removeprefix("max-age=")) if control else None

    # Tomcat counts from the moment at which the response began.
    for kind in ("image/png", "image/vnd.jpeg-png"):
        assert TILE_SECONDS - 5 <= (age(f"format={kind}") or 0) <= TILE_SECONDS
    # The layer's own "Response Cache Headers".
    assert age("format=image/png&age=5") == 5
    for kind in ("text/xml", "application/vnd.ogc.se_xml", "application/json", "text/html"):
        assert age(f"format={kind}") is None


@pytest.mark.parametrize(("keep_alive", "idle"), [(3, (0.1, 1.9)), (1, (0.95, 1.05))])
def test_no_request_meets_a_connection_just_closed(
    keep_alive: int, idle: tuple[float, float]
) -> None:
    """Unless the target closes it first."""
    load = Load(requests=240, connections=60, idle=idle, idle_timeout=2, latency=0.02)
    with servers.api(keep_alive=keep_alive) as port:
        counts = resets(port, load)
    assert (counts["reset"] == 0) == (keep_alive > load.idle_timeout)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_an_image_that_has_neither_file_starts_all_the_same(tmp_path: Path) -> None:
    """As every version of the image does that keeps them elsewhere."""
    made = entry_points.geoserver(keep_alive=75, tile_seconds=300)
    start = tmp_path / "startup.sh"
    start.write_text("#!/bin/sh\necho started\n")
    start.chmod(0o755)
    [script] = made.command
    done = subprocess.run(
        [*made.entry_point, script.replace("/opt/startup.sh", str(start))],
        env={"PATH": "/usr/bin:/bin", "CATALINA_HOME": str(tmp_path), **made.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
