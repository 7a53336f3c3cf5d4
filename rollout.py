"""Automatic redeployment: events of pushes, secrets and deployments go through queues to one
function, which also owns the number of tasks of each service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, lambda_, sqs

from fargate import POINTER, Cluster, FargateService
from functions import Function, FunctionArgs
from hours import Hours
from packages import function_package
from policies import policy, statement
from settings import ServiceSize

_TIMEOUT: Final = 60
# A message that could not be answered comes again after this many seconds, and holds up those
# behind it until then: long enough for an attempt to end, short enough for people who wait.
_HIDDEN: Final = 2 * _TIMEOUT
_KEPT: Final = 14 * 86400  # s, the longest that SQS keeps a message
_ATTEMPTS: Final = 3
# ECS and ECR answer from records that settle a moment after the event.
_SETTLE: Final = 5
# Edits of secrets within this many seconds are one restart.
_BURST: Final = 60
# How often the function compares the services with what they must be. It is also how long a changed
# minimum or maximum waits, and a service that lost its tasks otherwise.
_LOOK: Final = "rate(5 minutes)"
# Messages of one group are answered one after the other.
_GROUP: Final = "images"


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """A service that is redeployed automatically."""

    service: FargateService
    size: ServiceSize  # its numbers of tasks


@dataclass(frozen=True, kw_only=True)
class RolloutArgs:
    region: str
    account_id: Input[str]
    cluster: Cluster
    services: Sequence[Rolled]
    topic_arn: Input[str]  # where people are told of a failed deployment
    log_retention_days: int
    hours: Hours | None = None  # none: services always run


class Rollout(ComponentResource):
    """Rules, queues and the function that moves the pointer and restarts services.

    Pushes and deployments wait in a FIFO queue of one group: they are answered one at a time, in
    order, by at most one instance of the function. (A reserved concurrency of one would do the
    same, but young AWS accounts have none to reserve.) Edits of secrets wait in a second queue
    until the burst is over.
    """

    def __init__(self, name: str, args: RolloutArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Rollout", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)

        self.queues: dict[str, Output[str]] = {}
        self.dead_letters: dict[str, Output[str]] = {}
        images = self._queue("images", fifo=True, delay=_SETTLE)
        secrets = self._queue("secrets", fifo=False, delay=_BURST)
        self.function = self._function([images, secrets])
        self._feed("images", images, batch=1)
        self._feed("secrets", secrets, batch=100)

        rules = [
            self._rule(
                repository,
                f"An image was pushed to {repository}",
                # The event's own `resources` is empty; its detail says which repository.
                {
                    "source": ["aws.ecr"],
                    "detail-type": ["ECR Image Action"],
                    "detail": {
                        "action-type": ["PUSH"],
                        "result": ["SUCCESS"],
                        "repository-name": [repository],
                    },
                },
                images,
            )
            for repository in sorted({r.service.repository.name for r in args.services})
        ]
        rules.append(
            self._rule(
                "deployment",
                "A deployment failed or was completed",
                {
                    "source": ["aws.ecs"],
                    "detail-type": ["ECS Deployment State Change"],
                    "resources": [rolled.service.service.arn for rolled in args.services],
                    "detail": {
                        "eventName": ["SERVICE_DEPLOYMENT_FAILED", "SERVICE_DEPLOYMENT_COMPLETED"]
                    },
                },
                images,
            )
        )
        rules.append(self._clock(images))
        self._admit("images", images, rules)
        edited = self._rule(
            "secret",
            "A run-time secret was changed",
            {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {
                    "operation": ["Update"],
                    "name": sorted({s.path for r in args.services for s in r.service.secrets}),
                },
            },
            secrets,
        )
        self._admit("secrets", secrets, [edited])
        if args.hours is not None:
            args.hours.call(images, _GROUP)
        self.register_outputs({"function": self.function.name})

    def _queue(self, key: str, *, fifo: bool, delay: int) -> sqs.Queue:
        """An encrypted queue, and one for the messages that could not be answered."""
        suffix = ".fifo" if fifo else ""
        name = f"{self._name}-{key}"
        dead = sqs.Queue(
            f"{name}-failed",
            name=f"{name}-failed{suffix}",
            fifo_queue=True if fifo else None,
            message_retention_seconds=_KEPT,
            sqs_managed_sse_enabled=True,
            opts=self._child,
        )
        self.dead_letters[key] = dead.name
        queue = sqs.Queue(
            name,
            name=f"{name}{suffix}",
            fifo_queue=True if fifo else None,
            content_based_deduplication=True if fifo else None,
            delay_seconds=delay,
            visibility_timeout_seconds=_HIDDEN,
            message_retention_seconds=_KEPT,
            sqs_managed_sse_enabled=True,
            redrive_policy=Output.json_dumps(
                {"deadLetterTargetArn": dead.arn, "maxReceiveCount": _ATTEMPTS}
            ),
            opts=self._child,
        )
        self.queues[key] = queue.name
        return queue

    def _function(self, queues: Sequence[sqs.Queue]) -> Function:
        args = self._args
        return Function(
            self._name,
            FunctionArgs(
                region=args.region,
                account_id=args.account_id,
                description="Rolls services when an image or a secret changes",
                code=function_package("rollout"),
                memory=256,
                timeout=_TIMEOUT,
                log_retention_days=args.log_retention_days,
                statements=self._statements(queues),
                environment={
                    "CLUSTER": args.cluster.name,
                    "POINTER": POINTER,
                    "TOPIC_ARN": args.topic_arn,
                    "SERVICES": json.dumps(
                        {
                            rolled.service.name: {
                                "repository": rolled.service.repository.name,
                                "start": rolled.size.desired,
                                "minimum": rolled.size.minimum,
                                "maximum": rolled.size.maximum,
                                "parameters": sorted(s.path for s in rolled.service.secrets),
                            }
                            for rolled in args.services
                        },
                        sort_keys=True,
                    ),
                    "BY_HAND": json.dumps(
                        sorted(
                            {
                                secret.path
                                for rolled in args.services
                                for secret in rolled.service.secrets
                                if secret.by_hand
                            }
                        )
                    ),
                    **(args.hours.environment if args.hours is not None else {}),
                },
            ),
            self._child,
        )

    def _statements(self, queues: Sequence[sqs.Queue]) -> list[dict[str, object]]:
        args = self._args
        services = [rolled.service for rolled in args.services]
        repositories = {service.repository.name: service.repository for service in services}
        secrets = {s.path: s for service in services for s in service.secrets if s.by_hand}
        return [
            statement(
                ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                [queue.arn for queue in queues],
            ),
            statement(["sns:Publish"], [args.topic_arn]),
            statement(
                ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"],
                [repository.arn for repository in repositories.values()],
            ),
            statement(
                ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"],
                [service.service.arn for service in services],
            ),
            # AWS asks for both, the deployment or revision and its service (Service Authorization
            # Reference, Amazon ECS).
            *(
                statement(
                    [f"ecs:DescribeService{kind.title()}s"],
                    [service.service.arn for service in services]
                    + [
                        Output.format(
                            "arn:aws:ecs:{0}:{1}:service-{2}/{3}/{4}/*",
                            args.region,
                            args.account_id,
                            kind,
                            args.cluster.name,
                            service.name,
                        )
                        for service in services
                    ],
                )
                for kind in ("deployment", "revision")
            ),
            statement(
                ["application-autoscaling:RegisterScalableTarget"],
                [service.scaling.arn for service in services],
            ),
            # Has no resource level (Service Authorization Reference, Application Auto Scaling).
            statement(["application-autoscaling:DescribeScalableTargets"], ["*"]),
            # The version of a secret says whether people filled it; its value stays unread.
            statement(["ssm:GetParameters"], [secret.arn for secret in secrets.values()]),
            statement(
                ["kms:Decrypt"],
                ["*"],
                {"StringEquals": {"kms:ViaService": f"ssm.{args.region}.amazonaws.com"}},
                effect="Deny",
            ),
            *(args.hours.statements if args.hours is not None else []),
        ]

    def _feed(self, key: str, queue: sqs.Queue, *, batch: int) -> None:
        """Have Lambda take messages from `queue` to the function."""
        lambda_.EventSourceMapping(
            f"{self._name}-{key}",
            event_source_arn=queue.arn,
            function_name=self.function.name,
            batch_size=batch,
            # Above ten messages Lambda asks for a window to collect them in.
            maximum_batching_window_in_seconds=1 if batch > 10 else None,
            opts=self._child,
        )

    def _rule(
        self, key: str, why: str, pattern: Mapping[str, object], queue: sqs.Queue
    ) -> cloudwatch.EventRule:
        name = f"{self._name}-{key}"
        rule = cloudwatch.EventRule(
            name, description=why, event_pattern=Output.json_dumps(pattern), opts=self._child
        )
        self._lead(name, rule, queue, fifo=key != "secret")
        return rule

    def _clock(self, queue: sqs.Queue) -> cloudwatch.EventRule:
        """Have the function look every few minutes whether all services are as they must be.

        No target names an `input`: the event's own id makes each message another one, and a FIFO
        queue drops what it has had within five minutes.
        """
        name = f"{self._name}-look"
        rule = cloudwatch.EventRule(
            name,
            description="Compares the services with what they must be",
            schedule_expression=_LOOK,
            opts=self._child,
        )
        self._lead(name, rule, queue, fifo=True)
        return rule

    def _lead(self, name: str, rule: cloudwatch.EventRule, queue: sqs.Queue, *, fifo: bool) -> None:
        """Send the rule's events to `queue`."""
        cloudwatch.EventTarget(
            name,
            rule=rule.name,
            arn=queue.arn,
            sqs_target={"message_group_id": _GROUP} if fifo else None,
            opts=self._child,
        )

    def _admit(self, key: str, queue: sqs.Queue, rules: Sequence[cloudwatch.EventRule]) -> None:
        """Let those rules put events into `queue`; without it they would be lost in silence."""
        sqs.QueuePolicy(
            f"{self._name}-{key}",
            queue_url=queue.url,
            policy=policy(
                statement(
                    ["sqs:SendMessage"],
                    [queue.arn],
                    {"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules]}},
                    principal={"Service": "events.amazonaws.com"},
                )
            ),
            opts=self._child,
        )
