"""Known secrets go through the whole life of a stack and are found nowhere but where they belong.

They are looked for as they are, and as JSON, addresses, markup and base64 would have them.
"""

import base64
import contextlib
import html
import io
import json
import re
import secrets
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from local import cli, stackfile
from local.account import EDGE_REGION, HOME_REGION
from tests.local.stack import ROOT, Local

STACK = "local"
_RUN = secrets.token_hex(6)
# Characters that each encoding writes otherwise; the database takes letters and digits alone.
_ODD = f'{_RUN} é"/+&<\\%'
GIVEN = {
    "otakaro:databasePassword": f"Kereru{_RUN}",
    "otakaro:basicAuthUser": f"weka{_ODD}",
    "otakaro:basicAuthPassword": f"tui{_ODD}",
}
BY_HAND = {"NIWA_API_KEY": f"kea{_ODD}", "LINZ_API_KEY": f"moa{_ODD}"}

# The stack file's secrets are set as people do it: by the engine, encrypted.
_SET = """
import json, sys
from pulumi import automation
from local.workspace import Workspace
values = json.load(sys.stdin)
stack = Workspace(sys.argv[1]).open()
stack.set_all_config({k: automation.ConfigValue(v, secret=True) for k, v in values.items()})
"""
# Its trace of what it sends to providers and gets from programs, which nothing but -v=9 turns on.
_TRACE = re.compile(r'^.*"msg":"(?:Unm|M)arshaling property for RPC\[.*"v":9\}$', re.MULTILINE)
# The engine with all that it can tell of itself.
_TALKATIVE = """
import sys
from local import stackfile
from local.session import opened
from local.workspace import forget_the_users_cloud
forget_the_users_cloud()
with opened(sys.argv[1], stackfile.parse(sys.argv[3:])) as session:
    operation = getattr(session.stack, sys.argv[2])
    session.run(operation, log_verbosity=9, log_to_std_err=True, log_flow=True, on_error=print)
"""


