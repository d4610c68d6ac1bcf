"""``reelkeep download``: originals back from the company's bucket, verified, and proxies as plain files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, LimitRate, bytes_per_second
from reelkeep.errors import NotFound, ReelkeepError, RequestError
from reelkeep.transfer.api import Api
from reelkeep.transfer.download import PARALLEL
from reelkeep.transfer.download import download as fetch
from reelkeep.transfer.folders import Ways
from reelkeep.transfer.interface import Original, Progress
from reelkeep.transfer.many import Got, NotGot, OnGot, Wanted, download_all, plan
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.proxies import download_proxies, download_proxy
from reelkeep.transfer.sequence_download import FramesOf


def download(
    version_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of versions, as `reelkeep assets` shows them.", metavar="VERSION_ID")
    ] = None,
    production: Annotated[
        str | None, typer.Option("--production", "-p", help="Everything of this production, newest versions.")
    ] = None,
    folder: Annotated[str, typer.Option("--folder", help="Only this folder of the production: 'day 1/cam A'.")] = "",
    target: Annotated[Path, typer.Option("--to", help="A folder, or a file that is not there yet.")] = Path(),
    proxy: Annotated[bool, typer.Option("--proxy", help="Proxies as plain MP4 files, instead of originals.")] = False,
    rendition: Annotated[
        str, typer.Option("--rendition", help="Of the proxy: 'v720'. The largest picture if not given.")
    ] = "",
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Requests to the bucket at once.")] = PARALLEL,
    limit_rate: LimitRate = None,
    address: Address = None,
    as_json: Json = False,
) -> int:
    """Download originals or proxies. Run the same command again to go on after an interruption."""
    if rendition and not proxy:
        raise RequestError("--rendition belongs to a proxy", advice="Add --proxy, or leave --rendition out.")
    ways, wanted_rendition = Ways(parallel, Pace(bytes_per_second(limit_rate))), rendition if proxy else None
    with default_logins().open(address) as api:
        if production is not None:
            return _everything(
                api, production, folder, set(version_ids or ()), target, ways, wanted_rendition, as_json=as_json
            )
        if not version_ids:
            raise RequestError("nothing to download was named", advice="Give ids of versions, or --production.")
        if len(version_ids) > 1 and not target.is_dir():
            raise RequestError(f"{target} is no folder", advice="Name a folder that is there with --to.")
        got = [_one(api, version_id, target, ways, wanted_rendition, as_json=as_json) for version_id in version_ids]
    if as_json:
        output.show(got[0] if len(got) == 1 else {"downloads": got}, "", as_json=True)
    return exits.DONE


def _one(
    api: Api, version_id: str, target: Path, ways: Ways, rendition: str | None, *, as_json: bool
) -> dict[str, Any]:
    """Fetch one version: its original, or the proxy if a rendition is given ("" is the largest)."""
    if rendition is None and (told := api.version(version_id)).get("sequence"):
        return _one_sequence(api, told, target, ways, as_json=as_json)
    with output.bar(version_id, as_json=as_json) as on_progress:
        many, pace = ways.parallel, ways.pace
        if rendition is None:
            got = fetch(api, version_id, target, parallel=many, on_progress=on_progress, pace=pace)
        else:
            got = download_proxy(
                api, version_id, target, rendition=rendition, parallel=many, on_progress=on_progress, pace=pace
            )
    if not as_json:
        output.show({}, f"Saved {got.path}, {got.size_bytes:,} bytes, verified by {got.verified}.", as_json=False)
    return {
        "path": str(got.path),
        "size_bytes": got.size_bytes,
        "fetched_bytes": got.fetched_bytes,
        "seconds": round(got.seconds, 3),
        "verified": got.verified,
    }


def _one_sequence(api: Api, version: Mapping[str, Any], target: Path, ways: Ways, *, as_json: bool) -> dict[str, Any]:
    """Fetch a sequence's files into the folder ``target``, made if it is not there."""
    frames, size_bytes = int(version["sequence"]["files"]), int(version["size_bytes"])
    sequence = Original(str(version["id"]), "", str(version["file_name"]), size_bytes, None, frames)
    started, outcomes = time.monotonic(), list[Got | NotGot]()
    with output.board(sequence.file_name, as_json=as_json) as board:
        _sequence(api, sequence, target, outcomes.append, Ways(ways.parallel, ways.pace, board.on_whole))
    for outcome in outcomes:
        if isinstance(outcome, NotGot):
            raise outcome.problem
    got = [outcome for outcome in outcomes if isinstance(outcome, Got)]
    fetched = sum(outcome.fetched_bytes for outcome in got)
    verified = "sha256" if all(outcome.verified == "sha256" for outcome in got) else "size"
    if not as_json:
        words = f"Saved {output.files(frames)} to {target}, {size_bytes:,} bytes, verified by {verified}."
        output.show({}, words, as_json=False)
    seconds = round(time.monotonic() - started, 3)
    counts = {"frames": frames, "size_bytes": size_bytes, "fetched_bytes": fetched}
    return {"path": str(target), **counts, "seconds": seconds, "verified": verified}


