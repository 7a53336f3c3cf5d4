"""The whole program as AWS would know it: every resource with the id and the ARN that AWS's
documents give to its type, so that a wrong reference can be told from a right one."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from local.provider.catalogue import find
from local.provider.model import UnmappedError
from local.provider.parts import Context, fill
from local.provider.wire import decode
from local.record import ACCOUNT, Cloud, Recording, Resource, record_program

PREFIX_LIST, FOUND_ZONE = "pl-0b1c2d3e", "Z0FOUND"
_ELB = "arn:aws:elasticloadbalancing:{region}:{account}:"
_CACHE = "arn:aws:elasticache:{region}:{account}:"

# What AWS makes up, and the catalogue therefore reads from its answers. {hex} and {uuid} differ by
# type and name; "arn" and the like are templates over the outputs before them.
FORMS: Mapping[str, Mapping[str, str]] = {
    "acm/certificate:Certificate": {"id": "arn:aws:acm:{region}:{account}:certificate/{uuid}"},
    "cloudfront/cachePolicy:CachePolicy": {"id": "{uuid}"},
    "cloudfront/distribution:Distribution": {"id": "E{HEX}", "domainName": "d{hex}.cloudfront.net"},
    "cloudfront/originAccessControl:OriginAccessControl": {"id": "E{HEX}"},
    "cloudfront/originRequestPolicy:OriginRequestPolicy": {"id": "{uuid}"},
    "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": {"id": "{uuid}"},
    "cloudfront/vpcOrigin:VpcOrigin": {
        "id": "vo_{hex}",
        "arn": "arn:aws:cloudfront::{account}:vpcorigin/{id}",
    },
    "appautoscaling/policy:Policy": {
        "arn": "arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid}:"
        "resource/{serviceNamespace}/{resourceId}:policyName/{name}"
    },
    "appautoscaling/target:Target": {
        "arn": "arn:aws:application-autoscaling:{region}:{account}:scalable-target/{uuid}"
    },
    "cloudwatch/eventRule:EventRule": {"arn": "arn:aws:events:{region}:{account}:rule/{name}"},
    "cloudwatch/logDelivery:LogDelivery": {"id": "{hex}"},
    "cloudwatch/logDeliveryDestination:LogDeliveryDestination": {
        "arn": "arn:aws:logs:{region}:{account}:delivery-destination:{name}"
    },
    "cloudwatch/logDeliverySource:LogDeliverySource": {
        "arn": "arn:aws:logs:{region}:{account}:delivery-source:{name}"
    },
    "cloudwatch/metricAlarm:MetricAlarm": {
        "arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
    },
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": {"id": "sg-{hex}"},
    "ec2/eip:Eip": {"id": "eipalloc-{hex}"},
    "ec2/flowLog:FlowLog": {"id": "fl-{hex}"},
    "ec2/internetGateway:InternetGateway": {"id": "igw-{hex}"},
    "ec2/natGateway:NatGateway": {"id": "nat-{hex}"},
    "ec2/routeTable:RouteTable": {"id": "rtb-{hex}"},
    "ec2/routeTableAssociation:RouteTableAssociation": {"id": "rtbassoc-{hex}"},
    "ec2/securityGroup:SecurityGroup": {"id": "sg-{hex}"},
    "ec2/subnet:Subnet": {"id": "subnet-{hex}"},
    "ec2/vpc:Vpc": {"id": "vpc-{hex}"},
    "ec2/vpcEndpoint:VpcEndpoint": {"id": "vpce-{hex}"},
    "ecr/repository:Repository": {
        "arn": "arn:aws:ecr:{region}:{account}:repository/{name}",
        "repositoryUrl": "{account}.dkr.ecr.{region}.amazonaws.com/{name}",
    },
    "ecs/cluster:Cluster": {"id": "arn:aws:ecs:{region}:{account}:cluster/{name}", "arn": "{id}"},
    "ecs/service:Service": {"id": "arn:aws:ecs:{region}:{account}:service/{clusterName}/{name}"},
    "ecs/taskDefinition:TaskDefinition": {
        "arn": "arn:aws:ecs:{region}:{account}:task-definition/{family}:1"
    },
    "efs/accessPoint:AccessPoint": {
        "id": "fsap-{hex}",
        "arn": "arn:aws:elasticfilesystem:{region}:{account}:access-point/{id}",
    },
    "efs/fileSystem:FileSystem": {
        "id": "fs-{hex}",
        "arn": "arn:aws:elasticfilesystem:{region}:{account}:file-system/{id}",
    },
    "efs/mountTarget:MountTarget": {"id": "fsmt-{hex}"},
    "elasticache/parameterGroup:ParameterGroup": {"arn": _CACHE + "parametergroup:{name}"},
    "elasticache/replicationGroup:ReplicationGroup": {
        "id": "{replicationGroupId}",
        "arn": _CACHE + "replicationgroup:{replicationGroupId}",
        "primaryEndpointAddress": "master.{replicationGroupId}.{hex}.cache.amazonaws.com",
    },
    "elasticache/subnetGroup:SubnetGroup": {"arn": _CACHE + "subnetgroup:{name}"},
    "iam/policy:Policy": {"id": "arn:aws:iam::{account}:policy/{name}", "arn": "{id}"},
    "iam/role:Role": {"arn": "arn:aws:iam::{account}:role/{name}"},
    "kms/key:Key": {"id": "{uuid}", "arn": "arn:aws:kms:{region}:{account}:key/{id}"},
    "lambda/eventSourceMapping:EventSourceMapping": {"id": "{uuid}"},
    "lambda/function:Function": {
        "id": "{name}",
        "arn": "arn:aws:lambda:{region}:{account}:function:{name}",
        "qualifiedArn": "{arn}:1",
        "version": "1",
        "codeSha256": "c2hh",
    },
    "lb/listener:Listener": {"id": _ELB + "listener/app/{name}/{hex}/{hex}"},
    "lb/listenerRule:ListenerRule": {"id": _ELB + "listener-rule/app/{name}/{hex}/{hex}/{hex}"},
    "lb/loadBalancer:LoadBalancer": {
        "id": _ELB + "loadbalancer/app/{name}/{hex}",
        "dnsName": "{name}-1234567890.{region}.elb.amazonaws.com",
        "zoneId": "Z1GM3OXH4ZPM65",
    },
    "lb/targetGroup:TargetGroup": {"id": _ELB + "targetgroup/{name}/{hex}"},
    "rds/instance:Instance": {
        "id": "db-{HEX}",
        "arn": "arn:aws:rds:{region}:{account}:db:{identifier}",
        "address": "{identifier}.{hex}.{region}.rds.amazonaws.com",
        "endpoint": "{address}:{port}",
    },
    "rds/eventSubscription:EventSubscription": {"arn": "arn:aws:rds:{region}:{account}:es:{name}"},
    "rds/parameterGroup:ParameterGroup": {"arn": "arn:aws:rds:{region}:{account}:pg:{name}"},
    "rds/subnetGroup:SubnetGroup": {"arn": "arn:aws:rds:{region}:{account}:subgrp:{name}"},
    "scheduler/schedule:Schedule": {
        "arn": "arn:aws:scheduler:{region}:{account}:schedule/default/{name}"
    },
    "s3/bucketObjectv2:BucketObjectv2": {"arn": "arn:aws:s3:::{bucket}/{key}"},
    "route53/record:Record": {"id": "{zoneId}_{name}_{type}", "fqdn": "{name}"},
    "route53/zone:Zone": {"id": "Z{HEX}"},
    "servicediscovery/privateDnsNamespace:PrivateDnsNamespace": {
        "id": "ns-{hex}",
        "arn": "arn:aws:servicediscovery:{region}:{account}:namespace/{id}",
        "hostedZone": "Z{HEX}",
    },
    "servicediscovery/service:Service": {
        "id": "srv-{hex}",
        "arn": "arn:aws:servicediscovery:{region}:{account}:service/{id}",
    },
    "sns/topic:Topic": {"id": "arn:aws:sns:{region}:{account}:{name}"},
    "sqs/queue:Queue": {
        "id": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "arn": "arn:aws:sqs:{region}:{account}:{name}",
    },
    "ssm/parameter:Parameter": {
        "arn": "arn:aws:ssm:{region}:{account}:parameter{slash}{name}",
        "version": "1",
    },
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"id": "sgr-{hex}"},
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"id": "sgr-{hex}"},
    "wafv2/webAcl:WebAcl": {
        "id": "{uuid}",
        "arn": "arn:aws:wafv2:{region}:{account}:global/webacl/{name}/{id}",
    },
}


_ID = re.compile(
    r"\b(?:vpc|subnet|sg|rtb|igw|nat|eipalloc|fs|fsmt|fsap|srv|ns|vpce)-[0-9a-f]{8,17}\b"
)
_ARN = re.compile(r"arn:aws:[a-z0-9-]*:[a-z0-9*-]*:(?:\d{12})?:[^\s\"',]+")


def _facts(token: str, logical: str, inputs: Mapping[str, Any], region: str) -> dict[str, Any]:
    """What can be said of a new object before the catalogue's own templates are filled."""
    digest = hashlib.sha256(f"{token} {logical}".encode()).hexdigest()
    groups = (digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32])
    facts: dict[str, Any] = {
        "region": inputs.get("region") or region,
        "account": ACCOUNT,
        "partition": "aws",
        "unique": digest,
        "name": logical,
        "hex": digest[:17],
        "HEX": digest[:13].upper(),
        "uuid": "-".join(groups),
        "clusterName": str(inputs.get("cluster", "")).rpartition("/")[2],
        "slash": "" if str(inputs.get("name", "")).startswith("/") else "/",
    }
    entry = find(token)
    if entry.naming and entry.naming.key not in inputs:
        facts[entry.naming.key] = entry.auto_name(entry.naming, inputs, {}, logical, b"")
    return facts | dict(inputs)


