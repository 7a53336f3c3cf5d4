"""A stack that stops at night, woken or stopped by hand between its hours."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from operate import database
from operate.account import Account
from operate.errors import OperateError
from operate.question import ask

# A database starts within a quarter of an hour.
_PATIENCE: Final = 1800.0  # s
_GROUP: Final = "images"  # of the rollout's messages, which are answered one after the other


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Whether the stack runs, as the rollout's function has it (lambdas/rollout/night.py)."""

    phase: str  # day, night, or morning: what stops at night is being started
    waiting: tuple[str, ...]  # services that the morning starts


def look(account: Account) -> Hours | None:
    """The stack's hours; none where it always runs."""
    try:
        found = account.client("ssm").get_parameter(Name=f"/{account.stack.prefix}/hours")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise
    state = json.loads(found["Parameter"]["Value"])
    return Hours(phase=state["phase"], waiting=tuple(state["waiting"]))


def wake(account: Account, *, pause: float, tell: Callable[[str], None]) -> None:
    """Start what stopped for the night, until the hours end the next time.

    Args:
        account: the account that is meant.
        pause: seconds between two looks.
        tell: called with each step.

    Raises:
        OperateError: the stack has no hours, or it does not come up.
    """
    if _known(account).phase == "day":
        tell(f"{account.stack.prefix} runs already; {account.command('status')} tells how")
        return
    order(account, "Start")
    tell(f"{account.stack.prefix} wakes, in {account.title}")
    began, told = time.monotonic(), ""
    for state, status in _seen(account, pause):
        if status != told:
            tell(f"{time.monotonic() - began:6.1f} s  the database is {status}")
            told = status
            if status == "available":
                order(account, "Look")  # the clock would, within five minutes
        if state.phase == "day":
            tell(
                f"{time.monotonic() - began:6.1f} s  the services start: "
                f"{account.command('status')} tells how"
            )
            return


def sleep(account: Account, *, sure: bool, pause: float, tell: Callable[[str], None]) -> None:
    """Stop all but what holds data, until the hours begin the next time.

    Args:
        account: the account that is meant.
        sure: don't ask.
        pause: seconds between two looks.
        tell: called with each step.

    Raises:
        OperateError: the stack has no hours, or it isn't wanted.
    """
    if _known(account).phase == "night":
        tell(f"{account.stack.prefix} is stopped already")
        return
    if not (sure or account.emulated):
        ask(
            f"Stop all services and the database of {account.stack.prefix} in {account.title}?",
            unattended=f"nobody is there to say whether {account.stack.prefix} shall stop in "
            f"{account.title}: {account.command('sleep YES=1')} does not ask",
            otherwise="nothing was stopped",
        )
    order(account, "Stop")
    began = time.monotonic()
    for state, _ in _seen(account, pause):
        if state.phase == "night":
            tell(
                f"{time.monotonic() - began:6.1f} s  {account.stack.prefix} stops, in "
                f"{account.title}; the database follows when no task is left"
            )
            return


def _known(account: Account) -> Hours:
    state = look(account)
    if state is None:
        deploys = (
            account.command(
                'up SET="runningHours=mon-fri:07:00-19:00 databaseBackupWindow=00:00-01:00 '
                'databaseMaintenanceWindow=tue:01:30-tue:02:30"'
            )
            if account.emulated
            else "`pulumi config set otakaro:runningHours 'mon-fri 07:00-19:00'` and `pulumi up`"
        )
        raise OperateError(
            f"{account.stack.prefix} always runs in {account.title}; that it stops at night is the "
            f"setting runningHours: {deploys}"
        )
    return state


def order(account: Account, kind: str) -> None:
    """Send the rollout function an order (lambdas/rollout); it follows it in turn with pushes."""
    sqs = account.client("sqs")
    queue = f"{account.stack.prefix}-rollout-images.fifo"
    message = {"source": "otakaro.hours", "detail-type": kind, "time": f"{time.time():.6f}"}
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"],
        MessageBody=json.dumps(message),
        MessageGroupId=_GROUP,
    )


def _seen(account: Account, pause: float) -> Iterator[tuple[Hours, str]]:
    """State and database's status, again and again; raises OperateError when patience ends."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        time.sleep(pause)
        state = look(account)
        found = database.instances(account)
        if state is not None:
            yield state, str(found[-1]["DBInstanceStatus"]) if found else "missing"
    raise OperateError(
        f"after {_PATIENCE / 60:.0f} min nothing has come of it: "
        f"{account.command('logs SERVICE=rollout SINCE=1h')} tells why; the clocks go on"
    )
