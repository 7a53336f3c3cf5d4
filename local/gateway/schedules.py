"""EventBridge Scheduler: schedules fire, and send their input to a queue under their role.

ministack keeps schedules; when one is due (times.py), it is asked for it again, so one that was
changed or removed meanwhile does not fire. A delivery needs what AWS needs: a role that is there,
that trusts the Scheduler for this account and group, and whose policies allow the call. Failed
deliveries are not tried again, and of targets it knows queues.

POST SCHEDULES {name, group?, region?} has a schedule fire now, whatever its clock.
"""

import itertools
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from .admission import Statement, admits, allows, statements
from .background import Background
from .bus import Bus
from .clients import Clients, pages
from .targets import to_queue
from .times import Cron, following

SCHEDULES: Final = "/_otakaro/schedules"
PRINCIPAL: Final = "scheduler.amazonaws.com"
Place = tuple[str, str, str]  # region, group, name

log = logging.getLogger("gateway")


class Schedules:
    """The schedules that there are, and when each is due."""

    def __init__(
        self, account: str, clients: Clients, background: Background, bus: Bus, cron: Cron
    ) -> None:
        self._account = account
        self._clients = clients
        self._background = background
        self._bus = bus
        self._cron = cron
        self._numbers = itertools.count()
        self._plans: dict[Place, int] = {}  # the one plan of each schedule that still holds

    def changed(self, place: Place) -> None:
        """Plan anew for a schedule that was made or changed."""
        self._plan(place, datetime.now(UTC))

    def fire(self, place: Place) -> None:
        """Have a schedule fire now."""
        self._background.later(0, lambda: self._deliver(place, datetime.now(UTC)))

    def clear(self) -> None:
        """Forget all schedules."""
        self._plans.clear()

    def _plan(self, place: Place, after: datetime) -> None:
        self._plans[place] = number = next(self._numbers)
        self._background.later(0, partial(self._wait, place, number, after))

    def _wait(self, place: Place, number: int, after: datetime) -> None:
        schedule = self._found(place)
        if schedule is None or schedule["State"] != "ENABLED":
            return
        after = max(after, schedule.get("StartDate", after))
        due = following(
            schedule["ScheduleExpression"],
            schedule["ScheduleExpressionTimezone"],
            after,
            self._cron,
        )
        if due is None or due > schedule.get("EndDate", due):
            self._complete(place, schedule)
        else:
            self._background.at(due, partial(self._due, place, number, due))

    def _due(self, place: Place, number: int, due: datetime) -> None:
        if self._plans.get(place) == number:
            self._deliver(place, due)
            self._plan(place, due)

    def _complete(self, place: Place, schedule: dict[str, Any]) -> None:
        if schedule.get("ActionAfterCompletion") == "DELETE":
            region, group, name = place
            self._clients("scheduler", region).delete_schedule(Name=name, GroupName=group)

    def _found(self, place: Place) -> dict[str, Any] | None:
        region, group, name = place
        scheduler = self._clients("scheduler", region)
        try:
            found: dict[str, Any] = scheduler.get_schedule(Name=name, GroupName=group)
        except scheduler.exceptions.ResourceNotFoundException:
            return None
        return found

    def _deliver(self, place: Place, due: datetime) -> None:
        schedule = self._found(place)
        if schedule is None:
            return
        target = schedule["Target"]
        text = filled(target.get("Input", "{}"), schedule["Arn"], due)
        try:
            outcome = self._to(schedule, text)
        except Exception as error:
            log.exception("%s: %s was not reached", schedule["Arn"], target["Arn"])
            outcome = f"not reached: {error}"
        log.info("%s -> %s: %s", schedule["Arn"], target["Arn"], outcome)
        event = {
            "source": "aws.scheduler",
            "detail-type": "Scheduled Event",
            "region": place[0],
            "time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
            "resources": [schedule["Arn"]],
            "detail": {"input": text},
        }
        told = [{"target": target["Arn"], "outcome": outcome}]
        self._bus.record(event, [{"rule": schedule["Name"], "targets": told}])

    def _to(self, schedule: dict[str, Any], text: str) -> str:
        target, role = schedule["Target"], schedule["Target"]["RoleArn"].rpartition("/")[2]
        arn = target["Arn"]
        if arn.split(":")[2] != "sqs":
            return "dropped: the gateway knows no schedules' targets but queues"
        region = schedule["Arn"].split(":")[3]
        iam = self._clients("iam", region)
        try:
            trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            return f"dropped: there is no role {role}"
        group = schedule["Arn"].replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        context = {"aws:SourceArn": group, "aws:SourceAccount": self._account}
        if not admits(json.dumps(trust), "sts:AssumeRole", "*", context, PRINCIPAL):
            return f"dropped: the role {role} does not trust the schedule"
        if not allows(_granted(iam, role), "sqs:SendMessage", arn, {}):
            return f"dropped: the role {role} does not allow sqs:SendMessage on the queue"
        return to_queue(self._clients, target, text)


def _granted(iam: Any, role: str) -> Iterator[Statement]:
    """The statements of a role's policies, its own and those that are attached."""
    for page in pages(lambda **on: iam.list_role_policies(RoleName=role, **on), "Marker"):
        for name in page["PolicyNames"]:
            found = iam.get_role_policy(RoleName=role, PolicyName=name)
            yield from statements(found["PolicyDocument"])
    for page in pages(lambda **on: iam.list_attached_role_policies(RoleName=role, **on), "Marker"):
        for attached in page["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=arn, VersionId=version)
            yield from statements(found["PolicyVersion"]["Document"])


def filled(text: str, arn: str, due: datetime) -> str:
    """An input with its context attributes replaced (EventBridge Scheduler user guide, "Adding
    context attributes")."""
    attributes = {
        "schedule-arn": arn,
        "scheduled-time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
