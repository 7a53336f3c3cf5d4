"""TerriaMap's proxy, the real one, behind the edge: what it passes on, and what is kept of it."""

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from local.account import Account
from local.edge import RunningEdge, targets
from tests.servers import servers
from tests.visitors.attacks import REDIRECTS, RELAYS
from tests.visitors.conftest import Visitor

MAP, PORT = "map.otakaro.test", 3001
# What CloudFront, the load balancer and terriajs-server say of the request itself.
NEUTRAL = {
    *("accept", "accept-encoding", "accept-language", "user-agent", "host", "connection", "via"),
    *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amz-cf-id"),
    *("x-amzn-trace-id", "content-length", "content-type"),
}


class Site:
    """A site of somebody else, which records what it receives."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.status, self.location = 200, ""
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                site.requests.append({k.lower(): v for k, v in self.headers.items()})
                body = json.dumps({"path": self.path, "number": len(site.requests)}).encode()
                self.send_response(site.status)
                if site.location:
                    self.send_header("Location", site.location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if site.status >= 400:
                    self.send_header("Cache-Control", "public, max-age=86400")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@contextmanager
def as_the_map(served: RunningEdge, port: int) -> Iterator[None]:
    """A server as the target of the map's group, in its stub's place."""
    account: Account = served.deployed.account
    [group] = {each.target_group for each in targets.routes(account) if each.port == PORT}
    targets.register(account, group, port)
    yield
    targets.register(account, group, served.standins.map.port)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    other = Site()
    yield other
    other.server.shutdown()


@pytest.fixture(scope="module")
def proxied(served: RunningEdge, site: Site) -> Iterator[str]:
    """The path below which the site is, by a server that may reach this machine."""
    config = {"allowProxyFor": [f"localhost:{site.port}"], "blacklistedAddresses": ["10.0.0.0/8"]}
    with (
        servers.terriamap(keep_alive=75, config=json.dumps(config)) as port,
        as_the_map(served, port),
    ):
        yield f"/proxy/http://localhost:{site.port}"


@pytest.fixture(autouse=True)
def _unread(site: Site) -> None:
    site.requests.clear()
    site.status, site.location = 200, ""


def sent(visitor: Visitor) -> list[tuple[str, str]]:
    """What a browser sends, and what it could be made to send."""
    return [
        ("Authorization", visitor.authorization),
        ("Accept", "application/json"),
        ("Accept-Encoding", "gzip"),
        ("User-Agent", "Mozilla/5.0"),
        ("Cookie", "session=secret"),
        ("Origin", f"https://{MAP}"),
        ("Referer", f"https://{MAP}/#share=secret"),
        ("X-Forwarded-Host", "another.example"),
        ("X-Otakaro-Anything", "secret"),
    ]


@pytest.mark.parametrize("mount", ["", "/api/v1"])
@pytest.mark.parametrize("age", ["", "/_1d"])
def test_nothing_of_another_site_is_cached(
    served: RunningEdge, visitor: Visitor, site: Site, proxied: str, mount: str, age: str
) -> None:
    target = f"{mount}{proxied.replace('/proxy', f'/proxy{age}')}/data.json?a=b"
    for number in (1, 2):
        answer = served.client.ask(MAP, target, headers=sent(visitor))
        assert (answer.status, answer.x_cache) == (200, "Miss")
        assert json.loads(answer.body) == {"path": "/data.json?a=b", "number": number}
        # For two weeks, or as long as the URL says: to the viewer's own cache alone.
        assert "public,max-age=" in answer.headers.get("cache-control")
    assert len(site.requests) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_header_of_ours_reaches_another_site(
    served: RunningEdge, visitor: Visitor, site: Site, proxied: str, method: str
) -> None:
    body = b"<wfs:GetFeature/>" if method == "POST" else None
    served.client.ask(MAP, f"{proxied}/x", method, headers=sent(visitor), body=body)
    [received] = site.requests
    assert received.keys() <= NEUTRAL
    assert received["accept"] == "application/json"
    assert received["host"] == f"localhost:{site.port}"
    assert "secret" not in str(received)
    assert MAP not in str(received)


@pytest.mark.parametrize("status", [400, 403, 404, 414, 500, 501])
def test_another_sites_errors_are_its_own_and_not_cached(
    served: RunningEdge, visitor: Visitor, site: Site, proxied: str, status: int
) -> None:
    site.status = status
    for number, target in enumerate(("x?a=b", "x?a=b", "x?a=c"), 1):
        answer = served.client.ask(MAP, f"{proxied}/{target}", headers=sent(visitor))
        assert answer.status == status
        assert json.loads(answer.body) == {"path": f"/{target}", "number": number}
    assert len(site.requests) == 3


def test_an_outage_of_another_site_looks_like_the_maps(
    served: RunningEdge, visitor: Visitor, site: Site, proxied: str
) -> None:
    """A distribution's error pages hold for all of its behaviours (docs/access.md)."""
    site.status = 503
    answer = served.client.ask(MAP, f"{proxied}/x", headers=sent(visitor))
    assert answer.status == 503
    assert answer.headers.get("content-type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("url", REDIRECTS)
def test_a_redirect_of_an_allowed_site_is_not_followed(
    served: RunningEdge, visitor: Visitor, site: Site, proxied: str, url: str
) -> None:
    site.status, site.location = 302, url
    answer = served.client.ask(MAP, f"{proxied}/x", headers=sent(visitor))
    assert (answer.status, answer.headers.get("location")) == (302, url)
    assert len(site.requests) == 1


@pytest.fixture(scope="module")
def relay(served: RunningEdge) -> Iterator[None]:
    """A server with its own list of refused addresses."""
    config = json.dumps({"allowProxyFor": ["data.example", "localhost"]})
    with servers.terriamap(keep_alive=75, config=config) as port, as_the_map(served, port):
        yield


@pytest.mark.usefixtures("relay")
@pytest.mark.parametrize(("what", "url", "status", "meaning"), RELAYS)
def test_the_proxy_is_no_relay_into_the_stack(
    served: RunningEdge, visitor: Visitor, what: str, url: str, status: int, meaning: str
) -> None:
    answer = served.client.ask(MAP, f"/proxy/{url}", headers=sent(visitor))
    assert answer.status == status, what
    word = b"Host is not in list" if meaning == "not an allowed host" else b"IP address is not"
    assert word in answer.body


def test_without_a_list_an_address_with_a_port_is_fetched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/attacks.md warns of; a release of terriajs-server that refuses it fails here."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    with (
        servers.terriamap(keep_alive=75, config="{}") as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection,
    ):
        connection.request("GET", f"/proxy/http://127.0.0.1:{site.port}/x")
        assert connection.getresponse().status == 200
    assert len(site.requests) == 1
