"""What runs: roles, functions, images, containers, scaling, service discovery."""

import json
import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from local.provider.rules.core import (
    OFFERED,
    Block,
    at_most,
    between,
    blocks,
    document,
    exactly_one,
    excludes,
    like,
    of,
    one_of,
    unique,
    words,
)

# ECS developer guide, "Task definition parameters for Fargate": cpu units -> MiB.
_FARGATE = {
    256: {512, 1024, 2048},
    512: {*range(1024, 4097, 1024)},
    1024: {*range(2048, 8193, 1024)},
    2048: {*range(4096, 16385, 1024)},
    4096: {*range(8192, 30721, 1024)},
    8192: {*range(16384, 61441, 4096)},
    16384: {*range(32768, 122881, 8192)},
}
_NOT_ON_FARGATE = words("""
    links disableNetworking dnsSearchDomains dnsServers dockerSecurityOptions extraHosts hostname
    privileged
    """)
_NOT_OF_LINUX = words("devices sharedMemorySize maxSwap swappiness")
_KEPT_VARIABLES = words("""
    _HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV
    AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION
    AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
    AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API
    LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR
    """)
_IMAGE = r"[\w.-]+(:\d+)?(/[a-z0-9][a-z0-9._/-]*)?(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?"


def _containers(task: Block) -> list[Block]:
    return blocks(document(task["containerDefinitions"]))


def _fits_fargate(task: Block) -> bool:
    if "FARGATE" not in task.get("requiresCompatibilities", []):
        return True
    return int(task["memory"]) in _FARGATE[int(task["cpu"])]


def _needs_role(task: Block) -> bool:
    """ECS reads secrets, private images and logs' groups by the execution role."""
    texts = json.dumps([dict(container) for container in _containers(task)])
    needed = '"secrets": [{' in texts or ".dkr.ecr." in texts or '"awslogs"' in texts
    return "executionRoleArn" in task or not needed


def _known_volumes(task: Block) -> bool:
    volumes = {volume["name"] for volume in task.blocks("volumes")}
    return all(
        p["sourceVolume"] in volumes for c in _containers(task) for p in c.blocks("mountPoints")
    )


def _known_containers(task: Block) -> bool:
    names = {container["name"] for container in _containers(task)}
    waits = [
        (c["name"], d["containerName"]) for c in _containers(task) for d in c.blocks("dependsOn")
    ]
    return all(other in names and other != own for own, other in waits)


def _sizes(task: Block) -> bool:
    """The containers' shares are within the task's."""
    for key in ("cpu", "memory"):
        total = sum(int(container.get(key, 0)) for container in _containers(task))
        if key in task and total > int(task[key]):
            return False
    return True


def _variables(container: Block) -> bool:
    pairs = container.blocks("environment") + container.blocks("secrets")
    return unique([pair["name"] for pair in pairs])


def _log_options(container: Block) -> bool:
    log = Block(container.get("logConfiguration", {}))
    wanted = {"awslogs-group", "awslogs-region", "awslogs-stream-prefix"}
    return log.get("logDriver") != "awslogs" or wanted <= {*log.get("options", {})}


def _ports(container: Block) -> bool:
    """In a network of its own, a task's ports are its containers'."""
    ports = container.blocks("portMappings")
    same = all(
        port.get("hostPort", port["containerPort"]) == port["containerPort"] for port in ports
    )
    return same and unique([[port["containerPort"], port.get("protocol", "tcp")] for port in ports])


def _efs(volume: Block) -> bool:
    efs = Block(volume.get("efsVolumeConfiguration", {}))
    access = Block(efs.get("authorizationConfig", {}))
    encrypted = efs.get("transitEncryption") == "ENABLED"
    pointed = "accessPointId" in access
    plain = efs.get("rootDirectory", "/") == "/"
    return (encrypted or not (pointed or access.get("iam") == "ENABLED")) and (plain or not pointed)


def _capabilities(container: Block) -> bool:
    linux = Block(container.get("linuxParameters", {}))
    added = Block(linux.get("capabilities", {})).get("add") or []
    return {*added} <= {"SYS_PTRACE"} and not {*_NOT_OF_LINUX} & {*linux}


def _on_fargate(service: Block) -> bool:
    strategies = service.get("capacityProviderStrategies", [])
    providers = {strategy["capacityProvider"] for strategy in strategies}
    return bool({service.get("launchType"), *providers} & {"FARGATE", "FARGATE_SPOT"})


def _room_to_roll(service: Block) -> bool:
    """A deployment must be able to start a task or to stop one."""
    low, high = (
        service.get("deploymentMinimumHealthyPercent", 100),
        service.get("deploymentMaximumPercent", 200),
    )
    return bool(low < high)


