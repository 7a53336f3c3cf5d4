"""The local stack as a user drives it, by commands, and what it leaves behind."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.account import HOME_REGION, Account, Held

ROOT = Path(__file__).resolve().parents[2]
CUT_OFF_SECONDS = 600


class Local:
    """The local stack's commands, and what they leave behind."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.folder = folder
        self.stack = stack
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.account = Account(f"http://127.0.0.1:{self.port}")

    @property
    def environment(self) -> dict[str, str]:
        """The user's shell, with what a wrong command would reach for made harmless."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "OTAKARO_LOCAL": str(self.folder),
            "LOCAL_PORT": str(self.port),
            "STACK": self.stack,
            "AWS_PROFILE": "nobody",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Begin a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "local", *words],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        child = self.start(*words, **environment)
        said, complained = child.communicate(timeout=CUT_OFF_SECONDS)
        return subprocess.CompletedProcess(words, child.returncode, said, complained)

    def do(self, *words: str) -> dict[str, str]:
        """Run a command that must succeed; what it did, by the resource's URN."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.did()

    def did(self) -> dict[str, str]:
        """What the last operation did, by type and name."""
        return {name_of(urn): step for urn, step in self._last()["changed"].items()}

    def changed_inputs(self) -> dict[str, list[str]]:
        """The inputs that the last operation changed, by type and name."""
        return {name_of(urn): keys for urn, keys in self._last()["keys"].items()}

    def resources(self, kind: str = "") -> list[dict[str, Any]]:
        """The resources in the engine's state, of one type when it is given."""
        file = self.folder / "state" / ".pulumi" / "stacks" / "otakaro" / f"{self.stack}.json"
        latest = json.loads(file.read_text())["checkpoint"]["latest"]
        return [
            resource
            for resource in latest.get("resources") or []
            if (kind or not resource["type"].startswith("pulumi:"))
            and (not kind or resource["type"] == kind)
        ]

    def aws(self, service: str, region: str = HOME_REGION) -> Any:
        """A boto3 client of the emulated account."""
        return self.account.client(service, region)

    def _last(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / self.stack / "last.json").read_text())
        return content


def name_of(urn: str) -> str:
    """`aws:ec2/vpc:Vpc name` of a URN."""
    _, _, kinds, name = urn.split("::", 3)
    return f"{kinds.rsplit('$', 1)[-1]} {name}"


def named(held: set[Held], kind: str) -> set[str]:
    """The names of one kind of thing that the account holds."""
    return {thing.name for thing in held if thing.kind == kind}
