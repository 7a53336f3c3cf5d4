"""Every alarm is driven to ALARM and back to OK, and people are told; so are the events.

The emulator judges an alarm by all values of its metric's name within the whole span, whatever
their dimensions. So values that cross are dated just within the span, and a moment later, when they
are out of it, others come. What it cannot judge at all is named below, with the reason.
"""

import itertools
import json
import re
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.gateway import EVENTS
from tests.local.stack import CUT_OFF_SECONDS, Deployed, Local

STACK = "local"
SETTINGS = ("--set", "monthlyBudget=500")
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
HOME, EDGE = "ap-southeast-2", "us-east-1"
JOBS = 50  # more than any alarm lets wait
MARGIN = 40.0  # s that the values that cross stay within the span
# What the emulator has no judgement of; its alarms' formulas are worked out here instead, over the
# values that it gives back, and its state is set by hand so that the letters are seen.
UNJUDGED = {"metricQueries": "the emulator drops the metrics of a formula"}


class Watch:
    """The deployed alarms, and a mailbox at each topic."""

    def __init__(self, local: Local) -> None:
        self.local = local
        # An alarm that starts tasks tells nobody.
        every = {alarm.name: alarm for alarm in local.deployed(ALARM)}
        self.alarms = {name: alarm for name, alarm in every.items() if tells(alarm)}
        self.scaling = {name: alarm for name, alarm in every.items() if not tells(alarm)}
        self._urls = {region: self._mailbox(region) for region in (HOME, EDGE)}
        self._read: list[dict[str, Any]] = []
        # Some may have rung before anybody subscribed: jobs wait, and functions measure.
        for alarm in self.alarms.values():
            self.local.aws("cloudwatch", alarm.region).set_alarm_state(
                AlarmName=alarm.inputs["name"], StateValue="OK", StateReason="the test begins"
            )

    def _mailbox(self, region: str) -> str:
        (topic,) = (
            one for one in self.local.deployed("aws:sns/topic:Topic") if one.region == region
        )
        sqs, sns = self.local.aws("sqs", region), self.local.aws("sns", region)
        url: str = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic.id, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
        return url

    def letters(self) -> list[dict[str, Any]]:
        """All that came since the beginning."""
        for region, url in self._urls.items():
            sqs = self.local.aws("sqs", region)
            while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for message in found:
                    self._read.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return self._read

    def told(self, alarm: Deployed, state: str) -> bool:
        """Whether a letter says that the alarm came to this state."""
        for letter in self.letters():
            message = letter["Message"]
            said = json.loads(message) if message.startswith("{") else {}
            if (said.get("AlarmName"), said.get("NewStateValue")) == (alarm.inputs["name"], state):
                return True
        return False

    def state(self, alarm: Deployed) -> str:
        described = self.local.aws("cloudwatch", alarm.region).describe_alarms(
            AlarmNames=[alarm.inputs["name"]]
        )
        return str(described["MetricAlarms"][0]["StateValue"])

    def seen(self, alarm: Deployed, minutes: int) -> dict[str, float | None]:
        """What the emulator says that its metrics were so many minutes ago."""
        metrics = formula(alarm)[1]
        period = next(iter(metrics.values()))["period"]
        middle = datetime.now(UTC) - timedelta(minutes=minutes)
        answer = self.local.aws("cloudwatch", alarm.region).get_metric_data(
            MetricDataQueries=[
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": metric["namespace"],
                            "MetricName": metric["metricName"],
                            "Dimensions": [
                                {"Name": k, "Value": v} for k, v in metric["dimensions"].items()
                            ],
                        },
                        "Period": period,
                        "Stat": metric["stat"],
                    },
                }
                for name, metric in metrics.items()
            ],
            StartTime=middle - timedelta(minutes=6),
            EndTime=middle + timedelta(minutes=6),
        )
        values = {one["Id"]: one["Values"] for one in answer["MetricDataResults"]}
        return {name: values[name][0] if values.get(name) else None for name in metrics}

    def put(self, region: str, metric: dict[str, Any], value: float, seconds_ago: float) -> None:
        """One value of a metric with its dimensions, or as many of it as its statistic counts."""
        datum: dict[str, Any] = {
            "MetricName": metric["metricName"],
            "Dimensions": [{"Name": k, "Value": v} for k, v in metric["dimensions"].items()],
            "Timestamp": datetime.now(UTC) - timedelta(seconds=seconds_ago),
        }
        if metric.get("statistic") == "SampleCount":
            datum |= {"Values": [50.0], "Counts": [value]}
        else:
            datum |= {"Value": value}
        self.local.aws("cloudwatch", region).put_metric_data(
            Namespace=metric["namespace"], MetricData=[datum]
        )


