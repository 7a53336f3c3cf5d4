"""The Otakaro Digital Twin on AWS: who may talk to whom, what is kept, what runs, what the
public sees."""

import pulumi
import pulumi_aws as aws

import entry_points
from alb import LoadBalancer, LoadBalancerArgs, RouteArgs
from backend import API_PORT, REDIS_PORT, Backend, BackendArgs
from budget import Spending, SpendingArgs
from certs import EDGE_REGION, Certificate, CertificateArgs, HostedZone
from cloudfront import (
    BasicAuth,
    BasicAuthArgs,
    Caching,
    Distribution,
    DistributionArgs,
    EdgePolicies,
    EdgePoliciesArgs,
    MaintenancePage,
    PrivateOrigin,
)
from dashboard import Dashboard, DashboardArgs, LogsArgs, Questions, questions
from efs import FileShare, FileShareArgs
from fargate import (
    Cluster,
    FargateService,
    FargateServiceArgs,
    ImageRepository,
    ImageRepositoryArgs,
    Platform,
    java_heap,
)
from hours import Hours, HoursArgs
from identity import OUTPUT, identity, keep_identity
from monitoring import Monitoring, MonitoringArgs
from network import CLOUDFRONT, ENDPOINTS, INTERNET, Network, NetworkArgs, PrivateService, Traffic
from notifications import (
    ALARMS,
    BUDGETS,
    DATABASES,
    DatabaseEvents,
    Failures,
    FailuresArgs,
    Notifications,
    NotificationsArgs,
)
from parameters import SecretParameters, SecretParametersArgs
from policies import bound_roles
from postgres import PORT as DATABASE_PORT
from postgres import PostgresInstance, PostgresInstanceArgs
from rollout import Rolled, Rollout, RolloutArgs
from s3 import AccessLogs, AccessLogsArgs
from settings import Settings
from waf import Firewall, FirewallArgs

TERRIAMAP_PORT, GEOSERVER_PORT, FILES_PORT = 3001, 8080, 2049
DATABASE, DATABASE_USER = "otakaro", "otakaro"

settings = Settings.load(pulumi.Config())
keep_identity(settings)
prefix, hosts = settings.prefix, settings.hosts
account = aws.get_caller_identity_output().account_id
if settings.permissions_boundary:
    bound_roles(
        pulumi.Output.format("arn:aws:iam::{0}:policy/{1}", account, settings.permissions_boundary)
    )

# Who may talk to whom. Everything else is refused.
traffic = [
    Traffic(client=CLOUDFRONT, server="alb", port=443),
    Traffic(client="alb", server="terriamap", port=TERRIAMAP_PORT),
    Traffic(client="alb", server="api", port=API_PORT),
    Traffic(client="alb", server="geoserver", port=GEOSERVER_PORT),
    *[
        Traffic(client=client, server=server, port=port)
        for client in ("api", "worker")
        for server, port in {
            "database": DATABASE_PORT,
            "redis": REDIS_PORT,
            "files": FILES_PORT,
            "geoserver": GEOSERVER_PORT,
        }.items()
    ],
    Traffic(client="geoserver", server="database", port=DATABASE_PORT),
    Traffic(client="geoserver", server="files", port=FILES_PORT),
    Traffic(client="bootstrap", server="database", port=DATABASE_PORT),
    Traffic(client="queue", server="redis", port=REDIS_PORT),
    # Images, logs and secrets come from AWS's public addresses, the worker's data from its sources.
    *[
        Traffic(client=client, server=INTERNET, port=443)
        for client in ("terriamap", "api", "worker", "geoserver", "bootstrap")
    ],
    Traffic(client="worker", server=INTERNET, port=80),
    *[
        Traffic(client=client, server=ENDPOINTS, port=443)
        for client in ("terriamap", "api", "worker", "geoserver", "bootstrap")
        if settings.network.interface_endpoints
    ],
]
network = Network(
    f"{prefix}-vpc",
    NetworkArgs(
        region=settings.region,
        account_id=account,
        cidr=settings.network.cidr,
        zones=settings.network.zones,
        nat_gateways=settings.network.nat_gateways,
        traffic=traffic,
        interface_endpoints=settings.network.interface_endpoints,
        flow_log_traffic=settings.network.flow_log_traffic,
        log_retention_days=settings.log_retention_days,
        private_domain=f"{prefix}.internal",
    ),
)

