"""docs/settings.md: every setting with what it may be, what changing it does and what that costs.

python -m local.settings_page    writes it anew, after docs/changes.md (`make changes` does both)

What it may be is asked of the program, which refuses wrong values with the reason; what a change
does stands in docs/changes.md; what it costs is the difference of two bills.
"""

import gc
import os
import re
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from types import MappingProxyType

import pulumi
import yaml
from pulumi.runtime import set_all_config

from local import changes, console, cost
from local.record import ROOT, SECRETS, configuration, record
from settings import Settings

PAGE = ROOT / "docs" / "settings.md"
STACK = "production"
PROJECT = changes.PROJECT
# Values that few settings take, by type: each is refused for another reason.
_WRONG = {
    "integer": ("257", "513", "99", "99999999"),
    "boolean": ("?",),
    "string": ("?", ":"),
    "array": ('["?", "b"]',),
}
# Reasons that say more than any other.
_BEST = ("a size that ", "one of ", "from ", "at most ")
_INTRODUCTION = """\
# Settings

Every setting of a stack, in the order of `Pulumi.yaml`. `pulumi config set KEY VALUE` sets one,
`pulumi config rm KEY` takes it back to its default; `make cost SET="KEY=VALUE"` tells what it would
cost, `make preview STACK=production SET="KEY=VALUE"` what it would change. A list is set item by
item: `pulumi config set --path 'otakaro:zones[2]' c`. Secrets are set with `--secret`, without a
value: the CLI asks for it.

Written by `make changes`, from the program itself. *May be* is what it says of wrong values.
*Example* is one change of production, with what it does ([changes.md](changes.md) has all of them,
in detail) and what it adds to a month's bill, in US dollars ([cost.md](cost.md) says at which
prices and for what use); *at most* is while scaling runs all the tasks that it may. Where nothing
stands, the bill stays the same.
"""
_NEEDED = "Must be set"
_HEAD = """\
| key (`otakaro:…`) | type, default | what it does | may be | example | which does | a month |
| --- | --- | --- | --- | --- | --- | ---: |
"""


@cache
def _declared() -> dict[str, dict[str, object]]:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    return {key.split(":")[1]: declared for key, declared in project.items()}


# Those without a default, which the engine's project file can't declare.
_UNDECLARED: Mapping[str, str] = {
    "dnsZone": "Public DNS zone that holds the hosts.",
    "databasePassword": "Password of the database's user.",
    "basicAuthUser": "User name that visitors of the map give.",
    "basicAuthPassword": "Their password.",
    "basicAuthUsers": "Further users, each with a password of their own; may be left out.",
}


def sections() -> Iterator[tuple[str, list[str]]]:
    """The headings of Pulumi.yaml with their keys, after those that must be set."""
    yield _NEEDED, list(_UNDECLARED)
    text = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8")
    # A comment that ends with a full stop is about one key.
    _, *parts = re.split(r"^  # (.*[^.\n])\n(?=  otakaro:)", text, flags=re.MULTILINE)
    for title, keys in zip(parts[::2], parts[1::2], strict=True):
        yield title.partition(";")[0], re.findall(rf"^  {PROJECT}:(\w+):$", keys, re.MULTILINE)


def allowed(key: str) -> str:
    """What the program says that `key` may be, from its answers to wrong values."""
    kind = str(_declared().get(key, {"type": "string"})["type"])
    reasons: dict[str, None] = {}
    for value in _WRONG[kind]:
        for problem in _problems({f"{PROJECT}:{key}": value}):
            if found := re.match(
                rf"{PROJECT}:{key} is .*?; allowed: (.+)\. Mend it with: ", problem
            ):
                reasons[re.split(r"; here |, not '", found[1])[0]] = None
        if any(reason.startswith(_BEST) for reason in reasons):
            break
    best = [reason for reason in reasons if reason.startswith(_BEST)] or list(reasons)
    return "; ".join(best).replace("one of false, true", "true or false").replace("|", "\\|")


def _problems(values: Mapping[str, str]) -> list[str]:
    config = {**configuration(STACK), **values}

    def build() -> None:
        set_all_config(config, [*SECRETS, f"{PROJECT}:basicAuthUsers"])
        Settings.load(pulumi.Config(PROJECT))

    try:
        record(build, config)
    except pulumi.RunError as error:
        return [line.strip(" -") for line in str(error).splitlines()[1:]]
    return []


