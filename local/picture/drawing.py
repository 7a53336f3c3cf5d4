"""The picture of what is deployed, drawn."""

from collections.abc import Iterator

from local.picture.geometry import FONT, LINE
from local.picture.layout import Sheet, layout
from local.picture.model import Picture
from local.picture.svg import Theme, document, frame, line, symbol, text
from local.picture.text import width

LEGEND = {
    "request": "requests",
    "event": "events",
    "image": "read when a task starts",
    "note": "what else belongs together",
}


def drawing(picture: Picture, theme: Theme) -> str:
    """The picture as SVG."""
    sheet = layout(picture)
    wide, high = sheet.size[0], sheet.size[1] + 2 * LINE
    kinds = {route.arrow.kind for route in sheet.routes}
    legend = {kind: words for kind, words in LEGEND.items() if kind in kinds}
    words = [
        *legend.values(),
        *map(picture.title, sheet.groups),
        *sheet.boxes,
        *(part.label for part in picture.parts),
    ]
    words += [route.arrow.label for route in sheet.routes]
    body = [*_body(picture, sheet, theme), *_legend(legend, high - LINE, wide, theme)]
    icons = {part.icon for part in picture.parts}
    return document(body, (wide, high), "".join(words), icons, theme)


def _body(picture: Picture, sheet: Sheet, theme: Theme) -> Iterator[str]:
    for names, fill in ((sheet.groups, theme.group), (sheet.boxes, theme.box)):
        for name, rect in names.items():
            yield from frame(picture.title(name), rect, fill, theme)
    for route in sheet.routes:
        start, out, into, end = (f"{x:.1f} {y:.1f}" for x, y in route.points)
        one, two = (f"{x:.1f} {y:.1f}" for x, y in route.bend)
        first, last = ("" if start == out else f"L{out}"), ("" if into == end else f"L{end}")
        yield line(f"M{start}{first}C{one} {two} {into}{last}", route.arrow.kind, theme)
    for part in picture.parts:
        yield from symbol(part.icon, part.label, sheet.parts[part.key], theme)
    for route in sheet.routes:
        if route.label:
            (x, y), colour = route.label, theme.arrows[route.arrow.kind]
            yield text(route.arrow.label, x, y + FONT / 3, fill=colour, halo=theme.ground)


def _legend(legend: dict[str, str], y: float, w: float, theme: Theme) -> Iterator[str]:
    """What the arrows mean, in a line of its own."""
    x = w - sum(width(words, FONT) + 62 for words in legend.values()) + 8
    for kind, words in legend.items():
        yield line(f"M{x:.1f} {y:.1f}H{x + 34:.1f}", kind, theme)
        yield text(words, x + 41, y + FONT / 3, anchor="start", fill=theme.faint)
        x += width(words, FONT) + 62
