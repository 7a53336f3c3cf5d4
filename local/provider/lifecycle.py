"""A resource type as data, and its life: check, create, read, update, delete."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jmespath  # type: ignore[import-untyped]

from local.provider.aws import AwsError
from local.provider.model import (
    Dictionary,
    Kind,
    Schema,
    UnmappedError,
    find_member,
    fits_hint,
    operation,
    problems,
    same,
    schema,
    shape_at,
)
from local.provider.parts import (
    Call,
    Context,
    GoneError,
    Name,
    PartialError,
    Scope,
    Seen,
    Tagging,
    as_attributes,
    descend,
    fill,
    in_form_of,
    walk,
)
from local.provider.wire import UNKNOWN, canonical

RECORDED = "__recorded"  # the output that remembers what the emulator did not keep
_CLIENT_SIDE = re.compile(r"^(force|skip|wait|retain|applyImmediately|allowOverwrite|region$|__)")
_NOT_SENT = ("tags", "tagsAll")


@dataclass(frozen=True, kw_only=True)
class Type:
    token: str = ""
    service: str
    create: Call
    id: str | Callable[[Scope], str]  # a template with braces, or a path into create's answer
    read: tuple[Call, ...] = ()
    also: tuple[Call, ...] = ()  # calls that finish a creation, and update their inputs later
    update: tuple[Call, ...] = ()
    delete: tuple[Call, ...] = ()
    words: Dictionary = field(default_factory=Dictionary)
    seen: Mapping[str, str] = field(default_factory=dict)  # input -> path into what is read
    outputs: Mapping[str, str | Callable[[Scope], Any]] = field(default_factory=dict)
    replace: str = ""  # inputs whose change needs a new object
    client: str = ""  # inputs that only the provider itself acts on
    unread: str = ""  # inputs that AWS normalises or hides: never drift
    defaults: Mapping[str, Any] = field(default_factory=dict)
    naming: Name | None = None
    tagging: Tagging | None = None
    gone: str = ""  # a path into what is read that holds for a deleted object
    replace_first: bool = False  # delete before create
    recorded: bool = False  # the emulator lacks it: checked and kept in state only
    wait: str = ""  # a waiter of the SDK, with the arguments of the first read
    fresh: Mapping[str, str] = field(default_factory=dict)  # changed input -> outputs it renews
    guard: str = ""  # an input that forbids deletion while it is true

    # -- what the models say

    @cached_property
    def schema(self) -> Schema:
        return schema(self.token)

    @property
    def tagged(self) -> bool:
        return "tagsAll" in self.schema.outputs

    def request_shape(self, step: Call) -> Any:
        shape: Any = operation(step.service or self.service, step.op).input_shape
        return shape_at(shape, step.root) if step.root else shape

    def dictionary(self, step: Call) -> Dictionary:
        words = self.words
        names = {**words.names, **step.names}
        return Dictionary(names=names, values=words.values, nouns=words.nouns)

    def takes(self, step: Call) -> frozenset[str]:
        """The inputs that an operation takes."""
        shape, words = self.request_shape(step), self.dictionary(step)
        keys = frozenset(key.split(".")[0] for key in step.attrs)
        for key in self._candidates(step):
            route = words.route((key,), shape) if shape else None
            if key not in keys and route and (step.root or route[0] not in step.args):
                keys |= {key}
        return keys

    def _candidates(self, step: Call) -> Collection[str]:
        return step.only.split() or [key for key in self.schema.inputs if key not in _NOT_SENT]

    @cached_property
    def followers(self) -> tuple[tuple[Call, frozenset[str]], ...]:
        """The finishing calls, each with the inputs that no earlier call takes."""
        taken, result = self.takes(self.create), []
        for step in self.also:
            keys = self.takes(step)
            keys = keys if step.only else keys - taken
            taken |= keys
            result.append((step, keys))
        return tuple(result)

    @cached_property
    def updates(self) -> tuple[tuple[Call, frozenset[str]], ...]:
        steps = self.update
        if not steps and self.create.op.startswith("Put"):
            steps = (Call(**{**self.create.__dict__, "full": True}),)
        return tuple((step, self.takes(step)) for step in steps) + self.followers

    def is_client_side(self, key: str) -> bool:
        return bool(_CLIENT_SIDE.match(key)) or key in self.client.split()

    def mapping(self) -> dict[str, str]:
        """Each input and the API member it goes to: frozen in the contract tests."""
        result = {}
        steps = [(self.create, self.takes(self.create)), *self.followers]
        for key, kind in sorted(self.schema.inputs.items()):
            homes = [step for step, keys in steps if key in keys]
            if key in _NOT_SENT or self.is_client_side(key):
                continue
            if not homes:
                result[key] = "refused"
            for step in homes[:1]:
                result |= dict(
                    self._describe(step, kind, (key,), self.request_shape(step), step.op)
                )
        return result

    def _describe(
        self, step: Call, kind: Kind, path: tuple[str, ...], shape: Any, place: str
    ) -> Iterator[tuple[str, str]]:
        dotted = ".".join(path)
        if dotted in step.attrs:
            yield dotted, f"{place}.Attributes[{step.attrs[dotted]}]"
            return
        route = self.dictionary(step).route(path, shape)
        if route is None:
            if len(path) == 1 and step.attrs:
                for name, inner in (kind.item or kind).fields.items():
                    yield from self._describe(step, inner, (*path, name), shape, place)
            else:
                yield dotted, "not sent" if dotted in self.dictionary(step).names else "refused"
            return
        inner_shape: Any = shape_at(shape, ".".join(route))
        place = f"{place}.{'.'.join(route)}".removesuffix("..")
        fields = (kind.item or kind).fields
        if inner_shape.type_name == "structure" and kind.form == "list":
            inner_shape = inner_shape.members.get("Items", inner_shape)
        while inner_shape.type_name == "list":
            inner_shape = inner_shape.member
        if not fields or inner_shape.type_name != "structure" or len(path) > 5:
            yield dotted, place
            return
        for name, inner in fields.items():
            yield from self._describe(step, inner, (*path, name), inner_shape, place)

    # -- check and diff

    def check(
        self, inputs: dict[str, Any], olds: Scope, name: str, seed: bytes, context: Context
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The inputs as they will be kept, and what is wrong with them."""
        failures = [
            (key, f"{self.token} has no input {key}")
            for key in inputs
            if key not in self.schema.inputs and key != "tagsAll"
        ]
        news = {key: value for key, value in inputs.items() if key in self.schema.inputs}
        defaulted = {key: value for key, value in self.defaults.items() if key not in news}
        if self.naming and self.naming.key not in news:
            defaulted[self.naming.key] = self._auto_name(news, olds, name, seed)
        news |= defaulted
        if self.tagged:
            tags = news.get("tags") or {}
            known = isinstance(tags, dict)
            merged = {**context.default_tags, **tags} if known else tags
            if merged:
                news["tagsAll"] = merged
        news = self.normalise(news)
        failures += [("", text) for text in self.faults(news, context)]
        return news | {"__defaults": sorted(defaulted)}, failures

    def normalise(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return inputs

    def _auto_name(self, news: Scope, olds: Scope, name: str, seed: bytes) -> str:
        rule = self.naming
        assert rule is not None  # noqa: S101 - the caller has looked
        if rule.key in olds.get("__defaults", []) and rule.key in olds:
            return str(olds[rule.key])
        suffix = hashlib.sha256(seed).hexdigest()[:7]
        prefix = news.get(rule.prefix) if rule.prefix else None
        if prefix == UNKNOWN:
            return UNKNOWN
        stem = prefix or f"{name}{rule.joiner}"
        ending = ".fifo" if news.get("fifoQueue") or news.get("fifoTopic") else rule.ending
        room = rule.limit - len(suffix) - len(ending)
        made = f"{stem[:room]}{suffix}{ending}"
        return made.lower() if rule.lower else made

    def faults(self, inputs: Mapping[str, Any], context: Context) -> Iterator[str]:
        """What AWS's own model of the operations says against the inputs."""
        scope = context.scope(**inputs)
        handled: set[str] = set()
        for step, keys in ((self.create, self.takes(self.create)), *self.followers):
            handled |= keys
            mine = {key: value for key, value in inputs.items() if key in keys}
            if step is not self.create and not mine:
                continue
            groups = [{key: value} for key, value in mine.items()] if step.each else [mine]
            for group in groups:
                try:
                    params = self.params(step, group, scope, guess=True)
                except (UnmappedError, ValueError, KeyError, TypeError) as error:
                    yield str(error)
                    continue
                yield from problems(
                    params, operation(step.service or self.service, step.op).input_shape
                )
        for key in inputs:
            handled_otherwise = self.words.names.get(key) == "" or self.is_client_side(key)
            if key not in handled and key not in _NOT_SENT and not handled_otherwise:
                yield f"no API member takes {key}: name one in {self.home}"

    @property
    def home(self) -> str:
        return f"local/provider/catalogue, entry {self.token}"

    def changed(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
        keys = {key for key in (*olds, *news) if not key.startswith("__")}
        return sorted(k for k in keys if canonical(olds.get(k)) != canonical(news.get(k)))

    def replacing(self, changed: Collection[str]) -> list[str]:
        fixed = {*self.replace.split(), "region"}
        every = "*" in fixed
        free = [key for key in changed if key in _NOT_SENT or key in self.client.split()]
        return [key for key in changed if key in fixed or (every and key not in free)]

    def deletes_first(self, olds: Scope, news: Scope) -> bool:
        """Whether the old object must go first, because the new one would have its name."""
        if self.replace_first or self.naming is None:
            return self.replace_first
        key = self.naming.key
        return key not in news.get("__defaults", []) and olds.get(key) == news.get(key)

    def foreseen(self, olds: Scope, old_inputs: Scope, news: Scope) -> dict[str, Any]:
        """The outputs that an update will surely leave behind."""
        changed = self.changed(old_inputs, news)
        renewed = {name for key in changed for name in self.fresh.get(key, "").split()}
        kept = {k: v for k, v in olds.items() if k not in renewed and k not in old_inputs}
        return kept | {key: value for key, value in news.items() if not key.startswith("__")}

    def stuck(self, changed: Collection[str]) -> list[str]:
        """The changed inputs that neither an update nor a replacement can bring about."""
        routes = frozenset[str]().union(*(keys for _, keys in self.updates))
        routed = {key for key in changed if key in routes or self.is_client_side(key)}
        rest = [key for key in changed if key not in routed and key not in _NOT_SENT]
        return [key for key in rest if key not in self.replacing(changed)]

    # -- requests

    def params(
        self, step: Call, inputs: Mapping[str, Any], scope: Scope, *, guess: bool = False
    ) -> dict[str, Any]:
        """The request: the call's own arguments and the inputs, each in its place."""
        request: dict[str, Any] = fill(step.args, scope, guess=guess)
        shape, words = self.request_shape(step), self.dictionary(step)
        target = descend(request, step.root)
        attributes: dict[str, str] = {}
        for key, value in inputs.items():
            if step.attrs and any(name.split(".")[0] == key for name in step.attrs):
                attributes |= as_attributes(value, (key,), step.attrs)
            elif value is None:
                self._clear(target, key, words, shape)
            else:
                words.place(target, value, self.schema.kind, shape, (key,))
        if attributes and "Attributes" not in shape.members:
            ((target["AttributeName"], target["AttributeValue"]),) = attributes.items()
        elif attributes:
            pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
            as_map = shape.members["Attributes"].type_name == "map"
            target["Attributes"] = attributes if as_map else pairs
        if step is self.create and self.tagging and self.tagging.inline and inputs is not None:
            self._put_tags(request, scope.get("tagsAll"), step)
        return self.prepare(step, request, scope)

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        """The last word on a request, for the types whose structure no rename expresses."""
        return request

    def _clear(self, target: Any, key: str, words: Dictionary, shape: Any) -> None:
        route = words.route((key,), shape)
        empty = {"list": [], "map": {}, "string": ""}
        if route and len(route) == 1 and (kind := shape.members[route[0]].type_name) in empty:
            target[route[0]] = empty[kind]

    def _put_tags(self, request: dict[str, Any], tags: Any, step: Call) -> None:
        if not tags or not self.tagged:
            return
        shape: Any = operation(self.service, step.op).input_shape
        if "TagSpecifications" in shape.members and self.service == "ec2":
            kind = re.sub(r"(?<!^)(?=[A-Z])", "-", self.token.split(":")[-1]).lower()
            kind = {
                "eip": "elastic-ip",
                "nat-gateway": "natgateway",
                "flow-log": "vpc-flow-log",
            }.get(kind, "security-group-rule" if kind.startswith("security-group-") else kind)
            pairs = tags if tags == UNKNOWN else [{"Key": k, "Value": v} for k, v in tags.items()]
            request["TagSpecifications"] = [{"ResourceType": kind, "Tags": pairs}]
        elif (member := find_member("tags", shape.members)) is not None:
            request[member] = Dictionary().to_api(
                tags, Kind("map"), shape.members[member], ("tags",)
            )

    # -- life

    def make(self, inputs: Mapping[str, Any], context: Context) -> tuple[str, dict[str, Any]]:
        scope = context.scope(**inputs)
        if self.recorded:
            id_ = self.identify({}, scope)
            return id_, self.describe(inputs, None, {}, context, id_)
        taken = self.takes(self.create)
        mine = {key: value for key, value in inputs.items() if key in taken}
        answer = self.call(self.create, self.params(self.create, mine, scope), context)
        id_ = self.identify(answer, scope)
        if not id_:
            raise AwsError(f"{self.service}:{self.create.op}", "NoId", str(answer)[:300])
        try:
            self.settle(id_, inputs, context)
            outputs = self.finish(id_, inputs, set(inputs), {"__answer": answer}, context)
        except Exception as error:  # whatever it was, the object exists and must be kept
            raise PartialError(id_, {**inputs}, str(error)) from error
        return id_, outputs

    def identify(self, answer: dict[str, Any], scope: Scope) -> str:
        if callable(self.id):
            return self.id({**scope, "__answer": answer})
        return str(
            fill(self.id, scope) if "{" in self.id else jmespath.search(self.id, answer) or ""
        )

    def settle(self, id_: str, inputs: Scope, context: Context) -> None:
        """What comes right after the creation itself, once."""
        if self.wait:
            arguments = fill(self.read[0].args, context.scope(**inputs, id=id_))
            client = context.aws.client(self.service, context.region)
            client.get_waiter(self.wait).wait(
                **arguments, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
            )
        if self.tagging and not self._inline_tags() and inputs.get("tagsAll"):
            self.tag(
                context.scope(**inputs, id=id_, arn=self._arn(id_, inputs, context)),
                {},
                inputs,
                context,
            )

    def _inline_tags(self) -> bool:
        shape: Any = operation(self.service, self.create.op).input_shape
        found = "TagSpecifications" in shape.members or find_member("tags", shape.members)
        return bool(self.tagging and self.tagging.inline and found)

    def _arn(self, id_: str, inputs: Scope, context: Context, members: Scope | None = None) -> Any:
        rule = self.outputs.get("arn")
        if not isinstance(rule, str):
            return id_
        if "{" in rule:
            return fill(rule, context.scope(**{**inputs, "id": id_}))
        return jmespath.search(rule, members or {}) or id_

    def finish(
        self, id_: str, inputs: Scope, changed: Collection[str], olds: Scope, context: Context
    ) -> dict[str, Any]:
        """The finishing calls for the changed inputs, then a look at the result."""
        scope = context.scope(**{**olds, **inputs}, id=id_)
        self.run(self.followers, inputs, changed, scope, context)
        return self.describe(inputs, self.look(scope, context), olds, context, id_)

    def run(
        self,
        steps: Collection[tuple[Call, frozenset[str]]],
        inputs: Scope,
        changed: Collection[str],
        scope: Scope,
        context: Context,
    ) -> None:
        for step, keys in steps:
            touched = sorted(key for key in changed if key in keys)
            if not touched:
                continue
            if step.each:
                groups = [{key: inputs.get(key)} for key in touched]
            elif step.full or not (step.attrs or step in self.update):
                groups = [{key: inputs[key] for key in keys if key in inputs}]
            else:
                groups = [
                    {
                        key: inputs.get(key)
                        for key in {*touched, *self._required(step, keys, inputs)}
                    }
                ]
            for group in groups:
                self.call(step, self.params(step, group, scope), context)

    def _required(self, step: Call, keys: Collection[str], inputs: Scope) -> Iterator[str]:
        shape, words = self.request_shape(step), self.dictionary(step)
        for key in keys:
            route = words.route((key,), shape) if key in inputs else None
            if route and route[0] in shape.required_members:
                yield key

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = context.aws.call(step.service or self.service, context.region, step.op, request)
        failed = answer.get("FailedEntries") or answer.get("Unsuccessful")
        if failed:
            raise AwsError(f"{self.service}:{step.op}", "Failed", str(failed)[:300])
        return answer

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        """Update in place. With nothing changed it repeats what finishes a creation."""
        changed = self.changed(old_inputs, news)
        scope = context.scope(**{**olds, **news}, id=id_, __olds=old_inputs)
        if self.recorded:
            return self.describe(news, None, olds, context, id_)
        try:
            if self.tagging and (old_inputs.get("tagsAll") != news.get("tagsAll")):
                self.tag(scope, old_inputs, news, context)
            if changed:
                self.run(self.updates, news, changed, scope, context)
                return self.finish(id_, news, (), olds, context)
            return self.finish(id_, news, set(news), olds, context)
        except AwsError as error:
            if error.missing and self.look(scope, context) is None:
                raise GoneError(f"{id_} no longer exists; refresh, then deploy again") from error
            raise

    def tag(self, scope: Scope, olds: Scope, news: Scope, context: Context) -> None:
        tagging = self.tagging
        if tagging is None:
            return
        before, after = olds.get("tagsAll") or {}, news.get("tagsAll") or {}
        dropped = sorted(before.keys() - after.keys())
        if after:
            self._send_tags(tagging.add, after, scope, context)
        if dropped and tagging.remove:
            self._send_tags(tagging.remove, dropped, scope, context)

    def _send_tags(self, step: Call, tags: Any, scope: Scope, context: Context) -> None:
        request = fill(step.args, scope)
        shape: Any = operation(self.service, step.op).input_shape
        free = [name for name in shape.members if name not in request and "ag" in name]
        member = max(free, key=lambda name: ("Key" in name) == isinstance(tags, list))
        target = shape.members[member]
        if (
            isinstance(tags, list)
            and target.type_name == "list"
            and target.member.type_name != "string"
        ):
            request[member] = [{"Key": key} for key in tags]
        elif isinstance(tags, list):
            request[member] = {"Items": tags} if target.type_name == "structure" else tags
        else:
            request[member] = Dictionary().to_api(tags, Kind("map"), target, ("tags",))
        self.call(step, request, context)

    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The object as AWS describes it, or None."""
        seen = Seen(members={}, attributes={})
        for number, step in enumerate(self.read):
            try:
                answer = self.call(step, fill(step.args, scope), context)
            except AwsError as error:
                if error.missing and number == 0:
                    return None
                if error.missing or (error.unsupported and number):
                    continue
                raise
            for place, path in enumerate(step.at.split()):
                path = fill(path, scope)
                node = answer if path == "." else jmespath.search(path, answer)
                if not node and not place and not number and path != ".":
                    return None
                if isinstance(node, dict):
                    seen.members |= node
            seen.members |= {key: jmespath.search(path, answer) for key, path in step.keep.items()}
            if step.attrs:
                found = answer.get("Attributes", {})
                pairs = found if isinstance(found, dict) else {a["Key"]: a["Value"] for a in found}
                seen.attributes |= pairs
                seen.members["Attributes"] = seen.attributes
        if self.gone and jmespath.search(self.gone, seen.members):
            return None
        seen.tags = self._tags_seen(seen, scope, context)
        return seen

    def _tags_seen(self, seen: Seen, scope: Scope, context: Context) -> dict[str, str] | None:
        if not self.tagged:
            return None
        step = self.tagging.read if self.tagging else None
        tags: Any = None
        if step:
            try:
                arn = scope.get("arn") or self._arn(scope["id"], scope, context, seen.members)
                answer = self.call(step, fill(step.args, {**scope, "arn": arn}), context)
            except AwsError as error:
                if not error.missing:
                    raise
                answer = {}
            tags = jmespath.search(step.at, answer) or []
        else:
            tags = next(
                (seen.members[k] for k in ("Tags", "TagSet", "tags") if k in seen.members), []
            )
        if isinstance(tags, dict):
            return dict(tags)
        return {
            tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value", "")) for tag in tags
        }

    @cached_property
    def seen_shape(self) -> Any:
        """All members that the read operations may show."""
        members: dict[str, Any] = {}
        for step in self.read:
            shape: Any = operation(step.service or self.service, step.op).output_shape
            for path in step.at.split():
                node = shape if path == "." else shape_at(shape, path)
                members |= getattr(node, "members", {})
        return _Members(members)

    def observe(self, inputs: Mapping[str, Any], seen: Seen) -> tuple[dict[str, Any], set[str]]:
        """The inputs whose value in AWS differs, with that value; and those AWS does not show."""
        different: dict[str, Any] = {}
        missing: set[str] = set()
        kinds, shape = self.schema.inputs, self.seen_shape
        attributes = {k: v for step in self.read for k, v in step.attrs.items()}
        for key, like in inputs.items():
            if key in _NOT_SENT or self.is_client_side(key) or key in self.unread.split():
                continue
            if any(name.split(".")[0] == key for name in attributes):
                expected = as_attributes(like, (key,), attributes)
                actual = {name: seen.attributes.get(name) for name in expected}
                if not same(expected, actual, key, missing):
                    flat = actual.get(attributes.get(key, ""))
                    different[key] = in_form_of(flat, like) if flat is not None else None
                continue
            if key in self.seen:
                actual = jmespath.search(self.seen[key], seen.members)
                if not same(like, actual, key, missing):
                    different[key] = actual
                continue
            route = self.words.route((key,), shape)
            if route is None:
                continue
            holder: dict[str, Any] = {}
            kind = self.schema.kind
            try:
                self.words.place(holder, like, kind, shape, (key,))
            except (UnmappedError, ValueError, KeyError, TypeError):
                continue
            actual = {name: seen.members.get(name) for name in holder}
            alike = [same(sent, actual[name], key, missing) for name, sent in holder.items()]
            if not all(alike):
                found = self.words.from_api(
                    walk(actual, route), kinds[key], shape_at(shape, ".".join(route)), like, (key,)
                )
                different[key] = found if canonical(found) != canonical(like) else None
        return different, missing

    def refreshed(
        self, id_: str, olds: Scope, inputs: dict[str, Any], context: Context
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Outputs and inputs as they are in AWS now, or None if the object is gone."""
        if self.recorded:
            return {**olds}, inputs
        seen = self.look(context.scope(**{**olds, **inputs}, id=id_), context)
        if seen is None:
            return None
        if not inputs:
            return self._adopted(id_, seen, context)
        excused = set(olds.get(RECORDED, []))
        different, missing = self.observe(inputs, seen)
        for key in {path.split(".")[0] for path in missing - excused}:
            different.setdefault(key, None)
        now = {
            k: different.get(k, v)
            for k, v in inputs.items()
            if k in excused or different.get(k, v) is not None
        }
        now |= {key: inputs[key] for key in excused if key in inputs}
        if (
            seen.tags is not None
            and seen.tags != (inputs.get("tagsAll") or {})
            and "tags" not in excused
        ):
            own = inputs.get("tags") or {}
            defaults = {k: v for k, v in context.default_tags.items() if k not in own}
            now["tagsAll"] = dict(seen.tags)
            now["tags"] = {k: v for k, v in seen.tags.items() if defaults.get(k) != v}
        still = excused & {*different, *missing, "tags"}
        outputs = self.describe(now, seen, olds, context, id_, still)
        return outputs, now

    def _adopted(
        self, id_: str, seen: Seen, context: Context
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """An object that the state knew nothing of: its inputs as far as AWS shows them."""
        inputs: dict[str, Any] = {}
        for key, kind in self.schema.inputs.items():
            route = None if key in _NOT_SENT else self.words.route((key,), self.seen_shape)
            if route and (value := walk(seen.members, route)) not in (None, [], {}):
                place = shape_at(self.seen_shape, ".".join(route))
                inputs[key] = self.words.from_api(value, kind, place, None, (key,))
        if seen.tags:
            inputs["tags"] = inputs["tagsAll"] = dict(seen.tags)
        inputs = {key: value for key, value in inputs.items() if value not in (None, [], {})}
        return self.describe(inputs, seen, {}, context, id_, set()), inputs

    def describe(
        self,
        inputs: Scope,
        seen: Seen | None,
        olds: Scope,
        context: Context,
        id_: str,
        excused: set[str] | None = None,
    ) -> dict[str, Any]:
        """The resource's outputs."""
        if seen is None and not self.recorded:
            raise GoneError(f"{id_} no longer exists; refresh, then deploy again")
        known = self.schema.outputs
        own = self.schema.inputs  # those come from the inputs, or are read anew
        result = {key: value for key, value in olds.items() if key in known and key not in own}
        members = seen.members if seen else {}
        for key in known.keys() - {*inputs, *_NOT_SENT}:
            found = find_member(key, members, self.words.nouns)
            if found and fits_hint(members[found], known[key]):
                result[key] = members[found]
        result |= {key: value for key, value in inputs.items() if not key.startswith("__")}
        if "region" in known:
            result.setdefault("region", context.region)
        if self.tagged:
            result["tagsAll"] = inputs.get("tagsAll") or {}
        scope = context.scope(**{**result, "region": context.region}, id=id_)
        for key, rule in self.outputs.items():
            if callable(rule):
                value = rule({**scope, "__seen": members})
            elif re.search(r"\{\w+\}", rule):
                value = fill(rule, scope, guess=True)
            else:
                value = jmespath.search(rule, members)
            if value is not None and value != UNKNOWN:
                result[key] = scope[key] = value
        if seen is not None:
            excused = self._unkept(inputs, seen) if excused is None else excused
            result[RECORDED] = sorted(excused)
        return {key: value for key, value in result.items() if value is not None}

    def _unkept(self, inputs: Scope, seen: Seen) -> set[str]:
        different, missing = self.observe(inputs, seen)
        if seen.tags is not None and seen.tags != (inputs.get("tagsAll") or {}):
            different["tags"] = seen.tags
        return {*different, *missing}

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        if self.recorded or olds.get("skipDestroy") is True:
            return
        if self.guard and olds.get(self.guard) is True:
            raise AwsError(
                f"{self.service}:{self.delete[0].op}",
                "OperationNotPermitted",
                f"{id_} is protected: set {self.guard} to false and deploy before it is deleted",
            )
        scope = context.scope(**olds, id=id_)
        for step in self.delete:
            if step.when and step.when not in scope:
                continue
            try:
                self.call(step, fill(step.args, scope), context)
            except AwsError as error:
                if not error.missing:
                    raise


class _Members:
    """The members of several structures, as one shape."""

    type_name = "structure"
    name = "the description"
    required_members: tuple[str, ...] = ()

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
