"""Certificates, hosts, functions and records of the edge belong together."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.contract.references.core import Faults, check
from tests.contract.references.held import EDGE
from tests.contract.references.network import subnets, twice
from tests.contract.references.roles import trusts
from tests.contract.world import Thing, World

_BALANCER = "lb/loadBalancer:LoadBalancer"


@check("CloudFront developer guide, Requirements for using SSL/TLS certificates")
def certificates_cover_the_names_they_are_used_for(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        arn = distribution.inputs.get("viewerCertificate", {}).get("acmCertificateArn")
        certificate = world.found("acm/certificate:Certificate", arn, "arn")
        for alias in distribution.inputs.get("aliases", []) if certificate else ():
            if certificate and not _covers(certificate, alias):
                yield distribution, f"aliases: {alias} is no name of {certificate}"
    aliases = Counter(
        alias
        for distribution in world.of("cloudfront/distribution:Distribution")
        for alias in distribution.inputs.get("aliases", [])
    )
    for distribution in world.of("cloudfront/distribution:Distribution"):
        for alias in distribution.inputs.get("aliases", []):
            if aliases[alias] > 1:
                yield distribution, f"aliases: {alias} is another distribution's, too"


def _covers(certificate: Thing, host: str) -> bool:
    inputs = certificate.inputs
    names = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
    return host in names or f"*.{host.partition('.')[2]}" in names


@check("CloudFront developer guide, Using HTTPS with a custom origin: 502 for another name")
def origins_have_the_name_that_is_asked_for(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        balancers = {
            origin["originId"]: world.found(
                "lb/loadBalancer:LoadBalancer", origin["domainName"], "dnsName"
            )
            for origin in distribution.inputs["origins"]
        }
        for where, behaviour in _behaviours(distribution):
            balancer = balancers.get(behaviour["targetOriginId"])
            # Only with the viewer's host does the load balancer's certificate fit.
            if balancer and not _forwards_host(world, behaviour.get("originRequestPolicyId")):
                yield distribution, f"{where}: an ALB by HTTPS needs the viewer's Host"
            for alias in distribution.inputs.get("aliases", []) if balancer else ():
                if balancer and not _serves(world, balancer, alias):
                    yield distribution, f"aliases: {balancer} has no certificate for {alias}"


def _behaviours(distribution: Thing) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in EDGE:
        found = distribution.inputs.get(key) or []
        for behaviour in found if isinstance(found, list) else [found]:
            yield key, behaviour


def _forwards_host(world: World, policy_id: Any) -> bool:
    policy = world.found("cloudfront/originRequestPolicy:OriginRequestPolicy", policy_id)
    if policy is None:
        return bool(policy_id == "216adef6-5c7f-47e4-b989-5492eafa07d3")  # AllViewer
    return "allViewer" in json.dumps(policy.inputs) or '"Host"' in json.dumps(policy.inputs)


def _serves(world: World, balancer: Thing, host: str) -> bool:
    for listener in world.of("lb/listener:Listener"):
        if listener.inputs["loadBalancerArn"] == balancer.arn:
            arn = listener.inputs.get("certificateArn")
            certificate = world.found("acm/certificate:Certificate", arn, "arn")
            if certificate and _covers(certificate, host):
                return True
    return False


@check("CloudFront developer guide, Restrict access with VPC origins")
def origins_can_be_reached(world: World) -> Faults:
    for origin in world.of("cloudfront/vpcOrigin:VpcOrigin"):
        balancer = world.found(_BALANCER, origin.inputs["vpcOriginEndpointConfig"]["arn"], "arn")
        homes = {subnet.inputs["vpcId"] for subnet in subnets(world, balancer)} if balancer else ()
        for home in homes:
            gateways = [
                gateway
                for gateway in world.of("ec2/internetGateway:InternetGateway")
                if gateway.inputs.get("vpcId") == home
            ]
            if not any(world.waits(origin, gateway) for gateway in gateways):
                yield origin, "the VPC's internet gateway is not waited for"
    for distribution in world.of("cloudfront/distribution:Distribution"):
        for origin in distribution.inputs["origins"]:
            balancer = world.found(_BALANCER, origin["domainName"], "dnsName")
            if "customOriginConfig" in origin and balancer and balancer.inputs.get("internal"):
                yield distribution, f"origins.domainName: {balancer} is internal"
            private = origin.get("vpcOriginConfig", {}).get("vpcOriginId")
            reached = world.found("cloudfront/vpcOrigin:VpcOrigin", private)
            arn = reached and reached.inputs["vpcOriginEndpointConfig"]["arn"]
            if reached and (balancer is None or balancer.arn != arn):
                yield distribution, "origins.domainName is not the VPC origin's"
    yield from twice(
        world,
        "cloudfront/vpcOrigin:VpcOrigin",
        lambda origin: origin["vpcOriginEndpointConfig"]["name"],
        "name is another VPC origin's",
    )


@check("CloudFront developer guide, Restrictions on Lambda@Edge")
def functions_at_the_edge_keep_its_limits(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        for where, behaviour in _behaviours(distribution):
            for entry in behaviour.get("lambdaFunctionAssociations", []):
                arn = entry["lambdaArn"]
                function = world.found("lambda/function:Function", arn, "qualifiedArn")
                if function is None:
                    continue
                for told in _edge_faults(world, function, entry["eventType"]):
                    yield function, f"{told} at the edge ({where})"


def _edge_faults(world: World, function: Thing, event: str) -> Iterator[str]:
    inputs, viewer = function.inputs, event.startswith("viewer")
    if function.region != "us-east-1":
        yield "region must be us-east-1"
    if not inputs.get("publish"):
        yield "publish must make numbered versions"
    for key in ("environment", "vpcConfig", "layers", "deadLetterConfig", "kmsKeyArn", "imageUri"):
        if inputs.get(key):
            yield f"{key} is not possible"
    if "arm64" in inputs.get("architectures", []):
        yield "architectures must be x86_64"
    if inputs.get("tracingConfig", {}).get("mode") == "Active":
        yield "tracingConfig is not possible"
    if inputs.get("ephemeralStorage", {}).get("size", 512) != 512:
        yield "ephemeralStorage is not possible"
    if "reservedConcurrentExecutions" in inputs and inputs["reservedConcurrentExecutions"] == 0:
        yield "reservedConcurrentExecutions must not be zero"
    if not str(inputs.get("runtime", "")).startswith(("python", "nodejs")):
        yield "runtime must be Python or Node.js"
    if inputs.get("timeout", 3) > (5 if viewer else 30):
        yield f"timeout must be {5 if viewer else 30} seconds at most"
    if viewer and inputs.get("memorySize", 128) > 128:
        yield "memorySize must be 128 MB"
    role = world.found("iam/role:Role", inputs["role"], "arn")
    if not trusts(role, "edgelambda"):
        yield "role must trust edgelambda.amazonaws.com"


@check("CloudFront API, Logging: a bucket whose ownership allows ACLs")
def log_buckets_of_the_old_kind_have_acls(world: World) -> Faults:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        host = distribution.inputs.get("loggingConfig", {}).get("bucket")
        for bucket in world.of("s3/bucket:Bucket") if host else ():
            if host not in (bucket.outputs.get(k) for k in ("bucketDomainName",
                "bucketRegionalDomainName")):  # fmt: skip
                continue
            for control in world.of("s3/bucketOwnershipControls:BucketOwnershipControls"):
                rule = control.inputs.get("rule", {})
                enforced = rule.get("objectOwnership") == "BucketOwnerEnforced"
                if control.inputs["bucket"] == bucket.id and enforced:
                    yield distribution, f"loggingConfig: {bucket} takes no ACLs"


@check("Route 53 API, ChangeResourceRecordSets: in the zone, once, a CNAME alone")
def records_are_in_their_zone_once(world: World) -> Faults:
    kinds: dict[tuple[str, str], list[str]] = {}
    for record in world.of("route53/record:Record"):
        zone = world.found("route53/zone:Zone", record.inputs["zoneId"], "zoneId")
        domain = str(zone.inputs["name"] if zone else world.zone_name).rstrip(".")
        name = str(record.inputs["name"]).rstrip(".")
        if name != domain and not name.endswith(f".{domain}"):
            yield record, f"name is outside the zone {domain}"
        if record.inputs["type"] == "CNAME" and name == domain:
            yield record, "type CNAME is not possible at the zone's own name"
        others = kinds.setdefault((record.inputs["zoneId"], name), [])
        alone = "CNAME" in (*others, record.inputs["type"])
        if record.inputs["type"] in others or (others and alone):
            yield record, "name has such a record already"
        others.append(record.inputs["type"])
        for alias in record.inputs.get("aliases", []):
            target = _alias_target(world, alias["name"])
            if target is None:
                yield record, "aliases.name is nothing of this program"
            elif alias["zoneId"] != target:
                yield record, "aliases.zoneId is not the target's"


def _alias_target(world: World, name: str) -> str | None:
    for distribution in world.of("cloudfront/distribution:Distribution"):
        if distribution.outputs.get("domainName") == name:
            return "Z2FDTNDATAQYW2"
    balancer = world.found("lb/loadBalancer:LoadBalancer", name, "dnsName")
    return str(balancer.outputs["zoneId"]) if balancer else None
