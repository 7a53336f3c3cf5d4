"""The stack's configuration: read once, checked as a whole before any resource exists.

Types and defaults stand in `Pulumi.yaml`; what a value may be stands here. All problems are told
together, each with its key, its value, what is allowed and the command that mends it.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

import pulumi
from pulumi.runtime.config import (
    CONFIG,
    get_config_env,
    get_config_secret_keys_env,
    is_config_secret,
)

from config_reader import ConfigReader
from regions import REGIONS
from running_hours import (
    DAY,
    WEEK,
    RunningHours,
    clock,
    minutes,
    overlap,
    read_running_hours,
    require_within,
)

Access = Literal["required", "from-map", "open"]
Architecture = Literal["X86_64", "ARM64"]
Insights = Literal["disabled", "enabled", "enhanced"]
FlowLogTraffic = Literal["REJECT", "ACCEPT", "ALL"]
RedisTls = Literal["preferred", "required"]
_ACCESS: Final[tuple[Access, ...]] = get_args(Access)
_ARCHITECTURE: Final[tuple[Architecture, ...]] = get_args(Architecture)
_INSIGHTS: Final[tuple[Insights, ...]] = get_args(Insights)
_FLOW_LOG: Final[tuple[FlowLogTraffic, ...]] = get_args(FlowLogTraffic)
_REDIS_TLS: Final[tuple[RedisTls, ...]] = get_args(RedisTls)

# Parameters that the program fills itself; people edit the others.
INTERNAL_PARAMETERS = ("POSTGRES_PASSWORD", "GEOSERVER_ADMIN_PASSWORD")

# AWS Fargate developer guide, "Task CPU and memory": memory in MiB that each cpu size offers.
FARGATE_MEMORY: Mapping[int, Collection[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
# CloudWatch Logs API, PutRetentionPolicy, retentionInDays.
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096),
    *(1827, 2192, 2557, 2922, 3288, 3653),
)
# The minors of each major that RDS creates (RDS release notes, PostgreSQL calendar); a newer one is
# added here.
_POSTGRES_MINORS: Mapping[str, Collection[int]] = {
    "15": range(13, 19 + 1),
    "16": range(9, 15 + 1),
    "17": range(5, 11 + 1),
    "18": (1, 2, 3, 4, 6),
}
_POSTGRES_VERSION = re.compile(r"(1[5-8])(\.\d{1,2})?")
# RDS API, CreateDBInstance and CreateDBSnapshot: names of up to 63 and 255 characters.
_INSTANCE = "((?=[^@]{1,63}@)[a-z][a-z0-9]*(-[a-z0-9]+)*|db-[A-Z0-9]{20,60})"
_SNAPSHOT_NAME = "(?=.{1,255}$)(rds:|awsbackup:)?[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*"
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_REDIS_VERSION = re.compile(r"7\.[01]")
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# ACM's limit for a certificate's domain name, the map's host, which is 'otakaro.' before the zone
# by default (ACM API, RequestCertificate); Elastic Load Balancing's for a host that a rule is about
# (ELB API, HostHeaderConditionConfig).
_MAP_HOST_LENGTH = 64
_HOST_LENGTH = 128
# The characters of a Content-Security-Policy (CloudFront developer guide, "Quotas on headers") that
# a list of hosts may have, each with 'https://' and spaces: 1783 less what the policy says besides.
_POLICY_ROOM = 650
# The function that redeploys services is told of every name up to three times, in the 4 KB that a
# Lambda function's environment may have (Lambda developer guide, "Quotas").
_MOST_PARAMETERS = 20
_PARAMETERS_LENGTH = 400
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_PRIVATE = [ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


_REGION = "ap-southeast-2"


class SettingsError(pulumi.RunError):
    """The configuration can't be used; the text lists every problem. Shown without a traceback."""


