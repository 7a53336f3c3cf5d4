"""Where everything stands on the sheet, and which way the arrows go.

Two bands of groups: above, from left to right, what happens to a request; below what happens to a
pushed image. Within a group parts stand in rows or columns, in the order of their arrows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from local.picture.geometry import BETWEEN, FONT, GAP, ICON, LINE, MARGIN, PAD, TITLE, Rect
from local.picture.model import Part, Picture
from local.picture.places import (
    ALARMS,
    DATA,
    EDGE,
    ENTRANCE,
    PEOPLE,
    PRIVATE,
    PUBLIC,
    ROLLOUT,
    SECRETS,
    TEAM,
    VISITORS,
)
from local.picture.routes import Route, labelled, routes
from local.picture.text import width

LEAST = 62.0  # width of a part with a short label
# From left to right; what shares a place stands one above the other.
BANDS = (
    ((VISITORS,), (EDGE,), (PUBLIC, ENTRANCE, SECRETS), (PRIVATE,), (DATA,)),
    ((TEAM,), (ROLLOUT,), (ALARMS,), (PEOPLE,)),
)
COLUMNS = frozenset({ROLLOUT})  # its story goes from left to right


@dataclass(frozen=True)
class Unit:
    """What stands alone in a group: a part, or a box of parts."""

    parts: tuple[Part, ...]
    box: str = ""

    @property
    def size(self) -> tuple[float, float]:
        if not self.box:
            part = self.parts[0]
            lines = part.label.count("\n") + 1
            return max(LEAST, width(part.label, FONT) + 6), ICON + 4 + lines * LINE
        rows = self.rows()
        w = max(sum(Unit((p,)).size[0] for p in row) + GAP * (len(row) - 1) for row in rows)
        h = sum(max(Unit((p,)).size[1] for p in row) for row in rows) + GAP * (len(rows) - 1)
        return max(w, width(self.box, FONT, 500)) + 2 * PAD, h + TITLE + PAD

    def rows(self) -> list[tuple[Part, ...]]:
        """A box of a group in columns is two parts wide."""
        each = 2 if self.parts[0].group in COLUMNS else len(self.parts)
        return [self.parts[i : i + each] for i in range(0, len(self.parts), each)]


@dataclass(frozen=True)
class Sheet:
    """A picture with every place decided."""

    size: tuple[float, float]
    groups: dict[str, Rect]
    boxes: dict[str, Rect]
    parts: dict[str, Rect]
    routes: tuple[Route, ...]


def layout(picture: Picture) -> Sheet:
    """Give each part its place and each arrow its way, always the same for the same picture."""
    grid = {group: _grid(picture, group) for group in dict.fromkeys(p.group for p in picture.parts)}
    people = {part.key: Unit((part,)) for part in picture.parts if not part.group}
    sizes = {
        group: _needs(group, picture.title(group), lines) for group, lines in grid.items() if group
    }
    breadth = max((unit.size[0] for unit in people.values()), default=0.0)
    sizes |= {key: (breadth, unit.size[1]) for key, unit in people.items()}
    bands = [[[g for g in stack if g in sizes] for stack in band] for band in BANDS]
    bands = [[stack for stack in band if stack] for band in bands]
    widths = [_band_width(band, sizes) for band in bands]
    rects: dict[str, Rect] = {}
    y = floor = MARGIN
    for band, natural in zip(bands, widths, strict=True):
        floor = y  # in the end, of the lower band
        space = BETWEEN + (max(widths) - natural) / (len(band) - 1)
        height = max(sum(sizes[g][1] for g in s) + BETWEEN * (len(s) - 1) for s in band)
        x = MARGIN
        for stack in band:
            w = max(sizes[g][0] for g in stack)
            top = y
            for group in stack:
                rest = sum(sizes[g][1] + BETWEEN for g in stack[stack.index(group) + 1 :])
                h = (height - (top - y) - rest) if group == stack[0] else sizes[group][1]
                rects[group] = Rect(x, top, w, h)
                top += h + BETWEEN
            x += w + space
        y += height + BETWEEN
    size = (max(widths) + 2 * MARGIN, y - BETWEEN + MARGIN)
    groups = {group: rect for group, rect in rects.items() if group not in people}
    parts = {key: _middle(rects[key], unit.size) for key, unit in people.items() if key in rects}
    boxes: dict[str, Rect] = {}
    for group, rect in groups.items():
        _place(grid[group], group, rect, parts, boxes)
    found = list(routes(picture, groups, boxes, parts, floor))
    return Sheet(size, groups, boxes, parts, tuple(labelled(found, groups, boxes, parts)))


def _band_width(band: list[list[str]], sizes: Mapping[str, tuple[float, float]]) -> float:
    return sum(max(sizes[g][0] for g in stack) for stack in band) + BETWEEN * (len(band) - 1)


def _grid(picture: Picture, group: str) -> list[list[Unit]]:
    """A group's units in lines: rows, or columns where the story goes from left to right."""
    members = [part for part in picture.parts if part.group == group]
    units = [Unit((part,)) for part in members if not part.box]
    units += [
        Unit(tuple(_inner(picture, [part for part in members if part.box == box])), box)
        for box in dict.fromkeys(part.box for part in members if part.box)
    ]
    if group == PRIVATE:
        return _rows_of_services(picture, units)
    if group not in (EDGE, ROLLOUT, ALARMS):
        return [[unit] for unit in units]
    lines: list[list[Unit]] = []
    for line in _layers(picture, units):
        lines += [line[i : i + 2] for i in range(0, len(line), 2)] if group in COLUMNS else [line]
    return lines


