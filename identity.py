"""What a deployed stack is built around: settings that hold as long as it does.

Another value would have the engine create a second database, file system or queue and remove the
first, or have AWS reject the change half way. So they are compared with those of the last
deployment before any resource is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi

from settings import Settings, SettingsError

OUTPUT: Final = "identity"


def identity(settings: Settings) -> dict[str, Any]:
    """The stack's lasting settings, as it exports them under OUTPUT."""
    return {
        "region": settings.region,
        "namePrefix": settings.prefix,
        "vpcCidr": settings.network.cidr,
        "zones": [zone.removeprefix(settings.region) for zone in settings.network.zones],
        "createdDnsZone": settings.dns_zone if settings.create_dns_zone else "",
        "redisEngineVersion": settings.redis.engine_version,
    }


def keep_identity(settings: Settings) -> None:
    """Compare the lasting settings with the deployed ones.

    Raises:
        SettingsError: with every one that differs. Nothing was changed then.
    """
    problems = list(_problems(_deployed(), identity(settings)))
    if problems:
        raise SettingsError(
            "a deployed stack keeps its database, its files and its queue, so this can't change any"
            " more, and nothing was changed:\n"
            + "\n".join(f"  - {problem}" for problem in problems)
        )


def _deployed() -> Mapping[str, Any]:
    """The identity that the last deployment exported; empty before the first has ended."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    # The engine's own function behind StackReference, answered at once.
    answer = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value
    found = (answer.get("outputs") or {}).get(OUTPUT)
    return found if isinstance(found, Mapping) else {}


def _problems(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for output, key in (
        ("region", "aws:region"),
        ("namePrefix", "otakaro:namePrefix"),
        ("vpcCidr", "otakaro:vpcCidr"),
    ):
        if output in before and before[output] != now[output]:
            yield (
                f"{key} is {now[output]!r}; allowed: {before[output]!r}, with which the stack was"
                f" deployed. Mend it with: pulumi config set {key} {before[output]}."
                " Another value is another stack: pulumi stack init"
            )
    zones = list(before.get("zones", []))
    if now["zones"][: len(zones)] != zones:
        commands = [
            f"pulumi config set --path 'otakaro:zones[{index}]' {zone}"
            for index, zone in enumerate(zones)
        ]
        yield (
            f"otakaro:zones is {', '.join(now['zones'])}; allowed: {', '.join(zones)}, where"
            " database and disk are, and others only behind them. Mend it with: "
            + " && ".join(commands)
        )
    zone = before.get("createdDnsZone")
    if zone and zone != now["createdDnsZone"]:
        yield (
            f"otakaro:dnsZone or otakaro:createDnsZone has changed; allowed: {zone!r} and true, as"
            " this stack made the zone, and others find it by its name servers. Mend it with:"
            f" pulumi config set otakaro:dnsZone {zone} &&"
            " pulumi config set otakaro:createDnsZone true"
        )
    version = before.get("redisEngineVersion")
    if version and _numbers(now["redisEngineVersion"]) < _numbers(version):
        yield (
            f"otakaro:redisEngineVersion is {now['redisEngineVersion']!r}; allowed: {version!r} or"
            " newer, because an older version replaces Redis, and its queue and results are lost."
            f" Mend it with: pulumi config set otakaro:redisEngineVersion {version}"
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
