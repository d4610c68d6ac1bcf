"""The files of this repository that are rendered from the contract. Pure; no I/O: the caller reads and writes them."""

from __future__ import annotations

from reelkeep.contract import cloudformation, operator_side, review, terraform


def files() -> dict[str, str]:
    """Return the text of each file, by its path from the repository's root."""
    module = {f"deploy/terraform/storage/{name}": text for name, text in terraform.files().items()}
    return {
        "deploy/cloudformation/storage.yaml": cloudformation.template(),
        "deploy/cloudformation/operator.yaml": operator_side.template(),
        "docs/security-review.md": review.page(),
        **module,
    }
