"""What they pay is known before they pay it: nothing is forgotten, and the pages say what is so."""

import inspect
from argparse import Namespace
from dataclasses import replace
from datetime import date

import pytest

from local import charges, cost
from local.charges import Deployment, Thing
from local.errors import LocalError
from local.record import Recording

HOURS = 730


@pytest.fixture(scope="module")
def everything(production: Recording, local: Recording, switched: Recording) -> set[str]:
    """Every kind of resource that the program makes under any of the configurations."""
    recordings = (production, local, switched)
    kinds = {resource.type for recording in recordings for resource in recording.resources}
    return {kind for kind in kinds if not kind.startswith("otakaro:")}


def deployed(recording: Recording) -> Deployment:
    return charges.recorded(recording, "otakaro-dt")


def usd(price: str) -> float:
    """A list price as the file has it, which `make prices` brings up to date."""
    return charges.price(price).usd


def with_(settings: dict[str, str]) -> cost.Bill:
    return cost.priced("production", cost.full(settings))


def test_every_kind_of_resource_has_a_price_or_a_reason_to_have_none(everything: set[str]) -> None:
    """A new kind fails here: price it in local/charges.py or tell in prices.yaml why it is free."""
    unknown = {k for k in everything if k not in charges.KINDS and charges.free(k) is None}
    assert unknown == set()


def test_no_kind_is_both_priced_and_free() -> None:
    assert [kind for kind in charges.KINDS if charges.free(kind) is not None] == []


def test_no_price_and_no_reason_is_left_of_what_is_gone(everything: set[str]) -> None:
    assert set(charges.KINDS) <= everything
    reasons = charges.document("prices.yaml")["free"]
    assert [begin for begin in reasons if not any(k.startswith(begin) for k in everything)] == []


def test_an_unknown_kind_is_refused_and_not_taken_as_free(production: Recording) -> None:
    known = deployed(production)
    thing = Thing(type="aws:redshift/cluster:Cluster", name="big", inputs={})
    with pytest.raises(LocalError, match=r"what does a aws:redshift/cluster:Cluster cost"):
        cost.bill(replace(known, things=[*known.things, thing]))


def test_a_size_without_a_price_is_refused(production: Recording) -> None:
    known = deployed(production)
    node = "aws:elasticache/replicationGroup:ReplicationGroup"
    thing = Thing(type=node, name="r", inputs={"nodeType": "cache.big", "numCacheClusters": 1})
    with pytest.raises(LocalError, match=r"no price of cache\.big: add it"):
        cost.bill(replace(known, things=[*known.things, thing]))


def test_each_price_names_its_page_and_where_it_was_found() -> None:
    data = charges.document("prices.yaml")
    for key, entry in data["prices"].items():
        assert entry["page"].startswith("https://aws.amazon.com/"), key
        assert entry["from"] in ("api", "read", "memory"), key
        assert bool(entry["seen"]) == (entry["from"] != "memory"), key
        assert entry["usd"] > 0, key
        for seen in entry["seen"]:
            found = date.fromisoformat(seen) if entry["from"] == "api" else data["texts"][seen]
            assert found, key


def test_each_public_text_is_one_that_a_price_was_found_in() -> None:
    """One that no price names any more is taken out of the list."""
    data = charges.document("prices.yaml")
    read = [entry["seen"] for entry in data["prices"].values() if entry["from"] == "read"]
    assert set(data["texts"]) == {text for seen in read for text in seen}


def test_no_price_is_without_a_use() -> None:
    """A size or kind that nothing asks for any more would be kept up for nobody."""
    code = inspect.getsource(charges)
    sizes = ("fargate.vcpu.", "fargate.gb.", "rds.db.", "rds.storage.", "cache.", "sqs.")
    named = {key for key in charges.prices() if f'"{key}"' in code}
    assert {key for key in charges.prices() if not key.startswith(sizes)} == named


def test_a_service_costs_its_tasks_by_size_number_and_hour(production: Recording) -> None:
    bill = cost.bill(deployed(production))
    vcpu, gigabyte = usd("fargate.vcpu.X86_64"), usd("fargate.gb.X86_64")
    assert bill.usd("Fargate, geoserver") == pytest.approx(HOURS * (2 * vcpu + 4 * gigabyte))
    # Of its 50 GiB of disk each task has 20 for nothing.
    worker = HOURS * 2 * (1 * vcpu + 4 * gigabyte + 30 * usd("fargate.disk"))
    assert bill.usd("Fargate, backend-celery") == pytest.approx(worker)


