"""The small AWS with what stops at night: a database, and tasks that may take long to end.

It asserts itself that no task starts without its database, and that none is left when the database
stops.
"""

import json
from typing import Any

from tests.lambdas.cluster import Aws, Deployment, Service


class NightAws(Aws):
    """The account with a database, tasks that may take long to end, and the state."""

    def __init__(
        self, cluster: str, services: dict[str, dict[str, Any]], *, hours: str, name: str
    ) -> None:
        """Its services; the parameter with the state, and the database's name."""
        super().__init__(cluster, services)
        self.hours, self.name = hours, name
        self.state = json.dumps({"phase": "day", "waiting": []})
        self.database = "available"
        self.computing: dict[str, int] = {}  # tasks that protect themselves
        self.crashing: set[str] = set()  # services whose tasks come and go

    @property
    def phase(self) -> str:
        return str(json.loads(self.state)["phase"])

    @property
    def desired(self) -> dict[str, int]:
        return {name: service.desired for name, service in self.services.items()}

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        assert Name == self.hours
        return {"Parameter": {"Name": Name, "Value": self.state}}

    def put_parameter(self, *, Name: str, Value: str, Overwrite: bool) -> None:  # noqa: N803
        assert Name == self.hours
        assert Overwrite
        self.state = Value

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        answer = super().describe_services(cluster=cluster, services=services)
        for one in answer["services"]:
            name = one["serviceName"]
            running = 0 if name in self.crashing else one["runningCount"]
            one["runningCount"] = max(running, self.computing.get(name, 0))
        return answer

    def _task(self, service: Service, deployment: Deployment) -> None:
        assert self.database == "available"
        super()._task(service, deployment)

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        assert DBInstanceIdentifier == self.name
        return {"DBInstances": [{"DBInstanceStatus": self.database}]}

    def stop_db_instance(self, *, DBInstanceIdentifier: str) -> None:  # noqa: N803
        assert DBInstanceIdentifier == self.name
        assert self.database == "available"
        assert set(self.desired.values()) == {0}
        assert not any(self.computing.values())
        self.database = "stopping"

    def start_db_instance(self, *, DBInstanceIdentifier: str) -> None:  # noqa: N803
        assert DBInstanceIdentifier == self.name
        assert self.database == "stopped"
        self.database = "starting"

    def settled(self) -> None:
        """Let the database come to the end of what it does."""
        self.database = {"stopping": "stopped", "starting": "available"}.get(
            self.database, self.database
        )
