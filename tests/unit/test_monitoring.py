"""Alarms look at what exists, are bound where trouble begins, and tell people."""

import json
import re
from typing import Any

import pytest

from alarms import Alarm, Metric
from data_alarms import GIB, memory
from local.alarms import PAGE, page
from local.record import ACCOUNT, Recording, configuration, document, record_program
from tests.unit.conftest import SWITCHES
from tests.unit.reading import arn, statements

ALARM = "cloudwatch/metricAlarm:MetricAlarm"
EDGE = "us-east-1"
# What a service without tasks, and a site without visitors, reports nothing of.
COUNTED = {"HealthyHostCount", "UnHealthyHostCount"}


def alarms(recording: Recording) -> dict[str, dict[str, Any]]:
    """Those that tell people, by their keys."""
    prefix = recording.outputs["cluster"].removesuffix("-ecs")
    start = f"{prefix}-alarm-"
    found = recording[ALARM].items()
    return {name.removeprefix(start): a for name, a in found if name.startswith(start)}


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm looks at, each as the resource names it."""
    if "metricName" in alarm:
        return [{**alarm, "stat": alarm["statistic"]}]
    return [query["metric"] for query in alarm["metricQueries"] if "metric" in query]


def looks_at(recording: Recording, namespace: str, metric: str) -> set[tuple[str, ...]]:
    """The values of the dimensions of each alarm on a metric."""
    return {
        tuple(sorted(one["dimensions"].values()))
        for alarm in alarms(recording).values()
        for one in metrics(alarm)
        if (one["namespace"], one["metricName"]) == (namespace, metric)
    }


def test_every_service_that_visitors_reach_has_its_alarms(stack: Recording) -> None:
    found = alarms(stack)
    for key in ("terriamap", "api", "geoserver"):
        assert {f"{key}-down", f"{key}-errors", f"{key}-slow"} <= set(found)
    assert {f"edge-{key}-errors" for key in ("map", "api", "geoserver")} <= set(found)
    groups = stack["lb/targetGroup:TargetGroup"]
    for metric in ("HealthyHostCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"):
        assert len(looks_at(stack, "AWS/ApplicationELB", metric)) == len(groups) == 3


def test_what_holds_data_has_its_alarms(stack: Recording) -> None:
    [database] = stack["rds/instance:Instance"].values()
    for metric in (
        *("FreeStorageSpace", "CPUUtilization", "FreeableMemory", "DatabaseConnections"),
        *("CPUCreditBalance", "MaximumUsedTransactionIDs"),
    ):
        assert looks_at(stack, "AWS/RDS", metric) == {(database["identifier"],)}
    [queue] = stack["elasticache/replicationGroup:ReplicationGroup"].values()
    for metric in ("DatabaseMemoryUsagePercentage", "Evictions", "CPUUtilization"):
        node = (f"{queue['replicationGroupId']}-001",)
        assert looks_at(stack, "AWS/ElastiCache", metric) == {node}
    [disk] = stack.of("efs/fileSystem:FileSystem")
    assert looks_at(stack, "AWS/EFS", "PercentIOLimit") == {(disk.id,)}


def test_every_service_is_watched_for_its_memory_and_busy_ones_for_their_cpu(
    stack: Recording,
) -> None:
    services = set(stack["ecs/service:Service"])
    [cluster] = stack["ecs/cluster:Cluster"]
    watched = {tuple(sorted((cluster, service))) for service in services}
    assert looks_at(stack, "AWS/ECS", "MemoryUtilization") == watched
    busy = {key.removesuffix("-cpu") for key in alarms(stack) if key.endswith("-cpu")}
    assert {"terriamap", "geoserver", "backend-flask"} <= busy
    assert "backend-celery" not in busy  # it computes for hours


def test_every_queue_of_the_rollout_and_its_function_are_watched(stack: Recording) -> None:
    for metric, failed in (
        ("ApproximateAgeOfOldestMessage", False),
        ("ApproximateNumberOfMessagesVisible", True),
    ):
        queues = {
            (queue["name"],)
            for queue in stack["sqs/queue:Queue"].values()
            if ("-failed" in queue["name"]) is failed
        }
        assert looks_at(stack, "AWS/SQS", metric) == queues
    prefix = stack.outputs["cluster"].removesuffix("-ecs")
    assert (f"{prefix}-rollout",) in looks_at(stack, "AWS/Lambda", "Errors")


def test_every_gateway_and_certificate_is_watched(production: Recording, local: Recording) -> None:
    for recording in (production, local):
        gateways = {(gateway.id,) for gateway in recording.of("ec2/natGateway:NatGateway")}
        assert looks_at(recording, "AWS/NATGateway", "ErrorPortAllocation") == gateways
        assert looks_at(recording, "AWS/NATGateway", "PacketsDropCount") == gateways
        certificates = {
            (c.inputs["certificateArn"],)
            for c in recording.of("acm/certificateValidation:CertificateValidation")
        }
        assert looks_at(recording, "AWS/CertificateManager", "DaysToExpiry") == certificates


def test_jobs_that_wait_are_counted_where_the_queue_is_measured(stack: Recording) -> None:
    alarm = alarms(stack)["queue-long"]
    prefix = stack.outputs["cluster"].removesuffix("-ecs")
    assert (alarm["namespace"], alarm["metricName"]) == ("Otakaro/Celery", "QueueLength")
    assert alarm["dimensions"] == {"Queue": "celery", "Stack": prefix}
    # All hour long, not once within it.
    assert (alarm["statistic"], alarm["period"] * alarm["evaluationPeriods"]) == ("Minimum", 3600)


def test_no_alarm_rings_while_nothing_runs_and_nobody_comes(stack: Recording) -> None:
    """A new stack has no tasks, and what has no tasks reports no metrics."""
    for key, alarm in alarms(stack).items():
        assert alarm["treatMissingData"] == "notBreaching", key
        for one in metrics(alarm):
            if one["metricName"] in COUNTED:  # AWS may report 0 of a group without tasks
                [formula] = [q["expression"] for q in alarm["metricQueries"] if "expression" in q]
                assert formula == "IF(unhealthy > 0, healthy, 1)"
    fewer = {key: a for key, a in alarms(stack).items() if key.endswith("-tasks")}
    # Samples of tasks that run: of none there are none, and a bound of 0 could not be crossed.
    assert all(a["statistic"] == "SampleCount" and a["threshold"] > 1 for a in fewer.values())


def test_one_failed_request_at_night_rings_nothing(stack: Recording) -> None:
    rates = [a for key, a in alarms(stack).items() if key.endswith(("-errors", "-slow"))]
    formulas = [
        q["expression"] for a in rates for q in a.get("metricQueries", []) if "expression" in q
    ]
    assert len(formulas) == 10
    assert all(formula.startswith("IF(requests >= 20, ") for formula in formulas)
    assert all(formula.endswith(", 0)") for formula in formulas)
    for alarm in rates:
        assert alarm["evaluationPeriods"] >= 2


def test_fewer_tasks_than_the_minimum_are_told_where_there_are_several() -> None:
    config = configuration("production") | {
        "otakaro:flaskMin": "2",
        "otakaro:flaskDesired": "2",
        "otakaro:celeryMin": "3",
        "otakaro:celeryDesired": "3",
    }
    found = alarms(record_program(config))
    bounds = {key: a["threshold"] for key, a in found.items() if key.endswith("-tasks")}
    assert bounds == {"backend-flask-tasks": 2, "backend-celery-tasks": 3}


def test_formulas_are_of_the_metrics_beside_them(stack: Recording) -> None:
    for key, alarm in alarms(stack).items():
        queries = alarm.get("metricQueries", [])
        named = {query["id"] for query in queries if "metric" in query}
        for query in queries:
            assert re.fullmatch("[a-z][a-z0-9_]*", query["id"])
            if "expression" in query:
                assert set(re.findall("[a-z]+", query["expression"])) == named, key
                assert query["returnData"] is True
            else:
                assert query["returnData"] is False
                assert query["metric"]["period"] == queries[1]["metric"]["period"]


@pytest.mark.parametrize(
    ("class_", "gib"),
    [
        ("db.t4g.micro", 1),
        ("db.t3.small", 2),
        ("db.t4g.2xlarge", 32),
        ("db.m7g.large", 8),
        ("db.m6i.xlarge", 16),
        ("db.r6g.2xlarge", 64),
    ],
)
def test_a_class_has_its_memory(class_: str, gib: int) -> None:
    assert memory(class_) == gib * GIB


@pytest.mark.parametrize(
    ("class_", "connections", "free", "earned"),
    [
        ("db.t4g.micro", 81, 0.05, 28.8),
        ("db.t4g.small", 162, 0.1, 57.6),
        ("db.m7g.large", 649, 0.4, None),
        ("db.r6g.16xlarge", 4000, 25.6, None),  # PostgreSQL's default ends at 5000
    ],
)
def test_the_databases_bounds_are_of_its_class(
    class_: str, connections: int, free: float, earned: float | None
) -> None:
    config = configuration("production") | {"otakaro:databaseInstanceClass": class_}
    found = alarms(record_program(config))
    assert found["database-connections"]["threshold"] == connections
    assert found["database-memory"]["threshold"] == pytest.approx(free * GIB)
    told = found.get("database-credits", {}).get("threshold")
    assert told == (pytest.approx(earned) if earned is not None else None)


@pytest.mark.parametrize(
    ("node", "metric", "bound"),
    [
        ("cache.t4g.micro", "CPUUtilization", 45),
        ("cache.m7g.large", "CPUUtilization", 45),
        ("cache.r7g.xlarge", "EngineCPUUtilization", 90),
    ],
)
def test_redis_computes_on_one_processor(node: str, metric: str, bound: int) -> None:
    config = configuration("production") | {"otakaro:redisNodeType": node}
    alarm = alarms(record_program(config))["redis-1-cpu"]
    assert (alarm["metricName"], alarm["threshold"]) == (metric, bound)


def test_every_node_of_redis_is_watched(switched: Recording) -> None:
    prefix = switched.outputs["cluster"].removesuffix("-ecs")
    nodes = {(f"{prefix}-backend-redis-00{number}",) for number in (1, 2)}
    assert looks_at(switched, "AWS/ElastiCache", "Evictions") == nodes


def test_alarms_publish_to_the_topic_of_their_own_region(stack: Recording) -> None:
    topics = {
        topic.inputs.get("region"): topic.state["arn"] for topic in stack.of("sns/topic:Topic")
    }
    assert set(topics) == {None, EDGE}
    for key, alarm in alarms(stack).items():
        topic = topics[alarm.get("region")]
        assert alarm["alarmActions"] == [topic], key
        assert alarm.get("okActions", [topic]) == [topic], key
        edge = {"AWS/CloudFront"} & {one["namespace"] for one in metrics(alarm)}
        certificate = key == f"certificate-{EDGE}"
        assert (alarm.get("region") == EDGE) == bool(edge or certificate)


def test_the_end_of_what_lasts_is_told_and_of_what_happened_once_not(
    production: Recording,
) -> None:
    silent = {key for key, alarm in alarms(production).items() if not alarm.get("okActions")}
    assert silent == {
        "redis-1-evictions",
        "nat-ap-southeast-2a-ports",
        "rollout-images-failed",
        "rollout-secrets-failed",
    }


def test_every_letter_says_what_it_means_what_to_do_and_where_it_is_from(
    stack: Recording,
) -> None:
    for key, alarm in alarms(stack).items():
        why, first, source = alarm["alarmDescription"].split("\n")
        assert re.fullmatch("First: [A-Z].+[.]", first), key
        assert re.fullmatch("Source: .+", source), key
        assert why[0].isupper(), key
        assert len(alarm["alarmDescription"]) <= 1024, key  # CloudWatch API, PutMetricAlarm


def bounded(above: float | None, below: float | None) -> Alarm:
    metric = Metric(namespace="a", name="b", dimensions={}, statistic="Sum")
    return Alarm(
        section="data",
        metrics={"m": metric},
        above=above,
        below=below,
        why="It is full",
        first="Empty it.",
        source="a document",
    )


@pytest.mark.parametrize(("above", "below"), [(1.0, 2.0), (None, None)])
def test_an_alarm_has_one_bound(above: float | None, below: float | None) -> None:
    with pytest.raises(ValueError, match="one bound"):
        _ = bounded(above, below).bound
    assert bounded(0.0, None).bound == 0.0
    assert bounded(None, 3.0).bound == 3.0


@pytest.mark.parametrize("budget", [False, True])
def test_only_this_accounts_alarms_databases_and_budgets_publish(
    production: Recording, switched: Recording, budget: bool
) -> None:
    prefix = SWITCHES["otakaro:namePrefix"] if budget else "otakaro-dt"
    policies = (switched if budget else production)["sns/topicPolicy:TopicPolicy"]
    publishers = statements(policies[f"{prefix}-alarms"]["policy"])
    by_service = {statement["Principal"]["Service"]: statement for statement in publishers}
    # EventBridge says neither account nor rule: a condition would shut it out.
    assert "Condition" not in by_service.pop("events.amazonaws.com")
    assert set(by_service) == {
        "cloudwatch.amazonaws.com",
        "events.rds.amazonaws.com",
        *(["budgets.amazonaws.com"] if budget else []),
    }
    for statement in publishers:
        assert statement["Action"] == ["sns:Publish"]
        assert statement["Resource"] == [arn("sns", f"{prefix}-alarms")]
    for statement in by_service.values():
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    [edge] = statements(policies[f"{prefix}-edge-alarms"]["policy"])
    assert edge["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


def test_people_are_told_where_an_address_is_given(
    production: Recording, switched: Recording
) -> None:
    assert production["sns/topicSubscription:TopicSubscription"] == {}
    subscriptions = list(switched["sns/topicSubscription:TopicSubscription"].values())
    assert {s.get("region") for s in subscriptions} == {None, EDGE}
    for subscription in subscriptions:
        assert (subscription["protocol"], subscription["endpoint"]) == ("email", "team@example.org")


def test_people_are_told_what_happens_to_the_database(stack: Recording) -> None:
    found = list(stack.of("rds/eventSubscription:EventSubscription"))
    told = {r.inputs["sourceType"]: set(r.inputs["eventCategories"]) for r in found}
    assert told["db-instance"] >= {"failure", "low storage", "maintenance", "configuration change"}
    assert set(told) == {"db-instance", "db-parameter-group", "db-security-group"}
    # RDS refuses a topic that it may not publish to yet.
    [topic] = [t for t in stack.of("sns/topic:Topic") if "region" not in t.inputs]
    [admission] = [p for p in stack.of("sns/topicPolicy:TopicPolicy") if "region" not in p.inputs]
    for subscription in found:
        assert subscription.inputs["snsTopic"] == topic.state["arn"]
        assert admission.urn in subscription.dependencies


def test_what_fails_by_itself_is_a_letter(stack: Recording) -> None:
    prefix = stack.outputs["cluster"].removesuffix("-ecs")
    rules = stack["cloudwatch/eventRule:EventRule"]
    targets = stack["cloudwatch/eventTarget:EventTarget"]
    [topic] = [t for t in stack.of("sns/topic:Topic") if "region" not in t.inputs]
    patterns = {
        key: document(rules[f"{prefix}-failure-{key}"]["eventPattern"])
        for key in ("memory", "start", "backup")
    }
    for key in patterns:
        target = targets[f"{prefix}-failure-{key}"]
        assert target["arn"] == topic.state["arn"]
        transformer = target["inputTransformer"]
        template = transformer["inputTemplate"]
        assert json.loads(template)  # one quoted text
        assert set(re.findall("<([a-z]+)>", template)) == set(transformer["inputPaths"])
    # A task that is stopped, and killed because it took too long to end, ran out of nothing.
    memory_ = patterns["memory"]["detail"]
    assert memory_["stopCode"] == ["EssentialContainerExited"]
    assert memory_["containers"] == {"exitCode": [137]}
    assert len(patterns["start"]["resources"]) == len(stack["ecs/service:Service"])
    [disk] = stack.of("efs/fileSystem:FileSystem")
    assert patterns["backup"]["detail"]["resourceArn"] == [disk.state["arn"]]


def test_a_budget_is_there_when_it_is_set(production: Recording) -> None:
    assert production["budgets/budget:Budget"] == {}
    config = configuration("production") | {"otakaro:monthlyBudget": "400"}
    [budget] = record_program(config)["budgets/budget:Budget"].values()
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == (
        "400",
        "USD",
        "MONTHLY",
    )
    told = [(n["notificationType"], n["threshold"]) for n in budget["notifications"]]
    assert told == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for notification in budget["notifications"]:
        assert notification["subscriberSnsTopicArns"] == [arn("sns", "otakaro-dt-alarms")]


def test_the_page_of_the_alarms_is_what_the_program_makes(production: Recording) -> None:
    """When this fails, `python -m local.alarms` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page(production)
    assert all(f"| `{key}`" in page(production) for key in alarms(production))
