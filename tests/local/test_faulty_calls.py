"""Calls that are throttled, fail, break off or get no answer: commands end well, or are repeated.

FAULTS=RATE:SEED tries others than the usual ones. The home Region is CloudFront's own here, so that
one deployment shows that, too.
"""

import os

import pytest

from local.faults import VARIABLE
from tests.local.seen import unknown_to_the_state
from tests.local.stack import Local

STACK = "local"
FAULTS = os.environ.get("FAULTS", "0.05:3")
TRIES = 4
UP = ("up", "--set", "aws:region=us-east-1")


def until_done(local: Local, *words: str) -> None:
    """Repeat a command as a person would: each failure tells in one line what it was."""
    for attempt in range(1, TRIES + 1):
        done = local.run(*words, **{VARIABLE: FAULTS})
        met = [line for line in done.stderr.splitlines() if line.startswith("Calls by")]
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        print(f"{words[0]}, {attempt}: {met} {errors}", flush=True)
        assert met, done.stdout + done.stderr
        if done.returncode == 0:
            return
        assert len(errors) == 1
        assert "Traceback" not in done.stderr + done.stdout
    pytest.fail(f"{words[0]} did not come to its end in {TRIES} attempts")


@pytest.mark.timeout(1800)
def test_faults_on_the_way_leave_nothing_undone_and_nothing_twice(local: Local) -> None:
    until_done(local, *UP)
    assert unknown_to_the_state(local) == set()
    assert local.do(*UP) == {}
    assert local.do("refresh") == {}
    arns = [each.outputs["arn"] for each in local.deployed("aws:acm/certificate:Certificate")]
    assert {arn.split(":")[3] for arn in arns} == {"us-east-1"}
    until_done(local, "down")
    assert local.resources() == []
