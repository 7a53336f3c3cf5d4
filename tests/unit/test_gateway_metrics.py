"""What functions log in the embedded metric format becomes metrics, as CloudWatch does."""

import json
from typing import Any

import pytest

from local.gateway.background import Background
from local.gateway.clients import Clients
from local.gateway.metrics import Metrics, embedded
from tests.lambdas.loading import LAMBDAS, load
from tests.unit.emulated import REGION, Later

ENTRY: dict[str, Any] = {
    "_aws": {
        "Timestamp": 1_700_000_000_000,
        "CloudWatchMetrics": [
            {
                "Namespace": "Otakaro",
                "Dimensions": [["Queue", "Stack"], ["Stack"], ["Missing"]],
                "Metrics": [{"Name": "Length", "Unit": "Count"}, {"Name": "Ages"}, {"Name": "No"}],
            }
        ],
    },
    "Queue": "celery",
    "Stack": "local",
    "Length": 3,
    "Ages": [1.5, 2],
}


def test_each_metric_is_of_each_set_of_dimensions_that_there_is() -> None:
    [(namespace, data)] = embedded(json.dumps(ENTRY))
    assert namespace == "Otakaro"
    told = {
        (one["MetricName"], tuple((d["Name"], d["Value"]) for d in one["Dimensions"])): one
        for one in data
    }
    both, stack = (("Queue", "celery"), ("Stack", "local")), (("Stack", "local"),)
    assert {*told} == {(name, of) for name in ("Length", "Ages") for of in (both, stack)}
    length, ages = told["Length", both], told["Ages", stack]
    assert (length["Values"], length["Unit"], length["StorageResolution"]) == ([3], "Count", 60)
    assert (ages["Values"], ages["Unit"]) == ([1.5, 2], "None")
    assert length["Timestamp"].timestamp() == 1_700_000_000


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId: 1",
        "{no json}",
        '{"some": "object"}',
        '{"_aws": {"Timestamp": "soon", "CloudWatchMetrics": []}}',
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "N"}]}}',
    ],
)
def test_what_is_no_metric_is_a_line_of_the_log(message: str) -> None:
    assert list(embedded(message)) == []


class CloudWatch:
    """Takes metrics."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []

    def __call__(self, _service: str, _region: str) -> "CloudWatch":
        return self

    def put_metric_data(self, **asked: Any) -> None:
        self.put.append(asked)


def test_waiting_and_running_jobs_are_put() -> None:
    handler = load(LAMBDAS / "queue_length" / "handler.py")
    entry = handler.metrics("Otakaro", "celery", "local", 7, 2)
    cloud, later = CloudWatch(), Later()
    clients: Clients = cloud  # type: ignore[assignment]
    background: Background = later  # type: ignore[assignment]
    Metrics(clients, background).take(REGION, ["START", json.dumps(entry), "END"])
    later.work()
    (asked,) = cloud.put
    assert asked["Namespace"] == "Otakaro"
    values = {datum["MetricName"]: datum["Values"] for datum in asked["MetricData"]}
    assert values == {"QueueLength": [7], "RunningJobs": [2], "UnfinishedJobs": [9]}
