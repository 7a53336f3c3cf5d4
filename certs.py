"""TLS certificates for the public hosts, proved by DNS records in the hosted zone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ComponentResource, Input, InvokeOutputOptions, Output, ResourceOptions
from pulumi_aws import acm, route53

# Where CloudFront takes certificates, functions, web ACLs and log deliveries from.
EDGE_REGION: Final = "us-east-1"


class HostedZone(ComponentResource):
    """The public DNS zone `domain`: made by this stack, or the account's that exists already."""

    def __init__(
        self,
        name: str,
        *,
        domain: str,
        create: bool,
        protect: bool,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("otakaro:index:HostedZone", name, None, opts)
        kept = ResourceOptions(parent=self, protect=protect)
        self.id: Output[str]
        self.name_servers: Output[Sequence[str]]
        if create:
            zone = route53.Zone(name, name=domain, comment="Public names", opts=kept)
            self.id, self.name_servers = zone.zone_id, zone.name_servers
            # The certificates wait for the delegation, so it must not wait for the outputs.
            self.name_servers.apply(self._report(domain))
        else:
            found = route53.get_zone_output(
                name=domain, private_zone=False, opts=InvokeOutputOptions(parent=self)
            )
            self.id, self.name_servers = found.zone_id, found.name_servers
        self.register_outputs({"id": self.id})

    def _report(self, domain: str) -> Callable[[Sequence[str]], None]:
        """Log the name servers that the domain must be delegated to."""

        def report(servers: Sequence[str]) -> None:
            pulumi.log.info(
                f"Name servers of {domain}: {', '.join(servers)}. Delegate the domain to them where"
                " it is registered. Until then no certificate is issued: `pulumi up` waits for it,"
                " for up to 75 minutes, and can be repeated.",
                resource=self,
            )

        return report


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    hosts: Sequence[str]  # the first is the certificate's domain name
    zone: HostedZone
    regions: Sequence[str]  # CloudFront takes certificates of us-east-1, a load balancer its own


class Certificate(ComponentResource):
    """One certificate a region for the same hosts, with a common set of validation records.

    ACM asks for the same record for a name in every region of an account, so one record a host
    proves all of them (ACM user guide, "DNS validation").
    """

    def __init__(
        self, name: str, args: CertificateArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Certificate", name, None, opts)
        child = ResourceOptions(parent=self)

        certificates = {
            region: acm.Certificate(
                f"{name}-{region}",
                domain_name=args.hosts[0],
                subject_alternative_names=list(args.hosts[1:]),
                validation_method="DNS",
                region=region,
                tags={"Name": name},
                opts=child,
            )
            for region in dict.fromkeys(args.regions)  # a stack in us-east-1 has one
        }
        options = certificates[args.regions[0]].domain_validation_options
        records = [
            route53.Record(
                f"{name}-{host}",
                zone_id=args.zone.id,
                name=_option(options, host, "resource_record_name"),
                type="CNAME",
                ttl=300,
                records=[_option(options, host, "resource_record_value")],
                allow_overwrite=True,  # another stack's certificate may have left the same record
                opts=child,
            )
            for host in args.hosts
        ]
        # Only a validated certificate's ARN may reach a listener or a distribution.
        self.arns: dict[str, Output[str]] = {
            region: acm.CertificateValidation(
                f"{name}-{region}",
                certificate_arn=certificate.arn,
                validation_record_fqdns=[record.fqdn for record in records],
                region=region,
                opts=child,
            ).certificate_arn
            for region, certificate in certificates.items()
        }
        self.register_outputs({"arns": self.arns})


def _option(
    options: pulumi.Output[Sequence[acm.outputs.CertificateDomainValidationOption]],
    host: str,
    field: str,
) -> Input[str]:
    """The `field` of the validation option that ACM gave for `host`."""

    def find(found: Sequence[acm.outputs.CertificateDomainValidationOption]) -> str:
        return str(next(getattr(option, field) for option in found if option.domain_name == host))

    return options.apply(find)
