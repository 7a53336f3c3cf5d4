"""The account that a command talks to, and the stack in it."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import yaml
from botocore.config import Config

from operate.errors import OperateError, told

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final = "otakaro"
# Whoever waits at a terminal would rather know.
_PATIENCE: Final = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack by what its resources in AWS are found by."""

    name: str
    region: str
    prefix: str

    @property
    def cluster(self) -> str:
        """The ECS cluster that all its services run in."""
        return f"{self.prefix}-ecs"

    @classmethod
    def configured(cls, name: str, folder: Path = ROOT) -> "Stack":
        """By the project's and the stack's file, which need no passphrase for that.

        Raises:
            OperateError: there is no such file, or it names no region.
        """
        file = folder / f"Pulumi.{name}.yaml"
        if not file.exists():
            there = sorted(each.name.split(".")[1] for each in folder.glob("Pulumi.*.yaml"))
            raise OperateError(f"STACK={name} has no {file.name}; STACK is one of {_listed(there)}")
        config = _read(file)
        prefix = f"{PROJECT}:namePrefix"
        declared = _read(folder / "Pulumi.yaml").get(prefix) or {}
        region = config.get("aws:region")
        if not region:
            raise OperateError(
                f"aws:region is missing in {file.name}; allowed: a region of AWS. Mend it with: "
                f"pulumi config set aws:region ap-southeast-2 --stack {name}"
            )
        return cls(
            name=name,
            region=str(region),
            prefix=str(config.get(prefix) or declared.get("default") or ""),
        )


class Account:
    """An AWS account, real or emulated, as a maker of clients."""

    def __init__(
        self,
        stack: Stack,
        make: Callable[[str, str], Any],
        *,
        title: str,
        flags: str = "",
        emulated: bool = False,
    ) -> None:
        """Talk to the account through clients that `make` gives for a service and a region.

        Args:
            stack: the stack that is meant.
            make: gives a boto3 client.
            title: the account in words.
            flags: what a `make` command takes besides to mean this account and stack.
            emulated: nothing in it is of worth, and no container runs.
        """
        self.stack = stack
        self.title = title
        self.flags = flags
        self.emulated = emulated
        self._make = make
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str = "") -> Any:
        """A client of one service, made once; in the stack's region when no other is named."""
        key = (service, region or self.stack.region)
        with self._lock:  # boto3 makes one at a time
            if key not in self._clients:
                self._clients[key] = self._make(*key)
            return self._clients[key]

    def command(self, words: str) -> str:
        """A `make` command for this account and stack."""
        return f"`make {words}{f' {self.flags}' if self.flags else ''}`"

    @property
    def nothing_deployed(self) -> OperateError:
        """What is wrong when the stack's cluster isn't there."""
        there = f"no cluster {self.stack.cluster} in {self.title}"
        if self.emulated:
            return OperateError(f"nothing is deployed: {there}; {self.command('up')} does that")
        return OperateError(
            f"nothing is deployed: {there}; `pulumi up --stack {self.stack.name}` does that, "
            "`export AWS_PROFILE=...` names another account"
        )


def real(stack: str) -> Account:
    """The account that AWS's usual chain of credentials leads to, in the stack's own region.

    Raises:
        OperateError: there is no such stack, or there are no credentials that AWS takes.
    """
    found = Stack.configured(stack)
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or ""
    with told(region=found.region, profile=profile):
        session = boto3.Session(region_name=found.region)
        number = session.client("sts", config=_PATIENCE).get_caller_identity()["Account"]

    def make(service: str, region: str) -> Any:
        return session.client(service, region_name=region, config=_PATIENCE)  # type: ignore[call-overload]

    by = f", profile {profile}" if profile else ""
    elsewhere = os.environ.get("AWS_ENDPOINT_URL")
    if elsewhere:
        by += f", at AWS_ENDPOINT_URL {elsewhere}"
    named = "" if stack == "production" else f" STACK={stack}"
    return Account(
        found,
        make,
        title=f"AWS account {number}, {found.region}{by}",
        flags=f"ACCOUNT=aws{named}",
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise OperateError(f"{file.name} cannot be read as YAML: {_first_line(error)}") from error
    config = content.get("config") if isinstance(content, dict) else None
    return config if isinstance(config, dict) else {}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
