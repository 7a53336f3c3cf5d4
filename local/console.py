"""What the user sees: notes, progress of long steps, errors in one line."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_WIDEST = 240  # rather wrapped by the terminal than shortened: half a URL is of no use
OUT = Console(highlight=False, soft_wrap=True, width=_WIDEST)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)
_QUIET_SECONDS = 30.0


def note(text: str) -> None:
    """Tell what is going on, beside the results."""
    ERR.print(text, style="dim", markup=False)


def error(text: str) -> None:
    """Tell what went wrong, in one line."""
    sys.stderr.flush()
    ERR.print(f"[bold red]error:[/] {_plain(text)}")


def _plain(text: str) -> str:
    """Text that rich shall not read as its markup."""
    return text.replace("[", r"\[")


@contextmanager
def working(title: str) -> Iterator[Callable[[str], None]]:
    """Show that a long step is at work: live on a terminal, a line now and then elsewhere."""
    started = time.monotonic()
    if ERR.is_terminal:
        with ERR.status(title) as status:

            def live(text: str) -> None:
                status.update(f"{title}: {text}, {time.monotonic() - started:.0f} s")

            yield live
        return
    note(f"{title} ...")
    last = [started]

    def now_and_then(text: str) -> None:
        now = time.monotonic()
        if now - last[0] > _QUIET_SECONDS:
            last[0] = now
            note(f"  {text}, {now - started:.0f} s")

    yield now_and_then
