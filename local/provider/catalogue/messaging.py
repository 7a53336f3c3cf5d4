"""Events, queues, notifications, logs, alarms and budgets."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from local.provider.lifecycle import Type
from local.provider.parts import Call, Change, Context, Name, Scope, When, op


def _attributes(keys: str) -> str:
    return " ".join(f"{key}=@{key[0].upper()}{key[1:]}" for key in keys.split())


_TARGET: Mapping[str, Any] = {"Rule": "{rule}", "EventBusName": "{eventBusName?}"}
_ALL: Mapping[str, Any] = {"AttributeNames": ["All"]}

_SPENT = "notifications."  # what is told when


class BudgetObject(Type):
    """A budget's letters: apart in the API are what is told, and who is told by which way."""

    def request(
        self, step: Call, inputs: Scope, scope: Scope, *, guess: bool = False
    ) -> dict[str, Any]:
        told = inputs.get("notifications")
        if isinstance(told, list):
            letters = [_letter(one) if isinstance(one, dict) else one for one in told]
            inputs = {**inputs, "notifications": json.dumps(letters)}
        return super().request(step, inputs, scope, guess=guess)

    def stuck(self, changed: Collection[str]) -> list[str]:
        return [key for key in super().stuck(changed) if key != "notifications"]

    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        """Notifications have calls of their own (budgets/budget.go: updateBudgetNotifications)."""
        before, after = (inputs.get("notifications") or [] for inputs in (old_inputs, news))
        if before != after:
            of = {"AccountId": context.account, "BudgetName": news["name"]}
            for told in before:
                request = {**of, "Notification": _sent(told)["Notification"]}
                self.call(op("DeleteNotification"), request, context)
            for told in after:
                self.call(op("CreateNotification"), {**of, **_sent(told)}, context)
        return super().remake(id_, olds, old_inputs, news, context)


def _sent(told: Mapping[str, Any]) -> dict[str, Any]:
    """A notification as its own calls take it."""
    letter = _letter(told)
    named = {f"{key[0].upper()}{key[1:]}": value for key, value in letter["Notification"].items()}
    return {**letter, "Notification": named}


def _letter(told: Mapping[str, Any]) -> dict[str, Any]:
    ways = {"subscriberEmailAddresses": "EMAIL", "subscriberSnsTopicArns": "SNS"}
    return {
        "Notification": {key: value for key, value in told.items() if key not in ways},
        "Subscribers": [
            {"SubscriptionType": kind, "Address": address}
            for key, kind in ways.items()
            for address in told.get(key) or []
        ],
    }


def _number(text: Any) -> float | None:
    return None if text is None else float(text)


def _another_service(change: Change) -> bool:
    """Whether logs are delivered to another service: S3, Firehose or a log group."""
    arns = [
        str((value or {}).get("destinationResourceArn", "")).split(":")
        for value in (change.old, change.new)
    ]
    return arns[0][2:3] != arns[1][2:3]


