"""Extensions are created in a real PostgreSQL, over a channel that nobody can listen to."""

import json
import os
import pwd
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.lambdas.loading import LAMBDAS, load

PASSWORD = "Kahurangi7x"


def _binaries() -> Path | None:
    """The folder of the newest PostgreSQL server here."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb")
    candidates = [*installed, *([Path(found)] if found else [])]
    return candidates[-1].parent if candidates else None


BINARIES = _binaries()
OPENSSL = shutil.which("openssl")
needs_server = pytest.mark.skipif(
    BINARIES is None or OPENSSL is None,
    reason="no PostgreSQL server (initdb) or no openssl for its certificate on this machine",
)


@pytest.fixture(scope="module")
def postgis() -> ModuleType:
    return load(LAMBDAS / "postgis" / "handler.py")


def sign(name: str, key: Path, certificate: Path) -> None:
    """Write a fresh key, and a certificate that it has signed itself."""
    request = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}"
    assert OPENSSL is not None
    subprocess.run(
        [OPENSSL, *request.split(), "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )


@dataclass(frozen=True)
class Server:
    folder: Path
    port: int
    run: Callable[..., None]  # starts one of its programs as the user that it belongs to

    def start(self) -> None:
        self.run("pg_ctl", "-D", self.folder, "-w", "-l", self.folder / "log", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.folder, "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL that speaks TLS and SCRAM only, as RDS does."""
    assert BINARIES is not None
    home = tmp_path_factory.mktemp("postgres")
    folder = home / "data"
    certificate = home / "server.crt"
    sign("db.example.nz", home / "server.key", certificate)
    (home / "password").write_text(PASSWORD)
    # The server refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        for path in (home, *home.iterdir()):
            os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        for parent in home.parents:
            parent.chmod(parent.stat().st_mode | 0o011)
            if parent.name.startswith("pytest-of-"):
                break

    def run(program: str, *arguments: object) -> None:
        subprocess.run(
            [BINARIES / program, *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=home,
            user=user,
            extra_groups=None if user is None else [],
        )

    run("initdb", "-D", folder, "-U", "otakaro", "-A", "scram-sha-256", "--no-sync",
        "--pwfile", home / "password", "-E", "UTF8")  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nfsync = off\nssl = on\n"
            f"unix_socket_directories = ''\nssl_cert_file = '{certificate}'\n"
            f"ssl_key_file = '{home / 'server.key'}'\nssl_min_protocol_version = 'TLSv1.2'\n"
        )
    (folder / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    started = Server(folder, port, run)
    started.start()
    yield started
    started.stop()


def create(postgis: ModuleType, port: int, *names: str, **changes: Any) -> dict[str, str]:
    arguments: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "database": "postgres",
        "user": "otakaro",
        "password": PASSWORD,
        "until": time.monotonic() + 20,
    }
    created: dict[str, str] = postgis.create(names, **(arguments | changes))
    return created


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, postgis: ModuleType) -> list[dict[str, Any]]:
    """The function's environment, with a Parameter Store; what was asked of that."""
    for name, value in {
        "HOST": "127.0.0.1",
        "DATABASE": "postgres",
        "USERNAME": "otakaro",
        "PASSWORD_PARAMETER": "/twin/POSTGRES_PASSWORD",
        "EXTENSIONS": "fuzzystrmatch",
    }.items():
        monkeypatch.setenv(name, value)
    asked = []

    def get_parameter(**request: object) -> dict[str, Any]:
        asked.append(request)
        return {"Parameter": {"Value": PASSWORD}}

    client = SimpleNamespace(get_parameter=get_parameter)
    monkeypatch.setattr(postgis, "boto3", SimpleNamespace(client=lambda *_, **__: client))
    return asked


CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


@needs_server
def test_an_extension_is_created_once(postgis: ModuleType, server: Server) -> None:
    first = create(postgis, server.port, "fuzzystrmatch")
    assert first["extension"] == "fuzzystrmatch"
    assert first["version"][0].isdigit()
    assert create(postgis, server.port, "fuzzystrmatch") == first