def _steps_meet(steps: Block) -> bool:
    """Intervals from the alarm's bound on; at most one has no lower end, and one no upper."""
    bounds = sorted(
        (
            float(step.get("metricIntervalLowerBound", "-inf")),
            float(step.get("metricIntervalUpperBound", "inf")),
        )
        for step in steps.blocks("stepAdjustments")
    )
    return all(low < high for low, high in bounds) and all(
        before[1] == after[0] for before, after in pairwise(bounds)
    )


def _open_runtime(runtime: str) -> bool:
    """Lambda developer guide, "Runtimes": after a date no function can be created with one."""
    closes = OFFERED["runtimes"].get(runtime, "2000-01-01")
    return closes is None or date.fromisoformat(closes) > date.today()


def _batch(mapping: Block) -> bool:
    """Lambda API, CreateEventSourceMapping, BatchSize."""
    source = mapping.get("eventSourceArn", "")
    size, window = mapping.get("batchSize", 10), mapping.get("maximumBatchingWindowInSeconds", 0)
    if not source.startswith("arn:aws:sqs:"):
        return True
    if source.endswith(".fifo"):
        return bool(size <= 10 and not window)
    return bool(size <= 10 or window >= 1)


def _lifecycle(text: Any) -> Iterator[bool]:
    """ECR user guide, "Lifecycle policy parameters"."""
    rules = blocks(document(text)["rules"])
    yield unique([rule["rulePriority"] for rule in rules]) and bool(rules)
    last = max(rule["rulePriority"] for rule in rules)
    for rule in rules:
        choice = Block(rule["selection"])
        tagged = choice["tagStatus"] == "tagged"
        yield rule["rulePriority"] >= 1 and rule["action"] == {"type": "expire"}
        yield tagged == bool({"tagPrefixList", "tagPatternList"} & {*choice})
        yield choice["tagStatus"] in ("tagged", "untagged", "any")
        yield choice["tagStatus"] != "any" or rule["rulePriority"] == last
        by_age = choice["countType"] == "sinceImagePushed"
        yield by_age or choice["countType"] == "imageCountMoreThan"
        yield by_age == (choice.get("countUnit") == "days")
        yield choice["countNumber"] >= 1


