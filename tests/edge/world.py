"""A distribution, an origin and a function made up for tests of the edge, without an emulator."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from local.edge.cache import Cache
from local.edge.deployment import Behaviour, Distribution, Function, Origin
from local.edge.edge import Edge
from local.edge.functions import Failed
from local.edge.message import Headers, Request, Response
from local.edge.origins import Unreachable
from local.edge.policies import CachePolicy, Selection, Taken

HOST = "map.example.test"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:auth:7"
EVERYTHING = Taken(
    headers=Selection(kind="all"), cookies=Selection(kind="all"), queries=Selection(kind="all")
)
QUERIES = Taken(queries=Selection(kind="all"))


def policy(default: int = 300, longest: int = 86_400, least: int = 0, **more: Any) -> CachePolicy:
    """A cache policy whose key takes the query."""
    given: dict[str, Any] = {"key": QUERIES, "gzip": True, "brotli": True, **more}
    return CachePolicy(min_ttl=least, default_ttl=default, max_ttl=longest, **given)


def origin(**changes: Any) -> Origin:
    """A load balancer."""
    base = Origin(
        id="alb",
        domain="alb.example.test",
        path="",
        headers=(("X-Secret", "s3cret"),),
        bucket="",
        balancer="",
        access_control=False,
        protocol="https-only",
        http_port=80,
        https_port=443,
        read_timeout=5,
        connect_timeout=1,
        attempts=3,
    )
    return replace(base, **changes)


def behaviour(pattern: str = "*", **changes: Any) -> Behaviour:
    """One that forwards everything and caches for five minutes."""
    base = Behaviour(
        pattern=pattern,
        origin="alb",
        viewer_protocol="redirect-to-https",
        methods=frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}),
        cached_methods=frozenset({"GET", "HEAD"}),
        compress=True,
        cache=policy(),
        forwarded=EVERYTHING,
        response_headers=None,
        functions={},
    )
    return replace(base, **changes)


def distribution(*behaviours: Behaviour, **changes: Any) -> Distribution:
    """One for HOST; its last behaviour is the default."""
    base = Distribution(
        id="E1",
        arn="arn:aws:cloudfront::123456789012:distribution/E1",
        domain="d1.cloudfront.net",
        aliases=(HOST,),
        root="",
        origins={"alb": origin()},
        behaviours=behaviours or (behaviour(),),
    )
    return replace(base, **changes)


def at_viewer_request(**more: Any) -> dict[str, Function]:
    """The association of a viewer-request function."""
    return {"viewer-request": Function(arn=ARN, include_body=False, **more)}


def answer(body: bytes = b"hello", status: int = 200, **headers: str) -> Response:
    """An origin's answer; underscores in the headers' names are hyphens."""
    fields = [("Content-Length", str(len(body)))]
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(status=status, reason="", headers=Headers(fields), body=body, by="origin")


@dataclass
class World:
    """An edge whose origin, function and clock are the test's."""

    now: float = 1_000_000.0
    says: Callable[[Request], Response | Unreachable] = lambda _request: answer()
    makes: Callable[[dict[str, Any]], Any] = lambda event: event["Records"][0]["cf"]["request"]
    asked: list[Request] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.edge = Edge(functions=self, origins=self, cache=Cache(lambda: self.now))
        self.edge.serve([distribution()])

    def ask(self, origin: Origin, request: Request, distribution: Distribution) -> Response:
        """Play the origin."""
        assert origin.id in distribution.origins
        self.asked.append(request)
        said = self.says(request)
        if isinstance(said, Unreachable):
            raise said
        return replace(said, body=b"") if request.method == "HEAD" else said

    def invoke(self, arn: str, event: dict[str, Any], request_id: str) -> Any:
        """Play the function."""
        assert arn == ARN
        assert request_id
        self.events.append(event)
        made = self.makes(event)
        if isinstance(made, Failed):
            raise made
        return made

    def get(self, target: str = "/", method: str = "GET", **more: Any) -> Response:
        """A viewer's request to HOST."""
        uri, _, query = target.partition("?")
        headers = [("Host", more.pop("host", HOST)), *more.pop("headers", [])]
        size = more.pop("size", 100)
        request = Request(method=method, uri=uri, query=query, headers=Headers(headers), **more)
        return self.edge.answer(request, size)
