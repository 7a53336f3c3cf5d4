"""The small AWS with what stops at night: a database, scaling, tasks that may take long to end.

It asserts itself that no task starts without its database, that none is left when the database
stops, and that scaling does not start again what is stopped.
"""

import json
from typing import Any

from tests.lambdas.cluster import Aws


class NightAws(Aws):
    """The account with a database, scaling, tasks that may take long to end, and the state."""

    def __init__(
        self, cluster: str, services: dict[str, dict[str, Any]], *, hours: str, name: str
    ) -> None:
        """Its services; the parameter with the state, and the database's name."""
        super().__init__(cluster, services)
        self.hours, self.name = hours, name
        self.scaled = {key for key, facts in services.items() if facts["scaled"]}
        self.state = json.dumps({"phase": "day", "waiting": []})
        self.database = "available"
        self.suspended: dict[str, bool] = {}
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
            desired = one["desiredCount"]
            name = one["serviceName"]
            running = 0 if name in self.crashing else desired
            one["runningCount"] = max(running, self.computing.get(name, 0))
            one["pendingCount"] = 0
        return answer

    def update_service(
        self,
        *,
        cluster: str,
        service: str,
        forceNewDeployment: bool = False,  # noqa: N803
        desiredCount: int | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        if forceNewDeployment:
            if desiredCount:
                # No task ever starts without its database.
                assert self.database == "available"
            return super().update_service(
                cluster=cluster,
                service=service,
                forceNewDeployment=True,
                desiredCount=desiredCount,
            )
        assert desiredCount == 0
        # Else scaling would start it again.
        assert self.suspended.get(service, service not in self.scaled)
        self.services[service].desired = 0
        return {"service": {"serviceName": service, "desiredCount": 0}}

    def register_scalable_target(
        self,
        *,
        ServiceNamespace: str,  # noqa: N803
        ResourceId: str,  # noqa: N803
        ScalableDimension: str,  # noqa: N803
        SuspendedState: dict[str, bool],  # noqa: N803
    ) -> None:
        assert (ServiceNamespace, ScalableDimension) == ("ecs", "ecs:service:DesiredCount")
        prefix, cluster, service = ResourceId.split("/")
        assert (prefix, cluster) == ("service", self.cluster)
        assert service in self.scaled
        assert len(SuspendedState) == 3
        [self.suspended[service]] = set(SuspendedState.values())

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
