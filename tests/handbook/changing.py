"""The commands of the pages for operators that change something."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from local.record import ROOT
from tests.handbook.pages import Code, Page
from tests.handbook.shell import ELLIPSIS, Command, commands, script

PAGES = ("runbooks/*.md", "operate.md", "restore.md", "upgrades.md", "destroy.md")
_SHELL = {"", "sh", "bash", "console"}
_NAMED = re.compile(r"(?:[A-Z_]+=\S+ )*(aws|pulumi|make|git) [a-z-]")
# What reads, prints or opens a prompt, by the first words of a command.
_READING = re.compile(
    r"aws (\S+ (describe|list|get|lookup|wait|batch-get|download|receive)-?\S*|logs tail|sso login)"
    r"|pulumi (login|preview|version|install|stack (history|output|export|select|--show-urns))"
    r"|make (help|status|logs|cost|outputs|preview|shell|psql|edge|prices|unit|check|test|bench"
    r"|changes|diagram)\b"
    r"|git (log|diff)\b"
)


@dataclass(frozen=True)
class Changing:
    """A command that changes something, where it is written."""

    code: Code
    command: Command

    def __str__(self) -> str:
        return f"{self.code}: {line(self.command)}"


def pages() -> Iterator[Page]:
    """Yield the pages whose commands operators run on a deployed stack."""
    for pattern in PAGES:
        yield from (Page(path) for path in sorted((ROOT / "docs").glob(pattern)))


def written(page: Page) -> Iterator[Changing]:
    """Yield the page's changing commands, of blocks and of sentences."""
    codes = [block for block in page.blocks if block.info in _SHELL]
    codes += [span for span in page.spans if _NAMED.match(span.text)]
    for code in codes:
        for command in commands(script(code.text)):
            named = command.name in {"aws", "pulumi", "make", "git"}
            if named and not _READING.match(line(command)):
                yield Changing(code, command)


def line(command: Command) -> str:
    """Return a command's words on one line, without those that the reader knows."""
    text = " ".join(" ".join(word.split()) for word in command.words if word != ELLIPSIS)
    return text.removesuffix(ELLIPSIS)
