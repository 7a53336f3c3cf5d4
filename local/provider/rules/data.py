"""Stores: RDS, ElastiCache, EFS, S3, SSM."""

from collections.abc import Mapping

from local.provider.rules.core import (
    OFFERED,
    Block,
    Test,
    at_most,
    between,
    excludes,
    like,
    of,
    one_of,
    unique,
    unlike,
    words,
)

_DAYS = words("sun mon tue wed thu fri sat")
_RESERVED_USERS = words("""
    admin rdsadmin rds_superuser rds_replication rds_password rds_iam rdsrepladmin rdstopmgr user
    all select table public root
    """)
_RESERVED_DATABASES = words("db rdsadmin template0 template1 user table select")
_SLUG = r"[a-z](?!.*--)[a-z0-9-]*(?<!-)"

# RDS user guide, "RDS for PostgreSQL DB instance parameter list": what each of them takes. Those
# marked static are read at the start of the engine only.
_STATIC = words("max_connections rds.logical_replication shared_buffers shared_preload_libraries")
_POSTGRES: Mapping[str, Test] = {
    "checkpoint_timeout": between(30, 86400),
    "default_statistics_target": between(1, 10000),
    "effective_cache_size": between(1, 2147483647),
    "idle_in_transaction_session_timeout": between(0, 2147483647),
    "log_autovacuum_min_duration": between(-1, 2147483647),
    "log_connections": one_of("0", "1"),
    "log_disconnections": one_of("0", "1"),
    "log_lock_waits": one_of("0", "1"),
    "log_min_duration_statement": between(-1, 2147483647),
    "log_statement": one_of("none", "ddl", "mod", "all"),
    "log_temp_files": between(-1, 2147483647),
    "maintenance_work_mem": between(1024, 2147483647),
    "max_connections": like(r"\d+|\{.*\}|(LEAST|GREATEST)\(.*\)"),
    "password_encryption": one_of("md5", "scram-sha-256"),
    "random_page_cost": between(0, 1.79769e308),
    "rds.force_ssl": one_of("0", "1"),
    "rds.logical_replication": one_of("0", "1"),
    "shared_buffers": like(r"\d+|\{.*\}"),
    "shared_preload_libraries": like(r"[a-z_,]*"),
    "statement_timeout": between(0, 2147483647),
    "work_mem": between(64, 2147483647),
}
# ElastiCache user guide, "Redis OSS parameters".
_REDIS: Mapping[str, Test] = {
    "activedefrag": one_of("yes", "no"),
    "cluster-enabled": one_of("yes", "no"),
    "databases": between(1, 1200000),
    "maxmemory-policy": one_of(
        *(f"{what}-{which}" for what in ("volatile", "allkeys") for which in ("lru", "lfu")),
        *("volatile-random", "allkeys-random", "volatile-ttl", "noeviction"),
    ),
    "maxmemory-samples": between(1, 2147483647),
    "notify-keyspace-events": like("[KEg$lshzxeAtmnd]*"),
    "reserved-memory-percent": between(0, 100),
    "slowlog-log-slower-than": between(-1, 2147483647),
    "timeout": lambda value: int(value) == 0 or int(value) >= 20,
}


def _minutes(window: str, *, weekly: bool) -> tuple[int, int]:
    """Begin and end of a time of the day or the week; the end is above the begin."""
    moments = []
    for moment in window.lower().split("-"):
        *day, hour, minute = moment.split(":")
        if len(day) != weekly or len(hour + minute) != 4 or int(hour) > 23 or int(minute) > 59:
            raise ValueError(window)
        moments.append((_DAYS.index(day[0]) * 1440 if day else 0) + int(hour) * 60 + int(minute))
    begin, end = moments
    return begin, end if end > begin else end + (10080 if weekly else 1440)


def _window(length: int, *, weekly: bool = False) -> Test:
    def test(window: str) -> bool:
        begin, end = _minutes(window, weekly=weekly)
        return end - begin >= length

    return test


def _apart(daily: str) -> Test:
    """Whether the daily window stays clear of the weekly one."""

    def test(block: Block) -> bool:
        if daily not in block or "maintenanceWindow" not in block:
            return True
        begin, end = _minutes(block[daily], weekly=False)
        start, stop = _minutes(block["maintenanceWindow"], weekly=True)
        days = [(begin + day * 1440, end + day * 1440) for day in range(-1, 9)]
        return not any(low < stop and start < high for low, high in days)

    return test


