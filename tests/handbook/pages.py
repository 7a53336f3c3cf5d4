"""The handbook's pages as data: fenced blocks, code spans, links, headings."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from local.record import ROOT

_FOLDERS = (".", "docs", "bootstrap", "review")
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^ *(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*(?P<target>[^()\s]*(?:\([^()]*\)[^()\s]*)*)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Code:
    """A fenced block or a span of a page."""

    page: Path
    line: int  # of its first line, from 1
    info: str  # what stands behind the fence; a span has 'span'
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Code]:
        """The fenced blocks, without their indentation."""
        return [
            Code(
                page=self.path,
                line=self._line(found.start("body")),
                info=found["info"].strip(),
                text=re.sub(f"^{found['indent']}", "", found["body"], flags=re.MULTILINE),
            )
            for found in _FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """The text with its blocks blanked out, each line in its place."""
        return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), self.text)

    @cached_property
    def spans(self) -> list[Code]:
        """What stands between backticks in the prose."""
        return [
            Code(
                page=self.path,
                line=self._line(found.start(), self.prose),
                info="span",
                text=" ".join(found[2].replace("\\|", "|").split()),
            )
            for found in _SPAN.finditer(self.prose)
        ]

    @cached_property
    def links(self) -> list[tuple[int, str]]:
        """Line and target of every link and picture."""
        text = _SPAN.sub(lambda found: re.sub(r"[^\n]", "`", found[0]), self.prose)
        # A link's words may themselves be code, so they are looked for where spans are blanked.
        return [(self._line(f.start(), text), f["target"]) for f in _LINK.finditer(text)]

    @cached_property
    def anchors(self) -> set[str]:
        """What GitHub calls the headings."""
        seen: Counter[str] = Counter()
        names = set()
        for heading in _HEADING.findall(self.prose):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
        return names

    def _line(self, position: int, text: str | None = None) -> int:
        return (self.text if text is None else text).count("\n", 0, position) + 1


def pages() -> Iterator[Page]:
    """Every page that people read."""
    for folder in _FOLDERS:
        pattern = "*.md" if folder == "." else "**/*.md"
        yield from (Page(path) for path in sorted((ROOT / folder).glob(pattern)))


def dead_links(page: Page) -> Iterator[str]:
    """What is wrong with the page's links; other sites are only looked at for their form."""
    for line, target in page.links:
        where = f"{page.path.relative_to(ROOT)}:{line}: {target}"
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            if not re.fullmatch(
                r"https://([a-z0-9-]+\.)+[a-z]{2,}(/[!-~]*)?|mailto:\S+@\S+", target
            ):
                yield f"{where} is no https address"
            continue
        path, _, anchor = target.partition("#")
        there = (page.path.parent / path).resolve() if path else page.path
        if not there.exists():
            yield f"{where}: there is no such file"
        elif not there.is_relative_to(ROOT):
            yield f"{where} leads out of the repository"
        elif anchor and anchor not in Page(there).anchors:
            yield f"{where}: that page has no such heading"
