"""Images and services: what runs, as whom, and what a deployment may do to what runs."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from fargate import java_heap
from local.record import Recording, document
from settings import FARGATE_MEMORY
from tests.unit.reading import arn, container, containers, environment, may, trusted, waits_for

SERVICES = ["terriamap", "geoserver", "backend-flask", "backend-celery"]
ROUTED = {"terriamap": 3001, "geoserver": 8080, "backend-flask": 5000}
GROUPS = {
    "terriamap": "terriamap",
    "geoserver": "geoserver",
    "backend-flask": "api",
    "backend-celery": "worker",
}
every_service = pytest.mark.parametrize("name", SERVICES)


def service(recording: Recording, name: str) -> dict[str, Any]:
    return recording["ecs/service:Service"][f"otakaro-dt-{name}"]


def task(recording: Recording, name: str) -> dict[str, Any]:
    return recording["ecs/taskDefinition:TaskDefinition"][f"otakaro-dt-{name}"]


# Images


def test_repositories_have_the_names_that_pushes_go_to(production: Recording) -> None:
    repositories = production["ecr/repository:Repository"].values()
    assert {repository["name"] for repository in repositories} == {
        "otakaro-dt-backend-ecr",
        "otakaro-dt-terriamap-ecr",
        "otakaro-dt-geoserver-ecr",
    }


def test_images_are_scanned_encrypted_and_their_pointer_moves(stack: Recording) -> None:
    for repository in stack["ecr/repository:Repository"].values():
        assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
        assert repository["imageTagMutability"] == "MUTABLE"


def test_old_images_go_but_never_what_runs(stack: Recording) -> None:
    """ECR: an image that a rule's tags match is out of reach of rules of lower priority."""
    for policy in stack["ecr/lifecyclePolicy:LifecyclePolicy"].values():
        first, untagged, rest = document(policy["policy"])["rules"]
        assert [r["rulePriority"] for r in (first, untagged, rest)] == [1, 2, 3]
        assert first["selection"]["tagPatternList"] == ["live*"]
        assert first["selection"]["countType"] == "imageCountMoreThan"
        assert first["selection"]["countNumber"] >= 1000  # more than there ever are
        assert untagged["selection"]["tagStatus"] == "untagged"
        # ECR demands that a rule for any image comes last.
        assert rest["selection"]["tagStatus"] == "any"
        assert rest["selection"]["countNumber"] >= 10


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("terriamap", "terriamap"),
        ("geoserver", "geoserver"),
        ("backend-flask", "backend"),
        ("backend-celery", "backend"),
    ],
)
def test_a_task_names_the_pointer_and_no_fixed_version(
    production: Recording, name: str, image: str
) -> None:
    found = container(production, f"otakaro-dt-{name}")["image"]
    assert found == f"registry.example/otakaro-dt-{image}-ecr:live"


# Services


@every_service
def test_a_service_starts_without_tasks_and_keeps_the_number_that_others_gave_it(
    production: Recording, name: str
) -> None:
    """Its repository is empty at first; afterwards scaling and roll-outs own the number."""
    resource = production.one("ecs/service:Service", f"otakaro-dt-{name}")
    assert resource.inputs["desiredCount"] == 0
    assert resource.inputs["waitForSteadyState"] is False
    assert resource.ignore_changes == ("desiredCount",)


WRITTEN_TOGETHER = ("value", "type", "description", "tier", "keyId")


def test_nothing_else_is_ignored_but_what_others_own(stack: Recording) -> None:
    ignored = {
        (resource.type, key) for resource in stack.resources for key in resource.ignore_changes
    }
    assert ignored == {
        ("aws:ecs/service:Service", "desiredCount"),
        # The rollout function's: an update would send the minimum that Pulumi knows.
        ("aws:appautoscaling/target:Target", "minCapacity"),
        ("aws:appautoscaling/target:Target", "maxCapacity"),
        ("aws:appautoscaling/target:Target", "suspendedState"),
        # CloudFront refuses any update of an origin in use, tags included.
        ("aws:cloudfront/vpcOrigin:VpcOrigin", "tags"),
        ("aws:cloudfront/vpcOrigin:VpcOrigin", "tagsAll"),
        # An update of any other would send the value that Pulumi knows, the placeholder.
        *(("aws:ssm/parameter:Parameter", key) for key in WRITTEN_TOGETHER),
        # CloudFront refuses any update of one that a distribution uses, that of its tags as well.
        ("aws:cloudfront/vpcOrigin:VpcOrigin", "tags"),
        ("aws:cloudfront/vpcOrigin:VpcOrigin", "tagsAll"),
    }


