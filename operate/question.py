"""Asks before something is done that people would notice."""

import sys
from typing import Final

from operate.errors import OperateError

_YES: Final = frozenset({"y", "yes"})


def ask(question: str, *, unattended: str, otherwise: str) -> None:
    """Go on only if somebody says yes.

    Args:
        question: what they are asked.
        unattended: what is wrong where nobody can be asked, and the command that doesn't ask.
        otherwise: what did not happen when they don't say yes.

    Raises:
        OperateError: they don't, or nobody is there.
    """
    if not sys.stdin.isatty():
        raise OperateError(unattended)
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in _YES:
        raise OperateError(f"not confirmed with y, so {otherwise}")
