"""The table of prices that comes with Reelkeep, and an estimate in the form that programs get."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from reelkeep.custody.cost import Estimate, Usage


def shipped_prices() -> str:
    """Return the table as text (TOML)."""
    return files("reelkeep.custody").joinpath("prices.toml").read_text(encoding="utf-8")


def estimate_fields(usage: Usage, found: Estimate) -> dict[str, Any]:
    """Return an estimate for programs. Costs are decimal texts, so that no cent is rounded on the way."""
    table = found.prices
    lines = [*found.lines, *found.kms_lines.values()]
    names = [*(line.what for line in found.lines), *(f"{line.what} {name}" for name, line in found.kms_lines.items())]
    return {
        "currency": table.currency,
        "store": table.store,
        "region": table.region,
        "prices_looked_up": table.looked_up.isoformat(),
        "prices_source": table.source,
        "usage": vars(usage),
        "lines": [
            {"what": name, "amount": str(line.amount), "unit": line.unit, "cost": str(line.cost)}
            for name, line in zip(names, lines, strict=True)
        ],
        "month": {name: str(total) for name, total in found.totals.items()},
    }
