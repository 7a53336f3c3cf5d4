"""Where everything stands on the sheet, and which way the arrows go.

Two bands of groups: above, from left to right, what happens to a request; below what happens to a
pushed image. Within a group parts stand in rows or columns, in the order of their arrows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from local.picture.model import Arrow, Part, Picture
from local.picture.places import ALARMS, DATA, EDGE, PRIVATE, PUBLIC, ROLLOUT, SECRETS
from local.picture.text import width

ICON, FONT, LINE = 42.0, 14.0, 16.5
TITLE, PAD, GAP, BETWEEN = 24.0, 10.0, 12.0, 40.0
LEAST = 62.0  # width of a part with a short label
MARGIN = 12.0
SLANT = 8.0  # less than this is drawn straight
APART = 13.0  # between arrows at one side of a box
COLUMNS = frozenset({ROLLOUT})  # its story goes from left to right


@dataclass(frozen=True)
class Rect:
    """A place on the sheet."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def cx(self) -> float:
        return self.x + self.w / 2

    @property
    def cy(self) -> float:
        return self.y + self.h / 2


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


Point = tuple[float, float]


@dataclass(frozen=True)
class Route:
    """An arrow's way: straight out of its group, bent between groups, straight to its end."""

    arrow: Arrow
    points: tuple[Point, Point, Point, Point]  # start, bend's begin and end, end
    down: bool  # it bends from above to below, or the other way
    label: Point | None = None  # the middle of its label

    @property
    def bend(self) -> tuple[Point, Point]:
        """The points that the bend leans to, so that it leaves and arrives straight."""
        _, (x, y), (u, v), _ = self.points
        if self.down:
            return (x, (y + v) / 2), (u, (y + v) / 2)
        return ((x + u) / 2, y), ((x + u) / 2, v)

    def along(self) -> list[Point]:
        """Points of the way, a few units from each other at most."""
        a, p, q, b = self.points
        way = [_between(a, p, t / 9) for t in range(10)]
        one, two = self.bend
        for step in range(41):
            t = step / 40
            first, last = _between(p, one, t), _between(two, q, t)
            middle = _between(one, two, t)
            way.append(_between(_between(first, middle, t), _between(middle, last, t), t))
        return way + [_between(q, b, t / 9) for t in range(10)]


