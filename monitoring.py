"""What people are told: alarms on what visitors would notice, what fails by itself, and the money.

An alarm is worth a letter when somebody can do something about it. Left out for that reason: 4xx
answers (visitors cause them), connections that the load balancer rejects or cannot make (they are
502s and among its failures), CPU of the worker (it computes for hours, that is its work), reads,
writes and latency of the database's disk (its CPU and its answers show them), throughput of the
shared disk (elastic: it costs, and the budget tells), CPU of what runs in Lambda, and the function
that creates PostGIS (`pulumi up` itself fails with it). A failed deployment is told by the roll-out
(rollout.py), in words of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import budgets, cloudwatch, rds, sns

from alb import LoadBalancer, Route
from backend import Redis
from certs import EDGE_REGION, Certificate
from cloudfront import BasicAuth, Distribution
from efs import FileShare
from fargate import Cluster, FargateService
from network import Network
from policies import policy, statement
from postgres import PostgresInstance
from queue_length import QueueLength
from rollout import Rollout
from settings import DatabaseSettings, RedisSettings, ServiceSize

GIB: Final = 1024**3
# AWS's services that publish to a topic, by their principals.
ALARMS: Final = "cloudwatch.amazonaws.com"
DATABASES: Final = "events.rds.amazonaws.com"
BUDGETS: Final = "budgets.amazonaws.com"
# Fewer requests in a period say nothing: one that failed at night wakes nobody.
ENOUGH: Final = 20
# RDS user guide, "Amazon RDS event categories": what concerns people and what Security Hub asks for
# (RDS.20 to .22). Not 'backup': it tells of every backup that begins and ends, and of none that
# fails; those end in 'failure' or 'low storage'.
_DATABASE_EVENTS: Final = {
    "db-instance": ["configuration change", "failover", "failure", "low storage", "maintenance"],
    "db-parameter-group": ["configuration change"],
    "db-security-group": ["configuration change", "failure"],
}
# RDS user guide, "DB instance classes": GiB of memory; of other families, by the size 'large'.
_BURSTABLE_GIB: Final = {
    "micro": 1,
    "small": 2,
    "medium": 4,
    "large": 8,
    "xlarge": 16,
    "2xlarge": 32,
}
_LARGE_GIB: Final = {"m": 8, "r": 16, "x": 32}
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

Section = Literal["edge", "load balancer", "services", "data", "network", "rollout"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One of CloudWatch's metrics, and how the values of a period become one."""

    namespace: str
    name: str
    dimensions: Mapping[str, Input[str]]
    statistic: str  # Sum, Average, Minimum, Maximum, SampleCount, or a percentile: p95


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A bound that a metric, or a formula of several, may not cross.

    It is told when `periods` in a row, of `period` seconds each, are beyond the bound. Periods
    without data are within it: what has no tasks and no visitors is no failure.
    """

    section: Section
    graph: str = ""  # title of the dashboard's graph that shows it; empty: only its state is shown
    metrics: Mapping[str, Metric]  # by the name that the formula has for it
    formula: str = ""  # CloudWatch's metric math; empty: the only metric itself
    above: float | None = None
    below: float | None = None
    period: int = 300
    periods: int = 3
    at_edge: bool = False  # its metrics are in EDGE_REGION
    ends: bool = True  # people are told of its end, too
    why: str  # what it means
    first: str  # what to do first
    source: str  # AWS's document

    @property
    def bound(self) -> float:
        """The value that may not be crossed; raises ValueError unless there is exactly one."""
        if (self.above is None) == (self.below is None):
            raise ValueError(f"an alarm has one bound, above or below: {self.why}")
        return self.above if self.above is not None else self.below or 0.0

    @property
    def text(self) -> str:
        """What the letter says."""
        return f"{self.why}\nFirst: {self.first}\nSource: {self.source}"


@dataclass(frozen=True, kw_only=True)
class NotificationsArgs:
    email: str  # empty: nobody
    account_id: Input[str]
    publishers: Sequence[str]  # ALARMS, DATABASES, BUDGETS: who of this account tells it
    events: bool = False  # whether EventBridge's rules tell it, too
    region: str | None = None  # of the topic, where it isn't the stack's


class Notifications(ComponentResource):
    """A topic that alarms, events and failed roll-outs of one region are published to."""

    def __init__(
        self, name: str, args: NotificationsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Notifications", name, None, opts)
        child = ResourceOptions(parent=self)
        topic = sns.Topic(name, display_name="Otakaro", region=args.region, opts=child)
        statements = [
            statement(
                ["sns:Publish"],
                [topic.arn],
                {"StringEquals": {"aws:SourceAccount": args.account_id}},
                principal={"Service": service},
            )
            for service in args.publishers
        ]
        if args.events:
            # "You can't use Condition blocks in Amazon SNS topic policies for EventBridge" (its
            # user guide, "Amazon SNS permissions").
            statements.append(
                statement(
                    ["sns:Publish"], [topic.arn], principal={"Service": "events.amazonaws.com"}
                )
            )
        admission = sns.TopicPolicy(
            name, arn=topic.arn, region=args.region, policy=policy(*statements), opts=child
        )
        if args.email:
            sns.TopicSubscription(
                name,
                topic=topic.arn,
                region=args.region,
                protocol="email",
                endpoint=args.email,
                opts=child,
            )
        # RDS and Budgets refuse a topic that they may not publish to yet.
        ready = Output.all(topic.arn, admission.id)
        self.topic_arn: Output[str] = ready.apply(lambda parts: parts[0])
        self.register_outputs({"topic_arn": self.topic_arn})


class DatabaseEvents(ComponentResource):
    """What RDS tells of the account's databases, sent to the topic; it costs nothing."""

    def __init__(
        self, name: str, *, topic_arn: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:DatabaseEvents", name, None, opts)
        for source, categories in _DATABASE_EVENTS.items():
            rds.EventSubscription(
                f"{name}-{source}",
                name=f"{name}-{source}",
                sns_topic=topic_arn,
                source_type=source,
                event_categories=categories,
                opts=ResourceOptions(parent=self),
            )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class FailuresArgs:
    topic_arn: Input[str]
    cluster: Cluster
    services: Sequence[FargateService]
    files: FileShare


class Failures(ComponentResource):
    """Events that say by themselves that something failed, put in words and sent to the topic."""

    def __init__(self, name: str, args: FailuresArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Failures", name, None, opts)
        self._name = name
        self._topic_arn = args.topic_arn
        self._child = ResourceOptions(parent=self)
        # 137 is SIGKILL. ECS sends it itself to a task that it stops and that takes too long to
        # end; one that ended by itself ran out of memory (ECS developer guide, "Stopped tasks
        # error codes").
        self._tell(
            "memory",
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [args.cluster.arn],
                    "lastStatus": ["STOPPED"],
                    "stopCode": ["EssentialContainerExited"],
                    "containers": {"exitCode": [137]},
                },
            },
            "A task ran out of memory and was killed",
            {"of": "$.detail.group", "reason": "$.detail.stoppedReason", "id": "$.detail.taskArn"},
            "ECS starts another one. If it happens again, raise the service's ...Memory setting.",
        )
        # ECS developer guide, "Amazon ECS service action events": what a service without tasks
        # looks like; its metrics just end.
        self._tell(
            "start",
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Service Action"],
                "resources": [service.service.arn for service in args.services],
                "detail": {
                    "eventName": [
                        "SERVICE_TASK_START_IMPAIRED",
                        "SERVICE_TASK_PLACEMENT_FAILURE",
                        "SERVICE_TASK_CONFIGURATION_FAILURE",
                    ]
                },
            },
            "A service can't start its tasks",
            {"of": "$.resources[0]", "reason": "$.detail.eventName", "id": "$.detail.clusterArn"},
            "Its newest stopped task says why: ECS console, the service, Tasks, Stopped.",
        )
        # AWS Backup developer guide, "Monitoring AWS Backup events using EventBridge".
        self._tell(
            "backup",
            {
                "source": ["aws.backup"],
                "detail-type": ["Backup Job State Change"],
                "detail": {
                    "state": ["ABORTED", "EXPIRED", "FAILED"],
                    "resourceArn": [args.files.arn],
                },
            },
            "The shared disk was not backed up",
            {
                "of": "$.detail.resourceArn",
                "reason": "$.detail.state",
                "id": "$.detail.backupJobId",
            },
            "AWS Backup's console has the job and its message; the next one runs tomorrow.",
        )
        self.register_outputs({})

    def _tell(
        self,
        key: str,
        pattern: Mapping[str, object],
        what: str,
        paths: Mapping[str, str],
        first: str,
    ) -> None:
        """Publish the events that match `pattern` as a letter."""
        name = f"{self._name}-{key}"
        rule = cloudwatch.EventRule(
            name, description=what, event_pattern=Output.json_dumps(pattern), opts=self._child
        )
        cloudwatch.EventTarget(
            name,
            rule=rule.name,
            arn=self._topic_arn,
            input_transformer={
                "input_paths": paths,
                # EventBridge asks for the quotes (its user guide, "Input transformation").
                "input_template": f'"{what}: <of>. <reason> (<id>). First: {first}"',
            },
            opts=self._child,
        )