# What is kept: secrets, files, database, images.
secrets = SecretParameters(
    f"{prefix}-secrets",
    SecretParametersArgs(
        prefix=prefix,
        names=settings.secret_parameter_names,
        filled={"POSTGRES_PASSWORD": settings.database.password},
        generated=["GEOSERVER_ADMIN_PASSWORD"],
    ),
)
files = FileShare(
    f"{prefix}-shared-data",
    FileShareArgs(
        place=network.place("files"),
        account_id=account,
        # Neither contains the other: whichever is mounted first creates its own folder alone.
        folders={"geoserver": "/stored_data/geoserver", "backend": "/stored_data/backend"},
        root=settings.files_root,
        protect=settings.protect_data,
    ),
)
database = PostgresInstance(
    f"{prefix}-pg",
    PostgresInstanceArgs(
        region=settings.region,
        account_id=account,
        place=network.place("database"),
        network=network,
        bootstrap_place=network.place("bootstrap"),
        settings=settings.database,
        database=DATABASE,
        username=DATABASE_USER,
        password_parameter=secrets["POSTGRES_PASSWORD"],
        protect=settings.protect_data,
        log_retention_days=settings.log_retention_days,
    ),
)
images = {
    image: ImageRepository(
        f"{prefix}-{image}-ecr", ImageRepositoryArgs(protect=settings.protect_data)
    )
    for image in ("backend", "terriamap", "geoserver")
}

# What CloudFront reaches.
zone = HostedZone(
    f"{prefix}-zone",
    domain=settings.dns_zone,
    create=settings.create_dns_zone,
    protect=settings.protect_data,
)
certificate = Certificate(
    f"{prefix}-cert",
    CertificateArgs(hosts=hosts.all, zone=zone, regions=[settings.region, EDGE_REGION]),
)
access_logs = AccessLogs(
    f"{prefix}-access-logs",
    AccessLogsArgs(
        account_id=account,
        keep_days=settings.access_log_days,
        removable=not settings.protect_data,
    ),
)
# Each keeps connections longer than the one before it, so that none meets a closed one.
idle_timeout = settings.edge.origin_timeout + 10
keep_alive = idle_timeout + 5
alb = LoadBalancer(
    f"{prefix}-alb",
    LoadBalancerArgs(
        prefix=prefix,
        vpc_id=network.vpc_id,
        place=network.place("alb"),
        certificate_arn=certificate.arns[settings.region],
        idle_timeout=idle_timeout,
        protect=settings.protect_data,
        access_logs=access_logs,
    ),
)
routes = {
    "terriamap": alb.route(
        RouteArgs(
            key="terriamap", host=hosts.map, port=TERRIAMAP_PORT, health_path="/ping", priority=10
        )
    ),
    "api": alb.route(
        RouteArgs(key="api", host=hosts.api, port=API_PORT, health_path="/", priority=20)
    ),
    "geoserver": alb.route(
        RouteArgs(
            key="geoserver",
            host=hosts.geoserver,
            port=GEOSERVER_PORT,
            health_path="/geoserver/web/",
            health_codes="200-399",
            priority=30,
        )
    ),
}

