"""Cache, origin request and response headers policies, as their APIs describe them."""

import fnmatch
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from local.edge.message import Headers

Kind = Literal["none", "whitelist", "allExcept", "all"]
_KINDS: Mapping[str, Kind] = {
    "none": "none",
    "whitelist": "whitelist",
    "allExcept": "allExcept",
    "all": "all",
    "allViewer": "all",
    "allViewerAndWhitelistCloudFront": "all",
}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which headers, cookies or query strings a policy takes."""

    kind: Kind = "none"
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: Mapping[str, Any], part: str, items: str, *, lower: bool) -> "Selection":
        """From a policy's configuration, e.g. part 'Header' and items 'Headers'."""
        names = (config.get(items) or {}).get("Items") or []
        return cls(
            kind=_KINDS[config[f"{part}Behavior"]],
            names=frozenset(name.lower() if lower else name for name in names),
        )

    def takes(self, name: str) -> bool:
        """Whether the value of that name belongs to it."""
        if self.kind == "whitelist":
            return name in self.names
        return self.kind == "all" or (self.kind == "allExcept" and name not in self.names)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What goes into a cache key, or to the origin ("Control the cache key", "Control origin
    requests with a policy")."""

    headers: Selection = Selection()
    cookies: Selection = Selection()
    queries: Selection = Selection()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Taken":
        """From the part of a policy's configuration that has the three."""
        headers, cookies = config["HeadersConfig"], config["CookiesConfig"]
        queries = config["QueryStringsConfig"]
        return cls(
            headers=Selection.of(headers, "Header", "Headers", lower=True),
            cookies=Selection.of(cookies, "Cookie", "Cookies", lower=False),
            queries=Selection.of(queries, "QueryString", "QueryStrings", lower=False),
        )

    def query(self, query: str) -> str:
        """The parameters that are taken, in the order in which they came."""
        return picked_query(query, self.queries.takes)

    def cookie(self, headers: Headers) -> str:
        """The cookies that are taken, as one Cookie header's value."""
        return picked_cookies(headers, self.cookies.takes)


def picked_query(query: str, takes: Callable[[str], bool]) -> str:
    """The parameters whose names are taken, byte for byte and in their order."""
    parts = query.split("&")
    kept = [part for part in parts if takes(urllib.parse.unquote_plus(part.partition("=")[0]))]
    return "&".join(kept)


def picked_cookies(headers: Headers, takes: Callable[[str], bool]) -> str:
    """The cookies whose names are taken, as one Cookie header's value."""
    pairs = [part.strip() for value in headers.all("cookie") for part in value.split(";")]
    return "; ".join(pair for pair in pairs if pair and takes(pair.partition("=")[0]))


@dataclass(frozen=True, kw_only=True)
class CachePolicy:
    """What is kept by what, and for how long; times in seconds."""

    min_ttl: int
    default_ttl: int
    max_ttl: int
    key: Taken
    gzip: bool
    brotli: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "CachePolicy":
        """From GetCachePolicyConfig."""
        key = config["ParametersInCacheKeyAndForwardedToOrigin"]
        return cls(
            min_ttl=int(config["MinTTL"]),
            default_ttl=int(config.get("DefaultTTL", 86_400)),
            max_ttl=int(config.get("MaxTTL", 31_536_000)),
            key=Taken.of(key),
            gzip=bool(key.get("EnableAcceptEncodingGzip")),
            brotli=bool(key.get("EnableAcceptEncodingBrotli")),
        )

    @property
    def encodings(self) -> bool:
        """Whether Accept-Encoding is normalised and part of the key."""
        return self.gzip or self.brotli


@dataclass(frozen=True, kw_only=True)
class Added:
    """A header that a response gets; `override` is whether it replaces the origin's."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True, kw_only=True)
class Cors:
    """The CORS part of a response headers policy."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    credentials: bool
    max_age: int | None  # s
    override: bool

    def added(self, origin: str, *, preflight: bool) -> list[Added]:
        """For a request from `origin`; none when it isn't admitted or there is no origin."""
        if not origin or not any(_admits(pattern, origin) for pattern in self.origins):
            return []
        everyone = "*" in self.origins and not self.credentials
        found = {"Access-Control-Allow-Origin": "*" if everyone else origin}
        if self.credentials:
            found["Access-Control-Allow-Credentials"] = "true"
        if preflight:
            found["Access-Control-Allow-Methods"] = ", ".join(self.methods)
            found["Access-Control-Allow-Headers"] = ", ".join(self.headers)
            if self.max_age is not None:
                found["Access-Control-Max-Age"] = str(self.max_age)
        elif self.exposed:
            found["Access-Control-Expose-Headers"] = ", ".join(self.exposed)
        return [Added(name=name, value=found[name], override=self.override) for name in found]


@dataclass(frozen=True, kw_only=True)
class ResponseHeadersPolicy:
    """Headers that responses get and lose ("Understand response headers policies")."""

    cors: Cors | None
    added: tuple[Added, ...]
    removed: tuple[str, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "ResponseHeadersPolicy":
        """From GetResponseHeadersPolicyConfig."""
        custom = (config.get("CustomHeadersConfig") or {}).get("Items") or []
        removed = (config.get("RemoveHeadersConfig") or {}).get("Items") or []
        return cls(
            cors=_cors(config.get("CorsConfig")),
            added=(
                *_security(config.get("SecurityHeadersConfig") or {}),
                *(
                    Added(name=each["Header"], value=each["Value"], override=each["Override"])
                    for each in custom
                ),
            ),
            removed=tuple(each["Header"] for each in removed),
        )

    def apply(self, headers: Headers, *, origin: str, method: str, asked: str) -> Headers:
        """The response's headers after the policy.

        Args:
            headers: the origin's.
            origin: the request's Origin.
            method: the request's.
            asked: the request's Access-Control-Request-Method.
        """
        result = headers.without(*self.removed)
        preflight = method == "OPTIONS" and asked != ""
        cors = self.cors.added(origin, preflight=preflight) if self.cors else []
        for each in (*cors, *self.added):
            if each.override or each.name not in result:
                result = result.set(each.name, each.value)
        return result


def _admits(pattern: str, origin: str) -> bool:
    if "://" not in pattern:  # a host alone stands for both schemes
        origin = origin.partition("://")[2]
    return fnmatch.fnmatchcase(origin.lower(), pattern.lower())


def _cors(config: Mapping[str, Any] | None) -> Cors | None:
    if not config:
        return None

    def items(key: str) -> tuple[str, ...]:
        return tuple((config.get(key) or {}).get("Items") or ())

    return Cors(
        origins=items("AccessControlAllowOrigins"),
        methods=items("AccessControlAllowMethods"),
        headers=items("AccessControlAllowHeaders"),
        exposed=items("AccessControlExposeHeaders"),
        credentials=bool(config["AccessControlAllowCredentials"]),
        max_age=config.get("AccessControlMaxAgeSec"),
        override=bool(config["OriginOverride"]),
    )


def _security(config: Mapping[str, Any]) -> list[Added]:
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    if part := config.get("StrictTransportSecurity"):
        value = f"max-age={part['AccessControlMaxAgeSec']}"
        value += "; includeSubDomains" if part.get("IncludeSubdomains") else ""
        value += "; preload" if part.get("Preload") else ""
        found.append(("Strict-Transport-Security", value, part))
    if part := config.get("ContentTypeOptions"):
        found.append(("X-Content-Type-Options", "nosniff", part))
    if part := config.get("FrameOptions"):
        found.append(("X-Frame-Options", part["FrameOption"], part))
    if part := config.get("ReferrerPolicy"):
        found.append(("Referrer-Policy", part["ReferrerPolicy"], part))
    if part := config.get("ContentSecurityPolicy"):
        found.append(("Content-Security-Policy", part["ContentSecurityPolicy"], part))
    if part := config.get("XSSProtection"):
        value = "1" if part["Protection"] else "0"
        value += "; mode=block" if part["Protection"] and part.get("ModeBlock") else ""
        value += f"; report={part['ReportUri']}" if part.get("ReportUri") else ""
        found.append(("X-XSS-Protection", value, part))
    return [
        Added(name=name, value=value, override=bool(part["Override"]))
        for name, value, part in found
    ]
