"""A mistake in the stack file is told at once, alone, in words, with the command that mends it."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
import pytest
import yaml
from pulumi.runtime import set_all_config
from pulumi.runtime.mocks import MockMonitor

from local.record import ROOT, SECRETS, configuration, record, record_program
from settings import FARGATE_MEMORY, Settings, SettingsError

GOOD = configuration("production")
DEFAULTS = {
    key: declared["default"]
    if isinstance(declared["default"], str)
    else json.dumps(declared["default"])
    for key, declared in yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"].items()
}
NAMES = json.loads(GOOD["otakaro:secretParameterNames"])


def load(config: Mapping[str, str], plain: Iterable[str] = ()) -> Settings:
    """The settings of `config`, in which the keys `plain` are stored as they are."""

    def build() -> None:
        encrypted = {*SECRETS, "otakaro:basicAuthUsers"} - {*plain}
        set_all_config(dict(config), list(encrypted))
        loaded.append(Settings.load(pulumi.Config()))

    loaded: list[Settings] = []
    record(build, config)
    return loaded[0]


def changed(**values: object) -> dict[str, str]:
    """Production with other values of our keys; None takes a key away."""
    config = dict(GOOD)
    for key, value in values.items():
        if value is None:
            del config[f"otakaro:{key}"]
        else:
            config[f"otakaro:{key}"] = value if isinstance(value, str) else json.dumps(value)
    return config


def problems(config: Mapping[str, str], plain: Iterable[str] = ()) -> list[str]:
    """What is said of `config`, a problem a line."""
    with pytest.raises(SettingsError) as caught:
        load(config, plain)
    head, *lines = str(caught.value).splitlines()
    assert head == (
        f"the configuration has {len(lines)} problem{'s'[: len(lines) > 1]}, nothing was changed:"
    )
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


@dataclass(frozen=True)
class Mistake:
    """One bad value, and what its message must say."""

    what: str
    key: str
    value: object
    allowed: str
    besides: Mapping[str, object] | None = None  # other settings that make it bad

    @property
    def config(self) -> dict[str, str]:
        return changed(**{**(self.besides or {}), self.key: self.value})


# Windows that are within these hours, and hours that the program takes with them.
BY_DAY = {
    "runningHours": "mon-fri 07:00-19:00",
    "databaseBackupWindow": "00:00-01:00",
    "databaseMaintenanceWindow": "tue:01:30-tue:02:30",
}
MISTAKES = [
    Mistake("hours of words", "runningHours", "by day", "mon-fri 07:00-19:00", BY_DAY),
    Mistake("hours past midnight", "runningHours", "mon-fri 19:00-07:00", "at least four", BY_DAY),
    Mistake("days backwards", "runningHours", "fri-mon 07:00-19:00", "days and hours", BY_DAY),
    Mistake("three hours a day", "runningHours", "mon 09:00-12:00", "at least four", BY_DAY),
    Mistake("no days", "runningHours", "07:00-19:00", "days and hours", BY_DAY),
    Mistake("a zone that is none", "timeZone", "Pacific/Otautahi", "IANA", BY_DAY),
    Mistake("an offset as a zone", "timeZone", "+12:00", "the name of a time zone"),
    Mistake("backups at night", "databaseBackupWindow", "15:00-16:00", "within running", BY_DAY),
    Mistake(
        # In winter it is 07:15 then, and the database has just begun to start.
        "a backup too early in winter",
        "databaseBackupWindow",
        "19:15-20:15",
        "half an hour after",
        BY_DAY,
    ),
    Mistake(
        # In summer until 19:30.
        "a backup too late in summer",
        "databaseBackupWindow",
        "05:30-06:30",
        "within runningHours",
        BY_DAY,
    ),
    Mistake(
        "maintenance on a Sunday",
        "databaseMaintenanceWindow",
        "sat:22:00-sat:23:00",
        "within runningHours",
        BY_DAY,
    ),
    Mistake(
        "maintenance within the backup",
        "databaseMaintenanceWindow",
        "tue:00:30-tue:01:30",
        "apart from databaseBackupWindow",
        BY_DAY,
    ),
    Mistake(
        "a backup that takes the whole time",
        "databaseBackupWindow",
        "19:30-21:45",
        "leave room",
        {
            "runningHours": "mon-fri 07:00-11:00",
            "databaseMaintenanceWindow": "tue:20:30-tue:21:30",
        },
    ),
    Mistake("an unknown minor", "databaseEngineVersion", "17.99", "17.5 to 17.11"),
    Mistake("a size that a class lacks", "databaseInstanceClass", "db.m6g.24xlarge", "offers"),
    Mistake("a class of elsewhere", "databaseInstanceClass", "db.x2g.large", "ap-southeast-2"),
    Mistake("a size that a node lacks", "redisNodeType", "cache.m5.8xlarge", "ap-southeast-2"),
    Mistake("a zone that the region lacks", "zones", ["a", "d"], "a to c, not 'd'"),
    Mistake(
        "a disk without room to grow",
        "databaseStorage",
        60_000,
        "to 59578",
        {"databaseMaxStorage": 65_536},
    ),
    Mistake("a prefix that S3 keeps", "namePrefix", "sthree-1", "which AWS reserves"),
    Mistake("a zone too long for a certificate", "dnsZone", f"{'a' * 54}.nz", "56 characters"),
    Mistake(
        "a host too long for a certificate",
        "mapHost",
        f"{'a' * 49}.digitaltwins.nz",
        "64 characters at most",
    ),
    Mistake(
        "a host too long for a listener's rule",
        "apiHost",
        f"{'a' * 60}.{'b' * 60}.digitaltwins.nz",
        "128 characters at most",
    ),
    Mistake(
        "more secrets than a function may be told",
        "secretParameterNames",
        [*NAMES, *(f"N{number}" for number in range(14))],
        "20 names at most",
    ),
    Mistake(
        "secrets of too many letters",
        "secretParameterNames",
        [*NAMES, *(letter * 100 for letter in "ABC")],
        "of 400 characters together",
    ),
    Mistake(
        "more hosts than a header may name",
        "mapEmbedders",
        [f"www.council-{number:02}.govt.nz" for number in range(30)],
        "650 characters together",
    ),
    Mistake(
        "a snapshot of another region",
        "databaseRestoreFrom",
        "arn:aws:rds:us-east-1:123456789012:snapshot:shared",
        "its ARN in ap-southeast-2",
    ),
    Mistake("a snapshot of a long name", "databaseRestoreFrom", "a" * 256, "a snapshot's name"),
    Mistake("an instance of a long name", "databaseRestoreFrom", f"{'a' * 64}@latest", "INSTANCE@"),
    Mistake("a long address", "alarmEmail", f"{'a' * 65}@example.org", "an e-mail address"),
    Mistake(
        "more tasks than addresses",
        "vpcCidr",
        "10.0.0.0/23",
        "room for twice 108 tasks",
        {"flaskMax": 100},
    ),
    Mistake("a negative time for tiles", "tileSeconds", "-1", "from 0 to"),
    Mistake("an endpoint that AWS lacks", "interfaceEndpoints", '["ecr"]', "ecr.api, ecr.dkr"),
    Mistake("an endpoint twice", "interfaceEndpoints", '["ssm", "ssm"]', "different"),
    Mistake("an address as an embedder", "mapEmbedders", '["https://a.nz"]', "without https://"),
    Mistake("a path as a script's host", "mapScriptHosts", '["a.nz/x.js"]', "'a.nz/x.js'"),
    Mistake("a low rate", "firewallRateLimit", "9", "from 10 to"),
    Mistake("a prefix that SSM keeps for itself", "namePrefix", "aws-twin", "aws"),
    Mistake("another prefix that SSM keeps", "namePrefix", "ssm", "ssm"),
    Mistake("a prefix of security groups' ids", "namePrefix", "sg", "sg"),
    Mistake("a prefix of internal load balancers", "namePrefix", "internal", "internal"),
    Mistake("an empty prefix", "namePrefix", "", "2 to 14 lower-case letters"),
    Mistake("a long prefix", "namePrefix", "a23456789012345", "2 to 14 lower-case letters"),
    Mistake("a prefix with capitals", "namePrefix", "Otakaro", "lower-case letters"),
    Mistake("a prefix that ends in a hyphen", "namePrefix", "otakaro-", "single hyphens"),
    Mistake("a prefix that begins with a digit", "namePrefix", "1st", "beginning with a letter"),
    Mistake("a zone with capitals", "dnsZone", "Digitaltwins.nz", "domain name in lower case"),
    Mistake("a zone without a dot", "dnsZone", "nz", "a domain name"),
    Mistake("a zone with a dot at its end", "dnsZone", "digitaltwins.nz.", "a domain name"),
    Mistake("not a boolean", "createDnsZone", "yes", "false, true"),
    Mistake("a boolean of Python's", "protectData", "True", "false, true"),
    Mistake("a host outside the zone", "apiHost", "api.example.org", "within the zone"),
    Mistake("a map outside the zone", "mapHost", "map.example.org", "within the zone"),
    Mistake("the zone's own name as a host", "mapHost", "digitaltwins.nz", "within the zone"),
    Mistake("a host that only ends alike", "apiHost", "my-digitaltwins.nz", "within the zone"),
    Mistake("a host with a scheme", "geoserverHost", "https://gs.digitaltwins.nz", "a host name"),
    Mistake(
        "the map's host again", "apiHost", "otakaro.digitaltwins.nz", "different from the other"
    ),
    Mistake(
        "the API's host again",
        "geoserverHost",
        "api.otakaro.digitaltwins.nz",
        "different from the other",
    ),
    Mistake("a range without a size", "vpcCidr", "10.0.0.0", "/16 to /23"),
    Mistake("a range that is too small", "vpcCidr", "10.0.0.0/24", "/16 to /23"),
    Mistake("a range that is too large", "vpcCidr", "10.0.0.0/15", "/16 to /23"),
    Mistake("a public range", "vpcCidr", "8.8.0.0/16", "a private IPv4 range"),
    Mistake("a range that no longer is private", "vpcCidr", "172.32.0.0/16", "private"),
    Mistake("a range off its boundary", "vpcCidr", "10.0.1.0/16", "its own boundary"),
    Mistake("an IPv6 range", "vpcCidr", "fd00::/16", "IPv4"),
    Mistake("one zone", "zones", ["a"], "two or three different zones"),
    Mistake("four zones", "zones", ["a", "b", "c", "d"], "two or three different zones"),
    Mistake("a zone twice", "zones", ["a", "a"], "two or three different zones"),
    Mistake("whole names of zones", "zones", ["ap-southeast-2a", "b"], "zone letters"),
    Mistake("a zone's letter in capitals", "zones", ["a", "B"], "zone letters"),
    Mistake("zones that aren't a list", "zones", "a,b", "a list of names"),
    Mistake("numbers as zones", "zones", [1, 2], "a list of names"),
    Mistake("no way to the password", "natGateways", 0, "0 with ssm among interfaceEndpoints"),
    Mistake("fewer NAT gateways than none", "natGateways", -1, "from 0 to 2"),
    Mistake("more NAT gateways than zones", "natGateways", 3, "from 0 to 2"),
    Mistake("not a number", "natGateways", "two", "a whole number"),
    Mistake("half a NAT gateway", "natGateways", "1.5", "a whole number"),
    Mistake("unknown traffic", "flowLogTraffic", "reject", "REJECT, ACCEPT, ALL"),
    Mistake("an unknown architecture", "cpuArchitecture", "x86_64", "X86_64, ARM64"),
    Mistake("unknown insights", "containerInsights", "true", "disabled, enabled, enhanced"),
    Mistake("cpu that isn't a number", "terriamapCpu", "half", "a whole number"),
    Mistake("cpu that isn't a number, memory to match", "celeryCpu", "half", "a whole number"),
    Mistake("cpu that Fargate lacks", "celeryCpu", 1000, "256, 512, 1024, 2048"),
    Mistake("too little cpu", "geoserverCpu", 128, "from 256"),
    Mistake("memory that Fargate lacks for the cpu", "flaskMemory", 1024, "2048 to 8192 MiB"),
    Mistake("memory between the steps", "flaskMemory", 2500, "steps of 1024"),
    Mistake("more disk than Fargate has", "celeryDisk", 500, "from 20 to 200"),
    Mistake("less disk than Fargate gives", "geoserverDisk", 10, "from 20 to 200"),
    Mistake("a disk with its unit", "flaskDisk", "50 GiB", "a whole number"),
    Mistake("a worker without a thread", "celeryConcurrency", 0, "from 1 to 64"),
    Mistake("threads of words", "celeryConcurrency", "auto", "a whole number"),
    Mistake("memory that isn't a number", "flaskMemory", "2 GB", "a whole number"),
    Mistake("a minimum above the maximum", "flaskMin", 5, "at most flaskMax (3)"),
    Mistake("a minimum of none", "flaskMin", 0, "from 1 to 100"),
    Mistake("a maximum that isn't a number", "celeryMax", "many", "a whole number"),
    Mistake("a start below the minimum", "celeryDesired", 1, "celeryMin (2) to celeryMax (4)"),
    Mistake("a start above the maximum", "terriamapDesired", 4, "to terriamapMax (3)"),
    Mistake("a start that isn't a number", "celeryDesired", "two", "a whole number"),
    Mistake("an old engine", "databaseEngineVersion", "14", "15 to 18"),
    Mistake("an engine of words", "databaseEngineVersion", "latest", "PostgreSQL version"),
    Mistake("an engine with a patch", "databaseEngineVersion", "17.6.1", "PostgreSQL version"),
    Mistake("an unknown class", "databaseInstanceClass", "db.t4g.tiny", "RDS instance class"),
    Mistake("an EC2 type as class", "databaseInstanceClass", "t4g.small", "RDS instance class"),
    Mistake("a class with one x too many", "databaseInstanceClass", "db.t3.xxlarge", "RDS"),
    Mistake("too small a disk", "databaseStorage", 10, "from 20"),
    Mistake("a ceiling below the disk", "databaseMaxStorage", 50, "110", {"databaseStorage": 100}),
    Mistake(
        "a ceiling just above the disk", "databaseMaxStorage", 22, "24", {"databaseStorage": 21}
    ),
    Mistake("a ceiling of words", "databaseMaxStorage", "all", "number", {"databaseStorage": 50}),
    Mistake("no backups", "databaseBackupDays", 0, "from 1 to 35"),
    Mistake("backups for ever", "databaseBackupDays", 36, "from 1 to 35"),
    Mistake("a window of hours", "databaseBackupWindow", "15-16", "hh:mm-hh:mm"),
    Mistake("an impossible hour", "databaseBackupWindow", "24:00-25:00", "hh:mm-hh:mm"),
    Mistake("a window without a day", "databaseMaintenanceWindow", "15:00-16:00", "ddd:hh:mm"),
    Mistake("ten minutes of backup", "databaseBackupWindow", "15:00-15:10", "half an hour"),
    Mistake("a backup during maintenance", "databaseBackupWindow", "16:00-17:00", "no overlap"),
    Mistake(
        "a backup during maintenance at its own time",
        "databaseBackupWindow",
        "15:00-16:00",
        "no overlap",
        {"databaseMaintenanceWindow": "sat:15:00-sat:16:00"},
    ),
    Mistake("an old Redis", "redisEngineVersion", "6.2", "7.0 or 7.1"),
    Mistake("a Redis that AWS lacks", "redisEngineVersion", "7.2", "7.0 or 7.1"),
    Mistake("an unknown node", "redisNodeType", "cache.t2.micro", "ElastiCache node type"),
    Mistake("a snapshot with spaces", "databaseRestoreFrom", "my snapshot", "a snapshot's name"),
    Mistake("a time without zone", "databaseRestoreFrom", "pg@2026-11-20T03:00:00", "in UTC"),
    Mistake("a time that never was", "databaseRestoreFrom", "pg@2026-02-30T03:00:00Z", "INSTANCE@"),
    Mistake("a time alone", "databaseRestoreFrom", "@latest", "INSTANCE@latest"),
    Mistake("a folder without its slash", "filesRoot", "restored", "one or two folders"),
    Mistake("a slash at the end", "filesRoot", "/restored/", "one or two folders"),
    Mistake("the disk's root as a folder", "filesRoot", "/", "empty for the disk's root"),
    Mistake("a way out of the disk", "filesRoot", "/..", "one or two folders"),
    Mistake("a folder too deep for EFS", "filesRoot", "/a/b/c", "one or two folders"),
    Mistake("a path too long for EFS", "filesRoot", "/" + "a" * 78, "one or two folders"),
    Mistake("a database's class as node", "redisNodeType", "db.t4g.micro", "ElastiCache node type"),
    Mistake("a TLS mode that isn't one", "redisTls", "on", "preferred, required"),
    Mistake("an access that isn't one", "mapAccess", "password", "required, from-map, open"),
    Mistake("no time for an answer", "originTimeout", 0, "from 1 to 120"),
    Mistake("too much time for an answer", "originTimeout", 180, "from 1 to 120"),
    Mistake("retention that CloudWatch lacks", "logRetentionDays", 31, "one of 1, 3, 5, 7"),
    Mistake("retention of none", "logRetentionDays", 0, "from 1"),
    Mistake("access logs of none", "accessLogDays", 0, "from 1"),
    Mistake("an address without a host", "alarmEmail", "team", "e-mail address"),
    Mistake("two addresses", "alarmEmail", "a@example.org b@example.org", "e-mail address"),
    Mistake("a name in lower case", "secretParameterNames", [*NAMES, "api_key"], "capitals"),
    Mistake("a name with a hyphen", "secretParameterNames", [*NAMES, "API-KEY"], "capitals"),
    Mistake("a name with a path", "secretParameterNames", [*NAMES, "A/B"], "capitals"),
    Mistake("a name that begins with a digit", "secretParameterNames", [*NAMES, "1A"], "capitals"),
    Mistake("a name twice", "secretParameterNames", [*NAMES, NAMES[1]], "different names"),
    Mistake("two bad names of one kind", "secretParameterNames", ["a", *NAMES, "b"], "capitals"),
    Mistake("a reserved name", "secretParameterNames", [*NAMES, "AWS_REGION"], "reserve"),
    Mistake("no database password", "secretParameterNames", NAMES[:5] + NAMES[6:], "POSTGRES_PASS"),
    Mistake("no GeoServer password", "secretParameterNames", NAMES[:6], "GEOSERVER_ADMIN_PASS"),
    Mistake("names in one text", "secretParameterNames", "A,B", "a list of names"),
]

HIDDEN = [
    Mistake("a password that is too short", "databasePassword", "Short1", "12 to 128"),
    Mistake("a password with a slash", "databasePassword", "Long/enough/12", "letters"),
    Mistake("a password with a space", "databasePassword", "Long enough 12", "letters"),
    Mistake("a user with a colon", "basicAuthUser", "vis:itor", "no colon"),
    Mistake("no user", "basicAuthUser", "", "1 to 64 characters"),
    Mistake("an edge password that is too short", "basicAuthPassword", "seven77", "8 to 128"),
    Mistake(
        "a further user with a colon", "basicAuthUsers", '{"a:b": "long enough"}', "without colon"
    ),
    Mistake("a further user's short password", "basicAuthUsers", '{"ab": "short"}', "8 to 128"),
    Mistake("further users as a list", "basicAuthUsers", '["ab"]', "each with a password"),
    Mistake("further users as a text", "basicAuthUsers", "ab:longenough", "each with a password"),
    Mistake("an edge password over two lines", "basicAuthPassword", "line 1\nline 2", "characters"),
]


def cases(mistakes: Iterable[Mistake]) -> list[object]:
    return [pytest.param(mistake, id=mistake.what) for mistake in mistakes]


def mended(config: Mapping[str, str], problem: str) -> dict[str, str]:
    """The configuration after the commands that the problem tells."""
    config = dict(config)
    for command in problem.partition("Mend it with: ")[2].split(" && "):
        words = shlex.split(command)
        assert words[:2] == ["pulumi", "config"]
        match words[2:]:
            case ["rm", "--path", path]:
                key, index, items = item(config, path)
                del items[index]
                config[key] = json.dumps(items)
            case ["rm", key]:
                del config[key]
                config.update({k: v for k, v in DEFAULTS.items() if k == key})
            case ["set", "--secret", key]:
                config[key] = SECRETS[key]  # the CLI asks for it
            case ["set", "--secret", "--path", path]:
                assert path == 'otakaro:basicAuthUsers["NAME"]'
                config[path.partition("[")[0]] = '{"NAME": "what the CLI asks for"}'
            case ["set", "--path", path, value]:
                key, index, items = item(config, path)
                items[index : index + 1] = [value]
                config[key] = json.dumps(items)
            case ["set", key, value]:
                config[key] = value
            case _:
                pytest.fail(f"no command: {problem}")
    return config


def item(config: Mapping[str, str], path: str) -> tuple[str, int, list[str]]:
    """The key, the index and the list that a path such as 'key[1]' leads to."""
    found = re.fullmatch(r"(.+)\[(\d+)\]", path)
    assert found
    items = json.loads(config.get(found[1], "[]"))
    assert int(found[2]) <= len(items)
    return found[1], int(found[2]), items


@pytest.mark.parametrize("mistake", cases(MISTAKES))
def test_a_mistake_is_told_once_with_key_value_and_what_is_allowed(mistake: Mistake) -> None:
    config = mistake.config
    [problem] = problems(config)
    told, command = problem.split("Mend it with: ")
    assert told.startswith(f"otakaro:{mistake.key} ")
    assert repr(config[f"otakaro:{mistake.key}"]) in told
    assert mistake.allowed in told
    assert f"otakaro:{mistake.key}" in command


@pytest.mark.parametrize("mistake", cases(MISTAKES))
def test_the_command_that_is_told_mends_it(mistake: Mistake) -> None:
    config = mistake.config
    for problem in problems(config):
        config = mended(config, problem)
    load(config)


@pytest.mark.parametrize("mistake", cases(HIDDEN))
def test_a_bad_secret_is_told_without_its_value(mistake: Mistake) -> None:
    [problem] = problems(mistake.config)
    assert problem.startswith(f"otakaro:{mistake.key} is (hidden)")
    assert mistake.allowed in problem
    command = "pulumi config set --secret " + ("--path '" if "Users" in mistake.key else "")
    assert f"{command}otakaro:{mistake.key}" in problem
    assert not mistake.value or str(mistake.value) not in problem


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_in_plain_text_is_refused_without_repeating_it(key: str) -> None:
    [problem] = problems(GOOD, plain=[key])
    assert problem.startswith(f"{key} is stored in plain text")
    assert problem.endswith(f"pulumi config set --secret {key}")
    assert GOOD[key] not in problem


def test_further_users_in_plain_text_are_refused_without_repeating_them() -> None:
    config = changed(basicAuthUsers='{"ab": "in plain text"}')
    [problem] = problems(config, plain=["otakaro:basicAuthUsers"])
    assert problem.startswith("otakaro:basicAuthUsers is stored in plain text")
    assert "in plain" not in problem.partition("stored in plain text")[2]


@pytest.mark.parametrize(
    "key",
    [key for key in sorted(GOOD) if key.startswith("otakaro:")],
)
def test_a_missing_setting_is_told_once_with_what_it_may_be(key: str) -> None:
    [problem] = problems({k: v for k, v in GOOD.items() if k != key})
    told, command = problem.split(". Mend it with: ")
    found = re.fullmatch(rf"{key} is missing\W+(.+)", told)
    assert found
    assert command.startswith("pulumi config set ")
    assert key in command


def test_hours_may_be_written_without_a_space_for_commands_that_part_settings_by_it() -> None:
    spaced = load(changed(**BY_DAY)).hours
    assert spaced is not None
    assert load(changed(**{**BY_DAY, "runningHours": "mon-fri:07:00-19:00"})).hours == spaced
    one_day = load(
        changed(**{**BY_DAY, "runningHours": "tue:07:00-19:00"}),
    ).hours
    assert one_day is not None
    assert one_day.days == ("tue",)


def test_a_missing_region_is_told() -> None:
    [problem] = problems({k: v for k, v in GOOD.items() if k != "aws:region"})
    assert problem.startswith("aws:region is missing")
    assert problem.endswith("pulumi config set aws:region ap-southeast-2")


@pytest.mark.parametrize("region", ["ap-southeast-6", "eu-nowhere-1", "cn-north-1"])
def test_a_region_whose_offer_is_unknown_is_refused(region: str) -> None:
    [problem] = problems({**GOOD, "aws:region": region})
    assert problem.startswith(f"aws:region is {region!r}; allowed: a Region with CloudFront")
    assert problem.endswith("pulumi config set aws:region ap-southeast-2")


def test_a_retired_setting_is_reported_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    load(changed(originSecret="2"))
    [note] = [record.message for record in caplog.records]
    assert note == (
        "otakaro:originSecret is '2' and has no effect: the load balancer is internal, and requests"
        " carry no secret any more. To remove it, run: pulumi config rm otakaro:originSecret"
    )


def test_a_retired_setting_is_never_suggested() -> None:
    [problem] = problems(changed(originSecre="2"))
    assert "originSecret" not in problem.partition("those in")[2]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("natGateway", "natGateways"),
        ("databasepassword", "databasePassword"),
        ("dnszone", "dnsZone"),
        ("redisTLS", "redisTls"),
    ],
)
def test_an_unknown_key_is_told_with_the_one_that_was_meant(key: str, meant: str) -> None:
    [problem] = problems(changed(**{key: "1"}))
    assert problem.startswith(f"otakaro:{key} is not a setting of this program")
    assert meant in problem
    assert problem.endswith(f"pulumi config rm otakaro:{key}")


def test_an_unknown_key_like_no_other_points_to_the_list_of_all() -> None:
    [problem] = problems(changed(xyz="1"))
    assert "Pulumi.yaml. " in problem


def test_an_unknown_secret_isnt_shown() -> None:
    config = changed(oldPassword="do-not-show")
    assert "do-not-show" not in "".join(problems(config))


def test_keys_of_other_packages_are_theirs() -> None:
    load(GOOD | {"aws:profile": "team", "pulumi:tags": "{}", "other:natGateways": "x"})


def test_all_mistakes_are_told_together() -> None:
    config = changed(natGateways=9, redisTls="on", dnsZone=None, databasePassword="short", x="1")
    told = {problem.split()[0].removeprefix("otakaro:") for problem in problems(config)}
    assert told == {"natGateways", "redisTls", "dnsZone", "databasePassword", "x"}


def test_a_mistake_is_told_before_any_resource_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    original = MockMonitor.RegisterResource

    def register(self: MockMonitor, request: object) -> object:
        registered.append(request.type)  # type: ignore[attr-defined]
        return original(self, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(MockMonitor, "RegisterResource", register)
    with pytest.raises(pulumi.RunError, match="1 problem, nothing was changed"):
        record_program(changed(natGateways=9))
    assert set(registered) <= {"pulumi:pulumi:Stack"}


def test_a_mistake_is_shown_without_a_traceback() -> None:
    """The engine shows a RunError's text alone."""
    assert issubclass(SettingsError, pulumi.RunError)


