"""`make shell` and `make psql`: the very command line, run with stand-ins for the AWS CLI and psql.

Neither AWS nor the emulator is asked for a session: the emulated AWS has no ECS Exec.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from operate.errors import OperateError
from operate.shell import PROMPT, SHELL, psql, shell
from tests.unit.answers import Answer, Answers
from tests.unit.running import NOW, well

TASKS = "arn:aws:ecs:ap-southeast-2:111122223333:task/otakaro-dt-ecs"
PASSWORD = "Known0Password0Of0The0Tests"


def task(
    name: str, *, age: int = 1, agent: str = "RUNNING", able: bool = True, status: str = "RUNNING"
) -> dict[str, Any]:
    """A task of the API, as DescribeTasks has it."""
    return {
        "taskArn": f"{TASKS}/{name}",
        "lastStatus": status,
        "startedAt": NOW - timedelta(hours=age),
        "enableExecuteCommand": able,
        "containers": [
            {
                "name": "otakaro-dt-backend-flask",
                "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": agent}],
            }
        ],
    }


def cloud(*tasks: dict[str, Any], **changed: Mapping[str, Any]) -> Answers:
    """A running stack whose API has these tasks."""
    listed: dict[str, Answer] = {
        "ecs.ListTasks": {"taskArns": [each["taskArn"] for each in tasks]},
        "ecs.DescribeTasks": {"tasks": list(tasks)},
    }
    return Answers(well(**changed) | listed)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder alone on the PATH, with stand-ins that write down what they are called with."""
    for tool in ("aws", "session-manager-plugin"):
        program = tmp_path / tool
        program.write_text('#!/bin/sh\nprintf "%s\\0" "$@" >"$0.called"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_shell_is_opened_in_the_newest_task_by_the_aws_cli(tools: Path) -> None:
    answers = cloud(task("old", age=9), task("new", age=1), task("stopping", status="STOPPING"))
    command = shell(answers.account(), "backend-flask")
    subprocess.run(command, check=True)
    called = (tools / "aws.called").read_text().split("\0")[:-1]
    assert called == [
        *("ecs", "execute-command", "--region", "ap-southeast-2"),
        *("--cluster", "otakaro-dt-ecs", "--task", f"{TASKS}/new"),
        *("--container", "otakaro-dt-backend-flask", "--interactive", "--command", SHELL),
    ]


@pytest.mark.usefixtures("tools")
def test_a_task_whose_agent_does_not_run_is_passed_over() -> None:
    answers = cloud(task("new", age=1, agent="STOPPED"), task("old", age=9))
    assert f"{TASKS}/old" in shell(answers.account(), "backend-flask")


def test_the_prompt_is_opened_in_a_task_of_the_api_without_a_password_on_the_line(
    tools: Path,
) -> None:
    command = psql(cloud(task("new")).account())
    subprocess.run(command, check=True, env={**os.environ, "POSTGRES_PASSWORD": PASSWORD})
    called = (tools / "aws.called").read_text().split("\0")[:-1]
    assert called[-1] == PROMPT
    assert called[called.index("--container") + 1] == "otakaro-dt-backend-flask"
    assert PASSWORD not in " ".join(called)
    assert "$POSTGRES_PASSWORD" in PROMPT


# What the application's Python has, as far as the prompt goes: it says whom it was called by.
DRIVER = """
class Error(Exception): pass
class Cursor:
    description, statusmessage = None, "SELECT 2"
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def __iter__(self): return iter([(1, None), (2, "two")])
    def execute(self, text):
        if "wrong" in text: raise Error("there is an error")
        self.description = [("number",), ("name",)]
        print("execute", repr(text))
class Database:
    cursor = Cursor
def connect(**given):
    print("connect", sorted(given.items()))
    return Database()
"""


def inside(
    folder: Path, command: str, typed: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """What the agent in the container does: split as a shell would, and run without one."""
    return subprocess.run(
        shlex.split(command),
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "POSTGRES_HOST": "database.otakaro-dt.internal",
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": "otakaro",
            "POSTGRES_DB": "otakaro",
            "POSTGRES_PASSWORD": PASSWORD,
            **environment,
        },
        capture_output=True,
        text=True,
        input=typed,
    )


def test_in_the_container_psql_gets_the_password_by_its_environment(tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\necho "$@"\necho "$PGPASSWORD"\n')
    program.chmod(0o755)
    assert inside(tmp_path, PROMPT).stdout.splitlines() == [
        "-h database.otakaro-dt.internal -p 5432 -U otakaro otakaro",
        PASSWORD,
    ]


def test_in_a_container_without_psql_python_reads_statements(tmp_path: Path) -> None:
    (tmp_path / "psycopg2.py").write_text(DRIVER)
    (tmp_path / "python").symlink_to(sys.executable)
    done = inside(
        tmp_path,
        PROMPT,
        "select number,\nname from numbers;\nwrong;\n",
        PATH=str(tmp_path),
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "No psql in this image: statements end with a semicolon, Ctrl-D leaves.",
        "=> -> execute 'select number,\\nname from numbers;\\n'",
        "number | name",
        "1 | ",
        "2 | two",
        "SELECT 2",
        "=> there is an error",
        "=> ",
    ]
    assert done.stdout.splitlines()[0] == (
        "connect [('dbname', 'otakaro'), ('host', 'database.otakaro-dt.internal'), "
        f"('password', '{PASSWORD}'), ('port', '5432'), ('user', 'otakaro')]"
    )


def test_in_the_container_the_shell_is_bash_where_there_is_one(tmp_path: Path) -> None:
    program = tmp_path / "bash"
    program.write_text("#!/bin/sh\necho a bash\n")
    program.chmod(0o755)
    assert inside(tmp_path, SHELL).stdout == "a bash\n"


def refused(answers: Answers, service: str = "backend-flask") -> str:
    """The line that a shell is refused with."""
    with pytest.raises(OperateError) as told:
        shell(answers.account(), service)
    return str(told.value)


@pytest.mark.usefixtures("tools")
def test_where_shells_are_not_allowed_the_setting_and_its_command_are_told() -> None:
    told = refused(cloud(task("new"), **{"backend-flask": {"enableExecuteCommand": False}}))
    assert told == (
        "otakaro:ecsExec is false for otakaro-dt-backend-flask; allowed for shells: true. Mend it "
        "with: pulumi config set otakaro:ecsExec true --stack production && pulumi up --stack "
        "production (which restarts the services)"
    )


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([], "no task of otakaro-dt-backend-flask runs: `make status ACCOUNT=aws`"),
        ([task("a", status="PENDING")], "no task of otakaro-dt-backend-flask runs"),
        ([task("a", able=False)], "`make restart SERVICE=backend-flask ACCOUNT=aws` starts new"),
        ([task("a", agent="PENDING")], "try again in a minute"),
    ],
)
def test_what_hinders_a_shell_is_told_with_what_helps(
    tasks: list[dict[str, Any]], words: str
) -> None:
    assert words in refused(cloud(*tasks))


@pytest.mark.parametrize(
    ("missing", "page"),
    [
        ("aws", "getting-started-install.html"),
        ("session-manager-plugin", "session-manager-working-with-install-plugin.html"),
    ],
)
def test_what_the_machine_lacks_is_told_with_how_to_get_it(
    tools: Path, missing: str, page: str
) -> None:
    (tools / missing).unlink()
    told = refused(cloud(task("new")))
    assert f"({missing}) isn't installed here" in told
    assert page in told


def test_a_shell_is_in_one_service_alone() -> None:
    told = refused(cloud(task("new")), "backend")
    assert told == (
        "SERVICE=backend is none; allowed: one of backend-celery, backend-flask, geoserver, "
        "terriamap"
    )


def test_the_emulated_account_has_no_containers_to_go_into() -> None:
    with pytest.raises(OperateError, match="no container runs on the emulated AWS"):
        psql(cloud(task("new")).account(emulated=True))
