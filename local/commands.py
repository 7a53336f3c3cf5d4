"""The commands: up, preview, refresh, down, outputs, reset; push, secret; edge; operate's own."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pulumi.automation.errors import CommandError

from local import (
    bootstrap,
    console,
    cost,
    emulator,
    lock,
    operating,
    paths,
    report,
    rolling,
    stackfile,
)
from local.account import Held
from local.edge.command import edge
from local.errors import LocalError
from local.events import Steps
from local.process import Interrupted
from local.session import Memory, explain, opened
from local.workspace import Workspace, forget_the_users_cloud
from operate import commands as operate
from review.changes import Changes, markdown

INTERRUPTED = 130


def up(arguments: argparse.Namespace) -> None:
    """Deploy the stack; nothing changes when it is deployed already."""
    started = time.monotonic()
    with opened(arguments.stack, stackfile.parse(arguments.set)) as session:
        result = session.run(session.stack.up, suppress_outputs=True)
        endpoint = session.account.endpoint
        console.OUT.print()
        report.outputs(result.outputs)
        console.OUT.print()
        report.recorded_only(session.provider.recorded)
        report.resources(session.workspace.recorded)
    report.counts(result.summary.resource_changes or {}, time.monotonic() - started)
    report.how_to_look(endpoint)


def preview(arguments: argparse.Namespace) -> None:
    """Show what `up` would do."""
    started = time.monotonic()
    seen = Changes()
    try:
        with opened(arguments.stack, stackfile.parse(arguments.set)) as session:
            result = session.run(session.stack.preview, watch=seen.take)
    finally:
        if arguments.summary:
            arguments.summary.write_text(markdown(seen, f"Preview of {arguments.stack}"))
    changes = {str(getattr(key, "value", key)): n for key, n in result.change_summary.items()}
    report.counts(changes, time.monotonic() - started, planned=True)


def refresh(arguments: argparse.Namespace) -> None:
    """Bring the state in line with what the emulator holds."""
    started = time.monotonic()
    with opened(arguments.stack) as session:
        result = session.run(session.stack.refresh)
    report.counts(result.summary.resource_changes or {}, time.monotonic() - started)


def down(arguments: argparse.Namespace) -> None:
    """Remove every resource, see that none is left, stop the emulator."""
    started = time.monotonic()
    stack = arguments.stack
    recorded = Workspace(stack).recorded
    refuse_protected(stack, recorded)
    if recorded:
        with opened(stack) as session:
            # An interrupted run removes from the state what it retains, and says nothing of it.
            if (running := emulator.running()) is not None:
                Memory(running).retain(retained(recorded))
            result = session.run(session.stack.destroy)
        report.counts(result.summary.resource_changes or {}, time.monotonic() - started)
    else:
        console.note(f"The stack {stack} has no resources")
    others = [name for name in stackfile.STACKS if name != stack and Workspace(name).recorded]
    with lock.exclusive():
        running = emulator.running()
        if running is None:
            return
        if others:
            console.note(f"The emulator goes on for the stack {others[0]}")
            return
        memory = Memory(running)
        names = memory.retained() | retained(recorded)
        kept, left = leftovers(memory.account.holds() - memory.baseline(), names)
        for thing in kept:
            console.OUT.print(f"kept on purpose: {thing}", markup=False)
        if left:
            raise LocalError(
                f"{len(left)} things are left in the emulator, which goes on so that you can look "
                f"at them (`make reset` ends it): {', '.join(map(str, left))}"
            )
        emulator.stop()
    console.OUT.print("Nothing else is left; the emulator has stopped")


def outputs(arguments: argparse.Namespace) -> None:
    """Show the stack's outputs."""
    with lock.exclusive():
        workspace = Workspace(arguments.stack)
        if not workspace.state_file.exists():
            raise LocalError(f"the stack {arguments.stack} is not deployed: `make up` does that")
        try:
            values = workspace.open().outputs()
        except CommandError as error:
            raise LocalError(explain(error, Steps())) from error
    report.outputs(values, show_secrets=arguments.show_secrets)


