"""Whatever the settings accept, AWS accepts; what AWS would refuse, the settings refuse first."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from local.provider.rules.core import OFFERED
from local.record import configuration
from regions import REGIONS
from tests.contract.configurations import (
    GIVEN,
    accepted,
    domains,
    held,
    pairs,
    problems,
    refused,
    settled,
)
from tests.contract.references import broken
from tests.contract.world import world

PRODUCTION = configuration("production")


def test_every_setting_is_drawn() -> None:
    """A number, a choice or a switch by itself; a text or a list needs a row of GIVEN."""
    assert [key for key, domain in domains().items() if not domain.values] == []
    assert {f"otakaro:{key}" for key in GIVEN} <= domains().keys()


def test_aws_accepts_any_two_extremes_together() -> None:
    """Every pair of values of two settings is in one of the configurations, or refused by the
    settings; the commands that they then name lead to the nearest that they accept."""
    told: Counter[str] = Counter()
    left = pairs()
    for number, config in enumerate(accepted()):
        left -= held(config, left)
        program = world(config)
        assert len(program.things) > 200
        told.update(program.faults)
        told.update(broken(program))
        twice = Counter(thing.urn for thing in program.things) - Counter(
            {thing.urn for thing in program.things}
        )
        told.update(f"{urn} is there twice" for urn in twice)
        assert not told, f"configuration {number}: {json.dumps(config)}"
    assert {pair for pair in left if not refused(pair)} == set()


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_offers_what_its_row_says(region: str) -> None:
    row = REGIONS[region]
    assert row.zones == OFFERED["zones"][region]
    assert {*row.database_classes} <= {*OFFERED["classes"][region].split()}
    assert {*row.cache_nodes} <= {*OFFERED["nodes"][region].split()}
    incidents = any("incidents" in service for service in row.endpoints)
    assert incidents == (region in OFFERED["incidents"].split())


def test_each_minor_version_that_is_allowed_can_be_created() -> None:
    """And all that can be are allowed."""
    known = {version for version in OFFERED["postgres"].split() if int(version[:2]) >= 15}
    versions = {f"{major}.{minor}" for major in range(15, 19) for minor in range(40)}
    key = "otakaro:databaseEngineVersion"
    allowed = {one for one in versions if not problems({**PRODUCTION, key: one})}
    assert allowed == {version for version in known if "." in version}


ANY = {
    key: st.one_of(
        st.sampled_from(domain.values),
        *([st.from_regex(domain.pattern, fullmatch=True)] if domain.pattern else ()),
        st.text(max_size=20),
        st.integers(-1, 70_000).map(str),
    )
    for key, domain in domains().items()
}


@profile(max_examples=50, deadline=None, derandomize=True)
@given(
    st.sets(st.sampled_from(sorted(ANY)), min_size=1, max_size=6).flatmap(
        lambda keys: st.fixed_dictionaries({key: ANY[key] for key in sorted(keys)})
    )
)
def test_the_commands_of_the_problems_lead_to_what_is_accepted(drawn: dict[str, str]) -> None:
    """Whatever stands in the stack file: nothing but problems is raised, each with its command."""
    settled({**PRODUCTION, **drawn})
