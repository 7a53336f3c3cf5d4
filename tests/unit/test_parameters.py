"""Run-time secrets: which the program fills, which people edit, and whose changes stay."""

import pytest

from local.record import SECRETS, Recording
from parameters import SecretParameters, SecretParametersArgs
from tests.unit.reading import component

BY_HAND = ["CESIUM_ACCESS_TOKEN", "NIWA_API_KEY", "LINZ_API_KEY", "STATSNZ_API_KEY", "MFE_API_KEY"]


def test_every_parameter_is_an_encrypted_string_below_the_prefix(stack: Recording) -> None:
    prefix = stack.outputs["cluster"].removesuffix("-ecs")
    parameters = stack["ssm/parameter:Parameter"]
    assert len(parameters) == 7
    for name, inputs in parameters.items():
        assert inputs["type"] == "SecureString"
        assert inputs["name"] == f"/{prefix}/{name.rpartition('-')[2]}"
        assert "keyId" not in inputs  # the account's own key, which costs nothing


@pytest.mark.parametrize("name", BY_HAND)
def test_what_people_edit_begins_as_placeholder_and_is_theirs(
    production: Recording, name: str
) -> None:
    parameter = production.one("ssm/parameter:Parameter", f"otakaro-dt-secrets-{name}")
    assert parameter.inputs["value"] == "placeholder"
    assert {"value", "type", "description", "tier", "keyId"} == set(parameter.ignore_changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PASSWORD", SECRETS["otakaro:databasePassword"]),
        ("GEOSERVER_ADMIN_PASSWORD", "Generated0Password0For0Tests"),
    ],
)
def test_internal_passwords_are_filled_and_stay_the_programs(
    production: Recording, name: str, value: str
) -> None:
    """GeoServer would run happily with the password 'placeholder'."""
    parameter = production.one("ssm/parameter:Parameter", f"otakaro-dt-secrets-{name}")
    assert parameter.inputs["value"] == value
    assert parameter.ignore_changes == ()


def test_generated_passwords_are_long_and_go_into_urls_unescaped(production: Recording) -> None:
    name = "otakaro-dt-secrets-GEOSERVER_ADMIN_PASSWORD"
    made = production["random:index/randomPassword:RandomPassword"][name]
    assert made["length"] >= 24
    assert made["special"] is False


def test_a_stack_may_have_other_parameters_and_none_to_spare() -> None:
    def build() -> list[str]:
        args = SecretParametersArgs(prefix="p", names=["A", "B"], filled={"A": "x"}, generated=[])
        secrets = SecretParameters("secrets", args)
        assert secrets["A"].by_hand is False
        assert secrets["B"].by_hand is True
        assert [s.name for s in secrets.besides(["A"])] == ["B"]
        return [secret.path for secret in secrets.having(["B", "C"])]

    recording = component(build)
    assert recording.result == ["/p/B"]
    values = {n: i["value"] for n, i in recording["ssm/parameter:Parameter"].items()}
    assert values == {"secrets-A": "x", "secrets-B": "placeholder"}
