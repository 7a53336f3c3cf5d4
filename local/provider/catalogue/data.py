"""Stores: EFS, S3, RDS, ElastiCache, SSM."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from local.provider.lifecycle import Type
from local.provider.parts import Call, Change, Context, Name, Scope, Seen, Tagging, When, op


class Bucket(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step is self.create and scope["region"] != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": scope["region"]}
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        while olds.get("forceDestroy"):
            answer = self.call(op("ListObjectVersions"), {"Bucket": id_}, context)
            found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
            if not found:
                break
            keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            request = {"Bucket": id_, "Delete": {"Objects": keys}}
            self.call(op("DeleteObjects"), request, context)
        super().unmake(id_, olds, context)


class BucketLifecycle(Type):
    """Every rule needs a filter; an empty one means all objects."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        for rule in request.get("LifecycleConfiguration", {}).get("Rules", []):
            if "Prefix" not in rule and not rule.get("Filter"):
                rule["Filter"] = {"Prefix": ""}
        return request


class DbInstance(Type):
    """Deletion keeps a last snapshot unless told otherwise. A restored instance has its creation's
    other inputs, the password too, by a modification right after it, as the official provider does.
    """

    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The instance, with its engine version as the provider reads it.

        A version that is pending, or a major one of which this is a minor, stays as it was written
        (rds/verify.go: compareActualEngineVersion).
        """
        seen = super().look(scope, context)
        if seen is None or "EngineVersion" not in seen.members:
            return seen
        written, actual = str(scope.get("engineVersion", "")), seen.members["EngineVersion"]
        pending = seen.members.get("PendingModifiedValues", {}).get("EngineVersion")
        stays = written and (written == pending or actual.startswith(f"{written}."))
        seen.members["@engineVersion"] = written if stays else actual
        return seen

    def born(self, inputs: Mapping[str, Any]) -> "DbInstance":
        """The entry by which an instance with these inputs is made."""
        ways = [way for key, way in _RESTORED.items() if inputs.get(key)]
        if not ways or self.create in _RESTORED.values():
            return self
        rest = (op("ModifyDBInstance", ApplyImmediately=True),)
        came = f"{self.client} storageEncrypted kmsKeyId"  # with the data
        return replace(self, create=ways[0], also=rest, read=self.reads, client=came)

    def faults(self, inputs: Mapping[str, Any], context: Context) -> Iterator[str]:
        born = self.born(inputs)
        return super().faults(inputs, context) if born is self else born.faults(inputs, context)

    def make(self, inputs: Scope, context: Context) -> tuple[str, dict[str, Any]]:
        born = self.born(inputs)
        return super().make(inputs, context) if born is self else born.make(inputs, context)

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step.op == "DeleteDBInstance":
            if request.get("SkipFinalSnapshot"):
                request.pop("FinalDBSnapshotIdentifier", None)
            elif "FinalDBSnapshotIdentifier" not in request:
                told = "finalSnapshotIdentifier is required unless skipFinalSnapshot"
                raise LookupError(f"{scope['id']}: {told}")
        if step is self.create and scope.get("backupRetentionPeriod") == 0:
            request.pop("PreferredBackupWindow", None)
        return request


class ParameterGroup(Type):
    """A parameter that is taken away goes back to its default."""

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        names = {item["name"] for item in news.get("parameters", [])}
        dropped = {item["name"] for item in old_inputs.get("parameters", [])} - names
        if dropped:
            rds = self.service == "rds"
            rest = {"ApplyMethod": "pending-reboot"} if rds else {"ParameterValue": ""}
            fields = [{"ParameterName": name, **rest} for name in sorted(dropped)]
            request = {self.key: id_, "Parameters" if rds else "ParameterNameValues": fields}
            self.call(op(self.also[0].op.replace("Modify", "Reset")), request, context)
        return super().remake(id_, olds, old_inputs, news, context)


class ReplicationGroup(Type):
    def look(self, scope: Scope, context: Context) -> Seen | None:
        """The group, with its nodes' engine version (elasticache/engine_version.go:
        setEngineVersionRedis: major and minor, as AWS takes them)."""
        seen = super().look(scope, context)
        actual = seen.members.get("actualVersion") if seen else None
        if seen is not None and actual:
            seen.members["@engineVersion"] = ".".join(actual.split(".")[:2])
        return seen

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        for entry in request.get("LogDeliveryConfigurations", []):
            if target := entry.pop("DestinationDetails", None):
                logs = entry["DestinationType"] == "cloudwatch-logs"
                inner = {"LogGroup" if logs else "DeliveryStream": target}
                key = "CloudWatchLogsDetails" if logs else "KinesisFirehoseDetails"
                entry["DestinationDetails"] = {key: inner}
        return request

    def stuck(self, changed: Collection[str]) -> list[str]:
        return [key for key in super().stuck(changed) if key != "numCacheClusters"]

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        """Replicas have calls of their own: they come before the failover that needs them, and go
        after it."""
        before, after = (inputs.get("numCacheClusters") or 1 for inputs in (old_inputs, news))
        request = {
            "ReplicationGroupId": id_,
            "NewReplicaCount": after - 1,
            "ApplyImmediately": True,
        }
        scope = context.scope({**olds, **news}, id=id_)
        if after > before:
            self.call(op("IncreaseReplicaCount"), request, context)
            self.settled(scope, context)
        described = super().remake(id_, olds, old_inputs, news, context)
        if after < before:
            self.call(op("DecreaseReplicaCount"), request, context)
            self.settled(scope, context)
        return described


_OF_BUCKET = "bucket expectedBucketOwner"


def _grown(change: Change) -> bool:
    """Whether storage autoscaling grew the disk beyond what the program asks for."""
    old, new, most = change.old, change.new, change.news.get("maxAllocatedStorage") or 0
    return None not in (old, new) and old > new and most > new


def _version(text: str) -> list[float]:
    """A version to compare; `6.x` is above every other 6."""
    return [float("inf") if part == "x" else float(part) for part in text.split(".")]


def _downgraded(change: Change) -> bool:
    return None not in (change.old, change.new) and _version(change.new) < _version(change.old)


def _bucket_part(
    name: str, at: str = "", *, kind: type[Type] = Type, replace: str = "bucket", **more: Any
) -> Type:
    """One of the settings of a bucket: put as a whole, read, and taken away."""
    noun = name.removeprefix("Put")
    dropped = op(f"Delete{noun.removesuffix('Configuration')}", Bucket="{id}")
    create = more.pop("create", op(name))
    read, delete = (op(f"Get{noun}", at, Bucket="{id}"),), (dropped,)
    return kind("s3", create, id="{bucket}", read=read, delete=delete, replace=replace, **more)


def _parameter_group(service: str, noun: str, fields: str, **more: Any) -> Type:
    return ParameterGroup(
        service,
        op(f"Create{noun}Group"),
        key=f"{noun}GroupName",
        id="{name}",
        read=(op(f"Describe{noun}Groups"), op(f"Describe{noun}s", ".", Source="user")),
        also=(op(f"Modify{noun}Group", only="parameters"),),
        nouns=f"{noun}Group",
        names=f"{fields} parameters.name=ParameterName parameters.value=ParameterValue",
        naming=Name(folded=True),
        defaults=_MANAGED,
        **more,
    )


_RESTORED = {
    "snapshotIdentifier": op("RestoreDBInstanceFromDBSnapshot"),
    "restoreToPointInTime": op("RestoreDBInstanceToPointInTime"),
}
# True only if the program says so: the provider's default is to wait for the maintenance window.
_NOW = "{applyImmediately?}"
_MANAGED = {"description": "Managed by Pulumi"}
_SUBNETS = {"subnetIds": "Subnets[].SubnetIdentifier"}
_ACCESS = "PublicAccessBlockConfiguration"
_FILES = "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{fileSystemId}"
_TARGET_NAME = "{availabilityZoneName}.{fileSystemId}.efs.{region}.amazonaws.com"
_PROTECTION = "FileSystemProtection.{replicationOverwrite: ReplicationOverwriteProtection}"
_OWN_PARAMETERS = "Parameters[?Source=='user'].{name: ParameterName, value: ParameterValue}"
_S3_ZONES: Mapping[str, str] = {"ap-southeast-2": "Z1WCIGYICN2BYD", "us-east-1": "Z3AQBSTGFYJSTF"}

# An entry reads best as one paragraph.
# fmt: off
TYPES: Mapping[str, Type] = {
    "aws:efs/fileSystem:FileSystem": Type(
        "efs", op("CreateFileSystem"), key="FileSystemId",
        read=(op("DescribeFileSystems"), op("DescribeLifecycleConfiguration", ".")),
        also=(op("PutLifecycleConfiguration"), op("UpdateFileSystemProtection", only="protection")),
        names="protection=. protection.replicationOverwrite=ReplicationOverwriteProtection",
        seen={"protection": _PROTECTION}, naming=Name(key="creationToken"),
        outputs={"arn": "FileSystemArn", "dnsName": "{id}.efs.{region}.amazonaws.com",
            "sizeInBytes": "[{value: SizeInBytes.Value}]"},
        replace="creationToken encrypted kmsKeyId performanceMode availabilityZoneName",
    ),
    "aws:efs/mountTarget:MountTarget": Type(
        "efs", op("CreateMountTarget"), key="MountTargetId",
        read=(op("DescribeMountTargets"), op("DescribeMountTargetSecurityGroups", ".")),
        update=(op("ModifyMountTargetSecurityGroups"),), replace_first=True,
        outputs={"dnsName": "{fileSystemId}.efs.{region}.amazonaws.com",
            "mountTargetDnsName": _TARGET_NAME, "fileSystemArn": _FILES},
        replace="fileSystemId subnetId ipAddress ipAddressType ipv6Address",
    ),
    "aws:efs/accessPoint:AccessPoint": Type(
        "efs", op("CreateAccessPoint"), key="AccessPointId",
        outputs={"arn": "AccessPointArn", "fileSystemArn": _FILES},
        replace="fileSystemId posixUser rootDirectory",
    ),
    "aws:efs/backupPolicy:BackupPolicy": Type(
        "efs", op("PutBackupPolicy"), key="FileSystemId", id="{fileSystemId}",
        read=(op("DescribeBackupPolicy", "."),),
        delete=(op("PutBackupPolicy", FileSystemId="{id}", BackupPolicy={"Status": "DISABLED"}),),
        replace="fileSystemId",
    ),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": Type(
        "efs", op("PutFileSystemPolicy"), key="FileSystemId", id="{fileSystemId}",
        replace="fileSystemId",
    ),
    "aws:s3/bucket:Bucket": Bucket(
        "s3", op("CreateBucket"), key="Bucket", id="{bucket}", read=(op("HeadBucket", "."),),
        names="objectLockEnabled=ObjectLockEnabledForBucket",
        naming=Name(key="bucket", limit=63, lower=True), client="bucketPrefix",
        outputs={"arn": "arn:{partition}:s3:::{bucket}",
            "bucketDomainName": "{bucket}.s3.amazonaws.com",
            "bucketRegionalDomainName": "{bucket}.s3.{region}.amazonaws.com",
            "bucketRegion": "{region}", "hostedZoneId": lambda s: _S3_ZONES.get(s["region"])},
        replace="bucket bucketPrefix objectLockEnabled bucketNamespace",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_part("PutBucketPolicy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _bucket_part(
        "PutPublicAccessBlock", create=op("PutPublicAccessBlock", root=_ACCESS, Bucket="{bucket}"),
        names="bucket=",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _bucket_part(
        "PutBucketOwnershipControls", names="rule=OwnershipControls.Rules|Rules",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Type(
        "s3", op("PutBucketVersioning"), id="{bucket}",
        read=(op("GetBucketVersioning", ".", Bucket="{id}"),),
        delete=(op("PutBucketVersioning", Bucket="{id}",
            VersioningConfiguration={"Status": "Suspended"}),),
        names="mfa=MFA versioningConfiguration.mfaDelete=MFADelete", replace=_OF_BUCKET,
        reject_when={"versioningConfiguration": When(
            lambda c: c.old and (c.new or {}).get("status") == "Disabled",
            "s3/bucket_versioning.go:resourceBucketVersioning, CustomizeDiff")},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration":
    _bucket_part(
        "PutBucketEncryption",
        names="""
            rules=ServerSideEncryptionConfiguration.Rules
            rules.blockedEncryptionTypes=BlockedEncryptionTypes.EncryptionType
            """,
        replace=_OF_BUCKET,
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _bucket_part(
        "PutBucketLifecycleConfiguration", ".", kind=BucketLifecycle,
        names="rules=LifecycleConfiguration.Rules", replace=_OF_BUCKET,
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Type(
        "s3", op("PutObject"), key="Bucket={bucket} Key={key}", id="{bucket}/{key}",
        read=(op("HeadObject", "."),), update=(op("PutObject", full=True),),
        delete=(op("DeleteObject"),), names="content=Body", unread="content bucket key",
        outputs={"arn": "arn:{partition}:s3:::{bucket}/{key}", "etag": "ETag"},
        fresh={"content": "etag"}, replace="bucket key",
        tagging=Tagging("PutObjectTagging", "", "GetObjectTagging", "TagSet",
            {"Bucket": "{bucket}", "Key": "{key}"}),
    ),
    "aws:rds/subnetGroup:SubnetGroup": Type(
        "rds", op("CreateDBSubnetGroup"), key="DBSubnetGroupName", id="{name}",
        nouns="DBSubnetGroup", seen=_SUBNETS, naming=Name(folded=True), defaults=_MANAGED,
        outputs={"arn": "DBSubnetGroupArn"}, replace="name namePrefix",
    ),
    "aws:rds/parameterGroup:ParameterGroup": _parameter_group(
        "rds", "DBParameter", "", outputs={"arn": "DBParameterGroupArn"},
        replace="name namePrefix family description",
    ),
    "aws:rds/eventSubscription:EventSubscription": Type(
        "rds", op("CreateEventSubscription"), key="SubscriptionName", id="{name}", recorded=True,
        update=(op("ModifyEventSubscription"),),
        names="name=SubscriptionName snsTopic=SnsTopicArn",
        outputs={"arn": "arn:{partition}:rds:{region}:{account}:es:{name}"},
        replace="name namePrefix",
    ),
    "aws:rds/instance:Instance": DbInstance(
        "rds", op("CreateDBInstance"), key="DBInstanceIdentifier={identifier}",
        id="DBInstance.DbiResourceId", ready="DBInstanceStatus=='available'",
        guard="deletionProtection", update=(op("ModifyDBInstance", ApplyImmediately=_NOW),),
        delete=(op("DeleteDBInstance", SkipFinalSnapshot="{skipFinalSnapshot?}",
            FinalDBSnapshotIdentifier="{finalSnapshotIdentifier?}",
            DeleteAutomatedBackups="{deleteAutomatedBackups?}"), ),
        nouns="DBInstance DB Preferred MasterUser Master CA Enable",
        names="""
            password=MasterUserPassword username=MasterUsername port=Port|DBPortNumber
            caCertIdentifier=CACertificateIdentifier backupWindow=PreferredBackupWindow
            maintenanceWindow=PreferredMaintenanceWindow dbSubnetGroupName=DBSubnetGroupName
            performanceInsightsEnabled=EnablePerformanceInsights
            parameterGroupName=DBParameterGroupName
            enabledCloudwatchLogsExports=EnableCloudwatchLogsExports|{logs}
            iamDatabaseAuthenticationEnabled=EnableIAMDatabaseAuthentication
            snapshotIdentifier=DBSnapshotIdentifier restoreToPointInTime=.
            identifier=DBInstanceIdentifier|TargetDBInstanceIdentifier
            restoreToPointInTime.restoreTime=RestoreTime
            restoreToPointInTime.sourceDbInstanceIdentifier=SourceDBInstanceIdentifier
            restoreToPointInTime.sourceDbiResourceId=SourceDbiResourceId
            restoreToPointInTime.useLatestRestorableTime=UseLatestRestorableTime
            """.format(logs="CloudwatchLogsExportConfiguration.EnableLogTypes"),
        seen={"vpcSecurityGroupIds": "VpcSecurityGroups[].VpcSecurityGroupId",
            "dbSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
            "parameterGroupName": "DBParameterGroups[0].DBParameterGroupName",
            "port": "Endpoint.Port", "engineVersion": '"@engineVersion"',
            "optionGroupName": "OptionGroupMemberships[0].OptionGroupName"},
        unread="snapshotIdentifier restoreToPointInTime",
        deferred="""
            instanceClass allocatedStorage multiAz engineVersion storageType iops
            iamDatabaseAuthenticationEnabled backupRetentionPeriod
            """,
        # RDS user guide, "Settings for DB instances": downtime occurs during these changes.
        restarts="instanceClass engineVersion port caCertIdentifier",
        same_when={
            "allocatedStorage": When(_grown, "rds/instance.go:resourceInstance, allocated_storage"),
            "maxAllocatedStorage": When(lambda c: not c.old
                and c.new == c.news.get("allocatedStorage"),
                "rds/instance.go:resourceInstance, max_allocated_storage"),
        },
        client="""
            finalSnapshotIdentifier deleteAutomatedBackups allowMajorVersionUpgrade identifierPrefix
            """,
        naming=Name(key="identifier", joiner=""),
        outputs={"arn": "DBInstanceArn", "resourceId": "{id}", "address": "Endpoint.Address",
            "port": "Endpoint.Port",
            "endpoint": "join(':', [Endpoint.Address, to_string(Endpoint.Port)])",
            "hostedZoneId": "Endpoint.HostedZoneId", "status": "DBInstanceStatus",
            "engineVersionActual": "EngineVersion",
            "masterUserSecrets": "MasterUserSecret && [{secretArn: MasterUserSecret.SecretArn}]"},
        replace="""
            engine username dbName storageEncrypted kmsKeyId availabilityZone backupTarget
            characterSetName customIamInstanceProfile ncharCharacterSetName s3Import
            snapshotIdentifier restoreToPointInTime timezone
            """,
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": Type(
        "elasticache", op("CreateCacheSubnetGroup"), key="CacheSubnetGroupName", id="{name}",
        nouns="CacheSubnetGroup", seen=_SUBNETS, naming=Name(folded=True), defaults=_MANAGED,
        outputs={"arn": "ARN"}, replace="name",
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": _parameter_group(
        "elasticache", "CacheParameter", "parameters=ParameterNameValues",
        seen={"parameters": _OWN_PARAMETERS}, outputs={"arn": "ARN"},
        replace="name family description",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": ReplicationGroup(
        "elasticache", op("CreateReplicationGroup"), key="ReplicationGroupId",
        read=(op("DescribeReplicationGroups"), op("DescribeCacheClusters", keep={
            "actualVersion": "CacheClusters[?ReplicationGroupId=='{id}'].EngineVersion | [0]"})),
        update=(op("ModifyReplicationGroup", ApplyImmediately=_NOW),),
        delete=(op("DeleteReplicationGroup",
            FinalSnapshotIdentifier="{finalSnapshotIdentifier?}"), ),
        nouns="ReplicationGroup Cache Preferred",
        names="""
            description=ReplicationGroupDescription securityGroupNames=CacheSecurityGroupNames
            logDeliveryConfigurations.destination=DestinationDetails
            """,
        seen={"description": "Description",
            "automaticFailoverEnabled": "starts_with(AutomaticFailover, 'enabl')",
            "multiAzEnabled": "MultiAZ=='enabled'", "numCacheClusters": "length(MemberClusters)",
            "engineVersion": '"@engineVersion"'},
        unread="logDeliveryConfigurations numNodeGroups replicasPerNodeGroup",
        deferred="""
            automaticFailoverEnabled multiAzEnabled nodeType engineVersion transitEncryptionEnabled
            transitEncryptionMode
            """,
        client="finalSnapshotIdentifier",
        naming=Name(key="replicationGroupId", limit=40, lower=True), ready="Status=='available'",
        outputs={"arn": "ARN",
            "primaryEndpointAddress": "NodeGroups[0].PrimaryEndpoint.Address",
            "readerEndpointAddress": "NodeGroups[0].ReaderEndpoint.Address",
            "port": "NodeGroups[0].PrimaryEndpoint.Port",
            "configurationEndpointAddress": "ConfigurationEndpoint.Address",
            "memberClusters": "MemberClusters", "engineVersionActual": "actualVersion"},
        # ElastiCache user guide, "Scaling" and "Version management": a short interruption.
        restarts="nodeType engineVersion",
        replace="""
            replicationGroupId atRestEncryptionEnabled subnetGroupName kmsKeyId dataTieringEnabled
            port snapshotArns snapshotName securityGroupNames globalReplicationGroupId networkType
            """,
        replace_when={
            "engineVersion": When(_downgraded,
                "elasticache/engine_version.go:engineVersionForceNewOnDowngrade"),
            "engine": When(lambda c: (c.old, c.new) != ("redis", "valkey"),
                "elasticache/engine_version.go:customizeDiffEngineForceNewOnDowngrade"),
            "transitEncryptionEnabled": When(
                lambda c: _version(c.state.get("engineVersionActual", "7.1")) < [7, 0, 5],
                "elasticache/replication_group.go:resourceReplicationGroup, CustomizeDiff"),
        },
    ),
    "aws:ssm/parameter:Parameter": Type(
        "ssm", op("PutParameter"), key="Name", id="{name}",
        read=(op("GetParameter", WithDecryption=True),
            op("DescribeParameters", ParameterFilters=[{"Key": "Name", "Values": ["{id}"]}])),
        update=(op("PutParameter", full=True, Overwrite=True),), names="insecureValue=Value",
        client="arn overwrite", outputs={"arn": "ARN", "version": "Version"},
        naming=Name(limit=2048), fresh={"value": "version", "insecureValue": "version"},
        replace="name dataType",
        replace_when={"tier": When(lambda c: (c.old, c.new) == ("Advanced", "Standard"),
            "ssm/parameter.go:resourceParameter, CustomizeDiff")},
        same_when={"tier": When(lambda c: c.old is not None and c.new == "Intelligent-Tiering",
            "ssm/parameter.go:resourceParameter, tier")},
    ),
}
