"""Calls to the emulated AWS: one client per service and region, errors in one form."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_MISSING = ("NotFound", "NoSuch", "DoesNotExist", "NonExistent", "404")
_ABSENT = ("UnknownOperation", "InvalidAction", "NotImplemented", "Unsupported service", "501")
_AGAIN = ("DependencyViolation", "ConcurrentModification", "ResourceInUse", "ResourceNotReady")


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
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.calls = 0
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")  # noqa: S106

    def client(self, service: str, region: str) -> Any:
        with self._lock:  # making clients is not thread-safe, using them is
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(  # type: ignore[call-overload]
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    config=Config(
                        max_pool_connections=32,
                        retries={"total_max_attempts": 1},
                        read_timeout=910,  # a function may run for fifteen minutes
                        inject_host_prefix=False,
                        s3={"addressing_style": "path"},
                    ),
                )
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