# What runs.
platform = Platform(
    region=settings.region,
    account_id=account,
    cluster=Cluster(f"{prefix}-ecs", insights=settings.container_insights),
    architecture=settings.architecture,
    log_retention_days=settings.log_retention_days,
    exec_allowed=settings.ecs_exec,
)
terriamap_start = entry_points.terriamap(keep_alive=keep_alive)
terriamap = FargateService(
    f"{prefix}-terriamap",
    FargateServiceArgs(
        platform=platform,
        place=network.task_place("terriamap"),
        repository=images["terriamap"],
        size=settings.terriamap,
        port=TERRIAMAP_PORT,
        entry_point=terriamap_start.entry_point,
        command=terriamap_start.command,
        environment={
            **terriamap_start.environment,
            "BACKEND_HOST": f"https://{hosts.api}",
            "BACKEND_PORT": "443",
            "GEOSERVER_HOST": f"https://{hosts.geoserver}",
            "GEOSERVER_PORT": "443",
        },
        # Both go to every browser.
        secrets=secrets.having(["CESIUM_ACCESS_TOKEN", "LINZ_BASEMAPS_API_KEY"]),
        route=routes["terriamap"],
        request_target=settings.terriamap_requests,
    ),
)
geoserver_name = PrivateService(f"{prefix}-geoserver-name", network=network, host="geoserver")
geoserver_start = entry_points.geoserver(
    keep_alive=keep_alive, tile_seconds=settings.edge.tile_seconds
)
geoserver = FargateService(
    f"{prefix}-geoserver",
    FargateServiceArgs(
        platform=platform,
        place=network.task_place("geoserver"),
        repository=images["geoserver"],
        size=settings.geoserver,
        port=GEOSERVER_PORT,
        entry_point=geoserver_start.entry_point,
        command=geoserver_start.command,
        environment={
            **geoserver_start.environment,
            "SKIP_DEMO_DATA": "true",
            "CORS_ENABLED": "true",
            "ROOT_WEBAPP_REDIRECT": "true",
            "GEOSERVER_DATA_DIR": "/opt/geoserver_data",
            "GEOSERVER_ADMIN_USER": "admin",
            "PROXY_BASE_URL": f"https://{hosts.geoserver}/geoserver",
            "GEOSERVER_CSRF_WHITELIST": hosts.geoserver,
            "EXTRA_JAVA_OPTS": java_heap(settings.geoserver.memory),
        },
        secrets=secrets.having(["GEOSERVER_ADMIN_PASSWORD"]),
        mounts={"/opt/geoserver_data": files.folders["geoserver"]},
        # The image's own user, too: its start script writes below Tomcat's folder, which is root's.
        user="root",
        route=routes["geoserver"],
        registry_arn=geoserver_name.registry_arn,
        grace=300,
        overlap=False,  # its catalogue is in memory, over one data folder
    ),
)
backend = Backend(
    f"{prefix}-backend",
    BackendArgs(
        platform=platform,
        network=network,
        repository=images["backend"],
        redis=settings.redis,
        protect=settings.protect_data,
        flask=settings.flask,
        celery=settings.celery,
        celery_concurrency=settings.celery_concurrency,
        celery_spot=settings.celery_spot,
        environment={
            "DATA_DIR": "/shared_storage",
            "DATA_DIR_MODEL_OUTPUT": "/shared_storage/model_output",
            # The worker copies rasters there and publishes them by their path in GeoServer's own
            # data folder, so where it is mounted stands in no database.
            "DATA_DIR_GEOSERVER": "/geoserver_data",
            "FLOOD_MODEL_DIR": "/bg_flood",
            "ROOF_SURFACE_DATASET_PATH": "/stored_data/roof_surfaces.gdb",
            "ROAD_DATASET_PATH": "/datasets/roads.gpkg",
            "LIDAR_DIR": "lidar",
            "DEM_DIR": "hydro_dem",
            "INSTRUCTIONS_FILE": "./instructions.json",
            "POSTGRES_HOST": database.host,
            "POSTGRES_PORT": str(DATABASE_PORT),
            "POSTGRES_DB": DATABASE,
            "POSTGRES_USER": DATABASE_USER,
            # What browsers are told, and what the backend itself calls.
            "GEOSERVER_HOST": f"https://{hosts.geoserver}",
            "GEOSERVER_PORT": "443",
            "GEOSERVER_INTERNAL_HOST": pulumi.Output.concat("http://", geoserver_name.hostname),
            "GEOSERVER_INTERNAL_PORT": str(GEOSERVER_PORT),
            "GEOSERVER_ADMIN_NAME": "admin",
            "BACKEND_HOST": f"https://{hosts.api}",
            "BACKEND_PORT": "443",
        },
        secrets=secrets.besides(["CESIUM_ACCESS_TOKEN", "LINZ_BASEMAPS_API_KEY"]),
        # Beside each other: in which order Fargate mounts folders within folders is undocumented.
        mounts={
            "/shared_storage": files.folders["backend"],
            "/geoserver_data": files.folders["geoserver"],
        },
        route=routes["api"],
        keep_alive=keep_alive,
        stack=prefix,
        request_target=settings.flask_requests,
    ),
)

