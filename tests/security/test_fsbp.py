"""AWS Foundational Security Best Practices: each control passes, or the document says why not."""

from typing import Final

import pytest

from local.record import Recording, configuration, record_program
from local.waivers import disagreements, rows, settings_that_pass, waivers
from tests.security.faults import Fault, seeded
from tests.security.fsbp import (
    ACCESS_POINT,
    ACCOUNT,
    BALANCER,
    CERTIFICATE,
    CONTROLS,
    DATABASE,
    DISK,
    DISTRIBUTION,
    FUNCTION,
    INGRESS,
    LISTENER,
    QUEUE,
    REDIS,
    REPOSITORY,
    ROLE_POLICY,
    SERVICE,
    SERVICES,
    SUBNET,
    TASK,
    VPC_ORIGIN,
)

WAIVERS = waivers("Controls that do not pass")
ANYONE: Final = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}

# For each control that passes, what it would refuse.
FAULTS: dict[str, tuple[Fault, ...]] = {
    "ACM.1": (Fault(CERTIFICATE, "validationMethod", "EMAIL"),),
    "ACM.2": (Fault(CERTIFICATE, "keyAlgorithm", "RSA_1024"),),
    "CloudFront.3": (
        Fault(DISTRIBUTION, "defaultCacheBehavior.viewerProtocolPolicy", "allow-all"),
    ),
    "CloudFront.7": (
        Fault(DISTRIBUTION, "viewerCertificate", {"cloudfrontDefaultCertificate": True}),
    ),
    "CloudFront.8": (Fault(DISTRIBUTION, "viewerCertificate.sslSupportMethod", "vip"),),
    "CloudFront.9": (
        Fault(VPC_ORIGIN, "vpcOriginEndpointConfig.originProtocolPolicy", "match-viewer"),
    ),
    "CloudFront.10": (
        Fault(VPC_ORIGIN, "vpcOriginEndpointConfig.originSslProtocols.items", ["SSLv3"]),
    ),
    "CloudFront.12": (Fault(DISTRIBUTION, "origins.0.vpcOriginConfig"),),
    "CloudFront.13": (Fault(DISTRIBUTION, "origins.0.vpcOriginConfig"),),
    "CloudFront.15": (Fault(DISTRIBUTION, "viewerCertificate.minimumProtocolVersion", "TLSv1"),),
    "CloudFront.16": (Fault(DISTRIBUTION, "origins.0.domainName", "x.lambda-url.example"),),
    "EC2.2": (Fault("ec2/defaultSecurityGroup:DefaultSecurityGroup"),),
    "EC2.6": (Fault("ec2/flowLog:FlowLog"), Fault("ec2/flowLog:FlowLog", "trafficType", "ACCEPT")),
    "EC2.15": (Fault(SUBNET, "mapPublicIpOnLaunch", True),),
    "EC2.18": (Fault(INGRESS, "cidrIpv4", "0.0.0.0/0"), Fault(INGRESS, "cidrIpv6", "::/0")),
    "EC2.19": (Fault(INGRESS, "cidrIpv4", "0.0.0.0/0"), Fault(INGRESS, "cidrIpv6", "::/0")),
    "ECR.1": (Fault(REPOSITORY, "imageScanningConfiguration.scanOnPush", False),),
    "ECR.3": (Fault("ecr/lifecyclePolicy:LifecyclePolicy"),),
    "ECS.2": (Fault(SERVICE, "networkConfiguration.assignPublicIp", True),),
    "ECS.3": (Fault(TASK, "pidMode", "host"),),
    "ECS.4": (Fault(TASK, "containerDefinitions.0.privileged", True),),
    "ECS.8": (
        Fault(
            TASK,
            "containerDefinitions.0.environment",
            [{"name": "AWS_SECRET_ACCESS_KEY", "value": "?"}],
        ),
    ),
    "ECS.9": (Fault(TASK, "containerDefinitions.0.logConfiguration"),),
    "ECS.10": (Fault(SERVICE, "platformVersion", "1.3.0"),),
    "ECS.17": (Fault(TASK, "networkMode", "host"),),
    "ECS.18": (
        Fault(
            TASK,
            "volumes",
            [{"name": "plain", "efsVolumeConfiguration": {"transitEncryption": "DISABLED"}}],
        ),
    ),
    "ECS.21": (Fault(TASK, "runtimePlatform.operatingSystemFamily", "WINDOWS_SERVER_2022_CORE"),),
    "EFS.1": (Fault(DISK, "encrypted", False),),
    "EFS.2": (Fault("efs/backupPolicy:BackupPolicy"),),
    "EFS.3": (Fault(ACCESS_POINT, "rootDirectory.path", "/"),),
    "EFS.4": (Fault(ACCESS_POINT, "posixUser"),),
    "EFS.6": (Fault(SUBNET, "mapPublicIpOnLaunch", True),),
    "EFS.7": (Fault("efs/backupPolicy:BackupPolicy", "backupPolicy.status", "DISABLED"),),
    "EFS.8": (Fault(DISK, "encrypted", False),),
    "ELB.1": (Fault(LISTENER, "protocol", "HTTP"),),
    "ELB.4": (Fault(BALANCER, "dropInvalidHeaderFields", False),),
    "ELB.5": (Fault(BALANCER, "accessLogs"),),
    "ELB.6": (Fault(BALANCER, "enableDeletionProtection", False),),
    "ELB.12": (Fault(BALANCER, "desyncMitigationMode", "monitor"),),
    "ELB.13": (Fault(SUBNET, "availabilityZone", "ap-southeast-2a"),),
    # Weaker than the `Res` one, and in the older list of recommended policies only.
    "ELB.18": (Fault(LISTENER, "protocol", "HTTP"),),
    "ELB.17": (Fault(LISTENER, "sslPolicy", "ELBSecurityPolicy-TLS13-1-2-2021-06"),),
    "ElastiCache.1": (Fault(REDIS, "snapshotRetentionLimit", 0),),
    "ElastiCache.2": (Fault(REDIS, "autoMinorVersionUpgrade", False),),
    "ElastiCache.4": (Fault(REDIS, "atRestEncryptionEnabled", False),),
    "ElastiCache.5": (Fault(REDIS, "transitEncryptionEnabled", False),),
    "ElastiCache.6": (Fault(REDIS, "engineVersion", "5.0.6"),),
    "ElastiCache.7": (Fault(REDIS, "subnetGroupName"),),
    "IAM.1": (Fault(ROLE_POLICY, "policy.Statement.0", ANYONE),),
    "IAM.21": (Fault(ROLE_POLICY, "policy.Statement.0.Action", ["s3:*"]),),
    "KMS.2": (
        Fault(
            ROLE_POLICY,
            "policy.Statement.0",
            {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["*"]},
        ),
    ),
    "Lambda.2": (Fault(FUNCTION, "runtime", "python3.8"),),
    "Lambda.5": (Fault(SUBNET, "availabilityZone", "ap-southeast-2a"),),
    "RDS.2": (Fault(DATABASE, "publiclyAccessible", True),),
    "RDS.3": (Fault(DATABASE, "storageEncrypted", False),),
    "RDS.6": (Fault(DATABASE, "monitoringInterval"),),
    "RDS.8": (Fault(DATABASE, "deletionProtection", False),),
    "RDS.9": (Fault(DATABASE, "enabledCloudwatchLogsExports", ["upgrade"]),),
    "RDS.10": (Fault(DATABASE, "iamDatabaseAuthenticationEnabled"),),
    "RDS.11": (Fault(DATABASE, "backupRetentionPeriod", 6),),
    "RDS.13": (Fault(DATABASE, "autoMinorVersionUpgrade", False),),
    "RDS.17": (Fault(DATABASE, "copyTagsToSnapshot", False),),
    "RDS.18": (Fault(DATABASE, "dbSubnetGroupName"),),
    "RDS.20": (
        Fault("rds/eventSubscription:EventSubscription", "eventCategories", ["maintenance"]),
    ),
    "RDS.21": (Fault("rds/eventSubscription:EventSubscription"),),
    "RDS.22": (Fault("rds/eventSubscription:EventSubscription", "enabled", False),),
    "RDS.25": (Fault(DATABASE, "username", "postgres"),),
    "RDS.36": (Fault(DATABASE, "enabledCloudwatchLogsExports"),),
    "RDS.38": (
        Fault(
            "rds/parameterGroup:ParameterGroup",
            "parameters",
            [{"name": "rds.force_ssl", "value": "0"}],
        ),
        Fault("rds/parameterGroup:ParameterGroup", "family", "postgres14"),
    ),
    "RDS.39": (Fault(DATABASE, "engine", "mysql"),),
    "RDS.40": (Fault(DATABASE, "engine", "sqlserver-ex"),),
    "RDS.41": (Fault(DATABASE, "engine", "sqlserver-ex"),),
    "RDS.44": (Fault(DATABASE, "engine", "mariadb"),),
    "RDS.46": (Fault("ec2/route:Route", "gatewayId", "igw"),),
    "S3.2": (Fault("s3/bucketPublicAccessBlock:BucketPublicAccessBlock"),),
    "S3.3": (
        Fault("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "blockPublicPolicy", False),
    ),
    "S3.5": (
        Fault("s3/bucketPolicy:BucketPolicy"),
        Fault("s3/bucketPolicy:BucketPolicy", "policy.Statement", [ANYONE]),
    ),
    "S3.6": (Fault("s3/bucketPolicy:BucketPolicy", "policy.Statement", [ANYONE]),),
    "S3.8": (
        Fault("s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "ignorePublicAcls", False),
    ),
    "S3.12": (Fault("s3/bucketOwnershipControls:BucketOwnershipControls"),),
    "S3.13": (Fault("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"),),
    "SNS.4": (Fault("sns/topicPolicy:TopicPolicy", "policy.Statement.0", ANYONE),),
    "SQS.1": (Fault(QUEUE, "sqsManagedSseEnabled", False),),
    "SQS.3": (Fault("sqs/queuePolicy:QueuePolicy", "policy.Statement.0", ANYONE),),
}


def test_every_service_of_the_program_has_its_controls(production: Recording) -> None:
    modules = {r.type.split(":")[1].split("/")[0] for r in production.resources if _aws(r.type)}
    assert modules <= set(SERVICES), "fsbp.py: which service of Security Hub looks at them?"
    used = {service for module in modules for service in SERVICES[module]}
    assert used <= {control.service for control in CONTROLS.values()}


def test_every_control_passes_or_the_document_says_why_not(production: Recording) -> None:
    found = [f for control in CONTROLS.values() for f in control.failures(production)]
    assert disagreements(found, WAIVERS) == []


def test_the_document_waives_no_other_controls() -> None:
    assert set(WAIVERS) <= set(CONTROLS)


def test_the_settings_of_the_document_make_their_controls_pass() -> None:
    hardened = record_program({**configuration("production"), **settings_that_pass(WAIVERS)})
    found = [f for control in CONTROLS.values() for f in control.failures(hardened)]
    left = {id_: waiver for id_, waiver in WAIVERS.items() if not waiver.setting}
    assert disagreements(found, left) == []
    assert all(CONTROLS[id_].looks_at(hardened) for id_ in WAIVERS)


def test_the_document_counts_the_controls(production: Recording) -> None:
    """Numbers by service: those that pass, that don't, and that have nothing to look at."""
    counted: dict[str, tuple[list[str], list[str], list[str]]] = {}
    used = {s for r in production.resources if _aws(r.type) for s in _services(r.type)}
    for control in CONTROLS.values():
        if control.service in used:
            place = 1 if control.id in WAIVERS else 0 if control.looks_at(production) else 2
            counted.setdefault(control.service, ([], [], []))[place].append(_number(control.id))
    assert [tuple(row) for row in rows("Controls by service")] == [
        (service, *(", ".join(sorted(numbers, key=int)) or "-" for numbers in columns))
        for service, columns in sorted(counted.items())
    ]


def test_the_document_leaves_the_accounts_controls_to_its_owner() -> None:
    assert {row[0] for row in rows("Controls of the account")} == ACCOUNT
    assert not ACCOUNT & set(CONTROLS)


@pytest.mark.parametrize(
    ("id_", "fault"), [(i, f) for i, fs in FAULTS.items() for f in fs], ids=str
)
def test_a_fault_is_caught(production: Recording, id_: str, fault: Fault) -> None:
    assert CONTROLS[id_].failures(seeded(production, fault))


def test_every_control_that_passes_has_a_fault(production: Recording) -> None:
    passing = {c.id for c in CONTROLS.values() if c.id not in WAIVERS and c.looks_at(production)}
    assert passing - WITHOUT_PARTS == set(FAULTS)


# What they look for is made by a service, not by the program: no input can go wrong.
WITHOUT_PARTS: Final = {"Lambda.1"}


def _aws(type_: str) -> bool:
    return type_.startswith("aws:")


def _services(type_: str) -> tuple[str, ...]:
    return SERVICES[type_.split(":")[1].split("/")[0]]


def _number(id_: str) -> str:
    return id_.partition(".")[2]
