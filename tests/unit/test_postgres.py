"""The database is private, encrypted, backed up, and has PostGIS before anyone connects."""

import re
from typing import Any

import pytest

from local.record import ACCOUNT, SECRETS, Recording, configuration, record_program
from tests.unit.reading import arn, may, trusted, waits_for

NAME = "otakaro-dt-pg"
BOOTSTRAP = "otakaro-dt-pg-postgis"
LOGS = ("postgresql", "upgrade")


def instance(recording: Recording) -> dict[str, Any]:
    [inputs] = recording["rds/instance:Instance"].values()
    return inputs


def bootstrap(recording: Recording) -> dict[str, Any]:
    return recording["lambda/function:Function"][BOOTSTRAP]


def test_it_is_the_database_of_the_former_deployment(production: Recording) -> None:
    inputs = instance(production)
    assert (inputs["identifier"], inputs["engine"]) == (NAME, "postgres")
    assert (inputs["instanceClass"], inputs["allocatedStorage"]) == ("db.t4g.small", 20)
    assert (inputs["dbName"], inputs["username"], inputs["port"]) == ("otakaro", "otakaro", 5432)
    assert inputs["password"] == SECRETS["otakaro:databasePassword"]


def test_it_is_private_and_encrypted(stack: Recording) -> None:
    inputs = instance(stack)
    assert inputs["publiclyAccessible"] is False
    assert inputs["storageEncrypted"] is True
    [group] = inputs["vpcSecurityGroupIds"]
    assert group.endswith("-vpc-database-id")
    zones = {r.name[-1] for r in stack.of("ec2/subnet:Subnet")}
    assert len(stack["rds/subnetGroup:SubnetGroup"][inputs["dbSubnetGroupName"]]["subnetIds"]) == (
        len(zones)
    )


def test_people_may_log_in_by_their_own_identity(stack: Recording) -> None:
    assert instance(stack)["iamDatabaseAuthenticationEnabled"] is True


def test_it_is_backed_up_and_leaves_a_snapshot(production: Recording, local: Recording) -> None:
    inputs = instance(production)
    assert inputs["backupRetentionPeriod"] >= 7
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["deleteAutomatedBackups"] is False
    assert inputs["copyTagsToSnapshot"] is True
    assert instance(local)["skipFinalSnapshot"] is True


def test_the_last_snapshots_name_is_new_for_each_instance(production: Recording) -> None:
    assert instance(production)["finalSnapshotIdentifier"] == f"{NAME}-final-0a1b2c3d"
    assert production["random:index/randomId:RandomId"][f"{NAME}-final"]["byteLength"] >= 4


def test_a_pinned_minor_version_turns_automatic_upgrades_off(
    production: Recording, switched: Recording
) -> None:
    """A refresh would plan a downgrade otherwise, which RDS rejects."""
    for recording, version in ((production, "17"), (switched, "16.10")):
        inputs = instance(recording)
        assert inputs["engineVersion"] == version
        assert inputs["autoMinorVersionUpgrade"] is ("." not in version)


def test_changes_act_when_they_are_deployed(stack: Recording) -> None:
    assert instance(stack)["applyImmediately"] is True


def test_backup_and_maintenance_windows_dont_overlap(production: Recording) -> None:
    """RDS refuses them otherwise."""
    _, backup_ends = instance(production)["backupWindow"].split("-")
    maintenance_begins = instance(production)["maintenanceWindow"][len("sat:") :][: len("hh:mm")]
    assert backup_ends <= maintenance_begins


@pytest.mark.parametrize(
    ("recorded", "version", "family"),
    [("production", "17", "postgres17"), ("switched", "16.10", "postgres16")],
)
def test_parameters_are_of_the_engines_major_version(
    recorded: str, version: str, family: str, request: pytest.FixtureRequest
) -> None:
    recording: Recording = request.getfixturevalue(recorded)
    inputs = instance(recording)
    assert inputs["engineVersion"] == version
    group = recording["rds/parameterGroup:ParameterGroup"][inputs["parameterGroupName"]]
    assert group["family"] == family
    names = [parameter["name"] for parameter in group["parameters"]]
    assert "rds.force_ssl" not in names  # on by default; a default that is named shows as a change
    assert "log_min_duration_statement" in names


