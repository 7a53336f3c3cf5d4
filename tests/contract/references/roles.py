"""Roles trust who takes them, keep within their quotas; policies speak of what they are on."""

import json
import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import Any

from local.provider.rules.core import values
from tests.contract.references.core import Faults, check
from tests.contract.world import Thing, World

_TRUSTED = {
    ("ecs/taskDefinition:TaskDefinition", "executionRoleArn"): "ecs-tasks",
    ("ecs/taskDefinition:TaskDefinition", "taskRoleArn"): "ecs-tasks",
    ("lambda/function:Function", "role"): "lambda",
    ("ec2/flowLog:FlowLog", "iamRoleArn"): "vpc-flow-logs",
    ("rds/instance:Instance", "monitoringRoleArn"): "monitoring.rds",
    ("scheduler/schedule:Schedule", "target.roleArn"): "scheduler",
}


def trusts(role: Thing | None, service: str) -> bool:
    return role is None or f'"{service}.amazonaws.com"' in str(role.inputs["assumeRolePolicy"])


@check("IAM user guide, Roles for AWS services: the role trusts the service that takes it")
def roles_trust_who_takes_them(world: World) -> Faults:
    for (type_, key), service in _TRUSTED.items():
        for thing in world.of(type_):
            for _, arn in values(thing.inputs, key):
                role = world.found("iam/role:Role", arn, "arn")
                if not trusts(role, service):
                    yield thing, f"{key}: {role} does not trust {service}.amazonaws.com"


def may(world: World, role_arn: Any, action: str, resource: str) -> bool:
    """Whether a policy of the role names the action for the resource; conditions are not judged."""
    role = world.found("iam/role:Role", role_arn, "arn")
    if role is None:
        return False
    for policy in world.of("iam/rolePolicy:RolePolicy"):
        if policy.inputs["role"] not in (role.id, role.outputs.get("name")):
            continue
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions, resources = statement.get("Action", []), statement.get("Resource", [])
            actions = actions if isinstance(actions, list) else [actions]
            resources = resources if isinstance(resources, list) else [resources]
            if (
                statement["Effect"] == "Allow"
                and any(fnmatchcase(action, allowed) for allowed in actions)
                and any(fnmatchcase(resource, allowed) for allowed in resources)
            ):
                return True
    return False


@check("IAM user guide, IAM and STS quotas, of a role as a whole")
def roles_keep_their_quotas(world: World) -> Faults:
    attached: Counter[str] = Counter()
    for attachment in world.of("iam/rolePolicyAttachment:RolePolicyAttachment"):
        attached[attachment.inputs["role"]] += 1
        if attached[attachment.inputs["role"]] > 10:
            yield attachment, "role has ten managed policies already"
    sizes: Counter[str] = Counter()
    for policy in world.of("iam/rolePolicy:RolePolicy"):
        sizes[policy.inputs["role"]] += len(re.sub(r"\s", "", str(policy.inputs["policy"])))
        if sizes[policy.inputs["role"]] > 10240:
            yield policy, "policy: the role's inline policies may have 10240 characters together"


@check("S3, SQS, SNS and EFS: a policy of a resource speaks of that resource only")
def policies_speak_of_their_own_resource(world: World) -> Faults:
    kinds = {
        "s3/bucketPolicy:BucketPolicy": ("s3/bucket:Bucket", "bucket", "id"),
        "sqs/queuePolicy:QueuePolicy": ("sqs/queue:Queue", "queueUrl", "url"),
        "sns/topicPolicy:TopicPolicy": ("sns/topic:Topic", "arn", "arn"),
        "efs/fileSystemPolicy:FileSystemPolicy": (
            "efs/fileSystem:FileSystem",
            "fileSystemId",
            "id",
        ),
    }
    for type_, (owner, path, key) in kinds.items():
        for policy in world.of(type_):
            target = world.found(owner, policy.inputs[path], key)
            for statement in json.loads(policy.inputs["policy"])["Statement"] if target else ():
                named = statement.get("Resource", [])
                for resource in named if isinstance(named, list) else [named]:
                    if target and not resource.startswith(target.arn):
                        yield policy, f"policy: {resource} is not {target}"