def _everything(
    api: Api,
    production: str,
    folder: str,
    only: set[str],
    target: Path,
    ways: Ways,
    rendition: str | None,
    *,
    as_json: bool,
) -> int:
    """Fetch a production, or what was named of it, into a folder tree below ``target``."""
    production_id = str(api.find_production(production)["id"])
    originals = [one for one in api.originals(production_id) if _is_in(one, folder.strip("/"), only)]
    if only - {one.version_id for one in originals}:
        raise NotFound("a version is not the newest stored one of this production", advice="Leave --production out.")
    outcomes: list[Got | NotGot] = []
    started = time.monotonic()
    with output.board(output.files(len(originals)), as_json=as_json) as board:

        def on_got(outcome: Got | NotGot) -> None:
            outcomes.append(outcome)
            if isinstance(outcome, NotGot) and not as_json:
                output.show_error(outcome.problem, as_json=False)

        shown = Ways(ways.parallel, ways.pace, board.on_whole)
        wanted = plan([one for one in originals if rendition is not None or not one.frames], target)

        def on_one(one: Wanted, moment: Progress | None) -> None:
            board.on_file(str(one.path), moment)

        if rendition is None:
            download_all(api, production_id, wanted, on_got, shown, on_one)
            for sequence in originals:
                if sequence.frames:
                    _sequence(api, sequence, target, on_got, shown)
        else:
            download_proxies(api, wanted, rendition, on_got, shown, on_one)
    seconds = time.monotonic() - started
    downloads = [_fields(outcome) for outcome in outcomes]
    output.show(
        {"downloads": downloads, "seconds": round(seconds, 3)}, _sentence(downloads, target, seconds), as_json=as_json
    )
    failed = [item["exit_code"] for item in downloads if "error" in item]
    return failed[0] if failed else exits.DONE


def _sequence(api: Api, sequence: Original, target: Path, on_got: OnGot, ways: Ways) -> None:
    """Fetch the files of an image sequence into the folder that they came from, below ``target``."""

    def on_frame(outcome: Got | NotGot) -> None:
        one = outcome.wanted
        named = replace(one, original=replace(one.original, version_id=sequence.version_id))
        on_got(replace(outcome, wanted=named))

    files = FramesOf(api, sequence)
    download_all(files, "", plan(list(files.originals("")), target), on_frame, ways)


def _is_in(original: Original, folder: str, only: set[str]) -> bool:
    inside = not folder or original.folder == folder or original.folder.startswith(f"{folder}/")
    return inside and (not only or original.version_id in only)


def _fields(outcome: Got | NotGot) -> dict[str, Any]:
    original = outcome.wanted.original
    fields: dict[str, Any] = {"path": str(outcome.wanted.path), "version_id": original.version_id}
    if isinstance(outcome, NotGot):
        return {**fields, "error": _error(outcome.problem), "exit_code": exits.exit_code(outcome.problem)}
    counts = {"size_bytes": original.size_bytes, "fetched_bytes": outcome.fetched_bytes}
    return {**fields, **counts, "verified": outcome.verified}


def _sentence(downloads: list[dict[str, Any]], target: Path, seconds: float) -> str:
    whole = [item for item in downloads if "error" not in item]
    fetched = sum(item["fetched_bytes"] for item in whole)
    there = sum(not item["fetched_bytes"] for item in whole)
    rate = fetched / seconds / 1e6 if seconds else 0.0
    words = f"Saved {output.files(len(whole) - there)} to {target}, {fetched:,} bytes, verified, {rate:.1f} MB/s"
    return f"{words}; {there:,} were there already." if there else f"{words}."


def _error(error: ReelkeepError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "advice": error.advice()}
