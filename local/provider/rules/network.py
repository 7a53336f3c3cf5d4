"""VPC and load balancers."""

import re
from ipaddress import IPv4Network
from typing import Any

from local.provider.rules.core import (
    OFFERED,
    Block,
    at_most,
    between,
    blocks,
    exactly_one,
    like,
    of,
    one_of,
    unique,
    unlike,
    words,
)

_RULES = """
    vpc/securityGroupIngressRule:SecurityGroupIngressRule
    vpc/securityGroupEgressRule:SecurityGroupEgressRule
    """
_GROUP_TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}"
_BALANCER_NAME = r"(?!internal-)(?!-)[a-zA-Z0-9-]{1,32}(?<!-)"
_BALANCER_WORDS = "must be 1 to 32 letters, digits and inner hyphens, not beginning with internal-"
_FORMATS = words("text/plain text/css text/html application/javascript application/json")
_POLICIES = (
    r"ELBSecurityPolicy-(2016-08|TLS-1-[012]-(Ext-)?201[67]-\d\d|FS(-1-[12])?(-Res)?-20(18|19|20)-\d\d"
    r"|TLS13-1-[0123](-(Ext[012]|Res))?(-FIPS)?(-PQ)?-(2021-06|2023-04|2025-09))"
)


def _block_size(value: str) -> bool:
    return 16 <= IPv4Network(value).prefixlen <= 28


def _zone(subnet: Block) -> bool:
    """One of the region's zones; of regions that nothing is known of, any."""
    known = OFFERED["zones"].get(subnet["region"])
    zone = subnet.get("availabilityZone", "")
    return bool(re.fullmatch(f"{subnet['region']}[{known or 'a-z'}]", zone))


def _ports(block: Block) -> bool:
    low, high = block.get("fromPort"), block.get("toPort")
    if str(block["ipProtocol"]) == "-1":
        return low is None and high is None
    if str(block["ipProtocol"]).lower() in ("tcp", "udp", "6", "17"):
        return bool(0 <= low <= high <= 65535)
    return True


def _endpoint(block: Block) -> bool:
    private = block.get("subnetIds") or block.get("securityGroupIds")
    if block.get("vpcEndpointType", "Gateway") != "Gateway":
        return not block.get("routeTableIds")
    return not private and block["serviceName"].endswith((".s3", ".dynamodb"))


def _matcher(text: Any) -> bool:
    parts = re.split("[,-]", str(text))
    return all(200 <= int(part) <= 499 for part in parts)


def _condition_values(conditions: list[Any]) -> list[str]:
    kinds = [kind for condition in conditions for kind in condition.values() if kind]
    values = [
        value for kind in kinds for item in blocks(kind) for value in item.get("values") or []
    ]
    return [value if isinstance(value, str) else str(value.get("value")) for value in values]


def _action(action: Block) -> bool:
    """The block that an action's type asks for."""
    wanted = {
        "forward": ("targetGroupArn", "forward"),
        "redirect": ("redirect",),
        "fixed-response": ("fixedResponse",),
    }
    return any(key in action for key in wanted.get(action["type"], action))


def _listener_tls(block: Block) -> bool:
    secure = block.get("protocol", "HTTP") in ("HTTPS", "TLS")
    return ("certificateArn" in block) if secure else not {"certificateArn", "sslPolicy"} & {*block}


def _changes_something(redirect: Block) -> bool:
    """A redirect to the very same address never ends."""
    return any(redirect.get(key) for key in ("protocol", "port", "host", "path"))


