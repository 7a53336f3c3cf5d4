"""The `random` package: values from the operating system's generator, secret in the state."""

import base64
import secrets
import string
from dataclasses import dataclass
from typing import Any

from local.provider.lifecycle import Type
from local.provider.parts import Context, Scope, op
from local.provider.wire import UNKNOWN, secret

_SETS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": "!@#$%&*()-_=+[]{}<>:?",
}


@dataclass(frozen=True)
class Random(Type):
    """A value that is made once; any other input makes another."""

    def check(
        self,
        inputs: dict[str, Any],
        olds: Scope,  # noqa: ARG002
        name: str,  # noqa: ARG002
        seed: bytes,  # noqa: ARG002
        context: Context,  # noqa: ARG002
    ) -> tuple[dict[str, Any], list[str]]:
        faults = [
            f"{self.token} has no input {key}" for key in inputs if key not in self.schema.inputs
        ]
        if "length" in inputs and UNKNOWN not in inputs.values():
            least = max(1, sum(int(inputs.get(f"min{name.title()}", 0)) for name in _SETS))
            if inputs["length"] < least:
                faults.append(f"length {inputs['length']} is below {least}")
        return inputs, faults

    def make(self, inputs: Scope, context: Context) -> tuple[str, dict[str, Any]]:  # noqa: ARG002
        if self.token.endswith("RandomPassword"):
            return "none", {**inputs, "result": secret(_text(inputs))}
        raw = secrets.token_bytes(int(inputs.get("length") or inputs["byteLength"]))
        plain = base64.b64encode(raw).decode()
        if self.token.endswith("RandomBytes"):
            return "none", {**inputs, "hex": secret(raw.hex()), "base64": secret(plain)}
        url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        forms = {"b64Std": plain, "b64Url": url, "hex": raw.hex(), "dec": str(int.from_bytes(raw))}
        prefix = inputs.get("prefix", "")
        return url, {**inputs, **{form: prefix + text for form, text in forms.items()}}


def _text(inputs: Scope) -> str:
    sets = {**_SETS, "special": inputs.get("overrideSpecial", _SETS["special"])}
    wanted = {name: chars for name, chars in sets.items() if inputs.get(name, True)}
    picked = [
        secrets.choice(chars)
        for name, chars in wanted.items()
        for _ in range(int(inputs.get(f"min{name.title()}", 0)))
    ]
    everything = "".join(wanted.values())
    picked += [secrets.choice(everything) for _ in range(int(inputs["length"]) - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    return "".join(picked)


TYPES = {
    f"random:index/{name[0].lower()}{name[1:]}:{name}": Random(
        "", op(""), recorded=True, replace="*"
    )
    for name in ("RandomPassword", "RandomBytes", "RandomId")
}
