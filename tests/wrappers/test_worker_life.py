"""Real workers on a real broker: which of them are alive, what they fetch, what is measured.

Each test runs with the pinned Celery and with an older one, which is nearer to the application's
(5.2) and has no option against prefetching.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery

from local import bootstrap, broker, paths
from tests.lambdas.loading import LAMBDAS, load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, as containers do")
HERE = Path(__file__).resolve().parent
WRAPPERS = HERE.parents[1] / "wrappers"
# The same program with a quicker pulse, for tests that are not to wait for minutes.
WRAPPER = (WRAPPERS / "celery_worker.py").read_text().replace("\nBEAT = 5 ", "\nBEAT = 0.2 ")
CHECK = (WRAPPERS / "celery_alive.sh").read_text()
SILENCE = 1  # s
RUNNING = "running-jobs"
PATIENCE = 90  # s that a busy machine may take for anything
JOBS = """
import os, pathlib, signal, time
folder = pathlib.Path(os.environ["FOLDER"])
if "LOADING" in os.environ:
    (folder / "loading").touch()
    time.sleep(float(os.environ["LOADING"]))
from celery import Celery
app = Celery(broker=os.environ["BROKER"], backend=os.environ["BROKER"])
# As in a deadlock, the main thread does nothing any more: Python runs signal handlers there.
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(10_000))

@app.task(name="wait")
def wait(name):
    (folder / f"{name}.begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)

@app.task(name="compute")
def compute(name):
    (folder / f"{name}.begun").touch()
    sum(range(10**13))  # one call into C that keeps every other thread from running
"""


@pytest.fixture(scope="session", params=["5.7", "5.3"])
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter that has this version of Celery."""
    if request.param == "5.7":
        return sys.executable
    requirements = HERE / "celery-5.3.txt"
    folder = paths.cache() / f"celery-5.3-{sys.version_info[1]}"
    return str(bootstrap.install(folder, [requirements], "an older Celery"))


class Redis:
    """A Valkey, which is what Redis 7 became."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self._folder = folder
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [broker.program(), *options, "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        until(lambda: self.say("PING") == "+PONG")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def say(self, *words: str) -> str:
        """The first line of the answer to a command; empty where there is none."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as client:
            parts = [f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)]
            client.sendall("".join(parts).encode())
            return client.makefile().readline().strip()
        return ""


