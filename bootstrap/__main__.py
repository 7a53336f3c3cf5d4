"""The state's bucket, GitHub as someone to trust, and two roles: one reads, one deploys."""

import sys
from pathlib import Path

import pulumi
from pulumi_aws import get_caller_identity_output, iam

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bootstrap.permissions import (
    BOUNDARY,
    ROLE_BOUNDARY,
    ROLES,
    change_policies,
    in_account,
    look_policies,
    reading_state,
    role_boundary,
    workflow_boundary,
    writing_state,
)
from bootstrap.settings import Settings
from bootstrap.state import StateBucket
from bootstrap.trust import WorkflowRole, github

settings = Settings.load(pulumi.Config())
account = get_caller_identity_output().account_id
state = StateBucket(settings.state_bucket)
provider = github(create=settings.create_provider, account_id=account)
boundary = iam.Policy(
    BOUNDARY,
    name=BOUNDARY,
    policy=in_account(workflow_boundary(settings.stack, settings.state_bucket), account),
)
for_roles = iam.Policy(
    ROLE_BOUNDARY,
    name=ROLE_BOUNDARY,
    policy=in_account(role_boundary(settings.stack), account),
)
look, change = (
    {name: in_account(document, account) for name, document in policies.items()}
    for policies in (look_policies(settings.stack), change_policies(settings.stack))
)
preview = WorkflowRole(
    f"{ROLES}-preview",
    provider_arn=provider,
    subject=settings.subject("preview"),
    hours=1,
    policies={**look, "state": reading_state(state.arn)},
    boundary=boundary.arn,
)
deploy = WorkflowRole(
    f"{ROLES}-deploy",
    provider_arn=provider,
    subject=settings.subject("production"),
    hours=2,
    policies={**look, **change, "state": writing_state(state.arn)},
    boundary=boundary.arn,
)
state.keep_versions_from([preview.arn, deploy.arn])

pulumi.export("state", state.address)
pulumi.export("preview-role", preview.arn)
pulumi.export("deploy-role", deploy.arn)
pulumi.export("role-boundary", for_roles.name)
