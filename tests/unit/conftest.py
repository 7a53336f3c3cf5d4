"""The whole program, recorded once for each stack, for every test to look at."""

from functools import cache

import pytest

from local.record import Recording, configuration, record_program

SWITCHES = {
    "otakaro:namePrefix": "a2345678901234",
    "otakaro:createDnsZone": "true",
    "otakaro:natGateways": "2",
    "otakaro:interfaceEndpoints": '["ecr.api", "ecr.dkr", "ssm"]',
    "otakaro:flowLogTraffic": "ALL",
    "otakaro:cpuArchitecture": "ARM64",
    "otakaro:celeryConcurrency": "3",
    "otakaro:celeryDisk": "20",
    "otakaro:flaskDisk": "200",
    "otakaro:celerySpot": "true",
    "otakaro:ecsExec": "true",
    "otakaro:containerInsights": "enhanced",
    "otakaro:terriamapMax": "1",
    "otakaro:firewall": "true",
    "otakaro:firewallRateLimit": "5000",
    "otakaro:databaseEngineVersion": "16.10",
    "otakaro:databaseMultiAz": "true",
    "otakaro:databaseInsights": "false",
    "otakaro:redisEngineVersion": "7.0",
    "otakaro:redisReplicas": "1",
    "otakaro:redisTls": "required",
    "otakaro:mapAccess": "open",
    "otakaro:apiAccess": "required",
    "otakaro:geoserverAdminOpen": "true",
    "otakaro:originTimeout": "120",
    "otakaro:alarmEmail": "team@example.org",
    "otakaro:monthlyBudget": "400",
    "otakaro:runningHours": "mon-fri 07:00-19:00",
    "otakaro:databaseBackupWindow": "00:00-01:00",
    "otakaro:databaseMaintenanceWindow": "tue:01:30-tue:02:30",
}


@cache
def previewed_program() -> Recording:
    """Production before it exists: what AWS makes up is unknown."""
    return record_program(configuration("production"), preview=True)


@pytest.fixture(scope="session")
def production() -> Recording:
    """Production's own configuration."""
    return record_program(configuration("production"))


@pytest.fixture(scope="session")
def local() -> Recording:
    """The second stack: three zones, its own DNS zone, nothing protected."""
    return record_program(configuration("local"))


@pytest.fixture(scope="session")
def switched() -> Recording:
    """Production with its switches the other way, and the longest prefix."""
    return record_program(configuration("production") | SWITCHES)


@pytest.fixture(params=["production", "local"])
def stack(request: pytest.FixtureRequest) -> Recording:
    """Each stack in turn."""
    recording: Recording = request.getfixturevalue(request.param)
    return recording
