"""What is taken over from the former deployment gets the places that the program gives it."""

import json
import re

from local.record import ROOT, Recording

ADOPTED = json.loads((ROOT / "docs" / "adopt.json").read_text())["resources"]


def test_everything_that_is_taken_over_is_the_programs(production: Recording) -> None:
    urns = {(r.type, r.name): r.urn for r in production.resources}
    types = {entry["name"]: entry["type"] for entry in ADOPTED}
    for entry in ADOPTED:
        urn = urns[entry["type"], entry["logicalName"]]
        if not entry.get("component"):
            assert f"::{types[entry['parent']]}${entry['type']}::" in urn
            assert entry["id"] == entry["logicalName"]


def test_what_both_deployments_name_alike_is_taken_over(production: Recording) -> None:
    taken = {entry["logicalName"] for entry in ADOPTED}
    names = {r.inputs["name"] for r in production.of("ecr/repository:Repository")}
    assert names | {production.outputs["cluster"]} == taken


def test_it_is_imported_with_the_providers_own_version() -> None:
    """Else the first `pulumi up` finds it with another provider."""
    requirements = (ROOT / "requirements.txt").read_text()
    [version] = re.findall(r"^pulumi-aws==(\S+)$", requirements, re.MULTILINE)
    assert {entry["version"] for entry in ADOPTED if "version" in entry} == {version}
