"""Whoever is woken by an alarm finds the page for it."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from local.record import ROOT, Recording, configuration, record_program
from tests.unit.conftest import SWITCHES

RUNBOOKS = ROOT / "docs" / "runbooks"
INDEX = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
# The parts that every runbook has, each as a heading or in bold.
PARTS = ("Symptom", "First look", "Decide", "It is over when", "Afterwards")


def patterns() -> list[str]:
    """The alarms' keys of the index, such as '*-errors'."""
    table = INDEX.partition("## By alarm")[2].partition("What comes without")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row)]


def keys(recording: Recording, prefix: str) -> set[str]:
    """The keys of a program's alarms that tell people."""
    alarms = recording["cloudwatch/metricAlarm:MetricAlarm"]
    composite = recording["cloudwatch/compositeAlarm:CompositeAlarm"]
    begin = f"{prefix}-alarm-"
    names = [*alarms, *composite]
    return {name.removeprefix(begin) for name in names if name.startswith(begin)}


@pytest.fixture(scope="module")
def alarms() -> set[str]:
    """Every alarm that any of the configurations has."""
    production = configuration("production")
    switched = production | SWITCHES
    return keys(record_program(production), production["otakaro:namePrefix"]) | keys(
        record_program(switched), switched["otakaro:namePrefix"]
    )


def test_every_alarm_has_a_runbook(alarms: set[str]) -> None:
    """A new alarm gets a row in docs/runbooks/README.md, "By alarm"."""
    assert alarms
    assert {key for key in alarms if not any(fnmatch(key, each) for each in patterns())} == set()


def test_an_alarm_without_a_runbook_would_be_told() -> None:
    assert not any(fnmatch("tape-robot", each) for each in patterns())


@pytest.mark.parametrize(
    "page", sorted(RUNBOOKS.glob("[a-z]*.md")), ids=lambda page: str(page.name)
)
def test_a_runbook_has_all_its_parts_and_is_in_the_index(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [part for part in PARTS if part not in text] == []
    assert f"({page.name}" in INDEX
