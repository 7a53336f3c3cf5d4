"""What the public meets: certificates, DNS, CloudFront."""

import time
from collections.abc import Mapping
from typing import Any

from local.provider.lifecycle import Type
from local.provider.model import Dictionary
from local.provider.parts import Call, Context, Scope, Seen, Tagging, call

_ACM = Tagging(
    add=call("AddTagsToCertificate", CertificateArn="{id}"),
    remove=call("RemoveTagsFromCertificate", CertificateArn="{id}"),
    read=call("ListTagsForCertificate", "Tags", CertificateArn="{id}"),
)
_ZONE = Tagging(
    add=call("ChangeTagsForResource", ResourceType="hostedzone", ResourceId="{id}"),
    remove=call("ChangeTagsForResource", ResourceType="hostedzone", ResourceId="{id}"),
    read=call(
        "ListTagsForResource", "ResourceTagSet.Tags", ResourceType="hostedzone", ResourceId="{id}"
    ),
    inline=False,
)
_EDGE = Tagging(
    add=call("TagResource", Resource="{arn}"),
    remove=call("UntagResource", Resource="{arn}"),
    read=call("ListTagsForResource", "Tags.Items", Resource="{arn}"),
    inline=False,
)


class Certificate(Type):
    """The answer to a request holds no validation records: they come a moment later."""

    def look(self, scope: Scope, context: Context) -> Seen | None:
        for _ in range(20):
            seen = super().look(scope, context)
            options = seen.members.get("DomainValidationOptions", []) if seen else []
            if seen is None or scope.get("validationMethod") != "DNS":
                break
            if options and all("ResourceRecord" in option for option in options):
                break
            time.sleep(0.5)
        return seen


