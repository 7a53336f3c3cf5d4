"""Private names, as a VPC's resolver answers them: Cloud Map's.

No such name exists on the machine. The functions' Python, which starts with the RESOLVER's folder
on its path, asks for them here before it asks the machine (resolver/sitecustomize.py).

GET NAMES + a host's name says {target}, empty where no private name has one.
"""

import asyncio
from pathlib import Path
from typing import Any, Final

from .clients import Clients

NAMES: Final = "/_otakaro/names/"
RESOLVER: Final = Path(__file__).resolve().parent / "resolver"


class Names:
    """The names that services of Cloud Map have in their namespaces."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._clients = clients
        self._region = region

    async def told(self, host: str) -> dict[str, Any]:
        """The answer for a host."""
        return {"target": await asyncio.to_thread(self._target, host)}

    def _target(self, host: str) -> str:
        """What the host's CNAME or A record says."""
        service, _, namespace = host.partition(".")
        cloud_map = self._clients("servicediscovery", self._region)
        missing = cloud_map.exceptions
        try:
            found = cloud_map.discover_instances(NamespaceName=namespace, ServiceName=service)
        except (missing.NamespaceNotFound, missing.ServiceNotFound, missing.InvalidInput):
            return ""
        for instance in found["Instances"]:
            said = instance["Attributes"]
            target: str = said.get("AWS_INSTANCE_CNAME") or said.get("AWS_INSTANCE_IPV4") or ""
            if target:
                return target
        return ""
