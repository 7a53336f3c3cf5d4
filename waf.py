"""The optional firewall in front of the edge: AWS's managed rules and a bound on requests."""

from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_aws import cloudwatch, wafv2

from certs import EDGE_REGION

# Rules of AWSManagedRulesCommonRuleSet that look into bodies: an area of interest drawn on the map
# is larger than the 8 KB that they allow, and its XML or JSON looks like an attack to them. They
# count instead of blocking (WAF developer guide, "Baseline rule groups").
_BODY_RULES: Final = (
    *("SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericRFI_BODY", "GenericLFI_BODY"),
    # WMS styles and WFS filters come by address.
    *("GenericRFI_QUERYARGUMENTS", "CrossSiteScripting_QUERYARGUMENTS"),
    "SizeRestrictions_QUERYSTRING",
)
_MANAGED: Final = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    "AWSManagedRulesCommonRuleSet": _BODY_RULES,
}


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    rate_limit: int  # requests that one address may send in five minutes
    log_retention_days: int


class Firewall(ComponentResource):
    """A web ACL for CloudFront: known attacks, bad addresses and floods get 403."""

    def __init__(self, name: str, args: FirewallArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Firewall", name, None, opts)
        child = ResourceOptions(parent=self)
        acl = wafv2.WebAcl(
            name,
            # CloudFront takes web ACLs from here only (CreateWebACL, Scope).
            region=EDGE_REGION,
            scope="CLOUDFRONT",
            description="In front of the public hosts",
            default_action={"allow": {}},
            rules=[_rate(args.rate_limit), *_managed()],
            visibility_config={
                "cloudwatch_metrics_enabled": True,
                "sampled_requests_enabled": True,
                "metric_name": name,
            },
            opts=child,
        )
        logs = cloudwatch.LogGroup(
            name,
            region=EDGE_REGION,
            # WAF writes to groups of such names only (WAF developer guide, "CloudWatch Logs").
            name=f"aws-waf-logs-{name}",
            retention_in_days=args.log_retention_days,
            opts=child,
        )
        wafv2.WebAclLoggingConfiguration(
            name,
            region=EDGE_REGION,
            resource_arn=acl.arn,
            log_destination_configs=[logs.arn],
            redacted_fields=[{"single_header": {"name": "authorization"}}],
            # What passed stands in the access logs.
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [
                            {"action_condition": {"action": "BLOCK"}},
                            {"action_condition": {"action": "COUNT"}},
                        ],
                    }
                ],
            },
            opts=child,
        )
        self.arn: Output[str] = acl.arn
        self.log_group: Output[str] = logs.name
        self.register_outputs({"arn": self.arn})


def _rate(limit: int) -> wafv2.WebAclRuleArgsDict:
    return {
        "name": "rate",
        "priority": 0,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "aggregate_key_type": "IP",
                "limit": limit,
                "evaluation_window_sec": 300,
            }
        },
        "visibility_config": _counted_as("rate"),
    }


def _managed() -> list[wafv2.WebAclRuleArgsDict]:
    return [
        {
            "name": group,
            "priority": priority,
            "override_action": {"none": {}},
            "statement": {
                "managed_rule_group_statement": {
                    "vendor_name": "AWS",
                    "name": group,
                    "rule_action_overrides": [
                        {"name": rule, "action_to_use": {"count": {}}} for rule in counted
                    ],
                }
            },
            "visibility_config": _counted_as(group),
        }
        for priority, (group, counted) in enumerate(_MANAGED.items(), 1)
    ]


def _counted_as(metric: str) -> wafv2.WebAclRuleVisibilityConfigArgsDict:
    return {
        "cloudwatch_metrics_enabled": True,
        "sampled_requests_enabled": True,
        "metric_name": metric,
    }
