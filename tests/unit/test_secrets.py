"""What is secret stays secret: in the state, in the outputs, in packages and in containers."""

import json
from typing import Any

import pytest

from local.record import SECRETS, Recording
from tests.unit.reading import text_of
from tests.unit.test_program import comparable

GENERATED = "Generated0Password0For0Tests"  # what the recorder's random passwords are
VALUES = {*SECRETS.values(), GENERATED}


def shows(value: Any) -> set[str]:
    text = json.dumps(comparable(value))
    return {secret for secret in VALUES if secret in text}


def test_exactly_these_inputs_are_secret(production: Recording) -> None:
    found = {
        (resource.type.rpartition(":")[2], resource.name.removeprefix("otakaro-dt-"), key)
        for resource in production.resources
        for key in resource.secret
    }
    names = [
        *("CESIUM_ACCESS_TOKEN", "NIWA_API_KEY", "LINZ_API_KEY", "STATSNZ_API_KEY", "MFE_API_KEY"),
        *("POSTGRES_PASSWORD", "GEOSERVER_ADMIN_PASSWORD"),
    ]
    assert found == {
        *(("Parameter", f"secrets-{name}", "value") for name in names),
        ("Instance", "pg", "password"),
        ("Function", "basic-auth", "code"),
    }


def test_no_secret_shows_in_an_input_that_is_not_secret(stack: Recording) -> None:
    shown = {
        f"{resource.urn} {key}"
        for resource in stack.resources
        for key, value in resource.inputs.items()
        if key not in resource.secret and shows(value)
    }
    assert shown == set()


def test_secrets_reach_what_needs_them_and_nothing_else(production: Recording) -> None:
    """The search above is no use if the values never arrive."""
    held = {
        (resource.type.rpartition(":")[2], resource.name.removeprefix("otakaro-dt-"), secret)
        for resource in production.resources
        for secret in shows(resource.inputs)
    }
    database = SECRETS["otakaro:databasePassword"]
    assert held == {
        ("Instance", "pg", database),
        ("Parameter", "secrets-POSTGRES_PASSWORD", database),
        ("Parameter", "secrets-GEOSERVER_ADMIN_PASSWORD", GENERATED),
    }


def test_no_secret_is_an_output(stack: Recording) -> None:
    assert shows(stack.outputs) == set()


def test_the_edges_package_holds_digests_only(stack: Recording) -> None:
    [code] = [
        inputs["code"]
        for name, inputs in stack["lambda/function:Function"].items()
        if name.endswith("-basic-auth")
    ]
    assert shows(code) == set()
    [digest] = json.loads(text_of(code, "config.json"))["users"]
    assert len(bytes.fromhex(digest)) == 32


@pytest.mark.parametrize("service", ["terriamap", "geoserver", "backend-flask", "backend-celery"])
def test_containers_get_no_secret_as_a_plain_variable(production: Recording, service: str) -> None:
    task = production["ecs/taskDefinition:TaskDefinition"][f"otakaro-dt-{service}"]
    [container] = json.loads(task["containerDefinitions"])
    plain = {pair["name"] for pair in container["environment"]}
    assert [name for name in plain if "PASSWORD" in name or name.endswith(("_KEY", "_TOKEN"))] == []
    assert plain.isdisjoint(pair["name"] for pair in container["secrets"])
