"""VPC and what is in it, load balancers."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.provider.lifecycle import Type
from local.provider.model import Dictionary
from local.provider.parts import Call, Name, Scope, Tagging, call

_EC2 = Tagging(
    add=call("CreateTags", Resources=["{id}"]), remove=call("DeleteTags", Resources=["{id}"])
)
_FLOW_LOG = replace(_EC2, inline=False)  # the emulator forgets the tags of a creation
_ELB = Tagging(
    add=call("AddTags", ResourceArns=["{id}"]),
    remove=call("RemoveTags", ResourceArns=["{id}"]),
    read=call("DescribeTags", "TagDescriptions[0].Tags", ResourceArns=["{id}"]),
)
_ARN = "arn:{partition}:ec2:{region}:{account}:"


class SecurityGroup(Type):
    """AWS gives a new group a rule that lets all out; the official provider takes it away."""

    def settle(self, id_: str, inputs: Scope, context: Any) -> None:
        super().settle(id_, inputs, context)
        anyone = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        revoke = call("RevokeSecurityGroupEgress")
        self.call(revoke, {"GroupId": id_, "IpPermissions": anyone}, context)


class DefaultSecurityGroup(Type):
    """A group that AWS made with the VPC: adopted, emptied, and left behind on deletion."""

    def make(self, inputs: Scope, context: Any) -> tuple[str, dict[str, Any]]:
        filters = [
            {"Name": "group-name", "Values": ["default"]},
            {"Name": "vpc-id", "Values": [inputs["vpcId"]]},
        ]
        found = self.call(self.create, {"Filters": filters}, context)["SecurityGroups"]
        if not found:
            raise LookupError(f"{inputs['vpcId']} has no default security group")
        id_ = found[0]["GroupId"]
        for direction, suffix in (("Ingress", ""), ("Egress", "Egress")):
            if rules := found[0].get(f"IpPermissions{suffix}"):
                request = {"GroupId": id_, "IpPermissions": rules}
                self.call(call(f"RevokeSecurityGroup{direction}"), request, context)
        if inputs.get("tagsAll"):
            self.tag(context.scope(id=id_), {}, inputs, context)
        return id_, self.finish(id_, inputs, (), {}, context)

    def unmake(self, id_: str, olds: Scope, context: Any) -> None:
        """The group goes with its VPC."""


class GroupRule(Type):
    """One rule: the API nests its source, and the source's description, in a permission."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        if step is self.create and "description" in scope:
            permission = request["IpPermissions"][0]
            for source in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
                for item in permission.get(source, []):
                    item["Description"] = scope["description"]
        return request


def _rule(direction: str, *, egress: str) -> Type:
    return GroupRule(
        service="ec2",
        create=call(f"AuthorizeSecurityGroup{direction}", _names={
            "securityGroupId": "GroupId",
            "cidrIpv4": "IpPermissions[0].IpRanges[0].CidrIp",
            "cidrIpv6": "IpPermissions[0].Ipv6Ranges[0].CidrIpv6",
            "prefixListId": "IpPermissions[0].PrefixListIds[0].PrefixListId",
            "referencedSecurityGroupId": "IpPermissions[0].UserIdGroupPairs[0].GroupId",
            "ipProtocol": "IpPermissions[0].IpProtocol",
            "fromPort": "IpPermissions[0].FromPort",
            "toPort": "IpPermissions[0].ToPort",
        }),
        id="SecurityGroupRules[0].SecurityGroupRuleId",
        read=(call("DescribeSecurityGroupRules", "SecurityGroupRules[0]", SecurityGroupRuleIds=["{id}"]),),
        update=(call("ModifySecurityGroupRules", GroupId="{securityGroupId}",
                     SecurityGroupRules=[{"SecurityGroupRuleId": "{id}"}],
                     _root="SecurityGroupRules[0].SecurityGroupRule", _full=True,
                     _names={"referencedSecurityGroupId": "ReferencedGroupId", "securityGroupId": ""}),),
        delete=(call(f"RevokeSecurityGroup{egress}", GroupId="{securityGroupId}", SecurityGroupRuleIds=["{id}"]),),
        words=Dictionary(names={"securityGroupId": "GroupId", "description": ""}),
        seen={"referencedSecurityGroupId": "ReferencedGroupInfo.GroupId", "description": "Description"},
        outputs={"arn": _ARN + "security-group-rule/{id}", "securityGroupRuleId": "{id}"},
        replace="securityGroupId", tagging=_EC2,
    )  # fmt: skip


