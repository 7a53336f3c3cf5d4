"""`make prices ACCOUNT=aws`: the list prices, from AWS's own list."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from operate.account import ROOT, Account
from operate.errors import OperateError
from operate.price_file import renewed

FILE: Final = ROOT / "local" / "data" / "prices.yaml"
# The Price List API answers there, for all regions (AWS Billing user guide, "Using the Price List
# Query API").
_REGION: Final = "us-east-1"
_STRANGE: Final = 2.0  # times more or less than before is another product rather than a new price


def refresh(account: Account, *, day: date, tell: Callable[[str], None], file: Path = FILE) -> None:
    """Ask AWS for each price that its list has, and write those that it tells into `file`.

    Args:
        account: whose credentials ask; a price list is the same for all.
        day: today.
        tell: shows a line for each price.
        file: of prices.

    Raises:
        OperateError: AWS tells none of them, or the file isn't laid out as it was.
    """
    text = file.read_text(encoding="utf-8")
    found: dict[str, float] = {}
    for key, entry in yaml.safe_load(text)["prices"].items():
        if "offer" not in entry:
            tell(f"{key}: {entry['usd']:g} kept: it is in no list of AWS")
            continue
        try:
            found[key] = _price(account, entry)
        except LookupError as problem:
            tell(f"{key}: {entry['usd']:g} kept: {problem.args[0]}")
        else:
            same = found[key] == entry["usd"]
            tell(f"{key}: {entry['usd']:g}" + ("" if same else f" is {found[key]:g} now"))
    if not found:
        raise OperateError(
            f"AWS's price list has none of the prices of {file.name}: it is as it was"
        )
    file.write_text(renewed(text, found, day.isoformat()), encoding="utf-8")
    tell(
        f"{len(found)} prices of {file.name} are AWS's; `.venv/bin/python -m local.cost` brings "
        "docs/cost.md and the README up to date"
    )


def _price(account: Account, entry: Mapping[str, Any]) -> float:
    """What AWS asks for `per` units. Raises LookupError for none, several and a strange one."""
    client = account.client("pricing", _REGION)
    wanted = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in entry["where"].items()
    ]
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=entry["offer"], Filters=wanted, FormatVersion="aws_v1"
    )
    products = [json.loads(product) for page in pages for product in page["PriceList"]]
    told = {usd for product in products for usd in _lowest_tier(product)}
    words = ", ".join(f"{field}={value}" for field, value in entry["where"].items())
    if len(told) != 1:
        several = " and ".join(f"{usd:g}" for usd in sorted(told))
        raise LookupError(f"{entry['offer']} has {several or 'no price'} for {words}")
    usd = float(round(told.pop() * entry.get("per", 1), 10))
    if not 1 / _STRANGE <= usd / entry["usd"] <= _STRANGE:
        raise LookupError(f"{entry['offer']} has {usd:g} for {words}; see {entry['page']}")
    return usd


def _lowest_tier(product: Mapping[str, Any]) -> Iterator[float]:
    """Dollars a unit of the first tier that costs; nothing for what costs nothing on demand."""
    for term in product["terms"].get("OnDemand", {}).values():
        tiers = [
            (float(tier["beginRange"]), usd)
            for tier in term["priceDimensions"].values()
            if (usd := float(tier["pricePerUnit"].get("USD", 0)))
        ]
        if tiers:
            yield min(tiers)[1]
