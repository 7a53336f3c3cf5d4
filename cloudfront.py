"""The edge: a CloudFront distribution a host, its caching, and the password in front of it."""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pulumi
import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudfront, cloudwatch, ec2, iam, lambda_, route53

from alb import LoadBalancer, Route
from certs import EDGE_REGION, HostedZone
from packages import function_package
from policies import policy, statement, trust
from s3 import AccessLogs, PrivateBucket, PrivateBucketArgs
from settings import Access

# CloudFront developer guide, "Managed policies".
_CACHING_DISABLED: Final = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_VIEWER: Final = "216adef6-5c7f-47e4-b989-5492eafa07d3"

_ALL_METHODS: Final = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
_READ: Final = ["GET", "HEAD"]
# Seconds that an error of GeoServer is cached; CloudFront's own default is ten.
_ERROR_SECONDS: Final = 2
_ORIGIN_TLS: Final = ["TLSv1.2"]
# What an origin answers that is down, and what CloudFront answers for one that doesn't.
_DOWN: Final = (502, 503, 504)
# Where CloudFront runs functions, in the regional edge caches (CloudFront features, "Regional edge
# caches"). They log there, in groups that keep everything for ever unless they exist before.
_FUNCTION_REGIONS: Final = (
    *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("eu-central-1", "eu-west-1", "eu-west-2", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)

_MAINTENANCE: Final = Path(__file__).parent / "pages" / "maintenance.html"

Caching = Literal["none", "proxy", "revalidate", "assets", "tiles"]


@dataclass(frozen=True, kw_only=True)
class BasicAuthArgs:
    account_id: Input[str]
    map_host: str
    access: Mapping[str, Access]  # by host
    reading: Sequence[str]  # hosts that the map's pages may only read from without a password
    closed: Mapping[str, list[str]]  # by host, path prefixes that are blocked
    exact: Mapping[str, Sequence[str]]  # by host, path prefixes that no other spelling may evade
    public: Mapping[str, Sequence[str]]  # by host, files and folders/ that need no password
    ogc: Sequence[str]  # hosts whose query strings are normalised
    users: Output[dict[str, str]]  # name to password
    log_retention_days: int
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
        group = f"/edge/{name}"
        groups = [
            cloudwatch.LogGroup(
                f"{name}-{region}",
                region=region,
                name=group,
                retention_in_days=args.log_retention_days,
                opts=child,
            )
            for region in _FUNCTION_REGIONS
        ]
        function = lambda_.Function(
            name,
            region=EDGE_REGION,
            description="Asks for the site's password",
            runtime="python3.13",
            handler="handler.handler",
            code=Output.all(args.users, salt.hex).apply(
                lambda known: _package(args, users=known[0], salt=known[1])
            ),
            role=role.arn,
            # The most that viewer events may have (CloudFront developer guide, "Quotas").
            memory_size=128,
            timeout=5,
            publish=True,
            # A group of its own name is called the same in every region, and failures alone are
            # logged, not each request (CloudFront developer guide, "Lambda@Edge logs").
            logging_config={
                "log_group": group,
                "log_format": "JSON",
                "application_log_level": "WARN",
                "system_log_level": "WARN",
            },
            skip_destroy=args.keep,
            opts=ResourceOptions(parent=self, depends_on=groups),
        )
        iam.RolePolicy(
            name,
            role=role.id,
            policy=policy(
                # Wherever the visitor is, in regions to come too.
                statement(
                    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                    [
                        Output.format(
                            "arn:aws:logs:*:{0}:log-group:{1}{2}", args.account_id, group, part
                        )
                        for part in ("", ":*")  # the group itself, and what is in it
                    ],
                )
            ),
            opts=child,
        )
        self.version_arn: Output[str] = function.qualified_arn
        self.function_name: Output[str] = function.name
        self.log_group = group
        self.register_outputs({"version_arn": self.version_arn})


def _package(args: BasicAuthArgs, *, users: dict[str, str], salt: str) -> pulumi.Archive:
    """The function with its configuration: salted digests, never a password."""
    key = bytes.fromhex(salt)
    configuration = {
        "map": args.map_host,
        "hosts": dict(args.access),
        "reading": list(args.reading),
        "closed": {host: list(paths) for host, paths in args.closed.items()},
        "exact": {host: list(paths) for host, paths in args.exact.items()},
        "public": {host: list(paths) for host, paths in args.public.items()},
        "ogc": list(args.ogc),
        "realm": "Otakaro Digital Twin",
        "salt": salt,
        "users": [
            # Composed, as browsers are to send it (RFC 7617, section 2.1), however it is typed.
            hmac.new(key, unicodedata.normalize("NFC", text).encode(), hashlib.sha256).hexdigest()
            for text in (f"{user}:{password}" for user, password in users.items())
        ],
    }
    return function_package(
        "basic_auth", texts={"config.json": json.dumps(configuration, sort_keys=True)}
    )


@dataclass(frozen=True, kw_only=True)
class EdgePoliciesArgs:
    map_host: str
    tile_seconds: int  # that GeoServer lets tiles be cached
    embedders: Sequence[str]  # hosts whose pages may show the map in a frame
    script_hosts: Sequence[str]  # hosts that the map may load scripts from


class EdgePolicies(ComponentResource):
    """What the distributions keep, by what, for how long, and the headers that they add."""

    def __init__(
        self, name: str, args: EdgePoliciesArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:EdgePolicies", name, None, opts)
        self._child = ResourceOptions(parent=self)
        self.caching: dict[Caching, Input[str]] = {
            "none": _CACHING_DISABLED,
            # Other sites' answers: TerriaMap's proxy says max-age of two weeks of all of them.
            "proxy": _CACHING_DISABLED,
            # Pages: kept as long as the origin says, asked again when it says nothing.
            "revalidate": self._cache(f"{name}-revalidate", default=0),
            # Scripts, styles and images: TerriaMap's server says max-age=0 of all, and their names
            # stay from one image to the next, so a minute takes the load off it and is soon over.
            "assets": self._cache(f"{name}-assets", least=60, default=86_400),
            # Map tiles: the query string identifies them, Origin decides the CORS answer. The
            # origin specifies how long an image is cached (entry_points.py). What it returns with
            # 200 and without Cache-Control is capabilities, features or a WMS exception, which
            # CloudFront cannot distinguish: it expires as soon as an error does.
            "tiles": self._cache(
                f"{name}-tiles",
                default=_ERROR_SECONDS,
                longest=max(86_400, args.tile_seconds),
                headers=["Origin"],
            ),
        }
        # What is kept for all may depend on no header or cookie of one: GeoServer would write the
        # X-Forwarded-Host of whoever asks first into everybody's capabilities.
        impersonal = self._forwarding(
            f"{name}-impersonal",
            comment="The host, and what a preflight asks",
            headers=["Host", "Access-Control-Request-Method", "Access-Control-Request-Headers"],
        )
        self.forwarding: dict[Caching, Input[str]] = {
            "none": _ALL_VIEWER,
            # TerriaMap's proxy passes on the headers that it gets, to any site of a catalogue: no
            # cookies, no address of the map's page.
            "proxy": self._forwarding(
                f"{name}-proxy",
                comment="The host, and what a server needs to choose a representation",
                headers=["Host", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent"],
            ),
            "revalidate": _ALL_VIEWER,
            "assets": impersonal,
            "tiles": impersonal,
        }
        self.map_headers = self._headers(f"{name}-map", _map_content_policy(args), override=True)
        # Their own pages are GeoServer's preview and the API's description.
        framed = f"frame-ancestors 'self' https://{args.map_host}"
        self.service_headers = self._headers(f"{name}-service", framed, override=False)
        # How long GeoServer lets an image be cached is for CloudFront. A viewer's own cache would
        # keep it after an invalidation, and give a script one that came without CORS headers.
        self.geoserver_headers = self._headers(
            f"{name}-geoserver", framed, override=False, cache_control="no-cache"
        )
        self.register_outputs({})

    def _headers(
        self, name: str, content_policy: str, *, override: bool, cache_control: str = ""
    ) -> Output[str]:
        added = {
            # The map may ask where its visitor is, and fill the screen.
            "Permissions-Policy": "camera=(), microphone=(), payment=(), usb=()",
            "Cache-Control": cache_control,
        }
        return cloudfront.ResponseHeadersPolicy(
            name,
            name=name,
            comment="Security headers",
            security_headers_config={
                "strict_transport_security": {
                    "access_control_max_age_sec": 31_536_000,
                    "include_subdomains": True,
                    "override": True,
                },
                "content_type_options": {"override": True},
                "content_security_policy": {
                    "content_security_policy": content_policy,
                    "override": override,
                },
                "referrer_policy": {
                    # The map's requests to the other hosts are known by their referrer.
                    "referrer_policy": "strict-origin-when-cross-origin",
                    "override": True,
                },
            },
            custom_headers_config={
                "items": [
                    {"header": header, "value": value, "override": True}
                    for header, value in added.items()
                    if value
                ]
            },
            opts=self._child,
        ).id

    def _forwarding(self, name: str, *, comment: str, headers: list[str]) -> Output[str]:
        return cloudfront.OriginRequestPolicy(
            name,
            name=name,
            comment=comment,
            cookies_config={"cookie_behavior": "none"},
            headers_config={"header_behavior": "whitelist", "headers": {"items": headers}},
            query_strings_config={"query_string_behavior": "all"},
            opts=self._child,
        ).id

    def _cache(
        self,
        name: str,
        *,
        default: int,
        least: int = 0,
        longest: int = 31_536_000,
        headers: list[str] | None = None,
    ) -> Output[str]:
        return cloudfront.CachePolicy(
            name,
            name=name,
            min_ttl=least,
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


def _map_content_policy(args: EdgePoliciesArgs) -> str:
    """What the map's pages may load: scripts of their own, data of the whole web.

    TerriaMap doesn't start without 'unsafe-eval' (TerriaJS/TerriaMap#489), its page has an inline
    script, and Cesium makes its workers from blob: URLs. Catalogues name servers of anybody.
    """
    scripts = " ".join(f" https://{host}" for host in args.script_hosts)
    embedders = " ".join(f" https://{host}" for host in args.embedders)
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:{scripts}",
            "worker-src 'self' blob:",
            "style-src 'self' 'unsafe-inline' https:",
            "font-src 'self' data: https:",
            "img-src 'self' data: blob: https:",
            "media-src 'self' data: blob: https:",
            "connect-src 'self' data: blob: https:",
            "frame-src 'self' blob: https:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors 'self'{embedders}",
        ]
    )


class MaintenancePage(ComponentResource):
    """What visitors see while an origin is down: a page of its own, in a bucket."""

    PATH: Final = "/_maintenance/index.html"

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:MaintenancePage", name, None, opts)
        self._bucket = PrivateBucket(
            name, PrivateBucketArgs(removable=False), ResourceOptions(parent=self)
        )
        self._bucket.put(
            self.PATH.removeprefix("/"),
            content=_MAINTENANCE.read_text(encoding="utf-8"),
            content_type="text/html; charset=utf-8",
            cache_control="public, max-age=60",
        )
        self.domain_name: Output[str] = self._bucket.domain_name
        self.access_control_id: Output[str] = cloudfront.OriginAccessControl(
            name,
            name=name,
            description="Only the distribution reads the bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=ResourceOptions(parent=self),
        ).id
        self.register_outputs({})

    def admit(self, distribution_arn: Input[str]) -> None:
        """Let one distribution read the page."""
        self._bucket.admit(
            statement(
                ["s3:GetObject"],
                [Output.concat(self._bucket.arn, self.PATH)],
                {"StringEquals": {"aws:SourceArn": distribution_arn}},
                principal={"Service": "cloudfront.amazonaws.com"},
            )
        )


class PrivateOrigin(ComponentResource):
    """The VPC origin through which distributions reach the internal load balancer.

    CloudFront developer guide, "Restrict access with VPC origins": the VPC needs an internet
    gateway, although no traffic to the origin uses it. An origin that a distribution uses can't be
    updated, not even its tags (hashicorp/terraform-provider-aws#40905, aws/aws-cdk#35765), so every
    change replaces it: the new one first, then the distributions, the old one last.
    """

    def __init__(
        self,
        name: str,
        *,
        load_balancer: LoadBalancer,
        internet_gateway: ec2.InternetGateway,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("otakaro:index:PrivateOrigin", name, None, opts)
        config: cloudfront.VpcOriginVpcOriginEndpointConfigArgsDict = {
            "arn": load_balancer.arn,
            "name": name,
            "http_port": 80,
            "https_port": 443,
            # The viewer's host goes along, and the load balancer has its certificate.
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": {"items": _ORIGIN_TLS, "quantity": len(_ORIGIN_TLS)},
        }
        # A replacement exists beside its predecessor, and an account has each name once.
        facts = {key: value for key, value in config.items() if key != "arn"}
        config["name"] = load_balancer.arn.apply(lambda arn: f"{name}-{_digest([arn, facts])}")
        origin = cloudfront.VpcOrigin(
            name,
            vpc_origin_endpoint_config=config,
            opts=ResourceOptions(
                parent=self,
                depends_on=[internet_gateway],
                replace_on_changes=["*"],
                ignore_changes=["tags", "tagsAll"],
            ),
        )
        self.id: Output[str] = origin.id
        self.domain_name = load_balancer.dns_name
        self.register_outputs({"id": self.id})


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]


@dataclass(frozen=True, kw_only=True)
class DistributionArgs:
    host: str
    zone: HostedZone
    certificate_arn: Input[str]  # validated, of EDGE_REGION, with the host among its names
    origin: PrivateOrigin
    route: Route
    origin_timeout: int  # s that an answer may take
    auth: BasicAuth
    policies: EdgePolicies
    headers: Input[str]  # id of the policy of the headers that it adds
    caching: Caching
    paths: Mapping[str, Caching]  # path patterns that are cached otherwise, first match wins
    access_logs: AccessLogs
    maintenance: MaintenancePage | None = None  # else CloudFront's own words
    firewall_arn: Input[str] | None = None


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
            web_acl_id=args.firewall_arn,
            origins=_origins(args),
            default_cache_behavior={
                "target_origin_id": "alb",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": _ALL_METHODS,
                "cached_methods": _READ,
                "compress": True,
                "cache_policy_id": args.policies.caching[args.caching],
                "origin_request_policy_id": args.policies.forwarding[args.caching],
                "response_headers_policy_id": args.headers,
                "lambda_function_associations": [
                    {"event_type": "viewer-request", "lambda_arn": args.auth.version_arn}
                ],
            },
            ordered_cache_behaviors=_behaviours(args),
            custom_error_responses=_errors(args),
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": args.certificate_arn,
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": "TLSv1.2_2021",
            },
            opts=child,
        )
        if args.maintenance is not None:
            args.maintenance.admit(distribution.arn)
        args.access_logs.add_delivery(name, distribution.arn, self)
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


