"""Who asks AWS for what: every holder of a role, every service that a resource's policy admits.

Read from the recorded program: whatever takes a role (a task definition, a function, a flow log)
tells what its holder calls, by AWS's documents and by what the handlers really call.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from local.provider.wire import decode
from local.record import ACCOUNT, Recording, Resource, document
from tests.iam.calls import HERE, REGION, RUNS

Context = dict[str, str | list[str]]  # condition keys of a request

TASK: Final = "0123456789abcdef0123456789abcdef"
# Three regions that edge functions run in, that of the stack among them.
EDGES: Final = ("ap-southeast-2", "us-east-1", "eu-west-2")
# AWS managed policies that a role may have, as AWS publishes them (AWS Managed Policy Reference).
MANAGED: Final[dict[str, dict[str, Any]]] = {
    "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
                "Resource": ["arn:aws:logs:*:*:log-group:RDS*"],
            },
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:DescribeLogStreams",
                    "logs:GetLogEvents",
                ],
                "Resource": ["arn:aws:logs:*:*:log-group:RDS*:log-stream:*"],
            },
        ],
    }
}


@dataclass(frozen=True, kw_only=True)
class Need:
    """A request that must be allowed."""

    action: str
    resource: str
    context: Context = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request of an AWS service to a resource with a policy of its own."""

    service: str
    need: Need
    policy: str  # the URN of the resource that has it
    # Context of the same service at work for someone else; none where it tells nothing of itself.
    stranger: Context | None


