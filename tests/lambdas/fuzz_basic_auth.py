"""Throws requests at the edge's handler, as many as one has time for: `make fuzz`.

First random ones, mostly well-formed; then those of a coverage-guided fuzzer, which alters requests
byte by byte and keeps what reaches new code. What breaks a rule of `edge.check` is printed, and the
fuzzer leaves it in a file; what it learnt stays below `.local/fuzz` for the next time.

python -m tests.lambdas.fuzz_basic_auth [--runs N] [--seconds N] [--seed N]
"""

import argparse
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from types import FunctionType

from local import bootstrap, paths
from tests.lambdas.edge import check, edge, random_event, request_of, seeds

REQUIREMENTS = Path(__file__).with_name("requirements-fuzz.txt")


def fuzz(count: int, seed: int) -> int:
    """Check `count` random requests; how many of them were let in."""
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


def guided(arguments: list[str]) -> None:
    """In the fuzzer's own environment: run it with libFuzzer's `arguments`."""
    import atheris  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder:
        module = edge(Path(folder))
    for value in vars(module).values():
        function = getattr(value, "__wrapped__", value)
        if isinstance(function, FunctionType) and function.__module__ == module.__name__:
            atheris.instrument_func(function)
    atheris.Setup(
        [sys.argv[0], *arguments], lambda data: check(module.handler, request_of(data)) and None
    )
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000, help="requests of the fuzzer")
    parser.add_argument("--seconds", type=int, default=0, help="end it after that time; 0: never")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**32))
    parser.add_argument("--guided", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.guided:
        guided(wish.guided)
        return 0
    began = time.monotonic()
    count = min(wish.runs, 100_000)
    let_in = fuzz(count, wish.seed)
    print(
        f"{count} random requests of seed {wish.seed}: {let_in} let in, {count - let_in} refused, "
        f"no exception, {time.monotonic() - began:.1f} s",
        flush=True,
    )
    home = paths.folder(paths.state() / "fuzz", "")
    python = bootstrap.install(home / "python", [REQUIREMENTS], "the fuzzer")
    corpus = paths.folder(home / "corpus", "")
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    return subprocess.run(
        [
            *(python, "-m", "tests.lambdas.fuzz_basic_auth", "--guided"),
            *(f"-runs={wish.runs}", f"-max_total_time={wish.seconds}", f"-seed={wish.seed}"),
            *("-max_len=400", f"-artifact_prefix={home}/", "-print_final_stats=1", str(corpus)),
        ],
        cwd=paths.ROOT,
        # The project's packages besides its own.
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
