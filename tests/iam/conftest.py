"""The whole program as IAM sees it, and AWS's judgement of it."""

import pytest

from local.iam.simulator import Simulator
from local.record import configuration, record_program
from tests.contract.world import Aws
from tests.iam.calls import REGION
from tests.iam.needs import Program


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    """Installed once for all checkouts."""
    return Simulator()


@pytest.fixture(scope="session", params=["production", "local", "by day"])
def program(request: pytest.FixtureRequest) -> Program:
    """Each stack in turn, and one that runs by day, where people may open shells in tasks."""
    if request.param == "by day":
        configured = configuration("production") | {
            "otakaro:ecsExec": "true",
            "otakaro:runningHours": "mon-fri 07:00-19:00",
            "otakaro:databaseBackupWindow": "00:00-01:00",
            "otakaro:databaseMaintenanceWindow": "tue:01:30-tue:02:30",
        }
    else:
        configured = configuration(request.param)
    return Program(record_program(configured, cloud=Aws(REGION)))
