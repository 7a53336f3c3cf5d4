"""The commands of a shell script, as words, wherever they stand in it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bash.language()))
ELLIPSIS = "…"  # stands for words that the reader knows
# What runs the rest of its words as a command.
_RUNNERS = frozenset({"xargs", "time", "watch", "sudo", "env", "exec", "nohup"})


@dataclass(frozen=True)
class Command:
    """One command's words without their quotes; expansions are left as they are written."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.words[0]


def script(text: str) -> str:
    """What of a block is typed: the lines with a prompt where there is one, else all."""
    if not re.search(r"^\$ ", text, re.MULTILINE):
        return text
    typed = re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return "\n".join(typed) + "\n"


def complaint(text: str) -> str:
    """Why a shell would refuse the script; '' when it wouldn't."""
    said = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    if said.returncode:
        return said.stderr.strip()
    if not shutil.which("shellcheck"):
        return ""
    checker = ["shellcheck", "--shell=bash", "--severity=error", "--format=gcc", "-"]
    return subprocess.run(checker, input=text, capture_output=True, text=True).stdout.strip()


def commands(text: str) -> Iterator[Command]:
    """Every command of the script, those in pipes, loops and substitutions too."""
    for node in _nodes(_PARSER.parse(text.encode()).root_node):
        if node.type == "command":
            yield from _command(node)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _command(node: Node) -> Iterator[Command]:
    kinds = {"variable_assignment", "file_redirect", "herestring_redirect", "heredoc_redirect"}
    words = tuple(_word(child) for child in node.named_children if child.type not in kinds)
    if not words:
        return
    yield Command(words)
    if words[0] in _RUNNERS:
        inner = next((n for n, w in enumerate(words) if w in {"aws", "pulumi", "make"}), None)
        if inner is not None:
            more = (ELLIPSIS,) if words[0] == "xargs" else ()
            yield Command(words[inner:] + more)


def _word(node: Node) -> str:
    text = (node.text or b"").decode()
    if node.type == "command_name":
        return "".join(map(_word, node.named_children))
    if node.type == "concatenation":
        return "".join(map(_word, node.children))
    if node.type in ("string", "raw_string"):
        return text[1:-1]
    return re.sub(r"\\\n", "", text)
