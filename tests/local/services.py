"""The deployed services as AWS tells of them, and what makes them roll."""

import json
import time
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

from local import images
from local.gateway import JOURNAL
from tests.local.stack import Local

PREFIX = "otakaro-local"
BACKEND = [f"{PREFIX}-backend-celery", f"{PREFIX}-backend-flask"]
BY_HAND = ["LINZ_API_KEY", "MFE_API_KEY", "NIWA_API_KEY", "STATSNZ_API_KEY"]


class World:
    """What AWS says about the stack."""

    def __init__(self, local: Local, prefix: str = PREFIX) -> None:
        self.local = local
        self.prefix = prefix
        function = local.aws("lambda").get_function_configuration(FunctionName=f"{prefix}-rollout")
        self.variables: dict[str, str] = function["Environment"]["Variables"]
        self.services: dict[str, Any] = json.loads(self.variables["SERVICES"])
        self.cluster = self.variables["CLUSTER"]

    def deployments(self, service: str) -> list[dict[str, Any]]:
        """A service's deployments, the newest first, those left out that another overtook."""
        listed = self.local.aws("ecs").list_service_deployments(
            cluster=self.cluster, service=service
        )["serviceDeployments"]
        return [one for one in listed if "Superseded" not in one.get("statusReason", "")]

    def counts(self, *services: str) -> dict[str, int]:
        """How many deployments each service, or each of these, has had."""
        return {service: len(self.deployments(service)) for service in services or self.services}

    def image(self, service: str) -> str | None:
        """The digest of the newest deployment's image."""
        revision = self.deployments(service)[0]["targetServiceRevisionArn"]
        found = self.local.aws("ecs").describe_service_revisions(serviceRevisionArns=[revision])
        (container,) = found["serviceRevisions"][0]["containerImages"] or [{}]
        digest: str | None = container.get("imageDigest")
        return digest

    def tasks(self, service: str) -> tuple[int, int]:
        """Asked for, and running."""
        found = self.local.aws("ecs").describe_services(cluster=self.cluster, services=[service])
        described = found["services"][0]
        return described["desiredCount"], described["runningCount"]

    def scale(self, service: str) -> tuple[int, str]:
        """The minimum that scaling has, and what changes the count."""
        found = self.local.aws("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{self.cluster}/{service}"]
        )
        (target,) = found["ScalableTargets"]
        state = target["SuspendedState"]
        ways = {
            (False, False, False): "by policies",
            (True, True, False): "suspended",
            (True, True, True): "an operator",
        }
        suspended = (
            state["DynamicScalingInSuspended"],
            state["DynamicScalingOutSuspended"],
            state["ScheduledScalingSuspended"],
        )
        return target["MinCapacity"], ways[suspended]

    def stop(self, service: str) -> None:
        """Stop a service as the runbooks do."""
        self._suspend(service, held=True)
        self.local.aws("ecs").update_service(cluster=self.cluster, service=service, desiredCount=0)

    def release(self, service: str) -> None:
        """Leave a service to the function again."""
        self._suspend(service, held=False)

    def _suspend(self, service: str, *, held: bool) -> None:
        self.local.aws("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{self.cluster}/{service}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=0,
            SuspendedState={
                "DynamicScalingInSuspended": True,
                "DynamicScalingOutSuspended": True,
                "ScheduledScalingSuspended": held,
            },
        )

    def look(self) -> None:
        """Have the function compare the services with what they must be, as every five minutes."""
        sqs = self.local.aws("sqs")
        queue = sqs.get_queue_url(QueueName=f"{self.prefix}-rollout-images.fifo")["QueueUrl"]
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "id": str(uuid.uuid4())}
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event), MessageGroupId="images")
        self.settle("images.fifo")

    def alarm(self, policy: str = "") -> list[str]:
        """Set the alarms of a scaling policy, or of every one, to ALARM; return their names."""
        cloudwatch = self.local.aws("cloudwatch")
        names: list[str] = [
            alarm["AlarmName"]
            for page in cloudwatch.get_paginator("describe_alarms").paginate()
            for alarm in page["MetricAlarms"]
            if any(f":policyName/{policy}" in action for action in alarm["AlarmActions"])
        ]
        for name in names:
            for state in ("OK", "ALARM"):
                cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
        time.sleep(1)  # scaling has acted by then
        return names

    def told(self) -> list[str]:
        """The events that a rule brought to a topic, since the emulator started."""
        url = f"{self.local.account.endpoint}{JOURNAL}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            entries: list[dict[str, Any]] = json.loads(answer.read())["entries"]
        return [
            entry["event"]["detail-type"]
            for entry in entries
            for rule in entry["rules"]
            for target in rule["targets"]
            if ":sns:" in target["target"]
        ]

    def tagged(self, repository: str, tag: str) -> str:
        """The digest behind a tag."""
        found = self.local.aws("ecr").describe_images(
            repositoryName=repository, imageIds=[{"imageTag": tag}]
        )
        return str(found["imageDetails"][0]["imageDigest"])

    def target(self, repository: str, tag: str) -> images.Target:
        """Where a push goes."""
        return images.Target(
            registry=f"127.0.0.1:{self.local.port}", repository=repository, tag=tag
        )

    def edit(self, name: str, value: str) -> None:
        """Change a secret as people do."""
        self.local.aws("ssm").put_parameter(
            Name=f"/{self.prefix}/{name}", Value=value, Type="SecureString", Overwrite=True
        )

    def log(self) -> list[str]:
        """The function's decisions."""
        pages = (
            self.local.aws("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=f"/aws/lambda/{self.prefix}-rollout")
        )
        return [event["message"] for page in pages for event in page["events"]]

    def settle(self, *queues: str) -> None:
        """Wait until no event waits in these queues and no deployment is at work."""
        sqs = self.local.aws("sqs")
        urls = [
            sqs.get_queue_url(QueueName=f"{self.prefix}-rollout-{queue}")["QueueUrl"]
            for queue in queues or ("images.fifo", "secrets")
        ]

        def at_rest() -> bool:
            asked = [
                sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
                for url in urls
            ]
            waiting = sum(
                int(attributes[f"ApproximateNumberOfMessages{kind}"])
                for attributes in asked
                for kind in ("", "NotVisible", "Delayed")
            )
            ends = {self.deployments(service)[0]["status"] for service in self.services}
            return waiting == 0 and not ends & {"PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}

        time.sleep(0.3)
        until(at_rest)
        time.sleep(0.3)
        until(at_rest)


def until(done: Callable[[], bool], seconds: float = 100) -> None:
    """Wait for it; fail when it doesn't come."""
    last = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < last, "it doesn't come"
        time.sleep(0.2)
