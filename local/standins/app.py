"""What the stand-ins have in common: a loopback port, a count, and ways to fail."""

import http.server
import threading
import urllib.parse
from collections import deque
from dataclasses import dataclass, field
from typing import Final

HOST: Final = "127.0.0.1"
_KEPT: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that reached a stand-in; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """The query's parameters, their names in lower case, the last of each."""
        pairs = urllib.parse.parse_qsl(self.query, keep_blank_values=True)
        return {name.lower(): value for name, value in pairs}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a stand-in answers."""

    status: int = 200
    kind: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class StandIn:
    """One application; it serves from its making until it is closed."""

    name = "stand-in"

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque(maxlen=_KEPT)
        self._fails: int | None = None
        self._hangs = 0.0
        self._woken = threading.Event()
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def reply(self, seen: Seen) -> Reply:
        """What the application answers."""
        raise NotImplementedError

    @property
    def requests(self) -> list[Seen]:
        """What reached it, the oldest first."""
        return list(self._seen)

    def forget(self) -> None:
        """Count from zero again."""
        self._seen.clear()

    def fail(self, status: int = 500) -> None:
        """Answer everything with an error from now on."""
        self._fails = status

    def hang(self, seconds: float) -> None:
        """Answer everything so much later from now on."""
        self._hangs = seconds
        self._woken.clear()

    def mend(self) -> None:
        """Work again as it should; who hangs is answered now."""
        self._fails, self._hangs = None, 0.0
        self._woken.set()
        self.start()

    def stop(self) -> None:
        """Refuse connections, as a task that ended; `mend` starts it again on its port."""
        server, self._server = self._server, None
        if server is not None:
            self._woken.set()
            server.shutdown()
            server.server_close()

    def start(self) -> None:
        """Serve, on the port that it had if it had one."""
        if self._server is not None:
            return
        standin = self

        class Handler(_Handler):
            application = standin

        self._server = _Server((HOST, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, name=self.name, args=(0.05,), daemon=True
        ).start()

    def answered(self, seen: Seen) -> Reply:
        """Count a request and answer it, or fail as told."""
        self._seen.append(seen)
        if self._hangs:
            self._woken.wait(self._hangs)
        if self._fails is not None:
            return Reply(status=self._fails, body=f"{self.name} was told to fail\n".encode())
        return self.reply(seen)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing to tell: whoever asked has gone."""


class _Handler(http.server.BaseHTTPRequestHandler):
    application: StandIn
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    sys_version = ""

    def handle_one_request(self) -> None:
        """Read, answer and send whatever the method is."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length") or 0)
        seen = Seen(
            method=self.command,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )
        reply = self.application.answered(seen)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD" and reply.status != 304:
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet: the edge tells what passes."""
