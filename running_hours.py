"""The hours in which a stack runs, read from its settings, and what must happen within them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from config_reader import ConfigReader

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 24 * 60  # min
WEEK: Final = 7 * DAY
# The least in a day: both windows of the database must fit in, summer and winter.
_LEAST: Final = 4 * 60
_STEP: Final = 30  # between the windows that are proposed
# From the beginning of the hours until the database is sure to be there.
_WAKING: Final = 30
_WINDOW: Final = 60  # of an example
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d"
_ALLOWED: Final = (
    "empty (always), or days and hours, at least four a day, such as mon-fri 07:00-19:00 or"
    " mon-sun 06:30-22:00"
)
_EXAMPLE: Final = "mon-fri 07:00-19:00"


@dataclass(frozen=True, kw_only=True)
class RunningHours:
    """From `start` to `stop`, each in minutes of the day, on `days`, by the clocks of a zone."""

    days: tuple[str, ...]
    start: int
    stop: int
    time_zone: str  # of the IANA's database

    @property
    def late_start(self) -> int:
        """Minutes by which the start is later on the day that the clocks skip it; 0 if they never
        do."""
        return _skipped(self.time_zone, self.start)

    @property
    def late_stop(self) -> int:
        """Minutes by which the stop is later on the day that the clocks skip it; 0 if they never
        do."""
        return _skipped(self.time_zone, self.stop)

    def holds(self, begin: int, length: int, *, daily: bool) -> bool:
        """Whether a window is within the hours, whatever the clocks of the zone say this year.

        That it must be so before and after a change leaves room for a start that the change delays.

        Args:
            begin: its minute of the week, or of the day, in UTC.
            length: in minutes.
            daily: whether it opens every day, of which the days without hours don't matter.
        """
        for offset in _offsets(self.time_zone):
            moment = (begin + offset) % WEEK
            if not daily and DAYS[moment // DAY] not in self.days:
                return False
            if not self.start + _WAKING <= moment % DAY <= self.stop - length:
                return False
        return True

    def daily_window(self) -> str:
        """A window of an hour in UTC that is within the hours of each day."""
        begin = next(one for one in range(0, DAY, _STEP) if self.holds(one, _WINDOW, daily=True))
        return f"{clock(begin)}-{clock(begin + _WINDOW)}"

    def weekly_windows(self) -> Iterator[tuple[int, str]]:
        """Windows of an hour in UTC within the hours: the minute of the week, and the words."""
        for begin in range(0, WEEK, _STEP):
            if self.holds(begin, _WINDOW, daily=False):
                end = (begin + _WINDOW) % WEEK
                yield (
                    begin,
                    f"{DAYS[begin // DAY]}:{clock(begin)}-{DAYS[end // DAY]}:{clock(end)}",
                )


def clock(minute: int) -> str:
    """What a clock shows at a minute of the day or of the week, 'hh:mm'."""
    return f"{minute % DAY // 60:02}:{minute % 60:02}"


def minutes(text: str) -> int:
    """The minute of the week of 'ddd:hh:mm', or of the day of 'hh:mm'."""
    *day, hour, minute = text.split(":")
    return (DAYS.index(day[0]) * DAY if day else 0) + int(hour) * 60 + int(minute)


def read_running_hours(read: ConfigReader) -> RunningHours | None:
    """`runningHours` and `timeZone`; nothing where the stack always runs."""
    days = "|".join(DAYS)
    # A colon stands for the space where a command takes spaces between settings.
    pattern = f"|({days})(-({days}))?[ :]{_TIME}-{_TIME}"
    text = read.text("runningHours", pattern, _ALLOWED, _EXAMPLE)
    time_zone = read.text(
        "timeZone",
        r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*",
        "the name of a time zone, such as Pacific/Auckland",
        "Pacific/Auckland",
    )
    if time_zone and time_zone not in _known():
        read.problem("timeZone", "a time zone of the IANA's database", "Pacific/Auckland")
    if not text or not read.sound("timeZone"):
        return None
    named, span = re.split("[ :]", text, maxsplit=1)
    first, _, last = named.partition("-")
    start, stop = (minutes(one) for one in span.split("-"))
    begin, end = DAYS.index(first), DAYS.index(last or first)
    least = _least(time_zone)
    if stop - start < least or begin > end:
        longer = f"{_ALLOWED}; of at least {clock(least)} hours in {time_zone}"
        read.problem("runningHours", longer if least > _LEAST else _ALLOWED, _EXAMPLE)
        return None
    return RunningHours(days=DAYS[begin : end + 1], start=start, stop=stop, time_zone=time_zone)


def require_within(
    read: ConfigReader,
    hours: RunningHours,
    backup: tuple[int, int],
    maintenance: tuple[int, int],
) -> None:
    """Note a problem where the database's windows are not within the hours, and apart.

    RDS neither backs up nor maintains what is stopped (RDS user guide, "Stopping an Amazon RDS DB
    instance temporarily").

    Args:
        read: where problems are noted.
        hours: when the database runs.
        backup: the daily window's beginning, in minutes of the day in UTC, and its length.
        maintenance: the weekly one's, in minutes of the week.
    """
    allowed = "a time within runningHours, half an hour after their beginning or later"
    if not hours.holds(*backup, daily=True):
        example = hours.daily_window()
        read.problem("databaseBackupWindow", allowed, example)
        backup = minutes(example.partition("-")[0]), _WINDOW
    if hours.holds(*maintenance, daily=False) and not overlap(backup, maintenance):
        return
    for begin, example in hours.weekly_windows():
        if not overlap(backup, (begin, _WINDOW)):
            apart = f"{allowed}, and apart from databaseBackupWindow"
            read.problem("databaseMaintenanceWindow", apart, example)
            return
    shorter = f"{allowed}, short enough to leave room for databaseMaintenanceWindow"
    read.problem("databaseBackupWindow", shorter, hours.daily_window())


def overlap(backup: tuple[int, int], maintenance: tuple[int, int]) -> bool:
    """Whether the backup begins within the maintenance, or the maintenance within the backup."""
    (begins, lasts), (opens, stays) = backup, maintenance
    return (begins - opens) % DAY < stays or (opens - begins) % DAY < lasts


@cache
def _known() -> set[str]:
    """The time zones of the IANA's database, without the machine's own and what is none."""
    return available_timezones() - {"localtime", "posixrules", "Factory"}


def _least(time_zone: str) -> int:
    """Minutes a day that leave room for the database's windows whatever the clocks show."""
    offsets = _offsets(time_zone)
    summer = max(offsets) - min(offsets)
    return max(_LEAST, _WAKING + summer + 2 * _WINDOW + _STEP)


@cache
def _skipped(time_zone: str, minute: int) -> int:
    """Minutes that the zone's clocks leave out where they skip this minute of a day within the
    coming year; 0 if they never do."""
    zone, today = ZoneInfo(time_zone), datetime.now(UTC).replace(hour=0, minute=0, second=0)
    longest = 0
    for day in range(366):
        shown = (today + timedelta(days=day, minutes=minute)).replace(microsecond=0, tzinfo=None)
        meant = shown.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        longest = max(longest, int((meant - shown).total_seconds()) // 60)
    return longest


@cache
def _offsets(time_zone: str) -> set[int]:
    """Minutes by which the zone's clocks are before UTC, at any time from now on for a year."""
    zone, now = ZoneInfo(time_zone), datetime.now(UTC)
    days = (now + timedelta(days=day) for day in range(366))
    return {
        int(offset.total_seconds()) // 60
        for day in days
        if (offset := day.astimezone(zone).utcoffset()) is not None
    }
