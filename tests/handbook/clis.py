"""What is wrong with a command of the handbook: held against AWS's models, the engine's CLI, the
Makefile and the program's own settings."""

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import botocore.exceptions
import botocore.session
import jmespath  # type: ignore[import-untyped]
import pulumi
import yaml
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from pulumi.runtime import set_all_config

from local import charges
from local.record import ROOT, SECRETS, configuration, record
from local.rolling import SERVICES
from operate.logs import FUNCTIONS
from settings import Settings
from tests.handbook import pulumi_cli
from tests.handbook.shell import ELLIPSIS, Command

# AWS CLI user guide, "Command line options"; whether each takes a value.
_GLOBAL: Mapping[str, bool] = {
    **dict.fromkeys(("output", "query", "profile", "region", "endpoint-url", "color"), True),
    **dict.fromkeys(("cli-input-json", "cli-read-timeout", "cli-connect-timeout"), True),
    **dict.fromkeys(("max-items", "page-size", "starting-token", "generate-cli-skeleton"), True),
    **dict.fromkeys(("debug", "no-paginate", "no-cli-pager", "no-sign-request"), False),
}
_OUTPUTS = frozenset({"json", "text", "table", "yaml", "yaml-stream", "off"})
# Commands of the CLI that are no API operation (AWS CLI command reference); options with a value,
# options without one.
_CUSTOM: Mapping[str, tuple[str, str]] = {
    "configure": ("*", "*"),
    "s3": ("*", "*"),
    "sso login": ("sso-session", "no-browser use-device-code"),
    "logs tail": ("since filter-pattern format log-stream-names log-stream-name-prefix", "follow"),
    "ecr get-login-password": ("", ""),
    "cloudfront create-invalidation": ("distribution-id paths", ""),
}
# What the CLI calls otherwise than botocore does (AWS CLI command reference).
_SERVICES = {"s3api": "s3", "deploy": "codedeploy", "configservice": "config"}
_RENAMED = {("sns", "subscribe"): {"endpoint": "notification-endpoint"}}
_LISTS = frozenset({"paths", "log-stream-names"})
_BACK = re.compile(r"\$|…|^[A-Z][A-Z_/-]*$")  # what the reader fills in: $NAME, fs-…, ACCOUNT


def complaints(command: Command, *, whole: bool = True) -> Iterator[str]:
    """What is wrong with one command; `whole` says that nothing of it may be missing."""
    checks = {"aws": _aws, "pulumi": _pulumi, "make": _make}
    if command.name in checks:
        yield from checks[command.name](command.words[1:], whole)


# -- aws


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def _operations(service: str) -> Mapping[str, OperationModel]:
    """The operations of a service by the CLI's names for them."""
    model = _session().get_service_model(service)
    return {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}


def _aws(words: Sequence[str], whole: bool) -> Iterator[str]:
    if not words or words[0].startswith("-"):
        yield "name the service first"
        return
    service, operation, rest = words[0], words[1] if len(words) > 1 else "", words[2:]
    if service in _CUSTOM:
        return
    custom = _CUSTOM.get(f"{service} {operation}")
    service = _SERVICES.get(service, service)
    if custom is None and service not in _session().get_available_services():
        yield f"aws has no service {service!r}"
        return
    if operation == "wait":
        yield from _waits(service, rest, whole)
        return
    if custom is None and operation not in _operations(service):
        yield f"aws {service} has no operation {operation!r}"
        return
    options = list(_options(rest))
    answer = None if custom is not None else _operations(service)[operation].output_shape
    yield from _global_values(options, answer)
    if custom is not None:
        yield from _custom(options, custom)
        return
    shape = _operations(service)[operation].input_shape
    renamed = _RENAMED.get((service, operation), {})
    yield from _members(f"aws {service} {operation}", shape, options, whole, renamed)


def _waits(service: str, rest: Sequence[str], whole: bool) -> Iterator[str]:
    model = _session().get_waiter_model(service)
    waiters = {xform_name(name, "-"): model.get_waiter(name) for name in model.waiter_names}
    if not rest or rest[0] not in waiters:
        yield f"aws {service} can't wait for {' '.join(rest[:1])!r}"
        return
    operation = _operations(service)[xform_name(waiters[rest[0]].operation, "-")]
    options = list(_options(rest[1:]))
    yield from _members(f"aws {service} wait {rest[0]}", operation.input_shape, options, whole)


