"""The emulated AWS: ministack in its own environment and process, on loopback alone."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from local import bootstrap, broker, console, database, environment, paths
from local.errors import LocalError
from local.process import command_line

ACCOUNT = "123456789012"
HOST = "127.0.0.1"
DEFAULT_PORT = 4566
START_SECONDS = 30.0
STOP_SECONDS = 15.0
FREE_SECONDS = 2.0
REQUIREMENTS = paths.ROOT / "local" / "requirements-emulator.txt"
GATEWAY = paths.ROOT / "local" / "gateway" / "__main__.py"


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator of ours."""

    pid: int
    port: int
    databases: bool  # whether servers run behind its databases
    broker: str = ""  # the address behind its Redis, empty when nothing is there

    @property
    def endpoint(self) -> str:
        """Where an AWS client finds every service."""
        return f"http://{HOST}:{self.port}"


def ensure() -> Emulator:
    """The running emulator, started when there is none.

    Raises LocalError when its port is taken or it does not come up.
    """
    found = running()
    if found is not None:
        wanted = os.environ.get("LOCAL_PORT")
        if wanted and port_wanted() != found.port:
            raise LocalError(
                f"the emulator runs on port {found.port}, not {wanted}: "
                "`make down` first, or leave LOCAL_PORT out"
            )
        return found
    return _start(port_wanted())


def running() -> Emulator | None:
    """Our emulator, when it lives and answers; one that lives and does not answer is ended."""
    recorded = _recorded()
    if recorded is None:
        return None
    if _is_ministack(recorded.pid):
        if _healthy(recorded.port):
            return recorded
        console.note("The emulator does not answer any more: it is ended")
        _end(recorded.pid, gently=False)
    _pid_file().unlink(missing_ok=True)
    return None


def stop() -> bool:
    """End the emulator, its memory, its files and what is behind it; false when none runs."""
    recorded = _recorded()
    alive = recorded is not None and _is_ministack(recorded.pid)
    if recorded is not None and alive:
        _end(recorded.pid)
    _pid_file().unlink(missing_ok=True)
    database.stop()
    broker.stop()
    shutil.rmtree(paths.state() / "emulator", ignore_errors=True)
    return alive


def port_wanted() -> int:
    """The port by LOCAL_PORT; raises LocalError when that is no port."""
    text = os.environ.get("LOCAL_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalError(f"LOCAL_PORT={text} is no port: give a number from 1024 to 65535")
    return int(text)


def installed() -> Path:
    """Return the interpreter of the emulator's environment, installed once for all checkouts.

    Raises LocalError when it cannot be installed.
    """
    name = "ministack-py{}.{}".format(*sys.version_info[:2])
    try:
        return bootstrap.install(paths.cache() / name, [REQUIREMENTS], "the emulator")
    except bootstrap.BootstrapError as error:
        raise LocalError(str(error)) from error


def _start(port: int) -> Emulator:
    python = installed()
    deadline = time.monotonic() + FREE_SECONDS  # one that just ended may still hold it
    while _taken(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    if _taken(port):
        raise LocalError(
            f"port {port} is in use by something else: stop that, or choose another port, "
            f"for example `make up LOCAL_PORT={port + 1}`"
        )
    home = paths.folder(paths.state() / "emulator", "check the rights of its parent")
    scratch = paths.folder(home / "tmp", "check the rights of its parent")
    database.stop()  # an earlier emulator's servers: this one does not know them
    queue = _fresh_broker()
    log = _log_file()
    with log.open("ab") as output:
        child = subprocess.Popen(
            [python, "-P", GATEWAY],  # -P: our modules are none of its business
            env=variables(port, home, scratch, queue),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C meant for a command must not end the emulator
        )
    emulator = Emulator(pid=child.pid, port=port, databases=database.possible(), broker=queue)
    _pid_file().write_text(json.dumps(asdict(emulator)))
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(port):
        if child.poll() is not None or time.monotonic() > deadline:
            _end(child.pid)
            _pid_file().unlink(missing_ok=True)
            raise LocalError(f"the emulator does not come up: {log} tells why")
        time.sleep(0.1)
    return emulator


def _fresh_broker() -> str:
    """The address of a new server behind the emulated Redis; empty when there can be none."""
    broker.stop()
    try:
        made = broker.ensure()
    except LocalError as error:
        console.note(f"Nothing is behind the emulated Redis: {error}")
        return ""
    if made is None:
        console.note(f"Nothing is behind the emulated Redis: port {broker.PORT} is in use")
        return ""
    return made.address


def variables(port: int, home: Path, scratch: Path, queue: str) -> dict[str, str]:
    """Return the emulator's environment, all of which the functions that it runs inherit."""
    return {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        **environment.service(),
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": "ap-southeast-2",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "REDIS_HOST": queue or HOST,  # what ElastiCache names as its nodes' address
        "REDIS_PORT": str(broker.PORT),
        "LOG_LEVEL": "WARNING",
        # Whether the emulator holds every call against its caller's policies; ours is the root's.
        "AUTH": os.environ.get("OTAKARO_AUTH", "false"),
    }


def _pid_file() -> Path:
    return paths.state() / "emulator.json"


def _log_file() -> Path:
    return paths.state() / "emulator.log"


def _recorded() -> Emulator | None:
    try:
        fields = json.loads(_pid_file().read_text())
        return Emulator(**fields)
    except (OSError, ValueError, TypeError):
        return None


def _is_ministack(pid: int) -> bool:
    """Whether this process is an emulator: after a restart the number may be another's."""
    return "/".join(GATEWAY.parts[-3:]).encode() in command_line(pid)


def _healthy(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/_ministack/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _end(pid: int, *, gently: bool = True) -> None:
    """End a process and wait until it is gone."""
    for word in (signal.SIGTERM, signal.SIGKILL) if gently else (signal.SIGKILL,):
        try:
            os.kill(pid, word)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # it may be our own child
            if not _is_ministack(pid):
                return
            time.sleep(0.05)
