"""The local stack as a user drives it, by commands, and what it leaves behind."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import broker, cli
from local.account import HOME_REGION, Account, Held
from local.recovery import opened

ROOT = Path(__file__).resolve().parents[2]
CUT_OFF_SECONDS = 1200


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A resource as the program asked for it and as the engine has it."""

    kind: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    @classmethod
    def of(cls, resource: dict[str, Any]) -> "Deployed":
        """From an entry of the engine's state."""
        return cls(
            kind=resource["type"],
            name=resource["urn"].rsplit("::", 1)[1],
            id=resource["id"],
            inputs=opened(resource.get("inputs") or {}),
            outputs=opened(resource.get("outputs") or {}),
        )

    @property
    def region(self) -> str:
        """Where it was made."""
        return str(self.inputs.get("region") or HOME_REGION)


class Local:
    """The local stack's commands, and what they leave behind."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.folder = folder
        self.stack = stack
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._opened: list[Deployed] | None = None
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
        self._opened = None
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
        latest = json.loads(self.state())["checkpoint"]["latest"]
        return [
            resource
            for resource in latest.get("resources") or []
            if (kind or not resource["type"].startswith("pulumi:"))
            and (not kind or resource["type"] == kind)
        ]

    def deployed(self, kind: str) -> list[Deployed]:
        """The resources of one type as the engine has them, secrets opened."""
        return [each for each in self.all() if each.kind == kind]

    def all(self) -> list[Deployed]:
        """All resources as the engine has them, secrets opened."""
        if self._opened is None:
            self._opened = [Deployed.of(each) for each in self._export() if each.get("id")]
        return self._opened

    def one(self, kind: str) -> Deployed:
        """The only resource of its type."""
        (only,) = self.deployed(kind)
        return only

    @property
    def has_database(self) -> bool:
        """Whether a server is behind the emulated databases."""
        return (self.folder / "database.json").exists()

    def redis(self, command: str) -> str:
        """What the Redis behind the emulated ElastiCache answers to a command."""
        address = json.loads((self.folder / "broker.json").read_text())["address"]
        with socket.create_connection((address, broker.PORT), 5) as client:
            client.sendall(f"{command}\r\n".encode())
            return client.makefile().readline().strip()

    def emulator(self) -> int:
        """The emulator's process."""
        return int(json.loads((self.folder / "emulator.json").read_text())["pid"])

    def baseline(self) -> set[Held]:
        """What the account held before any stack."""
        held = json.loads((self.folder / "baseline.json").read_text())["held"]
        return {Held(*entry) for entry in held}

    def state(self) -> str:
        """The engine's state as it stands on disk."""
        return (
            self.folder / "state" / ".pulumi" / "stacks" / "otakaro" / f"{self.stack}.json"
        ).read_text()

    @property
    def engine_environment(self) -> dict[str, str]:
        """What the engine's own command is told of this stack's state."""
        return {
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_HOME": str(self.folder / "pulumi"),
            "PULUMI_CONFIG_PASSPHRASE": (self.folder / "passphrase").read_text(),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def pulumi(self, *words: str, **environment: str) -> str:
        """Run the engine's own command, which must succeed, in the stack's folder; what it says."""
        said = subprocess.run(
            [cli.find(), *words],
            cwd=self.folder / self.stack,
            env={**os.environ, **self.engine_environment, **environment},
            capture_output=True,
            text=True,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    def _export(self) -> list[dict[str, Any]]:
        said = self.pulumi("stack", "export", "--show-secrets", "--stack", self.stack)
        resources: list[dict[str, Any]] = json.loads(said)["deployment"]["resources"]
        return resources

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
