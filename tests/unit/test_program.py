"""The program as a whole: what it is made of, what it is called, and what protects it."""

import json
import re
from typing import Any

import pulumi
import pytest

from local.record import Recording, Resource, configuration, kinds, record_program
from tests.unit.conftest import previewed_program

# Names with a scope of their own: DNS names, and labels within the stack's private namespace.
SCOPED = {
    "aws:route53/record:Record",
    "aws:route53/zone:Zone",
    "aws:servicediscovery/service:Service",
}
# What holds data that nobody could make again.
DATA = {
    "aws:rds/instance:Instance",
    "aws:efs/fileSystem:FileSystem",
    "aws:ecr/repository:Repository",
    "aws:route53/zone:Zone",
}
# Inputs that name what they make.
NAMES = {"name", "identifier", "replicationGroupId", "finalSnapshotIdentifier"}


def physical(recording: Recording) -> dict[str, str]:
    """Every name that the program chooses itself, with the resource that has it."""
    named = {
        f"{resource.type} {key} {resource.inputs[key]}": str(resource.inputs[key])
        for resource in recording.resources
        if resource.type.startswith("aws:") and resource.type not in SCOPED
        for key in NAMES & resource.inputs.keys()
    }
    families = {
        f"task {inputs['family']}": str(inputs["family"])
        for inputs in recording["ecs/taskDefinition:TaskDefinition"].values()
    }
    return named | families


def is_ours(name: str, prefix: str) -> bool:
    forms = ("", "/", "/ecs/", "/edge/", "/aws/lambda/", "/aws/rds/instance/", "aws-waf-logs-")
    return any(re.match(rf"{form}{prefix}[-./]", name) for form in forms)


def comparable(value: Any) -> Any:
    """Inputs as plain data, archives by their files."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, pulumi.AssetArchive):
        return {path: comparable(asset) for path, asset in value.assets.items()}
    if isinstance(value, pulumi.FileAsset):
        return f"file {value.path}"
    if isinstance(value, pulumi.StringAsset):
        return f"text {value.text}"
    return value


def test_every_resource_belongs_to_a_component_and_has_its_name(stack: Recording) -> None:
    components = {r.urn: r for r in stack.resources if r.type.startswith("otakaro:")}
    prefix = stack.outputs["cluster"].removesuffix("-ecs")
    strays = [
        resource.urn
        for resource in stack.resources
        if resource.urn not in components
        and not (
            resource.parent in components
            and resource.name.startswith((components[resource.parent].name, prefix))
        )
    ]
    assert strays == []


def test_every_component_has_children_or_a_looked_up_value(stack: Recording) -> None:
    parents = {resource.parent for resource in stack.resources}
    childless = {
        resource.name
        for resource in stack.resources
        if resource.type.startswith("otakaro:") and resource.urn not in parents
    }
    assert childless <= {"otakaro-dt-zone"}  # production's zone exists already


def test_every_name_of_our_choosing_begins_with_the_stacks_prefix(
    production: Recording, local: Recording
) -> None:
    for recording, prefix in ((production, "otakaro-dt"), (local, "otakaro-local")):
        names = physical(recording)
        assert len(names) > 30
        assert [name for name, value in names.items() if not is_ours(value, prefix)] == []


def test_two_stacks_share_no_name(production: Recording, local: Recording) -> None:
    """So that both live in one account."""
    assert set(physical(production)) & set(physical(local)) == set()


def test_the_deployment_is_no_smaller_than_the_one_it_replaces(production: Recording) -> None:
    assert sum(n for kind, n in kinds(production).items() if kind.startswith("aws:")) >= 127


def test_the_outputs_that_scripts_read_have_todays_names(production: Recording) -> None:
    outputs = production.outputs
    assert outputs["backend-ecr-url"] == "registry.example/otakaro-dt-backend-ecr"
    assert outputs["terria-ecr-url"] == "registry.example/otakaro-dt-terriamap-ecr"
    assert outputs["geoserver-ecr-url"] == "registry.example/otakaro-dt-geoserver-ecr"
    assert outputs["sites"] == {
        "map": "https://otakaro.digitaltwins.nz/",
        "api": "https://api.otakaro.digitaltwins.nz/",
        "geoserver": "https://gs.otakaro.digitaltwins.nz/",
    }
    assert outputs["cluster"] == "otakaro-dt-ecs"
    assert outputs["services"] == {
        "terriamap": "otakaro-dt-terriamap",
        "geoserver": "otakaro-dt-geoserver",
        "backend-flask": "otakaro-dt-backend-flask",
        "backend-celery": "otakaro-dt-backend-celery",
    }


def test_the_same_configuration_is_the_same_program(production: Recording) -> None:
    """Otherwise `pulumi up` would find something to change every time."""

    def inputs(recording: Recording) -> dict[str, str]:
        return {
            r.urn: json.dumps(comparable(r.inputs), sort_keys=True) for r in recording.resources
        }

    again = inputs(record_program(configuration("production"), stored=False))
    assert again == inputs(production)


def test_a_preview_of_a_new_stack_shows_every_resource(production: Recording) -> None:
    """Nothing is made within `apply`, out of a preview's sight."""
    preview = previewed_program()
    instance = preview.one("rds/instance:Instance", "otakaro-dt-pg")
    assert isinstance(instance.inputs["parameterGroupName"], type(pulumi.UNKNOWN))
    assert sorted(r.urn for r in preview.resources) == sorted(r.urn for r in production.resources)


