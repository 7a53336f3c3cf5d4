"""The database is private, encrypted, backed up, and has PostGIS before anyone connects."""

from typing import Any

import pytest

from local.record import ACCOUNT, SECRETS, Recording
from tests.unit.reading import arn, may, trusted, waits_for

NAME = "otakaro-dt-pg"
BOOTSTRAP = "otakaro-dt-pg-postgis"


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


def test_postgis_is_made_again_when_its_code_changes_only(production: Recording) -> None:
    invocation = production["lambda/invocation:Invocation"][BOOTSTRAP]
    assert invocation["triggers"] == {"code": "sha"}
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
