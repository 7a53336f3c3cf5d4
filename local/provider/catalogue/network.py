"""VPC and what is in it, load balancers."""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from local.provider.lifecycle import Type
from local.provider.parts import Call, Change, Context, Name, Scope, When, op

_ARN = "arn:{partition}:ec2:{region}:{account}:"
_MANAGED = {"description": "Managed by Pulumi"}


def _filters(**values: str) -> list[dict[str, Any]]:
    return [{"Name": key.replace("_", "-"), "Values": [value]} for key, value in values.items()]


class DefaultSecurityGroup(Type):
    """A group that AWS made with the VPC: adopted, emptied, and left behind on deletion."""

    def finish(self, id_: str, inputs: Scope, changed: Any, olds: Scope, context: Context) -> Any:
        found = self.look(context.scope(inputs, id=id_), context)
        for direction, suffix in (("Ingress", ""), ("Egress", "Egress")):
            if rules := found and found.members.get(f"IpPermissions{suffix}"):
                request = {"GroupId": id_, "IpPermissions": rules}
                self.call(op(f"RevokeSecurityGroup{direction}"), request, context)
        return super().finish(id_, inputs, changed, olds, context)


class GroupRule(Type):
    """One rule: the API nests its source, and the source's description, in a permission."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step is self.create and "description" in scope:
            for sources in request["IpPermissions"][0].values():
                for item in sources if isinstance(sources, list) else ():
                    item["Description"] = scope["description"]
        return request


def _rule(direction: str) -> Type:
    return GroupRule(
        "ec2",
        op(f"AuthorizeSecurityGroup{direction}"),
        key="SecurityGroupRuleId GroupId={securityGroupId}",
        read=(op("DescribeSecurityGroupRules"),),
        update=(
            op(
                "ModifySecurityGroupRules",
                SecurityGroupRules=[{"SecurityGroupRuleId": "{id}"}],
                root="SecurityGroupRules.SecurityGroupRule",
                full=True,
            ),
        ),
        delete=(op(f"RevokeSecurityGroup{direction}"),),
        names="""
            securityGroupId=GroupId| description=|Description
            cidrIpv4=IpPermissions.IpRanges.CidrIp|CidrIpv4
            cidrIpv6=IpPermissions.Ipv6Ranges.CidrIpv6|CidrIpv6
            prefixListId=IpPermissions.PrefixListIds.PrefixListId|PrefixListId
            referencedSecurityGroupId=IpPermissions.UserIdGroupPairs.GroupId|ReferencedGroupId
            ipProtocol=IpPermissions.IpProtocol|IpProtocol
            fromPort=IpPermissions.FromPort|FromPort
            toPort=IpPermissions.ToPort|ToPort
            """,
        seen={"referencedSecurityGroupId": "ReferencedGroupInfo.GroupId"},
        outputs={"arn": _ARN + "security-group-rule/{id}", "securityGroupRuleId": "{id}"},
        replace="securityGroupId",
    )


class InternetGateway(Type):
    def remake(
        self, id_: str, olds: Scope, old_inputs: Scope, news: dict[str, Any], context: Context
    ) -> dict[str, Any]:
        """Another VPC's gateway is detached from the first (ec2/vpc_internet_gateway.go)."""
        before = old_inputs.get("vpcId")
        if before and before != news.get("vpcId"):
            request = {"InternetGatewayId": id_, "VpcId": before}
            self.call(op("DetachInternetGateway"), request, context)
        return super().remake(id_, olds, old_inputs, news, context)


def _remapped(change: Change) -> bool:
    """Whether subnets of an application load balancer that stay are mapped otherwise."""
    old, new = (
        {json.dumps(each, sort_keys=True) for each in value or []}
        for value in (change.old, change.new)
    )
    if change.news.get("loadBalancerType", "application") != "application":
        return False
    return len(old & new) < min(len(old), len(new))


