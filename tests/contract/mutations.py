"""Wrong values over the whole program, each of which AWS refuses: how many are caught?

`python -m tests.contract.mutations` prints the table.
"""

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.provider.rules import rules_of
from local.provider.rules.core import Rule
from local.record import configuration
from tests.contract import references
from tests.contract.world import PREFIX_LIST, Thing, World, world
from tests.unit.conftest import SWITCHES

GONE = object()  # the input is taken away
Value = Any  # a value, or a function of the world and the old one


@dataclass(frozen=True)
class Wrong:
    """One input of one resource with a value that AWS refuses."""

    type: str
    path: str  # of the input, such as "healthCheck.timeout" or "rules[0].id"
    value: Value
    name: str = ""  # how the resource's name ends; by default the first of its type
    told: str = ""  # what the reason names; by default the input


@dataclass(frozen=True, kw_only=True)
class Verdict:
    wrong: Wrong
    thing: Thing
    reasons: list[str]
    by: str  # "check", "references" or ""

    @property
    def told(self) -> bool:
        """Whether a reason names the input."""
        leaf = re.sub(r"\[\d+\]", "", self.wrong.path.split(".")[-1])
        wanted = (self.wrong.told or leaf).lower()
        return any(wanted in reason.lower() for reason in self.reasons)


def thing_of(home: World, wrong: Wrong) -> Thing:
    return next(
        thing
        for thing in sorted(home.of(wrong.type), key=lambda thing: thing.name)
        if thing.name.endswith(wrong.name)
    )


def mutated(home: World, wrong: Wrong) -> tuple[Thing, dict[str, Any]]:
    """The resource, and its inputs with the wrong value."""
    thing = thing_of(home, wrong)
    inputs = copy.deepcopy({k: v for k, v in thing.inputs.items() if k != "__defaults"})
    path = re.findall(r"[^.\[\]]+", wrong.path)
    if not path:
        return thing, wrong.value(home, inputs)
    _put(inputs, path, wrong.value, home)
    if "tags" in inputs:
        inputs["tagsAll"] = {**home.context.default_tags, **inputs["tags"]}
    return thing, inputs


def _put(node: Any, path: list[str], value: Any, home: World) -> None:
    key: Any = int(path[0]) if isinstance(node, list) else path[0]
    if len(path) > 1:
        inner = node[key] if isinstance(node, list) else node.setdefault(key, {})
        text = isinstance(inner, str)
        inner = json.loads(inner) if text else inner
        _put(inner, path[1:], value, home)
        node[key] = json.dumps(inner) if text else inner
    elif value is GONE:
        del node[key]
    else:
        old = node[key] if isinstance(node, list) or key in node else None
        node[key] = value(home, old) if callable(value) else value


def judged(home: World, wrong: Wrong) -> Verdict:
    """What the checks say: first those of the resource alone, then those of the whole."""
    thing, inputs = mutated(home, wrong)
    reasons = home.check(thing, inputs)
    if reasons:
        return Verdict(wrong=wrong, thing=thing, reasons=reasons, by="check")
    reasons = references.broken(home.altered(thing, inputs))
    return Verdict(wrong=wrong, thing=thing, reasons=reasons, by="references" if reasons else "")


def fired(home: World, wrong: Wrong) -> Iterator[Rule]:
    """The rules that tell of it."""
    thing, inputs = mutated(home, wrong)
    placed = {"region": home.context.region, **inputs}
    return (rule for rule in rules_of(f"aws:{thing.type}") if any(rule.broken(placed)))


# ---- values that are made from the world


def some(type_: str, key: str = "id", name: str = "") -> Callable[[World, Any], Any]:
    """The output of another resource."""
    return lambda home, _: thing_of(home, Wrong(type_, "", None, name)).outputs[key]


def twice(_: World, old: list[Any]) -> list[Any]:
    return [*old, copy.deepcopy(old[0])]


