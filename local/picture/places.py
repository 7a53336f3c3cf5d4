"""Where each kind of resource stands, and why some kinds don't.

A kind that is in none of these tables fails a test: the picture may not forget anything silently.
"""

from collections.abc import Iterable
from dataclasses import dataclass

EDGE, PUBLIC, PRIVATE, DATA = "Edge, worldwide", "Public subnets", "Private subnets", "Data"
ENTRANCE = "Private entrance"  # of the private subnets, too
SECRETS, ROLLOUT, ALARMS = "Secrets", "Rolls out by itself", "Watching"
VISITORS, TEAM, PEOPLE = "visitors", "team", "people"  # stand in no group


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where resources of a kind stand: one part each, or with `counted` one part for all."""

    group: str
    icon: str
    box: str = ""
    counted: str = ""  # the part's label, with {} for how many


PLACES: dict[str, Place] = {
    "cloudfront/distribution:Distribution": Place(
        group=EDGE, box="CloudFront", icon="network/cloudfront"
    ),
    "route53/record:Record": Place(group=EDGE, icon="network/route-53", counted="DNS\n{} records"),
    "acm/certificate:Certificate": Place(
        group=EDGE, icon="security/certificate-manager", counted="{} TLS\ncertificates"
    ),
    "wafv2/webAcl:WebAcl": Place(group=EDGE, icon="security/waf", counted="Firewall"),
    "ec2/natGateway:NatGateway": Place(
        group=PUBLIC, icon="network/nat-gateway", counted="NAT\ngateway: {}"
    ),
    "lb/loadBalancer:LoadBalancer": Place(group=ENTRANCE, icon="network/elastic-load-balancing"),
    "ecs/service:Service": Place(group=PRIVATE, icon="compute/fargate"),
    "elasticache/replicationGroup:ReplicationGroup": Place(
        group=PRIVATE, icon="database/elasticache"
    ),
    "rds/instance:Instance": Place(group=DATA, icon="database/rds"),
    "efs/fileSystem:FileSystem": Place(group=DATA, icon="storage/elastic-file-system-efs"),
    "efs/backupPolicy:BackupPolicy": Place(group=DATA, icon="storage/backup", counted="AWS Backup"),
    # A bucket that CloudFront shows stands with it, a function where it runs.
    "s3/bucket:Bucket": Place(group=DATA, icon="storage/simple-storage-service-s3"),
    "lambda/function:Function": Place(group=ROLLOUT, icon="compute/lambda"),
    "ssm/parameter:Parameter": Place(
        group=SECRETS, icon="management/systems-manager", counted="Parameter\nStore: {}"
    ),
    "ecr/repository:Repository": Place(
        group=ROLLOUT, box="ECR: images", icon="compute/ec2-container-registry"
    ),
    "cloudwatch/eventRule:EventRule": Place(
        group=ROLLOUT, icon="integration/eventbridge", counted="EventBridge\n{} rules"
    ),
    "sqs/queue:Queue": Place(group=ROLLOUT, icon="integration/simple-queue-service-sqs"),
    "cloudwatch/metricAlarm:MetricAlarm": Place(
        group=ALARMS, icon="management/cloudwatch", counted="{} alarms"
    ),
    "budgets/budget:Budget": Place(group=ALARMS, icon="cost/budgets", counted="budget"),
    "sns/topic:Topic": Place(group=ALARMS, icon="integration/simple-notification-service-sns"),
}

# Drawn in the second picture, docs/network.svg.
NETWORK = frozenset(
    {
        "ec2/vpc:Vpc",
        "ec2/subnet:Subnet",
        "ec2/internetGateway:InternetGateway",
        "ec2/natGateway:NatGateway",
        "ec2/vpcEndpoint:VpcEndpoint",
        "ec2/flowLog:FlowLog",
        "ec2/securityGroup:SecurityGroup",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    }
)

# Why a kind is in neither picture.
LEFT_OUT: dict[str, tuple[str, ...]] = {
    "the arrows show what it lets through": (
        "lb/listener:Listener",
        "lb/listenerRule:ListenerRule",
        "lb/targetGroup:TargetGroup",
        "cloudwatch/eventTarget:EventTarget",
        "lambda/eventSourceMapping:EventSourceMapping",
        "lambda/permission:Permission",
        "sns/topicSubscription:TopicSubscription",
    ),
    "how a part that is shown does its work": (
        "appautoscaling/policy:Policy",
        "appautoscaling/scheduledAction:ScheduledAction",
        "appautoscaling/target:Target",
        "cloudfront/cachePolicy:CachePolicy",
        "cloudfront/originAccessControl:OriginAccessControl",
        "cloudfront/originRequestPolicy:OriginRequestPolicy",
        "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "cloudfront/vpcOrigin:VpcOrigin",
        "ecr/lifecyclePolicy:LifecyclePolicy",
        "ecs/cluster:Cluster",
        "ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "ecs/taskDefinition:TaskDefinition",
        "efs/accessPoint:AccessPoint",
        "efs/mountTarget:MountTarget",
        "elasticache/parameterGroup:ParameterGroup",
        "elasticache/subnetGroup:SubnetGroup",
        "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "lambda/invocation:Invocation",
        "rds/eventSubscription:EventSubscription",
        "rds/parameterGroup:ParameterGroup",
        "rds/subnetGroup:SubnetGroup",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketObjectv2:BucketObjectv2",
        "scheduler/schedule:Schedule",
    ),
    "names": (
        "acm/certificateValidation:CertificateValidation",
        "route53/zone:Zone",
        "servicediscovery/instance:Instance",
        "servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
        "servicediscovery/service:Service",
    ),
    "permissions and encryption: docs/security.md": (
        "efs/fileSystemPolicy:FileSystemPolicy",
        "iam/role:Role",
        "iam/rolePolicy:RolePolicy",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "sns/topicPolicy:TopicPolicy",
        "sqs/queuePolicy:QueuePolicy",
    ),
    "shows what the alarms look at": ("cloudwatch/dashboard:Dashboard",),
    "everything writes logs": (
        "cloudwatch/logDelivery:LogDelivery",
        "cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        "cloudwatch/logDeliverySource:LogDeliverySource",
        "cloudwatch/logGroup:LogGroup",
        "cloudwatch/logMetricFilter:LogMetricFilter",
        "cloudwatch/logResourcePolicy:LogResourcePolicy",
        "cloudwatch/queryDefinition:QueryDefinition",
        "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
    ),
    "the network's picture shows what it leads to": (
        "ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "ec2/eip:Eip",
        "ec2/route:Route",
        "ec2/routeTable:RouteTable",
        "ec2/routeTableAssociation:RouteTableAssociation",
    ),
    "made up once, nothing that runs": (
        "index/randomBytes:RandomBytes",
        "index/randomId:RandomId",
        "index/randomPassword:RandomPassword",
    ),
}


def homeless(kinds: Iterable[str]) -> list[str]:
    """Those of `kinds` (as aws:ecs/service:Service) that no table here knows."""
    known = PLACES.keys() | NETWORK | {kind for group in LEFT_OUT.values() for kind in group}
    return sorted(kind for kind in kinds if kind.partition(":")[2] not in known)
