"""Jobs that wait and jobs that run become metrics, or the function fails."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import pytest

from local import broker
from tests.lambdas.loading import LAMBDAS, load

OPENSSL = shutil.which("openssl")
ASKED = b"*2\r\n$4\r\nLLEN\r\n$6\r\ncelery\r\n"
COUNTED = re.compile(
    rb"\*4\r\n\$6\r\nZCOUNT\r\n\$7\r\nrunning\r\n\$10\r\n(\d{10})\r\n\$4\r\n\+inf\r\n"
)

Answer = Callable[[socket.socket], None]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    loaded = load(LAMBDAS / "queue_length" / "handler.py")
    monkeypatch.setattr(loaded, "TIMEOUT", 0.5)
    return loaded


@contextmanager
def server(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that takes one connection and answers it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    if tls is None:
                        answer(connection)
                    else:
                        with tls.wrap_socket(connection, server_side=True) as encrypted:
                            answer(encrypted)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        # A listener that is closed doesn't wake who waits on it.
        with suppress(OSError):
            socket.create_connection(listener.getsockname(), 1).close()
        thread.join(5)


def says(
    *parts: bytes, then: Sequence[bytes] = (b":2\r\n",), heard: list[bytes] | None = None
) -> Answer:
    """Answer the first request with these parts, each on its own, and the second with `then`."""

    def answer(connection: socket.socket) -> None:
        for each in (parts, then):
            asked = b""
            while asked.count(b"\r\n") < 5 or (asked[1:2] == b"4" and asked.count(b"\r\n") < 9):
                received = connection.recv(1000)
                if not received:
                    return
                asked += received
            if heard is not None:
                heard.append(asked)
            for part in each:
                connection.sendall(part)
                time.sleep(0.05)
            if not b"".join(each).endswith(b"\r\n"):
                return

    return answer


@pytest.mark.parametrize(
    ("parts", "length"), [([b":0\r\n"], 0), ([b":12345\r\n"], 12345), ([b":1", b"7\r", b"\n"], 17)]
)
def test_the_length_is_what_redis_says(
    module: ModuleType, parts: Sequence[bytes], length: int
) -> None:
    heard: list[bytes] = []
    with server(says(*parts, heard=heard)) as port:
        assert module.measure("127.0.0.1", port, "celery", "running", tls=False) == (length, 2)
    first, second = heard
    assert first == ASKED
    counted = COUNTED.fullmatch(second)
    assert counted is not None
    # Entries that count until now, or later.
    assert abs(int(counted[1]) - time.time()) < 60


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([b"-WRONGTYPE Operation against a key\r\n"], "WRONGTYPE Operation against a key"),
        ([b"-NOAUTH Authentication required.\r\n"], "NOAUTH"),
        ([b"+OK\r\n"], "no number"),
        ([b":-1\r\n"], "no number"),
        ([b":\r\n"], "no number"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "no number"),
        ([b":1"], "no whole answer"),
        ([], "no whole answer"),
        ([b":" + b"1" * 5000], "no whole answer"),
    ],
)
def test_any_other_answer_is_an_error_and_no_number(
    module: ModuleType, parts: Sequence[bytes], reason: str
) -> None:
    for answer in (says(*parts), says(b":1\r\n", then=parts)):
        with server(answer) as port, pytest.raises(module.RedisError, match=reason):
            module.measure("127.0.0.1", port, "celery", "running", tls=False)


def test_a_server_that_says_nothing_is_given_up(module: ModuleType) -> None:
    with server(lambda _: time.sleep(1)) as port, pytest.raises(TimeoutError):
        module.measure("127.0.0.1", port, "celery", "running", tls=False)


def test_no_server_is_an_error(module: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        module.measure("127.0.0.1", port, "celery", "running", tls=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 'localhost' with its key, signed by itself."""
    if OPENSSL is None:
        pytest.skip("no openssl for a certificate on this machine")
    folder = tmp_path_factory.mktemp("certificate")
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([OPENSSL, *request.split(), *names, *files], check=True, capture_output=True)
    return folder


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def test_redis_is_asked_by_tls_where_it_demands_it(
    module: ModuleType, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with server(says(b":3\r\n"), serving(certificate)) as port:
        assert module.measure("localhost", port, "celery", "running", tls=True) == (3, 2)


@pytest.mark.parametrize(
    ("host", "trusted"), [("localhost", False), ("127.0.0.1", True)], ids=["unknown", "another"]
)
def test_a_server_that_cannot_prove_its_name_is_told_nothing(
    module: ModuleType,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    heard: list[bytes] = []
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with server(says(b":3\r\n", heard=heard), serving(certificate)) as port, refused:
        module.measure(host, port, "celery", "running", tls=True)
    assert heard == []


def environment(patch: pytest.MonkeyPatch, port: int, tls: str = "preferred") -> None:
    for key, value in {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "TLS": tls,
        "QUEUE": "celery",
        "RUNNING": "running",
        "NAMESPACE": "Otakaro/Celery",
        "STACK": "twin",
    }.items():
        patch.setenv(key, value)


def test_the_log_has_one_line_that_cloudwatch_makes_metrics_of(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudWatch user guide, "Specification: Embedded metric format"."""
    with server(says(b":4\r\n")) as port:
        environment(monkeypatch, port)
        assert module.handler({}, None) == {"waiting": 4, "running": 2}
    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    about = entry.pop("_aws")
    assert entry == {
        "Queue": "celery",
        "Stack": "twin",
        "QueueLength": 4,
        "RunningJobs": 2,
        "UnfinishedJobs": 6,
    }
    assert abs(about["Timestamp"] / 1000 - time.time()) < 60
    assert about["CloudWatchMetrics"] == [
        {
            "Namespace": "Otakaro/Celery",
            "Dimensions": [["Queue", "Stack"]],
            "Metrics": [
                {"Name": "QueueLength", "Unit": "Count"},
                {"Name": "RunningJobs", "Unit": "Count"},
                {"Name": "UnfinishedJobs", "Unit": "Count"},
            ],
        }
    ]


def test_what_fails_leaves_no_metric(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(says(b"-LOADING Redis is loading the dataset in memory\r\n")) as port:
        environment(monkeypatch, port)
        with pytest.raises(module.RedisError, match="LOADING"):
            module.handler({}, None)
    assert capsys.readouterr().out == ""


def test_only_required_encryption_is_waited_for(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(says(b":1\r\n")) as port:
        environment(monkeypatch, port, tls="required")
        with pytest.raises((ssl.SSLError, ConnectionError, TimeoutError)):
            module.handler({}, None)


def test_a_real_redis_counts_celerys_own_jobs(module: ModuleType, tmp_path: Path) -> None:
    """Jobs as Celery's transport writes them: a list that is pushed to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([broker.program(), *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
                assert module.measure("127.0.0.1", port, "celery", "running", tls=False) == (0, 0)
                now = int(time.time())
                running = f"ZADD running {now + 3600} young {now - 1} of-a-worker-that-died"
                client.sendall(
                    f"LPUSH celery one two three\r\nSET text 1\r\n{running}\r\n".encode()
                )
                assert client.makefile().readline() == ":3\n"
                break
            time.sleep(0.1)
        assert module.measure("127.0.0.1", port, "celery", "running", tls=False) == (3, 1)
        with pytest.raises(module.RedisError, match="WRONGTYPE"):
            module.measure("127.0.0.1", port, "text", "running", tls=False)
    finally:
        process.terminate()
        process.wait(10)
