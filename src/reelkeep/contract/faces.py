"""The files of this repository that are rendered from the contract. Pure; no I/O: the caller reads and writes them."""

from __future__ import annotations

from reelkeep.contract import (
    cloudformation,
    network_cloudformation,
    network_terraform,
    operator_side,
    review,
    terraform,
)
from reelkeep.contract.network import SIDES


def files() -> dict[str, str]:
    """Return the text of each file, by its path from the repository's root."""
    module = {f"deploy/terraform/storage/{name}": text for name, text in terraform.files().items()}
    for side in SIDES:
        module |= {
            f"deploy/terraform/{side.folder}/{name}": text for name, text in network_terraform.files(side).items()
        }
    network = {f"deploy/cloudformation/{side.folder}.yaml": network_cloudformation.template(side) for side in SIDES}
    return {
        **network,
        "deploy/cloudformation/storage.yaml": cloudformation.template(),
        "deploy/cloudformation/operator.yaml": operator_side.template(),
        "docs/security-review.md": review.page(),
        **module,
    }
