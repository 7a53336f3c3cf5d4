"""The application around ministack's: it lets requests through, and plays AWS's part after them."""

import json
import logging
import re
import urllib.parse
from pathlib import Path
from typing import Any, Final

from .asgi import App, Message, Receive, Send, answer, gathered, pass_on, read, replayed
from .background import Background
from .balancers import Balancers
from .bus import Bus
from .caches import Caches
from .calls import Part, Refused, Request
from .clients import OWN, Clients
from .creations import CREATION, CREATIONS, Creations
from .databases import Databases
from .deliveries import Deliveries
from .deployments import Deployments
from .interfaces import FUNCTIONS, Interfaces
from .metrics import Metrics
from .names import NAMES, Names
from .origins import PATH, Origins
from .parameters import Parameters
from .protection import Protection
from .redrive import Redrive
from .registry import Images
from .scaling import Scaling
from .schedules import SCHEDULES, Schedules
from .times import Cron

JOURNAL: Final = "/_otakaro/journal"
EVENTS: Final = "/_otakaro/events"  # POST {source, detail-type, detail, resources?, region?}
# POST {database or cache: its name, minor?, region?}: its maintenance window begins
MAINTENANCE: Final = "/_otakaro/maintenance"
LOAD_BALANCERS: Final = "/_alb/"  # where ministack serves them
_SCHEDULE: Final = "/schedules/"
_CREDENTIAL: Final = re.compile(r"Credential=[^/]+/[^/]+/(?P<region>[^/]+)/(?P<service>[^/]+)/")

log = logging.getLogger("gateway")


