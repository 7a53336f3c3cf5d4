"""What the pictures are drawn with: SVG that carries its icons and letters with it, and PNG."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import diagrams
import resvg_py

from local.picture.geometry import FONT, ICON, LINE, TITLE, Rect
from local.picture.text import FILES, embedded


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
_PEOPLE = frozenset({"general/user", "general/users"})
# Dark lines on nothing: they get a ground of their own.
_OUTLINES = frozenset(
    f"network/{name}" for name in ("endpoint", "internet-gateway", "nat-gateway", "vpc-flow-logs")
)


def document(
    body: Iterable[str], size: tuple[float, float], words: str, icons: Iterable[str], theme: Theme
) -> str:
    """An SVG that needs no other file, with these icons, and the letters of `words`."""
    w, h = round(size[0]), round(size[1])
    letters = "".join(sorted(set(words) - {"\n"}))
    fonts = "".join(
        f"@font-face{{font-family:Roboto;font-weight:{weight};src:url({file})}}"
        for weight, file in ((weight, embedded(weight, letters)) for weight in FILES)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
            f'font-family="Roboto, Helvetica, Arial, sans-serif" font-size="{FONT:g}" '
            f'fill="{theme.text}">',
            f"<style>{fonts}</style>",
            "<defs>",
            *(
                f'<image id="{_id(icon)}" width="{ICON:g}" height="{ICON:g}" '
                f'xlink:href="{_icon(icon)}"/>'
                for icon in sorted(set(icons) - _PEOPLE)
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


def png(image: str, *, scale: float) -> bytes:
    """An SVG as PNG, with `scale` pixels for each of its units."""
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=image, zoom=scale, font_files=[*FILES.values()], skip_system_fonts=True
        )
    )


def line(way: str, kind: str, theme: Theme) -> str:
    dashes = f' stroke-dasharray="{DASHES[kind]}"' if DASHES[kind] else ""
    return (
        f'<path d="{way}" fill="none" stroke="{theme.arrows[kind]}" stroke-width="1.6"{dashes} '
        f'marker-end="url(#{kind})"/>'
    )


def frame(name: str, r: Rect, fill: str, theme: Theme) -> Iterator[str]:
    """A box around others, its name in its upper left corner."""
    yield (
        f'<rect x="{r.x:.1f}" y="{r.y:.1f}" width="{r.w:.1f}" height="{r.h:.1f}" rx="7" '
        f'fill="{fill}" stroke="{theme.border}"/>'
    )
    yield text(name, r.x + 9, r.y + TITLE - 7, weight=500, anchor="start", fill=theme.faint)


def symbol(icon: str, label: str, r: Rect, theme: Theme) -> Iterator[str]:
    """An icon, its label in lines below it."""
    x = r.cx - ICON / 2
    if icon in _PEOPLE:
        yield _people(x, r.y, theme, several=icon.endswith("s"))
    else:
        if icon in _OUTLINES:
            yield f'<rect x="{x:.1f}" y="{r.y:.1f}" width="{ICON:g}" height="{ICON:g}" ' + (
                'rx="6" fill="#ffffff"/>'
            )
        yield f'<use xlink:href="#{_id(icon)}" x="{x:.1f}" y="{r.y:.1f}"/>'
    for i, line in enumerate(label.split("\n")):
        yield text(line, r.cx, r.y + ICON + LINE * (i + 1) - 2)


def text(
    words: str,
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
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def _people(x: float, y: float, theme: Theme, *, several: bool) -> str:
    """A person, or three: AWS's icon is dark on nothing, and would be lost on a dark ground."""
    spots = (
        [(9.0, 9.0, 0.62), (33.0, 9.0, 0.62), (21.0, 12.0, 1.0)] if several else [(21.0, 10.0, 1.0)]
    )
    drawn = "".join(
        f'<g transform="translate({x + px:.1f} {y + py:.1f}) scale({s})"><circle r="7"/>'
        f'<path d="M-12 27v-5a12 11 0 0 1 24 0v5z"/></g>'
        for px, py, s in spots
    )
    return f'<g fill="{theme.ground}" stroke="{theme.text}" stroke-width="2.2">{drawn}</g>'


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
