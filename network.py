"""The VPC over two or three zones, and who may talk to whom in it."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, ec2, iam, servicediscovery, vpc

from policies import policy, statement, trust_for

CLOUDFRONT: Final = "cloudfront"
INTERNET: Final = "internet"
ENDPOINTS: Final = "endpoints"  # the security group of the interface endpoints


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """One permission: `client` may open TCP connections to `server` on `port`.

    Both are names of security groups, made as the rows name them, or CLOUDFRONT (as client:
    CloudFront's origin-facing addresses) or INTERNET (as server: any address).
    """

    client: str
    server: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something runs: one subnet a zone, and its security group."""

    subnets: dict[str, Output[str]]
    security_group_id: Output[str]
    public: bool = False  # what runs there reaches AWS by an address of its own

    @property
    def subnet_ids(self) -> list[Output[str]]:
        return list(self.subnets.values())

    def interface_statements(
        self, region: str, account_id: Input[str], function: str
    ) -> list[dict[str, object]]:
        """What Lambda does with the role of `function` to give it a way into this place (Lambda
        developer guide, "Giving Lambda functions access to resources in an Amazon VPC")."""
        here = Output.format("arn:aws:ec2:{0}:{1}", region, account_id)
        interfaces = Output.concat(here, ":network-interface/*")  # AWS numbers them
        reading = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
        changing = [
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ]
        return [
            # Have no resource level (Service Authorization Reference, Amazon EC2).
            statement(reading, ["*"]),
            statement(changing, [interfaces]),
            statement(
                ["ec2:CreateNetworkInterface"],
                [
                    interfaces,
                    Output.concat(here, ":security-group/", self.security_group_id),
                    *[Output.concat(here, ":subnet/", subnet) for subnet in self.subnet_ids],
                ],
            ),
            # Lambda itself needs these, the function's code doesn't.
            statement(
                [*reading, *changing, "ec2:CreateNetworkInterface"],
                ["*"],
                {
                    "ArnEquals": {
                        "lambda:SourceFunctionArn": Output.format(
                            "arn:aws:lambda:{0}:{1}:function:{2}", region, account_id, function
                        )
                    }
                },
                effect="Deny",
            ),
        ]


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    region: str
    account_id: Input[str]
    cidr: str  # /16 to /23
    zones: Sequence[str]  # full names; each gets a public and a private subnet
    # Up to one a zone; zones without their own use the first. None: tasks have public addresses.
    nat_gateways: int
    traffic: Sequence[Traffic]
    interface_endpoints: Sequence[str]  # services of AWS that the VPC reaches by itself: ecr.api
    flow_log_traffic: str  # REJECT, ACCEPT or ALL
    log_retention_days: int
    private_domain: str  # of the names that only the VPC resolves


class Network(ComponentResource):
    """VPC, subnets, NAT, S3 endpoint, flow log, private DNS namespace and security groups."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Network", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)

        self._vpc = ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,  # EFS and Cloud Map names resolve only with it
            tags={"Name": name},
            opts=self._child,
        )
        self.vpc_id: Output[str] = self._vpc.id
        # The default group belongs to AWS; adopted without rules it lets nothing through (EC2.2).
        ec2.DefaultSecurityGroup(name, vpc_id=self.vpc_id, opts=self._child)
        # Eight equal parts: the lower half private, the upper half public.
        parts = [str(part) for part in ipaddress.IPv4Network(args.cidr).subnets(prefixlen_diff=3)]
        self.public_subnets = self._subnets("public", parts[4:])
        self.private_subnets = self._subnets("private", parts[:4])
        self._ways_out: dict[str, list[pulumi.Resource]] = {}
        self._routes()
        self._flow_log()
        self.security_groups = self._security_groups()
        self.rules = self._rules()
        endpoints = self._interface_endpoints()
        # What must exist before a private subnet reaches AWS.
        self.egress = [way for ways in self._ways_out.values() for way in ways] + endpoints
        self.namespace = servicediscovery.PrivateDnsNamespace(
            name,
            name=args.private_domain,
            vpc=self.vpc_id,
            description="Names that only this VPC resolves",
            opts=self._child,
        )
        self.register_outputs({"vpc_id": self.vpc_id})

    def place(self, group: str) -> Place:
        """The private subnets with the security group that the traffic table calls `group`."""
        return Place(
            subnets={zone: subnet.id for zone, subnet in self.private_subnets.items()},
            security_group_id=self.security_groups[group].id,
        )

    def task_place(self, group: str) -> Place:
        """Where tasks run: private subnets behind a NAT gateway, or public ones when there is none.

        A subnet is known when it has its way out, so that no task starts without one. In a public
        subnet the security group alone keeps strangers out, as it does in a private one.
        """
        public = self._args.nat_gateways == 0
        subnets = self.public_subnets if public else self.private_subnets
        return Place(
            subnets={
                zone: _known_with(subnet.id, self._ways_out["public" if public else zone])
                for zone, subnet in subnets.items()
            },
            security_group_id=self.security_groups[group].id,
            public=public,
        )

    def _subnets(self, kind: str, blocks: Sequence[str]) -> dict[str, ec2.Subnet]:
        return {
            zone: ec2.Subnet(
                f"{self._name}-{kind}-{zone}",
                vpc_id=self.vpc_id,
                cidr_block=block,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags={"Name": f"{self._name}-{kind}-{zone}"},
                opts=self._child,
            )
            for zone, block in zip(self._args.zones, blocks, strict=False)
        }

    def _routes(self) -> None:
        """Route tables, and what must exist before a subnet has its way out."""
        self.internet_gateway = gateway = ec2.InternetGateway(
            self._name, vpc_id=self.vpc_id, tags={"Name": self._name}, opts=self._child
        )
        public = self._route_table("public")
        way_out = ec2.Route(
            f"{self._name}-public",
            route_table_id=public.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        associations = [
            self._associate(f"{self._name}-public-{zone}", subnet, public)
            for zone, subnet in self.public_subnets.items()
        ]
        nats: list[ec2.NatGateway] = []
        for zone, subnet in list(self.public_subnets.items())[: self._args.nat_gateways]:
            address = ec2.Eip(
                f"{self._name}-nat-{zone}",
                domain="vpc",
                tags={"Name": f"{self._name}-nat-{zone}"},
                opts=self._child,
            )
            nat = ec2.NatGateway(
                f"{self._name}-{zone}",
                allocation_id=address.id,
                subnet_id=subnet.id,
                tags={"Name": f"{self._name}-{zone}"},
                # AWS refuses a NAT gateway in a VPC whose internet gateway isn't attached yet.
                opts=ResourceOptions(parent=self, depends_on=[gateway]),
            )
            nats.append(nat)
        self.nat_gateways: dict[str, Output[str]] = {
            zone: nat.id for zone, nat in zip(self.public_subnets, nats, strict=False)
        }
        self._ways_out["public"] = [way_out, *associations]
        # Tasks read images from S3, wherever they run.
        tables = [] if nats else [public]
        for index, (zone, subnet) in enumerate(self.private_subnets.items()):
            table = self._route_table(f"private-{zone}")
            tables.append(table)
            self._ways_out[zone] = [self._associate(f"{self._name}-private-{zone}", subnet, table)]
            if nats:
                route = ec2.Route(
                    f"{self._name}-private-{zone}",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=nats[index if index < len(nats) else 0].id,
                    opts=self._child,
                )
                self._ways_out[zone].append(route)
        # Free, and keeps image layers (ECR stores them in S3) off the NAT gateway's bill.
        ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags={"Name": f"{self._name}-s3"},
            opts=self._child,
        )

    def _interface_endpoints(self) -> list[pulumi.Resource]:
        """Private addresses of AWS's services in each zone, instead of the way by the internet."""
        admitted = [
            rule
            for row in self._args.traffic
            if row.server == ENDPOINTS
            for rule in self.rules[row.client]
        ]
        return [
            ec2.VpcEndpoint(
                name,
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{self._args.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=[subnet.id for subnet in self.private_subnets.values()],
                security_group_ids=[self.security_groups[ENDPOINTS].id],
                private_dns_enabled=True,
                tags={"Name": name},
                # From its first moment the service's name leads here: whom it serves must get in.
                opts=ResourceOptions(parent=self, depends_on=admitted),
            )
            for service in self._args.interface_endpoints
            for name in [f"{self._name}-{service.replace('.', '-')}"]
        ]

    def _route_table(self, kind: str) -> ec2.RouteTable:
        name = f"{self._name}-{kind}"
        return ec2.RouteTable(name, vpc_id=self.vpc_id, tags={"Name": name}, opts=self._child)

    def _associate(
        self, name: str, subnet: ec2.Subnet, table: ec2.RouteTable
    ) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )

    def _flow_log(self) -> None:
        name = f"{self._name}-flow"
        group = cloudwatch.LogGroup(
            name, retention_in_days=self._args.log_retention_days, opts=self._child
        )
        self.flow_log_group: Output[str] = group.name
        role = iam.Role(
            name,
            assume_role_policy=trust_for(
                "vpc-flow-logs.amazonaws.com",
                account_id=self._args.account_id,
                source=Output.format(
                    "arn:aws:ec2:{0}:{1}:vpc-flow-log/*", self._args.region, self._args.account_id
                ),
            ),
            opts=self._child,
        )
        # VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs"; the group is ours.
        permission = iam.RolePolicy(
            name,
            role=role.id,
            policy=policy(
                statement(
                    ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    [group.arn, Output.concat(group.arn, ":*")],
                ),
                # Has no resource level (Service Authorization Reference, Amazon CloudWatch Logs).
                statement(["logs:DescribeLogGroups"], ["*"]),
            ),
            opts=self._child,
        )
        ec2.FlowLog(
            name,
            vpc_id=self.vpc_id,
            traffic_type=self._args.flow_log_traffic,
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=ResourceOptions(parent=self, depends_on=[permission]),
        )

    def _security_groups(self) -> dict[str, ec2.SecurityGroup]:
        names = {name for row in self._args.traffic for name in (row.client, row.server)}
        return {
            group: ec2.SecurityGroup(
                f"{self._name}-{group}",
                vpc_id=self.vpc_id,
                description=f"Traffic from and to {group}",
                tags={"Name": f"{self._name}-{group}"},
                opts=self._child,
            )
            for group in sorted(names - {CLOUDFRONT, INTERNET})
        }

    def _rules(self) -> dict[str, list[pulumi.Resource]]:
        """The rules of the traffic table; the answer is what lets each client out and in."""
        rules: dict[str, list[pulumi.Resource]] = {row.client: [] for row in self._args.traffic}
        for row in self._args.traffic:
            name = f"{self._name}-{row.client}-to-{row.server}-{row.port}"
            words = f"{row.client} to {row.server}"
            if row.server == INTERNET:
                rules[row.client].append(self._egress(name, row, words, cidr="0.0.0.0/0"))
                continue
            server = self.security_groups[row.server]
            if row.client == CLOUDFRONT:
                # Its id differs by region, so it is looked up by the name that AWS gave it.
                prefixes = ec2.get_managed_prefix_list_output(
                    name="com.amazonaws.global.cloudfront.origin-facing",
                    opts=pulumi.InvokeOutputOptions(parent=self),
                )
                rules[row.client].append(
                    self._ingress(name, row, words, prefix_list_id=prefixes.id)
                )
                continue
            client = self.security_groups[row.client]
            rules[row.client] += [
                self._ingress(name, row, words, client_id=client.id),
                self._egress(name, row, words, server_id=server.id),
            ]
        return rules

    def _ingress(
        self,
        name: str,
        row: Traffic,
        words: str,
        client_id: Input[str] | None = None,
        prefix_list_id: Input[str] | None = None,
    ) -> vpc.SecurityGroupIngressRule:
        return vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.security_groups[row.server].id,
            description=words,
            ip_protocol="tcp",
            from_port=row.port,
            to_port=row.port,
            referenced_security_group_id=client_id,
            prefix_list_id=prefix_list_id,
            opts=self._child,
        )

    def _egress(
        self,
        name: str,
        row: Traffic,
        words: str,
        server_id: Input[str] | None = None,
        cidr: str | None = None,
    ) -> vpc.SecurityGroupEgressRule:
        return vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.security_groups[row.client].id,
            description=words,
            ip_protocol="tcp",
            from_port=row.port,
            to_port=row.port,
            referenced_security_group_id=server_id,
            cidr_ipv4=cidr,
            opts=self._child,
        )


