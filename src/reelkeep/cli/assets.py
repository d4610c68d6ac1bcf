"""``reelkeep assets``: what a production holds, and in which state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, ProductionName


def assets(production: ProductionName, address: Address = None, as_json: Json = False) -> None:
    """Show the assets of a production with their newest versions."""
    with default_logins().open(address) as api:
        found = api.assets(str(api.find_production(production)["id"]))
    if as_json:
        output.show({"assets": found}, "", as_json=True)
        return
    rows = [_row(asset) for asset in found]
    output.show_table(("name", "version", "state", "size", "frames", "version id", "problem"), rows)


def _row(asset: Mapping[str, Any]) -> tuple[str, ...]:
    if not asset["versions"]:
        return (str(asset["name"]), "", "", "", "", "", "")
    newest = asset["versions"][0]
    problem = newest.get("problem")
    words = problem["message"] if isinstance(problem, Mapping) else problem or ""
    return (
        str(asset["name"]),
        f"v{newest['number']}",
        str(newest["state"]),
        f"{newest['size_bytes'] / 1e6:.1f} MB",
        f"{newest['published_frames']}/{newest['planned_frames'] or '?'}",
        str(newest["id"]),
        str(words),
    )
