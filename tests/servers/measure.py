"""Measure how many requests meet a connection just closed: 10,000 for each server and setting.

python -m tests.servers.measure        rewrites its part of docs/benchmarks.md (about 6 minutes)
"""

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from local import paths
from tests.servers import servers
from tests.servers.balancer import Load, resets

REPORT: Final = paths.ROOT / "docs" / "benchmarks.md"
TITLE: Final = "## Connections to targets"
REQUESTS: Final = 10_000
IDLE_TIMEOUT, KEEP_ALIVE = 70.0, 75  # s, as __main__.py has them by default
LATENCY: Final = 0.002  # s, one way


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server, and how long it keeps connections."""

    name: str
    server: Callable[..., AbstractContextManager[int]]
    default: float  # s, by the server's documentation
    source: str


CASES: Final = [
    Case(
        name="terriajs-server (TerriaMap)",
        server=servers.terriamap,
        default=5,
        source="Node.js, `server.keepAliveTimeout`",
    ),
    Case(
        name="gunicorn with gevent (API)",
        server=servers.api,
        default=2,
        source="gunicorn, `keepalive`",
    ),
    Case(
        name="Tomcat (GeoServer)",
        server=servers.geoserver,
        default=20,
        source="Tomcat, `connectionTimeout=20000` in `server.xml`",
    ),
]


def _idle(case: Case, *, ours: bool) -> float:
    """The longest time between two requests: around the server's or the load balancer's limit."""
    return IDLE_TIMEOUT + 2 if ours else 2 * case.default


def measured(case: Case, *, ours: bool) -> Counter[str]:
    """The outcomes of the requests, with the server's own setting or the program's."""
    idle = _idle(case, ours=ours)
    load = Load(
        requests=REQUESTS,
        connections=400,
        idle=(0.0, idle),
        idle_timeout=IDLE_TIMEOUT,
        latency=LATENCY,
    )
    with case.server(keep_alive=KEEP_ALIVE if ours else None) as port:
        return resets(port, load)


def section() -> list[str]:
    """Measure, and tell it in Markdown."""
    wanted = [(case, ours) for case in CASES for ours in (False, True)]
    with ProcessPoolExecutor(len(wanted)) as pool:
        running = [pool.submit(measured, case, ours=ours) for case, ours in wanted]
        found = [each.result() for each in running]
    lines = [
        TITLE,
        "",
        "`.venv/bin/python -m tests.servers.measure` measures this part alone: the real servers",
        "behind a stub of the load balancer, which reuses connections until they were idle for",
        f"{IDLE_TIMEOUT:.0f} s, {LATENCY * 1000:.0f} ms away. Each row has {REQUESTS:,} requests or"
        " a few more. A reset",
        "is a 502 to the visitor.",
        "",
        "| server | keeps connections | idle between requests | on reused connections | resets |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (case, ours), counts in zip(wanted, found, strict=True):
        kept = f"{KEEP_ALIVE} s" if ours else f"{case.default:.0f} s ({case.source})"
        idle = _idle(case, ours=ours)
        reused = counts["reused"] + counts["reset"]
        lines.append(
            f"| {case.name} | {kept} | up to {idle:.0f} s | {reused} | {counts['reset']} |"
        )
    return lines


def main() -> None:
    if not servers.HAS_TOMCAT:
        sys.exit("There is no Tomcat on this machine: install java and tomcat10")
    text = REPORT.read_text(encoding="utf-8")
    before, _, rest = text.partition(TITLE)
    _, mark, after = rest.partition("\n## ")
    lines = section()
    made = before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + (f"\n## {after}" if mark else "")
    REPORT.write_text(made, encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