def _options(words: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with the words behind it; '' has those that stand before all of them."""
    option, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if option or values:
                yield option, values
            name, equals, value = word[2:].partition("=")
            option, values = name, [value] if equals else []
        else:
            values.append(word)
    if option or values:
        yield option, values


def _global_values(options: Iterable[tuple[str, list[str]]], answer: Shape | None) -> Iterator[str]:
    for option, values in options:
        if option == "query" and values:
            try:
                with warnings.catch_warnings():  # of literals between backticks, which are taken
                    warnings.simplefilter("ignore", PendingDeprecationWarning)
                    parsed = jmespath.compile(values[0]).parsed
            except jmespath.exceptions.JMESPathError as error:
                yield f"--query {values[0]!r}: {str(error).splitlines()[0]}"
                continue
            names = _names(answer)
            if names is not None:
                asked = set(_fields(parsed)) - names
                yield from (f"--query: the answer has no {name}" for name in sorted(asked))
        if option == "output" and values and values[0] not in _OUTPUTS:
            yield f"--output {values[0]} is none of {', '.join(sorted(_OUTPUTS))}"


def _names(shape: Shape | None) -> set[str] | None:
    """Every name that an answer may have in it; None where it may have any."""
    found: set[str] = set()
    seen: set[str] = set()
    queue = [shape] if shape is not None else []
    while queue:
        each = queue.pop()
        if each.name in seen:
            continue
        seen.add(each.name)
        if isinstance(each, StructureShape):
            found |= set(each.members)
            queue += each.members.values()
        elif isinstance(each, ListShape):
            queue.append(each.member)
        elif isinstance(each, MapShape):
            keys = getattr(each.key, "enum", [])
            if not keys:
                return None
            found |= set(keys)
            queue.append(each.value)
    return found


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    """The names that a parsed query asks for."""
    if node["type"] == "field":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, Mapping):  # a slice's are numbers
            yield from _fields(child)


def _custom(options: Iterable[tuple[str, list[str]]], known: tuple[str, str]) -> Iterator[str]:
    valued, plain = (set(names.split()) for names in known)
    for option, values in options:
        if option in valued or _GLOBAL.get(option):
            if len([value for value in values if value != ELLIPSIS]) != 1 and option not in _LISTS:
                yield f"--{option} takes one value"
        elif option and option not in plain and option not in _GLOBAL:
            yield f"there is no option --{option}"


def _members(
    name: str,
    shape: StructureShape | None,
    options: list[tuple[str, list[str]]],
    whole: bool,
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Holds the options against the members of an operation's input."""
    names = {k: xform_name(k, "-") for k in shape.members} if shape is not None else {}
    names = {k: renamed.get(v, v) for k, v in names.items()}
    members = {} if shape is None else {names[k]: v for k, v in shape.members.items()}
    needed = set() if shape is None else {names[k] for k in shape.required_members}
    given = set()
    open_ = not whole
    for option, values in options:
        known = [value for value in values if value != ELLIPSIS]
        open_ = open_ or option == "cli-input-json" or (known != values and not option)
        open_ = open_ or (known != values and bool(known))  # `--name $X …`
        if not option:
            if known:
                yield f"{name} takes no word {known[0]!r} there"
            continue
        negated = option.removeprefix("no-")
        if option in members:
            given.add(option)
            yield from _value(option, members[option], known, told=bool(values))
        elif negated in members and members[negated].type_name == "boolean":
            given.add(negated)
            if known:
                yield f"--{option} takes no value"
        elif option not in _GLOBAL:
            yield f"{name} has no option --{option}"
        elif _GLOBAL[option] != (len(known) == 1):
            yield f"--{option} takes {'one' if _GLOBAL[option] else 'no'} value"
    if not open_ and (missing := sorted(needed - given - _supplied(members))):
        yield f"{name} needs --{' and --'.join(missing)}"


def _supplied(members: Mapping[str, Shape]) -> set[str]:
    """What botocore fills in itself."""
    return {k for k, v in members.items() if v.metadata.get("idempotencyToken")}


def _value(option: str, shape: Shape, values: list[str], *, told: bool) -> Iterator[str]:
    kind = shape.type_name
    if kind == "boolean":
        if values:
            yield f"--{option} takes no value, only --{option} or --no-{option}"
        return
    if not told:
        yield f"--{option} has no value"
    if kind in ("list", "structure", "map"):
        for value in values:
            yield from _parts(option, shape, value)
        return
    if len(values) > 1:
        yield f"--{option} takes one value, not {' '.join(values)!r}"
    allowed = getattr(shape, "enum", [])
    for value in values:
        if _BACK.search(value) and not (allowed and value.isascii() and "$" not in value):
            continue
        if kind in ("integer", "long") and not re.fullmatch(r"-?\d+", value):
            yield f"--{option} takes a number, not {value!r}"
        if allowed and value not in allowed:
            yield f"--{option} takes one of {', '.join(allowed)}, not {value!r}"


def _parts(option: str, shape: Shape, value: str) -> Iterator[str]:
    """Holds a value with parts against its shape: JSON, or KEY=VALUE,KEY=VALUE."""
    inner = shape.member if isinstance(shape, ListShape) else shape
    if value[:1] in "[{":
        try:
            found = json.loads(value)
        except ValueError as error:
            if not _BACK.search(value):
                yield f"--{option}: {error}"
            return
        each = found[0] if isinstance(found, list) and found else found
        keys = list(each) if isinstance(each, dict) else []
    else:
        keys = re.findall(r"(?:^|,)(\w+)=", value) if "{" not in value else []
    if isinstance(inner, StructureShape):
        yield from (f"--{option} knows no {key}" for key in keys if key not in inner.members)
    allowed = getattr(inner, "enum", [])
    if allowed and value not in allowed and not keys and "$" not in value:
        yield f"--{option} takes {', '.join(allowed)}, not {value!r}"


# -- make


@cache
def _makefile() -> tuple[set[str], set[str]]:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):(?!=)", text, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:or |if )?\$?\(?([A-Z_]+)\b", text))
    exported = re.findall(r"^export (.+)$", text, re.MULTILINE)
    return targets, variables | {name for line in exported for name in line.split()}


