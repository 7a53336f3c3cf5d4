"""The real servers of the three targets, started as their containers start them.

TerriaMap's is `terriajs-server` from npm, the API's gunicorn with gevent workers from PyPI,
GeoServer's Tomcat as Debian packages it (the image has Tomcat 9, whose connector is the same).
Entry points and variables are those of the program, but for the program that they start at last.
"""

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import entry_points
from local import bootstrap, environment, node, paths

HERE: Final = Path(__file__).parent
TOMCAT: Final = Path("/usr/share/tomcat10")
# A configuration for each user, of the package tomcat10-user, as Tomcat itself comes with.
CONFIGURATION: Final = TOMCAT / "skel" / "conf"
HAS_TOMCAT: Final = shutil.which("java") is not None and CONFIGURATION.exists()
_PATIENCE: Final = 90.0  # s until a server accepts connections
_APPLICATION: Final = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
# GeoServer as far as its container sees it: an image, or an exception with status 200.
_PAGE: Final = (
    '<%@ page contentType="text/xml" session="false" %>'
    '<% String kind = request.getParameter("format");'
    " if (kind != null) response.setContentType(kind);"
    ' String age = request.getParameter("age");'
    ' if (age != null) response.setHeader("Cache-Control", "max-age=" + age); %>ok'
)


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, given: Mapping[str, str]
) -> Iterator[int]:
    """A server from the time that it accepts connections at the port."""
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment.service(HOME=str(folder), **given),
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while True:
            assert child.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait(30)


@contextmanager
def terriamap(*, keep_alive: int | None, config: str = "{}") -> Iterator[int]:
    """terriajs-server by the program's entry point; its own default without `keep_alive`."""
    program, npm = node.programs()
    files = [HERE / "package.json", HERE / "package-lock.json"]
    home = node.installed("servers", files, program, npm)
    with tempfile.TemporaryDirectory() as scratch:
        folder, port = Path(scratch), free_port()
        (folder / "wwwroot").mkdir()
        (folder / "wwwroot" / "index.html").write_text("<title>Map</title>")
        (folder / "serverconfig.json").write_text(config)
        server = home / "node_modules" / "terriajs-server" / "lib" / "app.js"
        start = [program, str(server), "--config-file", "serverconfig.json", "--port", str(port)]
        if keep_alive is None:
            with running(start, port, folder, {}) as ready:
                yield ready
            return
        made = entry_points.terriamap(keep_alive=keep_alive)
        script, *rest = made.command
        command = script.replace("/app/entrypoint.sh", " ".join(start)).replace("/tmp", scratch)
        with running([*made.entry_point, command, *rest], port, folder, made.environment) as ready:
            yield ready


@contextmanager
def api(*, keep_alive: int | None) -> Iterator[int]:
    """gunicorn as src/backend_entrypoint.sh starts it; its own default without `keep_alive`."""
    python = bootstrap.install(
        paths.cache() / "gunicorn", [HERE / "requirements.txt"], "the API's server"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder, port = Path(scratch), free_port()
        (folder / "app.py").write_text(_APPLICATION)
        given = {} if keep_alive is None else {"GUNICORN_CMD_ARGS": f"--keep-alive {keep_alive}"}
        start = [str(python), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--timeout", "600"]
        with running([*start, "-k", "gevent", "app"], port, folder, given) as ready:
            yield ready


@contextmanager
def geoserver(*, keep_alive: int | None, tile_seconds: int = 300) -> Iterator[int]:
    """Tomcat by the program's entry point; its own default without `keep_alive`."""
    with tempfile.TemporaryDirectory() as scratch:
        home, port = Path(scratch), free_port()
        for name in ("bin", "lib"):
            (home / name).symlink_to(TOMCAT / name)
        for name in ("conf", "logs", "temp", "work"):
            (home / name).mkdir()
        application = home / "webapps" / "geoserver"
        (application / "WEB-INF").mkdir(parents=True)
        (application / "WEB-INF" / "web.xml").write_text("<web-app>\n</web-app>\n")
        (application / "ows.jsp").write_text(_PAGE)
        for name in ("catalina.properties", "context.xml", "server.xml", "web.xml"):
            text = (CONFIGURATION / name).read_text()
            text = re.sub('<Server port="[0-9]+"', '<Server port="-1"', text)
            text = re.sub('<Connector port="8080"', f'<Connector port="{port}"', text)
            (home / "conf" / name).write_text(text)
        # As GeoServer's image does, which copies its own server.xml over Tomcat's at each start.
        (home / "config").mkdir()
        shutil.copy(home / "conf" / "server.xml", home / "config")
        start = home / "start.sh"
        start.write_text(
            '#!/bin/sh\ncp "$CONFIG_DIR/server.xml" "$CATALINA_HOME/conf/"\n'
            'exec "$CATALINA_HOME/bin/catalina.sh" run\n'
        )
        start.chmod(0o755)
        given = {
            "CATALINA_HOME": scratch,
            "CATALINA_BASE": scratch,
            "CATALINA_PID": "",
            "CONFIG_DIR": str(home / "config"),
        }
        if keep_alive is None:
            with running([str(start)], port, home, given) as ready:
                yield ready
            return
        made = entry_points.geoserver(keep_alive=keep_alive, tile_seconds=tile_seconds)
        [script] = made.command
        command = script.replace("exec /opt/startup.sh", f"exec {start}")
        with running(
            [*made.entry_point, command], port, home, {**given, **made.environment}
        ) as ready:
            yield ready
