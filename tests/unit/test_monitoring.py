"""Alarms look at what exists, and tell people."""

from typing import Any

from local.record import ACCOUNT, Recording
from tests.unit.reading import arn, statements


def alarms(recording: Recording) -> dict[str, dict[str, Any]]:
    """Those for people; scaling has one of its own."""
    prefix = "otakaro-dt-alarm-"
    found = recording["cloudwatch/metricAlarm:MetricAlarm"]
    return {n.removeprefix(prefix): a for n, a in found.items() if n.startswith(prefix)}


def test_every_alarm_looks_at_a_resource_of_this_stack(production: Recording) -> None:
    found = {
        name: (a["namespace"], a["metricName"], a.get("dimensions"))
        for name, a in alarms(production).items()
        if not name.endswith("-unhealthy")
    }
    assert found == {
        "database-storage": (
            "AWS/RDS",
            "FreeStorageSpace",
            {"DBInstanceIdentifier": "otakaro-dt-pg"},
        ),
        "redis-memory": (
            "AWS/ElastiCache",
            "DatabaseMemoryUsagePercentage",
            {"ReplicationGroupId": "otakaro-dt-backend-redis"},
        ),
        "rollout-images-failed": (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "otakaro-dt-rollout-images-failed.fifo"},
        ),
        "rollout-secrets-failed": (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "otakaro-dt-rollout-secrets-failed"},
        ),
    }
    unhealthy = {name for name in alarms(production) if name.endswith("-unhealthy")}
    assert unhealthy == {"terriamap-unhealthy", "api-unhealthy", "geoserver-unhealthy"}


def test_unhealthy_tasks_are_counted_for_their_target_group(production: Recording) -> None:
    for name in ("terriamap", "api", "geoserver"):
        alarm = alarms(production)[f"{name}-unhealthy"]
        resource = production.one(
            "cloudwatch/metricAlarm:MetricAlarm", f"otakaro-dt-alarm-{name}-unhealthy"
        )
        assert alarm["metricName"] == "UnHealthyHostCount"
        needed = {
            production.one("lb/targetGroup:TargetGroup", f"otakaro-dt-{name}").urn,
            production.one("lb/loadBalancer:LoadBalancer", "otakaro-dt-alb").urn,
        }
        assert needed <= resource.dependencies


def test_every_alarm_tells_when_it_begins_and_when_it_ends(production: Recording) -> None:
    topic = [arn("sns", "otakaro-dt-alarms")]
    for alarm in alarms(production).values():
        assert alarm["alarmActions"] == topic
        assert alarm["okActions"] == topic
        assert alarm["treatMissingData"] == "notBreaching"  # services begin without tasks
        assert alarm["alarmDescription"]


def test_bounds_are_on_the_right_side(production: Recording) -> None:
    bounds = {
        name: (alarm["comparisonOperator"], alarm["threshold"])
        for name, alarm in alarms(production).items()
    }
    assert bounds.pop("database-storage") == ("LessThanThreshold", 2 * 1024**3)
    assert bounds.pop("redis-memory") == ("GreaterThanThreshold", 80)
    assert set(bounds.values()) == {("GreaterThanThreshold", 0)}


def test_only_this_accounts_alarms_and_databases_publish(production: Recording) -> None:
    policy = production["sns/topicPolicy:TopicPolicy"]["otakaro-dt-alarms"]["policy"]
    publishers = statements(policy)
    assert [statement["Principal"] for statement in publishers] == [
        {"Service": "cloudwatch.amazonaws.com"},
        {"Service": "events.rds.amazonaws.com"},
    ]
    for statement in publishers:
        assert statement["Action"] == ["sns:Publish"]
        assert statement["Resource"] == [arn("sns", "otakaro-dt-alarms")]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_people_are_told_where_an_address_is_given(
    production: Recording, switched: Recording
) -> None:
    assert production["sns/topicSubscription:TopicSubscription"] == {}
    [subscription] = switched["sns/topicSubscription:TopicSubscription"].values()
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "team@example.org")


def test_people_are_told_what_happens_to_the_database(stack: Recording) -> None:
    found = list(stack.of("rds/eventSubscription:EventSubscription"))
    told = {r.inputs["sourceType"]: set(r.inputs["eventCategories"]) for r in found}
    assert told["db-instance"] >= {"failure", "low storage", "maintenance", "configuration change"}
    assert set(told) == {"db-instance", "db-parameter-group", "db-security-group"}
    # RDS refuses a topic that it may not publish to yet.
    [topic], [admission] = stack.of("sns/topic:Topic"), stack.of("sns/topicPolicy:TopicPolicy")
    for subscription in found:
        assert subscription.inputs["snsTopic"] == topic.state["arn"]
        assert admission.urn in subscription.dependencies
