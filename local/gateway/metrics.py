"""CloudWatch: metrics in what functions log, in the embedded metric format."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from .background import Background
from .clients import Clients


class Metrics:
    """Makes metrics of log events."""

    def __init__(self, clients: Clients, background: Background) -> None:
        self._clients = clients
        self._background = background

    def take(self, region: str, messages: Iterable[str]) -> None:
        """Have the metrics that are in log events put."""
        for message in messages:
            for namespace, data in embedded(message):
                self._background.later(0, partial(self._put, region, namespace, data))

    def _put(self, region: str, namespace: str, data: list[dict[str, Any]]) -> None:
        self._clients("cloudwatch", region).put_metric_data(Namespace=namespace, MetricData=data)


def embedded(message: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each namespace of a log event, and the data for it; nothing where the event has none.

    CloudWatch user guide, "Specification: Embedded metric format": a metric for each set of
    dimensions, whose values and the metric's are members beside `_aws`. A set or a metric that has
    no value there is left out.
    """
    try:
        entry = json.loads(message) if message.startswith("{") else {}
        about = entry.get("_aws") or {}
        at = datetime.fromtimestamp(about["Timestamp"] / 1000, UTC)
        directives = about["CloudWatchMetrics"]
        for directive in directives:
            yield directive["Namespace"], list(_data(directive, entry, at))
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _data(
    directive: Mapping[str, Any], entry: Mapping[str, Any], at: datetime
) -> Iterator[dict[str, Any]]:
    for names in directive["Dimensions"]:
        if not all(name in entry for name in names):
            continue
        dimensions = [{"Name": name, "Value": str(entry[name])} for name in names]
        for metric in directive["Metrics"]:
            value = entry.get(metric["Name"])
            if value is not None:
                yield {
                    "MetricName": metric["Name"],
                    "Dimensions": dimensions,
                    "Timestamp": at,
                    "Values": value if isinstance(value, list) else [value],
                    "Unit": metric.get("Unit", "None"),
                    "StorageResolution": metric.get("StorageResolution", 60),
                }