def replaced(old: str, new: str) -> Callable[[World, Any], Any]:
    def replace(_: World, text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return replace


# ---- the table

ALB, GROUP = "lb/loadBalancer:LoadBalancer", "lb/targetGroup:TargetGroup"
LISTENER, LRULE = "lb/listener:Listener", "lb/listenerRule:ListenerRule"
VPC, SUBNET, SG = "ec2/vpc:Vpc", "ec2/subnet:Subnet", "ec2/securityGroup:SecurityGroup"
IN = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OUT = "vpc/securityGroupEgressRule:SecurityGroupEgressRule"
TABLE, ROUTE = "ec2/routeTable:RouteTable", "ec2/route:Route"
ASSOCIATION = "ec2/routeTableAssociation:RouteTableAssociation"
DB, DBP = "rds/instance:Instance", "rds/parameterGroup:ParameterGroup"
CACHE = "elasticache/replicationGroup:ReplicationGroup"
TASK, SERVICE = "ecs/taskDefinition:TaskDefinition", "ecs/service:Service"
DISTRIBUTION = "cloudfront/distribution:Distribution"
ROLE, POLICY = "iam/role:Role", "iam/rolePolicy:RolePolicy"
FUNCTION, ALARM = "lambda/function:Function", "cloudwatch/metricAlarm:MetricAlarm"
CLOCK = "scheduler/schedule:Schedule"
QUEUE, TARGET = "sqs/queue:Queue", "cloudwatch/eventTarget:EventTarget"
EVENT, RECORD = "cloudwatch/eventRule:EventRule", "route53/record:Record"
CERT, BUCKET = "acm/certificate:Certificate", "s3/bucket:Bucket"
LIFECYCLE = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
SSE = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
PARAMETER, IMAGES = "ssm/parameter:Parameter", "ecr/lifecyclePolicy:LifecyclePolicy"
ACL, FILES = "wafv2/webAcl:WebAcl", "efs/fileSystem:FileSystem"
CACHING, HEADERS = (
    "cloudfront/cachePolicy:CachePolicy",
    ("cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"),
)
REQUESTS = "cloudfront/originRequestPolicy:OriginRequestPolicy"
SCALE, SCALING = "appautoscaling/target:Target", "appautoscaling/policy:Policy"
STEPS = "stepScalingPolicyConfiguration.stepAdjustments"
PERMISSION = "lambda/permission:Permission"
ASYNC = "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
NAMED = "servicediscovery/service:Service"
C = "containerDefinitions[0]"
D = "defaultCacheBehavior"
ORIGIN, PRIVATE = "cloudfront/vpcOrigin:VpcOrigin", "origins[0].vpcOriginConfig"
ENDPOINT = "vpcOriginEndpointConfig"
PLAIN = "database-storage"  # an alarm of one metric
BOARD, QUESTION = (
    "cloudwatch/dashboard:Dashboard",
    "cloudwatch/queryDefinition:QueryDefinition",
)
BUDGET = "budgets/budget:Budget"
WIDGET, GRAPH = "dashboardBody.widgets[0]", "dashboardBody.widgets[2].properties"
KEY = "parametersInCacheKeyAndForwardedToOrigin"
STATEMENT = "policy.Statement[0]"
TEN = [f"x-{n}" for n in range(11)]
TAGS = {f"t{n}": "x" for n in range(60)}

# A row reads best in one place.
# fmt: off
WRONG = (
    # network
    Wrong(VPC, "cidrBlock", "10.0.0.0/8"), Wrong(VPC, "cidrBlock", "10.0.1.0/16"),
    Wrong(VPC, "cidrBlock", "192.168.0.0/16", told="outside"),
    Wrong(VPC, "instanceTenancy", "shared"),
    Wrong(VPC, "tags", TAGS, told="tagsAll"), Wrong(VPC, "tags", {"aws:x": "1"}, told="tagsAll"),
    Wrong(VPC, "tags", {"a": "<b>"}, told="tagsAll"),
    Wrong(SUBNET, "cidrBlock", "10.0.0.0/29"), Wrong(SUBNET, "cidrBlock", "10.9.0.0/19"),
    Wrong(SUBNET, "cidrBlock", some(SUBNET, "cidrBlock", "public-ap-southeast-2a")),
    Wrong(SUBNET, "availabilityZone", "us-east-1a"), Wrong(SUBNET, "availabilityZone", "ap-southeast-2f"), Wrong(SUBNET, "vpcId", some(TABLE)),
    Wrong(SG, "name", "sg-web"), Wrong(SG, "name", "web|app"), Wrong(SG, "name", "n" * 256),
    Wrong(SG, "description", "who's in"), Wrong(SG, "description", "a\nb"),
    Wrong(SG, "vpcId", some(SUBNET)),
    Wrong(SG, "ingress", [{"protocol": "tcp", "fromPort": 1, "toPort": 1}]),
    Wrong("ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId", "vpc-12345678"),
    Wrong(IN, "fromPort", 9999), Wrong(IN, "toPort", 70000), Wrong(IN, "fromPort", GONE),
    Wrong(IN, "ipProtocol", "-1", told="fromPort"), Wrong(IN, "ipProtocol", "https"),
    Wrong(IN, "cidrIpv4", "0.0.0.0/0"), Wrong(IN, "description", "café"),
    Wrong(IN, "securityGroupId", some(SG, "name")),
    Wrong(IN, "referencedSecurityGroupId", "sg-0123456789abcdef0", "alb-to-api-5000"),
    Wrong(IN, "prefixListId", "pl-cloudfront", "to-alb-443"),
    Wrong(IN, "", lambda home, rule: {**{k: v for k, v in rule.items() if k != "referencedSecurityGroupId"},
        "securityGroupId": some(SG, name="-alb")(home, 0), "prefixListId": PREFIX_LIST}, "alb-to-api-5000", "rules"),
    Wrong(OUT, "cidrIpv4", "0.0.0.1/0", "internet-443"),
    Wrong(OUT, "referencedSecurityGroupId", GONE, "alb-to-api-5000"),
    Wrong(OUT, "toPort", some(OUT, "toPort", "worker-to-internet-80"), "worker-to-internet-443"),
    Wrong(ROUTE, "natGatewayId", some("ec2/natGateway:NatGateway"), "public"),
    Wrong(ROUTE, "destinationCidrBlock", "0.0.0.0/33"),
    Wrong(ROUTE, "destinationCidrBlock", GONE),
    Wrong(ROUTE, "natGatewayId", some("ec2/eip:Eip"), "2a"),
    Wrong(ROUTE, "gatewayId", some(VPC), "public"), Wrong(ROUTE, "routeTableId", some(ASSOCIATION)),
    Wrong(ROUTE, "routeTableId", some(TABLE, name="public"), "2a", "route"),
    Wrong(ASSOCIATION, "subnetId", some(SUBNET, name="public-ap-southeast-2a"), "private-ap-southeast-2a"),
    Wrong(ASSOCIATION, "routeTableId", some(VPC)),
    Wrong(ASSOCIATION, "routeTableId", some(TABLE, name="2a"), "public-ap-southeast-2a", "route"),
    Wrong("ec2/internetGateway:InternetGateway", "vpcId", some(SUBNET)),
    Wrong("ec2/natGateway:NatGateway", "allocationId", GONE),
    Wrong("ec2/natGateway:NatGateway", "subnetId", some(SUBNET, name="private-ap-southeast-2a")),
    Wrong("ec2/natGateway:NatGateway", "connectivityType", "both"),
    Wrong("ec2/eip:Eip", "domain", "classic"),
    Wrong(TABLE, "vpcId", GONE),
    Wrong("ec2/vpcEndpoint:VpcEndpoint", "vpcEndpointType", "Gate"),
    Wrong("ec2/vpcEndpoint:VpcEndpoint", "serviceName", "com.amazonaws.us-east-1.s3"),
    Wrong("ec2/vpcEndpoint:VpcEndpoint", "", lambda _, old: {**old, "region": "ap-southeast-6", "serviceName": "com.amazonaws.ap-southeast-6.ssm-incidents"}, told="serviceName"),
    Wrong("ec2/vpcEndpoint:VpcEndpoint", "serviceName", "com.amazonaws.ap-southeast-2.sqs", told="vpcEndpointType"),
    Wrong("ec2/vpcEndpoint:VpcEndpoint", "routeTableIds[0]", some(SUBNET)),
    Wrong("ec2/flowLog:FlowLog", "trafficType", "SOME"),
    Wrong("ec2/flowLog:FlowLog", "iamRoleArn", GONE),
    Wrong("ec2/flowLog:FlowLog", "iamRoleArn", "flow-role"),
    Wrong("ec2/flowLog:FlowLog", "logDestination", "flow-logs"),
    Wrong("ec2/flowLog:FlowLog", "maxAggregationInterval", 300),
    Wrong("ec2/flowLog:FlowLog", "logDestination", some(BUCKET, "arn")),
    Wrong("ec2/flowLog:FlowLog", "iamRoleArn", some(ROLE, "arn", "terriamap-task")),
    # load balancer
    Wrong(ALB, "name", "internal-alb"), Wrong(ALB, "name", "a_b"), Wrong(ALB, "name", "n" * 33),
    Wrong(ALB, "idleTimeout", 4001), Wrong(ALB, "clientKeepAlive", 59),
    Wrong(ALB, "desyncMitigationMode", "loose"), Wrong(ALB, "ipAddressType", "ipv6"),
    Wrong(ALB, "loadBalancerType", "web", told="Type"),
    Wrong(ALB, "subnets", lambda _, old: old[:1]), Wrong(ALB, "subnets", twice),
    Wrong(ALB, "subnets[0]", some(SUBNET, name="private-ap-southeast-2b")),
    Wrong(ALB, "internal", False, told="subnets"),
    Wrong(ALB, "securityGroups", lambda _, old: old * 6),
    Wrong(ALB, "securityGroups[0]", some(SUBNET)),
    Wrong(ALB, "accessLogs.bucket", "no-such-bucket"),
    Wrong(GROUP, "name", "-x"), Wrong(GROUP, "port", 70000), Wrong(GROUP, "protocol", "HTTP3"),
    Wrong(GROUP, "targetType", "pod"), Wrong(GROUP, "targetType", "instance"),
    Wrong(GROUP, "vpcId", GONE), Wrong(GROUP, "vpcId", some(SUBNET)),
    Wrong(GROUP, "deregistrationDelay", 3601), Wrong(GROUP, "slowStart", 10),
    Wrong(GROUP, "stickiness", {"type": "lb_cookie", "cookieDuration": 0}, told="cookieDuration"),
    Wrong(GROUP, "healthCheck.timeout", 30), Wrong(GROUP, "healthCheck.timeout", 121),
    Wrong(GROUP, "healthCheck.interval", 301), Wrong(GROUP, "healthCheck.healthyThreshold", 1),
    Wrong(GROUP, "healthCheck.unhealthyThreshold", 11), Wrong(GROUP, "healthCheck.path", "ping"),
    Wrong(GROUP, "healthCheck.matcher", "200-599"), Wrong(GROUP, "healthCheck.port", "http"),
    Wrong(LISTENER, "protocol", "HTTPS3"), Wrong(LISTENER, "port", 0),
    Wrong(LISTENER, "certificateArn", GONE, "https"),
    Wrong(LISTENER, "certificateArn", some(CERT, "arn", "us-east-1"), "https"),
    Wrong(LISTENER, "certificateArn", "arn:aws:acm:ap-southeast-2:111122223333:certificate/x", "https"),
    Wrong(LISTENER, "sslPolicy", "ELBSecurityPolicy-TLS-1-9", "https"),
    Wrong(LISTENER, "loadBalancerArn", "alb"),
    Wrong(LISTENER, "certificateArn", "my-certificate", "https"), Wrong(LRULE, "listenerArn", "443"),
    Wrong(LISTENER, "loadBalancerArn", some(GROUP, "arn")),
    *(Wrong(LISTENER, "defaultActions[0]", {"type": "redirect", **redirect}, told=told)
        for redirect, told in (
            ({"redirect": {"statusCode": "HTTP_301"}}, "redirect"),
            ({"redirect": {"statusCode": "HTTP_308", "port": "8443"}}, "statusCode"),
            ({"redirect": {"statusCode": "HTTP_301", "port": "https"}}, "port"),
            ({}, "defaultActions"))),
    Wrong(LISTENER, "defaultActions[0].fixedResponse.statusCode", "302", "https"),
    Wrong(LISTENER, "defaultActions[0].fixedResponse.contentType", "text/markdown", "https"),
    Wrong(LISTENER, "defaultActions[0].fixedResponse.messageBody", "x" * 1025, "https"),
    Wrong(LISTENER, "defaultActions[0].type", "forward-all", "https"),
    Wrong(LRULE, "priority", 0), Wrong(LRULE, "priority", 50001),
    Wrong(LRULE, "priority", some(LRULE, "priority", "terriamap"), "geoserver"),
    Wrong(LRULE, "listenerArn", some(ALB, "arn")),
    Wrong(LRULE, "actions[0].targetGroupArn", some(LISTENER, "arn")),
    Wrong(LRULE, "actions[0].targetGroupArn", "tg-1"),
    Wrong(LRULE, "actions[0].targetGroupArn", GONE, told="actions"),
    Wrong(LRULE, "actions[0].redirect", {"statusCode": "HTTP_302"}),
    Wrong(LRULE, "actions[0].redirect", {"statusCode": "HTTP_302", "port": "x"}, told="port"),
    Wrong(LRULE, "actions[0].fixedResponse", {"contentType": "a/b", "statusCode": "200"}, told="contentType"),
    Wrong(LRULE, "actions[0].fixedResponse", {"contentType": "text/html", "statusCode": "99"}, told="statusCode"),
    Wrong(LRULE, "actions[0].fixedResponse", {"contentType": "text/html", "messageBody": "x" * 1025}, told="messageBody"),
    Wrong(LRULE, "actions[0].forward", {"targetGroups": [{"arn": "arn:aws:x:::y"}] * 6}, told="targetGroups"),
    Wrong(LISTENER, "defaultActions[0].forward", {"targetGroups": [{"arn": "arn:aws:x:::y"}] * 6}, told="targetGroups"),
    Wrong(LRULE, "conditions[0].hostHeader.values", ["a.b"] * 6, told="conditions"),
    Wrong(LRULE, "conditions[0].hostHeader.values", ["*a*b*c*.d?e?f?.x"], told="conditions"),
    Wrong(LRULE, "conditions[0].hostHeader.values", ["https://a.b"]),
    Wrong(LRULE, "conditions[0].pathPattern", {"values": ["/a"]}, told="conditions"),
    Wrong(LRULE, "conditions[0]", {"pathPattern": {"values": ["/a b"]}}, told="pathPattern"),
    *(Wrong(LRULE, "conditions[0]", {"httpHeader": {"httpHeaderName": name, "values": [value]}}, told=told)
        for name, value, told in (("Host", "v", "httpHeaderName"), ("X-Word", "v" * 129, "values"))),
    # RDS
    Wrong(DB, "identifier", "2nd"), Wrong(DB, "identifier", "a--b"), Wrong(DB, "identifier", "a" * 64),
    Wrong(DB, "username", "rdsadmin"), Wrong(DB, "username", "admin"), Wrong(DB, "username", "1st"),
    Wrong(DB, "password", "short"), Wrong(DB, "password", "with/slash"), Wrong(DB, "password", "an@at.nz"),
    Wrong(DB, "manageMasterUserPassword", True), Wrong(DB, "dbName", "db"), Wrong(DB, "dbName", "a-b"),
    Wrong(DB, "port", 80), Wrong(DB, "backupRetentionPeriod", 36), Wrong(DB, "engine", "postgresql", told="family"),
    Wrong(DB, "engineVersion", "17.4"), Wrong(DB, "engineVersion", "19"),
    Wrong(DB, "engineVersion", "16.10", told="family"),
    Wrong(DB, "instanceClass", "db.t9.micro"), Wrong(DB, "instanceClass", "t4g.micro"),
    Wrong(DB, "allocatedStorage", 10), Wrong(DB, "maxAllocatedStorage", 20),
    Wrong(DB, "storageType", "gp9"), Wrong(DB, "iops", 3000),
    Wrong(DB, "backupWindow", "15:00-15:20"), Wrong(DB, "backupWindow", "25:00-26:00"),
    Wrong(DB, "maintenanceWindow", "sat:16:30"), Wrong(DB, "maintenanceWindow", "sat:15:30-sat:16:30"),
    Wrong(DB, "monitoringInterval", 45), Wrong(DB, "monitoringRoleArn", GONE),
    Wrong(DB, "monitoringRoleArn", some(ROLE, "arn", "basic-auth")),
    Wrong(DB, "monitoringRoleArn", some(DB, "arn")), Wrong(DB, "monitoringRoleArn", "monitor"),
    Wrong(DB, "performanceInsightsRetentionPeriod", 14),
    Wrong(DB, "finalSnapshotIdentifier", GONE), Wrong(DB, "finalSnapshotIdentifier", "a--b"),
    Wrong(DB, "enabledCloudwatchLogsExports", ["postgresql", "slowquery"]),
    Wrong(DB, "snapshotIdentifier", "a" * 256),
    Wrong(DB, "snapshotIdentifier", "arn:aws:rds:us-east-1:111122223333:snapshot:shared"),
    Wrong(DB, "", lambda _, old: {**old, "multiAz": True, "availabilityZone": "ap-southeast-2a"}, told="availabilityZone"),
    Wrong(DB, "kmsKeyId", "alias/aws/rds"),
    Wrong(DB, "dbSubnetGroupName", "default-vpc"), Wrong(DB, "parameterGroupName", "default.postgres13"),
    Wrong(DB, "vpcSecurityGroupIds[0]", some(SUBNET)),
    Wrong("rds/subnetGroup:SubnetGroup", "name", "default"),
    Wrong("rds/subnetGroup:SubnetGroup", "subnetIds", lambda _, old: old[:1]),
    Wrong("rds/subnetGroup:SubnetGroup", "subnetIds", twice),
    Wrong("rds/subnetGroup:SubnetGroup", "subnetIds", lambda _, old: [old[0], old[0]]),
    Wrong("rds/subnetGroup:SubnetGroup", "subnetIds[0]", some(VPC)),
    Wrong(DBP, "family", "postgres-17"), Wrong(DBP, "family", "postgres16"),
    Wrong(DBP, "parameters[0].name", "log_min_duration", told="parameters"),
    Wrong(DBP, "parameters[0].value", "-2", told="parameters"),
    Wrong(DBP, "parameters[1].value", "on", told="parameters"),
    Wrong(DBP, "parameters", twice),
    Wrong(DBP, "parameters[0]", {"name": "shared_preload_libraries", "value": "pg_cron"}, told="applyMethod"),
    # ElastiCache
    Wrong(CACHE, "replicationGroupId", "a" * 41), Wrong(CACHE, "replicationGroupId", "1a"),
    Wrong(CACHE, "automaticFailoverEnabled", True), Wrong(CACHE, "multiAzEnabled", True),
    Wrong(CACHE, "numCacheClusters", 7), Wrong(CACHE, "engine", "keydb"),
    Wrong(CACHE, "engineVersion", "7.2"), Wrong(CACHE, "engineVersion", "6.2", told="family"),
    Wrong(CACHE, "nodeType", "cache.t9.micro"), Wrong(CACHE, "nodeType", "db.t4g.micro"),
    Wrong(CACHE, "authToken", "short"), Wrong(CACHE, "transitEncryptionEnabled", False),
    Wrong(CACHE, "transitEncryptionMode", "optional"), Wrong(CACHE, "description", " "),
    Wrong(CACHE, "snapshotRetentionLimit", 36), Wrong(CACHE, "snapshotWindow", "14:00-14:30"),
    Wrong(CACHE, "maintenanceWindow", "sat:14:30-sat:15:30"),
    Wrong(CACHE, "maintenanceWindow", "saturday"), Wrong(CACHE, "subnetGroupName", "none"),
    Wrong(CACHE, "parameterGroupName", "default.redis6.x"),
    Wrong(CACHE, "securityGroupIds[0]", some(VPC)),
    Wrong("elasticache/parameterGroup:ParameterGroup", "family", "redis-7"),
    Wrong("elasticache/parameterGroup:ParameterGroup", "family", "redis6.x"),
    Wrong("elasticache/parameterGroup:ParameterGroup", "parameters[0].value", "never", told="parameters"),
    Wrong("elasticache/subnetGroup:SubnetGroup", "name", "Cache Nodes"),
    Wrong("elasticache/subnetGroup:SubnetGroup", "subnetIds[0]", "subnet-1"),
    # EFS
    Wrong(FILES, "throughputMode", "provisioned"), Wrong(FILES, "performanceMode", "maxIO"),
    Wrong(FILES, "performanceMode", "fast"),
    Wrong(FILES, "kmsKeyId", "alias/aws/elasticfilesystem"),
    Wrong(FILES, "", lambda _, old: {**old, "encrypted": False, "kmsKeyId": "arn:aws:kms:x:1:key/2"}, told="kmsKeyId"),
    Wrong(FILES, "lifecyclePolicies[0].transitionToIa", "AFTER_31_DAYS"),
    Wrong(FILES, "lifecyclePolicies[0].transitionToPrimaryStorageClass", "AFTER_1_ACCESS", told="lifecyclePolicies"),
    Wrong("efs/accessPoint:AccessPoint", "rootDirectory.path", "/a/b/c/d/e"),
    Wrong("efs/accessPoint:AccessPoint", "rootDirectory.creationInfo.permissions", "rwx"),
    Wrong("efs/accessPoint:AccessPoint", "posixUser.uid", -1),
    Wrong("efs/accessPoint:AccessPoint", "fileSystemId", "fs-0123456789abcdef0"),
    Wrong("efs/mountTarget:MountTarget", "securityGroups", lambda _, old: old * 6),
    Wrong("efs/mountTarget:MountTarget", "subnetId", some(SUBNET, name="private-ap-southeast-2b")),
    Wrong("efs/mountTarget:MountTarget", "subnetId", some(SUBNET, name="public-ap-southeast-2b")),
    Wrong("efs/backupPolicy:BackupPolicy", "backupPolicy.status", "ON"),
    Wrong("efs/fileSystemPolicy:FileSystemPolicy", f"{STATEMENT}.Action", ["efs:ClientMount"], told="policy"),
    Wrong("efs/fileSystemPolicy:FileSystemPolicy", f"{STATEMENT}.Resource", ["arn:aws:elasticfilesystem:ap-southeast-2:111122223333:file-system/fs-1"], told="fs-1"),
    Wrong("efs/fileSystemPolicy:FileSystemPolicy", "policy.Id", GONE, told="policy"),
    Wrong("efs/fileSystemPolicy:FileSystemPolicy", f"{STATEMENT}.Sid", GONE, told="policy"),
    # S3
    Wrong(BUCKET, "bucket", "Logs_Bucket"), Wrong(BUCKET, "bucket", "x"),
    Wrong(BUCKET, "bucket", "a..b"), Wrong(BUCKET, "bucket", "192.168.1.1"),
    Wrong(BUCKET, "bucket", "logs-s3alias"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Principal", GONE, told="Principal"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Principal", {"Service": "logdelivery"}, told="principal"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Action", ["s3:WriteObject"], told="policy"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Resource", ["my-bucket/*"], told="policy"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Resource", ["arn:aws:s3:::other/*"], told="policy"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Condition", {"StringIs": {"aws:x": "y"}}, told="policy"),
    Wrong("s3/bucketPolicy:BucketPolicy", f"{STATEMENT}.Sid", "x" * 20500, told="policy"),
    Wrong("s3/bucketPolicy:BucketPolicy", "bucket", "somewhere-else"),
    Wrong("s3/bucketOwnershipControls:BucketOwnershipControls", "rule.objectOwnership", "Mine"),
    Wrong("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicAcls", "perhaps"),
    Wrong("s3/bucketObjectv2:BucketObjectv2", "bucket", "nowhere"),
    Wrong("s3/bucketObjectv2:BucketObjectv2", "storageClass", "COLD"),
    Wrong(LIFECYCLE, "rules", twice), Wrong(LIFECYCLE, "rules[0].expiration.days", 0),
    Wrong(LIFECYCLE, "rules[0].status", "On"),
    Wrong(LIFECYCLE, "rules[0].noncurrentVersionExpiration", {"noncurrentDays": 0}, told="noncurrentDays"),
    Wrong(LIFECYCLE, "rules[0].transitions", [{"days": 7, "storageClass": "STANDARD_IA"}]),
    Wrong(LIFECYCLE, "rules", [{"id": "a", "status": "Enabled", "filter": {"prefix": ""}}]),
    Wrong(SSE, "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm", "AES512"),
    Wrong(SSE, "rules[0].applyServerSideEncryptionByDefault.kmsMasterKeyId", "alias/x"),
    # Parameter Store
    Wrong(PARAMETER, "name", "/aws/x"), Wrong(PARAMETER, "name", "ssm-key"),
    Wrong(PARAMETER, "name", "/a" * 16), Wrong(PARAMETER, "name", "a b"),
    Wrong(PARAMETER, "name", "/" + "n" * 1011), Wrong(PARAMETER, "value", "v" * 4097),
    Wrong(PARAMETER, "value", ""), Wrong(PARAMETER, "value", "{{x}}"),
    Wrong(PARAMETER, "type", "Secure"), Wrong(PARAMETER, "tier", "Basic"),
    Wrong(PARAMETER, "", lambda _, old: {**old, "type": "String", "keyId": "alias/x"}, told="keyId"),
    # certificates and DNS
    Wrong(CERT, "domainName", "not a host"), Wrong(CERT, "domainName", "a" * 60 + ".example.org"),
    Wrong(CERT, "validationMethod", "FILE"), Wrong(CERT, "keyAlgorithm", "RSA_512"),
    Wrong(CERT, "subjectAlternativeNames", ["a_b!.nz"]),
    Wrong(CERT, "subjectAlternativeNames", [f"h{n}.example.org" for n in range(10)]),
    Wrong(CERT, "subjectAlternativeNames", ["gs.otakaro.digitaltwins.nz"], "us-east-1", "aliases"),
    Wrong("acm/certificateValidation:CertificateValidation", "certificateArn", some(ALB, "arn")),
    Wrong(RECORD, "type", "ALIAS"), Wrong(RECORD, "ttl", -1, "cert-otakaro.digitaltwins.nz"),
    Wrong(RECORD, "records", ["a.b.", "c.d."], "cert-otakaro.digitaltwins.nz"),
    Wrong(RECORD, "ttl", GONE, "cert-otakaro.digitaltwins.nz"),
    Wrong(RECORD, "ttl", 60, "map-cdn-a"), Wrong(RECORD, "name", "map.example.org", "map-cdn-a"),
    Wrong(RECORD, "name", "two words", "map-cdn-a"),
    Wrong(RECORD, "name", "api.otakaro.digitaltwins.nz", "map-cdn-a"),
    Wrong(RECORD, "zoneId", "Z0OTHER", "map-cdn-a"),
    Wrong(RECORD, "aliases[0].zoneId", "Z1", "map-cdn-a"),
    Wrong(RECORD, "aliases[0].name", "d111.cloudfront.net", "map-cdn-a"),
    Wrong(RECORD, "type", "CNAME", "map-cdn-a", "name"),
    Wrong(RECORD, "type", "A", "cert-otakaro.digitaltwins.nz", "records"),
    Wrong("route53/zone:Zone", "name", "no zone"),
    # CloudFront
    Wrong(DISTRIBUTION, f"{D}.targetOriginId", "elb"), Wrong(DISTRIBUTION, "origins", twice, told="originId"),
    Wrong(DISTRIBUTION, f"{D}.allowedMethods", ["GET", "HEAD", "POST"]),
    Wrong(DISTRIBUTION, f"{D}.cachedMethods", ["GET", "HEAD", "POST"]),
    Wrong(DISTRIBUTION, f"{D}.cachedMethods", ["GET", "HEAD", "OPTIONS", "TRACE"]),
    Wrong(DISTRIBUTION, f"{D}", lambda _, b: {**b, "allowedMethods": ["GET", "HEAD"], "cachedMethods": ["GET", "HEAD", "OPTIONS"]}, told="cachedMethods"),
    Wrong(DISTRIBUTION, f"{D}.viewerProtocolPolicy", "https"),
    Wrong(DISTRIBUTION, f"{D}.minTtl", 5, told="cachePolicyId"),
    Wrong(DISTRIBUTION, f"{D}.cachePolicyId", GONE),
    Wrong(DISTRIBUTION, f"{D}.cachePolicyId", some(HEADERS)),
    Wrong(DISTRIBUTION, f"{D}.originRequestPolicyId", some(CACHING)),
    Wrong(DISTRIBUTION, f"{D}.originRequestPolicyId", GONE, told="Host"),
    Wrong(DISTRIBUTION, f"{D}.responseHeadersPolicyId", "none"),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations", twice),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations[0].eventType", "viewer"),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations[0].lambdaArn", replaced(":1", ":$LATEST")),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations[0].lambdaArn", replaced("us-east-1", "ap-southeast-2")),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations[0].lambdaArn", replaced(":1", ":7")),
    Wrong(DISTRIBUTION, "priceClass", "PriceClass_300"), Wrong(DISTRIBUTION, "httpVersion", "http4"),
    Wrong(DISTRIBUTION, "comment", "c" * 129), Wrong(DISTRIBUTION, "aliases", ["https://x.nz"]),
    Wrong(DISTRIBUTION, "aliases", ["other.example.org"]),
    Wrong(DISTRIBUTION, "aliases", ["api.otakaro.digitaltwins.nz"], "map-cdn"),
    Wrong(DISTRIBUTION, "aliases", [f"h{n}.nz" for n in range(101)]),
    Wrong(DISTRIBUTION, "defaultRootObject", "/index.html"),
    Wrong(DISTRIBUTION, "webAclId", "arn:aws:wafv2:ap-southeast-2:111122223333:regional/webacl/a/b"),
    Wrong(DISTRIBUTION, "webAclId", "arn:aws:wafv2:us-east-1:111122223333:global/webacl/a/b"),
    Wrong(DISTRIBUTION, "loggingConfig", {"bucket": "logs"}, told="bucket"),
    Wrong(DISTRIBUTION, "loggingConfig", lambda home, _: {"bucket": some(BUCKET, "bucketDomainName")(home, 0)}),
    Wrong(DISTRIBUTION, "viewerCertificate.acmCertificateArn", some(CERT, "arn", "ap-southeast-2")),
    Wrong(DISTRIBUTION, "viewerCertificate.minimumProtocolVersion", "TLSv1.4_2030"),
    Wrong(DISTRIBUTION, "viewerCertificate.sslSupportMethod", GONE),
    Wrong(DISTRIBUTION, "viewerCertificate", {"cloudfrontDefaultCertificate": True}),
    Wrong(DISTRIBUTION, "viewerCertificate", {"cloudfrontDefaultCertificate": True, "minimumProtocolVersion": "TLSv1.2_2021"}, told="minimumProtocolVersion"),
    Wrong(DISTRIBUTION, "customErrorResponses[0].errorCode", 418),
    Wrong(DISTRIBUTION, "customErrorResponses[0]", {"errorCode": 500, "responseCode": 200}, told="responseCode"),
    Wrong(DISTRIBUTION, "customErrorResponses[0]", {"errorCode": 500, "responseCode": 500, "responsePagePath": "a.html"}, told="responsePagePath"),
    Wrong(DISTRIBUTION, "restrictions.geoRestriction.restrictionType", "whitelist", told="geoRestriction"),
    Wrong(DISTRIBUTION, "restrictions.geoRestriction", {"restrictionType": "whitelist", "locations": ["nz"]}, told="locations"),
    Wrong(DISTRIBUTION, f"{PRIVATE}.originReadTimeout", 121), Wrong(DISTRIBUTION, f"{PRIVATE}.originKeepaliveTimeout", 0),
    Wrong(DISTRIBUTION, f"{PRIVATE}.vpcOriginId", GONE), Wrong(DISTRIBUTION, f"{PRIVATE}.vpcOriginId", some(ALB, "arn")),
    Wrong(DISTRIBUTION, "origins[0].domainName", some(DISTRIBUTION, "domainName")),
    Wrong(DISTRIBUTION, f"{D}.lambdaFunctionAssociations[0].eventType", "origin-request", told="vpcOriginConfig"),
    *(Wrong(DISTRIBUTION, "origins[0]", lambda _, origin, config=config: {
        **{key: origin[key] for key in ("originId", "domainName")},
        "customOriginConfig": {"httpPort": 80, "httpsPort": 443, "originProtocolPolicy": "https-only",
            "originSslProtocols": ["TLSv1.2"], **config}}, told=told)
        for config, told in (
            ({"originReadTimeout": 121}, "originReadTimeout"), ({"originKeepaliveTimeout": 0}, "originKeepaliveTimeout"),
            ({"originProtocolPolicy": "https"}, "originProtocolPolicy"), ({"originSslProtocols": ["TLSv1.3"]}, "originSslProtocols"),
            ({"httpPort": 81}, "httpPort"), ({"httpsPort": 444}, "httpsPort"), ({}, "internal"))),
    Wrong(ORIGIN, f"{ENDPOINT}.name", "with space"), Wrong(ORIGIN, f"{ENDPOINT}.name", "n" * 65),
    Wrong(ORIGIN, f"{ENDPOINT}.arn", some(GROUP, "arn")), Wrong(ORIGIN, f"{ENDPOINT}.arn", "alb"),
    Wrong(ORIGIN, f"{ENDPOINT}.httpPort", 81), Wrong(ORIGIN, f"{ENDPOINT}.httpsPort", 444),
    Wrong(ORIGIN, f"{ENDPOINT}.originProtocolPolicy", "https"),
    Wrong(ORIGIN, f"{ENDPOINT}.originSslProtocols", {"items": ["TLSv1.3"], "quantity": 1}, told="items"),
    Wrong(ORIGIN, f"{ENDPOINT}.originSslProtocols.quantity", 2),
    Wrong(DISTRIBUTION, "origins[0].domainName", "https://alb.nz"),
    Wrong(DISTRIBUTION, "origins[0].originPath", "app/"), Wrong(DISTRIBUTION, "origins[0].connectionAttempts", 4),
    Wrong(DISTRIBUTION, "origins[0].connectionTimeout", 11),
    Wrong(DISTRIBUTION, "origins[0].vpcOriginConfig", GONE),
    Wrong(DISTRIBUTION, "origins[0].customHeaders", [{"name": "Host", "value": "a.nz"}]),
    Wrong(DISTRIBUTION, "origins[0].originAccessControlId", "E1"),
    Wrong(DISTRIBUTION, "orderedCacheBehaviors", twice, "map-cdn", "pathPattern"),
    *(Wrong(DISTRIBUTION, f"orderedCacheBehaviors[0].{key}", value, "map-cdn", told) for key, value, told in (
        ("pathPattern", "/a b", ""), ("allowedMethods", ["GET"], ""), ("cachedMethods", ["GET"], ""),
        ("cachedMethods", ["GET", "HEAD", "OPTIONS", "POST"], ""), ("cachePolicyId", GONE, ""),
        ("maxTtl", 5, "cachePolicyId"), ("targetOriginId", "x", ""),
        ("lambdaFunctionAssociations", twice, ""),
        ("lambdaFunctionAssociations[0].lambdaArn", replaced(":1", ""), ""))),
    Wrong(DISTRIBUTION, "orderedCacheBehaviors[0]", lambda _, b: {**b, "allowedMethods": ["GET", "HEAD"], "cachedMethods": ["GET", "HEAD", "OPTIONS"]}, "map-cdn", "cachedMethods"),
    Wrong(CACHING, "name", "a b"), Wrong(CACHING, "comment", "c" * 129), Wrong(CACHING, "minTtl", 99999999),
    Wrong(CACHING, f"{KEY}.headersConfig", {"headerBehavior": "whitelist", "headers": {"items": TEN}}, told="header"),
    Wrong(CACHING, f"{KEY}.headersConfig.headerBehavior", "allViewer"),
    Wrong(CACHING, f"{KEY}.cookiesConfig", {"cookieBehavior": "whitelist"}, told="cookie"),
    Wrong(CACHING, f"{KEY}.queryStringsConfig", {"queryStringBehavior": "whitelist"}, told="queryString"),
    Wrong(REQUESTS, "headersConfig", {"headerBehavior": "whitelist"}, told="header"),
    Wrong(REQUESTS, "cookiesConfig", {"cookieBehavior": "whitelist"}, told="cookie"),
    Wrong(REQUESTS, "queryStringsConfig", {"queryStringBehavior": "whitelist"}, told="queryString"),
    Wrong(HEADERS, "securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec", "long"),
    Wrong(HEADERS, "securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy", "x" * 1784),
    Wrong(HEADERS, "customHeadersConfig", {"items": [{"header": h, "value": "1", "override": True} for h in TEN]}, told="items"),
    Wrong("cloudfront/originAccessControl:OriginAccessControl", "name", "n" * 65),
    Wrong("cloudfront/originAccessControl:OriginAccessControl", "signingBehavior", "maybe"),
    Wrong(ACL, "scope", "GLOBAL"), Wrong(ACL, "region", "ap-southeast-2"), Wrong(ACL, "rules", twice, told="priority"),
    Wrong(ACL, "rules[0].overrideAction", {"none": {}}), Wrong(ACL, "rules[0].action", {"block": {}, "count": {}}),
    Wrong(ACL, "rules[0].statement.rateBasedStatement.limit", 5),
    Wrong(ACL, "rules[0].statement.rateBasedStatement.evaluationWindowSec", 90),
    Wrong("wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "logDestinationConfigs", twice),
    Wrong("wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "logDestinationConfigs[0]", replaced("aws-waf-logs-", "logs-")),
    Wrong("wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "resourceArn", some(DISTRIBUTION, "arn")),
    # access
    Wrong(ROLE, "name", "a b"), Wrong(ROLE, "name", "r" * 65),
    Wrong(ROLE, "maxSessionDuration", 60), Wrong(ROLE, "managedPolicyArns", ["arn:aws:iam::aws:policy/x"] * 11),
    Wrong(ROLE, "assumeRolePolicy", "no json"),
    Wrong(ROLE, "assumeRolePolicy.Statement[0].Principal.Service", ["ecs-tasks"], told="principal"),
    Wrong(ROLE, "assumeRolePolicy.Statement[0].Action", "sts:Assume", told="assumeRolePolicy"),
    Wrong(ROLE, "assumeRolePolicy.Statement[0].Sid", "x" * 2049, told="assumeRolePolicy"),
    Wrong(ROLE, "assumeRolePolicy", replaced("lambda", "ecs"), "rollout", "role"),
    Wrong(ROLE, "assumeRolePolicy", replaced('"edgelambda.amazonaws.com", ', ""), "basic-auth", "role"),
    Wrong(POLICY, f"{STATEMENT}.Effect", "Permit", told="policy"),
    Wrong(POLICY, f"{STATEMENT}.Action", ["ecr:PullImage"], "execution", "policy"),
    Wrong(POLICY, f"{STATEMENT}.Resource", ["bucket/x"], told="policy"),
    Wrong(POLICY, f"{STATEMENT}.Resource", ["arn:aws:sqs:ap-southeast-2:111122223333:none"], told="none"),
    Wrong(POLICY, f"{STATEMENT}.Principal", "*", told="policy"),
    Wrong(POLICY, f"{STATEMENT}.Condition", {"StringMatches": {"aws:x": "y"}}, told="policy"),
    Wrong(POLICY, f"{STATEMENT}.Sid", "x" * 10240, told="policy"),
    Wrong(POLICY, "role", "no-such-role"), Wrong(POLICY, "policy", "{"),
    Wrong(POLICY, "policy", replaced("ssm:GetParameters", "ssm:GetParameter"), "terriamap-execution", "executionRoleArn"),
    Wrong(POLICY, "policy", replaced("ecr:BatchGetImage", "ecr:DescribeImages"), "terriamap-execution", "executionRoleArn"),
    Wrong(POLICY, "policy", replaced("logs:PutLogEvents", "logs:GetLogEvents"), "terriamap-execution", "executionRoleArn"),
    Wrong(POLICY, "policy", replaced("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"), "geoserver-task", "taskRoleArn"),
    Wrong(POLICY, "policy", replaced("sqs:DeleteMessage", "sqs:SendMessage"), "rollout", "role"),
    Wrong(POLICY, "policy", replaced("ec2:CreateNetworkInterface", "ec2:DescribeSubnets"), "postgis", "role"),
    Wrong("iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn", "AmazonRDSEnhancedMonitoringRole"),
    Wrong(POLICY, "", lambda home, old: {**old, "role": some(ROLE, name="rollout")(home, 0), "policy": old["policy"].replace('"Effect"', f'"Sid": "{"x" * 9500}", "Effect"', 1)}, "terriamap-execution", "policy"),
    Wrong("iam/rolePolicyAttachment:RolePolicyAttachment", "role", "no-such-role"),
    # functions
    Wrong(FUNCTION, "name", "f" * 65), Wrong(FUNCTION, "runtime", "python3.7"),
    Wrong(FUNCTION, "runtime", "python4"), Wrong(FUNCTION, "memorySize", 64),
    Wrong(FUNCTION, "timeout", 901, "rollout"), Wrong(FUNCTION, "timeout", 240, "rollout"),
    Wrong(FUNCTION, "layers", ["arn:aws:lambda:us-east-1:111122223333:layer:a:1"] * 6, "rollout"),
    Wrong(FUNCTION, "environment.variables.AWS_REGION", "us-east-1", "rollout", "variables"),
    Wrong(FUNCTION, "environment.variables.A-B", "1", "rollout", "variables"),
    Wrong(FUNCTION, "environment.variables.LONG", "v" * 4100, "rollout", "environment"),
    Wrong(FUNCTION, "environment.variables.FLAG", True, "rollout", "variables"),
    Wrong(FUNCTION, "architectures", ["arm64", "x86_64"], "rollout"),
    Wrong(FUNCTION, "architectures", ["arm"], "rollout"),
    Wrong(FUNCTION, "handler", GONE, "rollout"), Wrong(FUNCTION, "s3Bucket", "packages", "rollout"),
    Wrong(FUNCTION, "role", "rollout", "rollout"), Wrong(FUNCTION, "role", some(QUEUE, "arn"), "rollout"),
    Wrong(FUNCTION, "vpcConfig.securityGroupIds", [], "postgis"),
    Wrong(FUNCTION, "vpcConfig.subnetIds[0]", "subnet-0123456789abcdef0", "postgis"),
    *(Wrong(FUNCTION, key, value, "basic-auth") for key, value in (
        ("region", "ap-southeast-2"), ("publish", False), ("timeout", 6), ("memorySize", 256),
        ("environment", {"variables": {"USERS": "x"}}), ("architectures", ["arm64"]),
        ("layers", ["arn:aws:lambda:us-east-1:111122223333:layer:a:1"]),
        ("tracingConfig", {"mode": "Active"}), ("ephemeralStorage", {"size": 1024}),
        ("runtime", "java21"))),
    Wrong("lambda/invocation:Invocation", "input", "{"),
    Wrong("lambda/invocation:Invocation", "functionName", "no-such-function"),
    Wrong("lambda/eventSourceMapping:EventSourceMapping", "batchSize", 11, "images"),
    Wrong("lambda/eventSourceMapping:EventSourceMapping", "maximumBatchingWindowInSeconds", GONE, "secrets", "batchSize"),
    Wrong("lambda/eventSourceMapping:EventSourceMapping", "batchSize", 10001, "secrets"),
    Wrong("lambda/eventSourceMapping:EventSourceMapping", "eventSourceArn", some("sns/topic:Topic", "arn")),
    Wrong("lambda/eventSourceMapping:EventSourceMapping", "eventSourceArn", "rollout-images.fifo"),
    # images
    Wrong("ecr/repository:Repository", "name", "Backend"), Wrong("ecr/repository:Repository", "imageTagMutability", "FROZEN"),
    Wrong("ecr/repository:Repository", "encryptionConfigurations[0].encryptionType", "DES"),
    Wrong("ecr/repository:Repository", "encryptionConfigurations[0].kmsKey", "arn:aws:kms:x"),
    *(Wrong(IMAGES, f"policy.rules[{number}].{key}", value, told="policy") for number, key, value in (
        (0, "rulePriority", 3), (0, "selection.tagStatus", "any"), (1, "selection.countUnit", GONE),
        (0, "selection.tagPatternList", GONE), (1, "selection.countType", "sinceImagePulled"),
        (1, "selection.countNumber", 0), (2, "action.type", "delete"))),
    Wrong(IMAGES, "policy", "[]"), Wrong(IMAGES, "repository", "elsewhere"),
    # containers
    Wrong("ecs/cluster:Cluster", "name", "my cluster"), Wrong("ecs/cluster:Cluster", "settings[0].value", "on"),
    Wrong("ecs/cluster:Cluster", "settings[0].name", "insights"),
    Wrong("ecs/clusterCapacityProviders:ClusterCapacityProviders", "defaultCapacityProviderStrategies[0].weight", 1001),
    Wrong("ecs/clusterCapacityProviders:ClusterCapacityProviders", "defaultCapacityProviderStrategies[0].capacityProvider", "EC2", told="defaultCapacityProviderStrategies"),
    Wrong("ecs/clusterCapacityProviders:ClusterCapacityProviders", "clusterName", "other"),
    Wrong(TASK, "containerDefinitions[0].environment[0].value", "x" * 65536, told="containerDefinitions"),
    Wrong(TASK, "cpu", "300"), Wrong(TASK, "memory", "700"), Wrong(TASK, "memory", "9216", told="memory"),
    Wrong(TASK, "networkMode", "bridge"), Wrong(TASK, "networkMode", "private"), Wrong(TASK, "family", "a b"),
    Wrong(TASK, "executionRoleArn", GONE), Wrong(TASK, "executionRoleArn", "execution"),
    Wrong(TASK, "taskRoleArn", "task"), Wrong(TASK, "taskRoleArn", some(ROLE, "arn", "rollout")),
    Wrong(TASK, "requiresCompatibilities", ["FARGATES"]), Wrong(TASK, "ephemeralStorage", {"sizeInGib": 20}),
    Wrong(TASK, "ephemeralStorage.sizeInGib", 201, "celery"),
    Wrong(TASK, f"{C}.user", "root:", "celery"), Wrong(TASK, f"{C}.user", "the root user", "flask"),
    Wrong(TASK, "runtimePlatform.cpuArchitecture", "RISCV"),
    Wrong(TASK, f"{C}.name", "my app"), Wrong(TASK, f"{C}.image", "Image With Spaces"),
    Wrong(TASK, f"{C}.image", "111122223333.dkr.ecr.ap-southeast-2.amazonaws.com/none:live"),
    Wrong(TASK, f"{C}.environment[0].value", 5, "terriamap"), Wrong(TASK, f"{C}.environment", twice, "terriamap"),
    Wrong(TASK, f"{C}.secrets[0].name", "BACKEND_HOST", "terriamap", "environment"),
    Wrong(TASK, f"{C}.secrets[0].valueFrom", "arn:aws:s3:::x", "terriamap"),
    Wrong(TASK, f"{C}.secrets[0].valueFrom", "arn:aws:ssm:ap-southeast-2:111122223333:parameter/none", "terriamap", "secrets"),
    Wrong(TASK, f"{C}.mountPoints[0].sourceVolume", "data", "geoserver", "mountPoints"),
    Wrong(TASK, f"{C}.dependsOn", [{"containerName": "init", "condition": "START"}]),
    Wrong(TASK, f"{C}.dependsOn", [{"containerName": "init", "condition": "READY"}], told="condition"),
    Wrong(TASK, f"{C}.memory", 99999), Wrong(TASK, f"{C}.essential", False),
    Wrong(TASK, "containerDefinitions", lambda _, text: json.dumps(json.loads(text) * 2), told="name"),
    Wrong(TASK, f"{C}.privileged", True, told="containerDefinitions"), Wrong(TASK, f"{C}.links", ["a"], told="containerDefinitions"),
    Wrong(TASK, f"{C}.linuxParameters.capabilities", {"add": ["NET_ADMIN"]}, told="linuxParameters"),
    Wrong(TASK, f"{C}.linuxParameters.sharedMemorySize", 64, told="linuxParameters"),
    Wrong(TASK, f"{C}.portMappings[0].hostPort", 80, "terriamap", "portMappings"),
    Wrong(TASK, f"{C}.portMappings[0].containerPort", 0, "terriamap"),
    Wrong(TASK, f"{C}.portMappings[0].containerPort", 3002, "terriamap"),
    Wrong(TASK, f"{C}.portMappings[0].protocol", "http", "terriamap"),
    Wrong(TASK, f"{C}.stopTimeout", 121),
    *(Wrong(TASK, f"{C}.healthCheck.{key}", value, "celery") for key, value in (
        ("interval", 301), ("timeout", 61), ("retries", 11), ("startPeriod", 301),
        ("command", ["curl"]))),
    Wrong(TASK, f"{C}.logConfiguration.logDriver", "syslog"),
    Wrong(TASK, f"{C}.logConfiguration.logDriver", "paper"),
    Wrong(TASK, f"{C}.logConfiguration.options.awslogs-stream-prefix", GONE, told="stream-prefix"),
    Wrong(TASK, f"{C}.logConfiguration.options.mode", "async"),
    Wrong(TASK, f"{C}.logConfiguration.options.awslogs-group", "/ecs/none"),
    Wrong(TASK, "volumes[0].name", "my data", "geoserver"),
    Wrong(TASK, "volumes[0].efsVolumeConfiguration.transitEncryption", "DISABLED", "geoserver"),
    Wrong(TASK, "volumes[0].efsVolumeConfiguration.rootDirectory", "/data", "geoserver"),
    Wrong(TASK, "volumes[0].efsVolumeConfiguration.fileSystemId", "fs-0123456789abcdef0", "geoserver"),
    Wrong(TASK, "volumes[0].efsVolumeConfiguration.authorizationConfig.accessPointId", "fsap-0123456789abcdef0", "geoserver"),
    Wrong(SERVICE, "name", "my service"), Wrong(SERVICE, "launchType", "LAMBDA"),
    Wrong(SERVICE, "", lambda _, old: {**old, "launchType": "FARGATE", "capacityProviderStrategies": [{"capacityProvider": "FARGATE"}]}, told="launchType"),
    Wrong(SERVICE, "capacityProviderStrategies", [{"capacityProvider": "FARGATE", "weight": 1001}], told="weight"),
    Wrong(SERVICE, "capacityProviderStrategies", [{"capacityProvider": "EC2_SPOT", "weight": 1}]),
    Wrong(SERVICE, "networkConfiguration", GONE), Wrong(SERVICE, "platformVersion", "2.0"),
    Wrong(SERVICE, "networkConfiguration.subnets", lambda _, old: old * 9),
    Wrong(SERVICE, "networkConfiguration.securityGroups", lambda _, old: old * 6),
    Wrong(SERVICE, "networkConfiguration.subnets[0]", some(VPC)),
    Wrong(SERVICE, "loadBalancers", GONE, "terriamap", "healthCheckGracePeriodSeconds"),
    Wrong(SERVICE, "healthCheckGracePeriodSeconds", -1, "terriamap"),
    Wrong(SERVICE, "loadBalancers[0].containerPort", 8081, "terriamap"),
    Wrong(SERVICE, "loadBalancers[0].containerName", "web", "terriamap"),
    Wrong(SERVICE, "loadBalancers[0].targetGroupArn", some(ALB, "arn"), "terriamap"),
    Wrong(SERVICE, "loadBalancers[0].targetGroupArn", "terriamap", "terriamap"),
    Wrong(SERVICE, "deploymentMaximumPercent", 100), Wrong(SERVICE, "deploymentMinimumHealthyPercent", 200),
    Wrong(SERVICE, "availabilityZoneRebalancing", "ENABLED", "geoserver"),
    Wrong(SERVICE, "propagateTags", "ALL"), Wrong(SERVICE, "iamRole", "ecs"), Wrong(SERVICE, "cluster", "other"),
    Wrong(SERVICE, "taskDefinition", some(TASK, "family")),
    Wrong(SERVICE, "serviceRegistries.registryArn", "srv-1", "geoserver"),
    Wrong(SERVICE, "serviceRegistries.registryArn", some(NAMED, "arn", "redis-name"), "geoserver", "serviceRegistries"),
    Wrong(SCALE, "minCapacity", 9), Wrong(SCALE, "resourceId", "my-service"), Wrong(SCALE, "serviceNamespace", "eks"),
    Wrong(SCALE, "resourceId", "service/x/y"), Wrong(SCALE, "scalableDimension", "ecs:service:Count"),
    Wrong(SCALING, "policyType", "StepScaling", "flask-cpu"), Wrong(SCALING, "policyType", "Steps"),
    Wrong(SCALING, "targetTrackingScalingPolicyConfiguration.targetValue", 0, "flask-cpu"),
    Wrong(SCALING, "targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification", GONE, "flask-cpu"),
    Wrong(SCALING, "targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification.predefinedMetricType", "CPU", "flask-cpu"),
    Wrong(SCALING, "targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification.resourceLabel", GONE, "terriamap-requests"),
    Wrong(SCALING, "targetTrackingScalingPolicyConfiguration.predefinedMetricSpecification.resourceLabel", "app/other/1/targetgroup/x/2", "terriamap-requests"),
    Wrong(SCALING, "policyType", "TargetTrackingScaling", "celery-queue", "stepScalingPolicyConfiguration"),
    Wrong(SCALING, f"{STEPS}[0].metricIntervalUpperBound", "2", "celery-queue", "stepAdjustments"),
    Wrong(SCALING, f"{STEPS}[0].metricIntervalUpperBound", GONE, "celery-queue", "stepAdjustments"),
    Wrong(SCALING, "stepScalingPolicyConfiguration.adjustmentType", "Add", "celery-queue"),
    Wrong(SCALING, "stepScalingPolicyConfiguration.metricAggregationType", "Sum", "celery-queue"),
    Wrong(PERMISSION, "sourceArn", some(EVENT, "arn", "-deployment"), told="admit"),
    Wrong(PERMISSION, "sourceArn", some(QUEUE, "arn")), Wrong(PERMISSION, "action", "InvokeFunction"),
    Wrong(PERMISSION, "function", "none"), Wrong(PERMISSION, "principal", "sqs.amazonaws.com", told="admit"),
    Wrong(ASYNC, "maximumRetryAttempts", 3), Wrong(ASYNC, "maximumEventAgeInSeconds", 30),
    Wrong(ASYNC, "functionName", "none"),
    Wrong(NAMED, "dnsConfig.routingPolicy", "MULTIVALUE", "pg-name"), Wrong(NAMED, "name", "-host-"),
    Wrong(NAMED, "dnsConfig.dnsRecords", lambda _, old: [*old, {"type": "A", "ttl": 10}], "pg-name"),
    Wrong(NAMED, "dnsConfig.dnsRecords[0].type", "MX"), Wrong(NAMED, "dnsConfig.namespaceId", some(VPC)),
    Wrong(NAMED, "healthCheckConfig", {"type": "HTTP"}, "geoserver-name"),
    Wrong("servicediscovery/privateDnsNamespace:PrivateDnsNamespace", "vpc", some(SUBNET)),
    Wrong("servicediscovery/privateDnsNamespace:PrivateDnsNamespace", "name", "n" * 254),
    Wrong("servicediscovery/instance:Instance", "attributes", {"HOST": "x"}),
    Wrong("servicediscovery/instance:Instance", "serviceId", some(NAMED, "arn")),
    # logs, events, queues, alarms
    Wrong("cloudwatch/logGroup:LogGroup", "retentionInDays", 31), Wrong("cloudwatch/logGroup:LogGroup", "name", "a b"),
    Wrong("cloudwatch/logGroup:LogGroup", "name", some("cloudwatch/logGroup:LogGroup", "name", "rollout")),
    Wrong("cloudwatch/logDeliverySource:LogDeliverySource", "resourceArn", some(BUCKET, "arn")),
    Wrong("cloudwatch/logDelivery:LogDelivery", "deliverySourceName", "none"),
    Wrong("cloudwatch/logDelivery:LogDelivery", "deliveryDestinationArn", some(BUCKET, "arn")),
    Wrong("cloudwatch/logDeliveryDestination:LogDeliveryDestination", "outputFormat", "csv"),
    Wrong(EVENT, "name", "my rule"), Wrong(EVENT, "name", "r" * 65), Wrong(EVENT, "eventPattern", GONE, "-deployment"),
    Wrong(EVENT, "eventPattern", "x", "-deployment"), Wrong(EVENT, "eventPattern.source", "aws.ecr", "-deployment", "eventPattern"),
    Wrong(EVENT, "eventPattern.origin", ["aws.ecr"], "-deployment", "eventPattern"),
    Wrong(EVENT, "eventPattern.detail.x", [{"starts-with": "a"}], "-deployment", "eventPattern"),
    Wrong(EVENT, "eventPattern.account", ["1" * 12] * 200, "-deployment", "eventPattern"),
    Wrong(EVENT, "scheduleExpression", "rate(1 days)"), Wrong(EVENT, "description", "d" * 513),
    Wrong(EVENT, "scheduleExpression", "cron(0 12 * * *)"), Wrong(EVENT, "state", "ON"),
    Wrong(TARGET, "arn", "queue"), Wrong(TARGET, "arn", some(ALB, "arn")), Wrong(TARGET, "rule", "none"),
    Wrong(TARGET, "sqsTarget", GONE, "backend-ecr"),
    Wrong(TARGET, "", lambda _, old: {**old, "input": "{}", "inputPath": "$.detail"}, told="input"),
    Wrong(TARGET, "arn", some(QUEUE, "arn", "rollout-secrets"), "backend-ecr"),
    Wrong(CLOCK, "name", "my clock"), Wrong(CLOCK, "name", "c" * 65), Wrong(CLOCK, "state", "ON"),
    Wrong(CLOCK, "scheduleExpression", "rate(5 minute)"), Wrong(CLOCK, "scheduleExpression", "cron(0 7 * * * *)"),
    Wrong(CLOCK, "scheduleExpression", "at(tomorrow)"), Wrong(CLOCK, "scheduleExpressionTimezone", "Pacific/Otautahi"),
    Wrong(CLOCK, "flexibleTimeWindow.maximumWindowInMinutes", 10, told="flexibleTimeWindow"),
    Wrong(CLOCK, "target.sqsParameters", GONE, told="target"), Wrong(CLOCK, "target.retryPolicy.maximumEventAgeInSeconds", 59),
    Wrong(CLOCK, "target.retryPolicy.maximumRetryAttempts", 186),
    Wrong(CLOCK, "target.roleArn", some(ROLE, "arn", "rollout")), Wrong(CLOCK, "target.roleArn", "arn:aws:iam::111122223333:role/none"),
    Wrong(CLOCK, "target.arn", "arn:aws:sqs:ap-southeast-2:111122223333:none.fifo"), Wrong(CLOCK, "target.arn", some(QUEUE, "arn", "rollout-secrets"), told="target"),
    Wrong(QUEUE, "name", "a.b"), Wrong(QUEUE, "name", "q" * 81), Wrong(QUEUE, "delaySeconds", 901),
    Wrong(QUEUE, "fifoQueue", GONE, "rollout-images", "name"),
    Wrong(QUEUE, "visibilityTimeoutSeconds", 43201), Wrong(QUEUE, "visibilityTimeoutSeconds", 30, "rollout-images"),
    Wrong(QUEUE, "messageRetentionSeconds", 1209601), Wrong(QUEUE, "receiveWaitTimeSeconds", 21),
    Wrong(QUEUE, "maxMessageSize", 100), Wrong(QUEUE, "kmsMasterKeyId", "alias/aws/sqs"),
    Wrong(QUEUE, "contentBasedDeduplication", True, "rollout-secrets"),
    Wrong(QUEUE, "redrivePolicy.maxReceiveCount", 0, "rollout-images", "redrivePolicy"),
    Wrong(QUEUE, "redrivePolicy.deadLetterTargetArn", some(QUEUE, "arn", "secrets-failed"), "rollout-images", "redrivePolicy"),
    Wrong(QUEUE, "redrivePolicy.deadLetterTargetArn", "arn:aws:sqs:ap-southeast-2:111122223333:none.fifo", "rollout-images", "redrivePolicy"),
    Wrong("sqs/queuePolicy:QueuePolicy", "queueUrl", "https://sqs.example/none"),
    Wrong("sqs/queuePolicy:QueuePolicy", "policy", replaced("rule/", "rule/no-"), "images", "rule"),
    Wrong("sqs/queuePolicy:QueuePolicy", f"{STATEMENT}.Action", ["sqs:Send"], told="policy"),
    Wrong("sns/topic:Topic", "name", "my topic"), Wrong("sns/topic:Topic", "displayName", "d" * 101),
    Wrong("sns/topic:Topic", "fifoTopic", True, told="name"),
    Wrong("sns/topicPolicy:TopicPolicy", "arn", some(QUEUE, "arn")),
    Wrong("sns/topicPolicy:TopicPolicy", f"{STATEMENT}.Action", ["sns:Send"], told="policy"),
    Wrong("sns/topicSubscription:TopicSubscription", "protocol", "mail"),
    Wrong("sns/topicSubscription:TopicSubscription", "endpoint", "team"),
    Wrong("sns/topicSubscription:TopicSubscription", "topic", some(QUEUE, "arn")),
    Wrong(ALARM, "comparisonOperator", "Above"), Wrong(ALARM, "statistic", "Mean", PLAIN), Wrong(ALARM, "period", 45, PLAIN),
    Wrong(ALARM, "evaluationPeriods", 0), Wrong(ALARM, "evaluationPeriods", 400, PLAIN), Wrong(ALARM, "threshold", GONE),
    Wrong(ALARM, "treatMissingData", "ok"), Wrong(ALARM, "extendedStatistic", "p99", PLAIN), Wrong(ALARM, "metricName", GONE, PLAIN),
    Wrong(ALARM, "datapointsToAlarm", 9), Wrong(ALARM, "alarmActions", ["otakaro-alarms"]),
    Wrong(ALARM, "okActions", ["otakaro-alarms"]), Wrong(ALARM, "alarmActions[0]", some(QUEUE, "arn")),
    Wrong(ALARM, "region", "us-east-1", told="alarmActions"),
    Wrong(ALARM, "dimensions.DBInstanceIdentifier", "none", PLAIN),
    Wrong(ALARM, "metricQueries[1].metric.dimensions.TargetGroup", "targetgroup/none/1", "api-down"),
    Wrong(ALARM, "dimensions.CacheClusterId", "otakaro-dt-none-001", "redis-1-memory"),
    Wrong(ALARM, "dimensions.FunctionName", "us-east-1.none", "edge-password-errors"),
    Wrong(ALARM, "alarmDescription", "d" * 1025), Wrong(ALARM, "metricQueries", lambda _, old: old * 7, "api-down"),
    Wrong(ALARM, "metricQueries[1].id", "Healthy", "api-down"), Wrong(ALARM, "metricQueries[1].id", "value", "api-down"),
    Wrong(ALARM, "metricQueries[1].returnData", True, "api-down"),
    Wrong(ALARM, "metricQueries[0].expression", "IF(ill > 0, 0, 1)", "api-down"),
    Wrong(ALARM, "metricQueries[1].expression", "healthy", "api-down"),
    Wrong(ALARM, "metricQueries[1].metric.stat", "Mean", "api-down"),
    Wrong(BOARD, "dashboardName", "my board"), Wrong(BOARD, "dashboardBody", "{}"), Wrong(BOARD, "dashboardBody", "x"),
    Wrong(BOARD, f"{WIDGET}.width", 25, told="dashboardBody"), Wrong(BOARD, f"{WIDGET}.type", "chart", told="dashboardBody"),
    Wrong(BOARD, f"{WIDGET}.properties", {}, told="dashboardBody"),
    Wrong(BOARD, f"{GRAPH}.metrics", [["AWS/ECS", "CPUUtilization"]] * 501, told="dashboardBody"),
    Wrong(BOARD, f"{GRAPH}.metrics", [["AWS/ECS", "CPUUtilization", "ServiceName"]], told="dashboardBody"),
    Wrong(BOARD, f"{GRAPH}.metrics", [["A", "B", {"id": "x"}], ["A", "C", {"id": "x"}]], told="dashboardBody"),
    Wrong(QUESTION, "logGroupNames", [f"/g/{n}" for n in range(51)]), Wrong(QUESTION, "queryString", ""),
    Wrong(QUESTION, "name", ""), Wrong(QUESTION, "logGroupNames", ["a b"]),
    Wrong(BUDGET, "name", "a:b"), Wrong(BUDGET, "limitAmount", "0"), Wrong(BUDGET, "limitAmount", "much"),
    Wrong(BUDGET, "timeUnit", "WEEKLY"), Wrong(BUDGET, "budgetType", "MONEY"),
    Wrong(BUDGET, "notifications", lambda _, old: old * 4), Wrong(BUDGET, "notifications", twice),
    Wrong(BUDGET, "notifications[0].subscriberSnsTopicArns", [], told="notifications"),
    Wrong(BUDGET, "notifications[0].subscriberSnsTopicArns", ["arn:aws:sns:ap-southeast-2:111122223333:a"] * 2),
    Wrong(BUDGET, "notifications[0].subscriberEmailAddresses", [f"a{n}@example.org" for n in range(11)]),
    Wrong(BUDGET, "notifications[0].subscriberSnsTopicArns[0]", some(QUEUE, "arn")),
    Wrong(BUDGET, "notifications[0].threshold", 0), Wrong(BUDGET, "notifications[0].notificationType", "GUESSED"),
    Wrong(TARGET, "inputTransformer.inputTemplate", "<none>", "failure-memory"),
    Wrong(TARGET, "inputTransformer.inputTemplate", "A task <of", "failure-memory"),
    Wrong(ROUTE, "destinationCidrBlock", "10.0.0.0/16"),
    # what is known to go unseen: see docs/contract.md
    Wrong(DB, "instanceClass", "db.m3.large"),
    Wrong(LIFECYCLE, "rules[0].prefix", "logs/"),
    Wrong(EVENT, "eventPattern.detail.size", [{"numeric": [">"]}], "-deployment"),
    Wrong(HEADERS, "customHeadersConfig", {"items": [{"header": "Strict-Transport-Security", "value": "max-age=1", "override": True}]}),
    Wrong(ACL, "rules[1].statement.managedRuleGroupStatement.name", "AWSManagedRulesNone"),
    Wrong(DISTRIBUTION, "restrictions.geoRestriction", {"restrictionType": "whitelist", "locations": ["XX"]}),
    Wrong("iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn", "arn:aws:iam::aws:policy/NoSuchPolicy"),
    Wrong("cloudwatch/logDeliverySource:LogDeliverySource", "logType", "FLOW_LOGS"),
    Wrong(POLICY, f"{STATEMENT}.Condition", {"StringEquals": {"ecr:NoSuchKey": "x"}}),
)
# fmt: on


def homes() -> tuple[World, World]:
    """Production, and production with its switches the other way."""
    production = configuration("production")
    return world(production), world(production | SWITCHES)


def verdicts(homes: tuple[World, World]) -> list[Verdict]:
    return [judged(home_of(homes, wrong), wrong) for wrong in WRONG]


def home_of(homes: tuple[World, World], wrong: Wrong) -> World:
    """Production, if it has such a resource."""
    return homes[0] if any(homes[0].of(wrong.type)) else homes[1]


def main() -> None:
    found = verdicts(homes())
    for verdict in found:
        wrong = verdict.wrong
        reason = verdict.reasons[0] if verdict.reasons else ""
        print(f"{verdict.by or 'UNSEEN':10} {wrong.type.split(':')[1]:28} {wrong.path:45} {reason}")
    caught = sum(bool(verdict.by) for verdict in found)
    sys.stdout.write(f"{caught} of {len(found)} caught\n")


if __name__ == "__main__":
    main()