def outputs_of(token: str, logical: str, inputs: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The outputs of a resource as AWS would give them, its id among them."""
    entry, facts = find(token), _facts(token, logical, inputs, region)
    given = FORMS.get(token.removeprefix("aws:"), {})
    known = dict(facts)
    if "{" in entry.id:
        known["id"] = fill(entry.id, known)
    known.setdefault("id", f"{token.split('/')[-1]}-{facts['hex']}")
    for key, form in given.items():
        known[key] = fill(form, known)
    for key, template in entry.outputs.items():
        with suppress(KeyError, UnmappedError):  # what only AWS knows
            if callable(template):
                known.setdefault(key, template(known))
            elif key not in given and "{" in template and "[" not in template:
                known[key] = fill(template, known)
    shown = {*entry.schema.outputs, *inputs, "id", "name"}
    return {key: value for key, value in known.items() if key in shown and value is not None}


class Aws(Cloud):
    """Answers with ids and ARNs in AWS's own forms."""

    def __init__(self, region: str) -> None:
        super().__init__(preview=False)
        self._region = region

    @property
    def key(self) -> str:
        return f"AWS's forms, {self._region}"

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        id_, state = super().new_resource(args)
        if not args.typ.startswith("aws:"):
            return id_, state
        inputs = {key: value for key, value in state.items() if key in args.inputs}
        known = outputs_of(args.typ, args.name, inputs, self._region)
        for key in ("arn", "name"):
            state.pop(key) if key not in args.inputs else None
        return known.pop("id"), {**state, **known}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        answer, failures = super().call(args)
        if "PrefixList" in args.token:
            answer["id"] = PREFIX_LIST
        return answer, failures


@dataclass(frozen=True, kw_only=True, eq=False)
class Thing:
    """A resource: its inputs as `check` leaves them, its outputs, and what it waits for."""

    type: str  # such as "ec2/vpc:Vpc"
    name: str
    urn: str
    region: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.type.split(':')[-1]} {self.name}"

    @property
    def id(self) -> str:
        return str(self.outputs["id"])

    @property
    def arn(self) -> str:
        return str(self.outputs.get("arn", ""))

    @cached_property
    def mentions(self) -> list[str]:
        """Ids and ARNs wherever they stand in the inputs."""
        text = json.dumps(self.inputs, default=str).replace('\\"', '"')
        return sorted({*_ID.findall(text), *_ARN.findall(text)})


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    things: tuple[Thing, ...]
    context: Context
    before: Mapping[str, frozenset[str]]  # URN -> URNs of all that it waits for
    zone_name: str  # of the hosted zone that exists already
    faults: tuple[str, ...]  # what `check` said of the program itself

    def of(self, *types: str) -> Iterator[Thing]:
        for type_ in types:
            yield from self._by_type.get(type_, ())

    def one(self, type_: str, name: str) -> Thing:
        return next(thing for thing in self.of(type_) if thing.name == name)

    def found(self, type_: str, value: Any, key: str = "id") -> Thing | None:
        """The thing of a type that has this id (or other output)."""
        index = self._index.get((type_, key))
        if index is None:
            index = {thing.outputs.get(key): thing for thing in self.of(type_)}
            self._index[type_, key] = index
        return index.get(value) if isinstance(value, str) else None

    @cached_property
    def _by_type(self) -> dict[str, list[Thing]]:
        groups: dict[str, list[Thing]] = {}
        for thing in self.things:
            groups.setdefault(thing.type, []).append(thing)
        return groups

    @cached_property
    def _index(self) -> dict[tuple[str, str], dict[Any, Thing]]:
        return {}

    def waits(self, thing: Thing, other: Thing) -> bool:
        """Whether `other` exists before `thing`, directly or through others."""
        return other.urn in self.before[thing.urn]

    def check(self, thing: Thing, inputs: dict[str, Any]) -> list[str]:
        """What the provider says against these inputs of a thing."""
        given = {
            key: value for key, value in inputs.items() if key not in ("tagsAll", "__defaults")
        }
        region = str(given.get("region") or self.context.region)
        context = replace(self.context, region=region)
        return find(f"aws:{thing.type}").check(given, {}, thing.name, b"", context)[1]

    def altered(self, thing: Thing, inputs: dict[str, Any]) -> "World":
        """The same world with other inputs of one thing; its id stays."""
        outputs = {**thing.outputs, **inputs, "id": thing.outputs["id"]}
        region = str(inputs.get("region") or self.context.region)
        other = replace(thing, inputs=inputs, outputs=outputs, region=region)
        things = tuple(other if each is thing else each for each in self.things)
        return replace(self, things=things)