def tells(alarm: Deployed) -> bool:
    return any(":sns:" in action for action in alarm.inputs["alarmActions"])


def plain(alarm: Deployed) -> bool:
    return not UNJUDGED.keys() & {key for key, value in alarm.inputs.items() if value}


def beyond(alarm: Deployed) -> float:
    """A value that crosses the bound."""
    bound = float(alarm.inputs["threshold"])
    return bound + 1 if alarm.inputs["comparisonOperator"].startswith("Greater") else bound / 2


def within(alarm: Deployed, *others: Deployed) -> float:
    """A value that crosses neither its bound nor those of other alarms of the same metric.

    Of functions at the edge a few failures are none; one of the others' is.
    """
    keys = ("namespace", "metricName", "statistic", "comparisonOperator")
    bounds = [
        float(each.inputs["threshold"])
        for each in (alarm, *others)
        if all(each.inputs.get(key) == alarm.inputs.get(key) for key in keys)
    ]
    greater = alarm.inputs["comparisonOperator"].startswith("Greater")
    return min(bounds) / 2 if greater else 2 * max(bounds)


@pytest.fixture(scope="module")
def watch(local: Local) -> Watch:
    up = local.start("up", *SETTINGS)
    # Jobs wait before anybody counts them: a queue's alarms are of its least length, and the
    # real one is measured each minute.
    until((local.folder / "broker.json").exists, 300)
    assert local.redis(f"LPUSH celery {' job' * JOBS}") == f":{JOBS}"
    said, complained = up.communicate(timeout=CUT_OFF_SECONDS)
    assert up.returncode == 0, said + complained
    return Watch(local)


@pytest.fixture(scope="module")
def judged(watch: Watch) -> dict[str, tuple[str, str]]:
    """The state of every plain alarm after values that cross, and after others."""
    alarms = [alarm for alarm in watch.alarms.values() if plain(alarm)]
    for alarm in alarms:
        span = alarm.inputs["period"] * alarm.inputs["evaluationPeriods"]
        watch.put(alarm.region, alarm.inputs, beyond(alarm), span - MARGIN)
    crossed = {alarm.name: watch.state(alarm) for alarm in alarms}
    time.sleep(MARGIN + 1)
    for alarm in alarms:
        watch.put(alarm.region, alarm.inputs, within(alarm, *alarms), 0)
    return {alarm.name: (crossed[alarm.name], watch.state(alarm)) for alarm in alarms}


def test_every_plain_alarm_rings_and_ends(watch: Watch, judged: dict[str, tuple[str, str]]) -> None:
    assert len(judged) >= 25
    assert {name: states for name, states in judged.items() if states != ("ALARM", "OK")} == {}
    for name in judged:
        alarm = watch.alarms[name]
        assert watch.told(alarm, "ALARM"), name
        assert watch.told(alarm, "OK") is bool(alarm.inputs.get("okActions")), name


def test_a_queue_asks_for_workers_until_it_is_short(
    watch: Watch, judged: dict[str, tuple[str, str]]
) -> None:
    # The first is of the same metric as one of those before. The other, which removes workers, has
    # no reason to: the real queue, in which jobs wait, is measured each minute.
    alarm, idle = sorted(watch.scaling.values(), key=lambda one: one.name, reverse=True)
    assert not {alarm.name, idle.name} & {*judged}
    assert idle.inputs["metricName"] == "UnfinishedJobs"
    assert watch.state(idle) != "ALARM"
    assert ":scalingPolicy:" in idle.inputs["alarmActions"][0]
    assert ":scalingPolicy:" in alarm.inputs["alarmActions"][0]
    for value, state in ((beyond(alarm), "ALARM"), (within(alarm), "OK")):
        watch.put(alarm.region, alarm.inputs, value, 0)
        assert watch.state(alarm) == state