class Gateway:
    """The application: ministack's, with what AWS does besides."""

    def __init__(
        self,
        app: App,
        *,
        account: str,
        region: str,
        endpoint: str,
        cron: Cron,
        home: Path | None = None,
    ) -> None:
        self._app = app
        self._region = region
        self._background = Background()
        clients = Clients(endpoint)
        self.bus = Bus(account, clients, self._background)
        self._deployments = Deployments(clients, self._background, self.bus)
        self._images = Images(app, region, self.bus)
        self._databases = Databases(app, clients, self._background, account, home)
        self._caches = Caches(app, clients, account)
        self._deliveries = Deliveries(app)
        self._interfaces = Interfaces(app, clients)
        self._balancers = Balancers(app, clients)
        self._origins = Origins(app, clients, self._background)
        self._creations = Creations()
        self._schedules = Schedules(account, clients, self._background, self.bus, cron)
        self.scaling = Scaling(account, clients, self._background, self._deployments.resize)
        self.metrics = Metrics(clients, self._background)
        self._names = Names(clients, region)
        self.protection = Protection(app, clients, self._background)
        self._part = Part.union(
            self._deployments.part,
            self.protection.part,
            self._images.part,
            Parameters(account, self.bus).part,
            self.scaling.part,
            self._deliveries.part,
            Redrive(clients, self._background).part,
        )
        self._background.start()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        # What goes to load balancers is visitors' and no call of AWS's API, whatever its headers.
        if scope["type"] != "http" or path.startswith(LOAD_BALANCERS):
            await self._app(scope, receive, send)
            return
        creation = _headers(scope).get(CREATION)
        if path == CREATIONS:
            await answer(send, 200, self._creations.made())
        elif creation is not None:
            made = await self._creations.once(creation, self._serve, scope, receive)
            await pass_on(send, *made)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], _headers(scope)
        service, _, action = headers.get(b"x-amz-target", "").partition(".")
        signed = _CREDENTIAL.search(headers.get(b"authorization", ""))
        region = signed["region"] if signed else self._region
        own = OWN in headers.get(b"user-agent", "")
        if path == JOURNAL:
            await answer(send, 200, self._journal(scope))
        elif path == EVENTS:
            await answer(send, 200, self._told(json.loads(await read(receive))))
        elif path.startswith(NAMES):
            await answer(send, 200, await self._names.told(path.removeprefix(NAMES)))
        elif path == SCHEDULES:
            await answer(send, 200, self._fired(json.loads(await read(receive))))
        elif await self._images.pushing(scope, receive, send):
            return
        elif self._concerned((service, action), own=own):
            await self._call(scope, receive, send, service, action, region)
        elif not own and signed and signed["service"] == "rds":
            await self._databases.serve(region, scope, receive, send)
        elif not own and signed and signed["service"] == "elasticache":
            await self._caches.serve(region, scope, receive, send)
        elif not own and signed and signed["service"] == "ec2":
            await self._interfaces.serve_ec2(region, scope, receive, send)
        elif not own and signed and signed["service"] == "elasticloadbalancing":
            await self._balancers.serve(region, scope, receive, send)
        elif not own and path.startswith(FUNCTIONS) and scope["method"] == "DELETE":
            await self._interfaces.delete_function(region, scope, receive, send)
        elif not own and path.startswith(PATH):
            await self._origins.serve(scope, receive, send)
        elif path == MAINTENANCE:
            await answer(send, 200, self._maintained(json.loads(await read(receive))))
        elif not own and path.startswith(_SCHEDULE) and scope["method"] in {"POST", "PUT"}:
            await self._scheduled(region, scope, receive, send)
        else:
            await self._app(scope, receive, send)
            if path == "/_ministack/reset":
                self._deployments.clear()
                self._creations.clear()
                self._databases.clear()
                self._caches.clear()
                self._interfaces.clear()
                self._deliveries.clear()
                self._origins.clear()
                self.protection.clear()
                self._schedules.clear()
                self.scaling.clear()

    def _concerned(self, key: tuple[str, str], *, own: bool) -> bool:
        part = self._part
        return key in part.mends or (
            not own and (key in part.answers or key in part.checks or key in part.follows)
        )

    def _journal(self, scope: Message) -> dict[str, Any]:
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode())
        after = int((query.get("after") or ["0"])[0])
        entries = [entry for entry in list(self.bus.journal) if entry["number"] > after]
        return {"entries": entries}

    def _told(self, event: dict[str, Any]) -> dict[str, Any]:
        """Have AWS tell what it is said to tell."""
        self.bus.emit(
            event.get("region", self._region),
            event["source"],
            event["detail-type"],
            event["detail"],
            *event.get("resources", []),
        )
        return {}

    def _fired(self, asked: dict[str, str]) -> dict[str, Any]:
        """Have a schedule fire."""
        region, group = asked.get("region", self._region), asked.get("group", "default")
        self._schedules.fire((region, group, asked["name"]))
        return {}

    def _maintained(self, asked: dict[str, str]) -> dict[str, Any]:
        """Have AWS do what it does in a maintenance window."""
        region = asked.get("region", self._region)
        if name := asked.get("database"):
            self._databases.apply_pending(region, name, asked.get("minor", ""))
        if name := asked.get("cache"):
            self._caches.apply_pending(region, name)
        return {}

    async def _scheduled(self, region: str, scope: Message, receive: Receive, send: Send) -> None:
        """Serve the making or the change of a schedule."""
        body = await read(receive)
        start, content = await gathered(self._app, scope, body)
        await pass_on(send, start, content)
        if start["status"] == 200:
            group = json.loads(body).get("GroupName", "default")
            self._schedules.changed((region, group, scope["path"].removeprefix(_SCHEDULE)))

    async def _call(
        self,
        scope: Message,
        receive: Receive,
        send: Send,
        service: str,
        action: str,
        region: str,
    ) -> None:
        body = await read(receive)
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            asked = None
        if not isinstance(asked, dict):  # ministack has words for that
            await self._app(scope, replayed(body), send)
            return
        key, part = (service, action), self._part
        request = Request(scope, service, action, region, asked)
        try:
            if key in part.answers:
                await answer(send, 200, part.answers[key](asked, region))
                return
            if key in part.checks:
                await part.checks[key](request)
        except Refused as refused:
            await answer(send, 400, refused.told())
            return
        start, content = await gathered(self._app, scope, body)
        said = json.loads(content or b"{}") if start["status"] == 200 else {}
        if said and key in part.mends:
            await part.mends[key](request, said)
            content = json.dumps(said).encode()
        await pass_on(send, start, content)
        if start["status"] == 200 and key in part.follows:
            try:
                part.follows[key](request, said)
            except Exception:
                log.exception("Nothing follows %s.%s", service, action)


def _headers(scope: Message) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
