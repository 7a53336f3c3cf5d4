"""Alarms on what is kept: database, shared disk and Redis."""

from typing import Final

from pulumi import Input

from alarms import Alarm, Metric
from backend import Redis
from efs import FileShare
from postgres import PostgresInstance
from settings import DatabaseSettings, RedisSettings

GIB: Final = 1024**3
# RDS user guide, "DB instance classes": GiB of memory; of other families, by the size 'large'.
_BURSTABLE_GIB: Final = {
    "micro": 1,
    "small": 2,
    "medium": 4,
    "large": 8,
    "xlarge": 16,
    "2xlarge": 32,
}
_LARGE_GIB: Final = {"m": 8, "r": 16}
# EC2 user guide, "Key concepts for burstable performance instances": credits that one can hold,
# which are those of 24 hours.
_MOST_CREDITS: Final = {
    "micro": 288,
    "small": 576,
    "medium": 576,
    "large": 864,
    "xlarge": 2304,
    "2xlarge": 4608,
}


def memory(instance_class: str) -> int:
    """Bytes of memory of an RDS class, such as 'db.t4g.small' or 'db.r7g.2xlarge'."""
    _, family, size = instance_class.split(".")
    if family.startswith("t"):
        return _BURSTABLE_GIB[size] * GIB
    larges = 1 if size == "large" else 2 * int(size.removesuffix("xlarge") or "1")
    return _LARGE_GIB[family[0]] * larges * GIB


def database(instance: PostgresInstance, settings: DatabaseSettings) -> dict[str, Alarm]:
    """RDS's own metrics, against what its class and its disk bear."""
    ram = memory(settings.instance_class)
    # RDS user guide, "Quotas and constraints", max_connections of PostgreSQL: its default. The
    # formula's memory is what is left beside the system, about nine tenths.
    connections = min(0.9 * ram / 9_531_392, 5000)
    guide = "RDS user guide, Amazon CloudWatch metrics for Amazon RDS"

    def of(metric: str, statistic: str) -> dict[str, Metric]:
        return {
            "value": Metric(
                namespace="AWS/RDS",
                name=metric,
                dimensions={"DBInstanceIdentifier": instance.identifier},
                statistic=statistic,
            )
        }

    found = {
        "database-storage": Alarm(
            section="data",
            graph="Database: free disk, bytes",
            metrics=of("FreeStorageSpace", "Minimum"),
            # Storage autoscaling begins at 10 % and lets six hours pass between two enlargements
            # (RDS user guide, "Managing capacity automatically"): 5 % is what it didn't mend.
            below=0.05 * settings.storage * GIB,
            why="The database's disk is nearly full, and did not grow; a full one stops it",
            first="If it has reached databaseMaxStorage, raise that setting.",
            source=guide,
        ),
        "database-cpu": Alarm(
            section="data",
            graph="Database: CPU, %",
            metrics=of("CPUUtilization", "Average"),
            above=90.0,
            periods=6,
            why="The database has computed at its limit for half an hour",
            first="The saved query of slow statements shows what it computes.",
            source=guide,
        ),
        "database-memory": Alarm(
            section="data",
            graph="Database: free memory, bytes",
            metrics=of("FreeableMemory", "Average"),
            below=0.05 * ram,
            why="The database is short of memory, and will be slow or restart",
            first="See how many connections are open; choose a larger databaseInstanceClass.",
            source=guide,
        ),
        "database-connections": Alarm(
            section="data",
            graph="Database: connections",
            metrics=of("DatabaseConnections", "Maximum"),
            above=float(round(0.8 * connections)),
            why="Four fifths of the connections that the database's class allows are open",
            first="Find who holds them: `select usename, state, count(*) from pg_stat_activity"
            " group by 1, 2`.",
            source="RDS user guide, Maximum number of database connections",
        ),
        # PostgreSQL stops taking writes at two billion; its cleaning should keep it far below.
        "database-transactions": Alarm(
            section="data",
            metrics=of("MaximumUsedTransactionIDs", "Maximum"),
            above=1e9,
            period=3600,
            periods=1,
            why="PostgreSQL's cleaning does not keep up; at two billion it takes no more writes",
            first="Look for transactions that have been open for days, and end them.",
            source="RDS user guide, Working with PostgreSQL autovacuum: early warning",
        ),
    }
    size = settings.instance_class.split(".")[2]
    if settings.instance_class.startswith("db.t"):
        # Six hours, for a new instance begins without credits and earns a tenth of the most in
        # less than three.
        found["database-credits"] = Alarm(
            section="data",
            graph="Database: CPU credits",
            metrics=of("CPUCreditBalance", "Maximum"),
            below=0.1 * _MOST_CREDITS[size],
            period=3600,
            periods=6,
            why="The database computes more than its class is for, and each further hour is"
            " charged",
            first="If it stays so, a larger databaseInstanceClass, or one of m7g, is cheaper.",
            source="EC2 user guide, Unlimited mode for burstable performance instances",
        )
    return found


def files(share: FileShare) -> dict[str, Alarm]:
    """Of throughput and burst credits an elastic file system has none to run out of."""
    return {
        "files-busy": Alarm(
            section="data",
            graph="Shared disk: % of the operations that it can do",
            metrics={
                "limit": Metric(
                    namespace="AWS/EFS",
                    name="PercentIOLimit",
                    dimensions={"FileSystemId": share.file_system_id},
                    statistic="Maximum",
                )
            },
            above=95.0,
            why="The shared disk does as many operations as it can: everything that reads files"
            " waits",
            first="Find the service that reads or writes so much, by its log.",
            source="EFS user guide, CloudWatch metrics for Amazon EFS",
        )
    }


def redis(nodes: Redis, settings: RedisSettings) -> dict[str, Alarm]:
    """Each node by itself: one that is full or busy is no average."""
    guide = "ElastiCache user guide, Which metrics should I monitor?"
    # Redis computes on one processor: of a node that has two, half is all of it. The host's metric
    # is for small nodes, the engine's for those with four and more.
    family, size = settings.node_type.split(".")[1:]
    small = family.startswith("t") or size == "large"
    found = {}
    for number, node in nodes.nodes.items():

        def of(metric: str, statistic: str, node: Input[str] = node) -> dict[str, Metric]:
            return {
                "value": Metric(
                    namespace="AWS/ElastiCache",
                    name=metric,
                    dimensions={"CacheClusterId": node},
                    statistic=statistic,
                )
            }

        found[f"redis-{number}-memory"] = Alarm(
            section="data",
            graph="Redis: memory, %",
            metrics=of("DatabaseMemoryUsagePercentage", "Maximum"),
            above=80.0,
            why="The queue is nearly full; a full one takes no more jobs",
            first="See whether workers run; results fill it, too. A larger redisNodeType helps.",
            source=guide,
        )
        found[f"redis-{number}-evictions"] = Alarm(
            section="data",
            metrics=of("Evictions", "Sum"),
            above=0.0,
            periods=1,
            ends=False,
            why="Redis has thrown jobs or results away, which it is told never to do",
            first="Its parameter group must say maxmemory-policy noeviction; run `pulumi up`.",
            source=guide,
        )
        found[f"redis-{number}-cpu"] = Alarm(
            section="data",
            graph="Redis: CPU, %",
            metrics=of("CPUUtilization" if small else "EngineCPUUtilization", "Average"),
            above=45.0 if small else 90.0,
            why="Redis computes at its limit: jobs start and end slowly",
            first="A larger redisNodeType helps if it stays so.",
            source=guide,
        )
    return found
