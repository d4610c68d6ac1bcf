"""``reelkeep upload``: files and folders straight into the company's bucket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, LimitRate, ProductionName, bytes_per_second
from reelkeep.transfer.api import Api
from reelkeep.transfer.folders import KEYS_AT_ONCE, Found, Ways, keys_of, scan, upload_all
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.small import NotSent, Outcome
from reelkeep.transfer.upload import PARALLEL


def upload(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; the same name again is a new version.")],
    production: ProductionName,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Requests to the bucket at once.")] = PARALLEL,
    limit_rate: LimitRate = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take hidden files of folders too.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give up the unfinished uploads of these files.")] = False,
    address: Address = None,
    as_json: Json = False,
) -> int:
    """Upload files and folders. Run the same command again to go on after an interruption."""
    with default_logins().open(address) as api:
        production_id = str(api.find_production(production)["id"])
        found = scan(paths, hidden=hidden)
        if cancel:
            return _cancel(api, production_id, found, as_json=as_json)
        outcomes, seconds = _send(api, production_id, found, parallel, bytes_per_second(limit_rate), as_json=as_json)
    uploads = [_fields(outcome) for outcome in outcomes]
    if as_json:
        left_out = [{"path": str(path), "reason": reason} for path, reason in found.left_out]
        output.show({"uploads": uploads, "left_out": left_out, "seconds": round(seconds, 3)}, "", as_json=True)
    else:
        _tell(found, uploads, seconds)
    failed = [item["exit_code"] for item in uploads if "error" in item]
    return failed[0] if failed else exits.DONE


def _send(
    api: Api, production_id: str, found: Found, parallel: int, rate: int | None, *, as_json: bool
) -> tuple[list[Outcome], float]:
    outcomes: list[Outcome] = []
    started = time.monotonic()
    with output.board(output.files(len(found.items)), as_json=as_json) as board:
        ways = Ways(parallel, Pace(rate), board.on_whole, lambda item, moment: board.on_file(str(item.path), moment))

        def on_outcome(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if isinstance(outcome, NotSent) and not as_json:
                output.note(str(outcome.item.path))
                output.show_error(outcome.problem, as_json=False)

        upload_all(api, production_id, found, on_outcome, ways)
    return outcomes, time.monotonic() - started


def _cancel(api: Api, production_id: str, found: Found, *, as_json: bool) -> int:
    keys, cancelled = keys_of(found), []
    for at in range(0, len(keys), KEYS_AT_ONCE):
        cancelled += api.cancel_uploads(production_id, keys[at : at + KEYS_AT_ONCE])
    sentence = f"Gave up {len(cancelled):,} unfinished uploads; what was sent of them is thrown away."
    output.show({"cancelled": cancelled}, sentence, as_json=as_json)
    return exits.DONE


def _fields(outcome: Outcome) -> dict[str, Any]:
    path = str(outcome.item.path)
    if isinstance(outcome, NotSent):
        return {
            "path": path,
            "error": output.error_fields(outcome.problem),
            "exit_code": exits.exit_code(outcome.problem),
        }
    return {
        "path": path,
        "folder": outcome.item.folder,
        "asset_id": outcome.asset_id or None,
        "version_id": outcome.version_id,
        "size_bytes": outcome.item.size_bytes,
        "sent_bytes": outcome.sent_bytes,
        "sha256": outcome.sha256.hex() if outcome.sha256 else None,
        "state": "sent" if outcome.sha256 else "there already",
    }


def _tell(found: Found, uploads: list[dict[str, Any]], seconds: float) -> None:
    sent = [item for item in uploads if item.get("state") == "sent"]
    there = sum(item.get("state") == "there already" for item in uploads)
    if not sent and not there and uploads:
        return  # each problem has been told
    size_bytes = sum(item["sent_bytes"] for item in sent)
    rate = size_bytes / seconds / 1e6 if seconds else 0.0
    words = [f"{output.files(len(sent))} stored and verified, {size_bytes:,} bytes sent, {rate:.1f} MB/s"]
    words += [f"{there:,} were there already"] if there else []
    words += [f"{len(found.left_out):,} left out (hidden, links, devices)"] if found.left_out else []
    output.note("; ".join(words) + ".")
