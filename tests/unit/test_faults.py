"""Injected faults: the same for the same seed, each in the words of its service, none unasked."""

import json
from email.message import Message
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session

from local.errors import LocalError
from local.faults import VARIABLE, Faults, between, complaint, wanted

CALLS = 2000


def test_without_the_variable_calls_go_straight_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with between("http://127.0.0.1:1") as (endpoint, patience):
        assert (endpoint, patience) == ("http://127.0.0.1:1", None)


def test_a_seed_decides_which_calls_fail_and_how() -> None:
    one, again, other = Faults(0.05, 7), Faults(0.05, 7), Faults(0.05, 8)
    faults = [one.next() for _ in range(CALLS)]
    assert faults == [again.next() for _ in range(CALLS)]
    assert faults != [other.next() for _ in range(CALLS)]
    assert 0.03 < sum(map(bool, faults)) / CALLS < 0.07


@pytest.mark.parametrize("text", ["often", "0", "1", "1.5", "0.05:x"])
def test_a_rate_that_is_none_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(LocalError, match=r"no rate between 0 and 1, such as 0\.05"):
        wanted()


@pytest.mark.parametrize(
    ("service", "signed", "target"),
    [
        ("ec2", "ec2", ""),
        ("iam", "iam", ""),
        ("s3", "s3", ""),
        ("route53", "route53", ""),
        ("lambda", "lambda", ""),
        ("efs", "elasticfilesystem", ""),
        ("ecs", "ecs", "AmazonEC2ContainerServiceV20141113.DescribeServices"),
    ],
)
def test_a_complaint_is_read_by_the_services_own_client(
    service: str, signed: str, target: str
) -> None:
    headers = Message()
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential=test/20260101/r/{signed}/aws4_request"
    if target:
        headers["X-Amz-Target"] = target
    _, body = complaint(headers, "ThrottlingException")
    model = get_session().get_service_model(service)
    parser = create_parser(model.resolved_protocol)
    answer = {"status_code": 400, "headers": {}, "body": body, "context": {"operation_name": "X"}}
    operation = model.operation_model(model.operation_names[0])
    shape: Any = operation.output_shape
    assert parser.parse(answer, shape)["Error"]["Code"] == "ThrottlingException"
    assert target == "" or json.loads(body)["message"]
