"""In the Flask API's place: CORS for everyone without credentials, slow processes, a download."""

import hashlib
import json
import threading
import time
from typing import Final

from local.standins.app import Reply, Seen, StandIn

_LONGEST: Final = 600.0  # s
_MODEL: Final = b"".join(f"cell {number} depth {number / 100}\n".encode() for number in range(200))


class Api(StandIn):
    """`/`, `/wps` (with `?seconds=` as slow as wanted) and `/models/ID`."""

    name = "api"

    def __init__(self) -> None:
        self._results: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        super().__init__()

    def reply(self, seen: Seen) -> Reply:
        """As the API answers, with its CORS headers."""
        reply = self._reply(seen)
        cors = {"Access-Control-Allow-Origin": "*"}
        if seen.method == "OPTIONS":
            cors["Access-Control-Allow-Methods"] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
            if wanted := seen.headers.get("access-control-request-headers"):
                cors["Access-Control-Allow-Headers"] = wanted
        return Reply(
            status=reply.status, kind=reply.kind, body=reply.body, headers=reply.headers | cors
        )

    def _reply(self, seen: Seen) -> Reply:
        if seen.method == "OPTIONS":
            return Reply(headers={"Allow": "GET, HEAD, OPTIONS, POST"})
        if seen.path == "/":
            return Reply(body=b"Backend is receiving requests. GET /health-check for more info.\n")
        if seen.path == "/wps":
            return self._process(seen)
        if seen.path.startswith("/models/"):
            name = seen.path.rpartition("/")[2]
            return Reply(
                kind="application/octet-stream",
                body=_MODEL,
                headers={"Content-Disposition": f'attachment; filename="model-{name}.txt"'},
            )
        return Reply(status=404, body=b"Not found\n")

    def _process(self, seen: Seen) -> Reply:
        """Block until the work is done; it goes on for one who left, and a retry finds it done."""
        mark = hashlib.sha256(seen.query.encode() + b"\0" + seen.body).hexdigest()[:16]
        with self._lock:
            done = self._results.get(mark)
            retried = done is not None
            if done is None:
                done = self._results[mark] = threading.Event()
                seconds = min(float(seen.parameters.get("seconds", "0")), _LONGEST)
                threading.Thread(target=_compute, args=(seconds, done), daemon=True).start()
        done.wait()
        body = json.dumps({"result": mark, "retried": retried}).encode()
        return Reply(kind="application/json", body=body)


def _compute(seconds: float, done: threading.Event) -> None:
    time.sleep(seconds)
    done.set()
