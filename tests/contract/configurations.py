"""Configurations that the settings accept, derived from the settings themselves.

What a setting may be is read off the call by which `settings.py` reads it, so a new one is drawn
without a word here. A text or a list needs a row of `GIVEN`; a test says so.
"""

import json
import random
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from unittest.mock import patch

import pulumi
from pulumi.runtime import set_all_config

import settings
from config_reader import Choice, ConfigReader
from local.record import SECRETS, configuration, record
from regions import REGIONS

REGION = "aws:region"
SECRET = [*SECRETS, "otakaro:basicAuthUsers"]
_INTERNAL = [*settings.INTERNAL_PARAMETERS]
_NAMES = [f"N{number:02}" + "N" * 17 for number in range(17)] + ["M" * 19]
_ZONE = "digital-twin-of-the-city-on-the-avon.example.govt.nz"
_HOSTS = [f"*.host-{number:02}.{'long-' * 6}name.example.org" for number in range(9)]
_USERS = {f"{number:02}{'ā' * 62}": f"{number:02}{'ā' * 126}" for number in range(100)}

# Texts and lists: the shortest, the longest, and such as AWS tells apart. A value may be made of
# the zone's name.
GIVEN: Mapping[str, Sequence[object]] = {
    "namePrefix": ["ab", "a2345678901234"],
    "dnsZone": ["a.nz", _ZONE],
    "mapHost": ["", "{fill-64}"],
    "apiHost": ["", "{fill-128}"],
    "geoserverHost": ["", "{fill-127}"],
    "secretParameterNames": [_INTERNAL, [*_INTERNAL, *_NAMES]],
    "vpcCidr": ["10.0.0.0/16", "192.168.254.0/23"],
    "zones": [["a", "b"], ["c", "a", "b"]],
    "interfaceEndpoints": [["ssm"], ["ec2", "ecr.api", "ecr.dkr", "logs", "ssm"]],
    "databaseEngineVersion": ["15", "18.6"],
    "databaseInstanceClass": ["db.t4g.micro", "db.m7i.48xlarge"],
    "databaseBackupWindow": ["15:00-16:00", "23:45-00:15"],
    "databaseMaintenanceWindow": ["sat:16:30-sat:17:30", "sun:23:50-mon:00:20"],
    "databaseRestoreFrom": ["", "a" * 255, f"{'a' * 63}@2026-11-20T03:00:00Z"],
    "filesRoot": ["", "/a/" + "b" * 75],
    "redisEngineVersion": ["7.0", "7.1"],
    "redisNodeType": ["cache.t4g.micro", "cache.r8g.16xlarge"],
    "mapEmbedders": [[], _HOSTS],
    "mapScriptHosts": [[], _HOSTS],
    "permissionsBoundary": ["", "b" * 128],
    "alarmEmail": ["", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.nz"],
    "runningHours": ["", "mon-fri 07:00-19:00", "sun 19:00-23:59"],
    "timeZone": ["Pacific/Auckland", "Australia/Lord_Howe"],
    "databasePassword": ["a" * 12, "0" * 128],
    "basicAuthUser": ["a", "ā" * 64],
    "basicAuthPassword": ["a" * 8, "ā" * 128],
    "basicAuthUsers": [{}, _USERS],
}


@dataclass(frozen=True)
class Domain:
    """The values of a key that are combined, and the pattern of a text."""

    values: tuple[str, ...] = ()
    pattern: str = ""


class _Observer(ConfigReader):
    """A reader that remembers what each key may be."""

    seen: dict[str, Domain]

    def integer(self, key: str, least: int, most: int, *, clamp: bool = True) -> int:
        self.seen.setdefault(key, Domain((str(least), str(most))))
        return super().integer(key, least, most, clamp=clamp)

    def choice(self, key: str, options: Sequence[Choice]) -> Choice:
        self.seen.setdefault(key, Domain(tuple(options)))
        return super().choice(key, options)

    def text(self, key: str, pattern: str | re.Pattern[str], allowed: str, example: str) -> str:
        self.seen.setdefault(key, Domain(pattern=re.compile(pattern).pattern))
        return super().text(key, pattern, allowed, example)

    def names(self, key: str) -> tuple[str, ...]:
        self.seen.setdefault(key, Domain())
        return super().names(key)

    def secret(self, key: str, pattern: str, allowed: str) -> pulumi.Output[str]:
        self.seen.setdefault(key, Domain(pattern=pattern))
        return super().secret(key, pattern, allowed)

    def secrets_by_name(
        self, key: str, name: str, pattern: str, allowed: str
    ) -> pulumi.Output[dict[str, str]]:
        self.seen.setdefault(key, Domain())
        return super().secrets_by_name(key, name, pattern, allowed)


@cache
def domains() -> dict[str, Domain]:
    """What each key may be; without values where `GIVEN` lacks a text or a list."""
    seen: dict[str, Domain] = {}
    with (
        patch.object(settings, "ConfigReader", _Observer),
        patch.object(_Observer, "seen", seen, create=True),
    ):
        problems(configuration("production"))
    found = {REGION: Domain(tuple(REGIONS))}
    for key, domain in seen.items():
        given = (one if isinstance(one, str) else json.dumps(one) for one in GIVEN.get(key, ()))
        found[f"otakaro:{key}"] = replace(domain, values=tuple(given) or domain.values)
    return found


def problems(config: Mapping[str, str]) -> list[str]:
    """What the settings say against a configuration."""

    def build() -> None:
        set_all_config(dict(config), SECRET)
        settings.Settings.load(pulumi.Config("otakaro"))

    try:
        record(build, config)
    except pulumi.RunError as error:
        return [line.removeprefix("  - ") for line in str(error).splitlines()[1:]]
    return []


def mended(config: Mapping[str, str], told: Sequence[str]) -> dict[str, str]:
    """The configuration once the commands of its problems were run; a secret falls back."""
    usual, new = configuration("production"), dict(config)
    for problem in told:
        for command in problem.rpartition(". Mend it with: ")[2].split(" && "):
            words = shlex.split(command)
            plain = words[2] == "set" and "--secret" not in words
            key, _, index = words[-2 if plain else -1].partition("[")
            new[key] = words[-1] if plain and not index else usual.get(key, "{}")
    return new


def settled(config: Mapping[str, str]) -> dict[str, str]:
    """The nearest configuration that the settings accept: their own commands lead there."""
    config = filled(config)
    for _ in range(9):
        told = problems(config)
        if not told:
            return config
        config = mended(config, told)
    raise AssertionError(f"the commands do not lead to what is accepted: {told}")


def filled(config: Mapping[str, str]) -> dict[str, str]:
    """The configuration with hosts as long as its values ask for, within its zone."""
    zone = config["otakaro:dnsZone"]
    return {
        key: re.sub(r"\{fill-(\d+)\}", partial(_filled, zone), text) for key, text in config.items()
    }


def _filled(zone: str, length: re.Match[str]) -> str:
    """A host of that length within the zone."""
    room, labels = int(length[1]) - len(zone), ""
    while len(labels) + 64 < room:
        labels += "h" * 61 + "."
    return labels + "h" * (room - len(labels) - 1) + f".{zone}"


Pair = tuple[tuple[str, str], tuple[str, str]]  # a value of one key, and one of another


def pairs() -> set[Pair]:
    """Any two values of any two keys."""
    return {
        ((one, a), (two, b))
        for one, two in combinations(sorted(domains()), 2)
        for a in domains()[one].values
        for b in domains()[two].values
    }


def refused(pair: Pair) -> bool:
    """Whether the settings refuse two values together, with production's other ones."""
    return bool(problems(filled({**configuration("production"), **dict(pair)})))


def held(config: Mapping[str, str], wanted: set[Pair]) -> set[Pair]:
    """Those of the pairs that a configuration has."""
    zone = {"otakaro:dnsZone": config["otakaro:dnsZone"]}
    own = {
        (key, value)
        for key, domain in domains().items()
        for value in domain.values
        if filled({**zone, key: value})[key] == config.get(key)
    }
    return {pair for pair in wanted if own.issuperset(pair)}


def accepted() -> Iterator[dict[str, str]]:
    """Configurations that have any two values that the settings accept together."""
    production, left = configuration("production"), pairs()
    for row in designed():
        config = settled({**production, **row})
        left -= held(config, left)
        yield config
    left = {pair for pair in left if not refused(pair)}
    while left:  # those that a problem with a third value took apart
        row = {}
        for pair in sorted(left):
            more = {**row, **dict(pair)}
            if row.items() <= more.items() and not problems(filled({**production, **more})):
                row = more
        config = filled({**production, **row})
        left -= held(config, left)
        yield config


def designed(seed: int = 1) -> Iterator[dict[str, str]]:
    """Configurations that have any two values of any two keys together."""
    choice = random.Random(seed)
    found = {key: domain.values for key, domain in domains().items()}
    left = {
        ((one, a), (two, b))
        for one, two in combinations(sorted(found), 2)
        for a in range(len(found[one]))
        for b in range(len(found[two]))
    }
    while left:
        best: tuple[int, dict[str, int]] = (-1, {})
        for _ in range(6):
            row: dict[str, int] = {}
            start = choice.choice(sorted(left))
            row.update(start)
            for key in choice.sample(sorted(found), len(found)):
                if key not in row:
                    gains = [
                        sum(
                            (min((key, value), (k, v)), max((key, value), (k, v))) in left
                            for k, v in row.items()
                        )
                        for value in range(len(found[key]))
                    ]
                    top = max(gains)
                    row[key] = choice.choice([v for v, gain in enumerate(gains) if gain == top])
            covers = sum(pair in left for pair in combinations(sorted(row.items()), 2))
            if covers > best[0]:
                best = covers, row
        left -= set(combinations(sorted(best[1].items()), 2))
        yield {key: found[key][value] for key, value in best[1].items()}
