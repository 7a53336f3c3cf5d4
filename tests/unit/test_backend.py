"""API and worker: one image and one surrounding, two ways to start, and Redis between them."""

import re
from pathlib import Path
from typing import Any

import pytest

from local.provider.wire import decode
from local.record import Recording, configuration, document, record_program
from tests.unit.reading import container, environment

ROOT = Path(__file__).resolve().parents[2]
[BEAT] = [
    int(seconds)
    for seconds in re.findall(
        r"^BEAT = (\d+)", (ROOT / "wrappers/celery_worker.py").read_text(), re.MULTILINE
    )
]

# What the application reads, all but its secrets.
VARIABLES = {
    "DATA_DIR": "/shared_storage",
    "DATA_DIR_MODEL_OUTPUT": "/shared_storage/model_output",
    "DATA_DIR_GEOSERVER": "/geoserver_data",
    "FLOOD_MODEL_DIR": "/bg_flood",
    "ROOF_SURFACE_DATASET_PATH": "/stored_data/roof_surfaces.gdb",
    "ROAD_DATASET_PATH": "/datasets/roads.gpkg",
    "LIDAR_DIR": "lidar",
    "DEM_DIR": "hydro_dem",
    "INSTRUCTIONS_FILE": "./instructions.json",
    "POSTGRES_HOST": "database.otakaro-dt.internal",
    "POSTGRES_PORT": "5432",
    "POSTGRES_DB": "otakaro",
    "POSTGRES_USER": "otakaro",
    "MESSAGE_BROKER_HOST": "redis.otakaro-dt.internal",
    "GEOSERVER_HOST": "https://gs.otakaro.digitaltwins.nz",
    "GEOSERVER_PORT": "443",
    "GEOSERVER_INTERNAL_HOST": "http://geoserver.otakaro-dt.internal",
    "GEOSERVER_INTERNAL_PORT": "8080",
    "GEOSERVER_ADMIN_NAME": "admin",
    "BACKEND_HOST": "https://api.otakaro.digitaltwins.nz",
    "BACKEND_PORT": "443",
}


def redis(recording: Recording) -> dict[str, Any]:
    [group] = recording["elasticache/replicationGroup:ReplicationGroup"].values()
    return group


def test_the_worker_has_the_variables_of_the_application(production: Recording) -> None:
    assert environment(production, "otakaro-dt-backend-celery") == VARIABLES


def test_the_api_has_them_too_and_keeps_connections_open(production: Recording) -> None:
    """gunicorn's own two seconds would close connections that the load balancer is using."""
    assert environment(production, "otakaro-dt-backend-flask") == VARIABLES | {
        "GUNICORN_CMD_ARGS": "--keep-alive 75"
    }


def test_both_have_the_same_secrets_folders_and_image(production: Recording) -> None:
    api = container(production, "otakaro-dt-backend-flask")
    worker = container(production, "otakaro-dt-backend-celery")
    for key in ("image", "secrets", "mountPoints"):
        assert api[key] == worker[key]


def test_the_api_starts_with_the_images_own_script(production: Recording) -> None:
    api = container(production, "otakaro-dt-backend-flask")
    assert api["entryPoint"] == ["/app/src/backend_entrypoint.sh"]
    assert "command" not in api


def test_a_stopping_worker_hears_of_it_and_has_time_to_finish(production: Recording) -> None:
    """The worker takes bash's place: bash in front of it would swallow SIGTERM."""
    worker = container(production, "otakaro-dt-backend-celery")
    assert worker["entryPoint"] == ["/bin/bash", "-c"]
    *before, last = re.split("[;&]", worker["command"][0])
    assert last.strip().startswith("exec ")
    assert " -A src.tasks worker " in last
    assert all("exec" not in part for part in before)
    assert worker["stopTimeout"] == 120


