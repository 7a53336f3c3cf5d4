"""What AWS must allow whoever deploys the program, from the operations in the catalogue.

    python -m local.permissions

writes `bootstrap/actions.json` anew; its diff shows which permission a change asks for.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from local.paths import ROOT
from local.provider.catalogue import TYPES, find
from local.provider.lifecycle import Type

FILE = ROOT / "bootstrap" / "actions.json"
# What `bootstrap/` makes, so that nothing that the program deploys could change it.
BOOTSTRAP_ONLY = frozenset(
    {
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "aws:iam/policy:Policy",
        "aws:s3/bucketVersioning:BucketVersioning",
    }
)
# IAM's names where they are not the API's (Service Authorization Reference).
_SERVICES = {"elbv2": "elasticloadbalancing", "efs": "elasticfilesystem"}
_ACTIONS = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}


def needed() -> dict[str, list[str]]:
    """IAM actions that read and that change what the program deploys."""
    reads: set[str] = set()
    writes: set[str] = set()
    for token in sorted(set(TYPES) - BOOTSTRAP_ONLY):
        entry = find(token)
        reads |= _named(entry, _reading(entry))
        writes |= _named(entry, _changing(entry))
    return {"read": sorted(reads), "write": sorted(writes - reads)}


def _reading(entry: Type) -> set[str]:
    tags = {entry.tag_rule.read} - {""} if entry.tagged else set()
    return {step.op for step in entry.reads} | tags


def _changing(entry: Type) -> set[str]:
    steps = (entry.create, *entry.also, *entry.then, *entry.deletes)
    tags = {entry.tag_rule.add, entry.tag_rule.remove} - {""} if entry.tagged else set()
    return {step.op for step in (*steps, *(step for step, _ in entry.updates))} | tags


def _named(entry: Type, operations: Iterable[str]) -> set[str]:
    service = _SERVICES.get(entry.service, entry.service)
    names = {f"{service}:{operation}" for operation in operations}
    return {_ACTIONS.get(name, name) for name in names}


def write(file: Path = FILE) -> None:
    """Bring the file up to date."""
    file.write_text(json.dumps(needed(), indent=1) + "\n")


if __name__ == "__main__":
    write()