@every_service
def test_a_service_runs_its_task_on_fargate_in_its_own_group(
    production: Recording, name: str
) -> None:
    inputs = service(production, name)
    assert inputs["name"] == f"otakaro-dt-{name}"
    assert inputs["cluster"] == arn("ecs", "cluster/otakaro-dt-ecs")
    assert inputs["taskDefinition"] == arn("ecs", f"otakaro-dt-{name}")
    assert inputs["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 1}]
    assert "launchType" not in inputs  # ECS takes one or the other
    group = f"otakaro-dt-vpc-{GROUPS[name]}-id"
    assert inputs["networkConfiguration"]["securityGroups"] == [group]


@every_service
def test_only_the_worker_goes_to_spot_and_no_service_is_replaced_for_it(
    production: Recording, switched: Recording, name: str
) -> None:
    """ECS changes a strategy in place, with a new deployment, but no launch type into one."""
    [after] = switched["ecs/service:Service"][f"a2345678901234-{name}"][
        "capacityProviderStrategies"
    ]
    spot = name == "backend-celery"
    assert after == {"capacityProvider": "FARGATE_SPOT" if spot else "FARGATE", "weight": 1}
    assert service(production, name)["forceNewDeployment"] is True


@every_service
def test_a_failed_deployment_is_rolled_back(production: Recording, name: str) -> None:
    assert service(production, name)["deploymentCircuitBreaker"] == {
        "enable": True,
        "rollback": True,
    }


@every_service
def test_only_geoserver_stops_before_its_successor_starts(production: Recording, name: str) -> None:
    """Its catalogue is in memory over one data folder: two at once would ruin it."""
    inputs = service(production, name)
    span = inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]
    assert span == ((0, 100) if name == "geoserver" else (100, 200))
    # ECS moves tasks between zones by starting the new one first.
    rebalancing = "DISABLED" if name == "geoserver" else "ENABLED"
    assert inputs["availabilityZoneRebalancing"] == rebalancing


@pytest.mark.parametrize(("name", "port"), ROUTED.items())
def test_a_routed_service_waits_for_its_listener_rule(
    production: Recording, name: str, port: int
) -> None:
    """Else: "target group does not have an associated load balancer"."""
    key = {"backend-flask": "api"}.get(name, name)
    inputs = service(production, name)
    assert inputs["loadBalancers"] == [
        {
            "targetGroupArn": arn("lb", f"otakaro-dt-{key}"),
            "containerName": f"otakaro-dt-{name}",
            "containerPort": port,
        }
    ]
    assert inputs["healthCheckGracePeriodSeconds"] >= 120
    waits = waits_for(production, production.one("ecs/service:Service", f"otakaro-dt-{name}"))
    assert ("ListenerRule", f"otakaro-dt-{key}") in waits


def test_the_worker_has_no_way_in(production: Recording) -> None:
    assert service(production, "backend-celery")["loadBalancers"] == []
    assert "healthCheckGracePeriodSeconds" not in service(production, "backend-celery")
    assert "portMappings" not in container(production, "otakaro-dt-backend-celery")


@every_service
def test_a_service_waits_for_all_that_its_tasks_need(production: Recording, name: str) -> None:
    waits = waits_for(production, production.one("ecs/service:Service", f"otakaro-dt-{name}"))
    assert ("ClusterCapacityProviders", "otakaro-dt-ecs") in waits
    assert ("LogGroup", f"otakaro-dt-{name}") in waits
    secrets = container(production, f"otakaro-dt-{name}")["secrets"]
    assert {("Parameter", f"otakaro-dt-secrets-{s['name']}") for s in secrets} <= waits
    if task(production, name)["volumes"]:
        assert {kind for kind, _ in waits} >= {"MountTarget", "AccessPoint"}
    if name.startswith("backend"):
        assert ("Invocation", "otakaro-dt-pg-postgis") in waits


def test_the_backend_finds_geoservers_tasks_by_a_private_name(production: Recording) -> None:
    registered = {
        name: inputs.get("serviceRegistries")
        for name, inputs in production["ecs/service:Service"].items()
    }
    assert registered == {
        "otakaro-dt-terriamap": None,
        "otakaro-dt-geoserver": {"registryArn": arn("servicediscovery", "geoserver")},
        "otakaro-dt-backend-flask": None,
        "otakaro-dt-backend-celery": None,
    }


