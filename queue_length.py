"""Celery's jobs, waiting and running, as metrics: a function that queries Redis each minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, ResourceOptions
from pulumi_aws import cloudwatch, lambda_

from functions import Function, FunctionArgs
from network import Place
from packages import function_package
from settings import RedisTls

NAMESPACE: Final = "Otakaro/Celery"
METRIC: Final = "QueueLength"  # jobs that wait
RUNNING_METRIC: Final = "RunningJobs"
UNFINISHED_METRIC: Final = "UnfinishedJobs"  # both together
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
    running: str  # the sorted set in Redis of running jobs, each until when it counts
    stack: str  # tells the metric of this stack from those of others
    log_retention_days: int


class QueueLength(ComponentResource):
    """A function in the VPC, its schedule, and the metrics that it publishes.

    The metrics travel in the function's log (embedded metric format), so the function reaches Redis
    and nothing else. A minute that fails isn't tried again: the next one measures afresh.
    """

    def __init__(
        self, name: str, args: QueueLengthArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:QueueLength", name, None, opts)
        self._name = name
        self._child = ResourceOptions(parent=self)
        self.namespace: Final = NAMESPACE
        self.metric: Final = METRIC
        self.running_metric: Final = RUNNING_METRIC
        self.unfinished_metric: Final = UNFINISHED_METRIC
        self.dimensions: Final[Mapping[str, str]] = {"Queue": args.queue, "Stack": args.stack}

        self.function = Function(
            name,
            FunctionArgs(
                region=args.region,
                account_id=args.account_id,
                description="Measures Celery's queue",
                code=function_package("queue_length"),
                memory=128,
                timeout=_TIMEOUT,
                log_retention_days=args.log_retention_days,
                place=args.place,
                environment={
                    "HOST": args.host,
                    "PORT": str(args.port),
                    "TLS": args.tls,
                    "QUEUE": args.queue,
                    "RUNNING": args.running,
                    "NAMESPACE": self.namespace,
                    "STACK": args.stack,
                },
            ),
            self._child,
        )
        self._clock()
        self.register_outputs({"function": self.function.name})

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
