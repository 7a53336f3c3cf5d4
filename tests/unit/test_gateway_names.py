"""Private names: what Cloud Map has, and that a function's Python asks for it."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from local.gateway.clients import Clients
from local.gateway.names import NAMES, RESOLVER, Names
from tests.unit.emulated import REGION


class NamespaceNotFound(Exception):  # noqa: N818 - boto3's name
    """No such namespace."""


class ServiceNotFound(Exception):  # noqa: N818
    """No such service."""


class InvalidInput(Exception):  # noqa: N818
    """A name that is none."""


class CloudMap:
    """Cloud Map, of one namespace."""

    exceptions = SimpleNamespace(
        NamespaceNotFound=NamespaceNotFound,
        ServiceNotFound=ServiceNotFound,
        InvalidInput=InvalidInput,
    )
    services = {  # noqa: RUF012 - nothing changes it
        "redis": [{"AWS_INSTANCE_CNAME": "127.54.32.1"}],
        "geoserver": [{"other": "x"}, {"AWS_INSTANCE_IPV4": "10.0.0.7"}],
        "idle": [],
    }

    def __call__(self, service: str, region: str) -> "CloudMap":
        assert (service, region) == ("servicediscovery", REGION)
        return self

    def discover_instances(self, *, NamespaceName: str, ServiceName: str) -> dict[str, object]:  # noqa: N803
        if not NamespaceName:
            raise InvalidInput
        if NamespaceName != "otakaro.internal":
            raise NamespaceNotFound
        if ServiceName not in self.services:
            raise ServiceNotFound
        return {"Instances": [{"Attributes": each} for each in self.services[ServiceName]]}


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("redis.otakaro.internal", "127.54.32.1"),
        ("geoserver.otakaro.internal", "10.0.0.7"),
        ("idle.otakaro.internal", ""),
        ("database.otakaro.internal", ""),
        ("redis.other.internal", ""),
        ("redis", ""),
    ],
)
def test_a_name_has_the_target_that_cloud_map_has(host: str, target: str) -> None:
    clients: Clients = CloudMap()  # type: ignore[assignment]
    assert asyncio.run(Names(clients, REGION).told(host)) == {"target": target}


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """An emulator that knows one name: its address, and the paths that it is asked for."""
    paths: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            known = self.path == f"{NAMES}redis.otakaro.internal"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"target": "127.9.8.7" if known else ""}).encode())

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def resolved(endpoint: str, host: str) -> "subprocess.CompletedProcess[str]":
    """What a function's Python makes of a host."""
    code = f"import socket; print(socket.getaddrinfo({host!r}, 6379)[0][4])"
    environment = {**os.environ, "PYTHONPATH": str(RESOLVER), "AWS_ENDPOINT_URL": endpoint}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("host", ["redis.otakaro.internal", "redis.otakaro.internal."])
def test_a_function_resolves_a_private_name(asked: tuple[str, list[str]], host: str) -> None:
    endpoint, paths = asked
    assert resolved(endpoint, host).stdout == "('127.9.8.7', 6379)\n"
    assert paths == [f"{NAMES}redis.otakaro.internal"]


def test_what_is_no_private_name_is_the_machines(asked: tuple[str, list[str]]) -> None:
    endpoint, paths = asked
    assert resolved(endpoint, "127.0.0.1").stdout == "('127.0.0.1', 6379)\n"
    assert paths == []


def test_a_private_name_that_nobody_has_is_unknown(asked: tuple[str, list[str]]) -> None:
    endpoint, paths = asked
    assert "gaierror" in resolved(endpoint, "nobody.otakaro.internal").stderr
    assert paths == [f"{NAMES}nobody.otakaro.internal"]
