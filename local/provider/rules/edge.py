"""What the public meets: certificates, DNS, CloudFront, WAF."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from local.provider.rules.core import (
    Block,
    at_most,
    between,
    blocks,
    excludes,
    like,
    of,
    one_of,
    unique,
    unlike,
    words,
)

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = rf"(?=.{{1,253}}\.?$)(\*\.)?({_LABEL}\.)+[A-Za-z0-9-]{{2,63}}\.?"
_READ, _ALL = {"GET", "HEAD"}, {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
_METHODS = [_READ, _READ | {"OPTIONS"}, _ALL]
_ERRORS = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
_OWN_HEADERS = words("""
    accept-encoding cache-control connection content-length cookie host if-match if-modified-since
    if-none-match if-range if-unmodified-since max-forwards pragma proxy-authenticate
    proxy-authorization proxy-connection range request-range te trailer transfer-encoding upgrade
    via x-real-ip
    """)
_CACHING = ("forwardedValues", "minTtl", "defaultTtl", "maxTtl")
_ACTIONS = ("allow", "block", "count", "captcha", "challenge")
_ORIGIN_ARN = (
    r"arn:aws:(elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/(app|net)/[^/]+/[^/]+"
    r"|ec2:[a-z0-9-]+:\d{12}:instance/i-[0-9a-f]+)"
)


def _behaviours(distribution: Block) -> list[Block]:
    found = distribution.blocks("defaultCacheBehavior")
    return found + distribution.blocks("orderedCacheBehaviors")


def _origins(distribution: Block) -> set[str]:
    groups = distribution.blocks("originGroups") + distribution.blocks("origins")
    return {group["originId"] for group in groups}


def _targets_exist(distribution: Block) -> bool:
    return all(b["targetOriginId"] in _origins(distribution) for b in _behaviours(distribution))


def _viewer(behaviour: Block) -> bool:
    """One function an event, and at the viewer either kind, not both."""
    edge = [a["eventType"] for a in behaviour.blocks("lambdaFunctionAssociations")]
    small = [a["eventType"] for a in behaviour.blocks("functionAssociations")]
    mixed = any(e.startswith("viewer") for e in edge) and small
    return unique(edge) and unique(small) and not mixed


def _origin_kind(origin: Block) -> bool:
    kinds = ("s3OriginConfig", "customOriginConfig", "vpcOriginConfig")
    given = [key for key in kinds if key in origin]
    return len(given) == 1 or (not given and "originAccessControlId" in origin)


def _origin_port(port: int) -> bool:
    return port in (80, 443) or 1024 <= port <= 65535


def _viewer_only(distribution: Block) -> bool:
    """Lambda@Edge at the origin does not go with a VPC origin."""
    private = {o["originId"] for o in distribution.blocks("origins") if "vpcOriginConfig" in o}
    return not any(
        a["eventType"].startswith("origin")
        for b in _behaviours(distribution)
        if b["targetOriginId"] in private
        for a in b.blocks("lambdaFunctionAssociations")
    )


def _certificate(distribution: Block) -> bool:
    """Names of one's own need a certificate of one's own."""
    viewer = Block(distribution.get("viewerCertificate", {}))
    return not distribution.get("aliases") or not viewer.get("cloudfrontDefaultCertificate")


def _ttls(policy: Block) -> bool:
    return bool(
        policy.get("minTtl", 0) <= policy.get("defaultTtl", 86400) <= policy.get("maxTtl", 31536000)
    )


def _listed(kind: str, plural: str, most: int = 10) -> Callable[[Block], Any]:
    """A `whitelist` behaviour has items, up to ten; the others have none."""

    def test(config: Block) -> bool:
        items = Block(config.get(plural, {})).get("items") or []
        wanted = config.get(kind) in ("whitelist", "allExcept", "allViewerAndWhitelistCloudFront")
        return wanted == bool(items) and len(items) <= most

    return test


def _addresses(record: Block) -> bool:
    parse: dict[str, Callable[[str], Any]] = {"A": IPv4Address, "AAAA": IPv6Address}
    test = parse.get(record["type"], str)
    return all(test(value) is not None for value in record.get("records") or [])


def _rule_action(rule: Block) -> bool:
    """A rule group overrides, a statement of one's own acts."""
    statement = rule.get("statement", {})
    group = {"managedRuleGroupStatement", "ruleGroupReferenceStatement"} & {*statement}
    return ("overrideAction" in rule, "action" in rule) == (bool(group), not group)


_POLICIES = "cloudfront/cachePolicy:CachePolicy cloudfront/originRequestPolicy:OriginRequestPolicy"
_PARTS = {"headers": "header", "cookies": "cookie", "queryStrings": "queryString"}
_KEY = "parametersInCacheKeyAndForwardedToOrigin."

