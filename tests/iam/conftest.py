"""The whole program as IAM sees it, and AWS's judgement of it."""

import pytest

from local.record import configuration, record_program
from tests.contract.world import Aws
from tests.iam.calls import REGION
from tests.iam.needs import Program
from tests.iam.simulator import Simulator


@pytest.fixture(scope="session")
def simulator() -> Simulator:
    """Installed once for all checkouts."""
    return Simulator()


@pytest.fixture(scope="session", params=["production", "local", "with shells"])
def program(request: pytest.FixtureRequest) -> Program:
    """Each stack in turn, and production where people may open shells in tasks."""
    if request.param == "with shells":
        configured = configuration("production") | {"otakaro:ecsExec": "true"}
    else:
        configured = configuration(request.param)
    return Program(record_program(configured, cloud=Aws(REGION)))
