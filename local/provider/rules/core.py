"""Rules that AWS's documents state and its models don't, as rows of tables."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.provider.wire import UNKNOWN, has_unknown

# What AWS offers today (`python -m tests.contract.offered` says how it was made).
OFFERED: Mapping[str, Any] = json.loads(Path(__file__).with_name("offered.json").read_text())

Test = Callable[[Any], Any]  # true: AWS takes the value
Row = tuple[str, Test, str]  # path, test, what is asked for


class _UnknownError(Exception):
    """A test asked for what isn't known yet."""


class Block(dict[str, Any]):
    """A resource or a part of it, for tests of several inputs at once; an unknown one is no
    fault."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if has_unknown(value):
            raise _UnknownError
        return value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if super().get(key) is not None else default

    def blocks(self, key: str) -> list["Block"]:
        return blocks(self.get(key))


def blocks(value: Any) -> list[Block]:
    items = value if isinstance(value, list) else [value] if value else []
    return [Block(item) for item in items]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`test` must hold for every value at `path` of a resource of `types`.

    The path walks through lists; `x[]` means each item of the list x, an empty path the whole
    resource, with its region.
    """

    types: Collection[str]
    path: str
    test: Test
    must: str
    source: str

    def broken(self, inputs: Mapping[str, Any]) -> Iterator[str]:
        for where, value in values(inputs, self.path):
            if value is None or value == UNKNOWN or (isinstance(value, list) and UNKNOWN in value):
                continue
            try:
                good = self.test(_asking(value))
            except _UnknownError:
                continue
            except (ArithmeticError, LookupError, TypeError, ValueError):
                good = False
            if not good:
                yield f"{where}{' ' if where else ''}{self.must} ({self.source})"


def of(types: str, source: str, *rows: Row) -> tuple[Rule, ...]:
    """The rules of some types, such as 'ec2/vpc:Vpc', from one document."""
    return tuple(
        Rule(types=types.split(), path=path, test=test, must=must, source=source)
        for path, test, must in rows
    )


def values(inputs: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """What stands at a path (see Rule), each with its exact place."""
    yield from _walk(inputs, path.split(".") if path else [], "")


def _asking(value: Any) -> Any:
    """A value whose parts tell when they are unknown."""
    if isinstance(value, list):
        return [_asking(item) for item in value]
    return Block(value) if isinstance(value, dict) else value


def _walk(node: Any, path: list[str], where: str) -> Iterator[tuple[str, Any]]:
    if path:
        node = _opened(node)
    if not path:
        yield where, node
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _walk(item, path, f"{where}[{number}]")
    elif isinstance(node, dict):
        name = path[0].removesuffix("[]")
        value, inner = node.get(name), f"{where}.{name}" if where else name
        if path[0].endswith("[]"):
            value = _opened(value)
            for number, item in enumerate(value if isinstance(value, list) else [value]):
                yield from _walk(item, path[1:], f"{inner}[{number}]")
        else:
            yield from _walk(value, path[1:], inner)


def _opened(node: Any) -> Any:
    """JSON text as data, so that paths lead into it."""
    if isinstance(node, str) and node[:1] in ("{", "["):
        with suppress(ValueError):  # a row on the text itself tells
            return _parsed(node)
    return node


@cache
def _parsed(text: str) -> Any:
    return json.loads(text)


def document(value: Any) -> Any:
    """JSON text as data; data as it is.

    Raises:
        ValueError: the text isn't JSON.
    """
    return _parsed(value) if isinstance(value, str) else value


# ---- tests that rows are made of


def words(text: str) -> list[str]:
    return text.split()


def like(pattern: str) -> Test:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(str(value))


def unlike(pattern: str) -> Test:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: not compiled.search(str(value))


def between(low: float, high: float) -> Test:
    return lambda value: low <= float(value) <= high


def at_most(count: int) -> Test:
    """Characters of a text, items of a list."""
    return lambda value: len(value) <= count


def one_of(*allowed: Any) -> Test:
    return lambda value: value in allowed


def each(test: Test) -> Test:
    return lambda values: all(test(value) for value in values)


def unique(values: Collection[Any]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in values}) == len(values)


def excludes(one: str, *others: str) -> Test:
    """Whether a block does not have both `one` and some of the others; false is as good as none."""
    return lambda block: not (block.get(one) and any(block.get(other) for other in others))


def exactly_one(*keys: str) -> Test:
    return lambda block: sum(key in block for key in keys) == 1
