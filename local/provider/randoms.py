"""The `random` package: values from the operating system's generator, secret in the state."""

import base64
import secrets
import string
from collections.abc import Mapping
from typing import Any

from local.provider.model import schema
from local.provider.wire import UNKNOWN, canonical, secret

_SETS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": "!@#$%&*()-_=+[]{}<>:?",
}


def problems(token: str, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = {"RandomPassword", "RandomString", "RandomId", "RandomBytes", "RandomUuid"}
    if token.split(":")[-1] not in known:
        return [("", f"{token} is not known: add it to local/provider/randoms.py")]
    inputs_known = schema(token).inputs
    faults = [(key, f"{token} has no input {key}") for key in inputs if key not in inputs_known]
    least = sum(int(inputs.get(f"min{name.title()}", 0)) for name in _SETS if _known(inputs))
    if _known(inputs) and "length" in inputs and inputs["length"] < max(1, least):
        faults.append(("length", f"length {inputs['length']} is below {max(1, least)}"))
    return faults


def _known(inputs: Mapping[str, Any]) -> bool:
    return UNKNOWN not in inputs.values()


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    keys = {*olds, *news}
    return sorted(key for key in keys if canonical(olds.get(key)) != canonical(news.get(key)))


def make(token: str, inputs: Mapping[str, Any], *, preview: bool) -> tuple[str, dict[str, Any]]:
    if preview:
        return "", dict(inputs)
    name = token.split(":")[-1]
    if name in ("RandomPassword", "RandomString"):
        text = _text(inputs)
        hidden = name == "RandomPassword"
        result: Any = secret(text) if hidden else text
        return "none" if hidden else text, {**inputs, "result": result}
    if name == "RandomUuid":
        value = secrets.token_hex(16)
        text = f"{value[:8]}-{value[8:12]}-4{value[13:16]}-a{value[17:20]}-{value[20:]}"
        return text, {**inputs, "result": text}
    size = int(inputs["byteLength" if name == "RandomId" else "length"])
    raw = secrets.token_bytes(size)
    plain, url = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")
    if name == "RandomBytes":
        return "none", {**inputs, "hex": secret(raw.hex()), "base64": secret(plain)}
    prefix = inputs.get("prefix", "")
    return url, {
        **inputs,
        "b64Std": prefix + plain,
        "b64Url": prefix + url,
        "hex": prefix + raw.hex(),
        "dec": prefix + str(int.from_bytes(raw, "big")),
    }


def _text(inputs: Mapping[str, Any]) -> str:
    sets = dict(_SETS)
    if "overrideSpecial" in inputs:
        sets["special"] = inputs["overrideSpecial"]
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
