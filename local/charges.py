"""What each kind of resource costs: quantities of priced units, read off the recorded resources."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from local.errors import LocalError

DATA = Path(__file__).parent / "data"
# Lambda asks each queue that it takes messages from with five long polls of 20 s at a time (Lambda
# developer guide, "Using Lambda with Amazon SQS").
_POLLS_PER_HOUR = 5 * 3600 // 20
# Metrics of Container Insights without the enhanced kind (CloudWatch user guide, "Amazon ECS
# Container Insights metrics"): those by cluster, by service and by task family.
_CLUSTER_METRICS, _SERVICE_METRICS, _FAMILY_METRICS = 5, 11, 8


@dataclass(frozen=True, kw_only=True)
class Price:
    """A list price: `usd` for `per` units, the first `free` of a month for nothing."""

    usd: float
    unit: str
    page: str
    origin: str  # `read` in a public text, `api` for AWS's price list, or `memory`
    per: float = 1.0
    free: float = 0.0

    @property
    def remembered(self) -> bool:
        """Recalled from memory, and found nowhere since."""
        return self.origin == "memory"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A resource as far as its price goes."""

    type: str
    name: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """The tasks of one Fargate service: CPU in 1/1024 vCPU, memory in MiB, disk in GiB."""

    cpu: int
    memory: int
    disk: int
    number: int
    most: int  # that scaling may start
    architecture: str = "X86_64"
    spot: bool = False
    public: bool = False  # each with a public address

    @property
    def rates(self) -> tuple[str, str]:
        """Prices of a vCPU and of a GB for an hour."""
        suffix = f"{self.architecture}{'.spot' if self.spot else ''}"
        return f"fargate.vcpu.{suffix}", f"fargate.gb.{suffix}"

    @property
    def charged_disk(self) -> int:
        """GiB of disk for each task beyond the 20 that its price includes."""
        return max(self.disk - 20, 0)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A month's quantity of what `price` names; `by_use` where it follows the load."""

    item: str
    detail: str
    price: str
    quantity: float
    by_use: bool = False


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is priced: resources, and the tasks of each service."""

    things: Sequence[Thing]
    tasks: Mapping[str, Tasks]
    load: Mapping[str, Any]
    prefix: str = ""
    awake: float = 1.0  # share of the month in which tasks and database run

    @property
    def running(self) -> float:
        """Hours a month in which they do."""
        return self.awake * hours()

    @property
    def when(self) -> str:
        """The same in words, for an item's detail."""
        return f", {self.awake:.0%} of the time" if self.awake < 1 else ""

    def of(self, type_: str) -> list[Thing]:
        return [thing for thing in self.things if thing.type == type_]

    def short(self, name: str) -> str:
        return name.removeprefix(f"{self.prefix}-")


@cache
def document(name: str) -> Any:
    """A data file's content."""
    return yaml.safe_load((DATA / name).read_text())


@cache
def prices() -> dict[str, Price]:
    """All list prices, by key."""
    return {
        key: Price(
            usd=entry["usd"],
            unit=entry["unit"],
            page=entry["page"],
            origin=entry["from"],
            per=entry.get("per", 1),
            free=entry.get("free", 0),
        )
        for key, entry in document("prices.yaml")["prices"].items()
    }


def price(key: str) -> Price:
    """The list price of `key`; raises LocalError when the data file has none."""
    try:
        return prices()[key]
    except KeyError:
        raise LocalError(
            f"there is no price of {key}: add it, with its source, to local/data/prices.yaml"
        ) from None


def free(type_: str) -> str | None:
    """Why resources of `type_` cost nothing; None when they are not known to."""
    reasons: dict[str, str] = document("prices.yaml")["free"]
    return next((why for begin, why in reasons.items() if type_.startswith(begin)), None)


def hours() -> float:
    return float(document("prices.yaml")["hours"])


def charges(deployment: Deployment) -> Iterator[Charge]:
    """All that a month costs. Raises LocalError for a kind of resource without price or reason."""
    for thing in deployment.things:
        find = KINDS.get(thing.type)
        if find is not None:
            yield from find(thing, deployment)
        elif free(thing.type) is None:
            raise LocalError(
                f"what does a {thing.type} cost? Price it in local/charges.py, or say in "
                "local/data/prices.yaml why it is free"
            )
    yield from _fargate(deployment)


