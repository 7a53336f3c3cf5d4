"""How a stack fares, asked of AWS all at once: services, alarms, queue, certificates, backups."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from operate import database, hours
from operate.account import Account
from operate.errors import NEEDS, denied
from operate.services import Service, Services

EDGE_REGION: Final = "us-east-1"  # CloudFront's metrics and certificates are there
# What the application's queue is measured as.
QUEUE_NAMESPACE: Final = "Otakaro/Celery"
QUEUE_METRIC: Final = "QueueLength"
QUEUE: Final = "celery"
_QUEUE_WINDOW: Final = timedelta(minutes=15)
# ACM renews 60 days before the end (ACM user guide, "Managed certificate renewal").
_RENEWED_BY_NOW: Final = timedelta(days=45)
# RDS saves its log every five minutes (RDS user guide, "Restoring to a specified time").
_DATABASE_AGE: Final = timedelta(hours=1)
# EFS's automatic backup is daily and may take hours (EFS user guide, "Backing up").
_FILES_AGE: Final = timedelta(hours=36)
_AT_ONCE: Final = 12  # requests


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that is told; `wrong` asks for attention."""

    subject: str
    text: str
    wrong: bool = False


@dataclass(frozen=True, kw_only=True)
class Status:
    """A stack at a moment."""

    at: datetime
    services: tuple[Service, ...]
    waiting: frozenset[str]  # services that start when the stack's hours begin
    stopped: frozenset[str]  # services that an operator stopped
    lines: tuple[Line, ...]


def look(account: Account, at: datetime) -> Status:
    """Ask for everything at once.

    What can't be read is told in its line, for the rest to be seen all the same.

    Raises:
        OperateError: nothing is deployed.
        BotoCoreError, ClientError: the services can't be read.
    """
    asked: tuple[tuple[str, Callable[[Account, datetime], Iterable[Line]]], ...] = (
        ("hours", _hours),
        ("alarms", _alarms),
        ("queue", _queue),
        ("certificate", _certificates),
        ("database backup", _database),
        ("files backup", _files),
        ("dead letters", _dead_letters),
    )
    services = Services(account)
    names = services.names()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        described = [pool.submit(services.described, [name]) for name in names]
        waiting = pool.submit(_waiting, account)
        stopped = pool.submit(_stopped, account, names)
        told = [pool.submit(_lines, subject, ask, account, at) for subject, ask in asked]
        return Status(
            at=at,
            services=tuple(each for one in described for each in one.result()),
            waiting=waiting.result(),
            stopped=stopped.result(),
            lines=tuple(line for one in told for line in one.result()),
        )


