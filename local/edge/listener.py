"""HTTP/1.1 on a loopback port, with or without TLS, headers as they were sent (h11)."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final

import h11

from local.edge.message import Headers, Request, Response

HOST: Final = "127.0.0.1"
_IDLE: Final = 60.0  # s that a connection may be silent
_LARGEST_HEAD: Final = 65_536  # bytes that are read to answer that a request is too large
_LARGEST_REST: Final = 16 * 1024 * 1024  # bytes of it that are thrown away then
_LINGER: Final = 1.0  # s that is waited for them

Answer = Callable[[Request, int], Response]


class Listener:
    """Accepts connections, each served by a thread of its own."""

    def __init__(
        self, *, port: int, answer: Answer, context: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        self._answer = answer
        self._context = context
        self._socket = socket.create_server((HOST, port), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=f"edge-{self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                accepted, address = self._socket.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(accepted, address[0]), name="edge-viewer", daemon=True
            ).start()

    def _serve(self, accepted: socket.socket, client: str) -> None:
        accepted.settimeout(_IDLE)
        connection = accepted
        self._open.add(accepted)
        try:
            if self._context is not None:
                connection = self._context().wrap_socket(accepted, server_side=True)
                self._open.add(connection)
            secure = self._context is not None
            Viewer(connection, client, port=self.port, secure=secure).serve(self._answer)
        except OSError:
            return  # a viewer that went, was silent, or doesn't trust us
        finally:
            self._open -= {accepted, connection}
            connection.close()
            accepted.close()


class Viewer:
    """One connection."""

    def __init__(self, connection: socket.socket, client: str, *, port: int, secure: bool) -> None:
        self._connection = connection
        self._port = port
        self._client = client
        self._secure = secure
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)

    def serve(self, answer: Answer) -> None:
        """Answer requests until either side has enough."""
        while True:
            try:
                found = self._next()
            except h11.RemoteProtocolError as error:
                # 431 is h11's hint for a head that is too large.
                status = 413 if error.error_status_hint == 431 else 400
                self._send(Response(status=status), "", closing=True)
                self._hear_out()
                return
            if found is None:
                return
            request, size = found
            self._send(answer(request, size), request.method)
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    def _hear_out(self) -> None:
        """Read on for a moment: closing on unread data would take the answer from the viewer."""
        self._connection.settimeout(_LINGER)
        for _ in range(_LARGEST_REST // _LARGEST_HEAD):
            if not self._connection.recv(_LARGEST_HEAD):
                return

    def _next(self) -> tuple[Request, int] | None:
        head: h11.Request | None = None
        parts: list[bytes] = []
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if head is not None and self._http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._connection.sendall(self._http.send(go_on) or b"")
                self._http.receive_data(self._connection.recv(65_536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._request(head, b"".join(parts))
            else:
                return None

    def _request(self, head: h11.Request, body: bytes) -> tuple[Request, int]:
        fields = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in head.headers.raw_items()
        ]
        target = head.target.decode("latin-1")
        if "://" in target.partition("?")[0] and not target.startswith("/"):
            # The absolute form, whose host counts (RFC 9112, section 3.2.2).
            host, slash, rest = target.partition("://")[2].partition("/")
            fields = [("Host", host), *((n, v) for n, v in fields if n.lower() != "host")]
            target = slash + rest or "/"
        uri, _, query = target.partition("?")
        headers = Headers(fields)
        # The port of this listener stands for 80 or 443, which no viewer names.
        host, colon, port = headers.get("host").rpartition(":")
        if colon and port == str(self._port):
            headers = Headers((n, host if n.lower() == "host" else v) for n, v in headers)
        size = len(head.method) + len(head.target) + sum(len(n) + len(v) + 4 for n, v in fields)
        request = Request(
            method=head.method.decode("ascii"),
            uri=uri,
            query=query,
            headers=headers,
            body=body,
            client_ip=self._client,
            secure=self._secure,
        )
        return request, size

    def _send(self, response: Response, method: str, *, closing: bool = False) -> None:
        headers = response.headers
        bodiless = method == "HEAD" or response.status in (204, 304)
        if not bodiless:
            headers = headers.without("content-length").set(
                "Content-Length", str(len(response.body))
            )
        if closing or response.status == 413:
            headers = headers.set("Connection", "close")
        head = h11.Response(
            status_code=response.status,
            reason=(response.reason or http.client.responses.get(response.status, "")).encode(
                "latin-1", "replace"
            ),
            headers=[
                (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
                for name, value in headers
            ],
        )
        data = self._http.send(head) or b""
        if not bodiless:
            data += self._http.send(h11.Data(data=response.body)) or b""
        self._connection.sendall(data + (self._http.send(h11.EndOfMessage()) or b""))
