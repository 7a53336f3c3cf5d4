"""HTTPS requests by host name, through the deployed function, distributions and listener rules."""

import base64
import json
import re
import signal
import socket
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pg8000.exceptions
import pg8000.native
import pytest
from pulumi.automation import ConfigValue

from local.edge import RunningEdge, running_edge
from local.edge.client import Client
from local.edge.command import credentials
from local.workspace import Workspace
from tests.local.stack import Local

STACK = "local"
READ_TIMEOUT = 5.0  # s instead of the origins' minute
TILE = (
    "/geoserver/ows?service=WMS&version=1.1.1&request=GetMap&layers=otakaro:flood&styles="
    "&srs=EPSG:4326&format=image/png&width=16&height=16&bbox="
)


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once."""
    local.do("up")
    return local


@pytest.fixture(scope="module")
def password(deployed: Local) -> dict[str, str]:
    """The header with the stack's own trial user and password."""
    with of(deployed):
        return basic(*credentials(deployed.stack))


@pytest.fixture(scope="module")
def served(deployed: Local) -> Iterator[RunningEdge]:
    """The edge in front of it."""
    with running_edge(deployed.account.endpoint, read_timeout=READ_TIMEOUT) as edge:
        yield edge


@pytest.fixture(autouse=True)
def _fresh(served: RunningEdge) -> None:
    served.cache.clear()
    served.log.clear()
    for each in served.standins.all():
        each.mend()
        each.forget()


@pytest.fixture
def hosts(served: RunningEdge) -> Any:
    """The hosts of map, api and geoserver."""
    return served.standins.hosts


