"""Commands that were cut off anywhere: the next one goes on from there, and nothing is lost.

`make interrupt` takes more points, chosen by SEED. A point is a number of resources that the
command has begun to make or remove, so that the points spread over its whole work.
"""

import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.local.seen import unknown_to_the_state
from tests.local.stack import Local

STACK = "local"
POINTS = int(os.environ.get("POINTS", "3"))
SEED = int(os.environ.get("SEED", "1"))
ROUND = 10  # points of one `up` or `down`, from nothing to all or back
PATIENCE = 900.0
INTERRUPTED = "error: interrupted; what was done is recorded, the same command goes on from there"
_BEGUN = re.compile(r" (creating|deleting|updating|replacing) \(0s\)")


def engine_of(command: "subprocess.Popen[str]") -> int:
    """The engine that a command has started."""
    said = subprocess.check_output(["ps", "-o", "pid=,comm=", "--ppid", str(command.pid)])
    (pid,) = [int(line.split()[0]) for line in said.decode().splitlines() if "pulumi" in line]
    return pid


def kill_engine(command: "subprocess.Popen[str]") -> None:
    os.killpg(engine_of(command), signal.SIGKILL)


def kill_provider(command: "subprocess.Popen[str]") -> None:
    command.kill()  # the provider lives in the command's own process


def kill_both(command: "subprocess.Popen[str]") -> None:
    engine = engine_of(command)
    command.kill()
    os.killpg(engine, signal.SIGKILL)


def ask_to_stop(command: "subprocess.Popen[str]") -> None:
    command.send_signal(signal.SIGINT)


def ask_twice(command: "subprocess.Popen[str]") -> None:
    command.send_signal(signal.SIGINT)
    threading.Timer(0.3, command.send_signal, [signal.SIGINT]).start()


WAYS = (kill_engine, kill_both, ask_to_stop, kill_provider, ask_twice)


def cut_off(local: Local, word: str, after: int, way: int) -> int:
    """Run a command until it has begun `after` steps, and end it; how many it had begun at last.

    A command that comes to its own end before has fewer.
    """
    command = local.start(word)
    assert command.stdout is not None
    begun = 0
    for line in command.stdout:
        begun += bool(_BEGUN.search(line))
        if begun == after:
            WAYS[way](command)
            break
    _, complained = command.communicate(timeout=PATIENCE)
    told = [line for line in complained.splitlines() if line.startswith("error:")]
    print(f"{word}, {WAYS[way].__name__} after {begun} steps: {told or 'no word'}", flush=True)
    assert "Traceback" not in complained, complained
    if WAYS[way] in (ask_to_stop, ask_twice) and begun == after:
        assert told == [INTERRUPTED]
    return begun


def rounds() -> Iterator[tuple[int, random.Random]]:
    """The points of each round, and what chooses them."""
    choose = random.Random(SEED)
    for first in range(0, POINTS, ROUND):
        yield min(ROUND, POINTS - first), choose


def points(count: int, choose: random.Random, steps: int) -> list[int]:
    """Steps between one interruption and the next, over all the work."""
    at = sorted(choose.sample(range(3, steps - 3), count))
    return [max(1, point - before) for before, point in zip([0, *at], at, strict=False)]


@pytest.mark.timeout(0)
def test_what_was_cut_off_goes_on_and_leaves_nothing_behind(local: Local) -> None:
    steps = 200  # somewhat fewer than the stack has resources
    way = 0
    for count, choose in rounds():
        print(f"seed {SEED}: {count} points of up and of down", flush=True)
        for after in points(count, choose, steps):
            cut_off(local, "up", after, way % len(WAYS))
            way += 1
        local.do("up")
        steps = len(local.resources())
        assert unknown_to_the_state(local) == set()
        assert local.do("up") == {}
        assert len(local.resources()) == steps
        for after in points(count, choose, steps):
            cut_off(local, "down", after, way % len(WAYS))
            way += 1
        ended = local.run("down")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert local.resources() == []
