"""The original as a file: reads go over the channel to the carrier, at most 1 MiB at once."""

from __future__ import annotations

import io
from typing import Final

from reelkeep.isolation.channel import BadFrame, Channel
from reelkeep.transcode.fields import MAX_READ_BYTES
from reelkeep.transcode.protocol import Bytes, Read

SMALL_READ_BYTES: Final = 64 << 10  # a second of compressed sound is about 20 KiB, a second of PCM 300


class Original:
    """A seekable file object for libavformat. Not thread-safe: demuxing happens on one thread."""

    def __init__(self, channel: Channel, size_bytes: int) -> None:
        self._channel = channel
        self._size = size_bytes
        self._position = 0
        self._most_bytes = MAX_READ_BYTES

    def read_little(self) -> None:
        """Read small pieces from now on: what is wanted lies scattered."""
        self._most_bytes = SMALL_READ_BYTES

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes, fewer at the end, and for large counts fewer too."""
        left = max(0, self._size - self._position)
        length = min(left if count < 0 else count, left, self._most_bytes)
        if not length:
            return b""
        body = self.read_at(self._position, length)
        self._position += length
        return body

    def read_at(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``, all within the file; moves nothing."""
        self._channel.send(Read(offset, length).message())
        answer = Bytes.parse(self._channel.receive())
        if answer.offset != offset or len(answer.body) != length:
            raise BadFrame("the carrier answered another read")
        return answer.body

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    @property
    def size_bytes(self) -> int:
        return self._size
