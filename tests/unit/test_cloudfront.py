"""What browsers meet: hosts, caching, and the password in front of them."""

import base64
import hashlib
import hmac
import io
import itertools
import json
import re
import unicodedata
from typing import Any

import pytest

from cloudfront import _digest
from local.record import ACCOUNT, ROOT, SECRETS, Recording, configuration, kinds, record_program
from tests.unit.reading import arn, may, text_of, trusted

SITES = {
    "map": "otakaro.digitaltwins.nz",
    "api": "api.otakaro.digitaltwins.nz",
    "geoserver": "gs.otakaro.digitaltwins.nz",
}
# CloudFront's managed policies.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"


def site(recording: Recording, key: str) -> dict[str, Any]:
    return recording["cloudfront/distribution:Distribution"][f"otakaro-dt-{key}-cdn"]


def behaviours(recording: Recording) -> list[dict[str, Any]]:
    """Those that lead to the application; the maintenance page is for everyone."""
    return [
        behaviour
        for inputs in recording["cloudfront/distribution:Distribution"].values()
        for behaviour in [inputs["defaultCacheBehavior"], *inputs["orderedCacheBehaviors"]]
        if behaviour["targetOriginId"] == "alb"
    ]


def headers(recording: Recording, key: str) -> dict[str, Any]:
    kind = "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
    return recording[kind][f"otakaro-dt-edge-{key}"]


def content_policy(recording: Recording) -> dict[str, set[str]]:
    """What the map's pages may load, by kind."""
    [inputs] = [
        each
        for name, each in recording[
            "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
        ].items()
        if name.endswith("-map")
    ]
    text = inputs["securityHeadersConfig"]["contentSecurityPolicy"]["contentSecurityPolicy"]
    parts = [directive.split() for directive in text.split(";")]
    return {name: set(sources) for name, *sources in parts}


def cached_as(recording: Recording, key: str) -> dict[str, Any]:
    return recording["cloudfront/cachePolicy:CachePolicy"][f"otakaro-dt-edge-{key}"]


def function(recording: Recording) -> dict[str, Any]:
    [inputs] = [
        inputs
        for name, inputs in recording["lambda/function:Function"].items()
        if name.endswith("-basic-auth")
    ]
    return inputs


def configured(recording: Recording) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of(function(recording)["code"], "config.json"))
    return found


# Distributions


@pytest.mark.parametrize(("key", "host"), SITES.items())
def test_a_host_has_one_distribution_and_both_kinds_of_address(
    production: Recording, key: str, host: str
) -> None:
    assert site(production, key)["aliases"] == [host]
    assert site(production, key)["isIpv6Enabled"] is True
    records = {
        record["type"]: record["aliases"]
        for record in production["route53/record:Record"].values()
        if record["name"] == host
    }
    alias = {
        "name": f"otakaro-dt-{key}-cdn.cloudfront.example",
        "zoneId": "Z2FDTNDATAQYW2",
        "evaluateTargetHealth": False,
    }
    assert records == {"A": [alias], "AAAA": [alias]}


def test_every_alias_is_a_name_of_the_certificate(stack: Recording) -> None:
    [certificate] = [
        inputs
        for inputs in stack["acm/certificate:Certificate"].values()
        if inputs["region"] == "us-east-1"
    ]
    names = {certificate["domainName"], *certificate["subjectAlternativeNames"]}
    aliases = [
        alias
        for inputs in stack["cloudfront/distribution:Distribution"].values()
        for alias in inputs["aliases"]
    ]
    assert len(aliases) == 3
    assert set(aliases) <= names


def test_distributions_wait_for_the_validated_certificate_of_us_east_1(stack: Recording) -> None:
    [validation] = [
        resource.urn
        for resource in stack.of("acm/certificateValidation:CertificateValidation")
        if resource.inputs["region"] == "us-east-1"
    ]
    for distribution in stack.of("cloudfront/distribution:Distribution"):
        assert validation in distribution.dependencies
        certificate = distribution.inputs["viewerCertificate"]
        assert certificate["acmCertificateArn"].endswith("-cert-us-east-1")
        assert certificate["minimumProtocolVersion"] == "TLSv1.2_2021"
        assert certificate["sslSupportMethod"] == "sni-only"


