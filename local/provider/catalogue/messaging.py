"""Events, queues, notifications, logs and alarms."""

from collections.abc import Mapping

from local.provider.lifecycle import Type
from local.provider.model import Dictionary
from local.provider.parts import Name, Tagging, call


def _pascal(keys: str, **others: str) -> dict[str, str]:
    return {key: key[0].upper() + key[1:] for key in keys.split()} | others


_WATCH = Tagging(
    add=call("TagResource", ResourceARN="{arn}"),
    remove=call("UntagResource", ResourceARN="{arn}"),
    read=call("ListTagsForResource", "Tags", ResourceARN="{arn}"),
)
_LOGS = Tagging(
    add=call("TagResource", resourceArn="{arn}"),
    remove=call("UntagResource", resourceArn="{arn}"),
    read=call("ListTagsForResource", "tags", resourceArn="{arn}"),
)
_SNS = Tagging(
    add=call("TagResource", ResourceArn="{id}"),
    remove=call("UntagResource", ResourceArn="{id}"),
    read=call("ListTagsForResource", "Tags", ResourceArn="{id}"),
)
_SQS = Tagging(
    add=call("TagQueue", QueueUrl="{id}"),
    remove=call("UntagQueue", QueueUrl="{id}"),
    read=call("ListQueueTags", "Tags", QueueUrl="{id}"),
)
_QUEUE = _pascal(
    "contentBasedDeduplication deduplicationScope delaySeconds fifoQueue fifoThroughputLimit "
    "kmsDataKeyReusePeriodSeconds kmsMasterKeyId policy redriveAllowPolicy redrivePolicy sqsManagedSseEnabled",
    maxMessageSize="MaximumMessageSize",
    messageRetentionSeconds="MessageRetentionPeriod",
    receiveWaitTimeSeconds="ReceiveMessageWaitTimeSeconds",
    visibilityTimeoutSeconds="VisibilityTimeout",
)
_TOPIC = _pascal(
    "contentBasedDeduplication deliveryPolicy displayName fifoTopic kmsMasterKeyId policy signatureVersion "
    "tracingConfig archivePolicy fifoThroughputScope"
)
_SUBSCRIPTION = _pascal(
    "deliveryPolicy filterPolicy filterPolicyScope rawMessageDelivery redrivePolicy replayPolicy subscriptionRoleArn"
)
_TARGET = {"Rule": "{rule}", "EventBusName": "{eventBusName?}"}
_TARGET_NAMES = {
    "rule": "", "eventBusName": "", "targetId": "Id", "inputTransformer.inputPaths": "InputPathsMap",
    "ecsTarget": "EcsParameters", "sqsTarget": "SqsParameters", "httpTarget": "HttpParameters",
    "batchTarget": "BatchParameters", "kinesisTarget": "KinesisParameters",
}  # fmt: skip
_METRIC_QUERY = {
    "metricQueries": "Metrics", "metricQueries.metric": "MetricStat", "metricQueries.metric.metricName": "Metric.MetricName",
    "metricQueries.metric.namespace": "Metric.Namespace", "metricQueries.metric.dimensions": "Metric.Dimensions",
}  # fmt: skip

