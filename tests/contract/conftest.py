"""The provider without engine or emulator: its requests answered by a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.aws import AwsError, Creation
from local.provider.server import Provider, Session
from local.provider.wire import decode, encode
from local.record import configuration
from tests.contract.world import World, world
from tests.unit.conftest import SWITCHES, previewed_program

Answer = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]] | AwsError


class Cloud:
    """Answers by operation; remembers what it was asked."""

    endpoint = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "GetCallerIdentity": {
                "Account": "210987654321",
                "Arn": "arn:aws:iam::210987654321:root",
            }
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.created: list[Creation] = []

    @contextmanager
    def creating(self, creation: Creation | None) -> Iterator[None]:
        self.created += [creation] if creation else []
        yield

    @property
    def calls(self) -> int:
        return len(self.asked)

    def call(self, _: str, region: str, operation: str, params: Mapping[str, Any]) -> Any:
        self.asked.append((operation, dict(params)))
        self.region = region
        answer = self.answers.get(operation, {})
        if isinstance(answer, AwsError):
            raise answer
        return answer(params) if callable(answer) else dict(answer)

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.asked if name == operation]


class AbortedError(Exception):
    """What the engine would be told."""


class Connection:
    """One provider instance's connection."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self.metadata: Any = ()

    def peer(self) -> str:
        return self._peer

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.metadata = metadata

    def abort(self, _: Any, details: str) -> None:
        raise AbortedError(details)


class Engine:
    """What the engine sends, with plain dictionaries instead of messages."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.session = Session(self.cloud)  # type: ignore[arg-type]
        self.provider = Provider(self.session)
        self.connection = self.configure("default")

    def configure(self, name: str, region: str = "ap-southeast-2") -> Connection:
        connection = Connection(name)
        args = {"region": region, "defaultTags": '{"tags": {"Project": "twin"}}'}
        urn = f"urn:pulumi:s::p::pulumi:providers:aws::{name}"
        self.provider.Configure(
            provider_pb2.ConfigureRequest(urn=urn, args=encode(args)), connection
        )
        return connection

    @staticmethod
    def urn(token: str, name: str = "thing") -> str:
        return f"urn:pulumi:s::p::otakaro:index:Parent${token}::{name}"

    def check(
        self,
        token: str,
        inputs: dict[str, Any],
        olds: dict[str, Any] | None = None,
        seed: bytes = b"1",
    ) -> tuple[dict[str, Any], list[str]]:
        request = provider_pb2.CheckRequest(
            urn=self.urn(token), news=encode(inputs), olds=encode(olds or {}), randomSeed=seed
        )
        answer = self.provider.Check(request, self.connection)
        return decode(answer.inputs), [failure.reason for failure in answer.failures]

    def diff(
        self,
        token: str,
        olds: dict[str, Any],
        news: dict[str, Any],
        state: dict[str, Any] | None = None,
        ignore: Sequence[str] = (),
    ) -> Any:
        request = provider_pb2.DiffRequest(
            urn=self.urn(token),
            id="x",
            old_inputs=encode(olds),
            news=encode(news),
            olds=encode(state or {}),
            ignoreChanges=ignore,
        )
        return self.provider.Diff(request, self.connection)

    def create(
        self, token: str, inputs: dict[str, Any], *, preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(
            urn=self.urn(token), properties=encode(inputs), preview=preview
        )
        answer = self.provider.Create(request, self.connection)
        return answer.id, decode(answer.properties)

    def update(
        self,
        token: str,
        id_: str,
        olds: dict[str, Any],
        old_inputs: dict[str, Any],
        news: dict[str, Any],
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            urn=self.urn(token),
            id=id_,
            olds=encode(olds),
            old_inputs=encode(old_inputs),
            news=encode(news),
        )
        return decode(self.provider.Update(request, self.connection).properties)

    def read(
        self, token: str, id_: str, outputs: dict[str, Any], inputs: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        request = provider_pb2.ReadRequest(
            urn=self.urn(token), id=id_, properties=encode(outputs), inputs=encode(inputs)
        )
        answer = self.provider.Read(request, self.connection)
        return answer.id, decode(answer.properties), decode(answer.inputs)

    def delete(self, token: str, id_: str, outputs: dict[str, Any]) -> None:
        request = provider_pb2.DeleteRequest(
            urn=self.urn(token), id=id_, properties=encode(outputs)
        )
        self.provider.Delete(request, self.connection)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def cloud(engine: Engine) -> Cloud:
    return engine.cloud


@pytest.fixture(scope="session")
def production() -> World:
    """The program with production's own configuration."""
    return world(configuration("production"))


@pytest.fixture(scope="session")
def second() -> World:
    """The second stack: three zones, its own DNS zone."""
    return world(configuration("local"))


@pytest.fixture(scope="session")
def bare() -> World:
    """Production without a NAT gateway."""
    ways = {"otakaro:natGateways": "0", "otakaro:interfaceEndpoints": '["ssm"]'}
    return world(configuration("production") | ways)


@pytest.fixture(scope="session")
def previewed() -> World:
    """Production before it exists: what AWS makes up is unknown."""
    return world(configuration("production"), previewed_program())


@pytest.fixture(scope="session")
def switched_on() -> World:
    """Production with its switches the other way, the firewall among them."""
    return world(configuration("production") | SWITCHES)
