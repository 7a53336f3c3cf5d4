"""Functions, queues and rules reach each other; alarms watch what exists."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.contract.references.core import Faults, check
from tests.contract.references.roles import may
from tests.contract.world import Thing, World


@check("Lambda developer guide, Using Lambda with Amazon SQS")
def functions_can_take_from_their_queues(world: World) -> Faults:
    for mapping in world.of("lambda/eventSourceMapping:EventSourceMapping"):
        queue = world.found("sqs/queue:Queue", mapping.inputs["eventSourceArn"], "arn")
        function = world.found("lambda/function:Function", mapping.inputs["functionName"], "name")
        if queue is None or function is None:
            continue
        hidden = queue.inputs.get("visibilityTimeoutSeconds", 30)
        if hidden < function.inputs.get("timeout", 3):
            yield mapping, f"visibilityTimeoutSeconds of {queue} is below the function's timeout"
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            if not may(world, function.inputs["role"], f"sqs:{action}", queue.arn):
                yield mapping, f"role of {function} may not sqs:{action}"


@check("Lambda developer guide, Giving functions access to resources in a VPC")
def functions_in_a_vpc_may_make_interfaces(world: World) -> Faults:
    actions = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
    for function in world.of("lambda/function:Function"):
        role = function.inputs["role"]
        if "vpcConfig" in function.inputs and world.found("iam/role:Role", role, "arn"):
            made = f"arn:aws:ec2:{function.region}:{world.context.account}:network-interface/eni-1"
            for action in actions:
                # Describing has no resource level.
                where = "*" if action.startswith("Describe") else made
                if not may(world, role, f"ec2:{action}", where):
                    yield function, f"role may not ec2:{action}"


@check("SQS developer guide, Dead-letter queues: of the same kind, account and region")
def dead_letters_go_to_a_queue_of_the_same_kind(world: World) -> Faults:
    for queue in world.of("sqs/queue:Queue"):
        policy = queue.inputs.get("redrivePolicy")
        told = json.loads(policy) if isinstance(policy, str) else policy
        if not told:
            continue
        dead = world.found("sqs/queue:Queue", told["deadLetterTargetArn"], "arn")
        if dead is None:
            yield queue, "redrivePolicy: deadLetterTargetArn is no queue of the program"
        elif bool(dead.inputs.get("fifoQueue")) != bool(queue.inputs.get("fifoQueue")):
            yield queue, f"redrivePolicy: {dead} is of the other kind"


@check("EventBridge user guide, Targets: five a rule, and each lets the rule in")
def rules_reach_their_targets(world: World) -> Faults:
    count: Counter[str] = Counter()
    for target in world.of("cloudwatch/eventTarget:EventTarget"):
        count[target.inputs["rule"]] += 1
        if count[target.inputs["rule"]] > 5:
            yield target, "rule has five targets already"
        rule = world.found("cloudwatch/eventRule:EventRule", target.inputs["rule"], "name")
        queue = world.found("sqs/queue:Queue", target.inputs["arn"], "arn")
        if rule and queue and not _admits(world, queue, rule):
            yield target, f"arn: {queue} does not admit {rule}"
        function = world.found("lambda/function:Function", target.inputs["arn"], "arn")
        if rule and function and not _invokable(world, function, rule):
            yield target, f"arn: {function} does not admit {rule}"


def _invokable(world: World, function: Thing, rule: Thing) -> bool:
    return any(
        permission.inputs["function"] == function.outputs["name"]
        and permission.inputs["action"] == "lambda:InvokeFunction"
        and permission.inputs["principal"] == "events.amazonaws.com"
        and permission.inputs.get("sourceArn") in (None, rule.arn)
        for permission in world.of("lambda/permission:Permission")
    )


def _admits(world: World, queue: Thing, rule: Thing) -> bool:
    for policy in world.of("sqs/queuePolicy:QueuePolicy"):
        if policy.inputs["queueUrl"] == queue.outputs.get("url"):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                text = json.dumps(statement)
                if statement["Effect"] == "Allow" and "events.amazonaws.com" in text:
                    return "Condition" not in statement or rule.arn in text
    return False


@check("EventBridge Scheduler user guide, Setting up: the execution role may call the target")
def clocks_may_send_to_their_queues(world: World) -> Faults:
    for schedule in world.of("scheduler/schedule:Schedule"):
        target = schedule.inputs["target"]
        queue = world.found("sqs/queue:Queue", target["arn"], "arn")
        if queue and not may(world, target["roleArn"], "sqs:SendMessage", queue.arn):
            yield schedule, f"target.roleArn: the role may not sqs:SendMessage to {queue}"


@check("CloudWatch: a metric of an object that doesn't exist never arrives")
def alarms_watch_what_exists(world: World) -> Faults:
    known: Mapping[str, tuple[str, str]] = {
        "DBInstanceIdentifier": ("rds/instance:Instance", "identifier"),
        "CacheClusterId": ("elasticache/replicationGroup:ReplicationGroup", "id"),
        "CertificateArn": ("acm/certificate:Certificate", "arn"),
        "NatGatewayId": ("ec2/natGateway:NatGateway", "id"),
        "QueueName": ("sqs/queue:Queue", "name"),
        "TargetGroup": ("lb/targetGroup:TargetGroup", "arnSuffix"),
        "LoadBalancer": ("lb/loadBalancer:LoadBalancer", "arnSuffix"),
        "ClusterName": ("ecs/cluster:Cluster", "name"),
        "ServiceName": ("ecs/service:Service", "name"),
        "FileSystemId": ("efs/fileSystem:FileSystem", "id"),
        "FunctionName": ("lambda/function:Function", "name"),
        "DistributionId": ("cloudfront/distribution:Distribution", "id"),
        "WebACL": ("wafv2/webAcl:WebAcl", "name"),
    }
    for alarm in world.of("cloudwatch/metricAlarm:MetricAlarm"):
        queries = alarm.inputs.get("metricQueries") or []
        watched = [alarm.inputs, *(query["metric"] for query in queries if "metric" in query)]
        for one in watched:
            for name, value in (one.get("dimensions") or {}).items():
                told = _edge_name(one, value) if name == "FunctionName" else value
                if name == "CacheClusterId":  # the group's nodes are numbered
                    told = str(value)[: -len("-001")]
                if name in known and world.found(known[name][0], told, known[name][1]) is None:
                    yield alarm, f"dimensions.{name} is nothing of this program"


def _edge_name(metric: Mapping[str, Any], function: str) -> str:
    """A function at the edge has its home before its name, wherever it runs."""
    return function.removeprefix("us-east-1.") if metric["namespace"] == "AWS/Lambda" else function
