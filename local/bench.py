"""How long the program and the local stack take, as ratios against floors: `make bench`.

Everything is measured in the same run, each measured thing in a process of its own, and the
floors stand beside what they are compared with:

- evaluating the program under mocks / the same resources registered bare: the same SDK classes with
  their final inputs written out, without components, wiring or settings;
- `up` and an `up` without changes on the emulator / as many trivial resources over a provider that
  answers at once;
- the edge's function / a handler that does nearly nothing (`local.bench_edge`).
"""

import argparse
import importlib
import inspect
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi import automation
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local import bench_edge, cli, images, paths, waits
from local.process import Engine
from local.record import Recording, configuration, record, record_program
from local.rolling import Rollout
from local.session import opened

STACK = "local"
REPORT = paths.ROOT / "docs" / "benchmarks.md"
CONNECTIONS = "## Connections to targets"  # written by tests.servers.measure


@dataclass(frozen=True)
class Measured:
    """Times of one thing in seconds, and the most memory of its processes in MiB."""

    times: dict[str, list[float]]
    memory: float


class Instant(provider_pb2_grpc.ResourceProviderServicer):
    """A provider that agrees to everything at once."""

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.CreateResponse(id=request.urn, properties=request.properties)

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: ARG002, N802
        return empty_pb2.Empty()


@contextmanager
def _instant_provider() -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Instant(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def program(rounds: int) -> dict[str, list[float]]:
    """The program under mocks; the first run, which imports the SDK, doesn't count."""
    config = configuration("production")
    record_program(config)
    return {"evaluate": [_timed(lambda: record_program(config)) for _ in range(rounds)]}


def bare(rounds: int) -> dict[str, list[float]]:
    """The program's resources, registered one by one with inputs that are known already."""
    recording = record_program(configuration("production"))
    build = _bare_program(recording)
    record(build)
    return {"evaluate": [_timed(lambda: record(build)) for _ in range(rounds)]}


def _bare_program(recording: Recording) -> Callable[[], None]:
    calls = []
    for made in recording.resources:
        package, path, name = made.type.split(":")
        if package == "otakaro":
            continue
        module = path.split("/")[0]
        module = {"index": "", "lambda": ".lambda_"}.get(module, f".{module}")
        kind = getattr(importlib.import_module(f"pulumi_{package}{module}"), name)
        accepted = inspect.signature(kind._internal_init).parameters
        inputs = {
            key: value
            for key, value in ((_snake(k, accepted), v) for k, v in made.inputs.items())
            if key in accepted
        }
        calls.append((kind, made.name, inputs))

    def build() -> None:
        for kind, name, inputs in calls:
            kind(name, **inputs)

    return build


def _snake(key: str, accepted: Any) -> str:
    plain = {name.replace("_", "").lower(): name for name in accepted}
    return str(plain.get(key.lower(), key))


def stack(rounds: int) -> dict[str, list[float]]:
    """The real engine, provider and emulator: first `up`, then one without changes."""
    times: dict[str, list[float]] = {"up": [], "no change": []}
    for _ in range(rounds):
        with opened(STACK) as session:
            times["up"].append(_timed(session.stack.up))
        with opened(STACK) as session:
            times["no change"].append(_timed(session.stack.up))
        with opened(STACK) as session:
            session.stack.destroy()
    return times


def trivial(rounds: int) -> dict[str, list[float]]:
    """As many resources that are nothing, over a provider that does nothing."""
    count = len(record_program(configuration(STACK)).resources)

    def build() -> None:
        for index in range(count):
            pulumi.CustomResource("aws:bench:Thing", f"thing-{index}", {"size": index})

    times: dict[str, list[float]] = {"up": [], "no change": []}
    folder = paths.folder(paths.state() / "trivial", "")
    with _instant_provider() as port:
        workspace = automation.LocalWorkspace(
            work_dir=str(folder),
            pulumi_home=str(paths.state() / "pulumi"),
            program=build,
            project_settings=automation.ProjectSettings(name="bench", runtime="python"),
            env_vars={
                "PULUMI_BACKEND_URL": paths.folder(paths.state() / "bench", "").as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "bench",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DEBUG_PROVIDERS": f"aws:{port}",
            },
            pulumi_command=Engine(cli.find(), cli.SDK),
        )
        deployed = automation.Stack.create_or_select("bench", workspace)
        for _ in range(rounds):
            times["up"].append(_timed(deployed.up))
            times["no change"].append(_timed(deployed.up))
            deployed.destroy()
    return times


def rolls(rounds: int) -> dict[str, list[float]]:
    """From a push's last byte to the new deployment that it brings, the first one cold; then the
    queue's own delay, which lets the records of ECR and ECS settle."""
    with opened(STACK) as session:
        session.stack.up()
    rollout = Rollout.of(STACK)
    repository = rollout.repository("geoserver")
    [service] = rollout.services_of(repository)
    registry = urllib.parse.urlsplit(rollout.account.endpoint).netloc
    times = []
    for number in range(rounds):
        before = rollout.deployments([service]).get(service, {}).get("serviceDeploymentArn")
        target = images.Target(registry=registry, repository=repository, tag=f"bench-{number}")
        with images.made(architecture="amd64", title=repository, crash=False) as layout:
            images.push_layout(layout, target)
        pushed = time.time()
        while (newest := rollout.deployments([service]).get(service)) is None or (
            newest["serviceDeploymentArn"] == before
        ):
            time.sleep(0.05)
        times.append(newest["createdAt"].timestamp() - pushed)
        while rollout.deployments([service])[service]["status"] not in ("SUCCESSFUL", "STOPPED"):
            time.sleep(0.05)
    sqs = rollout.account.client("sqs")
    [queue] = [url for url in sqs.list_queues()["QueueUrls"] if url.endswith("-images.fifo")]
    known = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["DelaySeconds"])["Attributes"]
    with opened(STACK) as session:
        session.stack.destroy()
    return {"roll": times, "delay": [float(known["DelaySeconds"])]}


