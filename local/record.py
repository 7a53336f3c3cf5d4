"""The program without an engine: evaluated under Pulumi's mocks, every resource recorded.

What unit tests assert on, the diagram is drawn from and the benchmark times.
"""

import asyncio
import fcntl
import hashlib
import json
import pickle
import re
import runpy
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import get_root_resource, mocks, rpc, set_all_config
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "111122223333"  # AWS's own example in its documents
NAME_SERVERS = ["ns-1.awsdns-00.example", "ns-2.awsdns-00.example"]
_SIGNATURE = "4dabf18193072939515e22adb298388d"  # marks a wrapped value in Pulumi's wire format
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 # the mark's value for a secret

# Outputs that a name alone doesn't give; {name} is the physical one.
_OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "aws:s3/bucket:Bucket": {
        "bucket": "{name}",
        "bucketRegionalDomainName": "{name}.s3.example",
    },
    "aws:sqs/queue:Queue": {"url": "https://sqs.example/{name}"},
    "aws:rds/instance:Instance": {"address": "{name}.rds.example", "endpoint": "{name}:5432"},
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "primaryEndpointAddress": "{name}.cache.example"
    },
    "aws:lb/loadBalancer:LoadBalancer": {
        "arn": "arn:aws:elasticloadbalancing:ap-southeast-2:"
        f"{ACCOUNT}:loadbalancer/app/{{name}}/50dc6c495c0c9188",
        "dnsName": "{name}.elb.example",
        "zoneId": "Z0ELB",
        "arnSuffix": "app/{name}/50dc6c495c0c9188",
    },
    "aws:lb/targetGroup:TargetGroup": {"arnSuffix": "targetgroup/{name}/73e2d6bc24d8a067"},
    "aws:cloudfront/distribution:Distribution": {
        "domainName": "{name}.cloudfront.example",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    },
    "aws:ecs/cluster:Cluster": {"arn": f"arn:aws:ecs:ap-southeast-2:{ACCOUNT}:cluster/{{name}}"},
    "aws:ecr/repository:Repository": {"repositoryUrl": "registry.example/{name}"},
    "aws:route53/zone:Zone": {"zoneId": "Z0{name}"},
    "aws:route53/record:Record": {"fqdn": "{name}"},
    "aws:lambda/function:Function": {
        "qualifiedArn": "arn:aws:lambda:us-east-1:" + ACCOUNT + ":function:{name}:1",
        "codeSha256": "sha",
    },
    "aws:lambda/invocation:Invocation": {"result": "{{}}"},
    "random:index/randomPassword:RandomPassword": {"result": "Generated0Password0For0Tests"},
    "random:index/randomId:RandomId": {"hex": "0a1b2c3d"},
    "random:index/randomBytes:RandomBytes": {"hex": "00" * 16, "base64": "AA=="},
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration: what the engine would have been told."""

    type: str
    name: str
    urn: str
    parent: str
    inputs: dict[str, Any]
    secret: frozenset[str]  # inputs that are, or have within them, a secret
    protect: bool
    retained: bool  # deletion only forgets it
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    replace_with: tuple[str, ...]  # URNs
    dependencies: frozenset[str]  # URNs
    sources: dict[str, frozenset[str]]  # input -> URNs of the resources that its value is from
    sent: Struct  # the inputs as the engine gets them, archives and unknown values marked
    id: str
    outputs: Struct

    @cached_property
    def state(self) -> dict[str, Any]:
        """The outputs as plain values."""
        state: dict[str, Any] = _plain(rpc.deserialize_properties(self.outputs, keep_unknowns=True))
        return state


@dataclass
class Recording:
    """All that a program registered."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    result: Any = None

    def __getitem__(self, type_: str) -> dict[str, dict[str, Any]]:
        """The inputs of every resource whose type ends in `type_`, by name."""
        return {r.name: r.inputs for r in self.of(type_)}

    def of(self, type_: str) -> Iterator[Resource]:
        """Every resource whose type ends in `type_`, such as 'ecs/service:Service'."""
        return (r for r in self.resources if r.type.endswith(type_))

    def one(self, type_: str, name: str) -> Resource:
        """The resource of that type and name."""
        return next(r for r in self.of(type_) if r.name == name)

    def waits_for(self, resource: Resource) -> set[str]:
        """Names of all that must exist before `resource`, directly or through others."""
        names = {r.urn: r.name for r in self.resources}
        return {names[urn] for urn in self.all_dependencies(resource)}

    def all_dependencies(self, resource: Resource) -> set[str]:
        """URNs of the resources that `resource` depends on, directly or through others.

        They are created before it, and deleted after it.
        """
        by_urn = {r.urn: r for r in self.resources}
        found: set[str] = set()
        queue = [resource.urn]
        while queue:
            for urn in by_urn[queue.pop()].dependencies - found:
                if urn in by_urn:
                    found.add(urn)
                    queue.append(urn)
        return found