def _offered(kind: str, key: str) -> Test:
    """Whether the region offers a class; of other regions nothing is known."""

    def test(block: Block) -> bool:
        known = OFFERED[kind].get(block["region"])
        return known is None or block.get(key, "") in known.split()

    return test


def _postgres_version(block: Block) -> bool:
    versions = OFFERED["postgres"].split()
    version = str(block.get("engineVersion", "17"))
    majors = {known.split(".")[0] for known in versions}
    return block.get("engine") != "postgres" or version in versions or version in majors


def _cache_version(block: Block) -> bool:
    known = OFFERED.get(block.get("engine", "redis"), "").split()
    return str(block.get("engineVersion", known[-1])) in known


def _parameter(table: Mapping[str, Test]) -> Test:
    def test(parameter: Block) -> bool:
        return bool(table[parameter["name"]](str(parameter["value"])))

    return test


def _growth(block: Block) -> bool:
    """RDS user guide, "Managing capacity automatically with storage autoscaling"."""
    ceiling = block.get("maxAllocatedStorage", 0)
    return bool(ceiling == 0 or ceiling >= block["allocatedStorage"] * 1.1)


def _gp3(block: Block) -> bool:
    """RDS user guide, "gp3 storage": below 400 GiB its speed is fixed."""
    small = block.get("allocatedStorage", 0) < 400
    return block.get("storageType") != "gp3" or not (
        small and {"iops", "storageThroughput"} & {*block}
    )


def _sse(rule: Block) -> bool:
    default = Block(rule.get("applyServerSideEncryptionByDefault", {}))
    return default.get("sseAlgorithm") != "AES256" or "kmsMasterKeyId" not in default


_BUCKET = (
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)

