"""What a setting's change does is known for each one, stands in the document, and costs no data."""

import re

import pytest

from local import settings_page
from local.changes import (
    CASES,
    DATA,
    DOCUMENT,
    Case,
    Plan,
    all_plans,
    compare,
    document,
    plan,
    settings,
    type_of,
    when,
)
from local.provider.catalogue import find
from local.record import ROOT, configuration, record_program
from tests.local.stack import Local

STACK = "production"
# What goes when the setting that asks for it is taken back, and only then.
MEANT = {
    ("secretParameterNames", "aws:ssm/parameter:Parameter"),
    ("runningHours", "aws:ssm/parameter:Parameter"),  # whether it is night
}
SAMPLE = ("databaseInstanceClass", "natGateways", "geoserverMemory", "secretParameterNames")


@pytest.fixture(scope="module")
def plans() -> list[tuple[str, Case, Plan]]:
    """Every change of the document, derived anew."""
    return list(all_plans())


def test_every_setting_has_a_change_that_is_tried() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.split("\n## Settings\n")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert told | {"aws:region"} == set(settings()) == set(CASES)
    assert all(CASES.values())


@pytest.mark.timeout(1200)
def test_the_document_is_what_the_program_does(plans: list[tuple[str, Case, Plan]]) -> None:
    assert DOCUMENT.read_text() == document(plans), "run `make changes`"


def test_no_change_of_a_setting_costs_data(plans: list[tuple[str, Case, Plan]]) -> None:
    lost = {(key, type_of(urn)) for key, _, found in plans for urn in found.lost}
    assert lost <= MEANT


def test_every_change_has_a_way(plans: list[tuple[str, Case, Plan]]) -> None:
    assert [found.stuck for _, _, found in plans if found.stuck] == []


def test_no_change_of_a_setting_changes_a_generated_secret(
    plans: list[tuple[str, Case, Plan]],
) -> None:
    """A new one would be missing from what the page lists: all that holds it changes, too."""
    changed = {
        (key, type_of(urn))
        for key, _, found in plans
        for urn in (*found.created, *found.removed, *found.updated, *found.replaced)
    }
    secrets = {"random:index/randomPassword:RandomPassword", "random:index/randomBytes:RandomBytes"}
    assert {key for key, kind in changed if kind in secrets} == set()


def test_no_change_waits_for_a_maintenance_window(plans: list[tuple[str, Case, Plan]]) -> None:
    """What is deployed is in force, so that no later deployment plans it again."""
    assert [key for key, _, found in plans if found.waiting] == []


DATABASE = "urn:pulumi:s::p::otakaro:index:PostgresInstance$aws:rds/instance:Instance::pg"
ALARM = "urn:pulumi:s::p::aws:cloudwatch/metricAlarm:MetricAlarm::alarm"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Plan(), ""),
        (Plan(updated={ALARM: ["threshold"]}), "immediately"),
        (
            Plan(updated={DATABASE: ["instanceClass"]}, interrupted=[DATABASE]),
            "immediately, with a restart of rds.Instance",
        ),
        (
            Plan(updated={ALARM: ["threshold"]}, restarted=["geoserver"]),
            "immediately, with a restart of services",
        ),
        (
            Plan(updated={DATABASE: ["instanceClass"]}, waiting=[DATABASE]),
            "rds.Instance in the next maintenance window",
        ),
        (
            Plan(updated={DATABASE: ["multiAz"], ALARM: ["threshold"]}, waiting=[DATABASE]),
            "immediately; rds.Instance in the next maintenance window",
        ),
    ],
)
def test_when_a_change_acts_is_told(found: Plan, words: str) -> None:
    assert when(found) == words


@pytest.mark.parametrize(("now", "waits"), [(True, []), (False, ["multiAz"]), (None, ["multiAz"])])
def test_a_store_waits_unless_its_program_says_otherwise(
    waits: list[str], *, now: bool | None
) -> None:
    entry = find("aws:rds/instance:Instance")
    assert entry.waits(["multiAz", "password"], {"applyImmediately": now}) == waits


def test_a_change_that_would_cost_data_is_seen() -> None:
    # Without its protection: a protected database is let go, not deleted.
    bare = {**configuration("production"), "otakaro:protectData": "false"}
    before = record_program(bare)
    found, _ = compare(before, record_program({**bare, "otakaro:namePrefix": "other"}))
    assert {type_of(urn) for urn in found.lost} == {
        each.type for each in before.resources if each.type in DATA
    }


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("namePrefix", "other", "pulumi config set otakaro:namePrefix otakaro-dt"),
        ("vpcCidr", "10.7.0.0/16", "pulumi config set otakaro:vpcCidr 10.0.0.0/16"),
        ("zones", '["b", "a"]', "'otakaro:zones[0]' a && pulumi config set --path"),
        ("zones", '["a", "c"]', "allowed: a, b"),
        ("redisEngineVersion", "7.0", "pulumi config set otakaro:redisEngineVersion 7.1"),
        ("aws:region", "us-east-1", "pulumi config set aws:region ap-southeast-2"),
    ],
)
def test_what_a_stack_is_built_around_is_refused_with_the_way_back(
    key: str, value: str, words: str
) -> None:
    refused = plan(key, Case(to=value)).refused
    assert words in refused
    assert "nothing was changed" in refused


def test_a_zone_that_the_stack_made_stays() -> None:
    refused = plan("createDnsZone", Case(base="true", to="false")).refused
    assert "otakaro:createDnsZone true" in refused


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """Production, deployed once."""
    local.do("up")
    return local


@pytest.mark.parametrize("key", SAMPLE)
def test_the_engine_foresees_the_same(deployed: Local, key: str) -> None:
    case = CASES[key][0]
    found = plan(key, case)
    done = deployed.do("preview", "--set", f"{key}={case.to}")
    steps = dict.fromkeys(found.created, "create") | dict.fromkeys(found.removed, "delete")
    steps |= dict.fromkeys(found.updated, "update") | dict.fromkeys(found.replaced, "replace")
    mine = {f"{type_of(urn)} {urn.rsplit('::', 1)[1]}": step for urn, step in steps.items()}
    theirs = {
        name: {"create-replacement": "replace", "delete-replaced": "replace"}.get(step, step)
        for name, step in done.items()
        if not name.startswith(("otakaro:", "pulumi:"))
    }
    assert theirs == mine


@pytest.mark.parametrize("word", ["preview", "up"])
def test_another_prefix_is_refused_before_anything_is_touched(deployed: Local, word: str) -> None:
    before, held = things(deployed), deployed.account.holds()
    refused = deployed.run(word, "--set", "namePrefix=other")
    assert refused.returncode == 1
    errors = [line for line in refused.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "pulumi config set otakaro:namePrefix otakaro-dt" in errors[0]
    assert deployed.account.holds() == held
    assert things(deployed) == before


def things(deployed: Local) -> list[tuple[str, str]]:
    """What the state holds: secrets are encrypted anew with each command."""
    return [(each["urn"], each.get("id", "")) for each in deployed.resources()]


@pytest.mark.timeout(1200)
def test_each_settings_example_costs_what_its_page_says() -> None:
    """When this fails, `make changes` writes it anew."""
    assert settings_page.months() == settings_page.read_months()
