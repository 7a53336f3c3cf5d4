"""A sheet as SVG that carries its icons and letters with it, and as PNG."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import diagrams
import resvg_py

from local.picture.layout import FONT, ICON, LINE, TITLE, Sheet
from local.picture.model import Picture
from local.picture.text import FILES, embedded, width


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of a picture."""

    ground: str
    group: str
    border: str
    box: str
    text: str
    faint: str
    arrows: dict[str, str]


LIGHT = Theme(
    ground="#ffffff",
    group="#f3f6fa",
    border="#c5d0dc",
    box="#ffffff",
    text="#1f2328",
    faint="#57606a",
    arrows={"request": "#0969da", "event": "#8250df", "image": "#bc4c00", "note": "#6e7781"},
)
DARK = Theme(
    ground="#0d1117",
    group="#161b22",
    border="#3d444d",
    box="#0d1117",
    text="#e6edf3",
    faint="#9da7b3",
    arrows={"request": "#58a6ff", "event": "#bc8cff", "image": "#f0883e", "note": "#8b949e"},
)
DASHES = {"request": "", "event": "6 4", "image": "2 3", "note": "1 4"}
LEGEND = {
    "request": "requests",
    "event": "events",
    "image": "read when a task starts",
    "note": "what else belongs together",
}
_PEOPLE = frozenset({"general/user", "general/users"})


def svg(picture: Picture, sheet: Sheet, theme: Theme, title: str) -> str:
    """The picture as a text of SVG 1.1 that needs no other file."""
    w, h = round(sheet.size[0]), round(sheet.size[1] + 2 * LINE)
    kinds = {route.arrow.kind for route in sheet.routes}
    legend = {kind: words for kind, words in LEGEND.items() if kind in kinds}
    body = [*_body(picture, sheet, theme), *_legend(legend, h - LINE, w, theme)]
    words = [*legend.values(), *sheet.groups, *sheet.boxes, *(part.label for part in picture.parts)]
    words += [route.arrow.label for route in sheet.routes]
    letters = "".join(sorted(set("".join(words)) - {"\n"}))
    fonts = "".join(
        f"@font-face{{font-family:Roboto;font-weight:{weight};src:url({file})}}"
        for weight, file in ((weight, embedded(weight, letters)) for weight in FILES)
    )
    icons = sorted({part.icon for part in picture.parts})
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
            f'font-family="Roboto, Helvetica, Arial, sans-serif" font-size="{FONT:g}" '
            f'fill="{theme.text}">',
            f"<title>{escape(title)}</title>",
            f"<style>{fonts}</style>",
            "<defs>",
            *(
                f'<image id="{_id(icon)}" width="{ICON:g}" height="{ICON:g}" '
                f'xlink:href="{_icon(icon)}"/>'
                for icon in icons
                if icon not in _PEOPLE
            ),
            *(
                f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
                f'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
                f'<path d="M0 0.5L8 4L0 7.5z" fill="{colour}"/></marker>'
                for kind, colour in theme.arrows.items()
            ),
            "</defs>",
            f'<rect width="{w}" height="{h}" rx="8" fill="{theme.ground}"/>',
            *body,
            "</svg>\n",
        ]
    )


def png(text: str, *, scale: float) -> bytes:
    """An SVG as PNG, with `scale` pixels for each of its units."""
    image: bytes = bytes(
        resvg_py.svg_to_bytes(
            svg_string=text, zoom=scale, font_files=[*FILES.values()], skip_system_fonts=True
        )
    )
    return image


def _legend(legend: dict[str, str], y: float, w: float, theme: Theme) -> Iterator[str]:
    """What the arrows mean, in a line of its own."""
    x = w - sum(width(words, FONT) + 62 for words in legend.values()) + 8
    for kind, words in legend.items():
        yield _line(f"M{x:.1f} {y:.1f}H{x + 34:.1f}", kind, theme)
        yield _text(words, x + 41, y + FONT / 3, anchor="start", fill=theme.faint)
        x += width(words, FONT) + 62


