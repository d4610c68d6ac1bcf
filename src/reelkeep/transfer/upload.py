"""Sends one file straight to the bucket in parallel parts, and goes on where an earlier try was killed.

Three steps run side by side: this thread reads the file once and makes its checksums; the signer asks the platform for
links, some at a time, and only once a part's CRC-32 is known, because that is a signed header; the workers send.
What need not be sent again is decided by the store's own list of parts and the checksums made here, never by notes on
disk.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.errors import MediaError, RequestError
from reelkeep.storage import crc
from reelkeep.transfer.bucket import StoreClient
from reelkeep.transfer.interface import DonePart, OnProgress, UploadApi, UploadTicket
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.names import as_text
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.signer import Signer
from reelkeep.transfer.wire import Line, Wire

PARALLEL: Final = 4
CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Uploaded:
    version_id: str
    asset_id: str
    size_bytes: int
    sent_bytes: int  # less than the size if an earlier try had sent some
    seconds: float
    sha256: bytes


@dataclass(frozen=True)
class _Piece:
    number: int
    offset: int
    size_bytes: int
    crc32: bytes


def upload(
    api: UploadApi,
    production_id: str,
    path: Path,
    *,
    parallel: int = PARALLEL,
    on_progress: OnProgress | None = None,
    pace: Pace | None = None,
    folder: str = "",
    whole: Meter | None = None,
) -> Uploaded:
    """Upload a file as a new version and return when it is stored and verified.

    Args:
        folder: "a/b" below the production's top.
        whole: counts the bytes of everything that is under way.

    Raises:
        RequestError: the file cannot be read.
        MediaError: it is empty, or was written to meanwhile.
        ChecksumMismatch: what arrived is not what was read.
        StorageSetupError, DependencyError: the bucket refuses, or is away for longer than five minutes; run it again
            and it goes on where it stopped.
    """
    started = time.monotonic()
    with open_file(path) as file:
        before = identity_of(file.fileno())
        ticket = api.begin_upload(production_id, as_text(path.name), before[0], client_key(path, before), folder)
        meter = Meter(before[0], on_progress, whole=whole)
        sender = _Sender(api, ticket, file.fileno(), before[0], parallel, meter, pace or Pace())
        whole_crc, sha256 = sender.run()
        if identity_of(file.fileno()) != before:
            raise MediaError(
                "the file was written to while it was uploaded", advice="Upload it again once it is finished."
            )
    api.complete_upload(ticket.id, whole_crc, sha256)
    seconds = time.monotonic() - started
    return Uploaded(ticket.version_id, ticket.asset_id, before[0], sender.sent_bytes, seconds, sha256)


def client_key(path: Path, identity: tuple[int, int]) -> str:
    """Return the name under which this very file is found again by a later try."""
    text = f"{path.resolve()}\0{identity[0]}\0{identity[1]}"
    return "cli-" + hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:40]


def open_file(path: Path) -> io.FileIO:
    """Open a file to read, without a buffer; raise RequestError if it cannot be."""
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        advice = "Check its name and that you may read it."
        raise RequestError(f"{as_text(path.name)} cannot be read: {error.strerror}", advice=advice) from error


def identity_of(descriptor: int) -> tuple[int, int]:
    """Return the size and the time of change by which a file is known again."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


class FileBody:
    """A region of a file, counted while it goes.

    Args:
        stop: once set, nothing more is sent.
    """

    def __init__(
        self, descriptor: int, offset: int, size_bytes: int, meter: Meter, pace: Pace, stop: threading.Event
    ) -> None:
        self._descriptor, self._offset, self._size_bytes = descriptor, offset, size_bytes
        self._meter, self._pace, self._stop = meter, pace, stop
        self._counted = 0

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def send(self, line: Line) -> None:
        at, end = self._offset, self._offset + self._size_bytes
        while at < end:
            step = min(self._pace.step_bytes, end - at)
            self._pace.take(step, self._stop)
            count = line.send_file(self._descriptor, at, step)
            if not count:
                raise MediaError("the file became shorter while it was uploaded", advice="Upload it again.")
            at += count
            self._counted += count
            self._meter.add(count)

    def take_back(self) -> None:
        self._meter.add(-self._counted)
        self._counted = 0


