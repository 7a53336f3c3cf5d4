"""Stores: EFS, S3, RDS, ElastiCache, SSM."""

from collections.abc import Mapping
from typing import Any

from local.provider.lifecycle import Type
from local.provider.model import Dictionary
from local.provider.parts import Call, Context, Name, Scope, Tagging, call


def _tagging(
    key: str, value: str, read_at: str, *, suffix: str = "Resource", keys: str = ""
) -> Tagging:
    """The most common form: one operation each to add, remove and list."""
    add, remove, read = ("TagResource", "UntagResource", "ListTagsForResource")
    if suffix != "Resource":
        add, remove = f"AddTagsTo{suffix}", f"RemoveTagsFrom{suffix}"
        read = f"ListTagsFor{keys or suffix}"
    arguments = {key: value}
    return Tagging(add=call(add, **arguments), remove=call(remove, **arguments),
                   read=call(read, read_at, **arguments))  # fmt: skip


_EFS = _tagging("ResourceId", "{id}", "Tags")
_RDS = Tagging(
    add=call("AddTagsToResource", ResourceName="{arn}"),
    remove=call("RemoveTagsFromResource", ResourceName="{arn}"),
    read=call("ListTagsForResource", "TagList", ResourceName="{arn}"),
)
_SSM = Tagging(
    add=call("AddTagsToResource", ResourceType="Parameter", ResourceId="{id}"),
    remove=call("RemoveTagsFromResource", ResourceType="Parameter", ResourceId="{id}"),
    read=call("ListTagsForResource", "TagList", ResourceType="Parameter", ResourceId="{id}"),
)
_S3 = Tagging(
    add=call("PutBucketTagging", Bucket="{id}"),
    remove=None,
    read=call("GetBucketTagging", "TagSet", Bucket="{id}"),
    inline=False,
)


