"""Sends many small files: each by one PUT, up to a hundred with each call of the platform, several batches at once.

While the files of one batch are sent, the next one is read and signed and the one before is verified.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from reelkeep.errors import (
    Conflict,
    DependencyError,
    MediaError,
    NotFound,
    ReelkeepError,
    RequestError,
)
from reelkeep.storage import crc
from reelkeep.transfer.bucket import StoreClient
from reelkeep.transfer.interface import FolderApi, SignedRequest, SmallFile, SmallTicket
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.names import as_text
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.signer import SPARE
from reelkeep.transfer.upload import FileBody, chunks_of, client_key, identity_of, open_file
from reelkeep.transfer.wire import Wire

MAX_SMALL_BYTES: Final = 32 << 20  # as the platform's ``ingest.batches``
BATCH_FILES: Final = 100
BATCH_BYTES: Final = 128 << 20  # links are signed before the first of them is used, and live for 15 minutes
BATCHES_AT_ONCE: Final = 3
OF_ONE_FILE: Final = (MediaError, Conflict, RequestError, NotFound)  # the others are sent all the same


@dataclass(frozen=True)
class Item:
    """A file to be sent, and where it goes in the production."""

    path: Path
    folder: str
    size_bytes: int


@dataclass(frozen=True)
class Sent:
    item: Item
    asset_id: str
    version_id: str
    sent_bytes: int  # 0 where an earlier run had sent it
    sha256: bytes | None  # None: not read now


@dataclass(frozen=True)
class NotSent:
    item: Item
    problem: ReelkeepError


Outcome = Sent | NotSent
OnOutcome = Callable[[Outcome], None]


@dataclass
class _Open:
    """A file of a batch while it is under way."""

    item: Item
    descriptor: int
    identity: tuple[int, int]
    file: SmallFile


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut items into batches of bounded count and bytes, in order."""
    batch: list[Item] = []
    size_bytes = 0
    for item in items:
        if batch and (len(batch) == BATCH_FILES or size_bytes + item.size_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(item)
        size_bytes += item.size_bytes
    if batch:
        yield batch


class SmallSender:
    """Args:
    on_outcome: told of each file once it is stored and verified, or cannot be; from several threads.
    """

    def __init__(
        self,
        api: FolderApi,
        production_id: str,
        *,
        parallel: int,
        meter: Meter,
        pace: Pace,
        on_outcome: OnOutcome,
    ) -> None:
        self._api, self._production_id, self._parallel = api, production_id, parallel
        self._meter, self._pace, self._on_outcome = meter, pace, on_outcome
        self._stop = threading.Event()

    def run(self, items: Sequence[Item]) -> None:
        """Send all of them.

        Raises:
            PartsOnly: the production's store takes no such files; nothing was sent.
            ReelkeepError: what concerns all of them, such as a bucket that refuses; run it again to go on.
        """
        with (
            Wire(connections=self._parallel, step_bytes=1 << 16) as wire,
            ThreadPoolExecutor(self._parallel, "put") as puts,
            ThreadPoolExecutor(BATCHES_AT_ONCE, "batch") as pool,
        ):
            store = StoreClient(wire, self._stop)
            try:
                running = [pool.submit(self._batch, puts, store, batch) for batch in batches(items)]
                for future in running:
                    future.result()
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                puts.shutdown(wait=False, cancel_futures=True)

    def _batch(self, puts: ThreadPoolExecutor, store: StoreClient, items: Sequence[Item]) -> None:
        try:
            with ExitStack() as files:
                opened = [one for item in items if (one := self._read(files, item)) is not None]
                if opened:
                    self._send(puts, store, opened)
        except BaseException:
            self._stop.set()
            raise

    def _read(self, files: ExitStack, item: Item) -> _Open | None:
        """Open a file and make its checksums; None if it cannot be sent."""
        if self._stop.is_set():
            return None
        try:
            descriptor = files.enter_context(open_file(item.path)).fileno()
            identity = identity_of(descriptor)
            if not 1 <= identity[0] <= MAX_SMALL_BYTES:
                raise MediaError("the file is empty" if not identity[0] else "the file was written to meanwhile")
            sha256, checksum = hashlib.sha256(), 0
            for chunk in chunks_of(descriptor, 0, identity[0]):
                sha256.update(chunk)
                checksum = zlib.crc32(chunk, checksum)
        except OF_ONE_FILE as problem:
            self._on_outcome(NotSent(item, problem))
            return None
        file = SmallFile(
            folder=item.folder,
            file_name=as_text(item.path.name),
            size_bytes=identity[0],
            crc32=crc.to_bytes(checksum),
            sha256=sha256.digest(),
            client_key=client_key(item.path, identity),
        )
        return _Open(item, descriptor, identity, file)

    def _send(self, puts: ThreadPoolExecutor, store: StoreClient, opened: Sequence[_Open]) -> None:
        begun = self._api.begin_small(self._production_id, [one.file for one in opened])
        sending = []
        for one, ticket in zip(opened, begun, strict=True):
            if isinstance(ticket, ReelkeepError):
                self._on_outcome(NotSent(one.item, ticket))
            else:
                sending.append((one, ticket, puts.submit(self._put, store, one, ticket)))
        arrived: dict[str, tuple[_Open, SmallTicket]] = {}
        for one, ticket, future in sending:
            try:
                future.result()
                if identity_of(one.descriptor) != one.identity:
                    raise MediaError("the file was written to while it was uploaded", advice="Upload it again.")
                arrived[ticket.id] = one, ticket
            except OF_ONE_FILE as problem:
                self._on_outcome(NotSent(one.item, problem))
        self._complete(arrived)

    def _complete(self, arrived: dict[str, tuple[_Open, SmallTicket]]) -> None:
        if not arrived:
            return
        checksums = {upload_id: one.file.crc32 for upload_id, (one, _) in arrived.items()}
        outcomes = self._api.complete_small(self._production_id, checksums)
        for upload_id, (one, ticket) in arrived.items():
            outcome = outcomes.get(upload_id, NotFound())
            if isinstance(outcome, ReelkeepError):
                self._on_outcome(NotSent(one.item, outcome))
            else:
                self._on_outcome(Sent(one.item, ticket.asset_id, outcome, one.file.size_bytes, one.file.sha256))

    def _put(self, store: StoreClient, one: _Open, ticket: SmallTicket) -> None:
        def sign(fresh: bool) -> SignedRequest:
            if not fresh and ticket.request.expires_at - SPARE > datetime.now(UTC):
                return ticket.request
            (again,) = self._api.begin_small(self._production_id, [one.file])
            if isinstance(again, ReelkeepError):
                raise again
            return again.request

        if self._stop.is_set():
            raise DependencyError("the upload was stopped")
        body = FileBody(one.descriptor, 0, one.file.size_bytes, self._meter, self._pace, self._stop)
        try:
            store.put(sign, body)
        except Conflict:  # it is there already, from a try whose answer was lost; which bytes, the platform verifies
            self._meter.add(one.file.size_bytes)
