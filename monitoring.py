"""The alarms of all that is deployed, each telling the topic of its region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch

import data_alarms
import service_alarms
import visitor_alarms
from alarms import Alarm
from alb import LoadBalancer, Route
from backend import Redis
from certs import EDGE_REGION, Certificate
from cloudfront import BasicAuth, Distribution
from efs import FileShare
from fargate import Cluster, FargateService
from network import Network
from postgres import PostgresInstance
from queue_length import QueueLength
from rollout import Rollout
from settings import DatabaseSettings, RedisSettings, ServiceSize


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
    """An alarm a row of the tables; each tells its region's topic."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Monitoring", name, None, opts)
        self.alarms: dict[str, Alarm] = {
            **visitor_alarms.edge(args.sites, args.auth, args.certificate, home=args.region),
            **visitor_alarms.load_balancer(args.balancer, args.routes),
            **service_alarms.services(
                args.cluster, args.services, args.queue, computing=args.computing
            ),
            **data_alarms.database(args.database, args.database_settings),
            **data_alarms.files(args.files),
            **data_alarms.redis(args.redis, args.redis_settings),
            **service_alarms.way_out(args.network),
            **service_alarms.functions(args.rollout, args.functions),
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
