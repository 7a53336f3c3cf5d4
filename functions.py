"""Functions: code on Lambda that is called by AWS itself, with a role and a log of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pulumi import Archive, ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, iam, lambda_

from network import Place
from policies import policy, statement, trust

_RUNTIME: Final = "python3.13"


@dataclass(frozen=True, kw_only=True)
class FunctionArgs:
    region: str
    account_id: Input[str]
    description: str
    code: Archive  # has a `handler.handler`
    memory: int  # MiB; the processor's share follows it
    timeout: int  # s
    log_retention_days: int
    environment: Mapping[str, Input[str]] = field(default_factory=dict)
    statements: Sequence[dict[str, object]] = ()  # what it may do besides writing its log
    place: Place | None = None  # where it reaches private addresses; none: outside the VPC


class Function(ComponentResource):
    """A Lambda function called `name`, known when it may do what it must."""

    def __init__(self, name: str, args: FunctionArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Function", name, None, opts)
        child = ResourceOptions(parent=self)
        # Lambda would make it itself, and keep everything for ever.
        logs = cloudwatch.LogGroup(
            name,
            name=f"/aws/lambda/{name}",
            retention_in_days=args.log_retention_days,
            opts=child,
        )
        role = iam.Role(name, assume_role_policy=trust("lambda.amazonaws.com"), opts=child)
        statements = [
            statement(
                ["logs:CreateLogStream", "logs:PutLogEvents"], [Output.concat(logs.arn, ":*")]
            ),
            *args.statements,
        ]
        if args.place is not None:
            statements += args.place.interface_statements(args.region, args.account_id, name)
        permission = iam.RolePolicy(name, role=role.id, policy=policy(*statements), opts=child)
        function = lambda_.Function(
            name,
            name=name,
            description=args.description,
            runtime=_RUNTIME,
            architectures=["arm64"],
            handler="handler.handler",
            code=args.code,
            role=role.arn,
            memory_size=args.memory,
            timeout=args.timeout,
            vpc_config=(
                None
                if args.place is None
                else {
                    "subnet_ids": args.place.subnet_ids,
                    "security_group_ids": [args.place.security_group_id],
                }
            ),
            environment={"variables": args.environment},
            opts=ResourceOptions(parent=self, depends_on=[permission, logs]),
        )
        self.name: Output[str] = function.name
        self.arn: Output[str] = function.arn
        self.code_sha256: Output[str] = function.code_sha256
        self.log_group: Output[str] = logs.name
        self.register_outputs({"name": self.name})