def _fargate(deployment: Deployment) -> Iterator[Charge]:
    for name, tasks in deployment.tasks.items():
        vcpu, gigabytes = tasks.cpu / 1024, tasks.memory / 1024
        item = f"Fargate, {deployment.short(name)}"
        kind = " on Spot" if tasks.spot else ""
        detail = f"{tasks.number} of {vcpu:g} vCPU, {gigabytes:g} GB{kind}"
        if tasks.charged_disk:
            detail += f", {tasks.disk} GiB of disk"
        if tasks.architecture == "ARM64":
            detail += ", Graviton"
        detail += deployment.when
        rates = [*zip(tasks.rates, (vcpu, gigabytes), strict=True)]
        if tasks.charged_disk:
            rates.append(("fargate.disk", tasks.charged_disk))
        for rate, size in rates:
            yield Charge(
                item=item,
                detail=detail,
                price=rate,
                quantity=tasks.number * size * deployment.running,
            )
            if name.endswith("celery"):
                more = deployment.load["worker_hours"] if tasks.most > tasks.number else 0
                yield Charge(
                    item="Fargate, further workers",
                    detail=f"{more} task-hours",
                    price=rate,
                    quantity=more * size,
                    by_use=True,
                )
        logs = deployment.load["log_gb_per_service"]
        yield from _logs(deployment, f"{logs:g} GB a service", logs)
    public = sum(tasks.number for tasks in deployment.tasks.values() if tasks.public)
    yield from _addresses(public * deployment.awake)


def _addresses(number: float) -> Iterator[Charge]:
    if number:
        yield Charge(
            item="Public IPv4 addresses",
            detail="",
            price="ipv4",
            quantity=number * hours(),
        )


def _logs(deployment: Deployment, detail: str, gigabytes: float) -> Iterator[Charge]:
    """Logs are paid for when they come, and kept, compressed to a sixth, for their retention."""
    days = [g.inputs.get("retentionInDays", 365) for g in deployment.of(_LOG_GROUP)] or [365]
    kept = gigabytes * max(days) / 30 * 0.15
    yield Charge(item="Logs", detail=detail, price="logs.in", quantity=gigabytes, by_use=True)
    yield Charge(item="Logs", detail=detail, price="logs.kept", quantity=kept, by_use=True)


def requests(load: Mapping[str, Any]) -> float:
    """Requests that visitors send in a month."""
    each = load["tiles_per_visit"] + load["other_requests_per_visit"]
    return float(load["visits"] * each)


def gigabytes_out(load: Mapping[str, Any]) -> float:
    """What visitors get in a month."""
    each = (
        load["tiles_per_visit"] * load["kb_per_tile"] / 1e6 + load["mb_of_others_per_visit"] / 1e3
    )
    return float(load["visits"] * each)