def test_its_disk_grows_and_its_minor_version_follows(production: Recording) -> None:
    inputs = instance(production)
    assert inputs["maxAllocatedStorage"] > inputs["allocatedStorage"]
    assert inputs["autoMinorVersionUpgrade"] is True


def test_a_standby_and_insights_are_settings(production: Recording, switched: Recording) -> None:
    assert instance(production)["multiAz"] is False
    assert instance(switched)["multiAz"] is True
    assert instance(production)["performanceInsightsEnabled"] is True
    assert instance(production)["performanceInsightsRetentionPeriod"] == 7
    assert instance(switched)["performanceInsightsEnabled"] is False
    assert "performanceInsightsRetentionPeriod" not in instance(switched)


def test_its_logs_go_to_groups_that_forget(production: Recording) -> None:
    """RDS makes groups without an end itself, unless they are there before it."""
    exported = instance(production)["enabledCloudwatchLogsExports"]
    [resource] = production.of("rds/instance:Instance")
    for log in exported:
        group = production.one("cloudwatch/logGroup:LogGroup", f"{NAME}-{log}")
        assert group.inputs == {"name": f"/aws/rds/instance/{NAME}/{log}", "retentionInDays": 30}
        assert group.urn in resource.dependencies


def test_enhanced_monitoring_waits_for_its_permission(production: Recording) -> None:
    inputs = instance(production)
    assert inputs["monitoringInterval"] == 60
    assert inputs["monitoringRoleArn"] == arn("iam", f"{NAME}-monitoring")
    principal = trusted(production, f"{NAME}-monitoring")
    assert principal == {"Service": ["monitoring.rds.amazonaws.com"]}
    attached = production.one("iam/rolePolicyAttachment:RolePolicyAttachment", f"{NAME}-monitoring")
    assert attached.inputs["policyArn"] == (
        "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    )
    [resource] = production.of("rds/instance:Instance")
    assert attached.urn in resource.dependencies


# Restoring


def restored(text: str) -> Recording:
    return record_program(configuration("production") | {"otakaro:databaseRestoreFrom": text})


@pytest.fixture(scope="module")
def from_snapshot() -> Recording:
    """Production, its database restored from a snapshot."""
    return restored("otakaro-dt-pg-final-0a1b2c3d")


def test_a_new_database_is_restored_from_nothing(production: Recording) -> None:
    assert not {"snapshotIdentifier", "restoreToPointInTime"} & instance(production).keys()


def test_a_restored_database_is_another_instance_beside_the_old_one(
    production: Recording, from_snapshot: Recording
) -> None:
    [before], [after] = (r.of("rds/instance:Instance") for r in (production, from_snapshot))
    assert after.inputs["snapshotIdentifier"] == "otakaro-dt-pg-final-0a1b2c3d"
    assert re.fullmatch(f"{NAME}-[0-9a-f]{{6}}", after.inputs["identifier"])
    # Another URN, so that the engine makes it before it lets the old one go.
    assert after.urn != before.urn


def test_the_old_instance_and_its_logs_are_let_go_and_never_deleted(
    production: Recording, local: Recording
) -> None:
    [old] = production.of("rds/instance:Instance")
    assert (old.protect, old.retained) == (True, True)
    logs = [production.one("cloudwatch/logGroup:LogGroup", f"{NAME}-{log}") for log in LOGS]
    assert [log.retained for log in logs] == [True, True]
    # A stack that may be destroyed deletes them as ever.
    assert [r.urn for r in local.resources if r.retained] == []


def test_user_and_database_come_with_the_data_and_the_password_from_the_stack(
    from_snapshot: Recording,
) -> None:
    inputs = instance(from_snapshot)
    assert not {"username", "dbName"} & inputs.keys()
    assert inputs["password"] == SECRETS["otakaro:databasePassword"]


def test_all_else_of_a_restored_instance_is_as_before(
    production: Recording, from_snapshot: Recording
) -> None:
    own = {"identifier", "finalSnapshotIdentifier", "snapshotIdentifier", "username", "dbName"}
    before, after = instance(production), instance(from_snapshot)
    assert {k: v for k, v in after.items() if k not in own} == {
        k: v for k, v in before.items() if k not in own
    }


def test_clients_find_a_restored_database_by_the_old_name(from_snapshot: Recording) -> None:
    database = from_snapshot.outputs["database"]
    identifier = instance(from_snapshot)["identifier"]
    assert database == {"host": "database.otakaro-dt.internal", "endpoint": f"{identifier}:5432"}
    names = from_snapshot["servicediscovery/instance:Instance"]
    targets = {name["attributes"].get("AWS_INSTANCE_CNAME") for name in names.values()}
    assert f"{identifier}.rds.example" in targets


def test_logs_and_last_snapshot_of_a_restored_instance_are_its_own(
    from_snapshot: Recording,
) -> None:
    identifier = instance(from_snapshot)["identifier"]
    assert instance(from_snapshot)["finalSnapshotIdentifier"].startswith(f"{identifier}-final-")
    groups = {r.inputs.get("name") for r in from_snapshot.of("cloudwatch/logGroup:LogGroup")}
    assert {f"/aws/rds/instance/{identifier}/{log}" for log in LOGS} <= groups
    assert f"/aws/rds/instance/{NAME}/postgresql" not in groups


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (
            "otakaro-dt-pg@2026-11-20T03:00:00Z",
            {"sourceDbInstanceIdentifier": NAME, "restoreTime": "2026-11-20T03:00:00Z"},
        ),
        (
            "otakaro-dt-pg-0a1b2c@latest",
            {"sourceDbInstanceIdentifier": f"{NAME}-0a1b2c", "useLatestRestorableTime": True},
        ),
        (
            "db-ABCDEFGHIJKLMNOPQRST@latest",
            {"sourceDbiResourceId": "db-ABCDEFGHIJKLMNOPQRST", "useLatestRestorableTime": True},
        ),
    ],
)
def test_an_instance_is_restored_as_it_was_at_a_time(text: str, source: dict[str, object]) -> None:
    inputs = instance(restored(text))
    assert inputs["restoreToPointInTime"] == source
    assert "snapshotIdentifier" not in inputs


