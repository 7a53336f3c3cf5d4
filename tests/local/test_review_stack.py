"""The real engine deploys what was previewed, and nothing when that has changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pulumi_random as random
import pytest
from pulumi import automation

from local import cli
from local.process import Engine
from local.provider import serve
from review import production
from review.changes import markdown
from review.errors import ReviewError

Program = Callable[[], None]


def asking(length: int) -> Program:
    """A program with one resource."""

    def program() -> None:
        random.RandomId("id", byte_length=length)

    return program


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Callable[[Program], automation.Stack]]:
    """The stack with another program each time."""
    # The emulated AWS isn't needed: nothing of it is asked for.
    with serve("http://127.0.0.1:1") as provider:

        def with_program(program: Program) -> automation.Stack:
            workspace = automation.LocalWorkspace(
                work_dir=str(tmp_path),
                pulumi_home=str(tmp_path / "pulumi"),
                program=program,
                project_settings=automation.ProjectSettings(name="small", runtime="python"),
                env_vars={
                    "PULUMI_BACKEND_URL": tmp_path.as_uri(),
                    "PULUMI_CONFIG_PASSPHRASE": "of the test",
                    "PULUMI_DEBUG_PROVIDERS": f"random:{provider.port}",
                    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                },
                secrets_provider="passphrase",
                pulumi_command=Engine(cli.find(), cli.SDK),
            )
            return automation.Stack.create_or_select("production", workspace)

        yield with_program


def made(stack: automation.Stack) -> list[int]:
    """The lengths of what is in the state."""
    resources = (stack.export_stack().deployment or {}).get("resources") or []
    return [each["inputs"]["byteLength"] for each in resources if "RandomId" in each["type"]]


def test_what_was_previewed_is_deployed_and_an_old_approval_is_not(
    stack: Callable[[Program], automation.Stack],
) -> None:
    four, eight = stack(asking(4)), stack(asking(8))
    approved = production.preview(four)
    assert [change.name for change in approved if change.type.startswith("random:")] == ["id"]
    with pytest.raises(ReviewError, match="nothing was changed"):
        production.deploy(eight, approved.digest)
    assert made(four) == []
    assert production.deploy(four, approved.digest).digest == approved.digest
    assert made(four) == [4]
    with pytest.raises(ReviewError, match="nothing was changed"):
        production.deploy(four, approved.digest)
    replacement = production.preview(eight, refresh=True)
    assert "1 to replace" in markdown(replacement, "Preview")
    assert "**`byteLength`**" in markdown(replacement, "Preview")
    assert len(production.preview(four, refresh=True)) == 0


def test_a_program_that_fails_is_told_in_one_line(
    stack: Callable[[Program], automation.Stack],
) -> None:
    def broken() -> None:
        raise ValueError("natGateways is 9")

    with pytest.raises(ReviewError) as told:
        production.preview(stack(broken))
    assert str(told.value).endswith("error: natGateways is 9")
    assert "\n" not in str(told.value)
