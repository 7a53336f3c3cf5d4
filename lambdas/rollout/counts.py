"""The number of tasks of each service: its desired count, and the range that scaling may use.

Nothing else changes them after `pulumi up` created the service with 0 tasks and its scalable target
with the minimum 0, scaling suspended. Registering a scalable target moves the desired count into
its range at once, suspended or not, and a scale-out alarm raises even a service that has no tasks
(Application Auto Scaling API, RegisterScalableTarget; ECS developer guide, "Step scaling
policies"). So a service that must not run needs all three: 0 tasks, the minimum 0, and suspended
scaling. Maximum and minimum come from this function's environment, where `pulumi up` writes the
settings: the program never updates a scalable target that exists, since the provider would send the
minimum that it knows, too.

An operator's stop is the suspension of scheduled scaling, which nothing here uses: such a service
is left alone, by day as it is, and is not started in the morning either.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

CLUSTER: Final = os.environ["CLUSTER"]
SERVICES: Final[dict[str, dict[str, Any]]] = json.loads(os.environ["SERVICES"])
_RETRIES: Final = Config(retries={"mode": "standard", "max_attempts": 5})
_DIMENSION: Final = "ecs:service:DesiredCount"
ecs = boto3.client("ecs", config=_RETRIES)
scaling = boto3.client("application-autoscaling", config=_RETRIES)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service's number of tasks, and its scalable target."""

    desired: int
    running: int  # with those that are about to
    minimum: int
    maximum: int
    suspended: bool  # no policy changes the desired count
    held: bool  # an operator stopped it

    @property
    def closed(self) -> bool:
        """Whether nothing raises the desired count."""
        return self.minimum == 0 and self.suspended


def read(names: Iterable[str]) -> dict[str, Service]:
    """The services as they are; raises LookupError for one without a scalable target."""
    wanted = list(names)
    answer = ecs.describe_services(cluster=CLUSTER, services=wanted)
    described = {one["serviceName"]: one for one in answer["services"]}
    found = scaling.describe_scalable_targets(
        ServiceNamespace="ecs",
        ResourceIds=[_resource(name) for name in wanted],
        ScalableDimension=_DIMENSION,
    )
    targets = {one["ResourceId"]: one for one in found["ScalableTargets"]}
    services = {}
    for name in wanted:
        one, target = described[name], targets.get(_resource(name))
        if target is None:
            raise LookupError(f"{name} has no scalable target: `pulumi up --refresh` registers it")
        state = target["SuspendedState"]
        services[name] = Service(
            desired=one["desiredCount"],
            running=one["runningCount"] + one["pendingCount"],
            minimum=target["MinCapacity"],
            maximum=target["MaxCapacity"],
            suspended=state["DynamicScalingInSuspended"] and state["DynamicScalingOutSuspended"],
            held=state["ScheduledScalingSuspended"],
        )
    return services


def start(name: str) -> str:
    """Start a service that has no tasks, with a new deployment."""
    count = SERVICES[name]["start"]
    ecs.update_service(cluster=CLUSTER, service=name, desiredCount=count, forceNewDeployment=True)
    _register(name, minimum=SERVICES[name]["minimum"], suspended=False)
    return f"{name} starts with {count}"


def stop(name: str, service: Service) -> None:
    """Have no tasks of a service, whatever raises the count."""
    if not service.closed or service.held:
        _register(name, minimum=0, suspended=True)
    if service.desired > 0:
        ecs.update_service(cluster=CLUSTER, service=name, desiredCount=0)


def keep(name: str, service: Service) -> str:
    """Give a service that runs the range of its settings; what was done, empty if nothing was."""
    minimum, maximum = SERVICES[name]["minimum"], SERVICES[name]["maximum"]
    if (service.minimum, service.maximum, service.suspended) == (minimum, maximum, False):
        return ""
    _register(name, minimum=minimum, suspended=False)
    return f"{name} scales from {minimum} to {maximum}"


def _register(name: str, *, minimum: int, suspended: bool) -> None:
    scaling.register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=_resource(name),
        ScalableDimension=_DIMENSION,
        MinCapacity=minimum,
        MaxCapacity=SERVICES[name]["maximum"],
        SuspendedState={
            "DynamicScalingInSuspended": suspended,
            "DynamicScalingOutSuspended": suspended,
            "ScheduledScalingSuspended": False,
        },
    )


def _resource(name: str) -> str:
    return f"service/{CLUSTER}/{name}"
