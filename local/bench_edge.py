"""How fast the edge's function is, against floors and the usual ones: part of `make bench`.

What is measured is the function's real archive, with production's own configuration, in the Python
of Lambda's runtime where this machine has one: work per request (a handler that takes one SHA-256
and returns the request is the floor), a cold start in a process that has loaded what Lambda's
runtime loads (an empty module is the floor), and the archive's size. The usual Basic Auth functions
in Python and JavaScript (`local/edge_bench`) are measured in the same run.

python -m local.bench_edge        measures and rewrites its part of docs/benchmarks.md
"""

import base64
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from local import paths
from local.record import SECRETS, configuration, record_program

HERE = Path(__file__).with_name("edge_bench")
REPORT = paths.ROOT / "docs" / "benchmarks.md"
TITLE = "## The edge's function"
RUNTIME = "python3.13"  # as cloudfront.BasicAuth asks for
STARTS = 40
# What Lambda's bootstrap has imported when it comes to the handler.
LOADED = "import awslambdaric.bootstrap"

# What browsers send along; about as many headers as a map's request has.
COMMON = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "accept-language": "en-NZ,en;q=0.7,mi;q=0.3",
    "accept-encoding": "gzip, deflate, br, zstd",
    "sec-fetch-dest": "image",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-site",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "x-forwarded-for": "203.0.113.178",
    "via": "2.0 d111111abcdef8.cloudfront.net (CloudFront)",
    "priority": "u=5, i",
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "dnt": "1",
    "te": "trailers",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Requests of one kind."""

    words: str
    texts: list[str]
    forget: bool = False  # each is the first of its kind
    goal: float | None = None


@dataclass(frozen=True, kw_only=True)
class Package:
    """The function's archive, as it is uploaded."""

    files: dict[str, str]

    @classmethod
    def of_production(cls) -> "Package":
        functions = record_program(configuration("production"))["lambda/function:Function"]
        [code] = [made["code"] for name, made in functions.items() if name.endswith("-basic-auth")]
        return cls(
            files={
                path: asset.text
                if isinstance(asset, pulumi.StringAsset)
                else Path(asset.path).read_text(encoding="utf-8")
                for path, asset in code.assets.items()
            }
        )

    @property
    def size(self) -> int:
        """Bytes of the zip file."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, text in self.files.items():
                archive.writestr(path, text)
        return len(target.getvalue())

    def unpack(self, folder: Path) -> Path:
        folder.mkdir()
        for path, text in self.files.items():
            (folder / path).write_text(text, encoding="utf-8")
        return folder


def _event(host: str, uri: str, method: str = "GET", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = {
        "clientIp": "203.0.113.178",
        "headers": {
            name: [{"key": name.title(), "value": value}]
            for name, value in {"host": host, **COMMON, **named}.items()
        },
        "method": method,
        "querystring": "service=WMS&request=GetMap&layers=otakaro:flood&width=256&height=256",
        "uri": uri,
    }
    config = {
        "distributionDomainName": "d111111abcdef8.cloudfront.net",
        "distributionId": "EDFDVBD6EXAMPLE",
        "eventType": "viewer-request",
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
    }
    return json.dumps({"Records": [{"cf": {"config": config, "request": request}}]})


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _cases(package: Package) -> dict[str, Case]:
    config: dict[str, Any] = json.loads(package.files["config.json"])
    home: str = config["map"]
    [api] = [host for host in config["hosts"] if host.startswith("api.")]
    [geoserver] = config["closed"]
    page, origin = f"https://{home}/", f"https://{home}"
    known = _basic(SECRETS["otakaro:basicAuthUser"], SECRETS["otakaro:basicAuthPassword"])
    visit = [_event(home, "/", authorization=known)]
    wms = [_event(geoserver, "/geoserver/otakaro/wms", referer=page)]
    tiles = [
        _event(geoserver, f"/geoserver/gwc/service/tms/1.0.0/a:b@png/9/{n}/7.png", referer=page)
        for n in range(200)
    ]
    asked = {"origin": origin, "access_control_request_method": "POST"}
    return {
        "visit": Case(words="credentials checked", texts=visit, goal=2.0),
        "first": Case(words="the same, seen for the first time", texts=visit, forget=True),
        "from-map": Case(
            words="from the map's page",
            texts=[_event(api, "/models/1", origin=origin, referer=page)],
            goal=2.0,
        ),
        "preflight": Case(
            words="preflight", texts=[_event(api, "/models", "OPTIONS", **asked)], goal=2.0
        ),
        "wms": Case(words="closed paths, GeoServer WMS", texts=wms, goal=2.0),
        "tile": Case(words="the same, path and query for the first time", texts=tiles, forget=True),
        "refused": Case(words="refused with 401", texts=[_event(home, "/", referer=page)]),
    }


def _python() -> str:
    """The runtime's Python, or this one where the machine has none."""
    found = shutil.which(RUNTIME)
    if found is not None:
        works = subprocess.run([found, "-c", ""], stderr=subprocess.DEVNULL, check=False)
        if works.returncode == 0:
            return found
    return sys.executable


