"""Calls to the emulated AWS: one client per service and region, errors in one form."""

import json
import os
import secrets
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_MISSING = ("NotFound", "NoSuch", "DoesNotExist", "NonExistent", "404")
_ABSENT = ("UnknownOperation", "InvalidAction", "NotImplemented", "Unsupported service", "501")
_AGAIN = ("DependencyViolation", "ConcurrentModification", "ResourceInUse", "ResourceNotReady")
# Attempts of a call that meets a time-out, a lost connection, a 5xx or throttling; the SDK's
# "standard" retries wait longer from one to the next (AWS SDKs reference, "Retry behavior").
ATTEMPTS = 8
FUNCTION_SECONDS = 910  # a function may run for fifteen minutes
_CREATION = "x-otakaro-creation"  # the gateway carries out once what says the same here


@dataclass(frozen=True, kw_only=True)
class Creation:
    """The making of one thing, which the emulator carries out once however often it hears of it."""

    operation: str
    what: str  # the URN: the same when another run tries again
    token: str

    @classmethod
    def of(cls, operation: str, what: str, token: str = "") -> "Creation":
        """A new creation, or with the `token` of an earlier one, that one."""
        return cls(operation=operation, what=what, token=token or secrets.token_hex(8))


def credentials() -> dict[str, str]:
    """The emulated account's root, or whose credentials the environment has."""
    names = {
        "aws_access_key_id": "OTAKARO_ACCESS_KEY_ID",
        "aws_secret_access_key": "OTAKARO_SECRET_ACCESS_KEY",
        "aws_session_token": "OTAKARO_SESSION_TOKEN",
    }
    found = {name: os.environ[key] for name, key in names.items() if key in os.environ}
    return found or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class AwsError(Exception):
    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {message} ({code})")
        self.code = code
        self.text = f"{code} {message}"

    @property
    def missing(self) -> bool:
        """The object isn't there."""
        told = "Unable to describe task definition"  # ECS has no code of its own for it
        return told in self.text or any(word in self.code for word in _MISSING)

    @property
    def unsupported(self) -> bool:
        """The emulator doesn't know the operation."""
        return any(word in self.text for word in _ABSENT)


class Aws:
    def __init__(self, endpoint: str, patience: int = FUNCTION_SECONDS) -> None:
        self.endpoint = endpoint
        self._patience = patience  # s that an answer may take
        self.calls = 0
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        found = credentials()
        self._session = boto3.Session(
            aws_access_key_id=found["aws_access_key_id"],
            aws_secret_access_key=found["aws_secret_access_key"],
            aws_session_token=found.get("aws_session_token"),
        )
        self._thread = threading.local()

    @contextmanager
    def creating(self, creation: Creation | None) -> Iterator[None]:
        """Say in the calls of this block which creation they are."""
        self._thread.creation = creation
        try:
            yield
        finally:
            self._thread.creation = None

    def _say_creation(self, model: Any, params: dict[str, Any], **_: object) -> None:
        if "OTAKARO_SESSION_TOKEN" in os.environ:
            params["headers"]["X-Forwarded-Proto"] = "https"  # as a policy sees calls to AWS
        creation: Creation | None = getattr(self._thread, "creation", None)
        if creation is not None and creation.operation == model.name:
            params["headers"][_CREATION] = f"{creation.token} {creation.what}"

    def creations(self) -> dict[str, str]:
        """What was made, and the token of its creation: the emulator's own account of it."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.endpoint}/_otakaro/creations", timeout=10) as answer:
            made: dict[str, str] = json.loads(answer.read())
        return made

    def client(self, service: str, region: str) -> Any:
        with self._lock:  # making clients is not thread-safe, using them is
            if (service, region) not in self._clients:
                client = self._session.client(  # type: ignore[call-overload]
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    config=Config(
                        max_pool_connections=32,
                        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                        read_timeout=self._patience,
                        inject_host_prefix=False,
                        s3={"addressing_style": "path"},
                    ),
                )
                client.meta.events.register("before-call", self._say_creation)
                self._clients[service, region] = client
            return self._clients[service, region]

    def call(
        self,
        service: str,
        region: str,
        operation: str,
        params: Mapping[str, Any],
        patience: float = 3,
    ) -> dict[str, Any]:
        method = getattr(self.client(service, region), xform_name(operation))
        deadline, pause = time.monotonic() + patience, 0.1
        while True:
            self.calls += 1
            try:
                answer: dict[str, Any] = method(**params)
            except ClientError as error:
                details = error.response.get("Error", {})
                code, message = details.get("Code", "?"), details.get("Message", "")
                if any(word in code for word in _AGAIN) and time.monotonic() < deadline:
                    time.sleep(pause)
                    pause *= 2
                    continue
                raise AwsError(f"{service}:{operation}", code, message) from None
            except BotoCoreError as error:
                raise AwsError(f"{service}:{operation}", type(error).__name__, str(error)) from None
            answer.pop("ResponseMetadata", None)
            return answer
