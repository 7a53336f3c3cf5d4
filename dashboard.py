"""Where people look when they were told: one dashboard, and the usual questions to the logs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch

from alarms import Alarm, Metric, Section
from certs import EDGE_REGION
from cloudfront import Distribution
from fargate import Cluster, FargateService
from monitoring import Monitoring
from queue_length import QueueLength

# CloudWatch API reference, "Dashboard body structure and syntax": the grid is 24 wide.
_WIDTH, _GRAPH_WIDTH, _GRAPH_HEIGHT = 24, 8, 6
# From the visitors inwards.
_SECTIONS: Final[dict[Section, str]] = {
    "edge": "Visitors and the edge",
    "load balancer": "Load balancer",
    "services": "Services",
    "data": "Database, queue and files",
    "network": "Network",
    "rollout": "Roll-out and functions",
}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Metrics that belong together, by the name that each line has."""

    section: Section
    title: str
    lines: Mapping[str, Metric]
    region: str
    period: int = 300


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    region: str
    monitoring: Monitoring
    traffic: Mapping[str, Distribution]
    cluster: Cluster
    services: Mapping[str, FargateService]
    queue: QueueLength
    rollout_log: Input[str]


class Dashboard(ComponentResource):
    """The dashboard called `name`: the state of all alarms, and below it their metrics with the
    bounds, in the order that a request goes."""

    def __init__(self, name: str, args: DashboardArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro:index:Dashboard", name, None, opts)
        self._args = args
        self._graphs = [
            _requests(args.traffic),
            _tasks(args.services, args.cluster, args.region),
            _jobs(args.queue, args.region),
        ]
        cloudwatch.Dashboard(
            name,
            dashboard_name=name,
            dashboard_body=Output.json_dumps({"widgets": list(self._widgets())}),
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def _widgets(self) -> Iterator[dict[str, object]]:
        arns = list(self._args.monitoring.arns.values())
        height = 1 + -(-len(arns) // 6)
        yield _placed(
            0,
            0,
            _WIDTH,
            height,
            {"type": "alarm", "properties": {"title": "Is it well?", "alarms": arns}},
        )
        y = height
        for section, title in _SECTIONS.items():
            graphs = [
                *(self._graph(g) for g in self._graphs if g.section == section),
                *self._of_alarms(section),
            ]
            if section == "rollout":
                graphs.append(self._rolled())
            if not graphs:
                continue
            heading = {"type": "text", "properties": {"markdown": f"## {title}"}}
            yield _placed(0, y, _WIDTH, 1, heading)
            y += 1
            for index, graph in enumerate(graphs):
                row, column = divmod(index, _WIDTH // _GRAPH_WIDTH)
                yield _placed(
                    column * _GRAPH_WIDTH,
                    y + row * _GRAPH_HEIGHT,
                    _GRAPH_WIDTH,
                    _GRAPH_HEIGHT,
                    graph,
                )
            y += -(-len(graphs) // (_WIDTH // _GRAPH_WIDTH)) * _GRAPH_HEIGHT

    def _of_alarms(self, section: Section) -> Iterator[dict[str, object]]:
        """A graph for the alarms that share a title, with their bounds."""
        taken = {graph.title for graph in self._graphs}
        alarms = self._args.monitoring.alarms.values()
        titles = {a.graph for a in alarms if a.section == section} - taken - {""}
        for title in sorted(titles):
            shown = self._shown(title)
            first = next(iter(shown.values()))
            yield _drawn(
                title,
                EDGE_REGION if first.at_edge else self._args.region,
                first.period,
                [line for key, alarm in shown.items() for line in _lines(key, alarm)],
                _bounds(shown.values()),
            )

    def _graph(self, graph: Graph) -> dict[str, object]:
        lines = [_line(metric, {"label": label}) for label, metric in graph.lines.items()]
        bounds = _bounds(self._shown(graph.title).values())
        return _drawn(graph.title, graph.region, graph.period, lines, bounds)

    def _shown(self, title: str) -> dict[str, Alarm]:
        alarms = self._args.monitoring.alarms
        return {key: alarm for key, alarm in alarms.items() if alarm.graph == title}

    def _rolled(self) -> dict[str, object]:
        return {
            "type": "log",
            "properties": {
                "title": "What rolled lately, and why",
                "region": self._args.region,
                "view": "table",
                "query": Output.concat("SOURCE '", self._args.rollout_log, "' | ", _ROLLED),
            },
        }


def _requests(sites: Mapping[str, Distribution]) -> Graph:
    return Graph(
        section="edge",
        title="Requests of visitors",
        lines={
            key: Metric(
                namespace="AWS/CloudFront",
                name="Requests",
                dimensions={"DistributionId": site.id, "Region": "Global"},
                statistic="Sum",
            )
            for key, site in sites.items()
        },
        region=EDGE_REGION,
    )


def _tasks(services: Mapping[str, FargateService], cluster: Cluster, region: str) -> Graph:
    return Graph(
        section="services",
        title="Running tasks",
        lines={
            key: Metric(
                namespace="AWS/ECS",
                name="CPUUtilization",
                dimensions={"ClusterName": cluster.name, "ServiceName": service.name},
                statistic="SampleCount",
            )
            for key, service in services.items()
        },
        region=region,
        period=60,  # each task reports once a minute
    )


def _jobs(queue: QueueLength, region: str) -> Graph:
    return Graph(
        section="services",
        title="Jobs that wait and run",
        lines={
            label: Metric(
                namespace=queue.namespace,
                name=name,
                dimensions=queue.dimensions,
                statistic="Maximum",
            )
            for label, name in (("waiting", queue.metric), ("running", queue.running_metric))
        },
        region=region,
    )


def _placed(
    x: int, y: int, width: int, height: int, widget: Mapping[str, object]
) -> dict[str, object]:
    return {"x": x, "y": y, "width": width, "height": height, **widget}


def _bounds(alarms: Iterable[Alarm]) -> list[dict[str, object]]:
    """A line for each bound that these alarms have."""
    return [
        {"label": "alarm", "value": bound, "fill": "below" if below else "above"}
        for bound, below in dict.fromkeys((a.bound, a.above is None) for a in alarms)
    ]


def _drawn(
    title: str,
    region: str,
    period: int,
    lines: Sequence[object],
    bounds: Sequence[dict[str, object]],
) -> dict[str, object]:
    properties: dict[str, object] = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "period": period,
        "metrics": list(lines),
        "yAxis": {"left": {"min": 0, "showUnits": False}},
    }
    if bounds:
        properties["annotations"] = {"horizontal": list(bounds)}
    return {"type": "metric", "properties": properties}


def _line(metric: Metric, options: Mapping[str, object]) -> list[object]:
    """CloudWatch's form of a metric: namespace, name, each dimension with its value, and how."""
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {**options, "stat": metric.statistic}]


def _lines(key: str, alarm: Alarm) -> Iterator[list[object]]:
    """What an alarm looks at: one line, and unseen the metrics that its formula is of."""
    if not alarm.formula:
        [metric] = alarm.metrics.values()
        yield _line(metric, {"label": key})
        return
    # Ids are of the whole graph, so each alarm's have its name.
    own = {name: f"{name}_{key.replace('-', '_')}" for name in alarm.metrics}
    formula = re.sub(r"\b[a-z]+\b", lambda word: own[word[0]], alarm.formula)
    yield [{"expression": formula, "id": f"value_{key.replace('-', '_')}", "label": key}]
    for name, metric in alarm.metrics.items():
        yield _line(metric, {"id": own[name], "visible": False})


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query of CloudWatch Logs Insights, and the groups that it is asked of."""

    query: str
    groups: Sequence[Input[str]]
    region: str | None = None


class Questions(ComponentResource):
    """Queries that Logs Insights lists under the folder `name`, by what they ask."""

    def __init__(
        self, name: str, questions: Mapping[str, Question], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:Questions", name, None, opts)
        for title, question in questions.items():
            cloudwatch.QueryDefinition(
                f"{name}-{re.sub('[^a-z]+', '-', title.lower())}",
                name=f"{name}/{title}",
                region=question.region,
                query_string=question.query,
                log_group_names=list(question.groups),
                opts=ResourceOptions(parent=self),
            )
        self.register_outputs({})


_ROLLED: Final = (
    "fields @timestamp, @message"
    " | filter @message like /^(Rolled|Good|Stays|Rolled back|Changed)/"
    " | sort @timestamp desc | limit 50"
)


@dataclass(frozen=True, kw_only=True)
class LogsArgs:
    """The log groups that there are."""

    services: Mapping[str, FargateService]
    worker: str  # the one of the services that runs jobs
    database: Input[str]
    flows: Input[str]
    rollout: Input[str]
    password: Input[str]
    firewall: Input[str] | None  # in EDGE_REGION


def questions(logs: LogsArgs) -> dict[str, Question]:
    """What is asked when something is wrong."""
    newest = " | sort @timestamp desc | limit 200"
    found = {
        f"Errors of {key}": Question(
            query="fields @timestamp, @message"
            " | filter @message like /(?i)(error|exception|traceback|critical|sigkill)/" + newest,
            groups=[service.log_group],
        )
        for key, service in logs.services.items()
    }
    found |= {
        # The database logs statements above SLOW_STATEMENT_MS.
        "Slowest statements of the database": Question(
            query="filter @message like /duration: /"
            r" | parse @message /duration: (?<ms>[\d.]+) ms\s+(?<what>.*)/"
            " | fields @timestamp, ms, what | sort ms desc | limit 50",
            groups=[logs.database],
        ),
        "Errors and refused log-ins of the database": Question(
            query="fields @timestamp, @message | filter @message like /(ERROR|FATAL|PANIC):/"
            + newest,
            groups=[logs.database],
        ),
        # Celery's own line at the level INFO.
        "Longest jobs of the worker": Question(
            query="filter @message like / succeeded in /"
            r" | parse @message /Task (?<job>[\w.]+)\[.*succeeded in (?<seconds>[\d.]+)s/"
            " | stats count(*) as jobs, avg(seconds), max(seconds) by job"
            " | sort by `max(seconds)` desc",
            groups=[logs.services[logs.worker].log_group],
        ),
        # VPC user guide, "Flow log records": the default fields.
        "Who was refused by the network": Question(
            query='filter action = "REJECT"'
            " | stats count(*) as packets by srcAddr, dstAddr, dstPort"
            " | sort packets desc | limit 50",
            groups=[logs.flows],
        ),
        "What rolled and why": Question(query=_ROLLED, groups=[logs.rollout]),
        "Failures of the password function": Question(
            query="fields @timestamp, @message" + newest, groups=[logs.password]
        ),
    }
    if logs.firewall is not None:
        found["Who was refused by the firewall"] = Question(
            query="fields @timestamp, httpRequest.clientIp, httpRequest.country,"
            ' terminatingRuleId, httpRequest.uri | filter action = "BLOCK"' + newest,
            groups=[logs.firewall],
            region=EDGE_REGION,
        )
    return found
