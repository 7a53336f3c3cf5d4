"""An operator's terminal on the emulated account: the commands of a page run as they stand."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local import bootstrap, paths
from local.account import HOME_REGION
from tests.handbook.pages import Code, Page
from tests.handbook.shell import script
from tests.local.stack import CUT_OFF_SECONDS, ROOT, Local

AWS_CLI = Path(__file__).with_name("requirements-awscli.txt")
# What only reads, and neither the emulator nor version 1 of the CLI has: nothing is shown.
UNANSWERED = (
    "logs tail",
    "rds describe-db-log-files",
    "rds download-db-log-file-portion",
    "backup list-recovery-points-by-resource",
)
_VARIABLE = re.compile(r"(?<![\w$\"{])([A-Z][A-Z_]*)=(?=[\w$\"'])")


class Terminal:
    """A shell that keeps its variables from one block to the next, as a reader's does."""

    def __init__(self, local: Local, folder: Path) -> None:
        self._local = local
        self._folder = folder
        self._variables = folder / "variables"
        self._variables.touch()
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        python, root = shlex.quote(sys.executable), shlex.quote(str(ROOT))
        make = shutil.which("make") or "make"
        path = f"PATH={shlex.quote(os.environ['PATH'])}"
        commands = {
            "aws": f'case "$1 $2" in {"|".join(map(shlex.quote, UNANSWERED))}) exit 0;; esac\n'
            # Version 1 of the CLI takes SQS's old host without this option.
            f'exec {shlex.quote(str(_aws_cli()))} --endpoint-url "$AWS_ENDPOINT_URL" "$@"',
            # Both find the engine on the PATH, where this `pulumi` would be found again.
            "pulumi": f'{path} PYTHONPATH={root} exec {python} -m tests.local.page_pulumi "$@"',
            "make": f'{path} exec {shlex.quote(make)} -C {root} "$@"',
            "dig": "exit 0",  # it would query the Internet
        }
        for name, text in commands.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)
        endpoint = local.account.endpoint
        # A friendly shell: that of an operator who has an account.
        shell = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        self._environment = {
            **shell,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "OTAKARO_LOCAL": str(local.folder),
            "LOCAL_PORT": str(local.port),
            "STACK": local.stack,
            "SETTINGS": str(folder / "settings.json"),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": HOME_REGION,
            "AWS_PAGER": "",
            "YES": "1",  # nobody is there to answer `make restart`
            "FOLLOW": "0",  # nor to end `make logs`
        }

    def run(self, text: str, instead: Mapping[str, str] | None = None) -> str:
        """Run a block and return its output; fails when one of its commands does.

        `instead` has what the reader puts in the place of words such as `urn:…`.
        """
        for word, value in (instead or {}).items():
            assert word in text, f"{word!r} is not in {text!r}"
            text = text.replace(word, value)
        names = " ".join(sorted(set(_VARIABLE.findall(text))))
        saved = f"declare -p {names} 2>/dev/null >>{shlex.quote(str(self._variables))} || true"
        whole = "\n".join(
            (
                f". {shlex.quote(str(self._variables))}",
                "set -e -o pipefail",
                "shopt -s inherit_errexit",
                text,
                saved if names else "",
            )
        )
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CUT_OFF_SECONDS,
        )
        self._local.reread()
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def block(page: str, at: str) -> Code:
    """Return the only block, or command in a sentence, of a page that contains a text."""
    read = Page(ROOT / "docs" / page)
    found = [each for each in read.blocks if at in each.text] or [
        each for each in read.spans if at in each.text
    ]
    assert found, f"docs/{page} has no command {at!r} any more"
    return found[0]


def typed(code: Code) -> str:
    """Return what of a block or span is typed."""
    return script(code.text)


def _aws_cli() -> Path:
    name = "awscli-py{}.{}".format(*sys.version_info[:2])
    python = bootstrap.install(paths.cache() / name, [AWS_CLI], "the AWS CLI")
    return python.with_name("aws")