def test_the_stack_file_of_the_former_deployment_works_unchanged() -> None:
    former = {
        "aws:region": "ap-southeast-2",
        "otakaro:dnsZone": "digitaltwins.nz",
        "otakaro:secretParameterNames": GOOD["otakaro:secretParameterNames"],
        **SECRETS,
    }
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    defaults = {
        key: value if isinstance(value := declared["default"], str) else json.dumps(value)
        for key, declared in project.items()
    }
    settings = load(defaults | former)
    assert settings.prefix == "otakaro-dt"
    assert settings.hosts.all == (
        "otakaro.digitaltwins.nz",
        "api.otakaro.digitaltwins.nz",
        "gs.otakaro.digitaltwins.nz",
    )
    assert settings.network.zones == ("ap-southeast-2a", "ap-southeast-2b")
    assert settings.database.instance_class == "db.t4g.small"
    assert settings.database.storage == 20
    assert (settings.geoserver.cpu, settings.geoserver.memory) == (2048, 4096)
    assert (settings.celery.cpu, settings.celery.memory, settings.celery.desired) == (1024, 4096, 2)


def test_every_declared_key_is_read_and_every_key_that_is_read_is_declared() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    missing = {
        problem.split()[0] for problem in problems({"aws:region": "r"}) if " is missing" in problem
    }
    assert missing == declared.keys() | {"otakaro:dnsZone"} | SECRETS.keys()


