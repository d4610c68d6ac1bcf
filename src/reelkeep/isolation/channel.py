"""Framed messages over a connected stream socket, for talk between our own processes.

A frame is: header length (4 bytes, big-endian), body length (4 bytes), header (a flat JSON object with a "kind"), body
(raw bytes). Both lengths are bounded before anything is read into memory. Whoever reads from a codec treats every
field as hostile: this module checks the frame, never the meaning.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.errors import IsolationError

_LENGTHS: Final = struct.Struct(">II")
MAX_HEADER_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 64 << 20  # the largest segment at 2160p is below 20 MB
_LEAST_SECONDS: Final = 0.001  # a timeout of 0 would mean: do not wait at all


class ChannelClosed(IsolationError):
    """The process at the other end of the channel has gone."""


class BadFrame(IsolationError):
    """The process at the other end broke the protocol."""


@dataclass(frozen=True)
class Message:
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


def encode(message: Message) -> bytes:
    """Return the frame of ``message`` without its body's copy being made twice.

    >>> decode_header(encode(Message("hello", {"n": 1}))[8:]).fields["n"]
    1
    """
    header = json.dumps({**message.fields, "kind": message.kind}, separators=(",", ":")).encode()
    return b"".join((_LENGTHS.pack(len(header), len(message.body)), header, message.body))


def decode_header(header: bytes, body: bytes = b"") -> Message:
    """Return the message of a header and a body; raise BadFrame if it is none."""
    try:
        fields = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise BadFrame("the header of a frame is not JSON") from error
    if not isinstance(fields, dict) or not isinstance(kind := fields.pop("kind", None), str):
        raise BadFrame("the header of a frame names no kind")
    return Message(kind, fields, body)


class Channel:
    """One end of a connected AF_UNIX stream socket. Not thread-safe: one reader, one writer."""

    def __init__(
        self, sock: socket.socket, *, max_header_bytes: int = MAX_HEADER_BYTES, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._socket = sock
        self._max_header_bytes = max_header_bytes
        self._max_body_bytes = max_body_bytes
        self._frame_seconds: float | None = None

    def limit(self, frame_seconds: float) -> None:
        """From now on take and give a whole frame within this time, so that the other end cannot hold us for ever."""
        self._frame_seconds = frame_seconds

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message) -> None:
        """Send one frame whole.

        Raises:
            ChannelClosed: nobody reads any more. BadFrame: the other end does not take it in time; close the channel.
        """
        try:
            if self._frame_seconds is not None:
                self._socket.settimeout(self._frame_seconds)  # sendall: for the whole of it
            self._socket.sendall(encode(message))
        except TimeoutError as error:
            raise BadFrame("the other end does not take what it is sent") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed from error

    def receive(self) -> Message:
        """Wait for one frame.

        Raises:
            ChannelClosed: the other end is gone, also in the middle of a frame.
            BadFrame: a length is over its bound, the header is not a JSON object, or the frame does not come whole in
                time; close the channel.
        """
        until = None if self._frame_seconds is None else time.monotonic() + self._frame_seconds
        header_length, body_length = _LENGTHS.unpack(self._exactly(_LENGTHS.size, until))
        if header_length > self._max_header_bytes or body_length > self._max_body_bytes:
            raise BadFrame("a frame is larger than the protocol allows")
        return decode_header(self._exactly(header_length, until), self._exactly(body_length, until))

    def _exactly(self, count: int, until: float | None) -> bytes:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            try:
                if until is not None:
                    self._socket.settimeout(max(_LEAST_SECONDS, until - time.monotonic()))
                got = self._socket.recv_into(view)
            except TimeoutError as error:
                raise BadFrame("a frame was begun and does not come whole") from error
            except ConnectionResetError as error:
                raise ChannelClosed from error
            if not got:
                raise ChannelClosed
            view = view[got:]
        return bytes(buffer)
