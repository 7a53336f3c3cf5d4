"""Checkov sees what it is there to see: five faults, one scan."""

import pytest

from local.audit import Scan, scan
from local.record import Recording
from local.waivers import Failure
from tests.security.faults import Fault, seeded

FAULTS = {
    "CKV_AWS_16": Fault("rds/instance:Instance", "storageEncrypted", False),
    "CKV_AWS_24": Fault(
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", "0.0.0.0/0"
    ),
    "CKV2_AWS_6": Fault("s3/bucketPublicAccessBlock:BucketPublicAccessBlock"),
    "CKV_AWS_34": Fault(
        "cloudfront/distribution:Distribution",
        "defaultCacheBehavior.viewerProtocolPolicy",
        "allow-all",
    ),
    "CKV_AWS_62": Fault(
        "iam/rolePolicy:RolePolicy",
        "policy.Statement.0",
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ),
}
ANY_PORT = (
    Fault("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "fromPort", 22),
    Fault("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "toPort", 22),
)


@pytest.fixture(scope="module")
def spoilt(production: Recording) -> Scan:
    return scan(seeded(production, *FAULTS.values(), *ANY_PORT))


@pytest.mark.parametrize("check", FAULTS, ids=lambda check: f"{check} {FAULTS[check]}")
def test_a_fault_is_caught(spoilt: Scan, check: str) -> None:
    assert {failure.check for failure in spoilt.failures} & {check}


def test_failures_have_the_programs_own_names(spoilt: Scan) -> None:
    assert Failure("CKV_AWS_16", "otakaro-dt-pg") in spoilt.failures