@dataclass(frozen=True, kw_only=True)
class SpendingArgs:
    monthly: int  # US dollars; 0: no budget
    topic_arn: Input[str]


class Spending(ComponentResource):
    """The account's monthly budget: told when it is nearly spent, spent, or going to be."""

    def __init__(self, name: str, args: SpendingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Spending", name, None, opts)
        budgets.Budget(
            name,
            name=name,
            budget_type="COST",
            limit_amount=str(args.monthly),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [args.topic_arn],
                }
                for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            ],
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    queue: QueueLength
    region: str
    topic_arn: Input[str]
    edge_topic_arn: Input[str]  # alarms publish to topics of their own region only
    sites: Mapping[str, Distribution]
    auth: BasicAuth
    certificate: Certificate
    balancer: LoadBalancer
    routes: Mapping[str, Route]
    cluster: Cluster
    services: Mapping[str, tuple[FargateService, ServiceSize]]
    computing: Sequence[str]  # services whose CPU may be busy for hours
    database: PostgresInstance
    database_settings: DatabaseSettings
    redis: Redis
    redis_settings: RedisSettings
    files: FileShare
    network: Network
    rollout: Rollout
    functions: Mapping[str, Input[str]]  # those that events and schedules start


class Monitoring(ComponentResource):
    """An alarm a row of the tables below; each tells its region's topic."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Monitoring", name, None, opts)
        self.alarms: dict[str, Alarm] = {
            **_edge(args),
            **_balancer(args),
            **_services(args),
            **_database(args),
            **_files(args),
            **_redis(args),
            **_network(args),
            **_rollout(args),
        }
        self.arns: dict[str, Output[str]] = {
            key: self._alarm(f"{name}-{key}", alarm, args) for key, alarm in self.alarms.items()
        }
        self.register_outputs({})

    def _alarm(self, name: str, alarm: Alarm, args: MonitoringArgs) -> Output[str]:
        topic_arn = args.edge_topic_arn if alarm.at_edge else args.topic_arn
        [metric, *_] = alarm.metrics.values()
        plain = not alarm.formula
        return cloudwatch.MetricAlarm(
            name,
            name=name,
            region=EDGE_REGION if alarm.at_edge else None,
            alarm_description=alarm.text,
            namespace=metric.namespace if plain else None,
            metric_name=metric.name if plain else None,
            dimensions=metric.dimensions if plain else None,
            statistic=metric.statistic if plain else None,
            period=alarm.period if plain else None,
            metric_queries=None if plain else _queries(alarm),
            evaluation_periods=alarm.periods,
            comparison_operator=(
                "LessThanThreshold" if alarm.above is None else "GreaterThanThreshold"
            ),
            threshold=alarm.bound,
            treat_missing_data="notBreaching",
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn] if alarm.ends else None,
            opts=ResourceOptions(parent=self),
        ).arn


def _queries(alarm: Alarm) -> list[cloudwatch.MetricAlarmMetricQueryArgsDict]:
    """The formula, and the metrics that it is of."""
    formula: cloudwatch.MetricAlarmMetricQueryArgsDict = {
        "id": "value",
        "expression": alarm.formula,
        "label": alarm.graph or alarm.why,
        "return_data": True,
    }
    metrics: list[cloudwatch.MetricAlarmMetricQueryArgsDict] = [
        {
            "id": key,
            "return_data": False,
            "metric": {
                "namespace": metric.namespace,
                "metric_name": metric.name,
                "dimensions": metric.dimensions,
                "stat": metric.statistic,
                "period": alarm.period,
            },
        }
        for key, metric in alarm.metrics.items()
    ]
    return [formula, *metrics]


def _edge(args: MonitoringArgs) -> dict[str, Alarm]:
    """What visitors get: CloudFront's default metrics, which are in EDGE_REGION."""

    def of_site(site: Distribution, metric: str, statistic: str) -> Metric:
        return Metric(
            namespace="AWS/CloudFront",
            name=metric,
            dimensions={"DistributionId": site.id, "Region": "Global"},
            statistic=statistic,
        )

    found = {
        f"edge-{key}-errors": Alarm(
            section="edge",
            graph="Answers to visitors that are errors, %",
            metrics={
                "requests": of_site(site, "Requests", "Sum"),
                "errors": of_site(site, "5xxErrorRate", "Average"),
            },
            formula=f"IF(requests >= {ENOUGH}, errors, 0)",
            above=5.0,
            at_edge=True,
            why=f"One answer in twenty that visitors of {site.url} get is an error",
            first="Open the page. If other alarms came too, begin with theirs; if not, it is"
            " the edge: its function, its certificate, or its way to the load balancer.",
            source="CloudFront developer guide, Types of metrics: default distribution metrics",
        )
        for key, site in args.sites.items()
    }
    # A function at the edge reports where it runs, and visitors are here: Sydney is the regional
    # cache of New Zealand. Elsewhere its failures are 5xx answers of the alarms above.
    found["edge-password-errors"] = Alarm(
        section="edge",
        graph="Failures of the password function",
        metrics={
            "errors": _lambda(Output.concat(f"{EDGE_REGION}.", args.auth.function_name), "Errors")
        },
        above=4.0,
        why="The function that asks for the password fails: visitors get 502 or 503",
        first="Its log group /edge/... in this region has the failures; roll back the last change"
        " of it with `pulumi up`.",
        source="CloudFront developer guide, Monitoring edge functions",
    )
    for region, arn in args.certificate.arns.items():
        found[f"certificate-{region}"] = Alarm(
            section="edge",
            metrics={
                "days": Metric(
                    namespace="AWS/CertificateManager",
                    name="DaysToExpiry",
                    dimensions={"CertificateArn": arn},
                    statistic="Minimum",
                )
            },
            below=30.0,
            period=86400,
            periods=1,
            at_edge=region == EDGE_REGION != args.region,
            why=f"The certificate in {region} was not renewed, and browsers will refuse it",
            first="Compare the DNS records that ACM's console asks for with those of the zone.",
            # ACM renews from 60 days before the end, certificates of a shorter life from 45.
            source="ACM user guide, Supported CloudWatch metrics; Managed certificate renewal",
        )
    return found


