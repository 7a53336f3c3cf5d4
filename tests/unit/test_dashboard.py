"""The dashboard is one that CloudWatch takes, and shows what exists; the logs' questions, too."""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.record import Recording
from tests.unit.test_monitoring import alarms

EDGE = "us-east-1"


def body(recording: Recording) -> list[dict[str, Any]]:
    [dashboard] = recording["cloudwatch/dashboard:Dashboard"].values()
    widgets: list[dict[str, Any]] = json.loads(dashboard["dashboardBody"])["widgets"]
    return widgets


def graphs(recording: Recording) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in body(recording) if widget["type"] == "metric"]


def shown(recording: Recording) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Each metric: its region, namespace, name and dimensions in CloudWatch's row, its options."""
    for graph in graphs(recording):
        for line in graph["metrics"]:
            if isinstance(line[0], str):
                yield graph["region"], line[:-1], line[-1]


def test_widgets_lie_within_the_grid_and_on_none_other(stack: Recording) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in body(stack):
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def test_it_begins_with_all_alarms_and_goes_the_way_of_a_request(stack: Recording) -> None:
    first, *others = body(stack)
    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == len(alarms(stack))
    assert len(set(first["properties"]["alarms"])) == len(alarms(stack)) <= 100
    headings = [w["properties"]["markdown"] for w in others if w["type"] == "text"]
    assert headings == [
        "## Visitors and the edge",
        "## Load balancer",
        "## Services",
        "## Database, queue and files",
        "## Roll-out and functions",
    ]


def test_every_metric_of_it_is_of_a_resource_of_the_program(stack: Recording) -> None:
    known: dict[str, set[Any]] = {
        "DistributionId": {r.id for r in stack.of("cloudfront/distribution:Distribution")},
        "Region": {"Global"},
        "LoadBalancer": {
            r.state.get("arnSuffix") for r in stack.of("lb/loadBalancer:LoadBalancer")
        },
        "TargetGroup": {r.state.get("arnSuffix") for r in stack.of("lb/targetGroup:TargetGroup")},
        "ClusterName": set(stack["ecs/cluster:Cluster"]),
        "ServiceName": set(stack["ecs/service:Service"]),
        "DBInstanceIdentifier": set(stack["rds/instance:Instance"]),
        "FileSystemId": {r.id for r in stack.of("efs/fileSystem:FileSystem")},
        "CacheClusterId": {
            f"{name}-001" for name in stack["elasticache/replicationGroup:ReplicationGroup"]
        },
        "QueueName": {q["name"] for q in stack["sqs/queue:Queue"].values()},
        "FunctionName": {
            name
            for r in stack.of("lambda/function:Function")
            for name in (r.state["name"], f"{EDGE}.{r.state['name']}")
        },
        "Queue": {"celery"},
        "Stack": {stack.outputs["cluster"].removesuffix("-ecs")},
    }
    rows = list(shown(stack))
    assert len(rows) > 30
    for _, (_, _, *dimensions), _ in rows:
        for name, value in zip(dimensions[::2], dimensions[1::2], strict=True):
            assert value in known[name], name


def test_every_graph_has_ids_of_its_own_and_few_metrics(stack: Recording) -> None:
    for graph in graphs(stack):
        ids = [line[-1]["id"] for line in graph["metrics"] if "id" in line[-1]]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch("[a-z][a-zA-Z0-9_]*", id_) for id_ in ids)
        assert len(graph["metrics"]) <= 500
        for line in graph["metrics"]:
            named = re.findall(r"\b[a-z]\w*", line[-1].get("expression", ""))
            assert set(named) <= set(ids)


def test_what_is_at_the_edge_is_asked_for_there(stack: Recording) -> None:
    for region, row, _ in shown(stack):
        assert (region == EDGE) == (row[0] == "AWS/CloudFront"), row


def test_the_bounds_of_the_alarms_are_drawn(stack: Recording) -> None:
    drawn = {
        line["value"]
        for graph in graphs(stack)
        for line in graph.get("annotations", {}).get("horizontal", [])
    }
    titles = {graph["title"] for graph in graphs(stack)}
    for alarm in alarms(stack).values():
        label = next((q.get("label") for q in alarm.get("metricQueries", []) if "label" in q), None)
        if label in titles:
            assert alarm["threshold"] in drawn
    assert len(drawn) > 10


def test_it_is_one_that_costs_nothing(stack: Recording) -> None:
    """CloudWatch pricing: three dashboards of fifty metrics each are free."""
    assert len({(region, json.dumps(row)) for region, row, _ in shown(stack)}) <= 50


def test_questions_are_asked_of_groups_that_exist(stack: Recording, switched: Recording) -> None:
    for recording in (stack, switched):
        groups = {
            (group.get("region"), group["name"])
            for group in recording["cloudwatch/logGroup:LogGroup"].values()
            if "name" in group
        } | {(None, r.state["name"]) for r in recording.of("cloudwatch/logGroup:LogGroup")}
        questions = recording["cloudwatch/queryDefinition:QueryDefinition"]
        assert len(questions) >= 10
        for question in questions.values():
            for group in question["logGroupNames"]:
                assert (question.get("region"), group) in groups, question["name"]


def test_there_is_a_question_for_every_service_and_for_those_refused(
    production: Recording, switched: Recording
) -> None:
    def asked(recording: Recording) -> set[str]:
        found = recording["cloudwatch/queryDefinition:QueryDefinition"].values()
        return {question["name"].partition("/")[2] for question in found}

    assert asked(production) == {
        "Errors of terriamap",
        "Errors of geoserver",
        "Errors of backend-flask",
        "Errors of backend-celery",
        "Slowest statements of the database",
        "Errors and refused log-ins of the database",
        "Longest jobs of the worker",
        "Who was refused by the network",
        "What rolled and why",
        "Failures of the password function",
    }
    assert asked(switched) - asked(production) == {"Who was refused by the firewall"}
