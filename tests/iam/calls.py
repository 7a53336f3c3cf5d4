"""What the handlers really call: each runs with its function's own environment, and boto3's clients
tell which operations went out with which parameters."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from local.record import ACCOUNT
from tests.lambdas.cluster import Aws, Wire
from tests.lambdas.loading import LAMBDAS, load
from tests.lambdas.night_account import NightAws

REGION: Final = "ap-southeast-2"
HERE: Final = f"{REGION}:{ACCOUNT}"


@dataclass(frozen=True, kw_only=True)
class Call:
    """An operation as IAM names it, and one resource that it is authorized against."""

    action: str
    resource: str


class Tape:
    """Notes every call of the clients that it is attached to."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, dict[str, Any]]] = []

    def attach(self, client: Any) -> None:
        client.meta.events.register_first("before-parameter-build.*.*", self._note)

    def _note(self, *, params: dict[str, Any], model: Any, **_: object) -> None:
        self.noted.append((model.service_model.service_name, model.name, dict(params)))

    def calls(self, name_revision: Callable[[str], str]) -> set[Call]:
        """The calls with the ARNs that their parameters mean.

        Args:
            name_revision: gives a service revision's ARN as the fake knows it AWS's form.
        """
        return {
            Call(action=f"{service}:{operation}", resource=resource)
            for service, operation, asked in self.noted
            for resource in _resources(service, asked, name_revision)
        }


def _resources(
    service: str, asked: Mapping[str, Any], name_revision: Callable[[str], str]
) -> Iterator[str]:
    """The ARNs of what a call's parameters name (Service Authorization Reference)."""
    match service:
        case "ecr":
            yield f"arn:aws:ecr:{HERE}:repository/{asked['repositoryName']}"
        case "ecs" if known := asked.get("serviceRevisionArns") or asked.get(
            "serviceDeploymentArns"
        ):
            kind = "revision" if "serviceRevisionArns" in asked else "deployment"
            for fake in known:
                arn = name_revision(fake)
                yield arn.replace(":service-revision/", f":service-{kind}/")
                # Its service is asked for, too.
                yield arn.replace(":service-revision/", ":service/").rpartition("/")[0]
        case "ecs":
            for name in asked.get("services") or [asked["service"]]:
                yield f"arn:aws:ecs:{HERE}:service/{asked['cluster']}/{name}"
        case "ssm":
            for name in asked.get("Names") or [asked["Name"]]:
                yield f"arn:aws:ssm:{HERE}:parameter{name}"
        case "sns":
            yield asked["TopicArn"]
        case "rds":
            yield f"arn:aws:rds:{HERE}:db:{asked['DBInstanceIdentifier']}"
        case "application-autoscaling":
            assert asked["ServiceNamespace"] == "ecs"
            if "ResourceId" not in asked:  # a list can't be limited
                yield "*"
                return
            yield f"arn:aws:application-autoscaling:{HERE}:scalable-target/{asked['ResourceId']}"
        case _:
            raise NotImplementedError(f"which resources does {service} authorize against?")


@contextmanager
def _loaded(name: str, variables: Mapping[str, str]) -> Iterator[ModuleType]:
    """The handler, loaded as Lambda does with these variables."""
    with pytest.MonkeyPatch.context() as patch:
        credentials = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
        region = {"AWS_DEFAULT_REGION": REGION}
        for key, value in {**credentials, **region, **variables}.items():
            patch.setenv(key, value)
        yield load(LAMBDAS / name / "handler.py")


def rollout_clients(module: ModuleType) -> list[Any]:
    """The clients that the rollout's handler keeps, and those of its counts and its nights."""
    clients = [module.ecr, module.ecs, module.ssm, module.sns]
    clients += [module.counts.ecs, module.counts.scaling]
    if module.HOURS:
        clients += [module.night.rds, module.night.ssm]
    return clients


def rollout(variables: Mapping[str, str]) -> tuple[set[Call], Tape]:
    """All that the rollout's function calls: pushes, edits, an image that crashes, a night."""
    tape, wire = Tape(), Wire()
    cluster, services = variables["CLUSTER"], json.loads(variables["SERVICES"])
    hours = variables.get("HOURS", "")
    aws = Aws(cluster, services)
    if hours:
        aws = NightAws(cluster, services, hours=hours, name=variables["DATABASE"])
    wire.aws = aws
    with _loaded("rollout", variables) as module:
        for client in rollout_clients(module):
            tape.attach(client)
            wire.attach(client)

        def answer_events() -> None:
            while aws.events:
                module.handler(aws.events.pop(0), None)

        def settle() -> None:
            for name in services:
                aws.settle(name)
            answer_events()
            aws.wait(600)

        def push(letter: str) -> None:
            for repository in aws.tags:
                aws.push(repository, f"sha256:{letter * 64}", letter)
            answer_events()

        push("a")  # everything waits for its secrets
        for name in sorted(aws.versions):
            aws.edit(name)
            answer_events()
        settle()
        push("b")
        settle()
        aws.broken.add(f"sha256:{'c' * 64}")
        push("c")
        settle()
        assert {service.desired for service in aws.services.values()} != {0}
        assert aws.mail
        if isinstance(aws, NightAws):
            for order in ("Stop", "Look", "Start", "Look"):
                event = {"source": "otakaro.hours", "detail-type": order}
                module.handler(event, None)
                aws.settled()
            assert (aws.phase, aws.database) == ("day", "available")

    def name_revision(fake: str) -> str:
        # Their first deployments have the same name there: any service's will do.
        name, place = next(
            (name, place)
            for name, service in aws.services.items()
            for place, one in enumerate(service.deployments)
            if one.arn == fake
        )
        return f"arn:aws:ecs:{HERE}:service-revision/{cluster}/{name}/{place}"

    return tape.calls(name_revision), tape


def postgis(variables: Mapping[str, str]) -> tuple[set[Call], Tape]:
    """All that the function calls that creates PostGIS, the database apart."""
    tape = Tape()
    real = boto3.client

    def answer(**_: object) -> tuple[AWSResponse, dict[str, Any]]:
        return AWSResponse("", 200, HTTPHeaders(), None), {"Parameter": {"Value": "known"}}

    def client(*words: Any, **options: Any) -> Any:
        made = real(*words, **options)
        tape.attach(made)
        made.meta.events.register_first("before-call.*.*", answer)
        return made

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    def create(names: list[str], **given: object) -> dict[str, str]:
        assert given["password"] == "known"
        return {"extension": ",".join(names), "version": "3"}

    with _loaded("postgis", variables) as module, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.boto3, "client", client)
        patch.setattr(module, "create", create)
        module.handler({}, Context())
    return tape.calls(str), tape


def basic_auth(_variables: Mapping[str, str]) -> tuple[set[Call], Tape]:
    """Nothing: the edge's function doesn't know AWS."""
    assert "boto" not in (LAMBDAS / "basic_auth" / "handler.py").read_text()
    return set(), Tape()


def queue_length(_variables: Mapping[str, str]) -> tuple[set[Call], Tape]:
    """Nothing: its metric travels in its log."""
    assert "boto" not in (LAMBDAS / "queue_length" / "handler.py").read_text()
    return set(), Tape()


RUNS = {
    "rollout": rollout,
    "postgis": postgis,
    "basic_auth": basic_auth,
    "queue_length": queue_length,
}
