"""Fetches many originals into a folder tree, leaves out what is whole already, and goes on where it stopped.

Small files come by one GET each, links for up to a hundred with each call of the platform; larger ones by ranges
(``transfer.download``). Each is verified before it gets its name. A file that is there under the same name with another
size or checksum is never replaced: that is said, and the others are fetched all the same.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from reelkeep.errors import Conflict, DependencyError, MediaError, ReelkeepError, RequestError, StorageSetupError
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.bucket import problem_of
from reelkeep.transfer.download import MAX_REFUSALS, SPARE, download, local_name, write_at
from reelkeep.transfer.folders import Ways
from reelkeep.transfer.interface import Original, ProductionApi, Progress
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.patience import Patience
from reelkeep.transfer.wire import Wire

MAX_SMALL_BYTES: Final = 16 << 20  # one range of ``transfer.download``
BATCH_FILES: Final = 100
BATCH_BYTES: Final = 128 << 20
BATCHES_AT_ONCE: Final = 3
OF_ONE_FILE: Final = (Conflict, MediaError, RequestError)  # the others are fetched all the same


@dataclass(frozen=True)
class Wanted:
    """An original and where it goes."""

    original: Original
    path: Path


@dataclass(frozen=True)
class Got:
    wanted: Wanted
    fetched_bytes: int  # 0 where it was there already
    verified: str  # "sha256", or "size" where nothing better is known


@dataclass(frozen=True)
class NotGot:
    wanted: Wanted
    problem: ReelkeepError


OnGot = Callable[[Got | NotGot], None]
OnOriginal = Callable[[Wanted, Progress | None], None]


def plan(originals: Sequence[Original], target: Path) -> list[Wanted]:
    """Give each original its place below ``target``: its folders and its true name, as this machine can hold them.

    Two that come to the same place get their version's id before the extension, so neither hides the other.
    """
    taken: set[Path] = set()
    wanted = []
    for original in originals:
        folder = target.joinpath(*(local_name(part) for part in original.folder.split("/") if part))
        path = folder / local_name(original.file_name)
        if path in taken:
            path = path.with_name(f"{path.stem}.{original.version_id}{path.suffix}")
        taken.add(path)
        wanted.append(Wanted(original, path))
    return wanted


def download_all(
    api: ProductionApi,
    production_id: str,
    wanted: Sequence[Wanted],
    on_got: OnGot,
    ways: Ways | None = None,
    on_original: OnOriginal | None = None,
) -> None:
    """Fetch what is not whole on this machine yet.

    Args:
        on_got: told of every original, from several threads, one at a time.
        on_original: told how far an original is that comes by ranges; None when it is no longer under way.

    Raises:
        ReelkeepError: what concerns all of them: no right, a bucket that refuses or is away; run it again to go on.
    """
    how, lock = ways or Ways(), threading.Lock()
    meter = Meter(sum(one.original.size_bytes for one in wanted), how.on_whole)

    def tell(outcome: Got | NotGot) -> None:
        with lock:
            on_got(outcome)

    todo = []
    for one in wanted:
        there = _there(one)
        if there is None:
            todo.append(one)
        else:
            meter.add(one.original.size_bytes)
            tell(there)
    small = [one for one in todo if one.original.size_bytes <= MAX_SMALL_BYTES]
    _Small(api, production_id, how.parallel, meter, how.pace, tell).run(small)
    for one in todo:
        if one.original.size_bytes > MAX_SMALL_BYTES:
            tell(_by_ranges(api, one, meter, how, on_original))


def _there(one: Wanted) -> Got | NotGot | None:
    """Return what is known of a file that is on this machine already; None if it is not."""
    try:
        if not one.path.exists():
            return None
        if one.path.stat().st_size == one.original.size_bytes:
            if one.original.sha256 is None:
                return Got(one, 0, "size")
            with one.path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").digest() == one.original.sha256:
                    return Got(one, 0, "sha256")
    except OSError as error:
        return NotGot(one, RequestError(f"{one.path} cannot be read: {error.strerror}"))
    problem = Conflict(f"{one.path} is there already with other bytes", advice="Move it away or name another target.")
    return NotGot(one, problem)


def _by_ranges(
    api: ProductionApi, one: Wanted, meter: Meter, ways: Ways, on_original: OnOriginal | None
) -> Got | NotGot:
    def on_progress(progress: Progress) -> None:
        if on_original is not None:
            on_original(one, progress)

    try:
        make_folder(one.path)
        got = download(
            api,
            one.original.version_id,
            one.path,
            parallel=ways.parallel,
            on_progress=on_progress,
            pace=ways.pace,
            whole=meter,
        )
    except OF_ONE_FILE as problem:
        return NotGot(one, problem)
    finally:
        if on_original is not None:
            on_original(one, None)
    return Got(one, got.fetched_bytes, got.verified)


class _Small:
    def __init__(
        self, api: ProductionApi, production_id: str, parallel: int, meter: Meter, pace: Pace, tell: OnGot
    ) -> None:
        self._api, self._production_id, self._parallel = api, production_id, parallel
        self._meter, self._pace, self._tell = meter, pace, tell
        self._stop = threading.Event()

    def run(self, wanted: Sequence[Wanted]) -> None:
        with (
            Wire(connections=self._parallel, step_bytes=min(1 << 18, self._pace.step_bytes)) as wire,
            ThreadPoolExecutor(self._parallel, "get") as gets,
            ThreadPoolExecutor(BATCHES_AT_ONCE, "batch") as pool,
        ):
            try:
                for future in [pool.submit(self._batch, gets, wire, batch) for batch in _batches(wanted)]:
                    future.result()
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                gets.shutdown(wait=False, cancel_futures=True)

    def _batch(self, gets: ThreadPoolExecutor, wire: Wire, batch: Sequence[Wanted]) -> None:
        try:
            if self._stop.is_set():
                return
            links = self._api.download_links(self._production_id, [one.original.version_id for one in batch])
            futures = [gets.submit(self._one, wire, one, link) for one, link in zip(batch, links, strict=True)]
            for one, future in zip(batch, futures, strict=True):
                try:
                    self._tell(future.result())
                except OF_ONE_FILE as problem:
                    self._tell(NotGot(one, problem))
        except BaseException:
            self._stop.set()
            raise

    def _one(self, wire: Wire, one: Wanted, link: tuple[str, datetime]) -> Got:
        patience, refusals = Patience(sleep=self._sleep), 0
        make_folder(one.path)
        while True:
            if self._stop.is_set():
                raise DependencyError("the download was stopped")
            try:
                if link[1] - SPARE <= datetime.now(UTC):
                    (link,) = self._api.download_links(self._production_id, [one.original.version_id])
                return self._try(wire, one, link)
            except DependencyError as problem:
                if self._stop.is_set():
                    raise
                patience.wait(problem)
            except StorageSetupError:
                refusals += 1
                if refusals >= MAX_REFUSALS:
                    raise
                (link,) = self._api.download_links(self._production_id, [one.original.version_id])

    def _try(self, wire: Wire, one: Wanted, link: tuple[str, datetime]) -> Got:
        """Fetch the whole file beside its place, verify it, and give it its name."""
        part = one.path.with_name(one.path.name + ".part")
        incoming = _Incoming(part, self._meter, self._pace, self._stop)
        try:
            with incoming:
                answer = wire.request("GET", link[0], {}, sink=incoming.write, sink_status=HTTPStatus.OK)
            if answer.status != HTTPStatus.OK:
                raise problem_of(answer, link[1])
            if incoming.size_bytes != one.original.size_bytes:
                raise DependencyError("the company's bucket broke off in the middle of a file")
            if one.original.sha256 not in (None, incoming.sha256.digest()):
                raise ChecksumMismatch(
                    "the bytes that were fetched are not those that were uploaded", advice="Run the download again."
                )
            _name(part, one.path)
        except BaseException:
            incoming.take_back()
            raise
        return Got(one, incoming.size_bytes, "sha256" if one.original.sha256 else "size")

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)


class _Incoming:
    """A file while it arrives."""

    def __init__(self, part: Path, meter: Meter, pace: Pace, stop: threading.Event) -> None:
        self._part, self._meter, self._pace, self._stop = part, meter, pace, stop
        self.size_bytes, self.sha256 = 0, hashlib.sha256()

    def __enter__(self) -> _Incoming:
        try:
            self._descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RequestError(f"{self._part} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def write(self, data: memoryview) -> None:
        write_at(self._descriptor, data, self.size_bytes)
        self.sha256.update(data)
        self.size_bytes += len(data)
        self._meter.add(len(data))
        self._pace.take(len(data), self._stop)

    def take_back(self) -> None:
        self._meter.add(-self.size_bytes)
        self._part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    """Give a whole file its name; a file that came there meanwhile is not replaced."""
    try:
        os.link(part, path)  # unlike a rename, this refuses a name that is taken
        part.unlink()
    except FileExistsError:
        raise Conflict(f"{path} is there already", advice="Move it away or name another target.") from None
    except OSError:  # a file system without hard links
        if path.exists():
            raise Conflict(f"{path} is there already", advice="Move it away or name another target.") from None
        part.rename(path)


def make_folder(path: Path) -> None:
    """Make the folder of a file; raise RequestError if the disk does not take it."""
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{path.parent} cannot be made: {error.strerror}") from error


def _batches(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    batch: list[Wanted] = []
    size_bytes = 0
    for one in wanted:
        if batch and (len(batch) == BATCH_FILES or size_bytes + one.original.size_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(one)
        size_bytes += one.original.size_bytes
    if batch:
        yield batch
