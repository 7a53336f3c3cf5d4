"""What the gateway takes hold of inside ministack, because no request shows it."""

import importlib
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from types import ModuleType
from typing import Any


def silence_schedules() -> None:
    """Leave schedules to the gateway: ministack's thread knows UTC alone, and no roles."""
    _replace(_service("scheduler"), "start_scheduler", lambda: None)


def cron(expression: str, after: datetime) -> datetime | None:
    """The next minute after `after` that a cron(...) means, by the clocks that `after` is read
    from; None if there is none."""
    bridge = _service("eventbridge")
    fields = bridge._parse_cron_fields(expression)
    found: datetime | None = bridge._cron_next_fire(fields, after) if fields else None
    return found


def listen(take: Callable[[str, list[str]], None]) -> None:
    """Tell `take` of each log event: its region and its message."""
    logs = _service("cloudwatch_logs")
    region = importlib.import_module("ministack.core.responses").get_region
    fan_out = logs._fanout_to_subscription_filters

    def told(group: str, stream: str, events: list[dict[str, Any]]) -> None:
        fan_out(group, stream, events)
        take(region(), [event.get("message", "") for event in events])

    _replace(logs, "_fanout_to_subscription_filters", told)


def keep_prefix_lists() -> None:
    """Let the rules of security groups keep the prefix lists that they name: ministack knows them,
    but doesn't read them."""
    ec2 = _service("ec2")
    parse, value = ec2._parse_ip_permissions, ec2._p

    def whole(params: Any, prefix: str) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = parse(params, prefix)
        for number, rule in enumerate(rules, 1):
            for each in itertools.count(1):
                place = f"{prefix}.{number}.PrefixListIds.{each}"
                if not (id_ := value(params, f"{place}.PrefixListId")):
                    break
                words = value(params, f"{place}.Description")
                described = {"Description": words} if words else {}
                rule["PrefixListIds"].append({"PrefixListId": id_, **described})
        return rules

    _replace(ec2, "_parse_ip_permissions", whole)


def spare_tasks(is_protected: Callable[[str], bool]) -> None:
    """Keep ECS's service scheduler from stopping protected tasks; StopTask is not affected."""
    ecs = _service("ecs")
    stop = ecs._stop_task

    def spared(asked: dict[str, Any]) -> object:
        return None if is_protected(asked["task"]) else stop(asked)

    _replace(ecs, "_stop_task", spared)


def alarms(take: Callable[[str, str], None]) -> None:
    """Tell `take` of each action of an alarm that goes into ALARM: the region and the action's ARN.

    ministack itself knows topics alone.
    """
    metrics = _service("cloudwatch")
    region = importlib.import_module("ministack.core.responses").get_region
    dispatch = metrics._dispatch_alarm_actions

    def told(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        dispatch(alarm, old, new, reason)
        if new == "ALARM" and alarm.get("ActionsEnabled", True):
            for action in alarm.get("AlarmActions") or []:
                take(region(), action)

    _replace(metrics, "_dispatch_alarm_actions", told)


def replication_group(account: str, region: str, name: str) -> dict[str, Any] | None:
    """ministack's record of a replication group of ElastiCache."""
    groups = _service("elasticache")._replication_groups
    found: dict[str, Any] | None = groups.get_scoped(account, region, name)
    return found


def cache_clusters(account: str, region: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """ministack's records of the nodes of a replication group."""
    clusters = _service("elasticache")._clusters
    found = (clusters.get_scoped(account, region, name) for name in names)
    return [cluster for cluster in found if cluster is not None]


def list_nodes(account: str, region: str, group: dict[str, Any]) -> None:
    """List a group's nodes as they are after its number of replicas changed.

    ministack changes the node groups alone: neither the group's members nor their records.
    """
    clusters = _service("elasticache")._clusters
    before = list(group["MemberClusters"])
    after = [
        member["CacheClusterId"]
        for each in group["NodeGroups"]
        for member in each.get("NodeGroupMembers", [])
    ]
    first = clusters.get_scoped(account, region, before[0]) or {}
    for name in before:
        if name not in after:
            clusters.pop_scoped(account, region, name, None)
    for name in after:
        if not clusters.contains_scoped(account, region, name):
            arn = str(first.get("CacheClusterArn", "")).replace(before[0], name)
            own = {"CacheClusterId": name, "CacheClusterArn": arn}
            clusters.set_scoped(account, region, name, {**first, **own})
    group["MemberClusters"] = after


def database(account: str, region: str, name: str) -> dict[str, Any] | None:
    """ministack's record of an instance of RDS."""
    found: dict[str, Any] | None = _service("rds")._instances.get_scoped(account, region, name)
    return found


def _service(name: str) -> ModuleType:
    return importlib.import_module(f"ministack.services.{name}")


def _replace(module: ModuleType, name: str, function: Callable[..., object]) -> None:
    """Put our function where the module has its own; it must have one."""
    if not callable(getattr(module, name)):
        raise TypeError(f"{module.__name__}.{name} is no function")
    setattr(module, name, function)