@dataclass(frozen=True, kw_only=True)
class Taker:
    """What an AWS service takes a role for."""

    service: str
    needs: list[Need]
    context: Context  # of the service when it takes the role


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role of the program."""

    name: str
    arn: str
    trust: dict[str, Any]
    policies: dict[str, Any]  # name -> document, AWS's own among them
    takers: list[Taker]

    @property
    def needs(self) -> list[Need]:
        return [need for taker in self.takers for need in taker.needs]

    @property
    def everywhere(self) -> bool:
        """Whether its holder works at the edge, in all regions."""
        return any(taker.service == "edgelambda.amazonaws.com" for taker in self.takers)


class Program:
    """The recorded program as IAM sees it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def roles(self) -> list[Role]:
        """Every role, with those who take it."""
        return [
            Role(
                name=role.name,
                arn=outputs(role)["arn"],
                trust=document(role.inputs["assumeRolePolicy"]),
                policies=self._policies(role),
                takers=list(self._takers(outputs(role)["arn"])),
            )
            for role in self.recording.of("iam/role:Role")
        ]

    def _policies(self, role: Resource) -> dict[str, Any]:
        own = {
            f"{role.name}: {one.name}": document(one.inputs["policy"])
            for one in self.recording.of("iam/rolePolicy:RolePolicy")
            if one.inputs["role"] == role.id
        }
        attached = {
            one.inputs["policyArn"]: MANAGED[one.inputs["policyArn"]]
            for one in self.recording.of("iam/rolePolicyAttachment:RolePolicyAttachment")
            if one.inputs["role"] == outputs(role)["name"]
        }
        return own | attached

    def _takers(self, role: str) -> Iterator[Taker]:
        for one in self.recording.resources:
            inputs = one.inputs
            if "scheduler/" in one.type:
                inputs = inputs["target"]
            for key, value in inputs.items():
                if value == role:
                    yield self._taker(one, key)
                    if _at_the_edge(one):
                        # It hands the function to its edge locations.
                        yield Taker(service="edgelambda.amazonaws.com", needs=[], context={})

    def _taker(self, one: Resource, key: str) -> Taker:
        source: Context = {"aws:SourceAccount": ACCOUNT}
        match one.type, key:
            case "aws:ecs/taskDefinition:TaskDefinition", "executionRoleArn":
                needs = list(self._agent(one))
                return Taker(service="ecs-tasks.amazonaws.com", needs=needs, context={})
            case "aws:ecs/taskDefinition:TaskDefinition", "taskRoleArn":
                needs = list(self._container(one))
                context = {**source, "aws:SourceArn": self._task()}
                return Taker(service="ecs-tasks.amazonaws.com", needs=needs, context=context)
            case "aws:lambda/function:Function", "role":
                needs = [*self._lambda(one), *self._handler(one)]
                return Taker(service="lambda.amazonaws.com", needs=needs, context={})
            case "aws:ec2/flowLog:FlowLog", "iamRoleArn":
                arn = f"arn:aws:ec2:{HERE}:vpc-flow-log/fl-0123456789abcdef0"
                return Taker(
                    service="vpc-flow-logs.amazonaws.com",
                    needs=list(self._flow_log(one)),
                    context={**source, "aws:SourceArn": arn},
                )
            case "aws:rds/instance:Instance", "monitoringRoleArn":
                arn = f"arn:aws:rds:{HERE}:db:{one.inputs['identifier']}"
                return Taker(
                    service="monitoring.rds.amazonaws.com",
                    needs=list(_metrics()),
                    context={**source, "aws:SourceArn": arn},
                )
            case "aws:scheduler/schedule:Schedule", "roleArn":
                # EventBridge Scheduler user guide, "Confused deputy prevention".
                arn = f"arn:aws:scheduler:{HERE}:schedule-group/default"
                queue = one.inputs["target"]["arn"]
                return Taker(
                    service="scheduler.amazonaws.com",
                    needs=[Need(action="sqs:SendMessage", resource=queue)],
                    context={**source, "aws:SourceArn": arn},
                )
        raise NotImplementedError(f"what does {one.type} {one.name} call with its {key}?")

    def _task(self) -> str:
        [cluster] = self.recording["ecs/cluster:Cluster"].values()
        return f"arn:aws:ecs:{HERE}:task/{cluster['name']}/{TASK}"

    def _agent(self, definition: Resource) -> Iterator[Need]:
        """What the ECS agent does before a container runs (ECS developer guide, "Amazon ECS task
        execution IAM role")."""
        yield Need(action="ecr:GetAuthorizationToken", resource="*")
        for container in document(definition.inputs["containerDefinitions"]):
            repository = container["image"].partition("/")[2].partition(":")[0]
            for action in (
                "BatchCheckLayerAvailability",
                "BatchGetImage",
                "GetDownloadUrlForLayer",
            ):
                arn = f"arn:aws:ecr:{HERE}:repository/{repository}"
                yield Need(action=f"ecr:{action}", resource=arn)
            options = container["logConfiguration"]["options"]
            stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{TASK}"
            yield from _writes(options["awslogs-group"], stream)
            for secret in container["secrets"]:
                assert ":ssm:" in secret["valueFrom"]
                yield Need(action="ssm:GetParameters", resource=secret["valueFrom"])

    def _container(self, definition: Resource) -> Iterator[Need]:
        """What a container does with its task's role."""
        text = definition.inputs["containerDefinitions"]
        for volume in definition.inputs["volumes"]:
            files = volume["efsVolumeConfiguration"]
            assert files["authorizationConfig"]["iam"] == "ENABLED"
            yield from self._mounts(files)
        if "/task-protection/v1/state" in text:
            # ECS developer guide, "Task scale-in protection endpoint".
            for action in ("ecs:GetTaskProtection", "ecs:UpdateTaskProtection"):
                yield Need(action=action, resource=self._task())
        services = self.recording["ecs/service:Service"].values()
        if any(
            one["enableExecuteCommand"]
            and f"/{definition.inputs['family']}:" in one["taskDefinition"]
            for one in services
        ):
            # ECS developer guide, "Using ECS Exec", IAM permissions.
            for action in ("Control", "Data"):
                yield Need(action=f"ssmmessages:Create{action}Channel", resource="*")
                yield Need(action=f"ssmmessages:Open{action}Channel", resource="*")

    def _mounts(self, files: dict[str, Any]) -> Iterator[Need]:
        """EFS user guide, "Using IAM to control file system data access"."""
        file_system = f"arn:aws:elasticfilesystem:{HERE}:file-system/{files['fileSystemId']}"
        point = files["authorizationConfig"]["accessPointId"]
        for action in ("ClientMount", "ClientWrite"):
            yield Need(
                action=f"elasticfilesystem:{action}",
                resource=file_system,
                context={
                    "aws:SecureTransport": "true",
                    "elasticfilesystem:AccessedViaMountTarget": "true",
                    "elasticfilesystem:AccessPointArn": (
                        f"arn:aws:elasticfilesystem:{HERE}:access-point/{point}"
                    ),
                },
            )

    def _lambda(self, function: Resource) -> Iterator[Need]:
        """What Lambda does with a function's role."""
        inputs = function.inputs
        name = outputs(function)["name"]
        group = (inputs.get("loggingConfig") or {}).get("logGroup")
        if _at_the_edge(function):
            # CloudFront developer guide, "Set up IAM permissions and roles for Lambda@Edge".
            for region in EDGES:
                yield from _writes(
                    group or f"/aws/lambda/us-east-1.{name}", "2026/11/24/[1]0123", region
                )
                arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:"
                yield Need(
                    action="logs:CreateLogGroup",
                    resource=arn + (group or f"/aws/lambda/us-east-1.{name}"),
                )
        else:
            yield from _writes(group or f"/aws/lambda/{name}", "2026/11/24/[1]0123")
        if place := inputs.get("vpcConfig"):
            yield from _interfaces(place)
        for mapping in self.recording["lambda/eventSourceMapping:EventSourceMapping"].values():
            if mapping["functionName"] == name:
                # Lambda developer guide, "Using Lambda with Amazon SQS", permissions.
                for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
                    yield Need(action=f"sqs:{action}", resource=mapping["eventSourceArn"])

    def _handler(self, function: Resource) -> Iterator[Need]:
        """What its code calls."""
        folder = handler_of(function)
        variables = (function.inputs.get("environment") or {}).get("variables") or {}
        calls, _ = RUNS[folder](variables)
        # A scalable target is called by what it scales, and has a number in its ARN.
        targets = f"arn:aws:application-autoscaling:{HERE}:scalable-target/"
        numbered = {
            targets + target.inputs["resourceId"]: outputs(target)["arn"]
            for target in self.recording.of("appautoscaling/target:Target")
        }
        for call in sorted(calls, key=str):
            resource = numbered.get(call.resource, call.resource)
            yield Need(action=call.action, resource=resource)

    def _flow_log(self, log: Resource) -> Iterator[Need]:
        """VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs"; the group is
        there already."""
        group = log.inputs["logDestination"].partition(":log-group:")[2]
        yield from _writes(group, "eni-0123456789abcdef0-reject")
        yield Need(action="logs:DescribeLogStreams", resource=log.inputs["logDestination"])
        yield Need(action="logs:DescribeLogGroups", resource="*")

    def visits(self) -> Iterator[Visit]:
        """Every request that a resource's own policy is there for."""
        recording = self.recording
        foreign: Context = {"aws:SourceAccount": "222233334444"}
        rules = {
            one["name"]: one["arn"]
            for one in map(outputs, recording.of("cloudwatch/eventRule:EventRule"))
        }
        for target in recording["cloudwatch/eventTarget:EventTarget"].values():
            if ":sqs:" in target["arn"]:
                rule = rules[target["rule"]]
                yield Visit(
                    service="events.amazonaws.com",
                    need=Need(
                        action="sqs:SendMessage",
                        resource=target["arn"],
                        context={"aws:SourceArn": rule, "aws:SourceAccount": ACCOUNT},
                    ),
                    policy=self._attached("sqs/queuePolicy:QueuePolicy", target["arn"]),
                    stranger={**foreign, "aws:SourceArn": f"{rule}-other"},
                )
            if ":lambda:" in target["arn"]:
                rule = rules[target["rule"]]
                [urn] = [
                    one.urn
                    for one in recording.of("lambda/permission:Permission")
                    if target["arn"].endswith(f":{one.inputs['function']}")
                ]
                yield Visit(
                    service="events.amazonaws.com",
                    need=Need(
                        action="lambda:InvokeFunction",
                        resource=target["arn"],
                        context={"aws:SourceArn": rule, "aws:SourceAccount": ACCOUNT},
                    ),
                    policy=urn,
                    stranger={**foreign, "aws:SourceArn": f"{rule}-other"},
                )
            elif ":sns:" in target["arn"]:
                # EventBridge user guide, "Amazon SNS permissions": it says nothing of itself.
                yield Visit(
                    service="events.amazonaws.com",
                    need=Need(action="sns:Publish", resource=target["arn"]),
                    policy=self._attached("sns/topicPolicy:TopicPolicy", target["arn"]),
                    stranger=None,
                )
        # Cost Management user guide, "Creating an Amazon SNS topic for budget notifications".
        for budget in recording["budgets/budget:Budget"].values():
            arn = f"arn:aws:budgets::{ACCOUNT}:budget/{budget['name']}"
            for topic in {t for n in budget["notifications"] for t in n["subscriberSnsTopicArns"]}:
                yield Visit(
                    service="budgets.amazonaws.com",
                    need=Need(
                        action="sns:Publish",
                        resource=topic,
                        context={"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT},
                    ),
                    policy=self._attached("sns/topicPolicy:TopicPolicy", topic),
                    stranger={**foreign, "aws:SourceArn": arn.replace(ACCOUNT, "222233334444")},
                )
        for alarm in recording.of("cloudwatch/metricAlarm:MetricAlarm"):
            arn = outputs(alarm)["arn"]
            told = {*alarm.inputs["alarmActions"], *(alarm.inputs.get("okActions") or ())}
            # Scaling asks for no policy of its own.
            for topic in (action for action in told if ":sns:" in action):
                yield Visit(
                    service="cloudwatch.amazonaws.com",
                    need=Need(
                        action="sns:Publish",
                        resource=topic,
                        context={"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT},
                    ),
                    policy=self._attached("sns/topicPolicy:TopicPolicy", topic),
                    stranger={**foreign, "aws:SourceArn": arn.replace(ACCOUNT, "222233334444")},
                )
        for subscription in recording.of("rds/eventSubscription:EventSubscription"):
            arn, topic = outputs(subscription)["arn"], subscription.inputs["snsTopic"]
            yield Visit(
                service="events.rds.amazonaws.com",
                need=Need(
                    action="sns:Publish",
                    resource=topic,
                    context={"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT},
                ),
                policy=self._attached("sns/topicPolicy:TopicPolicy", topic),
                stranger={**foreign, "aws:SourceArn": arn.replace(ACCOUNT, "222233334444")},
            )
        yield from self._written_logs(foreign)
        yield from self._read_pages(foreign)

    def _written_logs(self, foreign: Context) -> Iterator[Visit]:
        """ELB user guide, "Access logs"; CloudWatch Logs user guide, "Logs sent to Amazon S3"."""
        buckets = {
            balancer["accessLogs"]["bucket"]
            for balancer in self.recording["lb/loadBalancer:LoadBalancer"].values()
        }
        for bucket in buckets:
            path = f"arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}"
            yield Visit(
                service="logdelivery.elasticloadbalancing.amazonaws.com",
                need=Need(
                    action="s3:PutObject",
                    resource=f"{path}/elasticloadbalancing/{REGION}/2026/11/24/a.log.gz",
                    context={"aws:SecureTransport": "true"},
                ),
                policy=self._attached("s3/bucketPolicy:BucketPolicy", f"arn:aws:s3:::{bucket}"),
                stranger={"aws:SecureTransport": "false"},
            )
        for place in self.recording["logDeliveryDestination:LogDeliveryDestination"].values():
            configuration = place["deliveryDestinationConfiguration"]
            bucket_arn = configuration["destinationResourceArn"]
            source = f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:any"
            context: Context = {
                "aws:SecureTransport": "true",
                "aws:SourceAccount": ACCOUNT,
                "aws:SourceArn": source,
                "s3:x-amz-acl": "bucket-owner-full-control",
            }
            yield Visit(
                service="delivery.logs.amazonaws.com",
                need=Need(
                    action="s3:PutObject",
                    resource=f"{bucket_arn}/AWSLogs/{ACCOUNT}/CloudFront/a.gz",
                    context=context,
                ),
                policy=self._attached("s3/bucketPolicy:BucketPolicy", bucket_arn),
                stranger=context | foreign,
            )

    def _read_pages(self, foreign: Context) -> Iterator[Visit]:
        """CloudFront developer guide, "Restrict access to an Amazon S3 origin"."""
        objects = list(self.recording["BucketObjectv2"].values())
        for bucket in self.recording.of("s3/bucketPolicy:BucketPolicy"):
            for statement in document(bucket.inputs["policy"])["Statement"]:
                if statement["Principal"] != {"Service": "cloudfront.amazonaws.com"}:
                    continue
                source = statement["Condition"]["StringEquals"]["aws:SourceArn"]
                for page in objects:
                    if page["bucket"] == bucket.inputs["bucket"]:
                        arn = f"arn:aws:s3:::{page['bucket']}/{page['key']}"
                        yield Visit(
                            service="cloudfront.amazonaws.com",
                            need=Need(
                                action="s3:GetObject",
                                resource=arn,
                                context={"aws:SourceArn": source, "aws:SecureTransport": "true"},
                            ),
                            policy=bucket.urn,
                            stranger={
                                **foreign,
                                "aws:SourceArn": f"{source}X",
                                "aws:SecureTransport": "true",
                            },
                        )

    def _attached(self, kind: str, arn: str) -> str:
        """The policy of that type which speaks of the resource."""
        [found] = [one for one in self.recording.of(kind) if f'"{arn}' in one.inputs["policy"]]
        return found.urn

    def arns(self, kind: str) -> set[str]:
        """The ARNs of the program's resources of that type."""
        return {outputs(one)["arn"] for one in self.recording.of(kind)}

    def attached_to(self, arn: str) -> str | None:
        """The URN of the policy that the resource has of its own."""
        for urn, policy in self.resource_policies.items():
            if any(arn in statement["Resource"] for statement in policy["Statement"]):
                return urn
        return None

    @cached_property
    def resource_policies(self) -> dict[str, Any]:
        """The policies that resources have of their own, by URN."""
        return {
            one.urn: document(one.inputs["policy"])
            for one in self.recording.resources
            if one.type.startswith("aws:")
            and not one.type.startswith("aws:iam/")
            and isinstance(one.inputs.get("policy"), str)
            and '"Statement"' in one.inputs["policy"]
        } | {one.urn: _permission(one) for one in self.recording.of("lambda/permission:Permission")}


def _permission(one: Resource) -> dict[str, Any]:
    """What Lambda adds to a function's policy (Lambda API, AddPermission)."""
    given = one.inputs
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": given["principal"]},
                "Action": [given["action"]],
                "Resource": [f"arn:aws:lambda:{HERE}:function:{given['function']}"],
                "Condition": {"ArnLike": {"aws:SourceArn": given["sourceArn"]}},
            }
        ],
    }