@cache
def _rows() -> dict[str, list[list[str]]]:
    """The rows of docs/changes.md by key: change, in place, replaced, made, restarted, when."""
    found: dict[str, list[list[str]]] = {}
    for line in changes.DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if re.fullmatch(r"`[\w:]+`", cells[0]):
            found.setdefault(cells[0].strip("`"), []).append(cells[1:])
    return found


def example(key: str) -> int:
    """Which of the changes of `key` stands on the page: the first that isn't refused."""
    rows = _rows().get(key, [])  # none where `make changes` wasn't run for a new one
    return next((n for n, row in enumerate(rows) if "**refused**" not in row[1]), 0)


def _row_of(key: str) -> list[str]:
    rows = _rows().get(key)
    return rows[example(key)] if rows else [""] * 6


def effect(row: list[str]) -> str:
    """What a row of docs/changes.md says, in short."""
    place, *notes = row[1].split("<br>")
    if "**refused**" in place:
        return "Refused on a deployed stack, which is built around it."
    replaced = [each for each in _names(row[2]) if "ecs.TaskDefinition" not in each]
    parts = [
        f"restarts {row[4]}" if row[4] else "",
        f"replaced: {', '.join(replaced)}" if replaced else "",
        row[3],
    ]
    words = "; ".join(part for part in parts if part) or f"in place: {', '.join(_names(place))}"
    return ". ".join([words, *(note.strip() for note in notes)])


def _names(cell: str) -> list[str]:
    """`2 ecs.Service` of `2 ecs.Service (taskDefinition)`."""
    plain = re.sub(r" \([^)]*\)", "", cell)
    return list(dict.fromkeys(each.strip() for each in plain.split(";") if each.strip()))


def month(key: str) -> str:
    """What the example adds to a month's bill; '' when nothing."""
    if key in {secret.split(":")[1] for secret in changes.SECRET} or ":" in key:
        return ""
    gc.disable()  # a third of the time: a recording is many small objects that stay
    case = changes.CASES[key][example(key)]
    if "**refused**" in _row_of(key)[1]:
        return ""
    base = dict(case.along) | ({key: case.base} if case.base is not None else {})
    named = [
        {f"{PROJECT}:{name}": value for name, value in values.items()}
        for values in (base if case.base is not None else {}, {**case.along, key: case.to})
    ]
    before, after = named[0], {**named[0], **named[1]}
    usual = cost.priced(STACK, after).total() - cost.priced(STACK, before).total()
    most = cost.at_most(STACK, after).total() - cost.at_most(STACK, before).total()
    words = [_usd(usual)] if _usd(usual) else []
    if _usd(most) and _usd(most) != _usd(usual):
        words.append(f"at most {_usd(most)}")
    return ", ".join(words)


def _usd(amount: float) -> str:
    return f"{amount:+.2f}" if abs(amount) >= 0.005 else ""


def months(known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """The costs of all examples but those that are `known`; takes a minute or two."""
    keys = [key for _, section in sections() for key in section if key not in known]
    if not keys:
        return dict(known)
    with ProcessPoolExecutor(changes.PROCESSES, mp_context=get_context("spawn")) as pool:
        return {**known, **dict(zip(keys, pool.map(month, keys), strict=True))}


def read_months() -> dict[str, str]:
    """The costs that the page has now."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return dict(re.findall(r"^\| `(\w+)` \|.* \| ([^|]*?) ?\|$", text, re.MULTILINE))


def page(costs: Mapping[str, str]) -> str:
    """The text of docs/settings.md."""
    parts = [_INTRODUCTION]
    for title, keys in sections():
        parts.append(f"\n## {title}\n\n{_HEAD}" + "".join(_row(key, costs) for key in keys))
    return "".join(parts)


def _row(key: str, costs: Mapping[str, str]) -> str:
    declared = _declared().get(key)
    if declared is not None:
        default = changes.shown(cost.text(declared["default"]))
        kind, what = f"{declared['type']}, {default}", str(declared["description"])
    else:
        kind = "string" if key == "dnsZone" else "secret"
        what = _UNDECLARED[key]
    row = _row_of(key)
    cells = [f"`{key}`", kind, what, allowed(key), row[0], effect(row), costs.get(key, "")]
    return "| " + " | ".join(cells).replace("\n", " ") + " |\n"


def write(known: Mapping[str, str] = MappingProxyType({})) -> None:
    """Bring the page up to date, with all costs but the `known` ones derived anew."""
    with console.working("Pricing each setting's change"):
        PAGE.write_text(page(months(known)), encoding="utf-8")
    console.note(f"{PAGE.relative_to(ROOT)}: {len(read_months())} settings")


def main() -> int:
    """Write the page."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
