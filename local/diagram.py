"""Draws `asbuilt.png` from what the program registers: `make diagram`.

Nodes and arrows come out of the recorded resources (who is an origin of whom, which security group
lets which one in, which rule feeds which queue), so the picture cannot say more than the program.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagrams import Cluster, Diagram, Edge, Node
from diagrams.aws.compute import ECR, Fargate, LambdaFunction
from diagrams.aws.database import ElasticacheForRedis, RDSPostgresqlInstance
from diagrams.aws.general import Users
from diagrams.aws.integration import (
    EventbridgeRule,
    SimpleNotificationServiceSns,
    SimpleQueueServiceSqs,
)
from diagrams.aws.management import CloudwatchAlarm, SystemsManagerParameterStore
from diagrams.aws.network import CloudFront, ElbApplicationLoadBalancer, Route53
from diagrams.aws.security import CertificateManager
from diagrams.aws.storage import ElasticFileSystemEFS, SimpleStorageServiceS3

from local.record import ROOT, Recording, configuration, record_program

EDGE, ALB, RUN, DATA = "Edge, in every region", "Public subnets", "Private subnets", "Data"
IMAGES, ROLL, WATCH = "Images and secrets", "Rolls by itself", "Tells people"
# What a person calls the parts, in the order of the picture.
ICONS: dict[str, tuple[type[Node], str]] = {
    "cloudfront/distribution:Distribution": (CloudFront, EDGE),
    "lb/loadBalancer:LoadBalancer": (ElbApplicationLoadBalancer, ALB),
    "ecs/service:Service": (Fargate, RUN),
    "rds/instance:Instance": (RDSPostgresqlInstance, DATA),
    "elasticache/replicationGroup:ReplicationGroup": (ElasticacheForRedis, DATA),
    "efs/fileSystem:FileSystem": (ElasticFileSystemEFS, DATA),
    "ecr/repository:Repository": (ECR, IMAGES),
    "sqs/queue:Queue": (SimpleQueueServiceSqs, ROLL),
    "sns/topic:Topic": (SimpleNotificationServiceSns, WATCH),
    "s3/bucket:Bucket": (SimpleStorageServiceS3, ALB),
}
FUNCTIONS = {"basic-auth": EDGE, "rollout": ROLL, "pg-postgis": DATA}


@dataclass(frozen=True, order=True)
class Part:
    """A node of the picture."""

    group: str
    key: str
    label: str
    icon: str


@dataclass(frozen=True, order=True)
class Arrow:
    """From one node to another, with what goes along."""

    start: str
    end: str
    label: str
    kind: str  # traffic, image, event, note, or all: an event for every service


@dataclass(frozen=True)
class Picture:
    """What is drawn; its text form is what a test compares with the program."""

    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]

    def text(self) -> str:
        return json.dumps(
            {
                "parts": [[p.group, p.key, p.label] for p in self.parts],
                "arrows": [[a.start, a.end, a.label, a.kind] for a in self.arrows],
            },
            indent=1,
        )


def picture(recording: Recording) -> Picture:
    """The picture of a recorded program."""
    prefix = str(recording.outputs["cluster"]).removesuffix("-ecs")
    parts = {part.key: part for part in _parts(recording, prefix)}
    arrows = {arrow for arrow in _arrows(recording) if arrow.start in parts and arrow.end in parts}
    return Picture(tuple(sorted(parts.values())), tuple(sorted(arrows)))


def _parts(recording: Recording, prefix: str) -> Iterator[Part]:
    yield Part("", "visitors", "Visitors", "")
    yield Part("", "developers", "docker push", "")
    for kind, (icon, group) in ICONS.items():
        for resource in recording.of(kind):
            name = resource.name.removeprefix(prefix + "-")
            if name.endswith("-failed"):
                continue
            label = {"pg": "PostgreSQL", "backend-redis": "Redis", "shared-data": "EFS"}.get(name)
            size = resource.inputs
            if "rds" in kind:
                label = f"PostgreSQL {size['engineVersion']}\n{size['instanceClass']}"
            elif "replicationGroup" in kind:
                label = f"Redis {size['engineVersion']}\n{size['nodeType']}"
            elif "distribution" in kind:
                label = re.sub(r"\.([^.]+\.[^.]+)$", r"\n\1", size["aliases"][0])
            yield Part(group, resource.name, label or name, icon.__name__)
    for resource in recording.of("lambda/function:Function"):
        name = resource.name.removeprefix(prefix + "-")
        yield Part(FUNCTIONS[name], resource.name, name, "LambdaFunction")
    for resource in recording.of("cloudwatch/eventRule:EventRule"):
        name = resource.name.removeprefix(f"{prefix}-rollout-").removeprefix(f"{prefix}-")
        yield Part(ROLL, resource.name, name, "EventbridgeRule")
    count = len(recording["ssm/parameter:Parameter"])
    yield Part(
        IMAGES, "secrets", f"Parameter Store\n{count} secrets", "SystemsManagerParameterStore"
    )
    alarms = len(recording["cloudwatch/metricAlarm:MetricAlarm"])
    yield Part(WATCH, "alarms", f"{alarms} alarms", "CloudwatchAlarm")
    names = len(recording["route53/record:Record"])
    yield Part(EDGE, "dns", f"Route 53\n{names} records", "Route53")
    yield Part(EDGE, "certificates", "ACM\n2 certificates", "CertificateManager")


def _arrows(recording: Recording) -> Iterator[Arrow]:
    yield from _edge(recording)
    yield from _inside(recording)
    yield from _rollout(recording)


def _edge(recording: Recording) -> Iterator[Arrow]:
    yield Arrow("visitors", "dns", "", "note")
    yield Arrow("certificates", "dns", "", "note")
    [balancer] = recording.of("lb/loadBalancer:LoadBalancer")
    for site in recording.of("cloudfront/distribution:Distribution"):
        yield Arrow("visitors", site.name, "HTTPS", "traffic")
        yield Arrow(site.name, balancer.name, "", "traffic")
        behaviour = site.inputs["defaultCacheBehavior"]
        for association in behaviour["lambdaFunctionAssociations"]:
            function = association["lambdaArn"].split(":")[-2]
            yield Arrow(site.name, function, "", "note")
    bucket = balancer.inputs["accessLogs"]["bucket"]
    yield Arrow(balancer.name, bucket, "", "note")


def _inside(recording: Recording) -> Iterator[Arrow]:
    """Whoever has a security group that another's group lets in."""
    holders: dict[str, list[str]] = {}
    for resource in recording.resources:
        for group in _groups(resource.inputs):
            holders.setdefault(group, []).append(resource.name)
    for target in recording.of("efs/mountTarget:MountTarget"):
        for group in target.inputs["securityGroups"]:
            disk = target.inputs["fileSystemId"].removesuffix("-id")
            holders[group] = [disk]
    for rule in recording.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        client = rule.inputs.get("referencedSecurityGroupId", "")
        for start in holders.get(client, []):
            for end in holders.get(rule.inputs["securityGroupId"], []):
                yield Arrow(start, end, str(rule.inputs["fromPort"]), "traffic")


