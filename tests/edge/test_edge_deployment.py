"""Distributions as CloudFront's API describes them, and what the edge refuses to leave out."""

from types import SimpleNamespace
from typing import Any

import pytest

from local.account import Account
from local.edge import deployment, targets
from local.edge.functions import _check
from local.errors import LocalError

CACHE = {
    "CachePolicyConfig": {
        "MinTTL": 0,
        "DefaultTTL": 300,
        "MaxTTL": 86_400,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": True,
            "EnableAcceptEncodingBrotli": False,
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Items": ["Origin"]}},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "all"},
        },
    }
}
FORWARDED = {
    "OriginRequestPolicyConfig": {
        "HeadersConfig": {"HeaderBehavior": "allViewer"},
        "CookiesConfig": {"CookieBehavior": "all"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    }
}


def items(*each: Any) -> dict[str, Any]:
    return {"Quantity": len(each), "Items": list(each)}


def config(**changes: Any) -> dict[str, Any]:
    default = {
        "TargetOriginId": "alb",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**items("GET", "HEAD"), "CachedMethods": items("GET", "HEAD")},
        "Compress": True,
        "CachePolicyId": "c",
        "OriginRequestPolicyId": "o",
        "LambdaFunctionAssociations": items(
            {"EventType": "viewer-request", "LambdaFunctionARN": "arn:1", "IncludeBody": False}
        ),
        **changes.pop("default", {}),
    }
    return {
        "Enabled": True,
        "Aliases": items("Map.Example.test"),
        "DefaultRootObject": "",
        "Origins": items(
            {
                "Id": "alb",
                "DomainName": "ALB.example.test",
                "OriginPath": "",
                "CustomHeaders": items({"HeaderName": "X-Secret", "HeaderValue": "s"}),
                "CustomOriginConfig": {
                    "HTTPPort": 80,
                    "HTTPSPort": 443,
                    "OriginProtocolPolicy": "https-only",
                    "OriginReadTimeout": 60,
                },
            },
            {
                "Id": "page",
                "DomainName": "pages.of.us.s3.ap-southeast-2.amazonaws.com",
                "OriginAccessControlId": "oac",
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            },
        ),
        "DefaultCacheBehavior": default,
        "CacheBehaviors": items({"PathPattern": "/build/*", **default}),
        "CustomErrorResponses": items(
            {"ErrorCode": 500, "ErrorCachingMinTTL": 2},
            {
                "ErrorCode": 502,
                "ErrorCachingMinTTL": 2,
                "ResponsePagePath": "/p.html",
                "ResponseCode": "503",
            },
        ),
        **changes,
    }


class CloudFront:
    """The answers of the API."""

    def __init__(self, *configs: dict[str, Any]) -> None:
        self._configs = dict(enumerate(configs))

    def get_paginator(self, _name: str) -> "CloudFront":
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"DistributionList": items(*({"Id": key} for key in self._configs))}]

    def get_distribution(self, Id: int) -> dict[str, Any]:  # noqa: N803
        whole = {"Id": f"E{Id}", "ARN": f"arn:E{Id}", "DomainName": "D.cloudfront.net"}
        return {"Distribution": {**whole, "DistributionConfig": self._configs[Id]}}

    def get_cache_policy(self, Id: str) -> dict[str, Any]:  # noqa: N803
        return {"CachePolicy": {"c": CACHE}[Id]}

    def get_vpc_origin(self, Id: str) -> dict[str, Any]:  # noqa: N803
        endpoint = {
            "Name": "origin",
            "Arn": "arn:alb",
            "HTTPPort": 8080,
            "HTTPSPort": 8443,
            "OriginProtocolPolicy": "match-viewer",
        }
        return {"VpcOrigin": {"Id": {"vo_1": Id}[Id], "VpcOriginEndpointConfig": endpoint}}

    def get_origin_request_policy(self, Id: str) -> dict[str, Any]:  # noqa: N803
        return {"OriginRequestPolicy": {"o": FORWARDED}[Id]}


def read(*configs: dict[str, Any]) -> list[deployment.Distribution]:
    class Stub(Account):
        def client(self, service: str, region: str = "") -> Any:
            assert (service, region) == ("cloudfront", "")
            return CloudFront(*configs)

    return deployment.read(Stub("http://127.0.0.1:1"))


