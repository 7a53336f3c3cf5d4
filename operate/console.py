"""What the user sees: at most 100 columns, plain text where nobody looks at a terminal."""

import re
import sys
from typing import Final

from rich.console import Console

WIDEST: Final = 100
# What a terminal would obey rather than show (ECMA-48's C0 and C1, tab and newline spared).
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def console() -> Console:
    """Where results go, as wide as the terminal but for very wide ones."""
    plain = Console(highlight=False)
    return Console(highlight=False, width=min(plain.width, WIDEST) if plain.is_terminal else WIDEST)


def harmless(text: str) -> str:
    """Text from elsewhere, of which nothing reaches the terminal as a command."""
    return _CONTROLS.sub("�", text)


def note(text: str) -> None:
    """Tell what is going on, beside the results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="dim", markup=False)


def error(text: str) -> None:
    """Tell what went wrong, in one line."""
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    out.print("error:", style="bold red", end=" ")
    out.print(harmless(text), markup=False)
    sys.stderr.flush()
