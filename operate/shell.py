"""A shell, or the database's prompt, inside a running task: ECS Exec through the AWS CLI.

No port is opened, and no password is on a command line or in CloudTrail's record of it: the task
has it in its own environment.
"""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from operate.account import Account
from operate.errors import OperateError
from operate.services import BACKEND, Service, Services

# The agent in the task takes the command apart as a POSIX shell does, but runs no shell.
SHELL: Final = shlex.join(
    ["/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi"]
)
_PSQL: Final = (
    "if command -v psql >/dev/null; then"
    ' export PGPASSWORD="$POSTGRES_PASSWORD";'
    ' exec psql -h "$POSTGRES_HOST" -p "$POSTGRES_PORT" -U "$POSTGRES_USER" "$POSTGRES_DB";'
    ' else export PATH="/venv/bin:$PATH"; exec python -c "$0"; fi'
)
PROMPT: Final = shlex.join(
    ["/bin/sh", "-c", _PSQL, Path(__file__).with_name("prompt.py").read_text()]
)
_TOOLS: Final = {
    "aws": (
        "the AWS CLI (aws)",
        "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    ),
    "session-manager-plugin": (
        "the AWS CLI's Session Manager plugin (session-manager-plugin)",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
        "session-manager-working-with-install-plugin.html",
    ),
}
_AGENT: Final = "ExecuteCommandAgent"


def shell(account: Account, service: str) -> list[str]:
    """The command line that opens a shell in a task of a service.

    Raises:
        OperateError: something is missing here or there.
    """
    return _exec(account, service, SHELL)


def psql(account: Account) -> list[str]:
    """The command line that opens the database's prompt, in a task of the API.

    Raises:
        OperateError: something is missing here or there.
    """
    return _exec(account, f"{BACKEND}-flask", PROMPT)


def _exec(account: Account, service: str, command: str) -> list[str]:
    if account.emulated:
        raise OperateError(
            "no container runs on the emulated AWS, so there is none to go into: ACCOUNT=aws means "
            "the real account"
        )
    services = Services(account)
    (name,) = services.chosen(service, one=True)
    for tool, (what, where) in _TOOLS.items():
        if shutil.which(tool) is None:
            raise OperateError(f"{what} isn't installed here: {where} tells how")
    (found,) = services.described([name])
    task = _task(account, found)
    return [
        *("aws", "ecs", "execute-command", "--region", account.stack.region),
        *("--cluster", account.stack.cluster, "--task", task, "--container", name),
        *("--interactive", "--command", command),
    ]


def _task(account: Account, service: Service) -> str:
    """A task of the service that takes commands, the newest of them."""
    if not service.shells:
        stack = account.stack.name
        raise OperateError(
            f"otakaro:ecsExec is false for {service.name}; allowed for shells: true. Mend it with: "
            f"pulumi config set otakaro:ecsExec true --stack {stack} && pulumi up --stack {stack} "
            "(which restarts the services)"
        )
    ecs, cluster = account.client("ecs"), account.stack.cluster
    pages = ecs.get_paginator("list_tasks").paginate(
        cluster=cluster, serviceName=service.name, desiredStatus="RUNNING"
    )
    arns = [arn for page in pages for arn in page["taskArns"]]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns[:100])["tasks"] if arns else []
    running = sorted(
        (task for task in tasks if task["lastStatus"] == "RUNNING"),
        key=lambda task: task["startedAt"],
        reverse=True,
    )
    if not running:
        raise OperateError(f"no task of {service.name} runs: {account.command('status')}")
    able = [task for task in running if task.get("enableExecuteCommand")]
    if not able:
        raise OperateError(
            f"the tasks of {service.name} were started before otakaro:ecsExec was true: "
            f"{account.command(f'restart SERVICE={service.short}')} starts new ones"
        )
    for task in able:
        if _agents(task, service.name) == {"RUNNING"}:
            return str(task["taskArn"])
    raise OperateError(
        f"the agent for shells doesn't run in the tasks of {service.name} (yet): try again in a "
        f"minute, then {account.command(f'restart SERVICE={service.short}')}"
    )


def _agents(task: Mapping[str, Any], container: str) -> set[str]:
    """The states of the agent that opens shells in a container."""
    agents: Sequence[Mapping[str, Any]] = [
        agent
        for each in task["containers"]
        if each["name"] == container
        for agent in each.get("managedAgents") or []
    ]
    return {str(agent["lastStatus"]) for agent in agents if agent["name"] == _AGENT}
