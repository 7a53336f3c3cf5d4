"""Lambda@Edge functions: a version's own archive, in a process of its own that is kept alive."""

import base64
import hashlib
import io
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from local.account import EDGE_REGION, Account
from local.errors import LocalError

_RUNNER: Final = Path(__file__).with_name("runner.py")
_VERSION: Final = re.compile(rf"arn:aws:lambda:{EDGE_REGION}:\d{{12}}:function:([\w-]+):(\d+)")
# "Quotas on Lambda@Edge", viewer events: bytes, s, MB.
_LARGEST_ARCHIVE: Final = 1024 * 1024
_LONGEST: Final = 5
_MOST_MEMORY: Final = 128


class Failed(Exception):  # noqa: N818 - what CloudFront calls an execution error
    """A function raised, did not end in time, or died; `str` tells which."""


class Invoker(Protocol):
    """Runs function versions."""

    def invoke(self, arn: str, event: dict[str, Any], request_id: str) -> Any:
        """The function's result; raises Failed when it has none."""


class Functions:
    """The versions in use, each started when it is first needed."""

    def __init__(self, account: Account, folder: Path) -> None:
        self._account = account
        self._folder = folder
        self._lock = threading.Lock()
        self._running: dict[str, Process] = {}

    def get(self, arn: str) -> "Process":
        """The version's process; raises LocalError for one that no distribution could have."""
        with self._lock:
            if arn not in self._running:
                self._running[arn] = self._load(arn)
            return self._running[arn]

    def invoke(self, arn: str, event: dict[str, Any], request_id: str) -> Any:
        """Run a version once; raises Failed when it gives no result."""
        return self.get(arn).invoke(event, request_id)

    def stop(self) -> None:
        """End them all; until then a version that was replaced may still be at work."""
        with self._lock:
            for each in self._running.values():
                each.stop()
            self._running.clear()

    def _load(self, arn: str) -> "Process":
        match = _VERSION.fullmatch(arn)
        if match is None:
            raise LocalError(f"{arn} is no numbered version of a function in {EDGE_REGION}")
        try:
            got = self._account.client("lambda", EDGE_REGION).get_function(FunctionName=arn)
        except ClientError as error:
            raise LocalError(f"the function {arn} is not there: {error}") from error
        config = got["Configuration"]
        _check(config)
        archive = self._archive(got["Code"]["Location"])
        digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
        if digest != config["CodeSha256"]:
            # The emulator hands out a function's newest code alone, which isn't this version's.
            raise LocalError(
                f"the emulator no longer has the code of {arn}: `make up` publishes it anew"
            )
        folder = self._folder / f"{match[1]}-{match[2]}-{digest[:8].replace('/', '_')}"
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(folder)
        return Process(arn=arn, config=config, folder=folder)

    def _archive(self, location: str) -> bytes:
        """The code, from the emulator itself whatever host it gives as its own."""
        asked = urllib.parse.urlsplit(location)
        url = f"{self._account.endpoint}{asked.path}?{asked.query}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            content: bytes = answer.read()
        return content


def _check(config: dict[str, Any]) -> None:
    """Raise LocalError for what Lambda@Edge does not take at viewer events."""
    problems = [
        told
        for wrong, told in (
            (not config["Runtime"].startswith("python"), f"the runtime {config['Runtime']}"),
            (config["Timeout"] > _LONGEST, f"a time-out of {config['Timeout']} s"),
            (config["MemorySize"] > _MOST_MEMORY, f"{config['MemorySize']} MB of memory"),
            (config["CodeSize"] > _LARGEST_ARCHIVE, f"an archive of {config['CodeSize']} bytes"),
            ((config.get("Environment") or {}).get("Variables"), "environment variables"),
            ((config.get("VpcConfig") or {}).get("SubnetIds"), "a VPC"),
            (config.get("Layers"), "layers"),
            ("arm64" in (config.get("Architectures") or []), "the architecture arm64"),
        )
        if wrong
    ]
    if problems:
        name = config["FunctionName"]
        raise LocalError(f"{name} has {', '.join(problems)}: no function at a viewer event may")


class Process:
    """One version at work; events are given to it one after the other."""

    def __init__(self, *, arn: str, config: dict[str, Any], folder: Path) -> None:
        self.arn = arn
        self.runtime = str(config["Runtime"])
        self.python, self.same_python = interpreter(self.runtime)
        self._config = config
        self._folder = folder
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def invoke(self, event: dict[str, Any], request_id: str) -> Any:
        """The result of one event; raises Failed when there is none in time."""
        timeout = float(self._config["Timeout"])
        context = {
            "request_id": request_id,
            "name": self._config["FunctionName"],
            "version": self.arn.rpartition(":")[2],
            "arn": self.arn,
            "memory": str(self._config["MemorySize"]),
            "timeout": timeout,
        }
        line = json.dumps({"event": event, "context": context}).encode() + b"\n"
        with self._lock:
            child = self._started()
            try:
                answer = json.loads(self._exchange(child, line, timeout))
            except (OSError, ValueError) as error:
                self._end()
                raise Failed(str(error)) from error
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    def stop(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _exchange(self, child: "subprocess.Popen[bytes]", line: bytes, timeout: float) -> bytes:
        assert child.stdin is not None  # noqa: S101 - what PIPE gives
        assert child.stdout is not None  # noqa: S101
        child.stdin.write(line)
        child.stdin.flush()
        said = b""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"the function did not end within {timeout:.0f} s")
                part = os.read(child.stdout.fileno(), 65_536)
                if not part:
                    raise OSError("the function's process ended")
                said += part
        return said

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._child is None or self._child.poll() is not None:
            self._end()
            memory = int(self._config["MemorySize"]) * 1024 * 1024
            handler = self._config["Handler"]
            with self._folder.with_suffix(".log").open("ab") as log:
                self._child = subprocess.Popen(
                    [self.python, "-I", "-S", "-B", _RUNNER, self._folder, handler, str(memory)],
                    env={"LANG": "en_US.UTF-8", "AWS_REGION": EDGE_REGION, "TZ": ":UTC"},
                    cwd=self._folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C is the edge's, which ends it in order
                )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # what it held unsent is lost with the process


def interpreter(runtime: str) -> tuple[str, bool]:
    """The Python to run a runtime with, and whether it is of that very version."""
    own = "python{}.{}".format(*sys.version_info[:2])
    if runtime == own:
        return sys.executable, True
    found = shutil.which(runtime)
    if found is not None:
        tried = subprocess.run([found, "-I", "-c", ""], capture_output=True, timeout=30)
        if tried.returncode == 0:
            return found, True
    return sys.executable, False