class VpcEndpoint(Type):
    """Its lists change by what is added and what is removed."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        for key in ("RouteTableIds", "SubnetIds", "SecurityGroupIds"):
            if f"Add{key}" in request:
                wanted = set(request[f"Add{key}"])
                before = set(scope.get("__olds", {}).get(key[0].lower() + key[1:]) or [])
                request[f"Add{key}"] = sorted(wanted - before)
                request[f"Remove{key}"] = sorted(before - wanted)
        return {key: value for key, value in request.items() if value != []}


class FlowLog(Type):
    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step is self.create:
            sources = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}
            request["ResourceType"] = next(kind for key, kind in sources.items() if key in scope)
        return request


class ListenerRule(Type):
    """Each condition is told twice in the API: by its field's name and by its block."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:  # noqa: ARG002
        for condition in request.get("Conditions", []):
            (block,) = condition
            condition["Field"] = re.sub(r"(?<!^)(?=[A-Z])", "-", block[: -len("Config")]).lower()
        return request


def _actions(key: str) -> str:
    return f"""
        {key}.forward.targetGroups.arn=TargetGroupArn
        {key}.forward.stickiness=TargetGroupStickinessConfig
        {key}.forward.stickiness.duration=DurationSeconds
        """


def _logs(key: str, name: str) -> str:
    parts = " ".join(f"{key}.{part}=@{name}.s3.{part}" for part in ("bucket", "enabled", "prefix"))
    return f"{key}=. {parts}"


_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_DESTINATION: Mapping[str, Any] = {key: f"{{{key[0].lower()}{key[1:]}?}}" for key in _DESTINATIONS}
_SAME = "&&".join(f"({key}||'')=='{value}'" for key, value in _DESTINATION.items())


def _route_id(scope: Scope) -> str:
    destination = "".join(str(scope.get(key[0].lower() + key[1:], "")) for key in _DESTINATIONS)
    return f"r-{scope['routeTableId']}{zlib.crc32(destination.encode())}"


class Route(Type):
    """A route has no id of its own."""

    def identify(self, answer: Scope, scope: Scope) -> str:  # noqa: ARG002
        return _route_id(scope)


_STRICT = "routing.http.response.strict_transport_security.header_value"
_TLS = "routing.http.x_amzn_tls_version_and_cipher_suite"
_PRIORITY: Mapping[str, Any] = {"RulePriorities": [{"RuleArn": "{id}"}]}

