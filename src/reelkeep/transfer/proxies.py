"""Fetches proxies as plain MP4 files, part by part, and goes on where an earlier try stopped.

Parts are fetched side by side and written in order, so ``<target>.part`` is always the beginning of the file. Which
parts it holds stands in ``<target>.part.json`` with their checksums, and is checked before anything is added. The file
gets its name only once every part is there, and no file is ever replaced. No key comes to this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from reelkeep.errors import Conflict, DependencyError, Forbidden, NotFound, RequestError
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.download import MAX_REFUSALS, PARALLEL, SPARE, Downloaded, local_name
from reelkeep.transfer.folders import Ways
from reelkeep.transfer.interface import OnProgress, ProxyApi, ProxyTicket
from reelkeep.transfer.many import OF_ONE_FILE, Got, NotGot, OnGot, OnOriginal, Wanted, make_folder
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.patience import Patience

VERIFIED: Final = "seals"  # of every segment, by the platform, and the SHA-256 of every part on its way


def download_proxy(
    api: ProxyApi,
    version_id: str,
    target: Path,
    *,
    rendition: str = "",
    parallel: int = PARALLEL,
    on_progress: OnProgress | None = None,
    pace: Pace | None = None,
    whole: Meter | None = None,
) -> Downloaded:
    """Fetch the proxy of a version.

    Args:
        target: a folder (the file gets its original's name there, see ``proxy_name``) or the path of a new file.
        rendition: its name; "" for the largest.
        whole: counts the bytes of everything that is under way.

    Raises:
        Conflict: a file of that name is there already, or the proxy is not complete.
        NotFound, Forbidden: no such version or rendition, or no right to take it away.
        RequestError: the target cannot be written.
        ChecksumMismatch: a part arrives broken again and again.
        DependencyError: the platform is away; run it again to go on.
    """
    started = time.monotonic()
    ticket = api.proxy_ticket(version_id, rendition)
    path = target / proxy_name(local_name(ticket.file_name), rendition) if target.is_dir() else target
    _refuse_taken(path)
    part = path.with_name(path.name + ".part")
    try:
        fetch = _Fetch(api, version_id, ticket, part, parallel, pace or Pace())
        size_bytes = fetch.run(on_progress, whole)
        _refuse_taken(path)
        part.rename(path)
        fetch.forget()
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror}") from error
    return Downloaded(path, size_bytes, fetch.fetched_bytes, time.monotonic() - started, VERIFIED)


def download_proxies(
    api: ProxyApi,
    wanted: Sequence[Wanted],
    rendition: str,
    on_got: OnGot,
    ways: Ways,
    on_one: OnOriginal | None = None,
) -> None:
    """Fetch the proxies of many versions, each beside the place where its original would be; go on where it stopped.

    Args:
        on_got: told of every version.
        on_one: told how far one is; None when it is no longer under way.

    Raises:
        ReelkeepError: what concerns all of them, such as no right to take proxies away; run it again to go on.
    """
    for one in wanted:
        path = one.path.with_name(proxy_name(one.path.name, rendition))
        place = Wanted(one.original, path)
        if path.exists():  # it got this name once it was whole
            on_got(Got(place, 0, VERIFIED))
            continue
        try:
            make_folder(path)
            on_progress = None if on_one is None else partial(on_one, place)
            got = download_proxy(
                api,
                one.original.version_id,
                path,
                rendition=rendition,
                parallel=ways.parallel,
                on_progress=on_progress,
                pace=ways.pace,
            )
            on_got(Got(place, got.fetched_bytes, got.verified))
        except Forbidden:
            raise
        except OF_ONE_FILE as problem:
            on_got(NotGot(place, problem))
        finally:
            if on_one is not None:
                on_one(place, None)


def proxy_name(file_name: str, rendition: str) -> str:
    """Return the name of a proxy beside its original's.

    >>> proxy_name("a.mov", "v360"), proxy_name("a.mov", "")
    ('a.mov.v360.mp4', 'a.mov.mp4')
    """
    return f"{file_name}.{rendition}.mp4" if rendition else f"{file_name}.mp4"


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise Conflict(f"{path} is there already", advice="Move it away or name another target.")


class _Fetch:
    def __init__(
        self, api: ProxyApi, version_id: str, ticket: ProxyTicket, part: Path, parallel: int, pace: Pace
    ) -> None:
        self._api, self._version_id, self._ticket = api, version_id, ticket
        self._part, self._parallel, self._pace = part, parallel, pace
        self._notes = part.with_name(part.name + ".json")
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.fetched_bytes = 0

    def run(self, on_progress: OnProgress | None, whole: Meter | None) -> int:
        """Fetch what is missing; return the size of the file."""
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            lengths = self._whole_parts(descriptor)
            at = sum(lengths)
            self._begin_notes(self._noted()[: len(lengths)])
            os.ftruncate(descriptor, at)
            meter = Meter(max(self._ticket.about_bytes, at), on_progress, done_bytes=at, whole=whole)
            with ThreadPoolExecutor(self._parallel, "proxy") as pool:
                try:
                    at = self._fetch(pool, descriptor, range(len(lengths), self._ticket.parts_total), at, meter)
                finally:
                    self._stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
        finally:
            os.close(descriptor)
        return at

    def forget(self) -> None:
        self._notes.unlink(missing_ok=True)

    def _fetch(self, pool: ThreadPoolExecutor, descriptor: int, missing: range, at: int, meter: Meter) -> int:
        todo = iter(missing)
        running: deque[Future[bytes]] = deque()
        while True:
            while len(running) < self._parallel and (number := next(todo, None)) is not None:
                running.append(pool.submit(self._one, number))
            if not running:
                return at
            body = running.popleft().result()
            self._pace.take(len(body), self._stop)
            _write(descriptor, body, at)
            at += len(body)
            self._note([len(body), hashlib.sha256(body).hexdigest()])
            self.fetched_bytes += len(body)
            meter.add(len(body))

    def _one(self, number: int) -> bytes:
        patience, refusals = Patience(sleep=self._sleep), 0
        while True:
            if self._stop.is_set():
                raise DependencyError("the download was stopped")
            ticket = self._valid_ticket()
            try:
                return self._api.proxy_part(ticket, number)
            except DependencyError as problem:
                if self._stop.is_set():
                    raise
                patience.wait(problem)
            except (NotFound, ChecksumMismatch):
                refusals += 1
                if refusals >= MAX_REFUSALS:
                    raise
                self._renew(ticket)

    def _valid_ticket(self) -> ProxyTicket:
        ticket = self._ticket
        return ticket if ticket.expires_at - SPARE > datetime.now(UTC) else self._renew(ticket)

    def _renew(self, old: ProxyTicket) -> ProxyTicket:
        """Return another ticket for the same file; several threads that ask at once get one."""
        with self._lock:
            if self._ticket is old:
                fresh = self._api.proxy_ticket(self._version_id, old.rendition)
                if fresh.made != old.made:
                    raise Conflict("the proxy was made again meanwhile", advice="Run the download again.")
                self._ticket = fresh
            return self._ticket

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _whole_parts(self, descriptor: int) -> list[int]:
        """Return the lengths of the parts of an earlier try whose bytes are right."""
        lengths: list[int] = []
        at = 0
        for length, sha256 in self._noted():
            if length < 1 or hashlib.sha256(os.pread(descriptor, length, at)).hexdigest() != sha256:
                break
            lengths.append(length)
            at += length
        return lengths

    def _noted(self) -> list[tuple[int, str]]:
        """Return length and SHA-256 of the parts of an earlier try; none if its notes are of another file."""
        noted: list[tuple[int, str]] = []
        try:
            first, *lines = self._notes.read_text().splitlines()
            if json.loads(first) != self._file():
                return []
            for line in lines[: self._ticket.parts_total]:
                length, sha256 = json.loads(line)
                noted.append((int(length), str(sha256)))
        except (OSError, ValueError, TypeError):
            return noted  # the last line may have been cut off in the middle
        return noted

    def _begin_notes(self, kept: Sequence[tuple[int, str]]) -> None:
        """Write the notes anew, so that a line which was cut off is not gone on with."""
        lines = [json.dumps(line) for line in (self._file(), *kept)]
        self._notes.write_text("".join(f"{line}\n" for line in lines))

    def _note(self, line: list[int | str]) -> None:
        with self._notes.open("a") as notes:
            notes.write(json.dumps(line) + "\n")

    def _file(self) -> list[str]:
        return [self._version_id, self._ticket.rendition, self._ticket.made]


def _write(descriptor: int, body: bytes, at: int) -> None:
    view = memoryview(body)
    while view:
        count = os.pwrite(descriptor, view, at)
        view, at = view[count:], at + count
