"""The original as the codec reads it: ranged GETs of whole blocks, several in flight, each block fetched once.

Demuxers open a file with a dozen seeks at its head and tail and then go through it with one or two cursors, so the
head and the tail are kept for good, blocks ahead of a cursor are fetched before they are asked for, and of the rest
the blocks that a cursor has left behind are forgotten first. While the blocks come by in order their SHA-256 is taken;
it is complete only if every block passed (promise I3: the original is read once).

Source of the block size: AWS's guidance of 8 to 16 MB ranges over parallel connections.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from reelkeep.errors import DependencyError
from reelkeep.isolation.channel import BadFrame

BLOCK_BYTES: Final = 8 << 20
BLOCKS_AHEAD: Final = 4
BLOCKS_KEPT: Final = 16  # 128 MiB: two cursors with their blocks ahead, and as many behind
PINNED_TAIL_BLOCKS: Final = 2  # the index of a MOV or MP4, or the footer of an MXF


class SourceCache:
    """Serves reads at any offset from blocks of one object. Used by one thread; fetches run on its own threads.

    Args:
        fetch: returns ``length`` bytes at ``offset``, patiently; called on several threads at once.
        size_bytes: the object's size; every block but the last is ``block_bytes`` long.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size_bytes: int,
        *,
        block_bytes: int = BLOCK_BYTES,
        blocks_ahead: int = BLOCKS_AHEAD,
        blocks_kept: int = BLOCKS_KEPT,
    ) -> None:
        self._fetch = fetch
        self._size = size_bytes
        self._block_bytes = block_bytes
        self._ahead = blocks_ahead
        self._kept = max(blocks_kept, blocks_ahead + 2)
        self._blocks = -(-size_bytes // block_bytes)
        self._pinned = frozenset({0, *range(max(0, self._blocks - PINNED_TAIL_BLOCKS), self._blocks)})
        self._held: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._wanted: set[int] = set()  # ever fetched
        self._touched: set[int] = set()  # ever read
        self._pool = ThreadPoolExecutor(max_workers=blocks_ahead, thread_name_prefix="source")
        self._sha256 = hashlib.sha256()
        self._hashed_blocks = 0
        self._count = threading.Lock()
        self._fetched_bytes = 0
        self._narrow = False

    @property
    def fetched_bytes(self) -> int:
        """Return how many bytes were asked of the store so far (I3: at most 1.02 times the size)."""
        return self._fetched_bytes

    @property
    def held_bytes(self) -> int:
        """Return how much memory the blocks take, those on their way included."""
        return len(self._held) * self._block_bytes

    def read(self, offset: int, length: int, file: int = 0) -> bytes:
        """Return up to ``length`` bytes at ``offset``; fewer only at the end of the object.

        Raises:
            BadFrame: there is no file but file 0.
            DependencyError, StorageSetupError: a block could not be fetched; reading it again tries again.
        """
        if file:
            raise BadFrame("the codec reads a file that the original does not have")
        end = min(offset + length, self._size)
        if self._narrow and offset < end:
            return self._exactly(offset, end)
        parts: list[bytes] = []
        while offset < end:
            number, start = divmod(offset, self._block_bytes)
            part = self._block(number)[start : start + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def narrow(self) -> None:
        """Fetch only what is asked for from now on: a sound alone lies in small pieces between large pictures."""
        self._narrow = True

    def _exactly(self, offset: int, end: int) -> bytes:
        numbers = range(offset // self._block_bytes, (end - 1) // self._block_bytes + 1)
        held = [self._held.get(number) for number in numbers]
        if all(block is not None and block.done() and not block.exception() for block in held):
            start = offset - numbers[0] * self._block_bytes
            return b"".join(block.result() for block in held if block is not None)[start : start + end - offset]
        part = self._fetch(offset, end - offset)
        if len(part) != end - offset:
            raise DependencyError("the store sent fewer bytes of the original than it should hold")
        self._counted(len(part))
        return part

    def sha256(self) -> bytes | None:
        """Return the SHA-256 of the whole object, or None unless every block has passed in order.

        Blocks behind the last cursor that nobody asked for (a trailing index, padding) are fetched now: they are read
        for the first time. A block that was read and forgotten out of order is not read twice.
        """
        missing = range(self._hashed_blocks, self._blocks)
        if any(number in self._wanted and number not in self._held for number in missing):
            return None
        for number in missing:
            self._block(number)
        return self._sha256.digest()

    def close(self) -> None:
        """Forget every block and end the threads; fetches that have begun are waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()

    def _block(self, number: int) -> bytes:
        sequential = number == 0 or number - 1 in self._touched
        future = self._want(number)
        if sequential:
            for ahead in range(number + 1, min(number + 1 + self._ahead, self._blocks)):
                if ahead in self._held or ahead not in self._wanted:
                    self._want(ahead)
        if future.exception() is not None:
            del self._held[number]
        block = future.result()
        self._touched.add(number)
        self._hash_on()
        self._forget()
        return block

    def _want(self, number: int) -> Future[bytes]:
        if number not in self._held:
            self._wanted.add(number)
            self._held[number] = self._pool.submit(self._fetch_block, number)
        self._held.move_to_end(number)
        return self._held[number]

    def _fetch_block(self, number: int) -> bytes:
        offset = number * self._block_bytes
        length = min(self._block_bytes, self._size - offset)
        block = self._fetch(offset, length)
        if len(block) != length:
            raise DependencyError("the store sent fewer bytes of the original than it should hold")
        self._counted(length)
        return block

    def _counted(self, length: int) -> None:
        with self._count:
            self._fetched_bytes += length

    def _hash_on(self) -> None:
        while (future := self._held.get(self._hashed_blocks)) is not None and future.done() and not future.exception():
            self._sha256.update(future.result())
            self._hashed_blocks += 1

    def _forget(self) -> None:
        spare = [number for number in self._held if number not in self._pinned]
        spare.sort(key=lambda number: not (number in self._touched and number + 1 in self._touched))
        for number in spare[: max(0, len(spare) - self._kept)]:
            if self._held[number].done():
                del self._held[number]
