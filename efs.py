"""The shared disk: one encrypted EFS file system that tasks in every zone mount by folder."""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import efs

from network import Place
from policies import policy, statement


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of the shared disk as a task mounts it; known when every zone can mount it."""

    file_system_id: Output[str]
    file_system_arn: Output[str]
    access_point_id: Output[str]
    access_point_arn: Output[str]


@dataclass(frozen=True, kw_only=True)
class FileShareArgs:
    place: Place
    account_id: Input[str]  # whose roles may mount
    # Access point -> path on the disk, below `root`. No path may contain another: EFS creates the
    # folders of a path at its first mount, and documents no owner of those that lead to it.
    folders: Mapping[str, str]
    protect: bool
    root: str = ""  # where on the disk they begin: "" is its own root
    owner: int = 1000  # user and group id of every file: services share folders
    infrequent_access: str = "AFTER_30_DAYS"  # when unread files move to the cheaper class


class FileShare(ComponentResource):
    """File system, a mount target a zone, an access point a folder, backups and policy."""

    def __init__(self, name: str, args: FileShareArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:FileShare", name, None, opts)
        child = ResourceOptions(parent=self)
        kept = ResourceOptions(parent=self, protect=args.protect)
        owner = args.owner

        disk = efs.FileSystem(
            name,
            encrypted=True,
            throughput_mode="elastic",  # no burst credits to run out of
            lifecycle_policies=[
                {"transition_to_ia": args.infrequent_access},
                {"transition_to_primary_storage_class": "AFTER_1_ACCESS"},
            ],
            tags={"Name": name},
            opts=kept,
        )
        efs.BackupPolicy(
            name, file_system_id=disk.id, backup_policy={"status": "ENABLED"}, opts=child
        )
        targets = [
            efs.MountTarget(
                f"{name}-{zone}",
                file_system_id=disk.id,
                subnet_id=subnet,
                security_groups=[args.place.security_group_id],
                opts=child,
            )
            for zone, subnet in args.place.subnets.items()
        ]
        # A folder is data, the point that leads there isn't: another root replaces it.
        points = {
            folder: efs.AccessPoint(
                f"{name}-{folder}",
                file_system_id=disk.id,
                posix_user={"uid": owner, "gid": owner},
                root_directory={
                    "path": args.root + path,
                    "creation_info": {"owner_uid": owner, "owner_gid": owner, "permissions": "775"},
                },
                tags={"Name": f"{name}-{folder}"},
                opts=child,
            )
            for folder, path in args.folders.items()
        }
        mount = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
        # EFS gives a policy and its statements identifiers of its own where they have none
        # (PutFileSystemPolicy, example), and every refresh would show a difference.
        efs.FileSystemPolicy(
            name,
            file_system_id=disk.id,
            policy=policy(
                statement(
                    mount,
                    [disk.arn],
                    {
                        "Bool": {
                            "aws:SecureTransport": "true",
                            "elasticfilesystem:AccessedViaMountTarget": "true",
                        },
                        "StringEquals": {
                            "elasticfilesystem:AccessPointArn": [p.arn for p in points.values()]
                        },
                    },
                    principal={"AWS": Output.format("arn:aws:iam::{0}:root", args.account_id)},
                    sid="MountThroughAccessPoints",
                ),
                # What an identity policy might allow besides: root access, plain NFS.
                statement(
                    ["elasticfilesystem:ClientRootAccess"],
                    [disk.arn],
                    effect="Deny",
                    principal={"AWS": "*"},
                    sid="DenyRootAccess",
                ),
                *[
                    statement(
                        [*mount],
                        [disk.arn],
                        {"Bool": {key: "false"}},
                        effect="Deny",
                        principal={"AWS": "*"},
                        sid=sid,
                    )
                    for sid, key in {
                        "DenyWithoutTls": "aws:SecureTransport",
                        "DenyOutsideMountTargets": "elasticfilesystem:AccessedViaMountTarget",
                    }.items()
                ],
                id_=name,
            ),
            opts=child,
        )
        # A task cannot mount in a zone without a target, so the id waits for all of them.
        ready = Output.all(disk.id, *[target.id for target in targets])
        file_system_id: Output[str] = ready.apply(lambda ids: ids[0])
        self.file_system_id = file_system_id
        self.arn: Output[str] = disk.arn
        self.folders = {
            folder: Folder(
                file_system_id=file_system_id,
                file_system_arn=disk.arn,
                access_point_id=point.id,
                access_point_arn=point.arn,
            )
            for folder, point in points.items()
        }
        self.register_outputs({"file_system_id": file_system_id})