# What the public sees.
administration = [
    f"/geoserver/{path}"
    for path in (
        *("web", "rest", "gwc/rest", "gwc/demo", "gwc/home", "TestWfsPost"),
        *("j_spring_security_check", "j_spring_security_logout", "login", "logout"),
    )
]
# TerriaMap's proxy to other sites' data is mounted twice (terriajs-server, lib/makeserver.js).
proxies = ["/proxy", "/api/v1/proxy"]
auth = BasicAuth(
    f"{prefix}-basic-auth",
    BasicAuthArgs(
        account_id=account,
        map_host=hosts.map,
        access={
            hosts.map: settings.edge.map_access,
            hosts.api: settings.edge.api_access,
            hosts.geoserver: settings.edge.geoserver_access,
        },
        # The worker publishes layers by GeoServer's private name; the map only shows them.
        reading=[hosts.geoserver],
        closed={} if settings.edge.geoserver_admin_open else {hosts.geoserver: administration},
        exact={hosts.map: proxies},
        # Browsers request a manifest and its icons without credentials.
        public={hosts.map: ["/favicon.ico", "/manifest.json", "/favicons/"]},
        ogc=[hosts.geoserver],
        users=settings.edge.users,
        log_retention_days=settings.log_retention_days,
        keep=settings.edge.keep_function,
    ),
)
policies = EdgePolicies(
    f"{prefix}-edge",
    EdgePoliciesArgs(
        map_host=hosts.map,
        tile_seconds=settings.edge.tile_seconds,
        embedders=settings.edge.embedders,
        script_hosts=settings.edge.script_hosts,
    ),
)
maintenance = MaintenancePage(f"{prefix}-maintenance")
firewall = (
    Firewall(
        f"{prefix}-firewall",
        FirewallArgs(
            rate_limit=settings.edge.firewall_rate_limit,
            log_retention_days=settings.log_retention_days,
        ),
    )
    if settings.edge.firewall
    else None
)
static: dict[str, Caching] = {"/build/*": "assets", "/images/*": "assets"}
proxied: dict[str, Caching] = {f"{path}*": "proxy" for path in proxies}
# GeoServer's administration, where it is open, is each user's own.
personal: dict[str, Caching] = {f"{path}*": "none" for path in administration}
headers = {
    "map": policies.map_headers,
    "api": policies.service_headers,
    "geoserver": policies.geoserver_headers,
}
behaviours: dict[str, tuple[str, str, Caching, dict[str, Caching]]] = {
    "map": (hosts.map, "terriamap", "revalidate", static | proxied),
    "api": (hosts.api, "api", "none", {}),
    "geoserver": (hosts.geoserver, "geoserver", "tiles", personal),
}
origin = PrivateOrigin(
    f"{prefix}-origin", load_balancer=alb, internet_gateway=network.internet_gateway
)
sites = {
    key: Distribution(
        f"{prefix}-{key}-cdn",
        DistributionArgs(
            host=host,
            zone=zone,
            certificate_arn=certificate.arns[EDGE_REGION],
            origin=origin,
            route=routes[service],
            origin_timeout=settings.edge.origin_timeout,
            auth=auth,
            policies=policies,
            headers=headers[key],
            caching=caching,
            paths=paths,
            access_logs=access_logs,
            maintenance=maintenance if key == "map" else None,
            firewall_arn=firewall.arn if firewall else None,
        ),
    )
    for key, (host, service, caching, paths) in behaviours.items()
}

