"""The picture of what is deployed: who asks whom, what is kept where, what happens by itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.picture.model import Arrow, Part, Picture
from local.picture.places import (
    ALARMS,
    EDGE,
    PEOPLE,
    PLACES,
    PRIVATE,
    TEAM,
    VISITORS,
    Place,
)
from local.record import Recording, Resource

# Over what stands in private subnets otherwise: without a NAT gateway tasks are in public ones.
WITHOUT_GATEWAY = "Public subnets: tasks; private: Redis and functions"
# Components of several services that the picture shows as one thing.
SHARED = ("Backend",)
# What people call a part whose name alone says too little.
WORDS = {
    "alb": "Load\nbalancer",
    "alarms": "SNS topic",
    "api": "API",
    "backend": "backend",
    "backend-celery": "Celery\nworker",
    "backend-flask": "Flask API",
    "backend-queue": "measures\nthe queue",
    "basic-auth": "asks for a\npassword",
    "geoserver": "GeoServer",
    "maintenance": "maintenance\npage",
    "pg-postgis": "creates\nPostGIS",
    "rollout": "rolls\nservices",
    "shared-data": "EFS:\nshared files",
    "terriamap": "TerriaMap",
}


def deployed(recording: Recording) -> Picture:
    """The picture of a recorded program."""
    prefix = str(recording.outputs["cluster"]).removesuffix("-ecs")
    parts = {part.key: part for part in _parts(recording, f"{prefix}-")}
    arrows = {a for a in _arrows(recording) if a.start in parts and a.end in parts}
    services = recording["ecs/service:Service"].values()
    public = any(each["networkConfiguration"]["assignPublicIp"] for each in services)
    titles = {PRIVATE: WITHOUT_GATEWAY} if public else {}
    return Picture(tuple(parts.values()), tuple(sorted(arrows)), titles)


def _parts(recording: Recording, prefix: str) -> Iterator[Part]:
    yield Part(group="", box="", key=VISITORS, label="Visitors", icon="general/users")
    yield Part(group="", box="", key=TEAM, label="Team:\ndocker push", icon="general/users")
    yield Part(group="", box="", key=PEOPLE, label="Whoever is\non duty", icon="general/user")
    beside = _beside(recording)
    for kind, place in PLACES.items():
        found = [r for r in recording.of(kind) if not _folded(recording, r)]
        found.sort(key=lambda resource: (len(_host(resource)), resource.name))
        if place.counted and found:
            label = place.counted.format(len(found))
            yield Part(group=place.group, box="", key=kind, label=label, icon=place.icon)
        elif not place.counted:
            yield from (_part(resource, place, prefix, beside) for resource in found)


def _host(resource: Resource) -> str:
    """A distribution's host, so that the site stands before what is below it."""
    return str(resource.inputs.get("aliases", [""])[0])


def _part(resource: Resource, place: Place, prefix: str, beside: dict[str, str]) -> Part:
    # A function is no part of what it serves: it has a place of its own.
    box = place.box or ("" if resource.type.endswith("Function") else _component(resource))
    return Part(
        group=_group(resource, place, beside),
        box=box,
        key=resource.name,
        label=_label(resource, prefix),
        icon=place.icon,
        service=resource.type.endswith("ecs/service:Service"),
    )


def _component(resource: Resource) -> str:
    """The shared component that it is a part of."""
    around = re.findall(r"otakaro:index:(\w+)", resource.parent)
    return next((component for component in around if component in SHARED), "")


def _group(resource: Resource, place: Place, beside: dict[str, str]) -> str:
    """A function stands where it runs, a bucket with what shows it."""
    if resource.name in beside:
        return beside[resource.name]
    return PRIVATE if "vpcConfig" in resource.inputs else place.group


def _beside(recording: Recording) -> dict[str, str]:
    """Functions and buckets of the edge."""
    found: dict[str, str] = {}
    for site in recording.of("cloudfront/distribution:Distribution"):
        for name in _helpers(recording, site):
            found[name] = EDGE
    return found


def _helpers(recording: Recording, site: Resource) -> Iterator[str]:
    """Functions and buckets that answer for a distribution."""
    behaviour = site.inputs["defaultCacheBehavior"]
    for association in behaviour.get("lambdaFunctionAssociations", []):
        yield association["lambdaArn"].split(":")[-2]
    for origin in site.inputs["origins"]:
        for bucket in recording["s3/bucket:Bucket"]:
            if origin["domainName"].startswith(f"{bucket}."):
                yield bucket


def _folded(recording: Recording, resource: Resource) -> bool:
    """A queue of messages that failed is an alarm's matter, so is a rule that tells people; a rule
    by the clock is its function's. Of the topics in two regions one is shown."""
    if resource.type.endswith("eventRule:EventRule"):
        return "scheduleExpression" in resource.inputs or _tells(recording, resource)
    if resource.type.endswith("topic:Topic"):
        return "region" in resource.inputs
    dead = {
        _last(json.loads(queue["redrivePolicy"])["deadLetterTargetArn"])
        for queue in recording["sqs/queue:Queue"].values()
        if "redrivePolicy" in queue
    }
    return resource.type.endswith("queue:Queue") and resource.name in dead


def _tells(recording: Recording, rule: Resource) -> bool:
    """Whether a rule's events go to people."""
    targets = recording["cloudwatch/eventTarget:EventTarget"].values()
    return any(":sns:" in t["arn"] for t in targets if t["rule"] == rule.state["name"])


