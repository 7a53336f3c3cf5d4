"""What a picture says, before anything has a place on the sheet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, order=True)
class Part:
    """A node: one resource, or several of a kind that stand together.

    Args:
        group: the box it stands in, as in `places`; empty for people.
        box: a smaller box within the group, such as all distributions; empty for none.
        key: the resource's name, or a word for several of them.
        label: what a person calls it, in lines.
        icon: a file of the icons' package, without its ending.
        service: it is one of those that the box stands for when an arrow ends at the box.
    """

    group: str
    box: str
    key: str
    label: str
    icon: str
    service: bool = False

    @property
    def name(self) -> str:
        """The label in one line, without what is said after a colon."""
        return self.label.partition(":\n")[0].replace("\n", " ")


@dataclass(frozen=True, order=True)
class Arrow:
    """From one part to another: requests, images, events or notes, and a word or two about them."""

    start: str
    end: str
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """All parts and arrows; the text form is what a test compares with the program."""

    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    titles: Mapping[str, str] = field(default_factory=dict)  # of groups that are called otherwise

    def title(self, group: str) -> str:
        """What stands over a group."""
        return self.titles.get(group, group)

    def __getitem__(self, key: str) -> Part:
        return next(part for part in self.parts if part.key == key)

    def text(self) -> str:
        """One line a part and an arrow, so that a change of one is a change of one line."""
        return rows(
            {
                "parts": [[self.title(p.group), p.box, p.key, p.label] for p in self.parts],
                "arrows": [[a.start, a.end, a.kind, a.label] for a in self.arrows],
            }
        )


def rows(tables: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """JSON with a line for each row of each table."""
    blocks = [
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in table) + "\n]"
        for name, table in tables.items()
    ]
    return "{\n" + ",\n".join(blocks) + "\n}"
