"""What a month costs, before it is paid: `make cost`, and docs/cost.md with the README's excerpt.

python -m local.cost        writes both anew
"""

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pulumi
import yaml
from rich.markup import escape
from rich.table import Table

from local import charges, console, paths, stackfile
from local.charges import Charge, Deployment
from local.errors import LocalError
from local.record import Recording, configuration, record_program

STACK = "production"
PAGE = paths.ROOT / "docs" / "cost.md"
README = paths.ROOT / "README.md"
_MARK = "*"  # of what rests on a price from memory


@dataclass(frozen=True, kw_only=True)
class Row:
    """One item of a bill; dollars a month."""

    item: str
    detail: str
    usd: float
    by_use: bool
    remembered: bool  # some of its prices are from memory


@dataclass(frozen=True, kw_only=True)
class Bill:
    """A month of one deployment."""

    rows: Sequence[Row]

    def total(self, *, by_use: bool | None = None) -> float:
        """Dollars of the fixed rows, of those by use, or of all."""
        return sum(row.usd for row in self.rows if by_use is None or row.by_use == by_use)

    def usd(self, item: str) -> float:
        return sum(row.usd for row in self.rows if row.item == item)


def bill(deployment: Deployment) -> Bill:
    """What `deployment` costs; allowances are taken off in the order of the charges.

    Raises LocalError for what has no price.
    """
    left = {key: price.free for key, price in charges.prices().items()}
    found: dict[tuple[str, bool], list[tuple[Charge, float]]] = {}
    for charge in charges.charges(deployment):
        price = charges.price(charge.price)
        paid = max(0.0, charge.quantity - left[charge.price])
        left[charge.price] -= charge.quantity - paid
        usd = paid / price.per * price.usd
        found.setdefault((charge.item, charge.by_use), []).append((charge, usd))
    rows = [
        Row(
            item=item,
            detail=_detail([charge for charge, _ in parts]),
            usd=sum(usd for _, usd in parts),
            by_use=by_use,
            remembered=any(charges.price(charge.price).remembered for charge, _ in parts),
        )
        for (item, by_use), parts in found.items()
    ]
    return Bill(rows=sorted(rows, key=lambda row: (row.by_use, -row.usd, row.item)))


def _detail(parts: Sequence[Charge]) -> str:
    """The words that all parts share, else how much they are together."""
    words = {part.detail for part in parts}
    if len(words) == 1 and words != {""}:
        return words.pop()
    unit = charges.price(parts[0].price).unit
    amount = sum(part.quantity for part in parts if charges.price(part.price).unit == unit)
    if unit in ("hour", "month"):
        number = amount / charges.hours() if unit == "hour" else amount
        return f"{number:g}" if number != 1 else ""
    return f"{amount:.1f} {unit}" if amount < 1000 else f"{amount / 1e6:.1f} million {unit}s"


@cache
def _priced(stack: str, settings: str) -> tuple[Bill, Bill]:
    config = configuration(stack) | json.loads(settings)
    recording = _recorded(config)
    deployment = charges.recorded(recording, config["otakaro:namePrefix"])
    return bill(deployment), bill(_at_most(deployment))


def priced(stack: str, settings: Mapping[str, str]) -> Bill:
    """What `stack` costs with `settings` (full key to text) over its own.

    Raises LocalError for a stack, a setting or a size that there isn't, or that has no price.
    """
    return _priced(stack, json.dumps(settings, sort_keys=True))[0]


def at_most(stack: str, settings: Mapping[str, str]) -> Bill:
    """The same while scaling has started all tasks that it may."""
    return _priced(stack, json.dumps(settings, sort_keys=True))[1]


def _recorded(config: Mapping[str, str]) -> Recording:
    try:
        return record_program(config)
    except pulumi.RunError as error:
        raise LocalError(str(error)) from error


def _at_most(deployment: Deployment) -> Deployment:
    tasks = {name: replace(t, number=t.most) for name, t in deployment.tasks.items()}
    return replace(deployment, tasks=tasks)


def former() -> Bill:
    """What the deployment before this program cost."""
    return bill(charges.former())


def text(value: Any) -> str:
    """A setting's value as the CLI hands it to the program."""
    return value if isinstance(value, str) else json.dumps(value)


