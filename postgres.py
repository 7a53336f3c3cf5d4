"""The database: PostgreSQL on RDS, kept safe, with PostGIS before anyone connects."""

import hashlib
from dataclasses import dataclass
from typing import Final

import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, iam, lambda_, rds

from functions import Function, FunctionArgs
from network import Network, Place, PrivateName, PrivateNameArgs
from packages import function_package
from parameters import SecretParameter
from policies import statement, trust_for
from settings import DatabaseSettings, RestorePoint

PORT: Final = 5432
# Statements that take longer are worth a line in the log.
SLOW_STATEMENT_MS: Final = 5000


@dataclass(frozen=True, kw_only=True)
class PostgresInstanceArgs:
    region: str
    account_id: Input[str]
    place: Place
    network: Network  # for the private name, and the bootstrap function's way out
    bootstrap_place: Place
    settings: DatabaseSettings
    database: str  # part of public layer names: never changes
    username: str
    password_parameter: SecretParameter  # holds the same password as the settings
    protect: bool
    log_retention_days: int


class PostgresInstance(ComponentResource):
    """Encrypted, private instance with backups, its stable private name, and PostGIS in it."""

    def __init__(
        self, name: str, args: PostgresInstanceArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:PostgresInstance", name, None, opts)
        self._name = name
        self._args = args
        self._child = ResourceOptions(parent=self)
        settings = args.settings
        restore = settings.restore
        # A restored instance is another one beside its predecessor, which is let go as it is: only
        # people delete it, once its successor is proved (docs/restore.md).
        identifier = f"{name}-{digest(restore)}" if restore else name
        kept = ResourceOptions(
            parent=self,
            protect=args.protect,
            retain_on_delete=args.protect,
            depends_on=self._log_groups(identifier),
        )
        major = settings.engine_version.split(".")[0]

        subnets = rds.SubnetGroup(name, subnet_ids=args.place.subnet_ids, opts=self._child)
        parameters = rds.ParameterGroup(
            f"{name}-{major}",
            family=f"postgres{major}",
            # rds.force_ssl is on by default since PostgreSQL 15; naming a default shows as a diff.
            parameters=[
                {"name": "log_min_duration_statement", "value": str(SLOW_STATEMENT_MS)},
                {"name": "log_connections", "value": "1"},
                {"name": "log_disconnections", "value": "1"},
            ],
            opts=self._child,
        )
        # Each instance needs a last snapshot's name of its own: a second one is refused.
        last = random.RandomId(f"{identifier}-final", byte_length=4, opts=self._child)
        instance = rds.Instance(
            identifier,
            identifier=identifier,
            snapshot_identifier=restore.snapshot if restore and restore.snapshot else None,
            restore_to_point_in_time=_moment(restore) if restore and restore.instance else None,
            engine="postgres",
            engine_version=settings.engine_version,
            # A minor version that AWS brings in would be planned as a downgrade, which RDS rejects,
            # where the settings name another minor version (terraform-provider-aws#39579).
            auto_minor_version_upgrade="." not in settings.engine_version,
            allow_major_version_upgrade=True,  # when the settings name another one
            # Changes act when they are deployed, some with a restart, and not in the maintenance
            # window: until then each deployment would plan them again, and fail while a major
            # version is pending (terraform-provider-aws#47121).
            apply_immediately=True,
            instance_class=settings.instance_class,
            storage_type="gp3",
            allocated_storage=settings.storage,
            max_allocated_storage=settings.max_storage,
            storage_encrypted=True,
            # Both come with the data that is restored.
            db_name=None if restore else args.database,
            username=None if restore else args.username,
            port=PORT,
            password=settings.password,
            iam_database_authentication_enabled=True,  # people may log in without the password
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[args.place.security_group_id],
            publicly_accessible=False,
            multi_az=settings.multi_az,
            parameter_group_name=parameters.name,
            backup_retention_period=settings.backup_days,
            backup_window=settings.backup_window,
            maintenance_window=settings.maintenance_window,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            skip_final_snapshot=not settings.final_snapshot,
            final_snapshot_identifier=Output.format("{0}-final-{1}", identifier, last.hex),
            deletion_protection=args.protect,
            performance_insights_enabled=settings.insights,
            # The free tier's length (RDS user guide, "Pricing and data retention").
            performance_insights_retention_period=7 if settings.insights else None,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring_role(),
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
            opts=kept,
        )
        alias = PrivateName(
            f"{name}-name",
            PrivateNameArgs(network=args.network, host="database", target=instance.address),
            self._child,
        )
        self.identifier: Output[str] = instance.identifier
        self.arn: Output[str] = instance.arn
        self.endpoint: Output[str] = instance.endpoint
        self.log_group: Output[str] = Output.format(
            "/aws/rds/instance/{0}/postgresql", instance.identifier
        )
        bootstrap = self._bootstrap(instance, identifier)
        # The application needs the name and PostGIS; whoever uses the host waits for both.
        ready = Output.all(alias.hostname, bootstrap.result)
        self.host: Output[str] = ready.apply(lambda parts: parts[0])
        self.register_outputs({"host": self.host})

    def _monitoring_role(self) -> Output[str]:
        name = f"{self._name}-monitoring"
        role = iam.Role(
            name,
            # RDS user guide, "Creating an IAM role for Enhanced Monitoring".
            assume_role_policy=trust_for(
                "monitoring.rds.amazonaws.com",
                account_id=self._args.account_id,
                source=Output.format(
                    "arn:aws:rds:{0}:{1}:db:{2}*",
                    self._args.region,
                    self._args.account_id,
                    self._name,
                ),
            ),
            opts=self._child,
        )
        attached = iam.RolePolicyAttachment(
            name,
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self._child,
        )
        # RDS refuses a role that can't write metrics yet.
        ready = Output.all(role.arn, attached.id)
        arn: Output[str] = ready.apply(lambda parts: parts[0])
        return arn

    def _log_groups(self, identifier: str) -> list[cloudwatch.LogGroup]:
        """RDS would make them itself, and keep everything for ever."""
        # They go the way of their instance: its log may tell what went wrong.
        kept = ResourceOptions(parent=self, retain_on_delete=self._args.protect)
        return [
            cloudwatch.LogGroup(
                f"{identifier}-{log}",
                name=f"/aws/rds/instance/{identifier}/{log}",
                retention_in_days=self._args.log_retention_days,
                opts=kept,
            )
            for log in ("postgresql", "upgrade")
        ]

    def _bootstrap(self, instance: rds.Instance, identifier: str) -> lambda_.Invocation:
        """A function in the VPC that creates PostGIS, run after the database exists and again
        only when its code changes or the database is another one."""
        args = self._args
        name = f"{self._name}-postgis"
        function = Function(
            name,
            FunctionArgs(
                region=args.region,
                account_id=args.account_id,
                description="Creates PostGIS in the database",
                code=function_package(
                    "postgis",
                    libraries=["pg8000", "scramp", "asn1crypto", "python-dateutil", "six"],
                ),
                memory=256,
                timeout=120,
                log_retention_days=args.log_retention_days,
                place=args.bootstrap_place,
                statements=[statement(["ssm:GetParameter"], [args.password_parameter.arn])],
                environment={
                    "HOST": instance.address,
                    "PORT": instance.port.apply(str),
                    "DATABASE": args.database,
                    "USERNAME": args.username,
                    "PASSWORD_PARAMETER": args.password_parameter.path,
                    "EXTENSIONS": "postgis",
                },
            ),
            self._child,
        )
        return lambda_.Invocation(
            name,
            function_name=function.name,
            input="{}",
            triggers={"code": function.code_sha256, "database": identifier},
            # It reads the password from Parameter Store, which is outside the VPC.
            opts=ResourceOptions(
                parent=self, depends_on=[*args.network.egress, *args.network.rules["bootstrap"]]
            ),
        )


def digest(restore: RestorePoint) -> str:
    """What tells the instances of different restorations apart, six hexadecimal digits."""
    return hashlib.sha256(restore.text.encode()).hexdigest()[:6]


def _moment(restore: RestorePoint) -> rds.InstanceRestoreToPointInTimeArgsDict:
    source: rds.InstanceRestoreToPointInTimeArgsDict = (
        {"source_dbi_resource_id": restore.instance}
        if restore.instance.startswith("db-") and restore.instance != restore.instance.lower()
        else {"source_db_instance_identifier": restore.instance}
    )
    if restore.time == "latest":
        return {**source, "use_latest_restorable_time": True}
    return {**source, "restore_time": restore.time}
