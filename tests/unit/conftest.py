"""The whole program, recorded once for each stack, for every test to look at."""

import pytest

from local.record import Recording, configuration, record_program


@pytest.fixture(scope="session")
def production() -> Recording:
    """Production's own configuration."""
    return record_program(configuration("production"))


@pytest.fixture(scope="session")
def local() -> Recording:
    """The second stack: three zones, its own DNS zone, nothing protected."""
    return record_program(configuration("local"))
