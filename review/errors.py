"""Failures that are to be expected, told in one line."""


class ReviewError(Exception):
    """Says why nothing was done, or what GitHub would not do; shown without a traceback."""