def test_every_declared_default_has_the_declared_type() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    types = {"string": str, "integer": int, "boolean": bool, "array": list}
    assert [k for k, d in declared.items() if type(d["default"]) is not types[d["type"]]] == []


@pytest.mark.parametrize("stack", ["production", "local"])
def test_stack_files_name_declared_keys_only(stack: str) -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    ours = {key for key in own if key.startswith("otakaro:")}
    assert ours <= declared.keys() | {"otakaro:dnsZone"}
    load(configuration(stack))


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("namePrefix", ["ab", "a-b", "a1-2b-c", "a2345678901234"]),
        ("vpcCidr", ["10.0.0.0/16", "172.31.0.0/16", "192.168.254.0/23"]),
        ("apiHost", ["api.digitaltwins.nz", "a.b.c.digitaltwins.nz"]),
        ("databaseEngineVersion", ["15", "16.10", "18.1"]),
        (
            "databaseInstanceClass",
            ["db.t4g.micro", "db.t3.2xlarge", "db.r6g.4xlarge"],
        ),
        (
            "databaseRestoreFrom",
            [
                "",
                "otakaro-dt-pg-final-0a1b2c3d",
                "rds:otakaro-dt-pg-2026-11-20-15-10",
                "awsbackup:job-0a1b2c3d-0000-1111-2222-0a1b2c3d4e5f",
                "arn:aws:rds:ap-southeast-2:123456789012:snapshot:shared",
                "otakaro-dt-pg@latest",
                "otakaro-dt-pg-0a1b2c@2026-11-20T03:00:00Z",
                "db-ABCDEFGHIJKLMNOPQRST1234@latest",
            ],
        ),
        ("filesRoot", ["", "/aws-backup-restore_2026-11-20T03-00-00-000Z", "/a/" + "b" * 75]),
        ("redisNodeType", ["cache.t4g.small", "cache.m7g.xlarge", "cache.r6g.large"]),
        ("secretParameterNames", [json.dumps([*NAMES, "_A1", "ONE_MORE"])]),
        ("logRetentionDays", ["1", "731", "3653"]),
        ("alarmEmail", ["", "a.b+c@example.co.nz"]),
        ("databasePassword", ["a" * 12, "0" * 128]),
        ("basicAuthUsers", ["{}", '{"m\u0101ia": "p\u0101pa kupu", "a.b c": "12345678"}']),
        ("interfaceEndpoints", ["[]", '["ec2", "ecr.api", "ecr.dkr", "logs", "ssm"]']),
        ("mapEmbedders", ["[]", '["www.example.nz", "*.example.org"]']),
        ("basicAuthPassword", ["p\u00e4ss w\u00f6rd:!", '"quoted"&<x>']),
    ],
)
def test_what_is_allowed_is_taken(key: str, values: list[str]) -> None:
    for value in values:
        load(changed(**{key: value}))


@pytest.mark.parametrize("cpu", FARGATE_MEMORY)
def test_every_size_of_fargate_is_taken(cpu: int) -> None:
    for memory in {min(FARGATE_MEMORY[cpu]), max(FARGATE_MEMORY[cpu])}:
        assert load(changed(flaskCpu=cpu, flaskMemory=memory)).flask.memory == memory


def test_secrets_stay_secret_in_the_settings() -> None:
    def build() -> object:
        settings = Settings.load(pulumi.Config())
        edge = settings.edge
        secrets = [settings.database.password, edge.users]
        return pulumi.Output.all(*[secret.is_secret() for secret in secrets])

    assert record(build, GOOD).result == [True, True]