class Cloud(Mocks):
    """Answers as AWS would where the program asks for more than it said; in a preview of what
    doesn't exist yet, nothing beyond the inputs is known."""

    def __init__(self, *, preview: bool) -> None:
        self.preview = preview

    @property
    def key(self) -> str:
        """Identifies the answers, where they depend on the requests alone; else empty."""
        return f"names, preview={self.preview}" if type(self) is Cloud else ""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        inputs = _plain(args.inputs)
        if self.preview:
            return None, inputs
        name = str(inputs.get("name") or inputs.get("identifier") or args.name)
        kind = args.typ.split(":")[1].split("/")[0]
        state: dict[str, Any] = {
            "arn": f"arn:aws:{kind}:ap-southeast-2:{ACCOUNT}:{name}",
            "name": name,
            **inputs,
        }
        for key, value in _OUTPUTS.get(args.typ, {}).items():
            state[key] = value.format(name=name)
        if args.typ == "aws:acm/certificate:Certificate":
            hosts = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
            state["domainValidationOptions"] = [
                {
                    "domainName": host,
                    "resourceRecordName": f"_proof.{host}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": f"_{host}.acm.example.",
                }
                for host in hosts
            ]
        if args.typ == "aws:route53/zone:Zone":
            state["nameServers"] = NAME_SERVERS
        if args.typ == "aws:rds/instance:Instance":
            state["port"] = inputs["port"]
        return f"{args.name}-id", state

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"id": "pl-cloudfront"},
            "aws:route53/getZone:getZone": {"zoneId": "Z0FOUND", "nameServers": NAME_SERVERS},
            "pulumi:pulumi:readStackOutputs": {"outputs": {}},  # nothing is deployed yet
        }
        return {**args.args, **answers[args.token]}, []


class _Recorder(MockMonitor):
    """Keeps what Pulumi's own mock monitor does not: parents, protection, dependencies."""

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return a URN that no engine's run before this one gives another stack and project."""
        _, _, kinds, _ = super().make_urn(parent, type_, name).split("::")
        return f"urn:pulumi:stack::project::{kinds}::{name}"

    def __init__(self, recording: Recording, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            raw = rpc.deserialize_properties(request.object, keep_unknowns=True)
            sources = {
                key: frozenset(entry.urns) for key, entry in request.propertyDependencies.items()
            }
            dependencies = set(request.dependencies).union(*sources.values())
            self._recording.resources.append(
                Resource(
                    type=request.type,
                    name=request.name,
                    urn=answer.urn,
                    parent=request.parent,
                    inputs=_plain(raw),
                    secret=frozenset(key for key, value in raw.items() if _has_secret(value)),
                    protect=bool(request.protect),
                    retained=bool(request.retainOnDelete),
                    ignore_changes=tuple(request.ignoreChanges),
                    replace_on_changes=tuple(request.replaceOnChanges),
                    replace_with=tuple(request.replace_with),
                    dependencies=frozenset(dependencies),
                    sources=sources,
                    sent=request.object,
                    id=answer.id,
                    outputs=answer.object,
                )
            )
        # What the engine does with outputs that a resource declares to be secret.
        for key in request.additionalSecretOutputs:
            if key in answer.object:
                answer.object[key] = {_SIGNATURE: _SECRET, "value": answer.object[key]}
        return answer


def record(
    build: Callable[[], object],
    config: Mapping[str, str] | None = None,
    *,
    preview: bool = False,
    secret: Collection[str] = (),
    cloud: Cloud | None = None,
) -> Recording:
    """Run `build` under mocks until every registration has landed.

    Args:
        build: registers resources; its answer, outputs within it resolved, is kept as `result`.
        config: full key to value, as `configuration` gives it.
        preview: nothing exists yet, so ids and computed outputs are unknown.
        secret: keys besides SECRETS that the stack file has encrypted.
        cloud: answers otherwise than with names that are easy to read.

    Raises:
        Exception: whatever `build` raises.
    """
    try:
        asyncio.get_event_loop()
    except RuntimeError:  # an asyncio.run before leaves no loop behind, and the SDK wants one
        asyncio.set_event_loop(asyncio.new_event_loop())
    recording = Recording()
    cloud = cloud or Cloud(preview=preview)
    monitor = _Recorder(recording, cloud)
    set_mocks(cloud, project="otakaro", stack="recorded", preview=preview, monitor=monitor)
    values = dict(config or {})
    set_all_config(values, [key for key in values if key in SECRETS or key in secret])

    def keep(known: list[Any]) -> None:
        recording.result, recording.outputs = known

    def run() -> pulumi.Output[None]:
        stack = get_root_resource()
        exported = stack.outputs if isinstance(stack, Stack) else {}
        exported.clear()  # an earlier run's
        if stack is not None:
            stack._transformations = []
        result = build()
        return pulumi.Output.all(result, exported).apply(keep)

    # Where a resource was registered interests no one here, and takes a sixth of the time.
    with patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace):
        mocks.test(run)()  # type: ignore[no-untyped-call]
    return recording