def _known_with(value: Output[str], resources: Sequence[pulumi.Resource]) -> Output[str]:
    """`value`, known when `resources` exist."""
    ready = Output.all(value, *[resource.urn for resource in resources])
    known: Output[str] = ready.apply(lambda parts: parts[0])
    return known


@dataclass(frozen=True, kw_only=True)
class PrivateNameArgs:
    network: Network
    host: str  # the label before the namespace's domain
    target: Input[str]  # the AWS host name behind it


class PrivateName(ComponentResource):
    """A stable name in the VPC for a host whose AWS name may change.

    Clients write host names down (GeoServer keeps the database's in its data folder), so a
    restored or replaced instance must be able to take its predecessor's name.
    """

    def __init__(
        self, name: str, args: PrivateNameArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:PrivateName", name, None, opts)
        child = ResourceOptions(parent=self)
        service = servicediscovery.Service(
            name,
            name=args.host,
            # Cloud Map API, DnsConfig: a CNAME record takes the WEIGHTED policy only.
            dns_config={
                "namespace_id": args.network.namespace.id,
                "routing_policy": "WEIGHTED",
                "dns_records": [{"type": "CNAME", "ttl": 10}],
            },
            opts=child,
        )
        instance = servicediscovery.Instance(
            name,
            instance_id=args.host,
            service_id=service.id,
            attributes={"AWS_INSTANCE_CNAME": args.target},
            opts=child,
        )
        # Known when the record exists.
        self.hostname: Output[str] = Output.format(
            "{0}.{1}", instance.instance_id, args.network.namespace.name
        )
        self.register_outputs({"hostname": self.hostname})


class PrivateService(ComponentResource):
    """A name in the VPC for the tasks of an ECS service, which registers their addresses."""

    def __init__(
        self, name: str, *, network: Network, host: str, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:PrivateService", name, None, opts)
        service = servicediscovery.Service(
            name,
            name=host,
            dns_config={
                "namespace_id": network.namespace.id,
                "routing_policy": "MULTIVALUE",
                "dns_records": [{"type": "A", "ttl": 10}],
            },
            # ECS reports the tasks' health here (ECS developer guide, "Service discovery").
            health_check_custom_config={"failure_threshold": 1},
            force_destroy=True,  # a stopped task's address may still stand there
            opts=ResourceOptions(parent=self),
        )
        self.registry_arn: Output[str] = service.arn
        self.hostname: Output[str] = Output.format("{0}.{1}", host, network.namespace.name)
        self.register_outputs({"hostname": self.hostname})