def _line(way: str, kind: str, theme: Theme) -> str:
    dashes = f' stroke-dasharray="{DASHES[kind]}"' if DASHES[kind] else ""
    return (
        f'<path d="{way}" fill="none" stroke="{theme.arrows[kind]}" stroke-width="1.6"{dashes} '
        f'marker-end="url(#{kind})"/>'
    )


def _body(picture: Picture, sheet: Sheet, theme: Theme) -> Iterator[str]:
    for names, fill in ((sheet.groups, theme.group), (sheet.boxes, theme.box)):
        for name, r in names.items():
            yield (
                f'<rect x="{r.x:.1f}" y="{r.y:.1f}" width="{r.w:.1f}" height="{r.h:.1f}" rx="7" '
                f'fill="{fill}" stroke="{theme.border}"/>'
            )
            yield _text(
                name, r.x + 9, r.y + TITLE - 7, weight=500, anchor="start", fill=theme.faint
            )
    for route in sheet.routes:
        kind = route.arrow.kind
        start, out, into, end = (f"{x:.1f} {y:.1f}" for x, y in route.points)
        one, two = (f"{x:.1f} {y:.1f}" for x, y in route.bend)
        first, last = ("" if start == out else f"L{out}"), ("" if into == end else f"L{end}")
        yield _line(f"M{start}{first}C{one} {two} {into}{last}", kind, theme)
    for part in picture.parts:
        r = sheet.parts[part.key]
        x = r.cx - ICON / 2
        if part.icon in _PEOPLE:
            yield _people(x, r.y, theme.text, several=part.icon.endswith("s"))
        else:
            yield f'<use xlink:href="#{_id(part.icon)}" x="{x:.1f}" y="{r.y:.1f}"/>'
        for i, line in enumerate(part.label.split("\n")):
            yield _text(line, r.cx, r.y + ICON + LINE * (i + 1) - 2, halo=theme.group)
    for route in sheet.routes:
        if route.label:
            (x, y), colour = route.label, theme.arrows[route.arrow.kind]
            yield _text(route.arrow.label, x, y + FONT / 3, fill=colour, halo=theme.ground)


def _text(
    text: str,
    x: float,
    y: float,
    *,
    weight: int = 400,
    anchor: str = "middle",
    fill: str = "",
    halo: str = "",
) -> str:
    extra = f' font-weight="{weight}"' if weight != 400 else ""
    extra += f' fill="{fill}"' if fill else ""
    extra += f' stroke="{halo}" stroke-width="3" paint-order="stroke"' if halo else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(text)}</text>'


def _people(x: float, y: float, colour: str, *, several: bool) -> str:
    """A person, or three: AWS's icon is dark on nothing, and would be lost on a dark ground."""
    spots = (
        [(9.0, 9.0, 0.62), (33.0, 9.0, 0.62), (21.0, 12.0, 1.0)] if several else [(21.0, 10.0, 1.0)]
    )
    drawn = "".join(
        f'<g transform="translate({x + px:.1f} {y + py:.1f}) scale({s})"><circle r="7"/>'
        f'<path d="M-12 27v-5a12 11 0 0 1 24 0v5z"/></g>'
        for px, py, s in spots
    )
    return f'<g fill="none" stroke="{colour}" stroke-width="2.2">{drawn}</g>'


def _id(icon: str) -> str:
    return icon.rpartition("/")[2]


@cache
def _icon(icon: str) -> str:
    """AWS's icon at two and a half times its size, as a data URI."""
    path = Path(diagrams.__file__).parent.parent / "resources" / "aws" / f"{icon}.png"
    whole = base64.b64encode(path.read_bytes()).decode()
    side = round(ICON * 2.5)
    small = resvg_py.svg_to_bytes(
        svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" width="{side}" height="{side}">'
        f'<image width="{side}" height="{side}" xlink:href="data:image/png;base64,{whole}"/></svg>'
    )
    return "data:image/png;base64," + base64.b64encode(bytes(small)).decode()
