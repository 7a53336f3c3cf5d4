"""When a schedule of EventBridge Scheduler's is due: its expressions, by its zone's clocks."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

# The next minute after another one that a cron(...) means, both as clocks show them.
Cron = Callable[[str, datetime], datetime | None]

_RATE: Final = re.compile(r"rate\((?P<number>\d+) (?P<unit>minute|hour|day)s?\)")
_AT: Final = re.compile(r"at\((?P<time>[^)]+)\)")


def following(expression: str, zone: str, after: datetime, cron: Cron) -> datetime | None:
    """The first time after `after` that a schedule is due, in UTC; None if there is none.

    A time that the clocks leave out in spring is left out, and one that they show twice in autumn
    is due the first time alone (EventBridge Scheduler user guide, "Schedule types", "Time zones").

    Args:
        expression: rate(...), counted from `after`; cron(...) or at(...), by the zone's clocks.
        zone: of the IANA's database.
        after: with a time zone.
        cron: finds the next minute of a cron(...).
    """
    if rate := _RATE.fullmatch(expression):
        return after + timedelta(**{f"{rate['unit']}s": int(rate["number"])})
    clocks = ZoneInfo(zone)
    if at := _AT.fullmatch(expression):
        once = datetime.fromisoformat(at["time"]).replace(tzinfo=clocks).astimezone(UTC)
        return once if once > after else None
    # Clocks show an hour of autumn twice; a schedule knows it once.
    shown: datetime | None = after.astimezone(clocks).replace(tzinfo=None, fold=0)
    while shown is not None and (shown := cron(expression, shown)) is not None:
        shown = shown.replace(tzinfo=None)
        due = shown.replace(tzinfo=clocks).astimezone(UTC)
        if due > after and due.astimezone(clocks).replace(tzinfo=None) == shown:
            return due
    return None
