"""AWS Regions that a stack can be deployed to, and what each of them offers.

A Region is added as a row: one with CloudFront VPC origins (CloudFront developer guide, "Supported
AWS Regions for VPC origins", which lacks ap-southeast-6). In some of them one zone is left out,
whose letter differs between accounts: use1-az3, usw1-az2, apne1-az3, cac1-az3. A test compares the
rows with AWS's own answers, as far as they are known (local/provider/rules/offered.json).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BURSTABLE: Final = ("micro", "small", "medium")
_LARGE: Final = ("large", "xlarge", "2xlarge", "4xlarge")
# Sizes of each family (RDS user guide, "DB instance classes"; ElastiCache user guide, "Supported
# node types").
_DATABASE_SIZES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("t3", "t4g"), (*_BURSTABLE, "large", "xlarge", "2xlarge")),
    **dict.fromkeys(("m5", "r5"), (*_LARGE, "8xlarge", "12xlarge", "16xlarge", "24xlarge")),
    **dict.fromkeys(("m6g", "r6g", "m7g", "r7g"), (*_LARGE, "8xlarge", "12xlarge", "16xlarge")),
    **dict.fromkeys(
        ("m6i", "r6i"), (*_LARGE, "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge")
    ),
    **dict.fromkeys(
        ("m7i", "r7i", "m8g", "r8g"),
        (*_LARGE, "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge"),
    ),
}
_CACHE_SIZES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("t3", "t4g"), _BURSTABLE),
    **dict.fromkeys(("m5", "r5"), (*_LARGE, "12xlarge", "24xlarge")),
    **dict.fromkeys(
        ("m6g", "r6g", "m7g", "r7g", "m8g", "r8g"), (*_LARGE, "8xlarge", "12xlarge", "16xlarge")
    ),
}
# What tasks call in AWS, and what Security Hub asks for (EC2.10 and EC2.55 to .60).
_ENDPOINTS: Final = ("ec2", "ecr.api", "ecr.dkr", "logs", "ssm")
# Incident Manager is in some Regions only (its page in AWS General Reference).
_INCIDENT_MANAGER: Final = ("ssm-contacts", "ssm-incidents")


@dataclass(frozen=True, kw_only=True)
class Region:
    """A Region's Availability Zones, by letter, and its offer."""

    zones: str
    database_families: tuple[str, ...]
    cache_families: tuple[str, ...]
    endpoints: tuple[str, ...]  # services that interface endpoints are offered for

    @property
    def database_classes(self) -> tuple[str, ...]:
        return _named("db", self.database_families, _DATABASE_SIZES)

    @property
    def cache_nodes(self) -> tuple[str, ...]:
        return _named("cache", self.cache_families, _CACHE_SIZES)


def _named(
    prefix: str, families: tuple[str, ...], sizes: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    return tuple(f"{prefix}.{family}.{size}" for family in families for size in sizes[family])


REGIONS: Final[Mapping[str, Region]] = {
    "ap-southeast-2": Region(
        zones="abc",
        database_families=tuple(_DATABASE_SIZES),
        cache_families=tuple(_CACHE_SIZES),
        endpoints=(*_ENDPOINTS, *_INCIDENT_MANAGER),
    ),
    "ap-southeast-4": Region(
        zones="abc",
        database_families=("t3", "t4g", "m5", "r5", "m6g", "r6g", "m7g", "m7i", "r8g"),
        cache_families=tuple(_CACHE_SIZES),
        endpoints=_ENDPOINTS,
    ),
    "us-east-1": Region(
        zones="abcdef",
        database_families=tuple(_DATABASE_SIZES),
        cache_families=tuple(_CACHE_SIZES),
        endpoints=(*_ENDPOINTS, *_INCIDENT_MANAGER),
    ),
}
