"""Calls that are throttled, fail, break off or get no answer: commands end well, or are repeated.

FAULTS=RATE:SEED tries others than the usual ones.
"""

import os

import pytest

from local.faults import VARIABLE
from tests.local.seen import unknown_to_the_state
from tests.local.stack import Local

STACK = "local"
FAULTS = os.environ.get("FAULTS", "0.05:3")
TRIES = 4


def until_done(local: Local, word: str) -> None:
    """Repeat a command as a person would: each failure tells in one line what it was."""
    for attempt in range(1, TRIES + 1):
        done = local.run(word, **{VARIABLE: FAULTS})
        met = [line for line in done.stderr.splitlines() if line.startswith("Calls by")]
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        print(f"{word}, {attempt}: {met} {errors}", flush=True)
        assert met, done.stdout + done.stderr
        if done.returncode == 0:
            return
        assert len(errors) == 1
        assert "Traceback" not in done.stderr + done.stdout
    pytest.fail(f"{word} did not come to its end in {TRIES} attempts")


@pytest.mark.timeout(1800)
def test_faults_on_the_way_leave_nothing_undone_and_nothing_twice(local: Local) -> None:
    until_done(local, "up")
    assert unknown_to_the_state(local) == set()
    assert local.do("up") == {}
    assert local.do("refresh") == {}
    until_done(local, "down")
    assert local.resources() == []