# fmt: off
# ruff: noqa: E501 - a table: an entry reads best as one paragraph
TYPES: Mapping[str, Type] = {
    "aws:cloudwatch/logGroup:LogGroup": Type(
        service="logs", create=call("CreateLogGroup"), id="{name}", tagging=_LOGS,
        read=(call("DescribeLogGroups", "logGroups[?logGroupName=='{id}']|[0]", logGroupNamePrefix="{id}"),),
        also=(call("PutRetentionPolicy", logGroupName="{id}"),), delete=(call("DeleteLogGroup", logGroupName="{id}"),),
        words=Dictionary(nouns="logGroup"), client="namePrefix", naming=Name(limit=512, prefix="namePrefix"),
        outputs={"arn": "arn:{partition}:logs:{region}:{account}:log-group:{name}"},
        replace="name namePrefix logGroupClass kmsKeyId deletionProtectionEnabled",
    ),
    "aws:cloudwatch/eventRule:EventRule": Type(
        service="events", create=call("PutRule"), id="{name}", tagging=_WATCH,
        read=(call("DescribeRule", ".", Name="{name}", EventBusName="{eventBusName?}"),),
        delete=(call("DeleteRule", Name="{name}", EventBusName="{eventBusName?}"),),
        words=Dictionary(names={"isEnabled": "State"}), outputs={"arn": "Arn"}, client="namePrefix",
        naming=Name(limit=64, prefix="namePrefix"), replace="name namePrefix eventBusName",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Type(
        service="events", create=call("PutTargets", _root="Targets[0]", **_TARGET), id="{rule}-{targetId}",
        read=(call("ListTargetsByRule", "Targets[?Id=='{targetId}']|[0]", **_TARGET),),
        delete=(call("RemoveTargets", Ids=["{targetId}"], **_TARGET),), words=Dictionary(names=_TARGET_NAMES),
        naming=Name(key="targetId", limit=64), replace="rule targetId eventBusName",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Type(
        service="cloudwatch", create=call("PutMetricAlarm"), id="{name}", tagging=_WATCH,
        read=(call("DescribeAlarms", "MetricAlarms[0]", AlarmNames=["{id}"]),), delete=(call("DeleteAlarms", AlarmNames=["{id}"]),),
        words=Dictionary(nouns="Alarm", names=_METRIC_QUERY), outputs={"arn": "AlarmArn"},
        defaults={"actionsEnabled": True, "treatMissingData": "missing"}, replace="name",
    ),
    "aws:cloudwatch/dashboard:Dashboard": Type(
        service="cloudwatch", create=call("PutDashboard"), id="{dashboardName}",
        read=(call("GetDashboard", ".", DashboardName="{id}"),), delete=(call("DeleteDashboards", DashboardNames=["{id}"]),),
        outputs={"dashboardArn": "DashboardArn"}, naming=Name(key="dashboardName"), replace="dashboardName",
    ),
    "aws:sqs/queue:Queue": Type(
        service="sqs", create=call("CreateQueue", _attrs=_QUEUE), id="QueueUrl", tagging=_SQS,
        read=(call("GetQueueAttributes", QueueUrl="{id}", AttributeNames=["All"], _attrs=_QUEUE),),
        update=(call("SetQueueAttributes", QueueUrl="{id}", _attrs=_QUEUE),), delete=(call("DeleteQueue", QueueUrl="{id}"),),
        words=Dictionary(nouns="Queue"), client="namePrefix", naming=Name(limit=80, prefix="namePrefix"),
        outputs={"arn": "Attributes.QueueArn", "url": "{id}"}, replace="name namePrefix fifoQueue",
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Type(
        service="sqs", create=call("SetQueueAttributes", _attrs={"policy": "Policy"}), id="{queueUrl}",
        read=(call("GetQueueAttributes", QueueUrl="{id}", AttributeNames=["All"], _attrs={"policy": "Policy"}),),
        update=(call("SetQueueAttributes", QueueUrl="{id}", _attrs={"policy": "Policy"}),),
        delete=(call("SetQueueAttributes", QueueUrl="{id}", Attributes={"Policy": ""}),), replace="queueUrl",
    ),
    "aws:sns/topic:Topic": Type(
        service="sns", create=call("CreateTopic", _attrs=_TOPIC), id="TopicArn", tagging=_SNS,
        read=(call("GetTopicAttributes", TopicArn="{id}", _attrs=_TOPIC),),
        update=(call("SetTopicAttributes", TopicArn="{id}", _attrs=_TOPIC, _each=True),),
        delete=(call("DeleteTopic", TopicArn="{id}"),), words=Dictionary(nouns="Topic"), client="namePrefix",
        naming=Name(limit=80, prefix="namePrefix"), outputs={"arn": "{id}", "owner": "Attributes.Owner"},
        replace="name namePrefix fifoTopic",
    ),
    "aws:sns/topicPolicy:TopicPolicy": Type(
        service="sns", create=call("SetTopicAttributes", TopicArn="{arn}", _attrs={"policy": "Policy"}), id="{arn}",
        read=(call("GetTopicAttributes", TopicArn="{id}", _attrs={"policy": "Policy"}),),
        update=(call("SetTopicAttributes", TopicArn="{id}", _attrs={"policy": "Policy"}),),
        words=Dictionary(names={"arn": ""}), outputs={"owner": "Attributes.Owner"}, replace="arn",
    ),
    "aws:sns/topicSubscription:TopicSubscription": Type(
        service="sns", create=call("Subscribe", ReturnSubscriptionArn=True, _attrs=_SUBSCRIPTION), id="SubscriptionArn",
        read=(call("GetSubscriptionAttributes", SubscriptionArn="{id}", _attrs=_SUBSCRIPTION),),
        update=(call("SetSubscriptionAttributes", SubscriptionArn="{id}", _attrs=_SUBSCRIPTION, _each=True),),
        delete=(call("Unsubscribe", SubscriptionArn="{id}"),), words=Dictionary(names={"topic": "TopicArn"}),
        client="confirmationTimeoutInMinutes endpointAutoConfirms",
        outputs={"arn": "{id}", "ownerId": "Attributes.Owner", "pendingConfirmation": "Attributes.PendingConfirmation=='true'"},
        replace="topic protocol endpoint",
    ),
}
