"""Sizes, in units of which a README shows about four fifths of a pixel, and places on a sheet."""

from dataclasses import dataclass

ICON, FONT, LINE = 42.0, 14.0, 16.5
TITLE, PAD, GAP, BETWEEN = 24.0, 10.0, 12.0, 40.0
MARGIN = 12.0

Point = tuple[float, float]


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

    def overlaps(self, other: "Rect") -> bool:
        """They share some ground."""
        across = min(self.right, other.right) > max(self.x, other.x)
        return across and min(self.bottom, other.bottom) > max(self.y, other.y)

    def holds(self, other: "Rect") -> bool:
        """All of `other` is within it."""
        across = self.x <= other.x and other.right <= self.right
        return across and self.y <= other.y and other.bottom <= self.bottom
