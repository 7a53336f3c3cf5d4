"""What is needed before the first deployment, made by the real engine in an emulated account."""

import json
import os
import runpy
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pulumi import automation

from bootstrap.permissions import POLICY_CHARACTERS
from bootstrap.trust import ISSUER
from local import cli, database, emulator
from local.account import HOME_REGION, Account
from local.process import Engine
from local.provider import serve
from local.record import ROOT

BUCKET = "otakaro-dt-pulumi-state"
REPOSITORY = "octocat-123456/otakaro-456789"
ROLES = {"otakaro-github-preview": "preview", "otakaro-github-deploy": "production"}
PASSPHRASE = {"PULUMI_CONFIG_PASSPHRASE": "of the test"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """The account after the first run, and what a second one did."""

    account: Account
    outputs: dict[str, Any]
    first: dict[str, int]
    second: dict[str, int]

    def __getitem__(self, service: str) -> Any:
        return self.account.client(service, HOME_REGION)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """An account of the test's own, deployed to twice."""
    folder = tmp_path_factory.mktemp("bootstrap")
    with pytest.MonkeyPatch.context() as patched, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        patched.setenv("OTAKARO_LOCAL", str(folder / "local"))
        patched.setenv("LOCAL_PORT", str(port))
        patched.setattr(database, "ensure", lambda: None)  # nothing here has one
        running = emulator.ensure()
        try:
            yield _deployed(folder, running.endpoint)
        finally:
            emulator.stop()


def _deployed(folder: Path, endpoint: str) -> Made:
    with serve(endpoint) as provider:
        stack = _stack(
            folder,
            {
                "PULUMI_BACKEND_URL": folder.as_uri(),
                "PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port}",
            },
        )
        stack.set_config("repository", automation.ConfigValue(REPOSITORY))
        first, second = stack.up(), stack.up()
    return Made(
        account=Account(endpoint),
        outputs={name: output.value for name, output in first.outputs.items()},
        first=_counts(first),
        second=_counts(second),
    )


def _counts(result: automation.UpResult) -> dict[str, int]:
    changes = result.summary.resource_changes or {}
    return {str(getattr(key, "value", key)): number for key, number in changes.items()}


def _program() -> None:
    runpy.run_path(str(ROOT / "bootstrap" / "__main__.py"))


def _stack(folder: Path, environment: dict[str, str]) -> automation.Stack:
    for name in ("Pulumi.yaml", "Pulumi.account.yaml"):
        shutil.copyfile(ROOT / "bootstrap" / name, folder / name)
    workspace = automation.LocalWorkspace(
        work_dir=str(folder),
        pulumi_home=str(folder / "pulumi"),
        program=_program,
        env_vars={
            **PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **environment,
        },
        secrets_provider="passphrase",
        pulumi_command=Engine(cli.find(), cli.SDK),
    )
    return automation.Stack.create_or_select("account", workspace)


def test_a_second_run_changes_nothing(made: Made) -> None:
    assert made.first.keys() == {"create"}
    assert made.second == {"same": made.first["create"]}


def test_the_bucket_is_versioned_encrypted_and_private(made: Made) -> None:
    s3 = made["s3"]
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert set(
        s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()
    ) == {True}
    [rule] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    [kept] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert kept["NoncurrentVersionExpiration"]["NoncurrentDays"] == 365
    assert "Expiration" not in kept
    assert made.outputs["state"] == f"s3://{BUCKET}?region={HOME_REGION}"


def test_the_bucket_lets_nobody_in_without_tls_and_workflows_do_little(made: Made) -> None:
    document = json.loads(made["s3"].get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert {statement["Effect"] for statement in document["Statement"]} == {"Deny"}
    plain, little, places = document["Statement"]
    assert plain["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    roles = {made.outputs["preview-role"], made.outputs["deploy-role"]}
    for statement in (little, places):
        assert set(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]) == roles
    assert set(little["NotAction"]) == {
        *("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"),
    }
    assert all("/.pulumi/" in key and "/otakaro/" in key for key in places["NotResource"])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_for_one_environment_of_the_repository(made: Made, role: str) -> None:
    found = made["iam"].get_role(RoleName=role)["Role"]
    [statement] = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"]["Federated"].endswith(f":oidc-provider/{ISSUER}")
    assert statement["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": f"repo:{REPOSITORY}:environment:{ROLES[role]}",
        }
    }


def test_the_account_knows_github_by_its_address(made: Made) -> None:
    [provider] = made["iam"].list_open_id_connect_providers()["OpenIDConnectProviderList"]
    found = made["iam"].get_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
    assert found["Url"].removeprefix("https://") == ISSUER
    assert found["ClientIDList"] == ["sts.amazonaws.com"]


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_do_is_within_iams_quotas(made: Made, role: str) -> None:
    sizes = {
        name: len(json.dumps(one, separators=(",", ":"))) for name, one in _policies(made, role)
    }
    assert len(sizes) <= 10
    assert {name: size for name, size in sizes.items() if size > POLICY_CHARACTERS} == {}


def test_the_engines_state_fits_what_the_deploying_role_may_write(
    made: Made, tmp_path: Path
) -> None:
    # As the program's own project, which the permission is for.
    (tmp_path / "Pulumi.yaml").write_text("name: otakaro\nruntime: python\n")
    query = urlencode({"endpoint": made.account.endpoint, "s3ForcePathStyle": "true"})
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **PASSPHRASE,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": HOME_REGION,
        "PULUMI_BACKEND_URL": f"s3://{BUCKET}?{query}",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    command = [str(cli.find()), "--non-interactive", "stack"]
    for words in (
        ["init", "production", "--secrets-provider", "passphrase"],
        ["export", "--stack", "production", "--file", str(tmp_path / "state.json")],
        ["import", "--stack", "production", "--file", str(tmp_path / "state.json")],
    ):
        done = subprocess.run(
            [*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    versions = made["s3"].list_object_versions(Bucket=BUCKET)
    touched = {
        entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in versions.get(kind, [])
    }
    writable = [
        pattern.split(":::", 1)[1].split("/", 1)[1]
        for name, document in _policies(made, "otakaro-github-deploy")
        if name.endswith("-state")
        for pattern in document["Statement"][1]["Resource"]
    ]
    outside = {key for key in touched if not any(fnmatchcase(key, one) for one in writable)}
    # Written once, by the first `pulumi login`, which is a person's.
    assert outside == {".pulumi/meta.yaml"}
    assert any("/locks/" in key for key in touched)
    assert any("/stacks/otakaro/production.json" in key for key in touched)


def _policies(made: Made, role: str) -> list[tuple[str, dict[str, Any]]]:
    iam = made["iam"]
    found = []
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        found.append((attached["PolicyName"], document["Document"]))
    return found
