"""What the public meets: certificates, DNS, CloudFront."""

import time
from collections.abc import Mapping
from typing import Any

from local.provider.aws import AwsError
from local.provider.lifecycle import Type
from local.provider.parts import Call, Context, Name, Scope, op


class Zone(Type):
    def identify(self, answer: Scope, scope: Scope) -> str:
        return super().identify(answer, scope).removeprefix("/hostedzone/")


class Record(Type):
    """A record set has no id of its own: it is named, replaced and deleted by its content."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if "ChangeBatch" not in request:
            return request
        change = request["ChangeBatch"]["Changes"][0]
        create = step is self.create and not scope.get("allowOverwrite")
        change["Action"] = "CREATE" if create else "UPSERT"
        content = change["ResourceRecordSet"]
        for entry in content.get("ResourceRecords", []) if content.get("Type") == "TXT" else ():
            if not entry["Value"].startswith('"'):
                entry["Value"] = f'"{entry["Value"]}"'
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        seen = self.look(context.scope(olds, id=id_), context)
        if seen is not None:
            change = {"Action": "DELETE", "ResourceRecordSet": _told(seen.members)}
            request = {"HostedZoneId": olds["zoneId"], "ChangeBatch": {"Changes": [change]}}
            try:
                self.call(self.create, request, context)
            except AwsError:  # a repeated request finds nothing; Route 53 has no code for that
                if self.look(context.scope(olds, id=id_), context) is not None:
                    raise


def _told(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if not key.startswith("@")}


class EdgeObject(Type):
    """CloudFront changes only what the caller has seen: each request carries the ETag."""

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        if step.op.startswith(("Update", "Delete")):
            tag = super().call(self.reads[0], {"Id": request["Id"]}, context)["ETag"]
            request = {**request, "IfMatch": tag}
        return super().call(step, request, context)


class Distribution(EdgeObject):
    """A distribution is disabled before it is deleted."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        if config := request.get("DistributionConfig"):
            config["CallerReference"] = scope.get("callerReference", scope["unique"])
            config.setdefault("Comment", "")
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        scope = context.scope(olds, id=id_)
        seen = self.look(scope, context)
        if seen is None:
            return
        if seen.members.get("Enabled"):
            config = {**seen.members["DistributionConfig"], "Enabled": False}
            request = {"Id": id_, "DistributionConfig": config}
            self.call(op("UpdateDistribution"), request, context)
            self.settled(scope, context)
        super().unmake(id_, olds, context)


class VpcOrigin(EdgeObject):
    """An origin in the VPC: whatever changes, the provider sends its whole configuration, for tags
    too (hashicorp/terraform-provider-aws, internal/service/cloudfront/vpc_origin.go, Update), and
    waits until a deleted one is gone (waitVPCOriginDeleted)."""

    def tag(self, scope: Scope, olds: Scope, news: Scope, context: Context) -> None:
        config = {key: news[key] for key in self.creation if key in news}
        step = self.updates[0][0]
        self.call(step, self.request(step, config, scope), context)
        self.settled(scope, context)
        super().tag(scope, olds, news, context)

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        super().unmake(id_, olds, context)
        scope = context.scope(olds, id=id_)
        for pause in (0.2, 0.5, *[1] * 120):
            if self.look(scope, context) is None:
                return
            time.sleep(pause)
        raise AwsError("cloudfront:DeleteVpcOrigin", "Timeout", f"{id_} is not gone")


class FirewallObject(Type):
    """WAF changes only what the caller has seen: each request carries the lock's token."""

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        if step.op.startswith(("Update", "Delete")):
            seen = {key: request[key] for key in ("Id", "Name", "Scope")}
            token = super().call(self.reads[0], seen, context)["LockToken"]
            request = {**request, "LockToken": token}
        return super().call(step, request, context)


def _edge(kind: type[Type], family: str, root: str, slug: str, **more: Any) -> Type:
    outputs = more.pop("outputs", {})
    return kind(
        "cloudfront",
        op(f"Create{family}", root=root),
        key="Id",
        read=(op(f"Get{family}", f". {family} {family}.{root}"),),
        update=(op(f"Update{family}", root=root, full=True),),
        outputs={"arn": f"arn:{{partition}}:cloudfront::{{account}}:{slug}/{{id}}", **outputs},
        **more,
    )