def test_each_restoration_has_an_instance_of_its_own(from_snapshot: Recording) -> None:
    identifiers = {
        instance(recording)["identifier"]
        for recording in (from_snapshot, restored("another"), restored(f"{NAME}@latest"))
    }
    assert len(identifiers) == 3


def test_a_restored_database_has_its_extension_looked_after(
    production: Recording, from_snapshot: Recording
) -> None:
    before, after = (
        recording["lambda/invocation:Invocation"][BOOTSTRAP]["triggers"]
        for recording in (production, from_snapshot)
    )
    assert before["database"] != after["database"]


# Names


def test_clients_write_down_a_name_that_outlives_the_instance(production: Recording) -> None:
    assert production.outputs["database"] == {
        "host": "database.otakaro-dt.internal",
        "endpoint": f"{NAME}:5432",
    }


# PostGIS


def test_postgis_is_made_once_the_database_can_be_reached(production: Recording) -> None:
    invocation = production.one("lambda/invocation:Invocation", BOOTSTRAP)
    assert invocation.inputs["functionName"] == BOOTSTRAP
    waits = waits_for(production, invocation)
    assert ("Instance", NAME) in waits
    assert ("Parameter", "otakaro-dt-secrets-POSTGRES_PASSWORD") in waits
    assert ("RolePolicy", BOOTSTRAP) in waits
    # It reads the password from outside the VPC.
    routes = {
        (resource.type.rpartition(":")[2], resource.name)
        for kind in ("ec2/route:Route", "ec2/routeTableAssociation:RouteTableAssociation")
        for resource in production.of(kind)
    }
    assert routes <= waits


