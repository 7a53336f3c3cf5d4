"""What an AWS client sees on the emulator is what the program asked for, service by service."""

import json
from typing import Any
from urllib.parse import unquote

import pg8000.native
import pytest

from local.account import EDGE_REGION, Held
from tests.local.stack import Deployed, Local

EXTENSION_TIMEOUT = 10


def by(things: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Answers of an API by one of their members."""
    return {str(thing[key]): thing for thing in things}


def tags(described: list[dict[str, str]]) -> dict[str, str]:
    """Tags of an answer as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in described}


class Seen:
    """Comparisons that hold for every stack; each asks one service."""

    def test_the_network_has_its_ranges_zones_and_tags(self, deployed: Local) -> None:
        ec2 = deployed.aws("ec2")
        vpc = deployed.one("aws:ec2/vpc:Vpc")
        (seen,) = ec2.describe_vpcs(VpcIds=[vpc.id])["Vpcs"]
        assert seen["CidrBlock"] == vpc.inputs["cidrBlock"]
        assert tags(seen["Tags"]) == vpc.inputs["tagsAll"]
        subnets = deployed.deployed("aws:ec2/subnet:Subnet")
        filters = [{"Name": "vpc-id", "Values": [vpc.id]}]
        found = by(ec2.describe_subnets(Filters=filters)["Subnets"], "SubnetId")
        assert set(found) == {subnet.id for subnet in subnets}
        for subnet in subnets:
            assert found[subnet.id]["CidrBlock"] == subnet.inputs["cidrBlock"]
            assert found[subnet.id]["AvailabilityZone"] == subnet.inputs["availabilityZone"]

    def test_routes_lead_where_they_should(self, deployed: Local) -> None:
        tables = by(deployed.aws("ec2").describe_route_tables()["RouteTables"], "RouteTableId")
        for route in deployed.deployed("aws:ec2/route:Route"):
            seen = by(
                [
                    each
                    for each in tables[route.inputs["routeTableId"]]["Routes"]
                    if "DestinationCidrBlock" in each
                ],
                "DestinationCidrBlock",
            )[route.inputs["destinationCidrBlock"]]
            assert (seen.get("GatewayId"), seen.get("NatGatewayId")) == (
                route.inputs.get("gatewayId"),
                route.inputs.get("natGatewayId"),
            )
        for tie in deployed.deployed("aws:ec2/routeTableAssociation:RouteTableAssociation"):
            associated = tables[tie.inputs["routeTableId"]]["Associations"]
            assert tie.inputs["subnetId"] in {each.get("SubnetId") for each in associated}

    def test_security_groups_let_in_and_out_what_the_program_says(self, deployed: Local) -> None:
        rules = by(
            deployed.aws("ec2").describe_security_group_rules()["SecurityGroupRules"],
            "SecurityGroupRuleId",
        )
        for direction in ("Ingress", "Egress"):
            kind = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
            for rule in deployed.deployed(kind):
                seen, wanted = rules[rule.id], rule.inputs
                assert seen["IsEgress"] is (direction == "Egress")
                assert seen["GroupId"] == wanted["securityGroupId"]
                assert seen["FromPort"] == wanted.get("fromPort", -1)
                assert seen["ToPort"] == wanted.get("toPort", -1)
                if "referencedSecurityGroupId" in wanted:
                    group = seen["ReferencedGroupInfo"]["GroupId"]
                    assert group == wanted["referencedSecurityGroupId"]
                assert seen.get("CidrIpv4") == wanted.get("cidrIpv4")

    def test_files_are_encrypted_and_mounted_in_every_zone(self, deployed: Local) -> None:
        efs = deployed.aws("efs")
        disk = deployed.one("aws:efs/fileSystem:FileSystem")
        (seen,) = efs.describe_file_systems(FileSystemId=disk.id)["FileSystems"]
        assert seen["Encrypted"] is disk.inputs["encrypted"] is True
        targets = by(efs.describe_mount_targets(FileSystemId=disk.id)["MountTargets"], "SubnetId")
        wanted = deployed.deployed("aws:efs/mountTarget:MountTarget")
        assert set(targets) == {target.inputs["subnetId"] for target in wanted}
        points = by(efs.describe_access_points()["AccessPoints"], "AccessPointId")
        for point in deployed.deployed("aws:efs/accessPoint:AccessPoint"):
            seen_root = points[point.id]["RootDirectory"]["Path"]
            assert seen_root == point.inputs["rootDirectory"]["path"]

    def test_the_database_is_the_one_asked_for(self, deployed: Local) -> None:
        wanted = deployed.one("aws:rds/instance:Instance").inputs
        (seen,) = deployed.aws("rds").describe_db_instances()["DBInstances"]
        assert {
            "identifier": seen["DBInstanceIdentifier"],
            "instanceClass": seen["DBInstanceClass"],
            "engine": seen["Engine"],
            "dbName": seen["DBName"],
            "username": seen["MasterUsername"],
            "storageEncrypted": seen["StorageEncrypted"],
            "multiAz": seen["MultiAZ"],
            "publiclyAccessible": seen["PubliclyAccessible"],
            "deletionProtection": seen["DeletionProtection"],
            "backupRetentionPeriod": seen["BackupRetentionPeriod"],
            "allocatedStorage": seen["AllocatedStorage"],
            "dbSubnetGroupName": seen["DBSubnetGroup"]["DBSubnetGroupName"],
        }.items() <= wanted.items()
        assert seen["EngineVersion"].split(".")[0] == wanted["engineVersion"].split(".")[0]

    def test_postgis_is_in_the_database(self, deployed: Local) -> None:
        instance = deployed.one("aws:rds/instance:Instance")
        if not deployed.has_database:
            pytest.skip("no PostgreSQL with PostGIS on this machine")
        parameter = next(
            each
            for each in deployed.deployed("aws:ssm/parameter:Parameter")
            if each.id.endswith("/POSTGRES_PASSWORD")
        )
        password = deployed.aws("ssm").get_parameter(Name=parameter.id, WithDecryption=True)
        with pg8000.native.Connection(
            instance.inputs["username"],
            host=instance.outputs["address"],
            port=int(instance.outputs["port"]),
            database=instance.inputs["dbName"],
            password=password["Parameter"]["Value"],
            ssl_context=True,
            timeout=EXTENSION_TIMEOUT,
        ) as connection:
            rows = connection.run("SELECT extversion FROM pg_extension WHERE extname = 'postgis'")
            assert len(rows) == 1
            assert connection.run("SELECT ST_AsText(ST_Point(172.6, -43.5))") == [
                ["POINT(172.6 -43.5)"]
            ]

    def test_redis_is_the_one_asked_for(self, deployed: Local) -> None:
        group = deployed.one("aws:elasticache/replicationGroup:ReplicationGroup")
        elasticache = deployed.aws("elasticache")
        (seen,) = elasticache.describe_replication_groups()["ReplicationGroups"]
        assert seen["ReplicationGroupId"] == group.inputs["replicationGroupId"]
        assert seen["AtRestEncryptionEnabled"] is True
        assert seen["TransitEncryptionEnabled"] is True
        assert seen["CacheNodeType"] == group.inputs["nodeType"]

    def test_the_load_balancer_forwards_each_host_to_its_service(self, deployed: Local) -> None:
        elb = deployed.aws("elbv2")
        balancer = deployed.one("aws:lb/loadBalancer:LoadBalancer")
        (seen,) = elb.describe_load_balancers()["LoadBalancers"]
        assert seen["Scheme"] == "internal"
        assert {zone["SubnetId"] for zone in seen["AvailabilityZones"]} == set(
            balancer.inputs["subnets"]
        )
        assert set(seen["SecurityGroups"]) == set(balancer.inputs["securityGroups"])
        listeners = by(
            elb.describe_listeners(LoadBalancerArn=balancer.id)["Listeners"], "ListenerArn"
        )
        for listener in deployed.deployed("aws:lb/listener:Listener"):
            assert listeners[listener.id]["Port"] == listener.inputs["port"]
            assert listeners[listener.id]["Protocol"] == listener.inputs["protocol"]
        for rule in deployed.deployed("aws:lb/listenerRule:ListenerRule"):
            (found,) = elb.describe_rules(RuleArns=[rule.id])["Rules"]
            assert int(found["Priority"]) == rule.inputs["priority"]
            assert found["Actions"][0].get("TargetGroupArn") == rule.inputs["actions"][0].get(
                "targetGroupArn"
            )
            assert hosts_of_rule(found) == hosts_asked(rule)

    def test_target_groups_ask_the_services_for_their_health(self, deployed: Local) -> None:
        found = by(deployed.aws("elbv2").describe_target_groups()["TargetGroups"], "TargetGroupArn")
        groups = deployed.deployed("aws:lb/targetGroup:TargetGroup")
        assert set(found) == {group.id for group in groups}
        for group in groups:
            assert found[group.id]["Port"] == group.inputs["port"]
            assert found[group.id]["TargetType"] == "ip"
            assert found[group.id]["HealthCheckPath"] == group.inputs["healthCheck"]["path"]

    def test_certificates_name_every_public_host_in_their_region(self, deployed: Local) -> None:
        for certificate in deployed.deployed("aws:acm/certificate:Certificate"):
            acm = deployed.aws("acm", certificate.region)
            seen = acm.describe_certificate(CertificateArn=certificate.id)["Certificate"]
            wanted = certificate.inputs.get("subjectAlternativeNames") or []
            names = {certificate.inputs["domainName"], *wanted}
            assert set(seen["SubjectAlternativeNames"]) == names
            assert certificate.id.split(":")[3] == certificate.region

    def test_dns_records_are_in_their_zone(self, deployed: Local) -> None:
        route53 = deployed.aws("route53")
        records = deployed.deployed("aws:route53/record:Record")
        assert records
        for zone in {record.inputs["zoneId"] for record in records}:
            listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
            seen = {(each["Name"].rstrip("."), each["Type"]): each for each in listed}
            for record in records:
                wanted = record.inputs
                if wanted["zoneId"] != zone:
                    continue
                found = seen[wanted["name"].rstrip("."), wanted["type"]]
                for alias in wanted.get("aliases") or []:
                    target = found["AliasTarget"]["DNSName"].rstrip(".")
                    assert target == alias["name"].rstrip(".")
                values = [each["Value"] for each in found.get("ResourceRecords", [])]
                assert sorted(values) == sorted(wanted.get("records") or [])

    def test_each_site_has_its_distribution(self, deployed: Local) -> None:
        cloudfront = deployed.aws("cloudfront")
        for site in deployed.deployed("aws:cloudfront/distribution:Distribution"):
            seen = cloudfront.get_distribution(Id=site.id)["Distribution"]["DistributionConfig"]
            wanted = site.inputs
            assert seen["Aliases"]["Items"] == wanted["aliases"]
            certificate = wanted["viewerCertificate"]["acmCertificateArn"]
            assert seen["ViewerCertificate"]["ACMCertificateArn"] == certificate
            assert certificate.split(":")[3] == EDGE_REGION
            behaviour, asked = seen["DefaultCacheBehavior"], wanted["defaultCacheBehavior"]
            assert behaviour["CachePolicyId"] == asked["cachePolicyId"]
            assert behaviour["ViewerProtocolPolicy"] == asked["viewerProtocolPolicy"]
            assert set(behaviour["AllowedMethods"]["Items"]) == set(asked["allowedMethods"])
            functions = [
                each["LambdaFunctionARN"]
                for each in behaviour["LambdaFunctionAssociations"].get("Items", [])
            ]
            assert functions == [
                each["lambdaArn"] for each in asked.get("lambdaFunctionAssociations") or []
            ]
            origins = by(seen["Origins"]["Items"], "Id")
            assert set(origins) == {each["originId"] for each in wanted["origins"]}
            for origin in wanted["origins"]:
                found = origins[origin["originId"]]
                assert found["DomainName"] == origin["domainName"]
                headers = {
                    each["HeaderName"]: each["HeaderValue"]
                    for each in found.get("CustomHeaders", {}).get("Items", [])
                }
                assert headers == {
                    each["name"]: each["value"] for each in origin.get("customHeaders") or []
                }

    def test_functions_run_the_code_and_settings_asked_for(self, deployed: Local) -> None:
        for function in deployed.deployed("aws:lambda/function:Function"):
            client = deployed.aws("lambda", function.region)
            seen = client.get_function_configuration(FunctionName=function.inputs["name"])
            wanted = function.inputs
            assert seen["Handler"] == wanted["handler"]
            assert seen["Runtime"] == wanted["runtime"]
            assert seen["Timeout"] == wanted["timeout"]
            assert seen["MemorySize"] == wanted["memorySize"]
            assert seen["Role"] == wanted["role"]
            variables = (wanted.get("environment") or {}).get("variables") or {}
            assert seen.get("Environment", {}).get("Variables", {}) == variables

    def test_events_lead_to_their_queues(self, deployed: Local) -> None:
        events = deployed.aws("events")
        for rule in deployed.deployed("aws:cloudwatch/eventRule:EventRule"):
            seen = events.describe_rule(Name=rule.inputs["name"])
            if clock := rule.inputs.get("scheduleExpression"):
                assert seen["ScheduleExpression"] == clock
            else:
                assert json.loads(seen["EventPattern"]) == json.loads(rule.inputs["eventPattern"])
            assert seen["State"] == "ENABLED"
        for target in deployed.deployed("aws:cloudwatch/eventTarget:EventTarget"):
            listed = by(events.list_targets_by_rule(Rule=target.inputs["rule"])["Targets"], "Id")
            assert listed[target.inputs["targetId"]]["Arn"] == target.inputs["arn"]
        mappings = deployed.deployed("aws:lambda/eventSourceMapping:EventSourceMapping")
        for mapping in mappings:
            seen = deployed.aws("lambda").get_event_source_mapping(UUID=mapping.id)
            assert seen["EventSourceArn"] == mapping.inputs["eventSourceArn"]

    def test_image_repositories_are_called_as_agreed(self, deployed: Local) -> None:
        ecr = deployed.aws("ecr")
        repositories = deployed.deployed("aws:ecr/repository:Repository")
        prefix = "otakaro-dt" if deployed.stack == "production" else "otakaro-local"
        names = {f"{prefix}-{each}-ecr" for each in ("backend", "terriamap", "geoserver")}
        seen = by(ecr.describe_repositories()["repositories"], "repositoryName")
        assert set(seen) == {each.inputs["name"] for each in repositories} == names
        for policy in deployed.deployed("aws:ecr/lifecyclePolicy:LifecyclePolicy"):
            found = ecr.get_lifecycle_policy(repositoryName=policy.inputs["repository"])
            assert json.loads(found["lifecyclePolicyText"]) == json.loads(policy.inputs["policy"])

    def test_services_run_their_task_definition_in_private_subnets(self, deployed: Local) -> None:
        ecs = deployed.aws("ecs")
        for service in deployed.deployed("aws:ecs/service:Service"):
            wanted = service.inputs
            (seen,) = ecs.describe_services(cluster=wanted["cluster"], services=[wanted["name"]])[
                "services"
            ]
            assert seen["status"] == "ACTIVE"
            assert seen["desiredCount"] == wanted["desiredCount"] == 0
            assert seen["taskDefinition"] == wanted["taskDefinition"]
            network = seen["networkConfiguration"]["awsvpcConfiguration"]
            assert set(network["subnets"]) == set(wanted["networkConfiguration"]["subnets"])
            assert network["assignPublicIp"] == "DISABLED"

    def test_tasks_have_the_images_ports_and_secrets_asked_for(self, deployed: Local) -> None:
        ecs = deployed.aws("ecs")
        for task in deployed.deployed("aws:ecs/taskDefinition:TaskDefinition"):
            seen = ecs.describe_task_definition(taskDefinition=task.outputs["arn"])
            definition = seen["taskDefinition"]
            assert definition["cpu"] == task.inputs["cpu"]
            assert definition["memory"] == task.inputs["memory"]
            assert definition["taskRoleArn"] == task.inputs["taskRoleArn"]
            found = by(definition["containerDefinitions"], "name")
            for container in json.loads(task.inputs["containerDefinitions"]):
                there = found[container["name"]]
                for member in ("image", "environment", "secrets", "healthCheck", "command"):
                    assert (there.get(member) or None) == (container.get(member) or None)

    def test_secret_parameters_are_secure_strings(self, deployed: Local) -> None:
        ssm = deployed.aws("ssm")
        for parameter in deployed.deployed("aws:ssm/parameter:Parameter"):
            seen = ssm.get_parameter(Name=parameter.id, WithDecryption=True)["Parameter"]
            assert seen["Type"] == parameter.inputs["type"] == "SecureString"
            assert seen["Value"] == parameter.inputs["value"]

    def test_buckets_are_encrypted_and_closed(self, deployed: Local) -> None:
        s3 = deployed.aws("s3")
        for bucket in deployed.deployed("aws:s3/bucket:Bucket"):
            access = s3.get_public_access_block(Bucket=bucket.id)
            assert set(access["PublicAccessBlockConfiguration"].values()) == {True}
            (rule,) = s3.get_bucket_encryption(Bucket=bucket.id)[
                "ServerSideEncryptionConfiguration"
            ]["Rules"]
            assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        for policy in deployed.deployed("aws:s3/bucketPolicy:BucketPolicy"):
            seen = s3.get_bucket_policy(Bucket=policy.inputs["bucket"])["Policy"]
            assert json.loads(seen) == json.loads(policy.inputs["policy"])

    def test_roles_may_do_what_the_program_says(self, deployed: Local) -> None:
        iam = deployed.aws("iam")
        for role in deployed.deployed("aws:iam/role:Role"):
            seen = document(iam.get_role(RoleName=role.id)["Role"]["AssumeRolePolicyDocument"])
            assert seen == json.loads(role.inputs["assumeRolePolicy"])
        for policy in deployed.deployed("aws:iam/rolePolicy:RolePolicy"):
            seen = iam.get_role_policy(
                RoleName=policy.inputs["role"], PolicyName=policy.inputs["name"]
            )["PolicyDocument"]
            assert document(seen) == json.loads(policy.inputs["policy"])

    def test_logs_are_kept_as_long_as_asked(self, deployed: Local) -> None:
        for group in deployed.deployed("aws:cloudwatch/logGroup:LogGroup"):
            logs = deployed.aws("logs", group.region)
            found = by(
                logs.describe_log_groups(logGroupNamePrefix=group.id)["logGroups"], "logGroupName"
            )
            assert found[group.id]["retentionInDays"] == group.inputs["retentionInDays"]

    def test_alarms_watch_and_tell(self, deployed: Local) -> None:
        for alarm in deployed.deployed("aws:cloudwatch/metricAlarm:MetricAlarm"):
            cloudwatch = deployed.aws("cloudwatch", alarm.region)
            (seen,) = cloudwatch.describe_alarms(AlarmNames=[alarm.inputs["name"]])["MetricAlarms"]
            assert seen["Threshold"] == alarm.inputs["threshold"]
            assert seen["AlarmActions"] == alarm.inputs["alarmActions"]
            if "metricName" in alarm.inputs:
                assert seen["MetricName"] == alarm.inputs["metricName"]
                dimensions = {each["Name"]: each["Value"] for each in seen["Dimensions"]}
                assert dimensions == (alarm.inputs.get("dimensions") or {})

    def test_the_account_holds_nothing_that_the_program_did_not_make(self, deployed: Local) -> None:
        assert unknown_to_the_state(deployed) == set()

    def test_no_secret_stands_in_the_state_in_plain_text(self, deployed: Local) -> None:
        state = deployed.state()
        for parameter in deployed.deployed("aws:ssm/parameter:Parameter"):
            value = parameter.inputs["value"]
            assert value == "placeholder" or value not in state
        assert deployed.one("aws:rds/instance:Instance").inputs["password"] not in state


