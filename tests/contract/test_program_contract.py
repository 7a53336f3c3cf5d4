"""The whole program is what AWS takes, by its models and by the rules in its documents."""

import pytest

from local.provider.rules import RULES
from tests.contract.world import World


@pytest.mark.parametrize("stack", ["production", "second", "previewed", "switched_on"])
def test_aws_would_accept_every_resource(stack: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(stack)
    assert len(world.things) > 200
    assert world.faults == ()


def test_every_rule_names_its_source_and_is_about_types_that_exist() -> None:
    assert all(len(rule.source) > 6 for rule in RULES)
    assert all(rule.must for rule in RULES)
