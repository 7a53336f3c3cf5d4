"""How long a response is kept ("Manage how long content stays in the cache (expiration)")."""

import email.utils
import re
from collections.abc import Mapping
from typing import Final

from local.edge.deployment import ERROR_TTL, ErrorResponse
from local.edge.message import Headers
from local.edge.policies import CachePolicy

# Kept whatever they say, and kept if they say how long ("How CloudFront processes HTTP 4xx and 5xx
# status codes from your origin").
ALWAYS: Final = frozenset({404, 410, 414, 500, 501, 502, 503, 504})
IF_TOLD: Final = frozenset({400, 403, 405, 412, 415})
# Not kept if they say so ("Control how long CloudFront caches errors"); others ignore it.
UNLESS_TOLD: Final = frozenset({404, 410, 414, 501})
_NOT: Final = frozenset({"no-store", "no-cache", "private"})
_KEPT: Final = frozenset({200, 203, 300, 301, 302, 307, 308})
_DIRECTIVE: Final = re.compile(r'([a-z-]+)(?:\s*=\s*"?([^",]*)"?)?')


def directives(headers: Headers) -> dict[str, str]:
    """What Cache-Control says."""
    return dict(_DIRECTIVE.findall(headers.get("cache-control").lower()))


def _told(headers: Headers, now: float) -> int | None:
    """Seconds that Cache-Control gives, shared caches first, or else Expires; None without."""
    said = directives(headers)
    for name in ("s-maxage", "max-age"):
        if said.get(name, "").strip().isdecimal():
            return int(said[name])
    return _until(expires, now) if (expires := headers.get("expires")) else None


def seconds(status: int, headers: Headers, policy: CachePolicy, now: float) -> int | None:
    """How long a response that is no error stays fresh; None when it isn't kept at all.

    Zero seconds is kept too: it is asked for again with its validators each time.
    """
    if status not in _KEPT or policy.max_ttl == 0:
        return None
    said = directives(headers)
    if _NOT & set(said):
        if policy.min_ttl == 0 and {"no-store", "private"} & set(said):
            return None
        return policy.min_ttl
    told = _told(headers, now)
    if told is None:
        return max(policy.min_ttl, policy.default_ttl)
    return max(policy.min_ttl, min(told, policy.max_ttl))


def error_seconds(
    status: int,
    headers: Headers,
    errors: Mapping[int, ErrorResponse],
    policy: CachePolicy,
    now: float,
) -> int | None:
    """How long an error is remembered ("Control how long CloudFront caches errors"); None when it
    isn't."""
    if status in UNLESS_TOLD and _NOT & set(directives(headers)):
        return None
    least = errors[status].ttl if status in errors else ERROR_TTL
    told = _told(headers, now)
    if status in ALWAYS or (status in IF_TOLD and told is not None):
        return max(least, min(told or 0, policy.max_ttl)) or None
    return None


def _until(expires: str, now: float) -> int:
    try:
        return max(0, int(email.utils.parsedate_to_datetime(expires).timestamp() - now))
    except ValueError:
        return 0  # RFC 9111, section 5.3: an invalid date has passed
