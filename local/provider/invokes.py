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


def _region(_: Mapping[str, Any], context: Context) -> dict[str, Any]:
    name = context.region
    endpoint = f"ec2.{name}.amazonaws.com"
    return {"id": name, "name": name, "region": name, "endpoint": endpoint, "description": name}


def _partition(_: Mapping[str, Any], context: Context) -> dict[str, Any]:
    name = context.partition
    suffix = "amazonaws.com.cn" if name == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": name, "partition": name, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _zones(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    filters = [{"Name": "state", "Values": [arguments.get("state", "available")]}]
    answer = context.aws.call(
        "ec2", context.region, "DescribeAvailabilityZones", {"Filters": filters}
    )
    zones = answer["AvailabilityZones"]
    return {
        "id": context.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": sorted({zone.get("GroupName", context.region) for zone in zones}),
    }


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


def _edge_policy(family: str) -> Invoke:
    """CloudFront's three kinds of policies answer alike."""

    def look_up(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        plural = f"{family[:-1]}ies"
        listed = context.aws.call(
            "cloudfront", context.region, f"List{plural[0].upper()}{plural[1:]}", {}
        )
        policies = [item[family] for item in listed[f"{family}List"].get("Items", [])]
        matches = [
            policy
            for policy in policies
            if arguments.get("id", policy["Id"]) == policy["Id"]
            and arguments.get("name", policy[f"{family}Config"]["Name"])
            == policy[f"{family}Config"]["Name"]
        ]
        found = _one(matches, f"{family} {arguments.get('name', arguments.get('id'))}")
        config = found[f"{family}Config"]
        arn = f"arn:{context.partition}:cloudfront::{context.account}:{family}/{found['Id']}"
        return {
            "id": found["Id"],
            "name": config["Name"],
            "comment": config.get("Comment", ""),
            "arn": arn,
        }

    return look_up


def _parameter(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    request = {"Name": arguments["name"], "WithDecryption": arguments.get("withDecryption", True)}
    found = context.aws.call("ssm", context.region, "GetParameter", request)["Parameter"]
    return {
        "id": found["Name"],
        "name": found["Name"],
        "arn": found["ARN"],
        "type": found["Type"],
        "value": found["Value"],
        "version": found["Version"],
    }


INVOKES: Mapping[str, Invoke] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:route53/getZone:getZone": _zone,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:cloudfront/getCachePolicy:getCachePolicy": _edge_policy("CachePolicy"),
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _edge_policy(
        "OriginRequestPolicy"
    ),
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _edge_policy(
        "ResponseHeadersPolicy"
    ),
}
