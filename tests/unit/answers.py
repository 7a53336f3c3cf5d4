"""An AWS of recorded answers: real clients, whose requests and answers must fit AWS's models."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.validate import validate_parameters

from operate.account import Account, Stack

STACK = Stack(name="production", region="ap-southeast-2", prefix="otakaro-dt")
Answer = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]


class RefusedError(Exception):
    """AWS's refusal, with its code."""


class Answers:
    """Answers by service and operation, as `ecs.DescribeServices`; notes what was asked."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def account(self, *, emulated: bool = False) -> Account:
        """The account that answers so."""
        return Account(
            STACK,
            self.make,
            title="AWS account 111122223333, ap-southeast-2",
            flags="ACCOUNT=aws",
            emulated=emulated,
        )

    def make(self, service: str, region: str) -> Any:
        """A client whose requests go nowhere."""
        client = boto3.client(
            service,  # type: ignore[call-overload]
            region_name=region,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
        )
        requests: dict[int, dict[str, Any]] = {}

        def note(params: dict[str, Any], **_more: Any) -> None:
            requests[threading.get_ident()] = dict(params)

        def answer(model: Any, **_more: Any) -> tuple[AWSResponse, dict[str, Any]]:
            key = f"{service}.{model.name}"
            params = requests[threading.get_ident()]
            with self._lock:
                self.asked.append((key, params))
            known = self.answers[key]
            try:
                found = dict(known(params) if callable(known) else known)
            except RefusedError as refused:
                code, _, text = str(refused).partition(": ")
                error = {"Error": {"Code": code, "Message": text or code}}
                return AWSResponse("", 400, HTTPHeaders(), None), error
            validate_parameters(found, model.output_shape)
            return AWSResponse("", 200, HTTPHeaders(), None), found

        client.meta.events.register("provide-client-params", note)
        client.meta.events.register("before-call", answer)
        return client

    def of(self, key: str) -> list[dict[str, Any]]:
        """The requests of one operation."""
        return [params for asked, params in self.asked if asked == key]


def refusing(text: str) -> Answer:
    """An answer `CODE: message` that refuses."""

    def refuse(_params: dict[str, Any]) -> Mapping[str, Any]:
        raise RefusedError(text)

    return refuse