# An entry reads best as one paragraph.
# fmt: off
TYPES: Mapping[str, Type] = {
    "aws:acm/certificate:Certificate": Type(
        "acm", op("RequestCertificate"), key="CertificateArn",
        update=(op("UpdateCertificateOptions", only="options"),),
        ready="""DomainValidationOptions
            && !(DomainValidationOptions[?ValidationMethod=='DNS' && !ResourceRecord])""",
        names="validationOptions=DomainValidationOptions",
        unread="subjectAlternativeNames validationOptions",
        outputs={
            "arn": "{id}",
            "domainValidationOptions": """DomainValidationOptions[].{
                domainName: DomainName, resourceRecordName: ResourceRecord.Name,
                resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value
                }""",
        },
        replace="""
            domainName subjectAlternativeNames validationMethod keyAlgorithm validationOptions
            certificateAuthorityArn
            """,
    ),
    "aws:acm/certificateValidation:CertificateValidation": Type(
        "acm", op("DescribeCertificate"), id="{certificateArn}",
        read=(op("DescribeCertificate", "Certificate", CertificateArn="{certificateArn}"),),
        names="validationRecordFqdns=", ready="Status=='ISSUED'", replace="*",
    ),
    "aws:route53/zone:Zone": Zone(
        "route53", op("CreateHostedZone", CallerReference="{unique}"), key="Id", id="HostedZone.Id",
        read=(op("GetHostedZone", "HostedZone DelegationSet"),),
        update=(op("UpdateHostedZoneComment", only="comment"),),
        names="comment=HostedZoneConfig.Comment vpcs=VPC", unread="name vpcs",
        seen={"comment": "Config.Comment"}, defaults={"comment": "Managed by Pulumi"},
        outputs={"arn": "arn:{partition}:route53:::hostedzone/{id}", "zoneId": "{id}",
            "nameServers": "NameServers", "primaryNameServer": "NameServers[0]"},
        replace="name delegationSetId",
    ),
    "aws:route53/record:Record": Record(
        "route53",
        op("ChangeResourceRecordSets", root="ChangeBatch.Changes.ResourceRecordSet",
            HostedZoneId="{zoneId}"),
        id="{zoneId}_{name}_{type}",
        read=(op("ListResourceRecordSets",
            "ResourceRecordSets[?Type=='{type}'&&(Name=='{name}'||Name=='{name}.')]|[0]",
            HostedZoneId="{zoneId}", StartRecordName="{name}", StartRecordType="{type}"), ),
        update=(op("ChangeResourceRecordSets", root="ChangeBatch.Changes.ResourceRecordSet",
            full=True, HostedZoneId="{zoneId}"), ),
        names="""
            zoneId= records=ResourceRecords aliases=AliasTarget aliases.name=DNSName
            aliases.zoneId=HostedZoneId multivalueAnswerRoutingPolicy=MultiValueAnswer
            """,
        unread="name", outputs={"fqdn": "{name}"}, replace="zoneId name type setIdentifier",
    ),
    "aws:cloudfront/distribution:Distribution": _edge(
        Distribution, "Distribution", "DistributionConfig", "distribution",
        ready="Status=='Deployed'",
        names="""
            orderedCacheBehaviors=CacheBehaviors loggingConfig=Logging origins.originId=Id
            origins.customHeaders.name=HeaderName origins.customHeaders.value=HeaderValue
            originGroups.originId=Id originGroups.failoverCriteria.statusCodes=StatusCodes
            restrictions.geoRestriction.locations=Items
            defaultCacheBehavior.cachedMethods=AllowedMethods.CachedMethods
            defaultCacheBehavior.lambdaFunctionAssociations.lambdaArn=LambdaFunctionARN
            orderedCacheBehaviors.cachedMethods=AllowedMethods.CachedMethods
            orderedCacheBehaviors.lambdaFunctionAssociations.lambdaArn=LambdaFunctionARN
            """,
        outputs={"domainName": "DomainName", "hostedZoneId": lambda _: "Z2FDTNDATAQYW2"},
        replace="staging",
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": VpcOrigin(
        "cloudfront", op("CreateVpcOrigin"), key="Id", ready="Status=='Deployed'",
        read=(op("GetVpcOrigin", "VpcOrigin"),), update=(op("UpdateVpcOrigin", full=True),),
        client="timeouts", outputs={"arn": "Arn"},
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _edge(
        EdgeObject, "CachePolicy", "CachePolicyConfig", "cache-policy",
        defaults={"minTtl": 0, "defaultTtl": 86400, "maxTtl": 31536000},
    ),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _edge(
        EdgeObject, "ResponseHeadersPolicy", "ResponseHeadersPolicyConfig",
        "response-headers-policy",
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _edge(
        EdgeObject, "OriginRequestPolicy", "OriginRequestPolicyConfig", "origin-request-policy",
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": _edge(
        EdgeObject, "OriginAccessControl", "OriginAccessControlConfig", "origin-access-control",
        naming=Name(limit=64),
    ),
    "aws:wafv2/webAcl:WebAcl": FirewallObject(
        "wafv2", op("CreateWebACL"), key="Id Name={name} Scope={scope}", id="Summary.Id",
        read=(op("GetWebACL", "WebACL"),), update=(op("UpdateWebACL", full=True),),
        names="visibilityConfig.cloudwatchMetricsEnabled=CloudWatchMetricsEnabled"
        " rules.visibilityConfig.cloudwatchMetricsEnabled=CloudWatchMetricsEnabled",
        naming=Name(limit=128),
        outputs={"arn": "ARN", "capacity": "Capacity"}, replace="name scope",
    ),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": Type(
        "wafv2", op("PutLoggingConfiguration", root="LoggingConfiguration"), id="{resourceArn}",
        key="ResourceArn", recorded=True, replace="resourceArn logDestinationConfigs",
    ),
}
