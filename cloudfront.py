"""The edge: a CloudFront distribution a host, its caching, and the password in front of it."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudfront, iam, lambda_, route53

from alb import ORIGIN_HEADER, LoadBalancer
from certs import HostedZone
from packages import function_package
from policies import policy, statement, trust
from settings import Access

EDGE_REGION: Final = "us-east-1"  # where CloudFront takes certificates and functions from

# CloudFront developer guide, "Managed policies".
_CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_VIEWER: Final = "216adef6-5c7f-47e4-b989-5492eafa07d3"

_ALL_METHODS: Final = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
_READ: Final = ["GET", "HEAD"]
# Seconds that an origin's failure is remembered; CloudFront's own default is ten.
_ERROR_SECONDS: Final = 2

Caching = Literal["none", "revalidate", "assets", "tiles"]


@dataclass(frozen=True, kw_only=True)
class BasicAuthArgs:
    account_id: Input[str]
    map_host: str
    access: Mapping[str, Access]  # by host
    closed: Mapping[str, list[str]]  # by host, path prefixes that nobody gets
    user: Output[str]
    password: Output[str]
    keep: bool  # leave the function behind on destroy: its replicas can't be deleted for hours


class BasicAuth(ComponentResource):
    """The viewer-request function that asks for a password, as a numbered version at the edge."""

    def __init__(self, name: str, args: BasicAuthArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:BasicAuth", name, None, opts)
        child = ResourceOptions(parent=self)
        role = iam.Role(
            name,
            assume_role_policy=trust("lambda.amazonaws.com", "edgelambda.amazonaws.com"),
            opts=child,
        )
        salt = random.RandomBytes(f"{name}-salt", length=16, opts=child)
        function = lambda_.Function(
            name,
            region=EDGE_REGION,
            description="Asks for the site's password",
            runtime="python3.13",
            handler="handler.handler",
            code=Output.all(args.user, args.password, salt.hex).apply(
                lambda known: _package(args, user=known[0], password=known[1], salt=known[2])
            ),
            role=role.arn,
            # The most that viewer events may have (CloudFront developer guide, "Quotas").
            memory_size=128,
            timeout=5,
            publish=True,
            skip_destroy=args.keep,
            opts=child,
        )
        # It logs in the region of the visitor's edge location, in a group of this name.
        iam.RolePolicy(
            name,
            role=role.id,
            policy=policy(
                statement(
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    [
                        Output.format(
                            "arn:aws:logs:*:{0}:log-group:/aws/lambda/{1}.{2}:*",
                            args.account_id,
                            EDGE_REGION,
                            function.name,
                        )
                    ],
                )
            ),
            opts=child,
        )
        self.version_arn: Output[str] = function.qualified_arn
        self.register_outputs({"version_arn": self.version_arn})


def _package(args: BasicAuthArgs, *, user: str, password: str, salt: str) -> pulumi.Archive:
    """The function with its configuration: salted digests, never a password."""
    digest = hmac.new(bytes.fromhex(salt), f"{user}:{password}".encode(), hashlib.sha256)
    configuration = {
        "map": args.map_host,
        "hosts": dict(args.access),
        "closed": {host: list(paths) for host, paths in args.closed.items()},
        "realm": "Otakaro Digital Twin",
        "salt": salt,
        "users": [digest.hexdigest()],
    }
    return function_package(
        "basic_auth", texts={"config.json": json.dumps(configuration, sort_keys=True)}
    )


class EdgePolicies(ComponentResource):
    """What the distributions keep, by what, for how long, and the headers that they add."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:EdgePolicies", name, None, opts)
        self._child = ResourceOptions(parent=self)
        self.caching: dict[Caching, Input[str]] = {
            "none": _CACHING_DISABLED,
            # Pages: kept as long as the origin says, asked again when it says nothing.
            "revalidate": self._cache(f"{name}-revalidate", default=0, longest=31_536_000),
            # Scripts, styles and images: a day when the origin says nothing.
            "assets": self._cache(f"{name}-assets", default=86_400, longest=31_536_000),
            # Map tiles: the whole query string tells them apart, Origin decides the CORS answer.
            "tiles": self._cache(f"{name}-tiles", default=300, longest=86_400, headers=["Origin"]),
        }
        self.response_headers: Output[str] = cloudfront.ResponseHeadersPolicy(
            name,
            name=name,
            comment="Security headers of every host",
            security_headers_config={
                "strict_transport_security": {
                    "access_control_max_age_sec": 31_536_000,
                    "include_subdomains": True,
                    "override": True,
                },
                "content_type_options": {"override": True},
                "referrer_policy": {
                    # The map's requests to the other hosts are known by their referrer.
                    "referrer_policy": "strict-origin-when-cross-origin",
                    "override": True,
                },
            },
            opts=self._child,
        ).id
        self.register_outputs({})

    def _cache(
        self, name: str, *, default: int, longest: int, headers: list[str] | None = None
    ) -> Output[str]:
        return cloudfront.CachePolicy(
            name,
            name=name,
            min_ttl=0,
            default_ttl=default,
            max_ttl=longest,
            parameters_in_cache_key_and_forwarded_to_origin={
                "cookies_config": {"cookie_behavior": "none"},
                "headers_config": (
                    {"header_behavior": "none"}
                    if headers is None
                    else {"header_behavior": "whitelist", "headers": {"items": headers}}
                ),
                "query_strings_config": {"query_string_behavior": "all"},
                "enable_accept_encoding_gzip": True,
                "enable_accept_encoding_brotli": True,
            },
            opts=self._child,
        ).id


