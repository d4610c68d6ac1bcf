"""The migrations of a company's database, and from which of them on this release's code serves one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reelkeep.companies.migrating import Migrations

# Changes after which the release before them can serve no more (docs/upgrades.md): its rows would lack a column.
CONTRACTING: Final = frozenset({"mark_bands", "made_anew"})
OLDEST_SERVED: Final = "lut_shapers"  # by this release's code, while the database is not upgraded yet
MIGRATIONS: Final = Migrations(Path(__file__).parent, CONTRACTING)
