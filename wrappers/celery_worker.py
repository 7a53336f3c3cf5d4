"""Start of Celery's worker: task protection, running jobs and signs of life.

The worker's container runs this text with the image's own Python, so the image needs nothing but
Celery. Arguments are those of `celery`. Jobs run in threads of this process (`--pool threads` or
`solo`): the signals of other processes would not arrive here.

- While a job runs, the ECS task is protected from scale-in and from deployments (ECS developer
  guide, "Protect your Amazon ECS tasks from being terminated by scale-in events"); when the last
  job ends, the protection does too. A protection that is refused is requested again each minute.
- While a job runs, its id is in the sorted set RUNNING_JOBS of the broker's Redis, with the time
  until which the entry counts: Celery acknowledges a job before it runs, so Redis does not have it
  anywhere else. Scaling reads it, because it removes workers only when none has a job.
- The worker fetches a job only when a thread is free for it. By default Celery reserves one more
  for each thread (its user guide, "Optimizing", "Reserve one task at a time"), and that one waits
  behind a long job, where neither other workers nor the queue's length see it.
- The file WORKER_STATE says what the worker does: its process id, a word, and the time of the
  machine's clock when it was last written. `celery_alive.sh` reads it.

      starting    imports the application, or connects to the broker
      listening   waits for jobs; written every BEAT seconds by the loop that fetches them
      working     runs a job; written once, since a job may keep every other thread from running

Failures of all this are logged and never stop a job.
"""

import json
import logging
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from typing import Any

STATE = os.environ.get("WORKER_STATE")
BEAT = 5  # s


class Life:
    """The file that `celery_alive.sh` reads.

    Each record overwrites the one before, in place and at the same length, so that it needs no
    space on a disk that a job has filled.
    """

    def __init__(self, path: str | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644) if path else None
        self._lock = threading.Lock()
        self._running = 0
        self._listening = False
        self.record()

    def record(self) -> None:
        """Write what the worker does now."""
        with self._lock:
            self._write()

    def listen(self, *, listening: bool) -> None:
        """Note whether the loop that fetches jobs runs."""
        with self._lock:
            self._listening = listening
            self._write()

    def work(self, jobs: int) -> None:
        """Note that `jobs` more run, or fewer."""
        with self._lock:
            self._running += jobs
            self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        word = "working" if self._running else "listening" if self._listening else "starting"
        now = int(time.clock_gettime(time.CLOCK_BOOTTIME))  # the clock of /proc/uptime
        text = f"{os.getpid()} {word} {now}"
        try:
            os.pwrite(self._file, f"{text:<63}\n".encode(), 0)
        except OSError as error:
            logging.getLogger("celery.life").warning("%s cannot be written: %s", STATE, error)


# Before Celery is imported: that, and the application's imports, take their time.
life = Life(STATE)

from celery import bootsteps  # noqa: E402
from celery.__main__ import main  # noqa: E402
from celery.app.defaults import NAMESPACES  # noqa: E402
from celery.signals import task_postrun, task_prerun, worker_init  # noqa: E402
from celery.worker import state  # noqa: E402

MINUTES = 60  # that a protection and an entry in RUNNING_JOBS last: not long after a worker died
RENEWAL = 20 * 60  # s
AGAIN = 60  # s after a failure
TIMEOUT = 5  # s for ECS's agent and for Redis

log = logging.getLogger("celery.protection")


class Loop(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of the consumer, started with each connection to the broker and stopped with it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        if not consumer.app.conf.get("worker_disable_prefetch"):
            limit_to_free_threads(consumer)
        self.beat = consumer.timer.call_repeatedly(BEAT, life.record)
        life.listen(listening=True)

    def stop(self, _consumer: Any) -> None:
        # While the broker is away, nothing beats: the worker connects again when it is back.
        life.listen(listening=False)
        if beat := getattr(self, "beat", None):
            beat.cancel()


def limit_to_free_threads(consumer: Any) -> None:
    """Let kombu ask for a message only while a thread is free: Celery 5.6's `--disable-prefetch`,
    for the versions before it. When a connection is lost, those versions forget that jobs run."""
    state.reserved_requests.update(tuple(state.active_requests))
    qos = consumer.task_consumer.channel.qos
    allowed = qos.can_consume
    qos.can_consume = lambda: (
        len(state.reserved_requests) < consumer.pool.num_processes and allowed()
    )


def prepare(sender: Any, **_signal: object) -> None:
    """Set the worker up before it creates its consumer."""
    jobs.app = sender.app
    if "disable_prefetch" in NAMESPACES["worker"]:
        sender.app.conf.worker_disable_prefetch = True
    sender.app.steps["consumer"].add(Loop)


class Jobs:
    """The jobs that run, reported to ECS and to Redis from the first one's start on."""

    def __init__(self, agent: str | None, key: str | None) -> None:
        self.app: Any = None
        self._url = f"{agent}/task-protection/v1/state" if agent else None
        self._key = key
        self._redis: Any = None
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._idle = threading.Event()

    def begin(self, task_id: str, **_signal: object) -> None:
        life.work(1)
        with self._lock:
            self._running.add(task_id)
            first = len(self._running) == 1
            reported = self._report([task_id])
            if first:
                self._idle.clear()
                reported = self._protect(enabled=True) and reported
                threading.Thread(target=self._renew, args=(reported,), daemon=True).start()

    def end(self, task_id: str, **_signal: object) -> None:
        with self._lock:
            self._running.discard(task_id)
            self._forget(task_id)
            if not self._running:
                self._idle.set()
                self._protect(enabled=False)
        life.work(-1)

    def _renew(self, reported: bool) -> None:
        while not self._idle.wait(RENEWAL if reported else AGAIN):
            with self._lock:
                if not self._running:
                    return
                reported = self._report(self._running)
                reported = self._protect(enabled=True) and reported

    def _protect(self, *, enabled: bool) -> bool:
        if not self._url:
            return True
        wish: dict[str, object] = {"ProtectionEnabled": enabled}
        if enabled:
            wish["ExpiresInMinutes"] = MINUTES
        request = urllib.request.Request(  # noqa: S310 - ECS's own address on the task's link
            self._url,
            json.dumps(wish).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                said = json.load(answer)
        except (OSError, ValueError) as error:
            log.warning("task protection unreachable: %s", error)
            return False
        if "protection" not in said:
            log.warning("task protection refused: %s", said)
        return "protection" in said

    def _report(self, task_ids: Iterable[str]) -> bool:
        now = time.time()
        # Entries of workers that died.
        self._command("zremrangebyscore", "-inf", now)
        return self._command("zadd", dict.fromkeys(task_ids, now + MINUTES * 60))

    def _forget(self, task_id: str) -> None:
        self._command("zrem", task_id)

    def _command(self, name: str, *arguments: object) -> bool:
        """Send a command to the broker, if that is Redis."""
        if not self._key or not self.app:
            return True
        try:
            if self._redis is None:
                options = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
                connection = self.app.connection_for_write(transport_options=options)
                if connection.transport.driver_type != "redis":
                    return True
                self._redis = connection.channel().client
            getattr(self._redis, name)(self._key, *arguments)
        except Exception as error:  # whatever its client raises
            log.warning("running jobs not reported: %s", error)
            return False
        return True


jobs = Jobs(os.environ.get("ECS_AGENT_URI"), os.environ.get("RUNNING_JOBS"))
task_prerun.connect(jobs.begin, weak=False)
task_postrun.connect(jobs.end, weak=False)
worker_init.connect(prepare, weak=False)
sys.argv[0] = "celery"
sys.exit(main())
