"""What is deployed: distributions with their behaviours, origins and policies, by AWS's APIs."""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.account import Account
from local.edge import paths
from local.edge.policies import CachePolicy, ResponseHeadersPolicy, Taken
from local.errors import LocalError

# Seconds that an error is remembered unless the distribution says otherwise ("Configure error
# response behavior").
ERROR_TTL: Final = 10
_VIEWER: Final = frozenset({"viewer-request", "viewer-response"})


@dataclass(frozen=True, kw_only=True)
class Function:
    """A behaviour's Lambda@Edge function: a version's ARN, and whether it sees bodies."""

    arn: str
    include_body: bool


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What is done with requests of a path pattern."""

    pattern: str
    origin: str
    viewer_protocol: str  # allow-all, https-only or redirect-to-https
    methods: frozenset[str]
    cached_methods: frozenset[str]
    compress: bool
    cache: CachePolicy
    forwarded: Taken | None  # to the origin, besides what the cache key takes
    response_headers: ResponseHeadersPolicy | None
    functions: Mapping[str, Function]  # by event type


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a behaviour's requests go."""

    id: str
    domain: str
    path: str
    headers: tuple[tuple[str, str], ...]  # that CloudFront adds
    bucket: str  # empty for a load balancer
    balancer: (
        str  # the ARN behind a VPC origin; empty where DNS and the Internet lead to the origin
    )
    access_control: bool  # whether requests to the bucket are signed as the distribution's
    protocol: str  # http-only, https-only or match-viewer
    http_port: int
    https_port: int
    read_timeout: float  # s
    connect_timeout: float  # s
    attempts: int


@dataclass(frozen=True, kw_only=True)
class ErrorResponse:
    """What becomes of an error of the origin."""

    ttl: int  # s, at least
    page: str = ""
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """One distribution, enabled."""

    id: str
    arn: str
    domain: str
    aliases: tuple[str, ...]
    root: str  # default root object
    origins: Mapping[str, Origin]
    behaviours: tuple[Behaviour, ...]  # in order, the default one last
    errors: Mapping[int, ErrorResponse] = field(default_factory=dict)
    web_acl: str = ""
    geo_restriction: str = "none"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every name that it answers to."""
        return (*self.aliases, self.domain)

    def behaviour(self, uri: str) -> Behaviour:
        """The first behaviour whose path pattern matches."""
        return next(each for each in self.behaviours if paths.matches(each.pattern, uri))


def read(account: Account, only: Collection[str] | None = None) -> list[Distribution]:
    """Return the account's enabled distributions, or those of them whose ids are in `only`.

    Raises LocalError when one of them has something that the edge would have to leave out.
    """
    client = account.client("cloudfront")
    policies = _Policies(client)
    found = []
    for page in client.get_paginator("list_distributions").paginate():
        for summary in page["DistributionList"].get("Items", []):
            if only is not None and summary["Id"] not in only:
                continue
            whole = client.get_distribution(Id=summary["Id"])["Distribution"]
            if whole["DistributionConfig"]["Enabled"]:
                found.append(_distribution(whole, policies))
    return found


class _Policies:
    """The policies and VPC origins of one reading, each asked for once."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @functools.cache  # noqa: B019 - it lives as long as one reading
    def cache(self, policy: str) -> CachePolicy:
        got = self._client.get_cache_policy(Id=policy)
        return CachePolicy.of(got["CachePolicy"]["CachePolicyConfig"])

    @functools.cache  # noqa: B019
    def endpoint(self, origin: str) -> Mapping[str, Any]:
        got = self._client.get_vpc_origin(Id=origin)["VpcOrigin"]
        config: Mapping[str, Any] = got["VpcOriginEndpointConfig"]
        return config

    @functools.cache  # noqa: B019
    def forwarded(self, policy: str) -> Taken:
        got = self._client.get_origin_request_policy(Id=policy)
        return Taken.of(got["OriginRequestPolicy"]["OriginRequestPolicyConfig"])

    @functools.cache  # noqa: B019
    def response_headers(self, policy: str) -> ResponseHeadersPolicy:
        got = self._client.get_response_headers_policy(Id=policy)
        return ResponseHeadersPolicy.of(got["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"])


def _distribution(whole: Mapping[str, Any], policies: _Policies) -> Distribution:
    config = whole["DistributionConfig"]
    place = f"the distribution {whole['Id']}"
    if _items(config.get("OriginGroups")):
        raise LocalError(f"{place} has origin groups, which the local edge cannot run")
    default = _behaviour({"PathPattern": "*", **config["DefaultCacheBehavior"]}, policies, place)
    ordered = [_behaviour(each, policies, place) for each in _items(config.get("CacheBehaviors"))]
    return Distribution(
        id=whole["Id"],
        arn=whole["ARN"],
        domain=whole["DomainName"].lower(),
        aliases=tuple(alias.lower() for alias in _items(config.get("Aliases"))),
        root=config.get("DefaultRootObject") or "",
        origins={each["Id"]: _origin(each, policies) for each in _items(config["Origins"])},
        behaviours=(*ordered, default),
        errors=_errors(_items(config.get("CustomErrorResponses"))),
        web_acl=config.get("WebACLId") or "",
        geo_restriction=(
            (config.get("Restrictions") or {}).get("GeoRestriction") or {"RestrictionType": "none"}
        )["RestrictionType"],
    )