def _balancer(args: MonitoringArgs) -> dict[str, Alarm]:
    whole = {"LoadBalancer": args.balancer.arn_suffix}

    def count(metric: str, dimensions: Mapping[str, Input[str]], statistic: str = "Sum") -> Metric:
        return Metric(
            namespace="AWS/ApplicationELB", name=metric, dimensions=dimensions, statistic=statistic
        )

    guide = "Elastic Load Balancing user guide, CloudWatch metrics for your Application Load"
    guide += " Balancer"
    found = {
        "balancer-errors": Alarm(
            section="load balancer",
            graph="Requests without an answer of a service, %",
            metrics={
                "requests": count("RequestCount", whole),
                "broken": count("HTTPCode_ELB_502_Count", whole),
                "late": count("HTTPCode_ELB_504_Count", whole),
            },
            # Not 503: that is a service without tasks, before its first image or stopped.
            formula=f"IF(requests >= {ENOUGH},"
            " 100 * (FILL(broken, 0) + FILL(late, 0)) / requests, 0)",
            above=5.0,
            why="One request in twenty gets no answer, or none in time, from the services",
            first="Look which service's tasks stopped lately or are slow, in the dashboard.",
            source=guide,
        )
    }
    for key, route in args.routes.items():
        own = {**whole, "TargetGroup": route.target_group_name}
        # A new task counts as neither until its first checks are over; a group without tasks has
        # neither.
        found[f"{key}-down"] = Alarm(
            section="load balancer",
            graph="Healthy tasks",
            metrics={
                "healthy": count("HealthyHostCount", own, "Maximum"),
                "unhealthy": count("UnHealthyHostCount", own, "Maximum"),
            },
            formula="IF(unhealthy > 0, healthy, 1)",
            below=1.0,
            period=60,
            periods=5,
            why=f"No task of {key} answers the load balancer",
            first="Read the service's log and its newest stopped task's reason; if an image was"
            " pushed shortly before, push the one before it again.",
            source=guide,
        )
        found[f"{key}-errors"] = Alarm(
            section="load balancer",
            graph="Answers of services that are errors, %",
            metrics={
                "requests": count("RequestCount", own),
                "failed": count("HTTPCode_Target_5XX_Count", own),
            },
            formula=f"IF(requests >= {ENOUGH}, 100 * FILL(failed, 0) / requests, 0)",
            above=5.0,
            why=f"One answer of {key} in twenty is an error of its own",
            first="The saved query of its errors shows them.",
            source=guide,
        )
        # A call of the API may compute for a minute: a few do no harm. When half of all are slow,
        # such calls fill its workers, and visitors wait.
        share, seconds = ("p50", 5.0) if key == "api" else ("p95", _SLOW[key])
        found[f"{key}-slow"] = Alarm(
            section="load balancer",
            graph="Seconds until an answer, API p50, others p95",
            metrics={
                "requests": count("RequestCount", own),
                "seconds": count("TargetResponseTime", own, share),
            },
            formula=f"IF(requests >= {ENOUGH}, seconds, 0)",
            above=seconds,
            why=f"{'Half' if key == 'api' else 'One in twenty'} of the answers of {key} takes"
            f" more than {seconds:g} seconds",
            first="Compare with the service's CPU and the database's in the dashboard.",
            source=guide,
        )
    return found