def world(config: Mapping[str, str], recording: Recording | None = None) -> World:
    """The program with `config`, checked by the stand-in provider.

    Without a recording of it, it is recorded as AWS would answer.
    """
    region = config["aws:region"]
    users = "otakaro:basicAuthUsers"
    recording = recording or record_program(config, cloud=Aws(region), secret=[users])
    tags = json.loads(config["aws:defaultTags"])["tags"]
    context = Context(aws=_Nothing(), region=region, account=ACCOUNT, default_tags=tags)  # type: ignore[arg-type]
    things, faults = [], []
    for resource in recording.resources:
        if resource.type.startswith("aws:"):
            thing, told = _thing(resource, context)
            things.append(thing)
            faults += [f"{thing}: {fault}" for fault in told]
    links = {resource.urn: resource.dependencies for resource in recording.resources}
    return World(
        things=tuple(things),
        context=context,
        before=_closed(links),
        zone_name=config["otakaro:dnsZone"],
        faults=tuple(faults),
    )


def _closed(links: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Dependencies with those of the dependencies."""
    closed: dict[str, frozenset[str]] = {}

    def close(urn: str) -> frozenset[str]:
        if urn not in closed:
            closed[urn] = frozenset()  # should there be a circle
            direct = links.get(urn, frozenset())
            closed[urn] = direct.union(*map(close, direct))
        return closed[urn]

    for urn in links:
        close(urn)
    return closed


def _thing(resource: Resource, context: Context) -> tuple[Thing, list[str]]:
    sent = decode(resource.sent)
    region = str(sent.get("region") or context.region)
    here = replace(context, region=region)
    inputs, faults = find(resource.type).check(sent, {}, resource.name, b"", here)
    thing = Thing(
        type=resource.type.removeprefix("aws:"),
        name=resource.name,
        urn=resource.urn,
        region=region,
        inputs=inputs,
        outputs={**inputs, **decode(resource.outputs), "id": resource.id},
    )
    return thing, faults


class _Nothing:
    """Checks ask AWS nothing."""
