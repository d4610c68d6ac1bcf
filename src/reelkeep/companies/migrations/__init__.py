"""The migrations of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reelkeep.companies.migrating import Migrations

CONTRACTING: Final = frozenset({"placement"})  # docs/upgrades.md; names, and states that are called otherwise
MIGRATIONS: Final = Migrations(Path(__file__).parent, CONTRACTING)
