"""The workflows below `.github/` under actionlint, and their scripts under shellcheck.

    python -m local.workflows

actionlint is built once from its Go module (`local/linter/go.mod` pins it and what it is made of);
shellcheck is used where the machine has it.
"""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

from local import bootstrap, cli, console, paths
from local.errors import LocalError

WORKFLOWS = paths.ROOT / ".github" / "workflows"
LINTER = paths.ROOT / "local" / "linter"
MODULE = "github.com/rhysd/actionlint"
BUILD_SECONDS = 900


def find() -> Path:
    """The pinned actionlint, built for the first time where this machine has none.

    Raises LocalError when there is none and none can be built.
    """
    program = paths.cache() / f"actionlint-{_version()}"
    if program.exists():
        return program
    with program.with_name(program.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def lint(folder: Path = WORKFLOWS) -> list[str]:
    """What actionlint says of the workflows in `folder`, a line each.

    Raises LocalError when there is no actionlint, or when it does not run.
    """
    files = sorted(str(path) for path in folder.glob("*.yml"))
    done = subprocess.run(
        [find(), "-no-color", "-oneline", *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise LocalError(f"actionlint ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def _version() -> str:
    text = (LINTER / "go.mod").read_text()
    wanted = re.search(rf"^require {re.escape(MODULE)} (v\S+)$", text, re.MULTILINE)
    if wanted is None:
        raise LocalError(f"{LINTER / 'go.mod'} does not require {MODULE}")
    return wanted[1]


def _build(program: Path) -> None:
    fresh = program.with_name(f"{program.name}.{os.getpid()}")
    console.note(f"Building actionlint {_version()} from its Go module (a minute, once) ...")
    command = [
        *(cli.go(), "build", "-mod=readonly", "-trimpath"),
        *("-o", str(fresh), f"{MODULE}/cmd/actionlint"),
    ]
    try:
        done = subprocess.run(
            command, cwd=LINTER, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError("could not build actionlint: it takes too long") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LocalError(f"could not build actionlint: {last}")
    fresh.replace(program)


def main() -> int:
    try:
        told = lint()
    except (LocalError, bootstrap.BootstrapError) as error:
        console.note(f"note: the workflows were not looked at: {error}")
        return 0
    for line in told:
        print(line, file=sys.stderr)
    if not told:
        print(f"actionlint: {len(list(WORKFLOWS.glob('*.yml')))} workflows")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