def test_the_workers_check_reads_what_its_own_worker_writes(production: Recording) -> None:
    """What it concludes is shown with real workers (tests/wrappers/test_worker_life.py)."""
    worker = container(production, "otakaro-dt-backend-celery")
    check = worker["healthCheck"]
    *program, text, path, seconds = check["command"]
    assert program == ["CMD", "/bin/bash", "-c"]
    assert text == (ROOT / "wrappers" / "celery_alive.sh").read_text()
    assert f" WORKER_STATE={path} " in worker["command"][0]
    # Several signs of life may be missing, as several checks may fail, before a task is ended.
    assert int(seconds) >= 10 * BEAT
    assert check["retries"] >= 3
    assert (check["timeout"], check["startPeriod"]) == (60, 300)  # as patient as ECS allows


def test_a_worker_runs_as_many_jobs_as_the_setting_says(
    production: Recording, switched: Recording
) -> None:
    """Celery's own default is the number of CPUs, which Fargate shows as 2 for half of one."""
    one = container(production, "otakaro-dt-backend-celery")["command"][0]
    other = container(switched, "a2345678901234-backend-celery")["command"][0]
    assert " --concurrency 2 " in one
    assert " --concurrency 3 " in other


@pytest.mark.parametrize("service", ["backend-flask", "backend-celery"])
def test_both_run_as_root_as_they_did(production: Recording, service: str) -> None:
    """The image's own user may not write its log and work folders: ACLs are lost in a push."""
    assert container(production, f"otakaro-dt-{service}")["user"] == "root"


def test_the_api_is_judged_by_the_load_balancer_alone(production: Recording) -> None:
    """/health-check says 503 without a worker, which no restart of the API mends."""
    assert "healthCheck" not in container(production, "otakaro-dt-backend-flask")
    checks = [g["healthCheck"]["path"] for g in production["lb/targetGroup:TargetGroup"].values()]
    assert "/health-check" not in checks