class Bucket(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step is self.create and scope["region"] != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": scope["region"]}
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        if olds.get("forceDestroy"):
            listed = call("ListObjectVersions")
            answer = self.call(listed, {"Bucket": id_}, context)
            while found := [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
                keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
                self.call(
                    call("DeleteObjects"), {"Bucket": id_, "Delete": {"Objects": keys}}, context
                )
                answer = self.call(listed, {"Bucket": id_}, context)
        super().unmake(id_, olds, context)


class BucketLifecycle(Type):
    """Every rule needs a filter; an empty one means all objects."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        for rule in request.get("LifecycleConfiguration", {}).get("Rules", []):
            if "Prefix" not in rule and not rule.get("Filter"):
                rule["Filter"] = {"Prefix": ""}
        return request


class DbInstance(Type):
    """Changes take effect at once; deletion keeps a last snapshot unless told otherwise."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step.op.startswith("Modify"):
            request["ApplyImmediately"] = True
        if step is self.create and scope.get("backupRetentionPeriod") == 0:
            request.pop("PreferredBackupWindow", None)
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        skip = bool(olds.get("skipFinalSnapshot"))
        request: dict[str, Any] = {
            "DBInstanceIdentifier": olds["identifier"],
            "SkipFinalSnapshot": skip,
            "DeleteAutomatedBackups": olds.get("deleteAutomatedBackups", True),
        }
        if not skip:
            if not olds.get("finalSnapshotIdentifier"):
                raise LookupError(
                    f"{id_}: finalSnapshotIdentifier is required unless skipFinalSnapshot"
                )
            request["FinalDBSnapshotIdentifier"] = olds["finalSnapshotIdentifier"]
        if olds.get("deletionProtection"):
            super().unmake(id_, olds, context)
        if self.look(context.scope(**olds, id=id_), context) is not None:
            self.call(call("DeleteDBInstance"), request, context)


class ParameterGroup(Type):
    """A parameter that is taken away goes back to its default."""

    def normalise(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return _lower_name(inputs)

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        names = {item["name"] for item in news.get("parameters", [])}
        dropped = [item for item in old_inputs.get("parameters", []) if item["name"] not in names]
        if dropped:
            reset = call(self.also[0].op.replace("Modify", "Reset"), **self.also[0].args)
            fields = [
                {"ParameterName": item["name"], "ApplyMethod": "pending-reboot"} for item in dropped
            ]
            if self.service == "elasticache":
                fields = [{"ParameterName": item["name"], "ParameterValue": ""} for item in dropped]
            key = "Parameters" if self.service == "rds" else "ParameterNameValues"
            request = {name: value.format(id=id_) for name, value in reset.args.items()}
            self.call(reset, {**request, key: fields}, context)
        return super().remake(id_, olds, old_inputs, news, context)


class LowerNamed(Type):
    def normalise(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return _lower_name(inputs)


def _lower_name(inputs: dict[str, Any]) -> dict[str, Any]:
    """AWS keeps these names in lower case."""
    return {**inputs, "name": str(inputs["name"]).lower()}


class ReplicationGroup(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        if step.op.startswith("Modify"):
            request["ApplyImmediately"] = True
        for entry in request.get("LogDeliveryConfigurations", []):
            if target := entry.pop("DestinationDetails", None):
                logs = entry["DestinationType"] == "cloudwatch-logs"
                inner = {"LogGroup": target} if logs else {"DeliveryStream": target}
                key = "CloudWatchLogsDetails" if logs else "KinesisFirehoseDetails"
                entry["DestinationDetails"] = {key: inner}
        return request


class Parameter(Type):
    """Tags cannot go with an overwrite."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        if step is not self.create:
            request["Overwrite"] = True
            request.pop("Tags", None)
        return request


def _bucket_part(
    put: str,
    get: str,
    at: str,
    *,
    delete: Call | None,
    root: str = "",
    kind: type[Type] = Type,
    replace: str = "bucket",
    **more: Any,
) -> Type:
    """One of the settings of a bucket: put as a whole, read, and taken away."""
    return kind(
        service="s3",
        create=call(put, _root=root, **({"Bucket": "{bucket}"} if root else {})),
        id="{bucket}",
        read=(call(get, at, Bucket="{id}"),),
        update=(call(put, _root=root, _full=True, Bucket="{bucket}"),),
        delete=(delete,) if delete else (),
        replace=replace,
        **more,
    )


def _drop(name: str) -> Call:
    return call(name, Bucket="{id}")


_S3_ZONES: Mapping[str, str] = {"ap-southeast-2": "Z1WCIGYICN2BYD", "us-east-1": "Z3AQBSTGFYJSTF"}

# fmt: off
# ruff: noqa: E501 - a table: an entry reads best as one paragraph
TYPES: Mapping[str, Type] = {
    "aws:efs/fileSystem:FileSystem": Type(
        service="efs", create=call("CreateFileSystem"), id="FileSystemId", tagging=_EFS,
        read=(call("DescribeFileSystems", "FileSystems[0]", FileSystemId="{id}"),
              call("DescribeLifecycleConfiguration", ".", FileSystemId="{id}")),
        also=(call("PutLifecycleConfiguration", FileSystemId="{id}"),
              call("UpdateFileSystemProtection", FileSystemId="{id}", _only="protection")),
        update=(call("UpdateFileSystem", FileSystemId="{id}"),), delete=(call("DeleteFileSystem", FileSystemId="{id}"),),
        words=Dictionary(names={"protection": ".", "protection.replicationOverwrite": "ReplicationOverwriteProtection"}),
        seen={"protection": "FileSystemProtection.{replicationOverwrite: ReplicationOverwriteProtection}"},
        naming=Name(key="creationToken"),
        outputs={"arn": "FileSystemArn", "dnsName": "{id}.efs.{region}.amazonaws.com",
                 "sizeInBytes": "[{value: SizeInBytes.Value}]"},
        replace="creationToken encrypted kmsKeyId performanceMode availabilityZoneName",
    ),
    "aws:efs/mountTarget:MountTarget": Type(
        service="efs", create=call("CreateMountTarget"), id="MountTargetId",
        read=(call("DescribeMountTargets", "MountTargets[0]", MountTargetId="{id}"),
              call("DescribeMountTargetSecurityGroups", ".", MountTargetId="{id}")),
        update=(call("ModifyMountTargetSecurityGroups", MountTargetId="{id}"),),
        delete=(call("DeleteMountTarget", MountTargetId="{id}"),), replace_first=True,
        outputs={"dnsName": "{fileSystemId}.efs.{region}.amazonaws.com",
                 "mountTargetDnsName": "{availabilityZoneName}.{fileSystemId}.efs.{region}.amazonaws.com",
                 "fileSystemArn": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{fileSystemId}"},
        replace="fileSystemId subnetId ipAddress ipAddressType ipv6Address",
    ),
    "aws:efs/accessPoint:AccessPoint": Type(
        service="efs", create=call("CreateAccessPoint"), id="AccessPointId", tagging=_EFS,
        read=(call("DescribeAccessPoints", "AccessPoints[0]", AccessPointId="{id}"),),
        delete=(call("DeleteAccessPoint", AccessPointId="{id}"),),
        outputs={"arn": "AccessPointArn",
                 "fileSystemArn": "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{fileSystemId}"},
        replace="fileSystemId posixUser rootDirectory",
    ),
    "aws:efs/backupPolicy:BackupPolicy": Type(
        service="efs", create=call("PutBackupPolicy"), id="{fileSystemId}",
        read=(call("DescribeBackupPolicy", ".", FileSystemId="{id}"),),
        delete=(call("PutBackupPolicy", FileSystemId="{id}", BackupPolicy={"Status": "DISABLED"}),),
        replace="fileSystemId",
    ),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": Type(
        service="efs", create=call("PutFileSystemPolicy"), id="{fileSystemId}",
        read=(call("DescribeFileSystemPolicy", ".", FileSystemId="{id}"),),
        delete=(call("DeleteFileSystemPolicy", FileSystemId="{id}"),), replace="fileSystemId",
    ),
    "aws:s3/bucket:Bucket": Bucket(
        service="s3", create=call("CreateBucket"), id="{bucket}", tagging=_S3,
        read=(call("HeadBucket", ".", Bucket="{id}"),), delete=(_drop("DeleteBucket"),),
        words=Dictionary(names={"objectLockEnabled": "ObjectLockEnabledForBucket"}),
        naming=Name(key="bucket", limit=63, lower=True, prefix="bucketPrefix"), client="bucketPrefix",
        outputs={"arn": "arn:{partition}:s3:::{bucket}", "bucketDomainName": "{bucket}.s3.amazonaws.com",
                 "bucketRegionalDomainName": "{bucket}.s3.{region}.amazonaws.com", "bucketRegion": "{region}",
                 "hostedZoneId": lambda s: _S3_ZONES.get(s["region"])},
        replace="bucket bucketPrefix objectLockEnabled bucketNamespace",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_part(
        "PutBucketPolicy", "GetBucketPolicy", ".", delete=_drop("DeleteBucketPolicy")),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket_part(
        "PutPublicAccessBlock", "GetPublicAccessBlock", "PublicAccessBlockConfiguration",
        delete=_drop("DeletePublicAccessBlock"), root="PublicAccessBlockConfiguration", words=Dictionary(names={"bucket": ""})),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket_part(
        "PutBucketOwnershipControls", "GetBucketOwnershipControls", "OwnershipControls",
        delete=_drop("DeleteBucketOwnershipControls"), words=Dictionary(names={"rule": "OwnershipControls.Rules"})),
    "aws:s3/bucketVersioning:BucketVersioning": _bucket_part(
        "PutBucketVersioning", "GetBucketVersioning", ".", seen={"versioningConfiguration": "{status: Status}"},
        delete=call("PutBucketVersioning", Bucket="{id}", VersioningConfiguration={"Status": "Suspended"}),
        words=Dictionary(names={"mfa": "MFA"})),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket_part(
        "PutBucketEncryption", "GetBucketEncryption", "ServerSideEncryptionConfiguration",
        delete=_drop("DeleteBucketEncryption"), words=Dictionary(names={
            "rules": "ServerSideEncryptionConfiguration.Rules",
            "rules.blockedEncryptionTypes": "BlockedEncryptionTypes.EncryptionType"})),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket_part(
        "PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration", ".", kind=BucketLifecycle,
        delete=_drop("DeleteBucketLifecycle"), words=Dictionary(names={"rules": "LifecycleConfiguration.Rules"})),
    "aws:rds/subnetGroup:SubnetGroup": LowerNamed(
        service="rds", create=call("CreateDBSubnetGroup"), id="{name}", tagging=_RDS,
        read=(call("DescribeDBSubnetGroups", "DBSubnetGroups[0]", DBSubnetGroupName="{id}"),),
        update=(call("ModifyDBSubnetGroup", DBSubnetGroupName="{id}"),),
        delete=(call("DeleteDBSubnetGroup", DBSubnetGroupName="{id}"),),
        words=Dictionary(nouns="DBSubnetGroup"), seen={"subnetIds": "Subnets[].SubnetIdentifier"},
        defaults={"description": "Managed by Pulumi"}, outputs={"arn": "DBSubnetGroupArn"}, replace="name namePrefix",
    ),
    "aws:rds/parameterGroup:ParameterGroup": ParameterGroup(
        service="rds", create=call("CreateDBParameterGroup"), id="{name}", tagging=_RDS,
        read=(call("DescribeDBParameterGroups", "DBParameterGroups[0]", DBParameterGroupName="{id}"),
              call("DescribeDBParameters", ".", DBParameterGroupName="{id}", Source="user")),
        also=(call("ModifyDBParameterGroup", DBParameterGroupName="{id}", _only="parameters"),),
        delete=(call("DeleteDBParameterGroup", DBParameterGroupName="{id}"),),
        words=Dictionary(nouns="DBParameterGroup", names={"parameters.name": "ParameterName", "parameters.value": "ParameterValue"}),
        defaults={"description": "Managed by Pulumi"}, outputs={"arn": "DBParameterGroupArn"},
        replace="name namePrefix family description",
    ),
    "aws:rds/instance:Instance": DbInstance(
        service="rds", create=call("CreateDBInstance"), id="DBInstance.DbiResourceId", tagging=_RDS,
        read=(call("DescribeDBInstances", "DBInstances[0]", DBInstanceIdentifier="{identifier}"),),
        wait="db_instance_available", guard="deletionProtection", delete=(call("DeleteDBInstance"),),
        update=(call("ModifyDBInstance", DBInstanceIdentifier="{identifier}",
                     _names={"enabledCloudwatchLogsExports": "CloudwatchLogsExportConfiguration.EnableLogTypes", "port": "DBPortNumber"}),),
        words=Dictionary(nouns="DBInstance DB Preferred MasterUser Master CA Enable", names={
            "password": "MasterUserPassword", "username": "MasterUsername", "caCertIdentifier": "CACertificateIdentifier",
            "backupWindow": "PreferredBackupWindow", "maintenanceWindow": "PreferredMaintenanceWindow",
            "performanceInsightsEnabled": "EnablePerformanceInsights", "dbSubnetGroupName": "DBSubnetGroupName",
            "parameterGroupName": "DBParameterGroupName", "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication"}),
        seen={"vpcSecurityGroupIds": "VpcSecurityGroups[].VpcSecurityGroupId", "dbSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
              "parameterGroupName": "DBParameterGroups[0].DBParameterGroupName", "port": "Endpoint.Port",
              "optionGroupName": "OptionGroupMemberships[0].OptionGroupName"},
        unread="engineVersion", client="finalSnapshotIdentifier deleteAutomatedBackups allowMajorVersionUpgrade identifierPrefix",
        naming=Name(key="identifier", joiner="", prefix="identifierPrefix"),
        outputs={"arn": "DBInstanceArn", "resourceId": "{id}", "address": "Endpoint.Address", "port": "Endpoint.Port",
                 "endpoint": "join(':', [Endpoint.Address, to_string(Endpoint.Port)])", "hostedZoneId": "Endpoint.HostedZoneId",
                 "status": "DBInstanceStatus", "engineVersionActual": "EngineVersion",
                 "masterUserSecrets": "MasterUserSecret && [{secretArn: MasterUserSecret.SecretArn}]"},
        replace="identifier identifierPrefix engine username dbName storageEncrypted kmsKeyId dbSubnetGroupName availabilityZone "
                "characterSetName timezone snapshotIdentifier",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": LowerNamed(
        service="elasticache", create=call("CreateCacheSubnetGroup"), id="{name}", tagging=_RDS,
        read=(call("DescribeCacheSubnetGroups", "CacheSubnetGroups[0]", CacheSubnetGroupName="{id}"),),
        update=(call("ModifyCacheSubnetGroup", CacheSubnetGroupName="{id}"),),
        delete=(call("DeleteCacheSubnetGroup", CacheSubnetGroupName="{id}"),),
        words=Dictionary(nouns="CacheSubnetGroup"), seen={"subnetIds": "Subnets[].SubnetIdentifier"},
        defaults={"description": "Managed by Pulumi"}, outputs={"arn": "ARN"}, replace="name",
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": ParameterGroup(
        service="elasticache", create=call("CreateCacheParameterGroup"), id="{name}", tagging=_RDS,
        read=(call("DescribeCacheParameterGroups", "CacheParameterGroups[0]", CacheParameterGroupName="{id}"),
              call("DescribeCacheParameters", ".", CacheParameterGroupName="{id}", Source="user")),
        also=(call("ModifyCacheParameterGroup", CacheParameterGroupName="{id}", _only="parameters"),),
        delete=(call("DeleteCacheParameterGroup", CacheParameterGroupName="{id}"),),
        words=Dictionary(nouns="CacheParameterGroup", names={
            "parameters": "ParameterNameValues", "parameters.name": "ParameterName", "parameters.value": "ParameterValue"}),
        seen={"parameters": "Parameters[?Source=='user'].{name: ParameterName, value: ParameterValue}"},
        defaults={"description": "Managed by Pulumi"}, outputs={"arn": "ARN"}, replace="name family description",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": ReplicationGroup(
        service="elasticache", create=call("CreateReplicationGroup"), id="ReplicationGroup.ReplicationGroupId", tagging=_RDS,
        read=(call("DescribeReplicationGroups", "ReplicationGroups[0]", ReplicationGroupId="{id}"),),
        update=(call("ModifyReplicationGroup", ReplicationGroupId="{id}"),),
        delete=(call("DeleteReplicationGroup", ReplicationGroupId="{id}", FinalSnapshotIdentifier="{finalSnapshotIdentifier?}"),),
        words=Dictionary(nouns="ReplicationGroup Cache Preferred", names={
            "description": "ReplicationGroupDescription", "logDeliveryConfigurations.destination": "DestinationDetails",
            "securityGroupNames": "CacheSecurityGroupNames"}),
        seen={"description": "Description", "automaticFailoverEnabled": "starts_with(AutomaticFailover, 'enabl')",
              "multiAzEnabled": "MultiAZ=='enabled'", "numCacheClusters": "length(MemberClusters)"},
        unread="engineVersion logDeliveryConfigurations numNodeGroups replicasPerNodeGroup", client="finalSnapshotIdentifier",
        naming=Name(key="replicationGroupId", limit=40, lower=True), wait="replication_group_available",
        outputs={"arn": "ARN", "primaryEndpointAddress": "NodeGroups[0].PrimaryEndpoint.Address",
                 "readerEndpointAddress": "NodeGroups[0].ReaderEndpoint.Address", "port": "NodeGroups[0].PrimaryEndpoint.Port",
                 "configurationEndpointAddress": "ConfigurationEndpoint.Address", "memberClusters": "MemberClusters",
                 "engineVersionActual": "{engineVersion}"},
        replace="replicationGroupId atRestEncryptionEnabled subnetGroupName kmsKeyId dataTieringEnabled port snapshotArns "
                "snapshotName preferredCacheClusterAzs numCacheClusters numNodeGroups replicasPerNodeGroup securityGroupNames",
    ),
    "aws:ssm/parameter:Parameter": Parameter(
        service="ssm", create=call("PutParameter"), id="{name}", tagging=_SSM,
        read=(call("GetParameter", "Parameter", Name="{id}", WithDecryption=True),
              call("DescribeParameters", "Parameters[0]", ParameterFilters=[{"Key": "Name", "Values": ["{id}"]}])),
        update=(call("PutParameter", Name="{id}", _full=True),), delete=(call("DeleteParameter", Name="{id}"),),
        words=Dictionary(names={"insecureValue": "Value"}), client="arn overwrite",
        outputs={"arn": "ARN", "version": "Version"}, naming=Name(limit=2048),
        fresh={"value": "version", "insecureValue": "version"}, replace="name type dataType",
    ),
}
