"""Failures that are to be expected, told in one line with what mends them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
)

NEEDS: Final = "docs/operate.md"
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN: Final = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
_ACTION: Final = re.compile(r"perform: ?([a-z0-9-]+:[A-Za-z0-9]+)")


class OperateError(Exception):
    """Says what is wrong and what to do, in one line; shown without a traceback."""


@contextmanager
def told(*, region: str, profile: str) -> Iterator[None]:
    """Turn what AWS and its library raise into an OperateError.

    Args:
        region: that is asked.
        profile: the one of the user's configuration that gives the credentials; "" for none.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OperateError(_reason(error, region, profile)) from error


def denied(error: ClientError) -> str | None:
    """The action that isn't allowed; None when something else is wrong."""
    if _code(error) not in _DENIED:
        return None
    named = _ACTION.search(str(error))
    return named[1] if named else f"{error.operation_name}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _reason(error: BotoCoreError | ClientError, region: str, profile: str) -> str:
    sign_in = f"`aws sso login{f' --profile {profile}' if profile else ''}`"
    fresh = f"{sign_in} signs in again (keys that were pasted are replaced by new ones)"
    if isinstance(error, ClientError):
        action = denied(error)
        if action is not None:
            return f"these credentials may not {action}: {NEEDS} has the policy that allows it"
        if _code(error) in _EXPIRED:
            return f"the credentials have expired: {fresh}"
        if _code(error) in _UNKNOWN:
            return (
                f"AWS in {region} does not know these credentials: {fresh}; "
                "`aws configure list` tells where they come from"
            )
        return " ".join(str(error).split())
    match error:
        case ProfileNotFound():
            return (
                f"AWS_PROFILE={profile} is not in the AWS configuration: "
                "`aws configure list-profiles` names those that are"
            )
        case NoCredentialsError():
            return (
                "there are no AWS credentials: `export AWS_PROFILE=...` names a profile that has "
                "some, `aws configure sso` makes one"
            )
        case PartialCredentialsError():
            return (
                "the AWS credentials are incomplete: `aws configure list` tells where they come "
                "from, `export AWS_PROFILE=...` names others"
            )
        case SSOError() | TokenRetrievalError():
            return f"the sign-in to AWS has expired: {sign_in}"
        case InvalidRegionError() | EndpointConnectionError() | ConnectTimeoutError():
            return (
                f"cannot reach AWS in the region {region!r} of the stack's aws:region: is there a "
                "network, and is that a region (`pulumi config set aws:region ap-southeast-2`)?"
            )
        case ProxyConnectionError():
            return f"cannot reach AWS through the proxy of HTTPS_PROXY: {error}"
    return " ".join(str(error).split())
