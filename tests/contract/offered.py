"""What AWS offers at present, taken from cfn-lint's data, which is made from AWS's own answers.

    pip download cfn-lint==1.58.0 --no-deps
    python -m tests.contract.offered cfn_lint-*.whl

writes `local/provider/rules/offered.json`: engine versions that can still be created, zones,
classes and node types of the regions below, when runtimes close, and the actions that policies may
name. The regions with Incident Manager are those of botocore's endpoints.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3

import local.provider.rules as rules

FILE = Path(rules.__file__).with_name("offered.json")
REGIONS = ("ap-southeast-2", "ap-southeast-4", "ap-southeast-6", "us-east-1")
SERVICES = """
    acm application-autoscaling backup budgets cloudfront cloudwatch ec2 ecr ecs elasticache
    elasticfilesystem elasticloadbalancing events firehose iam kms lambda logs rds route53 s3
    scheduler secretsmanager servicediscovery sns sqs ssm ssmmessages sts wafv2 xray
    """
_SCHEMAS = "cfnlint/data/schemas/extensions/"


def extracted(wheel: Path) -> dict[str, Any]:
    with ZipFile(wheel) as archive:

        def read(name: str) -> Any:
            return json.loads(archive.read(name))

        known = read(f"{_SCHEMAS}aws_rds_dbinstance/engine_version.json")
        closed = read(f"{_SCHEMAS}aws_rds_dbinstance/engine_version_deprecated.json")
        classes = read(f"{_SCHEMAS}aws_rds_dbinstance/dbinstanceclass_enum.json")
        caches = read(f"{_SCHEMAS}aws_elasticache_cachecluster/engine_version.json")
        nodes = read(f"{_SCHEMAS}aws_elasticache_cachecluster/cachenodetype_enum.json")
        runtimes = read("cfnlint/data/AdditionalSpecs/LmbdRuntimeLifecycle.json")
        actions = read("cfnlint/data/AdditionalSpecs/Policies.json")
        zones = _constant(archive.read("cfnlint/helpers.py").decode(), "AVAILABILITY_ZONES")
    creatable = {*_enum(known, "postgres", "then")} - {*_enum(closed, "postgres", "if")}
    creatable = {version for version in creatable if "-" not in version}  # paid support only
    return {
        "source": wheel.stem.partition("-py")[0],
        "postgres": " ".join(sorted(creatable, key=_version)),
        "redis": " ".join(_enum(caches, "redis", "then")),
        "valkey": " ".join(_enum(caches, "valkey", "then")),
        "zones": {
            region: "".join(zone.removeprefix(region) for zone in zones[region])
            for region in REGIONS
        },
        "incidents": " ".join(sorted(boto3.Session().get_available_regions("ssm-incidents"))),
        "classes": {
            region: " ".join(_enum(classes[region], "postgres", "then", "DBInstanceClass"))
            for region in REGIONS
        },
        "nodes": {region: " ".join(nodes[region]["enum"]) for region in REGIONS},
        "runtimes": {name: dates["create-block"] for name, dates in runtimes.items()},
        "actions": {
            service: " ".join(sorted(actions[service]["Actions"])) for service in SERVICES.split()
        },
    }


def _enum(schema: Any, engine: str, part: str, key: str = "EngineVersion") -> list[str]:
    """The list for an engine among a schema's cases."""
    for case in schema["allOf"]:
        asked = case["if"]["properties"]
        if asked.get("Engine", {}).get("const") == engine and case["if"] is not case["then"]:
            found = (case["if"] if part == "if" else case["then"])["properties"].get(key, {})
            if "enum" in found:
                return list(found["enum"])
    raise LookupError(engine)


def _constant(source: str, name: str) -> Any:
    """The value of a module's constant."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    raise LookupError(name)


def _version(text: str) -> list[int]:
    return [int(part) for part in text.split(".")]


if __name__ == "__main__":
    FILE.write_text(json.dumps(extracted(Path(sys.argv[1])), indent=1) + "\n")
