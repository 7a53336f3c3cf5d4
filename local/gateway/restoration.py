"""RDS's restorations, as the creations that ministack can carry out.

To a point in time, and from a snapshot with the port, network and tags that are asked for, which
ministack ignores. A restored instance is a new one that is what its source was; no data is behind
either.
"""

from collections.abc import Mapping
from typing import Any, Final

RESTORATIONS: Final = ("RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime")


def source_of(asked: Mapping[str, str], rds: Any) -> dict[str, Any]:
    """Return the snapshot or instance that a restoration starts from.

    Raises botocore's ClientError when there is none.
    """
    if snapshot := asked.get("DBSnapshotIdentifier"):
        (source,) = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    else:
        name = asked.get("SourceDBInstanceIdentifier")
        found = rds.describe_db_instances(**{"DBInstanceIdentifier": name} if name else {})
        (source,) = [
            each
            for each in found["DBInstances"]
            if name or each["DbiResourceId"] == asked["SourceDbiResourceId"]
        ]
    return dict(source)


def restoration(asked: Mapping[str, str], rds: Any) -> dict[str, str]:
    """The creation of an instance that is what the source of a restoration is.

    Raises botocore's ClientError when there is no such source.
    """
    source = source_of(asked, rds)
    encrypted = source.get("Encrypted", source.get("StorageEncrypted", False))
    own = ("Action", "DBSnapshot", "Source", "TargetDB", "RestoreTime", "UseLatest")
    return {
        **{key: value for key, value in asked.items() if not key.startswith(own)},
        "Action": "CreateDBInstance",
        "DBInstanceIdentifier": asked.get("TargetDBInstanceIdentifier")
        or asked["DBInstanceIdentifier"],
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": "as-its-source-has-it",  # nothing asks for it here
        "AllocatedStorage": str(source["AllocatedStorage"]),
        "StorageEncrypted": str(encrypted).lower(),
    }