# An entry reads best as one paragraph.
# fmt: off
TYPES: Mapping[str, Type] = {
    "aws:ec2/vpc:Vpc": Type(
        "ec2", op("CreateVpc"), key="VpcId",
        read=(op("DescribeVpcs"), op("DescribeVpcAttribute", ".",
            Attribute="enableDnsHostnames"), op("DescribeVpcAttribute", ".",
            Attribute="enableDnsSupport"), op("DescribeSecurityGroups",
            keep={"defaultSecurityGroupId": "SecurityGroups[0].GroupId"},
            Filters=_filters(vpc_id="{id}", group_name="default")), op("DescribeRouteTables",
            keep={"mainRouteTableId": "RouteTables[0].RouteTableId"},
            Filters=[*_filters(vpc_id="{id}"), *_filters(**{"association.main": "true"})]),
            op("DescribeNetworkAcls", keep={"defaultNetworkAclId": "NetworkAcls[0].NetworkAclId"},
            Filters=_filters(vpc_id="{id}", default="true"))),
        update=(op("ModifyVpcTenancy"),),
        also=(op("ModifyVpcAttribute",
            only="enableDnsSupport enableDnsHostnames enableNetworkAddressUsageMetrics"), ),
        names="assignGeneratedIpv6CidrBlock=AmazonProvidedIpv6CidrBlock",
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
        outputs={"arn": _ARN + "vpc/{id}", "defaultRouteTableId": "mainRouteTableId"},
        replace="cidrBlock ipv4IpamPoolId ipv4NetmaskLength",
        replace_when={"instanceTenancy": When(
            lambda c: (c.old, c.new) != ("dedicated", "default"),
            "ec2/vpc_.go:resourceVPCCustomizeDiff")},
    ),
    "aws:ec2/subnet:Subnet": Type(
        "ec2", op("CreateSubnet"), key="SubnetId",
        also=(
            op(
                "ModifySubnetAttribute",
                only="""
                    mapPublicIpOnLaunch assignIpv6AddressOnCreation enableDns64
                    privateDnsHostnameTypeOnLaunch enableResourceNameDnsARecordOnLaunch
                    enableResourceNameDnsAaaaRecordOnLaunch
                    """,
            ),
        ),
        seen={"privateDnsHostnameTypeOnLaunch": "PrivateDnsNameOptionsOnLaunch.HostnameType"},
        outputs={"arn": _ARN + "subnet/{id}"},
        replace="vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn",
    ),
    "aws:ec2/internetGateway:InternetGateway": InternetGateway(
        "ec2", op("CreateInternetGateway"), key="InternetGatewayId",
        also=(op("AttachInternetGateway"),),
        delete=(op("DetachInternetGateway", VpcId="{vpcId}"), op("DeleteInternetGateway")),
        seen={"vpcId": "Attachments[0].VpcId"}, outputs={"arn": _ARN + "internet-gateway/{id}"},
    ),
    "aws:ec2/eip:Eip": Type(
        "ec2", op("AllocateAddress"), key="AllocationId", read=(op("DescribeAddresses"),),
        delete=(op("ReleaseAddress"),),
        outputs={"arn": _ARN + "elastic-ip/{id}", "allocationId": "{id}"},
        defaults={"domain": "vpc"},
        replace="domain address publicIpv4Pool networkBorderGroup ipamPoolId",
    ),
    "aws:ec2/natGateway:NatGateway": Type(
        "ec2", op("CreateNatGateway"), key="NatGatewayId", ready="State=='available'",
        gone="State=='deleted'", names="privateIp=PrivateIpAddress",
        seen={"allocationId": "NatGatewayAddresses[0].AllocationId",
            "privateIp": "NatGatewayAddresses[0].PrivateIp"},
        outputs={"publicIp": "NatGatewayAddresses[0].PublicIp",
            "privateIp": "NatGatewayAddresses[0].PrivateIp",
            "networkInterfaceId": "NatGatewayAddresses[0].NetworkInterfaceId"},
        replace="subnetId allocationId connectivityType privateIp availabilityMode vpcId",
        replace_when={"secondaryPrivateIpAddressCount": When(
            lambda c: c.news.get("connectivityType") == "private",
            "ec2/vpc_nat_gateway.go:resourceNATGatewayCustomizeDiff")},
    ),
    "aws:ec2/routeTable:RouteTable": Type(
        "ec2", op("CreateRouteTable"), key="RouteTableId",
        outputs={"arn": _ARN + "route-table/{id}"}, replace="vpcId",
    ),
    "aws:ec2/route:Route": Route(
        "ec2", op("CreateRoute"), key="RouteTableId={routeTableId}",
        read=(op("DescribeRouteTables", f"RouteTables[0].Routes[?{_SAME}]|[0]"),),
        update=(op("ReplaceRoute", full=True),), delete=(op("DeleteRoute", **_DESTINATION),),
        names="egressOnlyGatewayId=EgressOnlyInternetGatewayId",
        replace="""
            routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId
            """,
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Type(
        "ec2", op("AssociateRouteTable"), key="AssociationId",
        read=(op("DescribeRouteTables",
            "RouteTables[0].Associations[?RouteTableAssociationId=='{id}']|[0]",
            Filters=_filters(**{"association.route-table-association-id": "{id}"})), ),
        delete=(op("DisassociateRouteTable"),), replace="routeTableId subnetId gatewayId",
        replace_first=True,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": VpcEndpoint(
        "ec2", op("CreateVpcEndpoint"), key="VpcEndpointId",
        read=(op("DescribeVpcEndpoints"), op("DescribePrefixLists",
            keep={"prefixListId": "PrefixLists[0].PrefixListId",
            "cidrBlocks": "PrefixLists[0].Cidrs"},
            Filters=_filters(prefix_list_name="{serviceName}"))),
        delete=(op("DeleteVpcEndpoints"),), gone="State=='deleted'",
        names="""
            policy=PolicyDocument routeTableIds=RouteTableIds|AddRouteTableIds
            subnetIds=SubnetIds|AddSubnetIds securityGroupIds=SecurityGroupIds|AddSecurityGroupIds
            """,
        seen={"securityGroupIds": "Groups[].GroupId"},
        outputs={"arn": _ARN + "vpc-endpoint/{id}",
            "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}"},
        defaults={"vpcEndpointType": "Gateway"},
        replace="vpcId serviceName vpcEndpointType serviceRegion",
    ),
    "aws:ec2/flowLog:FlowLog": FlowLog(
        "ec2", op("CreateFlowLogs"), key="FlowLogId", id="FlowLogIds[0]",
        read=(op("DescribeFlowLogs"),), delete=(op("DeleteFlowLogs"),),
        names="""
            iamRoleArn=DeliverLogsPermissionArn vpcId=ResourceIds subnetId=ResourceIds
            eniId=ResourceIds
            """,
        seen={"vpcId": "ResourceId", "subnetId": "ResourceId", "eniId": "ResourceId"},
        outputs={"arn": _ARN + "vpc-flow-log/{id}"}, late_tags=True, replace="*",
    ),
    "aws:ec2/securityGroup:SecurityGroup": Type(
        "ec2", op("CreateSecurityGroup"), key="GroupId",
        then=(op("RevokeSecurityGroupEgress",
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]), ),
        names="name=GroupName", client="revokeRulesOnDelete namePrefix",
        outputs={"arn": _ARN + "security-group/{id}"}, defaults=_MANAGED,
        replace="name namePrefix description vpcId",
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": DefaultSecurityGroup(
        "ec2",
        op("DescribeSecurityGroups", Filters=_filters(group_name="default", vpc_id="{vpcId}")),
        id="SecurityGroups[0].GroupId",
        read=(op("DescribeSecurityGroups", "SecurityGroups[0]", GroupIds=["{id}"]),),
        names="vpcId=", client="revokeRulesOnDelete", late_tags=True,
        outputs={"arn": _ARN + "security-group/{id}", "name": "GroupName",
            "description": "Description"},
        replace="vpcId",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
    "aws:lb/loadBalancer:LoadBalancer": Type(
        "elbv2", op("CreateLoadBalancer"), key="LoadBalancerArn",
        read=(op("DescribeLoadBalancers"), op("DescribeLoadBalancerAttributes")),
        also=(op("ModifyLoadBalancerAttributes"),),
        update=(op("SetSecurityGroups"), op("SetSubnets", only="subnets subnetMappings"),
            op("SetIpAddressType", only="ipAddressType")),
        guard="enableDeletionProtection",
        names=f"""
            loadBalancerType=Type internal=Scheme idleTimeout=@idle_timeout.timeout_seconds
            clientKeepAlive=@client_keep_alive.seconds
            enableDeletionProtection=@deletion_protection.enabled
            enableCrossZoneLoadBalancing=@load_balancing.cross_zone.enabled
            dropInvalidHeaderFields=@routing.http.drop_invalid_header_fields.enabled
            preserveHostHeader=@routing.http.preserve_host_header.enabled
            desyncMitigationMode=@routing.http.desync_mitigation_mode
            enableHttp2=@routing.http2.enabled enableTlsVersionAndCipherSuiteHeaders=@{_TLS}.enabled
            enableXffClientPort=@routing.http.xff_client_port.enabled
            xffHeaderProcessingMode=@routing.http.xff_header_processing.mode
            enableWafFailOpen=@waf.fail_open.enabled enableZonalShift=@zonal_shift.config.enabled
            {_logs("accessLogs", "access_logs")} {_logs("connectionLogs", "connection_logs")}
            {_logs("healthCheckLogs", "health_check_logs")}
            """,
        values={"internal": {True: "internal", False: "internet-facing"}},
        seen={"subnets": "AvailabilityZones[].SubnetId"}, naming=Name(limit=32),
        defaults={"loadBalancerType": "application"},
        outputs={"arn": "{id}", "dnsName": "DNSName", "zoneId": "CanonicalHostedZoneId",
            "vpcId": "VpcId", "arnSuffix": lambda s: s["id"].partition(":loadbalancer/")[2]},
        replace="name namePrefix internal loadBalancerType customerOwnedIpv4Pool",
        replace_when={"subnetMappings": When(_remapped,
            "elbv2/load_balancer.go:customizeDiffLoadBalancerALB")},
    ),
    "aws:lb/targetGroup:TargetGroup": Type(
        "elbv2", op("CreateTargetGroup"), key="TargetGroupArn",
        read=(op("DescribeTargetGroups"), op("DescribeTargetGroupAttributes")),
        also=(op("ModifyTargetGroupAttributes"),), nouns="TargetGroup",
        names="""
            healthCheck=. healthCheck.enabled=HealthCheckEnabled healthCheck.path=HealthCheckPath
            healthCheck.matcher=Matcher.HttpCode healthCheck.port=HealthCheckPort
            healthCheck.healthyThreshold=HealthyThresholdCount
            healthCheck.unhealthyThreshold=UnhealthyThresholdCount
            healthCheck.interval=HealthCheckIntervalSeconds healthCheck.protocol=HealthCheckProtocol
            healthCheck.timeout=HealthCheckTimeoutSeconds
            deregistrationDelay=@deregistration_delay.timeout_seconds
            slowStart=@slow_start.duration_seconds
            loadBalancingAlgorithmType=@load_balancing.algorithm.type
            loadBalancingAnomalyMitigation=@load_balancing.algorithm.anomaly_mitigation
            loadBalancingCrossZoneEnabled=@load_balancing.cross_zone.enabled
            preserveClientIp=@preserve_client_ip.enabled proxyProtocolV2=@proxy_protocol_v2.enabled
            connectionTermination=@deregistration_delay.connection_termination.enabled
            lambdaMultiValueHeadersEnabled=@lambda.multi_value_headers.enabled stickiness=.
            stickiness.enabled=@stickiness.enabled stickiness.type=@stickiness.type
            stickiness.cookieDuration=@stickiness.lb_cookie.duration_seconds
            stickiness.cookieName=@stickiness.app_cookie.cookie_name
            """,
        naming=Name(limit=32),
        outputs={"arn": "{id}",
            "arnSuffix": lambda s: "targetgroup/" + s["id"].partition(":targetgroup/")[2],
            "loadBalancerArns": "LoadBalancerArns"},
        replace="name namePrefix port protocol targetType vpcId protocolVersion ipAddressType",
    ),
    "aws:lb/listener:Listener": Type(
        "elbv2", op("CreateListener"), key="ListenerArn",
        read=(op("DescribeListeners"), op("DescribeListenerAttributes")),
        also=(op("ModifyListenerAttributes"),),
        names=f"""
            certificateArn=Certificates.CertificateArn
            routingHttpResponseServerEnabled=@routing.http.response.server.enabled
            routingHttpResponseStrictTransportSecurityHeaderValue=@{_STRICT}
            tcpIdleTimeoutSeconds=@tcp.idle_timeout.seconds {_actions("defaultActions")}
            """,
        outputs={"arn": "{id}"}, replace="loadBalancerArn",
    ),
    "aws:lb/listenerRule:ListenerRule": ListenerRule(
        "elbv2", op("CreateRule"), key="RuleArn",
        update=(op("ModifyRule"),
            op("SetRulePriorities", root="RulePriorities", only="priority", **_PRIORITY)),
        names="conditions.queryStrings=QueryStringConfig.Values" + _actions("actions"),
        outputs={"arn": "{id}"}, replace="listenerArn",
    ),
}
