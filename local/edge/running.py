"""The edge at work: listeners, the deployed distributions kept up to date, stand-ins as targets."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local import standins
from local.account import Account
from local.edge import deployment, targets
from local.edge.cache import Cache
from local.edge.certificates import Certificates
from local.edge.client import Answer, Client, Sent
from local.edge.deployment import Distribution, Invalidations
from local.edge.edge import Edge
from local.edge.functions import Functions
from local.edge.listener import Listener
from local.edge.log import Entry, Log
from local.edge.message import Request, Response
from local.edge.origins import Origins
from local.edge.reach import LoadBalancer, load_balancers
from local.errors import LocalError

_REFRESH: Final = 2.0  # s between two looks at what is deployed
# The ports that the containers listen at tell the target groups apart.
_MAP, _API, _GEOSERVER = 3001, 5000, 8080


@dataclass(frozen=True, kw_only=True)
class StandIns:
    """The applications behind the load balancer, and their hosts."""

    map: standins.Map
    api: standins.Api
    geoserver: standins.GeoServer
    hosts: Mapping[str, str]  # by the applications' names

    def all(self) -> list[standins.StandIn]:
        """The three."""
        return [self.map, self.api, self.geoserver]


@dataclass
class Deployed:
    """What is deployed, looked at now and then, and given to the edge."""

    account: Account
    edge: Edge
    functions: Functions
    note: Callable[[str], None]
    read_timeout: float | None  # s, instead of the origins' own
    resources: Callable[[], Collection[str]] | None = None  # ids of what is served; None: all
    load_balancers: list[LoadBalancer] = field(default_factory=list)
    distributions: list[Distribution] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._invalidations = Invalidations(self.account)
        self._lock = threading.Lock()
        self._complaint = ""

    def refresh(self) -> None:
        """Take over what is deployed now, and carry out new invalidations.

        Raises LocalError for what the edge cannot run.
        """
        with self._lock:
            found = deployment.read(self.account, self.resources and self.resources())
            if self.read_timeout is not None:
                found = [_hurried(each, self.read_timeout) for each in found]
            used = {
                function.arn
                for distribution in found
                for behaviour in distribution.behaviours
                for function in behaviour.functions.values()
            }
            for arn in used:
                self.functions.get(arn)
            self.load_balancers = load_balancers(self.account)
            self.edge.serve(found)
            self.distributions = found
            for distribution, path in self._invalidations.new(found):
                gone = self.edge.cache.invalidate(distribution, path)
                self.note(f"Invalidation of {path}: {gone} objects")

    def watch(self, stopped: threading.Event) -> None:
        """Refresh until told to stop; what goes wrong is told once."""
        while not stopped.wait(_REFRESH):
            try:
                self.refresh()
                complaint = ""
            except (LocalError, BotoCoreError, ClientError, OSError) as error:
                complaint = str(error)
            if complaint and complaint != self._complaint:
                self.note(f"The edge goes on with what it knew: {complaint}")
            self._complaint = complaint


@dataclass(frozen=True, kw_only=True)
class RunningEdge:
    """Handles for who drives it: tests, and the command."""

    client: Client
    certificates: Certificates
    log: Log
    standins: StandIns
    deployed: Deployed

    @property
    def https_port(self) -> int:
        """Where HTTPS is served."""
        return self.client.https_port

    @property
    def http_port(self) -> int:
        """Where HTTP is served."""
        return self.client.http_port

    @property
    def ca_file(self) -> Path:
        """The authority that signed the hosts' certificate, as PEM."""
        return self.client.ca_file

    @property
    def cache(self) -> Cache:
        """What the edge keeps: `clear`, `invalidate`, and `clock` to move its time."""
        return self.deployed.edge.cache

    @property
    def hosts(self) -> list[str]:
        """The distributions' alternate domain names."""
        return [alias for each in self.deployed.distributions for alias in each.aliases]

    @property
    def fingerprint(self) -> str:
        """What Chromium's --ignore-certificate-errors-spki-list takes."""
        return self.certificates.fingerprint

    @property
    def resolver_rules(self) -> str:
        """What Chromium's --host-resolver-rules takes, so that URLs need no port."""
        return ",".join(
            f"MAP {host}:{public} 127.0.0.1:{port}"
            for host in self.hosts
            for public, port in ((443, self.https_port), (80, self.http_port))
        )

    def recorded_only(self) -> list[str]:
        """What the distributions have and the edge does not do."""
        told = [
            f"{each.hosts[0]}: the web ACL, whose rules nobody applies"
            for each in self.deployed.distributions
            if each.web_acl
        ]
        told += [
            f"{each.hosts[0]}: the geographic restriction, as all viewers are here"
            for each in self.deployed.distributions
            if each.geo_restriction != "none"
        ]
        arns = {
            function.arn
            for each in self.deployed.distributions
            for behaviour in each.behaviours
            for function in behaviour.functions.values()
        }
        for arn in sorted(arns):
            process = self.deployed.functions.get(arn)
            if not process.same_python:
                name = arn.split(":")[6]
                told.append(f"{name}: without {process.runtime} here it runs on {process.python}")
        return told

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
        """One request as `Client.ask` sends it."""
        return self.client.ask(host, target, method, headers=headers, body=body, secure=secure)

    def refresh(self) -> None:
        """Take over at once what was deployed just now."""
        self.deployed.refresh()


