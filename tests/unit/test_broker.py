"""The Redis behind the emulated ElastiCache: it starts, comes again where it was, and ends."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import broker
from local.errors import LocalError
from local.process import command_line


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a local stack of the test's own."""
    monkeypatch.setenv("OTAKARO_LOCAL", str(tmp_path))
    yield tmp_path
    broker.stop()


def started() -> broker.Broker:
    found = broker.ensure()
    assert found is not None
    return found


def told(address: str, command: str) -> str:
    with socket.create_connection((address, broker.PORT), 5) as client:
        client.sendall(f"{command}\r\n".encode())
        return client.makefile().readline().strip()


def lives(pid: int) -> bool:
    return command_line(pid) != b""


def test_it_is_on_loopback_alone_and_keeps_what_is_pushed() -> None:
    server = started()
    assert server.address.startswith("127.")
    assert told(server.address, "LPUSH celery one two") == ":2"
    assert started() == server
    assert told(server.address, "LLEN celery") == ":2"


def test_one_that_has_ended_starts_again_where_it_was() -> None:
    first = started()
    first.end()
    assert not lives(first.pid)
    again = started()
    assert again.address == first.address
    assert again.pid != first.pid
    assert again.alive()


def test_stopping_leaves_neither_process_nor_file(here: Path) -> None:
    server = started()
    broker.stop()
    assert not lives(server.pid)
    assert not broker.answers(server.address)
    assert list(here.iterdir()) == []


def test_a_process_that_has_its_number_now_is_let_be() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        server = broker.Broker(pid=other.pid, address="127.0.0.1")
        assert not server.alive()
        server.end()
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        other.kill()


def test_one_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(broker, "PORT", other.getsockname()[1])
        monkeypatch.setattr(broker, "free_address", lambda _port: "127.0.0.1")
        with pytest.raises(LocalError, match=f"{tmp_path}/broker/log tells why"):
            broker.ensure()
    assert "in use" in (tmp_path / "broker" / "log").read_text()


def test_where_no_address_is_free_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "free_address", lambda _port: None)
    assert broker.ensure() is None
