"""What the README says of settings, commands and files is so."""

import json
import re

import yaml

from local.record import ROOT

README = (ROOT / "README.md").read_text()
DECLARED = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]


def shown(value: object) -> str:
    """A default as the table writes it."""
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return json.dumps(value)
    if value == []:
        return "(none)"
    if isinstance(value, list):
        return f"`{', '.join(value)}`" if len(value) < 4 else f"{len(value)} names"
    return f"`{value}`"


def test_the_table_has_every_setting_with_its_default_and_effect() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", README, re.MULTILINE))
    undeclared = {key for key, row in rows.items() if row.startswith("none")}
    required = {"dnsZone", "databasePassword", "basicAuthUser", "basicAuthPassword"}
    assert undeclared == required | {"basicAuthUsers"}
    assert {key: row for key, row in rows.items() if key not in undeclared} == {
        key.removeprefix("otakaro:"): f"{shown(setting['default'])} | {setting['description']}"
        for key, setting in DECLARED.items()
    }


def test_the_commands_of_the_readme_are_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_the_files_of_the_readme_are_there() -> None:
    for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", README):
        assert (ROOT / path).exists(), path
