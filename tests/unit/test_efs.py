"""The shared disk is encrypted, backed up, and mounted by folder, with TLS, by our roles alone."""

from pathlib import PurePosixPath

import pytest

from local.record import Recording, configuration, document, record_program
from tests.unit.reading import container, environment


def test_the_disk_is_encrypted_and_backed_up(production: Recording) -> None:
    assert production["efs/fileSystem:FileSystem"]["otakaro-dt-shared-data"]["encrypted"] is True
    backup = production["efs/backupPolicy:BackupPolicy"]["otakaro-dt-shared-data"]
    assert backup["backupPolicy"] == {"status": "ENABLED"}


@pytest.mark.parametrize("stack", ["production", "local"])
def test_every_zone_mounts_from_its_own_private_subnet(
    stack: str, request: pytest.FixtureRequest
) -> None:
    recording: Recording = request.getfixturevalue(stack)
    private = {r.name for r in recording.of("ec2/subnet:Subnet") if "-private-" in r.name}
    targets = recording["efs/mountTarget:MountTarget"]
    assert {t["subnetId"] for t in targets.values()} == {f"{name}-id" for name in private}
    assert len(targets) == len(private)


def test_a_task_learns_of_the_disk_when_every_zone_can_mount_it(production: Recording) -> None:
    targets = set(production["efs/mountTarget:MountTarget"])
    task = production.one("ecs/taskDefinition:TaskDefinition", "otakaro-dt-geoserver")
    assert targets <= production.waits_for(task)


def test_both_folders_write_as_one_user(production: Recording) -> None:
    points = production["efs/accessPoint:AccessPoint"]
    assert set(points) == {"otakaro-dt-shared-data-backend", "otakaro-dt-shared-data-geoserver"}
    users = {(p["posixUser"]["uid"], p["posixUser"]["gid"]) for p in points.values()}
    assert users == {(1000, 1000)}


def test_no_access_points_folder_contains_another(stack: Recording) -> None:
    """EFS creates all folders of a root's path at its first mount, and applies the creation info of
    an access point only to a folder that isn't there: the outer one would have another's owner."""
    roots = [
        PurePosixPath(point["rootDirectory"]["path"])
        for point in stack["efs/accessPoint:AccessPoint"].values()
    ]
    assert len(roots) > 1
    for root in roots:
        assert [other for other in roots if other.is_relative_to(root)] == [root]


def test_the_worker_publishes_into_geoservers_data_folder(production: Recording) -> None:
    """Under another path than GeoServer's: it publishes by paths relative to the data folder."""
    definitions = production["ecs/taskDefinition:TaskDefinition"]
    [volume] = definitions["otakaro-dt-geoserver"]["volumes"]
    for service in ("backend-flask", "backend-celery"):
        name = f"otakaro-dt-{service}"
        path = environment(production, name)["DATA_DIR_GEOSERVER"]
        [mount] = [
            mount
            for mount in container(production, name)["mountPoints"]
            if mount["containerPath"] == path
        ]
        volumes = definitions[name]["volumes"]
        [mounted] = [each for each in volumes if each["name"] == mount["sourceVolume"]]
        assert mounted["efsVolumeConfiguration"] == volume["efsVolumeConfiguration"]


def test_folders_can_begin_where_a_backup_was_restored(production: Recording) -> None:
    root = "/aws-backup-restore_2026-11-20T03-00-00-000Z"
    restored = record_program(configuration("production") | {"otakaro:filesRoot": root})

    def paths(recording: Recording) -> list[str]:
        points = recording["efs/accessPoint:AccessPoint"].values()
        return sorted(point["rootDirectory"]["path"] for point in points)

    assert paths(restored) == [root + path for path in paths(production)]
    assert paths(production)[0].startswith("/stored_data")


def test_the_policy_admits_only_this_accounts_roles_by_tls_and_folder(
    production: Recording,
) -> None:
    inputs = production["efs/fileSystemPolicy:FileSystemPolicy"]["otakaro-dt-shared-data"]
    statements = document(inputs["policy"])["Statement"]
    [allowed] = [s for s in statements if s["Effect"] == "Allow"]
    assert allowed["Principal"]["AWS"].endswith(":root")
    assert allowed["Action"] == [
        "elasticfilesystem:ClientMount",
        "elasticfilesystem:ClientWrite",
    ]
    assert allowed["Condition"]["Bool"] == {
        "aws:SecureTransport": "true",
        "elasticfilesystem:AccessedViaMountTarget": "true",
    }
    assert len(allowed["Condition"]["StringEquals"]["elasticfilesystem:AccessPointArn"]) == 2
    assert any(
        s["Effect"] == "Deny" and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for s in statements
    )


def test_the_policy_and_its_statements_have_identifiers(stack: Recording) -> None:
    """EFS adds its own where they are missing, and the provider compares them."""
    [inputs] = stack["efs/fileSystemPolicy:FileSystemPolicy"].values()
    policy = document(inputs["policy"])
    sids = [statement.get("Sid") for statement in policy["Statement"]]
    assert policy["Id"].endswith("-shared-data")
    assert all(sids)
    assert len({*sids}) == len(sids)