class Worker:
    """A worker as its container runs it."""

    def __init__(self, python: str, redis: Redis, folder: Path, **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.state = folder / "state"
        (folder / "jobs.py").write_text(JOBS)
        self._broker = f"redis://127.0.0.1:{redis.port}/0"
        given = {key: value for key, value in os.environ.items() if key != "ECS_AGENT_URI"}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(python, "-W", "ignore", "-c", WRAPPER, "-A", "jobs", "worker"),
                    *("--pool", "threads", "--concurrency", "2", "--prefetch-multiplier", "1"),
                    *("--loglevel", "INFO", "--hostname", folder.name, "--without-mingle"),
                    *("--queues", environment.get("QUEUE", "celery")),
                ],
                cwd=folder,
                env={
                    **given,
                    "FOLDER": str(folder),
                    "BROKER": self._broker,
                    "WORKER_STATE": str(self.state),
                    "RUNNING_JOBS": RUNNING,
                    **environment,
                },
                stdout=log,
                stderr=log,
            )

    def send(self, job: str, *names: str, queue: str = "celery") -> None:
        """Queue a job of each name."""
        with Celery(broker=self._broker) as app:
            for name in names:
                app.send_task(job, (name,), queue=queue)

    def begun(self, *names: str) -> bool:
        return all((self.folder / f"{name}.begun").exists() for name in names)

    def says(self, word: str) -> bool:
        """Whether it has written that it does this."""
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return self.state.exists() and f" {word} " in self.state.read_text()

    def silent(self) -> bool:
        """Whether its last sign of life is older than a waiting worker's may be."""
        _, _, since = self.state.read_text().split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(since) > SILENCE + 1

    def alive(self) -> bool:
        """The container's check, which needs no program but bash."""
        command = ["/bin/bash", "-c", CHECK, str(self.state), str(SILENCE)]
        done = subprocess.run(command, env={"PATH": "/none"}, capture_output=True, text=True)
        assert done.stderr == ""
        assert done.returncode in (0, 1)
        return done.returncode == 0

    def dead(self) -> bool:
        """ECS's verdict: several checks have failed, one after the other."""
        for _ in range(3):
            if self.alive():
                return False
            time.sleep(0.2)
        return True


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def start(python: str, redis: Redis, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers, which end with the test."""
    workers: list[Worker] = []

    def start(name: str, **environment: str) -> Worker:
        workers.append(Worker(python, redis, tmp_path / name, **environment))
        return workers[-1]

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


def test_only_a_hung_worker_is_dead(start: Callable[..., Worker]) -> None:
    """The check concerns the container's own worker: the others answer all the time."""
    loading = start("loading", LOADING="10000")
    idle = start("idle", QUEUE="none")
    busy = start("busy", QUEUE="busy")
    until(lambda: busy.says("listening") and idle.says("listening"))
    busy.send("compute", "native", queue="busy")
    until(lambda: busy.begun("native") and (loading.folder / "loading").exists())

    until(lambda: busy.silent() and loading.silent())
    assert busy.says("working")
    assert loading.says("starting")
    assert busy.alive()
    assert loading.alive()
    until(idle.alive)  # within ECS's patience, if this machine lets it wait

    for worker in (busy, loading, idle):  # hung, whatever it was doing
        worker.process.send_signal(signal.SIGSTOP)
        until(worker.dead)
        worker.process.send_signal(signal.SIGCONT)
        until(worker.alive)

    idle.process.send_signal(signal.SIGUSR2)
    until(idle.dead)
    busy.process.kill()
    busy.process.wait()
    assert not busy.alive()


def test_what_waits_is_in_the_queue_and_what_runs_is_counted(
    start: Callable[..., Worker], redis: Redis
) -> None:
    measure = load(LAMBDAS / "queue_length" / "handler.py").measure

    def measured() -> tuple[int, int]:
        found: tuple[int, int] = measure("127.0.0.1", redis.port, "celery", RUNNING, tls=False)
        return found

    redis.say("ZADD", RUNNING, "1", "of-a-worker-that-died")
    worker = start("worker")
    worker.send("wait", *"abcde")
    until(lambda: worker.begun("a", "b") and measured() == (3, 2))
    assert redis.say("ZCARD", RUNNING) == ":2"
    time.sleep(1.5)  # Celery asks for the next message each second
    assert measured() == (3, 2)
    assert not worker.begun("c")
    (worker.folder / "go").touch()
    until(lambda: measured() == (0, 0))
    until(lambda: worker.begun(*"abcde"))
    worker.process.terminate()
    assert worker.process.wait(PATIENCE) == 0


def test_a_worker_outlives_its_broker(start: Callable[..., Worker], redis: Redis) -> None:
    """A restart would not bring the broker back; jobs that run go on, and none is fetched beyond
    the free threads on the new connection either."""
    worker = start("worker")
    until(lambda: worker.says("listening"))
    worker.send("wait", "a")
    until(lambda: worker.begun("a"))
    redis.stop()
    until(lambda: "Connection to broker lost" in (worker.folder / "log").read_text())
    until(worker.silent)
    assert worker.alive()
    redis.start()
    worker.send("wait", "b", "c", "d")
    until(lambda: worker.begun("b"))
    time.sleep(1.5)
    assert redis.say("LLEN", "celery") == ":2"
    (worker.folder / "go").touch()
    until(lambda: worker.begun("c", "d") and worker.says("listening"))
    until(worker.alive)


@pytest.mark.parametrize(
    ("record", "alive"),
    [
        (None, True),  # Python has not begun
        ("", True),
        ("{pid} starting 0", True),
        ("{pid} working 0", True),
        ("{pid} listening {now}", True),
        ("{pid} listening {old}", False),
        ("999999999 listening {now}", False),  # there is no such process
        ("999999999 working {now}", False),
    ],
)
def test_a_record_is_read_as_it_is_meant(tmp_path: Path, record: str | None, alive: bool) -> None:
    state = tmp_path / "state"
    now = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    if record is not None:
        state.write_text(
            record.format(pid=os.getpid(), now=now, old=now - 121) + "\n" * (record != "")
        )
    command = ["/bin/bash", "-c", CHECK, str(state), "120"]
    assert (subprocess.run(command, check=False).returncode == 0) is alive