# Tasks


@pytest.mark.parametrize(
    ("name", "cpu", "memory"),
    [
        ("terriamap", "512", "1024"),
        ("geoserver", "2048", "4096"),
        ("backend-flask", "1024", "2048"),
        ("backend-celery", "1024", "4096"),
    ],
)
def test_tasks_have_the_sizes_of_the_settings(
    production: Recording, switched: Recording, name: str, cpu: str, memory: str
) -> None:
    inputs = task(production, name)
    assert (inputs["cpu"], inputs["memory"]) == (cpu, memory)
    assert inputs["requiresCompatibilities"] == ["FARGATE"]
    assert inputs["networkMode"] == "awsvpc"
    assert inputs["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    other = switched["ecs/taskDefinition:TaskDefinition"][f"a2345678901234-{name}"]
    assert other["runtimePlatform"]["cpuArchitecture"] == "ARM64"


@every_service
def test_a_task_is_one_container_that_logs_to_its_own_group(
    production: Recording, name: str
) -> None:
    [only] = containers(production, f"otakaro-dt-{name}")
    assert only["name"] == f"otakaro-dt-{name}"
    assert only["essential"] is True
    assert only["linuxParameters"] == {"initProcessEnabled": True}
    log = only["logConfiguration"]
    assert log["logDriver"] == "awslogs"
    assert log["options"]["awslogs-group"] == f"/ecs/otakaro-dt-{name}"
    assert log["options"]["awslogs-region"] == "ap-southeast-2"
    # A full log pipe must not stop the application.
    assert log["options"]["mode"] == "non-blocking"


@every_service
def test_times_are_within_what_fargate_gives(production: Recording, name: str) -> None:
    only = container(production, f"otakaro-dt-{name}")
    assert 2 <= only["stopTimeout"] <= 120
    if check := only.get("healthCheck"):
        assert 5 <= check["interval"] <= 300
        assert 2 <= check["timeout"] <= 60
        assert 1 <= check["retries"] <= 10
        assert 0 <= check["startPeriod"] <= 300


@pytest.mark.parametrize(("name", "port"), ROUTED.items())
def test_a_container_listens_on_the_port_that_its_image_has(
    production: Recording, name: str, port: int
) -> None:
    ports = container(production, f"otakaro-dt-{name}")["portMappings"]
    assert ports == [{"containerPort": port, "protocol": "tcp"}]


def test_containers_run_as_the_users_that_they_need(production: Recording) -> None:
    """The former deployment ran all of them as root. TerriaMap's image owns what it writes as its
    own user, node; GeoServer's and the backend's write what is root's (backend.py, __main__.py).

    All of them write at their start, so their root stays writable; nothing more is granted.
    """
    users = {}
    for name in SERVICES:
        only = container(production, f"otakaro-dt-{name}")
        assert only.keys().isdisjoint({"privileged", "readonlyRootFilesystem"})
        users[name] = only.get("user")
    assert users == {
        "terriamap": None,
        "geoserver": "root",
        "backend-flask": "root",
        "backend-celery": "root",
    }


def test_a_task_has_the_disk_of_its_setting(production: Recording, switched: Recording) -> None:
    """ECS API, EphemeralStorage: from 21 GiB on; without it a task has 20."""
    sizes = {name: task(production, name).get("ephemeralStorage") for name in SERVICES}
    none = dict.fromkeys(SERVICES)
    assert sizes == none | {"backend-celery": {"sizeInGib": 50}}
    definitions = switched["ecs/taskDefinition:TaskDefinition"]
    other = {name: definitions[f"a2345678901234-{name}"].get("ephemeralStorage") for name in none}
    assert other == none | {"backend-flask": {"sizeInGib": 200}}


def test_terriamap_is_told_both_public_hosts(production: Recording) -> None:
    assert environment(production, "otakaro-dt-terriamap") == {
        "BACKEND_HOST": "https://api.otakaro.digitaltwins.nz",
        "BACKEND_PORT": "443",
        "GEOSERVER_HOST": "https://gs.otakaro.digitaltwins.nz",
        "GEOSERVER_PORT": "443",
        "KEEP_ALIVE_SECONDS": "75",
    }


def test_every_target_outlives_the_load_balancers_idle_time(stack: Recording) -> None:
    """And the load balancer CloudFront's connections, and the longest answer."""
    [balancer] = stack["lb/loadBalancer:LoadBalancer"].values()
    prefix = stack["ecs/cluster:Cluster"].popitem()[0].removesuffix("-ecs")
    waits = [
        origin["vpcOriginConfig"]["originReadTimeout"]
        for each in stack["cloudfront/distribution:Distribution"].values()
        for origin in each["origins"]
        if origin["originId"] == "alb"
    ]
    assert balancer["idleTimeout"] > max(waits)
    for name in ("terriamap", "geoserver"):
        kept = environment(stack, f"{prefix}-{name}")["KEEP_ALIVE_SECONDS"]
        assert int(kept) > balancer["idleTimeout"]
    kept = environment(stack, f"{prefix}-backend-flask")["GUNICORN_CMD_ARGS"]
    assert int(kept.removeprefix("--keep-alive ")) > balancer["idleTimeout"]


@pytest.mark.parametrize(
    ("name", "ends"),
    [("terriamap", "exec /app/entrypoint.sh"), ("geoserver", "exec /opt/startup.sh\n")],
)
def test_an_entry_point_ends_in_the_images_own(production: Recording, name: str, ends: str) -> None:
    only = container(production, f"otakaro-dt-{name}")
    assert only["entryPoint"] == ["/bin/bash", "-c"]
    assert only["command"][0].endswith(ends)


def test_geoserver_is_told_its_folder_its_public_name_and_its_heap(production: Recording) -> None:
    values = environment(production, "otakaro-dt-geoserver")
    assert values == {
        "SKIP_DEMO_DATA": "true",
        "CORS_ENABLED": "true",
        "ROOT_WEBAPP_REDIRECT": "true",
        "GEOSERVER_DATA_DIR": "/opt/geoserver_data",
        "GEOSERVER_ADMIN_USER": "admin",
        "PROXY_BASE_URL": "https://gs.otakaro.digitaltwins.nz/geoserver",
        "GEOSERVER_CSRF_WHITELIST": "gs.otakaro.digitaltwins.nz",
        "EXTRA_JAVA_OPTS": "-Xms1024m -Xmx3072m",
        "KEEP_ALIVE_SECONDS": "75",
        "TILE_SECONDS": "300",
    }


def test_javas_heap_fits_every_memory_that_the_settings_accept() -> None:
    """The JVM refuses to start when its initial heap is above its largest."""
    accepted = {memory for sizes in FARGATE_MEMORY.values() for memory in sizes}
    assert (min(accepted), max(accepted)) == (512, 122880)
    for memory in accepted:
        found = re.fullmatch(r"-Xms(\d+)m -Xmx(\d+)m", java_heap(memory))
        assert found is not None
        initial, largest = map(int, found.groups())
        assert 64 <= initial <= largest, memory
        # A quarter for what Java has besides its heap; Tomcat and GeoServer need about 100 MiB.
        assert 0.7 * memory <= largest <= memory - 100, memory


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("terriamap", {"CESIUM_ACCESS_TOKEN"}),
        ("geoserver", {"GEOSERVER_ADMIN_PASSWORD"}),
        *[
            (
                name,
                {
                    *("STATSNZ_API_KEY", "LINZ_API_KEY", "MFE_API_KEY", "NIWA_API_KEY"),
                    *("POSTGRES_PASSWORD", "GEOSERVER_ADMIN_PASSWORD"),
                },
            )
            for name in ("backend-flask", "backend-celery")
        ],
    ],
)
def test_a_container_reads_its_secrets_and_its_agent_may(
    production: Recording, name: str, secrets: set[str]
) -> None:
    pairs = container(production, f"otakaro-dt-{name}")["secrets"]
    sources = {secret: arn("ssm", f"/otakaro-dt/{secret}") for secret in secrets}
    assert {pair["name"]: pair["valueFrom"] for pair in pairs} == sources
    assert len(pairs) == len(secrets)
    [statement] = [
        s for s in may(production, f"otakaro-dt-{name}-execution") if "ssm" in s["Action"][0]
    ]
    assert statement["Action"] == ["ssm:GetParameters"]
    assert set(statement["Resource"]) == set(sources.values())


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("geoserver", {"/opt/geoserver_data": "geoserver"}),
        ("backend-flask", {"/shared_storage": "backend", "/geoserver_data": "geoserver"}),
        ("backend-celery", {"/shared_storage": "backend", "/geoserver_data": "geoserver"}),
    ],
)
def test_folders_are_mounted_where_the_application_looks_and_only_there(
    production: Recording, name: str, folders: dict[str, str]
) -> None:
    volumes = task(production, name)["volumes"]
    mounts = container(production, f"otakaro-dt-{name}")["mountPoints"]
    statements = [
        s for s in may(production, f"otakaro-dt-{name}-task") if "elasticfile" in s["Action"][0]
    ]
    parts = zip(folders.items(), volumes, mounts, statements, strict=True)
    for (path, folder), volume, mount, statement in parts:
        assert volume["efsVolumeConfiguration"] == {
            "fileSystemId": "otakaro-dt-shared-data-id",
            "transitEncryption": "ENABLED",
            "authorizationConfig": {
                "accessPointId": f"otakaro-dt-shared-data-{folder}-id",
                "iam": "ENABLED",
            },
        }
        assert mount == {
            "sourceVolume": volume["name"],
            "containerPath": path,
            "readOnly": False,
        }
        assert statement["Action"] == [
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientWrite",
        ]
        assert statement["Resource"] == [arn("efs", "otakaro-dt-shared-data")]
        assert statement["Condition"] == {
            "StringEquals": {
                "elasticfilesystem:AccessPointArn": arn("efs", f"otakaro-dt-shared-data-{folder}")
            },
        }


