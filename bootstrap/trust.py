"""Workflows as someone to trust: GitHub's tokens, and the roles that they open."""

from collections.abc import Mapping
from typing import Final

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_aws import iam

from policies import policy

ISSUER: Final = "token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"


def github(*, create: bool, account_id: Output[str]) -> Output[str]:
    """The ARN of GitHub as an identity provider, of which an account has one.

    AWS checks GitHub's certificate by its own list of authorities, so no thumbprint is given (IAM
    user guide, "Create an OpenID Connect identity provider in IAM").

    Args:
        create: make it; else it is there.
        account_id: the account.
    """
    if not create:
        return Output.concat("arn:aws:iam::", account_id, f":oidc-provider/{ISSUER}")
    provider = iam.OpenIdConnectProvider(
        "github",
        url=f"https://{ISSUER}",
        client_id_lists=[AUDIENCE],
        opts=ResourceOptions(protect=True),
    )
    return provider.arn


class WorkflowRole(ComponentResource):
    """A role for the jobs of one environment of one repository."""

    def __init__(
        self,
        name: str,
        *,
        provider_arn: Input[str],
        subject: str,
        hours: int,
        policies: Mapping[str, Output[str]],
        boundary: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        """Args:
        name: the role's own name.
        provider_arn: of GitHub.
        subject: what the tokens of these jobs, and of no others, say of themselves.
        hours: the longest session.
        policies: what it may do, by the parts' names.
        boundary: ARN of its permissions boundary.
        opts: of the component.
        """
        super().__init__("otakaro-bootstrap:index:WorkflowRole", name, None, opts)
        child = ResourceOptions(parent=self)
        role = iam.Role(
            name,
            name=name,
            max_session_duration=hours * 3600,
            permissions_boundary=boundary,
            assume_role_policy=policy(
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": {"Federated": provider_arn},
                    "Condition": {
                        "StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subject}
                    },
                }
            ),
            opts=child,
        )
        for part, document in policies.items():
            written = iam.Policy(
                f"{name}-{part}", name=f"{name}-{part}", policy=document, opts=child
            )
            iam.RolePolicyAttachment(
                f"{name}-{part}", role=role.name, policy_arn=written.arn, opts=child
            )
        self.arn: Output[str] = role.arn
        self.register_outputs({"arn": role.arn})
