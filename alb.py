"""The load balancer: what CloudFront reaches, and which host goes to which service."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import ec2, lb

from s3 import AccessLogs

# The header that CloudFront adds and the listener's rules demand.
ORIGIN_HEADER: Final = "X-Otakaro-Origin"


@dataclass(frozen=True, kw_only=True)
class RouteArgs:
    """A host's way to a service's tasks."""

    key: str  # names the target group
    host: str
    port: int
    health_path: str
    health_codes: str = "200"
    priority: int  # of the listener rule, unique, lower first
    deregistration_delay: int = 60  # s that running requests are given when a task stops


@dataclass(frozen=True, kw_only=True)
class Route:
    """A target group that a listener forwards to; known when its rule exists."""

    target_group_arn: Output[str]
    target_group_name: Output[str]
    port: int
    origin_secret: Output[str]  # what CloudFront shows; known when the rule takes it
    resource_label: Output[str]  # names load balancer and target group to scaling by requests


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    prefix: str
    vpc_id: Input[str]
    subnets: Mapping[str, ec2.Subnet]  # public ones, by zone
    security_group_ids: list[Output[str]]
    certificate_arn: Input[str]  # validated, of this region
    origin_secret: int  # number of the secret that CloudFront shows; its predecessor is taken too
    idle_timeout: int  # s; longer than CloudFront waits, shorter than targets keep connections
    protect: bool
    access_logs: AccessLogs


class LoadBalancer(ComponentResource):
    """Internet-facing ALB that answers CloudFront only; unknown hosts and callers get 404."""

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:LoadBalancer", name, None, opts)
        self._args = args
        self._child = ResourceOptions(parent=self)

        # Values of ORIGIN_HEADER that the rules take, the newest first. The one before is taken for
        # as long as edge locations may still show it, until the number rises again.
        newest = args.origin_secret
        self._origin_secrets: list[Output[str]] = [
            random.RandomPassword(
                f"{name}-origin-{number}", length=48, special=False, opts=self._child
            ).result
            for number in (newest, newest - 1)
            if number > 0
        ]
        balancer = lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=False,
            subnets=[subnet.id for subnet in args.subnets.values()],
            security_groups=args.security_group_ids,
            idle_timeout=args.idle_timeout,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=args.protect,
            access_logs={"bucket": args.access_logs.bucket, "enabled": True},
            opts=self._child,
        )
        lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
                }
            ],
            opts=self._child,
        )
        self._https = lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            # TLS 1.3, and 1.2 with forward secrecy only: what CloudFront speaks to origins.
            ssl_policy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
            certificate_arn=args.certificate_arn,
            default_actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "content_type": "text/plain",
                        "status_code": "404",
                        "message_body": "Not found",
                    },
                }
            ],
            opts=self._child,
        )
        self.arn_suffix: Output[str] = balancer.arn_suffix
        self.dns_name: Output[str] = balancer.dns_name
        self.zone_id: Output[str] = balancer.zone_id
        self.register_outputs({"dns_name": self.dns_name})

    def route(self, route: RouteArgs) -> Route:
        """Forward `route.host`, when CloudFront asks, to a new target group."""
        name = f"{self._args.prefix}-{route.key}"
        group = lb.TargetGroup(
            name,
            vpc_id=self._args.vpc_id,
            target_type="ip",
            protocol="HTTP",
            port=route.port,
            deregistration_delay=route.deregistration_delay,
            health_check={
                "path": route.health_path,
                "matcher": route.health_codes,
                "interval": 30,
                "timeout": 10,
                "healthy_threshold": 2,
                "unhealthy_threshold": 5,
            },
            opts=self._child,
        )
        rule = lb.ListenerRule(
            name,
            listener_arn=self._https.arn,
            priority=route.priority,
            conditions=[
                {"host_header": {"values": [route.host]}},
                {
                    "http_header": {
                        "http_header_name": ORIGIN_HEADER,
                        "values": self._origin_secrets,
                    }
                },
            ],
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            opts=self._child,
        )
        # ECS refuses a target group that no load balancer uses yet, so the ARN waits for the rule.
        ready = Output.all(group.arn, rule.id)
        target_group_arn: Output[str] = ready.apply(lambda parts: parts[0])
        # CloudFront shows a new secret when the rule takes it, not before.
        taken = Output.all(self._origin_secrets[0], rule.id)
        origin_secret: Output[str] = taken.apply(lambda parts: parts[0])
        # Scaling, too, refuses a target group that no load balancer uses yet.
        suffixes = Output.all(self.arn_suffix, group.arn_suffix, rule.id)
        resource_label: Output[str] = suffixes.apply(lambda parts: f"{parts[0]}/{parts[1]}")
        return Route(
            target_group_arn=target_group_arn,
            target_group_name=group.arn_suffix,
            port=route.port,
            origin_secret=origin_secret,
            resource_label=resource_label,
        )
