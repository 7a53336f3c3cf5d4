"""One stack at a time, deployed by the real engine onto an emulator of the tests' own."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.local.seen", "tests.local.stack")

from tests.local import ordinary  # noqa: E402
from tests.local.stack import ROOT, Local  # noqa: E402 - after the line above


@pytest.fixture(scope="module")
def local(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Local]:
    """The local stack of the module's STACK, with state and emulator of its own.

    With ORDINARY, commands run as an ordinary user, in a checkout of that user's.
    """
    stack = getattr(request.module, "STACK", "local")
    if not getattr(request.module, "ORDINARY", False):
        here = Local(tmp_path_factory.mktemp("local stack"), stack)
        yield here
        here.run("reset")
        return
    there = ordinary.checkout()
    before = ordinary.files(there)
    here = Local(there.parent / "state" / "a stack", stack, there, ordinary.account())
    yield here
    here.run("reset")
    assert ordinary.files(there) == before
    shutil.rmtree(there.parent)


@pytest.fixture(scope="module", autouse=True)
def tracked_files_stay_as_they_are() -> Iterator[None]:
    """No command may change a tracked file, nor leave an untracked one."""
    before = _git_status()
    yield
    assert _git_status() == before


def _git_status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
