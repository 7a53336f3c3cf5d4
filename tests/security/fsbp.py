"""AWS Foundational Security Best Practices, as far as the program has what they look at.

Ids are Security Hub's (its user guide, "Control reference" and the page of each service, where the
parameters stand too). A control looks at resources of some kinds; where the program has none of
them it doesn't apply. The words are ours.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.record import Recording, Resource
from local.waivers import Failure

Check = Callable[[Recording, Resource], bool]

VPC = "ec2/vpc:Vpc"
SUBNET = "ec2/subnet:Subnet"
INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
VPC_ORIGIN = "cloudfront/vpcOrigin:VpcOrigin"
DISTRIBUTION = "cloudfront/distribution:Distribution"
BALANCER = "lb/loadBalancer:LoadBalancer"
LISTENER = "lb/listener:Listener"
TARGETS = "lb/targetGroup:TargetGroup"
REPOSITORY = "ecr/repository:Repository"
CLUSTER = "ecs/cluster:Cluster"
SERVICE = "ecs/service:Service"
TASK = "ecs/taskDefinition:TaskDefinition"
DISK = "efs/fileSystem:FileSystem"
ACCESS_POINT = "efs/accessPoint:AccessPoint"
MOUNT_TARGET = "efs/mountTarget:MountTarget"
REDIS = "elasticache/replicationGroup:ReplicationGroup"
DATABASE = "rds/instance:Instance"
FUNCTION = "lambda/function:Function"
BUCKET = "s3/bucket:Bucket"
TOPIC = "sns/topic:Topic"
QUEUE = "sqs/queue:Queue"
CERTIFICATE = "acm/certificate:Certificate"
ROLE_POLICY = "iam/rolePolicy:RolePolicy"
POLICY = "iam/policy:Policy"
WEB_ACL = "wafv2/webAcl:WebAcl"

# Pulumi's modules, and Security Hub's names of the services whose controls look at them.
SERVICES: dict[str, tuple[str, ...]] = {
    "acm": ("ACM",),
    "appautoscaling": (),  # Application Auto Scaling; AutoScaling.* are of EC2 instances
    "backup": ("Backup",),
    "cloudfront": ("CloudFront",),
    "cloudwatch": ("EventBridge",),  # CloudWatch.* are of CIS
    "ec2": ("EC2",),
    "ecr": ("ECR",),
    "ecs": ("ECS",),
    "efs": ("EFS",),
    "elasticache": ("ElastiCache",),
    "iam": ("IAM", "KMS"),
    "kms": ("KMS",),
    "lambda": ("Lambda",),
    "lb": ("ELB",),
    "rds": ("RDS",),
    "route53": ("Route53",),
    "s3": ("S3",),
    "servicediscovery": (),
    "sns": ("SNS",),
    "sqs": ("SQS",),
    "ssm": ("SSM",),
    "vpc": ("EC2",),
    "wafv2": ("WAF",),
}

# Of the account rather than of any stack in it: its owner answers for them.
ACCOUNT = frozenset(
    [
        *("EC2.7", "EC2.172", "EC2.182", "S3.1", "SSM.6", "SSM.7"),
        *("IAM.3", "IAM.4", "IAM.5", "IAM.6", "IAM.7", "IAM.8"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control: what it asks of each resource of its kinds."""

    id: str
    kinds: tuple[str, ...]
    passes: Check | None  # None: the program has nothing of these kinds, so nobody wrote a check

    @property
    def service(self) -> str:
        return self.id.partition(".")[0]

    def looks_at(self, recording: Recording) -> list[Resource]:
        """The resources that it applies to."""
        return [resource for kind in self.kinds for resource in recording.of(kind)]

    def failures(self, recording: Recording) -> list[Failure]:
        """The resources that it refuses.

        Raises:
            LookupError: there are resources for it, and it has no check.
        """
        resources = self.looks_at(recording)
        if self.passes is None:
            if resources:
                raise LookupError(f"{self.id} applies to {resources[0].type} now: write its check")
            return []
        return [Failure(self.id, r.name) for r in resources if not self.passes(recording, r)]


def _is(key: str, *allowed: object) -> Check:
    """Whether the input `key` has one of the values."""
    return lambda _, resource: resource.inputs.get(key) in allowed


