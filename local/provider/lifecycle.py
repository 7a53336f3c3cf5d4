"""A resource type as data, and its life: check, create, read, update, delete.

What goes without saying is not in an entry: the operations that read, change and delete what
`CreateX` makes, where their answers have it, and the member by which they all know it.
"""

import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any

import jmespath  # type: ignore[import-untyped]

from local.provider.aws import AwsError, Creation
from local.provider.model import (
    Dictionary,
    Kind,
    Members,
    Schema,
    UnmappedError,
    along,
    content,
    enter,
    find_member,
    fits_hint,
    operation,
    operations,
    problems,
    same,
    schema,
    walk,
)
from local.provider.parts import (
    Call,
    Change,
    Context,
    GoneError,
    Name,
    PartialError,
    Scope,
    Seen,
    Tagging,
    When,
    fill,
    op,
)
from local.provider.rules import broken
from local.provider.tags import TAGGING
from local.provider.wire import UNKNOWN, canonical

RECORDED = "__recorded"  # the output that remembers what the emulator did not keep
PENDING = "__pending"  # the output with the present values of inputs that AWS changes later
_NOTHING: Scope = {}
_CLIENT_SIDE = re.compile(r"^(force|skip|wait|retain|applyImmediately|allowOverwrite|region$|__)")
_NOT_SENT = ("tags", "tagsAll")
_INPUT_ERRORS = (UnmappedError, ValueError, KeyError, TypeError)
Steps = tuple[tuple[Call, frozenset[str]], ...]


