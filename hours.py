"""When a stack that people use by day runs: clocks that stop it for the night, all but what holds
data, and start it again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import iam, scheduler, sqs, ssm

from policies import policy, statement, trust_for
from postgres import PostgresInstance
from running_hours import DAY, DAYS, RunningHours, clock

# An order that comes later than this is none any more (EventBridge Scheduler tries again until
# then).
_LATE = 3600  # s


@dataclass(frozen=True, kw_only=True)
class HoursArgs:
    region: str
    account_id: Input[str]
    prefix: str  # the state is the parameter /prefix/hours
    hours: RunningHours
    database: PostgresInstance


class Hours(ComponentResource):
    """What the roll-out's function, which starts and stops services, must know and may do for it.

    The function keeps in a parameter whether it is night, and what runs again in the morning. The
    clocks send it orders by its queue, so that they are answered one at a time with the pushes.
    """

    def __init__(self, name: str, args: HoursArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Hours", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        state = ssm.Parameter(
            name,
            name=f"/{args.prefix}/hours",
            type=ssm.ParameterType.STRING,
            value=json.dumps({"phase": "day", "waiting": []}),
            description="Whether the stack runs; kept by the roll-out's function",
            # Any update of ours would make day of night.
            opts=ResourceOptions(
                parent=self, ignore_changes=["value", "type", "description", "tier", "keyId"]
            ),
        )
        self.environment: dict[str, Input[str]] = {
            "HOURS": state.name,
            "DATABASE": args.database.identifier,
        }
        self.statements: list[dict[str, object]] = [
            statement(["ssm:GetParameter", "ssm:PutParameter"], [state.arn]),
            statement(
                ["rds:DescribeDBInstances", "rds:StartDBInstance", "rds:StopDBInstance"],
                [args.database.arn],
            ),
        ]
        self.register_outputs({"state": state.name})

    def call(self, queue: sqs.Queue, group: str) -> None:
        """Have the clocks send their orders to the FIFO `queue`, as messages of `group`."""
        args, hours = self._args, self._args.hours
        role = iam.Role(
            self._name,
            # EventBridge Scheduler user guide, "Confused deputy prevention".
            assume_role_policy=trust_for(
                "scheduler.amazonaws.com",
                account_id=args.account_id,
                source=Output.format(
                    "arn:aws:scheduler:{0}:{1}:schedule-group/default",
                    args.region,
                    args.account_id,
                ),
            ),
            opts=self._child,
        )
        permission = iam.RolePolicy(
            self._name,
            role=role.id,
            policy=policy(statement(["sqs:SendMessage"], [queue.arn])),
            opts=self._child,
        )
        for key, (order, expression) in orders(hours).items():
            name = f"{self._name}-{key}"
            scheduler.Schedule(
                name,
                name=name,
                description=f"{order}: the running hours of the stack",
                schedule_expression=expression,
                schedule_expression_timezone=hours.time_zone,
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": queue.arn,
                    "role_arn": role.arn,
                    # The time makes each message another one: a FIFO queue drops what it has had.
                    "input": json.dumps(
                        {
                            "source": "otakaro.hours",
                            "detail-type": order,
                            "time": "<aws.scheduler.scheduled-time>",
                        }
                    ),
                    "sqs_parameters": {"message_group_id": group},
                    "retry_policy": {
                        "maximum_event_age_in_seconds": _LATE,
                        "maximum_retry_attempts": 60,
                    },
                },
                opts=ResourceOptions(parent=self, depends_on=[permission]),
            )


def orders(hours: RunningHours) -> dict[str, tuple[str, str]]:
    """The schedules that start and stop the stack: the order and the expression of each.

    EventBridge Scheduler leaves out what is due at a time that daylight saving skips, and is due
    once where it repeats one (its user guide, "Daylight savings time on EventBridge Scheduler").
    Where the clocks skip the start, a second schedule sends it after the change: on that day it is
    the only one, on all others it finds the stack started.
    """
    found = {
        "start": ("Start", _daily(hours.start, hours.days)),
        "stop": ("Stop", _daily(hours.stop, hours.days)),
    }
    if hours.late_start:
        found["late-start"] = ("Start", _daily(hours.start + hours.late_start, hours.days))
    if hours.late_stop:
        found["late-stop"] = ("Stop", _daily(hours.stop + hours.late_stop, hours.days))
    return found


def _daily(minute: int, days: Sequence[str]) -> str:
    """Scheduler's expression for a minute of the day on `days`, or of the day after them."""
    later = minute // DAY
    named = (DAYS[(DAYS.index(day) + later) % len(DAYS)].upper() for day in days)
    hour, rest = clock(minute).split(":")
    return f"cron({int(rest)} {int(hour)} ? * {','.join(named)} *)"
