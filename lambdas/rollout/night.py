"""Stops what runs for the night, all but what holds data, and starts it again in the morning.

Clocks send three orders (source "otakaro.hours"): Stop at the end of the running hours, Start at
their beginning, and Look every few minutes, for what takes longer than an answer may: tasks that
finish what they compute, a database that starts. An order is followed as far as it goes at once;
the next Look goes on from there, so nothing here waits, and a lost or broken-off answer costs
minutes. By day a Look changes nothing here: the services are the handler's.

The state is the parameter HOURS, JSON:

    phase    "day"; "night"; "morning", until all that shall run again was started
    waiting  the services that then start: those that ran in the evening, and those that pushes or
             edits at night would have started

Evening. All services are stopped as counts.py has it: the minimum 0, scaling suspended, no tasks;
one that an operator stopped stays the operator's. A worker that protects its task ends it first.
The database stops once no task is left, by the next Look at the earliest: tasks that are told to
stop may still write for two minutes. What RDS starts by itself (after seven days) and what people
start at night are stopped again; to work at night, they send Start.

Morning. First the database, then the services, each as after its first push: by its image of now,
and not while a secret is missing, or an operator holds it.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

import counts

SERVICES: Final[dict[str, dict[str, Any]]] = json.loads(os.environ["SERVICES"])
HOURS: Final = os.environ["HOURS"]
DATABASE: Final = os.environ["DATABASE"]
_RETRIES: Final = Config(retries={"mode": "standard", "max_attempts": 5})
rds = boto3.client("rds", config=_RETRIES)
ssm = boto3.client("ssm", config=_RETRIES)


@dataclass(frozen=True, kw_only=True)
class State:
    """What is kept between two orders."""

    phase: str
    waiting: tuple[str, ...]


def follow(order: str, start: Callable[[str], str]) -> str:
    """Follow an order; what was done, empty if nothing was.

    Args:
        order: Start, Stop or Look.
        start: starts a service, unless a secret is missing, and says which of both.
    """
    state = _read()
    if order == "Stop":
        state = _change(phase="night")
    elif order == "Start" and state.phase == "night":
        state = _change(phase="morning")
    if state.phase == "night":
        return ", ".join(_evening())
    if state.phase == "morning":
        return ", ".join(_morning(state.waiting, start))
    return ""


def by_day() -> bool:
    """Whether the services run that may."""
    return _read().phase == "day"


def postponed(service: str) -> bool:
    """Whether it is no time to start `service`; then it is one of those that the morning starts."""
    if by_day():
        return False
    _change(waits=[service])
    return True


def _evening() -> Iterator[str]:
    services = counts.read(sorted(SERVICES))
    awake = [name for name, service in services.items() if service.desired > 0]
    # First of all, for in the morning nothing else tells that they ran.
    _change(waits=awake)
    for name, service in services.items():
        if name in awake:
            counts.stop(name, service)
            yield f"{name} stops"
        elif not (service.closed or service.held):
            counts.stop(name, service)
    busy = [name for name, service in services.items() if name in awake or service.running > 0]
    if busy:
        yield f"the database waits for {' and '.join(busy)}"
    elif _database() == "available":
        rds.stop_db_instance(DBInstanceIdentifier=DATABASE)
        yield "the database stops"


def _morning(waiting: Sequence[str], start: Callable[[str], str]) -> Iterator[str]:
    status = _database()
    if status == "stopped":
        rds.start_db_instance(DBInstanceIdentifier=DATABASE)
        yield "the database starts"
    elif status != "available":
        yield f"the services wait for the database, which is {status}"
    else:
        for name in waiting:
            yield start(name)
            _change(started=name)
        if not _read().waiting:
            _change(phase="day")
            yield "it is day"


def _database() -> str:
    answer = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)
    return str(answer["DBInstances"][0]["DBInstanceStatus"])


def _read() -> State:
    text = ssm.get_parameter(Name=HOURS)["Parameter"]["Value"]
    known = json.loads(text)
    # One that is no more waits in vain.
    waiting = tuple(name for name in known["waiting"] if name in SERVICES)
    return State(phase=known["phase"], waiting=waiting)


def _change(phase: str = "", waits: Sequence[str] = (), started: str = "") -> State:
    """Read the state and change it: its phase, who waits besides, who does no more."""
    old = _read()
    new = State(
        phase=phase or old.phase,
        waiting=tuple(sorted({*old.waiting, *waits} - {started})),
    )
    if new != old:
        text = json.dumps({"phase": new.phase, "waiting": new.waiting})
        ssm.put_parameter(Name=HOURS, Value=text, Overwrite=True)
    return new