@every_service
def test_no_folder_is_mounted_within_another(stack: Recording, name: str) -> None:
    """In which order Fargate mounts them is undocumented: the outer one could hide the inner."""
    [service] = [each for each in stack["ecs/service:Service"] if each.endswith(f"-{name}")]
    paths = [mount["containerPath"] for mount in container(stack, service)["mountPoints"]]
    assert not any(
        one != other and PurePosixPath(one).is_relative_to(other)
        for one in paths
        for other in paths
    )


def test_what_the_image_brings_is_not_hidden_by_a_mount(production: Recording) -> None:
    for name in SERVICES:
        paths = [
            m["containerPath"] for m in container(production, f"otakaro-dt-{name}")["mountPoints"]
        ]
        assert not any(path.startswith(("/stored_data", "/datasets", "/app")) for path in paths)


# Roles


@every_service
def test_agent_and_container_have_roles_of_their_own_that_only_tasks_take(
    production: Recording, name: str
) -> None:
    inputs = task(production, name)
    assert inputs["executionRoleArn"] == arn("iam", f"otakaro-dt-{name}-execution")
    assert inputs["taskRoleArn"] == arn("iam", f"otakaro-dt-{name}-task")
    for kind in ("execution", "task"):
        principal = trusted(production, f"otakaro-dt-{name}-{kind}")
        assert principal == {"Service": ["ecs-tasks.amazonaws.com"]}


