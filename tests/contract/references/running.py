"""Services find their load balancer, disks, registries and capacity."""

import json
from typing import Any

from local.provider.rules.core import values
from tests.contract.references.core import Faults, check
from tests.contract.references.network import subnets
from tests.contract.references.roles import may
from tests.contract.world import Thing, World


def _containers(definition: Thing) -> list[dict[str, Any]]:
    text = definition.inputs["containerDefinitions"]
    found: list[dict[str, Any]] = json.loads(text) if isinstance(text, str) else text
    return found


def _definition(world: World, service: Thing) -> Thing | None:
    arn = service.inputs["taskDefinition"]
    return world.found("ecs/taskDefinition:TaskDefinition", arn, "arn")


@check("ECS API, LoadBalancer: a container and a port of the task, a target group in use")
def services_are_where_their_load_balancer_looks(world: World) -> Faults:
    for service in world.of("ecs/service:Service"):
        definition = _definition(world, service)
        ports = {
            (container["name"], port["containerPort"])
            for container in (_containers(definition) if definition else [])
            for port in container.get("portMappings", [])
        }
        for entry in service.inputs.get("loadBalancers", []):
            if definition and (entry["containerName"], entry["containerPort"]) not in ports:
                yield service, "loadBalancers: containerName has no such containerPort"
            group = world.found("lb/targetGroup:TargetGroup", entry["targetGroupArn"], "arn")
            if group is None:
                continue
            if group.inputs.get("targetType", "instance") != "ip":
                yield service, f"loadBalancers: targetType of {group} must be ip on Fargate"
            rules = [r for r in world.of("lb/listenerRule:ListenerRule") if _leads(r, group.arn)]
            if not any(world.waits(service, rule) for rule in rules):
                yield service, f"loadBalancers: no listener leads to {group} before the service"


def _leads(rule: Thing, arn: str) -> bool:
    return arn in json.dumps(rule.inputs.get("actions", []))


@check("ECS developer guide, Task execution role: it reads secrets and images and writes logs")
def execution_roles_may_what_the_agent_does(world: World) -> Faults:
    for definition in world.of("ecs/taskDefinition:TaskDefinition"):
        role = definition.inputs.get("executionRoleArn")
        for container in _containers(definition):
            for secret in container.get("secrets", []):
                parameter = world.found("ssm/parameter:Parameter", secret["valueFrom"], "arn")
                if parameter is None:
                    yield definition, f"secrets: {secret['name']} is no parameter of the program"
                elif not may(world, role, "ssm:GetParameters", parameter.arn):
                    yield definition, f"executionRoleArn may not read {secret['name']}"
                elif not world.waits(definition, parameter):
                    yield definition, f"secrets: {secret['name']} is not waited for"
            url = container["image"].partition("@")[0].rpartition(":")[0]
            repository = world.found("ecr/repository:Repository", url, "repositoryUrl")
            if ".dkr.ecr." in url and repository is None:
                yield definition, "image is in no repository of the program"
            elif repository and not may(world, role, "ecr:BatchGetImage", repository.arn):
                yield definition, f"executionRoleArn may not pull from {repository}"
            yield from _logs(world, definition, container, role)


def _logs(world: World, definition: Thing, container: dict[str, Any], role: Any) -> Faults:
    options = container.get("logConfiguration", {}).get("options", {})
    name = options.get("awslogs-group")
    group = world.found("cloudwatch/logGroup:LogGroup", name)
    if name and (group is None or group.region != options.get("awslogs-region")):
        yield definition, "logConfiguration: awslogs-group is no group of that region"
    elif group and not may(world, role, "logs:PutLogEvents", f"{group.arn}:log-stream:x"):
        yield definition, f"executionRoleArn may not write to {group}"