def test_no_two_resources_have_one_urn(stack: Recording) -> None:
    urns = [resource.urn for resource in stack.resources]
    assert len(urns) == len(set(urns))


def test_data_is_protected_in_production_and_free_elsewhere(
    production: Recording, local: Recording
) -> None:
    def unprotected(recording: Recording) -> set[str]:
        return {r.urn for r in recording.resources if r.type in DATA and not r.protect}

    assert unprotected(production) == set()
    assert {r.type for r in local.resources if r.type in DATA} == DATA
    assert [r.urn for r in local.resources if r.protect] == []


def test_a_zone_that_production_made_would_be_protected(switched: Recording) -> None:
    [zone] = switched.of("route53/zone:Zone")
    assert zone.protect


# Inputs whose change the provider answers with a replacement, which protection forbids.
REPLACED = [
    ("lambda/invocation:Invocation", "a new version of the code that creates PostGIS"),
    ("ecr/lifecyclePolicy:LifecyclePolicy", "another rule for old images"),
    ("rds/parameterGroup:ParameterGroup", "the next major version of PostgreSQL"),
    ("efs/accessPoint:AccessPoint", "files restored into another folder"),
]


@pytest.mark.parametrize(("kind", "change"), REPLACED, ids=[kind for kind, _ in REPLACED])
def test_what_must_be_replaced_one_day_is_not_protected(
    production: Recording, kind: str, change: str
) -> None:
    protected = [resource.name for resource in production.of(kind) if resource.protect]
    assert protected == [], f"{change} would be refused"


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("rds/instance:Instance", "pg", "deletionProtection"),
        ("lb/loadBalancer:LoadBalancer", "alb", "enableDeletionProtection"),
    ],
)
def test_aws_itself_refuses_to_delete_production(
    production: Recording, local: Recording, kind: str, name: str, key: str
) -> None:
    assert production[kind][f"otakaro-dt-{name}"][key] is True
    assert local[kind][f"otakaro-local-{name}"][key] is False


def test_images_and_logs_of_production_stay_when_their_owner_goes(
    production: Recording, local: Recording
) -> None:
    def emptied(recording: Recording) -> set[bool]:
        repositories = recording["ecr/repository:Repository"].values()
        [logs] = [
            bucket
            for name, bucket in recording["s3/bucket:Bucket"].items()
            if name.endswith("-access-logs")
        ]
        return {r["forceDelete"] for r in repositories} | {logs["forceDestroy"]}

    assert emptied(production) == {False}
    assert emptied(local) == {True}


def test_names_fit_where_aws_has_little_room(switched: Recording) -> None:
    """The longest prefix still fits; the provider adds eight characters to a logical name."""

    def too_long(kind: str, limit: int) -> list[str]:
        def length(resource: Resource) -> int:
            own = resource.inputs.get("name")
            return len(own) if isinstance(own, str) else len(resource.name) + len("-1234567")

        return [r.name for r in switched.of(kind) if length(r) > limit]

    assert too_long("lb/targetGroup:TargetGroup", 32) == []
    assert too_long("lb/loadBalancer:LoadBalancer", 32) == []
    assert too_long("iam/role:Role", 64) == []
    assert too_long("lambda/function:Function", 64) == []
    assert too_long("cloudwatch/eventRule:EventRule", 64) == []
    assert too_long("s3/bucket:Bucket", 63) == []
    assert too_long("sqs/queue:Queue", 80) == []
    groups = switched["elasticache/replicationGroup:ReplicationGroup"].values()
    assert all(len(group["replicationGroupId"]) <= 40 for group in groups)


def test_logs_are_kept_for_a_time_only(stack: Recording) -> None:
    days = {group["retentionInDays"] for group in stack["cloudwatch/logGroup:LogGroup"].values()}
    assert days in ({30}, {7})
