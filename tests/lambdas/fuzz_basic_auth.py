"""Throws random requests at the edge's handler, as many as one has time for.

python -m tests.lambdas.fuzz_basic_auth COUNT [SEED]
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.lambdas.edge import check, edge, random_event


def fuzz(count: int, seed: int) -> int:
    """Check `count` requests; how many of them were let in."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        handler = edge(Path(folder)).handler
    passed = 0
    for index in range(count):
        given = random_event(dice)
        try:
            passed += check(handler, given)
        except BaseException:
            print(f"request {index} of seed {seed}: {given!r}", file=sys.stderr)
            raise
    return passed


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    began = time.monotonic()
    let_in = fuzz(wanted, chosen)
    print(
        f"{wanted} requests of seed {chosen}: {let_in} let in, {wanted - let_in} refused, "
        f"no exception, {time.monotonic() - began:.1f} s"
    )