@dataclass(frozen=True, kw_only=True)
class ServiceSize:
    """Size of one Fargate service: CPU in 1/1024 vCPU, memory in MiB, disk in GiB, numbers of
    tasks."""

    cpu: int
    memory: int
    disk: int
    desired: int
    minimum: int
    maximum: int


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Public host names, all within the DNS zone."""

    map: str
    api: str
    geoserver: str

    @property
    def all(self) -> tuple[str, str, str]:
        return self.map, self.api, self.geoserver


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    cidr: str
    zones: tuple[str, ...]  # full names, ap-southeast-2a
    nat_gateways: int
    interface_endpoints: tuple[str, ...]
    flow_log_traffic: FlowLogTraffic


@dataclass(frozen=True, kw_only=True)
class RestorePoint:
    """What a database begins with: a snapshot, or another instance as it was at some time."""

    text: str  # as the setting has it; each text is another restoration
    snapshot: str  # name or ARN; empty when it is an instance
    instance: str  # its name, or the resource id of one that is deleted
    time: str  # RFC 3339 in UTC, or 'latest'


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    password: pulumi.Output[str]
    engine_version: str
    instance_class: str
    storage: int
    max_storage: int
    multi_az: bool
    backup_days: int
    backup_window: str
    maintenance_window: str
    final_snapshot: bool
    insights: bool
    restore: RestorePoint | None  # none: it begins empty


@dataclass(frozen=True, kw_only=True)
class RedisSettings:
    engine_version: str
    node_type: str
    replicas: int
    tls: RedisTls
    final_snapshot: bool


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    users: pulumi.Output[dict[str, str]]  # name to password
    map_access: Access
    api_access: Access
    geoserver_access: Access
    geoserver_admin_open: bool
    origin_timeout: int
    tile_seconds: int
    embedders: tuple[str, ...]
    script_hosts: tuple[str, ...]
    firewall: bool
    firewall_rate_limit: int
    keep_function: bool


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that the stack file can say, checked."""

    region: str
    prefix: str
    dns_zone: str
    create_dns_zone: bool
    hosts: Hosts
    secret_parameter_names: tuple[str, ...]
    network: NetworkSettings
    terriamap: ServiceSize
    terriamap_requests: int  # requests a minute that scaling gives each task
    geoserver: ServiceSize
    flask: ServiceSize
    flask_requests: int
    celery: ServiceSize
    celery_concurrency: int  # jobs that a worker runs at the same time
    celery_spot: bool
    files_root: str  # where on the shared disk its folders begin; empty is the disk's own root
    architecture: Architecture
    ecs_exec: bool
    container_insights: Insights
    database: DatabaseSettings
    redis: RedisSettings
    edge: EdgeSettings
    protect_data: bool
    log_retention_days: int
    access_log_days: int
    alarm_email: str
    monthly_budget: int  # US dollars; 0: none
    permissions_boundary: str  # name of a policy of the account; empty: none
    hours: RunningHours | None  # none: the stack always runs

    @classmethod
    def load(cls, config: pulumi.Config) -> "Settings":
        """Read the stack's configuration of namespace `config`.

        Raises:
            SettingsError: with every problem found, when there is one.
        """
        region = pulumi.Config("aws").get("region") or ""
        prefix = f"{config.name}:"
        stack = {**get_config_env(), **CONFIG.get()}
        values = {k.removeprefix(prefix): str(v) for k, v in stack.items() if k.startswith(prefix)}
        marked = set(get_config_secret_keys_env())
        secret = {k for k in values if is_config_secret(prefix + k) or prefix + k in marked}
        reader = ConfigReader(config.name, values, secret)
        if region not in REGIONS:
            what = f"is {region!r}" if region else "is missing"
            reader.problems.append(
                f"aws:region {what}; allowed: a Region with CloudFront VPC origins that regions.py"
                f" knows, {', '.join(REGIONS)}."
                f" Mend it with: pulumi config set aws:region {_REGION}"
            )
        settings = _read(reader, region)
        reader.retired(
            "originSecret",
            "the load balancer is internal, and requests carry no secret any more",
        )
        reader.refuse_unknown_keys()
        for note in reader.notes:
            pulumi.log.warn(note)
        if reader.problems:
            count = len(reader.problems)
            raise SettingsError(
                f"the configuration has {count} problem{'s' * (count > 1)}, nothing was changed:\n"
                + "\n".join(f"  - {problem}" for problem in reader.problems)
            )
        return settings


