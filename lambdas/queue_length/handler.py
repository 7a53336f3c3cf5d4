"""Publishes how many of Celery's jobs wait and how many run.

Environment: HOST, PORT of Redis; TLS, 'required' or 'preferred' (which takes clients without it,
too); QUEUE, the list that Celery keeps its jobs in; RUNNING, the sorted set that the workers keep
the ids of running jobs in, each with the time until which it counts (wrappers/celery_worker.py);
NAMESPACE and STACK of the metrics.

Redis is queried in its own protocol (RESP: "Redis serialization protocol specification") for the
length of the list, which are the jobs that no worker has fetched, and for the members of the set
that still count. A worker that died has left its job in the set, for an hour at most. Jobs with
priorities would lie in further lists; the application has none.

The numbers are written to the log in CloudWatch's embedded metric format, from which CloudWatch
makes the metrics QueueLength, RunningJobs and, the sum of both, UnfinishedJobs. Logs leave a
function without its network, so the function needs no way to AWS and no permission but its log's: a
VPC without any way out will do.
"""

import json
import os
import socket
import ssl
import time
from typing import Final

TIMEOUT: Final = 5  # s for the connection and for each part of the answer
LONGEST: Final = 512  # bytes of an answer: a number, or a line that says what is wrong


class RedisError(Exception):
    """Redis answered, but not with a number."""


def handler(_event: object, _context: object) -> dict[str, int]:
    """Write the numbers as metrics, and return them."""
    queue = os.environ["QUEUE"]
    waiting, running = measure(
        os.environ["HOST"],
        int(os.environ["PORT"]),
        queue,
        os.environ["RUNNING"],
        tls=os.environ["TLS"] == "required",
    )
    entry = metrics(os.environ["NAMESPACE"], queue, os.environ["STACK"], waiting, running)
    print(json.dumps(entry))
    return {"waiting": waiting, "running": running}


def measure(host: str, port: int, queue: str, running: str, *, tls: bool) -> tuple[int, int]:
    """Return the length of the list `queue` and the number of members of the set `running` that
    still count, 0 where there is none.

    Raises:
        RedisError: an answer is an error or no number.
        OSError: there is no answer in time, or the server cannot prove that it is `host`.
    """
    with socket.create_connection((host, port), TIMEOUT) as plain:
        if not tls:
            return _numbers(plain, queue, running)
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as encrypted:
            return _numbers(encrypted, queue, running)


def _numbers(connection: socket.socket, queue: str, running: str) -> tuple[int, int]:
    # In this order a job that is fetched in between is counted twice, and not missed.
    waiting = _number(connection, "LLEN", queue)
    return waiting, _number(connection, "ZCOUNT", running, str(int(time.time())), "+inf")


def _number(connection: socket.socket, *command: str) -> int:
    words = [word.encode() for word in command]
    parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)]
    connection.sendall(b"".join(parts))
    answer = b""
    while not answer.endswith(b"\r\n"):
        received = connection.recv(LONGEST)
        answer += received
        if not received or len(answer) > LONGEST:
            raise RedisError(f"no whole answer: {answer[:LONGEST]!r}")
    kind, text = answer[:1], answer[1:-2].decode(errors="replace")
    if kind != b":" or not text.isdecimal():
        raise RedisError(text if kind == b"-" else f"no number: {answer!r}")
    return int(text)


def metrics(
    namespace: str, queue: str, stack: str, waiting: int, running: int
) -> dict[str, object]:
    """Return the log entry (CloudWatch user guide, "Specification: Embedded metric format")."""
    values = {
        "QueueLength": waiting,
        "RunningJobs": running,
        "UnfinishedJobs": waiting + running,
    }
    return {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [["Queue", "Stack"]],
                    "Metrics": [{"Name": name, "Unit": "Count"} for name in values],
                }
            ],
        },
        "Queue": queue,
        "Stack": stack,
        **values,
    }
