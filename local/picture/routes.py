"""Which arrows are drawn, and which way they go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from local.picture.geometry import FONT, ICON, Point, Rect
from local.picture.model import Arrow, Picture
from local.picture.places import ROLLOUT
from local.picture.text import width

SLANT = 8.0  # less than this is drawn straight
APART = 13.0  # between arrows at one side of a box


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


def routes(
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
        down = between_bands or (inside and group_of[arrow.start] != ROLLOUT)
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


def labelled(
    found: Sequence[Route],
    groups: Mapping[str, Rect],
    boxes: Mapping[str, Rect],
    parts: Mapping[str, Rect],
) -> Iterator[Route]:
    """Put each label beside its arrow where it hides least, nearest to the middle."""
    frames = [*groups.values(), *boxes.values()]
    taken = [*parts.values()]
    points = [point for route in found for point in route.along()]
    for route in found:
        if not route.arrow.label:
            yield route
            continue
        w, way = width(route.arrow.label, FONT) + 4, route.along()[::3]

        def hides(spot: tuple[float, Rect]) -> float:
            off, rect = spot
            left, right, top, bottom = rect.x, rect.right, rect.y, rect.bottom
            crossed = 3 * sum(left < x < right and top < y < bottom for x, y in points)
            crossed += 5 * sum(rect.overlaps(f) and not f.holds(rect) for f in frames)
            crossed += 6 * sum(f.holds(rect) for f in frames)  # on open ground, if there's room
            return off + crossed + 50 * sum(rect.overlaps(other) for other in taken)

        spots = [
            (abs(i - len(way) / 2) / 8, Rect(x + dx - w / 2, y + dy - FONT / 2, w, FONT))
            for i, (x, y) in enumerate(way)
            for dx, dy in ((0, -10), (0, 10), (w / 2 + 2, 0), (-w / 2 - 2, 0))
        ]
        best = min(spots, key=hides)[1]
        taken.append(best)
        yield replace(route, label=(best.cx, best.cy))