def _read(read: ConfigReader, region: str) -> Settings:
    # A prefix of 14 leaves room for '-geoserver' and the provider's suffix in the 32 characters
    # that a target group's name may have (Elastic Load Balancing API, CreateTargetGroup).
    prefix = read.text(
        "namePrefix",
        # SSM keeps names that begin with aws or ssm for itself, EC2 those with sg-, Elastic Load
        # Balancing those with internal-, S3 those with sthree- and amzn-s3-demo-.
        r"(?=.{2,14}$)(?!aws|ssm|(sg|internal|sthree|amzn)(-|$))[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "2 to 14 lower-case letters, digits and single hyphens, beginning with a letter, but not"
        " with aws, ssm, sg-, internal-, sthree- or amzn-, which AWS reserves",
        "otakaro-dt",
    )
    zone = read.text(
        "dnsZone",
        rf"(?=.{{1,{_MAP_HOST_LENGTH - len('otakaro.')}}}$){_HOST.pattern}",
        f"a domain name in lower case, of {_MAP_HOST_LENGTH - len('otakaro.')} characters at most",
        "digitaltwins.nz",
    )
    protect = read.boolean("protectData")
    final_snapshot = read.boolean("databaseFinalSnapshot")
    zones = _zones(read, region)
    nat_gateways, endpoints = _ways_out(read, region, zones)
    hours = read_running_hours(read)
    cidr = _cidr(read)
    services = {name: _service(read, name) for name in ("terriamap", "flask", "celery")}
    services["geoserver"] = _service(read, "geoserver", single=True)
    _require_addresses(read, cidr, len(zones), services)
    return Settings(
        region=region,
        prefix=prefix,
        dns_zone=zone,
        create_dns_zone=read.boolean("createDnsZone"),
        hosts=_hosts(read, zone),
        secret_parameter_names=_parameter_names(read),
        network=NetworkSettings(
            cidr=cidr,
            zones=zones,
            nat_gateways=nat_gateways,
            interface_endpoints=endpoints,
            flow_log_traffic=read.choice("flowLogTraffic", _FLOW_LOG),
        ),
        terriamap=services["terriamap"],
        terriamap_requests=read.integer("terriamapRequests", 1, 1_000_000, clamp=False),
        geoserver=services["geoserver"],
        flask=services["flask"],
        flask_requests=read.integer("flaskRequests", 1, 1_000_000, clamp=False),
        celery=services["celery"],
        celery_concurrency=read.integer("celeryConcurrency", 1, 64),
        celery_spot=read.boolean("celerySpot"),
        files_root=_files_root(read),
        architecture=read.choice("cpuArchitecture", _ARCHITECTURE),
        ecs_exec=read.boolean("ecsExec"),
        container_insights=read.choice("containerInsights", _INSIGHTS),
        database=_database(read, region, hours, final_snapshot=final_snapshot),
        redis=RedisSettings(
            engine_version=read.text(
                "redisEngineVersion", _REDIS_VERSION, "Redis 7.0 or 7.1, the last ones", "7.1"
            ),
            node_type=_offered(
                read,
                "redisNodeType",
                REGIONS.get(region, REGIONS[_REGION]).cache_nodes,
                f"an ElastiCache node type that {region} offers",
            ),
            # ElastiCache user guide, "Replication: Valkey and Redis OSS cluster mode disabled".
            replicas=read.integer("redisReplicas", 0, 5),
            tls=read.choice("redisTls", _REDIS_TLS),
            final_snapshot=final_snapshot,
        ),
        edge=_edge(read),
        protect_data=protect,
        log_retention_days=_log_days(read),
        access_log_days=read.integer("accessLogDays", 1, 3653),
        # RFC 5321, 4.5.3.1: 64 characters before the @, 254 in all.
        alarm_email=read.text(
            "alarmEmail",
            r"|(?=.{1,254}$)[!-?A-~]{1,64}@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+",
            "an e-mail address, or empty",
            "",
        ),
        monthly_budget=read.integer("monthlyBudget", 0, 1_000_000),
        permissions_boundary=read.text(
            "permissionsBoundary",
            r"|[A-Za-z0-9_+=,.@-]{1,128}",  # IAM API, PolicyName
            "the name of a managed policy of the account, or empty",
            "otakaro-github-role-boundary",
        ),
        hours=hours,
    )