@dataclass(frozen=True, kw_only=True)
class DistributionArgs:
    host: str
    zone: HostedZone
    certificate_arn: Input[str]  # validated, of EDGE_REGION, with the host among its names
    origin: LoadBalancer
    origin_timeout: int  # s that an answer may take
    auth: BasicAuth
    policies: EdgePolicies
    caching: Caching
    paths: Mapping[str, Caching]  # path patterns that are cached otherwise, first match wins


class Distribution(ComponentResource):
    """One public host: HTTPS by HTTP/2 and 3, its cache, and its DNS records."""

    def __init__(
        self, name: str, args: DistributionArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Distribution", name, None, opts)
        child = ResourceOptions(parent=self)
        distribution = cloudfront.Distribution(
            name,
            comment=args.host,
            enabled=True,
            aliases=[args.host],
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_All",  # the others leave New Zealand and Australia out
            origins=[
                {
                    "origin_id": "alb",
                    "domain_name": args.origin.dns_name,
                    "custom_headers": [{"name": ORIGIN_HEADER, "value": args.origin.origin_secret}],
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        # The viewer's host goes along, and the load balancer has its certificate.
                        "origin_protocol_policy": "https-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                        "origin_read_timeout": args.origin_timeout,
                        "origin_keepalive_timeout": 60,
                    },
                }
            ],
            default_cache_behavior={
                "target_origin_id": "alb",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": _ALL_METHODS,
                "cached_methods": _READ,
                "compress": True,
                "cache_policy_id": args.policies.caching[args.caching],
                "origin_request_policy_id": _ALL_VIEWER,
                "response_headers_policy_id": args.policies.response_headers,
                "lambda_function_associations": [
                    {"event_type": "viewer-request", "lambda_arn": args.auth.version_arn}
                ],
            },
            ordered_cache_behaviors=[
                {
                    "path_pattern": path,
                    "target_origin_id": "alb",
                    "viewer_protocol_policy": "redirect-to-https",
                    "allowed_methods": _ALL_METHODS,
                    "cached_methods": _READ,
                    "compress": True,
                    "cache_policy_id": args.policies.caching[caching],
                    "origin_request_policy_id": _ALL_VIEWER,
                    "response_headers_policy_id": args.policies.response_headers,
                    "lambda_function_associations": [
                        {"event_type": "viewer-request", "lambda_arn": args.auth.version_arn}
                    ],
                }
                for path, caching in args.paths.items()
            ],
            custom_error_responses=[
                {"error_code": code, "error_caching_min_ttl": _ERROR_SECONDS}
                for code in (500, 502, 503, 504)
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": args.certificate_arn,
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": "TLSv1.2_2021",
            },
            opts=child,
        )
        for kind in (route53.RecordType.A, route53.RecordType.AAAA):
            route53.Record(
                f"{name}-{kind.value.lower()}",
                zone_id=args.zone.id,
                name=args.host,
                type=kind,
                aliases=[
                    {
                        "name": distribution.domain_name,
                        "zone_id": distribution.hosted_zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                opts=child,
            )
        self.id: Output[str] = distribution.id
        self.url = f"https://{args.host}/"
        self.register_outputs({"url": self.url})