@needs_server
def test_the_function_reads_the_password_and_says_nothing_of_it(
    postgis: ModuleType,
    server: Server,
    environment: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PORT", str(server.port))
    result = postgis.handler({}, CONTEXT)
    assert set(result) == {"extension", "version"}
    assert environment == [{"Name": "/twin/POSTGRES_PASSWORD", "WithDecryption": True}]
    printed = capsys.readouterr().out
    assert printed == f"fuzzystrmatch {result['version']} is in postgres\n"
    assert PASSWORD not in json.dumps(result) + printed


@needs_server
def test_the_log_in_is_bound_to_the_channel(
    postgis: ModuleType, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Watched(postgis.BoundConnection):  # type: ignore[name-defined,misc]
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)
            made.append((self.auth.mechanism_name, self._usock.version()))

    monkeypatch.setattr(postgis, "BoundConnection", Watched)
    create(postgis, server.port, "fuzzystrmatch")
    [(mechanism, version)] = made
    assert mechanism == "SCRAM-SHA-256-PLUS"
    assert version in {"TLSv1.2", "TLSv1.3"}


@needs_server
def test_a_wrong_password_fails_at_once_and_stays_unsaid(
    postgis: ModuleType, server: Server
) -> None:
    with pytest.raises(RuntimeError, match="28P01") as raised:
        create(postgis, server.port, "fuzzystrmatch", password="Aoraki8y")
    assert "Aoraki8y" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@needs_server
def test_what_the_server_lacks_is_named(postgis: ModuleType, server: Server) -> None:
    with pytest.raises(RuntimeError, match="no_such"):
        create(postgis, server.port, 'no_such"; DROP DATABASE x; --')


@needs_server
def test_a_server_that_is_still_starting_is_waited_for(
    postgis: ModuleType, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            server.start()

    monkeypatch.setattr(postgis.time, "sleep", pause)
    try:
        assert create(postgis, server.port, "fuzzystrmatch")["extension"] == "fuzzystrmatch"
    finally:
        if len(pauses) < 2:
            server.start()
    assert pauses == [postgis.PAUSE] * 2


@needs_server
def test_someone_between_is_found_out(postgis: ModuleType, server: Server, tmp_path: Path) -> None:
    """Who ends the TLS session and opens one of their own can't pass the log-in on."""

    def relay(client: ssl.SSLSocket) -> None:
        upstream = socket.create_connection(("127.0.0.1", server.port))
        upstream.sendall(struct.pack("!ii", 8, 80877103))
        assert upstream.recv(1) == b"S"
        context = ssl._create_unverified_context()
        secure = context.wrap_socket(upstream)

        def back() -> None:
            with suppress(OSError):
                while data := secure.recv(65536):
                    client.sendall(data)
            client.close()

        threading.Thread(target=back, daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                secure.sendall(data)

    with impostor(tmp_path, relay) as port, pytest.raises(RuntimeError, match=r"28000|28P01|08P01"):
        create(postgis, port, "fuzzystrmatch")


def test_only_what_is_allowed_is_created(
    postgis: ModuleType, environment: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTENSIONS", "postgis,plpython3u")
    with pytest.raises(ValueError, match="plpython3u"):
        postgis.handler({}, CONTEXT)
    assert environment == []


def test_nobody_there_is_an_error_in_time(
    postgis: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it doesn't listen
        monkeypatch.setattr(postgis.time, "sleep", lambda _seconds: None)
        with pytest.raises(TimeoutError, match="didn't take a connection"):
            create(postgis, taken.getsockname()[1], "postgis", until=time.monotonic() + 0.2)


@pytest.mark.parametrize(
    "message",
    [
        struct.pack("!i", 3),  # the password in plain text
        struct.pack("!i4s", 5, b"salt"),  # its MD5
        struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0",  # SCRAM that anyone may pass on
        struct.pack("!i", 0),  # nothing: the server proves nothing either
    ],
)
@pytest.mark.skipif(OPENSSL is None, reason="no openssl for a certificate on this machine")
def test_a_server_that_asks_otherwise_is_told_nothing(
    postgis: ModuleType, tmp_path: Path, message: bytes
) -> None:
    heard = []

    def ask(client: ssl.SSLSocket) -> None:
        client.recv(65536)  # the start-up message: user and database
        client.sendall(b"R" + struct.pack("!i", len(message) + 4) + message)
        client.settimeout(5)
        heard.append(client.recv(65536))

    with (
        impostor(tmp_path, ask) as port,
        pytest.raises(postgis.InterfaceError, match="SCRAM"),
    ):
        create(postgis, port, "postgis")
    assert heard[0] in {b"", b"X" + struct.pack("!i", 4)}  # a farewell at most


def test_a_server_without_tls_is_told_nothing(postgis: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def refuse() -> None:
            client, _ = plain.accept()
            with client:
                client.recv(8)
                client.sendall(b"N")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        with pytest.raises(postgis.InterfaceError, match="refuses SSL"):
            create(postgis, plain.getsockname()[1], "postgis")
        thread.join(5)


@contextmanager
def impostor(folder: Path, talk: Callable[[ssl.SSLSocket], None]) -> Iterator[int]:
    """A server with a certificate of its own that speaks TLS, and then as `talk` says; its port."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    sign("impostor", key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            client.recv(8)
            client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as secure:
                talk(secure)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)
