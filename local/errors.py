"""Failures that are to be expected, told in one line."""


class LocalError(Exception):
    """Says what is wrong and what to do about it; shown without a traceback."""