class Two(Account):
    """An account with two stacks, `a` and `b`, whose resources have their names in their ids."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answers: dict[str, Any] = {
            "describe_target_groups": {
                "TargetGroups": [{"TargetGroupArn": f"arn:{each}", "Port": 80} for each in "ab"]
            },
            "describe_load_balancers": {"LoadBalancers": [{"LoadBalancerArn": "arn:balancer"}]},
        }

    def client(self, service: str, region: str = "") -> Any:
        assert region == ""
        return CloudFront(config(), config()) if service == "cloudfront" else self

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda: [self.answers[name]])

    def describe_listeners(self, LoadBalancerArn: str) -> dict[str, Any]:  # noqa: N803
        return {"Listeners": [{"ListenerArn": LoadBalancerArn}]}

    def describe_rules(self, ListenerArn: str) -> dict[str, Any]:  # noqa: N803
        assert ListenerArn == "arn:balancer"
        condition = {"Field": "host-header", "Values": []}
        rules = [
            {
                "Conditions": [{**condition, "Values": [f"{each}.test"]}],
                "Actions": [{"TargetGroupArn": f"arn:{each}"}],
            }
            for each in "ab"
        ]
        return {"Rules": rules}

    def list_task_definitions(self, **_asked: str) -> dict[str, Any]:
        return {"taskDefinitionArns": list("ab")}

    def describe_task_definition(self, taskDefinition: str) -> dict[str, Any]:  # noqa: N803
        container = {
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "OF", "value": taskDefinition}],
        }
        return {"taskDefinition": {"family": taskDefinition, "containerDefinitions": [container]}}


@pytest.mark.parametrize("stack", ["a", "b"])
def test_one_of_two_stacks_is_read_alone(stack: str) -> None:
    """With both, the last one's hosts were served for either."""
    ids = {"a": {0, "arn:a", "a"}, "b": {1, "arn:b", "b"}}[stack]
    (distribution,) = deployment.read(Two(), ids)  # type: ignore[arg-type]
    assert distribution.id == {"a": "E0", "b": "E1"}[stack]
    (route,) = targets.routes(Two(), ids)  # type: ignore[arg-type]
    assert (route.host, route.target_group) == (f"{stack}.test", f"arn:{stack}")
    assert targets.environment(Two(), 80, ids) == {"OF": stack}  # type: ignore[arg-type]


def test_without_a_choice_all_stacks_are_read() -> None:
    assert len(deployment.read(Two())) == 2
    assert {route.host for route in targets.routes(Two())} == {"a.test", "b.test"}


def test_a_distribution_is_read_as_it_is_deployed() -> None:
    (found,) = read(config(), config(Enabled=False))
    assert found.hosts == ("map.example.test", "d.cloudfront.net")
    assert [each.pattern for each in found.behaviours] == ["/build/*", "*"]
    behaviour = found.behaviour("/x")
    assert behaviour.functions["viewer-request"].arn == "arn:1"
    assert behaviour.methods == {"GET", "HEAD"}
    assert behaviour.cache.default_ttl == 300
    assert (behaviour.cache.gzip, behaviour.cache.brotli) == (True, False)
    assert behaviour.cache.key.headers.takes("origin")
    assert not behaviour.cache.key.headers.takes("referer")
    assert behaviour.forwarded is not None
    assert behaviour.forwarded.headers.takes("host")
    alb, page = found.origins["alb"], found.origins["page"]
    assert (alb.domain, alb.headers, alb.read_timeout) == (
        *("alb.example.test", (("X-Secret", "s"),), 60),
    )
    assert (page.bucket, page.access_control) == ("pages.of.us", True)
    assert found.errors[500].page == ""
    assert (found.errors[502].page, found.errors[502].status) == ("/p.html", 503)


def test_a_vpc_origin_is_where_its_own_configuration_says() -> None:
    private = {
        "Id": "alb",
        "DomainName": "internal-alb.example.test",
        "VpcOriginConfig": {"VpcOriginId": "vo_1", "OriginReadTimeout": 60},
    }
    (found,) = read(config(Origins=items(private)))
    alb = found.origins["alb"]
    assert (alb.balancer, alb.bucket) == ("arn:alb", "")
    assert (alb.protocol, alb.http_port, alb.https_port) == ("match-viewer", 8080, 8443)
    assert (alb.domain, alb.read_timeout) == ("internal-alb.example.test", 60)


@pytest.mark.parametrize(
    "changes",
    [
        {"OriginGroups": items({"Id": "g"})},
        {"default": {"CachePolicyId": ""}},
        {"default": {"FunctionAssociations": items({"EventType": "viewer-request"})}},
        {
            "default": {
                "LambdaFunctionAssociations": items(
                    {"EventType": "origin-request", "LambdaFunctionARN": "arn:1"}
                )
            }
        },
        {"default": {"TrustedKeyGroups": {"Enabled": True}}},
    ],
)
def test_what_the_edge_cannot_do_is_refused_rather_than_left_out(changes: dict[str, Any]) -> None:
    with pytest.raises(LocalError, match="the distribution E0"):
        read(config(**changes))


FUNCTION = {
    "FunctionName": "auth",
    "Runtime": "python3.13",
    "Timeout": 5,
    "MemorySize": 128,
    "CodeSize": 1_048_576,
    "Architectures": ["x86_64"],
}


@pytest.mark.parametrize(
    "changes",
    [
        {"Timeout": 6},
        {"MemorySize": 129},
        {"CodeSize": 1_048_577},
        {"Architectures": ["arm64"]},
        {"Environment": {"Variables": {"A": "1"}}},
        {"VpcConfig": {"SubnetIds": ["subnet-1"]}},
        {"Layers": [{"Arn": "arn"}]},
        {"Runtime": "ruby3.4"},
    ],
)
def test_a_function_that_no_viewer_event_takes_is_refused(changes: dict[str, Any]) -> None:
    _check(FUNCTION)
    with pytest.raises(LocalError, match="auth has"):
        _check({**FUNCTION, **changes})