def formula(alarm: Deployed) -> tuple[str, dict[str, dict[str, Any]]]:
    """Its expression, and its metrics by their names there."""
    queries = alarm.inputs["metricQueries"]
    [expression] = [query["expression"] for query in queries if "expression" in query]
    return expression, {query["id"]: query["metric"] for query in queries if "metric" in query}


def worked_out(expression: str, values: dict[str, float | None]) -> float | None:
    """What CloudWatch's metric math makes of one period's values; None is no data."""
    functions = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, instead: instead if value is None else value,
    }
    try:
        # The program's own formulas, which are expressions of Python, too.
        value = eval(expression, {"__builtins__": {}}, {**functions, **values})
    except (TypeError, ZeroDivisionError):  # of nothing, or by nothing
        return None
    return None if value is None else float(value)


def crosses(alarm: Deployed, values: dict[str, float | None]) -> bool:
    value = worked_out(formula(alarm)[0], values)
    if value is None:
        return False
    bound = float(alarm.inputs["threshold"])
    greater = alarm.inputs["comparisonOperator"].startswith("Greater")
    return value > bound if greater else value < bound


def found(alarm: Deployed, *, crossing: bool) -> dict[str, float | None]:
    """Values of its metrics that cross the bound, or don't."""
    names = list(formula(alarm)[1])
    for values in itertools.product((0.0, 1.0, 10.0, 100.0, 20_000.0), repeat=len(names)):
        chosen: dict[str, float | None] = dict(zip(names, values, strict=True))
        if crosses(alarm, chosen) is crossing and any(values):
            return chosen
    pytest.fail(f"{alarm.name} can't {'ring' if crossing else 'end'}")


def formulas(watch: Watch) -> list[Deployed]:
    return [alarm for alarm in watch.alarms.values() if not plain(alarm)]


def test_every_formula_rings_and_ends_by_the_values_that_the_metrics_have(watch: Watch) -> None:
    """Values put under the names, dimensions and statistics that the alarm was deployed with."""
    assert {key for alarm in formulas(watch) for key in UNJUDGED if alarm.inputs.get(key)} == {
        *UNJUDGED
    }
    # Alarms share metrics: each has hours of its own.
    for hours, alarm in enumerate(formulas(watch), 1):
        for crossing, minutes in ((True, 60 * hours), (False, 60 * hours - 30)):
            values = found(alarm, crossing=crossing)
            for name, metric in formula(alarm)[1].items():
                value = values[name]
                assert value is not None
                watch.put(alarm.region, metric, value, minutes * 60)
            assert crosses(alarm, watch.seen(alarm, minutes)) is crossing, alarm.name
        nothing = watch.seen(alarm, 3 * 24 * 60)
        assert set(nothing.values()) == {None}
        assert not crosses(alarm, nothing), alarm.name


def test_a_few_requests_ring_no_formula(watch: Watch) -> None:
    counted = [alarm for alarm in formulas(watch) if "requests" in formula(alarm)[1]]
    assert len(counted) == 10
    for alarm in counted:
        worst = dict.fromkeys(formula(alarm)[1], 100.0)
        assert crosses(alarm, {**worst, "requests": 20.0})
        assert not crosses(alarm, {**worst, "requests": 19.0})


def test_a_formulas_letters_arrive(watch: Watch) -> None:
    for alarm in formulas(watch):
        for state in ("ALARM", "OK"):
            watch.local.aws("cloudwatch", alarm.region).set_alarm_state(
                AlarmName=alarm.inputs["name"], StateValue=state, StateReason="a trial"
            )
            assert watch.told(alarm, state) is (state == "ALARM" or bool(alarm.inputs["okActions"]))


def ended(watch: Watch, **changes: object) -> dict[str, Any]:
    """ECS's event of a task that ended."""
    services = watch.local.deployed("aws:ecs/service:Service")
    detail = {
        "clusterArn": services[0].inputs["cluster"],
        "group": "service:otakaro-local-geoserver",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "OutOfMemoryError: container killed due to memory usage",
        "taskArn": "arn:aws:ecs:ap-southeast-2:123456789012:task/otakaro-local-ecs/0123",
        "containers": [{"name": "otakaro-local-geoserver", "exitCode": 137}],
    }
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {**detail, **changes},
    }