class VpcEndpoint(Type):
    """Its lists change by what is added and what is removed."""

    def prepare(self, step: Call, request: dict[str, Any], scope: Scope) -> dict[str, Any]:
        olds: Mapping[str, Any] = scope.get("__olds", {})
        for key in ("RouteTableIds", "SubnetIds", "SecurityGroupIds"):
            if (
                step.op == "ModifyVpcEndpoint"
                and (wanted := request.pop(f"Add{key}", None)) is not None
            ):
                before = olds.get(key[0].lower() + key[1:]) or []
                request[f"Add{key}"] = sorted(set(wanted) - set(before))
                request[f"Remove{key}"] = sorted(set(before) - set(wanted))
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
            for block in list(condition):
                if block.endswith("Config"):
                    condition["Field"] = _FIELDS[block]
        return request


_FIELDS = {
    "HostHeaderConfig": "host-header",
    "HttpHeaderConfig": "http-header",
    "HttpRequestMethodConfig": "http-request-method",
    "PathPatternConfig": "path-pattern",
    "QueryStringConfig": "query-string",
    "SourceIpConfig": "source-ip",
}


def _actions(key: str) -> dict[str, str]:
    return {
        f"{key}.forward.targetGroups.arn": "TargetGroupArn",
        f"{key}.forward.stickiness": "TargetGroupStickinessConfig",
        f"{key}.forward.stickiness.duration": "DurationSeconds",
    }


def _log_attributes(key: str, name: str) -> dict[str, str]:
    return {f"{key}.{part}": f"{name}.s3.{part}" for part in ("bucket", "enabled", "prefix")}


_LB_ATTRIBUTES = {
    "idleTimeout": "idle_timeout.timeout_seconds",
    "clientKeepAlive": "client_keep_alive.seconds",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "enableHttp2": "routing.http2.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableZonalShift": "zonal_shift.config.enabled",
    **_log_attributes("accessLogs", "access_logs"),
    **_log_attributes("connectionLogs", "connection_logs"),
    **_log_attributes("healthCheckLogs", "health_check_logs"),
}
_TARGET_ATTRIBUTES = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": "load_balancing.algorithm.anomaly_mitigation",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "lambdaMultiValueHeadersEnabled": "lambda.multi_value_headers.enabled",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "stickiness.cookieDuration": "stickiness.lb_cookie.duration_seconds",
    "stickiness.cookieName": "stickiness.app_cookie.cookie_name",
}
_LISTENER_ATTRIBUTES = {
    "routingHttpResponseServerEnabled": "routing.http.response.server.enabled",
    "routingHttpResponseStrictTransportSecurityHeaderValue": "routing.http.response.strict_transport_security.header_value",
    "tcpIdleTimeoutSeconds": "tcp.idle_timeout.seconds",
}
_DESTINATION = (
    "(DestinationCidrBlock||'')=='{destinationCidrBlock?}'"
    "&&(DestinationIpv6CidrBlock||'')=='{destinationIpv6CidrBlock?}'"
    "&&(DestinationPrefixListId||'')=='{destinationPrefixListId?}'"
)
_DESTINATION_ARGS = {
    "RouteTableId": "{routeTableId}",
    "DestinationCidrBlock": "{destinationCidrBlock?}",
    "DestinationIpv6CidrBlock": "{destinationIpv6CidrBlock?}",
    "DestinationPrefixListId": "{destinationPrefixListId?}",
}


def _route_id(scope: Scope) -> str:
    destination = "".join(str(scope.get(key[0].lower() + key[1:], "")) for key in _DESTINATION_ARGS)
    return f"r-{scope['routeTableId']}{zlib.crc32(destination.encode())}"


