"""Deliveries of CloudWatch Logs: a change takes a moment, and AWS rejects another one meanwhile.

Two changes overlap when they concern the same delivery source or the same delivery destination.
AWS then answers with a ConflictException and status 400, both while deliveries are created and
while they are deleted (hashicorp/terraform-provider-aws#42194, #42947, with the logs of parallel
runs; its pull request 48158 serialises them in the provider). Reads do not overlap with anything.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from .asgi import App
from .calls import Part, Refused, Request, beside

LOGS: Final = "Logs_20140328"
CHANGE = 0.4  # s that a delivery's change takes; in those logs it is about a second
_CHANGES: Final = (
    *("PutDeliverySource", "DeleteDeliverySource"),
    *("PutDeliveryDestination", "DeleteDeliveryDestination"),
    *("CreateDelivery", "UpdateDeliveryConfiguration", "DeleteDelivery"),
)


class Deliveries:
    """The delivery sources and destinations that are being changed."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._busy: set[tuple[str, str]] = set()  # region, and name of a source or destination
        self.part = Part(checks={(LOGS, action): self._change for action in _CHANGES})

    def clear(self) -> None:
        """Discard all state."""
        self._busy.clear()

    async def _change(self, request: Request) -> None:
        names = {(request.region, name) for name in await self._names(request)}
        if names & self._busy:
            raise Refused(
                "ConflictException",
                "Requested resource is currently being updated. Please try again later.",
            )
        with self._changing(names):
            alone = request.action.endswith(("Source", "Destination"))
            await asyncio.sleep(CHANGE / 10 if alone else CHANGE)

    @contextmanager
    def _changing(self, names: set[tuple[str, str]]) -> Iterator[None]:
        self._busy |= names
        try:
            yield
        finally:
            self._busy -= names

    async def _names(self, request: Request) -> set[str]:
        """The source and the destination that a request concerns."""
        asked: dict[str, Any] = request.asked
        if "id" in asked:
            found = await beside(self._app, request, "GetDelivery", id=asked["id"])
            asked = found.get("delivery", {})
        elif "name" in asked:
            kind = "source" if request.action.endswith("Source") else "destination"
            return {f"{kind} {asked['name']}"}
        source, destination = asked.get("deliverySourceName"), asked.get("deliveryDestinationArn")
        return {
            *([f"source {source}"] if source else []),
            *([f"destination {destination.rpartition(':')[2]}"] if destination else []),
        }