def _behaviour(config: Mapping[str, Any], policies: _Policies, place: str) -> Behaviour:
    if not config.get("CachePolicyId"):
        raise LocalError(f"{place} has a behaviour without a cache policy: the edge needs one")
    if _items(config.get("FunctionAssociations")):
        raise LocalError(f"{place} has CloudFront Functions, which the local edge cannot run")
    for part in ("TrustedKeyGroups", "TrustedSigners"):
        if (config.get(part) or {}).get("Enabled"):
            raise LocalError(f"{place} asks for signed URLs, which the local edge cannot check")
    functions = {
        each["EventType"]: Function(
            arn=each["LambdaFunctionARN"], include_body=bool(each.get("IncludeBody"))
        )
        for each in _items(config.get("LambdaFunctionAssociations"))
    }
    if others := set(functions) - _VIEWER:
        raise LocalError(f"{place} has a function at {', '.join(others)}: the edge runs none there")
    methods = config.get("AllowedMethods") or {"Items": ["GET", "HEAD"]}
    forwarded = config.get("OriginRequestPolicyId")
    response_headers = config.get("ResponseHeadersPolicyId")
    return Behaviour(
        pattern=config["PathPattern"],
        origin=config["TargetOriginId"],
        viewer_protocol=config["ViewerProtocolPolicy"],
        methods=frozenset(_items(methods)),
        cached_methods=frozenset(_items(methods.get("CachedMethods")) or ["GET", "HEAD"]),
        compress=bool(config.get("Compress")),
        cache=policies.cache(config["CachePolicyId"]),
        forwarded=policies.forwarded(forwarded) if forwarded else None,
        response_headers=policies.response_headers(response_headers) if response_headers else None,
        functions=functions,
    )


def _origin(config: Mapping[str, Any], policies: _Policies) -> Origin:
    private = config.get("VpcOriginConfig") or {}
    endpoint = policies.endpoint(private["VpcOriginId"]) if private else {}
    # A VPC origin says itself where it is and how to speak to it, the distribution for how long.
    custom = {**endpoint, **private} or config.get("CustomOriginConfig")
    domain = config["DomainName"].lower()
    bucket = "" if custom else domain.partition(".s3.")[0].partition(".s3-")[0]
    custom = custom or {}
    return Origin(
        id=config["Id"],
        domain=domain,
        path=config.get("OriginPath") or "",
        headers=tuple(
            (each["HeaderName"], each["HeaderValue"])
            for each in _items(config.get("CustomHeaders"))
        ),
        bucket=bucket,
        balancer=endpoint.get("Arn", ""),
        access_control=bool(config.get("OriginAccessControlId")),
        protocol=custom.get("OriginProtocolPolicy", "https-only"),
        http_port=custom.get("HTTPPort", 80),
        https_port=custom.get("HTTPSPort", 443),
        read_timeout=custom.get("OriginReadTimeout", 30),
        connect_timeout=config.get("ConnectionTimeout", 10),
        attempts=config.get("ConnectionAttempts", 3),
    )


def _errors(items: Iterable[Mapping[str, Any]]) -> dict[int, ErrorResponse]:
    return {
        each["ErrorCode"]: ErrorResponse(
            ttl=each.get("ErrorCachingMinTTL", ERROR_TTL),
            page=each.get("ResponsePagePath") or "",
            status=int(each.get("ResponseCode") or 0),
        )
        for each in items
    }


def _items(part: Mapping[str, Any] | None) -> list[Any]:
    return list((part or {}).get("Items") or [])


@dataclass
class Invalidations:
    """The invalidations that an account makes from now on."""

    account: Account
    seen: set[tuple[str, str]] = field(default_factory=set)

    def new(self, distributions: Iterable[Distribution]) -> list[tuple[str, str]]:
        """Distribution and path of each that was made since the last time."""
        client = self.account.client("cloudfront")
        found = []
        for distribution in distributions:
            listed = client.list_invalidations(DistributionId=distribution.id)["InvalidationList"]
            for each in listed.get("Items", []):
                mark = distribution.id, each["Id"]
                if mark in self.seen:
                    continue
                self.seen.add(mark)
                asked = client.get_invalidation(DistributionId=distribution.id, Id=each["Id"])
                batch = asked["Invalidation"]["InvalidationBatch"]
                found += [(distribution.id, path) for path in _items(batch["Paths"])]
        return found
