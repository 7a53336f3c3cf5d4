"""`make prices ACCOUNT=aws`: figures from AWS's price list, in a file whose words stay."""

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import operating
from local.errors import LocalError
from operate.errors import OperateError
from operate.price_file import renewed
from operate.prices import FILE, refresh
from tests.unit.answers import Answer, Answers

DAY = date(2026, 12, 1)
TEXT = """\
# Prices, with words.
checked: 2026-11-29
prices:
  # Moves.
  spot: {usd: 0.01, unit: hour, page: p, from: read, seen: [notes]}
  database: &rds
    {usd: 0.10, unit: hour, page: p, from: read, seen: [notes], offer: AmazonRDS,
     where: {usagetype: "APS2-InstanceUsage:db.x", databaseEngine: PostgreSQL}}
  # Twice the first.
  disk: {<<: *rds, usd: 0.2, where: {usagetype: APS2-Disk}}
  requests: {<<: *rds, usd: 0.40, per: 1000000, from: memory, seen: [], where: {usagetype: R}}
free: {}
"""


def product(*tiers: tuple[int, str]) -> str:
    """A product of GetProducts as AWS writes it: where each tier begins, and its price."""
    dimensions = {
        f"SKU.TERM.{begin}": {
            "unit": "Hrs",
            "beginRange": str(begin),
            "endRange": "Inf",
            "description": "",
            "appliesTo": [],
            "rateCode": f"SKU.TERM.{begin}",
            "pricePerUnit": {"USD": usd},
        }
        for begin, usd in tiers
    }
    term = {"sku": "SKU", "offerTermCode": "TERM", "priceDimensions": dimensions}
    return json.dumps(
        {
            "product": {"sku": "SKU", "productFamily": "", "attributes": {}},
            "serviceCode": "AmazonRDS",
            "terms": {"OnDemand": {"SKU.TERM": term}, "Reserved": {}},
            "version": "20261128",
            "publicationDate": "2026-11-28T00:00:00Z",
        }
    )


class Placed(Answers):
    """Answers that note in which regions they were asked for."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__(answers)
        self.regions: set[str] = set()

    def make(self, service: str, region: str) -> Any:
        self.regions.add(region)
        return super().make(service, region)


class List:
    """AWS's price list, by usage type, and a file that is brought up to date from it."""

    def __init__(self, folder: Path, products: Mapping[str, list[str]], text: str = TEXT) -> None:
        self.products = products
        self.file = folder / "prices.yaml"
        self.file.write_text(text)
        self.told: list[str] = []
        self.answers = Placed({"pricing.GetProducts": self._answer})

    def _answer(self, params: dict[str, Any]) -> Mapping[str, Any]:
        wanted = {one["Field"]: one["Value"] for one in params["Filters"]}
        name = wanted.get("usagetype", wanted.get("queueType", ""))
        return {"FormatVersion": "aws_v1", "PriceList": self.products.get(name, [])}

    def refresh(self) -> dict[str, Any]:
        """The prices in the file afterwards."""
        refresh(self.answers.account(), day=DAY, tell=self.told.append, file=self.file)
        prices: dict[str, Any] = yaml.safe_load(self.file.read_text())["prices"]
        return prices


Listing = Callable[..., List]


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    def make(text: str = TEXT, **products: list[str]) -> List:
        names = {"database": "APS2-InstanceUsage:db.x", "disk": "APS2-Disk", "requests": "R"}
        return List(tmp_path, {names[key]: value for key, value in products.items()}, text)

    return make


def test_a_figure_of_aws_is_written_with_its_day_and_all_other_words_stay(
    listing: Listing,
) -> None:
    mine = listing(database=[product((0, "0.1200000000"))])
    prices = mine.refresh()
    assert (
        prices["database"] | {"usd": 0.12, "from": "api", "seen": ["2026-12-01"]}
        == (prices["database"])
    )
    before, after = TEXT.splitlines(), mine.file.read_text().splitlines()
    comments = [line for line in before if "#" in line]
    assert [line for line in after if "#" in line] == comments
    assert after[1] == "checked: 2026-12-01"
    assert "database: 0.1 is 0.12 now" in mine.told


def test_what_aws_does_not_tell_keeps_what_it_had_from_another_entry(listing: Listing) -> None:
    prices = listing(database=[product((0, "0.1200000000"))]).refresh()
    assert prices["disk"]["usd"] == 0.2
    assert (prices["disk"]["from"], prices["disk"]["seen"]) == ("read", ["notes"])
    assert (prices["requests"]["from"], prices["requests"]["seen"]) == ("memory", [])


