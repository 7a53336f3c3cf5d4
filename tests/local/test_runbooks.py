"""The commands of the handbook that change something are run, and leave what their pages promise.

One stack, `production`, with its images and secrets. The steps go on from each other, in their
order: what a page's block leaves is what the next one finds.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from local import images
from tests.handbook.changing import line, pages, written
from tests.handbook.shell import commands
from tests.local.services import BY_HAND, World, until
from tests.local.stack import ROOT, Local
from tests.local.terminal import Terminal, block, typed

STACK = "production"
PREFIX = "otakaro-dt"
CLUSTER = f"{PREFIX}-ecs"
INSTANCE = f"{PREFIX}-pg"
SERVICES = ("backend-celery", "backend-flask", "geoserver", "terriamap")


class Site:
    """The stack, an operator's terminal, and what AWS reports of both."""

    def __init__(self, local: Local, terminal: Terminal) -> None:
        self.local = local
        self.world = World(local, PREFIX)
        self.terminal = terminal
        self.notes: dict[str, Any] = {}  # of a step, for those after it
        self.aws = local.aws

    def up(self) -> None:
        """Start the services: the secrets first, so that the pushes find them."""
        for name in (*BY_HAND, "CESIUM_ACCESS_TOKEN", "LINZ_BASEMAPS_API_KEY"):
            self.world.edit(name, "a key")
        for service in ("backend", "geoserver", "terriamap"):
            self.push(service, "first")
        until(lambda: all(self.service(name)["runningCount"] for name in SERVICES))

    def push(self, service: str, tag: str) -> str:
        """Push a new image and return its digest."""
        repository = f"{PREFIX}-{service}-ecr"
        with images.made(architecture="arm64", title=tag) as layout:
            images.push_layout(layout, self.world.target(repository, tag))
        return self.world.tagged(repository, tag)

    def service(self, name: str) -> dict[str, Any]:
        """Return a service as ECS describes it."""
        described = self.aws("ecs").describe_services(
            cluster=CLUSTER, services=[f"{PREFIX}-{name}"]
        )
        found: dict[str, Any] = described["services"][0]
        return found

    def deployments(self, name: str) -> list[dict[str, Any]]:
        """Return a service's deployments, the newest first."""
        return self.world.deployments(f"{PREFIX}-{name}")

    def instance(self, name: str = INSTANCE) -> dict[str, Any]:
        """Return a database instance as RDS describes it."""
        rds = self.aws("rds")
        found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][
            0
        ]
        return found

    def instances(self) -> set[str]:
        """Return the names of all database instances."""
        found = self.aws("rds").describe_db_instances()["DBInstances"]
        return {each["DBInstanceIdentifier"] for each in found}

    def redis(self) -> dict[str, Any]:
        """Return the replication group."""
        found: dict[str, Any] = self.aws("elasticache").describe_replication_groups()[
            "ReplicationGroups"
        ][0]
        return found

    def target(self, name: str) -> dict[str, Any]:
        """Return a service's scalable target."""
        found = self.aws("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{CLUSTER}/{PREFIX}-{name}"]
        )
        described: dict[str, Any] = found["ScalableTargets"][0]
        return described

    def urn(self, ending: str) -> str:
        """Return the URN of a resource in the state."""
        (found,) = [each["urn"] for each in self.local.resources() if each["urn"].endswith(ending)]
        return str(found)

    def queue(self, name: str) -> str:
        """Return a queue's URL."""
        return str(self.aws("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])

    def waiting(self, name: str) -> int:
        """Return how many messages a queue has."""
        got = self.aws("sqs").get_queue_attributes(
            QueueUrl=self.queue(name), AttributeNames=["All"]
        )["Attributes"]
        return int(got["ApproximateNumberOfMessages"])

    def decisions(self) -> list[str]:
        """Return the decisions of the rollout function, the newest last."""
        own = ("START ", "END ", "REPORT ")
        return [text for text in self.world.log() if not text.startswith(own)]


def nothing(_site: Site) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A block of a page, or a command in a sentence, and the state that it promises."""

    page: str  # in docs/
    at: str  # which the block or command contains
    then: Callable[[Site], None]
    instead: Mapping[str, str | Callable[[Site], str]] = field(default_factory=dict)
    before: Callable[[Site], None] = nothing  # brings the trouble about

    def __str__(self) -> str:
        return f"{self.page}: {self.at}"

    def take(self, site: Site) -> None:
        """Run the commands, with what a reader puts in."""
        self.before(site)
        words = {
            word: value if isinstance(value, str) else value(site)
            for word, value in self.instead.items()
        }
        site.notes["said"] = site.terminal.run(typed(block(self.page, self.at)), words)
        self.then(site)


# -- a bad deployment


def a_worse_image(site: Site) -> None:
    repository = f"{PREFIX}-backend-ecr"
    site.notes["good"] = site.world.tagged(repository, "live")
    rolled = site.aws("ecr").describe_images(
        repositoryName=repository, imageIds=[{"imageTag": "live"}]
    )["imageDetails"][0]["imageTags"]
    site.notes["rolled"] = next(tag for tag in rolled if tag.startswith("rolled-"))
    site.notes["bad"] = site.push("backend", "second")
    until(lambda: site.world.tagged(repository, "live") == site.notes["bad"])


def the_image_before(site: Site) -> None:
    repository = f"{PREFIX}-backend-ecr"
    until(lambda: site.world.tagged(repository, "live") == site.notes["good"])
    for name in ("backend-flask", "backend-celery"):
        until(lambda name=name: site.deployments(name)[0]["status"] == "SUCCESSFUL")  # type: ignore[misc]


def note_deployments(name: str) -> Callable[[Site], None]:
    def note(site: Site) -> None:
        site.notes["deployments"] = len(site.deployments(name))

    return note


def redeployed(name: str) -> Callable[[Site], None]:
    def check(site: Site) -> None:
        until(lambda: len(site.deployments(name)) > site.notes["deployments"])
        until(lambda: site.deployments(name)[0]["status"] == "SUCCESSFUL")
        assert site.service(name)["runningCount"] >= 1

    return check


def a_dead_letter(site: Site) -> None:
    """Leave an old push in the queue of events that were never processed."""
    repository = f"{PREFIX}-backend-ecr"
    site.notes["decisions"] = len(site.decisions())
    event = {
        "source": "aws.ecr",
        "detail-type": "ECR Image Action",
        "time": "2026-01-01T00:00:00Z",
        "detail": {
            "action-type": "PUSH",
            "result": "SUCCESS",
            "repository-name": repository,
            "image-tag": "first",
            "image-digest": site.world.tagged(repository, "first"),
        },
    }
    site.aws("sqs").send_message(
        QueueUrl=site.queue("rollout-images-failed.fifo"),
        MessageBody=json.dumps(event),
        MessageGroupId="one",
        MessageDeduplicationId=str(time.monotonic()),
    )


def processed(site: Site) -> None:
    """An old event changes nothing, by its own time."""
    new = slice(site.notes["decisions"], None)
    until(lambda: any("was rolled out before" in text for text in site.decisions()[new]))
    no_dead_letter(site)


def no_dead_letter(site: Site) -> None:
    until(lambda: site.waiting("rollout-images-failed.fifo") == 0)


# -- what somebody changed outside of Pulumi


def changed_by_hand(site: Site) -> None:
    """Change what the pages of a bad deployment, disk, notifications and outage look at."""
    events, cloudwatch = site.aws("events"), site.aws("cloudwatch")
    rules = [each["Name"] for each in events.list_rules(NamePrefix=PREFIX)["Rules"]]
    site.notes["rules"] = rules
    events.disable_rule(Name=rules[0])
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[f"{PREFIX}-alarm-redis-1-memory"])[
        "MetricAlarms"
    ]
    cloudwatch.disable_alarm_actions(AlarmNames=[alarm["AlarmName"]])
    efs = site.aws("efs")
    (disk,) = efs.describe_file_systems()["FileSystems"]
    efs.delete_file_system_policy(FileSystemId=disk["FileSystemId"])
    site.notes["disk"] = disk["FileSystemId"]
    elb = site.aws("elbv2")
    rule, *_ = host_rules(site)
    site.notes["hosts"] = hosts(rule)
    condition = {
        "Field": "host-header",
        "HostHeaderConfig": {"Values": ["another.digitaltwins.nz"]},
    }
    elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=[condition])


def host_rules(site: Site) -> list[dict[str, Any]]:
    """Return the rules of the load balancer that look at the host."""
    elb = site.aws("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    found = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return [
        rule
        for listener in found
        for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        if hosts(rule)
    ]


def hosts(rule: dict[str, Any]) -> list[str]:
    """Return the hosts that a rule names."""
    return [
        host
        for condition in rule["Conditions"]
        if condition["Field"] == "host-header"
        for host in condition.get("HostHeaderConfig", condition).get("Values", [])
    ]


def as_deployed(site: Site) -> None:
    events = site.aws("events")
    states = {events.describe_rule(Name=name)["State"] for name in site.notes["rules"]}
    assert states == {"ENABLED"}
    (alarm,) = site.aws("cloudwatch").describe_alarms(
        AlarmNames=[f"{PREFIX}-alarm-redis-1-memory"]
    )["MetricAlarms"]
    assert alarm["ActionsEnabled"] is True
    policy = site.aws("efs").describe_file_system_policy(FileSystemId=site.notes["disk"])
    assert "elasticfilesystem:" in policy["Policy"]
    assert site.notes["hosts"] in [hosts(rule) for rule in host_rules(site)]


# -- the certificate


def no_record(site: Site) -> None:
    route53 = site.aws("route53")
    (zone,) = [
        each["Id"].rsplit("/", 1)[1]
        for each in route53.list_hosted_zones()["HostedZones"]
        if each["Name"] == "digitaltwins.nz."
    ]
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    record = next(each for each in records if each["Type"] == "CNAME")
    site.notes |= {"zone": zone, "record": record["Name"]}
    change = {"Action": "DELETE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def the_record(site: Site) -> None:
    records = site.aws("route53").list_resource_record_sets(HostedZoneId=site.notes["zone"])
    assert site.notes["record"] in {each["Name"] for each in records["ResourceRecordSets"]}


def certificate(site: Site) -> str:
    """Return the ARN of the certificate that CloudFront shows."""
    found = site.aws("cloudfront").list_distributions()["DistributionList"]["Items"]
    (arn,) = {each["ViewerCertificate"]["ACMCertificateArn"] for each in found}
    return str(arn)


def note_certificate(site: Site) -> None:
    site.notes["certificate"] = certificate(site)


def another_certificate(site: Site) -> None:
    old, new = site.notes["certificate"], certificate(site)
    assert new != old
    acm = site.aws("acm", "us-east-1")
    assert acm.describe_certificate(CertificateArn=new)["Certificate"]["Status"] == "ISSUED"
    listed = acm.list_certificates()["CertificateSummaryList"]
    assert old not in {each["CertificateArn"] for each in listed}


# -- the bill


def stopped_services(*names: str) -> Callable[[Site], None]:
    """None runs, whatever scaling and the comparison every five minutes want."""

    def check(site: Site) -> None:
        for name in names:
            until(lambda name=name: site.service(name)["runningCount"] == 0)  # type: ignore[misc]
        site.notes["alarms"] = [*site.notes.get("alarms", ()), *site.world.alarm()]
        site.world.look()
        for name in names:
            found = site.service(name)
            assert (found["desiredCount"], found["runningCount"]) == (0, 0)

    return check


def two_workers_at_most(site: Site) -> None:
    started_again("backend-celery")(site)
    site.world.look()
    assert site.target("backend-celery")["MaxCapacity"] == 2


def started_again(*names: str) -> Callable[[Site], None]:
    def check(site: Site) -> None:
        for name in names:
            until(lambda name=name: site.service(name)["runningCount"] > 0)  # type: ignore[misc]

    return check


def compared_and_started(site: Site) -> None:
    site.world.look()
    started_again("backend-celery")(site)


# -- the database


def a_larger_disk(site: Site) -> None:
    assert site.instance()["AllocatedStorage"] == 60
    assert site.local.deployed("aws:rds/instance:Instance")[0].inputs["maxAllocatedStorage"] == 200
    assert nothing_to_do(site)


def a_larger_class(site: Site) -> None:
    until(lambda: site.instance()["DBInstanceStatus"] == "available")
    assert site.instance()["DBInstanceClass"] == "db.t4g.medium"
    assert not site.instance().get("PendingModifiedValues")


def stopped(site: Site) -> None:
    site.aws("rds").stop_db_instance(DBInstanceIdentifier=INSTANCE)
    until(lambda: site.instance()["DBInstanceStatus"] == "stopped")
    site.terminal.run(f"ID={INSTANCE}")


def started(site: Site) -> None:
    until(lambda: site.instance()["DBInstanceStatus"] == "available")


def snapshot(name: str) -> Callable[[Site], None]:
    def check(site: Site) -> None:
        found = site.aws("rds").describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
        assert [each["Status"] for each in found] == ["available"]

    return check


# -- notifications


def subscribed(site: Site) -> None:
    topics = site.aws("sns").list_topics()["Topics"]
    (topic,) = [each["TopicArn"] for each in topics if f":{PREFIX}-alarms" in each["TopicArn"]]
    found = site.aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert "team@digitaltwins.nz" in {each["Endpoint"] for each in found}
    site.notes["topic"] = topic


def with_a_mailbox(site: Site) -> None:
    """Give the terminal the topic, and the topic somebody who reads."""
    site.terminal.run(f"TOPIC={site.notes['topic']}")
    sqs = site.aws("sqs")
    site.notes["mailbox"] = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=site.notes["mailbox"], AttributeNames=["QueueArn"])
    site.aws("sns").subscribe(
        TopicArn=site.notes["topic"], Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"]
    )


def both_arrive(site: Site) -> None:
    found = site.aws("cloudwatch").describe_alarms(AlarmNames=[f"{PREFIX}-alarm-redis-1-memory"])[
        "MetricAlarms"
    ]
    assert [each["StateValue"] for each in found] == ["ALARM"]
    letters: list[str] = []

    def read() -> bool:
        got = site.aws("sqs").receive_message(
            QueueUrl=site.notes["mailbox"], MaxNumberOfMessages=10
        )
        letters.extend(json.loads(each["Body"])["Subject"] for each in got.get("Messages", []))
        return len(letters) >= 2

    until(read)
    assert "Trial" in letters
    assert any("redis-1-memory" in letter for letter in letters)


# -- the queue


def more_workers(site: Site) -> None:
    site.world.look()
    until(lambda: site.target("backend-celery")["MaxCapacity"] == 8)
    providers = site.service("backend-celery").get("capacityProviderStrategy") or []
    assert "FARGATE_SPOT" not in {each["capacityProvider"] for each in providers}


def four_workers(site: Site) -> None:
    until(lambda: site.service("backend-celery")["runningCount"] == 4)


def a_task(site: Site) -> str:
    found = site.aws("ecs").list_tasks(cluster=CLUSTER, serviceName=f"{PREFIX}-backend-celery")
    site.notes["task"] = found["taskArns"][0]
    return str(site.notes["task"])


def the_task_is_stopped(site: Site) -> None:
    found = site.aws("ecs").describe_tasks(cluster=CLUSTER, tasks=[site.notes["task"]])
    assert [each["stoppedReason"] for each in found["tasks"]] == ["hangs"]


def a_larger_node(site: Site) -> None:
    assert site.redis()["CacheNodeType"] == "cache.t4g.small"


# -- a zone


def two_gateways(site: Site) -> None:
    found = site.aws("ec2").describe_nat_gateways()["NatGateways"]
    there = [each["SubnetId"] for each in found if each["State"] == "available"]
    assert len(there) == len(set(there)) == 2
    tables = site.aws("ec2").describe_route_tables()["RouteTables"]
    ways = [route.get("NatGatewayId") for table in tables for route in table["Routes"]]
    assert len(set(filter(None, ways))) == 2  # each zone its own


# -- secrets


def password_changed(site: Site) -> None:
    parameter = site.aws("ssm").get_parameter(
        Name=f"/{PREFIX}/POSTGRES_PASSWORD", WithDecryption=True
    )
    assert parameter["Parameter"]["Value"] == "anotherPassword1"
    database = site.local.one("aws:rds/instance:Instance")
    assert database.inputs["password"] == "anotherPassword1"
    until(lambda: any(f"/{PREFIX}/POSTGRES_PASSWORD" in text for text in site.decisions()))


def note_edge(site: Site) -> None:
    site.notes["edge"] = edge_functions(site)


def edge_functions(site: Site) -> set[str]:
    """Return the function versions that the distributions run."""
    found = site.aws("cloudfront").list_distributions()["DistributionList"]["Items"]
    return {
        association["LambdaFunctionARN"]
        for each in found
        for association in each["DefaultCacheBehavior"]["LambdaFunctionAssociations"].get(
            "Items", []
        )
    }


def another_edge(site: Site) -> None:
    assert not edge_functions(site) & site.notes["edge"]


def opened_and_closed(site: Site) -> None:
    """The page goes on: `pulumi up`, and back."""
    site.terminal.run("pulumi up")
    another_edge(site)
    site.terminal.run("pulumi config rm geoserverAdminOpen\npulumi up")


def note_admin(site: Site) -> None:
    site.notes["admin"] = admin(site)
    note_deployments("geoserver")(site)


def admin(site: Site) -> str:
    found = site.aws("ssm").get_parameter(
        Name=f"/{PREFIX}/GEOSERVER_ADMIN_PASSWORD", WithDecryption=True
    )
    return str(found["Parameter"]["Value"])


def another_admin(site: Site) -> None:
    assert admin(site) not in (site.notes["admin"], "placeholder")
    redeployed("geoserver")(site)


def edited(site: Site) -> None:
    found = site.aws("ssm").get_parameter(Name=f"/{PREFIX}/LINZ_API_KEY", WithDecryption=True)
    assert found["Parameter"]["Value"] == "another-key"
    redeployed("backend-celery")(site)
    assert any(f"Changed: /{PREFIX}/LINZ_API_KEY" in text for text in site.decisions())


def a_key(site: Site) -> str:
    iam = site.aws("iam")
    iam.create_user(UserName="anna")
    return str(iam.create_access_key(UserName="anna")["AccessKey"]["AccessKeyId"])


def inactive(site: Site) -> None:
    found = site.aws("iam").list_access_keys(UserName="anna")["AccessKeyMetadata"]
    assert [each["Status"] for each in found] == ["Inactive"]


# -- the site


def firewalls(site: Site) -> set[str]:
    """Return the web ACLs of the distributions."""
    found = site.aws("cloudfront").list_distributions()["DistributionList"]["Items"]
    return {each["WebACLId"] for each in found}


def a_firewall(site: Site) -> None:
    assert "" not in firewalls(site)


def more_memory(site: Site) -> None:
    definition = site.aws("ecs").describe_task_definition(
        taskDefinition=site.service("geoserver")["taskDefinition"]
    )["taskDefinition"]
    assert definition["memory"] == "8192"
    assert firewalls(site) == {""}


# -- upgrades


def trial_over(site: Site) -> None:
    assert site.instances() == {INSTANCE}


def upgraded(site: Site) -> None:
    until(lambda: site.instance()["EngineVersion"].startswith("18"))


def upgrade_over(site: Site) -> None:
    groups = site.aws("rds").describe_db_parameter_groups()["DBParameterGroups"]
    assert f"{INSTANCE}-17" not in {each["DBParameterGroupName"] for each in groups}
    assert nothing_to_do(site)


def scripts(site: Site) -> None:
    client = site.aws("cloudfront")
    listed = client.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"]
    policies = json.dumps(listed["Items"], default=str)
    assert "scripts.example.nz" in policies


# -- restoring


def protected(site: Site) -> None:
    """A protected database is not replaced by a restored one."""
    said = site.local.run("preview", "--set", "databaseRestoreFrom=before-18")
    assert said.returncode == 1
    assert "protect" in said.stderr
    assert site.instances() == {INSTANCE}


def released(site: Site) -> None:
    (state,) = site.local.resources("aws:rds/instance:Instance")
    assert not state.get("protect")
    assert site.instance()["DeletionProtection"] is True


def restored(site: Site) -> None:
    (new,) = site.instances() - {INSTANCE}
    site.notes["restored"] = new
    logs = site.aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/rds/instance/{INSTANCE}/")
    assert len(logs["logGroups"]) == 2
    assert site.instance()["DeletionProtection"] is True
    assert site.instance(new)["StorageEncrypted"] is True
    site.terminal.run("pulumi up")
    (state,) = site.local.resources("aws:rds/instance:Instance")
    assert (state["protect"], state["retainOnDelete"]) == (True, True)
    (alias,) = [
        each
        for each in site.local.deployed("aws:servicediscovery/instance:Instance")
        if each.name == f"{INSTANCE}-name"
    ]
    assert alias.inputs["attributes"] == {
        "AWS_INSTANCE_CNAME": site.instance(new)["Endpoint"]["Address"]
    }
    assert nothing_to_do(site)


def the_old_one_is_gone(site: Site) -> None:
    assert site.instances() == {site.notes["restored"]}
    snapshot(f"{INSTANCE}-last")(site)


def disk(site: Site) -> None:
    """Give the terminal the variables of the page's second step."""
    site.terminal.run(typed(block("restore.md", "list-recovery-points")).split("aws backup")[0])


def looked(site: Site) -> None:
    found = site.aws("ecs").list_task_definitions(familyPrefix=f"{PREFIX}-look")
    assert len(found["taskDefinitionArns"]) == 1


def looked_away(site: Site) -> None:
    found = site.aws("ecs").list_task_definitions(familyPrefix=f"{PREFIX}-look", status="ACTIVE")
    assert found["taskDefinitionArns"] == []
    assert not any(path == "/" for path in roots(site))


def roots(site: Site) -> set[str]:
    """Return the directories that access points open."""
    points = site.aws("efs").describe_access_points()["AccessPoints"]
    return {point["RootDirectory"]["Path"] for point in points}


def restored_files(site: Site) -> None:
    assert all(path.startswith("/aws-backup-restore_2026-11-20") for path in roots(site))


def old_files(site: Site) -> None:
    site.terminal.run("pulumi up")
    assert not any(path.startswith("/aws-backup-restore") for path in roots(site))


# -- the state


def a_damaged_state(site: Site) -> None:
    """Keep the state in a bucket, as production does, and damage it there."""
    s3 = site.local.account.client("s3")
    bucket, key = f"{PREFIX}-pulumi-state", ".pulumi/stacks/otakaro/production.json"
    region = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    there = {
        "PULUMI_BACKEND_URL": (
            f"s3://{bucket}?endpoint=127.0.0.1:{site.local.port}&disableSSL=true"
            f"&s3ForcePathStyle=true&region={s3.meta.region_name}"
        ),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    copy = str(site.local.folder / "copy.json")
    stack = ("--stack", STACK)
    site.local.pulumi("stack", "export", *stack, "--file", copy)
    site.local.pulumi("stack", "init", STACK, "--secrets-provider", "passphrase", **there)
    site.local.pulumi("stack", "import", *stack, "--file", copy, **there)
    site.notes["there"] = there
    site.notes["state"] = shown_state(site)
    s3.put_object(Bucket=bucket, Key=key, Body=b"{")
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    site.notes["version"] = next(
        each["VersionId"] for each in versions if each["Key"] == key and not each["IsLatest"]
    )


def shown_state(site: Site) -> dict[str, Any]:
    """Return what the engine has in the bucket."""
    shown = ("stack", "export", "--show-secrets", "--stack", STACK)
    state: dict[str, Any] = json.loads(site.local.pulumi(*shown, **site.notes["there"]))
    return state


def the_state_before(site: Site) -> None:
    assert shown_state(site) == site.notes["state"]
    assert len(site.notes["state"]["deployment"]["resources"]) > 200


def a_lost_state(site: Site) -> None:
    site.notes["before"] = site.local.resources()
    site.terminal.run("pulumi stack export --file before.json")
    for file in (site.local.folder / "state" / ".pulumi" / "stacks" / "otakaro").iterdir():
        file.unlink()


def nothing_was_lost(site: Site) -> None:
    assert site.local.did() == {}  # in the preview
    assert len(site.local.resources()) == len(site.notes["before"])


# -- destroying


def protect(site: Site, *, enabled: bool) -> str:
    """Begin or end the protection of the worker's task, as a worker does around a job."""
    if enabled:
        until(lambda: site.service("backend-celery")["runningCount"] > 0)
        a_task(site)
    task = str(site.notes["task"])
    said = site.aws("ecs").update_task_protection(
        cluster=CLUSTER, tasks=[task], protectionEnabled=enabled
    )
    assert said["failures"] == []
    return task


def a_busy_worker(site: Site) -> None:
    """Have the worker run a job that ends in a few seconds."""
    protect(site, enabled=True)

    def end() -> None:
        until(lambda: site.service("backend-celery")["desiredCount"] == 0)
        time.sleep(2)
        site.notes["busy"] = site.service("backend-celery")["runningCount"]
        protect(site, enabled=False)

    site.notes["job"] = threading.Thread(target=end)
    site.notes["job"].start()


def the_job_ended_first(site: Site) -> None:
    site.notes["job"].join()
    assert site.notes["busy"] == 1
    assert site.service("backend-celery")["runningCount"] == 0


def nothing_is_protected(site: Site) -> None:
    assert not any(each.get("protect") for each in site.local.resources())
    assert site.instance(site.notes["restored"])["DeletionProtection"] is False


def a_worker_that_hangs(site: Site) -> str:
    site.terminal.run("make start SERVICE=backend-celery ACCOUNT=aws")
    return protect(site, enabled=True)


def it_is_stopped(site: Site) -> None:
    found = site.aws("ecs").describe_tasks(cluster=CLUSTER, tasks=[site.notes["task"]])
    assert [each["lastStatus"] for each in found["tasks"]] == ["STOPPED"]


def destroyed_too_early(site: Site) -> None:
    """The worker runs a job: its service stays, and the same command continues later."""
    protect(site, enabled=True)
    with pytest.raises(AssertionError, match="DRAINING"):
        site.terminal.run("pulumi destroy")
    assert site.service("backend-celery")["status"] == "DRAINING"
    assert site.local.resources("aws:ecs/cluster:Cluster")
    protect(site, enabled=False)


def destroyed(site: Site) -> None:
    assert site.notes["alarms"]  # scaling took part
    assert site.local.resources() == []
    assert site.instances() == set()


def nothing_to_do(site: Site) -> bool:
    """Return whether a preview, with the settings so far, finds nothing to change."""
    site.terminal.run("pulumi preview")
    return site.local.did() == {}


STEPS = (
    Step(
        page="runbooks/bad-deploy.md",
        at="aws ecr put-image",
        before=a_worse_image,
        instead={"rolled-20261120T031500Z": lambda site: str(site.notes["rolled"])},
        then=the_image_before,
    ),
    Step(
        page="runbooks/bad-deploy.md",
        at="aws sqs start-message-move-task",
        before=a_dead_letter,
        then=processed,
    ),
    Step(
        page="runbooks/bad-deploy.md",
        at="aws sqs purge-queue",
        before=a_dead_letter,
        then=no_dead_letter,
    ),
    Step(
        page="runbooks/bad-deploy.md",
        at="pulumi up --refresh",
        before=changed_by_hand,
        then=as_deployed,
    ),
    Step(
        page="runbooks/certificate.md",
        at="ResourceRecordSets[?Type=='CNAME']",
        before=no_record,
        instead={"ZONE": lambda site: str(site.notes["zone"])},
        then=the_record,
    ),
    Step(
        page="runbooks/certificate.md",
        at="pulumi up --replace",
        before=note_certificate,
        instead={
            "urn:…::otakaro-dt-cert-us-east-1": lambda site: site.urn(
                "acm/certificate:Certificate::otakaro-dt-cert-us-east-1"
            )
        },
        then=another_certificate,
    ),
    Step(
        page="runbooks/cost.md",
        at="pulumi config set celeryMax 2",
        then=stopped_services("backend-celery"),
    ),
    Step(
        page="runbooks/cost.md",
        at="make start SERVICE=backend-celery ACCOUNT=aws",
        then=two_workers_at_most,
    ),
    Step(page="runbooks/database.md", at="start-db-instance", before=stopped, then=started),
    Step(
        page="runbooks/database.md",
        at="aws rds create-db-snapshot",
        then=snapshot(f"{INSTANCE}-by-hand"),
    ),
    Step(page="runbooks/database.md", at="--allocated-storage 60", then=nothing),
    Step(page="runbooks/database.md", at="pulumi config set databaseStorage", then=a_larger_disk),
    Step(
        page="runbooks/database.md",
        at="pulumi config set databaseInstanceClass",
        then=a_larger_class,
    ),
    Step(
        page="runbooks/disk.md",
        at="make restart",
        before=note_deployments("geoserver"),
        then=redeployed("geoserver"),
    ),
    Step(page="runbooks/notifications.md", at="pulumi config set alarmEmail", then=subscribed),
    Step(
        page="runbooks/notifications.md",
        at="aws sns subscribe",
        before=lambda site: void(site.terminal.run(f"TOPIC={site.notes['topic']}")),
        then=subscribed,
    ),
    Step(
        page="runbooks/notifications.md",
        at="aws sns publish",
        before=with_a_mailbox,
        then=both_arrive,
    ),
    Step(page="runbooks/queue.md", at="pulumi config set celeryMax 8", then=more_workers),
    Step(page="runbooks/queue.md", at="--desired-count 4", then=four_workers),
    Step(
        page="runbooks/queue.md",
        at="make restart SERVICE=backend-celery",
        before=note_deployments("backend-celery"),
        then=redeployed("backend-celery"),
    ),
    Step(
        page="runbooks/queue.md",
        at="aws ecs stop-task",
        instead={"arn:aws:ecs:…": a_task},
        then=the_task_is_stopped,
    ),
    Step(page="runbooks/queue.md", at="pulumi config set redisNodeType", then=a_larger_node),
    Step(
        page="runbooks/region.md",
        at="pulumi config set natGateways 2",
        before=lambda site: void(site.terminal.run("pulumi config set firewall true")),
        then=two_gateways,
    ),
    Step(
        page="runbooks/secrets.md",
        at="pulumi config set --secret databasePassword",
        instead={"databasePassword": "databasePassword anotherPassword1"},
        then=password_changed,
    ),
    Step(
        page="runbooks/secrets.md",
        at="pulumi config set --secret basicAuthPassword",
        before=note_edge,
        instead={"basicAuthPassword": "basicAuthPassword another-word-for-visitors"},
        then=another_edge,
    ),
    Step(
        page="runbooks/secrets.md",
        at="pulumi up --replace",
        before=note_admin,
        instead={
            "urn:…RandomPassword::otakaro-dt-secrets-GEOSERVER_ADMIN_PASSWORD": lambda site: (
                site.urn("RandomPassword::otakaro-dt-secrets-GEOSERVER_ADMIN_PASSWORD")
            )
        },
        then=another_admin,
    ),
    Step(
        page="runbooks/secrets.md",
        at="pulumi config set geoserverAdminOpen true",
        before=note_edge,
        then=opened_and_closed,
    ),
    Step(
        page="runbooks/secrets.md",
        at="aws ssm put-parameter",
        before=note_deployments("backend-celery"),
        instead={"--value …": "--value another-key"},
        then=edited,
    ),
    Step(
        page="runbooks/secrets.md",
        at="aws iam update-access-key",
        instead={"AKIA…": a_key, "NAME": "anna"},
        then=inactive,
    ),
    Step(
        page="runbooks/site-down.md",
        at="make restart",
        before=note_deployments("geoserver"),
        then=redeployed("geoserver"),
    ),
    Step(
        page="runbooks/site-down.md",
        at="pulumi config set firewall false",
        before=a_firewall,
        then=nothing,
    ),
    Step(page="runbooks/site-down.md", at="pulumi config set geoserverMemory", then=more_memory),
    Step(page="upgrades.md", at="restore-db-instance-from-db-snapshot", then=trial_over),
    Step(page="upgrades.md", at="--db-snapshot-identifier before-18", then=snapshot("before-18")),
    Step(page="upgrades.md", at="pulumi config set databaseEngineVersion 18", then=upgraded),
    Step(page="upgrades.md", at="pulumi up --refresh", then=upgrade_over),
    Step(page="upgrades.md", at="pulumi config set --path", then=scripts),
    Step(
        page="upgrades.md",
        at="make stop SERVICE=backend-celery ACCOUNT=aws",
        then=stopped_services("backend-celery"),
    ),
    Step(
        page="upgrades.md",
        at="make start SERVICE=backend-celery ACCOUNT=aws",
        then=started_again("backend-celery"),
    ),
    Step(
        page="operate.md",
        at="--min-capacity 0",
        then=stopped_services("backend-celery"),
    ),
    Step(
        page="operate.md",
        at="ScheduledScalingSuspended=false",
        then=compared_and_started,
    ),
    Step(
        page="restore.md",
        at="make stop SERVICE=geoserver ACCOUNT=aws",
        then=stopped_services("backend-celery", "backend-flask", "geoserver"),
    ),
    Step(
        page="restore.md",
        at="pulumi state unprotect 'urn",
        before=protected,
        instead={
            "urn:…::otakaro-dt-pg": lambda site: site.urn(f"aws:rds/instance:Instance::{INSTANCE}")
        },
        then=released,
    ),
    Step(
        page="restore.md",
        at="pulumi config set databaseRestoreFrom",
        instead={"2026-11-20T03:00:00Z": lambda _site: time.strftime("%FT%TZ", time.gmtime())},
        then=restored,
    ),
    Step(
        page="restore.md",
        at="make start SERVICE=backend ACCOUNT=aws",
        then=started_again("backend-celery", "backend-flask", "geoserver"),
    ),
    Step(page="restore.md", at="aws rds delete-db-instance", then=the_old_one_is_gone),
    Step(page="restore.md", at="aws efs create-access-point", before=disk, then=looked),
    Step(page="restore.md", at="aws efs delete-access-point", then=looked_away),
    Step(page="restore.md", at="pulumi config set filesRoot", then=restored_files),
    Step(page="restore.md", at="pulumi config rm filesRoot", then=old_files),
    Step(
        page="restore.md",
        at="aws s3api copy-object",
        before=a_damaged_state,
        instead={"versionId=…": lambda site: f"versionId={site.notes['version']}"},
        then=the_state_before,
    ),
    Step(
        page="restore.md",
        at="pulumi stack init production",
        before=a_lost_state,
        then=nothing_was_lost,
    ),
    Step(
        page="destroy.md",
        at="make stop SERVICE=backend-celery ACCOUNT=aws",
        before=a_busy_worker,
        then=the_job_ended_first,
    ),
    Step(
        page="destroy.md",
        at="pulumi config set protectData false",
        then=nothing_is_protected,
    ),
    Step(
        page="destroy.md",
        at="aws ecs stop-task",
        instead={"--task ID": lambda site: f"--task {a_worker_that_hangs(site)}"},
        then=it_is_stopped,
    ),
    Step(page="destroy.md", at="pulumi destroy", before=destroyed_too_early, then=destroyed),
)
# Changing commands that no step runs, by their beginning, and why.
LEFT: Mapping[str, str] = {
    "git revert": "it changes the checkout; the `pulumi up` after it is run by other steps",
    "aws ecs update-service --desired-count 0": "the page says why it alone does not last",
    "aws budgets create-budget": "named without arguments, for an account that is not the stack's",
    "aws rds copy-db-snapshot": "named without arguments, for another region",
    "aws backup start-backup-job": "its vault is made by AWS with a disk's automatic backups",
    "aws backup start-restore-job": "the recovery points are AWS Backup's, which no emulator has",
    "pulumi up --target": "for the hours in which us-east-1 does not answer",
    "pulumi stack change-secrets-provider": "it prompts for both passphrases, on a terminal alone",
    "pulumi stack init rescue": "a second stack; two at once are in test_edge.py",
    "pulumi import": "test_moving.py imports a stack's resources from docs/adopt.json",
    "pulumi config set databaseEngineVersion 17": "the step for 18, with another number",
    "pulumi config set databaseEngineVersion 17.6": "a pinned minor version is in test_postgres.py",
    "pulumi config rm --path basicAuthUsers": "`local` keeps no secret that is part of a setting",
    "make wake ACCOUNT=aws": "`make wake` is run, and another command with ACCOUNT=aws",
    "make sleep ACCOUNT=aws": "`make sleep` is run, and another command with ACCOUNT=aws",
    "make up STACK=production": "it is how these tests begin",
    "make reset": "the page says to leave it out",
    "aws ec2 delete-network-interface": "Lambda's interfaces go by themselves on the emulated AWS",
    "make down": "every module here ends with it",
}
# Blocks that other modules run, and which.
ELSEWHERE = (
    ("operate.md", "pulumi config set otakaro:runningHours", "test_running_hours.py"),
    ("operate.md", "make up SET=", "test_running_hours.py"),
)


def void(_value: object) -> None:
    """Discard a value."""


@pytest.fixture(scope="module")
def deployed(local: Local) -> Local:
    """The stack, deployed once."""
    local.do("up")
    return local


@pytest.fixture(scope="module")
def site(deployed: Local, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The stack with running services, and a terminal."""
    local = deployed
    found = Site(local, Terminal(local, tmp_path_factory.mktemp("terminal")))
    found.up()
    return found


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_page_s_commands_bring_about_what_it_promises(site: Site, step: Step) -> None:
    step.take(site)


def run() -> set[str]:
    """Return the commands that the steps and other modules run."""
    places = [(step.page, step.at) for step in STEPS]
    places += [(page, at) for page, at, _ in ELSEWHERE]
    return {line(command) for place in places for command in commands(typed(block(*place)))}


@pytest.mark.parametrize(("page", "at", "module"), ELSEWHERE)
def test_another_module_runs_a_block_of_its_own(page: str, at: str, module: str) -> None:
    text = (ROOT / "tests" / "local" / module).read_text(encoding="utf-8")
    assert f'block("{page}", "{at}")' in text


def test_every_changing_command_is_run_or_listed_with_the_reason() -> None:
    ran = run()
    missing = [
        str(each)
        for page in pages()
        for each in written(page)
        if not any(command.startswith(line(each.command)) for command in ran)
        and not any(begins(line(each.command), begin) for begin in LEFT)
    ]
    assert not missing, "\n".join(missing)


def test_no_reason_is_left_over() -> None:
    lines = [line(each.command) for page in pages() for each in written(page)]
    assert [begin for begin in LEFT if not any(begins(text, begin) for text in lines)] == []


def begins(text: str, words: str) -> bool:
    """Return whether a command begins with whole words."""
    return f"{text} ".startswith(f"{words} ") or f"{text}[".startswith(f"{words}[")
