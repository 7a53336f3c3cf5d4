"""`pulumi` for the commands of the handbook's pages, on the emulated account.

    python -m tests.local.page_pulumi WORDS…

Settings that a page sets are kept in SETTINGS and become those of the next update, since `local`
writes the stack's file anew each time. Updates run as `make up` runs them; the rest is the engine's
own command in the stack's folder.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local import cli, console, environment, paths, stackfile
from local.errors import LocalError
from local.session import opened
from local.workspace import forget_the_users_cloud, passphrase

_UPDATES = ("up", "preview", "refresh", "destroy")
_ELEMENT = re.compile(r"(?P<key>[\w:]+)\[(?P<index>\d+)\]")


class Settings:
    """The settings that commands set, in a file."""

    def __init__(self) -> None:
        self._file = Path(os.environ["SETTINGS"])
        self.values: dict[str, object] = (
            json.loads(self._file.read_text()) if self._file.exists() else {}
        )

    def set(self, key: str, value: str, *, path: bool) -> None:
        """Set one as `pulumi config set` does: a text, or an element of a list."""
        element = _ELEMENT.fullmatch(key) if path else None
        if element is None:
            self.values[_full(key)] = value
        else:
            found = self.values.setdefault(_full(element["key"]), [])
            assert isinstance(found, list), found
            found[int(element["index"]) :] = [value]
        self._write()

    def remove(self, key: str) -> None:
        """Remove one that was set."""
        del self.values[_full(key)]
        self._write()

    def overrides(self) -> dict[str, str]:
        """Return them as `--set` takes them: as YAML."""
        return {key: json.dumps(value) for key, value in self.values.items()}

    def _write(self) -> None:
        self._file.write_text(json.dumps(self.values))


def _full(key: str) -> str:
    return key if ":" in key else f"{stackfile.PROJECT}:{key}"


def _configure(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("set", "rm"))
    parser.add_argument("--path", action="store_true")
    parser.add_argument("--secret", action="store_true")
    parser.add_argument("key")
    parser.add_argument("value", nargs="?")
    asked = parser.parse_args(words)
    if asked.secret:
        value = asked.value or sys.stdin.readline().strip()
        assert value, f"nobody gave {asked.key} a value"
        stack = ("--stack", os.environ["STACK"])
        _command("config", "set", *stack, "--secret", _full(asked.key), "--", value)
    elif asked.what == "rm":
        Settings().remove(asked.key)
    else:
        Settings().set(asked.key, asked.value, path=asked.path)


def _update(name: str, words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    for option in ("--diff", "--refresh", "--run-program", "--yes"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--replace", action="append", default=[])
    asked = parser.parse_args(words)
    stack = os.environ["STACK"]
    options: dict[str, Any] = {}
    if asked.refresh:
        options["refresh"] = True
    if asked.replace:
        options["replace"] = asked.replace
    try:
        with opened(stack, Settings().overrides()) as session:
            session.run(getattr(session.stack, name), **options)
    except LocalError as error:
        console.error(str(error))
        return 1
    return 0


def _command(*words: str) -> None:
    """Become the engine's own command, in the stack's folder."""
    program = cli.find()
    own = environment.limited(
        PULUMI_BACKEND_URL=f"{(paths.state() / 'state').as_uri()}?metadata=skip",
        PULUMI_HOME=str(paths.state() / "pulumi"),
        PULUMI_CONFIG_PASSPHRASE=passphrase(),
        PULUMI_SKIP_UPDATE_CHECK="true",
    )
    os.chdir(paths.state() / os.environ["STACK"])
    os.execve(program, [str(program), *words], own)


def main(words: list[str]) -> int:
    """Run one command; the result is the exit code."""
    forget_the_users_cloud()
    stack = ("--stack", os.environ["STACK"])
    if words[0] == "login":
        return 0  # the state is in a file here
    folder = Path.cwd()
    if "--file" in words:  # the folder of the terminal, not of the stack
        place = words.index("--file") + 1
        words[place] = str(folder / words[place])
    if words[0] == "config":
        _configure(words[1:])
    elif words[0] in _UPDATES:
        return _update(words[0], words[1:])
    elif words[:2] in (["state", "unprotect"], ["state", "protect"]):
        _command(*words, *stack, "--yes")
    elif words[0] == "stack" and words[1:2] in (["init"], ["select"]):
        _command(*words)
    else:
        _command(*words, *stack)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