def _between(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


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
    upper = [["visitors"], [EDGE], [PUBLIC, SECRETS], [PRIVATE], [DATA]]
    lower = [["team"], [ROLLOUT], [ALARMS], ["people"]]
    sizes = {group: _needs(group, lines) for group, lines in grid.items() if group}
    breadth = max((unit.size[0] for unit in people.values()), default=0.0)
    sizes |= {key: (breadth, unit.size[1]) for key, unit in people.items()}
    bands = [[[g for g in stack if g in sizes] for stack in band] for band in (upper, lower)]
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
    routes = list(_routes(picture, groups, boxes, parts, floor))
    return Sheet(size, groups, boxes, parts, tuple(_labelled(routes, groups, boxes, parts)))


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


def _needs(group: str, lines: Sequence[Sequence[Unit]]) -> tuple[float, float]:
    columns = group in COLUMNS
    along = [[unit.size for unit in line] for line in lines]
    long = 1 if columns else 0
    length = max(sum(size[long] for size in line) + GAP * (len(line) - 1) for line in along)
    across = sum(max(size[1 - long] for size in line) for line in along)
    across += (BETWEEN if columns else GAP + 8) * (len(along) - 1)
    w, h = (across, length) if columns else (length, across)
    w = max(w, width(group, FONT, 500))
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


def gathered(picture: Picture) -> list[Arrow]:
    """The arrows, with those of all in a box or group drawn as one from or to it.

    A box stands for its services, where it has any, or for all that is in it; a group for its
    services. Images go to a group as soon as each of its services gets one.
    """
    inside: dict[str, set[str]] = {}
    for part in picture.parts:
        for name in {part.box, part.group} - {""}:
            inside.setdefault(name, set()).add(part.key)
    services = {part.key for part in picture.parts if part.service}
    boxes = {part.box for part in picture.parts}
    stands = {
        name: keys & services or (keys if name in boxes else set()) for name, keys in inside.items()
    }
    stands = {name: keys for name, keys in stands.items() if len(keys) > 1}
    names = sorted(stands, key=lambda name: (-len(stands[name]), name))
    single = {part.key: {part.key} for part in picture.parts}
    arrows = set(picture.arrows)
    for start, starts in [(name, stands[name]) for name in names] + list(single.items()):
        for end, ends in [(name, stands[name]) for name in names] + list(single.items()):
            if (start in single and end in single) or end in inside.get(start, ()):
                continue
            if start in inside.get(end, ()):
                continue
            for kind, label in {(a.kind, a.label) for a in arrows}:
                one = Arrow(start, end, kind, label)
                pairs = {(a.start, a.end) for a in arrows if (a.kind, a.label) == (kind, label)}
                pairs = {(a, b) for a, b in pairs if a in starts and b in ends}
                every = len(pairs) == len(starts) * len(ends)
                each = {a for a, _ in pairs} == starts and {b for _, b in pairs} == ends
                if pairs and (every or (each and kind == "image")):
                    within = inside.get(start, starts), inside.get(end, ends)
                    arrows -= {
                        a
                        for a in arrows
                        if (a.kind, a.label) == (kind, label)
                        and a.start in within[0]
                        and a.end in within[1]
                    }
                    arrows.add(one)
    return sorted(arrows)


def _routes(
    picture: Picture,
    groups: Mapping[str, Rect],
    boxes: Mapping[str, Rect],
    parts: Mapping[str, Rect],
    floor: float,
) -> Iterator[Route]:
    """Arrows leave and arrive at the sides that face each other; several at one side of a place
    are spread along it, in the order of where they lead."""
    rects = {**groups, **boxes, **{key: _touched(rect) for key, rect in parts.items()}}
    group_of = {group: group for group in groups}
    group_of |= {part.key: part.group for part in picture.parts}
    group_of |= {part.box: part.group for part in picture.parts if part.box}
    ends: dict[tuple[str, str], list[tuple[float, Arrow]]] = {}
    sides: dict[Arrow, tuple[str, str]] = {}
    arrows = gathered(picture)
    for arrow in arrows:
        a, b = rects[arrow.start], rects[arrow.end]
        inside = group_of[arrow.start] == group_of[arrow.end]
        between_bands = (a.y < floor) != (b.y < floor)
        down = between_bands or (inside and group_of[arrow.start] not in COLUMNS)
        sides[arrow] = _sides(a, b, down)
        for name, side, other in zip((arrow.start, arrow.end), sides[arrow], (b, a), strict=True):
            ends.setdefault((name, side), []).append((_aim(other, side), arrow))
    taken: dict[tuple[str, str], list[float]] = {}
    for arrow in sorted(arrows, key=lambda a: (a.start in groups) + (a.end in groups)):
        names = (arrow.start, arrow.end)
        here, there = (group_of[name] for name in names)
        ports = [
            _port(rects[n], side, sorted(ends[n, side]), arrow, taken.setdefault((n, side), []))
            for n, side in zip(names, sides[arrow], strict=True)
        ]
        one, two = ports
        if abs(one[0] - two[0]) < SLANT and sides[arrow][0] in ("top", "bottom"):
            one = (two[0], one[1])
        bent = (one, two)
        if here != there:
            bent = (
                _out(one, sides[arrow][0], groups.get(here)),
                _out(two, sides[arrow][1], groups.get(there)),
            )
            for group, side, point in zip((here, there), sides[arrow], bent, strict=True):
                taken.setdefault((group, side), []).append(point[side in ("left", "right")])
        yield Route(arrow, (one, *bent, two), sides[arrow][0] in ("top", "bottom"))


def _out(point: Point, side: str, around: Rect | None) -> Point:
    """Where the way out of a group by that side leaves it."""
    if around is None:
        return point
    x = {"left": around.x, "right": around.right}.get(side, point[0])
    return x, {"top": around.y, "bottom": around.bottom}.get(side, point[1])


def _aim(rect: Rect, side: str) -> float:
    if side in ("top", "bottom"):
        return rect.cx
    return rect.cy if _wide(rect) else rect.y + ICON / 2


def _wide(rect: Rect) -> bool:
    """It is no icon but a box."""
    return rect.w > 2 * ICON


def _labelled(
    routes: Sequence[Route],
    groups: Mapping[str, Rect],
    boxes: Mapping[str, Rect],
    parts: Mapping[str, Rect],
) -> Iterator[Route]:
    """Put each label beside its arrow where it hides least, nearest to the middle."""
    frames = [*groups.values(), *boxes.values()]
    taken = [*parts.values()]
    points = [point for route in routes for point in route.along()]
    for route in routes:
        if not route.arrow.label:
            yield route
            continue
        w, way = width(route.arrow.label, FONT) + 4, route.along()[::3]

        def hides(spot: tuple[float, Rect]) -> float:
            off, rect = spot
            left, right, top, bottom = rect.x, rect.right, rect.y, rect.bottom
            crossed = 3 * sum(left < x < right and top < y < bottom for x, y in points)
            crossed += 5 * sum(_overlap(rect, f) and not _holds(f, rect) for f in frames)
            crossed += 6 * sum(_holds(f, rect) for f in frames)  # on open ground, if there's room
            return off + crossed + 50 * sum(_overlap(rect, other) for other in taken)

        spots = [
            (abs(i - len(way) / 2) / 8, Rect(x + dx - w / 2, y + dy - FONT / 2, w, FONT))
            for i, (x, y) in enumerate(way)
            for dx, dy in ((0, -10), (0, 10), (w / 2 + 2, 0), (-w / 2 - 2, 0))
        ]
        best = min(spots, key=hides)[1]
        taken.append(best)
        yield replace(route, label=(best.cx, best.cy))


def _holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.x <= inner.x
        and inner.right <= outer.right
        and outer.y <= inner.y
        and inner.bottom <= outer.bottom
    )


