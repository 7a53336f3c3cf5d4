"""What a preview would change: resources, operations and names of properties, never a value."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation import EngineEvent, OpType, StepEventMetadata

# What holds something that a new resource would not have.
DATA = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:ssm/parameter:Parameter",
    }
)
# In the order of a table; what an operation is called in it.
_WORDS = {
    OpType.DELETE: "delete",
    OpType.REPLACE: "replace",
    OpType.UPDATE: "update",
    OpType.CREATE: "create",
    OpType.IMPORT: "import",
    OpType.READ: "read",
    OpType.REFRESH: "changed outside",
}
# A replacement is told once, as such; its steps are the engine's own business.
_STEPS = {OpType.CREATE_REPLACEMENT: OpType.REPLACE, OpType.DELETE_REPLACED: OpType.REPLACE}
_PROVIDERS = "pulumi:providers:"
_SEEN_ONLY = frozenset({OpType.SAME, OpType.READ})
MOST_ROWS = 60
MOST_NAMES = 8


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to one resource."""

    operation: OpType
    type: str  # as in `aws:rds/instance:Instance`
    name: str
    properties: Mapping[str, bool] = field(default_factory=dict)  # path -> forces replacement
    protected: bool = False

    @property
    def perilous(self) -> bool:
        """Whether something would be gone that a new resource does not bring back."""
        gone = self.operation in (OpType.DELETE, OpType.REPLACE)
        return gone and (self.protected or self.type in DATA)


class Changes:
    """Collects a preview's events; `take` is what the Automation API calls with each."""

    def __init__(self) -> None:
        self.unchanged = 0
        self.errors = 0
        self._found: dict[str, Change] = {}
        self._inputs: dict[str, Any] = {}
        self._looked_at: set[str] = set()

    def take(self, event: EngineEvent) -> None:
        """Take in one event of the engine's stream."""
        told = event.diagnostic_event
        if told is not None and told.severity == "error":
            self.errors += 1
        if event.res_outputs_event is not None:
            self._looked(event.res_outputs_event.metadata)
        if event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata)

    def _step(self, known: StepEventMetadata) -> None:
        operation = _STEPS.get(known.op, known.op)
        if operation == OpType.REFRESH:
            self._looked_at.add(known.urn)  # what it found comes with the resource's outputs
        elif operation in _SEEN_ONLY:
            self.unchanged += not known.type.startswith(_PROVIDERS)
        elif operation in _WORDS:
            self._note(operation, known)

    def _looked(self, known: StepEventMetadata) -> None:
        """A resource was looked at before the preview: is it still as the state has it?"""
        if known.urn in self._looked_at:
            self._looked_at.remove(known.urn)
            if known.op not in (OpType.SAME, OpType.REFRESH):
                self._note(OpType.REFRESH, known)

    def _note(self, operation: OpType, known: StepEventMetadata) -> None:
        before = self._found.get(known.urn)
        properties = dict(before.properties) if before is not None else {}
        for path, difference in (known.detailed_diff or {}).items():
            properties[path] = difference.diff_kind.value.endswith("replace")
        for name in known.keys or ():
            if not any(_head(path) == name for path in properties):
                properties[name] = True
        old = known.old
        self._found[known.urn] = Change(
            operation=operation,
            type=known.type,
            name=known.urn.rsplit("::", 1)[-1],
            properties=properties,
            protected=bool(old is not None and old.protect),
        )
        if known.new is not None:
            self._inputs[known.urn] = known.new.inputs

    def __iter__(self) -> Iterator[Change]:
        """Every change, what may hurt first."""
        order = list(_WORDS)
        return iter(
            sorted(
                self._found.values(),
                key=lambda one: (not one.perilous, order.index(one.operation), one.type, one.name),
            )
        )

    def __len__(self) -> int:
        return len(self._found)

    @property
    def digest(self) -> str:
        """The same for two previews that would do the same, by values too.

        The engine has taken secrets out of its events, so the digest tells nothing of them; nor
        does it of anything else, being a hash.
        """
        plan = {
            urn: [
                change.operation.value,
                sorted(change.properties.items()),
                _without_places(self._inputs.get(urn)),
            ]
            for urn, change in sorted(self._found.items())
        }
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def markdown(changes: Changes, title: str) -> str:
    """A short summary for people: counts, what is at risk, a table of what changes."""
    counts = Counter(_WORDS[change.operation] for change in changes)
    told = [
        f"{counts[word]} {'' if operation == OpType.REFRESH else 'to '}{word}"
        for operation, word in _WORDS.items()
        if counts[word]
    ]
    if changes.errors:
        headline = "the preview failed; the job's log says why"
    else:
        headline = ", ".join([*(told or ["no change"]), f"{changes.unchanged} unchanged"])
    lines = [f"### {title}: {headline}"]
    perilous = [change for change in changes if change.perilous]
    if perilous:
        names = ", ".join(_code(change.name) for change in perilous[:MOST_ROWS])
        lines += ["", f"> [!CAUTION]\n> Data or what is protected would be gone: {names}"]
    if len(changes):
        lines += ["", "| operation | resource | type | properties |", "| --- | --- | --- | --- |"]
        lines += [_row(change) for change in list(changes)[:MOST_ROWS]]
    if len(changes) > MOST_ROWS:
        lines += ["", f"and {len(changes) - MOST_ROWS} more, in the job's log."]
    if any(forces for change in changes for forces in change.properties.values()):
        lines += ["", "Properties in bold force the replacement."]
    return "\n".join(lines) + "\n"


def _row(change: Change) -> str:
    word = _WORDS[change.operation]
    if change.perilous:
        word = f":warning: **{word}**"
    names = [
        f"**{_code(path)}**" if forces else _code(path)
        for path, forces in sorted(change.properties.items(), key=lambda item: (not item[1], item))
    ]
    more = len(names) - MOST_NAMES
    told = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"| {word} | {_code(change.name)} | {_code(change.type)} | {told} |"


def _code(text: str) -> str:
    """A name as code: no mark-up, no mention and no end of the table's cell can come out of it."""
    plain = re.sub(r"[`|\\<>\s]+", " ", text).strip()
    return f"`{plain[:120] or '?'}`"


def _head(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _without_places(value: Any) -> Any:
    """Inputs without where a checkout happens to be: files count by their hash."""
    if isinstance(value, Mapping):
        files = "hash" in value and "path" in value
        return {
            key: _without_places(part)
            for key, part in value.items()
            if not (files and key == "path")
        }
    if isinstance(value, list):
        return [_without_places(part) for part in value]
    return value