def test_graviton_and_spot_have_prices_of_their_own() -> None:
    worker = "Fargate, backend-celery"
    disk = HOURS * 2 * 30 * usd("fargate.disk")
    plain = with_({"celeryDisk": "20"}).usd(worker)
    graviton = with_({"cpuArchitecture": "ARM64"}).usd(worker)
    assert graviton == pytest.approx(plain * 0.8 + disk, rel=0.01)
    assert with_({"celerySpot": "true"}).usd(worker) == pytest.approx(plain * 0.3 + disk)


HOURS_OF_WORK = {
    "runningHours": "mon-fri 07:00-19:00",
    "databaseBackupWindow": "00:00-01:00",
    "databaseMaintenanceWindow": "tue:01:30-tue:02:30",
}


def test_what_is_stopped_at_night_costs_by_the_hours_that_it_runs() -> None:
    """Sixty hours of the week's 168; disk, Redis, gateway and load balancer go on."""
    always, by_day = with_({}), with_(HOURS_OF_WORK)
    for item in ("Fargate, geoserver", "Fargate, backend-celery"):
        assert by_day.usd(item) == pytest.approx(always.usd(item) * 60 / 168)
    disk = 20 * usd("rds.storage.gp3")
    assert by_day.usd("Database") - disk == pytest.approx(
        (always.usd("Database") - disk) * 60 / 168
    )
    for item in ("Redis", "NAT", "Load balancer", "Public IPv4 addresses"):
        assert by_day.usd(item) == always.usd(item) > 0


def test_a_standby_and_a_replica_double_what_they_copy() -> None:
    plain = with_({})
    standby, replica = with_({"databaseMultiAz": "true"}), with_({"redisReplicas": "1"})
    assert standby.usd("Database") == pytest.approx(2 * plain.usd("Database"))
    assert replica.usd("Redis") == pytest.approx(2 * plain.usd("Redis"))


def test_without_nat_gateways_each_task_pays_for_its_address() -> None:
    one, none = with_({}), with_({"natGateways": "0", "interfaceEndpoints": '["ssm"]'})
    assert none.usd("NAT") == none.usd("Through NAT") == 0
    addresses = "Public IPv4 addresses"
    # One of the gateway goes, five of the tasks come.
    assert none.usd(addresses) - one.usd(addresses) == pytest.approx(4 * HOURS * usd("ipv4"))
    endpoints = none.usd("Endpoints, one a zone")
    assert endpoints == pytest.approx(2 * HOURS * usd("endpoint.hour"))


def test_a_nat_gateway_brings_its_hours_and_its_address() -> None:
    one, two = with_({}), with_({"natGateways": "2"})
    assert two.usd("NAT") - one.usd("NAT") == pytest.approx(HOURS * usd("nat.hour"))
    addresses = "Public IPv4 addresses"
    assert two.usd(addresses) - one.usd(addresses) == pytest.approx(HOURS * usd("ipv4"))
    # The same data goes through two as through one.
    assert two.usd("Through NAT") == pytest.approx(one.usd("Through NAT"))


def test_an_allowance_is_taken_off_once_for_all(switched: Recording) -> None:
    """Container Insights' many metrics are paid from the eleventh on."""
    known = charges.recorded(switched, "a2345678901234")
    quantity = sum(c.quantity for c in charges.charges(known) if c.price == "metric")
    assert quantity > 10
    bill = cost.bill(known)
    paid = bill.usd("Container Insights") + bill.usd("Queue's length")
    assert paid == pytest.approx((quantity - 10) * usd("metric"))


def test_traffic_between_zones_is_paid_where_it_goes_out_and_where_it_comes_in(
    production: Recording,
) -> None:
    known = deployed(production)
    paid = 2 * known.load["gb_between_zones"] * usd("traffic.zone")
    assert cost.bill(known).usd("Between zones") == pytest.approx(paid) != 0


def test_the_queues_free_requests_are_taken_off_one_kind_only(production: Recording) -> None:
    """The million is for both together."""
    known = deployed(production)
    asked = {c.price: c.quantity for c in charges.charges(known) if c.price.startswith("sqs.")}
    assert charges.price("sqs.standard").free > asked["sqs.standard"] > 0
    paid = asked["sqs.fifo"] / 1e6 * usd("sqs.fifo")
    assert cost.bill(known).usd("Queues, asked for messages") == pytest.approx(paid)