_NAMES = (
    "arn",
    "name",
    "id",
    "qualifiedArn",
    "identifier",
    "bucket",
    "url",
    "dashboardName",
    "hostedZone",
)


def document(policy: object) -> Any:
    """A policy that an answer gives as an object or as encoded text."""
    return json.loads(unquote(policy)) if isinstance(policy, str) else policy


def hosts_of_rule(rule: dict[str, Any]) -> set[str]:
    """The hosts that a rule of the load balancer serves."""
    return {
        host
        for condition in rule["Conditions"]
        for host in condition.get("HostHeaderConfig", {}).get("Values", [])
    }


def hosts_asked(rule: Deployed) -> set[str]:
    """The hosts that the program wants a rule to serve."""
    return {
        host
        for condition in rule.inputs["conditions"]
        for host in (condition.get("hostHeader") or {}).get("values", [])
    }


def main_route_tables_and_default_groups(deployed: Local) -> set[str]:
    """What EC2 makes along with a VPC."""
    vpc = deployed.one("aws:ec2/vpc:Vpc")
    ec2 = deployed.aws("ec2", vpc.region)
    filters = [{"Name": "vpc-id", "Values": [vpc.id]}]
    groups = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    tables = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    return {group["GroupId"] for group in groups if group["GroupName"] == "default"} | {
        table["RouteTableId"]
        for table in tables
        if any(each.get("Main") for each in table["Associations"])
    }


def unknown_to_the_state(deployed: Local) -> set[Held]:
    """What the account holds in both regions besides the stack's resources and what AWS makes."""
    known = {
        str(value)
        for each in deployed.all()
        for value in (
            each.id,
            *(each.outputs.get(key) for key in _NAMES),
            *(each.inputs.get(key) for key in _NAMES),
        )
        if value
    }
    main = main_route_tables_and_default_groups(deployed)
    return {
        thing
        for thing in deployed.account.holds() - deployed.baseline()
        if not ({thing.name, thing.name.removeprefix("/hostedzone/")} & known)
        and thing.name not in main
        and not is_cluster_member(thing, known)
    }


def is_cluster_member(thing: Held, known: set[str]) -> bool:
    """Whether this is a node of a known Redis: ElastiCache makes them."""
    return thing.kind == "elasticache cache_clusters" and thing.name.rsplit("-", 2)[0] in known
