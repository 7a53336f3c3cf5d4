"""Application Auto Scaling: targets and policies, kept in memory.

Nothing scales here: no task has load. A known target that is registered again keeps what the
request leaves out (API reference, "RegisterScalableTarget").
"""

import time
import uuid
from collections.abc import Iterable
from typing import Any, Final

from .calls import Answer, Part, Refused
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


class Scaling:
    """The scalable targets and their policies."""

    def __init__(self, account: str) -> None:
        self._account = account
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
        return {"ScalableTargetARN": arn}

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
