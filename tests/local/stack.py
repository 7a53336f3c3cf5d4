"""The local stack as a user drives it, by commands, and what it leaves behind."""

import json
import os
import pwd
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import broker, cli, emulator, paths
from local.account import HOME_REGION, Account, Held
from local.recovery import opened

ROOT = Path(__file__).resolve().parents[2]
CUT_OFF_SECONDS = 1200
# gRPC reads the last one.
_PROXIES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    "grpc_proxy",
)


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
        return str(self.outputs.get("region") or HOME_REGION)


class Local:
    """The local stack's commands, and what they leave behind."""

    def __init__(
        self,
        folder: Path,
        stack: str,
        checkout: Path = ROOT,
        user: pwd.struct_passwd | None = None,
        port: int = 0,
    ) -> None:
        # They are installed with this shell's own proxies; the commands' are dead.
        cli.find()
        emulator.installed()
        self.folder = folder
        self.stack = stack
        self.checkout = checkout
        self.user = user
        self.misleading = misleading(folder.with_name(f"{folder.name} misleading"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = port or probe.getsockname()[1]
        self._opened: list[Deployed] | None = None
        self.account = Account(f"http://127.0.0.1:{self.port}")

    @property
    def environment(self) -> dict[str, str]:
        """Return a hostile shell's environment.

        It has dead proxies, also for loopback, another time zone, language, modules and account.
        """
        own = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        if self.checkout != ROOT:
            own |= {"HOME": str(self.checkout.parent / "home")}
            own |= {"XDG_CACHE_HOME": str(self.checkout.parent / "cache")}
        return {
            **own,
            **dict.fromkeys(_PROXIES, "http://127.0.0.1:9"),
            "NO_PROXY": "",
            "no_proxy": "",
            "LC_ALL": "C",
            "TZ": "Pacific/Kiritimati",
            "PYTHONPATH": str(self.misleading),
            "PYTHONIOENCODING": "ascii",
            "PIP_USER": "1",
            "OTAKARO_LOCAL": str(self.folder),
            "LOCAL_PORT": str(self.port),
            "STACK": self.stack,
            "AWS_PROFILE": "nobody",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }

    @property
    def python_environment(self) -> dict[str, str]:
        """Return the same for code of the tests, which no command of the stack protects."""
        hostile = {"PYTHONPATH", "PYTHONIOENCODING", "AWS_PROFILE", "AWS_ENDPOINT_URL", *_PROXIES}
        return {key: value for key, value in self.environment.items() if key not in hostile}

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Begin a command."""
        self._opened = None
        return subprocess.Popen(
            [self.checkout / ".venv" / "bin" / "python", "-m", "local", *words],
            cwd=self.checkout,
            env={**self.environment, **environment},
            **self.identity,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Return what starts a child process as the stack's user."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

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

    def reread(self) -> None:
        """Read the engine's state again: something other than `start` may have changed it."""
        self._opened = None

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
        return any((self.folder / "emulator" / "databases").glob("*.json"))

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
        said: subprocess.CompletedProcess[str] = subprocess.run(
            [self.engine, *words],
            cwd=self.folder / self.stack,
            env={**os.environ, **self.engine_environment, **environment},
            capture_output=True,
            text=True,
            **self.identity,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    @property
    def engine(self) -> Path:
        """The engine's command, where the stack's user can run it."""
        found = cli.find()
        if self.checkout == ROOT or not found.is_relative_to(paths.cache()):
            return found
        return self.checkout.parent / "cache" / "otakaro" / found.relative_to(paths.cache())

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


def misleading(folder: Path) -> Path:
    """Create a directory of modules with the names of others, which must never be imported."""
    folder.mkdir(exist_ok=True)
    for name in ("yaml", "pulumi", "settings", "network", "grpc", "rich", "boto3"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('misled: {name}')\n")
    return folder


def name_of(urn: str) -> str:
    """`aws:ec2/vpc:Vpc name` of a URN."""
    _, _, kinds, name = urn.split("::", 3)
    return f"{kinds.rsplit('$', 1)[-1]} {name}"


def named(held: set[Held], kind: str) -> set[str]:
    """The names of one kind of thing that the account holds."""
    return {thing.name for thing in held if thing.kind == kind}