def _inner(picture: Picture, parts: list[Part]) -> list[Part]:
    """Within a box: who is asked from outside, what they share, who else asks that."""
    keys = {part.key for part in parts}
    outside = {a.end for a in picture.arrows if a.kind == "request" and a.start not in keys}
    return sorted(
        parts, key=lambda p: (p.key not in outside) + (p.service and p.key not in outside)
    )


def _layers(picture: Picture, units: list[Unit]) -> list[list[Unit]]:
    """Each unit after all that have an arrow to it; one without arrows with the first."""
    of = {part.key: unit for unit in units for part in unit.parts}
    before: dict[Unit, set[Unit]] = {unit: set() for unit in units}
    for arrow in picture.arrows:
        if arrow.start in of and arrow.end in of and of[arrow.start] != of[arrow.end]:
            before[of[arrow.end]].add(of[arrow.start])
    ends = {key for arrow in picture.arrows for key in (arrow.start, arrow.end)}
    alone = [unit for unit in units if ends.isdisjoint(part.key for part in unit.parts)]
    lines: list[list[Unit]] = []
    for unit in alone:
        del before[unit]
    while before:
        line = [unit for unit, earlier in before.items() if not earlier & before.keys()]
        line = line or list(before)  # a circle stands in one line
        lines.append(line)
        for unit in line:
            del before[unit]
    return [[*(lines or [[]])[0], *alone], *lines[1:]]


def _rows_of_services(picture: Picture, units: list[Unit]) -> list[list[Unit]]:
    """A row for each service or box of them, those last that the others ask. What isn't a service
    stands beside the first; who asks something within the group before who asks beyond it."""
    keys = {part.key for unit in units for part in unit.parts}

    def asked(unit: Unit) -> int:
        own = {part.key for part in unit.parts}
        return len({a.start for a in picture.arrows if a.end in own and a.start in keys - own})

    def beyond(unit: Unit) -> bool:
        key = unit.parts[0].key
        return not any(a.start == key and a.end in keys for a in picture.arrows)

    services = [unit for unit in units if any(part.service for part in unit.parts)]
    others = sorted((unit for unit in units if unit not in services), key=beyond)
    rows = [[unit] for unit in sorted(services, key=lambda u: (asked(u), len(u.parts)))] or [[]]
    rows[0] += others[:2]
    return [others[i : i + 3] for i in range(2, len(others), 3)] + rows


def _needs(group: str, title: str, lines: Sequence[Sequence[Unit]]) -> tuple[float, float]:
    columns = group in COLUMNS
    along = [[unit.size for unit in line] for line in lines]
    long = 1 if columns else 0
    length = max(sum(size[long] for size in line) + GAP * (len(line) - 1) for line in along)
    across = sum(max(size[1 - long] for size in line) for line in along)
    across += (BETWEEN if columns else GAP + 8) * (len(along) - 1)
    w, h = (across, length) if columns else (length, across)
    w = max(w, width(title, FONT, 500))
    return w + 2 * PAD + 4, h + TITLE + PAD


def _middle(rect: Rect, size: tuple[float, float]) -> Rect:
    return Rect(rect.cx - size[0] / 2, rect.cy - size[1] / 2, *size)


def _place(
    lines: Sequence[Sequence[Unit]],
    group: str,
    rect: Rect,
    parts: dict[str, Rect],
    boxes: dict[str, Rect],
) -> None:
    """Share a group's room out: to lines by what they need, within a line evenly."""
    columns = group in COLUMNS
    inner = Rect(rect.x + PAD + 2, rect.y + TITLE, rect.w - 2 * PAD - 4, rect.h - TITLE - PAD)
    need = [max(u.size[0 if columns else 1] for u in line) for line in lines]
    total = inner.w if columns else inner.h
    space = (
        (total - sum(need)) / max(1, len(lines) - 1)
        if columns
        else (total - sum(need)) / len(lines)
    )
    at = inner.x if columns else inner.y + space / 2
    for line, size in zip(lines, need, strict=True):
        span = Rect(at, inner.y, size, inner.h) if columns else Rect(inner.x, at, inner.w, size)
        for unit, place in zip(line, _share(line, span, group), strict=True):
            _put(unit, place, parts, boxes)
        at += size + space


def _share(line: Sequence[Unit], span: Rect, group: str) -> Iterator[Rect]:
    if group in COLUMNS:
        each = span.h / len(line)
        for i, unit in enumerate(line):
            yield _middle(Rect(span.x, span.y + i * each, span.w, each), unit.size)
    elif group == PRIVATE:
        free = span.w - sum(unit.size[0] for unit in line)
        x = span.x
        for unit in line:
            yield Rect(x, span.cy - unit.size[1] / 2, *unit.size)
            x += unit.size[0] + free / max(1, len(line) - 1)
    else:
        free = (span.w - sum(unit.size[0] for unit in line)) / len(line)
        x = span.x + free / 2
        for unit in line:
            yield Rect(x, span.cy - unit.size[1] / 2, *unit.size)
            x += unit.size[0] + free


def _put(unit: Unit, rect: Rect, parts: dict[str, Rect], boxes: dict[str, Rect]) -> None:
    if not unit.box:
        parts[unit.parts[0].key] = rect
        return
    boxes[unit.box] = rect
    y = rect.y + TITLE
    for row in unit.rows():
        sizes = [Unit((part,)).size for part in row]
        free = (rect.w - 2 * PAD - sum(w for w, _ in sizes)) / len(row)
        x = rect.x + PAD + free / 2
        for part, (w, h) in zip(row, sizes, strict=True):
            parts[part.key] = Rect(x, y, w, h)
            x += w + free
        y += max(h for _, h in sizes) + GAP
