"""What `docs/security.md` says of the checks that the program doesn't pass, and whether it is so.

The document's tables are what the tests and `make check` go by: a failure without a line there is a
fault, and so is a line without a failure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from local.record import ROOT

DOCUMENT = ROOT / "docs" / "security.md"
_COLUMNS = 6  # check, what it asks for, where, reason, cost, setting


@dataclass(frozen=True, order=True)
class Failure:
    """A resource that a check refuses."""

    check: str
    resource: str  # its logical name


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A line of the document: why a check is not passed, and where."""

    check: str
    where: tuple[str, ...]  # patterns of logical names
    reason: str
    cost: str
    setting: Mapping[str, str]  # that makes the check pass; empty when there is none


def waivers(heading: str) -> dict[str, Waiver]:
    """The lines of the table below `heading`, by check.

    Raises:
        ValueError: a line isn't of the table's form, or stands there twice.
    """
    found: dict[str, Waiver] = {}
    for cells in rows(heading):
        if len(cells) != _COLUMNS or not all(cells):
            raise ValueError(f"{DOCUMENT.name}: a line of {heading!r} lacks a cell: {cells}")
        check, _, where, reason, cost, setting = cells
        if check in found:
            raise ValueError(f"{DOCUMENT.name}: {check} stands there twice")
        pairs = re.findall(r"`(\w+)=([^`]+)`", setting)
        if not pairs and setting != "none":
            raise ValueError(f"{DOCUMENT.name}: {check} wants `key=value` or none, not {setting!r}")
        found[check] = Waiver(
            check=check,
            where=tuple(re.findall("`([^`]+)`", where)),
            reason=reason,
            cost=cost,
            setting={f"otakaro:{key}": value for key, value in pairs},
        )
    return found


def settings_that_pass(known: Mapping[str, Waiver]) -> dict[str, str]:
    """All settings that the lines name, together.

    Raises:
        ValueError: two lines want different values of one setting.
    """
    together: dict[str, str] = {}
    for waiver in known.values():
        for key, value in waiver.setting.items():
            if together.setdefault(key, value) != value:
                raise ValueError(f"{DOCUMENT.name}: {waiver.check} wants another {key} than before")
    return together


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below `heading`, without its head.

    Raises:
        ValueError: the document has no such heading, or no table below it.
    """
    _, marked, below = DOCUMENT.read_text().partition(f"\n## {heading}\n")
    section = below.partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    if not marked or len(lines) < 3:
        raise ValueError(f"{DOCUMENT.name} has no table {heading!r}")
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def disagreements(failures: Iterable[Failure], known: Mapping[str, Waiver]) -> list[str]:
    """What fails without a waiver, and what is waived without failing, a line each."""
    failed = sorted(set(failures))
    told = [
        f"{failure.check} fails for {failure.resource}: mend it, or give the reason in"
        f" docs/{DOCUMENT.name}"
        for failure in failed
        if not any(
            fnmatch(failure.resource, pattern)
            for pattern in (known[failure.check].where if failure.check in known else ())
        )
    ]
    for waiver in known.values():
        names = [failure.resource for failure in failed if failure.check == waiver.check]
        told += [
            f"{waiver.check} is waived for `{pattern}` in docs/{DOCUMENT.name}, where nothing fails"
            for pattern in waiver.where
            if not any(fnmatch(name, pattern) for name in names)
        ]
    return told
