"""From a bare Python to the project's virtual environment.

Runs on whatever Python the machine calls `python3`, so it keeps to the standard library and to
a syntax that old versions can read: only so can it tell their owners what is missing.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from local import environment

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
MINIMUM = (3, 11)
NEWEST_KNOWN = 15
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")


class BootstrapError(Exception):
    """What is missing on this machine, and what to do, in one line."""


def python_of(folder: Path) -> Path:
    """Where a virtual environment keeps its interpreter."""
    return folder / "bin" / "python"


def install(folder: Path, requirements: "list[Path]", label: str) -> Path:
    """Make `folder` a virtual environment with exactly these requirements; no-op when it is one.

    Raises BootstrapError with pip's own last words when they cannot be installed.
    """
    stamp = folder / ".requirements"
    content = b"".join(path.read_bytes() for path in requirements)
    wanted = hashlib.sha256(content).hexdigest() + " {}.{}".format(*sys.version_info[:2])
    python = python_of(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(str(folder.parent), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # clones share some of these folders
        if not (stamp.exists() and stamp.read_text() == wanted and python.exists()):
            _fill(folder, requirements, label)
            stamp.write_text(wanted)  # last, so that an interrupted installation is taken up again
    finally:
        os.close(lock)
    return python


def _fill(folder: Path, requirements: "list[Path]", label: str) -> None:
    python = python_of(folder)
    print(f"Installing {label} (a minute, once) ...", file=sys.stderr, flush=True)
    usable = python.exists() and _version(python) == sys.version_info[:2]
    try:
        if not usable:
            venv.create(str(folder), with_pip=True, clear=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise BootstrapError(
            f"python -m venv {folder} failed ({error}): install your system's python3-venv package"
        ) from error
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for path in requirements:
        command += ["-r", str(path)]
    own = environment.inherited()
    done = subprocess.run(command, env=own, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else f"pip ended with code {done.returncode}"
        raise BootstrapError(
            f"could not install {label}: {reason}; is the package index reachable?"
        )


def _version(python: Path) -> "tuple[int, ...]":
    """The (major, minor) of an interpreter; empty when it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        said = subprocess.check_output(
            [str(python), "-c", code], env=environment.inherited(), universal_newlines=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in said.split())


def _newer_python() -> "str | None":
    """Another interpreter on the PATH that is new enough, the newest first."""
    for minor in range(NEWEST_KNOWN, MINIMUM[1] - 1, -1):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            candidate = Path(folder) / f"python3.{minor}"
            if candidate.exists() and _version(candidate) >= MINIMUM:
                return str(candidate)
    return None


def _go_on(python: str, module: str) -> None:
    words = [python, "-m", module, *sys.argv[1:]]
    os.execve(python, words, environment.inherited())  # noqa: S606 - no shell is wanted


def enter(module: str) -> None:
    """Go on as `python -m MODULE` in the project's environment; return when we are in it."""
    if VENV.exists() and Path(sys.prefix).samefile(str(VENV)):
        if environment.misleading():
            _go_on(sys.executable, module)
        os.environ.update(environment.inherited())
        # Started by its interpreter; still see to requirements that changed since.
        if sys.version_info >= MINIMUM:
            install(VENV, list(REQUIREMENTS), "the project's requirements")
        return
    if sys.version_info < MINIMUM:
        better = _newer_python()
        if better is None:
            raise BootstrapError(
                "Python {}.{} or newer is needed, this is {}.{}: install one "
                "(python.org, or your system's packages) and name it with PYTHON=...".format(
                    *MINIMUM, *sys.version_info[:2]
                )
            )
        _go_on(better, module)
    python = str(install(VENV, list(REQUIREMENTS), "the project's requirements"))
    _go_on(python, module)


def main() -> int:
    """Only see to the environment; what follows is the caller's."""
    try:
        enter("local.bootstrap")
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
