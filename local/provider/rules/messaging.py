"""Events, queues, notifications, logs, alarms, dashboards and budgets."""

import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

from local.provider.rules.core import (
    Block,
    at_most,
    between,
    document,
    exactly_one,
    excludes,
    like,
    of,
    one_of,
    unique,
    words,
)

_RETENTION = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653, 0),
)
_EVENT = "version id detail-type source account time region resources detail replay-name $or"
_MATCHERS = words("""
    prefix suffix anything-but numeric exists cidr equals-ignore-case wildcard
    """)
_TARGETS = words("input inputPath inputTransformer")


def _pattern(value: Any, *, top: bool = True) -> bool:
    """EventBridge user guide, "Event patterns": objects, and at their ends lists."""
    pattern = document(value) if top else value
    if top and not (pattern and {*pattern} <= {*_EVENT.split()}):
        return False
    return all(
        _pattern(item, top=False)
        if isinstance(item, dict)
        else isinstance(item, list) and bool(item) and all(map(_leaf, item))
        for item in pattern.values()
    )


def _leaf(item: Any) -> bool:
    return not isinstance(item, list) and (not isinstance(item, dict) or {*item} <= {*_MATCHERS})


def _template(transformer: Block) -> bool:
    """EventBridge user guide, "Input transformation": JSON, once its placeholders are filled."""
    template = str(transformer["inputTemplate"])
    placed = set(re.findall(r"<([^<>]+)>", template))
    document(re.sub(r"<[^<>]+>", "0", template))
    known = {*transformer.get("inputPaths", {})}
    return all(name in known or name.startswith("aws.events.") for name in placed)


def _schedule(text: str) -> bool:
    rate = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", text)
    if rate:
        return (rate[1] == "1") != bool(rate[3])
    cron = re.fullmatch(r"cron\((.*)\)", text)
    fields = cron[1].split() if cron else []
    return len(fields) == 6 and (fields[2] == "?") != (fields[4] == "?")


def _clock(text: str) -> bool:
    """What EventBridge Scheduler knows besides: one moment."""
    return _schedule(text) or bool(re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)", text))


def _evaluated(alarm: Block) -> bool:
    span = alarm.get("period", 60) * alarm["evaluationPeriods"]
    return bool(span <= (604800 if alarm.get("period", 60) >= 3600 else 86400))


def _one_answer(queries: list[Block]) -> bool:
    """Whether exactly one query gives the alarm its values; it is so if nothing is said."""
    return sum(query.get("returnData", False) is True for query in queries) == 1


def _names_known(queries: list[Block]) -> bool:
    known = {query["id"] for query in queries}
    formulas = [query.get("expression", "") for query in queries]
    return all(set(re.findall(r"\b[a-z]\w*", formula)) <= known for formula in formulas)


def _widgets(body: Any) -> list[Block]:
    return [Block(widget) for widget in document(body)["widgets"]]


def _in_the_grid(body: Any) -> bool:
    return all(
        w["x"] >= 0 and w["width"] >= 1 and w["x"] + w["width"] <= 24 and 1 <= w["height"] <= 1000
        for w in _widgets(body)
    )


_WIDGET_NEEDS = {
    "alarm": {"alarms"},
    "explorer": {"metrics"},
    "log": {"query", "region"},
    "metric": {"metrics", "region"},
    "text": {"markdown"},
}


def _complete(body: Any) -> bool:
    widgets = _widgets(body)
    return len(widgets) <= 500 and all(
        _WIDGET_NEEDS[widget["type"]] <= {*widget["properties"]} for widget in widgets
    )


def _lines(body: Any) -> Iterator[list[list[Any]]]:
    """The metrics of each graph."""
    for widget in _widgets(body):
        if widget["type"] == "metric":
            yield widget["properties"]["metrics"]


def _few_metrics(body: Any) -> bool:
    counts = [len(lines) for lines in _lines(body)]
    return max(counts, default=0) <= 500 and sum(counts) <= 2500


def _whole_lines(body: Any) -> bool:
    """A line is namespace, metric and pairs of dimensions, or an expression; then options."""
    for lines in _lines(body):
        for line in lines:
            options = line[-1] if isinstance(line[-1], dict) else {}
            names = line[:-1] if options else line
            if "expression" not in options and (len(names) < 2 or len(names) % 2):
                return False
            if len(names) > 2 + 2 * 30 or not all(isinstance(name, str) for name in names):
                return False
    return True


def _own_ids(body: Any) -> bool:
    for lines in _lines(body):
        ids = [o["id"] for line in lines for o in line[-1:] if isinstance(o, dict) and "id" in o]
        if len(ids) != len({*ids}) or not all(re.fullmatch("[a-z][A-Za-z0-9_]*", i) for i in ids):
            return False
    return True