def reset(_arguments: argparse.Namespace) -> None:
    """Forget everything local: end the emulator, remove state and secrets."""
    with lock.exclusive():
        emulator.stop()
        shutil.rmtree(paths.state(), ignore_errors=True)
    console.OUT.print("The emulator has stopped and the local state is gone")


def refuse_real(account: str, command: str) -> None:
    """Raise LocalError when the user means another account than the emulated one."""
    if account in ("", "emulated"):
        return
    names = ", ".join(run.__name__ for run in operating.COMMANDS)
    if account != "aws":
        raise LocalError(f"ACCOUNT={account} is none: leave it out, or ACCOUNT=aws for {names}")
    raise LocalError(
        f"`make {command}` is for the emulated AWS alone, so nothing was done: ACCOUNT=aws is for "
        f'{names}; README, "Production", tells what deploys to a real account'
    )


def refuse_protected(stack: str, recorded: Iterable[Mapping[str, Any]]) -> None:
    """Raise LocalError, before anything is touched, while resources are protected."""
    protected = {
        resource["urn"].rsplit("::", 1)[1] for resource in recorded if resource.get("protect")
    }
    if not protected:
        return
    suffix = "" if stack == stackfile.STACKS[0] else f" STACK={stack}"
    raise LocalError(
        f"resources are protected ({', '.join(sorted(protected))}) and nothing was removed; "
        f"to lift that: `make up{suffix} SET=protectData=false`, "
        f"then `make down{suffix}`"
    )


def retained(recorded: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names of what a stack leaves behind when it is destroyed.

    A task definition leaves every revision, the ones before the recorded one, too: it is named
    without its revision.
    """
    names: set[str] = set()
    for resource in recorded:
        inputs = resource.get("inputs") or {}
        if resource.get("retainOnDelete") or inputs.get("skipDestroy"):
            outputs = resource.get("outputs") or {}
            keys = ("arn", "arnWithoutRevision", "id", "name")
            names.update(str(outputs[key]) for key in keys if outputs.get(key))
            names.add(str(resource.get("id")))
        if inputs.get("finalSnapshotIdentifier") and not inputs.get("skipFinalSnapshot"):
            names.add(str(inputs["finalSnapshotIdentifier"]))
    return names


def leftovers(held: set[Held], names: Collection[str]) -> tuple[list[Held], list[Held]]:
    """Part what is left into what a stack retains, by `names`, and what it should have removed."""
    kept = sorted(
        thing
        for thing in held
        if thing.name in names
        or (":task-definition/" in thing.name and thing.name.rpartition(":")[0] in names)
    )
    return kept, sorted(held - set(kept))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local", description="The program on an emulated AWS, by the real engine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    rolls = (rolling.push, rolling.secret)
    own = (up, preview, refresh, down, outputs, reset, *rolls, edge, cost.cost)
    for run in (*own, *operating.COMMANDS):
        command = commands.add_parser(run.__name__, help=(run.__doc__ or "").splitlines()[0])
        command.set_defaults(run=run)
        default = cost.STACK if run is cost.cost else stackfile.STACKS[0]
        command.add_argument("--stack", default=os.environ.get("STACK") or default)
        if run in (up, preview, cost.cost):
            command.add_argument(
                "--set", action="append", default=[], metavar="KEY=VALUE", help="try a setting"
            )
        if run is preview:
            command.add_argument(
                "--summary", type=Path, metavar="FILE", help="write what would change as Markdown"
            )
        if run in rolls:
            rolling.arguments(command, run.__name__)
        if run in operating.COMMANDS:
            operate.arguments(command, run.__name__)
        if run is cost.cost:
            cost.arguments(command)
        if run is outputs:
            command.add_argument("--show-secrets", action="store_true")
    return parser


def main(words: list[str]) -> int:
    """Run one command; the result is the exit code."""
    arguments = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], None] = arguments.run
    forget_the_users_cloud()
    try:
        refuse_real(os.environ.get("ACCOUNT", ""), arguments.command)
        run(arguments)
    except (LocalError, bootstrap.BootstrapError) as error:
        console.error(str(error))
        return 1
    except (Interrupted, KeyboardInterrupt):
        console.error("interrupted; what was done is recorded, the same command goes on from there")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; not worth a traceback at exit either
        return INTERRUPTED
    return 0