def test_postgis_waits_for_the_rules_that_let_it_through(production: Recording) -> None:
    waits = waits_for(production, production.one("lambda/invocation:Invocation", BOOTSTRAP))
    assert {
        ("SecurityGroupIngressRule", "otakaro-dt-vpc-bootstrap-to-database-5432"),
        ("SecurityGroupEgressRule", "otakaro-dt-vpc-bootstrap-to-database-5432"),
        ("SecurityGroupEgressRule", "otakaro-dt-vpc-bootstrap-to-internet-443"),
    } <= waits


def test_postgis_is_made_again_for_new_code_or_another_database_only(
    production: Recording,
) -> None:
    invocation = production["lambda/invocation:Invocation"][BOOTSTRAP]
    assert invocation["triggers"] == {"code": "sha", "database": NAME}
    assert invocation["input"] == "{}"


def test_the_bootstrap_is_told_where_the_password_is_and_never_the_password(
    production: Recording,
) -> None:
    assert bootstrap(production)["environment"]["variables"] == {
        "HOST": f"{NAME}.rds.example",
        "PORT": "5432",
        "DATABASE": "otakaro",
        "USERNAME": "otakaro",
        "PASSWORD_PARAMETER": "/otakaro-dt/POSTGRES_PASSWORD",
        "EXTENSIONS": "postgis",
    }


def test_the_bootstrap_runs_in_private_subnets_in_its_own_group(production: Recording) -> None:
    place = bootstrap(production)["vpcConfig"]
    assert place["securityGroupIds"] == ["otakaro-dt-vpc-bootstrap-id"]
    assert all("-private-" in subnet for subnet in place["subnetIds"])


def test_the_bootstrap_may_read_one_parameter_log_and_join_the_vpc(production: Recording) -> None:
    assert trusted(production, BOOTSTRAP) == {"Service": ["lambda.amazonaws.com"]}
    allowed = {
        tuple(statement["Action"]): statement["Resource"]
        for statement in may(production, BOOTSTRAP)
        if statement["Effect"] == "Allow"
    }
    group = arn("cloudwatch", f"/aws/lambda/{BOOTSTRAP}")
    here, place = f"arn:aws:ec2:ap-southeast-2:{ACCOUNT}", bootstrap(production)["vpcConfig"]
    assert allowed == {
        ("logs:CreateLogStream", "logs:PutLogEvents"): [f"{group}:*"],
        ("ssm:GetParameter",): [arn("ssm", "/otakaro-dt/POSTGRES_PASSWORD")],
        ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"): ["*"],
        (
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ): [f"{here}:network-interface/*"],
        ("ec2:CreateNetworkInterface",): [
            f"{here}:network-interface/*",
            f"{here}:security-group/{place['securityGroupIds'][0]}",
            *[f"{here}:subnet/{subnet}" for subnet in place["subnetIds"]],
        ],
    }


def test_the_bootstraps_code_may_not_use_what_lambda_needs_to_join_the_vpc(
    production: Recording,
) -> None:
    [denied] = [one for one in may(production, BOOTSTRAP) if one["Effect"] == "Deny"]
    lambdas = {
        action
        for one in may(production, BOOTSTRAP)
        if one["Effect"] == "Allow"
        for action in one["Action"]
        if action.startswith("ec2:")
    }
    assert set(denied["Action"]) == lambdas
    assert denied["Condition"] == {
        "ArnEquals": {
            "lambda:SourceFunctionArn": (
                f"arn:aws:lambda:ap-southeast-2:{ACCOUNT}:function:{BOOTSTRAP}"
            )
        }
    }


def test_the_bootstraps_package_brings_its_libraries(production: Recording) -> None:
    files = set(bootstrap(production)["code"].assets)
    assert {"handler.py", "pg8000/native.py", "scramp/core.py", "asn1crypto/core.py"} <= files
    assert {"dateutil/tz/__init__.py", "six.py"} <= files
    assert {file.rpartition("/")[2].rpartition(".")[2] for file in files} == {"py", "METADATA"}