# fmt: off
# ruff: noqa: E501 - a table: an entry reads best as one paragraph
TYPES: Mapping[str, Type] = {
    "aws:ec2/vpc:Vpc": Type(
        service="ec2", create=call("CreateVpc"), id="Vpc.VpcId", tagging=_EC2,
        read=(call("DescribeVpcs", "Vpcs[0]", VpcIds=["{id}"]),
              *(call("DescribeVpcAttribute", ".", VpcId="{id}", Attribute=name)
                for name in ("enableDnsHostnames", "enableDnsSupport")),
              call("DescribeSecurityGroups", _keep={"defaultSecurityGroupId": "SecurityGroups[0].GroupId"},
                   Filters=[{"Name": "vpc-id", "Values": ["{id}"]}, {"Name": "group-name", "Values": ["default"]}]),
              call("DescribeRouteTables", _keep={"mainRouteTableId": "RouteTables[0].RouteTableId"},
                   Filters=[{"Name": "vpc-id", "Values": ["{id}"]}, {"Name": "association.main", "Values": ["true"]}]),
              call("DescribeNetworkAcls", _keep={"defaultNetworkAclId": "NetworkAcls[0].NetworkAclId"},
                   Filters=[{"Name": "vpc-id", "Values": ["{id}"]}, {"Name": "default", "Values": ["true"]}])),
        also=(call("ModifyVpcAttribute", VpcId="{id}", _each=True,
                   _only="enableDnsSupport enableDnsHostnames enableNetworkAddressUsageMetrics"),),
        delete=(call("DeleteVpc", VpcId="{id}"),),
        words=Dictionary(names={"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"}),
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
        outputs={"arn": _ARN + "vpc/{id}", "defaultRouteTableId": "mainRouteTableId"},
        replace="cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength",
    ),
    "aws:ec2/subnet:Subnet": Type(
        service="ec2", create=call("CreateSubnet"), id="Subnet.SubnetId", tagging=_EC2,
        read=(call("DescribeSubnets", "Subnets[0]", SubnetIds=["{id}"]),),
        also=(call("ModifySubnetAttribute", SubnetId="{id}", _each=True,
                   _only="mapPublicIpOnLaunch assignIpv6AddressOnCreation enableDns64 privateDnsHostnameTypeOnLaunch "
                         "enableResourceNameDnsARecordOnLaunch enableResourceNameDnsAaaaRecordOnLaunch"),),
        delete=(call("DeleteSubnet", SubnetId="{id}"),),
        seen={"privateDnsHostnameTypeOnLaunch": "PrivateDnsNameOptionsOnLaunch.HostnameType"},
        outputs={"arn": _ARN + "subnet/{id}"},
        replace="vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn",
    ),
    "aws:ec2/internetGateway:InternetGateway": Type(
        service="ec2", create=call("CreateInternetGateway"), id="InternetGateway.InternetGatewayId", tagging=_EC2,
        read=(call("DescribeInternetGateways", "InternetGateways[0]", InternetGatewayIds=["{id}"]),),
        also=(call("AttachInternetGateway", InternetGatewayId="{id}"),),
        delete=(call("DetachInternetGateway", InternetGatewayId="{id}", VpcId="{vpcId}", _when="vpcId"),
                call("DeleteInternetGateway", InternetGatewayId="{id}")),
        seen={"vpcId": "Attachments[0].VpcId"}, outputs={"arn": _ARN + "internet-gateway/{id}"},
        replace="vpcId",
    ),
    "aws:ec2/eip:Eip": Type(
        service="ec2", create=call("AllocateAddress"), id="AllocationId", tagging=_EC2,
        read=(call("DescribeAddresses", "Addresses[0]", AllocationIds=["{id}"]),),
        delete=(call("ReleaseAddress", AllocationId="{id}"),),
        outputs={"arn": _ARN + "elastic-ip/{id}", "allocationId": "{id}"}, defaults={"domain": "vpc"},
        replace="domain address publicIpv4Pool networkBorderGroup ipamPoolId",
    ),
    "aws:ec2/natGateway:NatGateway": Type(
        service="ec2", create=call("CreateNatGateway"), id="NatGateway.NatGatewayId", tagging=_EC2,
        read=(call("DescribeNatGateways", "NatGateways[0]", NatGatewayIds=["{id}"]),), wait="nat_gateway_available",
        delete=(call("DeleteNatGateway", NatGatewayId="{id}"),), gone="State=='deleted'",
        words=Dictionary(names={"privateIp": "PrivateIpAddress"}),
        seen={"allocationId": "NatGatewayAddresses[0].AllocationId", "privateIp": "NatGatewayAddresses[0].PrivateIp"},
        outputs={"publicIp": "NatGatewayAddresses[0].PublicIp", "privateIp": "NatGatewayAddresses[0].PrivateIp",
                 "networkInterfaceId": "NatGatewayAddresses[0].NetworkInterfaceId"},
        replace="subnetId allocationId connectivityType privateIp availabilityMode vpcId",
    ),
    "aws:ec2/routeTable:RouteTable": Type(
        service="ec2", create=call("CreateRouteTable"), id="RouteTable.RouteTableId", tagging=_EC2,
        read=(call("DescribeRouteTables", "RouteTables[0]", RouteTableIds=["{id}"]),),
        delete=(call("DeleteRouteTable", RouteTableId="{id}"),),
        outputs={"arn": _ARN + "route-table/{id}"}, replace="vpcId",
    ),
    "aws:ec2/route:Route": Type(
        service="ec2", create=call("CreateRoute"), id=_route_id,
        read=(call("DescribeRouteTables", f"RouteTables[0].Routes[?{_DESTINATION}]|[0]", RouteTableIds=["{routeTableId}"]),),
        update=(call("ReplaceRoute", _full=True),), delete=(call("DeleteRoute", **_DESTINATION_ARGS),),
        words=Dictionary(names={"egressOnlyGatewayId": "EgressOnlyInternetGatewayId"}),
        replace="routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Type(
        service="ec2", create=call("AssociateRouteTable"), id="AssociationId",
        read=(call("DescribeRouteTables", "RouteTables[0].Associations[?RouteTableAssociationId=='{id}']|[0]",
                   Filters=[{"Name": "association.route-table-association-id", "Values": ["{id}"]}]),),
        delete=(call("DisassociateRouteTable", AssociationId="{id}"),),
        replace="routeTableId subnetId gatewayId", replace_first=True,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": VpcEndpoint(
        service="ec2", create=call("CreateVpcEndpoint"), id="VpcEndpoint.VpcEndpointId", tagging=_EC2,
        read=(call("DescribeVpcEndpoints", "VpcEndpoints[0]", VpcEndpointIds=["{id}"]),
              call("DescribePrefixLists", _keep={"prefixListId": "PrefixLists[0].PrefixListId", "cidrBlocks": "PrefixLists[0].Cidrs"},
                   Filters=[{"Name": "prefix-list-name", "Values": ["{serviceName}"]}])),
        update=(call("ModifyVpcEndpoint", VpcEndpointId="{id}", _names={
            "routeTableIds": "AddRouteTableIds", "subnetIds": "AddSubnetIds", "securityGroupIds": "AddSecurityGroupIds"}),),
        delete=(call("DeleteVpcEndpoints", VpcEndpointIds=["{id}"]),), gone="State=='deleted'",
        words=Dictionary(names={"policy": "PolicyDocument"}), seen={"securityGroupIds": "Groups[].GroupId"},
        outputs={"arn": _ARN + "vpc-endpoint/{id}",
                 "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}"},
        defaults={"vpcEndpointType": "Gateway"}, replace="vpcId serviceName vpcEndpointType serviceRegion",
    ),
    "aws:ec2/flowLog:FlowLog": FlowLog(
        service="ec2", create=call("CreateFlowLogs"), id="FlowLogIds[0]", tagging=_FLOW_LOG,
        read=(call("DescribeFlowLogs", "FlowLogs[0]", FlowLogIds=["{id}"]),),
        delete=(call("DeleteFlowLogs", FlowLogIds=["{id}"]),),
        words=Dictionary(names={"iamRoleArn": "DeliverLogsPermissionArn", "vpcId": "ResourceIds",
                                "subnetId": "ResourceIds", "eniId": "ResourceIds"}),
        seen={"vpcId": "ResourceId", "subnetId": "ResourceId", "eniId": "ResourceId"},
        outputs={"arn": _ARN + "vpc-flow-log/{id}"}, replace="*",
    ),
    "aws:ec2/securityGroup:SecurityGroup": SecurityGroup(
        service="ec2", create=call("CreateSecurityGroup"), id="GroupId", tagging=_EC2,
        read=(call("DescribeSecurityGroups", "SecurityGroups[0]", GroupIds=["{id}"]),),
        delete=(call("DeleteSecurityGroup", GroupId="{id}"),),
        words=Dictionary(names={"name": "GroupName"}), client="revokeRulesOnDelete namePrefix",
        outputs={"arn": _ARN + "security-group/{id}"}, defaults={"description": "Managed by Pulumi"},
        replace="name namePrefix description vpcId",
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": DefaultSecurityGroup(
        service="ec2", create=call("DescribeSecurityGroups"), id="", tagging=_EC2,
        read=(call("DescribeSecurityGroups", "SecurityGroups[0]", GroupIds=["{id}"]),),
        words=Dictionary(names={"vpcId": ""}), client="revokeRulesOnDelete",
        outputs={"arn": _ARN + "security-group/{id}", "name": "GroupName", "description": "Description"},
        replace="vpcId",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress", egress="Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress", egress="Egress"),
    "aws:lb/loadBalancer:LoadBalancer": Type(
        service="elbv2", create=call("CreateLoadBalancer"), id="LoadBalancers[0].LoadBalancerArn", tagging=_ELB,
        read=(call("DescribeLoadBalancers", "LoadBalancers[0]", LoadBalancerArns=["{id}"]),
              call("DescribeLoadBalancerAttributes", LoadBalancerArn="{id}", _attrs=_LB_ATTRIBUTES)),
        also=(call("ModifyLoadBalancerAttributes", LoadBalancerArn="{id}", _attrs=_LB_ATTRIBUTES),),
        update=(call("SetSecurityGroups", LoadBalancerArn="{id}"), call("SetSubnets", LoadBalancerArn="{id}", _only="subnets"),
                call("SetIpAddressType", LoadBalancerArn="{id}", _only="ipAddressType")),
        delete=(call("DeleteLoadBalancer", LoadBalancerArn="{id}"),), guard="enableDeletionProtection",
        words=Dictionary(names={"loadBalancerType": "Type", "internal": "Scheme"},
                         values={"internal": {True: "internal", False: "internet-facing"}}),
        seen={"subnets": "AvailabilityZones[].SubnetId"}, naming=Name(limit=32, prefix="namePrefix"),
        defaults={"loadBalancerType": "application"},
        outputs={"arn": "{id}", "dnsName": "DNSName", "zoneId": "CanonicalHostedZoneId", "vpcId": "VpcId",
                 "arnSuffix": lambda s: s["id"].partition(":loadbalancer/")[2]},
        replace="name namePrefix internal loadBalancerType",
    ),
    "aws:lb/targetGroup:TargetGroup": Type(
        service="elbv2", create=call("CreateTargetGroup"), id="TargetGroups[0].TargetGroupArn", tagging=_ELB,
        read=(call("DescribeTargetGroups", "TargetGroups[0]", TargetGroupArns=["{id}"]),
              call("DescribeTargetGroupAttributes", TargetGroupArn="{id}", _attrs=_TARGET_ATTRIBUTES)),
        also=(call("ModifyTargetGroupAttributes", TargetGroupArn="{id}", _attrs=_TARGET_ATTRIBUTES),),
        update=(call("ModifyTargetGroup", TargetGroupArn="{id}", _only="healthCheck"),),
        delete=(call("DeleteTargetGroup", TargetGroupArn="{id}"),),
        words=Dictionary(nouns="TargetGroup", names={
            "healthCheck": ".", "healthCheck.enabled": "HealthCheckEnabled", "healthCheck.matcher": "Matcher.HttpCode",
            "healthCheck.healthyThreshold": "HealthyThresholdCount", "healthCheck.path": "HealthCheckPath",
            "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount", "healthCheck.port": "HealthCheckPort",
            "healthCheck.interval": "HealthCheckIntervalSeconds", "healthCheck.protocol": "HealthCheckProtocol",
            "healthCheck.timeout": "HealthCheckTimeoutSeconds"}),
        naming=Name(limit=32, prefix="namePrefix"),
        outputs={"arn": "{id}", "arnSuffix": lambda s: "targetgroup/" + s["id"].partition(":targetgroup/")[2],
                 "loadBalancerArns": "LoadBalancerArns"},
        replace="name namePrefix port protocol targetType vpcId protocolVersion ipAddressType",
    ),
    "aws:lb/listener:Listener": Type(
        service="elbv2", create=call("CreateListener"), id="Listeners[0].ListenerArn", tagging=_ELB,
        read=(call("DescribeListeners", "Listeners[0]", ListenerArns=["{id}"]),
              call("DescribeListenerAttributes", ListenerArn="{id}", _attrs=_LISTENER_ATTRIBUTES)),
        also=(call("ModifyListenerAttributes", ListenerArn="{id}", _attrs=_LISTENER_ATTRIBUTES),),
        update=(call("ModifyListener", ListenerArn="{id}"),), delete=(call("DeleteListener", ListenerArn="{id}"),),
        words=Dictionary(names={"certificateArn": "Certificates[0].CertificateArn", **_actions("defaultActions")}),
        outputs={"arn": "{id}"}, replace="loadBalancerArn",
    ),
    "aws:lb/listenerRule:ListenerRule": ListenerRule(
        service="elbv2", create=call("CreateRule"), id="Rules[0].RuleArn", tagging=_ELB,
        read=(call("DescribeRules", "Rules[0]", RuleArns=["{id}"]),),
        update=(call("ModifyRule", RuleArn="{id}"),
                call("SetRulePriorities", RulePriorities=[{"RuleArn": "{id}"}], _root="RulePriorities[0]", _only="priority")),
        delete=(call("DeleteRule", RuleArn="{id}"),),
        words=Dictionary(names={"conditions.queryStrings": "QueryStringConfig.Values", **_actions("actions")}),
        outputs={"arn": "{id}"}, replace="listenerArn",
    ),
}
