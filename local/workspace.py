"""One stack of the program under the real engine: state in a file, secrets by a passphrase."""

import json
import os
import runpy
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation

from local import cli, paths, stackfile
from local.errors import LocalError
from local.process import Engine

# Variables of the user's shell that would reach the program, the provider or boto3.
_CLOUD = ("AWS_", "PULUMI_", "BOTO_")


class Workspace:
    """The engine's folder of one stack, and what is told to the engine."""

    def __init__(self, stack: str, overrides: Mapping[str, str] | None = None) -> None:
        self.stack = stack
        self.folder = paths.folder(paths.state() / stack, "check the rights of its parent")
        self._missing = stackfile.write(stack, self.folder, overrides or {})

    @property
    def state_file(self) -> Path:
        """The stack's state in the file backend; it exists when the stack does."""
        return _backend() / ".pulumi" / "stacks" / stackfile.PROJECT / f"{self.stack}.json"

    @property
    def locked(self) -> bool:
        """Whether an engine holds, or died holding, the state's lock."""
        locks = _backend() / ".pulumi" / "locks" / "organization" / stackfile.PROJECT / self.stack
        return locks.is_dir() and any(locks.iterdir())

    @property
    def recorded(self) -> list[dict[str, Any]]:
        """The resources in the stack's state, the stack itself and its providers left out."""
        return [
            resource
            for resource in self._latest().get("resources") or []
            if not str(resource["type"]).startswith("pulumi:")
        ]

    def half_made(self) -> list[str]:
        """The URNs of what was made but for something that belongs to it."""
        return [str(each["urn"]) for each in self.recorded if each.get("initErrors")]

    def interrupted_creations(self) -> bool:
        """Whether an engine died while it was creating something, maybe without its knowledge."""
        pending = self._latest().get("pending_operations") or []
        return any(operation.get("type") == "creating" for operation in pending)

    def _latest(self) -> dict[str, Any]:
        try:
            state = json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise LocalError(
                f"{self.state_file} is damaged: put its .bak in its place, or `make reset`"
            ) from error
        latest = state.get("checkpoint", {}).get("latest")
        return latest if isinstance(latest, dict) else {}

    def open(self, engine_environment: Mapping[str, str] | None = None) -> automation.Stack:
        """The stack, created with its stand-in secrets when it is new."""
        program = cli.find()
        workspace = automation.LocalWorkspace(
            work_dir=str(self.folder),
            pulumi_home=str(paths.state() / "pulumi"),
            program=run_program,
            env_vars={
                # No metadata's files beside the state's: the engine writes those in place,
                # and one that is killed meanwhile leaves a file that nobody can read.
                "PULUMI_BACKEND_URL": f"{_backend().as_uri()}?metadata=skip",
                "PULUMI_CONFIG_PASSPHRASE": passphrase(),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                **(engine_environment or {}),
            },
            secrets_provider="passphrase",
            pulumi_command=Engine(program, cli.SDK),
        )
        stack = automation.Stack.create_or_select(self.stack, workspace)
        if self._missing:
            stack.set_all_config(
                {
                    key: automation.ConfigValue(secrets.token_hex(12), secret=True)
                    for key in self._missing
                }
            )
            self._missing = []
        return stack

    def forget(self) -> None:
        """Remove the engine's folder of this stack."""
        shutil.rmtree(self.folder, ignore_errors=True)


def run_program() -> None:
    """Run the program as `pulumi up` does: from its folder, its modules read afresh."""
    inside = str(paths.ROOT) + os.sep
    mine = tuple(
        str(paths.ROOT / part) for part in ("local", "operate", "review", "tests", ".venv")
    )
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(inside) and not file.startswith(mine) and name != "__main__":
            del sys.modules[name]
    os.chdir(paths.ROOT)
    if str(paths.ROOT) not in sys.path:
        sys.path.insert(0, str(paths.ROOT))
    runpy.run_path(str(paths.ROOT / "__main__.py"), run_name="__main__")


_PASSPHRASE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - a name, no secret
_given_passphrase = os.environ.get(_PASSPHRASE_VARIABLE)


def passphrase() -> str:
    """The user's own passphrase, else one made once for this checkout."""
    if _given_passphrase:
        return _given_passphrase
    file = paths.state() / "passphrase"
    if not file.exists():
        if _backend().joinpath(".pulumi", "stacks").is_dir():
            raise LocalError(
                f"{file} is gone and the state cannot be read without it: put it back, "
                f"set {_PASSPHRASE_VARIABLE}, or start afresh with `make reset`"
            )
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text().strip()


def forget_the_users_cloud() -> None:
    """Take the user's cloud settings out of this process: all of AWS is on loopback here."""
    for name in list(os.environ):
        if name.startswith(_CLOUD):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


def _backend() -> Path:
    return paths.folder(paths.state() / "state", "check the rights of its parent")
