"""The state's bucket, GitHub as someone to trust, and two roles: one looks, one deploys."""

import sys
from pathlib import Path

import pulumi
from pulumi_aws import get_caller_identity_output

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bootstrap.permissions import deploying, looking, reading_state, writing_state
from bootstrap.settings import Settings
from bootstrap.state import StateBucket
from bootstrap.trust import WorkflowRole, github

settings = Settings.load(pulumi.Config())
account = get_caller_identity_output().account_id
state = StateBucket(settings.state_bucket)
provider = github(create=settings.create_provider, account_id=account)
preview = WorkflowRole(
    "otakaro-github-preview",
    provider_arn=provider,
    subject=settings.subject("preview"),
    hours=1,
    policies={
        "look": looking(settings.name_prefix, account),
        "state": reading_state(state.arn),
    },
)
deploy = WorkflowRole(
    "otakaro-github-deploy",
    provider_arn=provider,
    subject=settings.subject("production"),
    hours=2,
    policies={
        "look": looking(settings.name_prefix, account),
        **deploying(settings.name_prefix, account),
        "state": writing_state(state.arn),
    },
)
state.keep_versions_from([preview.arn, deploy.arn])

pulumi.export("state", state.address)
pulumi.export("preview-role", preview.arn)
pulumi.export("deploy-role", deploy.arn)
