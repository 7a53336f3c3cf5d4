"""HTTP as viewers speak it: byte for byte to the edge, over connections that stay."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.edge.certificates import Certificates
from local.edge.client import Client
from local.edge.listener import Listener
from local.edge.log import Log
from local.edge.message import Headers, Request, Response


class Recorder:
    """Answers with what was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[Request, int]] = []

    def __call__(self, request: Request, size: int) -> Response:
        self.seen.append((request, size))
        headers = Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Mine", "é")])
        return Response(status=200, headers=headers, body=request.target.encode() + request.body)


@pytest.fixture
def asked() -> Recorder:
    """What reached the edge."""
    return Recorder()


@pytest.fixture
def port(asked: Recorder) -> Iterator[int]:
    """Of a listener without TLS."""
    listener = Listener(port=0, answer=asked)
    yield listener.port
    listener.stop()


def spoken(port: int, *parts: bytes) -> bytes:
    """All that a viewer hears who says `parts` and then nothing more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as viewer:
        for part in parts:
            viewer.sendall(part)
        viewer.shutdown(socket.SHUT_WR)
        heard = b""
        while part := viewer.recv(65_536):
            heard += part
    return heard


def test_headers_come_as_they_were_spelt_and_repeated(port: int, asked: Recorder) -> None:
    spoken(port, b"GET /a%2F..//b?c=%20&d HTTP/1.1\r\nhOsT: h.test\r\nX-A: 1\r\nx-a:  2 \r\n\r\n")
    ((request, size),) = asked.seen
    assert list(request.headers) == [("hOsT", "h.test"), ("X-A", "1"), ("x-a", "2")]
    assert request.target == "/a%2F..//b?c=%20&d"
    assert (request.method, request.host, request.client_ip) == ("GET", "h.test", "127.0.0.1")
    assert not request.secure
    assert 40 < size < 80


def test_a_connection_serves_one_request_after_the_other(port: int, asked: Recorder) -> None:
    one = b"POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    two = b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
    heard = spoken(port, one, two)
    assert heard.count(b"HTTP/1.1 200") == 2
    assert b"/1abc" in heard
    assert heard.endswith(b"/2")
    assert heard.count(b"Set-Cookie: ") == 4
    assert [request.body for request, _ in asked.seen] == [b"abc", b""]


def test_head_has_no_body(port: int) -> None:
    heard = spoken(port, b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n")
    assert heard.endswith(b"\r\n\r\n")


def test_who_waits_to_send_a_body_is_told_to_go_on(port: int) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as viewer:
        viewer.sendall(head)
        assert viewer.recv(1_000).startswith(b"HTTP/1.1 100")
        viewer.sendall(b"y")
        assert viewer.recv(1_000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 500_000 + b"\r\n\r\n", b"413"),
    ],
)
def test_what_is_no_request_is_refused(
    port: int, asked: Recorder, said: bytes, status: bytes
) -> None:
    assert spoken(port, said).startswith(b"HTTP/1.1 " + status)
    assert not asked.seen


def test_the_edges_own_port_is_no_part_of_the_host(port: int, asked: Recorder) -> None:
    spoken(port, f"GET / HTTP/1.1\r\nHost: h.test:{port}\r\n\r\n".encode())
    assert asked.seen[0][0].headers.get("host") == "h.test"


def test_an_absolute_target_names_the_host(port: int, asked: Recorder) -> None:
    spoken(port, b"GET http://a.test/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n")
    (request, _) = asked.seen[0]
    assert (request.host, request.target) == ("a.test", "/x?y")
    assert len(request.headers.all("host")) == 1


def test_the_certificate_is_for_the_hosts_and_of_this_run_alone(
    tmp_path: Path, asked: Recorder
) -> None:
    certificates = Certificates(tmp_path / "ca.pem")
    hosts = ["a.test", "b.test"]
    listener = Listener(port=0, answer=asked, context=lambda: certificates.context(hosts))
    client = Client(https_port=listener.port, http_port=0, ca_file=certificates.ca_file)
    try:
        first = certificates.fingerprint
        assert client.ask("b.test", "/x").body == b"/x"
        with pytest.raises(ssl.SSLCertVerificationError):
            client.ask("c.test")
        hosts.append("c.test")
        assert client.ask("c.test", "/y", "POST", body=b"z").body == b"/yz"
        assert certificates.fingerprint == first
    finally:
        listener.stop()
    assert asked.seen[0][0].secure


def test_a_stopped_listener_is_gone(asked: Recorder) -> None:
    listener = Listener(port=0, answer=asked)
    listener.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=5)


def test_the_log_tells_who_answered_and_nothing_of_credentials() -> None:
    told: list[str] = []
    log = Log(lambda entry: told.append(str(entry)))
    headers = Headers([("Host", "h.test"), ("Authorization", "Basic c2VjcmV0")])
    request = Request(method="GET", uri="/a", query="b=c", headers=headers)
    log.add(request, Response(status=200, by="cache", x_cache="Hit"), at=0.0, seconds=0.25)
    (entry,) = log.entries()
    assert (entry.status, entry.by, entry.query) == (200, "cache", "b=c")
    assert "200  cache        250 ms  GET h.test/a" in told[0]
    assert "c2VjcmV0" not in repr(entry) + told[0] + repr(request.headers)
