"""How far a company's database is, as it is written down of each company. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Schema:
    """How far a database is.

    Args:
        revision: the newest migration that it has.
        floor: the newest contracting one that it has, else the first of all (``companies.migrating``).
    """

    revision: str
    floor: str


class Release(Protocol):
    """What a release can tell of schemas; ``companies.migrating.Migrations`` is one's, and imports much."""

    def knows(self, revision: str) -> bool:
        """Tell whether this release can bring a database to ``revision``."""

    def serves(self, schema: Schema, oldest: str) -> bool:
        """Tell whether this release's code, which needs ``oldest`` at least, works with a database."""
