"""The file of list prices, brought up to date in place: all of its words but the figures stay."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import yaml

from operate.errors import OperateError

_FIELDS: Final = ("usd", "from", "seen")


def renewed(text: str, found: Mapping[str, float], day: str) -> str:
    """The file's text with AWS's figures, told as such.

    Args:
        text: the file as it is.
        found: dollars for as many units as the file has them for, by the price's key.
        day: on which AWS was asked, as 2026-11-29.

    Raises:
        OperateError: an entry isn't written as `key: {...}`.
    """
    root = _members(yaml.compose(text))
    prices = _members(root["prices"])
    told = {key: _told(text, node) for key, node in prices.items()}
    wanted = {
        key: _figures(fields, found[key], day) if key in found else fields
        for key, fields in told.items()
    }
    edits = [(root["checked"].start_mark.index, root["checked"].end_mark.index, day)]
    keys = {id(node): key for key, node in prices.items()}
    for key, node in prices.items():
        base = _members(node).get("<<")
        edits += _edits(node, wanted[key], {} if base is None else wanted[keys[id(base)]])
    new = text
    for begin, end, words in sorted(edits, reverse=True):
        new = new[:begin] + words + new[end:]
    if _content(new) != _expected(text, wanted, day):
        raise OperateError("prices.yaml is not as it was left: write each price as `key: {...}`")
    return new


def _members(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """A mapping's own members; `<<` is the one that it takes the others from."""
    return {key.value: value for key, value in node.value} if node else {}


def _told(text: str, node: yaml.Node) -> dict[str, str]:
    """What an entry says of its figure, as it is written there or in the one it goes back to."""
    members = _members(node)
    inherited = _told(text, members["<<"]) if "<<" in members else {}
    own = {field: members[field] for field in _FIELDS if field in members}
    return inherited | {
        field: text[value.start_mark.index : value.end_mark.index] for field, value in own.items()
    }


def _figures(fields: Mapping[str, str], usd: float, day: str) -> dict[str, str]:
    same = float(fields["usd"]) == usd
    number = fields["usd"] if same else f"{Decimal(repr(usd)).normalize():f}"
    return {"usd": number, "from": "api", "seen": f'["{day}"]'}


def _edits(
    node: yaml.Node, wanted: Mapping[str, str], inherited: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    """What to put in place of which characters, so that the entry says what is wanted."""
    members, more = _members(node), []
    for field, words in wanted.items():
        if field in members:
            yield members[field].start_mark.index, members[field].end_mark.index, words
        elif inherited[field] != words:
            more.append(f"{field}: {words}")
    if more:
        end = node.end_mark.index - 1
        yield end, end, f",\n     {', '.join(more)}"


def _content(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _expected(text: str, wanted: Mapping[str, Mapping[str, str]], day: str) -> Any:
    content = yaml.safe_load(text)
    content["checked"] = yaml.safe_load(day)
    for key, fields in wanted.items():
        content["prices"][key] |= {field: yaml.safe_load(words) for field, words in fields.items()}
    return content
