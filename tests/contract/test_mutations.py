"""Wrong values over the whole program are told, each with the input and the document."""

from pathlib import Path

import pytest

from local.provider.rules import RULES
from tests.contract.mutations import WRONG, Verdict, Wrong, fired, home_of, verdicts
from tests.contract.references import CHECKS
from tests.contract.world import World

DOCUMENT = Path(__file__).parents[2] / "docs" / "contract.md"
# How many of the table are caught; more is better, fewer is a gap in the checks.
FLOOR = 717
# Sizes of what the program doesn't use yet; its own test is below.
UNUSED = {"iam/policy:Policy"}


@pytest.fixture(scope="session")
def judgements(production: World, switched_on: World) -> list[Verdict]:
    return verdicts((production, switched_on))


def shown(wrong: Wrong) -> str:
    return f"{wrong.type} {wrong.path} {wrong.name}"


def test_nearly_every_wrong_value_is_caught(judgements: list[Verdict]) -> None:
    caught = [verdict for verdict in judgements if verdict.by]
    assert len(caught) >= FLOOR
    assert len(caught) / len(WRONG) >= 0.95


def test_every_reason_names_the_input(judgements: list[Verdict]) -> None:
    silent = [shown(verdict.wrong) for verdict in judgements if verdict.by and not verdict.told]
    assert silent == []


def test_what_goes_unseen_stands_in_the_document(judgements: list[Verdict]) -> None:
    text = DOCUMENT.read_text()
    unseen = [verdict.wrong for verdict in judgements if not verdict.by]
    missing = [shown(wrong) for wrong in unseen if f"`{wrong.path}` of {wrong.type}" not in text]
    assert missing == []
    caught = len(WRONG) - len(unseen)
    assert f"{caught} of {len(WRONG)} wrong values are caught" in text


def test_every_rule_has_a_wrong_value_that_breaks_it(production: World, switched_on: World) -> None:
    homes = (production, switched_on)
    broken = {id(rule) for wrong in WRONG for rule in fired(home_of(homes, wrong), wrong)}
    idle = [
        f"{' '.join(rule.types)} {rule.path}: {rule.must}"
        for rule in RULES
        if id(rule) not in broken and not {*rule.types} <= UNUSED
    ]
    assert idle == []


def test_a_managed_policy_has_its_size() -> None:
    [rule] = [rule for rule in RULES if {*rule.types} == UNUSED]
    assert [*rule.broken({"policy": "x" * 6144})] == []
    assert [*rule.broken({"policy": "x" * 6145})] == [
        "policy may have 6144 characters (IAM user guide, IAM and STS quotas)"
    ]


def test_every_reason_of_a_rule_has_its_source(judgements: list[Verdict]) -> None:
    sources = {rule.source for rule in RULES} | {source for _, source in CHECKS.values()}
    told = {reason for verdict in judgements for reason in verdict.reasons}
    cited = {source for source in sources if any(f"({source})" in reason for reason in told)}
    assert len(cited) > 80


def test_every_check_between_resources_has_a_wrong_value_that_breaks_it(
    judgements: list[Verdict],
) -> None:
    sources = [source for _, source in CHECKS.values()]
    assert len({*sources}) == len(sources)
    told = [reason for verdict in judgements for reason in verdict.reasons]
    silent = [
        name
        for name, (_, source) in CHECKS.items()
        if not any(reason.endswith(f"({source})") for reason in told)
    ]
    assert silent == []
