"""The program in Terraform's language: nothing left out, and what belongs together stays so."""

import json
import re

import pytest

from local.record import Recording, record
from local.terraform import terraform_type, translate
from local.waivers import Failure, Waiver, disagreements


@pytest.fixture(scope="module")
def text(production: Recording) -> str:
    return translate(production).text


def block(text: str, address: str) -> str:
    """The text of one resource."""
    kind, name = address.split(".")
    found = re.search(rf'^resource "{kind}" "{name}" {{\n.*?^}}$', text, re.DOTALL | re.MULTILINE)
    assert found, address
    return found[0]


def test_every_aws_resource_is_there(production: Recording, text: str) -> None:
    addresses = re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)
    resources = [r for r in production.resources if r.type.startswith("aws:")]
    assert len(set(addresses)) == len(addresses) == len(resources)


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "aws_s3_bucket_public_access_block",
        ),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:ec2/securityGroup:SecurityGroup", "aws_security_group"),
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:lb/targetGroup:TargetGroup", "aws_lb_target_group"),
        (
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws_vpc_security_group_ingress_rule",
        ),
        ("aws:ecs/taskDefinition:TaskDefinition", "aws_ecs_task_definition"),
        ("aws:wafv2/webAcl:WebAcl", "aws_wafv2_web_acl"),
    ],
)
def test_types_have_the_names_of_the_bridged_provider(token: str, name: str) -> None:
    assert terraform_type(token) == name


def test_a_part_refers_to_the_resource_that_it_belongs_to(text: str) -> None:
    shut = block(text, "aws_s3_bucket_public_access_block.otakaro_dt_access_logs")
    assert "bucket = aws_s3_bucket.otakaro_dt_access_logs.id" in shut
    target = block(text, "aws_efs_mount_target.otakaro_dt_shared_data_ap_southeast_2a")
    assert "security_groups = [aws_security_group.otakaro_dt_vpc_files.id]" in target
    rule = block(text, "aws_lb_listener_rule.otakaro_dt_api")
    assert "listener_arn = aws_lb_listener.otakaro_dt_alb_https.arn" in rule


def test_lists_of_objects_are_blocks_and_objects_of_ones_own_keys_are_not(text: str) -> None:
    site = block(text, "aws_cloudfront_distribution.otakaro_dt_map_cdn")
    assert site.count("  ordered_cache_behavior {") == 5
    assert site.count("  custom_error_response {") == 10
    assert "\n  viewer_certificate {\n" in site
    assert "\n  tags = {\n" in block(text, "aws_vpc.otakaro_dt_vpc")
    assert "\n    variables = {\n" in block(text, "aws_lambda_function.otakaro_dt_rollout")


def test_documents_are_encoded_and_without_program_texts(text: str) -> None:
    policy = block(text, "aws_s3_bucket_policy.otakaro_dt_access_logs")
    assert "policy = jsonencode({" in policy
    worker = block(text, "aws_ecs_task_definition.otakaro_dt_backend_celery")
    assert "container_definitions = jsonencode([{" in worker
    assert "import threading" not in text


def test_a_dollar_with_a_brace_is_no_reference() -> None:
    from pulumi_aws import ssm

    def build() -> None:
        ssm.Parameter("p", type="String", value="${HOME} and %{if}")

    assert "$${HOME} and %%{if}" in translate(record(build)).text


def test_what_is_protected_and_how_it_is_replaced_is_told(text: str) -> None:
    assert "prevent_destroy = true" in block(text, "aws_db_instance.otakaro_dt_pg")
    assert "prevent_destroy" not in block(text, "aws_sns_topic.otakaro_dt_alarms")
    assert "create_before_destroy = true" in block(
        text, "aws_acm_certificate.otakaro_dt_cert_us_east_1"
    )


WAIVER = Waiver(check="X.1", where=("*-cdn", "*-alb"), reason="r", cost="c", setting={})


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (["map-cdn", "the-alb"], []),
        (["map-cdn", "the-alb", "db"], ["X.1 fails for db"]),
        (["map-cdn"], ["X.1 is waived for `*-alb`"]),
        ([], ["X.1 is waived for `*-cdn`", "X.1 is waived for `*-alb`"]),
    ],
    ids=json.dumps,
)
def test_waivers_are_held_to_what_fails(failing: list[str], told: list[str]) -> None:
    found = disagreements([Failure("X.1", name) for name in failing], {"X.1": WAIVER})
    assert [line.split(" in docs/")[0].split(":")[0] for line in found] == told


def test_a_failure_without_a_waiver_is_told() -> None:
    assert disagreements([Failure("X.2", "db")], {}) == [
        "X.2 fails for db: mend it, or give the reason in docs/security.md"
    ]
