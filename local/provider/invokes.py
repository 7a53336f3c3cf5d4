"""The look-ups that the program makes."""

from collections.abc import Callable, Mapping
from typing import Any

from local.provider.parts import Context

Invoke = Callable[[Mapping[str, Any], Context], dict[str, Any]]


def _one(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if len(found) != 1:
        raise LookupError(f"{len(found) or 'no'} {what} found")
    return found[0]


def _caller(_: Mapping[str, Any], context: Context) -> dict[str, Any]:
    answer = context.aws.call("sts", context.region, "GetCallerIdentity", {})
    account = answer["Account"]
    return {"accountId": account, "id": account, "arn": answer["Arn"], "userId": answer["UserId"]}


def _prefix_list(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    answer = context.aws.call("ec2", context.region, "DescribeManagedPrefixLists", {})
    wanted = {"PrefixListName": arguments.get("name"), "PrefixListId": arguments.get("id")}
    matches = [
        entry
        for entry in answer["PrefixLists"]
        if all(entry.get(key) == value for key, value in wanted.items() if value)
    ]
    found = _one(matches, f"managed prefix list {arguments.get('name', arguments.get('id'))}")
    return {
        "id": found["PrefixListId"],
        "name": found["PrefixListName"],
        "arn": found.get("PrefixListArn", ""),
        "addressFamily": found.get("AddressFamily", "IPv4"),
        "maxEntries": found.get("MaxEntries", 0),
        "ownerId": found.get("OwnerId", ""),
        "version": found.get("Version", 0),
        "entries": [],
        "tags": {},
    }


def _zone(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    call = context.aws.call
    name = str(arguments.get("name", "")).rstrip(".")
    zones = [
        zone
        for zone in call("route53", context.region, "ListHostedZones", {})["HostedZones"]
        if arguments.get("zoneId", zone["Id"].split("/")[-1]) == zone["Id"].split("/")[-1]
        and (not name or zone["Name"].rstrip(".") == name)
        and zone.get("Config", {}).get("PrivateZone", False) == arguments.get("privateZone", False)
    ]
    found = _one(zones, f"hosted zone {name or arguments.get('zoneId')}")
    id_ = found["Id"].split("/")[-1]
    servers = call("route53", context.region, "GetHostedZone", {"Id": id_}).get("DelegationSet", {})
    return {
        "id": id_,
        "zoneId": id_,
        "name": found["Name"].rstrip("."),
        "arn": f"arn:{context.partition}:route53:::hostedzone/{id_}",
        "privateZone": found.get("Config", {}).get("PrivateZone", False),
        "comment": found.get("Config", {}).get("Comment", ""),
        "nameServers": servers.get("NameServers", []),
        "callerReference": found.get("CallerReference", ""),
        "tags": {},
    }


INVOKES: Mapping[str, Invoke] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:route53/getZone:getZone": _zone,
}
