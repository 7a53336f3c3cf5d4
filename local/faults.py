"""Faults between provider and emulator, for tests: what a busy AWS and a bad line do to calls.

OTAKARO_FAULTS=RATE or RATE:SEED, such as 0.05:7, has that share of the provider's calls meet one:
throttling and 5xx answers, connections reset before or after the call was carried out, and no
answer at all. Nothing of this is there without the variable.
"""

import http.client
import os
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

from local import console
from local.errors import LocalError

VARIABLE: Final = "OTAKARO_FAULTS"
READ_SECONDS: Final = 15  # that the provider waits for an answer, while there are faults
# Status and code of an answer that says to come again (botocore, "standard" retries).
ANSWERS: Final = {
    "throttled": (400, "ThrottlingException"),
    "too many": (429, "TooManyRequestsException"),
    "slow down": (503, "SlowDown"),
    "failed": (500, "InternalFailure"),
}
RESET_BEFORE, RESET_AFTER, SILENCE = "reset before", "reset after", "silence"
KINDS: Final = (*ANSWERS, RESET_BEFORE, RESET_AFTER, SILENCE)
_SERVICE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
_REST_JSON: Final = frozenset({"lambda", "elasticfilesystem"})


@dataclass
class Faults:
    """Which calls meet a fault, and which one: the same for the same seed."""

    rate: float
    seed: int
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - nothing secret about it
        self._lock = threading.Lock()

    def next(self) -> str:
        """The fault of the next call, empty for none."""
        with self._lock:
            hit = self._random.random() < self.rate
            fault = self._random.choice(KINDS) if hit else ""
            self.met[fault or "none"] += 1
            return fault


def wanted() -> Faults | None:
    """The faults that the environment asks for; raises LocalError when it can't be read."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    rate, _, seed = text.partition(":")
    try:
        faults = Faults(float(rate), int(seed or "1"))
    except ValueError:
        faults = None
    if faults is None or not 0 < faults.rate < 1:
        raise LocalError(f"{VARIABLE}={text} is no rate between 0 and 1, such as 0.05 or 0.05:7")
    return faults


@contextmanager
def between(endpoint: str) -> Iterator[tuple[str, int | None]]:
    """The address for the provider's calls, and the seconds that it should wait for an answer."""
    faults = wanted()
    if faults is None:
        yield endpoint, None
        return
    server = _Server(endpoint, faults)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", READ_SECONDS
    finally:
        server.shutdown()
        server.server_close()
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.met.items()))
        console.note(f"Calls by their faults, seed {faults.seed}: {told}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, endpoint: str, faults: Faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(endpoint).netloc
        self.faults = faults


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.faults.next()
        if fault in ANSWERS:
            self._complain(*ANSWERS[fault])
            return
        if fault == RESET_BEFORE:
            self._reset()
            return
        status, headers, content = self._through(body)
        if fault == RESET_AFTER:
            self._reset()
        elif fault == SILENCE:
            self.connection.settimeout(4 * READ_SECONDS)
            self.rfile.read(1)  # until the client has enough
            self.close_connection = True
        else:
            self._say(status, headers, content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815

    def _through(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        behind = http.client.HTTPConnection(self.server.behind)
        headers = {**dict(self.headers.items()), "Host": self.server.behind}
        try:
            behind.request(self.command, self.path, body=body, headers=headers)
            answer = behind.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            behind.close()

    def _complain(self, status: int, code: str) -> None:
        kind, content = complaint(self.headers, code)
        self._say(status, {"Content-Type": kind, "x-amzn-errortype": code}, content)

    def _say(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        own = ("content-length", "transfer-encoding", "connection")
        for name, value in headers.items():
            if name.lower() not in own:
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing of each call."""


def complaint(headers: Message, code: str) -> tuple[str, bytes]:
    """Content type and content of an error, in the protocol that the request speaks."""
    found = _SERVICE.search(headers.get("Authorization", ""))
    service = found[1] if found else ""
    said = "Injected by a test"
    if headers.get("X-Amz-Target") or service in _REST_JSON:
        return "application/json", f'{{"__type": "{code}", "message": "{said}"}}'.encode()
    text = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>"
    if service == "ec2":
        text = f"<Response><Errors>{text}</Errors><RequestID>r</RequestID></Response>"
    elif service != "s3":
        text = f"<ErrorResponse>{text}<RequestId>r</RequestId></ErrorResponse>"
    return "text/xml", text.encode()