def cannot_start(watch: Watch) -> dict[str, Any]:
    [service] = [
        one
        for one in watch.local.deployed("aws:ecs/service:Service")
        if one.name.endswith("-geoserver")
    ]
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Service Action",
        "resources": [service.id],
        "detail": {
            "eventType": "WARN",
            "eventName": "SERVICE_TASK_START_IMPAIRED",
            "clusterArn": service.inputs["cluster"],
        },
    }


def not_backed_up(watch: Watch, state: str = "FAILED") -> dict[str, Any]:
    disk = watch.local.one("aws:efs/fileSystem:FileSystem")
    return {
        "source": "aws.backup",
        "detail-type": "Backup Job State Change",
        "detail": {"backupJobId": "0f1e", "state": state, "resourceArn": disk.outputs["arn"]},
    }


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ended, ["ran out of memory", "geoserver", "OutOfMemoryError"]),
        (cannot_start, ["can't start its tasks", "geoserver", "SERVICE_TASK_START_IMPAIRED"]),
        (not_backed_up, ["not backed up", "file-system/", "FAILED"]),
    ],
)
def test_what_fails_by_itself_becomes_a_letter(
    watch: Watch, event: Callable[[Watch], dict[str, Any]], words: list[str]
) -> None:
    before = len(texts(watch))
    post(watch, event(watch))
    until(lambda: len(texts(watch)) == before + 1)
    letter = texts(watch)[-1]
    assert all(word in letter for word in words), letter
    assert not re.search("<[a-z]+>", letter)


def test_what_is_no_failure_becomes_none(watch: Watch) -> None:
    before = len(texts(watch))
    harmless = [
        ended(watch, stopCode="ServiceSchedulerInitiated"),  # stopped, and too slow to end
        ended(watch, lastStatus="RUNNING"),
        ended(watch, containers=[{"name": "app", "exitCode": 1}]),  # the deployment tells
        ended(watch, clusterArn="arn:aws:ecs:ap-southeast-2:123456789012:cluster/other"),
        not_backed_up(watch, "COMPLETED"),
    ]
    for event in harmless:
        post(watch, event)
    post(watch, not_backed_up(watch))  # comes after them
    until(lambda: len(texts(watch)) > before)
    assert len(texts(watch)) == before + 1


def test_the_budget_tells_the_topic(watch: Watch) -> None:
    client = watch.local.aws("budgets")
    budget = watch.local.one("aws:budgets/budget:Budget")
    asked = {"AccountId": budget.outputs["accountId"], "BudgetName": budget.inputs["name"]}
    assert client.describe_budget(**asked)["Budget"]["BudgetLimit"]["Amount"].startswith("500")
    notifications = client.describe_notifications_for_budget(**asked)["Notifications"]
    assert [(n["NotificationType"], n["Threshold"]) for n in notifications] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    for notification in notifications:
        [told] = client.describe_subscribers_for_notification(**asked, Notification=notification)[
            "Subscribers"
        ]
        assert told["SubscriptionType"] == "SNS"
        assert told["Address"] in {t.id for t in watch.local.deployed("aws:sns/topic:Topic")}


def test_the_dashboard_is_there_with_every_alarm(watch: Watch) -> None:
    dashboard = watch.local.one("aws:cloudwatch/dashboard:Dashboard")
    held = watch.local.aws("cloudwatch").get_dashboard(DashboardName=dashboard.id)
    first = json.loads(held["DashboardBody"])["widgets"][0]
    assert set(first["properties"]["alarms"]) == {
        alarm.outputs["arn"] for alarm in watch.alarms.values()
    }


def post(watch: Watch, event: dict[str, Any]) -> None:
    """Have AWS tell it."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{watch.local.port}{EVENTS}", json.dumps(event).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def texts(watch: Watch) -> list[str]:
    """The letters that aren't alarms'."""
    messages = [letter["Message"] for letter in watch.letters()]
    return [message for message in messages if not message.startswith("{")]


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < last, "it doesn't come"
        time.sleep(0.2)
