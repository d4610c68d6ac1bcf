"""The files of an image sequence as the codec reads them: in order, each once, several in flight.

Files are cut into blocks, a small one is one block. The blocks behind the one that is read are fetched before they are
asked for, as many as fit into ``MAX_AHEAD_BYTES``; those before it are forgotten. The CRC-32 of each file that passes
whole is compared with the uploader's.
"""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from reelkeep.errors import DependencyError, MediaError
from reelkeep.isolation.channel import BadFrame
from reelkeep.storage import crc
from reelkeep.transcode.source import BLOCK_BYTES

IN_FLIGHT: Final = 12  # a store answers one small object in 10 to 100 ms; 24 frames a second of 2K are 300 MB/s
MAX_AHEAD_BYTES: Final = 64 << 20


@dataclass(frozen=True)
class SourceFile:
    number: int  # as people see it
    size_bytes: int
    crc32: bytes


class FrameAltered(MediaError):
    """A stored frame is not the file that was sent: its checksum differs from the uploader's."""

    default_advice = "Upload the sequence again as a new version."


@dataclass(frozen=True)
class _Block:
    body: bytes
    crc32: int


class SequenceSource:
    """Serves reads of the files of one sequence. Used by one thread; fetches run on its own threads.

    Args:
        fetch: returns ``length`` bytes at ``offset`` of a file, patiently; called on several threads at once.
    """

    def __init__(
        self,
        fetch: Callable[[int, int, int], bytes],
        files: Sequence[SourceFile],
        *,
        block_bytes: int = BLOCK_BYTES,
        ahead_bytes: int = MAX_AHEAD_BYTES,
    ) -> None:
        self._fetch, self._files = fetch, files
        self._block_bytes, self._ahead_bytes = block_bytes, ahead_bytes
        counts = (-(-file.size_bytes // block_bytes) for file in files)
        self._starts = list(accumulate(counts, initial=0))  # the first block of each file, and the end
        self._held: dict[int, Future[_Block]] = {}
        self._sums: list[tuple[int, int]] = []  # CRC-32 and size of the blocks of the file that is passing
        self._passing = -1
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="source")
        self._count = threading.Lock()
        self._fetched_bytes = 0

    @property
    def fetched_bytes(self) -> int:
        """Return how many bytes were asked of the store so far (I3: at most 1.02 times the size)."""
        return self._fetched_bytes

    @property
    def held_bytes(self) -> int:
        """Return how much memory the blocks take, those on their way included."""
        return sum(self._length(number) for number in self._held)

    def read(self, offset: int, length: int, file: int = 0) -> bytes:
        """Return up to ``length`` bytes of a file at ``offset``; fewer only at its end.

        Raises:
            BadFrame: there is no such file.
            FrameAltered: the file passed whole and is not what was uploaded.
            DependencyError, StorageSetupError: a block could not be fetched; reading it again tries again.
        """
        if file >= len(self._files):
            raise BadFrame("the codec reads a file that the sequence does not have")
        end = min(offset + length, self._files[file].size_bytes)
        parts: list[bytes] = []
        while offset < end:
            index, start = divmod(offset, self._block_bytes)
            part = self._block(self._starts[file] + index)[start : start + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def narrow(self) -> None:
        """Do nothing: a sequence has no sound to be read on its own."""

    def sha256(self) -> None:
        """Return nothing: a sequence has no checksum of the whole, but one of each file."""

    def close(self) -> None:
        """Forget every block and end the threads; fetches that have begun are waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()

    def _block(self, number: int) -> bytes:
        for other in [held for held in self._held if not number <= held <= number + IN_FLIGHT]:
            self._held.pop(other).cancel()  # also those that lie far ahead, after a jump back
        self._want_from(number)
        future = self._held[number]
        if future.exception() is not None:
            del self._held[number]
        block = future.result()
        self._check(number, block)
        return block.body

    def _want_from(self, number: int) -> None:
        """Fetch a block and those behind it, as far as memory and requests in flight allow."""
        held_bytes = 0
        for ahead in range(number, min(number + IN_FLIGHT + 1, self._starts[-1])):
            held_bytes += self._length(ahead)
            if ahead > number and held_bytes > self._ahead_bytes:
                return
            if ahead not in self._held:
                self._held[ahead] = self._pool.submit(self._fetch_block, ahead)

    def _place(self, number: int) -> tuple[int, int]:
        """Return which file a block is of, and where it begins in it."""
        file = bisect_right(self._starts, number) - 1
        return file, (number - self._starts[file]) * self._block_bytes

    def _length(self, number: int) -> int:
        file, offset = self._place(number)
        return min(self._block_bytes, self._files[file].size_bytes - offset)

    def _fetch_block(self, number: int) -> _Block:
        (file, offset), length = self._place(number), self._length(number)
        body = self._fetch(file, offset, length)
        if len(body) != length:
            raise DependencyError("the store sent fewer bytes of the original than it should hold")
        with self._count:
            self._fetched_bytes += length
        return _Block(body, zlib.crc32(body))

    def _check(self, number: int, block: _Block) -> None:
        if number == self._passing:
            return  # one more read within the same block
        file, offset = self._place(number)
        if offset == 0:
            self._sums = []
        elif number != self._passing + 1:
            return  # it did not pass in order
        self._passing = number
        self._sums.append((block.crc32, len(block.body)))
        whole = self._files[file]
        is_whole = sum(size for _, size in self._sums) == whole.size_bytes
        if is_whole and crc.to_bytes(crc.combine(self._sums)) != whole.crc32:
            raise FrameAltered(f"frame {whole.number} is not the file that was sent: its checksum differs")
