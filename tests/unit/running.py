"""A stack in which all is well, as AWS tells of it; tests change what they are about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.answers import Answer, refusing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SHORT = ("backend-celery", "backend-flask", "geoserver", "terriamap")
GOOD, BAD = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32
_REGISTRY = "111122223333.dkr.ecr.ap-southeast-2.amazonaws.com"
_HERE = "arn:aws:ecs:ap-southeast-2:111122223333"


def well(**changed: Mapping[str, Any]) -> dict[str, Answer]:
    """AWS's answers; `changed` has members of DescribeServices by the service's short name."""
    services = {short: _service(short) | dict(changed.get(short, {})) for short in SHORT}

    def described(params: dict[str, Any]) -> Mapping[str, Any]:
        wanted = {name.removeprefix("otakaro-dt-") for name in params["services"]}
        return {"services": [services[short] for short in SHORT if short in wanted]}

    return {
        "sts.GetCallerIdentity": {"Account": "111122223333"},
        "ecs.DescribeClusters": {
            "clusters": [{"clusterName": "otakaro-dt-ecs", "status": "ACTIVE"}]
        },
        "ecs.ListServices": {
            "serviceArns": [f"{_HERE}:service/otakaro-dt-ecs/otakaro-dt-{s}" for s in SHORT]
        },
        "ecs.DescribeServices": described,
        "ecs.ListServiceDeployments": lambda params: {
            "serviceDeployments": [
                {"serviceDeploymentArn": f"{_HERE}:service-deployment/{params['service']}"}
            ]
        },
        "ecs.DescribeServiceDeployments": deployed(),
        "ecs.DescribeServiceRevisions": revised,
        "application-autoscaling.DescribeScalableTargets": targets(),
        "ecr.DescribeImages": lambda params: {
            "imageDetails": [
                {
                    "imageDigest": params["imageIds"][0]["imageDigest"],
                    "imageTags": ["live", "live-good", "rolled-20261123T101500Z", "2026.11.23"],
                }
            ]
        },
        "cloudwatch.DescribeAlarms": {"MetricAlarms": [alarm("redis-memory", "OK")]},
        "cloudwatch.GetMetricStatistics": {
            "Datapoints": [
                {"Timestamp": NOW - timedelta(minutes=2), "Maximum": 7.0},
                {"Timestamp": NOW - timedelta(minutes=1), "Maximum": 3.0},
            ]
        },
        "acm.ListCertificates": {
            "CertificateSummaryList": [
                {"CertificateArn": "arn:aws:acm:ap-southeast-2:111122223333:certificate/ours"},
                {"CertificateArn": "arn:aws:acm:ap-southeast-2:111122223333:certificate/other"},
            ]
        },
        "acm.ListTagsForCertificate": lambda params: {
            "Tags": [
                {
                    "Key": "Name",
                    "Value": "otakaro-dt-cert"
                    if params["CertificateArn"].endswith("ours")
                    else "another",
                }
            ]
        },
        "acm.DescribeCertificate": {
            "Certificate": {"Status": "ISSUED", "NotAfter": NOW + timedelta(days=212)}
        },
        "rds.DescribeDBInstances": {
            "DBInstances": [database(name) for name in ("otakaro-dt-pg", "otakaro-dt-pg-others")]
        },
        "efs.DescribeFileSystems": {
            "FileSystems": [
                {
                    "OwnerId": "111122223333",
                    "CreationToken": "otakaro",
                    "FileSystemId": "fs-1",
                    "FileSystemArn": "arn:aws:elasticfilesystem:ap-southeast-2:111122223333:"
                    "file-system/fs-1",
                    "CreationTime": NOW - timedelta(days=90),
                    "LifeCycleState": "available",
                    "Name": "otakaro-dt-shared-data",
                    "NumberOfMountTargets": 2,
                    "SizeInBytes": {"Value": 1},
                    "PerformanceMode": "generalPurpose",
                    "Tags": [],
                }
            ]
        },
        "backup.ListRecoveryPointsByResource": {
            "RecoveryPoints": [
                {"Status": "COMPLETED", "CreationDate": NOW - timedelta(hours=31)},
                {"Status": "COMPLETED", "CreationDate": NOW - timedelta(hours=7)},
                {"Status": "PARTIAL", "CreationDate": NOW - timedelta(hours=1)},
            ]
        },
        "ssm.GetParameter": refusing("ParameterNotFound: it always runs"),
        "sqs.ListQueues": {
            "QueueUrls": [
                f"https://sqs.example/111122223333/otakaro-dt-rollout-{name}"
                for name in ("images.fifo", "images-failed.fifo", "secrets", "secrets-failed")
            ]
        },
        "sqs.GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "0"}},
    }


def targets(*stopped: str) -> Mapping[str, Any]:
    """The scalable targets of all services, with those that an operator stopped."""
    return {
        "ScalableTargets": [
            {
                "ServiceNamespace": "ecs",
                "ResourceId": f"service/otakaro-dt-ecs/otakaro-dt-{short}",
                "ScalableDimension": "ecs:service:DesiredCount",
                "MinCapacity": 0 if short in stopped else 1,
                "MaxCapacity": 4,
                "RoleARN": "arn:aws:iam::111122223333:role/scaling",
                "CreationTime": NOW,
                "SuspendedState": {
                    "DynamicScalingInSuspended": short in stopped,
                    "DynamicScalingOutSuspended": short in stopped,
                    "ScheduledScalingSuspended": short in stopped,
                },
            }
            for short in SHORT
        ]
    }


def deployed(status: str = "SUCCESSFUL", *, reason: str = "", rollback: bool = False) -> Answer:
    """A deployment that brought GOOD, or one of BAD that was taken back to GOOD."""

    def told(params: dict[str, Any]) -> Mapping[str, Any]:
        ended = {} if status.endswith("PROGRESS") else {"finishedAt": NOW - timedelta(minutes=14)}
        good = status == "SUCCESSFUL"
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": params["serviceDeploymentArns"][0],
                    "status": status,
                    "statusReason": reason,
                    "createdAt": NOW - timedelta(minutes=20),
                    "targetServiceRevision": {"arn": "revision/good" if good else "revision/bad"},
                    "sourceServiceRevisions": [{"arn": "revision/good"}],
                    **({"rollback": {"serviceRevisionArn": "revision/good"}} if rollback else {}),
                    **ended,
                }
            ]
        }

    return told


def revised(params: dict[str, Any]) -> Mapping[str, Any]:
    """The images of service revisions."""
    (arn,) = params["serviceRevisionArns"]
    return {
        "serviceRevisions": [
            {
                "serviceRevisionArn": arn,
                "containerImages": [
                    {
                        "image": f"{_REGISTRY}/otakaro-dt-x-ecr:live",
                        "imageDigest": GOOD if arn.endswith("good") else BAD,
                    }
                ],
            }
        ]
    }


def alarm(name: str, state: str) -> dict[str, Any]:
    """An alarm, in its state for a quarter of an hour."""
    return {
        "AlarmName": f"otakaro-dt-alarm-{name}",
        "AlarmDescription": f"What {name} means to people",
        "StateValue": state,
        "StateUpdatedTimestamp": NOW - timedelta(minutes=15),
    }


def database(name: str) -> dict[str, Any]:
    """An instance with a current backup."""
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceStatus": "available",
        "LatestRestorableTime": NOW - timedelta(minutes=4),
    }


def _service(short: str) -> dict[str, Any]:
    return {
        "serviceName": f"otakaro-dt-{short}",
        "runningCount": 1,
        "desiredCount": 1,
        "pendingCount": 0,
        "enableExecuteCommand": True,
        "deploymentConfiguration": {"minimumHealthyPercent": 0 if short == "geoserver" else 100},
    }