@contextmanager
def of(deployed: Local) -> Iterator[None]:
    """What is called here concerns the stack of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAKARO_LOCAL", str(deployed.folder))
        yield


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def from_map(hosts: dict[str, str]) -> dict[str, str]:
    return {"Referer": f"https://{hosts['map']}/", "Origin": f"https://{hosts['map']}"}


def test_the_map_asks_for_a_password_before_anything_is_reached(
    served: RunningEdge, hosts: Any
) -> None:
    answer = served.ask(hosts["map"])
    assert (answer.status, answer.x_cache) == (401, "LambdaGeneratedResponse")
    assert answer.headers.get("www-authenticate").startswith("Basic realm=")
    assert served.ask(hosts["map"], headers=basic("somebody", "guess")).status == 401
    assert not served.standins.map.requests
    assert [entry.by for entry in served.log.entries()] == ["function", "function"]


def test_with_the_password_the_page_comes_and_the_password_ends_at_the_edge(
    served: RunningEdge, hosts: Any, password: dict[str, str]
) -> None:
    answer = served.ask(hosts["map"], headers=password)
    assert answer.status == 200
    assert b"<title>Map stand-in</title>" in answer.body
    assert answer.headers.get("strict-transport-security")
    (seen,) = served.standins.map.requests
    assert "authorization" not in seen.headers
    assert seen.headers["host"] == hosts["map"]
    assert seen.headers["x-forwarded-proto"] == "https"
    (entry,) = served.log.entries()
    assert password["Authorization"].split()[1] not in repr(entry)


def test_plain_http_is_redirected(served: RunningEdge, hosts: Any) -> None:
    answer = served.ask(hosts["map"], "/a?b=c", secure=False)
    assert answer.status == 301
    assert answer.headers.get("location") == f"https://{hosts['map']}/a?b=c"


def test_an_unknown_host_is_refused(served: RunningEdge) -> None:
    stranger = served.ask("nobody.example.test", secure=False)
    assert (stranger.status, stranger.x_cache) == (403, "Error")


def test_a_tile_reaches_geoserver_once(served: RunningEdge, hosts: Any) -> None:
    first, second = (
        served.ask(hosts["geoserver"], f"{TILE}172,-44,173,-43", headers=from_map(hosts))
        for _ in range(2)
    )
    assert (first.status, first.x_cache, second.x_cache) == (200, "Miss", "Hit")
    assert first.body == second.body
    assert first.body.startswith(b"\x89PNG")
    assert served.standins.geoserver.tiles == 1
    other = served.ask(hosts["geoserver"], f"{TILE}173,-44,174,-43", headers=from_map(hosts))
    assert other.x_cache == "Miss"
    assert other.body != first.body


def test_an_invalidation_sends_the_next_one_to_geoserver(
    served: RunningEdge, deployed: Local, hosts: Any
) -> None:
    tile = f"{TILE}172,-44,173,-43"
    served.ask(hosts["geoserver"], tile, headers=from_map(hosts))
    (distribution,) = [
        each.id for each in served.deployed.distributions if hosts["geoserver"] in each.aliases
    ]
    deployed.aws("cloudfront").create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/geoserver/*"]},
            "CallerReference": str(time.time()),
        },
    )
    served.refresh()
    assert served.ask(hosts["geoserver"], tile, headers=from_map(hosts)).x_cache == "Miss"


def test_geoserver_is_closed_to_strangers_and_its_administration_to_all(
    served: RunningEdge, hosts: Any, password: dict[str, str]
) -> None:
    host = hosts["geoserver"]
    assert served.ask(host, f"{TILE}172,-44,173,-43").status == 401
    for path in ("/geoserver/web/", "/geoserver/rest/about", "/geoserver/..;/geoserver/web"):
        assert served.ask(host, path, headers={**from_map(hosts), **password}).status == 403
    assert not served.standins.geoserver.requests


def test_the_password_opens_geoserver_but_never_reaches_it(
    served: RunningEdge, hosts: Any, password: dict[str, str]
) -> None:
    target = "/geoserver/ows?service=WMS&version=1.3.0&request=GetCapabilities"
    answer = served.ask(hosts["geoserver"], target, headers=password)
    assert answer.status == 200
    link = ET.fromstring(answer.body).find(".//{http://www.opengis.net/wms}OnlineResource")
    assert link is not None
    assert f"https://{hosts['geoserver']}/geoserver/ows?" in link.attrib.values()
    (seen,) = served.standins.geoserver.requests
    assert "authorization" not in seen.headers


def test_a_preflight_passes_without_a_password(served: RunningEdge, hosts: Any) -> None:
    asked = {
        "Origin": f"https://{hosts['map']}",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = served.ask(hosts["api"], "/wps", "OPTIONS", headers=asked)
    assert answer.status == 200
    assert answer.headers.get("access-control-allow-origin") == "*"
    assert answer.headers.get("access-control-allow-headers") == "content-type"


def test_a_process_that_takes_too_long_is_found_done_on_a_retry(
    served: RunningEdge, hosts: Any
) -> None:
    headers = {**from_map(hosts), "Content-Type": "application/json"}
    target = f"/wps?seconds={READ_TIMEOUT + 2}"
    late = served.ask(hosts["api"], target, "POST", headers=headers, body=b"{}")
    assert (late.status, late.x_cache) == (504, "Error")
    time.sleep(2)
    done = served.ask(hosts["api"], target, "POST", headers=headers, body=b"{}")
    assert (done.status, json.loads(done.body)["retried"]) == (200, True)
    assert len(served.standins.api.requests) == 2


def test_the_load_balancer_is_reached_by_the_vpc_origin_alone(
    served: RunningEdge, hosts: Any
) -> None:
    [balancer] = served.deployed.load_balancers
    assert balancer.reached_by_vpc_origin(443)
    assert not balancer.reached_by_public_origin(443)
    assert not balancer.reached_from_internet(443)
    assert served.ask(hosts["api"], headers=from_map(hosts)).status == 200


def test_visitors_read_a_page_while_the_map_is_down(
    served: RunningEdge, hosts: Any, password: dict[str, str]
) -> None:
    served.standins.map.stop()
    answer = served.ask(hosts["map"], headers=password)
    assert answer.status == 503
    assert answer.headers.get("content-type").startswith("text/html")
    assert b"cloudfront" not in answer.body.lower()
    served.standins.map.mend()
    served.cache.clear()
    assert served.ask(hosts["map"], headers=password).status == 200


def test_a_new_password_counts_as_soon_as_it_is_deployed(
    served: RunningEdge, deployed: Local, hosts: Any, password: dict[str, str]
) -> None:
    with of(deployed):
        secret = ConfigValue("quite-another-word", secret=True)
        Workspace(deployed.stack).open().set_config("otakaro:basicAuthPassword", secret)
    deployed.do("up")
    served.refresh()
    user = base64.b64decode(password["Authorization"].split()[1]).decode().partition(":")[0]
    assert served.ask(hosts["map"], headers=password).status == 401
    assert served.ask(hosts["map"], headers=basic(user, "quite-another-word")).status == 200


def test_the_command_serves_until_it_is_told_to_end(deployed: Local) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = deployed.start("edge", EDGE_PORT=str(port))
    assert command.stdout is not None
    said = []
    for line in command.stdout:
        said.append(line)
        if line.startswith("Ctrl-C ends it"):
            break
    assert "--host-resolver-rules=" in "".join(said)
    with socket.create_connection(("127.0.0.1", port + 1), timeout=20) as viewer:
        viewer.sendall(b"GET /x HTTP/1.1\r\nHost: map.otakaro.test\r\nConnection: close\r\n\r\n")
        assert viewer.recv(12) == b"HTTP/1.1 301"
    command.send_signal(signal.SIGINT)
    rest, complained = command.communicate(timeout=60)
    assert command.returncode == 0, complained
    assert " 301  edge " in rest
    elbv2 = deployed.aws("elbv2")
    for group in elbv2.describe_target_groups()["TargetGroups"]:
        health = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        assert not health["TargetHealthDescriptions"]


# Two stacks on one emulator


@pytest.fixture(scope="module")
def beside(deployed: Local) -> Local:
    """A second stack on the same emulator."""
    second = Local(deployed.folder, "production", deployed.checkout, deployed.user, deployed.port)
    second.do("up")
    return second


@contextmanager
def command(stack: Local) -> Iterator[tuple[Client, tuple[str, str], list[str]]]:
    """The running command: a client of it, the user and password that it prints, and the hosts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = stack.start("edge", EDGE_PORT=str(port))
    try:
        assert running.stdout is not None
        lines = []
        for text in running.stdout:
            lines.append(text)
            if text.startswith("Ctrl-C ends it"):
                break
        said = "".join(lines)
        (user,) = re.findall("^User (.*), password (.*)$", said, re.MULTILINE)
        (ca_file,) = re.findall("their authority in (.*)$", said, re.MULTILINE)
        client = Client(https_port=port, http_port=port + 1, ca_file=Path(ca_file))
        yield client, user, re.findall("^  https://([^/]*)/", said, re.MULTILINE)
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)


