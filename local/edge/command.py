"""The command `edge`: the deployed stack's hosts, served to browsers and tools on this machine."""

import argparse
import os
import shlex
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from pulumi.automation.errors import CommandError

from local import console, emulator, lock, paths, stackfile
from local.edge.listener import HOST
from local.edge.log import Entry
from local.edge.running import RunningEdge, running_edge
from local.errors import LocalError
from local.events import Steps
from local.session import explain
from local.workspace import Workspace

DEFAULT_PORT: Final = 8443
_TRIES: Final = 50


def edge(arguments: argparse.Namespace) -> None:
    """Serve the deployed hosts by HTTPS, with small applications behind them."""
    running, workspace = emulator.running(), Workspace(arguments.stack)
    suffix = "" if arguments.stack == stackfile.STACKS[0] else f" STACK={arguments.stack}"
    if running is None or not workspace.recorded:
        raise LocalError(
            f"the stack {arguments.stack} is not deployed: `make up{suffix}` does that"
        )
    https_port, http_port = ports(os.environ.get("EDGE_PORT") or "")
    user, password = credentials(arguments.stack)
    folder = paths.state() / "edge" / arguments.stack
    with (
        _until_told() as stopped,
        running_edge(
            running.endpoint,
            https_port=https_port,
            http_port=http_port,
            folder=folder,
            resources=lambda: {str(each.get("id")) for each in workspace.recorded},
            tell=_tell,
            note=console.note,
        ) as served,
    ):
        _explain(served, folder, user, password)
        stopped.wait()
    console.note("The edge has stopped; its stand-ins are no targets any more")


def credentials(stack: str) -> tuple[str, str]:
    """User name and password of the local stack's trial visitors, made up when it was created."""
    with lock.exclusive():
        try:
            opened = Workspace(stack).open()
            user, password = (
                opened.get_config(f"{stackfile.PROJECT}:{key}").value
                for key in ("basicAuthUser", "basicAuthPassword")
            )
        except CommandError as error:
            raise LocalError(explain(error, Steps())) from error
    return user, password


def ports(wanted: str) -> tuple[int, int]:
    """Two free ports in a row for HTTPS and HTTP, from 8443 on or exactly as `wanted`.

    Raises LocalError when `wanted` is no port, or not free.
    """
    if not wanted:
        for port in range(DEFAULT_PORT, DEFAULT_PORT + 2 * _TRIES, 2):
            if _free(port) and _free(port + 1):
                return port, port + 1
        raise LocalError(f"no ports are free from {DEFAULT_PORT} on: name one with EDGE_PORT=...")
    if not wanted.isdecimal() or not 1024 <= int(wanted) < 65_535:
        raise LocalError(f"EDGE_PORT={wanted} is no port: give a number from 1024 to 65534")
    port = int(wanted)
    for each in (port, port + 1):
        if not _free(each):
            raise LocalError(
                f"port {each} is in use by something else: EDGE_PORT takes that port and the next"
            )
    return port, port + 1


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """Set when the user presses Ctrl-C or the process is told to end."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _explain(served: RunningEdge, folder: Path, user: str, password: str) -> None:
    first = served.standins.hosts["map"]
    console.OUT.print("The hosts of the stack, by HTTPS on this machine alone:\n")
    for name, host in served.standins.hosts.items():
        console.OUT.print(f"  https://{host}/  ({name})", markup=False)
    console.OUT.print(f"\nUser {user}, password {password}", markup=False)
    chromium = [
        "chromium",
        f"--user-data-dir={folder / 'chromium'}",
        f"--host-resolver-rules={served.resolver_rules}",
        f"--ignore-certificate-errors-spki-list={served.fingerprint}",
        f"https://{first}/",
    ]
    curl = [
        *("curl", "--connect-to", f"::{HOST}:{served.https_port}"),
        *("--cacert", str(served.ca_file)),
        *("--user", f"{user}:{password}", f"https://{first}/"),
    ]
    console.OUT.print(f"\nA browser that finds them:\n\n  {shlex.join(chromium)}", markup=False)
    console.OUT.print(f"\nA request:\n\n  {shlex.join(curl)}\n", markup=False)
    console.OUT.print(
        f"HTTPS is at port {served.https_port}, HTTP at {served.http_port}, "
        f"their authority in {served.ca_file}",
        markup=False,
    )
    for told in served.recorded_only():
        console.OUT.print(f"Recorded only: {told}", markup=False)
    console.OUT.print("\nCtrl-C ends it. Requests, and who answered them:\n")


def _tell(entry: Entry) -> None:
    console.OUT.print(str(entry), markup=False)
