"""The load balancer's secret changes by `pulumi up` while somebody uses the API all the time."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from local.edge import RunningEdge
from tests.local.stack import Local
from tests.visitors.test_attacks import ask_load_balancer, secret

HOST = "api.otakaro.test"
FROM_MAP = {"Origin": "https://map.otakaro.test"}


@contextmanager
def asking(served: RunningEdge) -> Iterator[Counter[int]]:
    """Somebody uses the API all the while; what they are answered."""
    answers: Counter[int] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            answers[served.client.ask(HOST, "/", headers=FROM_MAP).status] += 1

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    yield answers
    over.set()
    thread.join()


def test_the_secret_rotates_by_two_runs_without_an_outage(
    deployed: Local, served: RunningEdge
) -> None:
    first = secret(deployed)
    with asking(served) as answers:
        deployed.do("up", "--set", "originSecret=2")
        second = secret(deployed)
        assert second != first
        # Edge locations that still show the old one are answered.
        assert [ask_load_balancer(deployed, HOST, each) for each in (first, second)] == [200, 200]
        deployed.do("up", "--set", "originSecret=3")
        third = secret(deployed)
        assert len({first, second, third}) == 3
        kept = [ask_load_balancer(deployed, HOST, each) for each in (first, second, third)]
        assert kept == [404, 200, 200]
        served.refresh()
        time.sleep(1)
    assert answers.keys() == {200}
    assert answers[200] > 10
