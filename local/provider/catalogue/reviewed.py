"""What was looked for in the official provider's source, type by type.

The files are those of hashicorp/terraform-provider-aws, below internal/service, in version 5.46; a
`*` marks those that were read in a version of 2026. In each, ForceNew, CustomizeDiff, ForceNewIf,
RequiresReplace and RequiresReplaceIf, DiffSuppressFunc, StateFunc and apply_immediately were looked
for. What decides about a change is in the type's own entry (replace, replace_when, reject_when,
same_when, deferred), each condition with its function. The notes say what else was found; a type
without a note has nothing of it, or a list of arguments that always replace alone.
"""

from collections.abc import Mapping
from typing import Final

# fmt: off
REVIEWED: Final[Mapping[str, tuple[str, str]]] = {
    "aws:acm/certificate:Certificate": (
        "acm/certificate.go",
        "domain_validation_options and SANs computed in the plan; pending_renewal of early "
        "renewals",
    ),
    "aws:acm/certificateValidation:CertificateValidation": ("acm/certificate_validation.go", ""),
    "aws:appautoscaling/policy:Policy": ("appautoscaling/policy.go", ""),
    "aws:appautoscaling/target:Target": ("appautoscaling/target.go", ""),
    "aws:budgets/budget:Budget": ("budgets/budget.go", "notifications deleted and created again"),
    "aws:cloudfront/cachePolicy:CachePolicy": ("cloudfront/cache_policy.go", ""),
    "aws:cloudfront/distribution:Distribution": ("cloudfront/distribution.go", ""),
    "aws:cloudfront/originAccessControl:OriginAccessControl": (
        "cloudfront/origin_access_control.go",
        "",
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": (
        "cloudfront/origin_request_policy.go",
        "",
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": (
        "cloudfront/response_headers_policy.go",
        "",
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": ("cloudfront/vpc_origin.go *", ""),
    "aws:cloudwatch/dashboard:Dashboard": ("cloudwatch/dashboard.go", "body compared as JSON"),
    "aws:cloudwatch/eventRule:EventRule": (
        "events/rule.go",
        "pattern compared as JSON; is_enabled against state",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ("events/target.go", ""),
    "aws:cloudwatch/logDelivery:LogDelivery": ("logs/delivery.go *", ""),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": (
        "logs/delivery_destination.go *",
        "",
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": ("logs/delivery_source.go *", ""),
    "aws:cloudwatch/logGroup:LogGroup": ("logs/group.go", ""),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch/metric_alarm.go", "validation only"),
    "aws:cloudwatch/queryDefinition:QueryDefinition": ("logs/query_definition.go", ""),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ("ec2/vpc_default_security_group.go", ""),
    "aws:ec2/eip:Eip": ("ec2/ec2_eip.go", ""),
    "aws:ec2/flowLog:FlowLog": ("ec2/vpc_flow_log.go", ""),
    "aws:ec2/internetGateway:InternetGateway": (
        "ec2/vpc_internet_gateway.go",
        "vpc_id by detaching and attaching",
    ),
    "aws:ec2/natGateway:NatGateway": (
        "ec2/vpc_nat_gateway.go *",
        "secondary addresses computed in the plan",
    ),
    "aws:ec2/route:Route": ("ec2/vpc_route.go", "equal CIDR blocks compared as such"),
    "aws:ec2/routeTable:RouteTable": ("ec2/vpc_route_table.go", ""),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        "ec2/vpc_route_table_association.go",
        "route_table_id gives the association another id: replaced here",
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        "ec2/vpc_security_group.go",
        "inline rules, which the program has none of",
    ),
    "aws:ec2/subnet:Subnet": ("ec2/vpc_subnet.go", ""),
    "aws:ec2/vpc:Vpc": (
        "ec2/vpc_.go",
        "cidr_block of an IPAM pool; IPv6 blocks computed in the plan",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("ec2/vpc_endpoint.go", "policy compared as equivalent"),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": (
        "ecr/lifecycle_policy.go",
        "policy compared as JSON",
    ),
    "aws:ecr/repository:Repository": ("ecr/repository.go", ""),
    "aws:ecs/cluster:Cluster": ("ecs/cluster.go", ""),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": (
        "ecs/cluster_capacity_providers.go",
        "",
    ),
    "aws:ecs/service:Service": (
        "ecs/service.go *",
        "desired_count of a DAEMON; before v6, capacity providers replaced the service",
    ),
    "aws:ecs/taskDefinition:TaskDefinition": (
        "ecs/task_definition.go",
        "containers compared as equivalent",
    ),
    "aws:efs/accessPoint:AccessPoint": ("efs/access_point.go", ""),
    "aws:efs/backupPolicy:BackupPolicy": ("efs/backup_policy.go", ""),
    "aws:efs/fileSystem:FileSystem": ("efs/file_system.go", ""),
    "aws:efs/fileSystemPolicy:FileSystemPolicy": (
        "efs/file_system_policy.go",
        "policy compared as equivalent, with Id and Sid",
    ),
    "aws:efs/mountTarget:MountTarget": ("efs/mount_target.go", ""),
    "aws:elasticache/parameterGroup:ParameterGroup": (
        "elasticache/parameter_group.go",
        "names in lower case",
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        "elasticache/replication_group.go * elasticache/engine_version.go *",
        "apply_immediately is false unless set; replicas immediately, before and after the "
        "rest; node_group_configuration replaces, which the program has none of; "
        "member_clusters computed in the plan",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": (
        "elasticache/subnet_group.go",
        "names in lower case",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ("iam/openid_connect_provider.go", ""),
    "aws:iam/policy:Policy": ("iam/policy.go", "policy compared as equivalent"),
    "aws:iam/role:Role": ("iam/role.go", "policy compared as equivalent"),
    "aws:iam/rolePolicy:RolePolicy": ("iam/role_policy.go", "policy compared as equivalent"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("iam/role_policy_attachment.go", ""),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (
        "lambda/event_source_mapping.go",
        "names against ARNs of functions; default batch sizes",
    ),
    "aws:lambda/function:Function": (
        "lambda/function.go *",
        "version and qualified ARN computed in the plan when it publishes",
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": (
        "lambda/function_event_invoke_config.go",
        "",
    ),
    "aws:lambda/invocation:Invocation": ("lambda/invocation.go", ""),
    "aws:lambda/permission:Permission": ("lambda/permission.go", ""),
    "aws:lb/listener:Listener": ("elbv2/listener.go", "actions of other types are not compared"),
    "aws:lb/listenerRule:ListenerRule": (
        "elbv2/listener_rule.go",
        "actions of other types are not compared",
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        "elbv2/load_balancer.go",
        "attributes of other kinds of balancers are not compared; subnets of network load "
        "balancers",
    ),
    "aws:lb/targetGroup:TargetGroup": (
        "elbv2/target_group.go",
        "validation; attributes of Lambda targets are not compared",
    ),
    "aws:rds/eventSubscription:EventSubscription": ("rds/event_subscription.go", ""),
    "aws:rds/instance:Instance": (
        "rds/instance.go rds/verify.go",
        "apply_immediately is false unless set; blue/green updates, which the program does "
        "not use",
    ),
    "aws:rds/parameterGroup:ParameterGroup": ("rds/parameter_group.go", ""),
    "aws:rds/subnetGroup:SubnetGroup": ("rds/subnet_group.go", ""),
    "aws:route53/record:Record": (
        "route53/record.go",
        "names with and without their last dot; type and set_identifier give the record "
        "another id: replaced here",
    ),
    "aws:route53/zone:Zone": ("route53/zone.go", "names without their last dot"),
    "aws:s3/bucket:Bucket": ("s3/bucket.go", ""),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        "s3/bucket_lifecycle_configuration.go",
        "an empty filter is no difference",
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": (
        "s3/object.go",
        "etag and version computed in the plan",
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        "s3/bucket_ownership_controls.go",
        "",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": ("s3/bucket_policy.go", "policy compared as equivalent"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        "s3/bucket_public_access_block.go",
        "",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "s3/bucket_server_side_encryption_configuration.go",
        "",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ("s3/bucket_versioning.go", ""),
    "aws:scheduler/schedule:Schedule": (
        "scheduler/schedule.go",
        "a default retry policy is no difference",
    ),
    "aws:servicediscovery/instance:Instance": ("servicediscovery/instance.go", ""),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": (
        "servicediscovery/private_dns_namespace.go",
        "",
    ),
    "aws:servicediscovery/service:Service": ("servicediscovery/service.go", ""),
    "aws:sns/topic:Topic": ("sns/topic.go", "validation; policies compared as equivalent"),
    "aws:sns/topicPolicy:TopicPolicy": ("sns/topic_policy.go", "policy compared as equivalent"),
    "aws:sns/topicSubscription:TopicSubscription": (
        "sns/topic_subscription.go",
        "JSON compared as such; filter_policy_scope computed in the plan",
    ),
    "aws:sqs/queue:Queue": ("sqs/queue.go", "validation; policies compared as equivalent"),
    "aws:sqs/queuePolicy:QueuePolicy": ("sqs/queue_policy.go", "policy compared as equivalent"),
    "aws:ssm/parameter:Parameter": ("ssm/parameter.go", "version computed in the plan"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        "ec2/vpc_security_group_egress_rule.go ec2/vpc_security_group_ingress_rule.go",
        "",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        "ec2/vpc_security_group_ingress_rule.go",
        "",
    ),
    "aws:wafv2/webAcl:WebAcl": ("wafv2/web_acl.go", ""),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": (
        "wafv2/web_acl_logging_configuration.go",
        "an empty redacted field is no difference",
    ),
}
