"""The emulated account: what an AWS account has anyway, and what it holds at any moment."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped]
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError

HOME_REGION = "ap-southeast-2"
EDGE_REGION = "us-east-1"
BOOT_PREFIX = "otakaro-boot-"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """How to list one kind of thing: the operation, and where its answer names them."""

    service: str
    operation: str
    path: str
    arguments: dict[str, Any] = field(default_factory=dict)
    everywhere: bool = False  # a service without regions is asked once

    @property
    def kind(self) -> str:
        """What the things are called in messages."""
        return f"{self.service} {self.operation.removeprefix('list_').removeprefix('describe_')}"


_NAT_GATEWAYS = "NatGateways[?State != 'deleted' && State != 'deleting'].NatGatewayId"
_VPC_ENDPOINTS = "VpcEndpoints[?State != 'deleted' && State != 'deleting'].VpcEndpointId"

LISTINGS = (
    Listing(service="ec2", operation="describe_vpcs", path="Vpcs[].VpcId"),
    Listing(service="ec2", operation="describe_subnets", path="Subnets[].SubnetId"),
    Listing(service="ec2", operation="describe_route_tables", path="RouteTables[].RouteTableId"),
    Listing(
        service="ec2",
        operation="describe_internet_gateways",
        path="InternetGateways[].InternetGatewayId",
    ),
    Listing(service="ec2", operation="describe_nat_gateways", path=_NAT_GATEWAYS),
    Listing(service="ec2", operation="describe_addresses", path="Addresses[].AllocationId"),
    Listing(service="ec2", operation="describe_vpc_endpoints", path=_VPC_ENDPOINTS),
    Listing(service="ec2", operation="describe_flow_logs", path="FlowLogs[].FlowLogId"),
    Listing(service="ec2", operation="describe_security_groups", path="SecurityGroups[].GroupId"),
    Listing(service="efs", operation="describe_file_systems", path="FileSystems[].FileSystemId"),
    Listing(service="efs", operation="describe_access_points", path="AccessPoints[].AccessPointId"),
    Listing(
        service="elbv2", operation="describe_load_balancers", path="LoadBalancers[].LoadBalancerArn"
    ),
    Listing(
        service="elbv2", operation="describe_target_groups", path="TargetGroups[].TargetGroupArn"
    ),
    Listing(
        service="rds", operation="describe_db_instances", path="DBInstances[].DBInstanceIdentifier"
    ),
    Listing(
        service="rds", operation="describe_db_snapshots", path="DBSnapshots[].DBSnapshotIdentifier"
    ),
    Listing(
        service="rds",
        operation="describe_db_subnet_groups",
        path="DBSubnetGroups[].DBSubnetGroupName",
    ),
    Listing(
        service="rds",
        operation="describe_db_parameter_groups",
        path="DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')]"
        ".DBParameterGroupName",
    ),
    Listing(
        service="elasticache",
        operation="describe_replication_groups",
        path="ReplicationGroups[].ReplicationGroupId",
    ),
    Listing(
        service="elasticache",
        operation="describe_cache_clusters",
        path="CacheClusters[].CacheClusterId",
    ),
    Listing(service="elasticache", operation="describe_snapshots", path="Snapshots[].SnapshotName"),
    Listing(
        service="elasticache",
        operation="describe_cache_subnet_groups",
        path="CacheSubnetGroups[].CacheSubnetGroupName",
    ),
    Listing(
        service="elasticache",
        operation="describe_cache_parameter_groups",
        path="CacheParameterGroups[?!starts_with(CacheParameterGroupName, 'default.')]"
        ".CacheParameterGroupName",
    ),
    Listing(
        service="acm",
        operation="list_certificates",
        path="CertificateSummaryList[].CertificateArn",
    ),
    Listing(service="ecr", operation="describe_repositories", path="repositories[].repositoryArn"),
    Listing(service="ecs", operation="list_clusters", path="clusterArns[]"),
    Listing(
        service="ecs",
        operation="list_task_definitions",
        path="taskDefinitionArns[]",
        arguments={"status": "ACTIVE"},
    ),
    Listing(
        service="application-autoscaling",
        operation="describe_scalable_targets",
        path="ScalableTargets[].ScalableTargetARN",
        arguments={"ServiceNamespace": "ecs"},
    ),
    Listing(
        service="application-autoscaling",
        operation="describe_scaling_policies",
        path="ScalingPolicies[].PolicyARN",
        arguments={"ServiceNamespace": "ecs"},
    ),
    Listing(service="scheduler", operation="list_schedules", path="Schedules[].Arn"),
    Listing(service="lambda", operation="list_functions", path="Functions[].FunctionArn"),
    Listing(service="events", operation="list_rules", path="Rules[].Arn"),
    Listing(service="logs", operation="describe_log_groups", path="logGroups[].logGroupName"),
    Listing(service="cloudwatch", operation="describe_alarms", path="MetricAlarms[].AlarmArn"),
    Listing(
        service="cloudwatch", operation="list_dashboards", path="DashboardEntries[].DashboardName"
    ),
    Listing(service="ssm", operation="describe_parameters", path="Parameters[].Name"),
    Listing(service="secretsmanager", operation="list_secrets", path="SecretList[].ARN"),
    Listing(service="kms", operation="list_keys", path="Keys[].KeyId"),
    Listing(service="sns", operation="list_topics", path="Topics[].TopicArn"),
    Listing(service="sqs", operation="list_queues", path="QueueUrls[]"),
    Listing(service="servicediscovery", operation="list_namespaces", path="Namespaces[].Id"),
    Listing(service="s3", operation="list_buckets", path="Buckets[].Name", everywhere=True),
    Listing(service="iam", operation="list_roles", path="Roles[].RoleName", everywhere=True),
    Listing(
        service="iam",
        operation="list_policies",
        path="Policies[].Arn",
        arguments={"Scope": "Local"},
        everywhere=True,
    ),
    Listing(
        service="route53", operation="list_hosted_zones", path="HostedZones[].Id", everywhere=True
    ),
    Listing(
        service="cloudfront",
        operation="list_distributions",
        path="DistributionList.Items[].Id",
        everywhere=True,
    ),
    Listing(
        service="cloudfront",
        operation="list_cache_policies",
        path="CachePolicyList.Items[].CachePolicy.Id",
        arguments={"Type": "custom"},
        everywhere=True,
    ),
    Listing(
        service="cloudfront",
        operation="list_origin_request_policies",
        path="OriginRequestPolicyList.Items[].OriginRequestPolicy.Id",
        arguments={"Type": "custom"},
        everywhere=True,
    ),
    Listing(
        service="cloudfront",
        operation="list_response_headers_policies",
        path="ResponseHeadersPolicyList.Items[].ResponseHeadersPolicy.Id",
        arguments={"Type": "custom"},
        everywhere=True,
    ),
    Listing(
        service="cloudfront",
        operation="list_functions",
        path="FunctionList.Items[].Name",
        everywhere=True,
    ),
)


@dataclass(frozen=True, order=True)
class Held:
    """One thing that the account holds."""

    kind: str
    region: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" + (f" ({self.region})" if self.region else "")


class Account:
    """The emulated account behind an endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = HOME_REGION) -> Any:
        """A boto3 client of one service, made once."""
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - any word opens the emulator
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": 2},
                    inject_host_prefix=False,
                    proxies={},
                ),
            )
        return self._clients[service, region]

    def boot(self) -> str:
        """What tells this emulator's memory from an earlier one's: an alias of the account.

        A new memory has none and gets one. Raises LocalError when the emulator does not answer.
        """
        iam = self.client("iam")
        try:
            for alias in iam.list_account_aliases()["AccountAliases"]:
                if alias.startswith(BOOT_PREFIX):
                    return str(alias)
            alias = BOOT_PREFIX + secrets.token_hex(6)
            iam.create_account_alias(AccountAlias=alias)
        except (BotoCoreError, ClientError) as error:
            raise LocalError(f"the emulator at {self.endpoint} does not answer: {error}") from error
        return alias

    def ensure_zone(self, name: str) -> bool:
        """The public hosted zone that a domain's owner has anyway; false when it is there."""
        route53 = self.client("route53")
        dotted = name.rstrip(".") + "."
        zones = route53.list_hosted_zones()["HostedZones"]
        if any(zone["Name"] == dotted for zone in zones):
            return False
        route53.create_hosted_zone(Name=dotted, CallerReference=secrets.token_hex(8))
        return True

    def holds(self, listings: Iterable[Listing] = LISTINGS) -> set[Held]:
        """Everything in the account that a stack could have made."""
        found: set[Held] = set()
        for listing in listings:
            for region in ("",) if listing.everywhere else (HOME_REGION, EDGE_REGION):
                names = self._names(listing, region or HOME_REGION)
                found.update(Held(listing.kind, region, name) for name in names)
        return found

    def _names(self, listing: Listing, region: str) -> list[str]:
        client = self.client(listing.service, region)
        if client.can_paginate(listing.operation):
            pages = client.get_paginator(listing.operation).paginate(**listing.arguments)
        else:
            pages = [getattr(client, listing.operation)(**listing.arguments)]
        expression = jmespath.compile(listing.path)
        return [str(name) for page in pages for name in expression.search(page) or []]