def _database(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    inputs, load = thing.inputs, deployment.load
    zones = 2 if inputs["multiAz"] else 1
    words = f"{inputs['instanceClass']}, {inputs['allocatedStorage']} GB {inputs['storageType']}"
    detail = words + (", standby" if zones == 2 else "") + deployment.when
    storage = inputs["allocatedStorage"]
    for rate, quantity in (
        (f"rds.{inputs['instanceClass']}", zones * deployment.running),
        (f"rds.storage.{inputs['storageType']}", zones * storage),
    ):
        yield Charge(item="Database", detail=detail, price=rate, quantity=quantity)
    # Backups up to the size of the disk are free (RDS pricing, "Backup storage").
    days = inputs["backupRetentionPeriod"]
    size = load["database_gb"] * (1 + load["database_daily_change"] * days) if days else 0
    yield Charge(
        item="Database backups",
        detail=f"{size:.0f} GB, {storage} free",
        price="rds.backup",
        quantity=max(0.0, size - storage),
        by_use=True,
    )
    if inputs["monitoringInterval"]:
        metrics = load["log_gb_of_database_metrics"] * 60 / inputs["monitoringInterval"]
        yield from _logs(deployment, "", metrics)
    yield from _addresses(deployment.awake if inputs.get("publiclyAccessible") else 0)


def _redis(thing: Thing, _: Deployment) -> Iterator[Charge]:
    node, number = thing.inputs["nodeType"], thing.inputs["numCacheClusters"]
    yield Charge(item="Redis", detail=f"{number} of {node}", price=node, quantity=number * hours())


def _nat(_: Thing, deployment: Deployment) -> Iterator[Charge]:
    number = len(deployment.of(_NAT))
    detail = f"{number} gateway{'s' * (number > 1)}"
    yield Charge(item="NAT", detail=detail, price="nat.hour", quantity=hours())
    through = deployment.load["gb_through_nat"]
    yield Charge(
        item="Through NAT",
        detail=f"{through} GB",
        price="nat.gb",
        quantity=through / number,
        by_use=True,
    )


def _address(_: Thing, __: Deployment) -> Iterator[Charge]:
    yield from _addresses(1)


def _balancer(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    yield Charge(item="Load balancer", detail="", price="alb.hour", quantity=hours())
    if not thing.inputs["internal"]:
        yield from _addresses(len(thing.inputs["subnets"]))
    # A capacity unit is a GB an hour, among others (Elastic Load Balancing pricing).
    units = gigabytes_out(deployment.load) * (1 - deployment.load["from_cache"])
    yield Charge(
        item="Load balancer units",
        detail=f"{units:.0f} GB",
        price="alb.lcu",
        quantity=units,
        by_use=True,
    )


def _vpc(_: Thing, deployment: Deployment) -> Iterator[Charge]:
    between = deployment.load["gb_between_zones"]
    yield Charge(
        item="Between zones",
        detail=f"{between} GB",
        price="traffic.zone",
        quantity=2 * between,  # paid where it goes out and where it comes in
        by_use=True,
    )


def _endpoint(thing: Thing, _: Deployment) -> Iterator[Charge]:
    if thing.inputs["vpcEndpointType"] == "Interface":  # a gateway endpoint is free
        zones = len(thing.inputs["subnetIds"])
        yield Charge(
            item="Endpoints, one a zone",
            detail="",
            price="endpoint.hour",
            quantity=zones * hours(),
        )


def _flow_log(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    traffic = thing.inputs["trafficType"]
    amount = deployment.load["log_gb_of_flows"][traffic]
    yield from _logs(deployment, f"flows: {traffic}", amount)


def _files(_: Thing, deployment: Deployment) -> Iterator[Charge]:
    load = deployment.load
    size, unread = load["files_gb"], load["files_infrequent"]
    detail = f"{size} GB, {unread:.0%} unread for a month"
    for rate, quantity in (
        ("efs.standard", size * (1 - unread)),
        ("efs.infrequent", size * unread),
        ("efs.read", load["files_read_gb"]),
        ("efs.write", load["files_written_gb"]),
    ):
        yield Charge(item="Shared disk", detail=detail, price=rate, quantity=quantity, by_use=True)
    if deployment.of("aws:efs/backupPolicy:BackupPolicy"):
        copies = size * load["files_backup_share"]
        yield Charge(
            item="Shared disk's backups",
            detail=f"{copies:.0f} GB",
            price="backup.efs",
            quantity=copies,
            by_use=True,
        )


def _images(_: Thing, deployment: Deployment) -> Iterator[Charge]:
    size = deployment.load["images_gb"]
    yield Charge(
        item="Images",
        detail=f"{size} GB",
        price="ecr",
        quantity=size / len(deployment.of("aws:ecr/repository:Repository")),
        by_use=True,
    )


def _distribution(_: Thing, deployment: Deployment) -> Iterator[Charge]:
    number = len(deployment.of(_DISTRIBUTION))
    out, asked = gigabytes_out(deployment.load), requests(deployment.load)
    detail = f"{out:.0f} GB, {asked / 1e6:g} million requests"
    for rate, quantity in (("cloudfront.out", out), ("cloudfront.requests", asked)):
        yield Charge(
            item="CloudFront", detail=detail, price=rate, quantity=quantity / number, by_use=True
        )


def _function(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    if not thing.inputs.get("publish"):  # the others run a second or two a deployment
        return
    asked = requests(deployment.load)
    seconds = asked * deployment.load["edge_function_seconds"] * thing.inputs["memorySize"] / 1024
    detail = f"{asked / 1e6:g} million requests"
    for rate, quantity in (("edge.requests", asked), ("edge.seconds", seconds)):
        yield Charge(
            item="Password at the edge", detail=detail, price=rate, quantity=quantity, by_use=True
        )


def _clock(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    """A function that a schedule calls, its log, and the metric that comes of it."""
    match thing.inputs.get("scheduleExpression"):
        case "rate(1 minute)":
            yield from _queue_measured(thing, deployment)
        case "rate(5 minutes)":
            yield from _services_compared(thing, deployment)


def _services_compared(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    calls, load = 12 * hours(), deployment.load
    [function] = [f for f in deployment.of(_FUNCTION) if f"{f.name}-look" == thing.name]
    seconds = calls * load["look_function_seconds"] * function.inputs["memorySize"] / 1024
    for rate, quantity in (("lambda.requests", calls), ("lambda.seconds", seconds)):
        yield Charge(
            item="Numbers of tasks", detail="each five minutes", price=rate, quantity=quantity
        )
    yield from _logs(deployment, "", calls * load["log_kb_of_queue_function"] / 1e6)


def _queue_measured(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    calls, load = 60 * hours(), deployment.load
    [function] = [f for f in deployment.of(_FUNCTION) if f.name == thing.name]
    seconds = calls * load["queue_function_seconds"] * function.inputs["memorySize"] / 1024
    for rate, quantity in (("lambda.requests", calls), ("lambda.seconds", seconds)):
        yield Charge(item="Queue's length", detail="each minute", price=rate, quantity=quantity)
    yield Charge(item="Queue's length", detail="each minute", price="metric", quantity=3)
    yield from _logs(deployment, "", calls * load["log_kb_of_queue_function"] / 1e6)


def _scaling(thing: Thing, _: Deployment) -> Iterator[Charge]:
    # Target tracking makes an alarm above its target and one below (Application Auto Scaling user
    # guide, "Target tracking scaling policies"); steps have the program's own.
    if thing.inputs["policyType"] == "TargetTrackingScaling":
        yield Charge(item="Alarms", detail="", price="alarm", quantity=2)


def _polls(thing: Thing, _: Deployment) -> Iterator[Charge]:
    kind = "fifo" if str(thing.inputs["eventSourceArn"]).endswith(".fifo") else "standard"
    yield Charge(
        item="Queues, asked for messages",
        detail="",
        price=f"sqs.{kind}",
        quantity=_POLLS_PER_HOUR * hours(),
    )


def _bucket(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    lifecycles = deployment.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    days = [
        rule["expiration"]["days"]
        for lifecycle in lifecycles
        if lifecycle.name == thing.name
        for rule in lifecycle.inputs["rules"]
        if "expiration" in rule
    ]
    if not days:  # a page of a few kB
        return
    lines = requests(deployment.load) * (2 - deployment.load["from_cache"])
    monthly = lines * deployment.load["access_log_kb_per_request"] / 1e6
    kept = monthly * max(days) / 30
    yield Charge(
        item="Access logs",
        detail=f"{kept:.0f} GB",
        price="s3.standard",
        quantity=kept,
        by_use=True,
    )
    # The load balancer writes a file every five minutes from each of two nodes.
    yield Charge(
        item="Access logs",
        detail=f"{kept:.0f} GB",
        price="s3.put",
        quantity=2 * 12 * hours(),
        by_use=True,
    )


def _monthly(item: str, rate: str) -> Callable[[Thing, Deployment], Iterator[Charge]]:
    """One unit a month for each resource."""

    def find(_: Thing, __: Deployment) -> Iterator[Charge]:
        yield Charge(item=item, detail="", price=rate, quantity=1)

    return find


def _alarm(thing: Thing, _: Deployment) -> Iterator[Charge]:
    """An alarm costs by the metrics that it looks at."""
    metrics = sum("metric" in query for query in thing.inputs.get("metricQueries") or [])
    yield Charge(item="Alarms", detail="", price="alarm", quantity=max(1, metrics))


def _insights(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    wanted = {s["value"] for s in thing.inputs["settings"] if s["name"] == "containerInsights"}
    if wanted & {"enabled", "enhanced"}:
        services = len(deployment.tasks)
        number = _CLUSTER_METRICS + services * (_SERVICE_METRICS + _FAMILY_METRICS)
        if "enhanced" in wanted:  # those of each task besides
            number += sum(tasks.number for tasks in deployment.tasks.values()) * _FAMILY_METRICS
        yield Charge(
            item="Container Insights", detail=f"{number} metrics", price="metric", quantity=number
        )


def _firewall(thing: Thing, deployment: Deployment) -> Iterator[Charge]:
    rules = len(thing.inputs["rules"])
    detail = f"{rules} rules"
    yield Charge(item="Firewall", detail=detail, price="waf.acl", quantity=1)
    yield Charge(item="Firewall", detail=detail, price="waf.rule", quantity=rules)
    yield Charge(
        item="Firewall, by request",
        detail="",
        price="waf.requests",
        quantity=requests(deployment.load),
        by_use=True,
    )
    yield from _logs(deployment, "", deployment.load["log_gb_of_firewall"])


def _nothing(_: Thing, __: Deployment) -> Iterator[Charge]:
    """Priced with another resource."""
    yield from ()


_FUNCTION = "aws:lambda/function:Function"
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_NAT = "aws:ec2/natGateway:NatGateway"
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
KINDS: Mapping[str, Callable[[Thing, Deployment], Iterator[Charge]]] = {
    "aws:rds/instance:Instance": _database,
    "aws:elasticache/replicationGroup:ReplicationGroup": _redis,
    _NAT: _nat,
    "aws:ec2/eip:Eip": _address,
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:efs/fileSystem:FileSystem": _files,
    "aws:ecr/repository:Repository": _images,
    "aws:ecs/cluster:Cluster": _insights,
    "aws:ecs/service:Service": _nothing,  # its tasks are
    _LOG_GROUP: _nothing,  # what writes to it is
    _DISTRIBUTION: _distribution,
    _FUNCTION: _function,
    "aws:cloudwatch/eventRule:EventRule": _clock,
    "aws:appautoscaling/policy:Policy": _scaling,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _polls,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/dashboard:Dashboard": _monthly("Dashboards", "dashboard"),
    "aws:route53/zone:Zone": _monthly("DNS zones", "dns.zone"),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _monthly(
        "DNS zones", "dns.zone"
    ),
    "aws:servicediscovery/instance:Instance": _monthly("Private names", "dns.instance"),
    "aws:wafv2/webAcl:WebAcl": _firewall,
}


def tasks_of(recording: Any) -> dict[str, Tasks]:
    """The tasks of each recorded service, as many as its first start brings."""
    starts: dict[str, int] = {}
    for function in recording.of("lambda/function:Function"):
        told = function.inputs.get("environment", {}).get("variables", {}).get("SERVICES")
        rolled = json.loads(told) if told else {}
        starts |= {name: service["start"] for name, service in rolled.items()}
    most = {
        re.sub(r"^service/[^/]+/", "", target.inputs["resourceId"]): target.inputs["maxCapacity"]
        for target in recording.of("appautoscaling/target:Target")
    }
    definitions = recording["ecs/taskDefinition:TaskDefinition"]
    found = {}
    for name, service in recording["ecs/service:Service"].items():
        size = definitions[name]
        [strategy] = service["capacityProviderStrategies"]
        found[name] = Tasks(
            cpu=int(size["cpu"]),
            memory=int(size["memory"]),
            disk=size.get("ephemeralStorage", {}).get("sizeInGib", 20),
            number=starts[name],
            most=max(starts[name], most.get(name, 0)),
            architecture=size["runtimePlatform"]["cpuArchitecture"],
            spot=strategy["capacityProvider"] == "FARGATE_SPOT",
            public=bool(service["networkConfiguration"]["assignPublicIp"]),
        )
    return found


def awake(schedules: Iterable[Mapping[str, Any]]) -> float:
    """The share of a week from the clocks' Start to their Stop; all of it where there are none."""
    clocks: dict[str, tuple[int, int]] = {}
    for schedule in schedules:
        order = json.loads(schedule["target"]["input"])["detail-type"]
        if order in ("Start", "Stop"):
            minute, hour, _, _, days, _ = schedule["scheduleExpression"][len("cron(") :].split()
            clocks[order] = int(hour) * 60 + int(minute), len(days.split(","))
    if not clocks:
        return 1.0
    (start, days), (stop, _) = clocks["Start"], clocks["Stop"]
    return (stop - start) * days / (7 * 24 * 60)


def recorded(recording: Any, prefix: str) -> Deployment:
    """The program's own resources, under the example load."""
    things = [
        Thing(type=resource.type, name=resource.name, inputs=resource.inputs)
        for resource in recording.resources
        if not resource.type.startswith("otakaro:")
    ]
    return Deployment(
        things=things,
        tasks=tasks_of(recording),
        load=document("load.yaml"),
        prefix=prefix,
        awake=awake(recording["scheduler/schedule:Schedule"].values()),
    )


def former() -> Deployment:
    """The deployment that the program replaces, under the same load."""
    shape = document("former.yaml")
    things = [
        Thing(type=entry["type"], name=entry["name"], inputs=entry["inputs"])
        for entry in shape["resources"]
    ]
    tasks = {
        name: Tasks(
            cpu=size["cpu"],
            memory=size["memory"],
            disk=20,
            number=size["tasks"],
            most=size["tasks"],
            public=True,
        )
        for name, size in shape["services"].items()
    }
    return Deployment(things=things, tasks=tasks, load=document("load.yaml"))