# An entry reads best as one paragraph.
# fmt: off
TYPES: Mapping[str, Type] = {
    "aws:cloudwatch/logGroup:LogGroup": Type(
        "logs", op("CreateLogGroup"), key="logGroupName", id="{name}",
        read=(op("DescribeLogGroups", "logGroups[?logGroupName=='{id}']|[0]",
            logGroupNamePrefix="{id}"), ),
        also=(op("PutRetentionPolicy"),), nouns="logGroup", client="namePrefix",
        naming=Name(limit=512),
        outputs={"arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}"},
        replace="name namePrefix logGroupClass",
    ),
    "aws:cloudwatch/eventRule:EventRule": Type(
        "events", op("PutRule"), key="Name={name} EventBusName={eventBusName?}", id="{name}",
        read=(op("DescribeRule", "."),), names="isEnabled=State", outputs={"arn": "Arn"},
        defaults={"state": "ENABLED"},
        client="namePrefix", naming=Name(limit=64), replace="name namePrefix eventBusName",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Type(
        "events", op("PutTargets", root="Targets", **_TARGET),
        key="Rule={rule} EventBusName={eventBusName?}", id="{rule}-{targetId}",
        read=(op("ListTargetsByRule", "Targets[?Id=='{targetId}']|[0]"),),
        delete=(op("RemoveTargets", Ids=["{targetId}"]),),
        names="""
            rule= eventBusName= targetId=Id inputTransformer.inputPaths=InputPathsMap
            ecsTarget=EcsParameters sqsTarget=SqsParameters httpTarget=HttpParameters
            batchTarget=BatchParameters kinesisTarget=KinesisParameters
            """,
        naming=Name(key="targetId", limit=64), replace="rule targetId eventBusName",
    ),
    "aws:scheduler/schedule:Schedule": Type(
        "scheduler", op("CreateSchedule"), key="Name={name} GroupName={groupName?}",
        id="default/{name}", update=(op("UpdateSchedule", full=True),),
        client="namePrefix", naming=Name(limit=64), outputs={"arn": "ScheduleArn"},
        defaults={"groupName": "default", "scheduleExpressionTimezone": "UTC",
            "state": "ENABLED"},
        replace="name namePrefix groupName",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Type(
        "cloudwatch", op("PutMetricAlarm"), key="AlarmName", id="{name}",
        read=(op("DescribeAlarms", "MetricAlarms[0]"),), delete=(op("DeleteAlarms"),),
        nouns="Alarm",
        names="""
            metricQueries=Metrics metricQueries.metric=MetricStat
            metricQueries.metric.metricName=Metric.MetricName
            metricQueries.metric.namespace=Metric.Namespace
            metricQueries.metric.dimensions=Metric.Dimensions
            """,
        outputs={"arn": "AlarmArn"},
        defaults={"actionsEnabled": True, "treatMissingData": "missing"}, replace="name",
    ),
    "aws:cloudwatch/dashboard:Dashboard": Type(
        "cloudwatch", op("PutDashboard"), key="DashboardName", id="{dashboardName}",
        read=(op("GetDashboard", "."),), delete=(op("DeleteDashboards"),),
        outputs={"dashboardArn": "DashboardArn"}, replace="dashboardName",
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": Type(
        "logs", op("PutQueryDefinition"), id="{unique}", recorded=True,
        outputs={"queryDefinitionId": "{id}"},
    ),
    "aws:budgets/budget:Budget": BudgetObject(
        "budgets", op("CreateBudget", AccountId="{account}"), id="{account}:{name}",
        key="AccountId={account} BudgetName={name}", read=(op("DescribeBudget", "Budget"),),
        delete=(op("DeleteBudget"),), update=(op("UpdateBudget", full=True),),
        names=" ".join(f"{key}=Budget.{place}|NewBudget.{place}|{place}" for key, place in (
            ("name", "BudgetName"), ("budgetType", "BudgetType"), ("timeUnit", "TimeUnit"),
            ("limitAmount", "BudgetLimit.Amount"), ("limitUnit", "BudgetLimit.Unit"),
            ("costTypes", "CostTypes"), ("autoAdjustData", "AutoAdjustData"),
            ("filterExpression", "FilterExpression"), ("metrics", "Metrics"),
            ("billingViewArn", "BillingViewArn"), ("costFilters", "CostFilters"),
            ("plannedLimits", "PlannedBudgetLimits"), ("timePeriodStart", "TimePeriod.Start"),
            ("timePeriodEnd", "TimePeriod.End"),
        ))
        + " accountId=AccountId notifications=NotificationsWithSubscribers "
        + " ".join(f"{_SPENT}{key}=Notification.{key[0].upper()}{key[1:]}" for key in (
            "comparisonOperator", "notificationType", "threshold", "thresholdType"))
        + f" {_SPENT}subscriberEmailAddresses=Subscribers"
        f" {_SPENT}subscriberSnsTopicArns=Subscribers",
        client="namePrefix", naming=Name(limit=100), unread="notifications",
        outputs={"arn": "arn:{partition}:budgets::{account}:budget/{name}",
            "accountId": "{account}"},
        replace="name namePrefix accountId", replace_first=True,
        same_when={"limitAmount": When(lambda c: _number(c.old) == _number(c.new),
            "budgets/budget.go:suppressEquivalentBudgetLimitAmount")},
    ),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": Type(
        "logs", op("PutDeliverySource"), key="name", id="{name}", naming=Name(limit=60),
        read=(op("GetDeliverySource", "deliverySource"),), delete=(op("DeleteDeliverySource"),),
        seen={"resourceArn": "resourceArns[0]"}, outputs={"arn": "arn", "service": "service"},
        replace="name resourceArn logType",
    ),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": Type(
        "logs", op("PutDeliveryDestination"), key="name", id="{name}", naming=Name(limit=60),
        read=(op("GetDeliveryDestination", "deliveryDestination"),),
        delete=(op("DeleteDeliveryDestination"),), outputs={"arn": "arn"},
        replace="name outputFormat",
        replace_when={"deliveryDestinationConfiguration": When(_another_service,
            "logs/delivery_destination.go:requiresReplaceIfARNServiceChanges")},
    ),
    "aws:cloudwatch/logDelivery:LogDelivery": Type(
        "logs", op("CreateDelivery"), key="id", id="delivery.id",
        read=(op("GetDelivery", "delivery"),), update=(op("UpdateDeliveryConfiguration"),),
        delete=(op("DeleteDelivery"),), outputs={"arn": "arn"},
        replace="deliverySourceName deliveryDestinationArn",
    ),
    "aws:sqs/queue:Queue": Type(
        "sqs", op("CreateQueue"), key="QueueUrl", read=(op("GetQueueAttributes", **_ALL),),
        update=(op("SetQueueAttributes"),), nouns="Queue",
        names="""
            maxMessageSize=@MaximumMessageSize messageRetentionSeconds=@MessageRetentionPeriod
            receiveWaitTimeSeconds=@ReceiveMessageWaitTimeSeconds
            visibilityTimeoutSeconds=@VisibilityTimeout
            """
        + _attributes("""
            contentBasedDeduplication deduplicationScope delaySeconds fifoQueue fifoThroughputLimit
            kmsDataKeyReusePeriodSeconds kmsMasterKeyId policy redriveAllowPolicy redrivePolicy
            sqsManagedSseEnabled
            """),
        client="namePrefix", naming=Name(limit=80),
        outputs={"arn": "Attributes.QueueArn", "url": "{id}"}, replace="name namePrefix fifoQueue",
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Type(
        "sqs", op("SetQueueAttributes"), key="QueueUrl", id="{queueUrl}",
        read=(op("GetQueueAttributes", **_ALL),), update=(op("SetQueueAttributes", full=True),),
        delete=(op("SetQueueAttributes", QueueUrl="{id}", Attributes={"Policy": ""}),),
        names="policy=@Policy", replace="queueUrl",
    ),
    "aws:sns/topic:Topic": Type(
        "sns", op("CreateTopic"), key="TopicArn", read=(op("GetTopicAttributes"),),
        update=(op("SetTopicAttributes"),), nouns="Topic",
        names=_attributes("""
            contentBasedDeduplication deliveryPolicy displayName fifoTopic kmsMasterKeyId policy
            signatureVersion tracingConfig archivePolicy fifoThroughputScope
            """),
        client="namePrefix", naming=Name(limit=80),
        outputs={"arn": "{id}", "owner": "Attributes.Owner"}, replace="name namePrefix fifoTopic",
    ),
    "aws:sns/topicPolicy:TopicPolicy": Type(
        "sns", op("SetTopicAttributes", TopicArn="{arn}"), key="TopicArn", id="{arn}",
        read=(op("GetTopicAttributes"),),
        update=(op("SetTopicAttributes", full=True, TopicArn="{arn}"),),
        names="arn= policy=@Policy", outputs={"owner": "Attributes.Owner"}, replace="arn",
    ),
    "aws:sns/topicSubscription:TopicSubscription": Type(
        "sns", op("Subscribe", ReturnSubscriptionArn=True), key="SubscriptionArn",
        read=(op("GetSubscriptionAttributes"),), update=(op("SetSubscriptionAttributes"),),
        delete=(op("Unsubscribe"),),
        names="topic=TopicArn "
        + _attributes("""
            deliveryPolicy filterPolicy filterPolicyScope rawMessageDelivery redrivePolicy
            replayPolicy subscriptionRoleArn
            """),
        client="confirmationTimeoutInMinutes endpointAutoConfirms",
        outputs={"arn": "{id}", "ownerId": "Attributes.Owner",
            "pendingConfirmation": "Attributes.PendingConfirmation=='true'"},
        replace="topic protocol endpoint",
    ),
}
