"""Buckets: private, encrypted, by TLS only. One takes the access logs of what faces the public."""

from dataclasses import dataclass

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, s3

from certs import EDGE_REGION
from policies import policy, statement


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    removable: bool  # delete it although there is something in it
    keep_days: int | None = None  # days until an object is deleted; None: never


class PrivateBucket(ComponentResource):
    """A bucket of this account alone; `admit` says who else may do what."""

    def __init__(
        self, name: str, args: PrivateBucketArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:PrivateBucket", name, None, opts)
        self._name = name
        child = ResourceOptions(parent=self)
        bucket = s3.Bucket(name, force_destroy=args.removable, opts=child)
        s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        self._shut = s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        # Elastic Load Balancing writes its logs with S3's own key only (ELB user guide, "Access
        # logs").
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "id": "expire" if args.keep_days else "tidy",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": args.keep_days} if args.keep_days else None,
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=child,
        )
        self._bucket = bucket
        self.arn: Output[str] = bucket.arn
        self.domain_name: Output[str] = bucket.bucket_regional_domain_name
        self.register_outputs({"arn": self.arn})

    def put(self, key: str, *, content: str, content_type: str, cache_control: str) -> None:
        """Keep `content` under `key`."""
        s3.BucketObjectv2(
            f"{self._name}-{key.rpartition('/')[2]}",
            bucket=self._bucket.id,
            key=key,
            content=content,
            content_type=content_type,
            cache_control=cache_control,
            opts=ResourceOptions(parent=self),
        )

    def admit(self, *statements: dict[str, object]) -> Output[str]:
        """Let others in as `statements` say; once a bucket, which has one policy.

        Returns:
            The bucket's name, known when the policy holds.
        """
        admission = s3.BucketPolicy(
            self._name,
            bucket=self._bucket.id,
            policy=policy(
                *statements,
                statement(
                    ["s3:*"],
                    [self.arn, Output.concat(self.arn, "/*")],
                    {"Bool": {"aws:SecureTransport": "false"}},
                    effect="Deny",
                    principal="*",
                ),
            ),
            # S3 refuses two changes of a bucket's access at the same time.
            opts=ResourceOptions(parent=self, depends_on=[self._shut]),
        )
        ready = Output.all(self._bucket.bucket, admission.id)
        name: Output[str] = ready.apply(lambda parts: parts[0])
        return name


@dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    account_id: Input[str]
    keep_days: int
    removable: bool


class AccessLogs(ComponentResource):
    """The bucket that the load balancer and CloudFront write who asked for what to."""

    def __init__(
        self, name: str, args: AccessLogsArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("otakaro:index:AccessLogs", name, None, opts)
        bucket = PrivateBucket(
            name,
            PrivateBucketArgs(removable=args.removable, keep_days=args.keep_days),
            ResourceOptions(parent=self),
        )
        # Both write below a path that names the account.
        place = [Output.format("{0}/AWSLogs/{1}/*", bucket.arn, args.account_id)]
        self.bucket: Output[str] = bucket.admit(
            # ELB user guide, "Access logs", bucket policy.
            statement(
                ["s3:PutObject"],
                place,
                principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            ),
            # CloudWatch Logs user guide, "Logs sent to Amazon S3".
            statement(
                ["s3:PutObject"],
                place,
                {
                    "StringEquals": {
                        "s3:x-amz-acl": "bucket-owner-full-control",
                        "aws:SourceAccount": args.account_id,
                    },
                    "ArnLike": {
                        "aws:SourceArn": Output.format(
                            "arn:aws:logs:{0}:{1}:delivery-source:*",
                            EDGE_REGION,
                            args.account_id,
                        )
                    },
                },
                principal={"Service": "delivery.logs.amazonaws.com"},
            ),
        )
        ready = Output.all(bucket.arn, self.bucket)
        arn: Output[str] = ready.apply(lambda parts: parts[0])
        # Where CloudFront's deliveries go; known when they may.
        self.destination_arn: Output[str] = cloudwatch.LogDeliveryDestination(
            name,
            region=EDGE_REGION,
            output_format="w3c",
            delivery_destination_configuration={"destination_resource_arn": arn},
            opts=ResourceOptions(parent=self),
        ).arn
        self._deliveries: list[cloudwatch.LogDelivery] = []
        self.register_outputs({"bucket": self.bucket})

    def add_delivery(self, name: str, source_arn: Input[str], parent: ComponentResource) -> None:
        """Deliver the access logs of a distribution to the bucket.

        CloudWatch Logs rejects parallel changes of deliveries to one destination
        (ConflictException, hashicorp/terraform-provider-aws#42194), so each delivery waits for the
        previous one. Resources are deleted in the reverse order, one after the other, too.

        Args:
            name: of the delivery.
            source_arn: of the distribution.
            parent: of the delivery's resources.
        """
        opts = ResourceOptions(parent=parent, depends_on=self._deliveries[-1:])
        source = cloudwatch.LogDeliverySource(
            name, region=EDGE_REGION, log_type="ACCESS_LOGS", resource_arn=source_arn, opts=opts
        )
        delivery = cloudwatch.LogDelivery(
            name,
            region=EDGE_REGION,
            delivery_source_name=source.name,
            delivery_destination_arn=self.destination_arn,
            opts=opts,
        )
        self._deliveries.append(delivery)
