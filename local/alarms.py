"""docs/alarms.md: every alarm of production, read off the program.

python -m local.alarms      writes it anew
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.record import ROOT, Recording, configuration, record_program

PAGE: Final = ROOT / "docs" / "alarms.md"
_IN_BYTES: Final = ("FreeStorageSpace", "FreeableMemory")
_ALARM: Final = "cloudwatch/metricAlarm:MetricAlarm"
_HEAD: Final = """# What you are told

Written by `python -m local.alarms` from the program ([alarms.py](../alarms.py) has the
reasons). Each alarm sends an e-mail to `alarmEmail` when it begins and, but for those marked ¹,
another one when it is over. Periods without data are no alarm: what has no tasks and no visitors is
no failure. The dashboard `otakaro-dt-dashboard` shows them all, and [runbooks](runbooks/README.md)
what to do.

| alarm | when | what it means | first | AWS's document |
| --- | --- | --- | --- | --- |
"""
_TAIL: Final = """
¹ Its end says nothing and is not told.

Besides, these are told when they happen:

| what | from |
| --- | --- |
"""
_OTHERS: Final = {
    "A deployment failed, and was rolled back or not, with the reason": "the roll-out's function",
    "The account's spending passes 80 % or 100 % of `monthlyBudget`, or is going to": "AWS Budgets",
}


def page(recording: Recording) -> str:
    """The page for a recorded program."""
    prefix = str(recording.outputs["cluster"]).removesuffix("ecs")
    start = f"{prefix}alarm-"
    alarms = [(name, a) for name, a in sorted(recording[_ALARM].items()) if name.startswith(start)]
    rows = [_row(name.removeprefix(start), alarm) for name, alarm in alarms]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL + "\n".join(_told(recording)) + "\n"


def _row(key: str, alarm: Mapping[str, Any]) -> str:
    why, first, source = alarm["alarmDescription"].split("\n")
    mark = "" if alarm.get("okActions") else "¹"
    cells = (
        f"`{key}`{mark}",
        _when(alarm),
        why,
        first.removeprefix("First: "),
        source.removeprefix("Source: "),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _when(alarm: Mapping[str, Any]) -> str:
    """The bound in words: what must be beyond it, and for how long."""
    queries = alarm.get("metricQueries") or []
    metrics = [query["metric"] for query in queries if "metric" in query]
    if metrics:
        named = {q["id"]: q["metric"] for q in queries if "metric" in q}
        [formula] = [q["expression"] for q in queries if "expression" in q]
        parts = ", ".join(f"{key}: {m['metricName']} {m['stat']}" for key, m in named.items())
        what, period = f"`{formula}` ({parts})", metrics[0]["period"]
    else:
        what, period = f"{alarm['metricName']} {alarm['statistic']}", alarm["period"]
    sign = ">" if alarm["comparisonOperator"] == "GreaterThanThreshold" else "<"
    minutes = period * alarm["evaluationPeriods"] // 60
    bytes_ = alarm.get("metricName") in _IN_BYTES
    return f"{what} {sign} {_number(alarm['threshold'], bytes_)}, for {_span(minutes)}"


def _number(value: float, bytes_: bool) -> str:
    if bytes_:
        return f"{value / 1024**3:.3g} GiB"
    return f"{value:,.5g}" if value < 1e6 else f"{value:,.0f}"


def _span(minutes: int) -> str:
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count} {unit}s" if count > 1 else f"a {unit}".replace("a hour", "an hour")
    return f"{minutes} minutes"


def _told(recording: Recording) -> Iterator[str]:
    targets = recording["cloudwatch/eventTarget:EventTarget"]
    rules = recording["cloudwatch/eventRule:EventRule"]
    subscriptions = recording["rds/eventSubscription:EventSubscription"]
    for name, target in sorted(targets.items()):
        if "inputTransformer" in target:
            yield f"| {rules[name]['description']} | EventBridge, `{name}` |"
    for name, subscription in sorted(subscriptions.items()):
        yield f"| RDS: {', '.join(subscription['eventCategories'])} | RDS, `{name}` |"
    for what, source in _OTHERS.items():
        yield f"| {what} | {source} |"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(record_program(configuration("production"))), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