# Seconds that one answer in twenty may take: a page's files, and a tile that is drawn.
_SLOW: Final = {"terriamap": 2.0, "geoserver": 8.0}


def _services(args: MonitoringArgs) -> dict[str, Alarm]:
    guide = "ECS developer guide, Amazon ECS CloudWatch metrics"
    found = {}
    for key, (service, size) in args.services.items():

        def of(metric: str, statistic: str, service: FargateService = service) -> Metric:
            return Metric(
                namespace="AWS/ECS",
                name=metric,
                dimensions={"ClusterName": args.cluster.name, "ServiceName": service.name},
                statistic=statistic,
            )

        found[f"{key}-memory"] = Alarm(
            section="services",
            graph="Memory, % of the fullest task",
            metrics={"memory": of("MemoryUtilization", "Maximum")},
            # GeoServer's Java takes 75 % for its heap and something besides.
            above=95.0,
            why=f"A task of {key} has used up its memory; at 100 % it is killed",
            first=f"Raise the setting {key.removeprefix('backend-')}Memory.",
            source=guide,
        )
        if key not in args.computing:
            found[f"{key}-cpu"] = Alarm(
                section="services",
                graph="CPU, %",
                metrics={"cpu": of("CPUUtilization", "Average")},
                above=90.0,
                why=f"All tasks of {key} are busy, and scaling starts no more",
                first="If visitors are many, raise its ...Max or ...Cpu setting; if not, its log"
                " says what it computes.",
                source=guide,
            )
        # ECS reports the CPU of each running task once a minute, so the number of samples is the
        # number of tasks. Of a service that has none there are none: a stopped one is no alarm.
        if size.minimum > 1:
            found[f"{key}-tasks"] = Alarm(
                section="services",
                graph="Running tasks",
                metrics={"tasks": of("CPUUtilization", "SampleCount")},
                below=float(size.minimum),
                period=60,
                periods=15,
                why=f"Fewer tasks of {key} run than its minimum of {size.minimum}",
                first="The service's events in the ECS console say why none is started.",
                source="ECS developer guide, Service RUNNING task count",
            )
    found["queue-long"] = Alarm(
        section="services",
        graph="Jobs that wait",
        metrics={
            "waiting": Metric(
                namespace=args.queue.namespace,
                name=args.queue.metric,
                dimensions=args.queue.dimensions,
                statistic="Minimum",
            )
        },
        above=20.0,
        periods=12,
        why="More than twenty jobs have been waiting for an hour: workers are too few, or none"
        " takes jobs",
        first="See whether workers run (dashboard); if they do, raise celeryMax.",
        source="Celery's queue, measured by this program",
    )
    return found


