"""One edge location: what CloudFront does with a request between viewer and origin."""

import base64
import hashlib
import http.client
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from local.edge import encodings, events, forwarding, keeping, pages
from local.edge.cache import Cache, Kept, Key
from local.edge.deployment import Behaviour, Distribution, Origin
from local.edge.functions import Failed, Invoker
from local.edge.message import Headers, Request, Response
from local.edge.origins import Asker, Unreachable
from local.edge.policies import Taken

# "Quotas": bytes of request line and headers, of a URL. Beyond them CloudFront answers 413
# ("Maximum length of a request and maximum length of a URL").
LARGEST_REQUEST: Final = 20_480
LONGEST_URL: Final = 8_192
_HIT: Final = "Hit from cloudfront"
_PATIENCE: Final = 5.0  # s that a request waits for another of the same object
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_CONDITIONS: Final = (
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
)
_NOT_ALLOWED: Final = (
    "This distribution is not configured to allow the HTTP request method that was used for this "
    "request."
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request under way in a distribution."""

    id: str
    distribution: Distribution
    behaviour: Behaviour
    request: Request

    @property
    def origin(self) -> Origin:
        """Where the behaviour leads."""
        return self.distribution.origins[self.behaviour.origin]


class Edge:
    """Answers requests for the hosts of distributions."""

    def __init__(self, *, functions: Invoker, origins: Asker, cache: Cache) -> None:
        self.cache = cache
        self.distributions: Mapping[str, Distribution] = {}  # by host
        self._functions = functions
        self._origins = origins
        # Names the edge location's server in Via.
        self._server = hashlib.sha256(secrets.token_bytes()).hexdigest()[:32]

    def serve(self, distributions: list[Distribution]) -> None:
        """From now on serve these."""
        self.distributions = {
            host: distribution for distribution in distributions for host in distribution.hosts
        }

    def answer(self, request: Request, size: int) -> Response:
        """The answer that a viewer gets; `size` is the request's in bytes, without its body."""
        request_id = base64.urlsafe_b64encode(secrets.token_bytes(40)).decode()
        response = self._answered(request, size, request_id)
        via = f"1.1 {self._server}.cloudfront.net (CloudFront)"
        headers = response.headers.end_to_end().without("via", "x-cache", "x-amz-cf-id")
        if "server" not in headers and response.by in ("edge", "function"):
            headers = headers.set("Server", "CloudFront")
        if "date" not in headers:
            headers = headers.set("Date", formatdate(usegmt=True))
        fields = [
            ("X-Cache", response.x_cache),
            ("Via", via),
            ("X-Amz-Cf-Pop", "LOCAL-P1"),
            ("X-Amz-Cf-Id", request_id),
        ]
        return replace(response, headers=Headers((*headers, *fields)))

    def _answered(self, request: Request, size: int, request_id: str) -> Response:
        if size > LARGEST_REQUEST or len(request.target) > LONGEST_URL:
            return pages.error(413, "The request or its URL is too long.")
        distribution = self.distributions.get(request.host)
        if distribution is None:
            return pages.error(403, "No distribution has this host as its alternate domain name.")
        if "(cloudfront)" in request.headers.get("via").lower():
            return pages.error(403, "The request came through CloudFront before.")
        behaviour = distribution.behaviour(request.uri)
        if refused := _refused(request, behaviour):
            return refused
        if request.uri == "/" and distribution.root:
            request = replace(request, uri=f"/{distribution.root}")
        visit = Visit(
            id=request_id, distribution=distribution, behaviour=behaviour, request=request
        )
        if "viewer-request" in behaviour.functions:
            outcome = self._at_request(visit)
            if isinstance(outcome, Response):
                return outcome
            visit = replace(visit, request=outcome)
        return self._at_response(visit, self._exchanged(visit))

    # Functions.

    def _at_request(self, visit: Visit) -> Request | Response:
        function = visit.behaviour.functions["viewer-request"]
        event = events.request_event(
            visit.request, visit.distribution, visit.id, include_body=function.include_body
        )
        try:
            result = self._functions.invoke(function.arn, event, visit.id)
            return events.given_back(result, visit.request)
        except (Failed, events.Invalid) as error:
            return _function_error(error)

    def _at_response(self, visit: Visit, response: Response) -> Response:
        request, policy = visit.request, visit.behaviour.response_headers
        if policy is not None:
            headers = policy.apply(
                response.headers,
                origin=request.headers.get("origin"),
                method=request.method,
                asked=request.headers.get("access-control-request-method"),
            )
            response = replace(response, headers=headers)
        function = visit.behaviour.functions.get("viewer-response")
        if function is None or response.status >= 400:
            return response
        event = events.response_event(request, response, visit.distribution, visit.id)
        try:
            result = self._functions.invoke(function.arn, event, visit.id)
            return events.responded(result, response)
        except (Failed, events.Invalid) as error:
            return _function_error(error)

    # Cache and origin.

    def _exchanged(self, visit: Visit) -> Response:
        """From the cache or the origin."""
        request, behaviour = visit.request, visit.behaviour
        if request.method not in behaviour.cached_methods:
            return self._fetched(visit, Headers())[0]
        key = Key.of(visit.distribution.id, behaviour, request)
        if response := self._hit(key, request):
            return response
        if behaviour.cache.max_ttl == 0:
            return self._renewed(visit, key)
        with self.cache.fetching(key, _PATIENCE) as first:
            if not first and (response := self._hit(key, request)):
                return response
            return self._renewed(visit, key)

    def _hit(self, key: Key, request: Request) -> Response | None:
        kept, now = self.cache.get(key), self.cache.clock()
        if kept is None or now >= max(kept.until, kept.again):
            return None
        return _from_cache(kept, request, now, pages.ERROR if kept.is_error else _HIT)

    def _renewed(self, visit: Visit, key: Key) -> Response:
        """Ask the origin, with the validators of what is kept, and keep what it says."""
        cache, behaviour, request = self.cache, visit.behaviour, visit.request
        kept = cache.get(key)
        if kept is not None and kept.is_error:
            kept = None
        response, original = self._fetched(visit, kept.validators() if kept else Headers())
        now = cache.clock()
        if kept is not None and original.status == 304:
            kept = _confirmed(kept, original.headers, behaviour, now)
            cache.put(key, kept)
            return _from_cache(kept, request, now, "RefreshHit from cloudfront")
        if kept is not None and original.status >= 500:
            # "How CloudFront processes errors": what has expired is better than an error.
            cache.put(key, replace(kept, again=now + (_remembered(visit, original, now) or 0)))
            return _from_cache(kept, request, now, _HIT)
        is_error = original.status >= 400
        if is_error:
            seconds = _remembered(visit, original, now)
        else:
            seconds = keeping.seconds(original.status, original.headers, behaviour.cache, now)
        if seconds is None:
            cache.drop(key)
            return response
        if request.method == "HEAD":
            return response
        response = encodings.compressed(response, behaviour, key.encoding)
        cache.put(key, Kept(response=response, since=now, until=now + seconds, is_error=is_error))
        return response if is_error else _as_asked(response, request)

    def _fetched(self, visit: Visit, validators: Headers) -> tuple[Response, Response]:
        """The answer for the viewer and the origin's own, which differ where a page of the
        distribution stands for an error ("Generate custom error responses")."""
        original = self._asked(visit, visit.request, validators)
        wanted = visit.distribution.errors.get(original.status)
        if wanted is None or not wanted.page:
            return original, original
        behaviour = visit.distribution.behaviour(wanted.page)
        request = Request(
            method="GET",
            uri=wanted.page,
            headers=Headers([("Host", visit.request.headers.get("host"))]),
            client_ip=visit.request.client_ip,
            secure=visit.request.secure,
        )
        page = self._asked(replace(visit, behaviour=behaviour), request, Headers())
        if page.status >= 400:
            return original, original
        shown = replace(
            page,
            status=wanted.status,
            reason=http.client.responses.get(wanted.status, ""),
            body=b"" if visit.request.method == "HEAD" else page.body,
            x_cache=pages.ERROR,
        )
        return shown, original

    def _asked(self, visit: Visit, request: Request, validators: Headers) -> Response:
        if validators:
            conditional = request.headers.without(*_CONDITIONS, "range")
            request = replace(request, headers=Headers((*conditional, *validators)))
        asked = forwarding.to_origin(request, visit.behaviour, visit.origin, visit.id, self._server)
        try:
            response = self._origins.ask(visit.origin, asked, visit.distribution)
        except Unreachable as error:
            return pages.error(error.status, f"CloudFront could not ask the origin: {error}.")
        failed = response.status >= 400
        return replace(
            response,
            headers=_passed_on(response.headers, visit.behaviour),
            x_cache=pages.ERROR if failed else "Miss from cloudfront",
        )


def _refused(request: Request, behaviour: Behaviour) -> Response | None:
    """What the behaviour's settings don't let through."""
    if not request.secure and behaviour.viewer_protocol == "redirect-to-https":
        return pages.redirect(f"https://{request.host}{request.target}", request.method)
    if not request.secure and behaviour.viewer_protocol == "https-only":
        return pages.error(403, "Viewers must use HTTPS.")
    if request.method not in behaviour.methods:
        return pages.error(403, _NOT_ALLOWED)
    if request.method == "GET" and request.body:
        return pages.error(403, "A GET request must have no body.")
    return None


def _function_error(error: Exception) -> Response:
    """As "HTTP 503 status code (function execution error)" and "HTTP 502 status code (Lambda
    validation error)" have it."""
    if isinstance(error, Failed):
        return pages.error(
            503,
            "The Lambda function associated with the CloudFront distribution failed.",
            "LambdaExecutionError from cloudfront",
        )
    return pages.error(
        502,
        f"The Lambda function result failed validation: {error}.",
        "LambdaValidationError from cloudfront",
    )


def _passed_on(headers: Headers, behaviour: Behaviour) -> Headers:
    """What is left by "HTTP response headers that CloudFront removes or replaces"."""
    parts = (behaviour.cache.key, behaviour.forwarded or Taken())
    headers = headers.end_to_end()
    if all(part.cookies.kind == "none" for part in parts):
        headers = headers.without("set-cookie")
    if "vary" in headers:
        names = [name.strip() for name in headers.get("vary").split(",")]
        kept = [
            name
            for name in names
            if name.lower() in ("*", "accept-encoding", "cookie")
            or any(part.headers.takes(name.lower()) for part in parts)
        ]
        headers = headers.set("Vary", ", ".join(kept)) if kept else headers.without("vary")
    return headers


def _remembered(visit: Visit, error: Response, now: float) -> int | None:
    errors, policy = visit.distribution.errors, visit.behaviour.cache
    return keeping.error_seconds(error.status, error.headers, errors, policy, now)


def _confirmed(kept: Kept, told: Headers, behaviour: Behaviour, now: float) -> Kept:
    """What is kept after the origin said that it is still so."""
    headers = kept.response.headers
    for name, value in told:
        if name.lower() in ("cache-control", "expires", "date", "last-modified"):
            headers = headers.set(name, value)
    seconds = keeping.seconds(kept.response.status, headers, behaviour.cache, now)
    response = replace(kept.response, headers=headers)
    return Kept(response=response, since=now, until=now + (seconds or 0))


def _from_cache(kept: Kept, request: Request, now: float, x_cache: str) -> Response:
    age = str(max(0, int(now - kept.since)))
    headers = kept.response.headers.set("Age", age)
    return _as_asked(replace(kept.response, headers=headers, by="cache", x_cache=x_cache), request)


def _as_asked(response: Response, request: Request) -> Response:
    """A response as the viewer asked for it: whole, in part, or not at all if it has it."""
    headers = response.headers
    if response.status == 200 and _has_it(request.headers, headers):
        return replace(
            response,
            status=304,
            reason="Not Modified",
            headers=headers.without("content-length", "content-type", "content-encoding"),
            body=b"",
        )
    if request.method == "HEAD":
        headers = headers.set("Content-Length", str(len(response.body)))
        return replace(response, headers=headers, body=b"")
    return _part(response, request.headers) if response.status == 200 else response


def _has_it(asked: Headers, headers: Headers) -> bool:
    """Whether the viewer's conditions say that it has this very object (RFC 9110, section 13)."""
    if tags := asked.get("if-none-match"):
        own = headers.get("etag").removeprefix("W/")
        given = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return own != "" and (own in given or "*" in given)
    since, changed = asked.get("if-modified-since"), headers.get("last-modified")
    try:
        return bool(since and changed) and (
            parsedate_to_datetime(changed) <= parsedate_to_datetime(since)
        )
    except (ValueError, TypeError):
        return False


def _part(response: Response, asked: Headers) -> Response:
    """One range of a kept object ("Range GETs"); the whole one for several, or none, or If-Range
    that names another object."""
    match = _RANGE.fullmatch(asked.get("range").replace(" ", ""))
    condition = asked.get("if-range")
    mine = (response.headers.get("etag"), response.headers.get("last-modified"))
    if match is None or match.groups() == ("", "") or (condition and condition not in mine):
        return response
    size = len(response.body)
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        headers = response.headers.set("Content-Range", f"bytes */{size}").without("content-length")
        reason = "Range Not Satisfiable"
        return replace(response, status=416, reason=reason, headers=headers, body=b"")
    headers = response.headers.set("Content-Range", f"bytes {start}-{end}/{size}")
    headers = headers.without("content-length")
    body = response.body[start : end + 1]
    return replace(response, status=206, reason="Partial Content", headers=headers, body=body)
