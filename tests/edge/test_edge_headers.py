"""Response headers policies, and who may read a bucket."""

from typing import Any

import pytest

from local.edge.message import Headers
from local.edge.origins import admits
from local.edge.policies import ResponseHeadersPolicy
from tests.edge.world import World, answer, behaviour, distribution

SECURITY = {
    "SecurityHeadersConfig": {
        "StrictTransportSecurity": {
            "AccessControlMaxAgeSec": 60,
            "IncludeSubdomains": True,
            "Preload": True,
            "Override": True,
        },
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"FrameOption": "DENY", "Override": False},
        "ReferrerPolicy": {"ReferrerPolicy": "no-referrer", "Override": True},
        "ContentSecurityPolicy": {
            "ContentSecurityPolicy": "default-src 'self'",
            "Override": True,
        },
        "XSSProtection": {"Protection": True, "ModeBlock": True, "Override": True},
    },
    "CustomHeadersConfig": {"Items": [{"Header": "X-Mine", "Value": "1", "Override": False}]},
    "RemoveHeadersConfig": {"Items": [{"Header": "X-Powered-By"}]},
}


def applied(config: dict[str, Any], method: str = "GET", **headers: str) -> dict[str, str]:
    given = Headers((name.replace("_", "-"), value) for name, value in headers.items())
    asked = "GET" if method == "OPTIONS" else ""
    result = ResponseHeadersPolicy.of(config).apply(
        given, origin="https://a.test", method=method, asked=asked
    )
    return {name.lower(): value for name, value in result}


def test_security_headers_are_added_and_the_origins_override_or_not() -> None:
    given = applied(SECURITY, X_Frame_Options="SAMEORIGIN", Referrer_Policy="origin", X_Mine="2")
    assert given == {
        "strict-transport-security": "max-age=60; includeSubDomains; preload",
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'self'",
        "x-xss-protection": "1; mode=block",
        "x-mine": "2",
    }


def test_headers_are_removed() -> None:
    assert "x-powered-by" not in applied(SECURITY, X_Powered_By="PHP")


def cors(**changes: Any) -> dict[str, Any]:
    return {
        "CorsConfig": {
            "AccessControlAllowOrigins": {"Items": ["https://a.test"]},
            "AccessControlAllowMethods": {"Items": ["GET", "POST"]},
            "AccessControlAllowHeaders": {"Items": ["Content-Type"]},
            "AccessControlExposeHeaders": {"Items": ["X-Mine"]},
            "AccessControlAllowCredentials": False,
            "AccessControlMaxAgeSec": 600,
            "OriginOverride": True,
            **changes,
        }
    }


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        (["https://a.test"], "https://a.test"),
        (["*"], "*"),
        (["*.test"], "https://a.test"),
        (["https://b.test"], None),
        (["http://a.test"], None),
    ],
)
def test_cors_admits_listed_origins(origins: list[str], allowed: str | None) -> None:
    given = applied(cors(AccessControlAllowOrigins={"Items": origins}))
    assert given.get("access-control-allow-origin") == allowed


def test_cors_answers_a_preflight_and_exposes_otherwise() -> None:
    assert applied(cors(), "OPTIONS") == {
        "access-control-allow-origin": "https://a.test",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Content-Type",
        "access-control-max-age": "600",
    }
    assert applied(cors()) == {
        "access-control-allow-origin": "https://a.test",
        "access-control-expose-headers": "X-Mine",
    }


def test_cors_leaves_the_origins_own_answer_unless_it_overrides() -> None:
    given = applied(cors(OriginOverride=False), Access_Control_Allow_Origin="*")
    assert given["access-control-allow-origin"] == "*"


def test_hits_and_errors_get_the_headers_too() -> None:
    world = World()
    policy = ResponseHeadersPolicy.of(SECURITY)
    world.edge.serve([distribution(behaviour(response_headers=policy))])
    for _ in range(2):
        assert world.get("/t").headers.get("x-content-type-options") == "nosniff"
    world.says = lambda _: answer(b"", 404)
    assert world.get("/u").headers.get("x-content-type-options") == "nosniff"


ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
CONTEXT = {"aws:sourcearn": ARN, "aws:securetransport": "true"}


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
        **changes,
    }


DENIES_HTTP = statement(
    Effect="Deny",
    Principal="*",
    Action="s3:*",
    Condition={"Bool": {"aws:SecureTransport": "false"}},
)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement()], True),
        ([statement(), DENIES_HTTP], True),
        ([statement(Action=["s3:ListBucket", "s3:Get*"])], True),
        ([], False),
        ([DENIES_HTTP], False),
        ([statement(Condition={"StringEquals": {"aws:SourceArn": f"{ARN}2"}})], False),
        ([statement(Condition={"DateLessThan": {"aws:CurrentTime": "x"}})], False),
        ([statement(Principal={"Service": "logs.amazonaws.com"})], False),
        ([statement(Principal={"AWS": "arn:aws:iam::1:root"})], False),
        ([statement(Resource="arn:aws:s3:::c/*")], False),
        ([statement(Action="s3:PutObject")], False),
        ([statement(), statement(Effect="Deny")], False),
        ([statement(), statement(Effect="Deny", Condition={"Null": {"a": "true"}})], False),
    ],
)
def test_a_bucket_is_read_only_as_its_policy_says(
    statements: list[dict[str, Any]], expected: bool
) -> None:
    policy = {"Statement": statements}
    resource = "arn:aws:s3:::b/page.html"
    found = admits(policy, "cloudfront.amazonaws.com", "s3:GetObject", resource, CONTEXT)
    assert found is expected


def test_a_bucket_without_access_control_is_read_only_if_everybody_may() -> None:
    everyone = {"Statement": [statement(Principal="*", Condition={})]}
    resource = "arn:aws:s3:::b/page.html"
    assert admits(everyone, "", "s3:GetObject", resource, {})
    assert not admits({"Statement": [statement()]}, "", "s3:GetObject", resource, CONTEXT)
