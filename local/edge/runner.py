"""Runs a function's archive as Lambda does: by itself, in `python -I -S`, events in, results out.

Arguments: the archive's folder, the handler's name, the memory in bytes. Each line of standard
input is {"event", "context"} in JSON, each line of standard output {"result"} or {"error"}. What
the function prints goes to standard error.
"""

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """What a handler can ask of its invocation (Lambda developer guide, "Context object")."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.aws_request_id = told["request_id"]
        self.function_name = told["name"]
        self.function_version = told["version"]
        self.invoked_function_arn = told["arn"]
        self.memory_limit_in_mb = told["memory"]
        self._until = time.monotonic() + told["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is cut off."""
        return max(0, int((self._until - time.monotonic()) * 1000))


def main() -> None:
    """Serve events until standard input ends."""
    folder, handler, memory = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    sys.path.insert(0, folder)
    module, _, name = handler.rpartition(".")
    function = None
    for line in sys.stdin:
        told = json.loads(line)
        try:
            if function is None:
                function = getattr(importlib.import_module(module.replace("/", ".")), name)
            answer = json.dumps({"result": function(told["event"], Context(told["context"]))})
        except BaseException as error:  # whatever it is, it is the function's
            traceback.print_exc()
            answer = json.dumps({"error": f"{type(error).__name__}: {error}"})
        answers.write(answer + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