def _redrive(value: Any) -> bool:
    told = document(value)
    numbered = 1 <= int(told["maxReceiveCount"]) <= 1000
    return numbered and str(told["deadLetterTargetArn"]).startswith("arn:aws:sqs:")


def _endpoint(subscription: Block) -> bool:
    forms = {
        "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
        "email-json": r"[^@\s]+@[^@\s]+\.[^@\s]+",
        "https": "https://.+",
        "http": "http://.+",
        "sqs": "arn:aws:sqs:.+",
        "lambda": "arn:aws:lambda:.+",
        "sms": r"\+\d{6,15}",
    }
    return bool(re.fullmatch(forms.get(subscription["protocol"], ".+"), subscription["endpoint"]))


def _fifo(resource: Block) -> bool:
    fifo = resource.get("fifoQueue") or resource.get("fifoTopic") or False
    return str(resource["name"]).endswith(".fifo") == fifo


# A row reads best in one place.
# fmt: off
RULES = (
    *of("cloudwatch/logGroup:LogGroup", "CloudWatch Logs API, PutRetentionPolicy",
        ("retentionInDays", one_of(*_RETENTION), "must be one of the days that CloudWatch knows")),
    *of("cloudwatch/eventRule:EventRule", "EventBridge API, PutRule",
        ("", exactly_one("eventPattern", "scheduleExpression"),
            "eventPattern or scheduleExpression: exactly one"),
        ("eventPattern", at_most(2048), "may have 2048 characters"),
        ("eventPattern", _pattern, "must be fields of an event, each with a list of values"),
        ("scheduleExpression", _schedule, "must be rate(1 day), rate(2 days) or cron(...)")),
    *of("cloudwatch/eventTarget:EventTarget", "EventBridge API, Target",
        ("arn", like("arn:aws:.+"), "must be an ARN"),
        ("inputTransformer", _template, "inputTemplate must be JSON, of inputPaths' names"),
        ("", lambda t: sum(key in t for key in _TARGETS) <= 1,
            "input, inputPath and inputTransformer exclude each other"),
        ("", lambda t: t["arn"].endswith(".fifo") <= ("sqsTarget" in t),
            "sqsTarget is needed by a FIFO queue")),
    *of("scheduler/schedule:Schedule", "EventBridge Scheduler API, CreateSchedule",
        ("name", like(r"[0-9A-Za-z_.-]{1,64}"), "must be 64 letters, digits, -, _ and ."),
        ("scheduleExpression", _clock, "must be at(...), rate(1 day), rate(2 days) or cron(...)"),
        ("scheduleExpressionTimezone", lambda zone: zone in available_timezones(),
            "must be a time zone of the IANA's database"),
        ("flexibleTimeWindow", lambda w: (w["mode"] == "OFF")
            == ("maximumWindowInMinutes" not in w),
            "maximumWindowInMinutes goes with the mode FLEXIBLE"),
        ("target", lambda t: t["arn"].endswith(".fifo") <= ("sqsParameters" in t),
            "sqsParameters is needed by a FIFO queue"),
        ("target.retryPolicy.maximumEventAgeInSeconds", between(60, 86400),
            "must be 60 to 86400 seconds"),
        ("target.retryPolicy.maximumRetryAttempts", between(0, 185), "must be 0 to 185")),
    *of("cloudwatch/metricAlarm:MetricAlarm", "CloudWatch API, PutMetricAlarm",
        ("period", lambda s: s in (10, 20, 30) or s % 60 == 0, "must be 10, 20, 30 or minutes"),
        ("", _evaluated, "period times evaluationPeriods may be a day, or a week of hours"),
        ("", exactly_one("statistic", "extendedStatistic", "metricQueries"),
            "statistic, extendedStatistic or metricQueries: exactly one"),
        ("", lambda a: "metricQueries" in a or {"metricName", "namespace", "period"} <= {*a},
            "metricName, namespace and period are needed"),
        ("", lambda a: "threshold" in a or "thresholdMetricId" in a, "threshold is needed"),
        ("treatMissingData", one_of("breaching", "notBreaching", "ignore", "missing"),
            "must be breaching, notBreaching, ignore or missing"),
        ("", lambda a: a.get("datapointsToAlarm", 1) <= a["evaluationPeriods"],
            "datapointsToAlarm must not be above evaluationPeriods"),
        ("metricQueries", at_most(20), "may have 20 queries"),
        ("metricQueries.id", like("[a-z][A-Za-z0-9_]*"),
            "must begin with a small letter, and have letters, digits and _"),
        ("metricQueries.metric.stat", like(r"SampleCount|Average|Sum|Minimum|Maximum|IQM"
            r"|(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?|p100|(PR|TM|TC|TS|WM)\(.*:.*\)"),
            "must be a statistic that CloudWatch knows"),
        ("metricQueries", lambda q: unique([one["id"] for one in q]), "id must be unique"),
        ("metricQueries", _one_answer, "returnData must be true of exactly one"),
        ("metricQueries", _names_known, "expression may name ids of the other queries only"),
        ("metricQueries[]", exactly_one("expression", "metric"),
            "expression or metric: exactly one"),
        ("alarmDescription", at_most(1024), "may have 1024 characters")),
    *of("cloudwatch/dashboard:Dashboard", "CloudWatch API, Dashboard body structure and syntax",
        ("dashboardName", like("[A-Za-z0-9_-]{1,255}"), "must be letters, digits, - and _"),
        ("dashboardBody", lambda body: "widgets" in document(body), "must be JSON with widgets"),
        ("dashboardBody", _in_the_grid, "widgets must be within 24 columns and 1000 rows"),
        ("dashboardBody", _complete, "widgets must have a known type and what it needs"),
        ("dashboardBody", _few_metrics, "may have 500 metrics a graph, and 2500 in all"),
        ("dashboardBody", _whole_lines, "metrics must be namespace, name and pairs of dimensions"),
        ("dashboardBody", _own_ids, "ids of metrics must be unique in their graph")),
    *of("cloudwatch/queryDefinition:QueryDefinition", "CloudWatch Logs API, PutQueryDefinition",
        ("logGroupNames", at_most(50), "may name 50 groups")),
    *of("budgets/budget:Budget", "AWS Budgets API, Budget; Notification; Subscriber",
        ("name", like(r"(?!/action/)[^:\\/]{1,100}"), "must have 100 characters, none of : \\ /"),
        ("", lambda b: float(b["limitAmount"]) > 0, "limitAmount must be above 0"),
        ("notifications", at_most(10), "may be 10"),
        ("notifications", lambda told: unique([[n["notificationType"], n["threshold"],
            n["comparisonOperator"]] for n in told]), "must differ in type or threshold"),
        ("notifications[]", lambda n: n.get("subscriberEmailAddresses", [])
            or n.get("subscriberSnsTopicArns", []), "needs somebody to tell"),
        ("notifications.subscriberSnsTopicArns", at_most(1), "may be one topic"),
        ("notifications.subscriberEmailAddresses", at_most(10), "may be 10 addresses"),
        ("notifications.threshold", between(0.1, 1e9), "must be 0.1 at least")),
    *of("sqs/queue:Queue", "SQS API, CreateQueue",
        ("name", like(r"[A-Za-z0-9_-]{1,75}\.fifo|[A-Za-z0-9_-]{1,80}"),
            "must be 80 letters, digits, - and _, at most"),
        ("", _fifo, "name must end in .fifo if and only if fifoQueue"),
        ("delaySeconds", between(0, 900), "must be 0 to 900 seconds"),
        ("visibilityTimeoutSeconds", between(0, 43200), "must be 0 to 43200 seconds"),
        ("messageRetentionSeconds", between(60, 1209600), "must be 60 to 1209600 seconds"),
        ("receiveWaitTimeSeconds", between(0, 20), "must be 0 to 20 seconds"),
        ("maxMessageSize", between(1024, 1048576), "must be 1 KiB to 1 MiB"),
        ("redrivePolicy", _redrive, "must name a queue and 1 to 1000 attempts"),
        ("", excludes("kmsMasterKeyId", "sqsManagedSseEnabled"),
            "kmsMasterKeyId excludes sqsManagedSseEnabled"),
        ("", lambda q: q.get("fifoQueue") or not {"contentBasedDeduplication",
            "deduplicationScope", "fifoThroughputLimit"} & {*q},
            "contentBasedDeduplication is for FIFO queues")),
    *of("sns/topic:Topic", "SNS API, CreateTopic",
        ("name", like(r"[A-Za-z0-9_-]{1,251}\.fifo|[A-Za-z0-9_-]{1,256}"),
            "must be letters, digits, - and _"),
        ("", _fifo, "name must end in .fifo if and only if fifoTopic"),
        ("displayName", at_most(100), "may have 100 characters")),
    *of("sns/topicSubscription:TopicSubscription", "SNS API, Subscribe",
        ("protocol", one_of("http", "https", "email", "email-json", "sms", "sqs", "application",
            "lambda", "firehose"), "must be one that SNS knows"),
        ("", _endpoint, "endpoint must be of the protocol's form")),
)
