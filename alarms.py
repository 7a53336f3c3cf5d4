"""What an alarm is: a bound with its reason, and what to do first.

An alarm is worth a letter when somebody can do something about it. Left out for that reason: 4xx
answers (visitors cause them), connections that the load balancer rejects or cannot make (they are
502s and among its failures), CPU of the worker (it computes for hours, that is its work), reads,
writes and latency of the database's disk (its CPU and its answers show them), throughput of the
shared disk (elastic: it costs, and the budget tells), CPU of what runs in Lambda, and the function
that creates PostGIS (`pulumi up` itself fails with it). A failed deployment is told by the roll-out
(rollout.py), in words of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pulumi import Input

# Fewer requests in a period say nothing: one that failed at night wakes nobody.
ENOUGH: Final = 20

Section = Literal["edge", "load balancer", "services", "data", "network", "rollout"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One of CloudWatch's metrics, and how the values of a period become one."""

    namespace: str
    name: str
    dimensions: Mapping[str, Input[str]]
    statistic: str  # Sum, Average, Minimum, Maximum, SampleCount, or a percentile: p95


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A bound that a metric, or a formula of several, may not cross.

    It is told when `periods` in a row, of `period` seconds each, are beyond the bound. Periods
    without data are within it: what has no tasks and no visitors is no failure.
    """

    section: Section
    graph: str = ""  # title of the dashboard's graph that shows it; empty: only its state is shown
    metrics: Mapping[str, Metric]  # by the name that the formula has for it
    formula: str = ""  # CloudWatch's metric math; empty: the only metric itself
    above: float | None = None
    below: float | None = None
    period: int = 300
    periods: int = 3
    at_edge: bool = False  # its metrics are in EDGE_REGION
    ends: bool = True  # people are told of its end, too
    why: str  # what it means
    first: str  # what to do first
    source: str  # AWS's document

    @property
    def bound(self) -> float:
        """The value that may not be crossed; raises ValueError unless there is exactly one."""
        if (self.above is None) == (self.below is None):
            raise ValueError(f"an alarm has one bound, above or below: {self.why}")
        return self.above if self.above is not None else self.below or 0.0

    @property
    def text(self) -> str:
        """What the letter says."""
        return f"{self.why}\nFirst: {self.first}\nSource: {self.source}"


def lambda_metric(function: Input[str], metric: str) -> Metric:
    return Metric(
        namespace="AWS/Lambda",
        name=metric,
        dimensions={"FunctionName": function},
        statistic="Sum",
    )