def full(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings of a data file as the engine's keys and texts."""
    return {f"{stackfile.PROJECT}:{key}": text(value) for key, value in settings.items()}


def profile(name: str) -> dict[str, Any]:
    """The settings of a documented profile; raises LocalError for another name."""
    profiles = charges.document("profiles.yaml")["profiles"]
    if name not in profiles:
        raise LocalError(f"there is no profile {name!r}: PROFILE is one of {', '.join(profiles)}")
    found: dict[str, Any] = profiles[name]["settings"]
    return found


def commands(settings: Mapping[str, Any]) -> Iterator[str]:
    """What sets a stack so."""
    for key, value in settings.items():
        if isinstance(value, list):
            for index, item in enumerate(value):
                place = f"'{stackfile.PROJECT}:{key}[{index}]'"
                yield f"pulumi config set --path {place} {text(item)}"
        else:
            yield f"pulumi config set {key} {text(value)}"


# -- the command


def arguments(parser: argparse.ArgumentParser) -> None:
    """Besides --stack and --set."""
    parser.add_argument("--profile", default="", help="price a documented set of settings")


def cost(words: argparse.Namespace) -> None:
    """Show what a month costs, and what a setting or profile makes of it."""
    stack = words.stack
    if stack not in stackfile.STACKS:
        raise LocalError(
            f"there is no stack {stack!r}: STACK is one of {', '.join(stackfile.STACKS)}"
        )
    tried = stackfile.parse(words.set)
    changes = {key: text(_value(key, value)) for key, value in tried.items()}
    if words.profile:
        changes = full(profile(words.profile)) | changes
    title = " ".join([*([words.profile] if words.profile else []), *words.set])
    before = priced(stack, {})
    after = priced(stack, changes) if title else None
    console.OUT.print(_table(stack, before, title, after))
    least = charges.document("prices.yaml")
    console.OUT.print(
        f"US dollars a month of {charges.hours():.0f} hours, before tax; list prices of "
        f"{least['region']} as of {least['checked']}. By use: the example month of "
        f"local/data/load.yaml.\n{_MARK} rests on a price from memory: check it on AWS's page, "
        "which local/data/prices.yaml names.",
        style="dim",
        markup=False,
    )
    if words.profile:
        for line in commands(profile(words.profile)):
            console.OUT.print(line, markup=False)


def _value(key: str, value: str) -> Any:
    try:
        return yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise LocalError(f"{key}={value} cannot be read as a value: quote it as YAML") from error


def _table(stack: str, before: Bill, title: str, after: Bill | None) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("item", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in (stack, *((escape(title), "difference") if after else ()), "former"):
        table.add_column(name, justify="right", no_wrap=True)
    bills = [before, *([after] if after else [])]
    for by_use in (False, True):
        for item, detail, remembered in _items([*bills, former()], by_use=by_use):
            table.add_row(
                escape(item),
                escape(detail),
                *_cells([b.usd(item) for b in bills], former().usd(item), _MARK * remembered),
            )
        words = "by use, the example month" if by_use else "fixed"
        totals = [b.total(by_use=by_use) for b in bills]
        table.add_row(words, "", *_cells(totals, former().total(by_use=by_use), ""), style="bold")
    together = [b.total() for b in bills]
    table.add_row("together", "", *_cells(together, former().total(), ""), style="bold")
    return table


def _cells(now: Sequence[float], before: float, mark: str) -> Iterator[str]:
    yield from (f"{usd:.2f}{mark or ' '}" for usd in now)
    if len(now) > 1:
        yield f"{now[1] - now[0]:+.2f}"
    yield f"{before:.2f}"


def _items(bills: Sequence[Bill], *, by_use: bool) -> Iterator[tuple[str, str, bool]]:
    """Every item of the bills once, in the words of the last but the former one that has it."""
    seen: set[str] = set()
    ordered = [row for b in bills for row in b.rows if row.by_use == by_use]
    for row in ordered:
        if row.item not in seen:
            seen.add(row.item)
            mine = [r for b in bills[:-1] for r in b.rows if r.item == row.item]
            details = list(dict.fromkeys(r.detail for r in mine)) or [row.detail]
            yield row.item, " → ".join(details), any(r.remembered for r in mine)


# -- docs/cost.md and the README


def page() -> str:
    """docs/cost.md as it should be."""
    data = charges.document("prices.yaml")
    profiles = charges.document("profiles.yaml")
    load, base, old = charges.document("load.yaml"), priced(STACK, {}), former()
    lines = [
        "# What it costs",
        "",
        "`make cost` prices a configuration from the resources that the program makes of it,",
        'before anything is deployed: `make cost SET="natGateways=2 databaseMultiAz=true"` shows',
        "what a change makes of it, `make cost PROFILE=small` what a profile does. This page is",
        "written by `python -m local.cost`.",
        "",
        f"US dollars a month of {charges.hours():.0f} hours, before tax, list prices of"
        f" {data['region']} as of {data['checked']}.",
        f"Of the {len(charges.prices())} prices {_origins()}; those are marked {_MARK}, and to be",
        "checked on AWS's own pages, which",
        "[local/data/prices.yaml](../local/data/prices.yaml) names for each. With an AWS account",
        "one brings them up to date from its price list with `make prices ACCOUNT=aws`; then",
        "`python -m local.cost` writes this page anew. What AWS gives every account for nothing is",
        "taken off. Spot prices move.",
        "",
        "## The three profiles",
        "",
        *_profiles(profiles["profiles"]),
        "",
        "Each is a set of settings, in [local/data/profiles.yaml](../local/data/profiles.yaml).",
        "`small` wants images that are built for Graviton (ARM64).",
        "",
        *_profile_commands(profiles["profiles"]),
        "## Levers",
        "",
        "Single changes of `production`:",
        "",
        "| lever | settings | a month |",
        "| --- | --- | ---: |",
        *_levers(profiles["levers"], base),
        "",
        "## Item by item, beside the former deployment",
        "",
        "The former one, as far as it is known, is described in",
        "[local/data/former.yaml](../local/data/former.yaml). Its tasks and its database had",
        "public addresses in place of a NAT gateway, nothing was backed up and nothing gave alarm.",
        "",
        "| item | size | production | former |",
        "| --- | --- | ---: | ---: |",
        *_side_by_side(base, old),
        "",
        "## What follows use",
        "",
        "The rows by use are an example, the month that",
        "[local/data/load.yaml](../local/data/load.yaml) describes:",
        f"{load['visits']} visits with {load['tiles_per_visit']} tiles each,"
        f" {charges.gigabytes_out(load):.0f} GB to visitors,"
        f" {load['gb_through_nat']} GB through NAT, {load['files_gb']} GB of files.",
        "The prices of one more:",
        "",
        "| what | US dollars | after, a month |",
        "| --- | ---: | ---: |",
        *_units(),
        "",
    ]
    return "\n".join(lines)


_ORIGINS = {
    "api": "{} are from AWS's price list",
    "read": "{} were found in public texts",
    "memory": "{} are **from memory**",
}


def _origins() -> str:
    """How many prices come from where."""
    counted = Counter(price.origin for price in charges.prices().values())
    return ", ".join(words.format(counted[o]) for o, words in _ORIGINS.items() if counted[o])


def _profiles(profiles: Mapping[str, Any]) -> Iterator[str]:
    bills = {name: priced(STACK, full(entry["settings"])) for name, entry in profiles.items()}
    yield f"| | {' | '.join(profiles)} |"
    yield f"| --- |{' ---: |' * len(profiles)}"
    fixed = dict.fromkeys(row.item for b in bills.values() for row in b.rows if not row.by_use)
    for item in fixed:
        marks = _MARK * any(r.remembered for b in bills.values() for r in b.rows if r.item == item)
        cells = " | ".join(f"{b.usd(item):.2f}" for b in bills.values())
        yield f"| {item}{marks} | {cells} |"
    for words, by_use in (("fixed", False), ("by use, the example month", True)):
        cells = " | ".join(f"{b.total(by_use=by_use):.2f}" for b in bills.values())
        yield f"| **{words}** | {cells} |"
    yield f"| **together** | {' | '.join(f'**{b.total():.2f}**' for b in bills.values())} |"
    most = [at_most(STACK, full(entry["settings"])) for entry in profiles.values()]
    cells = " | ".join(f"{b.total():.2f}" for b in most)
    yield f"| with all tasks that scaling may start, all month | {cells} |"


def _profile_commands(profiles: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in profiles.items():
        yield f"**{name}**: {entry['words']}"
        yield ""
        if entry["settings"]:
            yield "```"
            yield from commands(entry["settings"])
            yield "```"
            yield ""


def _levers(levers: Sequence[Mapping[str, Any]], base: Bill) -> Iterator[str]:
    for lever in levers:
        after = priced(STACK, full(lever["settings"]))
        settings = ", ".join(f"`{key}={_short(v)}`" for key, v in lever["settings"].items())
        yield f"| {lever['words']} | {settings} | {after.total() - base.total():+.2f} |"


def _short(value: Any) -> str:
    return f"[{','.join(value)}]" if isinstance(value, list) else text(value)


def _side_by_side(base: Bill, old: Bill) -> Iterator[str]:
    for by_use in (False, True):
        for item, detail, remembered in _items([base, old], by_use=by_use):
            mark = _MARK * remembered
            yield f"| {item}{mark} | {detail} | {base.usd(item):.2f} | {old.usd(item):.2f} |"
        words = "by use, the example month" if by_use else "fixed"
        cells = f"{base.total(by_use=by_use):.2f} | {old.total(by_use=by_use):.2f}"
        yield f"| **{words}** | | {cells} |"
    yield f"| **together** | | **{base.total():.2f}** | **{old.total():.2f}** |"


_UNITS = {
    "cloudfront.out": "GB to visitors",
    "cloudfront.requests": "10 000 requests to CloudFront",
    "edge.requests": "million requests that the password's function sees",
    "nat.gb": "GB through NAT",
    "efs.standard": "GB of files, in use",
    "efs.infrequent": "GB of files, unread for a month",
    "backup.efs": "GB of the files' backups",
    "rds.backup": "GB of the database's backups beyond the size of its disk",
    "ecr": "GB of images",
    "logs.in": "GB of logs",
    "logs.kept": "GB of logs kept for a month",
}


def _units() -> Iterator[str]:
    for key, words in _UNITS.items():
        price = charges.price(key)
        mark = _MARK * price.remembered
        free = f"{price.free:,.0f} {price.unit}".replace(",", " ") if price.free else ""
        yield f"| {words}{mark} | {price.usd:g} | {free} |"


def excerpt() -> str:
    """The README's section as it should be, between its headline and the next."""
    profiles = charges.document("profiles.yaml")["profiles"]
    bills = {name: priced(STACK, full(entry["settings"])) for name, entry in profiles.items()}
    data = charges.document("prices.yaml")
    rows = [
        f"| {name} | {profiles[name]['words']} | {b.total(by_use=False):.0f} |"
        f" {b.total(by_use=True):.0f} |"
        for name, b in bills.items()
    ]
    old = former()
    return "\n".join(
        [
            "",
            "`make cost` prices a configuration before anything is deployed, from the resources",
            'that the program makes of it; `make cost SET="natGateways=2"` shows what a change',
            "makes of it, `make cost PROFILE=small` what a profile does. US dollars a month,",
            f"before tax, list prices of `{data['region']}` as of {data['checked']}: {_origins()}.",
            "Check them with AWS's calculator before you rely on them.",
            "",
            "| profile | | fixed | by use, an example |",
            "| --- | --- | ---: | ---: |",
            *rows,
            f"| the former deployment | public tasks, no backups, no alarms |"
            f" {old.total(by_use=False):.0f} | {old.total(by_use=True):.0f} |",
            "",
            "[docs/cost.md](docs/cost.md) has the items, the settings of each profile, and what",
            "each lever makes of a bill.",
            "",
            "",
        ]
    )


_SECTION = re.compile(r"(?<=^## Cost\n).*?(?=^## )", re.DOTALL | re.MULTILINE)


def section(readme: str) -> str:
    """What the README says now; '' when it has no such section."""
    found = _SECTION.search(readme)
    return found[0] if found else ""


def write() -> None:
    """Bring docs/cost.md and the README's section up to date."""
    PAGE.write_text(page(), encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    README.write_text(_SECTION.sub(lambda _: excerpt(), readme), encoding="utf-8")


def main(words: Iterable[str]) -> int:
    """Write the page and the README's section; the result is the exit code."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args([*words])
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    write()
    print(f"{PAGE.relative_to(paths.ROOT)} and the README's section Cost")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
