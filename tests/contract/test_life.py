"""What is sent on creation, update and deletion, and what a refresh notices."""

import json
from typing import Any

import pytest

from local.provider.aws import AwsError
from local.provider.catalogue import compute
from local.provider.wire import UNKNOWN
from tests.contract.conftest import Cloud, Engine

VPC, QUEUE = "aws:ec2/vpc:Vpc", "aws:sqs/queue:Queue"
RULE, BALANCER = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:lb/loadBalancer:LoadBalancer",
)
DATABASE = "aws:rds/instance:Instance"
RESTORED = {"identifier": "pg-2", "instanceClass": "db.t4g.small", "skipFinalSnapshot": True}
FUNCTION = "aws:lambda/function:Function"


@pytest.fixture
def queue(engine: Engine, cloud: Cloud) -> Any:
    """A queue that was made a moment ago, as the engine keeps it."""
    attributes = {"QueueArn": "arn:q", "VisibilityTimeout": "30"}
    cloud.answers |= {
        "CreateQueue": {"QueueUrl": "http://q"},
        "GetQueueAttributes": {"Attributes": attributes},
        "ListQueueTags": {"Tags": {"Project": "twin"}},
    }
    inputs, faults = engine.check(QUEUE, {"visibilityTimeoutSeconds": 30})
    assert faults == []
    id_, outputs = engine.create(QUEUE, inputs)
    return id_, outputs, inputs, attributes


def test_a_creation_sends_names_attributes_and_tags(cloud: Cloud, queue: Any) -> None:
    id_, outputs, inputs, _ = queue
    (request,) = cloud.requests("CreateQueue")
    assert request == {
        "QueueName": inputs["name"],
        "Attributes": {"VisibilityTimeout": "30"},
        "tags": {"Project": "twin"},
    }
    assert (id_, outputs["url"], outputs["arn"]) == ("http://q", "http://q", "arn:q")
    assert outputs["region"] == "ap-southeast-2"


def test_a_preview_shows_the_inputs_and_asks_nothing(engine: Engine, cloud: Cloud) -> None:
    asked = cloud.calls
    inputs, _ = engine.check(VPC, {"cidrBlock": UNKNOWN})
    _, outputs = engine.create(VPC, inputs, preview=True)
    assert outputs["cidrBlock"] == UNKNOWN
    assert "arn" not in outputs
    assert cloud.calls == asked


def test_an_unchanged_object_refreshes_without_change(engine: Engine, queue: Any) -> None:
    id_, outputs, inputs, _ = queue
    assert engine.read(QUEUE, id_, outputs, inputs) == (id_, outputs, inputs)


def test_a_change_behind_the_engines_back_is_noticed(
    engine: Engine, cloud: Cloud, queue: Any
) -> None:
    id_, outputs, inputs, attributes = queue
    attributes["VisibilityTimeout"] = "60"
    cloud.answers["ListQueueTags"] = {"Tags": {"Project": "twin", "Owner": "me"}}
    _, seen, seen_inputs = engine.read(QUEUE, id_, outputs, inputs)
    assert seen["visibilityTimeoutSeconds"] == seen_inputs["visibilityTimeoutSeconds"] == 60
    assert seen_inputs["tagsAll"] == {"Project": "twin", "Owner": "me"}
    assert seen_inputs["tags"] == {"Owner": "me"}


def test_an_input_that_has_disappeared_is_noticed(engine: Engine, queue: Any) -> None:
    id_, outputs, inputs, attributes = queue
    del attributes["VisibilityTimeout"]
    assert "visibilityTimeoutSeconds" not in engine.read(QUEUE, id_, outputs, inputs)[2]