def age(moment: datetime, at: datetime) -> str:
    """How long ago it was, in the unit that people would use."""
    seconds = max(0, int((at - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _lines(
    subject: str,
    ask: Callable[[Account, datetime], Iterable[Line]],
    account: Account,
    at: datetime,
) -> list[Line]:
    try:
        return list(ask(account, at))
    except ClientError as error:
        action = denied(error)
        reason = f"these credentials may not {action} ({NEEDS})" if action else str(error)
    except BotoCoreError as error:
        reason = str(error)
    return [Line(subject=subject, text=f"unknown: {' '.join(reason.split())}", wrong=True)]


def _waiting(account: Account) -> frozenset[str]:
    """Services that start with the running hours; none where that can't be read, as a line says."""
    try:
        found = hours.look(account)
    except (BotoCoreError, ClientError):
        return frozenset()
    return frozenset(found.waiting if found is not None else ())


def _stopped(account: Account, names: Sequence[str]) -> frozenset[str]:
    """Those of the services that `make stop` stopped; none where that can't be read."""
    resources = {f"service/{account.stack.cluster}/{name}": name for name in names}
    try:
        found = account.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=list(resources)
        )
    except (BotoCoreError, ClientError):
        return frozenset()
    return frozenset(
        resources[target["ResourceId"]]
        for target in found["ScalableTargets"]
        if target["SuspendedState"]["ScheduledScalingSuspended"]
    )


def _hours(account: Account, _at: datetime) -> Iterator[Line]:
    found = hours.look(account)
    if found is not None:
        words = {
            "day": f"it runs; {account.command('sleep')} stops it",
            "morning": "it starts, the database first",
            "night": f"all but what holds data is stopped; {account.command('wake')} starts it",
        }
        yield Line(subject="hours", text=words[found.phase])


def _alarms(account: Account, at: datetime) -> Iterator[Line]:
    found: list[tuple[str, str, datetime, str]] = []
    prefix = f"{account.stack.prefix}-alarm"
    for region in dict.fromkeys((account.stack.region, EDGE_REGION)):
        pages = (
            account.client("cloudwatch", region)
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        )
        found += [
            (
                each["AlarmName"],
                each["StateValue"],
                each["StateUpdatedTimestamp"],
                each.get("AlarmDescription") or each.get("StateReason") or "",
            )
            for page in pages
            for each in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
        ]
    states = [state for _, state, _, _ in found]
    counts = f"{states.count('ALARM')} in ALARM, {states.count('OK')} OK"
    yield Line(
        subject="alarms",
        text=f"{counts}, {states.count('INSUFFICIENT_DATA')} without data"
        if found
        else f"unknown: there is none that begins with {prefix}",
        wrong="ALARM" in states or not found,
    )
    for name, state, since, why in sorted(found):
        if state == "ALARM":
            yield Line(subject="", text=f"{name}, for {age(since, at)}: {why}", wrong=True)


def _queue(account: Account, at: datetime) -> Iterator[Line]:
    points = account.client("cloudwatch").get_metric_statistics(
        Namespace=QUEUE_NAMESPACE,
        MetricName=QUEUE_METRIC,
        Dimensions=[
            {"Name": "Queue", "Value": QUEUE},
            {"Name": "Stack", "Value": account.stack.prefix},
        ],
        StartTime=at - _QUEUE_WINDOW,
        EndTime=at,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    if not points:
        minutes = int(_QUEUE_WINDOW.total_seconds() // 60)
        text = f"unknown: {QUEUE_NAMESPACE} {QUEUE_METRIC} has no datum of the last {minutes} min"
        yield Line(subject="queue", text=text)
        return
    newest = max(points, key=lambda point: point["Timestamp"])
    text = f"{newest['Maximum']:.0f} waiting, {age(newest['Timestamp'], at)} ago"
    yield Line(subject="queue", text=text)


def _certificates(account: Account, at: datetime) -> Iterator[Line]:
    name = f"{account.stack.prefix}-cert"
    for region in dict.fromkeys((account.stack.region, EDGE_REGION)):
        acm = account.client("acm", region)
        where = "load balancer" if region == account.stack.region else "CloudFront"
        pages = acm.get_paginator("list_certificates").paginate()
        arns = [each["CertificateArn"] for page in pages for each in page["CertificateSummaryList"]]
        ours = [arn for arn in arns if _named(acm, arn) == name]
        if not ours:
            text = f"{where}: there is none with the tag Name {name} in {region}"
            yield Line(subject="certificate", text=text, wrong=True)
        for arn in ours:
            found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
            ends = found.get("NotAfter")
            if ends is None:
                yield Line(
                    subject="certificate",
                    text=f"{where}: {found['Status']}, no end known",
                    wrong=found["Status"] != "ISSUED",
                )
                continue
            renewal = (found.get("RenewalSummary") or {}).get("RenewalStatus")
            yield Line(
                subject="certificate",
                text=f"{where}: {found['Status']}, {(ends - at).days} days left"
                + (f", renewal {renewal}" if renewal else ""),
                wrong=found["Status"] != "ISSUED" or ends - at < _RENEWED_BY_NOW,
            )


def _named(acm: Any, arn: str) -> str:
    tags = acm.list_tags_for_certificate(CertificateArn=arn).get("Tags") or []
    return next((str(tag.get("Value")) for tag in tags if tag["Key"] == "Name"), "")


def _database(account: Account, at: datetime) -> Iterator[Line]:
    ours = database.instances(account)
    for each in ours:
        latest = each.get("LatestRestorableTime")
        told = f"{each['DBInstanceIdentifier']} ({each['DBInstanceStatus']}): "
        told += f"any moment until {age(latest, at)} ago" if latest else "no backup yet"
        old = latest is None or at - latest > _DATABASE_AGE
        # Nothing happens in a stopped one; an emulated one's backups stay as they were.
        wrong = old and each["DBInstanceStatus"] != "stopped" and not account.emulated
        yield Line(subject="database backup", text=told, wrong=wrong)
    if not ours:
        yield Line(
            subject="database backup",
            text=f"there is no database {account.stack.prefix}-pg",
            wrong=True,
        )


def _files(account: Account, at: datetime) -> Iterator[Line]:
    name = f"{account.stack.prefix}-shared-data"
    pages = account.client("efs").get_paginator("describe_file_systems").paginate()
    disks = [each for page in pages for each in page["FileSystems"] if each.get("Name") == name]
    for disk in disks:
        points = (
            account.client("backup")
            .get_paginator("list_recovery_points_by_resource")
            .paginate(ResourceArn=disk["FileSystemArn"])
        )
        made = [
            point["CreationDate"]
            for page in points
            for point in page["RecoveryPoints"]
            if point.get("Status") == "COMPLETED"
        ]
        created = disk["CreationTime"]
        if made:
            newest = max(made)
            text = f"{name}: {age(newest, at)} ago"
        else:
            newest = created  # the first is made in the first night
            text = f"{name}: none yet, the disk was made {age(created, at)} ago"
        wrong = at - newest > _FILES_AGE and not account.emulated
        yield Line(subject="files backup", text=text, wrong=wrong)
    if not disks:
        yield Line(subject="files backup", text=f"there is no file system {name}", wrong=True)


def _dead_letters(account: Account, _at: datetime) -> Iterator[Line]:
    sqs = account.client("sqs")
    pages = sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=f"{account.stack.prefix}-rollout-"
    )
    urls = [url for page in pages for url in page.get("QueueUrls") or []]
    dead = {}
    for url in urls:
        name = url.rsplit("/", 1)[1]
        if name.removesuffix(".fifo").endswith("-failed"):
            asked = sqs.get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )
            dead[name] = int(asked["Attributes"]["ApproximateNumberOfMessages"])
    full = ", ".join(f"{number} in {name}" for name, number in sorted(dead.items()) if number)
    if not dead:
        full = "unknown: there is no queue for them"
    yield Line(subject="dead letters", text=full or "none", wrong=any(dead.values()) or not dead)


def now() -> datetime:
    """The moment, as AWS writes it."""
    return datetime.now(UTC)
