"""``reelkeep download``: an original back from the company's bucket, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json
from reelkeep.transfer.download import PARALLEL
from reelkeep.transfer.download import download as fetch


def download(
    version_id: Annotated[str, typer.Argument(help="Id of the version, as `reelkeep assets` shows it.")],
    target: Annotated[Path, typer.Option("--to", help="A folder, or a file that is not there yet.")] = Path(),
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Ranges fetched at once.")] = PARALLEL,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Download an original. Run the same command again to go on after an interruption."""
    with default_logins().open(address) as api, output.bar(version_id, as_json=as_json) as on_progress:
        got = fetch(api, version_id, target, parallel=parallel, on_progress=on_progress)
    fields = {
        "path": str(got.path),
        "size_bytes": got.size_bytes,
        "fetched_bytes": got.fetched_bytes,
        "seconds": round(got.seconds, 3),
        "verified": got.verified,
    }
    output.show(fields, f"Saved {got.path}, {got.size_bytes:,} bytes, verified by {got.verified}.", as_json=as_json)
