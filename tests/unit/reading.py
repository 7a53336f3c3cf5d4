"""Ways to read a recording that several tests take."""

from collections.abc import Callable, Iterator
from typing import Any

import pulumi

from local.record import ACCOUNT, Recording, Resource, document, record


def statements(text: str) -> list[dict[str, Any]]:
    """The statements of a policy document, which has the current version."""
    policy = document(text)
    assert policy["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def may(recording: Recording, role: str) -> list[dict[str, Any]]:
    """What the role's own policy says."""
    return statements(recording["iam/rolePolicy:RolePolicy"][role]["policy"])


def trusted(recording: Recording, role: str) -> Any:
    """Who takes the role."""
    [statement] = statements(recording["iam/role:Role"][role]["assumeRolePolicy"])
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    return statement["Principal"]


def policies(recording: Recording) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy that the program writes, with its resource's URN."""
    for resource in recording.resources:
        if "iam/role:" not in resource.type and resource.type.startswith("aws:"):
            text = resource.inputs.get("policy")
            if isinstance(text, str) and "Statement" in text:
                for statement in statements(text):
                    yield resource.urn, statement


def arn(service: str, name: str) -> str:
    """The ARN that the recorder gives."""
    return f"arn:aws:{service}:ap-southeast-2:{ACCOUNT}:{name}"


def container(recording: Recording, service: str) -> dict[str, Any]:
    """The only container of the service's task."""
    [only] = containers(recording, service)
    return only


def containers(recording: Recording, service: str) -> list[dict[str, Any]]:
    definition = recording["ecs/taskDefinition:TaskDefinition"][service]
    found: list[dict[str, Any]] = document(definition["containerDefinitions"])
    return found


def environment(recording: Recording, service: str) -> dict[str, str]:
    """The container's plain variables, each there once."""
    pairs = container(recording, service)["environment"]
    values = {pair["name"]: pair["value"] for pair in pairs}
    assert len(values) == len(pairs)
    return values


def waits_for(recording: Recording, resource: Resource) -> set[tuple[str, str]]:
    """Type ('Listener') and name of all that must exist before `resource`."""
    by_urn = {r.urn: r for r in recording.resources}
    found: set[str] = set()
    queue = [resource.urn]
    while queue:
        new = (by_urn[queue.pop()].dependencies & by_urn.keys()) - found
        found |= new
        queue += new
    return {(by_urn[urn].type.rpartition(":")[2], by_urn[urn].name) for urn in found}


def component(
    build: Callable[[], object], config: dict[str, str] | None = None, *, preview: bool = False
) -> Recording:
    """Only what `build` registers. Its modules must be the ones that the test imported."""
    return record(build, config, preview=preview)


def text_of(archive: pulumi.Asset | pulumi.Archive, path: str) -> str:
    """The content of a file that an archive holds as text."""
    assert isinstance(archive, pulumi.AssetArchive)
    asset = archive.assets[path]
    assert isinstance(asset, pulumi.StringAsset)
    return asset.text