def _origins(args: DistributionArgs) -> list[cloudfront.DistributionOriginArgsDict]:
    # Known when the load balancer forwards the host: a replaced one is used no sooner.
    ready = Output.all(args.origin.id, args.route.target_group_arn)
    origin_id: Output[str] = ready.apply(lambda parts: parts[0])
    balancer: cloudfront.DistributionOriginArgsDict = {
        "origin_id": "alb",
        "domain_name": args.origin.domain_name,
        "vpc_origin_config": {
            "vpc_origin_id": origin_id,
            "origin_read_timeout": args.origin_timeout,
            "origin_keepalive_timeout": 60,
        },
    }
    if args.maintenance is None:
        return [balancer]
    return [
        balancer,
        {
            "origin_id": "maintenance",
            "domain_name": args.maintenance.domain_name,
            "origin_access_control_id": args.maintenance.access_control_id,
        },
    ]


def _behaviours(
    args: DistributionArgs,
) -> list[cloudfront.DistributionOrderedCacheBehaviorArgsDict]:
    behaviours: list[cloudfront.DistributionOrderedCacheBehaviorArgsDict] = [
        {
            "path_pattern": path,
            "target_origin_id": "alb",
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": _ALL_METHODS,
            "cached_methods": _READ,
            "compress": True,
            "cache_policy_id": args.policies.caching[caching],
            "origin_request_policy_id": args.policies.forwarding[caching],
            "response_headers_policy_id": args.headers,
            "lambda_function_associations": [
                {"event_type": "viewer-request", "lambda_arn": args.auth.version_arn}
            ],
        }
        for path, caching in args.paths.items()
    ]
    if args.maintenance is not None:
        # Without a password: who is told that the map is down may not have given it yet.
        behaviours.append(
            {
                "path_pattern": args.maintenance.PATH,
                "target_origin_id": "maintenance",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": _READ,
                "cached_methods": _READ,
                "compress": True,
                "cache_policy_id": args.policies.caching["revalidate"],
                "response_headers_policy_id": args.headers,
            }
        )
    return behaviours


def _errors(args: DistributionArgs) -> list[cloudfront.DistributionCustomErrorResponseArgs]:
    """Return how long error responses are cached, and the page that replaces them during an outage.

    CloudFront caches errors even for a behaviour that caches nothing else, and then without the
    query string in the cache key ("Control how long CloudFront caches errors"). So only the errors
    of map tiles are cached, whose key has the query string.
    """
    page = args.maintenance
    return [
        cloudfront.DistributionCustomErrorResponseArgs(
            error_code=code,
            error_caching_min_ttl=_ERROR_SECONDS if args.caching == "tiles" else 0,
            response_code=503 if page and code in _DOWN else None,
            response_page_path=page.PATH if page and code in _DOWN else None,
        )
        # All configurable status codes that CloudFront caches, some only with a max-age.
        for code in (400, 403, 404, 405, 414, 500, 501, *_DOWN)
    ]
