"""The commands of `operate/` on the emulated account: status, logs, shell, restart and others."""

import argparse
from collections.abc import Callable

from local import console, database, emulator, stackfile
from local.account import HOME_REGION
from local.account import Account as Emulated
from local.errors import LocalError
from local.workspace import Workspace
from operate import commands
from operate.account import Account, Stack
from operate.errors import OperateError, told


def status(arguments: argparse.Namespace) -> None:
    """Show what is deployed, and on one screen how the stack fares."""
    running = emulator.running()
    words = f"process {running.pid}, {running.endpoint}" if running else "not running"
    console.OUT.print(f"emulator: {words}", markup=False)
    for stack in stackfile.STACKS:
        workspace = Workspace(stack)
        recorded = workspace.recorded
        if not recorded:
            console.OUT.print(f"{stack}: not deployed")
            continue
        cut_off = " (the last command was cut off: `make up` mends it)"
        note = cut_off if (workspace.folder / "running").exists() else ""
        console.OUT.print(f"{stack}: {len(recorded)} resources{note}")
    if running is not None and _cluster(arguments.stack):
        console.OUT.print()
        _run("status", arguments)


def logs(arguments: argparse.Namespace) -> None:
    """Show the lines of a service's log, and those that come."""
    _run("logs", arguments)


def shell(arguments: argparse.Namespace) -> None:
    """Open a shell in a running task of a service (in a real account)."""
    _run("shell", arguments)


def psql(arguments: argparse.Namespace) -> None:
    """Open the database's prompt."""
    account = emulated(arguments.stack)
    instance = _recorded(arguments.stack, "aws:rds/instance:Instance", "identifier")
    server = database.behind(instance)
    if server is None:
        raise LocalError(
            "no PostgreSQL is behind the emulated RDS: install PostgreSQL with PostGIS, then "
            f"`make reset` and {account.command('up')}"
        )
    console.note(f"the PostgreSQL behind {instance} in {account.title}")
    database.prompt(server)


def restart(arguments: argparse.Namespace) -> None:
    """Deploy a service's image afresh and watch."""
    _run("restart", arguments)


def stop(arguments: argparse.Namespace) -> None:
    """Stop a service until it is started again."""
    _run("stop", arguments)


def start(arguments: argparse.Namespace) -> None:
    """Start a service that was stopped."""
    _run("start", arguments)


def wake(arguments: argparse.Namespace) -> None:
    """Start what stopped for the night."""
    _run("wake", arguments)


def sleep(arguments: argparse.Namespace) -> None:
    """Stop all but what holds data until the running hours begin."""
    _run("sleep", arguments)


def prices(_arguments: argparse.Namespace) -> None:
    """Bring the list prices up to date (from a real account)."""
    raise LocalError("the emulated AWS has no price list: `make prices ACCOUNT=aws` asks AWS's")


COMMANDS: tuple[Callable[[argparse.Namespace], None], ...] = (
    *(status, logs, shell, psql, restart, stop, start),
    *(wake, sleep, prices),
)


def _run(name: str, arguments: argparse.Namespace) -> None:
    account = emulated(arguments.stack)
    try:
        with told(region=account.stack.region, profile=""):
            commands.COMMANDS[name](account, arguments)
    except OperateError as error:
        raise LocalError(str(error)) from error


def emulated(stack: str) -> Account:
    """The emulated account that a stack is deployed to.

    Raises:
        LocalError: it isn't deployed.
    """
    cluster, running = _cluster(stack), emulator.running()
    named = "" if stack == stackfile.STACKS[0] else f"STACK={stack}"
    if running is None or not cluster:
        command = f"make up {named}".strip()
        raise LocalError(f"the stack {stack} is not deployed: `{command}` does that")
    region = HOME_REGION
    account = Emulated(running.endpoint)
    return Account(
        Stack(name=stack, region=region, prefix=cluster.removesuffix("-ecs")),
        account.client,
        title=f"the emulated AWS at {running.endpoint}",
        flags=named,
        emulated=True,
    )


def _cluster(stack: str) -> str:
    """Return the name of the stack's cluster from its state; empty when it has none."""
    return _recorded(stack, "aws:ecs/cluster:Cluster", "name")


def _recorded(stack: str, kind: str, output: str) -> str:
    """Return an output of the stack's only resource of a type; empty when it has none."""
    for resource in Workspace(stack).recorded:
        if resource["type"] == kind and not resource.get("delete"):
            return str(resource["outputs"][output])
    return ""