class Record(Type):
    """A record set has no id of its own: it is named, replaced and deleted by its content."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        change = request["ChangeBatch"]["Changes"][0]
        create = step is self.create and not scope.get("allowOverwrite")
        change["Action"] = "CREATE" if create else "UPSERT"
        content = change["ResourceRecordSet"]
        if content.get("Type") == "TXT":
            for entry in content.get("ResourceRecords", []):
                if not entry["Value"].startswith('"'):
                    entry["Value"] = f'"{entry["Value"]}"'
        return request

    def unmake(self, id_: str, olds: Scope, context: Context) -> None:
        seen = self.look(context.scope(**olds, id=id_), context)
        if seen is not None:
            change = {"Action": "DELETE", "ResourceRecordSet": seen.members}
            request = {"HostedZoneId": olds["zoneId"], "ChangeBatch": {"Changes": [change]}}
            self.call(self.create, request, context)


class EdgeObject(Type):
    """CloudFront changes and deletes only what the caller has seen: each request carries the ETag."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        if "FunctionConfig" in request:
            request["FunctionConfig"].setdefault("Comment", "")
        return request

    def call(self, step: Call, request: Mapping[str, Any], context: Context) -> dict[str, Any]:
        if step.op.startswith(("Update", "Delete", "Publish")) and "IfMatch" not in request:
            key = {name: request[name] for name in ("Id", "Name") if name in request}
            tag = super().call(call(self.read[0].op), key, context)["ETag"]
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
        scope = context.scope(**olds, id=id_)
        seen = self.look(scope, context)
        if seen is None:
            return
        if seen.members.get("Enabled"):
            config = {**seen.members["DistributionConfig"], "Enabled": False}
            self.call(self.update[0], {"Id": id_, "DistributionConfig": config}, context)
            waiter = context.aws.client("cloudfront", context.region).get_waiter(
                "distribution_deployed"
            )
            waiter.wait(Id=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        super().unmake(id_, olds, context)


class EdgeFunction(EdgeObject):
    """A function reaches the live stage only when it is published."""

    def finish(
        self, id_: str, inputs: Scope, changed: Any, olds: Scope, context: Context
    ) -> dict[str, Any]:
        if inputs.get("publish", True):
            self.call(call("PublishFunction"), {"Name": id_}, context)
        return super().finish(id_, inputs, changed, olds, context)


def _policy(family: str, slug: str, **more: Any) -> Type:
    return EdgeObject(
        service="cloudfront",
        create=call(f"Create{family}", _root=f"{family}Config"),
        id=f"{family}.Id",
        read=(call(f"Get{family}", f". {family} {family}.{family}Config", Id="{id}"),),
        update=(call(f"Update{family}", Id="{id}", _root=f"{family}Config", _full=True),),
        delete=(call(f"Delete{family}", Id="{id}"),),
        outputs={"arn": f"arn:{{partition}}:cloudfront::{{account}}:{slug}/{{id}}"},
        **more,
    )


def _behaviour(key: str) -> dict[str, str]:
    return {
        f"{key}.cachedMethods": "AllowedMethods.CachedMethods",
        f"{key}.lambdaFunctionAssociations.lambdaArn": "LambdaFunctionARN",
    }


# fmt: off
# ruff: noqa: E501 - a table: an entry reads best as one paragraph
TYPES: Mapping[str, Type] = {
    "aws:acm/certificate:Certificate": Certificate(
        service="acm", create=call("RequestCertificate"), id="CertificateArn", tagging=_ACM,
        read=(call("DescribeCertificate", "Certificate", CertificateArn="{id}"),),
        update=(call("UpdateCertificateOptions", CertificateArn="{id}", _only="options"),),
        delete=(call("DeleteCertificate", CertificateArn="{id}"),),
        words=Dictionary(names={"validationOptions": "DomainValidationOptions"}), unread="subjectAlternativeNames validationOptions",
        outputs={"arn": "{id}", "domainValidationOptions":
                 "DomainValidationOptions[].{domainName: DomainName, resourceRecordName: ResourceRecord.Name, "
                 "resourceRecordType: ResourceRecord.Type, resourceRecordValue: ResourceRecord.Value}"},
        replace="domainName subjectAlternativeNames validationMethod keyAlgorithm validationOptions certificateAuthorityArn",
    ),
    "aws:acm/certificateValidation:CertificateValidation": Type(
        service="acm", create=call("DescribeCertificate"), id="{certificateArn}",
        read=(call("DescribeCertificate", "Certificate", CertificateArn="{certificateArn}"),),
        words=Dictionary(names={"validationRecordFqdns": ""}), wait="certificate_validated", replace="*",
    ),
    "aws:route53/zone:Zone": Type(
        service="route53", create=call("CreateHostedZone", CallerReference="{unique}"), tagging=_ZONE,
        id=lambda s: s["__answer"]["HostedZone"]["Id"].split("/")[-1],
        read=(call("GetHostedZone", "HostedZone DelegationSet", Id="{id}"),),
        update=(call("UpdateHostedZoneComment", Id="{id}", _only="comment", _names={"comment": "Comment"}),),
        delete=(call("DeleteHostedZone", Id="{id}"),),
        words=Dictionary(names={"comment": "HostedZoneConfig.Comment", "vpcs": "VPC"}), unread="name vpcs",
        seen={"comment": "Config.Comment"}, defaults={"comment": "Managed by Pulumi"},
        outputs={"arn": "arn:{partition}:route53:::hostedzone/{id}", "zoneId": "{id}", "nameServers": "NameServers",
                 "primaryNameServer": "NameServers[0]"}, replace="name delegationSetId vpcs",
    ),
    "aws:route53/record:Record": Record(
        service="route53", id="{zoneId}_{name}_{type}",
        create=call("ChangeResourceRecordSets", HostedZoneId="{zoneId}", _root="ChangeBatch.Changes[0].ResourceRecordSet"),
        read=(call("ListResourceRecordSets", "ResourceRecordSets[?Type=='{type}'&&(Name=='{name}'||Name=='{name}.')]|[0]",
                   HostedZoneId="{zoneId}", StartRecordName="{name}", StartRecordType="{type}"),),
        update=(call("ChangeResourceRecordSets", HostedZoneId="{zoneId}", _full=True,
                     _root="ChangeBatch.Changes[0].ResourceRecordSet"),), delete=(call("ChangeResourceRecordSets"),),
        words=Dictionary(names={"zoneId": "", "records": "ResourceRecords", "aliases": "AliasTarget", "aliases.name": "DNSName",
                                "aliases.zoneId": "HostedZoneId", "multivalueAnswerRoutingPolicy": "MultiValueAnswer"}),
        unread="name", outputs={"fqdn": "{name}"}, replace="zoneId name type setIdentifier",
    ),
    "aws:cloudfront/distribution:Distribution": Distribution(
        service="cloudfront", create=call("CreateDistribution", _root="DistributionConfig"), id="Distribution.Id", tagging=_EDGE,
        read=(call("GetDistribution", ". Distribution Distribution.DistributionConfig", Id="{id}"),),
        update=(call("UpdateDistribution", Id="{id}", _root="DistributionConfig", _full=True),),
        delete=(call("DeleteDistribution", Id="{id}"),),
        words=Dictionary(names={
            "orderedCacheBehaviors": "CacheBehaviors", "origins.originId": "Id", "origins.customHeaders.name": "HeaderName",
            "origins.customHeaders.value": "HeaderValue", "restrictions.geoRestriction.locations": "Items", "loggingConfig": "Logging",
            "originGroups.originId": "Id", "originGroups.failoverCriteria.statusCodes": "StatusCodes",
            **_behaviour("defaultCacheBehavior"), **_behaviour("orderedCacheBehaviors")}),
        outputs={"arn": "arn:{partition}:cloudfront::{account}:distribution/{id}", "domainName": "DomainName",
                 "hostedZoneId": lambda _: "Z2FDTNDATAQYW2"}, replace="staging",
    ),
    "aws:cloudfront/function:Function": EdgeFunction(
        service="cloudfront", create=call("CreateFunction"), id="{name}", tagging=_EDGE,
        read=(call("DescribeFunction", ". FunctionSummary FunctionSummary.FunctionConfig", Name="{id}"),),
        update=(call("UpdateFunction", Name="{id}", _full=True),), delete=(call("DeleteFunction", Name="{id}"),),
        words=Dictionary(nouns="Function", names={
            "comment": "FunctionConfig.Comment", "runtime": "FunctionConfig.Runtime",
            "keyValueStoreAssociations": "FunctionConfig.KeyValueStoreAssociations"}), client="publish",
        outputs={"arn": "arn:{partition}:cloudfront::{account}:function/{id}", "etag": "ETag"},
        fresh={"code": "etag liveStageEtag"}, replace="name",
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _policy(
        "CachePolicy", "cache-policy", defaults={"minTtl": 0, "defaultTtl": 86400, "maxTtl": 31536000}),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _policy("OriginRequestPolicy", "origin-request-policy"),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _policy("ResponseHeadersPolicy", "response-headers-policy"),
}
