"""The sub-commands of the engine's CLI with their options, as its own help tells them.

python -m tests.handbook.pulumi_cli     asks the CLI and writes pulumi.json anew
"""

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

from local import cli

# What this program's people need; the others are of Pulumi's own service.
FAMILIES = frozenset(
    {
        *("about", "cancel", "config", "destroy", "import", "install", "login", "logout", "plugin"),
        *("preview", "refresh", "stack", "state", "up", "version", "whoami"),
    }
)
TABLE = Path(__file__).with_name("pulumi.json")
_OPTION = re.compile(r"^ +(?:-(\w), )?--([\w-]+)(?: (\S+))?  ", re.MULTILINE)


class Known(TypedDict):
    """A sub-command: its other names, and whether each of its options takes a value."""

    aliases: list[str]
    options: dict[str, bool]


def table() -> dict[str, Known]:
    """Sub-command ('config set') to what is known of it; '' has the options of all."""
    found: dict[str, Known] = json.loads(TABLE.read_text())
    return found


def asked() -> dict[str, Known]:
    """The table as the CLI of this machine tells it."""
    program = str(cli.find())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "gen-markdown", folder], check=True, capture_output=True)
        stems = (page.stem.split("_") for page in Path(folder).glob("pulumi*.md"))
        names = sorted(" ".join(stem) for stem in stems if FAMILIES.issuperset(stem[1:2]))
    with ThreadPoolExecutor() as pool:
        helps = pool.map(lambda name: _help([program, *name.split()[1:]]), names)
        found = {
            name.removeprefix("pulumi").strip(): _read(said)
            for name, said in zip(names, helps, strict=True)
        }
    common = found[""]["options"]
    for name, known in found.items():
        if name:
            known["options"] = {k: v for k, v in known["options"].items() if k not in common}
    return found


def _help(words: list[str]) -> str:
    return subprocess.run([*words, "--help"], check=True, capture_output=True, text=True).stdout


def _read(said: str) -> Known:
    aliases = re.search(r"^Aliases:\n +(.+)$", said, re.MULTILINE)
    options: dict[str, bool] = {}
    for short, long, value in _OPTION.findall(said):
        takes = bool(value) and "[=" not in value  # --refresh[=true]
        options[f"--{long}"] = takes
        if short:
            options[f"-{short}"] = takes
    return Known(
        aliases=[word.strip() for word in aliases[1].split(",")][1:] if aliases else [],
        options=options,
    )


def main() -> int:
    """Write the table anew."""
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(asked().items())]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