def test_the_origin_is_the_internal_load_balancer_over_tls(stack: Recording) -> None:
    [origin] = stack.of("cloudfront/vpcOrigin:VpcOrigin")
    [balancer] = stack.of("lb/loadBalancer:LoadBalancer")
    config = origin.inputs["vpcOriginEndpointConfig"]
    assert config["arn"] == balancer.state["arn"]
    assert config["originProtocolPolicy"] == "https-only"
    assert config["originSslProtocols"] == {"items": ["TLSv1.2"], "quantity": 1}
    for inputs in stack["cloudfront/distribution:Distribution"].values():
        used = inputs["origins"][0]
        assert used["originId"] == "alb"
        assert used["domainName"].endswith("-alb.elb.example")
        assert used["vpcOriginConfig"]["vpcOriginId"] == origin.id
        assert used["vpcOriginConfig"]["originReadTimeout"] == 60


def test_requests_to_origins_carry_no_secret(stack: Recording) -> None:
    for inputs in stack["cloudfront/distribution:Distribution"].values():
        assert not any("customHeaders" in origin for origin in inputs["origins"])
    for rule in stack["lb/listenerRule:ListenerRule"].values():
        assert all("httpHeader" not in condition for condition in rule["conditions"])


def test_a_change_of_the_vpc_origin_replaces_it_and_tags_are_no_change(stack: Recording) -> None:
    """CloudFront refuses to update one that a distribution uses, its tags included."""
    [origin] = stack.of("cloudfront/vpcOrigin:VpcOrigin")
    assert origin.replace_on_changes == ("*",)
    assert {"tags", "tagsAll"} <= {*origin.ignore_changes}
    assert "tags" not in origin.inputs


