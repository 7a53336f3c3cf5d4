"""What all tests share."""

import gc

import pytest

from local import paths
from local.record import share_recordings


def pytest_configure(config: pytest.Config) -> None:
    # The SDK warns of its own old names while it is imported.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:pulumi_aws")
    # A recording is many small objects that stay; looking them through again and again is a third
    # of its time.
    gc.set_threshold(200_000, 50, 50)
    # Each configuration is evaluated once for all workers.
    share_recordings(paths.state() / "recordings")
