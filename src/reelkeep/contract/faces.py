"""The files of this repository that are rendered from the contract. Pure; no I/O: the caller reads and writes them."""

from __future__ import annotations

from reelkeep.contract import cloudformation


def files() -> dict[str, str]:
    """Return the text of each file, by its path from the repository's root."""
    return {"deploy/cloudformation/storage.yaml": cloudformation.template()}
