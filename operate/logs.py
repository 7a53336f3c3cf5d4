"""Logs of services, as they come in."""

import heapq
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from operate.account import Account
from operate.errors import OperateError
from operate.services import Services

# Functions whose logs people read: what rolls services, what measures the queue.
FUNCTIONS: Final = ("rollout", "backend-queue")
DEFAULT_SINCE: Final = "10m"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Lines may be told this much later than they were written, in another order.
_LATE: Final = 15_000  # ms
_ID: Final = 8  # characters that tell tasks apart


@dataclass(frozen=True, kw_only=True)
class Event:
    """A line of a log."""

    at: int  # ms since 1970
    source: str  # the service and its task
    text: str

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at / 1000).astimezone()
        return f"{moment:%Y-%m-%d %H:%M:%S}  {self.source}  {self.text}"


@dataclass
class Tail:
    """The lines of some log groups, each told once."""

    logs: Any  # the client
    groups: Mapping[str, str]  # group -> what it is called
    since: int  # ms since 1970
    pattern: str = ""  # CloudWatch's filter pattern; all lines without one
    _told: dict[tuple[str, ...], int] = field(default_factory=dict)

    def more(self) -> Iterator[Event]:
        """What has come since the last time, the oldest first.

        Raises:
            OperateError: a log group isn't there, or the pattern is none.
        """
        start = max([self.since, *(at - _LATE for at in self._told.values())])
        self._told = {key: at for key, at in self._told.items() if at >= start}
        streams = [self._events(group, start) for group in self.groups]
        yield from heapq.merge(*streams, key=lambda event: event.at)

    def _events(self, group: str, start: int) -> Iterator[Event]:
        more = {"filterPattern": self.pattern} if self.pattern else {}
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start, **more
        )
        try:
            for page in pages:
                for each in page["events"]:
                    at = each["timestamp"]
                    stream = each["logStreamName"]
                    # The emulated AWS gives lines no ids.
                    key = (group, each.get("eventId") or f"{stream} {at} {each['message']}")
                    if key in self._told:
                        continue
                    self._told[key] = at
                    source = f"{self.groups[group]}/{_task(stream)}"
                    yield Event(at=at, source=source, text=each["message"].rstrip("\n"))
        except ClientError as error:
            raise _in_words(error, group, self.pattern) from error


def groups(account: Account, service: str) -> dict[str, str]:
    """The log groups that SERVICE=... means, each with what it is called.

    Raises:
        OperateError: it means none, or nothing is deployed.
    """
    services = Services(account)
    if service in FUNCTIONS:
        services.names()  # is there anything at all?
        return {f"/aws/lambda/{account.stack.prefix}-{service}": service}
    try:
        chosen = services.chosen(service)
    except OperateError as error:
        if "; allowed: one of" in str(error):
            raise OperateError(f"{error}, {', '.join(FUNCTIONS)}") from error
        raise
    return {f"/ecs/{name}": services.short(name) for name in chosen}


def begin(since: str, now: float) -> int:
    """The moment that SINCE=... means, in ms since 1970.

    Raises:
        OperateError: it means none.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", since)
    if found is None:
        raise OperateError(
            f"SINCE={since} is no length of time; allowed: a whole number of s, m, h or d, "
            f"as SINCE=1h (default: {DEFAULT_SINCE})"
        )
    return int((now - int(found[1]) * _UNITS[found[2]]) * 1000)


def follow(tail: Tail, pause: float) -> Iterator[Event]:
    """The lines that there are and then, for ever, those that come; looks every `pause` s."""
    while True:
        yield from tail.more()
        time.sleep(pause)


def _task(stream: str) -> str:
    """What tells a log stream from the others: a task's id, or what Lambda made up."""
    return re.split(r"[/\]]", stream)[-1][:_ID]


def _in_words(error: ClientError, group: str, pattern: str) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "ResourceNotFoundException":
        return OperateError(f"there is no log group {group}: `pulumi up` makes it")
    if code == "InvalidParameterException" and pattern:
        return OperateError(
            f"FILTER={pattern} is no filter pattern of CloudWatch Logs; allowed: a word as "
            "FILTER=ERROR, a phrase as FILTER='\"timed out\"', a regular expression as "
            "FILTER='%5[0-9][0-9]%'"
        )
    return error
