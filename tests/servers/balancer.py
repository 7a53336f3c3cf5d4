"""A load balancer that reuses connections to a target under light load, and counts failures.

An Application Load Balancer keeps connections to targets until they were idle for its idle timeout,
and returns 502 when a target resets the connection that a request was sent on (Elastic Load
Balancing user guide, "Connection idle timeout" and "Troubleshoot", HTTP 502). It cannot know what
the target closes meanwhile. Here the way is `latency` s long in each direction.
"""

import random
import select
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

_REQUEST: Final = b"GET /ping HTTP/1.1\r\nHost: target\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Load:
    """Requests, and the time between two of them on one connection."""

    requests: int
    connections: int
    idle: tuple[float, float]  # s
    idle_timeout: float  # s, of the load balancer
    latency: float = 0.001  # s, one way


def resets(port: int, load: Load, seed: int = 1) -> Counter[str]:
    """How many requests of the load were answered, on reused connections, and how many reset."""
    counts: Counter[str] = Counter()
    lock = threading.Lock()
    each = -(-load.requests // load.connections)
    threads = [
        threading.Thread(
            target=_use, args=(port, load, each, random.Random(seed + n), counts, lock)
        )
        for n in range(load.connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def _use(
    port: int,
    load: Load,
    requests: int,
    dice: random.Random,
    counts: Counter[str],
    lock: threading.Lock,
) -> None:
    connection: socket.socket | None = None
    idle = dice.uniform(*load.idle)  # or all connections would begin at once
    for _ in range(requests):
        time.sleep(idle)
        if connection is not None and (idle >= load.idle_timeout or _is_closed(connection)):
            connection.close()
            connection = None
        reused = connection is not None
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), 120)
        # What the target closed within the last `latency` s is not known yet, nor is what it closes
        # until the request has arrived.
        time.sleep(2 * load.latency)
        outcome = "reused" if reused else "new"
        if not _is_answered(connection):
            outcome = "reset"
            connection.close()
            connection = None
        with lock:
            counts[outcome] += 1
        idle = dice.uniform(*load.idle)
    if connection is not None:
        connection.close()


def _is_closed(connection: socket.socket) -> bool:
    watch = select.poll()
    watch.register(connection, select.POLLIN)
    return bool(watch.poll(0))


def _is_answered(connection: socket.socket) -> bool:
    try:
        connection.sendall(_REQUEST)
        connection.settimeout(120)
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65_536)
            if not part:
                return False
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in fields:
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65_536)
        lengths = [field for field in fields if field.startswith(b"content-length:")]
        if lengths:
            missing = int(lengths[0].partition(b":")[2]) - len(body)
            while missing > 0:
                missing -= len(connection.recv(missing))
    except ConnectionError:
        return False
    return True
