"""Whatever a user's shell sets, commands and their child processes work on loopback, in UTF-8."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from local import bootstrap, emulator, environment
from local.record import ROOT
from tests.local.stack import misleading

HOSTILE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "AWS_PROFILE": "somebody",
    "PULUMI_ACCESS_TOKEN": "a token",
    "PYTHONPATH": "/modules",
    "PYTHONHOME": "/python",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONIOENCODING": "ascii",
    "PIP_TARGET": "/packages",
    "TZ": "America/St_Johns",
    "LC_ALL": "C",
}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A shell in which only a few variables are set, and those are hostile."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in {"PATH": "/usr/bin:/bin", "HOME": "/home/anna", **HOSTILE}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("shell")
def test_a_program_on_loopback_gets_nothing_of_the_shell_but_the_machine() -> None:
    assert environment.limited(OWN="1") == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/anna",
        "LC_ALL": "C",
        "OWN": "1",
    }


@pytest.mark.parametrize("language", ["C", "POSIX", "en_NZ.ISO-8859-1", "mi_NZ.UTF-8"])
def test_a_server_gets_the_same_in_every_shell(shell: pytest.MonkeyPatch, language: str) -> None:
    shell.setenv("LC_ALL", language)
    assert environment.service(HOME="/own") == {
        "PATH": "/usr/bin:/bin",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "HOME": "/own",
    }


@pytest.mark.usefixtures("shell")
def test_the_emulator_and_its_functions_have_utc_and_no_proxy(tmp_path: Path) -> None:
    seen = emulator.variables(4566, tmp_path, tmp_path / "tmp", "")
    assert seen["TZ"] == "UTC"
    assert not {name for name in HOSTILE if name not in ("TZ", "LC_ALL")} & seen.keys()


@pytest.mark.usefixtures("shell")
def test_an_installer_keeps_the_proxy_and_loses_what_misleads_python() -> None:
    kept = environment.inherited()
    assert kept["HTTP_PROXY"] == HOSTILE["HTTP_PROXY"]
    assert not {name for name in kept if name.startswith(("PYTHON", "PIP_"))} - {"PYTHONUTF8"}
    assert environment.misleading()


def test_a_clean_environment_needs_no_second_start(shell: pytest.MonkeyPatch) -> None:
    for name, value in environment.inherited().items():
        shell.setenv(name, value)
    for name in set(os.environ) - set(environment.inherited()):
        shell.delenv(name)
    assert not environment.misleading()
    assert environment.inherited() == dict(os.environ)


@pytest.mark.parametrize("given", ["", "example.org", "*", "localhost, example.org"])
def test_loopback_is_reached_without_the_proxy(shell: pytest.MonkeyPatch, given: str) -> None:
    shell.setenv("NO_PROXY", given)
    kept = environment.inherited()
    for name in ("NO_PROXY", "no_proxy"):
        shell.setenv(name, kept[name])
    assert urllib.request.proxy_bypass("127.0.0.1:4566")
    assert urllib.request.proxy_bypass("localhost")
    assert set(filter(None, map(str.strip, given.split(",")))) <= set(kept["NO_PROXY"].split(","))


def test_a_command_starts_again_without_the_misleading_modules(tmp_path: Path) -> None:
    done = subprocess.run(
        [bootstrap.python_of(bootstrap.VENV), "-m", "local", "up", "--set", "nothing"],
        cwd=ROOT,
        env={
            **os.environ,
            "OTAKARO_LOCAL": str(tmp_path / "state"),
            "PYTHONPATH": str(misleading(tmp_path / "modules")),
            "PYTHONIOENCODING": "ascii",
            "LC_ALL": "C",
        },
        capture_output=True,
        text=True,
    )
    assert "misled" not in done.stderr
    assert "error: 'nothing' sets nothing" in done.stderr


def test_make_starts_python_without_the_modules_of_the_shell(tmp_path: Path) -> None:
    """Not even in the first, bare Python, in which the environment is looked for."""
    modules = misleading(tmp_path / "modules")
    (modules / "venv.py").write_text("raise SystemExit('misled: venv')\n")
    done = subprocess.run(
        ["make", "outputs", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={
            **os.environ,
            "OTAKARO_LOCAL": str(tmp_path / "state"),
            "PYTHONPATH": str(modules),
            "PYTHONSAFEPATH": "1",
            "ACCOUNT": "",
        },
        capture_output=True,
        text=True,
    )
    assert "misled" not in done.stderr
    assert "error: the stack local is not deployed" in done.stderr
