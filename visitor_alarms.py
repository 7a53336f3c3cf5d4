"""Alarms on what visitors get: at the edge, and from the load balancer."""

from collections.abc import Mapping
from typing import Final

from pulumi import Input, Output

from alarms import ENOUGH, Alarm, Metric, lambda_metric
from alb import LoadBalancer, Route
from certs import EDGE_REGION, Certificate
from cloudfront import BasicAuth, Distribution

# Seconds that one answer in twenty may take: a page's files, and a tile that is drawn.
_SLOW: Final = {"terriamap": 2.0, "geoserver": 8.0}


def edge(
    sites: Mapping[str, Distribution], auth: BasicAuth, certificate: Certificate, *, home: str
) -> dict[str, Alarm]:
    """What CloudFront's default metrics show, which are in EDGE_REGION.

    Args:
        sites: the distributions by their key.
        auth: the function that asks for the password.
        certificate: of the sites, in all its regions.
        home: the stack's region.
    """

    def of_site(site: Distribution, metric: str, statistic: str) -> Metric:
        return Metric(
            namespace="AWS/CloudFront",
            name=metric,
            dimensions={"DistributionId": site.id, "Region": "Global"},
            statistic=statistic,
        )

    found = {
        f"edge-{key}-errors": Alarm(
            section="edge",
            graph="Answers to visitors that are errors, %",
            metrics={
                "requests": of_site(site, "Requests", "Sum"),
                "errors": of_site(site, "5xxErrorRate", "Average"),
            },
            formula=f"IF(requests >= {ENOUGH}, errors, 0)",
            above=5.0,
            at_edge=True,
            why=f"One answer in twenty that visitors of {site.url} get is an error",
            first="Open the page. If other alarms came too, begin with theirs; if not, it is"
            " the edge: its function, its certificate, or its way to the load balancer.",
            source="CloudFront developer guide, Types of metrics: default distribution metrics",
        )
        for key, site in sites.items()
    }
    # A function at the edge reports where it runs, and visitors are here: Sydney is the regional
    # cache of New Zealand. Elsewhere its failures are 5xx answers of the alarms above.
    found["edge-password-errors"] = Alarm(
        section="edge",
        graph="Failures of the password function",
        metrics={
            "errors": lambda_metric(Output.concat(f"{EDGE_REGION}.", auth.function_name), "Errors")
        },
        above=4.0,
        why="The function that asks for the password fails: visitors get 502 or 503",
        first="Its log group /edge/... in this region has the failures; roll back the last change"
        " of it with `pulumi up`.",
        source="CloudFront developer guide, Monitoring edge functions",
    )
    for region, arn in certificate.arns.items():
        found[f"certificate-{region}"] = Alarm(
            section="edge",
            metrics={
                "days": Metric(
                    namespace="AWS/CertificateManager",
                    name="DaysToExpiry",
                    dimensions={"CertificateArn": arn},
                    statistic="Minimum",
                )
            },
            below=30.0,
            period=86400,
            periods=1,
            at_edge=region == EDGE_REGION != home,
            why=f"The certificate in {region} was not renewed, and browsers will refuse it",
            first="Compare the DNS records that ACM's console asks for with those of the zone.",
            # ACM renews from 60 days before the end, certificates of a shorter life from 45.
            source="ACM user guide, Supported CloudWatch metrics; Managed certificate renewal",
        )
    return found


def load_balancer(balancer: LoadBalancer, routes: Mapping[str, Route]) -> dict[str, Alarm]:
    """What the load balancer sees of the services behind its `routes`."""
    whole = {"LoadBalancer": balancer.arn_suffix}

    def count(metric: str, dimensions: Mapping[str, Input[str]], statistic: str = "Sum") -> Metric:
        return Metric(
            namespace="AWS/ApplicationELB", name=metric, dimensions=dimensions, statistic=statistic
        )

    guide = "Elastic Load Balancing user guide, CloudWatch metrics for your Application Load"
    guide += " Balancer"
    found = {
        "balancer-errors": Alarm(
            section="load balancer",
            graph="Requests without an answer of a service, %",
            metrics={
                "requests": count("RequestCount", whole),
                "broken": count("HTTPCode_ELB_502_Count", whole),
                "late": count("HTTPCode_ELB_504_Count", whole),
            },
            # Not 503: that is a service without tasks, before its first image or stopped.
            formula=f"IF(requests >= {ENOUGH},"
            " 100 * (FILL(broken, 0) + FILL(late, 0)) / requests, 0)",
            above=5.0,
            why="One request in twenty gets no answer, or none in time, from the services",
            first="Look which service's tasks stopped lately or are slow, in the dashboard.",
            source=guide,
        )
    }
    for key, route in routes.items():
        own = {**whole, "TargetGroup": route.target_group_name}
        # A new task counts as neither until its first checks are over; a group without tasks has
        # neither.
        found[f"{key}-down"] = Alarm(
            section="load balancer",
            graph="Healthy tasks",
            metrics={
                "healthy": count("HealthyHostCount", own, "Maximum"),
                "unhealthy": count("UnHealthyHostCount", own, "Maximum"),
            },
            formula="IF(unhealthy > 0, healthy, 1)",
            below=1.0,
            period=60,
            periods=5,
            why=f"No task of {key} answers the load balancer",
            first="Read the service's log and its newest stopped task's reason; if an image was"
            " pushed shortly before, push the one before it again.",
            source=guide,
        )
        found[f"{key}-errors"] = Alarm(
            section="load balancer",
            graph="Answers of services that are errors, %",
            metrics={
                "requests": count("RequestCount", own),
                "failed": count("HTTPCode_Target_5XX_Count", own),
            },
            formula=f"IF(requests >= {ENOUGH}, 100 * FILL(failed, 0) / requests, 0)",
            above=5.0,
            why=f"One answer of {key} in twenty is an error of its own",
            first="The saved query of its errors shows them.",
            source=guide,
        )
        # A call of the API may compute for a minute: a few do no harm. When half of all are slow,
        # such calls fill its workers, and visitors wait.
        share, seconds = ("p50", 5.0) if key == "api" else ("p95", _SLOW[key])
        found[f"{key}-slow"] = Alarm(
            section="load balancer",
            graph="Seconds until an answer, API p50, others p95",
            metrics={
                "requests": count("RequestCount", own),
                "seconds": count("TargetResponseTime", own, share),
            },
            formula=f"IF(requests >= {ENOUGH}, seconds, 0)",
            above=seconds,
            why=f"{'Half' if key == 'api' else 'One in twenty'} of the answers of {key} takes"
            f" more than {seconds:g} seconds",
            first="Compare with the service's CPU and the database's in the dashboard.",
            source=guide,
        )
    return found
