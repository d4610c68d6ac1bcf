"""Uploads image sequences: finds them among the files of folders, sends them frame by frame, and goes on after a stop.

What is there already is the platform's answer, frame by frame: it has looked into the bucket. Nothing is remembered on
this machine. One frame that cannot be sent stops its sequence, because a film with a frame less is another film.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from reelkeep.errors import Conflict, DependencyError, MediaError, ReelkeepError, RequestError
from reelkeep.media import FrameRate
from reelkeep.sequences import MAX_FRAME_BYTES, frame_name, group, numbers_text, pattern_name, twins
from reelkeep.storage import crc
from reelkeep.transfer.bucket import StoreClient
from reelkeep.transfer.folders import Found, Ways
from reelkeep.transfer.interface import FrameFile, SequenceTicket, SignedRequest
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.names import as_text
from reelkeep.transfer.signer import SPARE
from reelkeep.transfer.small import BATCHES_AT_ONCE, OF_ONE_FILE, Item, batches
from reelkeep.transfer.upload import FileBody, chunks_of, identity_of, open_file
from reelkeep.transfer.wire import Wire


class SequenceApi(Protocol):
    """The platform's side of the upload of a sequence. Every call may be repeated."""

    def known_uploads(self, production_id: str, client_keys: Sequence[str]) -> Mapping[str, str]: ...

    def begin_sequence(self, production_id: str, found: FoundSequence, client_key: str) -> SequenceTicket: ...

    def sign_frames(self, upload_id: str, files: Sequence[FrameFile]) -> Sequence[SignedRequest | int | ReelkeepError]:
        """Answer in the same order: a link, the number of a frame that is there, or what is wrong."""

    def arrived_frames(self, upload_id: str, sums: Mapping[int, bytes]) -> Mapping[int, ReelkeepError | None]: ...

    def complete_sequence(self, upload_id: str) -> str: ...


@dataclass(frozen=True)
class FoundSequence:
    """Files of one folder that are one film. ``items`` are in the order of their numbers."""

    items: tuple[Item, ...]
    rate: FrameRate
    is_known_again: bool  # it came out of a folder: left out if it was uploaded before

    @property
    def name(self) -> str:
        names = [found for item in self.items if (found := frame_name(as_text(item.path.name))) is not None]
        return pattern_name([names[0], names[-1]])

    @property
    def folder(self) -> str:
        return self.items[0].folder

    @property
    def size_bytes(self) -> int:
        return sum(item.size_bytes for item in self.items)

    @property
    def numbers(self) -> str:
        """The extent for people: "1001-1048, 48 frames"."""
        first, last = (frame_name(as_text(self.items[place].path.name)) for place in (0, -1))
        assert first is not None
        assert last is not None
        return numbers_text(first.number, last.number, len(self.items))

    @property
    def item(self) -> Item:
        """The whole as if it were one file, to be shown."""
        return Item(self.items[0].path.parent / self.name, self.folder, self.size_bytes)


@dataclass(frozen=True)
class SequenceSent:
    found: FoundSequence
    asset_id: str
    version_id: str
    sent_bytes: int
    is_new: bool  # False: an earlier run had sent all of it


@dataclass(frozen=True)
class SequenceNotSent:
    found: FoundSequence
    problem: ReelkeepError


SequenceOutcome = SequenceSent | SequenceNotSent
OnSequence = Callable[[SequenceOutcome], None]


def take_sequences(found: Found, rate: FrameRate, *, named_too: bool = False) -> list[FoundSequence]:
    """Take image sequences out of what was found and return them.

    Args:
        named_too: look among files that were named by themselves, too, not in folders alone.
    """
    by_folder: dict[tuple[Path, str, bool], dict[str, Item]] = defaultdict(dict)
    for item in found.items:
        is_known_again = item.path in found.known_again
        if is_known_again or named_too:
            by_folder[item.path.parent, item.folder, is_known_again][as_text(item.path.name)] = item
    taken: list[FoundSequence] = []
    for (_, _, is_known_again), items in by_folder.items():
        taken += [
            FoundSequence(tuple(items[name] for name in names), rate, is_known_again)
            for names in group(list(items)).sequences
        ]
    paths = {item.path for sequence in taken for item in sequence.items}
    found.items = [item for item in found.items if item.path not in paths]
    return taken


def sequence_key(found: FoundSequence) -> str:
    """Return the name under which these very files, at this rate, are found again by a later try."""
    digest = hashlib.sha256(f"{found.rate.numerator}/{found.rate.denominator}".encode())
    for item in found.items:
        status = item.path.stat()
        text = f"\0{item.path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
        digest.update(text.encode(errors="surrogateescape"))
    return "cli-sequence-" + digest.hexdigest()[:40]


def upload_sequences(
    api: SequenceApi,
    production_id: str,
    sequences: Sequence[FoundSequence],
    on_outcome: OnSequence,
    ways: Ways | None = None,
) -> None:
    """Upload sequences, one after the other. What is wrong with one is its outcome; the others are sent all the same.

    Raises:
        ReelkeepError: what concerns all of them: no right, a bucket that refuses or is away; run it again to go on.
    """
    how = ways or Ways()
    for found in sequences:
        try:
            on_outcome(_upload(api, production_id, found, how))
        except OF_ONE_FILE as problem:
            on_outcome(SequenceNotSent(found, problem))
        finally:
            if how.on_file is not None:
                how.on_file(found.item, None)


