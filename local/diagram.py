"""Draws the pictures of what the program registers: `make diagram`.

Parts and arrows come out of the recorded resources (who is an origin of whom, which security group
lets which one in, which rule feeds which queue), so the pictures cannot say more than the program.
"""

import sys
from pathlib import Path

from local.picture.deployed import deployed
from local.picture.layout import layout
from local.picture.model import Picture
from local.picture.svg import DARK, LIGHT, png, svg
from local.record import ROOT, Recording, configuration, record_program

SOURCE = ROOT / "docs" / "asbuilt.json"
SCALE = 1.6  # pixels for each unit: sharp at a README's width on a screen of twice the density


def pictures(recording: Recording) -> dict[str, Picture]:
    """All pictures of a recorded program."""
    return {"asbuilt": deployed(recording)}


def source(recording: Recording) -> str:
    """What the pictures say, as text: what a test compares with the program."""
    blocks = [f'"{name}": {picture.text()}' for name, picture in pictures(recording).items()]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def draw(picture: Picture, title: str, path: Path, dark: Path) -> None:
    """Write `picture` as PNG and SVG to `path`, and as a PNG for dark pages to `dark`."""
    sheet = layout(picture)
    light = svg(picture, sheet, LIGHT, title)
    path.with_suffix(".svg").write_text(light)
    path.with_suffix(".png").write_bytes(png(light, scale=SCALE))
    dark.with_suffix(".png").write_bytes(png(svg(picture, sheet, DARK, title), scale=SCALE))


def main() -> int:
    recording = record_program(configuration("production"))
    for name, picture in pictures(recording).items():
        draw(picture, "What the program deploys", ROOT / name, ROOT / "docs" / f"{name}-dark")
        print(f"{name}: {len(picture.parts)} parts, {len(picture.arrows)} arrows")
    SOURCE.write_text(source(recording))
    return 0


if __name__ == "__main__":
    sys.exit(main())
