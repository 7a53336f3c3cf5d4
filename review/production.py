"""The production stack in a workflow: preview, deploy what was previewed, look for drift.

The engine's update plans (`--save-plan`, `--plan`) are a public preview with corner cases (Pulumi's
"Update plans"), they hold values, and what is reviewed and what is applied happens in two jobs. So
the plan itself never leaves a job: a preview's digest goes from the first to the second, which
previews again, refuses when the digest differs, and then holds the update to its own plan.
"""

import tempfile
from pathlib import Path

from pulumi import automation
from pulumi.automation.errors import CommandError

from review.changes import Changes
from review.errors import ReviewError

ROOT = Path(__file__).resolve().parent.parent


def select(name: str) -> automation.Stack:
    """The stack of this checkout, whose state is where `pulumi login` (or
    PULUMI_BACKEND_URL) says.

    The engine's CLI is installed where the machine has none of the SDK's version.

    Raises:
        ReviewError: there is no such stack, or its state cannot be read.
    """
    workspace = automation.LocalWorkspace(
        work_dir=str(ROOT), pulumi_command=automation.PulumiCommand.install()
    )
    try:
        return automation.Stack.select(name, workspace)
    except CommandError as error:
        raise ReviewError(_reason(error)) from error


def preview(stack: automation.Stack, *, refresh: bool = False, plan: Path | None = None) -> Changes:
    """What `pulumi up` would do now.

    Args:
        stack: the stack, with its program.
        refresh: look first whether everything is still as the state has it.
        plan: where to save the engine's plan, which holds values.

    Raises:
        ReviewError: the program or AWS refused.
    """
    changes = Changes()
    try:
        stack.preview(
            on_output=_say,
            on_event=changes.take,
            suppress_outputs=True,
            refresh=refresh or None,
            plan=str(plan) if plan is not None else None,
        )
    except CommandError as error:
        raise ReviewError(_reason(error)) from error
    return changes


def deploy(stack: automation.Stack, approved: str) -> Changes:
    """Do what was approved, and nothing else.

    Args:
        stack: the stack, with its program.
        approved: the digest of the preview that people saw.

    Raises:
        ReviewError: another preview is due and nothing was changed, or the update failed.
    """
    with tempfile.TemporaryDirectory(prefix="otakaro-plan-") as folder:
        plan = Path(folder) / "plan.json"
        changes = preview(stack, plan=plan)
        if changes.digest != approved:
            raise ReviewError(
                "what would be deployed is no longer what was previewed, so nothing was changed: "
                "run the workflow again"
            )
        try:
            stack.up(on_output=_say, plan=str(plan), suppress_outputs=True, show_secrets=False)
        except CommandError as error:
            raise ReviewError(_reason(error)) from error
    return changes


def _reason(error: CommandError) -> str:
    """The engine's first complaint; the rest of what it said is in the job's log already."""
    said = [line.strip() for line in str(error).splitlines() if "error:" in line]
    return said[0].split("error:", 1)[1].strip() if said else "the engine failed; see above"


def _say(line: str) -> None:
    print(line, flush=True)