@cache
def encodings(value: str) -> frozenset[bytes]:
    """The forms that a text takes within others: JSON (in JSON), addresses, markup, base64."""
    once = {json.dumps(value, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    twice = {json.dumps(text, ensure_ascii=plain)[1:-1] for text in once for plain in (True, False)}
    quoted = {urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)}
    quoted |= {urllib.parse.quote(value)}
    texts = {value, *once, *twice, *quoted, html.escape(value), value.encode().hex()}
    found = {text.encode() for text in texts}
    for before in range(3):
        coded = base64.b64encode(bytes(before) + value.encode())
        # Without what depends on the neighbours.
        whole = (before + len(value.encode())) * 8 // 6
        core = coded[(0, 2, 3)[before] : whole]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return frozenset(found)


@dataclass
class Search:
    """What is looked for, and where it was found."""

    values: dict[str, str] = field(default_factory=dict)  # what it is called -> secret
    found: list[tuple[str, str]] = field(default_factory=list)  # secret's name, place
    places: int = 0

    def look(self, place: str, content: bytes | str) -> None:
        """Note every secret in `content`."""
        self.places += 1
        text = content.encode() if isinstance(content, str) else content
        for name, value in self.values.items():
            if any(form in text for form in encodings(value)):
                self.found.append((name, place))

    def of(self, place: str, content: bytes | str) -> set[str]:
        """The secrets in `content` alone."""
        alone = Search(values=self.values)
        alone.look(place, content)
        return {name for name, _ in alone.found}


@dataclass
class Life:
    """A stack that was deployed, used and changed with known secrets."""

    local: Local
    said: dict[str, str]  # command -> all that it wrote
    commands: set[bytes]  # command lines of every process while it was deployed
    values: dict[str, str]  # what it is called -> secret

    @property
    def search(self) -> Search:
        return Search(values=self.values)


@contextlib.contextmanager
def command_lines(seen: set[bytes]) -> Iterator[None]:
    """Note the command lines of all processes, again and again."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(entry.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def run_code(local: Local, code: str, *words: str, given: str = "") -> str:
    """Run code as a program of the local stack's; all that it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=local.python_environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, "it failed; its words may tell secrets"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def life(local: Local) -> Life:
    assert set(stackfile.STAND_INS) == set(GIVEN)
    said = {"setting": run_code(local, _SET, STACK, given=json.dumps(GIVEN))}
    commands: set[bytes] = set()

    def do(*words: str, **environment: str) -> None:
        done = local.run(*words, **environment)
        said[" ".join(words)] = done.stdout + done.stderr
        assert done.returncode == 0, f"{words} failed; its words may tell secrets"

    with command_lines(commands):
        do("preview")
        do("up")
        by_command, by_hand = BY_HAND.items()
        do("secret", "--name", by_command[0], VALUE=by_command[1])
        [parameter] = [
            one.id
            for one in local.deployed("aws:ssm/parameter:Parameter")
            if one.id.endswith(f"/{by_hand[0]}")
        ]
        local.aws("ssm").put_parameter(
            Name=parameter, Value=by_hand[1], Type="SecureString", Overwrite=True
        )
        for operation in ("preview", "up"):
            said[f"{operation} -v=9"] = run_code(
                local, _TALKATIVE, STACK, operation, "tileSeconds=301"
            )
        do("refresh")
        do("outputs")
    for words in ("stack export", "stack output --json", "stack history --json --full-dates",
                  "config --json", "stack --show-urns"):  # fmt: skip
        said[words] = engine(local, *words.split())
    generated = {
        one.name: one.outputs["result"]
        for one in local.deployed("random:index/randomPassword:RandomPassword")
    }
    assert generated
    return Life(local, said, commands, GIVEN | BY_HAND | generated)


def engine(local: Local, *words: str) -> str:
    """The engine's own CLI on the stack; what it answers."""
    done = subprocess.run(
        [cli.find(), *words, "--stack", STACK, "--non-interactive"],
        cwd=local.folder / STACK,
        env={
            **local.environment,
            "PULUMI_BACKEND_URL": (local.folder / "state").as_uri(),
            "PULUMI_HOME": str(local.folder / "pulumi"),
            "PULUMI_CONFIG_PASSPHRASE": (local.folder / "passphrase").read_text(),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, "it failed; its words may tell secrets"
    return done.stdout + done.stderr


def test_the_search_finds_what_is_there() -> None:
    value = GIVEN["otakaro:basicAuthPassword"]
    places: dict[str, str | bytes] = {
        "text": f"x{value}y",
        "JSON": json.dumps({"a": value}),
        "JSON in JSON": json.dumps({"a": json.dumps({"b": value})}),
        "address": "https://x/?" + urllib.parse.urlencode({"a": value}),
        "path": "https://x/" + urllib.parse.quote(value),
        "markup": f"<a>{html.escape(value)}</a>",
        "hexadecimal": f"{value}z".encode().hex(),
        **{
            f"base64 after {before}": base64.b64encode(f"{'u' * before}{value}{after}".encode())
            for before in range(4)
            for after in ("", "o", "ou")
        },
        "base64 for addresses": base64.urlsafe_b64encode(f"u:{value}".encode()),
    }
    for place, content in places.items():
        assert Search(values={"it": value}).of(place, content) == {"it"}, place
    assert Search(values={"it": value}).of("elsewhere", f"tui{_RUN}") == set()


def test_the_secrets_are_where_they_belong(life: Life) -> None:
    """The searches below are no use if the values never arrive."""
    search = life.search
    opened = json.dumps([each.outputs | each.inputs for each in life.local.all()], default=str)
    assert search.of("the state, decrypted", opened) >= set(life.values) - set(BY_HAND) - {
        "otakaro:basicAuthUser",  # it goes into a digest
        "otakaro:basicAuthPassword",
    }
    ssm = life.local.aws("ssm")
    read = {
        one["Name"].rpartition("/")[2]: ssm.get_parameter(Name=one["Name"], WithDecryption=True)
        for one in ssm.describe_parameters()["Parameters"]
    }
    held = search.of("parameters, decrypted", json.dumps(read, default=str))
    assert held >= {*BY_HAND, "otakaro:databasePassword"}
    assert search.of(
        "config, decrypted", engine(life.local, "config", "--json", "--show-secrets")
    ) == set(GIVEN)


def test_commands_and_the_engines_logs_tell_none(life: Life) -> None:
    search = life.search
    for command, said in life.said.items():
        search.look(command, _TRACE.sub("", said))
    assert search.found == []


def test_only_the_engines_own_trace_tells_what_it_sends(life: Life) -> None:
    """As of every program: such a log is to be kept like a secret (README, "Secrets")."""
    for command in ("preview -v=9", "up -v=9"):
        said = life.said[command]
        trace = "\n".join(_TRACE.findall(said))
        assert 1000 < trace.count("\n") < said.count("\n") - 1000
        assert "otakaro:databasePassword" in life.search.of(command, trace)


def test_state_backups_history_and_logs_hold_none(life: Life) -> None:
    search = life.search
    files = {path.relative_to(life.local.folder): path for path in files_below(life.local.folder)}
    assert any("backups" in path.parts for path in files)
    assert any("history" in path.parts for path in files)
    assert {"emulator.log", f"{STACK}.json"} <= {path.name for path in files}
    for name, path in files.items():
        search.look(str(name), path.read_bytes())
        search.look(f"the name {name}", str(name))
    assert search.found == []
    assert search.places > 30


def test_the_stacks_passphrase_is_in_its_own_file_alone(life: Life) -> None:
    own = life.local.folder / "passphrase"
    search = Search(values={"passphrase": own.read_text().strip()})
    for path in files_below(life.local.folder):
        if path != own:
            search.look(str(path), path.read_bytes())
    for command, said in life.said.items():
        search.look(command, said)
    search.look("command lines", b"\n".join(life.commands))
    assert search.found == []
    assert own.stat().st_mode & 0o077 == 0


def test_the_working_tree_holds_none(life: Life) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    search = life.search
    for name in filter(None, listed.split(b"\0")):
        path = ROOT / name.decode()
        if path.is_file() and ".venv" not in path.parts:
            search.look(str(path), path.read_bytes())
    assert search.places > 100
    assert search.found == []


def test_command_lines_hold_none(life: Life) -> None:
    assert any(b"pulumi" in line and b"up" in line for line in life.commands)
    search = life.search
    search.look("command lines", b"\n".join(life.commands))
    assert search.found == []


def test_functions_packages_and_settings_hold_none(life: Life) -> None:
    search = life.search
    names = set()
    for region in (HOME_REGION, EDGE_REGION):
        functions = life.local.aws("lambda", region)
        for one in functions.list_functions()["Functions"]:
            got = functions.get_function(FunctionName=one["FunctionName"])
            search.look(one["FunctionName"], json.dumps(got, default=str))
            path = urllib.parse.urlsplit(got["Code"]["Location"])._replace(scheme="", netloc="")
            with urllib.request.urlopen(life.local.account.endpoint + path.geturl()) as answer:
                package = zipfile.ZipFile(io.BytesIO(answer.read()))
            names |= set(package.namelist())
            for name in package.namelist():
                search.look(f"{one['FunctionName']} {name}", package.read(name))
    assert {"handler.py", "config.json"} <= names
    assert search.found == []


def test_what_runs_and_its_logs_tell_none(life: Life) -> None:
    search = life.search
    for place, told in running(life.local):
        search.look(place, json.dumps(told, default=str))
    assert search.found == []
    logged = [place for place, _ in running(life.local) if place.startswith("log ")]
    assert any("rollout" in place for place in logged)
    assert search.places > 30


def running(local: Local) -> Iterator[tuple[str, Any]]:
    """Whatever AWS shows to those who may only look."""
    ecs = local.aws("ecs")
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        yield arn, ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    for cluster in ecs.list_clusters()["clusterArns"]:
        services = ecs.list_services(cluster=cluster)["serviceArns"]
        yield cluster, ecs.describe_services(cluster=cluster, services=services)
    ssm = local.aws("ssm")
    parameters = ssm.describe_parameters()["Parameters"]
    # Their values are not asked for: what the emulator calls encrypted is base64.
    yield "parameters", parameters
    yield "databases", local.aws("rds").describe_db_instances()
    yield "roles", local.aws("iam").get_account_authorization_details()
    yield "alarms", local.aws("cloudwatch").describe_alarms()
    for region in (HOME_REGION, EDGE_REGION):
        events = local.aws("events", region)
        for rule in events.list_rules()["Rules"]:
            yield f"event rule {rule['Name']}", rule
            yield f"targets {rule['Name']}", events.list_targets_by_rule(Rule=rule["Name"])
    groups = local.deployed("aws:cloudwatch/logGroup:LogGroup")
    for region in {HOME_REGION, EDGE_REGION, *(group.region for group in groups)}:
        logs = local.aws("logs", region)
        for group in logs.describe_log_groups()["logGroups"]:
            told = logs.filter_log_events(logGroupName=group["logGroupName"])
            yield f"log {group['logGroupName']}", [group, told["events"]]
    queues = local.aws("sqs")
    for url in queues.list_queues().get("QueueUrls", []):
        yield url, queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    s3 = local.aws("s3")
    for bucket in (one["Name"] for one in s3.list_buckets()["Buckets"]):
        for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            yield f"{bucket}/{one['Key']}", body.decode(errors="replace")


def test_neither_distributions_nor_listener_rules_have_a_secret(life: Life) -> None:
    search = life.search
    assert search.of("distributions", distributions(life.local)) == set()
    assert search.of("rules", rules(life.local)) == set()


def distributions(local: Local) -> str:
    cloudfront = local.aws("cloudfront")
    listed = cloudfront.list_distributions()["DistributionList"]["Items"]
    return json.dumps([cloudfront.get_distribution(Id=one["Id"]) for one in listed], default=str)


def rules(local: Local) -> str:
    elb = local.aws("elbv2")
    [balancer] = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    arns = [one["ListenerArn"] for one in listeners]
    return json.dumps([elb.describe_rules(ListenerArn=arn) for arn in arns], default=str)


def files_below(folder: Path) -> Iterator[Path]:
    """The files of the local stack; its own passphrase opens the state and is no part of it."""
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                yield path