# What happens by itself: a pushed image or a changed secret rolls its services.
notifications = Notifications(
    f"{prefix}-alarms",
    NotificationsArgs(
        email=settings.alarm_email,
        account_id=account,
        publishers=[ALARMS, DATABASES, *([BUDGETS] if settings.monthly_budget else [])],
        events=True,
    ),
)
running = {
    "terriamap": (terriamap, settings.terriamap),
    "geoserver": (geoserver, settings.geoserver),
    "backend-flask": (backend.api, settings.flask),
    "backend-celery": (backend.worker, settings.celery),
}
# A stack that nobody needs at night runs by the clock.
hours = (
    Hours(
        f"{prefix}-hours",
        HoursArgs(
            region=settings.region,
            account_id=account,
            prefix=prefix,
            hours=settings.hours,
            database=database,
        ),
    )
    if settings.hours
    else None
)
rollout = Rollout(
    f"{prefix}-rollout",
    RolloutArgs(
        region=settings.region,
        account_id=account,
        cluster=platform.cluster,
        services=[Rolled(service=service, size=size) for service, size in running.values()],
        topic_arn=notifications.topic_arn,
        log_retention_days=settings.log_retention_days,
        hours=hours,
    ),
)

# What people are told, and where they look then.
edge_notifications = Notifications(
    f"{prefix}-edge-alarms",
    NotificationsArgs(
        email=settings.alarm_email, account_id=account, publishers=[ALARMS], region=EDGE_REGION
    ),
)
DatabaseEvents(f"{prefix}-pg-events", topic_arn=notifications.topic_arn)
Failures(
    f"{prefix}-failure",
    FailuresArgs(
        topic_arn=notifications.topic_arn,
        cluster=platform.cluster,
        services=[service for service, _ in running.values()],
        files=files,
    ),
)
if settings.monthly_budget:
    Spending(
        f"{prefix}-spending",
        SpendingArgs(monthly=settings.monthly_budget, topic_arn=notifications.topic_arn),
    )
monitoring = Monitoring(
    f"{prefix}-alarm",
    MonitoringArgs(
        queue=backend.queue,
        region=settings.region,
        topic_arn=notifications.topic_arn,
        edge_topic_arn=edge_notifications.topic_arn,
        sites=sites,
        auth=auth,
        certificate=certificate,
        balancer=alb,
        routes=routes,
        cluster=platform.cluster,
        services=running,
        computing=["backend-celery"],
        database=database,
        database_settings=settings.database,
        redis=backend.redis,
        redis_settings=settings.redis,
        files=files,
        network=network,
        rollout=rollout,
        functions={"rollout": rollout.function.name, "queue": backend.queue.function.name},
    ),
)
Dashboard(
    f"{prefix}-dashboard",
    DashboardArgs(
        region=settings.region,
        monitoring=monitoring,
        traffic=sites,
        cluster=platform.cluster,
        services={key: service for key, (service, _) in running.items()},
        queue=backend.queue,
        rollout_log=rollout.function.log_group,
    ),
)
Questions(
    prefix,
    questions(
        LogsArgs(
            services={key: service for key, (service, _) in running.items()},
            worker="backend-celery",
            database=database.log_group,
            flows=network.flow_log_group,
            rollout=rollout.function.log_group,
            password=auth.log_group,
            firewall=firewall.log_group if firewall else None,
        )
    ),
)

pulumi.export("backend-ecr-url", images["backend"].url)
pulumi.export("terria-ecr-url", images["terriamap"].url)
pulumi.export("geoserver-ecr-url", images["geoserver"].url)
pulumi.export("sites", {key: site.url for key, site in sites.items()})
pulumi.export("name-servers", zone.name_servers)  # of the public zone, for its delegation
pulumi.export("cluster", platform.cluster.name)
pulumi.export("services", {key: service.name for key, (service, _) in running.items()})
pulumi.export(
    "log-groups",
    {key: service.log_group for key, (service, _) in running.items()}
    | {"rollout": rollout.function.log_group, "queue": backend.queue.function.log_group},
)
pulumi.export("database", {"host": database.host, "endpoint": database.endpoint})
pulumi.export(OUTPUT, identity(settings))
