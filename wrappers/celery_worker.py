"""Starts Celery's worker, and keeps ECS from stopping its task while it computes.

The worker's container runs this text with the image's own Python, so the image needs nothing but
Celery. While a job runs the ECS task is protected from scale-in and from deployments (ECS developer
guide, "Protect your Amazon ECS tasks from being terminated by scale-in events"); when the last job
ends the protection does too. A protection that cannot be had is logged and never stops a job.

Arguments are those of `celery`. Jobs run in threads of this process (`--pool threads` or `solo`):
in other processes their signals would not be seen here.
"""

import json
import logging
import os
import sys
import threading
import urllib.request

from celery.__main__ import main
from celery.signals import task_postrun, task_prerun

# Renewed while a job runs, so that a worker that died is soon unprotected again.
MINUTES = 60
RENEWAL = 20 * 60  # s

log = logging.getLogger("celery.protection")


class Protection:
    """Counts the jobs that run; protects the task while there is one."""

    def __init__(self, agent: str) -> None:
        self._url = f"{agent}/task-protection/v1/state"
        self._running = 0
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()

    def begin(self, **_signal: object) -> None:
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._idle.clear()
                self._tell(enabled=True)
                threading.Thread(target=self._renew, daemon=True).start()

    def end(self, **_signal: object) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._idle.set()
                self._tell(enabled=False)

    def _renew(self) -> None:
        while not self._idle.wait(RENEWAL):
            with self._lock:
                if self._running:
                    self._tell(enabled=True)

    def _tell(self, *, enabled: bool) -> None:
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
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                said = json.load(answer)
            if "protection" not in said:
                log.warning("task protection refused: %s", said)
        except (OSError, ValueError) as error:
            log.warning("task protection unreachable: %s", error)


if agent := os.environ.get("ECS_AGENT_URI"):
    protection = Protection(agent)
    task_prerun.connect(protection.begin, weak=False)
    task_postrun.connect(protection.end, weak=False)
sys.argv[0] = "celery"
sys.exit(main())
