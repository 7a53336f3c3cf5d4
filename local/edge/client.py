"""A viewer that reaches the edge by host names which no resolver knows."""

import http.client
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.edge.listener import HOST
from local.edge.message import Headers

_PATIENCE: Final = 200.0  # s; CloudFront tries thrice, a minute each


Sent = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a viewer is answered."""

    status: int
    reason: str
    headers: Headers
    body: bytes

    @property
    def x_cache(self) -> str:
        """Hit, Miss, Error and so on, as CloudFront calls what it did."""
        return self.headers.get("x-cache").removesuffix(" from cloudfront")


class _ByName(http.client.HTTPSConnection):
    """HTTPS to a loopback port, the certificate checked against the host's name."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, context=context, timeout=_PATIENCE)
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection((HOST, self.port), _PATIENCE)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


@dataclass(frozen=True, kw_only=True)
class Client:
    """Asks the edge's ports."""

    https_port: int
    http_port: int
    ca_file: Path

    def ask(
        self,
        host: str,
        target: str = "/",
        method: str = "GET",
        *,
        headers: Sent = (),
        body: bytes | None = None,
        secure: bool = True,
    ) -> Answer:
        """One request, sent byte for byte.

        Args:
            host: of the URL.
            target: path and query.
            method: of the request.
            headers: besides Host, in their order; as pairs to repeat one.
            body: sent with its length when there is one.
            secure: HTTPS, else HTTP.
        """
        connection: http.client.HTTPConnection
        if secure:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            connection = _ByName(host, self.https_port, context)
        else:
            connection = http.client.HTTPConnection(HOST, self.http_port, timeout=_PATIENCE)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in pairs:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            got = connection.getresponse()
            return Answer(
                status=got.status,
                reason=got.reason,
                headers=Headers(got.getheaders()),
                body=got.read(),
            )
        finally:
            connection.close()