@every_service
def test_the_agent_pulls_one_repository_and_writes_one_log(
    production: Recording, name: str
) -> None:
    image = {"backend-flask": "backend", "backend-celery": "backend"}.get(name, name)
    allowed = {
        action: statement["Resource"]
        for statement in may(production, f"otakaro-dt-{name}-execution")
        for action in statement["Action"]
        if not action.startswith("ssm:")
    }
    repository = [arn("ecr", f"otakaro-dt-{image}-ecr")]
    log = [arn("cloudwatch", f"/ecs/otakaro-dt-{name}") + ":*"]
    assert allowed == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": repository,
        "ecr:BatchGetImage": repository,
        "ecr:GetDownloadUrlForLayer": repository,
        "logs:CreateLogStream": log,
        "logs:PutLogEvents": log,
    }


def test_containers_may_mount_and_the_worker_may_ask_not_to_be_stopped(
    production: Recording,
) -> None:
    allowed = {
        name: {
            action
            for statement in may(production, f"otakaro-dt-{name}-task")
            for action in statement["Action"]
        }
        - {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"}
        for name in ("geoserver", "backend-flask", "backend-celery")
    }
    assert allowed.pop("backend-celery") <= {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
    assert set().union(*allowed.values()) == set()


def test_terriamaps_container_may_do_nothing_on_aws(production: Recording) -> None:
    assert "otakaro-dt-terriamap-task" not in production["iam/rolePolicy:RolePolicy"]


def test_a_shell_in_a_task_is_possible_only_where_the_setting_says(
    production: Recording, switched: Recording
) -> None:
    def shells(recording: Recording) -> tuple[set[bool], int]:
        services = recording["ecs/service:Service"].values()
        policies = recording["iam/rolePolicy:RolePolicy"].values()
        channels = [p for p in policies if "ssmmessages:OpenDataChannel" in p["policy"]]
        return {inputs["enableExecuteCommand"] for inputs in services}, len(channels)

    assert shells(production) == ({False}, 0)
    assert shells(switched) == ({True}, 4)


# Scaling and cluster


@pytest.mark.parametrize(
    ("name", "most"), [("terriamap", 3), ("backend-flask", 3), ("backend-celery", 4)]
)
def test_a_service_scales_within_its_range_and_by_cpu_if_that_measures_visitors(
    production: Recording, name: str, most: int
) -> None:
    """Registered with a minimum, or without a suspension, it would start tasks at once."""
    target = production["appautoscaling/target:Target"][f"otakaro-dt-{name}"]
    assert target == {
        "serviceNamespace": "ecs",
        "resourceId": f"service/otakaro-dt-ecs/otakaro-dt-{name}",
        "scalableDimension": "ecs:service:DesiredCount",
        "minCapacity": 0,
        "maxCapacity": most,
        "suspendedState": {
            "dynamicScalingInSuspended": True,
            "dynamicScalingOutSuspended": True,
            "scheduledScalingSuspended": False,
        },
    }
    policies = production["appautoscaling/policy:Policy"]
    assert (f"otakaro-dt-{name}-cpu" in policies) is (name != "backend-celery")
    policy = policies.get(f"otakaro-dt-{name}-cpu")
    if policy is None:
        return
    assert policy["resourceId"] == target["resourceId"]
    tracking = policy["targetTrackingScalingPolicyConfiguration"]
    assert tracking["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ECSServiceAverageCPUUtilization"
    }
    assert 0 < tracking["targetValue"] < 100


@pytest.mark.parametrize(
    ("name", "group", "target"), [("terriamap", "terriamap", 1200), ("backend-flask", "api", 300)]
)
def test_a_service_that_visitors_reach_scales_with_their_requests(
    production: Recording, name: str, group: str, target: int
) -> None:
    """The label names load balancer and target group by the ends of their ARNs, and is known only
    when a rule leads from one to the other: scaling refuses it before."""
    policy = production.one("appautoscaling/policy:Policy", f"otakaro-dt-{name}-requests")
    assert policy.inputs["resourceId"] == f"service/otakaro-dt-ecs/otakaro-dt-{name}"
    tracking = policy.inputs["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == target
    assert tracking["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ALBRequestCountPerTarget",
        "resourceLabel": "app/otakaro-dt-alb/50dc6c495c0c9188"
        f"/targetgroup/otakaro-dt-{group}/73e2d6bc24d8a067",
    }
    rule = production.one("lb/listenerRule:ListenerRule", f"otakaro-dt-{group}")
    assert rule.urn in policy.dependencies


def test_nothing_else_scales_with_requests(production: Recording) -> None:
    names = {*production["appautoscaling/policy:Policy"]}
    assert {name for name in names if name.endswith("-requests")} == {
        "otakaro-dt-terriamap-requests",
        "otakaro-dt-backend-flask-requests",
    }


def test_what_has_one_number_of_tasks_is_not_scaled_but_can_be_stopped(
    production: Recording, switched: Recording
) -> None:
    policies = set(production["appautoscaling/policy:Policy"])
    assert not {name for name in policies if "geoserver" in name}
    for stack in (production, switched):
        names = {one["resourceId"] for one in stack["appautoscaling/target:Target"].values()}
        services = stack["ecs/service:Service"].values()
        assert {name.rpartition("/")[2] for name in names} == {one["name"] for one in services}
    assert not [n for n in switched["appautoscaling/policy:Policy"] if "terriamap" in n]


def test_the_cluster_has_fargate_and_the_insights_of_its_setting(
    production: Recording, switched: Recording
) -> None:
    def insights(recording: Recording) -> list[dict[str, str]]:
        [cluster] = recording["ecs/cluster:Cluster"].values()
        found: list[dict[str, str]] = cluster["settings"]
        return found

    assert insights(production) == [{"name": "containerInsights", "value": "disabled"}]
    assert insights(switched) == [{"name": "containerInsights", "value": "enhanced"}]
    providers = production["ecs/clusterCapacityProviders:ClusterCapacityProviders"]
    assert "FARGATE" in providers["otakaro-dt-ecs"]["capacityProviders"]
