"""``reelkeep upload``: files straight into the company's bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, ProductionName
from reelkeep.errors import ReelkeepError
from reelkeep.transfer.api import Api
from reelkeep.transfer.upload import PARALLEL, Uploaded
from reelkeep.transfer.upload import upload as send


def upload(
    paths: Annotated[list[Path], typer.Argument(help="Files to upload; the same name again is a new version.")],
    production: ProductionName,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Parts sent at once.")] = PARALLEL,
    address: Address = None,
    as_json: Json = False,
) -> int:
    """Upload files. Run the same command again to go on after an interruption."""
    with default_logins().open(address) as api:
        production_id = str(api.find_production(production)["id"])
        uploads = [_one(api, production_id, path, parallel, as_json=as_json) for path in paths]
    if as_json:
        output.show({"uploads": uploads}, "", as_json=True)
    failed = [item["exit_code"] for item in uploads if "error" in item]
    return failed[0] if failed else exits.DONE


def _one(api: Api, production_id: str, path: Path, parallel: int, *, as_json: bool) -> dict[str, Any]:
    """Upload one file; what goes wrong with it does not keep the others from being sent."""
    try:
        with output.bar(path.name, as_json=as_json) as on_progress:
            sent = send(api, production_id, path, parallel=parallel, on_progress=on_progress)
    except ReelkeepError as error:
        if not as_json:
            output.note(str(path))
            output.show_error(error, as_json=False)
        return {"path": str(path), "error": output.error_fields(error), "exit_code": exits.exit_code(error)}
    if not as_json:
        rate = sent.sent_bytes / sent.seconds / 1e6 if sent.seconds else 0.0
        output.note(f"{path.name}: stored and verified, {sent.size_bytes:,} bytes, {rate:.1f} MB/s.")
    return result(path, sent)


def result(path: Path, sent: Uploaded) -> dict[str, Any]:
    """Return what programs get to know of one upload."""
    return {
        "path": str(path),
        "asset_id": sent.asset_id,
        "version_id": sent.version_id,
        "size_bytes": sent.size_bytes,
        "sent_bytes": sent.sent_bytes,
        "seconds": round(sent.seconds, 3),
        "sha256": sent.sha256.hex(),
    }