def _with_runtime(folder: Path, python: str) -> str:
    """An environment of that Python with Lambda's runtime in it."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    made = str(folder / "bin" / "python")
    options = ["--quiet", "--disable-pip-version-check", "-r", str(HERE / "requirements.txt")]
    subprocess.run([made, "-m", "pip", "install", *options], check=True)
    return made


def _clocked(python: str, handlers: dict[str, Path], cases: dict[str, Case]) -> dict[str, Any]:
    wish = {
        "handlers": {name: str(file) for name, file in handlers.items()},
        "cases": {
            name: {"texts": case.texts * (200 // len(case.texts)), "forget": case.forget}
            for name, case in cases.items()
        },
        "rounds": 20,
    }
    return _answer([python, "-I", "-B", str(HERE / "clock.py")], json.dumps(wish))


def _answer(command: list[str], given: str) -> dict[str, Any]:
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _starts(commands: dict[str, list[str]]) -> dict[str, list[float]]:
    """Seconds of whole processes, one of each kind after the other, over and over."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True)
            times[name].append(time.perf_counter() - began)
    return times


def _importing(python: str, folder: Path, before: str, *options: str) -> list[str]:
    # No byte code: Lambda's folder of code can't be written, so each cold start compiles anew.
    code = f"{before}\nimport sys\nsys.path.insert(0, {str(folder)!r})\nimport handler"
    return [python, "-B", *options, "-c", code]


def _ratio(times: dict[str, list[float]], ours: str, floor: str) -> str:
    mine, least = times[ours], times[floor]
    middle = statistics.median(mine), statistics.median(least)
    return (
        f"{min(mine) / min(least):.2f} | {middle[0] / middle[1]:.2f} |"
        f" {middle[0] * 1000:.1f} / {middle[1] * 1000:.1f}"
    )


def _per_request(
    cases: dict[str, Case], clocked: dict[str, dict[str, float]], node: dict[str, float] | None
) -> Iterator[str]:
    yield "| request | times the floor | goal | ns | floor |"
    yield "| --- | --- | --- | --- | --- |"
    for name, case in cases.items():
        ours, floor = clocked[name]["ours"], clocked[name]["floor"]
        goal = "" if case.goal is None else f"{case.goal:.1f}"
        yield f"| {case.words} | {ours / floor:.2f} | {goal} | {ours:.0f} | {floor:.0f} |"
    usual, floor = clocked["usual"]["usual"], clocked["usual"]["floor"]
    yield f"| the usual Python function, credentials | {usual / floor:.2f} | | {usual:.0f} | {floor:.0f} |"  # noqa: E501
    if node is not None:
        usual, floor = node["usual"], node["floor"]
        yield f"| the usual Node function, credentials | {usual / floor:.2f} | | {usual:.0f} | {floor:.0f} |"  # noqa: E501


def section() -> list[str]:
    """Measure, and tell it in Markdown."""
    package = Package.of_production()
    cases = _cases(package)
    usual = [_event("host.example", "/", authorization=_basic("visitor", _PASSWORD))]
    python, node = _python(), shutil.which("node")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours = package.unpack(folder / "ours")
        for name, text in (("empty", ""), ("usual", (HERE / "usual.py").read_text())):
            (folder / name).mkdir()
            (folder / name / "handler.py").write_text(text)
        runtime = _with_runtime(folder / "runtime", python)
        clocked = _clocked(runtime, {"ours": ours / "handler.py"}, cases)
        compared = {"usual": Case(words="", texts=usual)}
        clocked["cases"] |= _clocked(runtime, {"usual": HERE / "usual.py"}, compared)["cases"]
        kinds = ("ours", "empty", "usual")
        commands = {name: _importing(runtime, folder / name, LOADED) for name in kinds}
        bare = {name: _importing(python, folder / name, "", "-I") for name in kinds}
        if node is not None:
            commands["node"] = [node, "-e", f"require({str(HERE / 'usual.js')!r})"]
            commands["node-empty"] = [node, "-e", ""]
        starts, bare_starts = _starts(commands), _starts(bare)
        answered = (
            None
            if node is None
            else _answer(
                [node, str(HERE / "clock.js"), str(HERE / "usual.js"), "20"],
                json.dumps(usual * 200),
            )
        )
    headers = len(json.loads(cases["visit"].texts[0])["Records"][0]["cf"]["request"]["headers"])
    rows = {
        f"Lambda's runtime, then the function | {_ratio(starts, 'ours', 'empty')}": "1.2",
        f"Lambda's runtime, then the usual Python one | {_ratio(starts, 'usual', 'empty')}": "",
        f"`python -I`, then the function | {_ratio(bare_starts, 'ours', 'empty')}": "",
        f"`python -I`, then the usual one | {_ratio(bare_starts, 'usual', 'empty')}": "",
    }
    if node is not None:
        rows[f"Node, then the usual one | {_ratio(starts, 'node', 'node-empty')}"] = ""
    told = "" if node is not None else " There is no Node on this machine, so its row is missing."
    return [
        TITLE,
        "",
        "`.venv/bin/python -m local.bench_edge` measures this part alone. It is the real archive,",
        f"with production's configuration: {package.size} bytes (goal: under 20,000). Python",
        f"{clocked['python']}; requests with {headers} headers, each parsed afresh and timed by",
        "itself, medians. The floor takes one SHA-256 and returns the request. Credentials and",
        f"paths are remembered, so first times have rows of their own.{told}",
        "",
        *_per_request(cases, clocked["cases"], answered),
        "",
        f"Cold start: a fresh process that imports the function, without byte code, {STARTS}",
        "times, against an empty module (Node: no module).",
        "",
        "| process | of minima | of medians | ms | goal |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {row} | {goal} |" for row, goal in rows.items()),
    ]


_PASSWORD = "a password of the usual length"  # noqa: S105 - the usual functions' own


def main() -> None:
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else ""
    before, _, rest = text.partition(TITLE)
    _, mark, after = rest.partition("\n## ")
    lines = section()
    REPORT.write_text(
        before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + (f"\n## {after}" if mark else ""),
        encoding="utf-8",
    )
    print("\n".join(lines))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
