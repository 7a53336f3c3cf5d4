"""The recorded program in Terraform's language, for scanners that read nothing else.

pulumi-aws is bridged from Terraform's AWS provider, so types and names correspond: camelCase
becomes snake_case, a list of objects becomes repeated blocks with a singular name. References
between resources stay references: scanners follow them from a bucket to its public access block.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from local.record import Recording, Resource

# Pulumi's modules that Terraform's type names leave out or call otherwise.
_MODULES: Mapping[str, str] = {
    "ec2": "",
    "rds": "db_",
    "servicediscovery": "service_discovery_",
    "vpc": "vpc_",
}
_TYPES: Mapping[str, str] = {
    "aws:cloudwatch/eventRule:EventRule": "aws_cloudwatch_event_rule",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "aws_vpc_endpoint",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/eventSubscription:EventSubscription": "aws_db_event_subscription",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": (
        "aws_service_discovery_private_dns_namespace"
    ),
}
# Names of blocks that are no plain plurals.
_BLOCKS: Mapping[str, str] = {
    "aliases": "alias",
    "dns_records": "dns_records",
    "redacted_fields": "redacted_fields",
}
_RENAMED: Mapping[tuple[str, str], str] = {("aws_lambda_function", "code"): "filename"}
# Attributes with keys of the user's own; every other object is a block.
_MAPS = frozenset({"attributes", "dimensions", "tags", "triggers", "variables"})
# Outputs that stand within longer texts, such as a policy's resources.
_EMBEDDED = ("arn", "qualifiedArn", "repositoryUrl", "dnsName", "domainName")


@dataclass(frozen=True)
class Translation:
    """The program's text, and which resource stands at which address."""

    text: str
    addresses: Mapping[str, Resource]


def translate(recording: Recording) -> Translation:
    """Every AWS resource of `recording` as HCL; other packages' have no counterpart there.

    Raises:
        ValueError: two resources would have the same address.
    """
    resources = [r for r in recording.resources if r.type.startswith("aws:")]
    by_urn = {resource.urn: resource for resource in resources}
    addresses: dict[str, Resource] = {}
    blocks = []
    for resource in resources:
        if _address(resource) in addresses:
            raise ValueError(f"two resources are {_address(resource)}")
        addresses[_address(resource)] = resource
        blocks.append(_block(resource, by_urn))
    return Translation(text="\n".join(blocks), addresses=addresses)


def terraform_type(token: str) -> str:
    """Terraform's name for the Pulumi type `token`, 'aws:s3/bucket:Bucket'."""
    if token in _TYPES:
        return _TYPES[token]
    module, _, name = token.removeprefix("aws:").partition("/")
    prefix = _MODULES.get(module, f"{module}_")
    return f"aws_{prefix}{_snake(name.partition(':')[0])}"


def _address(resource: Resource) -> str:
    return f"{terraform_type(resource.type)}.{re.sub('[^A-Za-z0-9_]', '_', resource.name)}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _singular(name: str) -> str:
    if name in _BLOCKS:
        return _BLOCKS[name]
    return re.sub("ies$", "y", name) if name.endswith("ies") else name.removesuffix("s")


class _Names:
    """What a resource may call the values that it was given from others."""

    def __init__(self, sources: Iterable[Resource]) -> None:
        self.whole: dict[str, str] = {}  # value -> expression
        self.parts: dict[str, str] = {}
        for source in sources:
            address = _address(source)
            for key, value in source.state.items():
                if isinstance(value, str) and value:
                    self.whole.setdefault(value, f"{address}.{_snake(key)}")
            self.whole[source.id] = self.parts[source.id] = f"{address}.id"
            for key in _EMBEDDED:
                if value := source.state.get(key):
                    self.whole[value] = self.parts[value] = f"{address}.{_snake(key)}"


def _block(resource: Resource, by_urn: Mapping[str, Resource]) -> str:
    """One resource's text."""
    kind, name = _address(resource).split(".")
    lines = [f'resource "{kind}" "{name}" {{']
    for key, value in sorted(resource.inputs.items()):
        sources = sorted(resource.sources.get(key, ()))
        names = _Names(by_urn[urn] for urn in sources if urn in by_urn)
        lines += _lines(_RENAMED.get((kind, key), _snake(key)), value, names, 1)
    # Pulumi's engine makes a replacement first and deletes what it replaces then.
    lines += ["  lifecycle {", "    create_before_destroy = true"]
    lines += ["    prevent_destroy = true"] if resource.protect else []
    return "\n".join([*lines, "  }", "}", ""])


def _lines(name: str, value: Any, names: _Names, depth: int) -> Iterator[str]:
    """An attribute, a block, or a block for each item."""
    pad = "  " * depth
    blocks = [value] if isinstance(value, dict) and name not in _MAPS else value
    if isinstance(blocks, list) and blocks and isinstance(blocks[0], dict):
        for block in blocks:
            yield f"{pad}{name if blocks is not value else _singular(name)} {{"
            for key, item in sorted(block.items()):
                yield from _lines(_snake(key), item, names, depth + 1)
            yield f"{pad}}}"
    elif value is not None and value != []:
        yield f"{pad}{name} = {_expression(value, names, depth)}"


def _expression(value: Any, names: _Names, depth: int) -> str:
    if isinstance(value, pulumi.Archive | pulumi.Asset):
        return '"package.zip"'
    if isinstance(value, dict):
        pad = "  " * (depth + 1)
        lines = [
            f"{pad}{_quoted(key, names)} = {_expression(item, names, depth + 1)}"
            for key, item in value.items()
        ]
        return "\n".join(["{", *lines, "  " * depth + "}"])
    if isinstance(value, list):
        return "[" + ", ".join(_expression(item, names, depth) for item in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if value[:1] in ("{", "[") and isinstance(document := _json(value), dict | list):
        # Scanners read a document only where it stands by itself, without references.
        return f"jsonencode({_expression(_readable(document), _Names([]), depth)})"
    return names.whole.get(value) or _quoted(value, names)


def _readable(document: Any) -> Any:
    """`document` without program texts in it: a scanner gives up on their quotes, in silence."""
    if isinstance(document, dict):
        return {key: _readable(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_readable(item) for item in document]
    if isinstance(document, str) and "\n" in document:
        return f"{len(document.splitlines())} lines"
    return document


def _quoted(value: str, names: _Names) -> str:
    """A text in quotes, with what it says of other resources as references."""
    # The longest first: an ARN may begin another one.
    known = sorted(map(re.escape, names.parts), key=len, reverse=True)
    pieces = re.split(rf"({'|'.join(known)})(?![\w-])", value) if known else [value]
    return (
        '"'
        + "".join(f"${{{names.parts[p]}}}" if p in names.parts else _escaped(p) for p in pieces)
        + '"'
    )


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1].replace("${", "$${").replace("%{", "%%{")


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