_TASK = "containerDefinitions"
# A row reads best in one place.
# fmt: off
RULES = (
    *of("iam/role:Role", "IAM user guide, IAM and STS quotas",
        ("managedPolicyArns", at_most(10), "may be ten")),
    *of("iam/role:Role", "IAM API, CreateRole",
        ("maxSessionDuration", between(3600, 43200), "must be 3600 to 43200 seconds")),
    *of("lambda/function:Function", "Lambda developer guide, Quotas",
        ("name", like("[A-Za-z0-9_-]{1,64}"), "must be 64 letters, digits, - and _, at most"),
        ("memorySize", between(128, 10240), "must be 128 to 10240 MB"),
        ("timeout", between(1, 900), "must be 1 to 900 seconds"),
        ("layers", at_most(5), "may be five"),
        ("", lambda f: len(json.dumps(f.get("environment", {}))) <= 4096 + 40,
            "environment may have 4 KB")),
    *of("lambda/function:Function", "Lambda developer guide, Runtimes",
        ("runtime", _open_runtime, "is closed for new functions")),
    *of("lambda/function:Function", "Lambda API, CreateFunction",
        ("environment.variables", lambda v: not {*v} & {*_KEPT_VARIABLES},
            "has a name that Lambda keeps for itself"),
        ("environment.variables", lambda v: all(re.fullmatch(r"[A-Za-z]\w+", k) for k in v),
            "must have names of letters, digits and _"),
        ("environment.variables", lambda v: all(isinstance(i, str) for i in v.values()),
            "must be texts"),
        ("architectures", at_most(1), "may be one"),
        ("vpcConfig", lambda v: bool(v.get("subnetIds")) == bool(v.get("securityGroupIds")),
            "needs subnetIds and securityGroupIds"),
        ("", lambda f: f.get("packageType", "Zip") == "Image" or {"runtime", "handler"} <= {*f},
            "runtime and handler are needed"),
        ("", lambda f: sum(key in f for key in ("code", "s3Bucket", "imageUri")) == 1,
            "code, s3Bucket or imageUri: exactly one"),
        ("role", like(r"arn:aws:iam::\d{12}:role/.+"), "must be a role's ARN")),
    *of("lambda/invocation:Invocation", "Lambda API, Invoke",
        ("input", lambda text: document(text) is not None, "must be JSON")),
    *of("lambda/eventSourceMapping:EventSourceMapping", "Lambda API, CreateEventSourceMapping",
        ("", _batch, "batchSize: 10 of a FIFO queue without a window; above 10 with a window")),
    *of("ecr/repository:Repository", "ECR API, CreateRepository",
        ("name", like(r"(?=.{2,256}$)[a-z0-9]+([._/-][a-z0-9]+|__[a-z0-9]+)*"),
            "must be lower-case letters and digits with single . _ - / within"),
        ("encryptionConfigurations[]", lambda e: e.get("encryptionType", "AES256") != "AES256"
            or "kmsKey" not in e, "AES256 takes no kmsKey")),
    *of("ecr/lifecyclePolicy:LifecyclePolicy", "ECR user guide, Lifecycle policy parameters",
        ("policy", lambda text: all(_lifecycle(text)), "breaks a rule of lifecycle policies")),
    *of("ecs/cluster:Cluster ecs/service:Service", "ECS API, CreateCluster",
        ("name", like(r"[A-Za-z0-9_-]{1,255}"), "must be letters, digits, - and _"),
        ("settings[]", lambda s: s["name"] != "containerInsights"
            or s["value"] in ("enabled", "disabled", "enhanced"),
            "value must be enabled, disabled or enhanced")),
    *of("ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "ECS API, PutClusterCapacityProviders",
        ("", lambda c: all(s["capacityProvider"] in c["capacityProviders"]
            for s in c.blocks("defaultCapacityProviderStrategies")),
            "defaultCapacityProviderStrategies must be among capacityProviders"),
        ("defaultCapacityProviderStrategies.weight", between(0, 1000), "must be 0 to 1000")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS developer guide, Fargate task definitions",
        ("", _fits_fargate, "cpu and memory are no pair that Fargate has"),
        ("", lambda t: "FARGATE" not in t.get("requiresCompatibilities", [])
            or t.get("networkMode") == "awsvpc", "networkMode must be awsvpc on Fargate"),
        (f"{_TASK}[]", lambda c: not {*_NOT_ON_FARGATE} & {*c}, "has what Fargate does not take"),
        (f"{_TASK}[]", _capabilities, "linuxParameters: Fargate adds SYS_PTRACE only"),
        ("ephemeralStorage.sizeInGib", between(21, 200), "must be 21 to 200")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS developer guide, Amazon ECS service quotas",
        (_TASK, lambda text: len(json.dumps(document(text), separators=(",", ":"))) <= 65536,
            "may have 64 KB")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS API, ContainerDefinition",
        ("family", like(r"[A-Za-z0-9_-]{1,255}"), "must be letters, digits, - and _"),
        ("", _needs_role, "executionRoleArn is needed for secrets, images of ECR and logs"),
        ("", _known_volumes, "containerDefinitions.mountPoints must name a volume of the task"),
        ("", _known_containers, "containerDefinitions.dependsOn must name another container"),
        ("", _sizes, "containerDefinitions: cpu and memory must be within the task's"),
        ("", lambda t: unique([c["name"] for c in _containers(t)]),
            "containerDefinitions.name must differ"),
        ("", lambda t: any(c.get("essential", True) for c in _containers(t)),
            "containerDefinitions: one must be essential"),
        (f"{_TASK}.name", like(r"[A-Za-z0-9_-]{1,255}"), "must be letters, digits, - and _"),
        (f"{_TASK}.image", like(_IMAGE), "must be an image's address"),
        (f"{_TASK}.environment.value", lambda v: isinstance(v, str), "must be a text"),
        (f"{_TASK}[]", _variables, "environment and secrets must have different names"),
        (f"{_TASK}.secrets.valueFrom", like(r"arn:aws:(ssm|secretsmanager):.+|[\w./-]+"),
            "must be a parameter's or secret's ARN"),
        (f"{_TASK}[]", _ports, "portMappings must differ, hostPort as containerPort"),
        (f"{_TASK}.portMappings.containerPort", between(1, 65535), "must be 1 to 65535"),
        (f"{_TASK}.user", like(r"\w[\w.-]*(:\w[\w.-]*)?"),
            "must be a user's name or id, and may have a group's after a colon"),
        (f"{_TASK}.stopTimeout", between(0, 120), "must be 0 to 120 seconds")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS API, HealthCheck",
        (f"{_TASK}.healthCheck.interval", between(5, 300), "must be 5 to 300 seconds"),
        (f"{_TASK}.healthCheck.timeout", between(2, 60), "must be 2 to 60 seconds"),
        (f"{_TASK}.healthCheck.retries", between(1, 10), "must be 1 to 10"),
        (f"{_TASK}.healthCheck.startPeriod", between(0, 300), "must be 0 to 300 seconds"),
        (f"{_TASK}.healthCheck.command", lambda c: c[0] in ("CMD", "CMD-SHELL", "NONE"),
            "must begin with CMD or CMD-SHELL")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS API, LogConfiguration",
        (f"{_TASK}.logConfiguration.logDriver", one_of("awslogs", "splunk", "awsfirelens"),
            "must be awslogs, splunk or awsfirelens on Fargate"),
        (f"{_TASK}[]", _log_options,
            "logConfiguration.options must have awslogs-group, -region and -stream-prefix"),
        (f"{_TASK}.logConfiguration.options.mode", one_of("blocking", "non-blocking"),
            "must be blocking or non-blocking")),
    *of("ecs/taskDefinition:TaskDefinition", "ECS API, EFSVolumeConfiguration",
        ("volumes.name", like(r"[A-Za-z0-9_-]{1,255}"), "must be letters, digits, - and _"),
        ("volumes[]", _efs, "efsVolumeConfiguration: an access point asks for transitEncryption "
            "ENABLED and no rootDirectory")),
    *of("ecs/service:Service", "ECS API, CreateService",
        ("", excludes("launchType", "capacityProviderStrategies"),
            "launchType excludes capacityProviderStrategies"),
        ("", lambda s: not _on_fargate(s) or "networkConfiguration" in s,
            "networkConfiguration is needed on Fargate"),
        ("capacityProviderStrategies.weight", between(0, 1000), "must be 0 to 1000"),
        ("networkConfiguration.subnets", at_most(16), "may be 16"),
        ("networkConfiguration.securityGroups", at_most(5), "may be five"),
        ("", lambda s: "healthCheckGracePeriodSeconds" not in s or s.get("loadBalancers"),
            "healthCheckGracePeriodSeconds needs a load balancer"),
        ("healthCheckGracePeriodSeconds", between(0, 2147483647), "must be 0 or more seconds"),
        ("", _room_to_roll, "deploymentMinimumHealthyPercent must be below "
            "deploymentMaximumPercent"),
        ("", lambda s: s.get("availabilityZoneRebalancing") != "ENABLED"
            or s.get("deploymentMaximumPercent", 200) > 100,
            "availabilityZoneRebalancing needs deploymentMaximumPercent above 100"),
        ("platformVersion", one_of("LATEST", "1.4.0", "1.3.0"), "must be LATEST or 1.4.0"),
        ("", lambda s: s.get("iamRole") is None or "networkConfiguration" not in s,
            "iamRole is not for tasks in awsvpc")),
    *of("appautoscaling/target:Target", "Application Auto Scaling API, RegisterScalableTarget",
        ("", lambda t: 0 <= t["minCapacity"] <= t["maxCapacity"],
            "minCapacity must not be above maxCapacity"),
        ("", lambda t: t["serviceNamespace"] != "ecs"
            or re.fullmatch("service/[^/]+/[^/]+", t["resourceId"]),
            "resourceId must be service/cluster/name")),
    *of("appautoscaling/policy:Policy", "Application Auto Scaling API, PutScalingPolicy",
        ("", lambda p: (p["policyType"] == "TargetTrackingScaling")
            == ("targetTrackingScalingPolicyConfiguration" in p),
            "targetTrackingScalingPolicyConfiguration goes with policyType"),
        ("", lambda p: (p["policyType"] == "StepScaling")
            == ("stepScalingPolicyConfiguration" in p),
            "stepScalingPolicyConfiguration goes with policyType"),
        ("stepScalingPolicyConfiguration", _steps_meet,
            "stepAdjustments must meet each other without gap or overlap"),
        ("targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification[]", lambda m:
            (m.get("predefinedMetricType") == "ALBRequestCountPerTarget")
            == ("resourceLabel" in m), "resourceLabel goes with ALBRequestCountPerTarget"),
        ("targetTrackingScalingPolicyConfiguration.targetValue", between(1e-9, 1e12),
            "must be above zero"),
        ("targetTrackingScalingPolicyConfiguration", exactly_one(
            "predefinedMetricSpecification", "customizedMetricSpecification"),
            "predefinedMetricSpecification or customizedMetricSpecification: exactly one")),
    *of("servicediscovery/service:Service", "Cloud Map API, DnsConfig",
        ("dnsConfig", lambda d: d.get("routingPolicy", "MULTIVALUE") == "WEIGHTED"
            or "CNAME" not in [r["type"] for r in d.blocks("dnsRecords")],
            "routingPolicy must be WEIGHTED for a CNAME"),
        ("dnsConfig", lambda d: len(d["dnsRecords"]) == 1
            or "CNAME" not in [r["type"] for r in d.blocks("dnsRecords")],
            "dnsRecords: a CNAME stands alone"),
        ("name", like(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"), "must be a label"),
        ("", excludes("healthCheckConfig", "healthCheckCustomConfig"),
            "healthCheckConfig excludes healthCheckCustomConfig")),
    *of("servicediscovery/instance:Instance", "Cloud Map API, RegisterInstance",
        ("attributes", lambda a: any(key in a for key in ("AWS_INSTANCE_CNAME",
            "AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6", "AWS_ALIAS_DNS_NAME",
            "AWS_EC2_INSTANCE_ID")), "must say what the name stands for")),
)