def test_what_visitors_do_is_by_use_and_follows_the_load(production: Recording) -> None:
    known = deployed(production)
    many = replace(known, load={**known.load, "visits": known.load["visits"] * 100})
    before, after = cost.bill(known), cost.bill(many)
    assert after.total(by_use=False) == pytest.approx(before.total(by_use=False))
    edge = "Password at the edge"
    assert after.usd(edge) == pytest.approx(100 * before.usd(edge))
    # The first 1000 GB and ten million requests are free.
    assert before.usd("CloudFront") == 0
    out, asked = charges.gigabytes_out(many.load), charges.requests(many.load)
    expected = (out - 1000) * usd("cloudfront.out")
    expected += (asked - 1e7) / 1e4 * usd("cloudfront.requests")
    assert after.usd("CloudFront") == pytest.approx(expected)


def test_the_former_deployment_paid_addresses_in_place_of_a_nat_gateway() -> None:
    """Five tasks, two of the load balancer, one of the database."""
    old = cost.former()
    assert old.usd("NAT") == 0
    assert old.usd("Public IPv4 addresses") == pytest.approx(8 * HOURS * usd("ipv4"))
    assert old.usd("Database") == pytest.approx(with_({}).usd("Database"))


def test_the_profiles_cost_what_their_names_promise() -> None:
    small, production, resilient = (
        with_(cost.profile(name)).total(by_use=False)
        for name in ("small", "production", "resilient")
    )
    assert small < 0.7 * production < production < resilient


def test_a_profile_is_set_by_commands_that_give_the_same_settings() -> None:
    lines = list(cost.commands(cost.profile("resilient")))
    assert "pulumi config set --path 'otakaro:zones[2]' c" in lines
    assert "pulumi config set natGateways 3" in lines
    assert "pulumi config set databaseMultiAz true" in lines


def words(**given: object) -> Namespace:
    return Namespace(**({"stack": "production", "set": [], "profile": ""} | given))


def test_a_tried_setting_is_shown_beside_the_present_one_with_the_difference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cost.cost(words(set=["natGateways=2"]))
    shown = capsys.readouterr().out
    assert "natGateways=2" in shown
    nat = next(line for line in shown.splitlines() if line.startswith("NAT "))
    one = HOURS * usd("nat.hour")
    assert nat.split()[-4:] == [f"{one:.2f}", f"{2 * one:.2f}", f"{one:+.2f}", "0.00"]
    assert "1 gateway → 2 gateways" in nat
    redis = next(line for line in shown.splitlines() if line.startswith("Redis "))
    assert ("*" in redis) == charges.price("cache.t4g.micro").remembered
    assert "*" not in nat
    assert "* rests on a price from memory" in shown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"profile": "big"}, "PROFILE is one of small, production, resilient"),
        ({"stack": "trial"}, "STACK is one of local, production"),
        ({"set": ["natGateways=9"]}, "otakaro:natGateways is '9'"),
        ({"set": ["zones=[a"]}, "cannot be read as a value"),
    ],
)
def test_what_cannot_be_priced_is_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(LocalError) as raised:
        cost.cost(words(**given))
    assert told in str(raised.value)


def test_the_page_of_costs_is_what_the_program_costs() -> None:
    """When this fails, `python -m local.cost` writes it anew."""
    assert cost.PAGE.read_text(encoding="utf-8") == cost.page()


def test_the_readmes_excerpt_is_so_too() -> None:
    """When this fails, `python -m local.cost` writes it anew."""
    assert cost.section(cost.README.read_text(encoding="utf-8")) == cost.excerpt()


def test_measuring_the_queue_is_paid_each_minute(production: Recording) -> None:
    """AWS gives all of it to small accounts; without that it would be some cents."""
    mine = [c for c in charges.charges(deployed(production)) if c.item == "Queue's length"]
    quantities = {charge.price: charge.quantity for charge in mine}
    assert quantities["lambda.requests"] == 60 * 730
    assert quantities["lambda.seconds"] == pytest.approx(60 * 730 * 0.1 * 128 / 1024)
    assert quantities["metric"] == 3
    assert cost.bill(deployed(production)).usd("Queue's length") == 0


def test_alarms_that_scaling_makes_are_paid_like_the_others(production: Recording) -> None:
    known = deployed(production)
    alarms = sum(c.quantity for c in charges.charges(known) if c.price == "alarm")
    # A formula's alarm is paid by the metrics that it reads.
    own = sum(
        sum("metric" in query for query in alarm.inputs.get("metricQueries") or [{"metric": {}}])
        for alarm in known.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    )
    policies = known.of("aws:appautoscaling/policy:Policy")
    tracking = [p for p in policies if p.inputs["policyType"] == "TargetTrackingScaling"]
    assert len(tracking) == 4
    assert alarms == own + 2 * len(tracking)