def memory(instance_class: str) -> int:
    """Bytes of memory of an RDS class, such as 'db.t4g.small' or 'db.r7g.2xlarge'."""
    _, family, size = instance_class.split(".")
    if family.startswith("t"):
        return _BURSTABLE_GIB[size] * GIB
    larges = 1 if size == "large" else 2 * int(size.removesuffix("xlarge") or "1")
    return _LARGE_GIB[family[0]] * larges * GIB


def _database(args: MonitoringArgs) -> dict[str, Alarm]:
    settings = args.database_settings
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
                dimensions={"DBInstanceIdentifier": args.database.identifier},
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


def _files(args: MonitoringArgs) -> dict[str, Alarm]:
    """Of throughput and burst credits an elastic file system has none to run out of."""
    return {
        "files-busy": Alarm(
            section="data",
            graph="Shared disk: % of the operations that it can do",
            metrics={
                "limit": Metric(
                    namespace="AWS/EFS",
                    name="PercentIOLimit",
                    dimensions={"FileSystemId": args.files.file_system_id},
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


def _redis(args: MonitoringArgs) -> dict[str, Alarm]:
    guide = "ElastiCache user guide, Which metrics should I monitor?"
    # Redis computes on one processor: of a node that has two, half is all of it. The host's metric
    # is for small nodes, the engine's for those with four and more.
    family, size = args.redis_settings.node_type.split(".")[1:]
    small = family.startswith("t") or size == "large"
    found = {}
    for number, node in args.redis.nodes.items():

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


def _network(args: MonitoringArgs) -> dict[str, Alarm]:
    guide = "VPC user guide, Monitor NAT gateways with Amazon CloudWatch"
    found = {}
    for zone, gateway in args.network.nat_gateways.items():

        def of(metric: str, gateway: Input[str] = gateway) -> Metric:
            return Metric(
                namespace="AWS/NATGateway",
                name=metric,
                dimensions={"NatGatewayId": gateway},
                statistic="Sum",
            )

        found[f"nat-{zone}-ports"] = Alarm(
            section="network",
            metrics={"refused": of("ErrorPortAllocation")},
            above=0.0,
            ends=False,
            why=f"The NAT gateway in {zone} has no port left for new connections to one address",
            first="Find the job that opens so many (the worker's log).",
            source=guide,
        )
        found[f"nat-{zone}-drops"] = Alarm(
            section="network",
            metrics={
                "dropped": of("PacketsDropCount"),
                "outward": of("PacketsOutToDestination"),
                "inward": of("PacketsOutToSource"),
            },
            # 0.01 % is AWS's own bound for a gateway in trouble; of few packets it says nothing.
            formula="IF(outward + inward >= 10000, 100 * dropped / (outward + inward), 0)",
            above=0.01,
            why=f"The NAT gateway in {zone} loses packets",
            first="AWS's health dashboard tells of troubles of the zone; AWS mends them.",
            source=guide,
        )
    return found


def _rollout(args: MonitoringArgs) -> dict[str, Alarm]:
    guide = "SQS developer guide, Available CloudWatch metrics for Amazon SQS"

    def queue(metric: str, name: Input[str]) -> dict[str, Metric]:
        return {
            "value": Metric(
                namespace="AWS/SQS",
                name=metric,
                dimensions={"QueueName": name},
                statistic="Maximum",
            )
        }

    found = {}
    for kind, name in args.rollout.dead_letters.items():
        found[f"rollout-{kind}-failed"] = Alarm(
            section="rollout",
            graph="Events that could not be answered",
            metrics=queue("ApproximateNumberOfMessagesVisible", name),
            above=0.0,
            periods=1,
            ends=False,
            why=f"An event could not be answered: {kind} may not run as they should",
            first="The roll-out's log says why; push the image or edit the secret again, then"
            " empty the queue.",
            source=guide,
        )
    for kind, name in args.rollout.queues.items():
        found[f"rollout-{kind}-late"] = Alarm(
            section="rollout",
            graph="Age of the oldest event, s",
            metrics=queue("ApproximateAgeOfOldestMessage", name),
            above=900.0,
            why=f"Events of {kind} wait for a quarter of an hour: nobody takes them",
            first="See in the Lambda console whether the roll-out's trigger is enabled.",
            source=guide,
        )
    for key, function in args.functions.items():
        # A failed attempt is made again, which mends most; failures that go on are told.
        found[f"function-{key}-errors"] = Alarm(
            section="rollout",
            graph="Failures of functions",
            metrics={"errors": _lambda(function, "Errors")},
            above=0.0,
            why=f"The function {key} has failed again and again for a quarter of an hour",
            first="Its log group /aws/lambda/... says why.",
            source="Lambda developer guide, Types of metrics for Lambda functions",
        )
    return found


def _lambda(function: Input[str], metric: str) -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        name=metric,
        dimensions={"FunctionName": function},
        statistic="Sum",
    )
