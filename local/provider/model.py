"""Translation between a resource's inputs and the AWS API, by the SDK's and botocore's models."""

import importlib
import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal, get_args, get_origin

import botocore.session
from botocore.model import OperationModel
from pulumi import Archive, Asset, _types

from local.provider.wire import UNKNOWN, canonical, file_bytes, has_unknown, is_file

Path = tuple[str, ...]
Form = Literal["scalar", "list", "map", "object"]


class UnmappedError(Exception):
    """An input that no member of the API takes."""


# ---- what the SDK says of a resource's inputs


@dataclass(frozen=True)
class Kind:
    form: Form
    item: "Kind | None" = None
    args: type | None = None

    @cached_property
    def fields(self) -> Mapping[str, "Kind"]:
        if self.args is None:
            return {}
        return {name: kind_of(hint) for name, hint in _types.input_type_types(self.args).items()}


@cache
def kind_of(hint: Any) -> Kind:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and _types.is_input_type(hint):
        return Kind("object", args=hint)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return Kind("list", kind_of(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Kind("map")
    if arguments and not (isinstance(hint, type) and issubclass(hint, Asset | Archive)):
        return kind_of(arguments[0])  # Input[T], Optional[T], and str before an object
    return Kind("scalar")


@dataclass(frozen=True)
class Schema:
    kind: Kind
    outputs: Mapping[str, Any]

    @property
    def inputs(self) -> Mapping[str, Kind]:
        return self.kind.fields


@cache
def schema(token: str) -> Schema:
    """The inputs and outputs of a type such as `aws:ec2/vpc:Vpc`, by its class in the SDK."""
    package, module, name = token.split(":")
    folder = module.split("/")[0]
    home = importlib.import_module(
        f"pulumi_{package}" + {"index": "", "lambda": ".lambda_"}.get(folder, f".{folder}")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the way to one class the SDK passes deprecated ones
        resource = getattr(home, name)
    # Not from the package: a block of another resource may have the same name there.
    source = importlib.import_module(resource.__module__)
    arguments = getattr(source, f"{name}InitArgs", None) or getattr(source, f"{name}Args")
    return Schema(kind_of(arguments), _types.resource_types(resource))


def fits_hint(value: Any, hint: Any) -> bool:
    """Whether a value is of an output's type, if that is a text, a number or a list of texts."""
    if isinstance(hint, type):
        return isinstance(value, hint)
    origin = get_origin(hint)
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return texts and isinstance(origin, type) and issubclass(origin, Sequence)


# ---- what AWS says of an operation


@cache
def _service(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def operations(service: str) -> Collection[str]:
    names: Collection[str] = _service(service).operation_names
    return names


def operation(service: str, name: str) -> OperationModel:
    model: OperationModel = _service(service).operation_model(name)
    return model


class _Text:
    """A value in a map of attributes."""

    type_name, name = "string", "attribute"
    metadata: Mapping[str, Any] = {}
    enum: Sequence[str] = ()


class Members:
    """The members of several structures, as one shape."""

    type_name, name = "structure", "the description"
    required_members: Sequence[str] = ()

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members


def content(shape: Any) -> Any:
    return shape.member if shape.type_name == "list" else shape


def along(shape: Any, route: Iterable[str]) -> Any:
    """The shape at the end of a route, which goes through the first item of each list."""
    for name in route:
        if name != ".":
            shape = _Text if name.startswith("@") else content(shape).members[name]
    return shape


def walk(node: Any, route: Iterable[str]) -> Any:
    """What is at the end of a route, or None."""
    for name in route:
        if name != ".":
            node = (node[0] if node else None) if isinstance(node, list) else node
            node = node.get(name) if isinstance(node, dict) else None
    return node


def enter(target: dict[str, Any], shape: Any, name: str) -> tuple[dict[str, Any], Any]:
    """The structure under a member, or the first of its list: made if need be."""
    inner = shape.members[name]
    if inner.type_name != "list":
        return target.setdefault(name, {}), inner
    items = target.setdefault(name, [])
    if not items:
        items.append({})
    return items[0], inner.member


@cache
def squash(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def find_member(key: str, members: Iterable[str], nouns: str = "") -> str | None:
    """The member that a key means: same letters, singular or plural, or with a usual affix."""
    table = {squash(member): member for member in members}
    stem = squash(key)
    forms = [stem, f"{stem}s"]
    if stem.endswith("s"):
        forms.append(stem[:-1])
    if stem.endswith("ies"):
        forms.append(f"{stem[:-3]}y")
    for form in (*forms, *(form + end for form in forms for end in ("config", "configuration"))):
        for noun in ("", *nouns.lower().split()):
            if noun + form in table:
                return table[noun + form]
    return None


@dataclass(frozen=True, kw_only=True)
class Dictionary:
    """How one type's inputs are called in the API, where the names alone don't tell.

    Of several places, the first that an operation has; "" is no place, "." the block around it,
    "@x" the attribute x.
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    nouns: str = ""

    def route(self, path: Path, shape: Any) -> list[str] | None:
        """The members to walk from a structure to the place of its input `path[-1]`."""
        dotted = ".".join(path)
        places = self.names.get(dotted, ())
        for place in filter(None, places):
            if self._exists(place, shape, dotted):
                return [place] if place[0] in "@." else place.split(".")
        found = None if "" in places else find_member(path[-1], shape.members, self.nouns)
        return [found] if found else None

    def _exists(self, place: str, shape: Any, dotted: str) -> bool:
        if place == ".":
            inner = [key for key in self.names if key.startswith(f"{dotted}.")]
            return any(self._exists(self.names[key][0], shape, key) for key in inner)
        if place.startswith("@"):
            return not {"Attributes", "AttributeName"}.isdisjoint(shape.members)
        try:
            return along(shape, place.split(".")) is not None
        except (AttributeError, KeyError):
            return False

    def unsent(self, path: Path) -> bool:
        return "" in self.names.get(".".join(path), ())

    def to_api(self, value: Any, kind: Kind | None, shape: Any, path: Path) -> Any:
        if isinstance(value, str) and value == UNKNOWN:
            return UNKNOWN
        if not isinstance(value, dict | list):
            value = self.values.get(".".join(path), {}).get(value, value)
        convert: Callable[..., Any] | None = getattr(self, f"_to_{shape.type_name}", None)
        return convert(value, kind, shape, path) if convert else _to_scalar(value, shape)

    def _to_structure(self, value: Any, kind: Kind | None, shape: Any, path: Path) -> Any:
        if set(shape.members) >= {"Quantity", "Items"} and isinstance(value, list):
            items = self.to_api(value, kind, shape.members["Items"], path)
            return {"Quantity": len(value)} | ({"Items": items} if items else {})
        if kind and kind.form == "map" and len(shape.members) == 1:
            ((name, member),) = shape.members.items()
            return {name: self.to_api(value, kind, member, path)}
        if isinstance(value, list) and len(value) <= 1:
            kind = kind.item if kind else None
            value = value[0] if value else {}
        if isinstance(value, str) and value.startswith("{"):
            value, kind = json.loads(value), None
        if not isinstance(value, dict):
            if len(shape.members) == 1:
                ((name, member),) = shape.members.items()
                return {name: self.to_api(value, kind, member, path)}
            raise UnmappedError(f"{'.'.join(path)}: one block expected")
        result: dict[str, Any] = {}
        for key, item in value.items():
            self.place(result, item, kind, shape, (*path, key))
        if "Quantity" in shape.members:
            result.setdefault("Quantity", len(result.get("Items", [])))
        return result

    def place(self, target: Any, value: Any, kind: Kind | None, shape: Any, path: Path) -> None:
        """Put an input where the structure `shape` wants it."""
        if value is None:
            return
        route = self.route(path, shape) if not kind or path[-1] in kind.fields else None
        if route is None:
            if self.unsent(path):
                return
            raise UnmappedError(f"{'.'.join(path)}: no member of {shape.name} takes it")
        own = kind.fields[path[-1]] if kind else None
        if route == ["."]:  # a block whose content stands beside the other inputs
            block = (value or [{}])[0] if isinstance(value, list) else value
            for key, item in block.items():
                self.place(target, item, own and (own.item or own), shape, (*path, key))
            return
        *parents, last = route
        for name in parents:
            target, shape = enter(target, shape, name)
        translated = self.to_api(value, own, along(shape, [last]), path)
        if isinstance(target.get(last), dict) and isinstance(translated, dict):
            target[last].update(translated)
        else:
            target[last] = translated

    def _to_list(self, value: Any, kind: Kind | None, shape: Any, path: Path) -> Any:
        if isinstance(value, str) and value.startswith("["):
            value, kind = json.loads(value), None
        if isinstance(value, dict) and kind and kind.form == "map":
            name, content = list(shape.member.members)[:2]
            texts = {
                key: _to_scalar(item, shape.member.members[content]) for key, item in value.items()
            }
            return [{name: key, content: item} for key, item in texts.items()]
        items = value if isinstance(value, list) else [value]
        inner = kind.item if kind and kind.form == "list" else kind
        return [self.to_api(item, inner, shape.member, path) for item in items]

    def _to_map(self, value: Any, _: Kind | None, shape: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            raise UnmappedError(f"{'.'.join(path)}: a map expected")
        return {key: self.to_api(item, None, shape.value, path) for key, item in value.items()}

    def from_api(self, seen: Any, kind: Kind, shape: Any, like: Any, path: Path) -> Any:
        """What is seen in AWS, in the form of the input `like`."""
        if seen is None:
            return None
        counted = set(getattr(shape, "members", ())) >= {"Quantity", "Items"}
        if counted and kind.form == "list":
            seen, shape = seen.get("Items", []), shape.members["Items"]
        if kind.form == "map" and isinstance(seen, list):
            return {entry[next(iter(entry))]: list(entry.values())[1] for entry in seen}
        if kind.form == "list" and kind.item:
            likes = like if isinstance(like, list) else []
            inner = content(shape)
            return [
                self.from_api(item, kind.item, inner, likes[n] if n < len(likes) else None, path)
                for n, item in enumerate(seen if isinstance(seen, list) else [seen])
            ]
        if kind.form == "object":
            if isinstance(seen, list):
                seen, shape = (seen[0] if seen else {}), content(shape)
            keys = like if isinstance(like, dict) else kind.fields
            result = {key: self._pick(seen, kind, shape, like, (*path, key)) for key in keys}
            return {key: item for key, item in result.items() if item is not None}
        if isinstance(like, str) and not isinstance(seen, str):
            return json.dumps(seen, default=str) if isinstance(seen, dict | list) else str(seen)
        if isinstance(seen, list) and kind.form == "scalar":
            seen = seen[0] if seen else None
        backwards = {api: own for own, api in self.values.get(".".join(path), {}).items()}
        seen = backwards.get(seen, seen) if isinstance(seen, str | int | bool) else seen
        if isinstance(seen, str) and isinstance(like, bool | int):  # an attribute
            with suppress(ValueError):
                return seen == "true" if isinstance(like, bool) else int(seen)
        return seen

    def _pick(self, seen: Any, kind: Kind, shape: Any, like: Any, path: Path) -> Any:
        own = like.get(path[-1]) if isinstance(like, dict) else None
        route = self.route(path, shape) if path[-1] in kind.fields else None
        if route is None:
            return own
        inner = kind.fields[path[-1]]
        return self.from_api(walk(seen, route), inner, along(shape, route), own, path)


def _to_scalar(value: Any, shape: Any) -> Any:
    kind = shape.type_name
    if kind == "blob":
        return file_bytes(value) if is_file(value) else str(value).encode()
    if kind == "string":
        if isinstance(value, bool):
            words = {word.lower(): word for word in getattr(shape, "enum", [])}
            text = str(value).lower()
            return words.get("enabled" if value else "disabled", words.get(text, text))
        if isinstance(value, dict | list):
            return json.dumps(value)
        return str(value)
    if kind in ("integer", "long") and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind in ("double", "float") and isinstance(value, str | int) and not isinstance(value, bool):
        return float(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


# ---- is a request what the API's model asks for?

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("structure", "map"), dict),
    **dict.fromkeys(("integer", "long"), int),
    **dict.fromkeys(("double", "float"), (int, float)),
    "list": list,
    "string": str,
    "boolean": bool,
    "blob": bytes,
}


def problems(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Where a request breaks the model. Texts that may be secret are never repeated."""
    if isinstance(value, str) and value == UNKNOWN:
        return
    kind, where = shape.type_name, path.lstrip(".")
    wanted = _TYPES.get(kind)
    if wanted and (
        not isinstance(value, wanted) or (isinstance(value, bool) != (kind == "boolean"))
    ):
        yield f"{where} must be of type {kind}"
        return
    if kind == "structure":
        for name in shape.required_members:
            if name not in value and not shape.members[name].metadata.get("idempotencyToken"):
                yield f"{where or shape.name} lacks {name}"
        for name, item in value.items():
            yield from problems(item, shape.members[name], f"{path}.{name}")
    elif kind == "list":
        for number, item in enumerate(value):
            yield from problems(item, shape.member, f"{path}[{number}]")
    elif kind == "map":
        for name, item in value.items():
            yield from problems(name, shape.key, f"{path}.{name} (the key)")
            yield from problems(item, shape.value, f"{path}.{name}")
    yield from _limits(value, shape, where)


def _limits(value: Any, shape: Any, where: str) -> Iterator[str]:
    limits, enum = shape.metadata, getattr(shape, "enum", [])
    if enum and value not in enum:
        yield f"{where} is {value!r}, must be one of {', '.join(enum)}"
    numeric = isinstance(value, int | float)
    size = value if numeric else len(value) if hasattr(value, "__len__") else None
    if size is not None and not has_unknown(value):
        noun = "value" if numeric else "length"
        if "min" in limits and size < limits["min"]:
            yield f"{where}: {noun} {size} is below {limits['min']}"
        if "max" in limits and size > limits["max"]:
            yield f"{where}: {noun} {size} is above {limits['max']}"
    pattern = limits.get("pattern")
    if isinstance(value, str) and pattern and not fits(pattern, value):
        yield f"{where} does not match {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None  # Java's \p{L} and the like


def fits(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    if pattern.endswith("$"):
        return compiled.search(text) is not None
    return (
        compiled.match(text) if pattern.startswith("^") else compiled.fullmatch(text)
    ) is not None


# ---- is what is seen in AWS what was sent?


def same(sent: Any, seen: Any, path: str, missing: set[str]) -> bool:
    """Whether AWS holds what was sent; members that it does not show at all go to `missing`."""
    if seen is None:
        if sent not in (None, "", [], {}, False, 0) and sent != {"Quantity": 0}:
            missing.add(path)
        return True
    if isinstance(sent, dict) and isinstance(seen, dict):
        alike = [same(item, seen.get(key), f"{path}.{key}", missing) for key, item in sent.items()]
        return all(alike)  # all of them were looked at: what is missing is counted
    if isinstance(sent, list) and isinstance(seen, list):
        return _same_set(sent, seen, path, missing)
    if isinstance(sent, bool) or isinstance(seen, bool):
        return str(sent).lower() == str(seen).lower()
    if isinstance(sent, int | float) or isinstance(seen, int | float):
        try:
            return float(sent) == float(seen)
        except (TypeError, ValueError):
            return False
    left, right = canonical(sent), canonical(seen)
    if isinstance(left, str) and isinstance(right, str):
        return left.removesuffix(".") == right.removesuffix(".")  # a domain name's last dot
    return bool(left == right) or (isinstance(left, dict) and _same_document(left, right))


def _same_document(sent: Any, seen: Any) -> bool:
    """Whether two policies are equivalent to the official provider.

    Lists are sets, and a list of one is its item. An Id or a Sid that AWS added is a difference
    (verify.SuppressEquivalentPolicyDiffs, which calls awspolicyequivalence: policyDocument.equals
    and policyStatement.equals).
    """
    if isinstance(sent, dict) and isinstance(seen, dict):
        keys = sent.keys() | seen.keys()
        return sent.keys() == seen.keys() and all(
            _same_document(sent[key], seen[key]) for key in keys
        )
    if isinstance(sent, list) or isinstance(seen, list):
        left = sent if isinstance(sent, list) else [sent]
        right = seen if isinstance(seen, list) else [seen]
        pairs = [any(_same_document(item, other) for other in right) for item in left]
        return len(left) == len(right) and all(pairs)
    return bool(sent == seen)


def _same_set(sent: list[Any], seen: list[Any], path: str, missing: set[str]) -> bool:
    """Two lists, in whatever order: AWS keeps most of them as sets."""
    rest = list(seen)
    for item in sent:
        for other in rest:
            lacking: set[str] = set()
            if same(item, other, path, lacking):
                rest.remove(other)
                missing |= lacking
                break
        else:
            return False
    return not rest
