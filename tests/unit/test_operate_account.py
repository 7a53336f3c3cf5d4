"""Which account and stack a command means, and what is said when it can't be reached."""

import shlex
import subprocess
from pathlib import Path

import pytest
from botocore import exceptions as botocore
from botocore.exceptions import ClientError

from operate.account import ROOT, Stack
from operate.errors import OperateError, told
from tests.unit.answers import Answers


def said(error: Exception, profile: str = "") -> str:
    """What the user reads when AWS or its library raises this."""
    with pytest.raises(OperateError) as raised, told(region="ap-southeast-2", profile=profile):
        raise error
    text = str(raised.value)
    assert "\n" not in text
    return text


def refusal(code: str, text: str = "") -> ClientError:
    """AWS's refusal."""
    return ClientError({"Error": {"Code": code, "Message": text}}, "DescribeClusters")


def test_the_stack_is_the_one_of_its_file() -> None:
    assert Stack.configured("production") == Stack(
        name="production", region="ap-southeast-2", prefix="otakaro-dt"
    )
    assert Stack.configured("local").cluster == "otakaro-local-ecs"


def test_an_unknown_stack_is_told_with_those_that_are() -> None:
    with pytest.raises(OperateError, match="STACK is one of local, production"):
        Stack.configured("staging")


def test_a_stack_without_a_region_is_told_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.mine.yaml").write_text("config: {otakaro:dnsZone: x.nz}\n")
    with pytest.raises(OperateError, match=r"pulumi config set aws:region .* --stack mine"):
        Stack.configured("mine", tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (botocore.NoCredentialsError(), "there are no AWS credentials: `export AWS_PROFILE="),
        (
            botocore.PartialCredentialsError(provider="env", cred_var="key"),
            "incomplete: `aws configure list`",
        ),
        (botocore.ProfileNotFound(profile="x"), "AWS_PROFILE=dt is not in the AWS configuration"),
        (
            botocore.UnauthorizedSSOTokenError(),
            "the sign-in to AWS has expired: `aws sso login --profile dt`",
        ),
        (
            botocore.SSOTokenLoadError(error_msg="none"),
            "the sign-in to AWS has expired: `aws sso login --profile dt`",
        ),
        (
            botocore.TokenRetrievalError(provider="sso", error_msg="expired"),
            "the sign-in to AWS has expired: `aws sso login --profile dt`",
        ),
        (
            botocore.EndpointConnectionError(endpoint_url="https://x"),
            "`pulumi config set aws:region ap-southeast-2`",
        ),
        (
            refusal("ExpiredTokenException"),
            "credentials have expired: `aws sso login --profile dt`",
        ),
        (refusal("InvalidClientTokenId"), "AWS in ap-southeast-2 does not know these credentials"),
        (refusal("UnrecognizedClientException"), "does not know these credentials: `aws sso login"),
        (
            refusal("AccessDeniedException", "X is not authorized to perform: ecs:ListTasks on *"),
            "these credentials may not ecs:ListTasks: docs/operate.md has the policy",
        ),
        (refusal("AccessDenied"), "these credentials may not DescribeClusters: docs/operate.md"),
        (refusal("ThrottlingException", "Rate\nexceeded"), "Rate exceeded"),
    ],
)
def test_a_failure_is_one_line_with_what_mends_it(error: Exception, words: str) -> None:
    assert words in said(error, profile="dt")


def make(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run make as a user without a trace of AWS."""
    return subprocess.run(
        ["make", *words],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHON": str(ROOT / ".venv" / "bin" / "python"),
            **environment,
        },
        capture_output=True,
        text=True,
    )


def test_a_user_without_credentials_is_told_so_by_the_command_itself() -> None:
    done = make("status", "ACCOUNT=aws")
    assert done.returncode != 0
    assert done.stderr.startswith("error: there are no AWS credentials")
    assert "Traceback" not in done.stderr


def test_a_profile_that_there_is_not_is_told_by_its_name() -> None:
    done = make("logs", "ACCOUNT=aws", "SERVICE=geoserver", AWS_PROFILE="nobody")
    assert done.stderr.startswith("error: AWS_PROFILE=nobody is not in the AWS configuration")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("down", "ACCOUNT=aws"), "`make down` is for the emulated AWS alone, so nothing was done"),
        (("status", "ACCOUNT=prod"), "ACCOUNT=prod is none: leave it out, or ACCOUNT=aws"),
    ],
)
def test_no_command_takes_the_emulated_account_for_a_real_one(
    words: tuple[str, str], expected: str
) -> None:
    done = make(*words)
    assert done.returncode != 0
    assert done.stderr.startswith(f"error: {expected}")


def test_a_filter_reaches_the_command_as_it_was_typed() -> None:
    typed = """{ $.status = 'it is' && $.a = "b" }"""
    said = make("-n", "logs", f"FILTER={typed}", "SERVICE=geoserver").stdout
    words = shlex.split(said.replace("\\\n", " "))
    assert f"--filter={typed}" in words


def test_commands_in_messages_mean_the_same_account() -> None:
    assert Answers({}).account().command("status") == "`make status ACCOUNT=aws`"
