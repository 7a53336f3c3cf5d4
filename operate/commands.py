"""What the commands do, for any account: status, logs, shell, psql, restart and others."""

import argparse
import os
import time
from collections.abc import Callable
from typing import Final

from operate import hours, prices
from operate import logs as log
from operate import restart as restarting
from operate import shell as shells
from operate.account import Account
from operate.console import console, harmless, note
from operate.screen import show
from operate.status import look, now

Command = Callable[[Account, argparse.Namespace], None]


def status(account: Account, _arguments: argparse.Namespace) -> None:
    """Show on one screen how the stack fares."""
    show(look(account, now()), account, console())


def logs(account: Account, arguments: argparse.Namespace) -> None:
    """Show the lines of a service's log, and those that come."""
    since = log.begin(arguments.since or log.DEFAULT_SINCE, time.time())
    groups = log.groups(account, arguments.service)
    note(f"{', '.join(groups)} in {account.title}")
    tail = log.Tail(account.client("logs"), groups, since, arguments.filter)
    events = tail.more() if arguments.once else log.follow(tail, pause=2.0)
    try:
        for event in events:
            print(harmless(str(event)), flush=True)
    except KeyboardInterrupt:
        return  # as it is meant to end


def shell(account: Account, arguments: argparse.Namespace) -> None:
    """Open a shell in a running task of a service."""
    _become(account, shells.shell(account, arguments.service))


def psql(account: Account, _arguments: argparse.Namespace) -> None:
    """Open the database's prompt, from within a task of the API."""
    _become(account, shells.psql(account))


def restart(account: Account, arguments: argparse.Namespace) -> None:
    """Deploy a service's image afresh and watch."""
    restarting.restart(
        account, arguments.service, sure=arguments.yes, pause=_pause(account), tell=_tell
    )


def stop(account: Account, arguments: argparse.Namespace) -> None:
    """Stop a service until it is started again."""
    restarting.stop(
        account, arguments.service, sure=arguments.yes, pause=_pause(account), tell=_tell
    )


def start(account: Account, arguments: argparse.Namespace) -> None:
    """Start a service that was stopped."""
    restarting.start(account, arguments.service, pause=_pause(account), tell=_tell)


def wake(account: Account, _arguments: argparse.Namespace) -> None:
    """Start what stopped for the night."""
    hours.wake(account, pause=_pause(account), tell=_tell)


def sleep(account: Account, arguments: argparse.Namespace) -> None:
    """Stop all but what holds data until the running hours begin."""
    hours.sleep(account, sure=arguments.yes, pause=_pause(account), tell=_tell)


def list_prices(account: Account, _arguments: argparse.Namespace) -> None:
    """Bring local/data/prices.yaml up to date from AWS's price list."""
    note(f"AWS's price list, asked by {account.title}")
    prices.refresh(account, day=now().date(), tell=_tell)


COMMANDS: Final[dict[str, Command]] = {
    "status": status,
    "logs": logs,
    "shell": shell,
    "psql": psql,
    "restart": restart,
    "stop": stop,
    "start": start,
    "wake": wake,
    "sleep": sleep,
    "prices": list_prices,
}


def arguments(command: argparse.ArgumentParser, name: str) -> None:
    """What a command of these takes."""
    if name in ("logs", "shell", "restart", "stop", "start"):
        command.add_argument("--service", default="", help="its name without the stack's prefix")
    if name == "logs":
        command.add_argument("--since", default="", help="how far back, as 30s, 10m, 1h, 2d")
        command.add_argument("--filter", default="", help="a filter pattern of CloudWatch Logs")
        command.add_argument("--once", action="store_true", help="don't wait for further lines")
    if name in ("restart", "stop", "sleep"):
        command.add_argument("--yes", action="store_true", help="don't ask")


def _pause(account: Account) -> float:
    """Seconds between two looks; the emulated account answers at once."""
    return 0.25 if account.emulated else 5.0


def _tell(text: str) -> None:
    print(text, flush=True)


def _become(account: Account, command: list[str]) -> None:
    """Go on as another program, which gets the terminal with all its keys."""
    note(f"{account.stack.prefix} in {account.title}: {command[command.index('--task') + 1]}")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
