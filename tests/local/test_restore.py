"""The drills of docs/restore.md, as far as they go without AWS, on production's protected stack.

The emulator's databases have one server behind them, so what a restored instance holds is not shown
here, only that it is made, found and kept as the guide says.
"""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.account import HOME_REGION
from tests.local.stack import Local

STACK = "production"
INSTANCE = "aws:rds/instance:Instance"
URN = "urn:pulumi:production::otakaro::otakaro:index:PostgresInstance$aws:rds/instance:Instance::{}"
SNAPSHOT = "before-the-mistake"
FOLDER = "/aws-backup-restore_2026-11-20T03-00-00-000Z"


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once."""
    local.do("up")
    return local


def instances(local: Local) -> dict[str, dict[str, Any]]:
    """The account's databases by name."""
    found = local.aws("rds").describe_db_instances()["DBInstances"]
    return {each["DBInstanceIdentifier"]: each for each in found}


# The database


def test_a_protected_database_is_not_restored_over(deployed: Local) -> None:
    deployed.aws("rds").create_db_snapshot(
        DBSnapshotIdentifier=SNAPSHOT, DBInstanceIdentifier="otakaro-dt-pg"
    )
    before = deployed.resources()
    said = deployed.run("preview", "--set", f"databaseRestoreFrom={SNAPSHOT}")
    assert said.returncode == 1
    assert "protect" in said.stderr
    assert set(instances(deployed)) == {"otakaro-dt-pg"}
    assert [r["urn"] for r in deployed.resources(INSTANCE)] == [URN.format("otakaro-dt-pg")]
    assert len(deployed.resources()) == len(before)


def test_it_is_restored_beside_the_old_one_once_that_is_released(deployed: Local) -> None:
    deployed.pulumi("state", "unprotect", URN.format("otakaro-dt-pg"), "--stack", STACK, "--yes")
    done = deployed.do("up", "--set", f"databaseRestoreFrom={SNAPSHOT}")
    restored = deployed.one(INSTANCE)
    assert done[f"{INSTANCE} {restored.name}"] == "create"
    assert done[f"{INSTANCE} otakaro-dt-pg"] == "delete"  # from the state alone:
    found = instances(deployed)
    assert set(found) == {"otakaro-dt-pg", restored.name}
    assert found["otakaro-dt-pg"]["DeletionProtection"] is True
    assert found[restored.name]["StorageEncrypted"] is True
    groups = deployed.aws("logs").describe_log_groups(
        logGroupNamePrefix="/aws/rds/instance/otakaro-dt-pg/"
    )["logGroups"]
    assert len(groups) == 2


def test_clients_are_led_to_the_restored_one(deployed: Local) -> None:
    restored = deployed.one(INSTANCE)
    (alias,) = [
        each
        for each in deployed.deployed("aws:servicediscovery/instance:Instance")
        if each.name == "otakaro-dt-pg-name"
    ]
    assert alias.inputs["attributes"] == {"AWS_INSTANCE_CNAME": restored.outputs["address"]}
    assert "database.otakaro-dt.internal" in deployed.run("outputs").stdout


def test_it_stays_and_is_protected_from_then_on(deployed: Local) -> None:
    setting = ("--set", f"databaseRestoreFrom={SNAPSHOT}")
    assert deployed.do("up", *setting) == {}
    (state,) = deployed.resources(INSTANCE)
    assert (state["protect"], state["retainOnDelete"]) == (True, True)
    said = deployed.run("preview")  # without the setting: an empty database in its place
    assert said.returncode == 1
    assert "protect" in said.stderr
    assert set(instances(deployed)) == {"otakaro-dt-pg", state["urn"].rsplit("::")[-1]}


# The files


def test_folders_restored_by_a_backup_are_taken_in_use_and_left_again(deployed: Local) -> None:
    same = ("--set", f"databaseRestoreFrom={SNAPSHOT}")
    done = deployed.do("up", *same, "--set", f"filesRoot={FOLDER}")
    kinds = {name.split()[0] for name in done}
    assert "aws:efs/accessPoint:AccessPoint" in kinds
    assert "aws:ecs/service:Service" in kinds
    assert "aws:efs/fileSystem:FileSystem" not in kinds
    points = deployed.aws("efs").describe_access_points()["AccessPoints"]
    assert {point["RootDirectory"]["Path"] for point in points} == {
        f"{FOLDER}/stored_data/backend",
        f"{FOLDER}/stored_data/geoserver",
    }
    deployed.do("up", *same)
    points = deployed.aws("efs").describe_access_points()["AccessPoints"]
    assert {point["RootDirectory"]["Path"] for point in points} == {
        "/stored_data/backend",
        "/stored_data/geoserver",
    }
    assert deployed.do("up", *same) == {}


# The state


def test_a_lost_state_is_imported_from_an_export(deployed: Local, tmp_path: Path) -> None:
    copy = tmp_path / "state.json"
    deployed.pulumi("stack", "export", "--stack", STACK, "--file", str(copy))
    stacks = deployed.folder / "state" / ".pulumi" / "stacks" / "otakaro"
    for file in stacks.glob(f"{STACK}.json*"):
        file.unlink()
    deployed.pulumi("stack", "init", STACK, "--secrets-provider", "passphrase")
    deployed.pulumi("stack", "import", "--stack", STACK, "--file", str(copy))
    assert deployed.do("preview", "--set", f"databaseRestoreFrom={SNAPSHOT}") == {}


def test_a_damaged_state_in_the_bucket_is_replaced_by_its_version_before(
    deployed: Local, tmp_path: Path
) -> None:
    copy = tmp_path / "state.json"
    deployed.pulumi("stack", "export", "--stack", STACK, "--file", str(copy))
    bucket, key = "otakaro-dt-pulumi-state", ".pulumi/stacks/otakaro/production.json"
    endpoint = f"127.0.0.1:{deployed.port}"
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://{endpoint}",
        region_name=HOME_REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME_REGION})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    there = {
        "PULUMI_BACKEND_URL": (
            f"s3://{bucket}?endpoint={endpoint}&disableSSL=true&s3ForcePathStyle=true"
            f"&region={HOME_REGION}"
        ),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    deployed.pulumi("stack", "init", STACK, "--secrets-provider", "passphrase", **there)
    deployed.pulumi("stack", "import", "--stack", STACK, "--file", str(copy), **there)
    shown = ("stack", "export", "--show-secrets", "--stack", STACK)  # they are encrypted anew
    wanted = json.loads(deployed.pulumi(*shown, **there))
    s3.put_object(Bucket=bucket, Key=key, Body=b"{")
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    good = next(v["VersionId"] for v in versions if v["Key"] == key and not v["IsLatest"])
    s3.copy_object(
        Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key, "VersionId": good}
    )
    again = json.loads(deployed.pulumi(*shown, **there))
    assert again == wanted
    assert len(again["deployment"]["resources"]) > 200
