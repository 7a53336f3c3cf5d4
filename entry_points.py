"""Entry points of the images whose servers need more than variables to work behind this edge.

Each target must keep an idle connection open for longer than the load balancer does, which reuses
it: a request that meets a connection just closed is answered with 502 (Elastic Load Balancing,
"Troubleshoot your Application Load Balancers", HTTP 502). What each server does, and what changes
it, is measured by tests/servers/test_keep_alive.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WRAPPERS: Final = Path(__file__).parent / "wrappers"
# The application's repository, terriajs/Dockerfile: USER node, ENTRYPOINT ["/app/entrypoint.sh"].
_TERRIAMAP: Final = """\
printf %s "$0" > /tmp/keep_alive.cjs
export NODE_OPTIONS="--require=/tmp/keep_alive.cjs $NODE_OPTIONS"
exec /app/entrypoint.sh"""


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """A container's entry point and command, and the variables that they read."""

    entry_point: Sequence[str]
    command: Sequence[str]
    environment: Mapping[str, str]


def terriamap(*, keep_alive: int) -> EntryPoint:
    """Start TerriaMap with connections that stay open for `keep_alive` s of idleness."""
    return EntryPoint(
        entry_point=["/bin/bash", "-c"],
        command=[_TERRIAMAP, (_WRAPPERS / "keep_alive.cjs").read_text(encoding="utf-8")],
        environment={"KEEP_ALIVE_SECONDS": str(keep_alive)},
    )


def geoserver(*, keep_alive: int, tile_seconds: int) -> EntryPoint:
    """Start GeoServer with connections that stay open for `keep_alive` s, and cacheable images.

    The image is docker.osgeo.org/geoserver, of which the application's geoserver.Dockerfile changes
    a group alone: user root, ENTRYPOINT ["/opt/startup.sh"].
    """
    return EntryPoint(
        entry_point=["/bin/bash", "-c"],
        command=[(_WRAPPERS / "geoserver.sh").read_text(encoding="utf-8")],
        environment={
            "KEEP_ALIVE_SECONDS": str(keep_alive),
            "TILE_SECONDS": str(tile_seconds),
        },
    )