class _Sender:
    def __init__(
        self,
        api: UploadApi,
        ticket: UploadTicket,
        descriptor: int,
        size_bytes: int,
        parallel: int,
        meter: Meter,
        pace: Pace,
    ) -> None:
        self._pace = pace
        self._ticket, self._descriptor, self._size_bytes = ticket, descriptor, size_bytes
        self._parallel = parallel
        self._done = {part.number: part for part in ticket.done_parts}
        self._meter = meter
        self._signer = Signer(api, ticket.id)
        self._ahead = threading.Semaphore(parallel * 2)  # parts read but not sent: bounds links waiting for use
        self._stop = threading.Event()
        self.sent_bytes = 0

    def run(self) -> tuple[bytes, bytes]:
        """Send what is missing; return the CRC-32 and the SHA-256 of the whole."""
        sha256, parts, futures = hashlib.sha256(), [], []
        with (
            Wire(connections=self._parallel) as wire,
            ThreadPoolExecutor(self._parallel, "upload") as pool,
        ):
            store = StoreClient(wire, self._stop)
            try:
                for piece in self._pieces(sha256):
                    parts.append((int.from_bytes(piece.crc32, "big"), piece.size_bytes))
                    if self._is_done(self._done.get(piece.number), piece):
                        self._meter.add(piece.size_bytes)
                        continue
                    self._signer.announce(piece.number, piece.crc32)
                    futures.append(self._submit(pool, store, piece))
                    if self._stop.is_set():
                        break
                self._join(futures)
            finally:
                self._stop.set()
        return crc.to_bytes(crc.combine(parts)), sha256.digest()

    def _submit(self, pool: ThreadPoolExecutor, store: StoreClient, piece: _Piece) -> Future[None]:
        while not self._ahead.acquire(timeout=0.5):
            if self._stop.is_set():
                break
        return pool.submit(self._send, store, piece)

    def _join(self, futures: list[Future[None]]) -> None:
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        self._stop.set()
        for future in done:
            future.result()

    def _send(self, store: StoreClient, piece: _Piece) -> None:
        try:
            if not self._stop.is_set():
                store.put(
                    lambda fresh: self._signer.get(piece.number, piece.crc32, fresh),
                    FileBody(self._descriptor, piece.offset, piece.size_bytes, self._meter, self._pace, self._stop),
                )
                self.sent_bytes += piece.size_bytes
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._ahead.release()

    def _pieces(self, sha256: hashlib._Hash) -> Iterator[_Piece]:
        for number in range(1, self._ticket.parts_total + 1):
            offset = (number - 1) * self._ticket.part_bytes
            size_bytes = min(self._ticket.part_bytes, self._size_bytes - offset)
            checksum = 0
            for chunk in chunks_of(self._descriptor, offset, size_bytes):
                sha256.update(chunk)
                checksum = zlib.crc32(chunk, checksum)
            yield _Piece(number, offset, size_bytes, crc.to_bytes(checksum))

    @staticmethod
    def _is_done(done: DonePart | None, piece: _Piece) -> bool:
        return done is not None and done.size_bytes == piece.size_bytes and done.crc32 in (None, piece.crc32)


def chunks_of(descriptor: int, offset: int, size_bytes: int) -> Iterator[bytes]:
    """Yield a region of a file; raise MediaError if the file ends before it."""
    end = offset + size_bytes
    while offset < end:
        chunk = os.pread(descriptor, min(CHUNK_BYTES, end - offset), offset)
        if not chunk:
            raise MediaError("the file became shorter while it was uploaded", advice="Upload it again.")
        yield chunk
        offset += len(chunk)
