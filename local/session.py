"""An engine at work on one stack: emulator, account, provider and state brought together.

The emulator forgets everything when it ends, the engine's state does not. An alias of the emulated
account names the memory that a stack was last deployed to; when it is another's, the state is
refreshed before anything else.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from pulumi import automation
from pulumi.automation import EngineEvent
from pulumi.automation.errors import CommandError

from local import broker, cli, console, database, emulator, faults, lock, paths, recovery, stackfile
from local.account import Account, Held
from local.errors import LocalError
from local.events import Steps
from local.process import Engine, Interrupted, end_left_engine
from local.provider import serve
from local.workspace import Workspace


@dataclass
class Session:
    """One stack, ready for the engine."""

    workspace: Workspace
    stack: automation.Stack
    account: Account
    provider: Any
    steps: Steps = field(default_factory=Steps)

    def run(
        self,
        operation: Callable[..., Any],
        *,
        watch: Callable[[EngineEvent], None] | None = None,
        **options: object,
    ) -> Any:
        """Run an engine's operation with its progress shown; `watch` is called with its events.

        Raises LocalError when it fails, Interrupted when the user ended it.
        """
        self.steps = Steps()
        marker = self.workspace.folder / "running"
        marker.touch()
        last = self.workspace.folder / "last.json"
        last.unlink(missing_ok=True)
        engine = self.stack.workspace.pulumi_command

        def take(event: EngineEvent) -> None:
            self.steps.take(event)
            if watch is not None:
                watch(event)

        try:
            result = operation(on_output=print_line, on_event=take, **options)
        except CommandError as error:
            if "update canceled" in str(error) or "update canceled" in " ".join(self.steps.errors):
                raise Interrupted from error  # by a key that the engine's own display took
            if isinstance(engine, Engine) and engine.killed:
                raise LocalError(
                    "something ended the engine; the same command goes on from there"
                ) from error
            raise LocalError(explain(error, self.steps)) from error
        finally:
            # A marker left behind makes the next command look at what the engine left undone.
            if isinstance(engine, Engine) and engine.orderly:
                marker.unlink(missing_ok=True)
            last.write_text(json.dumps(asdict(self.steps), indent=1))
        if isinstance(engine, Engine) and engine.asked_to_stop:
            raise Interrupted  # an interrupted `destroy` calls itself successful
        return result


@contextmanager
def opened(stack: str, overrides: dict[str, str] | None = None) -> Iterator[Session]:
    """A stack with everything that it needs running.

    Raises LocalError when something of that is missing and cannot be got.
    """
    with lock.exclusive():
        end_left_engine()
        workspace = Workspace(stack, overrides)
        cli.find()
        running = emulator.ensure()
        workspace_memory = Memory(running)
        account = workspace_memory.account
        if not stackfile.setting(stack, workspace.folder, "createDnsZone"):
            workspace_memory.seed_zone(
                str(stackfile.setting(stack, workspace.folder, "dnsZone") or "")
            )
        database.ensure()
        if running.broker:
            broker.ensure()
        lacking = (
            frozenset() if running.databases else frozenset({"aws:lambda/invocation:Invocation"})
        )
        with (
            faults.between(running.endpoint) as (endpoint, patience),
            serve(endpoint, recorded_only=lacking, patience=patience) as provider,
        ):
            port = provider.port
            try:
                opened_stack = workspace.open(
                    {"PULUMI_DEBUG_PROVIDERS": f"aws:{port},random:{port}"}
                )
            except CommandError as error:
                raise LocalError(explain(error, Steps())) from error
            session = Session(workspace, opened_stack, account, provider)
            _recover(session, workspace_memory.boot)
            yield session


class Memory:
    """The emulator's memory: its name, and what it held before any stack."""

    def __init__(self, running: emulator.Emulator) -> None:
        self.account = Account(running.endpoint)
        self.boot = self.account.boot()
        self._file = paths.state() / "baseline.json"
        if self._read().get("boot") != self.boot:
            self._write(self.account.holds())

    def baseline(self) -> set[Held]:
        """What the account held before any stack."""
        return {Held(*entry) for entry in self._read().get("held", [])}

    def retain(self, names: Iterable[str]) -> None:
        """Remember what a stack leaves behind when it is destroyed."""
        self._write(self.baseline(), self.retained() | {*names})

    def retained(self) -> set[str]:
        """The names of what stacks left behind, since the emulator started."""
        return {*self._read().get("retained", [])}

    def seed_zone(self, name: str) -> None:
        """Give the account the hosted zone that a stack looks up."""
        before = self.account.holds()
        if name and self.account.ensure_zone(name):
            self._write(self.baseline() | (self.account.holds() - before), self.retained())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, held: set[Held], retained: Collection[str] = ()) -> None:
        entries = [[thing.kind, thing.region, thing.name] for thing in sorted(held)]
        content = {"boot": self.boot, "held": entries, "retained": sorted(retained)}
        self._file.write_text(json.dumps(content))


def _recover(session: Session, boot: str) -> None:
    """Bring the state in line with the emulator after a restart or a command cut off."""
    workspace = session.workspace
    remembered = workspace.folder / "boot"
    marker = workspace.folder / "running"
    if workspace.locked:
        console.note("An earlier command died holding the state's lock: lifting it")
        session.stack.cancel()
    if workspace.recorded or workspace.interrupted_creations():
        new_memory = not remembered.exists() or remembered.read_text() != boot
        if new_memory or marker.exists() or workspace.interrupted_creations():
            reason = (
                "The emulator's memory is new" if new_memory else "The last command was cut off"
            )
            console.note(f"{reason}: comparing the state with what is there ...")
            try:
                if not new_memory:
                    recovery.take_over(session.stack, session.provider.aws)
                # A look at something half made would let it pass for whole.
                half_made = [] if new_memory else workspace.half_made()
                session.stack.refresh(
                    clear_pending_creates=True, exclude=half_made, on_event=session.steps.take
                )
            except CommandError as error:
                raise LocalError(explain(error, session.steps)) from error
    marker.unlink(missing_ok=True)
    remembered.write_text(boot)


def print_line(line: str) -> None:
    """Pass a line of the engine's progress on, as long as someone reads."""
    try:
        print(line, flush=True)
    except OSError:
        return


def explain(error: CommandError, steps: Steps) -> str:
    """One line for a failed operation: what it was if it had not been shown yet, and what to do."""
    text = str(error)
    if "incorrect passphrase" in text:
        return (
            "the passphrase does not fit the stack's secrets: give PULUMI_CONFIG_PASSPHRASE the "
            "value that the stack was made with, or start afresh with `make reset`; nothing changed"
        )
    said = [line.split("error:", 1)[1].strip() for line in text.splitlines() if "error:" in line]
    reasons = [each for each in (*steps.errors, *said) if each and each != "update failed"]
    if not reasons:
        return "the engine failed without a reason"
    more = f" (and {len(steps.errors) - 1} more, above)" if len(steps.errors) > 1 else ""
    return _shorten(" ".join(reasons[0].split())) + more


def _shorten(text: str, limit: int = 400) -> str:
    return text if len(text) <= limit else text[:limit] + " ..."