def test_a_full_redis_refuses_rather_than_forgets_tasks(stack: Recording) -> None:
    [(name, parameters)] = stack["elasticache/parameterGroup:ParameterGroup"].items()
    assert parameters["family"] == "redis7"
    assert parameters["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]
    assert redis(stack)["parameterGroupName"] == name


def test_redis_is_one_private_encrypted_node_with_a_snapshot(production: Recording) -> None:
    group = redis(production)
    assert (group["engine"], group["engineVersion"], group["port"]) == ("redis", "7.1", 6379)
    assert group["nodeType"] == "cache.t4g.micro"
    assert group["numCacheClusters"] == 1
    assert group["automaticFailoverEnabled"] is False  # AWS wants a second node for it
    assert group["multiAzEnabled"] is False
    assert group["atRestEncryptionEnabled"] is True
    assert group["transitEncryptionEnabled"] is True
    assert group["snapshotRetentionLimit"] >= 1
    assert group["securityGroupIds"] == ["otakaro-dt-vpc-redis-id"]
    # The application's URL has neither password nor user, nor a cluster's hash slots.
    assert group.keys().isdisjoint({"authToken", "userGroupIds", "numNodeGroups"})


def test_redis_is_protected_and_leaves_a_final_snapshot(
    production: Recording, local: Recording
) -> None:
    type_ = "elasticache/replicationGroup:ReplicationGroup"
    [kept], [loose] = production.of(type_), local.of(type_)
    assert kept.protect
    assert kept.inputs["finalSnapshotIdentifier"] == "otakaro-dt-backend-redis-final-0a1b2c3d"
    assert not loose.protect
    assert "finalSnapshotIdentifier" not in loose.inputs


def test_changes_of_redis_act_when_they_are_deployed(stack: Recording) -> None:
    """The last replica can go only once failover is off, which else waits for the window."""
    assert redis(stack)["applyImmediately"] is True


def test_no_newer_minor_version_of_redis_comes_in_automatically(
    production: Recording, switched: Recording
) -> None:
    """It would be planned as a downgrade, which replaces the group; 7.1 is the last one."""
    for recording, version in ((production, "7.1"), (switched, "7.0")):
        group = redis(recording)
        assert group["engineVersion"] == version
        assert group["autoMinorVersionUpgrade"] is (version == "7.1")


def test_a_replica_in_another_zone_takes_over(switched: Recording) -> None:
    """AWS takes failover and zones only together with a second node."""
    group = redis(switched)
    assert group["numCacheClusters"] == 2
    assert group["automaticFailoverEnabled"] is True
    assert group["multiAzEnabled"] is True


def test_clients_without_tls_are_taken_unless_the_setting_demands_it(
    production: Recording, switched: Recording
) -> None:
    assert redis(production)["transitEncryptionMode"] == "preferred"
    assert redis(switched)["transitEncryptionMode"] == "required"


@pytest.mark.parametrize("service", ["backend-flask", "backend-celery"])
def test_where_tls_is_demanded_clients_are_told_the_name_of_the_certificate(
    switched: Recording, service: str
) -> None:
    host = environment(switched, f"a2345678901234-{service}")["MESSAGE_BROKER_HOST"]
    assert host == "a2345678901234-backend-redis.cache.example"


def test_only_the_worker_may_protect_its_task(production: Recording) -> None:
    asked = {
        role.inputs["role"]: statement["Resource"]
        for role in production.of("iam/rolePolicy:RolePolicy")
        for statement in document(role.inputs["policy"])["Statement"]
        if "ecs:UpdateTaskProtection" in statement["Action"]
    }
    [resources] = asked.values()
    assert [*asked] == ["otakaro-dt-backend-celery-task-id"]
    assert [arn.split(":", 5)[5] for arn in resources] == ["task/otakaro-dt-ecs/*"]


# Workers as the queue is long


def metric(recording: Recording) -> dict[str, Any]:
    """The alarm that calls for more workers."""
    return recording["cloudwatch/metricAlarm:MetricAlarm"]["otakaro-dt-backend-celery-queue"]


def test_jobs_that_wait_for_three_minutes_call_for_a_worker(production: Recording) -> None:
    alarm = metric(production)
    assert (alarm["namespace"], alarm["metricName"]) == ("Otakaro/Celery", "QueueLength")
    assert alarm["dimensions"] == {"Queue": "celery", "Stack": "otakaro-dt"}
    # At no minute of the three was the queue empty.
    assert (alarm["statistic"], alarm["period"], alarm["evaluationPeriods"]) == ("Minimum", 60, 3)
    assert alarm["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["threshold"] == 1
    assert alarm["treatMissingData"] == "notBreaching"
    policy = production.one("appautoscaling/policy:Policy", "otakaro-dt-backend-celery-queue")
    assert alarm["alarmActions"] == [decode(policy.outputs)["arn"]]


def test_the_queue_only_adds_workers_and_many_jobs_two_at_once(production: Recording) -> None:
    policies = production["appautoscaling/policy:Policy"]
    policy = policies["otakaro-dt-backend-celery-queue"]
    assert policy["policyType"] == "StepScaling"
    assert policy["resourceId"] == "service/otakaro-dt-ecs/otakaro-dt-backend-celery"
    steps = policy["stepScalingPolicyConfiguration"]
    assert steps["adjustmentType"] == "ChangeInCapacity"
    bound = metric(production)["threshold"]
    added = {}
    for waiting in (1, 4, 5, 50):
        [added[waiting]] = [
            step["scalingAdjustment"]
            for step in steps["stepAdjustments"]
            if float(step["metricIntervalLowerBound"]) <= waiting - bound
            and waiting - bound < float(step.get("metricIntervalUpperBound", "inf"))
        ]
    assert added == {1: 1, 4: 1, 5: 2, 50: 2}
    # A worker's start may take this long; until then no further one is added.
    assert steps["cooldown"] >= 300


def test_workers_are_removed_one_by_one_when_no_job_waits_or_runs(production: Recording) -> None:
    alarm = production["cloudwatch/metricAlarm:MetricAlarm"]["otakaro-dt-backend-celery-idle"]
    assert (alarm["namespace"], alarm["metricName"]) == ("Otakaro/Celery", "UnfinishedJobs")
    assert alarm["dimensions"] == {"Queue": "celery", "Stack": "otakaro-dt"}
    assert (alarm["statistic"], alarm["period"]) == ("Maximum", 60)
    # Zero in each minute of a quarter of an hour; a minute that was not measured is not zero.
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert alarm["evaluationPeriods"] == 15
    assert alarm["treatMissingData"] == "notBreaching"
    policy = production.one("appautoscaling/policy:Policy", "otakaro-dt-backend-celery-idle")
    assert alarm["alarmActions"] == [decode(policy.outputs)["arn"]]
    [step] = policy.inputs["stepScalingPolicyConfiguration"]["stepAdjustments"]
    assert step == {"metricIntervalUpperBound": "0", "scalingAdjustment": -1}


def test_nothing_but_the_queue_scales_the_worker(stack: Recording) -> None:
    """One job keeps a worker's CPU at 100%: by it, two busy workers would become four."""
    policies = stack["appautoscaling/policy:Policy"]
    names = {name.rpartition("-")[2] for name in policies if "-backend-celery-" in name}
    assert names == {"queue", "idle"}


def test_a_worker_fetches_no_more_jobs_than_it_runs_next(stack: Recording) -> None:
    """Else waiting jobs lie with a busy worker, uncounted and out of a new one's reach; the rest
    of it is the wrapper's (tests/wrappers/test_worker_life.py)."""
    [worker] = [name for name in stack["ecs/service:Service"] if name.endswith("-celery")]
    command, wrapper = container(stack, worker)["command"]
    assert "--prefetch-multiplier 1" in command
    assert wrapper == (ROOT / "wrappers" / "celery_worker.py").read_text()


def test_worker_and_measuring_function_name_the_same_running_jobs(production: Recording) -> None:
    function = production["lambda/function:Function"]["otakaro-dt-backend-queue"]
    key = function["environment"]["variables"]["RUNNING"]
    command = container(production, "otakaro-dt-backend-celery")["command"][0]
    assert f" RUNNING_JOBS={key};" in command


def test_a_fixed_number_of_workers_is_not_scaled_but_the_queue_is_measured() -> None:
    fixed = {f"otakaro:celery{key}": "2" for key in ("Min", "Desired", "Max")}
    recording = record_program(configuration("production") | fixed)
    names = {*recording["appautoscaling/policy:Policy"]}
    assert not [name for name in names if "celery" in name]
    alarms = recording["cloudwatch/metricAlarm:MetricAlarm"]
    assert "otakaro-dt-backend-celery-queue" not in alarms
    assert "otakaro-dt-backend-queue" in recording["lambda/function:Function"]


def test_the_queue_is_measured_each_minute_by_a_function_that_reaches_redis_alone(
    production: Recording,
) -> None:
    function = production["lambda/function:Function"]["otakaro-dt-backend-queue"]
    assert function["environment"]["variables"] == {
        "HOST": "redis.otakaro-dt.internal",
        "PORT": "6379",
        "TLS": "preferred",
        "QUEUE": "celery",
        "RUNNING": "otakaro:running-jobs",
        "NAMESPACE": "Otakaro/Celery",
        "STACK": "otakaro-dt",
    }
    assert function["vpcConfig"]["securityGroupIds"] == ["otakaro-dt-vpc-queue-id"]
    assert function["timeout"] < 60
    rule = production["cloudwatch/eventRule:EventRule"]["otakaro-dt-backend-queue"]
    assert rule["scheduleExpression"] == "rate(1 minute)"
    again = production["lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"]
    [config] = again.values()
    assert config["maximumRetryAttempts"] == 0  # the next minute measures afresh
    [role] = [r for name, r in statements(production).items() if name == "otakaro-dt-backend-queue"]
    allowed = {a for s in role if s["Effect"] == "Allow" for a in s["Action"]}
    assert {action.partition(":")[0] for action in allowed} == {"ec2", "logs"}


def test_the_queues_function_speaks_tls_to_a_redis_that_demands_it(switched: Recording) -> None:
    [function] = [
        f
        for name, f in switched["lambda/function:Function"].items()
        if name.endswith("-backend-queue")
    ]
    variables = function["environment"]["variables"]
    assert variables["TLS"] == "required"
    # The certificate has AWS's own name.
    assert (
        variables["HOST"]
        == environment(switched, "a2345678901234-backend-celery")["MESSAGE_BROKER_HOST"]
    )


def statements(recording: Recording) -> dict[str, list[dict[str, Any]]]:
    """Statements of each role policy, by its name."""
    return {
        name: document(inputs["policy"])["Statement"]
        for name, inputs in recording["iam/rolePolicy:RolePolicy"].items()
    }
