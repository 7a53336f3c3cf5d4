"""Who is told: topics, what publishes to them by itself, and failures put in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, rds, sns

from efs import FileShare
from fargate import Cluster, FargateService
from policies import policy, statement

# AWS's services that publish to a topic, by their principals.
ALARMS: Final = "cloudwatch.amazonaws.com"
DATABASES: Final = "events.rds.amazonaws.com"
BUDGETS: Final = "budgets.amazonaws.com"
# RDS user guide, "Amazon RDS event categories": what concerns people and what Security Hub asks for
# (RDS.20 to .22). Not 'backup': it tells of every backup that begins and ends, and of none that
# fails; those end in 'failure' or 'low storage'.
_DATABASE_EVENTS: Final = {
    "db-instance": ["configuration change", "failover", "failure", "low storage", "maintenance"],
    "db-parameter-group": ["configuration change"],
    "db-security-group": ["configuration change", "failure"],
}


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
