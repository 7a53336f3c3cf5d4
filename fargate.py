"""Images and services: an ECR repository, and containers of it that run on Fargate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import appautoscaling, cloudwatch, ecr, ecs, iam
from pulumi_aws.appautoscaling import (
    PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgsDict as Metric,
)

from alb import Route
from efs import Folder
from network import Place
from parameters import SecretParameter
from policies import policy, statement, trust, trust_for
from settings import Architecture, Insights, ServiceSize

# The tag that says which image runs: a push moves it, a task definition names it, so that
# neither a push nor `pulumi up` undoes the other.
POINTER: Final = "live"
# Days that an image without a tag is kept: long enough to roll back to it.
UNTAGGED_DAYS: Final = 14
KEPT_IMAGES: Final = 100
# GiB of disk that every Fargate task has, its image included (ECS developer guide, "Fargate task
# ephemeral storage"); a task definition can specify more (ECS API, EphemeralStorage: 21 to 200).
FARGATE_DISK: Final = 20


@dataclass(frozen=True, kw_only=True)
class ImageRepositoryArgs:
    protect: bool  # refuse to delete a repository that has images


class ImageRepository(ComponentResource):
    """A private ECR repository called `name`: scanned, encrypted, tidied up."""

    def __init__(
        self, name: str, args: ImageRepositoryArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:ImageRepository", name, None, opts)
        child = ResourceOptions(parent=self)
        repository = ecr.Repository(
            name,
            name=name,
            image_tag_mutability="MUTABLE",  # the pointer moves
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "AES256"}],
            force_delete=not args.protect,
            opts=ResourceOptions(parent=self, protect=args.protect),
        )
        ecr.LifecyclePolicy(
            name,
            repository=repository.name,
            # An image that a rule matches is out of reach for the rules after it (ECR user guide,
            # "Lifecycle policies"), so the first one shelters what runs and what ran before.
            policy=Output.json_dumps(
                {
                    "rules": [
                        {
                            "rulePriority": 1,
                            "description": "Never expire what runs, or what a rollback needs",
                            "selection": {
                                "tagStatus": "tagged",
                                "tagPatternList": [f"{POINTER}*"],
                                "countType": "imageCountMoreThan",
                                "countNumber": 1000,
                            },
                            "action": {"type": "expire"},
                        },
                        {
                            "rulePriority": 2,
                            "description": "Expire what lost its tag",
                            "selection": {
                                "tagStatus": "untagged",
                                "countType": "sinceImagePushed",
                                "countUnit": "days",
                                "countNumber": UNTAGGED_DAYS,
                            },
                            "action": {"type": "expire"},
                        },
                        {
                            "rulePriority": 3,
                            "description": "Keep the newest images",
                            "selection": {
                                "tagStatus": "any",
                                "countType": "imageCountMoreThan",
                                "countNumber": KEPT_IMAGES,
                            },
                            "action": {"type": "expire"},
                        },
                    ]
                }
            ),
            opts=child,
        )
        self.name = name
        self.arn: Output[str] = repository.arn
        self.url: Output[str] = repository.repository_url
        self.register_outputs({"url": self.url})


class Cluster(ComponentResource):
    """The ECS cluster called `name`, with Fargate's capacity providers."""

    def __init__(
        self, name: str, *, insights: Insights, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Cluster", name, None, opts)
        child = ResourceOptions(parent=self)
        cluster = ecs.Cluster(
            name,
            name=name,
            settings=[{"name": "containerInsights", "value": insights}],
            opts=child,
        )
        providers = ecs.ClusterCapacityProviders(
            name,
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategies=[{"capacity_provider": "FARGATE", "weight": 1}],
            opts=child,
        )
        # Services need the capacity providers, so the ARN waits for them.
        ready = Output.all(cluster.arn, providers.id)
        arn: Output[str] = ready.apply(lambda parts: parts[0])
        self.arn = arn
        self.name = name
        self.register_outputs({"arn": arn})


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command inside the container; times in seconds (ECS API, HealthCheck, has the bounds)."""

    command: Sequence[str]
    interval: int = 60
    timeout: int = 30
    retries: int = 3
    start_period: int = 300


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What all services have in common."""

    region: str
    account_id: Input[str]
    cluster: Cluster
    architecture: Architecture
    log_retention_days: int
    exec_allowed: bool  # people may open a shell in a running task


@dataclass(frozen=True, kw_only=True)
class FargateServiceArgs:
    platform: Platform
    place: Place
    repository: ImageRepository
    size: ServiceSize
    port: int | None = None
    environment: Mapping[str, Input[str]] = field(default_factory=dict)
    secrets: Sequence[SecretParameter] = ()
    mounts: Mapping[str, Folder] = field(default_factory=dict)  # path in the container -> folder
    entry_point: Sequence[str] | None = None
    command: Sequence[str] | None = None
    health_check: HealthCheck | None = None
    # Of the container's processes; None: the image's own. Files on the shared file system belong to
    # the access point's user either way.
    user: str | None = None
    route: Route | None = None
    registry_arn: Input[str] | None = None  # Cloud Map service that lists the tasks' addresses
    grace: int = 120  # s before the load balancer's verdict counts: image pull and start
    stop_timeout: int = 30  # s between SIGTERM and SIGKILL, at most 120 on Fargate
    protects_itself: bool = False  # may ask ECS not to stop it while it works
    # On spare capacity, which AWS takes back with two minutes' notice: Fargate Spot.
    spot: bool = False
    # False where two tasks must never run at once: the old one stops before the new one starts.
    overlap: bool = True
    # % of the tasks' CPU that scaling aims at; None: CPU doesn't scale it.
    cpu_target: int | None = 60
    # Requests a minute that scaling gives each task; none: requests don't scale it.
    request_target: int | None = None


class FargateService(ComponentResource):
    """One container as an ECS service: roles, logs, task definition, service, scaling.

    It starts with no tasks: its repository may be empty. From then on the rollout function owns the
    number of tasks and the range of scaling (lambdas/rollout/counts.py), a push the image; Pulumi
    owns the rest.
    """

    def __init__(
        self, name: str, args: FargateServiceArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:FargateService", name, None, opts)
        self.name = name
        self.repository = args.repository
        self.secrets = args.secrets
        self._args = args
        self._child = ResourceOptions(parent=self)

        self._logs = cloudwatch.LogGroup(
            name,
            name=f"/ecs/{name}",
            retention_in_days=args.platform.log_retention_days,
            opts=self._child,
        )
        self.log_group: Output[str] = self._logs.name
        self.execution_role = self._role(
            "execution", trust("ecs-tasks.amazonaws.com"), self._execution_statements()
        )
        self.task_role = self._role("task", self._task_trust(), self._task_statements())
        definition = ecs.TaskDefinition(
            name,
            family=name,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(args.size.cpu),
            memory=str(args.size.memory),
            ephemeral_storage=(
                {"size_in_gib": args.size.disk} if args.size.disk > FARGATE_DISK else None
            ),
            runtime_platform={
                "operating_system_family": "LINUX",
                "cpu_architecture": args.platform.architecture,
            },
            execution_role_arn=self.execution_role.arn,
            task_role_arn=self.task_role.arn,
            container_definitions=Output.json_dumps([self._container()]),
            # ECS can't roll back to a deregistered revision, and a deployment may fail minutes
            # after `pulumi up` ended. Revisions cost nothing.
            skip_destroy=True,
            volumes=[
                {
                    "name": _volume(path),
                    "efs_volume_configuration": {
                        "file_system_id": folder.file_system_id,
                        "transit_encryption": "ENABLED",
                        "authorization_config": {
                            "access_point_id": folder.access_point_id,
                            "iam": "ENABLED",
                        },
                    },
                }
                for path, folder in args.mounts.items()
            ],
            opts=self._child,
        )
        self.service = self._service(definition)
        self.scales = args.size.maximum > args.size.minimum
        self.scaling = self._scaling()
        self.register_outputs({"service": self.service.name})

    def _role(
        self, kind: str, trusted: Output[str], statements: list[dict[str, object]]
    ) -> iam.Role:
        name = f"{self.name}-{kind}"
        role = iam.Role(name, assume_role_policy=trusted, opts=self._child)
        if statements:
            iam.RolePolicy(name, role=role.id, policy=policy(*statements), opts=self._child)
        return role

    def _task_trust(self) -> Output[str]:
        """ECS names the account, not the cluster (ECS developer guide, "Task IAM role")."""
        platform = self._args.platform
        return trust_for(
            "ecs-tasks.amazonaws.com",
            account_id=platform.account_id,
            source=Output.format("arn:aws:ecs:{0}:{1}:*", platform.region, platform.account_id),
        )

    def _execution_statements(self) -> list[dict[str, object]]:
        """What the ECS agent does before the container runs."""
        statements = [
            # Has no resource level (Service Authorization Reference, Amazon ECR).
            statement(["ecr:GetAuthorizationToken"], ["*"]),
            statement(
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                [self._args.repository.arn],
            ),
            statement(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [Output.concat(self._logs.arn, ":*")],
            ),
        ]
        if self._args.secrets:
            # The account's aws/ssm key decrypts for whoever may read the parameter.
            statements.append(
                statement(["ssm:GetParameters"], [secret.arn for secret in self._args.secrets])
            )
        return statements

    def _task_statements(self) -> list[dict[str, object]]:
        """What the container itself may do."""
        statements = [
            statement(
                ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                [folder.file_system_arn],
                {"StringEquals": {"elasticfilesystem:AccessPointArn": folder.access_point_arn}},
            )
            for folder in self._args.mounts.values()
        ]
        if self._args.protects_itself:
            statements.append(
                statement(
                    ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"],
                    # Tasks have their names from ECS, so those of the cluster.
                    [Output.concat(_tasks(self._args.platform.cluster.arn), "/*")],
                )
            )
        if self._args.platform.exec_allowed:
            # Has no resource level (Service Authorization Reference, Amazon Session Manager
            # Message Gateway Service).
            statements.append(
                statement(
                    [
                        "ssmmessages:CreateControlChannel",
                        "ssmmessages:CreateDataChannel",
                        "ssmmessages:OpenControlChannel",
                        "ssmmessages:OpenDataChannel",
                    ],
                    ["*"],
                )
            )
        return statements

    def _container(self) -> dict[str, object]:
        args = self._args
        container: dict[str, object] = {
            "name": self.name,
            "image": Output.concat(args.repository.url, f":{POINTER}"),
            "essential": True,
            "environment": [
                {"name": key, "value": args.environment[key]} for key in sorted(args.environment)
            ],
            "secrets": [
                {"name": secret.name, "valueFrom": secret.arn}
                for secret in sorted(args.secrets, key=lambda secret: secret.name)
            ],
            "mountPoints": [
                {"sourceVolume": _volume(path), "containerPath": path, "readOnly": False}
                for path in args.mounts
            ],
            # A first process that hands signals on and buries what ends.
            "linuxParameters": {"initProcessEnabled": True},
            "stopTimeout": args.stop_timeout,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": self._logs.name,
                    "awslogs-region": args.platform.region,
                    "awslogs-stream-prefix": "task",
                    "mode": "non-blocking",
                    "max-buffer-size": "4m",
                },
            },
        }
        if args.port is not None:
            container["portMappings"] = [{"containerPort": args.port, "protocol": "tcp"}]
        if args.entry_point is not None:
            container["entryPoint"] = list(args.entry_point)
        if args.command is not None:
            container["command"] = list(args.command)
        if args.user is not None:
            container["user"] = args.user
        if args.health_check is not None:
            check = args.health_check
            container["healthCheck"] = {
                "command": list(check.command),
                "interval": check.interval,
                "timeout": check.timeout,
                "retries": check.retries,
                "startPeriod": check.start_period,
            }
        return container

    def _service(self, definition: ecs.TaskDefinition) -> ecs.Service:
        args = self._args
        return ecs.Service(
            self.name,
            name=self.name,
            cluster=args.platform.cluster.arn,
            task_definition=definition.arn,
            desired_count=0,
            # A capacity provider and not a launch type, which would have to be replaced, with no
            # tasks at first, when the service moves to Spot or back.
            capacity_provider_strategies=[
                {"capacity_provider": "FARGATE_SPOT" if args.spot else "FARGATE", "weight": 1}
            ],
            # ECS takes another strategy only with a new deployment (ECS API, UpdateService).
            force_new_deployment=True,
            platform_version="LATEST",
            network_configuration={
                "subnets": args.place.subnet_ids,
                "security_groups": [args.place.security_group_id],
                "assign_public_ip": args.place.public,
            },
            load_balancers=[
                {
                    "target_group_arn": route.target_group_arn,
                    "container_name": self.name,
                    "container_port": route.port,
                }
                for route in [args.route]
                if route is not None
            ],
            service_registries=(
                None if args.registry_arn is None else {"registry_arn": args.registry_arn}
            ),
            health_check_grace_period_seconds=None if args.route is None else args.grace,
            deployment_minimum_healthy_percent=100 if args.overlap else 0,
            deployment_maximum_percent=200 if args.overlap else 100,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            availability_zone_rebalancing="ENABLED" if args.overlap else "DISABLED",
            enable_execute_command=args.platform.exec_allowed,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=False,  # there may be no image yet
            opts=ResourceOptions(parent=self, ignore_changes=["desiredCount"]),
        )

    def _scaling(self) -> appautoscaling.Target:
        """The range of the number of tasks, and the policies that change it.

        The range is the rollout function's. Registering a target moves the desired count into its
        range at once (Application Auto Scaling API, RegisterScalableTarget), so this one starts at
        0, with no policy at work. Of changes of the settings the function learns through its
        environment: the provider's update sends the minimum, too, that Pulumi knows
        (terraform-provider-aws, appautoscaling/target.go), which would start tasks at night.

        Every service has a target, even if it always has one task: its suspension is how an
        operator stops a service. Of two policies the one that wants more tasks wins: tasks are
        taken away only when all say so (Application Auto Scaling user guide, "Target tracking
        scaling policies").
        """
        args = self._args
        target = appautoscaling.Target(
            self.name,
            service_namespace="ecs",
            resource_id=Output.format(
                "service/{0}/{1}", args.platform.cluster.name, self.service.name
            ),
            scalable_dimension="ecs:service:DesiredCount",
            min_capacity=0,
            max_capacity=args.size.maximum,
            suspended_state={
                "dynamic_scaling_in_suspended": True,
                "dynamic_scaling_out_suspended": True,
                "scheduled_scaling_suspended": False,
            },
            opts=ResourceOptions(
                parent=self, ignore_changes=["minCapacity", "maxCapacity", "suspendedState"]
            ),
        )
        if not self.scales:
            return target
        if args.cpu_target is not None:
            self._track(
                target,
                "cpu",
                args.cpu_target,
                {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            )
        if args.route is not None and args.request_target is not None:
            self._track(
                target,
                "requests",
                args.request_target,
                {
                    "predefined_metric_type": "ALBRequestCountPerTarget",
                    "resource_label": args.route.resource_label,
                },
            )
        return target

    def _track(
        self,
        target: appautoscaling.Target,
        key: str,
        value: int,
        metric: Metric,
    ) -> None:
        """Keep a metric that AWS knows near `value`."""
        appautoscaling.Policy(
            f"{self.name}-{key}",
            name=f"{self.name}-{key}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            target_tracking_scaling_policy_configuration={
                "target_value": float(value),
                "predefined_metric_specification": metric,
                "scale_in_cooldown": 300,
                "scale_out_cooldown": 60,
            },
            opts=self._child,
        )


def java_heap(memory: int) -> str:
    """Return the JVM's heap options for a task of `memory` MiB.

    Three quarters of it are the largest heap, and the JVM starts with a third of that, since it
    refuses an initial heap above the largest. The rest is the JVM's own and the system's.
    """
    largest = memory * 3 // 4
    return f"-Xms{largest // 3}m -Xmx{largest}m"


def _tasks(cluster_arn: Output[str]) -> Output[str]:
    """The ARN that begins the ARNs of a cluster's tasks."""
    return cluster_arn.apply(lambda arn: arn.replace(":cluster/", ":task/"))


def _volume(path: str) -> str:
    return path.strip("/").replace("/", "-").replace("_", "-")
