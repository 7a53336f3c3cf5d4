"""Typed values out of a stack's configuration texts, and what is wrong with them, in words."""

import difflib
import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pulumi

Choice = TypeVar("Choice", bound=str)


@dataclass
class ConfigReader:
    """Takes values by key; collects a problem for each key whose value can't be used."""

    namespace: str
    values: Mapping[str, str]
    secrets: Collection[str]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _retired: set[str] = field(default_factory=set)
    _bad: set[str] = field(default_factory=set)

    def sound(self, *keys: str) -> bool:
        """Whether the values of all `keys` are right so far, and may be compared."""
        return self._bad.isdisjoint(keys)

    def problem(self, key: str, allowed: str, example: str) -> None:
        """Note that the value of `key` isn't `allowed`; `example` is one that is."""
        self.problem_with_command(key, allowed, self._set(key, example))

    def problem_with_command(self, key: str, allowed: str, command: str) -> None:
        """Note that the value of `key` isn't `allowed`, and the `command` that mends it."""
        shown = "(hidden)" if key in self.secrets else repr(self.values.get(key, ""))
        self._note(key, f"is {shown}", allowed, command)

    def text(self, key: str, pattern: str | re.Pattern[str], allowed: str, example: str) -> str:
        """The value of `key` if it matches `pattern` as a whole, else '' and a problem."""
        value = self._value(key, allowed, self._set(key, example))
        if value is None:
            return ""
        if not re.fullmatch(pattern, value):
            self.problem(key, allowed, example)
            return ""
        return value

    def choice(self, key: str, options: Sequence[Choice]) -> Choice:
        """The one of `options` that the value of `key` is; the first with a problem when none."""
        value = self.text(key, "|".join(options), "one of " + ", ".join(options), options[0])
        return next((option for option in options if option == value), options[0])

    def boolean(self, key: str) -> bool:
        """Whether `key` is 'true'; false with a problem when it is neither."""
        return self.choice(key, ("false", "true")) == "true"

    def integer(self, key: str, least: int, most: int, *, clamp: bool = True) -> int:
        """The whole number of `key`; `least` with a problem when it isn't one within the bounds.

        `clamp` says that the nearest bound mends a number out of them; else the default does.
        """
        allowed = f"a whole number from {least} to {most}"
        value = self._value(key, allowed, self._set(key, str(least)))
        if value is None:
            return least
        if not re.fullmatch(r"-?\d{1,9}", value):
            self.problem_with_command(key, allowed, self.back_to_default(key))
            return least
        number = int(value)
        if least <= number <= most:
            return number
        if clamp:
            self.problem(key, allowed, str(min(max(number, least), most)))
        else:
            self.problem_with_command(key, allowed, self.back_to_default(key))
        return least

    def names(self, key: str) -> tuple[str, ...]:
        """The list of texts of `key`; empty with a problem when it isn't one."""
        value = self._value(key, "a list of names", self.with_item(key, 0, "NAME"))
        try:
            items = json.loads(value) if value is not None else []
        except ValueError:
            items = None
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.problem_with_command(key, "a list of names", self.back_to_default(key))
            return ()
        return tuple(items)

    def secret(self, key: str, pattern: str, allowed: str) -> pulumi.Output[str]:
        """The value of `key` as a secret; it must be stored as one, and is never shown."""
        command = f"pulumi config set --secret {self.namespace}:{key}"
        value = self._value(key, allowed, command)
        if value is not None and key not in self.secrets:
            self._note(key, "is stored in plain text", "an encrypted value", command)
        elif value is not None and not re.fullmatch(pattern, value):
            self.problem_with_command(key, allowed, command)
        return pulumi.Output.secret(value or "")

    def secrets_by_name(
        self, key: str, name: str, pattern: str, allowed: str
    ) -> pulumi.Output[dict[str, str]]:
        """The object of `key`, a secret for each name; empty when the key isn't set."""
        self._known.add(key)
        command = (
            f"{self.back_to_default(key)} && pulumi config set --secret --path "
            + shlex.quote(f'{self.namespace}:{key}["NAME"]')
        )
        try:
            items = json.loads(self.values.get(key, "{}"))
        except ValueError:
            items = None
        if not isinstance(items, dict) or not all(
            isinstance(value, str) and re.fullmatch(name, each) and re.fullmatch(pattern, value)
            for each, value in items.items()
        ):
            self._note(key, "is (hidden)", allowed, command)
            items = {}
        elif items and key not in self.secrets:
            self._note(key, "is stored in plain text", "encrypted values", command)
        return pulumi.Output.secret(items)

    def retired(self, key: str, why: str) -> None:
        """Note that `key`, which an earlier version had, has no effect if it is still set."""
        self._retired.add(key)
        if key in self.values:
            shown = "(hidden)" if key in self.secrets else repr(self.values[key])
            self.notes.append(
                f"{self.namespace}:{key} is {shown} and has no effect: {why}. To remove it, run:"
                f" {self.back_to_default(key)}"
            )

    def refuse_unknown_keys(self) -> None:
        """Note every key that nothing has asked for."""
        for key in sorted(set(self.values) - self._known - self._retired):
            near = difflib.get_close_matches(key, self._known, 1)
            self._note(
                key,
                "is not a setting of this program",
                f"those in Pulumi.yaml{f', such as {near[0]}' if near else ''}",
                self.back_to_default(key),
            )

    def back_to_default(self, key: str) -> str:
        """The command that takes the stack's own value away."""
        return f"pulumi config rm {self.namespace}:{key}"

    def without_item(self, key: str, index: int) -> str:
        """The command that takes an item out of the list of `key`."""
        return f"pulumi config rm --path '{self.namespace}:{key}[{index}]'"

    def with_item(self, key: str, index: int, value: str) -> str:
        """The command that makes `value` the item at `index` of the list of `key`."""
        return f"pulumi config set --path '{self.namespace}:{key}[{index}]' {value}"

    def _set(self, key: str, example: str) -> str:
        return f"pulumi config set {self.namespace}:{key} {shlex.quote(example)}"

    def _value(self, key: str, allowed: str, command: str) -> str | None:
        self._known.add(key)
        if key not in self.values:
            self._note(key, "is missing", allowed, command)
        return self.values.get(key)

    def _note(self, key: str, what: str, allowed: str, command: str) -> None:
        self._bad.add(key)
        self.problems.append(
            f"{self.namespace}:{key} {what}; allowed: {allowed}. Mend it with: {command}"
        )