def outputs(resource: Resource) -> dict[str, Any]:
    """What the resource is once it is made."""
    return {**decode(resource.outputs), "id": resource.id}


def _at_the_edge(function: Resource) -> bool:
    return bool(function.inputs.get("publish")) and function.inputs.get("region") == "us-east-1"


def handler_of(function: Resource) -> str:
    """The folder of the handler in a function's archive."""
    code = function.inputs["code"]
    return str(code.assets["handler.py"].path).split("/")[-2]


def _writes(group: str, stream: str, region: str = REGION) -> Iterator[Need]:
    arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}:log-stream:{stream}"
    yield Need(action="logs:CreateLogStream", resource=arn)
    yield Need(action="logs:PutLogEvents", resource=arn)


def _interfaces(place: dict[str, list[str]]) -> Iterator[Need]:
    """Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC"."""
    interface = f"arn:aws:ec2:{HERE}:network-interface/eni-0123456789abcdef0"
    yield Need(action="ec2:DescribeNetworkInterfaces", resource="*")
    yield Need(action="ec2:DescribeSubnets", resource="*")
    yield Need(action="ec2:CreateNetworkInterface", resource=interface)
    for subnet in place["subnetIds"]:
        arn = f"arn:aws:ec2:{HERE}:subnet/{subnet}"
        yield Need(action="ec2:CreateNetworkInterface", resource=arn)
    for group in place["securityGroupIds"]:
        arn = f"arn:aws:ec2:{HERE}:security-group/{group}"
        yield Need(action="ec2:CreateNetworkInterface", resource=arn)
    for action in ("Delete", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"):
        name = "DeleteNetworkInterface" if action == "Delete" else action
        yield Need(action=f"ec2:{name}", resource=interface)


def _metrics() -> Iterator[Need]:
    """RDS user guide, "Creating an IAM role for Enhanced Monitoring"."""
    yield from _writes("RDSOSMetrics", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