def _zones(read: ConfigReader, region: str) -> tuple[str, ...]:
    letters = read.names("zones")
    offered = REGIONS.get(region, REGIONS[_REGION]).zones
    if not 2 <= len(letters) <= 3 or len(set(letters)) != len(letters):
        allowed = "two or three different zones"
    elif wrong := [letter for letter in letters if len(letter) != 1 or letter not in offered]:
        allowed = f"zone letters of the region, {offered[0]} to {offered[-1]}, not {wrong[0]!r}"
    else:
        return tuple(region + letter for letter in letters)
    if read.sound("zones"):
        read.problem_with_command("zones", allowed, read.back_to_default("zones"))
    return tuple(region + letter for letter in letters)


def _ways_out(read: ConfigReader, region: str, zones: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """NAT gateways and endpoints. A function in the VPC has no public address, and the one that
    creates PostGIS reads the database's password from Parameter Store."""
    gateways = read.integer("natGateways", 0, max(len(zones), 1), clamp=False)
    endpoints = _endpoints(read, region)
    if (
        gateways == 0
        and "ssm" not in endpoints
        and read.sound("zones", "natGateways", "interfaceEndpoints")
    ):
        read.problem(
            "natGateways",
            f"from 1 to {len(zones)}, or 0 with ssm among interfaceEndpoints, by which the function"
            " that creates PostGIS reads the database's password",
            "1",
        )
    return gateways, endpoints


def _endpoints(read: ConfigReader, region: str) -> tuple[str, ...]:
    key = "interfaceEndpoints"
    services = read.names(key)
    offered = REGIONS.get(region, REGIONS[_REGION]).endpoints
    wrong = [service for service in services if service not in offered]
    if (wrong or len(set(services)) != len(services)) and read.sound(key):
        read.problem_with_command(
            key, f"different ones of {', '.join(offered)}", read.back_to_default(key)
        )
    return services


def _require_addresses(
    read: ConfigReader, cidr: str, zones: int, services: Mapping[str, ServiceSize]
) -> None:
    """Note a problem where the private subnets, each an eighth of the VPC, have no address for a
    task. A deployment doubles the tasks, each of which has one (ECS developer guide, "awsvpc").

    Of a subnet, AWS keeps five (VPC user guide, "Subnet sizing"); a load balancer asks for eight
    free ones (ELB user guide, "Subnets"), the other nineteen are for database, Redis, file system,
    endpoints and functions.
    """
    keys = [f"{name}Max" for name in services if name != "geoserver"]
    if not cidr or not read.sound("vpcCidr", "zones", *keys):
        return
    size = ipaddress.IPv4Network(cidr).num_addresses // 8
    room = zones * (size - 5 - 8 - 19) // 2
    tasks = sum(service.maximum for service in services.values())
    if tasks <= room:
        return
    wider = ipaddress.IPv4Network(cidr).supernet(new_prefix=16)
    read.problem(
        "vpcCidr",
        f"a range with room for twice {tasks} tasks, the sum of {', '.join(keys)} and GeoServer's;"
        f" this one has room for twice {room}",
        str(wider),
    )


def _offered(read: ConfigReader, key: str, names: Sequence[str], allowed: str) -> str:
    """The one of `names` that the value of `key` is."""
    families = ", ".join(dict.fromkeys(name.rpartition(".")[0] for name in names))
    pattern = "|".join(map(re.escape, names))
    small = next(name for name in names if ".t4g." in name)
    return read.text(key, pattern, f"{allowed}, of {families}", small)


def _cidr(read: ConfigReader) -> str:
    """/16 is the widest range that a VPC takes; a /23 leaves /26 subnets: an Application Load
    Balancer needs /27 (its user guide, "Subnets"), tasks and functions room beside it."""
    allowed = "a private IPv4 range (RFC 1918), /16 to /23, that begins on its own boundary"
    text = read.text("vpcCidr", r"[0-9./]+", allowed, "10.0.0.0/16")
    if not text:
        return text
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        network = None
    if (
        network is None
        or not 16 <= network.prefixlen <= 23
        or not any(network.subnet_of(private) for private in _PRIVATE)
    ):
        read.problem("vpcCidr", allowed, "10.0.0.0/16")
    return text


def _hosts(read: ConfigReader, zone: str) -> Hosts:
    taken: list[str] = []

    def host(key: str, default: str, length: int = _HOST_LENGTH) -> str:
        allowed = (
            f"a host name within the zone {zone}, different from the other hosts, of {length}"
            " characters at most"
        )
        pattern = rf"|(?=.{{1,{length}}}$){_HOST.pattern}"
        name = read.text(key, re.compile(pattern), allowed, default)
        if name and zone and (not name.endswith("." + zone) or name in taken):
            read.problem(key, allowed, default)
            return default
        taken.append(name or default)
        return taken[-1]

    site = host("mapHost", f"otakaro.{zone}", _MAP_HOST_LENGTH)
    return Hosts(
        map=site,
        api=host("apiHost", f"api.{site}"),
        geoserver=host("geoserverHost", f"gs.{site}"),
    )


def _parameter_names(read: ConfigReader) -> tuple[str, ...]:
    key = "secretParameterNames"
    names = read.names(key)
    if not read.sound(key):
        return names
    wrong: list[str] = []
    commands: list[str] = []
    # From the last to the first, so that no removal moves those that are still to be removed.
    for index, name in reversed(list(enumerate(names))):
        # They become environment variables and the last part of an SSM parameter's name.
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,99}", name):
            wrong.append(f"{name!r} is not made of capitals, digits and '_'")
        elif name.startswith(("AWS_", "SSM_", "ECS_")):
            wrong.append(f"{name!r} is reserved by AWS")
        elif name in names[:index]:
            wrong.append(f"{name!r} stands there more than once")
        else:
            continue
        commands.append(read.without_item(key, index))
    missing = [name for name in INTERNAL_PARAMETERS if name not in names]
    end = len(names) - len(commands)
    for index, name in enumerate(missing, end):
        wrong.append(f"{name} is not among them, and the application needs it")
        commands.append(read.with_item(key, index, name))
    if wrong:
        read.problem_with_command(
            key,
            f"different names of capitals, digits and '_'; here {', '.join(wrong)}",
            " && ".join(commands),
        )
    elif len(names) > _MOST_PARAMETERS or sum(map(len, names)) > _PARAMETERS_LENGTH:
        read.problem_with_command(
            key,
            f"{_MOST_PARAMETERS} names at most, of {_PARAMETERS_LENGTH} characters together",
            read.back_to_default(key),
        )
    return names


