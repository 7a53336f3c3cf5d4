"""The production stack, recorded once."""

import pytest

from local.record import Recording, configuration, record_program


@pytest.fixture(scope="session")
def production() -> Recording:
    return record_program(configuration("production"))
