"""What an entry of the catalogue is made of, and the templates in it."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.provider.aws import Aws
from local.provider.model import UnmappedError
from local.provider.wire import UNKNOWN

Scope = Mapping[str, Any]  # what templates such as "{id}" are filled from


class GoneError(Exception):
    """The object isn't there any more."""


class PartialError(Exception):
    """The object was made, but not all that belongs to it."""

    def __init__(self, id_: str, outputs: dict[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.id, self.outputs = id_, outputs


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API operation: what it takes besides the inputs, and where its answer is."""

    op: str
    args: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""  # paths into the answer, first the object itself
    root: str = ""  # the member that holds the inputs
    only: str = ""  # the inputs it takes; by default, all that its model knows
    attrs: Mapping[str, str] = field(default_factory=dict)  # inputs kept in its map of attributes
    names: Mapping[str, str] = field(default_factory=dict)
    each: bool = False  # it takes one input at a time
    full: bool = False  # it replaces the whole object: send everything that it takes
    service: str = ""
    keep: Mapping[str, str] = field(default_factory=dict)  # single facts from its answer
    when: str = ""  # only if this is known


def call(op: str, at: str = "", /, **args: Any) -> Call:
    options = {key: args.pop(f"_{key}") for key in _OPTIONS if f"_{key}" in args}
    return Call(op=op, at=at, args=args, **options)


_OPTIONS = ("root", "only", "attrs", "names", "each", "full", "service", "keep", "when")


@dataclass(frozen=True, kw_only=True)
class Name:
    """How the official provider names an object whose program gave it no name."""

    key: str = "name"
    limit: int = 255
    joiner: str = "-"
    lower: bool = False
    prefix: str = ""  # the input that asks for a prefix instead
    ending: str = ""


@dataclass(frozen=True, kw_only=True)
class Tagging:
    add: Call
    remove: Call | None
    read: Call | None = None
    inline: bool = True  # the create operation takes tags too


@dataclass(kw_only=True)
class Seen:
    """The state of an object as AWS describes it."""

    members: dict[str, Any]
    attributes: dict[str, Any]
    tags: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a resource lives: the provider instance's settings and the way to AWS."""

    aws: Aws
    region: str
    account: str
    partition: str = "aws"
    default_tags: Mapping[str, str] = field(default_factory=dict)

    def scope(self, **values: Any) -> dict[str, Any]:
        return {
            "region": self.region,
            "account": self.account,
            "partition": self.partition,
            "unique": secrets.token_hex(16),
            **values,
        }


def fill(template: Any, scope: Scope, *, guess: bool = False) -> Any:
    """A template with its `{names}` filled in; what is not known yet becomes UNKNOWN."""
    if isinstance(template, Mapping):
        filled = {key: fill(item, scope, guess=guess) for key, item in template.items()}
        return {key: item for key, item in filled.items() if item is not None}
    if isinstance(template, list):
        return [fill(item, scope, guess=guess) for item in template]
    if not isinstance(template, str):
        return template
    if match := re.fullmatch(r"\{(\w+)(\??)\}", template):
        if match[1] in scope:
            return scope[match[1]]
        if match[2]:
            return None
        if guess:
            return UNKNOWN
        raise UnmappedError(f"{match[1]} is not known")
    template = re.sub(r"\{(\w+)\?\}", lambda found: str(scope.get(found[1], "")), template)
    names = re.findall(r"\{(\w+)\}", template)
    if any(scope.get(name, UNKNOWN) == UNKNOWN for name in names) and names:
        if guess:
            return UNKNOWN
        raise UnmappedError(f"{template} cannot be filled")
    return re.sub(r"\{(\w+)\}", lambda found: str(scope[found[1]]), template)


def descend(request: dict[str, Any], root: str) -> Any:
    node: Any = request
    names = re.findall(r"\w+|\[0\]", root)
    for name, following in zip(names, [*names[1:], ""], strict=False):
        if name == "[0]":
            if not node:
                node.append({})
            node = node[0]
        else:
            node = node.setdefault(name, [] if following == "[0]" else {})
    return node


def as_attributes(value: Any, path: tuple[str, ...], attrs: Mapping[str, str]) -> dict[str, str]:
    name = attrs.get(".".join(path))
    if name is not None:
        return {name: _text(value)}
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, dict):
        return {}
    result: dict[str, str] = {}
    for key, item in value.items():
        if not any(known.startswith(".".join((*path, key))) for known in attrs):
            raise UnmappedError(f"{'.'.join((*path, key))}: no attribute takes it")
        result |= as_attributes(item, (*path, key), attrs)
    return result


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def in_form_of(text: Any, like: Any) -> Any:
    if isinstance(like, bool):
        return str(text).lower() == "true"
    if isinstance(like, int) and re.fullmatch(r"-?\d+", str(text)):
        return int(text)
    return text


def walk(node: Any, route: list[str]) -> Any:
    for token in route:
        if token == "[0]":  # noqa: S105
            node = node[0] if node else None
        else:
            node = node.get(token) if isinstance(node, dict) else None
    return node
