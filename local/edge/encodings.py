"""Compression at the edge, and what the origin and the cache key learn of Accept-Encoding."""

import gzip
from dataclasses import replace
from typing import Final

import brotli

from local.edge.deployment import Behaviour
from local.edge.message import Headers, Response
from local.edge.policies import CachePolicy

# "Serve compressed files": sizes in bytes, and types.
_SIZES: Final = range(1_000, 10_000_001)
_STATUSES: Final = frozenset({200, 403, 404})
_TYPES: Final = frozenset(
    """
    application/dash+xml application/eot application/font application/font-sfnt
    application/javascript application/json application/opentype application/otf
    application/pdf application/pkcs7-mime application/protobuf application/rss+xml
    application/truetype application/ttf application/vnd.apple.mpegurl
    application/vnd.mapbox-vector-tile application/vnd.ms-fontobject application/wasm
    application/xhtml+xml application/xml application/x-font-opentype application/x-font-
    truetype application/x-font-ttf application/x-httpd-cgi application/x-javascript
    application/x-mpegurl application/x-opentype application/x-otf application/x-perl
    application/x-ttf font/eot font/opentype font/otf font/ttf image/svg+xml text/css
    text/csv text/html text/javascript text/js text/plain text/richtext text/tab-separated-
    values text/xml text/x-component text/x-java-source text/x-script vnd.apple.mpegurl
    """.split()  # noqa: SIM905 - a list of fifty lines otherwise
)


def normalised(headers: Headers, policy: CachePolicy) -> str:
    """Accept-Encoding as key and origin get it: 'br,gzip', 'br', 'gzip' or ''.

    "Understand the cache key", "Compression support".
    """
    accepted = set()
    for part in headers.get("accept-encoding").lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    wanted = [("br", policy.brotli), ("gzip", policy.gzip)]
    return ",".join(name for name, enabled in wanted if enabled and name in accepted)


def compressed(response: Response, behaviour: Behaviour, accepted: str) -> Response:
    """The response as the edge keeps it for viewers who accept `accepted`, smaller if it may be."""
    headers = response.headers
    kind = headers.get("content-type").partition(";")[0].strip().lower()
    if (
        not behaviour.compress
        or not accepted
        or behaviour.cache.max_ttl == 0
        or response.status not in _STATUSES
        or kind not in _TYPES
        or "content-encoding" in headers
        or "content-length" not in headers
        or len(response.body) not in _SIZES
    ):
        return response
    encoding = accepted.partition(",")[0]
    if encoding == "br":
        body = brotli.compress(response.body, quality=5)
    else:
        body = gzip.compress(response.body, compresslevel=6, mtime=0)
    headers = headers.without("content-length").set("Content-Encoding", encoding)
    if (tag := headers.get("etag")) and not tag.startswith("W/"):
        headers = (
            headers.set("ETag", f"W/{tag}") if tag.startswith('"') else headers.without("etag")
        )
    if "accept-encoding" not in headers.get("vary").lower():
        headers = Headers((*headers, ("Vary", "Accept-Encoding")))
    return replace(response, headers=headers, body=body)
