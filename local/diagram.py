"""Draws the pictures of what the program registers: `make diagram`.

Parts and arrows come out of the recorded resources (who is an origin of whom, which security group
lets which one in, which rule feeds which queue), so the pictures cannot say more than the program.
"""

import sys
from pathlib import Path

from local.picture.deployed import deployed
from local.picture.drawing import drawing
from local.picture.network import network
from local.picture.network_drawing import network_drawing
from local.picture.svg import DARK, LIGHT, png
from local.record import ROOT, Recording, configuration, record_program

DOCS = ROOT / "docs"
SOURCE = DOCS / "asbuilt.json"
SCALE = 1.6  # pixels for each unit: sharp at a README's width on a screen of twice the density


def source(recording: Recording) -> str:
    """What the pictures say, as text: what a test compares with the program."""
    pictures = {"asbuilt": deployed(recording).text(), "network": network(recording).text()}
    return "{\n" + ",\n".join(f'"{name}": {text}' for name, text in pictures.items()) + "\n}\n"


def _write(path: Path, dark_path: Path, light: str, dark: str) -> None:
    path.with_suffix(".svg").write_text(light)
    path.with_suffix(".png").write_bytes(png(light, scale=SCALE))
    dark_path.with_suffix(".png").write_bytes(png(dark, scale=SCALE))


def main() -> int:
    recording = record_program(configuration("production"))
    picture, subnets = deployed(recording), network(recording)
    light, dark = (drawing(picture, theme) for theme in (LIGHT, DARK))
    _write(ROOT / "asbuilt", DOCS / "asbuilt-dark", light, dark)
    light, dark = (network_drawing(subnets, theme) for theme in (LIGHT, DARK))
    _write(DOCS / "network", DOCS / "network-dark", light, dark)
    SOURCE.write_text(source(recording))
    print(f"asbuilt.svg: {len(picture.parts)} parts, {len(picture.arrows)} arrows")
    print(f"docs/network.svg: {len(subnets.subnets)} subnets, {len(subnets.traffic)} permissions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