@dataclass(frozen=True)
class Type:
    service: str
    create: Call
    key: str = ""  # members that tell all but the creation which object: "X" or "X={template}"
    id: str = ""  # a template with braces, or a path into create's answer; by default, to the key
    _: KW_ONLY
    token: str = ""
    read: tuple[Call, ...] = ()
    also: tuple[Call, ...] = ()  # calls that finish a creation, and update their inputs later
    then: tuple[Call, ...] = ()  # calls that finish a creation, whatever the inputs
    update: tuple[Call, ...] = ()
    delete: tuple[Call, ...] = ()
    names: str = ""  # "input=Member input.part=Member.Part|OtherMember ...": see Dictionary
    values: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    nouns: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)  # input -> path into what is read
    outputs: Mapping[str, str | Callable[[Scope], Any]] = field(default_factory=dict)
    replace: str = ""  # inputs whose change needs a new object; "*" = all
    replace_when: Mapping[str, When] = field(default_factory=dict)  # those that need it sometimes
    reject_when: Mapping[str, When] = field(default_factory=dict)  # changes that it rejects
    same_when: Mapping[str, When] = field(default_factory=dict)  # differences that are suppressed
    deferred: str = ""  # inputs that AWS may change later, in a maintenance window
    restarts: str = ""  # inputs whose change interrupts the service for a moment
    client: str = ""  # inputs that only the provider itself acts on
    unread: str = ""  # inputs that AWS normalises or hides: never drift
    defaults: Mapping[str, Any] = field(default_factory=dict)
    naming: Name | None = None
    gone: str = ""  # a path into what is read that holds for a deleted object
    ready: str = ""  # one that holds once it can be used
    late_tags: bool = False  # the emulator forgets the tags of a creation
    replace_first: bool = False  # delete before create
    recorded: bool = False  # the emulator lacks it: checked and kept in state only
    fresh: Mapping[str, str] = field(default_factory=dict)  # changed input -> outputs it renews
    guard: str = ""  # an input that forbids deletion while it is true
    tagging: Tagging | None = None  # by default, the service's

    # -- what the models say

    @cached_property
    def schema(self) -> Schema:
        return schema(self.token)

    @cached_property
    def words(self) -> Dictionary:
        pairs = (pair.split("=") for pair in self.names.split())
        names = {key: tuple(places.split("|")) for key, places in pairs}
        return Dictionary(names=names, values=self.values, nouns=self.nouns)

    @property
    def tagged(self) -> bool:
        return "tagsAll" in self.schema.outputs

    @property
    def tag_rule(self) -> Tagging:
        return self.tagging or TAGGING[self.service]

    def input_shape(self, step: Call) -> Any:
        return operation(self.service, step.op).input_shape

    def _known(self, *names: str) -> tuple[Call, ...]:
        """The first of some operations that the service has."""
        noun = re.sub("^(Create|Put|Add|Request)", "", self.create.op)
        known = [name.format(noun) for name in names]
        return tuple(op(name) for name in known if name in operations(self.service))[:1]

    def _complete(self, steps: tuple[Call, ...]) -> tuple[Call, ...]:
        """Calls with the object's key and, where they don't say it, the place of the answer."""
        return tuple(self._completed(step) for step in steps)

    def _completed(self, step: Call) -> Call:
        if step.op == self.create.op:
            return step
        shape, args = self.input_shape(step), dict(step.args)
        for key in self.key.split():
            member, _, template = key.partition("=")
            template = template or "{id}"
            if member in shape.members:
                args.setdefault(member, template)
            elif f"{member}s" in shape.members:
                args.setdefault(f"{member}s", [template])
        answer = operation(self.service, step.op).output_shape
        return replace(step, args=args, at=step.at or _main_part(answer))

    @cached_property
    def reads(self) -> tuple[Call, ...]:
        usual = self._known("Describe{}s", "Describe{}", "Get{}")
        return self._complete(self.read or usual)

    @cached_property
    def deletes(self) -> tuple[Call, ...]:
        return self._complete(self.delete or self._known("Delete{}"))

    def takes(self, step: Call) -> frozenset[str]:
        """The inputs that an operation takes."""
        shape = self.input_shape(step)
        shape = content(along(shape, step.root))
        keys = step.only or [key for key in self.schema.inputs if key not in _NOT_SENT]
        routes = {key: self.words.route((key,), shape) for key in keys}
        fixed = () if step.root else step.args
        return frozenset(key for key, route in routes.items() if route and route[0] not in fixed)

    @cached_property
    def creation(self) -> frozenset[str]:
        """The inputs that the creation itself takes."""
        return self.takes(self.create)

    @cached_property
    def followers(self) -> Steps:
        """The finishing calls, each with the inputs that no earlier call takes."""
        taken, result = self.creation, []
        for step in self._complete(self.also):
            keys = self.takes(step) if step.only else self.takes(step) - taken
            taken |= keys
            result.append((step, keys))
        return tuple(result)

    @cached_property
    def updates(self) -> Steps:
        usual = self._known("Modify{}", "Update{}")
        if self.create.op.startswith("Put"):
            usual = (replace(self.create, full=True),)
        finishing = {step.op for step in self.also}
        steps = self.update or tuple(step for step in usual if step.op not in finishing)
        return tuple((step, self.takes(step)) for step in self._complete(steps)) + self.followers

    def is_client_side(self, key: str) -> bool:
        return bool(_CLIENT_SIDE.match(key)) or key in self.client.split()

    # -- check and diff

    def check(
        self, inputs: dict[str, Any], olds: Scope, name: str, seed: bytes, context: Context
    ) -> tuple[dict[str, Any], list[str]]:
        """The inputs as they will be kept, and what is wrong with them."""
        known = self.schema.inputs
        strange = [key for key in inputs if key not in known and key != "tagsAll"]
        news = {key: value for key, value in inputs.items() if key in known}
        defaulted = {key: value for key, value in self.defaults.items() if key not in news}
        if self.naming and self.naming.key not in news:
            defaulted[self.naming.key] = self.auto_name(self.naming, news, olds, name, seed)
        news |= defaulted
        if self.naming and self.naming.folded:
            news[self.naming.key] = str(news[self.naming.key]).lower()
        if self.tagged:
            tags = news.get("tags") or {}
            merged = {**context.default_tags, **tags} if isinstance(tags, dict) else tags
            if merged:
                news["tagsAll"] = merged
        news = self.normalise(news)
        faults = [f"{self.token} has no input {key}" for key in strange]
        faults += self.faults(news, context)
        faults += broken(self.token, news, context.region)
        return news | {"__defaults": sorted(defaulted)}, faults

    def normalise(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return inputs

    def auto_name(self, rule: Name, news: Scope, olds: Scope, name: str, seed: bytes) -> str:
        if rule.key in olds.get("__defaults", []) and rule.key in olds:
            return str(olds[rule.key])
        prefix = news.get(f"{rule.key}Prefix")
        if prefix == UNKNOWN:
            return UNKNOWN
        suffix = hashlib.sha256(seed).hexdigest()[:7]
        if news.get("fifoQueue") or news.get("fifoTopic"):
            suffix += ".fifo"
        made = (prefix or f"{name}{rule.joiner}")[: rule.limit - len(suffix)] + suffix
        return made.lower() if rule.lower else made

    def faults(self, inputs: Mapping[str, Any], context: Context) -> Iterator[str]:
        """What AWS's own model of the operations says against the inputs."""
        scope = context.scope(inputs)
        handled: set[str] = set()
        for step, keys in ((self.create, self.creation), *self.followers):
            handled |= keys
            mine = {key: value for key, value in inputs.items() if key in keys}
            for group in self._groups(step, mine) if mine or step is self.create else ():
                try:
                    params = self.request(step, group, scope, guess=True)
                except _INPUT_ERRORS as error:
                    yield str(error)
                else:
                    yield from problems(params, self.input_shape(step))
        for key in inputs.keys() - handled - {*_NOT_SENT}:
            if not self.words.unsent((key,)) and not self.is_client_side(key):
                yield f"no API member takes {key}: name one in {self.home}"

    @property
    def home(self) -> str:
        return f"local/provider/catalogue, entry {self.token}"

    def standing(self, old_inputs: Scope, state: Scope) -> dict[str, Any]:
        """The inputs as they hold in AWS: those that are pending have their present values."""
        return {**old_inputs, **state.get(PENDING, {})}

    def changed(self, olds: Scope, news: Scope, state: Scope = _NOTHING) -> list[str]:
        keys = {key for key in (*olds, *news) if not key.startswith("__")}
        different = (k for k in keys if canonical(olds.get(k)) != canonical(news.get(k)))
        return sorted(k for k in different if not _holds(self.same_when, k, olds, news, state))

    def replacing(
        self,
        changed: Collection[str],
        olds: Scope = _NOTHING,
        news: Scope = _NOTHING,
        state: Scope = _NOTHING,
    ) -> list[str]:
        """The changed inputs that need a new object: always, or as their values are."""
        fixed = {*self.replace.split(), "region"}
        fixed |= {key for key in changed if _holds(self.replace_when, key, olds, news, state)}
        free = {*_NOT_SENT, *self.client.split()} if "*" in fixed else set(changed) - fixed
        return [key for key in changed if key not in free or key in fixed]

    def waits(self, changed: Collection[str], news: Scope) -> list[str]:
        """The changed inputs that AWS applies in the next maintenance window."""
        now = news.get("applyImmediately") is True
        return [] if now else [key for key in changed if key in self.deferred.split()]

    def rejected(
        self, changed: Collection[str], olds: Scope, news: Scope, state: Scope = _NOTHING
    ) -> list[str]:
        """The changed inputs that the official provider rejects in the plan, with its function."""
        return [
            f"{key} ({self.reject_when[key].source})"
            for key in changed
            if _holds(self.reject_when, key, olds, news, state)
        ]

    def deletes_first(self, olds: Scope, news: Scope) -> bool:
        """Whether the old object must go first, because the new one would have its name."""
        if self.replace_first or self.naming is None:
            return self.replace_first
        key = self.naming.key
        return key not in news.get("__defaults", []) and olds.get(key) == news.get(key)

    def foreseen(self, olds: Scope, old_inputs: Scope, news: Scope) -> dict[str, Any]:
        """The outputs that an update will surely leave behind."""
        changed = [key for key in self.changed(old_inputs, news) if key not in _NOT_SENT]
        renewed = " ".join(self.fresh.get(key, "") for key in (*changed, "*" if changed else ""))
        lost = {*renewed.split(), *old_inputs}
        return {key: value for key, value in olds.items() if key not in lost} | visible(news)

    def stuck(self, changed: Collection[str]) -> list[str]:
        """The changed inputs that no update can bring about, where nothing is replaced."""
        ways = frozenset(_NOT_SENT).union(*(k for _, k in self.updates))
        return [key for key in changed if key not in ways and not self.is_client_side(key)]

    # -- requests

    def request(
        self, step: Call, inputs: Scope, scope: Scope, *, guess: bool = False
    ) -> dict[str, Any]:
        """The call's own arguments and the inputs, each in its place."""
        request: dict[str, Any] = fill(step.args, scope, guess=guess)
        target, shape = request, self.input_shape(step)
        for name in step.root:
            target, shape = enter(target, shape, name)
        for key, value in inputs.items():
            if value is None:
                self._clear(target, key, shape)
            else:
                self.words.place(target, value, self.schema.kind, shape, (key,))
        attributes = {key[1:]: target.pop(key) for key in list(target) if key.startswith("@")}
        if attributes and "Attributes" not in shape.members:
            ((target["AttributeName"], target["AttributeValue"]),) = attributes.items()
        elif attributes:
            pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
            as_map = shape.members["Attributes"].type_name == "map"
            target["Attributes"] = attributes if as_map else pairs
        if step is self.create and self._tags_inline and scope.get("tagsAll"):
            self._put_tags(request, scope["tagsAll"])
        return self.prepare(step, request, scope)

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        """The last word on a request, for the types whose structure no rename expresses."""
        return request

    def _clear(self, target: Any, key: str, shape: Any) -> None:
        route = self.words.route((key,), shape)
        empty = {"list": [], "map": {}, "string": ""}
        if route and len(route) == 1 and (kind := along(shape, route).type_name) in empty:
            target[route[0]] = empty[kind]

    @cached_property
    def _tags_inline(self) -> str | None:
        """The member of the creation that takes tags."""
        if not self.tagged or self.late_tags:
            return None
        members = self.input_shape(self.create).members
        return "TagSpecifications" if self.service == "ec2" else find_member("tags", members)

    def _put_tags(self, request: dict[str, Any], tags: Any) -> None:
        member = self._tags_inline or ""
        shape = self.input_shape(self.create).members[member]
        if self.service == "ec2":
            kind = re.sub(r"(?<!^)(?=[A-Z])", "-", self.token.split(":")[-1]).lower()
            kind = re.sub("^(security-group)-.*", r"\1-rule", kind)
            kind = {"eip": "elastic-ip", "nat-gateway": "natgateway"}.get(kind, kind)
            pairs = tags if tags == UNKNOWN else [{"Key": k, "Value": v} for k, v in tags.items()]
            request[member] = [{"ResourceType": kind, "Tags": pairs}]
        else:
            request[member] = self.words.to_api(tags, Kind("map"), shape, ("tags",))

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        answer = context.aws.call(self.service, context.region, step.op, request)
        failed = answer.get("FailedEntries") or answer.get("Unsuccessful")
        if failed:
            raise AwsError(f"{self.service}:{step.op}", "Failed", str(failed)[:300])
        return answer

    def ask(self, step: Call, scope: Scope, context: Context) -> dict[str, Any]:
        """A call that takes no inputs."""
        return self.call(step, self.request(step, {}, scope), context)

    # -- life

    def make(self, inputs: Scope, context: Context) -> tuple[str, dict[str, Any]]:
        scope = context.scope(inputs)
        if self.recorded:
            id_ = self.identify({}, scope)
            return id_, self.describe(inputs, None, {}, context, id_)
        answer, id_ = self.begin(inputs, context)
        olds = {key: jmespath.search(path, answer) for key, path in self.create.keep.items()}
        try:
            if self.ready:
                self.settled({**scope, **olds, "id": id_}, context)
            if inputs.get("tagsAll") and self.tagged and not self._tags_inline:
                self.tag({**scope, "id": id_}, {}, inputs, context)
            self.complete({**scope, **olds, "id": id_}, context)
            outputs = self.finish(id_, inputs, set(inputs), olds, context)
        except Exception as error:  # whatever it was, the object exists and must be kept
            raise PartialError(id_, {**inputs}, str(error)) from error
        return id_, outputs

    def begin(self, inputs: Scope, context: Context) -> tuple[dict[str, Any], str]:
        """The first call of a creation, or what it answered when `context` has its token: the
        answer, and the object's id."""
        taken, scope = self.creation, context.scope(inputs)
        mine = {key: value for key, value in inputs.items() if key in taken}
        request = self.request(self.create, mine, scope)
        named = Creation.of(self.create.op, context.creating, context.token)
        with context.aws.creating(named if context.creating else None):
            answer = self.call(self.create, request, context)
        id_ = self.identify(answer, scope)
        if not id_:
            raise AwsError(f"{self.service}:{self.create.op}", "NoId", str(answer)[:300])
        return answer, id_

    def complete(self, scope: Scope, context: Context) -> None:
        """What belongs to a creation whatever the inputs; done already is as good."""
        for step in self._complete(self.then):
            try:
                self.ask(step, scope, context)
            except AwsError as error:
                if not error.missing:
                    raise

    def identify(self, answer: Scope, scope: Scope) -> str:
        if "{" in self.id:
            return str(fill(self.id, scope))
        path = self.id or _place_of(self.key.split()[0], operation(self.service, self.create.op))
        return str(jmespath.search(path, answer) or "")

    def finish(
        self, id_: str, inputs: Scope, changed: Collection[str], olds: Scope, context: Context
    ) -> dict[str, Any]:
        """The finishing calls for the changed inputs, then a look at the result."""
        scope = context.scope({**olds, **inputs}, id=id_)
        self.run(self.followers, inputs, changed, scope, context)
        return self.describe(inputs, self.settled(scope, context), olds, context, id_)

    def settled(self, scope: Scope, context: Context) -> Seen | None:
        """The object, once it can be used."""
        for pause in (0.2, 0.5, *[1] * 120):
            seen = self.look(scope, context)
            if not (self.ready and seen) or jmespath.search(self.ready, seen.members):
                return seen
            time.sleep(pause)
        raise AwsError(f"{self.service}:{self.reads[0].op}", "Timeout", f"{scope['id']} not ready")

    def _groups(self, step: Call, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The inputs of a call, apart if the operation takes one attribute at a time."""
        single = re.search("Attributes?$", step.op)
        if single and "Attributes" not in self.input_shape(step).members:
            return [{key: value} for key, value in inputs.items()]
        return [inputs]

    def run(
        self,
        steps: Steps,
        inputs: Scope,
        changed: Collection[str],
        scope: Scope,
        context: Context,
    ) -> None:
        for step, keys in steps:
            touched = {key: inputs.get(key) for key in sorted(changed) if key in keys}
            if not touched:
                continue
            members = self.input_shape(step).members
            partly = "Attributes" in members or "AttributeName" in members
            finishing = not partly and (step, keys) in self.followers
            for group in self._groups(step, touched):
                if step.full or (finishing and group is touched):
                    group = {key: inputs[key] for key in keys if key in inputs}
                elif group is touched:
                    group = {**dict(self._required(step, keys, inputs)), **group}
                self.call(step, self.request(step, group, scope), context)
                if self.ready:
                    self.settled(scope, context)

    def _required(self, step: Call, keys: frozenset[str], inputs: Scope) -> Iterator[Any]:
        shape = content(along(self.input_shape(step), step.root))
        for key in keys & inputs.keys():
            route = self.words.route((key,), shape)
            if route and route[0] in shape.required_members:
                yield key, inputs[key]

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        """Update in place; what a creation left half made is finished as well."""
        changed = self.changed(self.standing(old_inputs, olds), news, olds)
        scope = context.scope({**olds, **news}, id=id_, __olds=old_inputs)
        if self.recorded:
            return self.describe(news, None, olds, context, id_)
        half_made = RECORDED not in olds  # nobody has looked at it yet
        try:
            if half_made:
                scope = self.found(scope, context)
                self.complete(scope, context)
            if self.tagged and (half_made or old_inputs.get("tagsAll") != news.get("tagsAll")):
                self.tag(scope, old_inputs, news, context)
            if changed:
                self.run(self.updates, news, changed, scope, context)
            again = set(news) if half_made or not changed else ()
            return self.finish(id_, news, again, olds, context)
        except AwsError as error:
            if error.missing and self.look(scope, context) is None:
                raise GoneError(id_) from error
            raise

    def found(self, scope: Scope, context: Context) -> dict[str, Any]:
        """The scope of an object that the state knows by its id alone, with its ARN."""
        seen = self.look(scope, context)
        if seen is None:
            raise GoneError(str(scope["id"]))
        return {**self._with_arn(scope, seen.members)}

    def tag(self, scope: Scope, olds: Scope, news: Scope, context: Context) -> None:
        before, after = olds.get("tagsAll") or {}, news.get("tagsAll") or {}
        rule, dropped = self.tag_rule, sorted(before.keys() - after.keys())
        if after or not rule.remove:
            self._send_tags(rule.add, after, scope, context)
        if dropped and rule.remove:
            self._send_tags(rule.remove, dropped, scope, context)

    def _send_tags(self, name: str, tags: Any, scope: Scope, context: Context) -> None:
        request = fill(self.tag_rule.args, self._with_arn(scope))
        model: Any = operation(self.service, name).input_shape
        free = [member for member in model.members if member not in request and "ag" in member]
        removal = isinstance(tags, list)
        member = max(free, key=lambda found: ("Key" in found) == removal)
        shape = model.members[member]
        if not removal:
            request[member] = self.words.to_api(tags, Kind("map"), shape, ("tags",))
        elif shape.type_name == "list" and shape.member.type_name != "string":
            request[member] = [{"Key": key} for key in tags]
        else:
            request[member] = {"Items": tags} if shape.type_name == "structure" else tags
        self.call(op(name), request, context)

    def _with_arn(self, scope: Scope, members: Scope | None = None) -> Scope:
        """The ARN, where the state does not have it yet: told by the entry or by AWS."""
        rule = self.outputs.get("arn")
        if "arn" in scope or not isinstance(rule, str):
            return {"arn": scope["id"], **scope}
        found = fill(rule, scope) if "{" in rule else jmespath.search(rule, members or {})
        return {**scope, "arn": found or scope["id"]}

    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The object as AWS describes it, or None."""
        members: dict[str, Any] = {}
        for number, step in enumerate(self.reads):
            try:
                answer = self.ask(step, scope, context)
            except AwsError as error:
                if number == 0 and error.missing:
                    return None
                if number and (error.missing or error.unsupported):
                    continue
                raise
            for place, path in enumerate(() if step.keep else step.at.split()):
                node = answer if path == "." else jmespath.search(fill(path, scope), answer)
                if not node and not place and not number and path != ".":
                    return None
                members |= node if isinstance(node, dict) else {}
            members |= {
                key: jmespath.search(fill(path, scope), answer) for key, path in step.keep.items()
            }
            listed = answer.get("Attributes", {})
            listed = listed if isinstance(listed, dict) else {a["Key"]: a["Value"] for a in listed}
            members |= {f"@{key}": value for key, value in listed.items()}
        if self.gone and jmespath.search(self.gone, members):
            return None
        return Seen(members=members, tags=self._tags_seen(members, scope, context))

    def _tags_seen(self, members: Scope, scope: Scope, context: Context) -> dict[str, str] | None:
        if not self.tagged:
            return None
        rule = self.tag_rule
        tags: Any = next((members[k] for k in ("Tags", "TagSet", "tags") if k in members), [])
        if rule.read:
            try:
                request = fill(rule.args, self._with_arn(scope, members))
                tags = jmespath.search(rule.at, self.call(op(rule.read), request, context)) or []
            except AwsError as error:
                if not error.missing:
                    raise
                tags = []
        if isinstance(tags, dict):
            return dict(tags)
        return {
            tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value", "")) for tag in tags
        }

    @cached_property
    def seen_shape(self) -> Members:
        """All members that the read operations may show."""
        members: dict[str, Any] = {}
        for step in self.reads:
            answer: Any = operation(self.service, step.op).output_shape
            for path in () if step.keep else step.at.split():
                names = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", path).split("|")[0])
                members |= getattr(content(along(answer, names)), "members", {})
        return Members(members)

    def observe(self, inputs: Scope, seen: Seen) -> tuple[dict[str, Any], set[str]]:
        """The inputs whose value in AWS differs, with that value; and those AWS does not show."""
        different: dict[str, Any] = {}
        missing: set[str] = set()
        kind, shape = self.schema.kind, self.seen_shape
        hidden = {*_NOT_SENT, *self.unread.split()}
        for key, like in inputs.items():
            if key in hidden or self.is_client_side(key):
                continue
            if key in self.seen:
                actual = jmespath.search(self.seen[key], seen.members)
                if not same(like, actual, key, missing):
                    different[key] = actual
                continue
            route = self.words.route((key,), shape)
            sent: dict[str, Any] = {}
            try:
                self.words.place(sent, like, kind, shape, (key,))
            except _INPUT_ERRORS:
                continue
            alike = [same(sent[name], seen.members.get(name), key, missing) for name in sent]
            if route and not all(alike):
                place = along(shape, route)
                actual = walk(seen.members, route)
                found = self.words.from_api(actual, kind.fields[key], place, like, (key,))
                different[key] = found if canonical(found) != canonical(like) else None
        return different, missing

    def refreshed(
        self, id_: str, olds: Scope, inputs: dict[str, Any], context: Context
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Outputs and inputs as they are in AWS now, or None if the object is gone."""
        if self.recorded:
            return {**olds}, inputs
        seen = self.look(context.scope({**olds, **inputs}, id=id_), context)
        if seen is None:
            return None
        excused = set(olds.get(RECORDED, []))
        different, missing = self.observe(inputs, seen)
        gone = {path.split(".")[0] for path in missing - excused}
        now = {}
        for key, value in inputs.items():
            found = different.get(key, None if key in gone else value)
            if key in excused or found is not None:
                now[key] = value if key in excused else found
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
        return self.describe(now, seen, olds, context, id_, still), now

    def adopted(
        self, id_: str, context: Context
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Id, outputs and inputs of an object that was made elsewhere, as far as AWS shows them; it
        is named by what its calls name it by."""
        names = re.findall(r"=\{(\w+)\}", self.key)
        seen = self.look(context.scope(dict.fromkeys(names, id_), id=id_), context)
        if seen is None:
            return None
        inputs: dict[str, Any] = {}
        for key, kind in self.schema.inputs.items():
            route = self.words.route((key,), self.seen_shape)
            if key in _NOT_SENT or self.is_client_side(key):
                continue
            if key in self.seen:
                found = jmespath.search(self.seen[key], seen.members)
            elif route and route != ["."]:
                place = along(self.seen_shape, route)
                found = self.words.from_api(walk(seen.members, route), kind, place, None, (key,))
            else:
                continue
            if found not in (None, "", [], {}):
                inputs[key] = found
        if seen.tags:
            inputs |= {"tags": dict(seen.tags), "tagsAll": dict(seen.tags)}
        own = "" if "{" in self.id else seen.members.get(self.id.rpartition(".")[2])
        id_ = str(own or id_)
        return id_, self.describe(inputs, seen, {}, context, id_), inputs

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
            raise GoneError(id_)
        known = self.schema.outputs
        own = self.schema.inputs  # those come from the inputs, or are read anew
        result = {key: value for key, value in olds.items() if key in known and key not in own}
        members = seen.members if seen else {}
        for key in known.keys() - {*inputs, *_NOT_SENT}:
            found = find_member(key, members, self.nouns)
            if found and fits_hint(members[found], known[key]):
                result[key] = members[found]
        result |= visible(inputs)
        if "region" in known:
            result.setdefault("region", context.region)
        if self.tagged:
            result["tagsAll"] = inputs.get("tagsAll") or {}
        scope = context.scope({**result, "region": context.region}, id=id_)
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
            if excused is None:
                different, missing = self.observe(inputs, seen)
                untagged = seen.tags not in (None, inputs.get("tagsAll") or {})
                excused = {*different, *missing, *(["tags"] if untagged else [])}
                waiting = different.keys() & {*self.deferred.split()}
                later = {key: different[key] for key in waiting if different[key] is not None}
                excused -= later.keys()
                if later:
                    result |= {PENDING: later, **later}
            result[RECORDED] = sorted(excused)
        return {key: value for key, value in result.items() if value is not None}

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        if self.recorded or olds.get("skipDestroy") is True:
            return
        scope = context.scope(olds, id=id_)
        for step in self.deletes:
            if self.guard and olds.get(self.guard) is True:
                told = f"{id_} is protected: set {self.guard} to false and deploy before"
                raise AwsError(f"{self.service}:{step.op}", "OperationNotPermitted", told)
            try:
                self.ask(step, scope, context)
            except AwsError as error:
                if not error.missing:
                    raise


def _holds(
    conditions: Mapping[str, When], key: str, olds: Scope, news: Scope, state: Scope
) -> bool:
    """Whether the condition of an input, if it has one, holds for a change of it."""
    when = conditions.get(key)
    if when is None or UNKNOWN in (olds.get(key), news.get(key)):
        return False
    old, new = olds.get(key), news.get(key)
    return when.test(Change(old=old, new=new, olds=olds, news=news, state=state))


def visible(inputs: Scope) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def _main_part(answer: Any) -> str:
    """The place of the object in an answer that holds one thing: itself, or the first of a list."""
    members = answer.members if answer else {}
    parts = [n for n, part in members.items() if hasattr(content(part), "members")]
    if len(parts) != 1 or "Attributes" in members:
        return "."
    return f"{parts[0]}[0]" if members[parts[0]].type_name == "list" else parts[0]


def _place_of(member: str, model: Any) -> str:
    """Where an answer has a member: in itself, or in the object that it shows."""
    answer = model.output_shape
    return member if member in answer.members else f"{_main_part(answer)}.{member}"
