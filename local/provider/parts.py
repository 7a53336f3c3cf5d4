"""What an entry of the catalogue is made of, and the templates in it."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.provider.aws import Aws
from local.provider.model import UnmappedError
from local.provider.wire import UNKNOWN

Scope = Mapping[str, Any]  # what templates such as "{id}" are filled from


class GoneError(Exception):
    """The object isn't there any more."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"{id_} no longer exists; refresh, then deploy again")


class PartialError(Exception):
    """The object was made, but not all that belongs to it."""

    def __init__(self, id_: str, outputs: dict[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.id, self.outputs = id_, outputs


@dataclass(frozen=True, kw_only=True)
class Call:
    """One API operation: what it takes besides the inputs, and where its answer is."""

    op: str
    args: Mapping[str, Any]
    at: str = ""  # paths into the answer, first the object itself; "." is the whole
    root: tuple[str, ...] = ()  # the members down to the structure that holds the inputs
    only: tuple[str, ...] = ()  # the inputs it takes; by default, all that its model knows
    full: bool = False  # it replaces the whole object: send everything that it takes
    keep: Mapping[str, str] = field(default_factory=dict)  # single facts from its answer


def op(
    name: str,
    at: str = "",
    *,
    root: str = "",
    only: str = "",
    full: bool = False,
    keep: Mapping[str, str] | None = None,
    **args: Any,
) -> Call:
    path = tuple(root.split(".")) if root else ()
    kept = keep or {}
    return Call(op=name, args=args, at=at, root=path, only=(*only.split(),), full=full, keep=kept)


@dataclass(frozen=True, kw_only=True)
class Name:
    """How the official provider names an object whose program gave it no name."""

    key: str = "name"
    limit: int = 255
    joiner: str = "-"
    lower: bool = False
    folded: bool = False  # AWS keeps it in lower case, whoever gave it


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of one input: its values, and all that it may depend on."""

    old: Any
    new: Any
    olds: Scope  # all inputs before it
    news: Scope  # and after it
    state: Scope  # the outputs, which hold what was read


@dataclass(frozen=True)
class When:
    """A condition under which the official provider treats a change in its own way."""

    test: Callable[[Change], bool]
    source: str  # file:function in hashicorp/terraform-provider-aws, internal/service


@dataclass(frozen=True)
class Tagging:
    """How a service's objects get, lose and show their tags."""

    add: str
    remove: str  # "" = adding replaces them all
    read: str  # "" = the description has them
    at: str
    args: Mapping[str, Any]


@dataclass(kw_only=True)
class Seen:
    """The state of an object as AWS describes it."""

    members: dict[str, Any]
    tags: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where a resource lives: the provider instance's settings and the way to AWS."""

    aws: Aws
    region: str
    account: str
    partition: str = "aws"
    default_tags: Mapping[str, str] = field(default_factory=dict)
    creating: str = ""  # the URN of what is being made
    token: str = ""  # of its creation, when that is another run's

    def scope(self, values: Scope, **more: Any) -> dict[str, Any]:
        own = {"region": self.region, "account": self.account, "partition": self.partition}
        return {**own, "unique": secrets.token_hex(16), **values, **more}


def fill(template: Any, scope: Scope, *, guess: bool = False) -> Any:
    """A template with its `{names}` filled in, `{names?}` if they are known; with `guess`, what
    else is not known becomes UNKNOWN.
    """
    if isinstance(template, Mapping):
        filled = {key: fill(item, scope, guess=guess) for key, item in template.items()}
        return {key: item for key, item in filled.items() if item is not None}
    if isinstance(template, list):
        return [fill(item, scope, guess=guess) for item in template]
    if not isinstance(template, str):
        return template
    whole = re.fullmatch(r"\{(\w+)\??\}", template)
    if whole and (whole[1] in scope or template.endswith("?}")):
        return scope.get(whole[1])  # it keeps its type
    template = re.sub(r"\{(\w+)\?\}", lambda found: str(scope.get(found[1], "")), template)
    if any(scope.get(name, UNKNOWN) == UNKNOWN for name in re.findall(r"\{(\w+)\}", template)):
        if guess:
            return UNKNOWN
        raise UnmappedError(f"{template} cannot be filled")
    return re.sub(r"\{(\w+)\}", lambda found: str(scope[found[1]]), template)