@contextmanager
def running_edge(
    endpoint: str,
    *,
    https_port: int = 0,
    http_port: int = 0,
    folder: Path | None = None,
    read_timeout: float | None = None,
    resources: Callable[[], Collection[str]] | None = None,
    tell: Callable[[Entry], None] | None = None,
    note: Callable[[str], None] = lambda _text: None,
) -> Iterator[RunningEdge]:
    """Serve the hosts of what is deployed on an emulator, with stand-ins as its applications.

    Args:
        endpoint: the emulator's.
        https_port: 0 for any that is free.
        http_port: likewise.
        folder: for certificates and the functions' archives; emptied. A temporary one by default.
        read_timeout: seconds instead of the origins' own, for who has no minute to wait.
        resources: returns the ids of one stack's resources, to serve that stack alone.
        tell: gets each request's entry.
        note: gets what else happens, as text.

    Raises:
        LocalError: nothing is deployed, or something that the edge cannot run.
    """
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-")))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        account = Account(endpoint)
        functions = Functions(account, folder / "functions")
        stack.callback(functions.stop)
        origins = Origins(account, lambda: deployed.load_balancers)
        edge = Edge(functions=functions, origins=origins, cache=Cache(time.time))
        deployed = Deployed(account, edge, functions, note, read_timeout, resources)
        deployed.refresh()
        if not deployed.distributions:
            raise LocalError("no distribution is deployed: `make up` does that")
        placed = _placed(account, stack, resources and resources())
        certificates = Certificates(folder / "ca.pem")
        log = Log(tell)

        def answer(request: Request, size: int) -> Response:
            at, began = time.time(), time.monotonic()
            response = edge.answer(request, size)
            log.add(request, response, at=at, seconds=time.monotonic() - began)
            return response

        secure = Listener(
            port=https_port,
            answer=answer,
            context=lambda: certificates.context(edge.distributions),
        )
        stack.callback(secure.stop)
        plain = Listener(port=http_port, answer=answer)
        stack.callback(plain.stop)
        stopped = threading.Event()
        watching = threading.Thread(target=deployed.watch, args=(stopped,), daemon=True)
        watching.start()
        stack.callback(watching.join)
        stack.callback(stopped.set)
        yield RunningEdge(
            client=Client(
                https_port=secure.port, http_port=plain.port, ca_file=certificates.ca_file
            ),
            certificates=certificates,
            log=log,
            standins=placed,
            deployed=deployed,
        )


def _placed(account: Account, stack: ExitStack, only: Collection[str] | None) -> StandIns:
    """Stand-ins, each the target of the group whose containers it stands for."""
    routes = {each.port: each for each in targets.routes(account, only)}
    if missing := {_MAP, _API, _GEOSERVER} - set(routes):
        ports = ", ".join(map(str, sorted(missing)))
        raise LocalError(f"no listener rule forwards to containers at port {ports}: `make up`")
    hosts = {"api": routes[_API].host, "geoserver": routes[_GEOSERVER].host}
    placed = StandIns(
        map=standins.Map(hosts),
        api=standins.Api(),
        geoserver=standins.GeoServer(
            int(targets.environment(account, _GEOSERVER, only).get("TILE_SECONDS", 0))
        ),
        hosts={"map": routes[_MAP].host, **hosts},
    )
    for port, standin in ((_MAP, placed.map), (_API, placed.api), (_GEOSERVER, placed.geoserver)):
        stack.callback(standin.stop)
        group = routes[port].target_group
        stack.callback(targets.deregister, account, group, standin.port)
        targets.register(account, group, standin.port)
    return placed


def _hurried(distribution: Distribution, seconds: float) -> Distribution:
    origins = {
        name: replace(origin, read_timeout=seconds) for name, origin in distribution.origins.items()
    }
    return replace(distribution, origins=origins)