def _make(words: Sequence[str], whole: bool) -> Iterator[str]:  # noqa: ARG001 - same for all
    targets, variables = _makefile()
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name not in variables:
            yield f"the Makefile knows no {name}"
        elif not equals and word not in {*targets, ELLIPSIS} and not _BACK.search(word):
            yield f"there is no `make {word}`"
        if name == "SERVICE" and value not in _services(words[0]) and not _BACK.search(value):
            yield f"`make {words[0]}` knows no service {value!r}"
        if name == "PROFILE" and value not in charges.document("profiles.yaml")["profiles"]:
            yield f"there is no profile {value!r}"
        if name == "SET":
            wanted = dict(pair.split("=", 1) for pair in value.split() if "=" in pair)
            yield from settings_complaints({k: v for k, v in wanted.items() if not k.isupper()})


def _services(target: str) -> set[str]:
    """What a target takes for SERVICE."""
    parts = {"backend-flask", "backend-celery"}
    known = {
        "push": set(SERVICES),
        "logs": {*SERVICES, *parts, *FUNCTIONS},
        "shell": {*SERVICES, *parts} - {"backend"},
    }
    return known.get(target, {*SERVICES, *parts})


# -- pulumi


def _pulumi(words: Sequence[str], whole: bool) -> Iterator[str]:  # noqa: ARG001 - same for all
    name, rest = subcommand(words)
    table = pulumi_cli.table()
    if not name:
        yield f"pulumi has no sub-command {' '.join(words[:2])!r}"
        return
    known = table[name]["options"] | table[""]["options"]
    positional = []
    queue = list(rest)
    while queue:
        word = queue.pop(0)
        option, equals, _ = word.partition("=")
        if option.startswith("-") and re.match(r"-[a-z]?\w*=?\d*$", word) and option[:2] in known:
            option = option[:2] if not option.startswith("--") else option
        if not word.startswith("-"):
            positional.append(word)
        elif option not in known:
            yield f"pulumi {name} has no option {option}"
        elif known[option] and not equals and option == word:
            if not queue:
                yield f"pulumi {name} {option} needs a value"
            queue[:1] = []
    deeper = [key for key in table if key.startswith(f"{name} ")]
    if deeper and positional and not table[name]["options"]:
        yield f"pulumi {name} has no sub-command {positional[0]!r}"
    if name == "login":
        # pulumi/pulumi#13899: the login fails with MissingRegion, unless the shell has one.
        for address in positional:
            if address.startswith("s3://") and "region=" not in address:
                yield f"pulumi login {address} names no region: '{address}?region=ap-southeast-2'"


