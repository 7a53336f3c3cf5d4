"""The deployed stack as its visitors meet it: through the edge, by its public names."""

import base64
import http.client
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.edge import RunningEdge, running_edge
from local.edge.command import credentials
from tests.local.stack import Local

READ_TIMEOUT = 3.0  # s instead of the origins' minute


@dataclass(frozen=True)
class Visitor:
    """Who may see the map."""

    user: str
    password: str

    @property
    def authorization(self) -> str:
        """What a browser sends for them."""
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Basic {token}"


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """The local stack, for all visitors of this folder."""
    stack = Local(tmp_path_factory.mktemp("visitors"), "local")
    stack.do("up")
    yield stack
    stack.run("reset")


@pytest.fixture(scope="session")
def visitor(deployed: Local) -> Visitor:
    """The stack's own trial user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTAKARO_LOCAL", str(deployed.folder))
        return Visitor(*credentials(deployed.stack))


@pytest.fixture(scope="session")
def served(deployed: Local) -> Iterator[RunningEdge]:
    """The edge, with stand-ins as the applications."""
    with running_edge(deployed.account.endpoint, read_timeout=READ_TIMEOUT) as edge:
        yield edge


@pytest.fixture(autouse=True)
def _nothing_of_earlier_visits(served: RunningEdge) -> None:
    served.cache.clear()
    served.log.clear()
    for application in served.standins.all():
        application.mend()
        application.forget()


@pytest.fixture(scope="session")
def proxy(served: RunningEdge) -> Iterator[str]:
    """A proxy that finds the hosts, for programs that take a proxy and no addresses."""

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            target = self.rfile.readline().split()
            http.client.parse_headers(self.rfile)
            if target[0] != b"CONNECT":
                self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", served.https_port)) as edge:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                other = {self.connection: edge, edge: self.connection}
                while True:
                    for ready in select.select([*other], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        other[ready].sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is none."""

    with Server(("127.0.0.1", 0), Tunnel) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
