"""Each handler runs with nothing but the standard library and what its archive or runtime has."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import files, requires
from pathlib import Path

import pytest

from tests.lambdas.edge import MAP, basic, config, event
from tests.lambdas.loading import unpacked


def _interpreters() -> list[str]:
    """This Python and, where there is one, the runtime's."""
    found = [sys.executable]
    runtime = shutil.which("python3.13")
    if runtime is not None and sys.version_info[:2] != (3, 13):
        answer = subprocess.run(
            [runtime, "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode == 0:
            found.append(answer.stdout.strip())
    return found


@pytest.fixture(params=_interpreters(), ids=lambda path: Path(path).name)
def interpreter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def closure(*wanted: str) -> set[str]:
    """The distributions `wanted` and all that they need."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                needed[0]
                for line in requires(name) or ()
                if "extra ==" not in line and (needed := re.match(r"[\w.-]+", line))
            ]
    return found


def installed(folder: Path, *wanted: str) -> Path:
    """A folder with links to these distributions alone."""
    folder.mkdir()
    for name in closure(*wanted):
        for file in files(name) or ():
            top, place = file.parts[0], Path(str(file.locate()))
            for _ in file.parts[1:]:
                place = place.parent
            if top not in {"..", "bin", "__pycache__"} and not (folder / top).exists():
                (folder / top).symlink_to(place)
    return folder


def run(interpreter: str, code: str, *folders: Path, **environment: str) -> str:
    """What `code` prints in a Python that sees its own library and `folders`, nothing else."""
    paths = [str(folder) for folder in folders]
    answer = subprocess.run(
        [interpreter, "-I", "-S", "-c", f"import sys; sys.path += {paths!r}\n{code}"],
        env={"AWS_DEFAULT_REGION": "ap-southeast-2"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_edge_needs_the_standard_library_only(interpreter: str, tmp_path: Path) -> None:
    unpacked("basic_auth", tmp_path)
    (tmp_path / "config.json").write_text(config())
    code = f"""
import handler
for request in {event(authorization=basic("otakaro:river"))!r}, {event(MAP)!r}:
    print(handler.handler(request, None).get("status", "passes"))
print(sorted(set(sys.modules) & {{"base64", "boto3", "logging", "pathlib", "socket"}}))
"""
    assert run(interpreter, code, tmp_path).splitlines() == ["passes", "401", "[]"]


def test_the_rollout_needs_boto3_only(interpreter: str, tmp_path: Path) -> None:
    unpacked("rollout", tmp_path)
    printed = run(
        interpreter,
        "import handler; handler.handler({'source': 'aws.s3'}, None)",
        tmp_path,
        installed(tmp_path / "runtime", "boto3"),
        CLUSTER="twin-ecs",
        SERVICES=json.dumps({}),
        BY_HAND=json.dumps([]),
        POINTER="live",
        TOPIC_ARN="arn:aws:sns:ap-southeast-2:123456789012:twin",
    )
    assert printed == "Ignored: aws.s3 None is no event of ours\n"


def test_postgis_needs_boto3_and_what_its_archive_carries(interpreter: str, tmp_path: Path) -> None:
    unpacked("postgis", tmp_path)
    code = """
import handler
try:
    handler.create(["postgis"], host="127.0.0.1", port=1, database="d", user="u", password="p",
                   until=0)
except TimeoutError as error:
    print(error)
"""
    printed = run(interpreter, code, tmp_path, installed(tmp_path / "runtime", "boto3", "pg8000"))
    assert printed == "127.0.0.1:1 didn't take a connection in time\n"
