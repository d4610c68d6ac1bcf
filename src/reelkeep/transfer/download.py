"""Fetches one original from the bucket by parallel ranges, goes on where an earlier try stopped, and verifies it.

The bytes go to ``<target>.part``; which ranges are whole stands in ``<target>.part.json``. The file gets its name only
once its checksum is right, and no file is ever replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

from reelkeep.errors import Conflict, DependencyError, RequestError, StorageSetupError
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.bucket import problem_of
from reelkeep.transfer.interface import DownloadApi, DownloadLink, OnProgress
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.patience import Patience
from reelkeep.transfer.wire import Wire

PARALLEL: Final = 4
RANGE_BYTES: Final = 16 << 20
CHUNK_BYTES: Final = 1 << 20
SPARE: Final = timedelta(seconds=60)
MAX_REFUSALS: Final = 3  # of one range, each with a fresh link


@dataclass(frozen=True)
class Downloaded:
    path: Path
    size_bytes: int
    fetched_bytes: int  # less than the size if an earlier try had fetched some
    seconds: float
    verified: str  # "sha256", "crc32", or "size" where nothing better is known


def download(
    api: DownloadApi,
    version_id: str,
    target: Path,
    *,
    parallel: int = PARALLEL,
    on_progress: OnProgress | None = None,
    pace: Pace | None = None,
    whole: Meter | None = None,
) -> Downloaded:
    """Fetch a version's original.

    Args:
        target: a folder (the file gets its true name there) or the path of a file that is not there yet.
        whole: counts the bytes of everything that is under way.

    Raises:
        Conflict: a file of that name is there already.
        RequestError: the target cannot be written.
        ChecksumMismatch: the bytes are not those that were uploaded; the partial file is removed.
        StorageSetupError, DependencyError: the bucket refuses, or is away; run it again to go on.
    """
    started = time.monotonic()
    link = Patience().call(lambda: api.download_link(version_id))
    path = target / local_name(link.file_name) if target.is_dir() else target
    if path.exists():
        raise Conflict(f"{path} is there already", advice="Move it away or name another target.")
    part = path.with_name(path.name + ".part")
    try:
        fetch = _Fetch(api, version_id, link, part, parallel, on_progress, pace or Pace(), whole)
        checksum = _Checksum(link)
        fetch.run(checksum)
        _verify(part, link.size_bytes, checksum)
        if path.exists():
            raise Conflict(f"{path} is there already", advice="Move it away or name another target.")
        part.rename(path)
        fetch.forget()
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}") from error
    return Downloaded(path, link.size_bytes, fetch.fetched_bytes, time.monotonic() - started, checksum.kind)


class _Fetch:
    def __init__(
        self,
        api: DownloadApi,
        version_id: str,
        link: DownloadLink,
        part: Path,
        parallel: int,
        on_progress: OnProgress | None,
        pace: Pace,
        whole: Meter | None,
    ) -> None:
        self.pace = pace
        self._api, self._version_id, self._link, self._part, self._parallel = api, version_id, link, part, parallel
        self._notes = part.with_name(part.name + ".json")
        self._lock = threading.Lock()
        self.stop = threading.Event()
        self._done = self._read_notes()
        done_bytes = sum(self._length(start) for start in self._done)
        self.meter = Meter(link.size_bytes, on_progress, done_bytes=done_bytes, whole=whole)
        self.fetched_bytes = 0

    def run(self, checksum: _Checksum) -> None:
        """Fetch what is missing; give the checksum the whole in order, while the rest arrives."""
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(descriptor, self._link.size_bytes)
            starts = range(0, self._link.size_bytes, RANGE_BYTES)
            todo = [start for start in starts if start not in self._done]
            wire = Wire(connections=self._parallel, step_bytes=self.pace.step_bytes)
            with wire, ThreadPoolExecutor(self._parallel, "download") as pool:
                futures = {start: pool.submit(self._range, wire, descriptor, start) for start in todo}
                try:
                    for start in starts:
                        if start in futures:
                            futures[start].result()
                        if checksum.kind != "size":
                            for chunk in _chunks(descriptor, start, self._length(start)):
                                checksum.add(chunk)
                finally:
                    self.stop.set()
                    for future in futures.values():
                        future.cancel()
        finally:
            os.close(descriptor)

    def forget(self) -> None:
        self._notes.unlink(missing_ok=True)

    def _range(self, wire: Wire, descriptor: int, start: int) -> None:
        patience, refusals = Patience(sleep=self._sleep), 0
        while not self.stop.is_set():
            try:
                self._try(wire, descriptor, start)
                break
            except DependencyError as problem:
                patience.wait(problem)
            except StorageSetupError:
                refusals += 1
                if refusals >= MAX_REFUSALS:
                    raise
                self._renew()
        else:
            return
        with self._lock:
            self._done.add(start)
            self.fetched_bytes += self._length(start)
            self._write_notes()

    def _try(self, wire: Wire, descriptor: int, start: int) -> None:
        length, link = self._length(start), self._fresh()
        region = _Region(descriptor, start, length, self)
        try:
            headers = {"range": f"bytes={start}-{start + length - 1}"}
            answer = wire.request("GET", link.url, headers, sink=region.write, sink_status=HTTPStatus.PARTIAL_CONTENT)
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise problem_of(answer, link.expires_at)
            region.check_whole()
        except BaseException:
            self.meter.add(-region.written)
            raise

    def _fresh(self) -> DownloadLink:
        with self._lock:
            expired = self._link.expires_at - SPARE <= datetime.now(UTC)
        return self._renew() if expired else self._link

    def _renew(self) -> DownloadLink:
        link = self._api.download_link(self._version_id)
        with self._lock:
            self._link = link
        return link

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def _length(self, start: int) -> int:
        return min(RANGE_BYTES, self._link.size_bytes - start)

    def _read_notes(self) -> set[int]:
        """Return the starts of whole ranges of an earlier try; none if its notes are of another version or broken."""
        try:
            notes = json.loads(self._notes.read_text())
            same = notes["version"] == self._version_id and notes["size_bytes"] == self._link.size_bytes
            starts = {int(start) for start in notes["done"]} if same and self._part.exists() else set()
        except (OSError, ValueError, KeyError, TypeError):
            return set()
        return {start for start in starts if start % RANGE_BYTES == 0 and 0 <= start < self._link.size_bytes}

    def _write_notes(self) -> None:
        notes = {"version": self._version_id, "size_bytes": self._link.size_bytes, "done": sorted(self._done)}
        fresh = self._notes.with_name(self._notes.name + ".new")
        fresh.write_text(json.dumps(notes))
        fresh.replace(self._notes)


class _Region:
    """Where one range goes in the file."""

    def __init__(self, descriptor: int, start: int, length: int, fetch: _Fetch) -> None:
        self._descriptor, self._start, self._length, self._fetch = descriptor, start, length, fetch
        self.written = 0

    def write(self, data: memoryview) -> None:
        if self.written + len(data) > self._length:
            raise DependencyError("the company's bucket sent more than was asked for")
        write_at(self._descriptor, data, self._start + self.written)
        self.written += len(data)
        self._fetch.meter.add(len(data))
        self._fetch.pace.take(len(data), self._fetch.stop)

    def check_whole(self) -> None:
        if self.written != self._length:
            raise DependencyError("the company's bucket broke off in the middle of a range")


def write_at(descriptor: int, data: memoryview, at: int) -> None:
    """Write all of ``data``; raise RequestError if the disk does not take it."""
    try:
        while data:
            count = os.pwrite(descriptor, data, at)
            data, at = data[count:], at + count
    except OSError as error:
        raise RequestError(f"the file cannot be written: {error.strerror}") from error


class _Checksum:
    """The best checksum that the first link knows, and what the bytes come to; a later link may know another."""

    def __init__(self, link: DownloadLink) -> None:
        self.kind = "sha256" if link.sha256 is not None else "crc32" if link.crc32 is not None else "size"
        self._right = link.sha256 if link.sha256 is not None else link.crc32
        self._sha256, self._crc32 = hashlib.sha256(), 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self.kind == "sha256":
            self._sha256.update(chunk)
        else:
            self._crc32 = zlib.crc32(chunk, self._crc32)

    @property
    def is_right(self) -> bool:
        """Whether the bytes are those that were uploaded, as far as it is known."""
        made = {"sha256": self._sha256.digest(), "crc32": self._crc32.to_bytes(4, "big"), "size": None}
        return made[self.kind] == self._right


def _verify(part: Path, size_bytes: int, checksum: _Checksum) -> None:
    if part.stat().st_size != size_bytes or not checksum.is_right:
        part.unlink()
        part.with_name(part.name + ".json").unlink(missing_ok=True)
        raise ChecksumMismatch(
            "the bytes that were fetched are not those that were uploaded", advice="Run the download again."
        )


def _chunks(descriptor: int, start: int, length: int) -> Iterator[bytes]:
    for at in range(start, start + length, CHUNK_BYTES):
        yield os.pread(descriptor, min(CHUNK_BYTES, start + length - at), at)


def local_name(file_name: str) -> str:
    """Return the true name as this machine can hold it: never a path, never hidden, at most 200 bytes."""
    name = file_name.replace("/", "_").replace("\\", "_").replace("\0", "_").lstrip(".") or "download"
    while len(name.encode()) > 200:
        stem, dot, extension = name.rpartition(".")
        name = f"{stem[:-1]}{dot}{extension}" if stem else name[:-1]
    return name