def test_each_of_two_stacks_is_served_with_its_own_password(deployed: Local, beside: Local) -> None:
    with command(deployed) as first, command(beside) as second:
        for (client, own, hosts), (_, others, strange) in ((first, second), (second, first)):
            assert not set(hosts) & set(strange)
            assert client.ask(hosts[0], headers=basic(*own)).status == 200
            assert client.ask(hosts[0], headers=basic(*others)).status == 401
            assert client.ask(strange[0], headers=basic(*others), secure=False).status == 403


def test_each_of_two_stacks_has_its_own_database(deployed: Local, beside: Local) -> None:
    if not deployed.has_database:
        pytest.skip("no PostgreSQL with PostGIS on this machine")
    stacks = {stack.stack: stack for stack in (deployed, beside)}
    instances = {name: stack.one("aws:rds/instance:Instance") for name, stack in stacks.items()}
    passwords = {name: each.inputs["password"] for name, each in instances.items()}
    assert len(set(passwords.values())) == len(passwords)
    for name, instance in instances.items():
        for other, password in passwords.items():
            with (
                allowed(other == name),
                pg8000.native.Connection(
                    instance.inputs["username"],
                    host=instance.outputs["address"],
                    port=int(instance.outputs["port"]),
                    database=instance.inputs["dbName"],
                    password=password,
                    ssl_context=True,
                    timeout=20,
                ) as connection,
            ):
                assert connection.run("SELECT count(*) FROM pg_extension")


@contextmanager
def allowed(yes: bool) -> Iterator[None]:
    """What is called here signs in, or is refused."""
    if yes:
        yield
        return
    with pytest.raises(pg8000.exceptions.DatabaseError, match="28P01"):
        yield


def test_the_first_stack_goes_without_the_second(deployed: Local, beside: Local) -> None:
    said = deployed.run("down")
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"The emulator goes on for the stack {beside.stack}" in " ".join(said.stderr.split())
    assert deployed.resources() == []
    assert beside.do("preview") == {}