def _label(resource: Resource, prefix: str) -> str:
    size = resource.inputs
    if resource.type.endswith("rds/instance:Instance"):
        days = size["backupRetentionPeriod"]
        return f"PostgreSQL {size['engineVersion']}:\nbackups {days} days"
    if resource.type.endswith("replicationGroup:ReplicationGroup"):
        return f"Redis {size['engineVersion']}"
    name = re.sub(r"-(cdn|ecr)$", "", resource.name.removeprefix(prefix))
    if resource.type.endswith("queue:Queue"):
        return f"queue:\n{name.removeprefix('rollout-')}"
    return WORDS.get(name, name.replace("-", "\n", 1).replace("-", " "))


def _arrows(recording: Recording) -> Iterator[Arrow]:
    yield from _edge(recording)
    yield from _inside(recording)
    yield from _images(recording)
    yield from _events(recording)
    yield from _watching(recording)


def _edge(recording: Recording) -> Iterator[Arrow]:
    dns, proofs, firewall = (
        "route53/record:Record",
        "acm/certificate:Certificate",
        "wafv2/webAcl:WebAcl",
    )
    yield Arrow(VISITORS, dns, "note")
    [balancer] = recording.of("lb/loadBalancer:LoadBalancer")
    for site in recording.of("cloudfront/distribution:Distribution"):
        yield Arrow(VISITORS, site.name, "request", "HTTPS")
        yield Arrow(site.name, balancer.name, "request", "HTTPS")
        yield Arrow(proofs, site.name, "note")
        yield from (Arrow(site.name, helper, "note") for helper in _helpers(recording, site))
        if site.inputs.get("webAclId"):
            yield Arrow(firewall, site.name, "note")


def _inside(recording: Recording) -> Iterator[Arrow]:
    """Whoever has a security group that another's group lets in."""
    holding = holders(recording)
    for rule in recording.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        for start in holding.get(rule.inputs.get("referencedSecurityGroupId", ""), ()):
            for end in holding.get(rule.inputs["securityGroupId"], ()):
                yield Arrow(start, end, "request")
    for rule in recording.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        if rule.inputs.get("cidrIpv4") == "0.0.0.0/0":
            for start in holding.get(rule.inputs["securityGroupId"], ()):
                yield Arrow(start, "ec2/natGateway:NatGateway", "request")
    for policy in recording.of("efs/backupPolicy:BackupPolicy"):
        disk = policy.inputs["fileSystemId"].removesuffix("-id")
        yield Arrow(disk, "efs/backupPolicy:BackupPolicy", "note")


def holders(recording: Recording) -> dict[str, set[str]]:
    """The names of what has each security group, by the group's id."""
    found: dict[str, set[str]] = {}
    for resource in recording.resources:
        for group in _security_groups(resource.inputs):
            found.setdefault(group, set()).add(resource.name)
    for target in recording.of("efs/mountTarget:MountTarget"):
        for group in target.inputs["securityGroups"]:
            found[group] = {target.inputs["fileSystemId"].removesuffix("-id")}
    return found


def _security_groups(inputs: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for key in ("securityGroups", "vpcSecurityGroupIds", "securityGroupIds"):
        found += inputs.get(key, [])
    for key in ("networkConfiguration", "vpcConfig"):
        found += _security_groups(inputs[key]) if key in inputs else []
    return found


def _images(recording: Recording) -> Iterator[Arrow]:
    for repository in recording["ecr/repository:Repository"]:
        yield Arrow(TEAM, repository, "event")
    for service in recording.of("ecs/service:Service"):
        definition = recording.one("ecs/taskDefinition:TaskDefinition", service.name)
        [container] = json.loads(definition.inputs["containerDefinitions"])
        yield Arrow(container["image"].rpartition("/")[2].partition(":")[0], service.name, "image")
        if container.get("secrets"):
            yield Arrow("ssm/parameter:Parameter", service.name, "image")


def _events(recording: Recording) -> Iterator[Arrow]:
    rules = "cloudwatch/eventRule:EventRule"
    for rule in recording.of(rules):
        pattern = json.loads(rule.inputs.get("eventPattern", "{}"))
        for repository in pattern.get("detail", {}).get("repository-name", []):
            yield Arrow(repository, rules, "event")
        if pattern.get("source") == ["aws.ssm"]:
            yield Arrow("ssm/parameter:Parameter", rules, "event", "changed")
    clocks = {rule.name for rule in recording.of(rules) if _folded(recording, rule)}
    for target in recording.of("cloudwatch/eventTarget:EventTarget"):
        if target.inputs["rule"] in clocks or ":sns:" in target.inputs["arn"]:
            continue
        yield Arrow(rules, _last(target.inputs["arn"]), "event")
    for mapping in recording.of("lambda/eventSourceMapping:EventSourceMapping"):
        function = mapping.inputs["functionName"]
        yield Arrow(_last(mapping.inputs["eventSourceArn"]), function, "event")
        variables = recording["lambda/function:Function"][function]["environment"]["variables"]
        for service in json.loads(variables["SERVICES"]):
            yield Arrow(function, service, "event", "new deployment")
        yield Arrow(function, _last(variables["TOPIC_ARN"]), "note")


def _watching(recording: Recording) -> Iterator[Arrow]:
    for kind, place in PLACES.items():
        if place.group == ALARMS and place.counted:
            for resource in recording.of(kind):
                topics = [*resource.inputs.get("alarmActions", []), resource.inputs.get("snsTopic")]
                yield from (Arrow(kind, _last(topic), "note") for topic in topics if topic)
    for topic in recording["sns/topic:Topic"]:
        yield Arrow(topic, PEOPLE, "note")


def _last(arn: str) -> str:
    """The resource's own name at the end of an ARN, without a FIFO queue's ending."""
    return arn.split(":")[-1].removesuffix(".fifo")
