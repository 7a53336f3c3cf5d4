"""The length of Celery's queue as a metric: a function that asks Redis each minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, iam, lambda_

from network import Place
from packages import function_package
from policies import policy, statement, trust
from settings import RedisTls

NAMESPACE: Final = "Otakaro/Celery"
METRIC: Final = "QueueLength"
_TIMEOUT: Final = 20  # s; Redis is given five, twice with TLS


@dataclass(frozen=True, kw_only=True)
class QueueLengthArgs:
    region: str
    account_id: Input[str]
    place: Place  # from where Redis can be reached
    host: Input[str]  # of Redis
    port: int
    tls: RedisTls
    queue: str  # the list in Redis
    stack: str  # tells the metric of this stack from those of others
    log_retention_days: int


class QueueLength(ComponentResource):
    """A function in the VPC, the clock that calls it, and the metric that comes of it.

    The metric travels in the function's log (embedded metric format), so the function reaches Redis
    and nothing else. A minute that fails isn't tried again: the next one measures afresh.
    """

    def __init__(
        self, name: str, args: QueueLengthArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:QueueLength", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        self.namespace: Final = NAMESPACE
        self.metric: Final = METRIC
        self.dimensions: Final[Mapping[str, str]] = {"Queue": args.queue, "Stack": args.stack}

        logs = cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{name}",
            retention_in_days=args.log_retention_days,
            opts=self._child,
        )
        self.log_group: Output[str] = logs.name
        self.function = self._function(logs)
        self._clock()
        self.register_outputs({"function": self.function.name})

    def _function(self, logs: cloudwatch.LogGroup) -> lambda_.Function:
        args, name = self._args, self._name
        role = iam.Role(name, assume_role_policy=trust("lambda.amazonaws.com"), opts=self._child)
        permission = iam.RolePolicy(
            name,
            role=role.id,
            policy=policy(
                statement(
                    ["logs:CreateLogStream", "logs:PutLogEvents"], [Output.concat(logs.arn, ":*")]
                ),
                *args.place.interface_statements(args.region, args.account_id, name),
            ),
            opts=self._child,
        )
        return lambda_.Function(
            name,
            name=name,
            description="Measures Celery's queue",
            runtime="python3.13",
            architectures=["arm64"],
            handler="handler.handler",
            code=function_package("queue_length"),
            role=role.arn,
            memory_size=128,
            timeout=_TIMEOUT,
            vpc_config={
                "subnet_ids": args.place.subnet_ids,
                "security_group_ids": [args.place.security_group_id],
            },
            environment={
                "variables": {
                    "HOST": args.host,
                    "PORT": str(args.port),
                    "TLS": args.tls,
                    "QUEUE": args.queue,
                    "NAMESPACE": self.namespace,
                    "STACK": args.stack,
                }
            },
            opts=ResourceOptions(parent=self, depends_on=[permission, logs]),
        )

    def _clock(self) -> None:
        lambda_.FunctionEventInvokeConfig(
            self._name,
            function_name=self.function.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,  # Lambda's least
            opts=self._child,
        )
        rule = cloudwatch.EventRule(
            self._name,
            description="Every minute: how long is Celery's queue?",
            schedule_expression="rate(1 minute)",
            opts=self._child,
        )
        admission = lambda_.Permission(
            self._name,
            function=self.function.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=self._child,
        )
        cloudwatch.EventTarget(
            self._name,
            rule=rule.name,
            arn=self.function.arn,
            opts=ResourceOptions(parent=self, depends_on=[admission]),
        )
