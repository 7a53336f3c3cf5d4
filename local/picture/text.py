"""The pictures' typeface: how wide a text is, and the letters that a picture carries with it."""

import base64
import io
from functools import cache

from font_roboto import Roboto, RobotoMedium
from fontTools import subset
from fontTools.ttLib import TTFont

FILES = {400: Roboto, 500: RobotoMedium}


@cache
def _font(weight: int) -> TTFont:
    return TTFont(FILES[weight])


def width(text: str, size: float, weight: int = 400) -> float:
    """How wide the longest line of `text` is, in the unit of `size`."""
    font = _font(weight)
    letters, advances = font.getBestCmap(), font["hmtx"]
    units = max(sum(advances[letters[ord(c)]][0] for c in line) for line in text.split("\n"))
    return float(units * size / font["head"].unitsPerEm)


@cache
def embedded(weight: int, letters: str) -> str:
    """The typeface with these letters only, as a data URI: the same on every machine."""
    options = subset.Options(hinting=False, notdef_outline=True)
    options.drop_tables += ["GDEF", "GPOS", "GSUB"]  # kerning and alternatives
    font = TTFont(FILES[weight], recalcTimestamp=False)
    chosen = subset.Subsetter(options)
    chosen.populate(text=letters)
    chosen.subset(font)
    file = io.BytesIO()
    font.save(file)
    return "data:font/ttf;base64," + base64.b64encode(file.getvalue()).decode()
