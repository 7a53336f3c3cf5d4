"""The stack's settings as the engine gets them: the tracked file, plus what only a run knows.

The engine writes its salt and secrets into the file that it works with, so it works on a copy.
Values that the tracked file keeps as secrets are another passphrase's and mean nothing here; they
and those that a stack must have get stand-in values.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local import paths
from local.errors import LocalError

STACKS = ("local", "production")
PROJECT = "otakaro"
STAND_INS = (
    f"{PROJECT}:databasePassword",
    f"{PROJECT}:basicAuthUser",
    f"{PROJECT}:basicAuthPassword",
)


def write(stack: str, folder: Path, overrides: Mapping[str, str]) -> list[str]:
    """Put the project's and the stack's file into the engine's folder.

    The result names the secrets that still need a value. Raises LocalError for a stack without a
    file and for an override that cannot be read.
    """
    source = paths.ROOT / f"Pulumi.{stack}.yaml"
    if not source.exists():
        raise LocalError(f"there is no stack {stack!r}: STACK is one of {', '.join(STACKS)}")
    shutil.copyfile(paths.ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
    copy = folder / source.name
    tracked = _load(source)
    before = _load(copy) if copy.exists() else {}
    config = dict(tracked.get("config") or {})
    foreign = [key for key, value in config.items() if _is_secret(value)]
    for key in foreign:
        del config[key]
    for key, text in overrides.items():
        _set(config, key, text)
    kept = {key: value for key, value in (before.get("config") or {}).items() if _is_secret(value)}
    wanted = [key for key in dict.fromkeys((*STAND_INS, *foreign)) if key not in config]
    config.update({key: kept[key] for key in wanted if key in kept})
    salt = {key: before[key] for key in ("encryptionsalt",) if key in before}
    copy.write_text(yaml.safe_dump({**salt, "config": config}, sort_keys=False))
    return [key for key in wanted if key not in config]


def setting(stack: str, folder: Path, key: str) -> Any:
    """A setting as the engine will see it: the stack's value, else the project's default."""
    name = f"{PROJECT}:{key}"
    config = _load(folder / f"Pulumi.{stack}.yaml").get("config") or {}
    if name in config:
        return config[name]
    declared = (_load(folder / "Pulumi.yaml").get("config") or {}).get(name) or {}
    return declared.get("default")


def parse(assignments: list[str]) -> dict[str, str]:
    """`key=value` words as a mapping; a key without a namespace is the project's own.

    Raises LocalError for a word of another form.
    """
    overrides: dict[str, str] = {}
    for word in assignments:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise LocalError(f"{word!r} sets nothing: write key=value, e.g. natGateways=2")
        overrides[key if ":" in key else f"{PROJECT}:{key}"] = value
    return overrides


def _set(config: dict[str, Any], key: str, text: str) -> None:
    """Set one value, read as YAML; dots lead into nested ones (aws:defaultTags.tags.Owner)."""
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError as error:
        raise LocalError(f"{key}={text} cannot be read as a value: quote it as YAML") from error
    head, *inner = key.split(".")
    if not inner:
        config[head] = value
        return
    place = config.setdefault(head, {})
    for name in inner[:-1]:
        place = place.setdefault(name, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise LocalError(f"{key} leads into a value that has no parts")
    place[inner[-1]] = value


def _is_secret(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" line {place.line + 1}" if place is not None else ""
        raise LocalError(f"{path.name}{where} is no valid YAML: mend it") from error
    return content if isinstance(content, dict) else {}
