"""Alarms on what runs: tasks, jobs that wait, functions and their queues, and the way out."""

from collections.abc import Mapping, Sequence

from pulumi import Input

from alarms import Alarm, Metric, lambda_metric
from fargate import Cluster, FargateService
from network import Network
from queue_length import QueueLength
from rollout import Rollout
from settings import ServiceSize


def services(
    cluster: Cluster,
    services: Mapping[str, tuple[FargateService, ServiceSize]],
    queue: QueueLength,
    *,
    computing: Sequence[str],
) -> dict[str, Alarm]:
    """Tasks, and jobs that nobody takes.

    Args:
        cluster: that the services run in.
        services: by their key, with the numbers of their tasks.
        queue: where jobs wait.
        computing: services whose CPU may be busy for hours.
    """
    guide = "ECS developer guide, Amazon ECS CloudWatch metrics"
    found = {}
    for key, (service, size) in services.items():

        def of(metric: str, statistic: str, service: FargateService = service) -> Metric:
            return Metric(
                namespace="AWS/ECS",
                name=metric,
                dimensions={"ClusterName": cluster.name, "ServiceName": service.name},
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
        if key not in computing:
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
        graph="Jobs that wait and run",
        metrics={
            "waiting": Metric(
                namespace=queue.namespace,
                name=queue.metric,
                dimensions=queue.dimensions,
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


def way_out(network: Network) -> dict[str, Alarm]:
    """The NAT gateways, where there are some."""
    guide = "VPC user guide, Monitor NAT gateways with Amazon CloudWatch"
    found = {}
    for zone, gateway in network.nat_gateways.items():

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


def functions(rollout: Rollout, functions: Mapping[str, Input[str]]) -> dict[str, Alarm]:
    """Queues of events, and `functions` that events and clocks start, by their key."""
    guide = "SQS developer guide, Available CloudWatch metrics for Amazon SQS"

    def waiting(metric: str, name: Input[str]) -> dict[str, Metric]:
        return {
            "value": Metric(
                namespace="AWS/SQS",
                name=metric,
                dimensions={"QueueName": name},
                statistic="Maximum",
            )
        }

    found = {}
    for kind, name in rollout.dead_letters.items():
        found[f"rollout-{kind}-failed"] = Alarm(
            section="rollout",
            graph="Events that could not be answered",
            metrics=waiting("ApproximateNumberOfMessagesVisible", name),
            above=0.0,
            periods=1,
            ends=False,
            why=f"An event could not be answered: {kind} may not run as they should",
            first="The roll-out's log says why; push the image or edit the secret again, then"
            " empty the queue.",
            source=guide,
        )
    for kind, name in rollout.queues.items():
        found[f"rollout-{kind}-late"] = Alarm(
            section="rollout",
            graph="Age of the oldest event, s",
            metrics=waiting("ApproximateAgeOfOldestMessage", name),
            above=900.0,
            why=f"Events of {kind} wait for a quarter of an hour: nobody takes them",
            first="See in the Lambda console whether the roll-out's trigger is enabled.",
            source=guide,
        )
    for key, function in functions.items():
        # A failed attempt is made again, which mends most; failures that go on are told.
        found[f"function-{key}-errors"] = Alarm(
            section="rollout",
            graph="Failures of functions",
            metrics={"errors": lambda_metric(function, "Errors")},
            above=0.0,
            why=f"The function {key} has failed again and again for a quarter of an hour",
            first="Its log group /aws/lambda/... says why.",
            source="Lambda developer guide, Types of metrics for Lambda functions",
        )
    return found
