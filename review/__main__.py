"""`python -m review COMMAND`, for workflows: preview, deploy, drift, tell, comment, issue.

`comment` and `issue` read their text from the variable SUMMARY; they and `tell` need nothing
installed.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from review.errors import ReviewError
from review.forge import from_environment

TOPIC_PREVIEW = "preview"
TOPIC_DRIFT = "drift"


def preview(arguments: argparse.Namespace) -> int:
    """Preview the stack; its digest and summary become the step's outputs."""
    from review import production
    from review.changes import markdown

    changes = production.preview(production.select(arguments.stack))
    _tell(
        summary=markdown(changes, f"Preview of {arguments.stack}"),
        digest=changes.digest,
        changes=str(len(changes)),
    )
    return 0


def deploy(arguments: argparse.Namespace) -> int:
    """Deploy what was previewed, by its digest."""
    from review import production
    from review.changes import markdown

    changes = production.deploy(production.select(arguments.stack), arguments.approved)
    _tell(summary=markdown(changes, f"Deployed to {arguments.stack}"))
    return 0


def drift(arguments: argparse.Namespace) -> int:
    """Look whether AWS still is as the program says."""
    from review import production
    from review.changes import markdown

    changes = production.preview(production.select(arguments.stack), refresh=True)
    _tell(
        summary=markdown(changes, f"Drift of {arguments.stack}"),
        changes=str(len(changes)),
    )
    return 0


def comment(arguments: argparse.Namespace) -> int:
    """Bring the pull request's one comment up to date."""
    print(from_environment(os.environ).comment(arguments.number, _summary(), topic=TOPIC_PREVIEW))
    return 0


def issue(arguments: argparse.Namespace) -> int:
    """Have one issue open while there is drift, none when there is not."""
    forge = from_environment(os.environ)
    if arguments.changes:
        title = f"Production has drifted: {arguments.changes} resources"
        print(forge.open_issue(title, f"{_summary()}\n{arguments.run}", topic=TOPIC_DRIFT))
    else:
        text = f"Production is again as the program says. {arguments.run}"
        print(f"{forge.close_issues(text, topic=TOPIC_DRIFT)} closed")
    return 0


def tell(arguments: argparse.Namespace) -> int:
    """Make a summary that was written to a file the step's output."""
    _tell(summary=arguments.file.read_text())
    return 0


def _tell(**outputs: str) -> None:
    """Give a step its outputs, and the run's page the summary."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page and "summary" in outputs:
        with Path(page).open("a") as file:
            file.write(outputs["summary"])
    target = os.environ.get("GITHUB_OUTPUT")
    if not target:
        print(outputs.get("summary", ""))
        return
    with Path(target).open("a") as file:
        for name, value in outputs.items():
            # A value cannot end early, or set another output, by what nobody can guess.
            end = secrets.token_hex(16)
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


def _summary() -> str:
    text = os.environ.get("SUMMARY", "").strip()
    if not text:
        raise ReviewError("SUMMARY is empty: the preview gave none")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m review", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for run in (preview, deploy, drift, tell, comment, issue):
        command = commands.add_parser(run.__name__, help=(run.__doc__ or "").splitlines()[0])
        command.set_defaults(start=run)
        if run in (preview, deploy, drift):
            command.add_argument("--stack", default="production")
        if run is deploy:
            command.add_argument("--approved", required=True, metavar="DIGEST")
        if run is tell:
            command.add_argument("--file", required=True, type=Path)
        if run is comment:
            command.add_argument("--number", required=True, type=int)
        if run is issue:
            command.add_argument("--changes", required=True, type=int)
            command.add_argument("--run", default="", help="the address of the run that tells")
    return parser


def main(words: list[str]) -> int:
    """Run one command; the result is the exit code."""
    arguments = _parser().parse_args(words)
    try:
        code: int = arguments.start(arguments)
    except ReviewError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