def _service(read: ConfigReader, name: str, *, single: bool = False) -> ServiceSize:
    cpu = read.integer(f"{name}Cpu", 256, 16384, clamp=False)
    memory = read.integer(f"{name}Memory", 512, 122880, clamp=False)
    if cpu not in FARGATE_MEMORY:
        offered = ", ".join(map(str, FARGATE_MEMORY))
        if read.sound(f"{name}Cpu"):
            read.problem(f"{name}Cpu", f"a size that Fargate has: {offered}", "1024")
    elif memory not in FARGATE_MEMORY[cpu] and read.sound(f"{name}Cpu", f"{name}Memory"):
        sizes = sorted(FARGATE_MEMORY[cpu])
        read.problem(
            f"{name}Memory",
            f"a size that Fargate offers with {cpu} cpu units: {sizes[0]} to {sizes[-1]} MiB in"
            f" steps of {sizes[1] - sizes[0]}",
            str(sizes[0]),
        )
    # Every task on Fargate has 20 GiB; a task definition may have 21 to 200 (ECS API,
    # EphemeralStorage).
    disk = read.integer(f"{name}Disk", 20, 200)
    if single:
        return ServiceSize(cpu=cpu, memory=memory, disk=disk, desired=1, minimum=1, maximum=1)
    minimum = read.integer(f"{name}Min", 1, 100)
    maximum = read.integer(f"{name}Max", 1, 100)
    desired = read.integer(f"{name}Desired", 1, 100)
    if not read.sound(f"{name}Min", f"{name}Max"):
        pass  # nothing to compare with
    elif minimum > maximum:
        read.problem(f"{name}Min", f"at most {name}Max ({maximum})", str(min(desired, maximum)))
    elif read.sound(f"{name}Desired") and not minimum <= desired <= maximum:
        read.problem(
            f"{name}Desired",
            f"from {name}Min ({minimum}) to {name}Max ({maximum})",
            str(minimum),
        )
    return ServiceSize(
        cpu=cpu, memory=memory, disk=disk, desired=desired, minimum=minimum, maximum=maximum
    )