def test_a_deleted_object_is_noticed_and_deleting_it_again_succeeds(
    engine: Engine, cloud: Cloud, queue: Any
) -> None:
    id_, outputs, inputs, _ = queue
    gone = AwsError("sqs:x", "AWS.SimpleQueueService.NonExistentQueue", "no such queue")
    cloud.answers |= {"GetQueueAttributes": gone, "DeleteQueue": gone}
    assert engine.read(QUEUE, id_, outputs, inputs)[0] == ""
    engine.delete(QUEUE, id_, outputs)


def test_what_the_emulator_drops_is_reported_and_no_drift(engine: Engine, cloud: Cloud) -> None:
    cloud.answers |= {
        "AuthorizeSecurityGroupIngress": {"SecurityGroupRules": [{"SecurityGroupRuleId": "sgr-1"}]},
        "DescribeSecurityGroupRules": {
            "SecurityGroupRules": [
                {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
            ]
        },
    }
    given = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    inputs, faults = engine.check(RULE, {**given, "prefixListId": "pl-1", "description": "edge"})
    assert faults == []
    id_, outputs = engine.create(RULE, inputs)
    (request,) = cloud.requests("AuthorizeSecurityGroupIngress")
    source = [{"PrefixListId": "pl-1", "Description": "edge"}]
    assert request["IpPermissions"][0]["PrefixListIds"] == source
    assert any("prefixListId" in what for _, _, what in engine.session.recorded)
    assert engine.read(RULE, id_, outputs, inputs)[2] == inputs


def test_what_takes_a_while_is_waited_for(engine: Engine, cloud: Cloud) -> None:
    token = "aws:acm/certificate:Certificate"
    option = {"DomainName": "a.test", "ValidationMethod": "DNS"}
    record = {"Name": "_x.a.test.", "Type": "CNAME", "Value": "y"}
    cloud.answers["RequestCertificate"] = {"CertificateArn": "arn:c"}
    cloud.answers["DescribeCertificate"] = _growing(option, {**option, "ResourceRecord": record})
    inputs, _ = engine.check(token, {"domainName": "a.test", "validationMethod": "DNS"})
    _, outputs = engine.create(token, inputs)
    assert outputs["domainValidationOptions"][0]["resourceRecordName"] == "_x.a.test."


def _growing(first: Any, then: Any) -> Any:
    """A certificate whose records come with the second look."""
    seen = iter([first])
    return lambda _: {"Certificate": {"DomainValidationOptions": [next(seen, then)]}}


REPOSITORY = "aws:ecr/repository:Repository"


REDIS = "aws:elasticache/replicationGroup:ReplicationGroup"


@pytest.fixture
def redis(cloud: Cloud) -> dict[str, Any]:
    """A replication group of one node, as AWS shows it."""
    group = {
        "ReplicationGroupId": "q",
        "Status": "available",
        "CacheNodeType": "cache.t4g.micro",
        "AutomaticFailover": "disabled",
        "MemberClusters": ["q-001"],
    }
    cloud.answers |= {
        "CreateReplicationGroup": {"ReplicationGroup": group},
        "DescribeReplicationGroups": lambda _: {"ReplicationGroups": [group]},
        "DescribeCacheClusters": {
            "CacheClusters": [{"ReplicationGroupId": "q", "EngineVersion": "7.1.0"}]
        },
    }
    return group


def small(engine: Engine, olds: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The inputs of the group."""
    given = {
        "replicationGroupId": "q",
        "description": "Jobs",
        "engineVersion": "7.1",
        "nodeType": "cache.t4g.micro",
        "numCacheClusters": 1,
    }
    inputs, faults = engine.check(REDIS, given | more, olds=olds)
    assert faults == []
    return inputs


@pytest.mark.parametrize("said", [None, False, True])
def test_a_change_waits_for_the_window_unless_the_program_says_otherwise(
    engine: Engine, cloud: Cloud, redis: dict[str, Any], *, said: bool | None
) -> None:
    said_so: dict[str, Any] = {} if said is None else {"applyImmediately": said}
    before = small(engine, **said_so)
    id_, outputs = engine.create(REDIS, before)
    after = small(engine, before, nodeType="cache.t4g.small", **said_so)
    if said:
        redis["CacheNodeType"] = "cache.t4g.small"
    outputs = engine.update(REDIS, id_, outputs, before, after)
    (request,) = cloud.requests("ModifyReplicationGroup")
    assert request["CacheNodeType"] == "cache.t4g.small"
    assert request.get("ApplyImmediately", False) is bool(said)
    # Until the window begins, the plan shows the difference, and nothing excuses it.
    shown = list(engine.diff(REDIS, after, after, outputs).diffs)
    assert shown == ([] if said else ["nodeType"])
    assert outputs["nodeType"] == ("cache.t4g.small" if said else "cache.t4g.micro")
    assert engine.read(REDIS, id_, outputs, after)[2]["nodeType"] == outputs["nodeType"]
    redis["CacheNodeType"] = "cache.t4g.small"
    assert engine.read(REDIS, id_, outputs, after)[2] == after


def test_replicas_come_before_failover_and_go_after_it(
    engine: Engine, cloud: Cloud, redis: dict[str, Any]
) -> None:
    one = small(engine, applyImmediately=True)
    id_, outputs = engine.create(REDIS, one)
    two = small(
        engine, one, numCacheClusters=2, automaticFailoverEnabled=True, applyImmediately=True
    )
    redis |= {"MemberClusters": ["q-001", "q-002"], "AutomaticFailover": "enabled"}
    outputs = engine.update(REDIS, id_, outputs, one, two)
    redis |= {"MemberClusters": ["q-001"], "AutomaticFailover": "disabled"}
    engine.update(REDIS, id_, outputs, two, one)
    changes = [name for name, _ in cloud.asked if name.endswith(("Group", "ReplicaCount"))]
    assert changes == [
        "CreateReplicationGroup",
        *("IncreaseReplicaCount", "ModifyReplicationGroup"),
        *("ModifyReplicationGroup", "DecreaseReplicaCount"),
    ]


@pytest.mark.parametrize(
    ("written", "actual", "pending", "shown"),
    [
        ("17.6", "17.7", None, "17.7"),  # a minor version came in automatically: a difference
        ("17", "17.7", None, "17"),
        ("18", "17.7", "18", "18"),
        ("17.6", "17.6", None, "17.6"),
    ],
)
def test_an_engine_version_is_compared_as_far_as_it_is_written(
    engine: Engine, cloud: Cloud, written: str, actual: str, pending: str | None, shown: str
) -> None:
    waiting = {"PendingModifiedValues": {"EngineVersion": pending}} if pending else {}
    cloud.answers["DescribeDBInstances"] = {
        "DBInstances": [
            {
                "DBInstanceIdentifier": "pg",
                "EngineVersion": actual,
                "Endpoint": {"Address": "pg.test", "Port": 5432},
                **waiting,
            }
        ]
    }
    inputs = {"identifier": "pg", "engineVersion": written}
    _, outputs, found = engine.read(DATABASE, "db-1", {**inputs, "__recorded": []}, inputs)
    assert found["engineVersion"] == shown
    assert outputs["engineVersionActual"] == actual


def test_the_notifications_of_a_budget_are_deleted_and_created_again(
    engine: Engine, cloud: Cloud
) -> None:
    token = "aws:budgets/budget:Budget"
    cloud.answers["DescribeBudget"] = {"Budget": {"BudgetName": "b"}}

    def inputs(threshold: int, email: str) -> dict[str, Any]:
        told = {
            "comparisonOperator": "GREATER_THAN",
            "notificationType": "ACTUAL",
            "threshold": threshold,
            "thresholdType": "PERCENTAGE",
            "subscriberEmailAddresses": [email],
        }
        own = {"budgetType": "COST", "timeUnit": "MONTHLY", "limitAmount": "9", "limitUnit": "USD"}
        given = {"name": "b", "notifications": [told], **own}
        found, faults = engine.check(token, given)
        assert faults == []
        return found

    before, after = inputs(80, "a@example.org"), inputs(90, "b@example.org")
    id_, outputs = engine.create(token, before)
    engine.update(token, id_, outputs, before, after)
    [deleted] = cloud.requests("DeleteNotification")
    assert deleted["Notification"]["Threshold"] == 80
    [created] = cloud.requests("CreateNotification")
    assert created["Notification"]["Threshold"] == 90
    assert created["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "b@example.org"}]
    assert created["BudgetName"] == "b"


def test_an_internet_gateway_moves_to_another_vpc(engine: Engine, cloud: Cloud) -> None:
    token = "aws:ec2/internetGateway:InternetGateway"
    gateway = {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1"}]}
    cloud.answers |= {
        "CreateInternetGateway": {"InternetGateway": gateway},
        "DescribeInternetGateways": {"InternetGateways": [gateway]},
    }
    before, after = (engine.check(token, {"vpcId": f"vpc-{number}"})[0] for number in (1, 2))
    id_, outputs = engine.create(token, before)
    engine.update(token, id_, outputs, before, after)
    [detached] = cloud.requests("DetachInternetGateway")
    assert detached == {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}
    assert [each["VpcId"] for each in cloud.requests("AttachInternetGateway")] == ["vpc-1", "vpc-2"]


FILES = "aws:efs/fileSystemPolicy:FileSystemPolicy"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "elasticfilesystem:ClientMount"}


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        ({"Statement": [STATEMENT]}, {"Statement": [STATEMENT], "Id": "1"}, False),
        ({"Statement": [STATEMENT]}, {"Statement": [STATEMENT | {"Sid": "efs-1"}]}, False),
        (
            {"Id": "a", "Statement": [STATEMENT | {"Sid": "b"}]},
            {
                "Statement": [{"Sid": "b", **STATEMENT, "Action": [STATEMENT["Action"]]}],
                "Id": "a",
            },
            True,
        ),
    ],
)
def test_a_policy_is_compared_with_its_identifiers(
    engine: Engine, cloud: Cloud, sent: Any, stored: Any, *, same: bool
) -> None:
    inputs = {"fileSystemId": "fs-1", "policy": json.dumps(sent)}
    outputs = {**inputs, "__recorded": []}
    cloud.answers["DescribeFileSystemPolicy"] = {
        "FileSystemId": "fs-1",
        "Policy": json.dumps(stored),
    }
    _, _, found = engine.read(FILES, "fs-1", outputs, inputs)
    assert (json.loads(found["policy"]) == sent) is same


def test_an_object_made_elsewhere_is_imported_as_aws_shows_it(engine: Engine, cloud: Cloud) -> None:
    shown = {
        "repositoryName": "images",
        "repositoryArn": "arn:r",
        "repositoryUri": "registry/images",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }
    cloud.answers |= {
        "DescribeRepositories": {"repositories": [shown]},
        "ListTagsForResource": {"tags": [{"Key": "Owner", "Value": "me"}]},
    }
    id_, outputs, inputs = engine.read(REPOSITORY, "images", {}, {})
    assert id_ == "images"
    assert outputs["repositoryUrl"] == "registry/images"
    assert inputs == {
        "name": "images",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfigurations": [{"encryptionType": "AES256"}],
        "tags": {"Owner": "me"},
        "tagsAll": {"Owner": "me"},
    }


def test_what_differs_in_an_imported_object_is_updated(engine: Engine, cloud: Cloud) -> None:
    shown = {"repositoryName": "images", "imageTagMutability": "IMMUTABLE"}
    cloud.answers["DescribeRepositories"] = {"repositories": [shown]}
    _, _, olds = engine.read(REPOSITORY, "images", {}, {})
    wanted = {"name": "images", "forceDelete": True}
    news, faults = engine.check(REPOSITORY, wanted, olds=olds)
    assert faults == []
    difference = engine.diff(REPOSITORY, olds, news)
    assert set(difference.diffs) == {"imageTagMutability", "forceDelete", "tagsAll"}
    assert list(difference.replaces) == []


def test_an_imported_database_is_named_by_its_name(engine: Engine, cloud: Cloud) -> None:
    shown = {
        "DbiResourceId": "db-2",
        "DBInstanceIdentifier": "pg-2",
        "Endpoint": {"Address": "pg-2.test", "Port": 5432},
    }
    cloud.answers["DescribeDBInstances"] = {"DBInstances": [shown]}
    id_, _, inputs = engine.read(DATABASE, "pg-2", {}, {})
    assert (id_, inputs["identifier"]) == ("db-2", "pg-2")
    assert cloud.requests("DescribeDBInstances")[0] == {"DBInstanceIdentifier": "pg-2"}


def test_what_is_not_there_is_not_imported(engine: Engine, cloud: Cloud) -> None:
    cloud.answers["DescribeRepositories"] = AwsError("ecr:x", "RepositoryNotFoundException", "no")
    assert engine.read(REPOSITORY, "images", {}, {})[0] == ""


def test_what_only_the_state_knows_is_not_imported(engine: Engine) -> None:
    with pytest.raises(Exception, match="cannot be imported"):
        engine.read("aws:rds/eventSubscription:EventSubscription", "letters", {}, {})


def test_a_creation_that_stops_half_way_keeps_what_there_is(engine: Engine, cloud: Cloud) -> None:
    cloud.answers |= {
        "CreateVpc": {"Vpc": {"VpcId": "vpc-1"}},
        "ModifyVpcAttribute": AwsError("ec2:ModifyVpcAttribute", "Busy", "later"),
    }
    inputs, _ = engine.check(VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})
    with pytest.raises(Exception, match="later"):
        engine.create(VPC, inputs)
    ((key, detail),) = engine.connection.metadata
    assert key == "grpc-status-details-bin"
    assert b"vpc-1" in detail


def test_a_creation_says_which_one_it_is(engine: Engine, cloud: Cloud, queue: Any) -> None:
    assert queue
    (creation,) = cloud.created
    assert (creation.operation, creation.what) == ("CreateQueue", engine.urn(QUEUE))
    assert creation.token


def test_what_was_cut_off_in_its_creation_is_finished_by_an_update(
    engine: Engine, cloud: Cloud
) -> None:
    token = "aws:ec2/securityGroup:SecurityGroup"
    group = {"GroupId": "sg-1", "GroupName": "g", "Description": "d", "VpcId": "vpc-1"}
    cloud.answers["DescribeSecurityGroups"] = {"SecurityGroups": [group]}
    cloud.answers["RevokeSecurityGroupEgress"] = AwsError("x", "InvalidPermission.NotFound", "no")
    inputs, _ = engine.check(token, {"name": "g", "description": "d", "vpcId": "vpc-1"})
    known = {key: value for key, value in inputs.items() if not key.startswith("__")}
    outputs = engine.update(token, "sg-1", known, inputs, inputs)
    assert outputs["arn"].endswith("security-group/sg-1")
    assert len(cloud.requests("RevokeSecurityGroupEgress")) == 1
    assert cloud.requests("CreateTags")[0]["Tags"] == [{"Key": "Project", "Value": "twin"}]
    engine.update(token, "sg-1", outputs, inputs, inputs)
    assert len(cloud.requests("RevokeSecurityGroupEgress")) == 1


def test_an_update_sends_what_changed(engine: Engine, cloud: Cloud, queue: Any) -> None:
    id_, outputs, inputs, attributes = queue
    attributes["VisibilityTimeout"] = "45"
    news, _ = engine.check(
        QUEUE, {"visibilityTimeoutSeconds": 45, "tags": {"Name": "q"}}, olds=inputs
    )
    updated = engine.update(QUEUE, id_, outputs, inputs, news)
    assert cloud.requests("SetQueueAttributes") == [
        {"QueueUrl": "http://q", "Attributes": {"VisibilityTimeout": "45"}}
    ]
    assert cloud.requests("TagQueue") == [
        {"QueueUrl": "http://q", "Tags": {"Project": "twin", "Name": "q"}}
    ]
    assert updated["visibilityTimeoutSeconds"] == 45


def test_an_update_of_a_vanished_object_asks_for_a_refresh(
    engine: Engine, cloud: Cloud, queue: Any
) -> None:
    id_, outputs, inputs, _ = queue
    gone = AwsError("sqs:x", "AWS.SimpleQueueService.NonExistentQueue", "no such queue")
    cloud.answers |= {"GetQueueAttributes": gone, "SetQueueAttributes": gone}
    news = {**inputs, "visibilityTimeoutSeconds": 45}
    with pytest.raises(Exception, match="refresh"):
        engine.update(QUEUE, id_, outputs, inputs, news)


SERVICE = "aws:ecs/service:Service"


def _draining(cloud: Cloud, *statuses: str) -> None:
    """Have ECS describe a service with one status after the other, and then the last one."""
    seen = iter(statuses[:-1])
    cloud.answers["DescribeServices"] = lambda _: {
        "services": [{"serviceName": "worker", "status": next(seen, statuses[-1])}]
    }


def test_a_service_is_set_to_no_tasks_deleted_and_waited_for(engine: Engine, cloud: Cloud) -> None:
    _draining(cloud, "ACTIVE", "DRAINING", "INACTIVE")
    engine.delete(SERVICE, "arn:worker", {"cluster": "one", "forceNewDeployment": True})
    place = {"cluster": "one", "service": "arn:worker"}
    changes = [asked for asked in cloud.asked if asked[0] in ("UpdateService", "DeleteService")]
    assert changes == [
        ("UpdateService", {**place, "desiredCount": 0}),
        ("DeleteService", {**place, "force": False}),
    ]
    assert len(cloud.requests("DescribeServices")) == 3


def test_a_service_that_keeps_a_task_is_an_error_and_deleted_later(
    engine: Engine, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "DRAINED", 0)
    _draining(cloud, "DRAINING")
    with pytest.raises(Exception, match="last state: 'DRAINING'"):
        engine.delete(SERVICE, "arn:worker", {"cluster": "one"})
    assert not cloud.requests("UpdateService")  # which ECS refuses for such a service
    _draining(cloud, "INACTIVE")
    engine.delete(SERVICE, "arn:worker", {"cluster": "one"})


def test_a_protected_load_balancer_is_not_deleted(engine: Engine, cloud: Cloud) -> None:
    with pytest.raises(Exception, match="enableDeletionProtection"):
        engine.delete(BALANCER, "arn:lb", {"enableDeletionProtection": True})
    assert not cloud.requests("DeleteLoadBalancer")


@pytest.mark.parametrize(
    ("source", "operation", "asked"),
    [
        (
            {"snapshotIdentifier": "last"},
            "RestoreDBInstanceFromDBSnapshot",
            {"DBInstanceIdentifier": "pg-2", "DBSnapshotIdentifier": "last"},
        ),
        (
            {
                "restoreToPointInTime": {
                    "sourceDbInstanceIdentifier": "pg",
                    "restoreTime": "2026-11-20T03:00:00Z",
                }
            },
            "RestoreDBInstanceToPointInTime",
            {
                "TargetDBInstanceIdentifier": "pg-2",
                "SourceDBInstanceIdentifier": "pg",
                "RestoreTime": "2026-11-20T03:00:00Z",
            },
        ),
    ],
)
def test_a_restored_database_gets_its_password_by_a_modification(
    engine: Engine, cloud: Cloud, source: Any, operation: str, asked: dict[str, str]
) -> None:
    made = {
        "DbiResourceId": "db-2",
        "DBInstanceStatus": "available",
        "Endpoint": {"Address": "pg-2.test", "Port": 5432},
    }
    cloud.answers |= {
        operation: {"DBInstance": made},
        "DescribeDBInstances": {"DBInstances": [made]},
    }
    given = RESTORED | {"password": "long-enough-12"}
    inputs, faults = engine.check(DATABASE, {**given, **source})
    assert faults == []
    assert engine.create(DATABASE, inputs)[0] == "db-2"
    (restored,) = cloud.requests(operation)
    assert asked.items() <= restored.items()
    assert "MasterUserPassword" not in restored
    (modified,) = cloud.requests("ModifyDBInstance")
    assert modified["DBInstanceIdentifier"] == "pg-2"
    assert modified["MasterUserPassword"] == "long-enough-12"
    assert cloud.requests("CreateDBInstance") == []


def test_a_restored_database_is_held_against_the_restoring_operation(engine: Engine) -> None:
    latest = {"sourceDbInstanceIdentifier": "pg", "useLatestRestorableTime": "soon"}
    _, faults = engine.check(DATABASE, {**RESTORED, "restoreToPointInTime": latest})
    assert faults == ["UseLatestRestorableTime must be of type boolean"]


def test_new_code_makes_the_version_unknown_in_the_preview(engine: Engine) -> None:
    kind = engine.provider._type(FUNCTION)
    olds = {"version": "1", "qualifiedArn": "arn:f:1", "arn": "arn:f", "codeSha256": "x"}
    before = {"name": "f", "publish": True, "code": {"hash": "a"}}
    foreseen = kind.foreseen({**before, **olds}, before, {**before, "code": {"hash": "b"}})
    assert "arn" in foreseen
    assert not {"version", "qualifiedArn", "codeSha256"} & foreseen.keys()
    assert kind.foreseen({**before, **olds}, before, before)["version"] == "1"


def test_what_the_emulator_lacks_is_checked_and_kept_in_the_state_only(
    engine: Engine, cloud: Cloud
) -> None:
    token = "aws:rds/eventSubscription:EventSubscription"
    given = {"name": "letters", "snsTopic": "arn:aws:sns:ap-southeast-2:210987654321:topic"}
    inputs, faults = engine.check(token, given)
    assert faults == []
    asked = cloud.calls
    id_, outputs = engine.create(token, inputs)
    engine.delete(token, id_, outputs)
    assert id_ == "letters"
    assert "210987654321" in outputs["arn"]
    assert cloud.calls == asked
    assert (token, "thing", "*") in engine.session.recorded


def test_each_provider_instance_keeps_its_own_region(engine: Engine, cloud: Cloud) -> None:
    engine.connection = engine.configure("edge", region="us-east-1")
    cloud.answers |= {"CreateTopic": {"TopicArn": "arn:t"}}
    engine.create("aws:sns/topic:Topic", engine.check("aws:sns/topic:Topic", {})[0])
    assert cloud.region == "us-east-1"


def test_random_values_are_secret_and_differ(engine: Engine) -> None:
    token = "random:index/randomPassword:RandomPassword"
    inputs, faults = engine.check(token, {"length": 20, "special": False})
    assert faults == []
    results = {engine.create(token, inputs)[1]["result"] for _ in range(5)}
    assert len(results) == 5
    assert all(len(text) == 20 and text.isalnum() for text in results)
    raw = engine.provider.Create(_create(engine, token, inputs), engine.connection).properties
    assert "1b47061264138c4ac30d75fd1eb44270" in json.dumps(
        {k: str(v) for k, v in raw["result"].fields.items()}
    )


def _create(engine: Engine, token: str, inputs: dict[str, Any]) -> Any:
    from pulumi.runtime.proto import provider_pb2

    from local.provider.wire import encode

    return provider_pb2.CreateRequest(urn=engine.urn(token), properties=encode(inputs))
