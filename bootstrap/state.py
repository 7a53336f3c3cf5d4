"""The bucket that holds Pulumi's state: private, encrypted, by TLS only, each version kept.

Object Lock is left out: the engine writes and removes its own lock file at each run, and a
retention that keeps versions from workflows is had more simply by never letting their roles touch
one. MFA delete can only be switched on by the account's root user, so it is no part of a program.
"""

from collections.abc import Sequence
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import s3

from bootstrap.permissions import READ_STATE, WRITE_STATE, written_keys
from policies import policy, statement

# Old versions are what a damaged state is mended from.
KEEP_VERSIONS_DAYS: Final = 365


class StateBucket(ComponentResource):
    """The bucket; `keep_versions_from` completes it."""

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("otakaro-bootstrap:index:StateBucket", name, None, opts)
        self._child = ResourceOptions(parent=self)
        bucket = s3.Bucket(name, bucket=name, opts=ResourceOptions(parent=self, protect=True))
        s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._child,
        )
        self._shut = s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=self._child,
        )
        versioned = s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            opts=self._child,
        )
        s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "id": "old-versions",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrent_version_expiration": {"noncurrent_days": KEEP_VERSIONS_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            # Rules for old versions mean something in a versioned bucket only (S3 user guide).
            opts=ResourceOptions(parent=self, depends_on=[versioned]),
        )
        self._name = name
        self._bucket = bucket
        self.arn: Output[str] = bucket.arn
        self.name: Output[str] = bucket.bucket
        # Without its region, `pulumi login` depends on the shell's (pulumi/pulumi#13899).
        self.address: Output[str] = Output.concat("s3://", bucket.bucket, "?region=", bucket.region)
        self.register_outputs({"arn": self.arn})

    def keep_versions_from(self, roles: Sequence[Input[str]]) -> None:
        """Let nobody in without TLS, and `roles` do no more than deploying the program takes.

        What else these roles are allowed does not count here: versions, the bucket itself and
        other projects' state are out of their reach.
        """
        everything: list[Input[str]] = [self.arn, Output.concat(self.arn, "/*")]
        mine = {"ArnEquals": {"aws:PrincipalArn": list(roles)}}
        s3.BucketPolicy(
            self._name,
            bucket=self._bucket.id,
            policy=policy(
                statement(
                    ["s3:*"],
                    everything,
                    {"Bool": {"aws:SecureTransport": "false"}},
                    effect="Deny",
                    principal="*",
                ),
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "NotAction": [*READ_STATE, *WRITE_STATE],
                    "Resource": everything,
                    "Condition": mine,
                },
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": list(WRITE_STATE),
                    "NotResource": written_keys(self.arn),
                    "Condition": mine,
                },
            ),
            # S3 refuses two changes of a bucket's access at the same time.
            opts=ResourceOptions(parent=self, depends_on=[self._shut]),
        )
