"""Events, queues, notifications, logs and alarms."""

import re
from typing import Any

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


def _schedule(text: str) -> bool:
    rate = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", text)
    if rate:
        return (rate[1] == "1") != bool(rate[3])
    cron = re.fullmatch(r"cron\((.*)\)", text)
    fields = cron[1].split() if cron else []
    return len(fields) == 6 and (fields[2] == "?") != (fields[4] == "?")


def _evaluated(alarm: Block) -> bool:
    span = alarm.get("period", 60) * alarm["evaluationPeriods"]
    return bool(span <= (604800 if alarm.get("period", 60) >= 3600 else 86400))


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
        ("", lambda t: sum(key in t for key in _TARGETS) <= 1,
            "input, inputPath and inputTransformer exclude each other"),
        ("", lambda t: t["arn"].endswith(".fifo") <= ("sqsTarget" in t),
            "sqsTarget is needed by a FIFO queue")),
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
            "datapointsToAlarm must not be above evaluationPeriods")),
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
