"""The handbook's links lead somewhere and its commands are such as AWS, the engine, the Makefile
and the program would take."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.record import ROOT
from tests.handbook.clis import complaints, config_complaints
from tests.handbook.pages import Code, Page, dead_links, pages
from tests.handbook.shell import Command, commands, complaint, script

PAGES = list(pages())
SHELL = {"", "sh", "bash", "console"}
OUTPUT = {"text", "json", "yaml", "python", "sql", "diff", "mermaid"}


def blocks() -> Iterator[Code]:
    """Every block of commands."""
    return (block for page in PAGES for block in page.blocks if block.info in SHELL)


def spans() -> Iterator[tuple[Code, Command]]:
    """Every command that stands in a sentence."""
    for page in PAGES:
        for span in page.spans:
            if re.match(r"(?:[A-Z_]+=\S+ )*(aws|pulumi|make) [a-z-]", span.text):
                found = next(commands(span.text.removesuffix(" …") + " …"), None)
                if found is not None:
                    yield span, found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Page) -> None:
    assert list(dead_links(page)) == []


def test_every_block_says_what_it_is_or_is_typed_into_a_shell() -> None:
    unknown = [b for page in PAGES for b in page.blocks if b.info not in SHELL | OUTPUT]
    assert [f"{block}: {block.info!r}" for block in unknown] == []


def test_a_shell_takes_every_block() -> None:
    """A block of output is marked as ```text."""
    assert {str(b): said for b in blocks() if (said := complaint(script(b.text)))} == {}


def test_every_command_of_a_block_is_taken() -> None:
    said = [
        f"{block}: {line}"
        for block in blocks()
        for command in commands(script(block.text))
        for line in complaints(command)
    ]
    assert not said, "\n".join(said)


def test_every_command_of_a_sentence_is_taken() -> None:
    said = [
        f"{span}: {line}"
        for span, command in spans()
        for line in (*complaints(command, whole=False), *config_complaints([command]))
    ]
    assert not said, "\n".join(said)


def test_every_address_of_a_bucket_of_states_names_its_region() -> None:
    """In a table or a workflow, too (pulumi/pulumi#13899)."""
    files = [page.path for page in PAGES] + list((ROOT / ".github" / "workflows").glob("*.yml"))
    bare = [
        f"{path.relative_to(ROOT)}: {address}"
        for path in files
        for address in re.findall(r"s3://[a-z0-9.-]*pulumi[a-z0-9.-]*\S*", path.read_text())
        if "region=" not in address
    ]
    assert bare == []


def test_every_setting_that_is_set_is_one_and_may_be_so() -> None:
    said = [
        f"{block}: {line}"
        for block in blocks()
        for line in config_complaints(commands(script(block.text)))
    ]
    assert not said, "\n".join(said)


# What each checker must tell; without these a checker that says nothing would pass for ever.
WRONG = [
    ("aws rds describe-db-instance", "no operation 'describe-db-instance'"),
    ("aws rsd describe-db-instances", "no service 'rsd'"),
    ("aws rds delete-db-instance", "needs --db-instance-identifier"),
    ("aws rds delete-db-instance --db-instance-identifier a b", "takes one value"),
    ("aws rds delete-db-instance --db-instance-identifier", "has no value"),
    ("aws rds delete-db-instance --db-instance-identifier a --force", "no option --force"),
    ("aws rds describe-db-instances --query 'DBInstances['", "Invalid jmespath"),
    ("aws rds describe-db-instances --query 'DBInstances[].Engin'", "answer has no Engin"),
    ("aws rds describe-db-instances --output csv", "--output csv is none of"),
    ("aws rds modify-db-instance --db-instance-identifier a --multi-az true", "takes no value"),
    ("aws ecs update-service --service a --desired-count one", "takes a number"),
    ("aws ecs list-tasks --cluster a --desired-status DOWN", "takes one of RUNNING, PENDING"),
    ("aws ecs list-tasks now", "takes no word 'now'"),
    ("aws ecs wait services-steady --services a", "can't wait for"),
    ("for a in b; do aws ecs wait services-stable; done", "needs --services"),
    ("aws logs tail /ecs/a --since-when 1h", "no option --since-when"),
    ("aws rds describe-db-instances --filters 'Nme=a,Values=b'", "--filters knows no Nme"),
    ("aws sqs get-queue-attributes --queue-url a --attribute-names Length", "takes All, Policy"),
    ("x=$(aws ecs describe-service)", "no operation 'describe-service'"),
    ("echo a | xargs aws ecs describe-tasks --clster b --tasks", "no option --clster"),
    ("pulumi upp", "no sub-command 'upp'"),
    ("pulumi state unprotekt a", "no sub-command 'unprotekt'"),
    ("pulumi up --refreshed", "no option --refreshed"),
    ("pulumi login s3://bucket", "names no region"),
    ("pulumi stack select --stack", "--stack needs a value"),
    ("make psuh SERVICE=geoserver", "no `make psuh`"),
    ("make push SERVIC=geoserver", "knows no SERVIC"),
    ("make logs SERVICE=queue ACCOUNT=aws", "knows no service 'queue'"),
    ("make cost PROFILE=huge", "no profile 'huge'"),
    ("make cost SET='natGateways=9'", "from 0 to 2"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_command_is_told(text: str, told: str) -> None:
    said = [line for command in commands(text) for line in complaints(command)]
    assert [line for line in said if told in line], said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pulumi config set natGateway 2", "'natGateway' is no setting"),
        ("pulumi config rm natGateway", "'natGateway' is no setting"),
        ("pulumi config set natGateways 9", "from 0 to 2"),
        ("pulumi config set otakaro:redisTls maybe", "one of preferred, required"),
        ("pulumi config set --path 'otakaro:zones[2]' a", "different zones"),
    ],
)
def test_a_wrong_setting_is_told(text: str, told: str) -> None:
    said = list(config_complaints(commands(text)))
    assert [line for line in said if told in line], said


def test_settings_that_only_go_together_may_stand_in_one_block() -> None:
    text = "pulumi config set celeryMin 1\npulumi config set celeryDesired 1\n"
    assert list(config_complaints(commands(text))) == []


def test_a_shell_s_complaint_is_told() -> None:
    assert "unexpected" in complaint("for a in b; aws\n")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("docs/nothing.md", "no such file"),
        ("docs/restore.md#nothing", "no such heading"),
        ("#nothing", "no such heading"),
        ("../outside", "no such file"),
        ("http://example.org/", "no https address"),
        ("https://example", "no https address"),
    ],
)
def test_a_dead_link_is_told(target: str, told: str) -> None:
    page = Page(ROOT / "README.md")
    page.__dict__["text"] = f"# A page\n\nsee [there]({target}) and [well](docs/restore.md#files)\n"
    [said] = dead_links(page)
    assert told in said


def test_every_page_is_found_from_the_handbooks_first() -> None:
    by_path = {page.path: page for page in PAGES}
    seen: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in seen or page not in by_path:
            continue
        seen.add(page)
        queue += [
            (page.parent / target.partition("#")[0]).resolve() for _, target in by_path[page].links
        ]
    assert {str(path.relative_to(ROOT)) for path in by_path if path not in seen} == set()


def test_the_code_names_only_pages_that_are_there() -> None:
    named = {
        (str(path.relative_to(ROOT)), page)
        for path in [*ROOT.glob("*.py"), *ROOT.glob("*.yaml"), *ROOT.glob("[blrt]*/**/*.py")]
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
    }
    named = {(path, page) for path, page in named if not path.endswith("test_docs.py")}
    assert {pair for pair in named if not (ROOT / pair[1]).exists()} == set()