# A row reads best in one place.
# fmt: off
RULES = (
    *of("acm/certificate:Certificate", "ACM API, RequestCertificate",
        ("domainName", like(_HOST), "must be a host name"),
        ("domainName", at_most(64), "may have 64 characters"),
        ("subjectAlternativeNames[]", like(_HOST), "must be a host name"),
        ("subjectAlternativeNames", at_most(9), "may be nine besides domainName (quota)")),
    *of("route53/zone:Zone", "Route 53 API, CreateHostedZone",
        ("name", like(_HOST), "must be a domain")),
    *of("route53/record:Record", "Route 53 API, ResourceRecordSet",
        ("name", like(_HOST), "must be a host name"),
        ("", lambda r: r["type"] != "CNAME" or len(r.get("records") or [""]) == 1,
            "records of a CNAME must be one"),
        ("", excludes("aliases", "records", "ttl"), "aliases exclude records and ttl"),
        ("", lambda r: "aliases" in r or {"records", "ttl"} <= {*r}, "records and ttl are needed"),
        ("ttl", between(0, 2147483647), "must be 0 to 2147483647 seconds"),
        ("", _addresses, "records must be addresses of the type")),
    *of("cloudfront/distribution:Distribution", "CloudFront API, DistributionConfig",
        ("", _targets_exist, "targetOriginId must be the originId of an origin"),
        ("origins", lambda many: unique([o["originId"] for o in many]), "originId must differ"),
        ("orderedCacheBehaviors", lambda many: unique([b["pathPattern"] for b in many]),
            "pathPattern must differ"),
        ("aliases", at_most(100), "may be 100"),
        ("aliases[]", like(_HOST), "must be a host name"),
        ("comment", at_most(128), "may have 128 characters"),
        ("defaultRootObject", unlike("^/"), "must not begin with /"),
        ("customErrorResponses.errorCode", one_of(*_ERRORS), "must be a code CloudFront knows"),
        ("customErrorResponses[]", lambda r: ("responseCode" in r) == ("responsePagePath" in r),
            "responseCode and responsePagePath go together"),
        ("customErrorResponses.responsePagePath", like("/.*"), "must begin with /"),
        ("restrictions.geoRestriction", lambda g: bool(g.get("locations"))
            == (g["restrictionType"] != "none"), "locations go with whitelist and blacklist"),
        ("restrictions.geoRestriction.locations[]", like("[A-Z]{2}"), "must be an ISO code"),
        ("webAclId", like(r"arn:aws:wafv2:us-east-1:\d{12}:global/webacl/.*"),
            "must be the ARN of a web ACL of CLOUDFRONT in us-east-1"),
        ("loggingConfig.bucket", like(r".+\.s3(\.[a-z0-9-]+)?\.amazonaws\.com"),
            "must be a bucket's domain name")),
    *of("cloudfront/distribution:Distribution", "CloudFront API, ViewerCertificate",
        ("viewerCertificate.acmCertificateArn", like(r"arn:aws:acm:us-east-1:\d{12}:.*"),
            "must be of us-east-1"),
        ("viewerCertificate", lambda v: "acmCertificateArn" not in v or "sslSupportMethod" in v,
            "sslSupportMethod is needed with acmCertificateArn"),
        ("viewerCertificate", lambda v: not v.get("cloudfrontDefaultCertificate")
            or v.get("minimumProtocolVersion", "TLSv1") == "TLSv1",
            "minimumProtocolVersion is TLSv1 with CloudFront's own certificate"),
        ("", _certificate, "viewerCertificate must be of one's own for aliases")),
    *of("cloudfront/distribution:Distribution", "CloudFront API, Origin",
        ("origins.domainName", like(_HOST), "must be a host name, without protocol or path"),
        ("origins.originPath", like("|/.*(?<!/)"), "must begin with / and not end with it"),
        ("origins[]", _origin_kind,
            "must have one of customOriginConfig, vpcOriginConfig and s3OriginConfig"),
        ("origins.connectionAttempts", between(1, 3), "must be 1 to 3"),
        ("origins.connectionTimeout", between(1, 10), "must be 1 to 10 seconds"),
        ("origins.customOriginConfig.originReadTimeout", between(1, 120), "must be 1 to 120 s"),
        ("origins.customOriginConfig.originKeepaliveTimeout", between(1, 120),
            "must be 1 to 120 s"),
        ("origins.vpcOriginConfig.originReadTimeout", between(1, 120), "must be 1 to 120 s"),
        ("origins.vpcOriginConfig.originKeepaliveTimeout", between(1, 120), "must be 1 to 120 s"),
        *((f"origins.customOriginConfig.{key}", _origin_port, "must be 80, 443 or above 1023")
            for key in ("httpPort", "httpsPort")),
        ("origins.customHeaders.name", lambda name: name.lower() not in _OWN_HEADERS
            and not name.lower().startswith("x-edge-"), "is a header that CloudFront sets itself")),
    *of("cloudfront/distribution:Distribution",
        "CloudFront developer guide, Restrict access with VPC origins",
        ("", _viewer_only, "origin-request and origin-response exclude vpcOriginConfig")),
    # The name's length and the ports by AWS's recorded responses (ministackorg/ministack#2312), the
    # name's characters by hashicorp/terraform-provider-aws#41392.
    *of("cloudfront/vpcOrigin:VpcOrigin", "CloudFront API, VpcOriginEndpointConfig",
        ("vpcOriginEndpointConfig.name", like("[A-Za-z0-9_-]{1,64}"),
            "must be 1 to 64 letters, digits, - and _"),
        ("vpcOriginEndpointConfig.arn", like(_ORIGIN_ARN),
            "must be the ARN of an application or network load balancer, or of an instance"),
        *((f"vpcOriginEndpointConfig.{key}", _origin_port, "must be 80, 443 or above 1023")
            for key in ("httpPort", "httpsPort")),
        ("vpcOriginEndpointConfig.originProtocolPolicy",
            one_of("http-only", "https-only", "match-viewer"),
            "must be http-only, https-only or match-viewer"),
        ("vpcOriginEndpointConfig.originSslProtocols.items[]",
            one_of("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"), "must be SSLv3 or TLSv1 to TLSv1.2"),
        ("vpcOriginEndpointConfig.originSslProtocols",
            lambda p: p["quantity"] == len(p["items"]), "quantity must be that of items")),
    *(rule for key in ("defaultCacheBehavior", "orderedCacheBehaviors") for rule in of(
        "cloudfront/distribution:Distribution", "CloudFront API, CacheBehavior",
        (f"{key}.allowedMethods", lambda m: {*m} in _METHODS,
            "must be GET and HEAD, with OPTIONS, or all seven"),
        (f"{key}.cachedMethods", lambda m: {*m} in _METHODS[:2],
            "must be GET and HEAD, with or without OPTIONS"),
        (key, lambda b: all({*i["cachedMethods"]} <= {*i["allowedMethods"]} for i in blocks(b)),
            "cachedMethods must be among allowedMethods"),
        (key, lambda b: all("cachePolicyId" not in i or not {*_CACHING} & {*i} for i in blocks(b)),
            "cachePolicyId excludes forwardedValues and the times"),
        (key, lambda b: all({"cachePolicyId", "forwardedValues"} & {*i} for i in blocks(b)),
            "cachePolicyId or forwardedValues is needed"),
        (key, lambda b: all(map(_viewer, blocks(b))), "lambdaFunctionAssociations: one an event"),
        (f"{key}.lambdaFunctionAssociations.lambdaArn",
            like(r"arn:aws:lambda:us-east-1:\d{12}:function:[\w-]+:\d+"),
            "must be a numbered version in us-east-1"))),
    *of("cloudfront/distribution:Distribution", "CloudFront API, CacheBehavior",
        ("orderedCacheBehaviors.pathPattern", like(r"[A-Za-z0-9_\-.*$/~\"'@:+&?]{1,255}"),
            "must be a path")),
    *of(_POLICIES + " cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "CloudFront API, CachePolicyConfig",
        ("name", like(r"[A-Za-z0-9_-]{1,128}"), "must be letters, digits, - and _"),
        ("comment", at_most(128), "may have 128 characters"),
        ("customHeadersConfig.items", at_most(10), "may be ten (quota)")),
    *of("cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "CloudFront developer guide, Quotas on headers",
        ("securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy", at_most(1783),
            "may have 1783 characters (quota)")),
    *of("cloudfront/cachePolicy:CachePolicy", "CloudFront API, CachePolicyConfig",
        ("", _ttls, "minTtl, defaultTtl and maxTtl must not decrease")),
    *of(_POLICIES, "CloudFront developer guide, Quotas on policies", *(
        row for plural, kind in _PARTS.items() for row in (
            (f"{prefix}{plural}Config", _listed(f"{kind}Behavior", plural),
                f"{kind}Behavior must have items, ten at most, if and only if it lists")
            for prefix in ("", _KEY)))),
    *of("cloudfront/originAccessControl:OriginAccessControl", "CloudFront API, "
        "OriginAccessControlConfig", ("name", like(".{1,64}"), "may have 64 characters")),
    *of("wafv2/webAcl:WebAcl", "WAF API, CreateWebACL",
        ("", lambda w: w["scope"] != "CLOUDFRONT" or w["region"] == "us-east-1",
            "scope CLOUDFRONT is for region us-east-1"),
        ("rules", lambda rules: unique([rule["priority"] for rule in rules]),
            "priority must differ"),
        ("rules[]", _rule_action, "action or, of a rule group, overrideAction is needed"),
        ("rules.action", lambda a: len([k for k in _ACTIONS if k in a]) == 1, "must be one"),
        ("rules.statement.rateBasedStatement.limit", between(10, 2000000000),
            "must be 10 requests at least"),
        ("rules.statement.rateBasedStatement.evaluationWindowSec", one_of(60, 120, 300, 600),
            "must be 60, 120, 300 or 600")),
    *of("wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "WAF API, PutLoggingConfiguration",
        ("logDestinationConfigs", at_most(1), "may be one"),
        ("logDestinationConfigs[]", like(r"arn:aws:.*[:/]aws-waf-logs-.*|arn:aws:s3:::aws-waf-.*"),
            "must be something whose name begins with aws-waf-logs-")),
)
