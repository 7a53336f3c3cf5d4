"""References lead to something of the right kind and region, in time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from weakref import WeakKeyDictionary

from local.provider.rules.core import values
from tests.contract.references.core import Faults, check
from tests.contract.world import FOUND_ZONE, PREFIX_LIST, Thing, World


@dataclass(frozen=True)
class Reference:
    """Inputs at `paths` of `owners` ('' for all types) hold the output `key` of `targets`."""

    paths: str
    targets: str
    key: str = "id"
    owners: str = ""
    outside: tuple[str, ...] = ()  # values of what exists without the program


SUBNETS = """
    subnetId subnetIds[] subnets[] networkConfiguration.subnets[] vpcConfig.subnetIds[]
    """
GROUPS = """
    securityGroups[] securityGroupIds[] vpcSecurityGroupIds[] securityGroupId
    referencedSecurityGroupId networkConfiguration.securityGroups[] vpcConfig.securityGroupIds[]
    """
EDGE = ["defaultCacheBehavior", "orderedCacheBehaviors"]
# CloudFront developer guide, "Managed policies".
_MANAGED_CACHES = (
    *("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
    *("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "83da9c7e-98b4-4e11-a168-04f0df8e2c65"),
)
_MANAGED_REQUESTS = (
    *("216adef6-5c7f-47e4-b989-5492eafa07d3", "b689b0a8-53d0-40ab-baf2-68738e2966ac"),
    *("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "59781a5b-3903-41f3-afcb-af62929ccde1"),
)

# A row reads best in one place.
# fmt: off
REFERENCES = (
    Reference("vpcId", "ec2/vpc:Vpc"),
    Reference("vpc", "ec2/vpc:Vpc", owners="servicediscovery/"),
    Reference(SUBNETS, "ec2/subnet:Subnet"),
    Reference(GROUPS, "ec2/securityGroup:SecurityGroup"),
    Reference("routeTableId routeTableIds[]", "ec2/routeTable:RouteTable"),
    Reference("gatewayId", "ec2/internetGateway:InternetGateway", owners="ec2/route:"),
    Reference("natGatewayId", "ec2/natGateway:NatGateway"),
    Reference("allocationId", "ec2/eip:Eip"),
    Reference("prefixListId", "", outside=(PREFIX_LIST,)),
    Reference("loadBalancerArn", "lb/loadBalancer:LoadBalancer", "arn"),
    Reference("listenerArn", "lb/listener:Listener", "arn"),
    Reference("actions.targetGroupArn defaultActions.targetGroupArn loadBalancers.targetGroupArn",
        "lb/targetGroup:TargetGroup", "arn"),
    Reference("certificateArn viewerCertificate.acmCertificateArn",
        "acm/certificate:Certificate", "arn"),
    Reference("zoneId", "route53/zone:Zone", "zoneId", "route53/record:", (FOUND_ZONE,)),
    Reference("cluster", "ecs/cluster:Cluster", "arn"),
    Reference("clusterName", "ecs/cluster:Cluster", "name"),
    Reference("taskDefinition", "ecs/taskDefinition:TaskDefinition", "arn"),
    Reference("serviceRegistries.registryArn", "servicediscovery/service:Service", "arn"),
    Reference("serviceId", "servicediscovery/service:Service"),
    Reference("dnsConfig.namespaceId", "servicediscovery/privateDnsNamespace:PrivateDnsNamespace"),
    Reference("repository", "ecr/repository:Repository", "name"),
    Reference("executionRoleArn taskRoleArn iamRoleArn monitoringRoleArn", "iam/role:Role", "arn"),
    Reference("target.roleArn", "iam/role:Role", "arn", "scheduler/"),
    Reference("target.arn", "sqs/queue:Queue lambda/function:Function", "arn", "scheduler/"),
    Reference("role", "iam/role:Role", "arn", "lambda/"),
    Reference("role", "iam/role:Role", owners="iam/"),
    Reference("fileSystemId volumes.efsVolumeConfiguration.fileSystemId",
        "efs/fileSystem:FileSystem"),
    Reference("volumes.efsVolumeConfiguration.authorizationConfig.accessPointId",
        "efs/accessPoint:AccessPoint"),
    Reference("dbSubnetGroupName", "rds/subnetGroup:SubnetGroup", "name"),
    Reference("parameterGroupName", "rds/parameterGroup:ParameterGroup", "name", "rds/"),
    Reference("subnetGroupName", "elasticache/subnetGroup:SubnetGroup", "name"),
    Reference("parameterGroupName", "elasticache/parameterGroup:ParameterGroup", "name",
        "elasticache/"),
    Reference("bucket accessLogs.bucket", "s3/bucket:Bucket"),
    Reference("functionName", "lambda/function:Function", "name"),
    Reference("eventSourceArn", "sqs/queue:Queue", "arn"),
    Reference("queueUrl", "sqs/queue:Queue", "url"),
    Reference("topic okActions[] notifications.subscriberSnsTopicArns[]",
        "sns/topic:Topic", "arn"),
    Reference("alarmActions[]", "sns/topic:Topic appautoscaling/policy:Policy", "arn"),
    Reference("function", "lambda/function:Function", "name", "lambda/permission:"),
    Reference("sourceArn", "cloudwatch/eventRule:EventRule", "arn", "lambda/permission:"),
    Reference("arn", "sns/topic:Topic", "arn", "sns/topicPolicy:"),
    Reference("rule", "cloudwatch/eventRule:EventRule", "name", "cloudwatch/"),
    Reference("arn", "sqs/queue:Queue lambda/function:Function sns/topic:Topic", "arn",
        "cloudwatch/eventTarget:"),
    Reference("logDestination logDestinationConfigs[]", "cloudwatch/logGroup:LogGroup", "arn"),
    Reference("deliverySourceName", "cloudwatch/logDeliverySource:LogDeliverySource", "name"),
    Reference("deliveryDestinationArn",
        "cloudwatch/logDeliveryDestination:LogDeliveryDestination", "arn"),
    Reference("resourceArn", "cloudfront/distribution:Distribution", "arn",
        "cloudwatch/logDeliverySource:"),
    Reference("resourceArn", "wafv2/webAcl:WebAcl", "arn", "wafv2/"),
    Reference("webAclId", "wafv2/webAcl:WebAcl", "arn", outside=("",)),
    Reference("origins.vpcOriginConfig.vpcOriginId", "cloudfront/vpcOrigin:VpcOrigin"),
    Reference("vpcOriginEndpointConfig.arn", "lb/loadBalancer:LoadBalancer", "arn"),
    Reference("origins.originAccessControlId",
        "cloudfront/originAccessControl:OriginAccessControl", outside=("",)),
    *(reference for key in EDGE for reference in (
        Reference(f"{key}.cachePolicyId", "cloudfront/cachePolicy:CachePolicy",
            outside=_MANAGED_CACHES),
        Reference(f"{key}.originRequestPolicyId",
            "cloudfront/originRequestPolicy:OriginRequestPolicy", outside=_MANAGED_REQUESTS),
        Reference(f"{key}.responseHeadersPolicyId",
            "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"),
        Reference(f"{key}.lambdaFunctionAssociations.lambdaArn", "lambda/function:Function",
            "qualifiedArn"))),
)
# fmt: on
GLOBAL = ("cloudfront/", "iam/", "route53/", "s3/")  # of no region, or used from any


def found(world: World) -> list[tuple[Thing, str, str, Reference, Thing | None]]:
    """Every reference: its owner, its place, its value and what it leads to."""
    if world not in _FOUND:
        _FOUND[world] = [
            (thing, where, value, reference, target)
            for thing in world.things
            for where, value, reference in held(thing)
            for target in [_target(world, reference, value)]
            if target is not thing  # its own name
        ]
    return _FOUND[world]


# Things are many and stay the same from one world to another.
_FOUND: WeakKeyDictionary[World, list[tuple[Thing, str, str, Reference, Thing | None]]] = (
    WeakKeyDictionary()
)
_HELD: WeakKeyDictionary[Thing, list[tuple[str, str, Reference]]] = WeakKeyDictionary()


def held(thing: Thing) -> list[tuple[str, str, Reference]]:
    if thing not in _HELD:
        _HELD[thing] = [
            (where, value, reference)
            for reference in REFERENCES
            if thing.type.startswith(reference.owners)
            for path in reference.paths.split()
            for where, value in values(thing.inputs, path)
            if isinstance(value, str) and value not in reference.outside
        ]
    return _HELD[thing]


def _target(world: World, reference: Reference, value: str) -> Thing | None:
    found = (world.found(type_, value, reference.key) for type_ in reference.targets.split())
    return next(filter(None, found), None)


@check("the API of the type: the input names an object that exists")
def references_lead_to_the_right_kind(world: World) -> Faults:
    for thing, where, _, reference, target in found(world):
        if target is None:
            kinds = " or ".join(name.split(":")[-1] for name in reference.targets.split())
            yield thing, f"{where} must be the {reference.key} of a {kinds or 'known list'}"


@check("AWS General Reference: regional objects see those of their region")
def references_stay_in_their_region(world: World) -> Faults:
    for thing, where, _, _, target in found(world):
        if target is None or thing.type.startswith(GLOBAL) or target.type.startswith(GLOBAL):
            continue
        if thing.region != target.region:
            yield thing, f"{where} is in {target.region}, not in {thing.region}"


@check("Pulumi: what is named must exist before it is used")
def references_are_waited_for(world: World) -> Faults:
    for thing, where, _, _, target in found(world):
        if target and not world.waits(thing, target):
            yield thing, f"{where} is written down, so that it does not wait for {target}"


@check("IAM and the APIs: ids and ARNs in policies, variables and patterns exist, too")
def every_id_and_arn_exists(world: World) -> Faults:
    ids = {thing.id for thing in world.things}
    arns = {text for thing in world.things for text in _arns_of(thing)}
    for thing in world.things:
        for text in thing.mentions:
            if text not in ids and not (text.startswith("arn:") and _known_arn(text, arns, world)):
                yield thing, f"{text} is nothing of this program"


def _arns_of(thing: Thing) -> Iterator[str]:
    for key in ("arn", "qualifiedArn", "id"):
        value = thing.outputs.get(key)
        if isinstance(value, str) and value.startswith("arn:"):
            yield value


def _known_arn(arn: str, arns: set[str], world: World) -> bool:
    if arn in arns or re.fullmatch(r"arn:aws:(iam::(aws|\d{12}):(root|policy/.*)|sts:.*)", arn):
        return True
    if any(arn.startswith((f"{known}:", f"{known}/")) for known in arns):
        return True  # a part of it
    account = world.context.account
    part = arn.partition(f":{account}:")[2]
    clusters = {cluster.outputs["name"] for cluster in world.of("ecs/cluster:Cluster")}
    services = {service.outputs["name"] for service in world.of("ecs/service:Service")}
    if inner := re.fullmatch(r"task/([^/]+)/\*", part):
        return inner[1] in clusters
    if inner := re.fullmatch(r"service-(?:revision|deployment)/([^/]+)/([^/]+)/\*", part):
        return inner[1] in clusters and inner[2] in services
    # AWS makes and names interfaces, and the group that schedules are in which name none.
    if part in ("network-interface/*", "schedule-group/default"):
        return True
    if inner := re.fullmatch(r"log-group:([^:]+):\*", part):
        return inner[1] in _edge_groups(world)
    if inner := re.fullmatch(r"(delivery-source|delivery-destination|log-group):.*", part):
        return any(fnmatchcase(known, arn) for known in arns)
    return "*" in arn and any(fnmatchcase(known, arn) for known in arns)


def _edge_groups(world: World) -> Iterator[str]:
    """Where functions at the edge log, in the regions of their visitors."""
    for function in world.of("lambda/function:Function"):
        yield f"/aws/lambda/us-east-1.{function.outputs['name']}"
        yield function.inputs.get("loggingConfig", {}).get("logGroup", "")
