"""The stand-ins as targets of the deployed target groups: without Docker, ECS registers none."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.account import Account

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Route:
    """A listener rule's way from a host to a target group."""

    host: str
    target_group: str
    port: int


def routes(account: Account, only: Collection[str] | None = None) -> list[Route]:
    """Return every host that a listener rule forwards and its target group, of those in `only`."""
    client = account.client("elbv2")
    groups = {
        each["TargetGroupArn"]: each
        for each in _all(client, "target_groups", "TargetGroups")
        if only is None or each["TargetGroupArn"] in only
    }
    found: list[Route] = []
    for balancer in _all(client, "load_balancers", "LoadBalancers"):
        listeners = client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        for listener in listeners["Listeners"]:
            rules = client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            for rule in rules:
                for action in rule["Actions"]:
                    group = groups.get(action.get("TargetGroupArn", ""))
                    if group is not None:
                        arn, port = group["TargetGroupArn"], group["Port"]
                        found += [
                            Route(host=host, target_group=arn, port=port) for host in _hosts(rule)
                        ]
    return list(dict.fromkeys(found))


def environment(account: Account, port: int, only: Collection[str] | None = None) -> dict[str, str]:
    """Return the variables that a task definition, of the families in `only`, gives the container
    at a port."""
    client = account.client("ecs")
    found: dict[str, str] = {}
    arns = client.list_task_definitions(status="ACTIVE", sort="ASC")["taskDefinitionArns"]
    for arn in arns:  # of a family the newest revision last
        definition = client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        if only is not None and definition["family"] not in only:
            continue
        for container in definition["containerDefinitions"]:
            if any(each["containerPort"] == port for each in container.get("portMappings", [])):
                found = {each["name"]: each["value"] for each in container["environment"]}
    return found


def register(account: Account, group: str, port: int) -> None:
    """Make a local port the group's only target on this machine."""
    client = account.client("elbv2")
    described = client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    # Those of an edge that was killed are in the way.
    old = [each["Target"] for each in described if each["Target"]["Id"] == HOST]
    if old:
        client.deregister_targets(TargetGroupArn=group, Targets=old)
    client.register_targets(TargetGroupArn=group, Targets=[{"Id": HOST, "Port": port}])


def deregister(account: Account, group: str, port: int) -> None:
    """Take it out again; an emulator or a group that has gone needs nothing."""
    try:
        account.client("elbv2").deregister_targets(
            TargetGroupArn=group, Targets=[{"Id": HOST, "Port": port}]
        )
    except (BotoCoreError, ClientError):
        return


def _all(client: Any, what: str, key: str) -> list[dict[str, Any]]:
    pages = client.get_paginator(f"describe_{what}").paginate()
    return [each for page in pages for each in page[key]]


def _hosts(rule: dict[str, Any]) -> list[str]:
    conditions = rule.get("Conditions")
    return [
        str(value).lower()
        for condition in (conditions if isinstance(conditions, list) else [])
        if condition["Field"] == "host-header"
        for value in (condition.get("HostHeaderConfig") or {}).get("Values")
        or condition.get("Values", [])
    ]
