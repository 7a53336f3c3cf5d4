"""A year of every clock: nothing is missed and nothing runs twice when the clocks change."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hours import orders
from local.gateway.times import following
from local.record import Recording
from running_hours import DAY, DAYS, WEEK, RunningHours, minutes
from settings import Settings, SettingsError
from tests.unit.test_settings import changed, load, problems

# Both changes of a year; half an hour's; none; before UTC; two hours'; at midnight.
ZONES = (
    *("Pacific/Auckland", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"),
    *("Antarctica/Troll", "Africa/Cairo", "Pacific/Chatham"),
)
SPANS = ("07:00-19:00", "02:00-08:00", "02:15-10:00", "02:30-08:30", "00:30-06:00", "16:00-23:59")
BEGIN = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
END = BEGIN + timedelta(days=366)


def weekly(expression: str, after: datetime) -> datetime | None:
    """The next minute of a cron(M H ? * DAYS *) after another, both as clocks show them."""
    found = re.fullmatch(r"cron\((\d+) (\d+) \? \* ([A-Z,]+) \*\)", expression)
    assert found, expression
    minute, hour, days = int(found[1]), int(found[2]), found[3].lower().split(",")
    moment = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    while moment <= after or DAYS[moment.weekday()] not in days:
        moment += timedelta(days=1)
    return moment


def hours_of(span: str, zone: str, days: tuple[str, ...] = DAYS) -> RunningHours:
    start, stop = (minutes(one) for one in span.split("-"))
    return RunningHours(days=days, start=start, stop=stop, time_zone=zone)


def sent(hours: RunningHours) -> list[tuple[datetime, str]]:
    """What the emulated Scheduler sends within the year, in order."""
    found = []
    for order, expression in orders(hours).values():
        due = following(expression, hours.time_zone, BEGIN, weekly)
        while due is not None and due < END:
            found.append((due, order))
            due = following(expression, hours.time_zone, due, weekly)
    return sorted(found)


def awake(hours: RunningHours) -> list[tuple[datetime, datetime]]:
    """When the stack runs within the year: an order that finds itself done changes nothing."""
    spans, since = [], None
    for moment, order in sent(hours):
        if order == "Start" and since is None:
            since = moment
        elif order == "Stop" and since is not None:
            spans.append((since, moment))
            since = None
    return spans


def meant(hours: RunningHours) -> Iterator[tuple[datetime, datetime]]:
    """When it should: a time that the clocks skip is as long after the change as it was meant to
    be after the hour before."""
    zone = ZoneInfo(hours.time_zone)
    day = BEGIN.astimezone(zone).date()
    while day < END.astimezone(zone).date():
        if DAYS[day.weekday()] in hours.days:
            midnight = datetime.combine(day, datetime.min.time())
            span = tuple(
                (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)
                for minute in (hours.start, hours.stop)
            )
            if span[0] > BEGIN and span[1] < END:
                yield span[0], span[1]
        day += timedelta(days=1)


@pytest.mark.parametrize("days", [DAYS, DAYS[:5]], ids=len)
@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("zone", ZONES)
def test_each_running_day_starts_and_stops_once_at_its_time(
    zone: str, span: str, days: tuple[str, ...]
) -> None:
    hours = hours_of(span, zone, days)
    runs, wanted = awake(hours), list(meant(hours))
    assert len(wanted) in range(52 * len(days) - 2, 53 * len(days) + 3)
    assert [run for run in runs if run[0] >= wanted[0][0] and run[1] <= wanted[-1][1]] == wanted


def test_a_start_in_the_skipped_hour_happens_half_past_the_next() -> None:
    """On the day that New Zealand's clocks go from two to three."""
    zone = ZoneInfo("Pacific/Auckland")
    day = next(
        day.date()
        for day in (BEGIN.astimezone(zone) + timedelta(days=n) for n in range(366))
        if day.replace(hour=1).utcoffset() != day.replace(hour=3).utcoffset()
        and day.replace(hour=1).dst() == timedelta(0)
    )
    starts = {
        run[0].astimezone(zone)
        for run in awake(hours_of("02:30-08:30", "Pacific/Auckland"))
        if run[0].astimezone(zone).date() in (day, day + timedelta(days=1))
    }
    assert {f"{start:%a %H:%M}" for start in starts} == {
        f"{day:%a} 03:30",
        f"{day + timedelta(days=1):%a} 02:30",
    }


def test_only_a_start_that_the_clocks_skip_has_a_second_schedule() -> None:
    assert {*orders(hours_of("02:30-08:30", "Pacific/Auckland"))} == {"start", "stop", "late-start"}
    assert orders(hours_of("02:15-08:30", "Australia/Lord_Howe"))["late-start"] == (
        "Start",
        "cron(45 2 ? * MON,TUE,WED,THU,FRI,SAT,SUN *)",
    )
    for zone in ("Asia/Kolkata", "UTC"):
        assert {*orders(hours_of("02:30-08:30", zone))} == {"start", "stop"}
    assert {*orders(hours_of("07:00-19:00", "Pacific/Auckland"))} == {"start", "stop"}


