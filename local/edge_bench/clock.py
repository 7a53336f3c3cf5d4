"""Times handlers of the edge, one request at a time: what `local.bench_edge` starts.

Runs by itself in the Python of Lambda's runtime. Reads from standard input {"handlers": {name:
file}, "cases": {name: {"texts": [events as JSON], "forget": whether what handlers remember is
cleared before each}}, "rounds": n} and prints the median nanoseconds, by case and handler; "floor"
is a handler that takes one SHA-256 and returns the request.
"""

import hashlib
import importlib.util
import json
import statistics
import sys
import time
from types import ModuleType
from typing import Any

CREDENTIALS = b"visitor:a password of the usual length"


def floor(event: dict[str, Any], _context: object) -> dict[str, Any]:
    request: dict[str, Any] = event["Records"][0]["cf"]["request"]
    hashlib.sha256(CREDENTIALS).digest()
    return request


def nothing(_event: dict[str, Any], _context: object) -> None:
    """What is left is the clock's own time."""


def load(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    wish = json.load(sys.stdin)
    modules = {name: load(name, path) for name, path in wish["handlers"].items()}
    handlers: dict[str, Any] = {"floor": floor, "nothing": nothing}
    handlers.update((name, module.handler) for name, module in modules.items())
    remembering = [
        value
        for module in modules.values()
        for value in vars(module).values()
        if hasattr(value, "cache_clear")
    ]
    clock = time.perf_counter_ns
    answer = {}
    for case, given in wish["cases"].items():
        times: dict[str, list[int]] = {name: [] for name in handlers}
        for _ in range(wish["rounds"]):
            for text in given["texts"]:
                for name, handler in handlers.items():
                    event = json.loads(text)  # a fresh one each time, as the runtime makes it
                    if given["forget"]:
                        for function in remembering:
                            function.cache_clear()
                    began = clock()
                    handler(event, None)
                    times[name].append(clock() - began)
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        own = medians.pop("nothing")
        answer[case] = {name: median - own for name, median in medians.items()}
    print(json.dumps({"python": sys.version.split()[0], "cases": answer}))


main()
