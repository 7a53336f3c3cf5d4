"""What people are told: alarms on what visitors would notice, sent by e-mail."""

from dataclasses import dataclass, field
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, rds, sns

from policies import policy, statement

GIB: Final = 1024**3
# RDS user guide, "Amazon RDS event categories": what concerns people and what Security Hub asks for
# (RDS.20 to .22).
_DATABASE_EVENTS: Final = {
    "db-instance": ["configuration change", "failover", "failure", "low storage", "maintenance"],
    "db-parameter-group": ["configuration change"],
    "db-security-group": ["configuration change", "failure"],
}


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A metric and the bound that it may not cross for `periods` times `period` seconds."""

    namespace: str
    metric: str
    dimensions: dict[str, Input[str]]
    statistic: str
    above: float | None = None
    below: float | None = None
    period: int = 300
    periods: int = 3
    why: str
    missing: str = "notBreaching"


@dataclass(frozen=True, kw_only=True)
class NotificationsArgs:
    email: str  # empty: nobody
    account_id: Input[str]


class Notifications(ComponentResource):
    """The topic that alarms and failed roll-outs are published to."""

    def __init__(
        self, name: str, args: NotificationsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Notifications", name, None, opts)
        child = ResourceOptions(parent=self)
        topic = sns.Topic(name, display_name="Otakaro", opts=child)
        admission = sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=policy(
                *[
                    statement(
                        ["sns:Publish"],
                        [topic.arn],
                        {"StringEquals": {"aws:SourceAccount": args.account_id}},
                        principal={"Service": service},
                    )
                    for service in ("cloudwatch.amazonaws.com", "events.rds.amazonaws.com")
                ]
            ),
            opts=child,
        )
        if args.email:
            sns.TopicSubscription(
                name, topic=topic.arn, protocol="email", endpoint=args.email, opts=child
            )
        # RDS refuses a topic that it may not publish to yet.
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
class MonitoringArgs:
    topic_arn: Input[str]
    alarms: dict[str, Alarm] = field(default_factory=dict)


class Monitoring(ComponentResource):
    """An alarm a row; each tells the topic when it starts and when it is over."""

    def __init__(
        self, name: str, args: MonitoringArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Monitoring", name, None, opts)
        for key, alarm in args.alarms.items():
            upper = alarm.above is not None
            cloudwatch.MetricAlarm(
                f"{name}-{key}",
                alarm_description=alarm.why,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=alarm.dimensions,
                statistic=alarm.statistic,
                period=alarm.period,
                evaluation_periods=alarm.periods,
                comparison_operator="GreaterThanThreshold" if upper else "LessThanThreshold",
                threshold=alarm.above if upper else alarm.below,
                treat_missing_data=alarm.missing,
                alarm_actions=[args.topic_arn],
                ok_actions=[args.topic_arn],
                opts=ResourceOptions(parent=self),
            )
        self.register_outputs({})
