"""Buckets are nobody's but ours; one takes the access logs, one holds the maintenance page."""

from typing import Any

import pytest

from local.record import ACCOUNT, Recording
from tests.unit.reading import arn, statements

LOGS, PAGE = "otakaro-dt-access-logs", "otakaro-dt-maintenance"


def part(recording: Recording, kind: str, bucket: str) -> dict[str, Any]:
    inputs = dict(recording[f"s3/{kind[0].lower()}{kind[1:]}:{kind}"][bucket])
    assert inputs.pop("bucket") == f"{bucket}-id"
    return inputs


@pytest.mark.parametrize("name", [LOGS, PAGE])
def test_a_bucket_is_private_and_encrypted(production: Recording, name: str) -> None:
    assert part(production, "BucketPublicAccessBlock", name) == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    [rule] = part(production, "BucketServerSideEncryptionConfiguration", name)["rules"]
    # Elastic Load Balancing can't write with a KMS key.
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    controls = part(production, "BucketOwnershipControls", name)
    assert controls["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    [*_, refused] = statements(part(production, "BucketPolicy", name)["policy"])
    assert (refused["Effect"], refused["Principal"], refused["Action"]) == ("Deny", "*", ["s3:*"])
    assert refused["Resource"] == [arn("s3", name), f"{arn('s3', name)}/*"]
    assert refused["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_there_are_no_other_buckets(stack: Recording) -> None:
    assert {name.split("-", 2)[2] for name in stack["s3/bucket:Bucket"]} == {
        "access-logs",
        "maintenance",
    }


def test_access_logs_are_kept_for_a_time_only(production: Recording, local: Recording) -> None:
    for recording, name, days in ((production, LOGS, 90), (local, "otakaro-local-access-logs", 7)):
        [rule] = part(recording, "BucketLifecycleConfiguration", name)["rules"]
        assert rule["expiration"] == {"days": days}
        assert rule["status"] == "Enabled"


def test_half_an_upload_is_tidied_up_and_the_page_stays(production: Recording) -> None:
    [rule] = part(production, "BucketLifecycleConfiguration", PAGE)["rules"]
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    assert rule["status"] == "Enabled"
    assert "expiration" not in rule


def test_a_protected_stacks_logs_stay(production: Recording, local: Recording) -> None:
    assert production["s3/bucket:Bucket"][LOGS]["forceDestroy"] is False
    assert local["s3/bucket:Bucket"]["otakaro-local-access-logs"]["forceDestroy"] is True


def test_only_the_load_balancer_and_cloudfront_write_logs(production: Recording) -> None:
    allowed = statements(part(production, "BucketPolicy", LOGS)["policy"])[:-1]
    assert [each["Principal"] for each in allowed] == [
        {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        {"Service": "delivery.logs.amazonaws.com"},
    ]
    for each in allowed:
        assert each["Action"] == ["s3:PutObject"]
        assert each["Resource"] == [f"{arn('s3', LOGS)}/AWSLogs/{ACCOUNT}/*"]
    assert allowed[1]["Condition"] == {
        "StringEquals": {
            "s3:x-amz-acl": "bucket-owner-full-control",
            "aws:SourceAccount": ACCOUNT,
        },
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:*"},
    }


def test_only_the_maps_distribution_reads_the_page(production: Recording) -> None:
    [allowed] = statements(part(production, "BucketPolicy", PAGE)["policy"])[:-1]
    assert allowed == {
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": [f"{arn('s3', PAGE)}/_maintenance/index.html"],
        "Condition": {"StringEquals": {"aws:SourceArn": arn("cloudfront", "otakaro-dt-map-cdn")}},
        "Principal": {"Service": "cloudfront.amazonaws.com"},
    }
