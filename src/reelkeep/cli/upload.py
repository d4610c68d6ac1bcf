"""``reelkeep upload``: files and folders straight into the company's bucket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, LimitRate, ProductionName, bytes_per_second, frame_rate
from reelkeep.transfer.api import Api
from reelkeep.transfer.folders import KEYS_AT_ONCE, Found, Ways, keys_of, scan, upload_all
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.sequences import (
    FoundSequence,
    SequenceNotSent,
    SequenceOutcome,
    SequenceSent,
    sequence_key,
    take_sequences,
    upload_sequences,
)
from reelkeep.transfer.small import Item, NotSent, Outcome
from reelkeep.transfer.upload import PARALLEL


def upload(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders; the same name again is a new version.")],
    production: ProductionName,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Requests to the bucket at once.")] = PARALLEL,
    limit_rate: LimitRate = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Take hidden files of folders too.")] = False,
    sequences: Annotated[
        bool | None,
        typer.Option(
            "--sequences/--no-sequences",
            help="Numbered pictures of a folder are one film, or each a picture; "
            "--sequences looks among files named one by one, too.",
            show_default="in folders",
        ),
    ] = None,
    rate: Annotated[str, typer.Option("--rate", help="Frames a second of sequences: 24, 23.976, 30000/1001.")] = "24",
    cancel: Annotated[bool, typer.Option("--cancel", help="Give up the unfinished uploads of these files.")] = False,
    address: Address = None,
    as_json: Json = False,
) -> int:
    """Upload files and folders. Run the same command again to go on after an interruption."""
    with default_logins().open(address) as api:
        production_id = str(api.find_production(production)["id"])
        found = scan(paths, hidden=hidden)
        wanted = frame_rate(rate)
        films = take_sequences(found, wanted, named_too=bool(sequences)) if sequences is not False else []
        if cancel:
            return _cancel(api, production_id, found, films, as_json=as_json)
        if not as_json:
            _announce(films)
        bytes_a_second = bytes_per_second(limit_rate)
        outcomes, seconds = _send(api, production_id, found, films, parallel, bytes_a_second, as_json=as_json)
    uploads = [_fields(outcome) for outcome in outcomes]
    if as_json:
        left_out = [{"path": str(path), "reason": reason} for path, reason in found.left_out]
        output.show({"uploads": uploads, "left_out": left_out, "seconds": round(seconds, 3)}, "", as_json=True)
    else:
        _tell(found, uploads, seconds)
    failed = [item["exit_code"] for item in uploads if "error" in item]
    return failed[0] if failed else exits.DONE


def _announce(films: list[FoundSequence]) -> None:
    for film in films:
        rate = film.rate
        told = f"{rate.numerator}/{rate.denominator}" if rate.denominator > 1 else str(rate.numerator)
        output.note(f"{film.item.path}: {film.numbers}, one film at {told} frames a second (--no-sequences: pictures)")


def _send(
    api: Api,
    production_id: str,
    found: Found,
    films: list[FoundSequence],
    parallel: int,
    rate: int | None,
    *,
    as_json: bool,
) -> tuple[list[Outcome | SequenceOutcome], float]:
    outcomes: list[Outcome | SequenceOutcome] = []
    started = time.monotonic()
    with output.board(output.files(len(found.items)), as_json=as_json) as board:
        ways = Ways(parallel, Pace(rate), board.on_whole, lambda item, moment: board.on_file(str(item.path), moment))

        def on_outcome(outcome: Outcome | SequenceOutcome) -> None:
            outcomes.append(outcome)
            if isinstance(outcome, NotSent | SequenceNotSent) and not as_json:
                output.note(str(_item(outcome).path))
                output.show_error(outcome.problem, as_json=False)

        upload_sequences(api, production_id, films, on_outcome, ways)
        upload_all(api, production_id, found, on_outcome, ways)
    return outcomes, time.monotonic() - started


def _cancel(api: Api, production_id: str, found: Found, films: list[FoundSequence], *, as_json: bool) -> int:
    keys, cancelled = [*keys_of(found), *map(sequence_key, films)], []
    for at in range(0, len(keys), KEYS_AT_ONCE):
        cancelled += api.cancel_uploads(production_id, keys[at : at + KEYS_AT_ONCE])
    sentence = f"Gave up {len(cancelled):,} unfinished uploads; what was sent of them is thrown away."
    output.show({"cancelled": cancelled}, sentence, as_json=as_json)
    return exits.DONE


def _item(outcome: Outcome | SequenceOutcome) -> Item:
    return outcome.found.item if isinstance(outcome, SequenceSent | SequenceNotSent) else outcome.item


def _fields(outcome: Outcome | SequenceOutcome) -> dict[str, Any]:
    item = _item(outcome)
    path = str(item.path)
    if isinstance(outcome, NotSent | SequenceNotSent):
        return {
            "path": path,
            "error": output.error_fields(outcome.problem),
            "exit_code": exits.exit_code(outcome.problem),
        }
    fields = {
        "path": path,
        "folder": item.folder,
        "asset_id": outcome.asset_id or None,
        "version_id": outcome.version_id,
        "size_bytes": item.size_bytes,
        "sent_bytes": outcome.sent_bytes,
    }
    if isinstance(outcome, SequenceSent):
        frames = len(outcome.found.items)
        return {**fields, "sha256": None, "frames": frames, "state": "sent" if outcome.is_new else "there already"}
    sha256 = outcome.sha256.hex() if outcome.sha256 else None
    return {**fields, "sha256": sha256, "state": "sent" if sha256 else "there already"}


def _tell(found: Found, uploads: list[dict[str, Any]], seconds: float) -> None:
    sent = [item for item in uploads if item.get("state") == "sent"]
    there = sum(item.get("frames", 1) for item in uploads if item.get("state") == "there already")
    if not sent and not there and uploads:
        return  # each problem has been told
    size_bytes = sum(item["sent_bytes"] for item in sent)
    rate = size_bytes / seconds / 1e6 if seconds else 0.0
    count = sum(item.get("frames", 1) for item in sent)
    words = [f"{output.files(count)} stored and verified, {size_bytes:,} bytes sent, {rate:.1f} MB/s"]
    words += [f"{there:,} were there already"] if there else []
    words += [f"{len(found.left_out):,} left out (hidden, links, devices)"] if found.left_out else []
    output.note("; ".join(words) + ".")