# A row reads best in one place.
# fmt: off
RULES = (
    *of("ec2/vpc:Vpc", "EC2 API, CreateVpc",
        ("cidrBlock", _block_size, "must be a network of /16 to /28")),
    *of("ec2/subnet:Subnet", "EC2 API, CreateSubnet",
        ("cidrBlock", _block_size, "must be a network of /16 to /28"),
        ("", _zone, "availabilityZone must be a zone of the region")),
    *of("ec2/securityGroup:SecurityGroup", "EC2 API, CreateSecurityGroup",
        ("name", like(_GROUP_TEXT), "has characters that a group's name may not have"),
        ("name", unlike("^sg-"), "must not begin with sg-"),
        ("description", like(_GROUP_TEXT), "has characters that a description may not have"),
        ("", lambda s: not (s.get("ingress") or s.get("egress")),
            "ingress and egress stand in rules of their own, which inline ones would remove")),
    *of(_RULES, "EC2 API, AuthorizeSecurityGroupIngress",
        ("ipProtocol", like(r"tcp|udp|icmp|icmpv6|-1|\d{1,3}"), "must be a protocol, or -1"),
        ("", _ports, "fromPort must not be above toPort, both 0 to 65535, and none with -1"),
        ("", exactly_one("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"),
            "cidrIpv4, cidrIpv6, prefixListId or referencedSecurityGroupId: exactly one"),
        ("cidrIpv4", lambda value: IPv4Network(value), "must be a network without host bits"),
        ("description", like(_GROUP_TEXT), "has characters that a description may not have")),
    *of("ec2/route:Route", "EC2 API, CreateRoute",
        ("", exactly_one("destinationCidrBlock", "destinationIpv6CidrBlock",
            "destinationPrefixListId"), "destinationCidrBlock or another: exactly one"),
        ("", exactly_one("gatewayId", "natGatewayId", "vpcEndpointId", "transitGatewayId",
            "networkInterfaceId", "egressOnlyGatewayId", "vpcPeeringConnectionId"),
            "gatewayId, natGatewayId or another target: exactly one"),
        ("destinationCidrBlock", lambda value: IPv4Network(value), "must be a network")),
    *of("ec2/natGateway:NatGateway", "EC2 API, CreateNatGateway",
        ("", lambda n: "allocationId" in n or n.get("connectivityType") == "private",
            "allocationId is needed by a public gateway")),
    *of("ec2/vpcEndpoint:VpcEndpoint", "EC2 API, CreateVpcEndpoint",
        ("", _endpoint, "vpcEndpointType Gateway is for S3 and DynamoDB, with route tables"),
        ("", lambda e: f".{e['region']}." in e["serviceName"],
            "serviceName must be one of the region")),
    *of("ec2/vpcEndpoint:VpcEndpoint", "AWS General Reference, Incident Manager endpoints",
        ("", lambda e: not e["serviceName"].endswith((".ssm-contacts", ".ssm-incidents"))
            or e["region"] in OFFERED["incidents"].split(),
            "serviceName: the region has no Incident Manager")),
    *of("ec2/flowLog:FlowLog", "EC2 API, CreateFlowLogs",
        ("", lambda f: f.get("logDestinationType", "cloud-watch-logs") != "cloud-watch-logs"
            or "iamRoleArn" in f, "iamRoleArn is needed to write to CloudWatch Logs"),
        ("maxAggregationInterval", one_of(60, 600), "must be 60 or 600")),
    *of("lb/loadBalancer:LoadBalancer", "ELB API, CreateLoadBalancer",
        ("name", like(_BALANCER_NAME), _BALANCER_WORDS),
        ("", lambda b: len({*b["subnets"]}) >= 2 or b.get("loadBalancerType") != "application",
            "subnets must be of two zones at least")),
    *of("lb/loadBalancer:LoadBalancer", "ELB API, LoadBalancerAttribute",
        ("idleTimeout", between(1, 4000), "must be 1 to 4000 seconds"),
        ("clientKeepAlive", between(60, 604800), "must be 60 to 604800 seconds"),
        ("desyncMitigationMode", one_of("monitor", "defensive", "strictest"),
            "must be monitor, defensive or strictest")),
    *of("lb/targetGroup:TargetGroup", "ELB API, CreateTargetGroup",
        ("name", like(_BALANCER_NAME), _BALANCER_WORDS),
        ("", lambda g: g.get("targetType") == "lambda" or {"vpcId", "port", "protocol"} <= {*g},
            "vpcId, port and protocol are needed"),
        ("healthCheck.timeout", between(2, 120), "must be 2 to 120 seconds"),
        ("healthCheck.interval", between(5, 300), "must be 5 to 300 seconds"),
        ("healthCheck", lambda c: c.get("timeout", 5) < c.get("interval", 30),
            "timeout must be shorter than interval"),
        ("healthCheck.healthyThreshold", between(2, 10), "must be 2 to 10"),
        ("healthCheck.unhealthyThreshold", between(2, 10), "must be 2 to 10"),
        ("healthCheck.path", like("/.{0,1023}"), "must begin with / and have 1024 characters"),
        ("healthCheck.port", like(r"traffic-port|\d{1,5}"), "must be a port or traffic-port"),
        ("healthCheck.matcher", _matcher, "must be codes of 200 to 499")),
    *of("lb/targetGroup:TargetGroup", "ELB API, TargetGroupAttribute",
        ("deregistrationDelay", between(0, 3600), "must be 0 to 3600 seconds"),
        ("slowStart", lambda value: value == 0 or 30 <= value <= 900, "must be 0, or 30 to 900"),
        ("stickiness.cookieDuration", between(1, 604800), "must be 1 to 604800 seconds")),
    *of("lb/listener:Listener", "ELB API, CreateListener",
        ("", _listener_tls, "certificateArn and sslPolicy go with HTTPS, and with it only"),
        ("", lambda b: f":acm:{b['region']}:" in b.get("certificateArn", f":acm:{b['region']}:"),
            "certificateArn must be of the listener's region"),
        ("sslPolicy", like(_POLICIES), "must be one of Elastic Load Balancing's policies")),
    *of("lb/listenerRule:ListenerRule", "ELB API, CreateRule",
        ("priority", between(1, 50000), "must be 1 to 50000"),
        ("conditions", lambda items: len(_condition_values(items)) <= 5,
            "may have five values in all"),
        ("conditions", lambda items: sum(len(re.findall(r"[*?]", v))
            for v in _condition_values(items)) <= 6, "may have six wildcards in all"),
        ("conditions[]", lambda block: len(block) == 1, "must have one kind each"),
        ("conditions.hostHeader.values[]", like(r"[A-Za-z0-9.*?-]{1,128}"), "must be a host"),
        ("conditions.pathPattern.values[]", like(r"[A-Za-z0-9_\-.$/~\"'@:+&*?]{1,128}"),
            "must be a path"),
        ("conditions.httpHeader.httpHeaderName",
            like(r"(?i)(?!host$)[!#$%&'*+.^_`|~0-9a-z-]{1,40}"),
            "must be a header's name, other than Host"),
        ("conditions.httpHeader.values[]", at_most(128), "must have 128 characters at most")),
    *of("lb/listener:Listener lb/listenerRule:ListenerRule", "ELB API, Action", *(
        row for key in ("defaultActions", "actions") for row in (
            (f"{key}[]", _action, "lacks the block that its type asks for"),
            (f"{key}.redirect", _changes_something, "must lead elsewhere"),
            (f"{key}.redirect.port", like(r"#\{port\}|\d{1,5}"), "must be a port"),
            (f"{key}.fixedResponse.statusCode", like(r"[245]\d\d"), "must be 2XX, 4XX or 5XX"),
            (f"{key}.fixedResponse.contentType", one_of(*_FORMATS), "must be a text's format"),
            (f"{key}.fixedResponse.messageBody", at_most(1024), "may have 1024 characters"),
            (f"{key}.forward.targetGroups", at_most(5), "may have five groups")))),
    *of("lb/loadBalancer:LoadBalancer rds/subnetGroup:SubnetGroup efs/mountTarget:MountTarget"
        " elasticache/subnetGroup:SubnetGroup", "EC2 API",
        ("subnets", unique, "must differ"), ("subnetIds", unique, "must differ"),
        ("securityGroups", at_most(5), "may have five groups")),
)