def test_each_price_is_asked_for_by_its_service_and_attributes_where_the_list_is(
    listing: Listing,
) -> None:
    mine = listing(database=[product((0, "0.1"))])
    mine.refresh()
    asked = mine.answers.of("pricing.GetProducts")
    assert mine.answers.regions == {"us-east-1"}
    assert [one["ServiceCode"] for one in asked] == ["AmazonRDS"] * 3
    assert asked[0]["Filters"] == [
        {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "APS2-InstanceUsage:db.x"},
        {"Type": "TERM_MATCH", "Field": "databaseEngine", "Value": "PostgreSQL"},
    ]
    assert "spot: 0.01 kept: it is in no list of AWS" in mine.told


def test_the_first_tier_that_costs_is_meant(listing: Listing) -> None:
    tiers = product((10240, "0.0800000000"), (0, "0.0000000000"), (5, "0.1100000000"))
    assert listing(database=[tiers]).refresh()["database"]["usd"] == 0.11


def test_a_price_is_for_as_many_units_as_the_file_has_it(listing: Listing) -> None:
    mine = listing(requests=[product((0, "0.0000004200"))])
    assert mine.refresh()["requests"]["usd"] == 0.42


def test_a_figure_that_is_as_it_was_stays_as_it_is_written(listing: Listing) -> None:
    mine = listing(database=[product((0, "0.1000000000"))])
    mine.refresh()
    assert "{usd: 0.10, unit: hour" in mine.file.read_text()
    assert "database: 0.1" in mine.told


@pytest.mark.parametrize(
    ("products", "why"),
    [
        ([], "AmazonRDS has no price for usagetype=APS2-Disk"),
        ([product((0, "0"))], "AmazonRDS has no price for usagetype=APS2-Disk"),
        ([product((0, "0.2")), product((0, "0.3"))], "has 0.2 and 0.3 for usagetype=APS2-Disk"),
        ([product((0, "0.41"))], "AmazonRDS has 0.41 for usagetype=APS2-Disk; see p"),
    ],
)
def test_what_is_not_surely_the_same_product_is_told_and_kept(
    listing: Listing, products: list[str], why: str
) -> None:
    mine = listing(database=[product((0, "0.1"))], disk=products)
    prices = mine.refresh()
    assert (prices["disk"]["usd"], prices["disk"]["from"]) == (0.2, "read")
    [told] = [line for line in mine.told if line.startswith("disk:")]
    assert "kept: " in told
    assert why in told


def test_products_that_agree_are_one_price(listing: Listing) -> None:
    mine = listing(database=[product((0, "0.12")), product((0, "0.1200000000"))])
    assert mine.refresh()["database"]["usd"] == 0.12


def test_a_list_that_has_none_of_them_leaves_the_file_alone(listing: Listing) -> None:
    mine = listing()
    with pytest.raises(OperateError, match=r"none of the prices of prices\.yaml"):
        mine.refresh()
    assert mine.file.read_text() == TEXT


def test_a_file_of_another_layout_is_refused_and_left_alone(listing: Listing) -> None:
    block = TEXT.replace(
        "  disk: {<<: *rds, usd: 0.2, where: {usagetype: APS2-Disk}}",
        "  disk:\n    <<: *rds\n    usd: 0.2\n    where: {usagetype: APS2-Disk}",
    )
    mine = listing(block, database=[product((0, "0.12"))])
    with pytest.raises(OperateError, match=r"write each price as `key: \{\.\.\.\}`"):
        mine.refresh()
    assert mine.file.read_text() == block


def test_the_projects_own_file_can_be_renewed_in_whole_and_in_part() -> None:
    text = FILE.read_text(encoding="utf-8")
    before = yaml.safe_load(text)
    listed = {key: entry["usd"] for key, entry in before["prices"].items() if "offer" in entry}
    assert len(listed) > 40
    for found in (listed, dict([*listed.items()][::2]), dict([*listed.items()][1::2])):
        after = yaml.safe_load(renewed(text, found, "2026-12-01"))
        for key, entry in before["prices"].items():
            told = {"from": "api", "seen": ["2026-12-01"]} if key in found else {}
            assert after["prices"][key] == entry | told, key
        assert after["free"] == before["free"]


def test_every_price_that_aws_lists_says_by_what() -> None:
    """Spot prices and Cloud Map's have no entry that is known."""
    prices = yaml.safe_load(FILE.read_text(encoding="utf-8"))["prices"]
    without = {key for key, entry in prices.items() if "offer" not in entry}
    assert without == {key for key in prices if key.endswith(".spot")} | {"dns.instance"}
    wanted = [(e["offer"], *sorted(e["where"].items())) for e in prices.values() if "offer" in e]
    assert len(set(wanted)) == len(wanted)


def test_the_emulated_account_has_no_prices_to_ask_for() -> None:
    with pytest.raises(LocalError, match="`make prices ACCOUNT=aws`"):
        operating.prices(Namespace(stack="local"))
