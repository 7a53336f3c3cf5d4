"""What changing each setting does to a deployed stack: docs/changes.md, derived from the program.

The program is evaluated with production's settings and again with one of them changed, and the
two compared by the stand-in provider's own rules of what updates and what replaces, just as the
engine does it in a preview. Whatever gets new outputs that way is changed for those who use them.
"""

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from typing import Any

import pulumi
import yaml
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs

from local import console
from local.provider.catalogue import find
from local.record import (
    ROOT,
    SECRETS,
    Cloud,
    Recording,
    configuration,
    record_program,
)

DOCUMENT = ROOT / "docs" / "changes.md"
PROJECT = "otakaro"
PROCESSES = 2
SECRET = (*SECRETS, f"{PROJECT}:basicAuthUsers")

# What people would lose with it.
DATA = frozenset(
    {
        "aws:rds/instance:Instance",
        "aws:efs/fileSystem:FileSystem",
        "aws:ecr/repository:Repository",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:ssm/parameter:Parameter",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "random:index/randomPassword:RandomPassword",
        "random:index/randomBytes:RandomBytes",
    }
)
# Inputs of a service whose change starts a new deployment (ECS API, UpdateService). With
# forceNewDeployment each of its changes does: the provider sends it every time (ecs/service.go:
# resourceServiceUpdate).
_DEPLOYS = {
    *("taskDefinition", "networkConfiguration", "loadBalancers", "serviceRegistries"),
    *("platformVersion", "capacityProviderStrategies"),
}
# What an update means there (RDS user guide, "Settings for DB instances"; ElastiCache user guide,
# "Online scaling" and "Engine versions").
_AWS = {
    ("aws:rds/instance:Instance", "instanceClass"): "The database restarts, for some minutes.",
    ("aws:rds/instance:Instance", "engineVersion"): (
        "The database is down while it is upgraded. The only way back to an older version is a "
        "backup."
    ),
    ("aws:rds/instance:Instance", "allocatedStorage"): (
        "Without downtime. AWS rejects less storage than there is."
    ),
    ("aws:rds/instance:Instance", "multiAz"): "Without downtime.",
    ("aws:elasticache/replicationGroup:ReplicationGroup", "nodeType"): (
        "The queue moves to new nodes, with a short interruption."
    ),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "engineVersion"): (
        "With a short interruption."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One change of a setting, from production's value unless `base` gives another."""

    to: str
    base: str | None = None
    along: Mapping[str, str] = field(default_factory=dict)  # what must change with it
    note: str = ""


def _names(*more: str) -> str:
    names = json.loads(configuration("production")[f"{PROJECT}:secretParameterNames"])
    return json.dumps([*names, *more])


# Windows of the database that are within the hours of the example.
_BY_DAY: Mapping[str, str] = {
    "databaseBackupWindow": "00:00-01:00",
    "databaseMaintenanceWindow": "tue:01:30-tue:02:30",
}
CASES: Mapping[str, tuple[Case, ...]] = {
    "aws:region": (Case(to="ap-southeast-4"),),
    "dnsZone": (
        Case(to="otakaro.example"),
        Case(
            base="digitaltwins.nz",
            to="otakaro.example",
            along={"createDnsZone": "true"},
            note="A created zone stays.",
        ),
    ),
    "databasePassword": (Case(to="Another0Database0Password"),),
    "basicAuthUser": (Case(to="guest"),),
    "basicAuthPassword": (Case(to="another edge password"),),
    "basicAuthUsers": (Case(to='{"anna": "one more password"}'),),
    "namePrefix": (Case(to="otakaro-2"),),
    "createDnsZone": (
        Case(
            to="true", note="Nobody finds the hosts until the domain is delegated to the new zone."
        ),
        Case(base="true", to="false"),
    ),
    "mapHost": (Case(to="map.digitaltwins.nz"),),
    "apiHost": (Case(to="flask.digitaltwins.nz"),),
    "geoserverHost": (Case(to="tiles.digitaltwins.nz"),),
    "secretParameterNames": (
        Case(to=_names("LINZ_BASEMAPS_API_KEY"), note="One name more."),
        Case(
            base=_names("LINZ_BASEMAPS_API_KEY"),
            to=_names(),
            note="One name less: its value is lost.",
        ),
    ),
    "vpcCidr": (Case(to="10.1.0.0/16"),),
    "zones": (
        Case(to='["a", "b", "c"]'),
        Case(base='["a", "b", "c"]', to='["a", "b"]'),
        Case(to='["b", "c"]'),
    ),
    "interfaceEndpoints": (
        Case(to='["ecr.api"]'),
        Case(base='["ecr.api"]', to="[]"),
    ),
    "natGateways": (
        Case(to="2"),
        Case(to="0", along={"interfaceEndpoints": '["ssm"]'}),
    ),
    "flowLogTraffic": (Case(to="ALL"),),
    "cpuArchitecture": (
        Case(to="ARM64", note="Push images for it first: those of the other kind don't start."),
    ),
    "terriamapCpu": (Case(to="256"),),
    "terriamapMemory": (Case(to="2048"),),
    "terriamapDisk": (Case(to="50"),),
    "terriamapDesired": (Case(to="2"),),
    "terriamapMin": (Case(to="2", along={"terriamapDesired": "2"}),),
    "terriamapMax": (Case(to="4"),),
    "terriamapRequests": (Case(to="600"),),
    "geoserverCpu": (Case(to="1024"),),
    "geoserverMemory": (Case(to="8192"),),
    "geoserverDisk": (Case(to="50"),),
    "flaskCpu": (Case(to="512"),),
    "flaskMemory": (Case(to="4096"),),
    "flaskDisk": (Case(to="50"),),
    "flaskDesired": (Case(to="2"),),
    "flaskMin": (Case(to="2", along={"flaskDesired": "2"}),),
    "flaskMax": (Case(to="4"),),
    "flaskRequests": (Case(to="600"),),
    "celeryCpu": (Case(to="512"),),
    "celeryMemory": (Case(to="8192"),),
    "celeryDesired": (Case(to="3"),),
    "celeryMin": (Case(to="1"),),
    "celeryMax": (Case(to="5"),),
    "celeryDisk": (Case(to="100"),),
    "celeryConcurrency": (Case(to="1"),),
    "celerySpot": (Case(to="true"),),
    "ecsExec": (Case(to="true"),),
    "containerInsights": (Case(to="enabled"),),
    "databaseEngineVersion": (Case(to="18"),),
    "databaseRestoreFrom": (
        Case(to="otakaro-dt-pg@2026-11-20T03:00:00Z", note="See [restore.md](restore.md)."),
    ),
    "filesRoot": (Case(to="/restored", note="See [restore.md](restore.md)."),),
    "databaseInstanceClass": (Case(to="db.t4g.medium"),),
    "databaseStorage": (Case(to="50"),),
    "databaseMaxStorage": (Case(to="200"),),
    "databaseMultiAz": (Case(to="true"),),
    "databaseBackupDays": (Case(to="14"),),
    "databaseBackupWindow": (Case(to="13:00-14:00"),),
    "databaseMaintenanceWindow": (Case(to="sun:16:30-sun:17:30"),),
    "databaseFinalSnapshot": (Case(to="false"),),
    "databaseInsights": (Case(to="false"),),
    "redisEngineVersion": (Case(base="7.0", to="7.1"), Case(base="7.1", to="7.0")),
    "redisNodeType": (Case(to="cache.t4g.small"),),
    "redisReplicas": (Case(to="1"), Case(base="1", to="0")),
    "redisTls": (Case(to="required"),),
    "mapAccess": (Case(to="open"),),
    "apiAccess": (Case(to="open"),),
    "geoserverAccess": (Case(to="open"),),
    "geoserverAdminOpen": (Case(to="true"),),
    "originTimeout": (Case(to="45"),),
    "tileSeconds": (Case(to="600"),),
    "mapEmbedders": (Case(to='["www.example.nz"]'),),
    "mapScriptHosts": (Case(to='["scripts.example.nz"]'),),
    "firewall": (Case(to="true"), Case(base="true", to="false")),
    "firewallRateLimit": (Case(base="10000", to="5000", along={"firewall": "true"}),),
    "protectData": (Case(to="false"),),
    "keepEdgeFunction": (Case(to="false"),),
    "logRetentionDays": (Case(to="90"),),
    "accessLogDays": (Case(to="30"),),
    "alarmEmail": (Case(to="team@digitaltwins.nz"),),
    "monthlyBudget": (Case(to="500"),),
    "permissionsBoundary": (Case(to="otakaro-github-role-boundary"),),
    "runningHours": (
        Case(to="mon-fri 07:00-19:00", along=_BY_DAY),
        Case(
            base="mon-fri 07:00-19:00",
            to="",
            along=_BY_DAY,
            note="`make wake` first: without its clocks nothing starts by itself.",
        ),
    ),
    "timeZone": (
        Case(
            base="Pacific/Auckland",
            to="Australia/Sydney",
            along={**_BY_DAY, "runningHours": "mon-fri 07:00-19:00"},
        ),
    ),
}


EVERYTHING = frozenset({"*"})
Renewed = Mapping[tuple[str, str], frozenset[str]]  # type and name: the outputs with a new value


class _After(Cloud):
    """A cloud where the stack is deployed already, and some resources have new outputs."""

    def __init__(self, deployed: Recording, renewed: Renewed) -> None:
        super().__init__(preview=False)
        self._deployed = deployed.outputs
        self._known = {(each.type, each.name) for each in deployed.resources}
        self._renewed = renewed

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        id_, state = super().new_resource(args)
        lost = self._renewed.get((args.typ, args.name), frozenset())
        # A value that is generated now differs from those that were generated before.
        new = args.typ.startswith("random:") and (args.typ, args.name) not in self._known
        for key in state.keys() - args.inputs.keys():
            if key in lost or lost is EVERYTHING or new:
                state[key] = _another(state[key])
        return (f"{id_}-2" if lost is EVERYTHING else id_), state

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "pulumi:pulumi:readStackOutputs":  # noqa: S105 - a function's name
            return {"outputs": dict(self._deployed)}, []
        return super().call(args)


def _another(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, dict):
        named = "domainName"  # what a certificate's proofs are looked up by
        return {key: item if key == named else _another(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_another(item) for item in value]
    return f"{value}-2" if isinstance(value, str) else value


@dataclass(kw_only=True)
class Plan:
    """What an `up` would do, by URN; or why the program refuses."""

    refused: str = ""
    created: dict[str, str] = field(default_factory=dict)  # URN -> type
    removed: dict[str, str] = field(default_factory=dict)
    updated: dict[str, list[str]] = field(default_factory=dict)  # URN -> changed inputs
    replaced: dict[str, list[str]] = field(default_factory=dict)
    let_go: list[str] = field(default_factory=list)  # removed here, kept in AWS
    restarted: list[str] = field(default_factory=list)  # services
    waiting: list[str] = field(default_factory=list)  # URNs, changed in a maintenance window
    interrupted: list[str] = field(default_factory=list)  # URNs of stores that restart
    stuck: list[str] = field(default_factory=list)  # what no API call can bring about

    @property
    def lost(self) -> list[str]:
        """The URNs of the data that it would remove."""
        gone = {*self.removed, *self.replaced} - {*self.let_go}
        return sorted(urn for urn in gone if type_of(urn) in DATA)


def settings() -> list[str]:
    """Every key of the stack's configuration, undeclared ones first."""
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    secret = (key.split(":")[1] for key in SECRET)
    needed = ["aws:region", "dnsZone", *secret]
    return [*needed, *(key.split(":")[1] for key in declared)]


def plan(key: str, case: Case) -> Plan:
    """What a change of one setting does to a stack that is deployed."""
    before = _with(configuration("production"), {**case.along, key: case.base} if case.base else {})
    after = _with(before, {**case.along, key: case.to})
    gc.disable()  # a third of the time: a recording is many small objects that stay
    deployed = _recorded(json.dumps(before, sort_keys=True))
    renewed: dict[tuple[str, str], frozenset[str]] = {}
    while True:
        try:
            then = record_program(after, secret=SECRET, cloud=_After(deployed, renewed))
        except pulumi.RunError as error:
            return Plan(refused=str(error))
        gc.collect()
        found, now_renewed = compare(deployed, then)
        if now_renewed == renewed:
            return found
        renewed = now_renewed


@cache
def _recorded(config: str) -> Recording:
    return record_program(json.loads(config))


def _with(config: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    named = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in changes.items()}
    return {**config, **named}


def compare(before: Recording, after: Recording) -> tuple[Plan, dict[Any, frozenset[str]]]:
    """What leads from one evaluation to the other, and which resources get new outputs by it."""
    olds = {each.urn: each for each in before.resources if not each.type.startswith("otakaro:")}
    news = {each.urn: each for each in after.resources if not each.type.startswith("otakaro:")}
    result, renewed = Plan(), {}
    result.created = {urn: each.type for urn, each in news.items() if urn not in olds}
    result.removed = {urn: each.type for urn, each in olds.items() if urn not in news}
    result.let_go = [urn for urn in result.removed if olds[urn].retained]
    for urn in olds.keys() & news.keys():
        old, new = olds[urn], news[urn]
        kind = find(new.type)
        was, is_ = (kind.normalise(_plain(each.inputs)) for each in (old, new))
        changed = [key for key in kind.changed(was, is_) if key not in new.ignore_changes]
        if not changed:
            continue
        if new.replace_on_changes or kind.replacing(changed, was, is_, old.state):
            result.replaced[urn] = changed
            renewed[new.type, new.name] = EVERYTHING
            continue
        result.updated[urn] = changed
        result.stuck += [f"{urn}: {key}" for key in kind.stuck(changed)]
        rejected = kind.rejected(changed, was, is_, old.state)
        result.stuck += [f"{urn}: {key}" for key in rejected]
        waiting = kind.waits(changed, is_)
        result.waiting += [urn] if waiting else []
        restarts = {*changed} & {*kind.restarts.split()} - {*waiting}
        result.interrupted += [urn] if restarts else []
        fresh = " ".join(kind.fresh.get(key, "") for key in (*changed, "*")).split()
        if fresh:
            renewed[new.type, new.name] = frozenset(fresh)
    result.restarted = sorted(_restarted(result, after))
    return result, renewed


def _restarted(found: Plan, after: Recording) -> Iterator[str]:
    """Services that begin a new deployment: their own change, or a secret that they read."""
    secrets = {
        each.inputs["name"]
        for each in after.of("ssm/parameter:Parameter")
        if "value" in found.updated.get(each.urn, [])
    }
    tasks = {each.name: each for each in after.of("ecs/taskDefinition:TaskDefinition")}
    for service in after.of("ecs/service:Service"):
        containers = tasks[service.name].inputs["containerDefinitions"]
        reads = any(f'{secret}"' in containers for secret in secrets)
        changed = {*found.updated.get(service.urn, [])} - {"tags", "tagsAll"}
        forced = service.inputs.get("forceNewDeployment") is True and bool(changed)
        if reads or forced or _DEPLOYS & changed:
            yield service.name


def _plain(value: Any) -> Any:
    """A value with archives and files as what is in them."""
    if isinstance(value, pulumi.AssetArchive):
        return {path: _plain(asset) for path, asset in sorted(value.assets.items())}
    if isinstance(value, pulumi.FileAsset):
        return value.path
    if isinstance(value, pulumi.StringAsset):
        return value.text
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def type_of(urn: str) -> str:
    """`aws:ec2/vpc:Vpc` of a URN."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def all_plans() -> Iterator[tuple[str, Case, Plan]]:
    """Every case of the table with its plan."""
    cases = [(key, case) for key in settings() for case in CASES[key]]
    # Not forked: a copy of a process with gRPC's threads may wait for ever for their locks.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        plans = pool.map(plan, *zip(*cases, strict=True))
        for (key, case), found in zip(cases, plans, strict=True):
            yield key, case, found


# -- the document

_INTRODUCTION = """\
# What changing a setting does

Derived from the program by `make changes`, with production's settings as they are in the
repository: each row changes one setting of a deployed stack. *Refused* means that `pulumi up` and
`pulumi preview` say so in one line before anything is touched. No setting's change replaces the
database, the shared disk, a repository, a zone, a bucket, the queue or a generated secret; a test
sees to that. (`databaseRestoreFrom` makes another database and keeps the one before it in AWS.)
Services restart one task after the other, so that each stays reachable, GeoServer excepted: there
is only one. *When* tells when a change acts: immediately, which is while `pulumi up` runs, with a
restart of what has to restart, or in the next maintenance window.

| setting (`otakaro:…`) | from → to | in place | replaced | made, removed | services restarted \
| when |
| --- | --- | --- | --- | --- | --- | --- |
"""


def document(plans: Iterable[tuple[str, Case, Plan]]) -> str:
    """The text of docs/changes.md."""
    return _INTRODUCTION + "".join(f"{_row(*each)}\n" for each in plans)


def _row(key: str, case: Case, found: Plan) -> str:
    production = configuration("production")
    full = key if ":" in key else f"{PROJECT}:{key}"
    before = case.base if case.base is not None else production.get(full, "")
    change = "another" if full in SECRET else f"{shown(before)} → {shown(case.to)}"
    if case.along:
        change += ", with " + ", ".join(f"`{name}={to}`" for name, to in case.along.items())
    notes = [case.note, *_aws_notes(found)]
    if found.refused:
        cells = ["**refused**", "", "", "", ""]
    else:
        cells = [
            _told(found.updated) or "nothing",
            _told(found.replaced),
            "; ".join(
                f"{word} {_told(dict.fromkeys(urns, ()))}"
                for word, urns in (
                    ("made:", [*found.created]),
                    ("removed:", [urn for urn in found.removed if urn not in found.let_go]),
                    ("let go, but kept in AWS:", found.let_go),
                )
                if urns
            ),
            ", ".join(name.removeprefix(f"{prefix()}-") for name in found.restarted),
            when(found),
        ]
    cells[0] = " ".join([cells[0], *("<br>" + note for note in notes if note)])
    return "| " + " | ".join([f"`{key}`", change, *cells]) + " |"


def when(found: Plan) -> str:
    """When a change acts, and what restarts for it."""
    stores = sorted({_short(type_of(urn)) for urn in found.interrupted})
    restarts = [*stores, *(["services"] if found.restarted else [])]
    parts = [f"immediately, with a restart of {', '.join(restarts)}" if restarts else "immediately"]
    changes = [*found.created, *found.removed, *found.updated, *found.replaced]
    if {*changes} <= {*found.waiting}:
        parts = []
    if found.waiting:
        later = sorted({_short(type_of(urn)) for urn in found.waiting})
        parts.append(f"{', '.join(later)} in the next maintenance window")
    return "; ".join(parts)


def prefix() -> str:
    """Production's own prefix of names."""
    return configuration("production")[f"{PROJECT}:namePrefix"]


def _aws_notes(found: Plan) -> Iterator[str]:
    for urn, keys in sorted(found.updated.items()):
        for key in keys:
            if note := _AWS.get((type_of(urn), key)):
                yield note


def shown(text: str) -> str:
    """A setting's value as the documents write it."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    if parsed in ("", []):
        return "(none)" if isinstance(parsed, list) else "(empty)"
    if isinstance(parsed, list):
        return f"`{', '.join(parsed)}`" if len(parsed) < 4 else f"{len(parsed)} names"
    return f"`{text}`"


def _told(changes: Mapping[str, Iterable[str]]) -> str:
    """`rds.Instance (instanceClass); 3 ecs.TaskDefinition (cpu, memory)`."""
    groups = Counter(
        (_short(type_of(urn)), ", ".join(k for k in keys if k != "tagsAll"))
        for urn, keys in changes.items()
    )
    parts = []
    for (name, keys), count in sorted(groups.items()):
        number = f"{count} " if count > 1 else ""
        parts.append(f"{number}{name}" + (f" ({keys})" if keys else ""))
    return "; ".join(parts)


def _short(kind: str) -> str:
    package, _, name = kind.removeprefix("aws:").removeprefix("random:").partition("/")
    return f"{package}.{name.split(':')[1]}".removeprefix("index.")


def main() -> int:
    """Write the document; complain of data that a change would cost."""
    with console.working("Deriving what each setting's change does"):
        plans = list(all_plans())
    DOCUMENT.write_text(document(plans))
    console.note(
        f"{DOCUMENT.relative_to(ROOT)}: {len(plans)} changes of {len(settings())} settings"
    )
    from local import settings_page  # which reads this document

    settings_page.write(known=settings_page.read_months())
    return 0


if __name__ == "__main__":
    sys.exit(main())
