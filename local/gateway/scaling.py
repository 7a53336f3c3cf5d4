"""Application Auto Scaling: scalable targets, policies, and the desired counts that they change.

RegisterScalableTarget, at creation and at any update, moves the desired count of an active service
into the target's range, suspended or not: a suspension concerns policies and scheduled actions
alone (API reference, "RegisterScalableTarget"). A known target that is registered again keeps what
the request leaves out.

An alarm whose action is a step scaling policy changes the count unless that direction is suspended.
A scale-out raises a service from below its minimum, from 0 too, and to the minimum at least; a
scale-in leaves one below its minimum alone, and neither leaves the range (ECS developer guide,
"Step scaling policies"). No metric has load here, so a policy's alarm is one that a test sets, and
its breach is the smallest: the policy's mildest step. Cooldowns are not emulated.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from .background import Background
from .calls import Answer, Part, Refused
from .clients import Clients
from .deployment import present

SCALING: Final = "AnyScaleFrontendService"
_STATES: Final = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)
# What may be changed of each; the rest is its place, or AWS's.
_OF_TARGET: Final = ("MinCapacity", "MaxCapacity")
_OF_POLICY: Final = (
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)
_ROLE: Final = (
    "aws-service-role/ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService"
)
_PLACE: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")
Place = tuple[str, ...]  # region, then _PLACE
# Sets the desired count of a service, by region, cluster and name.
Resize = Callable[[str, str, str, int], None]

log = logging.getLogger("gateway")


class Scaling:
    """The scalable targets and their policies."""

    def __init__(
        self, account: str, clients: Clients, background: Background, resize: Resize
    ) -> None:
        self._account = account
        self._clients = clients
        self._background = background
        self._resize = resize
        self._targets: dict[Place, Answer] = {}
        self._policies: dict[tuple[Place, str], Answer] = {}
        self.part = Part(
            answers={
                (SCALING, "RegisterScalableTarget"): self.register,
                (SCALING, "DeregisterScalableTarget"): self.deregister,
                (SCALING, "DescribeScalableTargets"): self.targets,
                (SCALING, "PutScalingPolicy"): self.put_policy,
                (SCALING, "DeleteScalingPolicy"): self.delete_policy,
                (SCALING, "DescribeScalingPolicies"): self.policies,
                (SCALING, "ListTagsForResource"): self.tags,
                (SCALING, "TagResource"): self.tag,
                (SCALING, "UntagResource"): self.untag,
            }
        )
        self._tags: dict[str, dict[str, str]] = {}  # of targets, by ARN

    def clear(self) -> None:
        """Forget all."""
        self._targets.clear()
        self._policies.clear()
        self._tags.clear()

    def register(self, asked: dict[str, Any], region: str) -> Answer:
        """RegisterScalableTarget."""
        place = _place(asked, region)
        known: Answer = self._targets.get(place, {})
        limits = known | {key: asked[key] for key in _OF_TARGET if key in asked}
        for key in ("MinCapacity", "MaxCapacity"):
            if key not in limits:
                raise Refused("ValidationException", f"{key} is needed for a new scalable target")
        least, most = limits["MinCapacity"], limits["MaxCapacity"]
        if not 0 <= least <= most:
            told = f"MinCapacity {least} must be from 0 to MaxCapacity, which is {most}"
            raise Refused("ValidationException", told)
        states: dict[str, bool] = known.get("SuspendedState", dict.fromkeys(_STATES, False))
        prefix = f"arn:aws:application-autoscaling:{region}:{self._account}:scalable-target"
        target: Answer = {
            "ScalableTargetARN": f"{prefix}/{uuid.uuid4().hex}",
            "CreationTime": time.time(),
            # Whatever the role, ECS takes its own (API reference, "RegisterScalableTarget").
            "RoleARN": f"arn:aws:iam::{self._account}:role/{_ROLE}",
            **limits,
            **{key: asked[key] for key in _PLACE},
            "SuspendedState": {**states, **asked.get("SuspendedState", {})},
        }
        self._targets[place] = target
        arn: str = target["ScalableTargetARN"]
        self._tags.setdefault(arn, {}).update(asked.get("Tags", {}))
        self._background.later(0, partial(self._bring_into_range, place))
        return {"ScalableTargetARN": arn}

    def alarmed(self, region: str, policy_arn: str) -> None:
        """An alarm with this policy as its action went into ALARM."""
        self._background.later(0, partial(self._follow, region, policy_arn))

    def _bring_into_range(self, place: Place) -> None:
        target, count = self._targets.get(place), self._count(place)
        if target is not None and count is not None:
            self._set(place, count, min(max(count, target["MinCapacity"]), target["MaxCapacity"]))

    def _follow(self, region: str, policy_arn: str) -> None:
        for (place, _), policy in list(self._policies.items()):
            if place[0] != region or policy["PolicyARN"] != policy_arn:
                continue
            target, count = self._targets[place], self._count(place)
            if count is None:
                continue
            least, most = target["MinCapacity"], target["MaxCapacity"]
            wanted = _stepped(policy["StepScalingPolicyConfiguration"], count)
            state = target["SuspendedState"]
            if wanted > count and not state["DynamicScalingOutSuspended"]:
                self._set(place, count, max(count, min(max(wanted, least), most)))
            elif wanted < count and not state["DynamicScalingInSuspended"]:
                self._set(place, count, min(count, max(min(wanted, most), least)))

    def _count(self, place: Place) -> int | None:
        """The service's desired count; none where there is no active service."""
        region, _, resource, _ = place
        _, cluster, service = resource.split("/")
        ecs = self._clients("ecs", region)
        found = ecs.describe_services(cluster=cluster, services=[service])["services"]
        return next((int(one["desiredCount"]) for one in found if one["status"] == "ACTIVE"), None)

    def _set(self, place: Place, count: int, wanted: int) -> None:
        if wanted != count:
            region, _, resource, _ = place
            _, cluster, service = resource.split("/")
            log.info("%s: scaled from %d to %d", resource, count, wanted)
            self._resize(region, cluster, service, wanted)

    def deregister(self, asked: dict[str, Any], region: str) -> Answer:
        """DeregisterScalableTarget, which deletes the target's policies, too."""
        target = self._target(asked, region)
        place = _place(asked, region)
        del self._targets[place]
        self._tags.pop(target["ScalableTargetARN"], None)
        self._policies = {key: one for key, one in self._policies.items() if key[0] != place}
        return {}

    def targets(self, asked: dict[str, Any], region: str) -> Answer:
        """DescribeScalableTargets."""
        found = (one for place, one in self._targets.items() if place[0] == region)
        return {"ScalableTargets": _wanted(found, asked, {"ResourceIds": "ResourceId"})}

    def put_policy(self, asked: dict[str, Any], region: str) -> Answer:
        """PutScalingPolicy."""
        self._target(asked, region)
        key = _place(asked, region), asked["PolicyName"]
        known: Answer = self._policies.get(key, {})
        kind = known.get("PolicyType", "StepScaling")  # which AWS takes where none is given
        where = f"resource/{asked['ServiceNamespace']}/{asked['ResourceId']}"
        prefix = f"arn:aws:autoscaling:{region}:{self._account}:scalingPolicy:{uuid.uuid4()}"
        policy: Answer = {
            "PolicyARN": f"{prefix}:{where}:policyName/{asked['PolicyName']}",
            "CreationTime": time.time(),
            "Alarms": [],
            **known,
            "PolicyType": kind,
            **{name: asked[name] for name in (*_PLACE, *_OF_POLICY, "PolicyName") if name in asked},
        }
        self._policies[key] = policy
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def delete_policy(self, asked: dict[str, Any], region: str) -> Answer:
        """DeleteScalingPolicy."""
        key = _place(asked, region), asked["PolicyName"]
        if self._policies.pop(key, None) is None:
            raise Refused("ObjectNotFoundException", f"No scaling policy found: {key[1]}")
        return {}

    def policies(self, asked: dict[str, Any], region: str) -> Answer:
        """DescribeScalingPolicies."""
        found = (one for (place, _), one in self._policies.items() if place[0] == region)
        by = {"ResourceId": "ResourceId", "PolicyNames": "PolicyName"}
        return {"ScalingPolicies": _wanted(found, asked, by)}

    def tags(self, asked: dict[str, Any], _region: str) -> Answer:
        """ListTagsForResource."""
        return {"Tags": self._tagged(asked)}

    def tag(self, asked: dict[str, Any], _region: str) -> Answer:
        """TagResource."""
        self._tagged(asked).update(asked["Tags"])
        return {}

    def untag(self, asked: dict[str, Any], _region: str) -> Answer:
        """UntagResource."""
        tags = self._tagged(asked)
        for key in asked["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _target(self, asked: dict[str, Any], region: str) -> Answer:
        target = self._targets.get(_place(asked, region))
        if target is None:
            told = f"No scalable target found for {asked['ResourceId']}"
            raise Refused("ObjectNotFoundException", told)
        return target

    def _tagged(self, asked: dict[str, Any]) -> dict[str, str]:
        arn = asked["ResourceARN"]
        if arn not in self._tags:
            raise Refused("ResourceNotFoundException", f"No scalable target found: {arn}")
        return self._tags[arn]


def _stepped(configuration: dict[str, Any], count: int) -> int:
    """The count after the step that begins or ends at the alarm's threshold."""
    steps: list[dict[str, Any]] = configuration["StepAdjustments"]
    bounds = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
    mildest = min(steps, key=lambda step: min(abs(step[key]) for key in bounds if key in step))
    change = int(mildest["ScalingAdjustment"])
    match configuration["AdjustmentType"]:
        case "ExactCapacity":
            return change
        case "PercentChangeInCapacity":
            return count + round(count * change / 100)
        case _:
            return count + change


def _place(asked: dict[str, Any], region: str) -> Place:
    return (region, *(asked[key] for key in _PLACE))


def _wanted(found: Iterable[Answer], asked: dict[str, Any], by: dict[str, str]) -> list[Answer]:
    """Those that fit what is asked for: its namespace and dimension, and `by`, member of the
    request to member of the thing."""
    keys = {"ServiceNamespace": "ServiceNamespace", "ScalableDimension": "ScalableDimension", **by}
    given = present(**{member: asked.get(key) for key, member in keys.items()})
    return [
        one
        for one in found
        if all(
            one[member] in value if isinstance(value, list) else one[member] == value
            for member, value in given.items()
        )
    ]