# A row reads best in one place.
# fmt: off
RULES = (
    *of("rds/instance:Instance", "RDS API, CreateDBInstance",
        ("identifier", like(_SLUG), "must be lower-case letters, digits and single hyphens"),
        ("identifier", at_most(63), "may have 63 characters"),
        ("username", like("[A-Za-z][A-Za-z0-9_]{0,62}"), "must be 1 to 63 letters and digits"),
        ("username", lambda name: name.lower() not in _RESERVED_USERS
            and not name.startswith("pg_"), "is a word that the engine keeps for itself"),
        ("password", like(r'(?:(?![/@" ])[ -~]){8,128}'),
            'must be 8 to 128 printable characters other than / @ " and space'),
        ("", excludes("password", "manageMasterUserPassword"),
            "manageMasterUserPassword and password exclude each other"),
        ("dbName", like("[A-Za-z][A-Za-z0-9_]{0,62}"), "must be 1 to 63 letters and digits"),
        ("dbName", lambda name: name.lower() not in _RESERVED_DATABASES,
            "is a word that the engine keeps for itself"),
        ("port", between(1150, 65535), "must be 1150 to 65535"),
        ("backupRetentionPeriod", between(0, 35), "must be 0 to 35 days"),
        ("backupWindow", _window(30), "must be hh:mm-hh:mm, half an hour at least"),
        ("maintenanceWindow", _window(30, weekly=True), "must be ddd:hh:mm-ddd:hh:mm"),
        ("", _apart("backupWindow"), "backupWindow and maintenanceWindow must not overlap"),
        ("monitoringInterval", one_of(0, 1, 5, 10, 15, 30, 60), "must be 0, 1, 5, 10, 15, 30, 60"),
        ("", lambda d: bool(d.get("monitoringInterval", 0)) <= ("monitoringRoleArn" in d),
            "monitoringRoleArn is needed with monitoringInterval"),
        ("performanceInsightsRetentionPeriod", lambda days: days in (7, 731)
            or (days % 31 == 0 and 31 <= days <= 713), "must be 7, 731 or months of 31 days"),
        ("", excludes("availabilityZone", "multiAz"), "multiAz excludes availabilityZone"),
        ("", lambda d: d.get("skipFinalSnapshot") or "finalSnapshotIdentifier" in d,
            "finalSnapshotIdentifier is needed unless skipFinalSnapshot"),
        ("finalSnapshotIdentifier", like(r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,254}(?<!-)"),
            "must be letters, digits and single hyphens"),
        ("kmsKeyId", like("arn:aws:kms:.*:key/.*"), "must be a key's ARN")),
    *of("rds/instance:Instance", "RDS API, RestoreDBInstanceFromDBSnapshot",
        ("snapshotIdentifier", at_most(255), "may have 255 characters"),
        ("", lambda d: d.get("snapshotIdentifier", "").split(":")[:4] in ([""], ["arn", "aws",
            "rds", d["region"]]) or not d["snapshotIdentifier"].startswith("arn:"),
            "snapshotIdentifier must be of the same region")),
    *of("rds/instance:Instance", f"{OFFERED['source']}, from DescribeOrderableDBInstanceOptions",
        ("", _postgres_version, "engineVersion cannot be created any more, or not yet"),
        ("", _offered("classes", "instanceClass"), "instanceClass is not offered in the region")),
    *of("rds/instance:Instance", "RDS user guide, Amazon RDS storage types",
        ("", lambda d: d.get("storageType") != "gp3" or 20 <= d["allocatedStorage"] <= 65536,
            "allocatedStorage must be 20 to 65536 GiB of gp3"),
        ("storageType", one_of("standard", "gp2", "gp3", "io1", "io2"), "must be gp3 or another"),
        ("", _gp3, "iops and storageThroughput need 400 GiB of gp3"),
        ("", _growth, "maxAllocatedStorage must be a tenth above allocatedStorage")),
    *of("rds/instance:Instance", "RDS user guide, Publishing PostgreSQL logs",
        ("", lambda d: d.get("engine") != "postgres" or {*d.get("enabledCloudwatchLogsExports", [])}
            <= {"postgresql", "upgrade", "iam-db-auth-error"},
            "enabledCloudwatchLogsExports must be postgresql, upgrade, iam-db-auth-error")),
    *of("rds/parameterGroup:ParameterGroup", "RDS user guide, PostgreSQL parameters",
        ("family", like(r"postgres1[0-8]|(aurora-)?(mysql|mariadb|postgresql)[\d.]+"),
            "must be a family such as postgres17"),
        ("parameters[]", _parameter(_POSTGRES), "is no known parameter, or not within its range"),
        ("parameters[]", lambda p: p["name"] not in _STATIC
            or p.get("applyMethod") == "pending-reboot", "needs applyMethod pending-reboot"),
        ("parameters", lambda items: unique([item["name"] for item in items]), "must differ")),
    *of("rds/subnetGroup:SubnetGroup", "RDS API, CreateDBSubnetGroup",
        ("name", like(r"(?!default$)[a-z0-9 ._-]{1,255}"), "must be lower case, not default"),
        ("subnetIds", lambda ids: len(ids) >= 2, "must be of two zones at least")),
    *of("elasticache/replicationGroup:ReplicationGroup", "ElastiCache API, CreateReplicationGroup",
        ("replicationGroupId", like(_SLUG), "must be lower-case letters, digits, single hyphens"),
        ("replicationGroupId", at_most(40), "may have 40 characters"),
        ("numCacheClusters", between(1, 6), "must be 1 to 6"),
        ("", lambda r: not r.get("automaticFailoverEnabled") or r.get("numCacheClusters", 0) >= 2
            or "numNodeGroups" in r, "automaticFailoverEnabled needs numCacheClusters of 2"),
        ("", lambda r: not r.get("multiAzEnabled") or r.get("automaticFailoverEnabled"),
            "multiAzEnabled needs automaticFailoverEnabled"),
        ("authToken", like(r"[A-Za-z0-9!&#$^<>-]{16,128}"),
            "must be 16 to 128 letters, digits and ! & # $ ^ < > -"),
        ("", lambda r: not {"authToken", "transitEncryptionMode"} & {*r}
            or r.get("transitEncryptionEnabled"),
            "transitEncryptionEnabled is needed by authToken and transitEncryptionMode"),
        ("description", lambda text: text.strip(), "must not be empty"),
        ("snapshotRetentionLimit", between(0, 35), "must be 0 to 35 days"),
        ("snapshotWindow", _window(60), "must be hh:mm-hh:mm, an hour at least"),
        ("maintenanceWindow", _window(60, weekly=True), "must be ddd:hh:mm-ddd:hh:mm, an hour"),
        ("", _apart("snapshotWindow"), "snapshotWindow and maintenanceWindow must not overlap")),
    *of("elasticache/replicationGroup:ReplicationGroup", f"{OFFERED['source']}, from ElastiCache",
        ("", _cache_version, "engineVersion is none of the engine's (Redis OSS ends at 7.1)"),
        ("", _offered("nodes", "nodeType"), "nodeType is not offered in the region")),
    *of("elasticache/parameterGroup:ParameterGroup", "ElastiCache user guide, Parameters",
        ("family", like(r"redis(2\.[68]|3\.2|4\.0|5\.0|6\.x|7)|valkey[789]|memcached1\.[456]"),
            "must be a family such as redis7"),
        ("parameters[]", _parameter(_REDIS), "is no known parameter, or not within its range")),
    *of("elasticache/subnetGroup:SubnetGroup", "ElastiCache API, CreateCacheSubnetGroup",
        ("name", like(r"(?!default$)[a-z0-9-]{1,255}"), "must be lower case, not default")),
    *of("efs/fileSystem:FileSystem", "EFS API, CreateFileSystem",
        ("", lambda f: ("provisionedThroughputInMibps" in f)
            == (f.get("throughputMode") == "provisioned"),
            "provisionedThroughputInMibps goes with throughputMode provisioned, and only with it"),
        ("", lambda f: (f.get("performanceMode"), f.get("throughputMode")) != ("maxIO", "elastic"),
            "performanceMode maxIO does not go with throughputMode elastic"),
        ("kmsKeyId", like("arn:aws:kms:.*:key/.*"), "must be a key's ARN"),
        ("", lambda f: "kmsKeyId" not in f or f.get("encrypted"), "kmsKeyId needs encrypted")),
    *of("efs/fileSystem:FileSystem", "EFS API, PutLifecycleConfiguration",
        ("lifecyclePolicies[]", lambda policy: len(policy) == 1, "must have one transition each")),
    *of("efs/accessPoint:AccessPoint", "EFS API, RootDirectory",
        ("rootDirectory.path", like(r"/|(?=.{1,100}$)(/[^/]+){1,4}"), "may have four folders"),
        ("rootDirectory.creationInfo.permissions", like("[0-7]{3,4}"), "must be octal, as 0755")),
    *of("efs/mountTarget:MountTarget", "EFS API, CreateMountTarget",
        ("securityGroups", at_most(5), "may have five groups")),
    *of("s3/bucket:Bucket", "S3 user guide, Bucket naming rules",
        ("bucket", like(_BUCKET), "must be 3 to 63 lower-case letters, digits, dots and hyphens"),
        ("bucket", unlike(r"(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$"),
            "has an ending that S3 keeps for itself")),
    *of("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "S3 API, PutBucketLifecycleConfiguration",
        ("rules", lambda rules: unique([rule["id"] for rule in rules]), "must differ in id"),
        ("rules.expiration.days", between(1, 2147483647), "must be a day at least"),
        ("rules.noncurrentVersionExpiration.noncurrentDays", between(1, 2147483647),
            "must be a day at least"),
        ("rules.transitions[]", lambda t: t.get("storageClass") not in ("STANDARD_IA", "ONEZONE_IA")
            or t.get("days", 30) >= 30, "must wait 30 days for this class"),
        ("rules[]", lambda rule: {"expiration", "transitions", "abortIncompleteMultipartUpload",
            "noncurrentVersionExpiration", "noncurrentVersionTransitions"} & {*rule},
            "must do something")),
    *of("s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "S3 API, PutBucketEncryption",
        ("rules[]", _sse, "applyServerSideEncryptionByDefault: AES256 takes no kmsMasterKeyId")),
    *of("ssm/parameter:Parameter", "SSM API, PutParameter",
        ("name", unlike(r"^/?(aws|ssm)"), "must not begin with aws or ssm"),
        ("name", like(r"[A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+){1,15}"),
            "must be up to 15 levels of letters, digits, and . - _, each after a /"),
        ("name", at_most(1011), "may have 1011 characters"),
        ("", lambda p: len(str(p.get("value", "")).encode())
            <= (8192 if p.get("tier") in ("Advanced", "Intelligent-Tiering") else 4096),
            "value may have 4 KB, in the tier Advanced 8 KB"),
        ("value", lambda text: text and "{{" not in text, "must not be empty or have {{ in it"),
        ("", lambda p: p.get("type") == "SecureString" or "keyId" not in p,
            "keyId is for SecureString")),
)
