"""What the origin is asked: of a viewer's request, and what CloudFront adds.

"Request and response behavior for custom origins", "Control origin requests with a policy", "Add
custom headers to origin requests".
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from local.edge.deployment import Behaviour, Origin
from local.edge.encodings import normalised
from local.edge.message import Headers, Request
from local.edge.policies import Taken, picked_cookies, picked_query

# Sent along whatever the policies say.
_ALWAYS: Final = frozenset(
    {
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "range",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "via",
    }
)
# Never sent as the viewer sent them.
_NEVER: Final = ("expect", "x-real-ip", "x-forwarded-proto", "x-edge-", "x-amz-cf-", "cloudfront-")
_OWN: Final = frozenset(
    {"host", "user-agent", "accept-encoding", "cookie", "x-forwarded-for", "content-length"}
)


def to_origin(
    request: Request, behaviour: Behaviour, origin: Origin, request_id: str, server: str
) -> Request:
    """The request that CloudFront sends on.

    Args:
        request: after the viewer-request function.
        behaviour: whose policies decide.
        origin: whose custom headers are added.
        request_id: goes along as X-Amz-Cf-Id.
        server: names the edge in Via.
    """
    parts = (behaviour.cache.key, behaviour.forwarded or Taken())

    def takes(name: str) -> bool:
        return any(part.headers.takes(name) for part in parts)

    headers = Headers(
        (name, value)
        for name, value in request.headers.end_to_end()
        if name.lower() not in _OWN
        and not name.lower().startswith(_NEVER)
        and (takes(name.lower()) or name.lower() in _ALWAYS)
    )
    headers = _authorization(headers, request, behaviour, takes)
    host = request.headers.get("host") if takes("host") else origin.domain
    given = request.headers.get("x-forwarded-for")
    cookie = picked_cookies(
        request.headers, lambda name: any(part.cookies.takes(name) for part in parts)
    )
    fields = [
        ("Host", host),
        *headers.without("via"),
        ("User-Agent", request.headers.get("user-agent") if takes("user-agent") else ""),
        ("Accept-Encoding", _encodings(request, behaviour, takes)),
        ("Cookie", cookie),
        ("X-Forwarded-For", f"{given}, {request.client_ip}" if given else request.client_ip),
        ("Via", ", ".join([*headers.all("via"), f"1.1 {server}.cloudfront.net (CloudFront)"])),
        ("X-Amz-Cf-Id", request_id),
        *_added(request, behaviour),
    ]
    result = Headers((name, value) for name, value in fields if value)
    if "user-agent" not in result and not takes("user-agent"):
        result = result.set("User-Agent", "Amazon CloudFront")
    for name, value in origin.headers:
        result = result.set(name, value)
    query = picked_query(
        request.query, lambda name: any(part.queries.takes(name) for part in parts)
    )
    return replace(request, uri=origin.path + request.uri, query=query, headers=result)


def _authorization(
    headers: Headers, request: Request, behaviour: Behaviour, takes: Callable[[str], bool]
) -> Headers:
    """Under "Configure CloudFront to forward the Authorization header": GET and HEAD, and OPTIONS
    that is cached, lose it unless a policy takes it; other methods keep it."""
    kept = takes("authorization") or request.method not in behaviour.cached_methods
    given = request.headers.all("authorization")
    without = headers.without("authorization")
    return Headers((*without, *(("Authorization", each) for each in given))) if kept else without


def _encodings(request: Request, behaviour: Behaviour, takes: Callable[[str], bool]) -> str:
    if behaviour.cache.encodings:
        return normalised(request.headers, behaviour.cache)
    return request.headers.get("accept-encoding") if takes("accept-encoding") else ""


def _added(request: Request, behaviour: Behaviour) -> list[tuple[str, str]]:
    """The CloudFront-* headers that a policy names, as far as the edge knows them ("Add CloudFront
    request headers"); they are never the viewer's own."""
    known = {
        "CloudFront-Forwarded-Proto": "https" if request.secure else "http",
        "CloudFront-Viewer-Address": f"{request.client_ip}:0",
        "CloudFront-Viewer-Http-Version": "1.1",
    }
    named = behaviour.cache.key.headers.names | (
        behaviour.forwarded.headers.names if behaviour.forwarded else frozenset()
    )
    return [(name, value) for name, value in known.items() if name.lower() in named]