def test_a_vpc_origin_has_a_name_of_its_own_for_each_configuration(stack: Recording) -> None:
    """A replacement exists beside its predecessor, and an account has each name once."""
    [origin] = stack["cloudfront/vpcOrigin:VpcOrigin"].values()
    config = origin["vpcOriginEndpointConfig"]
    stem, _, digest = config["name"].rpartition("-")
    assert re.fullmatch(r"[A-Za-z0-9-]{1,55}", stem)
    facts = {"name": stem, "http_port": 80, "https_port": 443}
    facts |= {"origin_protocol_policy": "https-only"}
    facts |= {"origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1}}
    assert digest == _digest([config["arn"], facts])
    assert digest != _digest([config["arn"], facts | {"https_port": 8443}])


def test_a_vpc_origin_waits_for_the_internet_gateway(stack: Recording) -> None:
    [origin] = stack.of("cloudfront/vpcOrigin:VpcOrigin")
    [gateway] = stack.of("ec2/internetGateway:InternetGateway")
    assert gateway.urn in origin.dependencies


def test_a_distribution_waits_for_its_listener_rule(stack: Recording) -> None:
    rules = {
        rule.name.rpartition("-")[2]: rule.urn for rule in stack.of("lb/listenerRule:ListenerRule")
    }
    for distribution in stack.of("cloudfront/distribution:Distribution"):
        service = (
            distribution.name.removesuffix("-cdn").rpartition("-")[2].replace("map", "terriamap")
        )
        assert rules[service] in distribution.dependencies


def test_visitors_of_new_zealand_are_served_nearby(stack: Recording) -> None:
    prices = {
        inputs["priceClass"] for inputs in stack["cloudfront/distribution:Distribution"].values()
    }
    assert prices == {"PriceClass_All"}


def test_every_path_of_every_host_passes_the_password(stack: Recording) -> None:
    versions = set()
    for behaviour in behaviours(stack):
        [association] = behaviour["lambdaFunctionAssociations"]
        assert association["eventType"] == "viewer-request"
        versions.add(association["lambdaArn"])
    [version] = versions
    assert re.fullmatch(r"arn:aws:lambda:us-east-1:\d+:function:[^:]+:\d+", version)


def test_every_path_is_https_takes_all_methods_and_tells_the_origin_its_host(
    stack: Recording,
) -> None:
    for behaviour in behaviours(stack):
        assert behaviour["viewerProtocolPolicy"] == "redirect-to-https"
        assert set(behaviour["allowedMethods"]) == {
            *("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
        }
        # An answer to OPTIONS that is kept for one origin would be given to another.
        assert set(behaviour["cachedMethods"]) == {"GET", "HEAD"}
        assert behaviour["compress"] is True


# Without Host the load balancer finds no rule.
FORWARDED = {
    "-impersonal": {"Host", "Access-Control-Request-Method", "Access-Control-Request-Headers"},
    # TerriaMap's proxy passes on what it gets: neither cookies nor the page's address.
    "-proxy": {"Host", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent"},
}


def test_what_is_kept_for_all_and_what_others_get_depends_on_few_headers(stack: Recording) -> None:
    policies = stack["cloudfront/originRequestPolicy:OriginRequestPolicy"]
    for inputs in policies.values():
        assert inputs["cookiesConfig"] == {"cookieBehavior": "none"}
        assert inputs["queryStringsConfig"] == {"queryStringBehavior": "all"}
    assert {
        f"-{name.rpartition('-')[2]}": set(inputs["headersConfig"]["headers"]["items"])
        for name, inputs in policies.items()
    } == FORWARDED
    for behaviour in behaviours(stack):
        policy = behaviour["originRequestPolicyId"]
        if behaviour["cachePolicyId"].endswith(("-tiles-id", "-assets-id")):
            assert policy.endswith("-impersonal-id")
        elif "proxy" in behaviour.get("pathPattern", ""):
            assert policy.endswith("-proxy-id")
        else:
            assert policy == ALL_VIEWER


def test_the_api_is_never_cached(production: Recording) -> None:
    assert site(production, "api")["defaultCacheBehavior"]["cachePolicyId"] == CACHING_DISABLED
    assert site(production, "api")["orderedCacheBehaviors"] == []


def test_tiles_are_told_apart_by_their_query_and_by_who_asks(production: Recording) -> None:
    default = site(production, "geoserver")["defaultCacheBehavior"]
    assert default["cachePolicyId"] == "otakaro-dt-edge-tiles-id"
    tiles = cached_as(production, "tiles")
    # Without a word of the origin, no longer than an error.
    assert tiles["defaultTtl"] == 2
    key = tiles["parametersInCacheKeyAndForwardedToOrigin"]
    assert key["queryStringsConfig"] == {"queryStringBehavior": "all"}
    assert key["headersConfig"] == {
        "headerBehavior": "whitelist",
        "headers": {"items": ["Origin"]},
    }


def test_the_maps_pages_are_asked_again_and_its_assets_kept(production: Recording) -> None:
    default = site(production, "map")["defaultCacheBehavior"]
    assert default["cachePolicyId"] == "otakaro-dt-edge-revalidate-id"
    assert cached_as(production, "revalidate")["defaultTtl"] == 0
    ordered = site(production, "map")["orderedCacheBehaviors"]
    assert {b["pathPattern"]: b["cachePolicyId"] for b in ordered} == {
        "/build/*": "otakaro-dt-edge-assets-id",
        "/images/*": "otakaro-dt-edge-assets-id",
        "/proxy*": CACHING_DISABLED,
        "/api/v1/proxy*": CACHING_DISABLED,
        "/_maintenance/index.html": "otakaro-dt-edge-revalidate-id",
    }
    # Its server says max-age=0 of files whose names stay: a minute bridges a rush, not a release.
    assert cached_as(production, "assets")["minTtl"] == 60


def test_the_cache_lets_geoserver_say_how_long_a_tile_is_kept(production: Recording) -> None:
    assert cached_as(production, "tiles")["maxTtl"] == 86_400
    other = record_program(configuration("production") | {"otakaro:tileSeconds": "604800"})
    assert cached_as(other, "tiles")["defaultTtl"] == 2
    assert cached_as(other, "tiles")["maxTtl"] >= 604800


def test_the_packaged_function_knows_the_proxy_and_what_is_public(production: Recording) -> None:
    host = {"host": SITES["map"]}
    assert answer(production, "/Proxy/https://data.example/", host)["status"] == "403"
    assert answer(production, "/proxy/https://data.example/", host)["status"] == "401"
    for path in ("/favicon.ico", "/manifest.json", "/favicons/manifest.json"):
        assert answer(production, path, host)["uri"] == path
    assert answer(production, "/robots.txt", host)["status"] == "200"
    ordered = site(production, "map")["orderedCacheBehaviors"]
    patterns = {each["pathPattern"] for each in ordered}
    # The function's prefixes are those of the behaviours.
    assert {f"{path}*" for path in configured(production)["exact"][SITES["map"]]} <= patterns
    assert configured(production)["ogc"] == [SITES["geoserver"]]


def test_an_open_administration_is_not_cached(switched: Recording) -> None:
    [inputs] = [
        each
        for name, each in switched["cloudfront/distribution:Distribution"].items()
        if name.endswith("-geoserver-cdn")
    ]
    kept = {b["pathPattern"]: b["cachePolicyId"] for b in inputs["orderedCacheBehaviors"]}
    assert {"/geoserver/web*", "/geoserver/rest*"} <= kept.keys()
    assert set(kept.values()) == {CACHING_DISABLED}


def test_no_cache_is_keyed_by_credentials_or_cookies(stack: Recording) -> None:
    for inputs in stack["cloudfront/cachePolicy:CachePolicy"].values():
        key = inputs["parametersInCacheKeyAndForwardedToOrigin"]
        assert key["cookiesConfig"] == {"cookieBehavior": "none"}
        headers = key["headersConfig"].get("headers", {"items": []})["items"]
        assert "Authorization" not in headers
        # What the origin says not to keep isn't kept, but for files that are everybody's.
        assert inputs["minTtl"] == (60 if inputs["name"].endswith("-assets") else 0)


@pytest.mark.parametrize(("key", "seconds"), [("map", 0), ("api", 0), ("geoserver", 2)])
def test_errors_are_cached_where_many_share_them_for_seconds(
    production: Recording, key: str, seconds: int
) -> None:
    """Not those of the proxy and the API: the key of their cache has no query string."""
    errors = site(production, key)["customErrorResponses"]
    kept = {each["errorCode"]: each["errorCachingMinTtl"] for each in errors}
    assert kept.keys() == {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
    assert set(kept.values()) == {seconds}


def test_visitors_of_the_map_see_a_page_while_an_origin_is_down(production: Recording) -> None:
    pages = {
        key: {
            r["errorCode"]: (r["responseCode"], r["responsePagePath"])
            for r in site(production, key)["customErrorResponses"]
            if "responsePagePath" in r
        }
        for key in SITES
    }
    page = (503, "/_maintenance/index.html")
    assert pages == {"map": {502: page, 503: page, 504: page}, "api": {}, "geoserver": {}}
    [behaviour] = [
        each
        for each in site(production, "map")["orderedCacheBehaviors"]
        if each["pathPattern"] == page[1]
    ]
    origins = {origin["originId"]: origin for origin in site(production, "map")["origins"]}
    origin = origins[behaviour["targetOriginId"]]
    assert origin["domainName"] == "otakaro-dt-maintenance.s3.example"
    assert origin["originAccessControlId"] == "otakaro-dt-maintenance-id"
    assert "lambdaFunctionAssociations" not in behaviour
    kept = production["s3/bucketObjectv2:BucketObjectv2"]["otakaro-dt-maintenance-index.html"]
    assert f"/{kept['key']}" == page[1]
    assert kept["contentType"] == "text/html; charset=utf-8"
    assert "back soon" in kept["content"]


def test_the_maintenance_page_needs_nothing_but_itself() -> None:
    text = (ROOT / "pages" / "maintenance.html").read_text()
    assert re.findall(r"(?:src|href)=|url\(|<script|@import", text) == []


def test_security_headers_keep_the_referrer_that_tells_the_map(production: Recording) -> None:
    for key in ("map", "service", "geoserver"):
        found = headers(production, key)
        security = found["securityHeadersConfig"]
        assert security["referrerPolicy"]["referrerPolicy"] == "strict-origin-when-cross-origin"
        assert security["strictTransportSecurity"]["accessControlMaxAgeSec"] >= 31536000
        assert security["contentTypeOptions"] == {"override": True}
        # CORS is the origin's business: a policy of the edge would overwrite what it answers.
        assert "corsConfig" not in found
    assert {b["responseHeadersPolicyId"] for b in behaviours(production)} == {
        "otakaro-dt-edge-map-id",
        "otakaro-dt-edge-service-id",
        "otakaro-dt-edge-geoserver-id",
    }
    # What CloudFront keeps of GeoServer, no viewer keeps beyond an invalidation.
    added = headers(production, "geoserver")["customHeadersConfig"]["items"]
    assert {"header": "Cache-Control", "value": "no-cache", "override": True} in added


def test_the_maps_pages_may_do_what_terriamap_does(production: Recording) -> None:
    """Its page has an inline script, its bundle evaluates text, Cesium's workers are blobs, its
    catalogues name anybody's servers."""
    allowed = content_policy(production)
    assert {"'self'", "'unsafe-inline'", "'unsafe-eval'", "blob:"} == allowed["script-src"]
    assert allowed["worker-src"] == {"'self'", "blob:"}
    for kind in ("connect-src", "img-src"):
        assert {"'self'", "https:", "data:", "blob:"} <= allowed[kind]
    assert allowed["object-src"] == {"'none'"}
    assert allowed["base-uri"] == {"'self'"}


def test_nobody_frames_the_map_or_runs_scripts_in_it_unless_a_setting_says_so(
    production: Recording,
) -> None:
    assert content_policy(production)["frame-ancestors"] == {"'self'"}
    other = content_policy(
        record_program(
            configuration("production")
            | {
                "otakaro:mapEmbedders": '["www.example.nz", "*.example.org"]',
                "otakaro:mapScriptHosts": '["cdn.example.nz"]',
            }
        )
    )
    assert other["frame-ancestors"] == {
        "'self'",
        "https://www.example.nz",
        "https://*.example.org",
    }
    assert "https://cdn.example.nz" in other["script-src"]


def test_services_are_framed_by_the_map_alone_unless_they_say_otherwise(
    production: Recording,
) -> None:
    policy = headers(production, "service")["securityHeadersConfig"]["contentSecurityPolicy"]
    assert policy == {
        "contentSecurityPolicy": f"frame-ancestors 'self' https://{SITES['map']}",
        "override": False,
    }


def test_who_asked_for_what_is_logged_for_every_host(stack: Recording) -> None:
    sources = stack["cloudwatch/logDeliverySource:LogDeliverySource"]
    logged = {source["resourceArn"] for source in sources.values()}
    sites = stack["cloudfront/distribution:Distribution"]
    assert logged == {arn("cloudfront", name) for name in sites}
    [destination] = stack["cloudwatch/logDeliveryDestination:LogDeliveryDestination"].values()
    bucket = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
    assert bucket.endswith("-access-logs")
    deliveries = stack["cloudwatch/logDelivery:LogDelivery"].values()
    assert {each["deliverySourceName"] for each in deliveries} == set(sources)
    regions = {each["region"] for each in [*sources.values(), destination, *deliveries]}
    assert regions == {"us-east-1"}  # CloudFront is a service of that region


def test_deliveries_are_created_and_deleted_one_after_the_other(stack: Recording) -> None:
    """CloudWatch Logs rejects parallel changes of deliveries to one destination."""
    types = ("logDelivery:LogDelivery", "logDeliverySource:LogDeliverySource")
    changes = [each for type_ in types for each in stack.of(type_)]
    waits = {each.urn: stack.all_dependencies(each) for each in changes}
    assert len(waits) == 2 * len(SITES)
    for one, other in itertools.combinations(waits, 2):
        assert one in waits[other] or other in waits[one]


def test_the_firewall_is_off_unless_a_setting_turns_it_on(
    production: Recording, switched: Recording
) -> None:
    assert "wafv2/webAcl:WebAcl" not in kinds(production)
    assert not any(
        inputs.get("webAclId")
        for inputs in production["cloudfront/distribution:Distribution"].values()
    )
    [acl] = switched.of("wafv2/webAcl:WebAcl")
    assert (acl.inputs["region"], acl.inputs["scope"]) == ("us-east-1", "CLOUDFRONT")
    for inputs in switched["cloudfront/distribution:Distribution"].values():
        assert inputs["webAclId"] == arn("wafv2", acl.name)
    rules = {rule["name"]: rule for rule in acl.inputs["rules"]}
    assert rules["rate"]["action"] == {"block": {}}
    assert rules["rate"]["statement"]["rateBasedStatement"]["limit"] == 5000
    assert len({rule["priority"] for rule in rules.values()}) == len(rules) >= 4
    # An area of interest is larger than the 8 KB that the common rules allow a body.
    common = rules["AWSManagedRulesCommonRuleSet"]["statement"]["managedRuleGroupStatement"]
    counted = {each["name"]: each["actionToUse"] for each in common["ruleActionOverrides"]}
    assert counted["SizeRestrictions_BODY"] == {"count": {}}


def test_the_firewalls_log_holds_no_credentials(switched: Recording) -> None:
    kind = "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
    [logging] = switched[kind].values()
    assert logging["redactedFields"] == [{"singleHeader": {"name": "authorization"}}]
    [group] = logging["logDestinationConfigs"]
    assert ":aws-waf-logs-" in group


# The function


def test_the_function_is_a_numbered_version_in_us_east_1(stack: Recording) -> None:
    inputs = function(stack)
    assert (inputs["region"], inputs["publish"]) == ("us-east-1", True)


def test_the_function_keeps_within_what_viewer_events_may_have(stack: Recording) -> None:
    inputs = function(stack)
    assert (inputs["memorySize"], inputs["timeout"]) == (128, 5)
    assert inputs.get("architectures", ["x86_64"]) == ["x86_64"]
    refused = {"environment", "vpcConfig", "layers", "deadLetterConfig", "tracingConfig"}
    assert inputs.keys().isdisjoint(refused | {"kmsKeyArn", "reservedConcurrentExecutions"})


def test_the_function_stays_behind_where_its_replicas_may_live(
    production: Recording, local: Recording
) -> None:
    assert function(production)["skipDestroy"] is True
    assert function(local)["skipDestroy"] is False


def test_the_edge_and_lambda_take_the_functions_role_and_it_only_logs(
    production: Recording,
) -> None:
    assert function(production)["role"] == arn("iam", "otakaro-dt-basic-auth")
    assert trusted(production, "otakaro-dt-basic-auth") == {
        "Service": ["edgelambda.amazonaws.com", "lambda.amazonaws.com"]
    }
    [statement] = may(production, "otakaro-dt-basic-auth")
    assert statement["Action"] == [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ]
    # Wherever the visitor is.
    group = f"arn:aws:logs:*:{ACCOUNT}:log-group:/edge/otakaro-dt-basic-auth"
    assert statement["Resource"] == [group, f"{group}:*"]


def test_the_functions_logs_are_forgotten_in_every_region_where_it_runs(
    production: Recording,
) -> None:
    groups = [
        resource
        for resource in production.of("cloudwatch/logGroup:LogGroup")
        if resource.inputs.get("name") == "/edge/otakaro-dt-basic-auth"
    ]
    regions = {resource.inputs["region"] for resource in groups}
    assert len(regions) == len(groups)
    assert {"us-east-1", "ap-southeast-2", "eu-west-2", "sa-east-1"} <= regions
    assert {resource.inputs["retentionInDays"] for resource in groups} == {30}
    logging = function(production)["loggingConfig"]
    assert logging["logGroup"] == "/edge/otakaro-dt-basic-auth"
    # Not a line a request, which would cost more than the requests.
    assert (logging["logFormat"], logging["systemLogLevel"]) == ("JSON", "WARN")
    # Lambda makes a group that keeps everything where there is none.
    [edge] = [r for r in production.of("lambda/function:Function") if "-basic-auth" in r.name]
    assert {resource.urn for resource in groups} <= edge.dependencies


def test_several_users_may_have_passwords_of_their_own() -> None:
    more = {"m\u0101ia": "p\u0101pa kupu huna", "anna.b": "another one"}
    recording = record_program(
        configuration("production") | {"otakaro:basicAuthUsers": json.dumps(more)},
        secret=["otakaro:basicAuthUsers"],
    )
    config = configured(recording)
    user = SECRETS["otakaro:basicAuthUser"]
    known = {user: SECRETS["otakaro:basicAuthPassword"], **more}
    assert set(config["users"]) == {
        hmac.new(bytes.fromhex(config["salt"]), f"{u}:{p}".encode(), hashlib.sha256).hexdigest()
        for u, p in known.items()
    }
    for each, password in known.items():
        token = base64.b64encode(f"{each}:{password}".encode()).decode()
        given = {"host": SITES["map"], "authorization": f"Basic {token}"}
        assert "status" not in answer(recording, "/", given)
        mixed = base64.b64encode(f"{each}:{SECRETS['otakaro:databasePassword']}".encode()).decode()
        given["authorization"] = f"Basic {mixed}"
        assert answer(recording, "/", given)["status"] == "401"


def test_the_package_holds_the_handler_and_its_configuration_alone(stack: Recording) -> None:
    assert set(function(stack)["code"].assets) == {"handler.py", "config.json"}
    size = (ROOT / "lambdas" / "basic_auth" / "handler.py").stat().st_size
    assert size < 100_000  # CloudFront takes 1 MB


def test_the_password_is_known_by_its_salted_digest(production: Recording) -> None:
    config = configured(production)
    credentials = f"{SECRETS['otakaro:basicAuthUser']}:{SECRETS['otakaro:basicAuthPassword']}"
    digest = hmac.new(bytes.fromhex(config["salt"]), credentials.encode(), hashlib.sha256)
    assert config["users"] == [digest.hexdigest()]
    salt = production["random:index/randomBytes:RandomBytes"]["otakaro-dt-basic-auth-salt"]
    assert salt["length"] >= 16


def test_each_host_asks_as_its_setting_says(production: Recording, switched: Recording) -> None:
    assert configured(production)["map"] == SITES["map"]
    assert configured(production)["hosts"] == {
        SITES["map"]: "required",
        SITES["api"]: "from-map",
        SITES["geoserver"]: "from-map",
    }
    assert configured(switched)["hosts"] == {
        SITES["map"]: "open",
        SITES["api"]: "required",
        SITES["geoserver"]: "from-map",
    }


def test_the_map_may_read_from_geoserver_and_post_to_the_api(production: Recording) -> None:
    assert configured(production)["reading"] == [SITES["geoserver"]]


def test_geoservers_administration_is_closed_unless_a_setting_opens_it(
    production: Recording, switched: Recording
) -> None:
    closed = configured(production)["closed"][SITES["geoserver"]]
    assert {"/geoserver/web", "/geoserver/rest", "/geoserver/gwc/rest"} <= set(closed)
    assert {"/geoserver/login", "/geoserver/logout"} <= set(closed)
    assert not configured(switched)["closed"].get(SITES["geoserver"])


def answer(recording: Recording, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """What the packaged function makes of a GET, run as the edge would run it."""
    code = (ROOT / "lambdas" / "basic_auth" / "handler.py").read_text()
    text = text_of(function(recording)["code"], "config.json")
    # The configuration lies beside the handler, where only the package has it.
    names: dict[str, Any] = {
        "__file__": "/var/task/handler.py",
        "open": lambda path, encoding: io.StringIO(text),  # noqa: ARG005
    }
    exec(code, names)
    request = {
        "method": "GET",
        "uri": path,
        "querystring": "",
        "headers": {key: [{"key": key, "value": value}] for key, value in headers.items()},
    }
    result: dict[str, Any] = names["handler"]({"Records": [{"cf": {"request": request}}]}, None)
    return result


MAP_PAGE = {"origin": f"https://{SITES['map']}", "referer": f"https://{SITES['map']}/"}


def test_the_packaged_function_asks_for_the_password_and_takes_it(production: Recording) -> None:
    host = {"host": SITES["map"]}
    assert answer(production, "/", host)["status"] == "401"
    credentials = f"{SECRETS['otakaro:basicAuthUser']}:{SECRETS['otakaro:basicAuthPassword']}"
    token = base64.b64encode(credentials.encode()).decode()
    passed = answer(production, "/", host | {"authorization": f"Basic {token}"})
    assert passed["uri"] == "/"
    assert "authorization" not in passed["headers"]


def test_a_password_counts_however_its_letters_are_composed_in_the_stack_file() -> None:
    pieces = unicodedata.normalize("NFD", "Ōtākaro awa")
    recording = record_program(configuration("production") | {"otakaro:basicAuthPassword": pieces})
    for typed in (pieces, unicodedata.normalize("NFC", pieces)):
        token = base64.b64encode(f"{SECRETS['otakaro:basicAuthUser']}:{typed}".encode()).decode()
        request = {"host": SITES["map"], "authorization": f"Basic {token}"}
        assert "status" not in answer(recording, "/", request)


def test_the_packaged_function_refuses_geoservers_administration(
    production: Recording, switched: Recording
) -> None:
    request = {"host": SITES["geoserver"], **MAP_PAGE}
    assert "status" not in answer(production, "/geoserver/wms", request)
    for path in ("/geoserver/web/", "/geoserver/rest.html", "/geoserver/rest/workspaces.json"):
        assert answer(production, path, request).get("status") in {"403", "404"}
        assert "status" not in answer(switched, path, request)