def _overlap(a: Rect, b: Rect) -> bool:
    return min(a.right, b.right) > max(a.x, b.x) and min(a.bottom, b.bottom) > max(a.y, b.y)


def _touched(rect: Rect) -> Rect:
    """Where arrows touch a part: its icon at the sides, its label below."""
    return Rect(rect.cx - ICON / 2 - 3, rect.y - 3, ICON + 6, rect.h + 4)


def _sides(a: Rect, b: Rect, down: bool) -> tuple[str, str]:
    """The sides of `a` and `b` that face each other; `down` prefers one above the other."""
    apart = min(a.right, b.right) < max(a.x, b.x)
    above = min(a.bottom, b.bottom) < max(a.y, b.y)
    if above and (down or not apart):
        return ("bottom", "top") if a.y < b.y else ("top", "bottom")
    return ("right", "left") if a.x < b.x else ("left", "right")


def _port(
    rect: Rect, side: str, ends: list[tuple[float, Arrow]], arrow: Arrow, taken: list[float]
) -> Point:
    """Evenly along an icon's side; at a box opposite to the other end, beside what is taken."""
    wide, across = _wide(rect), side in ("top", "bottom")
    low, high = (rect.x, rect.right) if across else (rect.y, rect.bottom if wide else rect.y + ICON)
    low, high = low + 7, high - 7
    index = [each for _, each in ends].index(arrow)
    at = low + (high - low) * (index + 1) / (len(ends) + 1)
    if wide:
        aim = min(max(ends[index][0], low), high)
        steps = (low + step for step in range(int(high - low) + 1))
        free = [s for s in (aim, *steps) if all(abs(s - other) >= APART for other in taken)]
        at = min(free, key=lambda s: abs(s - aim), default=aim)
        taken.append(at)
    if across:
        return at, rect.y if side == "top" else rect.bottom
    return rect.x if side == "left" else rect.right, at
