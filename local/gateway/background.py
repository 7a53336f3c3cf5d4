"""Work that nobody waits for: one thing after the other, each when it is due."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

MOMENT = 2.0  # s that a change of AWS's takes here: a deployment, its rollback, a database's stop

log = logging.getLogger("gateway")


class Background(threading.Thread):
    """Does one thing after the other, each when it is due, and outlives what goes wrong."""

    def __init__(self) -> None:
        super().__init__(name="gateway", daemon=True)
        self._changed = threading.Condition()
        self._jobs: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def later(self, seconds: float, job: Callable[[], object]) -> None:
        """Do `job` in so many seconds."""
        with self._changed:
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._numbers), job))
            self._changed.notify()

    def at(self, moment: datetime, job: Callable[[], object]) -> None:
        """Do `job` at a time."""
        self.later((moment - datetime.now(UTC)).total_seconds(), job)

    def run(self) -> None:
        """Work for as long as the process lives."""
        while True:
            job = self._next()
            try:
                job()
            except Exception:
                log.exception("Not done, and not tried again")

    def _next(self) -> Callable[[], object]:
        with self._changed:
            while True:
                due = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if due is not None and due <= 0:
                    return heapq.heappop(self._jobs)[2]
                self._changed.wait(due)
