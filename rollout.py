"""What makes services roll by themselves: events of pushes, secrets and deployments, and one
function that answers them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, iam, lambda_, sqs

from fargate import POINTER, Cluster, FargateService
from packages import function_package
from parameters import PLACEHOLDER
from policies import policy, statement, trust

# Seconds that an event is tried again; afterwards it lies in the dead-letter queue.
_EVENT_AGE: Final = 3600
_TIMEOUT: Final = 60


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """A service that rolls by itself."""

    service: FargateService
    start: int  # tasks of its first start


@dataclass(frozen=True, kw_only=True)
class RolloutArgs:
    cluster: Cluster
    services: Sequence[Rolled]
    topic_arn: Input[str]  # where people are told of a failed deployment
    log_retention_days: int


class Rollout(ComponentResource):
    """One function; a rule with target and invoke permission for each kind of event."""

    def __init__(self, name: str, args: RolloutArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Rollout", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)

        dead_letters = sqs.Queue(
            name,
            message_retention_seconds=14 * 86400,  # the longest that SQS keeps one
            sqs_managed_sse_enabled=True,
            opts=self._child,
        )
        self.dead_letters: Output[str] = dead_letters.name
        self._function(dead_letters)

        for repository in {
            rolled.service.repository.name: rolled.service.repository for rolled in args.services
        }:
            self._on(
                f"push-{repository}",
                f"An image was pushed to {repository}",
                # The event's own `resources` is empty, so its detail says which repository.
                {
                    "source": ["aws.ecr"],
                    "detail-type": ["ECR Image Action"],
                    "detail": {
                        "action-type": ["PUSH"],
                        "result": ["SUCCESS"],
                        "repository-name": [repository],
                    },
                },
            )
        paths = sorted(
            {secret.path for rolled in args.services for secret in rolled.service.secrets}
        )
        self._on(
            "secret",
            "A run-time secret was changed",
            {
                "source": ["aws.ssm"],
                "detail-type": ["Parameter Store Change"],
                "detail": {"operation": ["Update"], "name": paths},
            },
        )
        self._on(
            "deployment",
            "A deployment failed or was completed",
            Output.json_dumps(
                {
                    "source": ["aws.ecs"],
                    "detail-type": ["ECS Deployment State Change"],
                    "resources": [rolled.service.service.arn for rolled in args.services],
                    "detail": {
                        "eventName": [
                            "SERVICE_DEPLOYMENT_FAILED",
                            "SERVICE_DEPLOYMENT_COMPLETED",
                        ]
                    },
                }
            ),
        )
        self.register_outputs({"function": self.function.name})

    def _function(self, dead_letters: sqs.Queue) -> None:
        args, name = self._args, self._name
        logs = cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{name}",
            retention_in_days=args.log_retention_days,
            opts=self._child,
        )
        role = iam.Role(name, assume_role_policy=trust("lambda.amazonaws.com"), opts=self._child)
        permission = iam.RolePolicy(
            name, role=role.id, policy=self._permissions(logs, dead_letters), opts=self._child
        )
        self.log_group: Output[str] = logs.name
        self.function = lambda_.Function(
            name,
            name=name,
            description="Rolls services when an image or a secret changes",
            runtime="python3.13",
            architectures=["arm64"],
            handler="handler.handler",
            code=function_package("rollout"),
            role=role.arn,
            memory_size=256,
            timeout=_TIMEOUT,
            environment={
                "variables": {
                    "CLUSTER": args.cluster.name,
                    "POINTER": POINTER,
                    "PLACEHOLDER": PLACEHOLDER,
                    "TOPIC_ARN": args.topic_arn,
                    "SERVICES": json.dumps(
                        {
                            rolled.service.name: {
                                "repository": rolled.service.repository.name,
                                "minimum": rolled.start,
                                "parameters": sorted(
                                    secret.path for secret in rolled.service.secrets
                                ),
                            }
                            for rolled in args.services
                        },
                        sort_keys=True,
                    ),
                }
            },
            opts=ResourceOptions(parent=self, depends_on=[permission, logs]),
        )
        lambda_.FunctionEventInvokeConfig(
            name,
            function_name=self.function.name,
            maximum_event_age_in_seconds=_EVENT_AGE,
            maximum_retry_attempts=2,  # the most that Lambda makes
            destination_config={"on_failure": {"destination": dead_letters.arn}},
            opts=self._child,
        )

    def _permissions(self, logs: cloudwatch.LogGroup, dead_letters: sqs.Queue) -> Output[str]:
        args = self._args
        services = [rolled.service for rolled in args.services]
        repositories = {
            rolled.service.repository.name: rolled.service.repository for rolled in args.services
        }
        secrets = {
            secret.path: secret for rolled in args.services for secret in rolled.service.secrets
        }
        return policy(
            statement(
                ["logs:CreateLogStream", "logs:PutLogEvents"], [Output.concat(logs.arn, ":*")]
            ),
            statement(["sqs:SendMessage"], [dead_letters.arn]),
            statement(["sns:Publish"], [args.topic_arn]),
            statement(
                ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:PutImage"],
                [repository.arn for repository in repositories.values()],
            ),
            statement(
                ["ecs:DescribeServices", "ecs:UpdateService"],
                [service.service.arn for service in services],
            ),
            statement(["ssm:GetParameters"], [secret.arn for secret in secrets.values()]),
            statement(
                ["iam:PassRole"],
                [
                    role.arn
                    for service in services
                    for role in (service.execution_role, service.task_role)
                ],
                {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        )

    def _on(self, key: str, why: str, pattern: Mapping[str, object] | Output[str]) -> None:
        """Rule, target and the permission without which the event would be lost."""
        name = f"{self._name}-{key}"
        rule = cloudwatch.EventRule(
            name,
            description=why,
            event_pattern=pattern if isinstance(pattern, Output) else json.dumps(pattern),
            opts=self._child,
        )
        permission = lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=self.function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=self._child,
        )
        cloudwatch.EventTarget(
            name,
            rule=rule.name,
            arn=self.function.arn,
            retry_policy={"maximum_event_age_in_seconds": _EVENT_AGE, "maximum_retry_attempts": 10},
            opts=ResourceOptions(parent=self, depends_on=[permission]),
        )
