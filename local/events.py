"""What the engine reports of its steps, kept for the summary and for tests."""

import re
from collections import Counter
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent

_COLOURS = re.compile(r"<\{%[^%]*%\}>")  # the engine's marks for its own display
_QUIET = {"same", "refresh", "read", "read-discard", "discard"}


@dataclass
class Steps:
    """Collects the events of one operation."""

    changed: dict[str, str] = field(default_factory=dict)
    """What was done, by the resource's URN: create, update, replace, delete, ..."""
    keys: dict[str, list[str]] = field(default_factory=dict)
    """The inputs that an update or replacement changed, by the resource's URN."""
    errors: list[str] = field(default_factory=list)

    def take(self, event: EngineEvent) -> None:
        """Take in one event of the engine's stream."""
        if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            text = _COLOURS.sub("", event.diagnostic_event.message).strip()
            if text and text not in self.errors:
                self.errors.append(text)
        step = event.resource_pre_event or event.res_outputs_event
        if step is None or str(getattr(step.metadata.op, "value", step.metadata.op)) in _QUIET:
            return
        operation = str(getattr(step.metadata.op, "value", step.metadata.op))
        self.changed[step.metadata.urn] = operation
        if step.metadata.detailed_diff:
            self.keys[step.metadata.urn] = sorted(step.metadata.detailed_diff)

    def counts(self) -> Counter[str]:
        """How many resources each kind of step met."""
        return Counter(self.changed.values())
