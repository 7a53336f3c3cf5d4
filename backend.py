"""The backend: a Flask API and a Celery worker on one image, with Redis between them, and workers
as the queue is long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import appautoscaling, cloudwatch, elasticache
from pulumi_aws.appautoscaling import (
    PolicyStepScalingPolicyConfigurationStepAdjustmentArgsDict as StepAdjustment,
)

from alb import Route
from efs import Folder
from fargate import (
    FargateService,
    FargateServiceArgs,
    HealthCheck,
    ImageRepository,
    Platform,
)
from network import Network, Place, PrivateName, PrivateNameArgs
from parameters import SecretParameter
from queue_length import QueueLength, QueueLengthArgs
from settings import RedisSettings, ServiceSize

API_PORT: Final = 5000
REDIS_PORT: Final = 6379
# ElastiCache user guide, "Supported engines and versions": what comes after it is Valkey.
LAST_REDIS_VERSION: Final = "7.1"

# The list in Redis that Celery keeps jobs in, where the application says nothing else (Celery,
# "Configuration and defaults", task_default_queue).
QUEUE: Final = "celery"

# The sorted set in Redis that workers keep the running jobs in (wrappers/celery_worker.py).
RUNNING_JOBS: Final = "otakaro:running-jobs"

# Both backend services ran as root in the former deployment (`user="root"` in its task
# definitions). The image ends in `USER nonroot` and gives that user its work folders by ACLs, which
# a push to a registry loses: as that user the API cannot open its log and never becomes healthy.
_USER: Final = "root"

# Jobs take minutes to hours: one that has not been fetched for three minutes waits for a worker to
# be free, and is worth another one.
_PATIENCE: Final = 3  # min
# Workers without any job for this long are more than are needed: scaling removes one at a time.
_IDLE: Final = 15  # min
# From this number of waiting jobs on, two workers at a time.
_MANY: Final = 5
# s from a worker's start until it fetches jobs, an image of several GB: until then those that wait
# for it ask for no more.
_START: Final = 300

# The image's own script leaves bash in front of celery, which swallows SIGTERM; here celery takes
# bash's place, so that a stopping task finishes what it runs (warm shutdown).
_WORKER: Final = (
    ". /venv/bin/activate;"
    " export WORKER_STATE={state} RUNNING_JOBS={running};"
    ' exec python -c "$0" -A src.tasks worker --pool threads --concurrency {concurrency}'
    " --loglevel INFO --prefetch-multiplier 1"
)
_WRAPPERS: Final = Path(__file__).parent / "wrappers"
_STATE: Final = "/tmp/celery-worker"  # noqa: S108 - in a container that runs nothing else
# s without a sign of life from a worker that waits for jobs; it gives one every five.
_SILENCE: Final = 120
# ECS ends a task whose check fails, protected or not (ECS developer guide, "Task scale-in
# protection"), and with it what it computes. So the check sends the worker no request: it reads
# what the worker has written, in bash, which the image's own entry points need as well. The image's
# listener on port 5001 starts a Python with geopandas for each request, gives it ten seconds, and
# accepts the answer of any worker.
_WORKER_HEALTH: Final = HealthCheck(
    command=(
        *("CMD", "/bin/bash", "-c", (_WRAPPERS / "celery_alive.sh").read_text()),
        *(_STATE, str(_SILENCE)),
    ),
    interval=120,
    timeout=60,
    retries=5,
    start_period=300,
)


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    place: Place
    network: Network
    settings: RedisSettings
    protect: bool


class Redis(ComponentResource):
    """Redis, queue and result store of Celery: it refuses writes rather than forgets.

    With replicas, in other zones than the primary, one of them takes over when it fails, under the
    same name.
    """

    def __init__(self, name: str, args: RedisArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Redis", name, None, opts)
        child = ResourceOptions(parent=self)
        subnets = elasticache.SubnetGroup(name, subnet_ids=args.place.subnet_ids, opts=child)
        parameters = elasticache.ParameterGroup(
            name,
            family="redis7",
            parameters=[{"name": "maxmemory-policy", "value": "noeviction"}],
            opts=child,
        )
        # A snapshot's name is unique in the account: a second one of the same name is rejected.
        suffix = random.RandomId(f"{name}-final", byte_length=4, opts=child)
        group = elasticache.ReplicationGroup(
            name,
            replication_group_id=name,
            description="Celery's queue and results",
            engine="redis",
            engine_version=args.settings.engine_version,
            node_type=args.settings.node_type,
            num_cache_clusters=1 + args.settings.replicas,
            automatic_failover_enabled=args.settings.replicas > 0,
            multi_az_enabled=args.settings.replicas > 0,
            port=REDIS_PORT,
            parameter_group_name=parameters.name,
            subnet_group_name=subnets.name,
            security_group_ids=[args.place.security_group_id],
            at_rest_encryption_enabled=True,
            transit_encryption_enabled=True,
            transit_encryption_mode=args.settings.tls,
            # A newer minor version than the program's would be planned as a downgrade at the next
            # refresh, which replaces the group. The last version has no newer one.
            auto_minor_version_upgrade=args.settings.engine_version == LAST_REDIS_VERSION,
            # Changes act when they are deployed, not in the maintenance window: a replica can be
            # removed only once automatic failover is off, and a change that waits would be planned
            # again by each deployment until then.
            apply_immediately=True,
            snapshot_retention_limit=1,
            snapshot_window="14:00-15:00",  # UTC: the night in New Zealand
            maintenance_window="sat:15:00-sat:16:00",
            final_snapshot_identifier=(
                Output.format("{0}-final-{1}", name, suffix.hex)
                if args.settings.final_snapshot
                else None
            ),
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        alias = PrivateName(
            f"{name}-name",
            PrivateNameArgs(
                network=args.network, host="redis", target=group.primary_endpoint_address
            ),
            child,
        )
        # ElastiCache numbers the nodes of a group (its user guide, "Finding a node's endpoint").
        self.nodes: dict[str, Output[str]] = {
            str(number): Output.concat(group.replication_group_id, f"-{number:03}")
            for number in range(1, 2 + args.settings.replicas)
        }
        # TLS is checked against the name, and the certificate has AWS's own.
        self.host: Output[str] = (
            alias.hostname if args.settings.tls == "preferred" else group.primary_endpoint_address
        )
        self.register_outputs({"host": self.host})


@dataclass(frozen=True, kw_only=True)
class BackendArgs:
    platform: Platform
    network: Network
    repository: ImageRepository
    redis: RedisSettings
    protect: bool  # Redis, which holds the queue and the results
    flask: ServiceSize
    celery: ServiceSize
    celery_concurrency: int  # jobs that a worker runs at the same time
    celery_spot: bool  # the worker on Fargate Spot
    environment: Mapping[str, Input[str]]  # besides the broker's host
    secrets: Sequence[SecretParameter]
    mounts: Mapping[str, Folder]
    route: Route
    keep_alive: int  # s that gunicorn keeps a connection: longer than the load balancer does
    stack: str  # names the stack in the queue's metric
    request_target: int  # requests a minute that scaling gives each task of the API


class Backend(ComponentResource):
    """API and worker: the same image, variables, secrets and folders, other entry points."""

    def __init__(self, name: str, args: BackendArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Backend", name, None, opts)
        child = ResourceOptions(parent=self)
        self.repository = args.repository
        self.redis = Redis(
            f"{name}-redis",
            RedisArgs(
                place=args.network.place("redis"),
                network=args.network,
                settings=args.redis,
                protect=args.protect,
            ),
            child,
        )
        environment = {**args.environment, "MESSAGE_BROKER_HOST": self.redis.host}
        self.api = FargateService(
            f"{name}-flask",
            FargateServiceArgs(
                platform=args.platform,
                place=args.network.task_place("api"),
                repository=args.repository,
                size=args.flask,
                port=API_PORT,
                environment={
                    **environment,
                    "GUNICORN_CMD_ARGS": f"--keep-alive {args.keep_alive}",
                },
                secrets=args.secrets,
                mounts=args.mounts,
                entry_point=["/app/src/backend_entrypoint.sh"],
                user=_USER,
                route=args.route,
                grace=300,  # an image of several GB
                stop_timeout=60,
                request_target=args.request_target,
            ),
            child,
        )
        self.worker = FargateService(
            f"{name}-celery",
            FargateServiceArgs(
                platform=args.platform,
                place=args.network.task_place("worker"),
                repository=args.repository,
                size=args.celery,
                environment=environment,
                secrets=args.secrets,
                mounts=args.mounts,
                entry_point=["/bin/bash", "-c"],
                command=[
                    _WORKER.format(
                        state=_STATE, running=RUNNING_JOBS, concurrency=args.celery_concurrency
                    ),
                    (_WRAPPERS / "celery_worker.py").read_text(),
                ],
                user=_USER,
                protects_itself=True,
                spot=args.celery_spot,
                health_check=_WORKER_HEALTH,
                stop_timeout=120,  # the most that Fargate gives
                cpu_target=None,  # busy is a worker's purpose: the queue scales it
            ),
            child,
        )
        self.queue = QueueLength(
            f"{name}-queue",
            QueueLengthArgs(
                region=args.platform.region,
                account_id=args.platform.account_id,
                place=args.network.place("queue"),
                host=self.redis.host,
                port=REDIS_PORT,
                tls=args.redis.tls,
                queue=QUEUE,
                running=RUNNING_JOBS,
                stack=args.stack,
                log_retention_days=args.platform.log_retention_days,
            ),
            child,
        )
        if self.worker.scales:
            self._scale_by_queue(f"{name}-celery-queue", self.worker.scaling)
        self.register_outputs({"redis": self.redis.host})

    def _scale_by_queue(self, name: str, target: appautoscaling.Target) -> None:
        """Add workers while jobs wait, and remove them when no job waits or runs.

        Steps and not a target: a target is held by a number for each task, and the number of tasks
        is no metric unless Container Insights are on. CPU does not count: with one job a worker is
        at 100%, and with a job that downloads at 0%. While any job runs, no worker is removed: ECS
        would keep one that its job protects, and count it among the fewer tasks that remain.
        """
        child = ResourceOptions(parent=self)

        def steps(
            name: str, aggregation: str, adjustments: list[StepAdjustment]
        ) -> appautoscaling.Policy:
            return appautoscaling.Policy(
                name,
                name=name,
                policy_type="StepScaling",
                service_namespace=target.service_namespace,
                resource_id=target.resource_id,
                scalable_dimension=target.scalable_dimension,
                step_scaling_policy_configuration={
                    "adjustment_type": "ChangeInCapacity",
                    "metric_aggregation_type": aggregation,
                    "cooldown": _START,
                    "step_adjustments": adjustments,  # relative to the alarm's threshold
                },
                opts=child,
            )

        more = steps(
            name,
            "Minimum",
            [
                {
                    "metric_interval_lower_bound": "0",
                    "metric_interval_upper_bound": str(_MANY - 1),
                    "scaling_adjustment": 1,
                },
                {"metric_interval_lower_bound": str(_MANY - 1), "scaling_adjustment": 2},
            ],
        )
        idle = name.removesuffix("queue") + "idle"
        fewer = steps(
            idle, "Maximum", [{"metric_interval_upper_bound": "0", "scaling_adjustment": -1}]
        )
        cloudwatch.MetricAlarm(
            name,
            alarm_description="Jobs wait: scaling starts another worker",
            namespace=self.queue.namespace,
            metric_name=self.queue.metric,
            dimensions=self.queue.dimensions,
            statistic="Minimum",
            period=60,
            evaluation_periods=_PATIENCE,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1.0,
            treat_missing_data="notBreaching",
            alarm_actions=[more.arn],
            opts=child,
        )
        cloudwatch.MetricAlarm(
            idle,
            alarm_description="No job waits or runs: scaling removes a worker",
            namespace=self.queue.namespace,
            metric_name=self.queue.unfinished_metric,
            dimensions=self.queue.dimensions,
            statistic="Maximum",
            period=60,
            evaluation_periods=_IDLE,
            comparison_operator="LessThanThreshold",
            threshold=1.0,
            treat_missing_data="notBreaching",  # a queue that is not measured may be long
            alarm_actions=[fewer.arn],
            opts=child,
        )
