"""A worker protects its ECS task while it computes, and finishes before it goes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

ROOT = Path(__file__).resolve().parents[2]
# A refused request is made again in a tenth of a second instead of a minute.
WRAPPER = (
    (ROOT / "wrappers" / "celery_worker.py").read_text().replace("AGAIN = 60 ", "AGAIN = 0.1 ")
)
JOBS = """
import os, pathlib, time
from celery import Celery
folder = pathlib.Path(os.environ["FOLDER"])
app = Celery(broker="filesystem://")
app.conf.broker_transport_options = {
    key: str(folder / "queue") for key in ("data_folder_in", "data_folder_out")
} | {"control_folder": str(folder / "control")}

@app.task(name="compute")
def compute(name, seconds):
    (folder / f"{name}.begun").touch()
    time.sleep(seconds)
    (folder / f"{name}.done").touch()
"""


class Agent(ThreadingHTTPServer):
    """ECS's agent as a container sees it; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.wishes: list[tuple[str, dict[str, Any]]] = []
        self.refusals = 0  # that are left

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/abc"

    @property
    def enabled(self) -> list[bool]:
        return [wish["ProtectionEnabled"] for _, wish in self.wishes]


class _Answer(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        assert isinstance(self.server, Agent)
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.wishes.append((self.path, wish))
        self.send_response(200)
        self.end_headers()
        refused, self.server.refusals = self.server.refusals > 0, self.server.refusals - 1
        answer = {"failure": {"Reason": "DEPLOYMENT_BLOCKED"}} if refused else {"protection": wish}
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def agent() -> Iterator[Agent]:
    server = Agent()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


class Worker:
    """The wrapper as the container runs it, on a queue of files."""

    def __init__(self, folder: Path, agent_url: str | None) -> None:
        self.folder = folder
        (folder / "queue").mkdir()
        (folder / "control").mkdir()
        (folder / "jobs.py").write_text(JOBS)
        environment = {**os.environ, "FOLDER": str(folder)}
        environment.pop("ECS_AGENT_URI", None)
        if agent_url:
            environment["ECS_AGENT_URI"] = agent_url
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "ignore", "-c", WRAPPER, "-A", "jobs", "worker"),
                    *("--pool", "threads", "--concurrency", "2", "--without-mingle"),
                    *("--without-gossip", "--without-heartbeat", "--loglevel", "INFO"),
                ],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._app = Celery(broker="filesystem://")
        queue = str(folder / "queue")
        self._app.conf.broker_transport_options = {
            "data_folder_in": queue,
            "data_folder_out": queue,
            "control_folder": str(folder / "control"),
        }

    def send(self, name: str, seconds: float) -> None:
        self._app.send_task("compute", (name, seconds))

    def wait(self, name: str, event: str) -> None:
        until = time.monotonic() + 60
        while not (self.folder / f"{name}.{event}").exists():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)


@pytest.fixture
def worker(tmp_path: Path, agent: Agent) -> Iterator[Worker]:
    running = Worker(tmp_path, agent.url)
    yield running
    running.process.kill()
    running.process.wait()


def _until(agent: Agent, count: int) -> None:
    until = time.monotonic() + 30
    while len(agent.wishes) < count and time.monotonic() < until:
        time.sleep(0.05)


def test_the_task_is_protected_from_the_first_jobs_start_to_the_last_ones_end(
    worker: Worker, agent: Agent
) -> None:
    worker.send("long", 3)
    worker.send("short", 0.1)
    worker.wait("short", "done")
    assert agent.enabled == [True]
    worker.wait("long", "done")
    _until(agent, 2)
    assert agent.enabled == [True, False]
    path, wish = agent.wishes[0]
    assert path == "/api/abc/task-protection/v1/state"
    assert wish == {"ProtectionEnabled": True, "ExpiresInMinutes": 60}


def test_a_worker_that_is_told_to_stop_finishes_its_job(worker: Worker, agent: Agent) -> None:
    worker.send("long", 3)
    worker.wait("long", "begun")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=30) == 0
    assert (worker.folder / "long.done").exists()
    assert agent.enabled == [True, False]


def test_a_refused_protection_is_requested_again_until_it_is_granted(
    worker: Worker, agent: Agent
) -> None:
    """ECS refuses while a deployment of the service is blocked (public report: aws-samples'
    ecs-task-protection-examples, 3), and a job runs for hours."""
    agent.refusals = 2
    worker.send("long", 3)
    worker.wait("long", "begun")
    _until(agent, 3)
    assert agent.enabled == [True, True, True]
    worker.wait("long", "done")
    _until(agent, 4)
    assert agent.enabled == [True, True, True, False]  # granted, so no fourth request


def test_a_job_runs_where_there_is_no_agent_or_it_does_not_answer(tmp_path: Path) -> None:
    for name, url in (("none", None), ("dead", "http://127.0.0.1:9")):
        folder = tmp_path / name
        folder.mkdir()
        running = Worker(folder, url)
        try:
            running.send("job", 0)
            running.wait("job", "done")
        finally:
            running.process.kill()
            running.process.wait()
    assert "task protection unreachable" in (tmp_path / "dead" / "log").read_text()