def subcommand(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The sub-command that the words begin with, by its full name, and the words behind it."""
    table = pulumi_cli.table()
    names = {"": ""}
    for name, known in table.items():
        parent, _, last = name.rpartition(" ")
        for word in (last, *known["aliases"]):
            names[f"{parent} {word}".strip()] = name
    found, rest = "", words
    while rest:
        longer = names.get(f"{found} {rest[0]}".strip())
        if longer is None:
            break
        found, rest = longer, rest[1:]
    return found, rest


# -- settings


@cache
def _declared() -> dict[str, set[str]]:
    """The keys of each project, by its name."""
    projects = {}
    for file in ("Pulumi.yaml", "bootstrap/Pulumi.yaml"):
        project = yaml.safe_load((ROOT / file).read_text())
        projects[project["name"]] = {key.split(":")[1] for key in project["config"]}
    projects["otakaro"] |= {key.split(":")[1] for key in SECRETS} | {"dnsZone", "basicAuthUsers"}
    projects["aws"] = {"region", "profile", "defaultTags"}
    return projects


def config_complaints(commands: Iterable[Command]) -> Iterator[str]:
    """What is wrong with the settings that these commands set, one after the other."""
    wanted: dict[str, object] = {}
    for command in commands:
        if command.name != "pulumi":
            continue
        name, rest = subcommand(command.words[1:])
        if not name.startswith("config ") or name.split()[1] not in ("set", "get", "remove"):
            continue
        words = [word for word in rest if not word.startswith("-")]
        if not words or words[0] in (ELLIPSIS, "KEY"):
            continue
        path = re.fullmatch(r"(?:([\w-]+):)?(\w+)(?:\[(.+)\])?", words[0])
        if path is None:
            yield f"{words[0]!r} is no setting's key"
            continue
        project, key, index = path.groups()
        known = _declared()
        owners = [project] if project else ["otakaro", "otakaro-bootstrap"]
        if not any(key in known.get(owner, ()) for owner in owners):
            yield f"{words[0]!r} is no setting of {owners[0]}"
        elif name == "config set" and len(words) > 1 and key in known["otakaro"]:
            value = words[1]
            if not _BACK.search(value) and project in (None, "otakaro"):
                _set(wanted, key, index, value)
    if wanted:
        yield from settings_complaints(wanted)


def _set(wanted: dict[str, object], key: str, index: str | None, value: str) -> None:
    if index is None:
        wanted[key] = value
        return
    items = wanted.setdefault(key, json.loads(configuration("production")[f"otakaro:{key}"]))
    if isinstance(items, list):
        items[int(index) : int(index) + 1] = [value]


def settings_complaints(wanted: Mapping[str, object]) -> Iterator[str]:
    """What the program says of production with these values."""
    values = {
        (k if ":" in k else f"otakaro:{k}"): v if isinstance(v, str) else json.dumps(v)
        for k, v in wanted.items()
    }
    config = configuration("production") | values

    def build() -> None:
        set_all_config(config, [*SECRETS, "otakaro:basicAuthUsers"])
        Settings.load(pulumi.Config("otakaro"))

    try:
        record(build, config)
    except pulumi.RunError as error:
        yield from (line.strip(" -") for line in str(error).splitlines()[1:])