def record_program(
    config: Mapping[str, str],
    *,
    preview: bool = False,
    secret: Collection[str] = (),
    cloud: Cloud | None = None,
    stored: bool = True,
) -> Recording:
    """Run the whole program, `__main__.py`, with `config`.

    Within `share_recordings`, one run serves all processes that ask for the same, unless `stored`
    is false. A run that raises is never stored.
    """

    def build() -> None:
        forget_program()
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    def run() -> Recording:
        sys.path[:0] = [] if str(ROOT) in sys.path else [str(ROOT)]
        return record(build, config, preview=preview, secret=secret, cloud=cloud)

    cloud = cloud or Cloud(preview=preview)
    if not (stored and cloud.key and _SHARED):
        return run()
    wanted = json.dumps([sorted(config.items()), preview, sorted(secret), cloud.key])
    path = _folder() / hashlib.sha256(wanted.encode()).hexdigest()[:32]
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            recording: Recording = pickle.loads(zlib.decompress(path.read_bytes()))  # noqa: S301
            return recording
        recording = run()
        written = path.with_suffix(".new")
        written.write_bytes(zlib.compress(pickle.dumps(recording), 1))
        written.rename(path)
    return recording


_SHARED: list[Path] = []
_LIFETIME = 3600  # s, of recordings of other sources


def share_recordings(folder: Path) -> None:
    """Let all later calls of `record_program` in this process keep their recordings in `folder`,
    for each other and for other processes, until a source changes."""
    _SHARED.append(folder)


def _folder() -> Path:
    """The folder for recordings of the present sources; those of older ones are removed."""
    folder = _SHARED[-1] / _sources()
    if not folder.exists():
        _SHARED[-1].mkdir(parents=True, exist_ok=True)
        for other in _SHARED[-1].iterdir():
            if time.time() - other.stat().st_mtime > _LIFETIME:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    return folder


@cache
def _sources() -> str:
    """A digest of all that a recording depends on besides its configuration."""
    read = ["*.py", "requirements*.txt", "lambdas/**/*", "pages/**/*", "wrappers/**/*"]
    read += ["local/**/*.py", "local/**/*.json", "local/**/*.yaml", "tests/contract/**/*.py"]
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for path in sorted({path for pattern in read for path in ROOT.glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(ROOT)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:32]


def forget_program() -> None:
    """Let the next run import the program's modules anew: Pulumi's objects belong to one run."""
    for path in ROOT.glob("*.py"):
        sys.modules.pop(path.stem, None) if path.stem != "__main__" else None


SECRETS = {
    "otakaro:databasePassword": "Example0Database0Password",
    "otakaro:basicAuthUser": "example-visitor",
    "otakaro:basicAuthPassword": "example edge password",
}


def configuration(stack: str) -> dict[str, str]:
    """What the CLI hands to a program of `stack`: its file over the defaults of `Pulumi.yaml`,
    with stand-ins for the secrets."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    defaults = {key: declared["default"] for key, declared in project["config"].items()}
    return {key: _text(value) for key, value in {**defaults, **own}.items()} | SECRETS


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> Any:
    """`value` with secrets opened."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) and "value" in value:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        wrapped = _SIGNATURE in value and "value" in value
        return wrapped or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))


def document(text: str) -> Any:
    """A JSON input (policy, container definitions) as data."""
    return json.loads(text)


def kinds(recording: Recording) -> dict[str, int]:
    """How many resources of each type there are, components left out."""
    counts: dict[str, int] = {}
    for resource in recording.resources:
        if not re.match("otakaro:", resource.type):
            counts[resource.type] = counts.get(resource.type, 0) + 1
    return dict(sorted(counts.items()))