def _groups(inputs: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for key in ("securityGroups", "vpcSecurityGroupIds", "securityGroupIds"):
        found += inputs.get(key, [])
    for key in ("networkConfiguration", "vpcConfig"):
        found += _groups(inputs[key]) if key in inputs else []
    return found


def _rollout(recording: Recording) -> Iterator[Arrow]:
    services = {r.name for r in recording.of("ecs/service:Service")}
    for definition in recording.of("ecs/taskDefinition:TaskDefinition"):
        [container] = json.loads(definition.inputs["containerDefinitions"])
        repository = container["image"].rpartition("/")[2].partition(":")[0]
        yield Arrow(repository, definition.name, "", "image")
    for repository_ in recording["ecr/repository:Repository"]:
        yield Arrow("developers", repository_, "", "image")
    for rule in recording.of("cloudwatch/eventRule:EventRule"):
        pattern = json.loads(rule.inputs["eventPattern"])
        for name in pattern["detail"].get("repository-name", []):
            yield Arrow(name, rule.name, "", "event")
        if pattern["source"] == ["aws.ssm"]:
            yield Arrow("secrets", rule.name, "", "event")
    for target in recording.of("cloudwatch/eventTarget:EventTarget"):
        queue = target.inputs["arn"].split(":")[-1].removesuffix(".fifo")
        yield Arrow(target.inputs["rule"], queue, "", "event")
    for mapping in recording.of("lambda/eventSourceMapping:EventSourceMapping"):
        queue = mapping.inputs["eventSourceArn"].split(":")[-1].removesuffix(".fifo")
        yield Arrow(queue, mapping.inputs["functionName"], "", "event")
    [rollout] = [r for r in recording.of("lambda/function:Function") if "rollout" in r.name]
    # One arrow to them all; the picture ends it at the box around them.
    yield Arrow(rollout.name, min(services), "", "all")
    yield Arrow("secrets", min(services), "", "all")
    for topic in recording["sns/topic:Topic"]:
        yield Arrow("alarms", topic, "", "note")
        yield Arrow(rollout.name, topic, "", "note")


STYLES = {
    "traffic": {"color": "#1f6feb", "penwidth": "1.6"},
    "image": {"color": "#bf5b00", "style": "dashed", "constraint": "false"},
    "event": {"color": "#8250df", "style": "dashed"},
    "all": {"color": "#8250df", "style": "dashed", "lhead": f"cluster_{RUN}"},
    "note": {"color": "#6e7781", "style": "dotted"},
}
_ALL_ICONS = {
    icon.__name__: icon
    for icon in (
        *(icon for icon, _ in ICONS.values()),
        *(LambdaFunction, EventbridgeRule, SystemsManagerParameterStore, CloudwatchAlarm, Route53),
        *(CertificateManager, Users),
    )
}


def draw(image: Picture, path: Path) -> None:
    """Write `image` as PNG to `path`."""
    with Diagram(
        "",
        filename=str(path.with_suffix("")),
        outformat="png",
        show=False,
        direction="TB",
        graph_attr={
            "bgcolor": "white",
            "pad": "0.3",
            "nodesep": "0.6",
            "ranksep": "1.0",
            "compound": "true",
            "splines": "spline",
            "newrank": "true",
        },
        node_attr={"fontsize": "12"},
    ):
        nodes: dict[str, Node] = {}
        for group in ("", EDGE, ALB, RUN, DATA, IMAGES, ROLL, WATCH):
            members = [part for part in image.parts if part.group == group]
            if group:
                with Cluster(group):
                    nodes |= {p.key: _ALL_ICONS[p.icon](p.label) for p in members}
            else:
                nodes |= {p.key: Users(p.label) for p in members}
        for arrow in image.arrows:
            edge = Edge(xlabel=arrow.label, fontsize="10", **STYLES[arrow.kind])
            nodes[arrow.start] >> edge >> nodes[arrow.end]


def main() -> int:
    if shutil.which("dot") is None:
        print("make diagram needs Graphviz's 'dot': install the package graphviz", file=sys.stderr)
        return 1
    image = picture(record_program(configuration("production")))
    draw(image, ROOT / "asbuilt.png")
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "asbuilt.json").write_text(image.text() + "\n")
    print(f"asbuilt.png: {len(image.parts)} parts, {len(image.arrows)} arrows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
