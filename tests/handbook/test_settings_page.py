"""docs/settings.md says what is so: every setting, with what the program takes and does."""

import re

import pytest
import yaml

from local import settings_page
from local.record import ROOT, SECRETS


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """The cells of the page by key."""
    text = settings_page.PAGE.read_text(encoding="utf-8")
    return {
        found[1]: [cell.strip() for cell in found[2].split(" | ")]
        for found in re.finditer(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    }


@pytest.mark.timeout(600)
def test_the_page_is_what_the_program_says() -> None:
    """When this fails, `make changes` writes it anew. (Costs: tests/local/test_changes.py.)"""
    now = settings_page.PAGE.read_text(encoding="utf-8")
    assert now == settings_page.page(settings_page.read_months())


def test_every_setting_has_its_row_once(rows: dict[str, list[str]]) -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    keys = {key.split(":")[1] for key in [*declared, *SECRETS]} | {"dnsZone", "basicAuthUsers"}
    assert set(rows) == keys
    assert sum(len(section) for _, section in settings_page.sections()) == len(keys)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("natGateways", "a whole number from 0 to 2"),
        ("celerySpot", "true or false"),
        ("terriamapMemory", "512 cpu units: 1024 to 4096 MiB in steps of 1024"),
        ("redisTls", "one of preferred, required"),
        ("basicAuthUser", "1 to 64 characters, no colon"),
        ("interfaceEndpoints", "different ones of ec2, ecr.api"),
    ],
)
def test_what_a_setting_may_be_is_what_the_program_says(key: str, told: str) -> None:
    assert told in settings_page.allowed(key)


def test_no_setting_is_without_what_it_may_be_and_an_example(rows: dict[str, list[str]]) -> None:
    assert [key for key, cells in rows.items() if not all(cells[:5])] == []


def test_a_change_that_is_refused_is_told_so_and_costs_nothing(rows: dict[str, list[str]]) -> None:
    *_, effect, cost = rows["vpcCidr"]
    assert effect.startswith("Refused")
    assert cost.strip("| ") == ""


def test_a_change_costs_the_difference_of_two_bills() -> None:
    # A gateway's hours and its address's, and what may come with it.
    assert float(settings_page.month("natGateways")) == pytest.approx(730 * 0.064, abs=2)
    assert float(settings_page.month("flaskMax").removeprefix("at most ")) > 30
    assert settings_page.month("mapAccess") == ""
