"""One command at a time in one checkout: an engine's lock found then is a dead one's."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from local import paths
from local.errors import LocalError


@contextmanager
def exclusive() -> Iterator[None]:
    """Hold the checkout's lock; raises LocalError while another command holds it."""
    with (paths.state() / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LocalError(
                f"another command is at work here (process {holder}): wait until it ends"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
