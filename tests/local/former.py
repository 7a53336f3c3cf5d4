"""What ran before this program, as far as moving away from it needs: flat, public, unencrypted.

A stand-in for the former program, of the same project, stack name and physical names. What is left
out (its network's routing, roles, alarms) has no name that could be in the way.

    python -m tests.local.former FOLDER deploy     deploys it as the stack `production`
    python -m tests.local.former FOLDER WORD ...   runs the engine's own command

Both in a folder of an engine's workspace, with the emulator and the stand-in provider.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
from pulumi import automation
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from local import cli, emulator
from local.process import Engine
from local.provider import serve
from local.workspace import forget_the_users_cloud

HOSTS = ("otakaro.digitaltwins.nz", "api.otakaro.digitaltwins.nz", "gs.otakaro.digitaltwins.nz")
IMAGES = ("backend", "terriamap", "geoserver")
SERVICES = {
    "terriamap": ("terriamap", 3001, 2),
    "geoserver": ("geoserver", 8080, 1),
    "backend-flask": ("backend", 5000, 2),
    "backend-celery": ("backend", 0, 2),
}
SECRETS = ("CESIUM_ACCESS_TOKEN", "NIWA_API_KEY", "LINZ_API_KEY", "STATSNZ_API_KEY", "MFE_API_KEY")
INTERNAL = ("POSTGRES_PASSWORD", "GEOSERVER_ADMIN_PASSWORD")


def program() -> None:
    """The former stack."""
    vpc = aws.ec2.Vpc("otakaro-dt-vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
    subnets = [
        aws.ec2.Subnet(
            f"otakaro-dt-vpc-public-{number}",
            vpc_id=vpc.id,
            cidr_block=f"10.0.{number}.0/24",
            availability_zone=f"ap-southeast-2{zone}",
        )
        for number, zone in enumerate("ab")
    ]
    zone = aws.route53.Zone("digitaltwins.nz", name="digitaltwins.nz")
    for name in (*SECRETS, *INTERNAL):
        aws.ssm.Parameter(
            name,
            name=name,
            type="SecureString",
            value="placeholder",
            opts=pulumi.ResourceOptions(ignore_changes=["value", "type"]),
        )
    group = aws.rds.SubnetGroup(
        "otakaro-dt-pg-subnets", name="otakaro-dt-pg-subnets", subnet_ids=[s.id for s in subnets]
    )
    aws.rds.Instance(
        "otakaro-dt-pg",
        allocated_storage=20,
        engine="postgres",
        engine_version="15",
        username="otakaro",
        password=pulumi.Output.secret("formerPassword1"),
        instance_class="db.t4g.small",
        db_subnet_group_name=group.name,
        db_name="otakaro",
        port=5432,
        skip_final_snapshot=True,
    )
    disk = aws.efs.FileSystem("otakaro-dt-shared-data")
    for point, path in {"geoserver": "/stored_data/geoserver", "backend": "/"}.items():
        aws.efs.AccessPoint(
            f"otakaro-dt-shared-data-{point}-ap",
            file_system_id=disk.id,
            posix_user={"uid": 0, "gid": 0},
            root_directory={
                "path": path,
                "creation_info": {"owner_uid": 0, "owner_gid": 0, "permissions": "664"},
            },
        )
    repositories = {
        image: aws.ecr.Repository(
            f"otakaro-dt-{image}-ecr",
            name=f"otakaro-dt-{image}-ecr",
            image_tag_mutability="MUTABLE",
            image_scanning_configuration={"scan_on_push": True},
        )
        for image in IMAGES
    }
    role = aws.iam.Role(
        "otakaro-dt-execution",
        assume_role_policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    cluster = aws.ecs.Cluster("otakaro-dt-ecs", name="otakaro-dt-ecs")
    balancer = aws.lb.LoadBalancer(
        "otakaro-dt-alb", name="otakaro-dt-alb", subnets=[s.id for s in subnets]
    )
    for service, (image, port, count) in SERVICES.items():
        _service(service, repositories[image], port, count, vpc, subnets, cluster, balancer, role)
    certificate = aws.acm.Certificate(
        "us-east-1-otakaro.digitaltwins.nz",
        region="us-east-1",
        domain_name=HOSTS[0],
        subject_alternative_names=list(HOSTS[1:]),
        validation_method="DNS",
    )
    # ACM asks for one record a name in all of an account, so these are the new stack's as well.
    for number, host in enumerate(HOSTS):
        proof = certificate.domain_validation_options[number]
        aws.route53.Record(
            f"us-east-1-validation-{host}",
            name=proof.resource_record_name,
            zone_id=zone.zone_id,
            type=proof.resource_record_type,
            ttl=60,
            records=[proof.resource_record_value],
        )
    edge = aws.cloudfront.Distribution(
        "cloudfront_dist",
        aliases=list(HOSTS),
        enabled=True,
        origins=[
            {
                "domain_name": balancer.dns_name,
                "origin_id": "alb",
                "custom_origin_config": {
                    "http_port": 80,
                    "https_port": 443,
                    "origin_protocol_policy": "https-only",
                    "origin_ssl_protocols": ["TLSv1.2"],
                },
            }
        ],
        default_cache_behavior={
            "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"],
            "target_origin_id": "alb",
            "viewer_protocol_policy": "redirect-to-https",
            "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        },
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={
            "acm_certificate_arn": certificate.arn,
            "ssl_support_method": "sni-only",
        },
    )
    for host in HOSTS:
        aws.route53.Record(
            host.removesuffix(".digitaltwins.nz"),
            name=host,
            zone_id=zone.zone_id,
            type="CNAME",
            ttl=5,
            records=[edge.domain_name],
        )


def _service(
    name: str,
    repository: aws.ecr.Repository,
    port: int,
    count: int,
    vpc: aws.ec2.Vpc,
    subnets: list[aws.ec2.Subnet],
    cluster: aws.ecs.Cluster,
    balancer: aws.lb.LoadBalancer,
    role: aws.iam.Role,
) -> None:
    full = f"otakaro-dt-{name}"
    task = aws.ecs.TaskDefinition(
        full,
        family=f"{full}-abc",
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu="512",
        memory="1024",
        execution_role_arn=role.arn,
        container_definitions=pulumi.Output.json_dumps(
            [
                {
                    "name": full,
                    "image": pulumi.Output.concat(repository.repository_url, ":2024.11.27"),
                    "essential": True,
                    "portMappings": [{"containerPort": port}] if port else [],
                }
            ]
        ),
    )
    balanced = []
    if port:
        group = aws.lb.TargetGroup(
            f"{full}-tg",
            name=f"{full}-tg",
            vpc_id=vpc.id,
            port=port,
            protocol="HTTP",
            target_type="ip",
        )
        aws.lb.Listener(
            f"{full}-listener",
            load_balancer_arn=balancer.arn,
            port=port,
            protocol="HTTP",
            default_actions=[{"type": "forward", "target_group_arn": group.arn}],
        )
        balanced = [
            aws.ecs.ServiceLoadBalancerArgs(
                target_group_arn=group.arn, container_name=full, container_port=port
            )
        ]
    aws.ecs.Service(
        full,
        name=full,
        cluster=cluster.arn,
        task_definition=task.arn,
        desired_count=count,
        launch_type="FARGATE",
        network_configuration={"subnets": [s.id for s in subnets], "assign_public_ip": True},
        load_balancers=balanced,
    )
    # It answers each push by a task definition of its own: in the way of what comes after it.
    aws.cloudwatch.EventRule(
        f"{full}-image-push",
        event_pattern=json.dumps({"source": ["aws.ecr"], "detail-type": ["ECR Image Action"]}),
    )


class _Language(LanguageServer):
    """A language host that can be attached to."""

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return language_pb2.LanguageHandshakeResponse()


@contextmanager
def _language() -> Iterator[int]:
    """A language host for commands that want one, though they run no program."""
    server = grpc.server(ThreadPoolExecutor(4))
    host = _Language(lambda: None)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


def main(folder: Path, *words: str) -> int:
    """Deploy, or run the engine's command; the result is the exit code."""
    engine = {key: value for key, value in os.environ.items() if key.startswith("PULUMI_")}
    forget_the_users_cloud()
    running = emulator.ensure()
    with serve(running.endpoint) as provider:
        engine["PULUMI_DEBUG_PROVIDERS"] = f"aws:{provider.port},random:{provider.port}"
        if words != ("deploy",):
            with _language() as port:
                engine["PULUMI_DEBUG_LANGUAGES"] = f"python:{port}"
                command = [str(cli.find()), "--non-interactive", *words]
                return subprocess.run(command, cwd=folder, env={**os.environ, **engine}).returncode
        workspace = automation.LocalWorkspace(
            work_dir=str(folder),
            program=program,
            env_vars=engine,
            secrets_provider="passphrase",
            project_settings=automation.ProjectSettings(name="otakaro", runtime="python"),
            pulumi_command=Engine(cli.find(), cli.SDK),
        )
        stack = automation.Stack.create_or_select("production", workspace)
        stack.set_config("aws:region", automation.ConfigValue("ap-southeast-2"))
        stack.up(on_output=print)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