@check("EFS user guide, Mounting from ECS: an access point of the disk, a target in each zone")
def disks_can_be_mounted_where_tasks_run(world: World) -> Faults:
    targets = {
        (target.inputs["fileSystemId"], subnet.inputs.get("availabilityZone"))
        for target in world.of("efs/mountTarget:MountTarget")
        for subnet in subnets(world, target)
    }
    yield from _twice_in_a_zone(world)
    for service in world.of("ecs/service:Service"):
        definition = _definition(world, service)
        volumes = definition.inputs.get("volumes", []) if definition else []
        for volume in volumes:
            efs = volume.get("efsVolumeConfiguration", {})
            for subnet in subnets(world, service):
                zone = subnet.inputs.get("availabilityZone")
                if efs and (efs["fileSystemId"], zone) not in targets:
                    yield service, f"networkConfiguration: no mount target in {zone}"
            access = efs.get("authorizationConfig", {}).get("accessPointId")
            point = world.found("efs/accessPoint:AccessPoint", access)
            if point and point.inputs["fileSystemId"] != efs["fileSystemId"]:
                yield definition or service, f"volumes: {point} is of another file system"
            for target in world.of("efs/mountTarget:MountTarget"):
                mine = target.inputs["fileSystemId"] == efs.get("fileSystemId")
                if mine and not world.waits(service, target):
                    yield service, f"starts before {target} can be mounted"
            role = definition and definition.inputs.get("taskRoleArn")
            disk = world.found("efs/fileSystem:FileSystem", efs.get("fileSystemId"))
            iam = efs.get("authorizationConfig", {}).get("iam") == "ENABLED"
            if disk and iam and not may(world, role, "elasticfilesystem:ClientMount", disk.arn):
                yield definition or service, f"taskRoleArn may not mount {disk}"


def _twice_in_a_zone(world: World) -> Faults:
    seen: set[tuple[str, Any]] = set()
    for target in world.of("efs/mountTarget:MountTarget"):
        for subnet in subnets(world, target):
            place = (target.inputs["fileSystemId"], subnet.inputs.get("availabilityZone"))
            if place in seen:
                yield target, "subnetId: its zone has a mount target already"
            seen.add(place)


@check("ECS developer guide, Service auto scaling")
def scaling_is_of_services_that_exist(world: World) -> Faults:
    services = {
        f"service/{service.inputs['cluster'].rpartition('/')[2]}/{service.outputs['name']}"
        for service in world.of("ecs/service:Service")
    }
    for thing in world.of("appautoscaling/target:Target", "appautoscaling/policy:Policy"):
        if thing.inputs["resourceId"] not in services:
            yield thing, "resourceId is no service of the program"


@check("Application Auto Scaling API, PredefinedMetricSpecification: ResourceLabel")
def requests_are_counted_where_the_service_answers(world: World) -> Faults:
    """The label is the end of the load balancer's ARN and that of the service's target group."""
    [balancer] = world.of("lb/loadBalancer:LoadBalancer")
    labels = {
        f"service/{service.inputs['cluster'].rpartition('/')[2]}/{service.outputs['name']}": (
            f"{balancer.outputs['arnSuffix']}/{group.outputs['arnSuffix']}"
        )
        for service in world.of("ecs/service:Service")
        for entry in service.inputs.get("loadBalancers", [])
        for group in world.of("lb/targetGroup:TargetGroup")
        if group.arn == entry["targetGroupArn"]
    }
    for policy in world.of("appautoscaling/policy:Policy"):
        tracking = policy.inputs.get("targetTrackingScalingPolicyConfiguration", {})
        metric = tracking.get("predefinedMetricSpecification", {})
        if metric.get("predefinedMetricType") != "ALBRequestCountPerTarget":
            continue
        if metric.get("resourceLabel") != labels.get(policy.inputs["resourceId"]):
            yield policy, "resourceLabel is not that of the service's target group"


@check("ECS API, CapacityProviderStrategyItem: one that the cluster has")
def services_use_the_providers_of_their_cluster(world: World) -> Faults:
    had = {
        each.inputs["clusterName"]: each.inputs["capacityProviders"]
        for each in world.of("ecs/clusterCapacityProviders:ClusterCapacityProviders")
    }
    for service in world.of("ecs/service:Service"):
        cluster = service.inputs["cluster"].rpartition("/")[2]
        for _, name in values(service.inputs, "capacityProviderStrategies.capacityProvider"):
            if name is not None and name not in had.get(cluster, []):
                yield service, f"capacityProviderStrategies: {cluster} has no {name}"


@check("Cloud Map and ECS: a registry of A records for tasks in awsvpc")
def registries_take_addresses(world: World) -> Faults:
    for service in world.of("ecs/service:Service"):
        for _, arn in values(service.inputs, "serviceRegistries.registryArn"):
            registry = world.found("servicediscovery/service:Service", arn, "arn")
            kinds = registry and [r["type"] for r in registry.inputs["dnsConfig"]["dnsRecords"]]
            if kinds and kinds != ["A"]:
                yield service, f"serviceRegistries: {registry} has records of {kinds}"