def accepted(span: str, zone: str, days: str) -> Settings | None:
    """Settings of these hours, with the windows that the messages propose; none if the hours are
    too short in this zone."""
    wanted: dict[str, object] = {"runningHours": f"{days} {span}", "timeZone": zone}
    for _ in range(5):
        told = problems(changed(**wanted)) if not _is_good(wanted) else []
        if not told:
            return load(changed(**wanted))
        key, value = re.findall(r"config set otakaro:(\w+) '?([^' ]+(?: [^' ]+)?)'?$", told[0])[0]
        if key == "runningHours":
            return None
        wanted[key] = value
    raise AssertionError(told)


def _is_good(wanted: dict[str, object]) -> bool:
    try:
        load(changed(**wanted))
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("days", ["mon-sun", "sun"])
@pytest.mark.parametrize("span", ["07:00-19:00", "02:15-10:00", "02:30-08:30"])
@pytest.mark.parametrize("zone", ZONES[:5])
def test_the_database_is_backed_up_and_maintained_while_it_runs(
    zone: str, span: str, days: str
) -> None:
    """Every running day and every week, half an hour after the start or later."""
    settings = accepted(span, zone, days)
    if settings is None:
        return
    assert settings.hours is not None
    runs = awake(settings.hours)
    database = settings.database
    for window, cycle in ((database.backup_window, DAY), (database.maintenance_window, WEEK)):
        begin, end = (minutes(one) for one in window.split("-"))
        length = timedelta(minutes=(end - begin) % cycle)
        monday = BEGIN - timedelta(days=BEGIN.weekday())
        opens = [
            monday + timedelta(minutes=begin + cycle * number)
            for number in range(WEEK * 53 // cycle)
        ]
        within = [
            moment
            for moment in opens
            if any(
                run[0] + timedelta(minutes=30) <= moment and moment + length <= run[1]
                for run in runs
            )
        ]
        if cycle == WEEK:
            inner = [one for one in opens if runs[0][0] <= one <= runs[-1][1]]
            assert [one for one in inner if one not in within] == []
        else:
            covered = [sum(run[0] <= one <= run[1] for one in within) for run in runs[1:-1]]
            assert {*covered} == {1}


def test_rates_know_no_clocks() -> None:
    """What looks every few minutes goes on through both changes."""
    for zone in ZONES:
        moment, found = BEGIN, []
        while moment < BEGIN + timedelta(days=2):
            moment = following("rate(5 minutes)", zone, moment, weekly) or END
            found.append(moment)
        assert {later - one for one, later in pairwise(found)} == {timedelta(minutes=5)}


# Inputs that name a time of the day or a rhythm, by type; a new one needs a test of its year.
CLOCKS = {
    ("scheduler/schedule:Schedule", "scheduleExpression"),
    ("cloudwatch/eventRule:EventRule", "scheduleExpression"),
    ("rds/instance:Instance", "backupWindow"),
    ("rds/instance:Instance", "maintenanceWindow"),
    ("elasticache/replicationGroup:ReplicationGroup", "snapshotWindow"),
    ("elasticache/replicationGroup:ReplicationGroup", "maintenanceWindow"),
}


def test_nothing_else_goes_by_the_clock(production: Recording, switched: Recording) -> None:
    found = {
        (resource.type.removeprefix("aws:"), key)
        for recording in (production, switched)
        for resource in recording.resources
        for key in resource.inputs
        if re.search("window|schedule|cron|recurrence|timezone", key, re.IGNORECASE)
    }
    others = {
        ("scheduler/schedule:Schedule", "scheduleExpressionTimezone"),
        ("scheduler/schedule:Schedule", "flexibleTimeWindow"),
        ("lambda/eventSourceMapping:EventSourceMapping", "maximumBatchingWindowInSeconds"),
    }
    assert found - others <= CLOCKS
    rules = production["cloudwatch/eventRule:EventRule"].values()
    rhythms = {rule["scheduleExpression"] for rule in rules if "scheduleExpression" in rule}
    # Rules know UTC only, and a rate no time of the day (EventBridge user guide, "Schedules").
    assert all(re.fullmatch(r"rate\(\d+ \w+\)", rhythm) for rhythm in rhythms)


def test_windows_of_redis_are_apart_and_long_enough(production: Recording) -> None:
    [redis] = production["elasticache/replicationGroup:ReplicationGroup"].values()
    snapshot = [minutes(one) for one in redis["snapshotWindow"].split("-")]
    maintenance = [minutes(one) for one in redis["maintenanceWindow"].split("-")]
    assert (snapshot[1] - snapshot[0]) % DAY >= 60
    assert (maintenance[1] - maintenance[0]) % WEEK >= 60
    assert not any(
        low < maintenance[1] and maintenance[0] < high
        for day in range(8)
        for low, high in [[one + day * DAY for one in snapshot]]
    )
