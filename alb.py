"""The internal load balancer: which host goes to which service."""

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import lb

from network import Place
from s3 import AccessLogs


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
    resource_label: Output[str]  # names load balancer and target group to scaling by requests


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    prefix: str
    vpc_id: Input[str]
    place: Place
    certificate_arn: Input[str]  # validated, of this region
    idle_timeout: int  # s; longer than CloudFront waits, shorter than targets keep connections
    protect: bool
    access_logs: AccessLogs


class LoadBalancer(ComponentResource):
    """Internal Application Load Balancer that forwards known hosts over HTTPS only.

    It has private addresses alone: CloudFront reaches it through a VPC origin.
    """

    def __init__(
        self, name: str, args: LoadBalancerArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:LoadBalancer", name, None, opts)
        self._args = args
        self._child = ResourceOptions(parent=self)

        self._balancer = balancer = lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=True,
            subnets=args.place.subnet_ids,
            security_groups=[args.place.security_group_id],
            idle_timeout=args.idle_timeout,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=args.protect,
            access_logs={"bucket": args.access_logs.bucket, "enabled": True},
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
        self.arn: Output[str] = balancer.arn
        self.arn_suffix: Output[str] = balancer.arn_suffix
        self.dns_name: Output[str] = balancer.dns_name
        self.register_outputs({"dns_name": self.dns_name})

    def route(self, route: RouteArgs) -> Route:
        """Forward requests for `route.host` to a new target group."""
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
            # A target group belongs to one load balancer (ELB API, TargetGroupAssociationLimit), so
            # the rule of a new one needs a new group.
            opts=ResourceOptions(parent=self, replace_with=[self._balancer]),
        )
        rule = lb.ListenerRule(
            name,
            listener_arn=self._https.arn,
            priority=route.priority,
            conditions=[{"host_header": {"values": [route.host]}}],
            actions=[{"type": "forward", "target_group_arn": group.arn}],
            opts=self._child,
        )
        # ECS refuses a target group that no load balancer uses yet, so the ARN waits for the rule.
        ready = Output.all(group.arn, rule.id)
        target_group_arn: Output[str] = ready.apply(lambda parts: parts[0])
        # Scaling, too, refuses a target group that no load balancer uses yet.
        suffixes = Output.all(self.arn_suffix, group.arn_suffix, rule.id)
        resource_label: Output[str] = suffixes.apply(lambda parts: f"{parts[0]}/{parts[1]}")
        return Route(
            target_group_arn=target_group_arn,
            target_group_name=group.arn_suffix,
            port=route.port,
            resource_label=resource_label,
        )
