"""The one error of a measure."""

from __future__ import annotations


class Unable(Exception):
    """This cannot be measured here; the text says why."""
