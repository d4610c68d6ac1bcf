"""Uploads files and whole folders, and goes on with a folder where an earlier run stopped.

What is left out of a folder: hidden files and folders (a leading dot), unless asked for; symbolic links, whatever they
point at; everything that is no regular file. Files that this user uploaded before from this very place, with the same
size and time of change, are known to the platform and left out as well. A file that was named by itself is always sent.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reelkeep.errors import RequestError
from reelkeep.storage.translate import PartsOnly
from reelkeep.transfer.interface import FolderApi, OnProgress, Progress
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.names import as_text
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.small import MAX_SMALL_BYTES, OF_ONE_FILE, Item, NotSent, OnOutcome, Sent, SmallSender
from reelkeep.transfer.upload import PARALLEL, client_key, upload

KEYS_AT_ONCE: Final = 1_000

OnFile = Callable[[Item, Progress | None], None]  # None: it is no longer under way


@dataclass
class Found:
    """What is to be sent, and what is not with the reason."""

    items: list[Item] = field(default_factory=list)
    known_again: set[Path] = field(default_factory=set)  # out of folders: left out if they were uploaded before
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    bad: list[NotSent] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return sum(item.size_bytes for item in self.items)


@dataclass(frozen=True)
class Ways:
    """How to send, the same for all files of one command.

    Args:
        parallel: requests at once.
        on_whole: told how far everything is.
        on_file: told how far a file is that goes in parts; small ones pass too fast to be shown.
    """

    parallel: int = PARALLEL
    pace: Pace = field(default_factory=Pace)
    on_whole: OnProgress | None = None
    on_file: OnFile | None = None


def scan(paths: Sequence[Path], *, hidden: bool = False) -> Found:
    """Find the files of ``paths``; folders are searched to the bottom, in the order of names.

    Args:
        hidden: take hidden files and folders too.
    """
    found = Found()
    for path in paths:
        if path.is_dir():
            _walk(found, path, as_text(path.resolve().name), hidden)
            continue
        try:
            found.items.append(Item(path, "", path.stat().st_size))
        except OSError as error:
            problem = RequestError(f"{as_text(path.name)} cannot be read: {error.strerror}")
            found.bad.append(NotSent(Item(path, "", 0), problem))
    return found


def upload_all(
    api: FolderApi, production_id: str, found: Found, on_outcome: OnOutcome, ways: Ways | None = None
) -> None:
    """Upload what was found. What is wrong with one file is its outcome; the others are sent all the same.

    Args:
        on_outcome: told of every file, from several threads, one at a time.

    Raises:
        ReelkeepError: what concerns all of them: no right, a bucket that refuses or is away; run it again to go on.
    """
    how, lock = ways or Ways(), threading.Lock()

    def tell(outcome: Sent | NotSent) -> None:
        with lock:
            on_outcome(outcome)

    for bad in found.bad:
        tell(bad)
    meter = Meter(found.size_bytes, how.on_whole)
    todo = list(_unknown(api, production_id, found, meter, tell))
    small = [item for item in todo if item.size_bytes <= MAX_SMALL_BYTES]
    try:
        sender = SmallSender(api, production_id, parallel=how.parallel, meter=meter, pace=how.pace, on_outcome=tell)
        sender.run(small)
        small = []
    except PartsOnly:
        pass
    for item in todo:
        if item.size_bytes > MAX_SMALL_BYTES or small:
            tell(_in_parts(api, production_id, item, meter, how))


def _in_parts(api: FolderApi, production_id: str, item: Item, meter: Meter, ways: Ways) -> Sent | NotSent:
    def on_progress(progress: Progress) -> None:
        if ways.on_file is not None:
            ways.on_file(item, progress)

    try:
        sent = upload(
            api,
            production_id,
            item.path,
            parallel=ways.parallel,
            on_progress=on_progress,
            pace=ways.pace,
            folder=item.folder,
            whole=meter,
        )
    except OF_ONE_FILE as problem:
        return NotSent(item, problem)
    finally:
        if ways.on_file is not None:
            ways.on_file(item, None)
    return Sent(item, sent.asset_id, sent.version_id, sent.sent_bytes, sent.sha256)


def _unknown(api: FolderApi, production_id: str, found: Found, meter: Meter, tell: OnOutcome) -> Iterator[Item]:
    """Yield what the platform has not got yet."""
    keys = {_key(item): item for item in found.items if item.path in found.known_again}
    known: dict[str, str] = {}
    for at in range(0, len(keys), KEYS_AT_ONCE):
        known.update(api.known_uploads(production_id, list(keys)[at : at + KEYS_AT_ONCE]))
    had = {keys[key].path: version_id for key, version_id in known.items() if key in keys}
    for item in found.items:
        if item.path in had:
            meter.add(item.size_bytes)
            tell(Sent(item, "", had[item.path], 0, None))
        else:
            yield item


def keys_of(found: Found) -> list[str]:
    """Return the names under which the platform knows these files."""
    return [_key(item) for item in found.items]


def _key(item: Item) -> str:
    status = item.path.stat()
    return client_key(item.path, (status.st_size, status.st_mtime_ns))


def _walk(found: Found, top: Path, folder: str, hidden: bool) -> None:
    try:
        entries = sorted(os.scandir(top), key=lambda entry: entry.name)
    except OSError as error:
        problem = RequestError(f"{top} cannot be read: {error.strerror}")
        found.bad.append(NotSent(Item(top, folder, 0), problem))
        return
    for entry in entries:
        path = top / entry.name
        status = entry.stat(follow_symlinks=False)
        if entry.name.startswith(".") and not hidden:
            found.left_out.append((path, "hidden"))
        elif stat.S_ISLNK(status.st_mode):
            found.left_out.append((path, "a symbolic link"))
        elif stat.S_ISDIR(status.st_mode):
            _walk(found, path, f"{folder}/{as_text(entry.name)}" if folder else as_text(entry.name), hidden)
        elif not stat.S_ISREG(status.st_mode):
            found.left_out.append((path, "no regular file"))
        else:
            found.items.append(Item(path, folder, status.st_size))
            found.known_again.add(path)
