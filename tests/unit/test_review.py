"""What a change would do is told without values; one comment and one issue tell it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pulumi.automation import EngineEvent

from local.record import ROOT
from review import __main__ as command
from review.changes import MOST_ROWS, Changes, markdown
from review.errors import ReviewError
from review.forge import MOST_CHARACTERS, Forge, from_environment

SECRET = "hunter2-in-a-value"


def step(
    op: str,
    name: str,
    kind: str = "aws:ec2/vpc:Vpc",
    *,
    differs: dict[str, str] | None = None,
    protect: bool = False,
    inputs: dict[str, Any] | None = None,
    outputs: bool = False,
) -> EngineEvent:
    """An event as the engine writes it."""
    state = {"type": kind, "urn": name, "id": "i", "parent": "", "provider": "", "protect": protect}
    new = {**state, "inputs": inputs or {"password": SECRET}, "outputs": {"password": SECRET}}
    metadata = {
        "op": op,
        "urn": f"urn:pulumi:production::otakaro::{kind}::{name}",
        "type": kind,
        "provider": "",
        "old": None if op == "create" else {**state, "inputs": {"password": SECRET}},
        "new": None if op == "delete" else new,
        "keys": None,
        "diffs": sorted(differs or {}),
        "detailedDiff": {
            path: {"diffKind": each, "inputDiff": True} for path, each in (differs or {}).items()
        },
    }
    key = "resOutputsEvent" if outputs else "resourcePreEvent"
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, key: {"metadata": metadata}})


def seen(*events: EngineEvent) -> Changes:
    changes = Changes()
    for event in events:
        changes.take(event)
    return changes


REPLACED = [
    step(op, "pg", "aws:rds/instance:Instance", differs={"identifier": "update-replace"})
    for op in ("create-replacement", "replace", "delete-replaced")
]
UPDATED = step(
    "update", "web", differs={"tags.Owner": "add", "cidrBlock": "update", "a|b`c": "delete"}
)


def test_counts_and_names_of_properties_are_told() -> None:
    text = markdown(seen(step("same", "a"), step("create", "b"), UPDATED), "Preview")
    assert text.startswith("### Preview: 1 to update, 1 to create, 1 unchanged\n")
    assert "| update | `web` | `aws:ec2/vpc:Vpc` | `a b c`, `cidrBlock`, `tags.Owner` |" in text
    assert "| create | `b` | `aws:ec2/vpc:Vpc` |  |" in text


def test_no_value_is_told() -> None:
    changes = seen(UPDATED, step("create", "b"), step("delete", "c"), *REPLACED)
    assert SECRET not in markdown(changes, "Preview") + changes.digest


def test_a_replacement_is_one_change_and_says_which_property_forces_it() -> None:
    text = markdown(seen(*REPLACED), "Preview")
    assert text.startswith("### Preview: 1 to replace, 0 unchanged\n")
    assert "**`identifier`**" in text
    assert "Properties in bold force the replacement." in text


@pytest.mark.parametrize(
    ("event", "perilous"),
    [
        (step("delete", "x", "aws:efs/fileSystem:FileSystem"), True),
        (step("delete", "x", "aws:sns/topic:Topic", protect=True), True),
        (step("replace", "x", "aws:rds/instance:Instance"), True),
        (step("delete", "x", "aws:sns/topic:Topic"), False),
        (step("update", "x", "aws:rds/instance:Instance", protect=True), False),
    ],
)
def test_what_would_lose_data_is_marked(event: EngineEvent, *, perilous: bool) -> None:
    text = markdown(seen(event), "Preview")
    assert ("[!CAUTION]" in text) is perilous
    assert (":warning:" in text) is perilous


def test_what_would_lose_data_comes_first() -> None:
    changes = seen(step("create", "a"), step("delete", "b"), *REPLACED)
    assert [change.name for change in changes] == ["pg", "b", "a"]


def test_a_resource_that_someone_changed_is_told_and_one_that_is_as_it_was_is_not() -> None:
    changes = seen(
        *(step("refresh", name) for name in ("a", "b", "c")),
        step("same", "a", outputs=True),
        step("update", "b", outputs=True, differs={"cidrBlock": "update"}),
        step("update", "c", outputs=True, differs={"cidrBlock": "update"}),
        step("update", "c", differs={"cidrBlock": "update"}),
    )
    told = {change.name: change.operation.value for change in changes}
    assert told == {"b": "refresh", "c": "update"}
    assert "1 to update, 1 changed outside" in markdown(changes, "Drift")


def test_no_change_is_told_as_such() -> None:
    assert markdown(seen(step("same", "a")), "Drift") == "### Drift: no change, 1 unchanged\n"


def test_a_preview_that_fails_is_told_without_its_messages() -> None:
    failed = EngineEvent.from_json(
        {
            "sequence": 1,
            "timestamp": 1,
            "diagnosticEvent": {"message": SECRET, "color": "", "severity": "error"},
        }
    )
    text = markdown(seen(failed), "Preview")
    assert "failed" in text
    assert SECRET not in text


def test_a_name_brings_no_mark_up_and_no_mention() -> None:
    text = markdown(seen(step("create", "x` @everyone | <b>\n# y")), "Preview")
    [row] = [line for line in text.splitlines() if "everyone" in line]
    assert row == "| create | `x @everyone b # y` | `aws:ec2/vpc:Vpc` |  |"


def test_a_long_table_is_cut() -> None:
    text = markdown(seen(*(step("create", f"r{n:03}") for n in range(MOST_ROWS + 7))), "Preview")
    assert text.count("| create |") == MOST_ROWS
    assert "and 7 more" in text


@pytest.mark.parametrize(
    "other",
    [
        step("update", "web", differs={"cidrBlock": "update"}, inputs={"cidrBlock": "10.2.0.0/16"}),
        step("update", "web", differs={"tags": "update"}, inputs={"cidrBlock": "10.1.0.0/16"}),
        step("delete", "web"),
        step("update", "app", differs={"cidrBlock": "update"}, inputs={"cidrBlock": "10.1.0.0/16"}),
    ],
)
def test_another_change_has_another_digest(other: EngineEvent) -> None:
    one = step(
        "update", "web", differs={"cidrBlock": "update"}, inputs={"cidrBlock": "10.1.0.0/16"}
    )
    assert seen(one).digest == seen(one).digest
    assert seen(one).digest != seen(other).digest


def test_where_a_checkout_is_makes_no_other_digest() -> None:
    def code(path: str, digest: str) -> Changes:
        return seen(step("create", "f", inputs={"code": {"path": path, "hash": digest}}))

    assert code("/a/x.zip", "1").digest == code("/b/x.zip", "1").digest
    assert code("/a/x.zip", "1").digest != code("/a/x.zip", "2").digest


# ---- GitHub


@dataclass
class Hub:
    """As much of GitHub as a repository's comments and issues take."""

    address: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refuses: bool = False
    writer: str = "github-actions[bot]"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.refuses:
            return 403, {}
        place = urlsplit(path)
        query = {key: value[0] for key, value in parse_qs(place.query).items()}
        parts = place.path.removeprefix("/repos/o/r/issues").strip("/").split("/")
        match method, parts:
            case "GET", [""]:
                found = [
                    issue
                    for issue in self.issues
                    if issue["state"] == query["state"] and query["labels"] in issue["labels"]
                ]
                return 200, _page(found, query)
            case "GET", [_, "comments"]:
                return 200, _page(self.comments, query)
            case "POST", [""]:
                return 201, self._add(self.issues, {"state": "open", **body})
            case "POST", [_, "comments"]:
                return 201, self._add(self.comments, body)
            case "PATCH", ["comments", number]:
                self.comments[int(number)] |= body
                return 200, self.comments[int(number)]
            case "PATCH", [number]:
                self.issues[int(number)] |= body
                return 200, self.issues[int(number)]
        return 404, {}

    def _add(self, entries: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        number = len(entries)
        entry = {"id": number, "number": number, "user": {"login": self.writer}, **body}
        entries.append(entry)
        return entry


def _page(entries: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    size, page = int(query["per_page"]), int(query["page"])
    return entries[size * (page - 1) : size * page]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A GitHub on loopback."""
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert self.headers["Authorization"] == "Bearer token"
            code, said = state.answer(self.command, self.path, json.loads(body or b"{}"))
            data = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def forge(hub: Hub) -> Forge:
    return Forge(api=hub.address, repository="o/r", token="token")


def test_a_second_preview_changes_the_first_ones_comment(hub: Hub, forge: Forge) -> None:
    for text in ("first", "second"):
        forge.comment(3, text, topic="preview")
    [comment] = hub.comments
    assert comment["body"] == "<!-- otakaro: preview -->\nsecond"


def test_a_comment_on_a_later_page_is_found(hub: Hub, forge: Forge) -> None:
    hub.comments += [
        {"id": number, "body": "hello", "user": {"login": "someone"}} for number in range(150)
    ]
    for text in ("first", "second"):
        forge.comment(3, text, topic="preview")
    assert len(hub.comments) == 151


def test_someone_elses_comment_with_our_mark_stays_as_it_is(hub: Hub, forge: Forge) -> None:
    mine = {"id": 0, "body": "<!-- otakaro: preview -->\nmine", "user": {"login": "someone"}}
    hub.comments.append(dict(mine))
    forge.comment(3, "text", topic="preview")
    assert hub.comments[0] == mine
    assert len(hub.comments) == 2


def test_a_text_cannot_bring_a_mark_or_be_longer_than_github_takes(hub: Hub, forge: Forge) -> None:
    forge.comment(3, "<!-- otakaro: drift -->" + "x" * 70_000, topic="preview")
    body = hub.comments[0]["body"]
    assert body.count("<!-- otakaro") == 1
    assert MOST_CHARACTERS < len(body) < 65_536
    assert body.endswith("(cut off)\n")


def test_drift_is_one_issue_until_it_is_gone_and_another_when_it_is_back(
    hub: Hub, forge: Forge
) -> None:
    for count in (1, 2):
        forge.open_issue(f"{count} resources", f"text {count}", topic="drift")
    [issue] = hub.issues
    assert (issue["title"], issue["labels"]) == ("2 resources", ["drift"])
    assert issue["body"].endswith("text 2")
    assert forge.close_issues("gone", topic="drift") == 1
    assert issue["state"] == "closed"
    assert [comment["body"] for comment in hub.comments] == ["gone"]
    assert forge.close_issues("gone", topic="drift") == 0
    forge.open_issue("again", "text", topic="drift")
    assert [each["state"] for each in hub.issues] == ["closed", "open"]


def test_what_github_refuses_is_told_in_one_line(hub: Hub, forge: Forge) -> None:
    hub.refuses = True
    with pytest.raises(ReviewError, match=r"^GitHub answered 403 to GET issues/3/comments"):
        forge.comment(3, "text", topic="preview")


def test_a_missing_token_is_told() -> None:
    with pytest.raises(ReviewError, match="GITHUB_TOKEN must be set"):
        from_environment({"GITHUB_REPOSITORY": "o/r"})


@pytest.mark.parametrize(("changes", "issues"), [("2", 1), ("0", 0)])
def test_the_commands_of_the_writing_jobs_need_nothing_installed(
    hub: Hub, changes: str, issues: int
) -> None:
    environment = {
        "GITHUB_API_URL": hub.address,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "token",
        "SUMMARY": "what changed",
    }
    for words in (["comment", "--number", "3"], ["issue", "--changes", changes]):
        # -I -S: no installed package, no variable, only what is named here.
        code = (
            "import runpy, sys; sys.path.insert(0, '.'); "
            "runpy.run_module('review', run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert len(hub.comments) == 1
    assert len(hub.issues) == issues


def test_an_output_cannot_set_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = "text\nEOF\nchanges=0\n"
    (tmp_path / "summary").write_text(summary)
    target = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(target))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page"))
    assert command.main(["tell", "--file", str(tmp_path / "summary")]) == 0
    first, _, rest = target.read_text().partition("\n")
    end = first.removeprefix("summary<<")
    assert len(end) == 32
    assert rest == f"{summary}\n{end}\n"
    assert (tmp_path / "page").read_text() == summary