def _containers(resource: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(resource.inputs["containerDefinitions"])
    return found


def _each_container(good: Callable[[dict[str, Any]], bool]) -> Check:
    return lambda _, resource: all(map(good, _containers(resource)))


def _behaviours(resource: Resource) -> list[dict[str, Any]]:
    first: dict[str, Any] = resource.inputs["defaultCacheBehavior"]
    return [first, *resource.inputs.get("orderedCacheBehaviors", [])]


def _custom_origins(recording: Recording, resource: Resource) -> list[dict[str, Any]]:
    """The connections to origins other than buckets: a VPC origin has its own resource."""
    origins = resource.inputs["origins"]
    found = [o["customOriginConfig"] for o in origins if "customOriginConfig" in o]
    if any("vpcOriginConfig" in o for o in origins):
        found += [o.inputs["vpcOriginEndpointConfig"] for o in recording.of(VPC_ORIGIN)]
    return found


def _protocols(origin: dict[str, Any]) -> list[str]:
    protocols = origin["originSslProtocols"]
    return list(protocols["items"] if isinstance(protocols, dict) else protocols)


def _statements(document: str) -> list[dict[str, Any]]:
    statements = json.loads(document)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _list(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _public(statement: dict[str, Any]) -> bool:
    """Anyone may, without a condition that says who or from where."""
    principal = statement.get("Principal")
    anyone = principal == "*" or (
        isinstance(principal, dict) and "*" in _list(principal.get("AWS"))
    )
    return statement["Effect"] == "Allow" and anyone and not statement.get("Condition")


def _attached(recording: Recording, kind: str, key: str, resource: Resource) -> list[Resource]:
    """The resources of `kind` whose input `key` was given from `resource`."""
    return [other for other in recording.of(kind) if resource.urn in other.sources.get(key, ())]


def _policies_admit_nobody(kind: str, key: str) -> Check:
    """No policy of the resource lets anyone in."""
    return lambda recording, resource: (
        not any(
            _public(statement)
            for part in _attached(recording, kind, key, resource)
            for statement in _statements(part.inputs["policy"])
        )
    )


def _bucket_part(kind: str, good: Callable[[dict[str, Any]], bool]) -> Check:
    """The bucket has a part of `kind` that is good."""
    return lambda recording, bucket: any(
        good(part.inputs) for part in _attached(recording, kind, "bucket", bucket)
    )


_BLOCKED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_shut = _bucket_part(
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    lambda part: all(part.get(key) is True for key in _BLOCKED),
)


def _refuses_plain_http(part: dict[str, Any]) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and "s3:*" in _list(statement["Action"])
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in _statements(part["policy"])
    )


def _own_account_only(part: dict[str, Any]) -> bool:
    return not any(
        statement["Effect"] == "Allow" and "Service" not in statement.get("Principal", {})
        for statement in _statements(part["policy"])
    )


def _everything(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Allow"
        and "*" in _list(statement.get("Action"))
        and "*" in _list(statement.get("Resource"))
    )


def _whole_service(statement: dict[str, Any]) -> bool:
    return statement["Effect"] == "Allow" and (
        "NotAction" in statement or any(a.endswith(":*") for a in _list(statement.get("Action")))
    )


def _decrypts_with_any_key(statement: dict[str, Any]) -> bool:
    """With the actions that KMS.1 and KMS.2 name, on every key."""
    actions = {"kms:*", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncrypt*", "*"}
    return (
        statement["Effect"] == "Allow"
        and bool(actions & set(_list(statement.get("Action"))))
        and any(arn == "*" or arn.endswith(":key/*") for arn in _list(statement.get("Resource")))
    )


def _no_statement(bad: Callable[[dict[str, Any]], bool]) -> Check:
    return lambda _, resource: not any(map(bad, _statements(resource.inputs["policy"])))


def _anywhere(rule: Resource) -> bool:
    return rule.inputs.get("cidrIpv4") == "0.0.0.0/0" or rule.inputs.get("cidrIpv6") == "::/0"


# EC2.19's parameter: ports that nobody should open to everyone.
_RISKY = (
    *(20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500),
    *(5601, 8080, 8088, 8888, 9200, 9300),
)


def _ports(rule: Resource) -> range:
    if str(rule.inputs["ipProtocol"]) == "-1":
        return range(65536)
    return range(rule.inputs["fromPort"], rule.inputs["toPort"] + 1)


def _has_endpoint(service: str) -> Check:
    """The VPC reaches `service` through an interface endpoint of its own."""
    return lambda recording, network: any(
        endpoint.inputs["serviceName"].endswith(f".{service}")
        and endpoint.inputs.get("vpcEndpointType") == "Interface"
        for endpoint in _attached(recording, "ec2/vpcEndpoint:VpcEndpoint", "vpcId", network)
    )


def _subnets(recording: Recording, urns: frozenset[str]) -> list[Resource]:
    return [subnet for subnet in recording.of(SUBNET) if subnet.urn in urns]


def _reaches_internet_gateway(recording: Recording, subnet: Resource) -> bool:
    tables = {
        urn
        for part in _attached(
            recording, "ec2/routeTableAssociation:RouteTableAssociation", "subnetId", subnet
        )
        for urn in part.sources["routeTableId"]
    }
    return any(
        "gatewayId" in route.inputs and tables & route.sources["routeTableId"]
        for route in recording.of("ec2/route:Route")
    )


def _in_private_subnets(recording: Recording, instance: Resource) -> bool:
    [group] = [
        g
        for g in recording.of("rds/subnetGroup:SubnetGroup")
        if g.urn in instance.sources["dbSubnetGroupName"]
    ]
    subnets = _subnets(recording, group.sources["subnetIds"])
    return bool(subnets) and not any(_reaches_internet_gateway(recording, s) for s in subnets)


def _in_two_zones(recording: Recording, function: Resource) -> bool:
    if "vpcConfig" not in function.inputs:
        return True
    subnets = _subnets(recording, function.sources["vpcConfig"])
    return len({subnet.inputs["availabilityZone"] for subnet in subnets}) >= 2


def _without_public_addresses(recording: Recording, target: Resource) -> bool:
    subnets = _subnets(recording, target.sources["subnetId"])
    return bool(subnets) and not any(s.inputs.get("mapPublicIpOnLaunch") for s in subnets)


def _forces_tls(recording: Recording, instance: Resource) -> bool:
    """Since PostgreSQL 15 `rds.force_ssl` is on unless it is turned off."""
    [group] = [
        g
        for g in recording.of("rds/parameterGroup:ParameterGroup")
        if g.urn in instance.sources["parameterGroupName"]
    ]
    default = "1" if int(group.inputs["family"].removeprefix("postgres")) >= 15 else "0"
    values = {p["name"]: p["value"] for p in group.inputs.get("parameters", [])}
    return bool(values.get("rds.force_ssl", default) == "1")


def _subscribed(source: str, *events: str) -> Check:
    """Somebody is told of these RDS events."""
    return lambda recording, _: any(
        part.inputs.get("sourceType") == source
        and part.inputs.get("enabled", True)
        and set(events) <= set(part.inputs.get("eventCategories") or events)
        for part in recording.of("rds/eventSubscription:EventSubscription")
    )


def _uses_waf(recording: Recording, balancer: Resource) -> bool:
    return bool(
        _attached(recording, "wafv2/webAclAssociation:WebAclAssociation", "resourceArn", balancer)
    )


def _bucket_origins(distribution: Resource) -> list[dict[str, Any]]:
    others = {"customOriginConfig", "vpcOriginConfig"}
    return [o for o in distribution.inputs["origins"] if not others & o.keys()]


def _buckets_exist(recording: Recording, distribution: Resource) -> bool:
    names = {bucket.state["bucketRegionalDomainName"] for bucket in recording.of(BUCKET)}
    return all(origin["domainName"] in names for origin in _bucket_origins(distribution))


def _on_linux(_: Recording, task: Resource) -> bool:
    return bool(task.inputs["runtimePlatform"]["operatingSystemFamily"] == "LINUX")


def _backed_up(recording: Recording, disk: Resource) -> bool:
    return any(
        part.inputs["backupPolicy"]["status"] == "ENABLED"
        for part in _attached(recording, "efs/backupPolicy:BackupPolicy", "fileSystemId", disk)
    )


def _redirects(_: Recording, listener: Resource) -> bool:
    return listener.inputs["protocol"] != "HTTP" or all(
        action["type"] == "redirect" and action["redirect"]["protocol"] == "HTTPS"
        for action in listener.inputs["defaultActions"]
    )


def _exports_logs(_: Recording, instance: Resource) -> bool:
    return {"postgresql", "upgrade"} <= set(instance.inputs.get("enabledCloudwatchLogsExports", []))


# Of Lambda.2's parameter, those of Python.
_RUNTIMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3.10")
# ELB.17's parameter.
_TLS_POLICIES = tuple(
    f"ELBSecurityPolicy-TLS13-1-{rest}"
    for rest in (
        *("3-2021-06", "3-FIPS-2023-04", "3-PQ-2025-09", "3-FIPS-PQ-2025-09"),
        *("2-Res-2021-06", "2-Res-FIPS-2023-04", "2-Res-PQ-2025-09", "2-Res-FIPS-PQ-2025-09"),
    )
)
_SECRET_NAMES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ECS_ENGINE_AUTH_DATA"}


def _absent(ids: str, *kinds: str) -> Iterator[Control]:
    """Controls of kinds that the program doesn't have."""
    for id_ in ids.split():
        yield Control(id=id_, kinds=kinds, passes=None)


def _controls() -> Iterator[Control]:
    def control(id_: str, kinds: str | tuple[str, ...], passes: Check) -> Control:
        return Control(id=id_, kinds=(kinds,) if isinstance(kinds, str) else kinds, passes=passes)

    # Validated by DNS records, ACM renews them by itself.
    yield control("ACM.1", CERTIFICATE, _is("validationMethod", "DNS"))
    yield control(
        "ACM.2", CERTIFICATE, lambda _, c: c.inputs.get("keyAlgorithm", "RSA_2048") != "RSA_1024"
    )
    yield from _absent("Backup.1", "backup/vault:Vault")

    yield control(
        "CloudFront.1",
        DISTRIBUTION,
        lambda _, d: not _bucket_origins(d) or bool(d.inputs.get("defaultRootObject")),
    )
    yield control(
        "CloudFront.3",
        DISTRIBUTION,
        lambda _, d: all(
            b["viewerProtocolPolicy"] in ("redirect-to-https", "https-only") for b in _behaviours(d)
        ),
    )
    yield control("CloudFront.4", DISTRIBUTION, lambda _, d: bool(d.inputs.get("originGroups")))
    yield control("CloudFront.5", DISTRIBUTION, lambda _, d: "loggingConfig" in d.inputs)
    yield control("CloudFront.6", DISTRIBUTION, lambda _, d: bool(d.inputs.get("webAclId")))
    certificate = "viewerCertificate"
    yield control(
        "CloudFront.7", DISTRIBUTION, lambda _, d: "acmCertificateArn" in d.inputs[certificate]
    )
    yield control(
        "CloudFront.8",
        DISTRIBUTION,
        lambda _, d: d.inputs[certificate].get("sslSupportMethod") == "sni-only",
    )
    yield control(
        "CloudFront.9",
        DISTRIBUTION,
        lambda r, d: all(o["originProtocolPolicy"] == "https-only" for o in _custom_origins(r, d)),
    )
    yield control(
        "CloudFront.10",
        DISTRIBUTION,
        lambda r, d: not any("SSLv3" in _protocols(o) for o in _custom_origins(r, d)),
    )
    yield control("CloudFront.12", DISTRIBUTION, _buckets_exist)
    yield control(
        "CloudFront.13",
        DISTRIBUTION,
        lambda _, d: all(o.get("originAccessControlId") for o in _bucket_origins(d)),
    )
    yield control(
        "CloudFront.15",
        DISTRIBUTION,
        lambda _, d: (
            d.inputs[certificate].get("minimumProtocolVersion")
            in ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
        ),
    )
    yield control(
        "CloudFront.16",  # of function URLs
        DISTRIBUTION,
        lambda _, d: not any("lambda-url" in o["domainName"] for o in d.inputs["origins"]),
    )
    yield control(
        "CloudFront.17",
        DISTRIBUTION,
        lambda _, d: all(b.get("trustedKeyGroups") for b in _behaviours(d)),
    )

    yield from _absent("EC2.1", "ebs/snapshot:Snapshot")
    yield control(
        "EC2.2",
        VPC,
        lambda recording, network: any(
            not group.inputs.get("ingress") and not group.inputs.get("egress")
            for group in _attached(
                recording, "ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId", network
            )
        ),
    )
    yield from _absent("EC2.3", "ebs/volume:Volume")
    yield from _absent("EC2.4 EC2.8 EC2.9 EC2.17 EC2.24", "ec2/instance:Instance")
    yield control(
        "EC2.6",
        VPC,
        lambda recording, network: any(
            log.inputs["trafficType"] in ("REJECT", "ALL")
            for log in _attached(recording, "ec2/flowLog:FlowLog", "vpcId", network)
        ),
    )
    for id_, service in {
        "EC2.10": "ec2",
        "EC2.55": "ecr.api",
        "EC2.56": "ecr.dkr",
        "EC2.57": "ssm",
        "EC2.58": "ssm-contacts",
        "EC2.60": "ssm-incidents",
    }.items():
        yield control(id_, VPC, _has_endpoint(service))
    yield control("EC2.15", SUBNET, lambda _, s: not s.inputs.get("mapPublicIpOnLaunch"))
    yield from _absent("EC2.16 EC2.21", "ec2/networkAcl:NetworkAcl")
    yield control("EC2.18", INGRESS, lambda _, r: not _anywhere(r) or set(_ports(r)) <= {80, 443})
    yield control(
        "EC2.19", INGRESS, lambda _, r: not _anywhere(r) or not set(_ports(r)) & set(_RISKY)
    )
    yield from _absent("EC2.20 EC2.171", "ec2/vpnConnection:VpnConnection")
    yield from _absent("EC2.23", "ec2transitgateway/transitGateway:TransitGateway")
    yield from _absent("EC2.25 EC2.170 EC2.181", "ec2/launchTemplate:LaunchTemplate")
    yield from _absent("EC2.51", "ec2clientvpn/endpoint:Endpoint")
    yield from _absent("EC2.173", "ec2/spotFleetRequest:SpotFleetRequest")
    yield from _absent("EC2.180", "ec2/networkInterface:NetworkInterface")

    yield control(
        "ECR.1",
        REPOSITORY,
        lambda _, r: r.inputs.get("imageScanningConfiguration", {}).get("scanOnPush") is True,
    )
    yield control("ECR.2", REPOSITORY, _is("imageTagMutability", "IMMUTABLE"))
    yield control(
        "ECR.3",
        REPOSITORY,
        lambda recording, r: bool(
            _attached(recording, "ecr/lifecyclePolicy:LifecyclePolicy", "repository", r)
        ),
    )

    yield control(
        "ECS.2",
        SERVICE,
        lambda _, s: s.inputs["networkConfiguration"].get("assignPublicIp") is False,
    )
    yield control("ECS.3", TASK, lambda _, t: t.inputs.get("pidMode") != "host")
    yield control("ECS.4", TASK, _each_container(lambda c: not c.get("privileged")))
    yield control("ECS.5", TASK, _each_container(lambda c: c.get("readonlyRootFilesystem") is True))
    yield control(
        "ECS.8",
        TASK,
        _each_container(lambda c: not _SECRET_NAMES & {e["name"] for e in c["environment"]}),
    )
    yield control("ECS.9", TASK, _each_container(lambda c: "logConfiguration" in c))
    yield control("ECS.10", SERVICE, _is("platformVersion", "LATEST"))
    yield control(
        "ECS.12",
        CLUSTER,
        lambda _, c: any(
            s["name"] == "containerInsights" and s["value"] in ("enabled", "enhanced")
            for s in c.inputs.get("settings", [])
        ),
    )
    yield from _absent("ECS.16", "ecs/taskSet:TaskSet")
    yield control("ECS.17", TASK, _is("networkMode", "awsvpc"))
    yield control(
        "ECS.18",
        TASK,
        lambda _, t: all(
            v["efsVolumeConfiguration"].get("transitEncryption") == "ENABLED"
            for v in t.inputs.get("volumes", [])
            if "efsVolumeConfiguration" in v
        ),
    )
    yield from _absent("ECS.19", "ecs/capacityProvider:CapacityProvider")
    yield control(
        "ECS.20",
        TASK,
        _each_container(lambda c: c.get("user", "0").split(":")[0] not in ("0", "root")),
    )
    yield control("ECS.21", TASK, _on_linux)  # of Windows

    encrypted = _is("encrypted", True)
    yield control("EFS.1", DISK, encrypted)
    yield control("EFS.2", DISK, _backed_up)
    yield control(
        "EFS.3",
        ACCESS_POINT,
        lambda _, p: p.inputs.get("rootDirectory", {}).get("path", "/") != "/",
    )
    yield control("EFS.4", ACCESS_POINT, lambda _, p: bool(p.inputs.get("posixUser")))
    yield control("EFS.6", MOUNT_TARGET, _without_public_addresses)
    yield control("EFS.7", DISK, _backed_up)
    yield control("EFS.8", DISK, encrypted)

    yield control(
        "ElastiCache.1", REDIS, lambda _, r: r.inputs.get("snapshotRetentionLimit", 0) >= 1
    )
    yield control("ElastiCache.2", REDIS, _is("autoMinorVersionUpgrade", True))
    yield control("ElastiCache.3", REDIS, _is("automaticFailoverEnabled", True))
    yield control("ElastiCache.4", REDIS, _is("atRestEncryptionEnabled", True))
    yield control("ElastiCache.5", REDIS, _is("transitEncryptionEnabled", True))
    yield control(
        "ElastiCache.6",  # of versions before 6, which know no users
        REDIS,
        lambda _, r: int(r.inputs["engineVersion"].split(".")[0]) >= 6 or "authToken" in r.inputs,
    )
    yield control(
        "ElastiCache.7", REDIS, lambda _, r: r.inputs.get("subnetGroupName", "default") != "default"
    )

    yield control("ELB.1", LISTENER, _redirects)
    yield from _absent(
        "ELB.2 ELB.3 ELB.7 ELB.8 ELB.9 ELB.10 ELB.14", "elb/loadBalancer:LoadBalancer"
    )
    yield control("ELB.4", BALANCER, _is("dropInvalidHeaderFields", True))
    yield control(
        "ELB.5", BALANCER, lambda _, b: b.inputs.get("accessLogs", {}).get("enabled") is True
    )
    yield control("ELB.6", BALANCER, _is("enableDeletionProtection", True))
    yield control("ELB.12", BALANCER, _is("desyncMitigationMode", "defensive", "strictest"))
    yield control(
        "ELB.13",
        BALANCER,
        lambda recording, b: (
            len({s.inputs["availabilityZone"] for s in _subnets(recording, b.sources["subnets"])})
            >= 2
        ),
    )
    yield control("ELB.16", BALANCER, _uses_waf)
    yield control(
        "ELB.17",
        LISTENER,
        lambda _, r: r.inputs["protocol"] != "HTTPS" or r.inputs.get("sslPolicy") in _TLS_POLICIES,
    )
    yield control("ELB.18", LISTENER, _is("protocol", "HTTPS", "TLS"))
    yield control(
        "ELB.21", TARGETS, lambda _, t: t.inputs.get("healthCheck", {}).get("protocol") == "HTTPS"
    )
    yield control("ELB.22", TARGETS, _is("protocol", "HTTPS", "TLS", "QUIC"))

    yield from _absent("EventBridge.3", "cloudwatch/eventBus:EventBus")
    policies = (ROLE_POLICY, POLICY)
    yield control("IAM.1", policies, _no_statement(_everything))
    yield from _absent("IAM.2", "iam/user:User")
    yield control("IAM.21", policies, _no_statement(_whole_service))
    yield from _absent("KMS.1", POLICY)
    yield control("KMS.2", ROLE_POLICY, _no_statement(_decrypts_with_any_key))
    yield from _absent("KMS.3 KMS.5", "kms/key:Key")

    yield control(
        "Lambda.1",
        FUNCTION,
        lambda recording, function: (
            not any(
                part.inputs["principal"] == "*" or "sourceArn" not in part.inputs
                for part in _attached(
                    recording, "lambda/permission:Permission", "function", function
                )
            )
        ),
    )
    yield control("Lambda.2", FUNCTION, _is("runtime", *_RUNTIMES))
    yield control("Lambda.5", FUNCTION, _in_two_zones)

    yield from _absent("RDS.1 RDS.4", "rds/snapshot:Snapshot")
    yield control("RDS.2", DATABASE, _is("publiclyAccessible", False))
    yield control("RDS.3", DATABASE, _is("storageEncrypted", True))
    yield control("RDS.5", DATABASE, _is("multiAz", True))
    yield control("RDS.6", DATABASE, lambda _, i: i.inputs.get("monitoringInterval", 0) > 0)
    yield from _absent(
        "RDS.7 RDS.12 RDS.14 RDS.15 RDS.16 RDS.19 RDS.24 RDS.27 RDS.34 RDS.35 RDS.37 RDS.45 RDS.47"
        " RDS.48 RDS.50",
        "rds/cluster:Cluster",
    )
    yield control("RDS.8", DATABASE, _is("deletionProtection", True))
    yield control("RDS.9", DATABASE, _exports_logs)
    yield control("RDS.10", DATABASE, _is("iamDatabaseAuthenticationEnabled", True))
    yield control("RDS.11", DATABASE, lambda _, i: i.inputs.get("backupRetentionPeriod", 0) >= 7)
    yield control("RDS.13", DATABASE, _is("autoMinorVersionUpgrade", True))
    yield control("RDS.17", DATABASE, _is("copyTagsToSnapshot", True))
    yield control("RDS.18", DATABASE, lambda _, i: bool(i.inputs.get("dbSubnetGroupName")))
    instance_events = ("maintenance", "configuration change", "failure")
    yield control("RDS.20", DATABASE, _subscribed("db-instance", *instance_events))
    yield control("RDS.21", DATABASE, _subscribed("db-parameter-group", "configuration change"))
    yield control(
        "RDS.22", DATABASE, _subscribed("db-security-group", "configuration change", "failure")
    )
    yield control("RDS.23", DATABASE, lambda _, i: i.inputs["port"] != 5432)
    yield control(
        "RDS.25", DATABASE, lambda _, i: i.inputs["username"] not in ("postgres", "admin")
    )
    postgres = _is("engine", "postgres")
    yield control("RDS.36", DATABASE, _exports_logs)
    yield control("RDS.38", DATABASE, _forces_tls)
    for id_ in ("RDS.39", "RDS.40", "RDS.41", "RDS.44"):  # of other engines
        yield control(id_, DATABASE, postgres)
    yield from _absent("RDS.43", "rds/proxy:Proxy")
    yield control("RDS.46", DATABASE, _in_private_subnets)

    yield control(
        "Route53.2",
        "route53/zone:Zone",
        lambda recording, zone: bool(
            _attached(recording, "route53/queryLog:QueryLog", "zoneId", zone)
        ),
    )
    yield control("S3.2", BUCKET, _shut)
    yield control("S3.3", BUCKET, _shut)
    yield control("S3.5", BUCKET, _bucket_part("s3/bucketPolicy:BucketPolicy", _refuses_plain_http))
    yield control("S3.6", BUCKET, _bucket_part("s3/bucketPolicy:BucketPolicy", _own_account_only))
    yield control("S3.8", BUCKET, _shut)
    yield control("S3.9", BUCKET, _bucket_part("s3/bucketLogging:BucketLogging", lambda _: True))
    yield control(
        "S3.12",
        BUCKET,
        _bucket_part(
            "s3/bucketOwnershipControls:BucketOwnershipControls",
            lambda part: part["rule"]["objectOwnership"] == "BucketOwnerEnforced",
        ),
    )
    yield control(
        "S3.13",
        BUCKET,
        _bucket_part(
            "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            lambda part: any(rule["status"] == "Enabled" for rule in part["rules"]),
        ),
    )
    yield from _absent("S3.19", "s3/accessPoint:AccessPoint")
    yield from _absent("S3.24", "s3control/multiRegionAccessPoint:MultiRegionAccessPoint")
    yield from _absent("S3.25", "s3/directoryBucket:DirectoryBucket")
    yield control("SNS.4", TOPIC, _policies_admit_nobody("sns/topicPolicy:TopicPolicy", "arn"))
    yield control(
        "SQS.1",
        QUEUE,
        lambda _, q: q.inputs.get("sqsManagedSseEnabled") is True or "kmsMasterKeyId" in q.inputs,
    )
    yield control("SQS.3", QUEUE, _policies_admit_nobody("sqs/queuePolicy:QueuePolicy", "queueUrl"))
    yield from _absent("SSM.1 SSM.2 SSM.3", "ec2/instance:Instance")
    yield from _absent("SSM.4", "ssm/document:Document")
    yield from _absent("WAF.1 WAF.2 WAF.3 WAF.4", "wafregional/webAcl:WebAcl")
    yield from _absent("WAF.6 WAF.7 WAF.8", "waf/webAcl:WebAcl")
    yield control("WAF.10", WEB_ACL, lambda _, acl: bool(acl.inputs.get("rules")))
    yield control(
        "WAF.12",
        WEB_ACL,
        lambda _, acl: all(
            rule["visibilityConfig"]["cloudwatchMetricsEnabled"] for rule in acl.inputs["rules"]
        ),
    )


CONTROLS = {control.id: control for control in _controls()}
