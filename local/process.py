"""Runs the engine's CLI: progress to the user, signals to the engine, a clean environment."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi.automation import CommandResult, OnOutput, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from local import environment, paths

_LIVE = {"up", "preview", "refresh", "destroy"}


def command_line(pid: int) -> bytes:
    """What a process was started with; empty when there is none, or it has ended."""
    try:
        os.kill(pid, 0)
        words = Path(f"/proc/{pid}/cmdline")
        if words.parent.parent.joinpath("self").exists():
            return words.read_bytes()
        return subprocess.check_output(["ps", "-o", "command=", "-p", str(pid)])
    except (OSError, subprocess.CalledProcessError):
        return b""


class Interrupted(Exception):  # noqa: N818 - not an error: the user asked for it
    """The engine was told to stop, ended what it had begun and recorded it."""


class Engine(PulumiCommand):
    """The CLI as the Automation API calls it."""

    def __init__(self, program: Path, version: str) -> None:
        self.command = str(program)
        self.version = VersionInfo.parse(version)
        self._asked_to_stop = 0
        self._code = 0

    @property
    def orderly(self) -> bool:
        """Whether the last command came to its own end, good or bad, and recorded it."""
        return self._code >= 0 and self._asked_to_stop < 2

    @property
    def asked_to_stop(self) -> bool:
        """Whether the user wanted the last command to end early, whatever it says of it."""
        return self._asked_to_stop > 0

    @property
    def killed(self) -> bool:
        """Whether a signal ended the last command that it could not answer."""
        return self._code < 0

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one CLI command to its end.

        Raises CommandError when it fails, Interrupted when it fails because it was told to stop.
        """
        live = args[0] in _LIVE and on_output is not None
        terminal = live and sys.stdout.isatty() and sys.stdin.isatty()
        if not terminal:
            args = ["--non-interactive", *args]
        child = subprocess.Popen(
            [self.command, *args],
            cwd=cwd,
            env=environment.limited(**additional_env, PULUMI_AUTOMATION_API="true"),
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=None if terminal else subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # Off the terminal, signals reach the engine through us alone, each exactly once.
            start_new_session=not terminal,
        )
        said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        readers = [
            threading.Thread(target=_read, args=(stream, said[name], tell))
            for name, stream, tell in (
                ("stdout", child.stdout, on_output),
                ("stderr", child.stderr, on_error),
            )
            if stream is not None
        ]
        _pid_file().write_text(str(child.pid))
        with self._signals(child, terminal=terminal):
            for reader in readers:
                reader.start()
            code = child.wait()
            for reader in readers:
                reader.join()
        _pid_file().unlink(missing_ok=True)
        result = CommandResult("\n".join(said["stdout"]), "\n".join(said["stderr"]), code)
        self._code = code
        if code != 0:
            if self._asked_to_stop:
                raise Interrupted
            raise create_command_error(result)
        return result

    @contextmanager
    def _signals(self, child: "subprocess.Popen[str]", *, terminal: bool) -> Iterator[None]:
        """Make Ctrl-C and SIGTERM the engine's own: the first ends gently, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, _frame: FrameType | None) -> None:
            self._asked_to_stop += 1
            # A Ctrl-C on a terminal reaches the engine by itself.
            if not (terminal and number == signal.SIGINT) and child.poll() is None:
                child.send_signal(signal.SIGINT)

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def end_left_engine() -> None:
    """End the engine of a command that died: without the provider in that it can do nothing more,
    and it must not write the state while another does."""
    try:
        pid = int(_pid_file().read_text())
        said = subprocess.check_output(["ps", "-o", "comm=", "-p", str(pid)], text=True)
        if "pulumi" in said:
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return
    finally:
        _pid_file().unlink(missing_ok=True)


def _pid_file() -> Path:
    return paths.state() / "engine.pid"


def _read(stream: Iterator[str], lines: list[str], tell: OnOutput | None) -> None:
    """Keep what a stream says, and show it as it comes."""
    for line in stream:
        lines.append(line.rstrip())
        if tell is not None:
            tell(line.rstrip())
