"""Where the local stack keeps its things: never in a tracked file."""

import os
from pathlib import Path

from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """The folder for what every checkout can share: the engine's CLI, the emulator.

    Raises LocalError when it cannot be written.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return folder(Path(base) / "otakaro", "set XDG_CACHE_HOME to a folder that you can write")


def state() -> Path:
    """This checkout's state, logs and pid files: .local, or another folder by OTAKARO_LOCAL."""
    path = Path(os.environ.get("OTAKARO_LOCAL") or ROOT / ".local").absolute()
    return folder(path, "set OTAKARO_LOCAL to a folder that you can write")


def folder(path: Path, remedy: str) -> Path:
    """Create a folder readable by its owner alone; raises LocalError naming the remedy."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalError(f"cannot write {path} ({error.strerror}): {remedy}") from error
    if not os.access(path, os.W_OK):
        raise LocalError(f"cannot write {path}: {remedy}")
    return path
