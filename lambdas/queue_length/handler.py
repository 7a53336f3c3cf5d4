"""Tells CloudWatch how many jobs wait in Celery's queue.

Environment: HOST, PORT of Redis; TLS, 'required' or 'preferred' (which takes clients without it,
too); QUEUE, the list that Celery keeps its jobs in; NAMESPACE and STACK of the metric.

Redis is asked in its own protocol (RESP: "Redis serialization protocol specification") for the
length of the list: the jobs that no worker has fetched. Jobs with priorities would lie in further
lists; the application has none.

The length is written to the log in CloudWatch's embedded metric format, from which CloudWatch makes
the metric QueueLength. Logs leave a function without its network, so the function needs no way to
AWS and no permission but its log's: a VPC without any way out will do.
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
    """Redis answered, but not with the length."""


def handler(_event: object, _context: object) -> dict[str, int]:
    """Write the queue's length as a metric; the length."""
    queue = os.environ["QUEUE"]
    length = measure(
        os.environ["HOST"],
        int(os.environ["PORT"]),
        queue,
        tls=os.environ["TLS"] == "required",
    )
    print(json.dumps(metric(os.environ["NAMESPACE"], queue, os.environ["STACK"], length)))
    return {"length": length}


def measure(host: str, port: int, queue: str, *, tls: bool) -> int:
    """The number of items in the list `queue`, 0 when there is none.

    Raises:
        RedisError: the answer is an error or no number.
        OSError: there is no answer in time, or whoever answers isn't `host`.
    """
    with socket.create_connection((host, port), TIMEOUT) as plain:
        if not tls:
            return _length(plain, queue)
        with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as encrypted:
            return _length(encrypted, queue)


def _length(connection: socket.socket, queue: str) -> int:
    words = [b"LLEN", queue.encode()]
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
        raise RedisError(text if kind == b"-" else f"no length: {answer!r}")
    return int(text)


def metric(namespace: str, queue: str, stack: str, length: int) -> dict[str, object]:
    """The log entry (CloudWatch user guide, "Specification: Embedded metric format")."""
    return {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [["Queue", "Stack"]],
                    "Metrics": [{"Name": "QueueLength", "Unit": "Count"}],
                }
            ],
        },
        "Queue": queue,
        "Stack": stack,
        "QueueLength": length,
    }