def _upload(api: SequenceApi, production_id: str, found: FoundSequence, ways: Ways) -> SequenceSent:
    if (same := twins(as_text(item.path.name) for item in found.items)) is not None:
        raise RequestError(
            f"two files have one number: {same[0]} and {same[1]}",
            advice="Move one of them away, or upload with --no-sequences.",
        )
    for item in found.items:
        _check_size(item)
    key = sequence_key(found)
    if found.is_known_again and (version_id := api.known_uploads(production_id, [key]).get(key)) is not None:
        return SequenceSent(found, "", version_id, 0, is_new=False)
    ticket = api.begin_sequence(production_id, found, key)
    sender = _Sender(api, ticket.id, found, ways)
    sender.run()
    version_id = api.complete_sequence(ticket.id)
    return SequenceSent(found, ticket.asset_id, version_id, sender.sent_bytes, is_new=True)


def _check_size(item: Item) -> None:
    name = as_text(item.path.name)
    if item.size_bytes < 1:
        raise MediaError(f"{name} is empty", advice="Export this frame again and upload the sequence then.")
    if item.size_bytes > MAX_FRAME_BYTES:
        raise RequestError(f"{name} is larger than {MAX_FRAME_BYTES >> 20} MiB", advice="Export it smaller.")


@dataclass(frozen=True)
class _Frame:
    descriptor: int
    identity: tuple[int, int]
    number: int
    file: FrameFile


class _Sender:
    def __init__(self, api: SequenceApi, upload_id: str, found: FoundSequence, ways: Ways) -> None:
        self._api, self._upload_id, self._found, self._ways = api, upload_id, found, ways
        on_file = ways.on_file
        self._meter = Meter(found.size_bytes, (lambda moment: on_file(found.item, moment)) if on_file else None)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.sent_bytes = 0

    def run(self) -> None:
        """Send what the platform has not seen in the bucket yet."""
        parallel = self._ways.parallel
        with (
            Wire(connections=parallel, step_bytes=1 << 16) as wire,
            ThreadPoolExecutor(parallel, "put") as puts,
            ThreadPoolExecutor(BATCHES_AT_ONCE, "batch") as pool,
        ):
            store = StoreClient(wire, self._stop)
            try:
                running = [pool.submit(self._batch, puts, store, batch) for batch in batches(self._found.items)]
                problems = [problem for future in running if (problem := future.exception()) is not None]
                for problem in sorted(problems, key=lambda problem: isinstance(problem, _Stopped)):
                    raise problem
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                puts.shutdown(wait=False, cancel_futures=True)

    def _batch(self, puts: ThreadPoolExecutor, store: StoreClient, items: Sequence[Item]) -> None:
        try:
            with ExitStack() as files:
                self._send(puts, store, [self._read(files, item) for item in items])
        except BaseException:
            self._stop.set()
            raise

    def _read(self, files: ExitStack, item: Item) -> _Frame:
        if self._stop.is_set():
            raise _Stopped
        name = as_text(item.path.name)
        descriptor = files.enter_context(open_file(item.path)).fileno()
        identity = identity_of(descriptor)
        _check_size(replace(item, size_bytes=identity[0]))
        sha256, checksum = hashlib.sha256(), 0
        for chunk in chunks_of(descriptor, 0, identity[0]):
            sha256.update(chunk)
            checksum = zlib.crc32(chunk, checksum)
        taken = frame_name(name)
        assert taken is not None
        file = FrameFile(name, identity[0], crc.to_bytes(checksum), sha256.digest())
        return _Frame(descriptor, identity, taken.number, file)

    def _send(self, puts: ThreadPoolExecutor, store: StoreClient, frames: Sequence[_Frame]) -> None:
        answers = self._api.sign_frames(self._upload_id, [frame.file for frame in frames])
        sending = []
        for frame, answer in zip(frames, answers, strict=True):
            if isinstance(answer, ReelkeepError):
                raise answer
            if isinstance(answer, int):
                self._meter.add(frame.file.size_bytes)
            else:
                sending.append((frame, puts.submit(self._put, store, frame, answer)))
        for frame, future in sending:
            future.result()
            if identity_of(frame.descriptor) != frame.identity:
                raise MediaError(
                    f"{frame.file.file_name} was written to while it was uploaded",
                    advice="Upload the sequence again once it is finished.",
                )
        self._arrive([frame for frame, _ in sending])

    def _arrive(self, frames: Sequence[_Frame]) -> None:
        if not frames:
            return
        outcome = self._api.arrived_frames(self._upload_id, {frame.number: frame.file.crc32 for frame in frames})
        for problem in outcome.values():
            if problem is not None:
                raise problem

    def _put(self, store: StoreClient, frame: _Frame, first: SignedRequest) -> None:
        def sign(fresh: bool) -> SignedRequest:
            if not fresh and first.expires_at - SPARE > datetime.now(UTC):
                return first
            (again,) = self._api.sign_frames(self._upload_id, [frame.file])
            if isinstance(again, ReelkeepError):
                raise again
            return first if isinstance(again, int) else again

        if self._stop.is_set():
            raise _Stopped
        body = FileBody(frame.descriptor, 0, frame.file.size_bytes, self._meter, self._ways.pace, self._stop)
        try:
            store.put(sign, body)
            with self._lock:
                self.sent_bytes += frame.file.size_bytes
        except Conflict:  # it is there already, from a try that was killed; which bytes, the platform verifies
            self._meter.add(frame.file.size_bytes)


class _Stopped(DependencyError):
    """The upload was stopped."""
