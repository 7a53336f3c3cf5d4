"""The workflows ask for little, run what is pinned, and name what is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import workflows
from local.errors import LocalError
from local.record import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
# What each job may do besides reading the repository.
MORE = {
    "pull-request.comment": {"pull-requests": "write"},
    "production.preview": {"id-token": "write"},
    "production.deploy": {"id-token": "write"},
    "drift.look": {"id-token": "write"},
    "drift.tell": {"issues": "write"},
}
ENVIRONMENTS = {
    "production.preview": "preview",
    "production.deploy": "production",
    "drift.look": "preview",
}


def loaded(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def events(workflow: dict[Any, Any]) -> dict[str, Any]:
    """What starts it: YAML 1.1 reads `on` as true."""
    started: dict[str, Any] = workflow[True]
    return started


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        for name, job in loaded(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step
    for path in ACTIONS:
        for step in loaded(path)["runs"]["steps"]:
            yield path.parent.name, step


def test_the_workflows_are_those_that_we_look_at() -> None:
    assert [path.stem for path in FILES] == ["drift", "production", "pull-request"]


def test_actionlint_finds_nothing() -> None:
    try:
        assert workflows.lint() == []
    except LocalError as error:
        pytest.skip(str(error))


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "drift.yml").read_text()
    (tmp_path / "drift.yml").write_text(text.replace("steps.look.outputs", "steps.lok.outputs"))
    try:
        told = workflows.lint(tmp_path)
    except LocalError as error:
        pytest.skip(str(error))
    assert any('"lok"' in line for line in told), told


def test_every_workflow_may_only_read_and_jobs_say_what_they_need_more() -> None:
    for path in FILES:
        assert loaded(path)["permissions"] == {"contents": "read"}, path
    found = {
        name: {key: value for key, value in job["permissions"].items() if key != "contents"}
        for name, job in jobs()
        if "permissions" in job
    }
    assert found == MORE
    assert all(
        job["permissions"]["contents"] == "read" for _, job in jobs() if "permissions" in job
    )


def test_pull_requests_reach_neither_aws_nor_a_secret() -> None:
    path = ROOT / ".github" / "workflows" / "pull-request.yml"
    assert set(events(loaded(path))) == {"pull_request"}
    text = path.read_text()
    assert "secrets." not in text
    assert "id-token" not in text
    assert "environment:" not in text
    assert "aws-actions" not in text
    assert "./.github/actions/stack" not in text


def test_nothing_starts_with_more_rights_than_its_author_has() -> None:
    for path in FILES:
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(
            events(loaded(path))
        )


def test_the_job_that_comments_runs_the_base_branchs_code() -> None:
    job = loaded(ROOT / ".github" / "workflows" / "pull-request.yml")["jobs"]["comment"]
    [checkout] = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "head.repo.full_name == github.repository" in job["if"]


def test_aws_is_reached_from_an_environment_on_main_alone() -> None:
    reaching = {name for name, job in jobs() if "id-token" in job.get("permissions", {})}
    assert reaching == set(ENVIRONMENTS)
    for name, job in jobs():
        assert job.get("environment") == ENVIRONMENTS.get(name), name
        if name in reaching and "needs" not in job:
            assert job["if"] == "${{ github.ref == 'refs/heads/main' }}", name


def test_no_long_lived_key_of_aws_is_used() -> None:
    for path in (*FILES, *ACTIONS):
        assert "aws-access-key-id" not in path.read_text()
    [step] = [step for _, step in steps() if "configure-aws" in step.get("uses", "")]
    assert step["with"]["role-to-assume"] == "${{ inputs.role }}"


def test_a_deployment_waits_for_its_preview_and_is_never_cut_off() -> None:
    job = dict(jobs())["production.deploy"]
    assert job["needs"] == "preview"
    assert job["concurrency"] == {"group": "production", "cancel-in-progress": False}
    [run] = [step for step in job["steps"] if "review deploy" in step.get("run", "")]
    assert run["env"]["APPROVED"] == "${{ needs.preview.outputs.digest }}"


def test_every_action_is_pinned_by_its_commit_with_its_version() -> None:
    for path in (*FILES, *ACTIONS):
        for line in path.read_text().splitlines():
            if used := re.search(r"uses: (\S+)(.*)", line):
                ours = used[1].startswith("./") and (ROOT / used[1] / "action.yml").exists()
                pinned = re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used[1])
                version = re.fullmatch(r" # v\d+\.\d+\.\d+", used[2])
                assert ours or (pinned and version), f"{path.name}: {line.strip()}"


def test_no_checkout_leaves_its_token_behind() -> None:
    found = [step for _, step in steps() if "actions/checkout" in step.get("uses", "")]
    assert len(found) >= 6
    assert all(step["with"]["persist-credentials"] is False for step in found)


def test_no_expression_gets_into_a_script() -> None:
    assert [name for name, step in steps() if "${{" in step.get("run", "")] == []


def test_every_job_ends_by_itself() -> None:
    assert {name: job.get("timeout-minutes", 999) <= 120 for name, job in jobs()} == {
        name: True for name, _ in jobs()
    }


def test_every_command_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    makes: set[str] = set()
    modules: set[str] = set()
    for _, step in steps():
        script = step.get("run", "")
        makes |= set(re.findall(r"\bmake (?:-C \w+ )?([a-z-]+)", script))
        modules |= set(re.findall(r"-m ([\w.]+)", script))
    assert makes == {"check", "unit", "up", "preview", "reset"}
    assert makes <= targets
    assert modules == {"review", "local.bootstrap"}
    commands = {"preview", "deploy", "drift", "tell", "comment", "issue"}
    named = {
        word for _, step in steps() for word in re.findall(r"-m review (\w+)", step.get("run", ""))
    }
    assert named == commands


def test_every_file_that_a_cache_depends_on_is_there() -> None:
    text = "".join(path.read_text() for path in (*FILES, *ACTIONS))
    hashed = [
        name for found in re.findall(r"hashFiles\(([^)]*)\)", text) for name in found.split(",")
    ]
    patterns = [name.strip(" '").removeprefix("change/") for name in hashed]
    patterns += re.findall(r"cache-dependency-path: \"(?:change/)?([^\"]+)\"", text)
    assert len(patterns) >= 7
    for pattern in patterns:
        assert list(ROOT.glob(pattern)), pattern


def test_what_has_versions_is_watched_for_newer_ones() -> None:
    kinds = {"requirements": "pip", "go.mod": "gomod", "package.json": "npm"}
    watched: dict[str, set[str]] = {}
    for entry in loaded(ROOT / ".github" / "dependabot.yml")["updates"]:
        folders = entry.get("directories") or [entry["directory"]]
        watched.setdefault(entry["package-ecosystem"], set()).update(folders)
        assert all(group["patterns"] == ["*"] for group in entry["groups"].values())
    there: dict[str, set[str]] = {"github-actions": {"/"}}
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        if inside.parts[0].startswith(".") or "node_modules" in inside.parts:
            continue
        for begin, kind in kinds.items():
            if path.name.startswith(begin) and path.suffix in (".txt", ".mod", ".json"):
                folder = "/" + str(inside.parent).removeprefix(".")
                there.setdefault(kind, set()).add(folder)
    # The composite action's own pins: Dependabot looks into .github/workflows only by itself.
    assert watched.pop("github-actions") == {"/", "/.github/actions/stack"}
    there.pop("github-actions")
    assert watched == there