WORKS = {"rolls": rolls, "program": program, "bare": bare, "stack": stack, "trivial": trivial}


def _work(name: str, rounds: int) -> None:
    """In a process of its own: measure one thing, print it as JSON on the last line."""
    times = WORKS[name](rounds)
    used = sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(json.dumps({"times": times, "memory": used / 1024}))


def _measure(name: str, rounds: int) -> Measured:
    print(f"measuring {name}, {rounds} times ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        environment = {**os.environ, "OTAKARO_LOCAL": folder, "LOCAL_PORT": port}
        try:
            done = subprocess.run(
                [
                    *(sys.executable, "-W", "ignore", "-m", "local.bench"),
                    *("--work", name, "--rounds", str(rounds)),
                ],
                cwd=paths.ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
        finally:
            subprocess.run(
                [sys.executable, "-m", "local", "reset"],
                cwd=paths.ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=False,
            )
    answer = json.loads(done.stdout.splitlines()[-1])
    return Measured(answer["times"], answer["memory"])


def _rows(measured: dict[str, Measured]) -> Iterator[str]:
    pairs = (
        ("evaluate the program under mocks", "program", "bare", "evaluate", 1.3),
        ("`up` of the local stack", "stack", "trivial", "up", 2.0),
        ("`up` without changes", "stack", "trivial", "no change", 2.0),
    )
    for words, ours, floor, key, goal in pairs:
        mine, least = measured[ours].times[key], measured[floor].times[key]
        yield (
            f"| {words} | {min(mine) / min(least):.2f} |"
            f" {statistics.median(mine) / statistics.median(least):.2f} | {goal:.1f} |"
            f" {min(mine):.2f} / {statistics.median(mine):.2f} |"
            f" {min(least):.2f} / {statistics.median(least):.2f} |"
            f" {measured[ours].memory:.0f} / {measured[floor].memory:.0f} |"
        )


def _rolls(times: dict[str, list[float]]) -> list[str]:
    [delay], rolled = times["delay"], times["roll"]
    warm = rolled[1:]
    return [
        f"From a push's last byte to the service's new deployment, {len(rolled)} pushes: median"
        f" {statistics.median(warm):.1f} s, worst {max(warm):.1f} s, the first (cold)"
        f" {rolled[0]:.1f} s; {delay:.0f} s of it is the queue's delay"
        f" ({statistics.median(warm) / delay:.2f} times the delay).",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", choices=WORKS, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.work:
        _work(arguments.work, arguments.rounds)
        return
    rounds = arguments.rounds
    measured = {
        "program": _measure("program", 4 * rounds),
        "bare": _measure("bare", 4 * rounds),
        "stack": _measure("stack", rounds),
        "trivial": _measure("trivial", rounds),
        "rolls": _measure("rolls", 20),
    }
    count = len(record_program(configuration(STACK)).resources)
    lines = [
        "# Benchmarks",
        "",
        "`make bench` measures both sides of each ratio in the same run and writes this page.",
        "Floors: the same resources registered bare (same SDK classes, final inputs, no wiring),",
        f"and as many trivial resources ({count}) over a provider that answers at once.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()}"
        f" {platform.machine()}, Python {platform.python_version()}, Pulumi {cli.SDK};"
        f" {4 * rounds} runs of the first row, {rounds} of the others.",
        "",
        "| what | ratio of minima | of medians | goal | s, min / median | floor | MiB, both |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_rows(measured),
        "",
        *_rolls(measured["rolls"].times),
        *waits.report(record_program(configuration(waits.STACK))),
        *bench_edge.section(),
        "",
    ]
    REPORT.parent.mkdir(exist_ok=True)
    # Other commands write the sections after these.
    kept = REPORT.read_text().partition(f"\n{CONNECTIONS}\n") if REPORT.exists() else ("", "", "")
    Path(REPORT).write_text("\n".join(lines) + "".join(kept[1:]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
