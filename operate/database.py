"""The stack's database, as RDS has it."""

from typing import Any

from operate.account import Account


def instances(account: Account) -> list[dict[str, Any]]:
    """The instance by its name, and those that were restored beside it (docs/restore.md)."""
    name = f"{account.stack.prefix}-pg"
    pages = account.client("rds").get_paginator("describe_db_instances").paginate()
    found = [each for page in pages for each in page["DBInstances"]]
    return [
        each
        for each in found
        if each["DBInstanceIdentifier"] == name or each["DBInstanceIdentifier"][:-6] == f"{name}-"
    ]