def _database(
    read: ConfigReader, region: str, hours: RunningHours | None, *, final_snapshot: bool
) -> DatabaseSettings:
    # gp3 ends at 64 TiB (RDS user guide, "Storage types"); the ceiling is a tenth above.
    storage = read.integer("databaseStorage", 20, 59_578)
    ceiling = read.integer("databaseMaxStorage", 22, 65536)
    # RDS user guide, "Managing capacity automatically": at least 10 % above the allocated storage.
    if read.sound("databaseStorage", "databaseMaxStorage") and ceiling * 10 < storage * 11:
        least = -(-storage * 11 // 10)
        read.problem(
            "databaseMaxStorage",
            f"at least {least}, 10 % above databaseStorage",
            str(least),
        )
    backup, maintenance = _windows(read, hours)
    return DatabaseSettings(
        # The application puts it unescaped into URLs and XML, so letters and digits only.
        password=read.secret(
            "databasePassword", r"[A-Za-z0-9]{12,128}", "12 to 128 letters and digits"
        ),
        engine_version=_engine_version(read),
        instance_class=_offered(
            read,
            "databaseInstanceClass",
            REGIONS.get(region, REGIONS[_REGION]).database_classes,
            f"an RDS instance class that {region} offers",
        ),
        storage=storage,
        max_storage=ceiling,
        multi_az=read.boolean("databaseMultiAz"),
        backup_days=read.integer("databaseBackupDays", 1, 35),
        backup_window=backup,
        maintenance_window=maintenance,
        final_snapshot=final_snapshot,
        insights=read.boolean("databaseInsights"),
        restore=_restore_point(read, region),
    )


def _restore_point(read: ConfigReader, region: str) -> RestorePoint | None:
    """Snapshots by the names that RDS, its automatic backups and AWS Backup give, or by the ARN of
    a shared one of the same Region; instances by name or, once deleted, by resource id (RDS API,
    RestoreDBInstanceFromDBSnapshot and RestoreDBInstanceToPointInTime).
    """
    key = "databaseRestoreFrom"
    allowed = (
        f"a snapshot's name or its ARN in {region}, INSTANCE@YYYY-MM-DDTHH:MM:SSZ (a moment in"
        " UTC), INSTANCE@latest, or empty for a new database"
    )
    shared = rf"arn:aws:rds:{region}:\d{{12}}:snapshot:{_SNAPSHOT_NAME}"
    text = read.text(
        key,
        f"|{_SNAPSHOT_NAME}|{shared}|{_INSTANCE}@(latest|{_MOMENT})",
        allowed,
        "otakaro-dt-pg@latest",
    )
    instance, at, time = text.partition("@")
    if not text:
        return None
    if at and time != "latest":
        try:
            datetime.fromisoformat(time)
        except ValueError:
            read.problem(key, allowed, f"{instance}@latest")
    return RestorePoint(
        text=text,
        snapshot="" if at else text,
        instance=instance if at else "",
        time=time,
    )


def _files_root(read: ConfigReader) -> str:
    # EFS API, CreateAccessPoint, RootDirectory: a hundred characters, four folders deep; ours
    # takes two of them and 22 characters.
    return read.text(
        "filesRoot",
        r"(?=.{0,78}$)(/[A-Za-z0-9_.:-]*[A-Za-z0-9_:-]){0,2}",
        "a path of one or two folders, such as /aws-backup-restore_..., or empty for the disk's"
        " root",
        "",
    )


def _engine_version(read: ConfigReader) -> str:
    key, allowed = "databaseEngineVersion", "a PostgreSQL version, 15 to 18"
    version = read.text(key, _POSTGRES_VERSION, allowed, "17")
    major, _, minor = version.partition(".")
    if minor and int(minor) not in _POSTGRES_MINORS[major]:
        minors = _POSTGRES_MINORS[major]
        span = f"{major}.{min(minors)} to {major}.{max(minors)}"
        read.problem(key, f"{span}, which RDS creates, or just {major}", major)
    return version


def _windows(read: ConfigReader, hours: RunningHours | None) -> tuple[str, str]:
    """RDS refuses windows of less than half an hour, and such as overlap (RDS user guide, "Backup
    window" and "Maintenance window")."""
    keys = ("databaseBackupWindow", "databaseMaintenanceWindow")
    allowed = ("hh:mm-hh:mm in UTC, half an hour or more", "ddd:hh:mm-ddd:hh:mm in UTC, as long")
    examples = ("15:00-16:00", "sat:16:30-sat:17:30")
    backup = read.text(keys[0], f"{_TIME}-{_TIME}", allowed[0], examples[0])
    maintenance = read.text(keys[1], f"{_DAY}:{_TIME}-{_DAY}:{_TIME}", allowed[1], examples[1])
    if not backup or not maintenance:
        return backup, maintenance
    spans = []
    for window, cycle in ((backup, DAY), (maintenance, WEEK)):
        begin, end = (minutes(moment) for moment in window.split("-"))
        spans.append((begin, (end - begin) % cycle))
    for key, (_, length), words, example in zip(keys, spans, allowed, examples, strict=True):
        if length < 30:
            read.problem(key, words, example)
    opens, stays = spans[1]
    if hours is not None and read.sound(*keys):
        require_within(read, hours, spans[0], spans[1])
    elif overlap(*spans) and read.sound(*keys):
        free = [opens + stays + later for later in (30, 60)]
        read.problem(
            keys[0],
            f"no overlap with {keys[1]} ({maintenance})",
            "-".join(map(clock, free)),
        )
    return backup, maintenance


def _edge(read: ConfigReader) -> EdgeSettings:
    return EdgeSettings(
        users=_users(read),
        map_access=read.choice("mapAccess", _ACCESS),
        api_access=read.choice("apiAccess", _ACCESS),
        geoserver_access=read.choice("geoserverAccess", _ACCESS),
        geoserver_admin_open=read.boolean("geoserverAdminOpen"),
        # CloudFront API, VpcOriginConfig, OriginReadTimeout: 1 to 120 s.
        origin_timeout=read.integer("originTimeout", 1, 120),
        tile_seconds=read.integer("tileSeconds", 0, 31_536_000),
        embedders=_web_hosts(read, "mapEmbedders"),
        script_hosts=_web_hosts(read, "mapScriptHosts"),
        firewall=read.boolean("firewall"),
        # WAF API, RateBasedStatement, Limit: 10 to 2,000,000,000; more than this bounds nobody.
        firewall_rate_limit=read.integer("firewallRateLimit", 10, 10_000_000),
        keep_function=read.boolean("keepEdgeFunction"),
    )


def _users(read: ConfigReader) -> pulumi.Output[dict[str, str]]:
    # RFC 7617: a user-id has no colon; neither has a control character.
    name, password = r"[^:\x00-\x1f\x7f]{1,64}", r"[^\x00-\x1f\x7f]{8,128}"
    first = read.secret("basicAuthUser", name, "1 to 64 characters, no colon")
    its_password = read.secret("basicAuthPassword", password, "8 to 128 characters")
    more = read.secrets_by_name(
        "basicAuthUsers",
        name,
        password,
        "user names of 1 to 64 characters without colon, each with a password of 8 to 128",
    )
    together = pulumi.Output.all(more, first, its_password)
    users: pulumi.Output[dict[str, str]] = together.apply(
        lambda known: {**known[0], known[1]: known[2]}
    )
    return users


def _web_hosts(read: ConfigReader, key: str) -> tuple[str, ...]:
    names = read.names(key)
    wrong = [name for name in names if not re.fullmatch(rf"(\*\.)?{_HOST.pattern}", name)]
    if wrong:
        read.problem_with_command(
            key,
            f"host names in lower case, without https://, such as www.example.nz or *.example.nz;"
            f" here {wrong[0]!r} is none",
            read.back_to_default(key),
        )
    elif sum(len(f" https://{name} ") for name in names) > _POLICY_ROOM:
        read.problem_with_command(
            key,
            f"fewer or shorter hosts: {_POLICY_ROOM} characters together, each with 10 more for"
            " https:// and the spaces, since CloudFront limits the header that lists them",
            read.back_to_default(key),
        )
    return names


def _log_days(read: ConfigReader) -> int:
    days = read.integer("logRetentionDays", 1, 3653)
    if days not in LOG_RETENTION_DAYS and read.sound("logRetentionDays"):
        nearest = min(LOG_RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
        allowed = ", ".join(map(str, LOG_RETENTION_DAYS))
        read.problem("logRetentionDays", f"one of {allowed}", str(nearest))
    return days
