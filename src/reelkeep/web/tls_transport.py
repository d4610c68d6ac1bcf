"""A TLS connection as an asyncio transport that encrypts straight into its socket.

asyncio's and uvloop's own go by a buffer between OpenSSL and the socket: what is sent is copied twice more. Here
OpenSSL writes its records into the kernel itself, which holds them until a packet is full (``TCP_CORK``, tcp(7)).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from reelkeep.web.read_watch import ReadWatch

HANDSHAKE_SECONDS: Final = 10.0
RECEIVE_BYTES: Final = 64 << 10  # in the kernel at a time; requests are small, and uploads go to the bucket
REST_SECONDS: Final = 400.0  # for what is written already when a connection is closed; as long as for any answer
GOODBYE_SECONDS: Final = 5.0  # for the other side's end after ours
_RECORD_BYTES: Final = 16 << 10  # the most in one (RFC 8446, section 5.1)
_PIECE_BYTES: Final = 1 << 20  # what one call encrypts; after each is known how much is left
_HIGH_WATER_BYTES: Final = 64 << 10


async def open_tls(
    client: socket.socket, context: ssl.SSLContext, protocol: asyncio.Protocol, watch: ReadWatch
) -> None:
    """Shake hands, then let ``protocol`` have the connection.

    Args:
        client: not blocking; its descriptor is taken out of it.
        watch: of the thread that runs the loop.

    Raises:
        OSError: no TLS that ``context`` speaks came, or none in HANDSHAKE_SECONDS; the descriptor is closed.
    """
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    connection = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await _shake_hands(connection)
        TlsTransport(connection, protocol, watch).begin()
        undo.pop_all()


async def _shake_hands(connection: ssl.SSLSocket) -> None:
    loop, descriptor = asyncio.get_running_loop(), connection.fileno()
    while True:
        ready = asyncio.Event()
        try:
            return connection.do_handshake()
        except ssl.SSLWantReadError:
            watch, unwatch = loop.add_reader, loop.remove_reader
        except ssl.SSLWantWriteError:
            watch, unwatch = loop.add_writer, loop.remove_writer
        watch(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            unwatch(descriptor)


class TlsTransport(asyncio.Transport):
    """Belongs to the running loop. What is written is held as it is, without a copy, until the socket has taken it.

    Once closed, it sends what was written before, says that this was all, and waits for the other side's end: were the
    socket closed at once, whatever comes meanwhile would reset it, and take the end of the answer along (RFC 1122,
    section 4.2.2.13).

    Args:
        connection: not blocking, after its handshake.
    """

    rest_seconds = REST_SECONDS
    goodbye_seconds = GOODBYE_SECONDS

    def __init__(self, connection: ssl.SSLSocket, protocol: asyncio.BaseProtocol, watch: ReadWatch) -> None:
        super().__init__({"socket": connection, "sslcontext": connection.context, "ssl_object": connection})
        self._loop = asyncio.get_running_loop()
        self._connection, self._descriptor, self._watch = connection, connection.fileno(), watch
        self.set_protocol(protocol)
        self._queue: deque[bytes | memoryview] = deque()
        self._queued = 0  # bytes
        self._flushing: asyncio.Handle | None = None
        self._end: asyncio.TimerHandle | None = None
        self._is_blocked = self._is_closing = self._has_said_goodbye = self._is_at_end = self._is_lost = False
        self._has_read_to_do = False
        self._is_reading = self._is_corked = self._is_protocol_paused = False
        self.set_write_buffer_limits()

    def begin(self) -> None:
        """Tell the protocol of the connection, and read what comes."""
        self.resume_reading()
        self._protocol.connection_made(self)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self._is_closing

    def is_reading(self) -> bool:
        return self._is_reading

    def pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._loop.add_reader(self._descriptor, self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = _HIGH_WATER_BYTES if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self._queued

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError("TLS ends both ways at once here")

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send ``data``, soon; what comes after ``close`` is dropped. A view must not change until it was sent."""
        if self._is_closing or not data:
            return
        self._queue.append(bytes(data) if isinstance(data, bytearray) else data)
        self._queued += len(data)
        if self._is_blocked:
            self._pause_or_resume()
        elif self._queued > self._high:
            self._flush()
        elif self._flushing is None:  # head and body of a short answer become one record
            self._flushing = self._loop.call_soon(self._flush)

    def close(self) -> None:
        if not self._is_closing:
            self.pause_reading()
            self._is_closing = True
            self._end = self._loop.call_later(self.rest_seconds, self.abort)
            if not self._queue:
                self._say_goodbye()

    def abort(self) -> None:
        self._lose(None)

    def _flush(self) -> None:
        """Give the socket as much as it takes."""
        self._stop_flushing()
        try:
            if self._queued > _RECORD_BYTES:
                self._cork(hold=True)
            while self._queue:
                self._sent(self._connection.send(self._next()))
            self._cork(hold=False)
        except ssl.SSLWantWriteError:
            self._block()
        except OSError as error:
            self._lose(error)
            return
        else:
            self._unblock()
            self._go_on_reading()
        self._pause_or_resume()
        if self._is_closing and not self._queue:
            self._say_goodbye()

    def _next(self) -> bytes | memoryview:
        """Return what is to be sent next. The same until it was sent, or longer, as OpenSSL demands."""
        if len(self._queue) > 1 and self._queued <= _RECORD_BYTES:
            joined = b"".join(self._queue)
            self._queue.clear()
            self._queue.append(joined)
        first = self._queue[0]
        return memoryview(first)[:_PIECE_BYTES] if len(first) > _PIECE_BYTES else first

    def _sent(self, count: int) -> None:
        first = self._queue.popleft()
        if count < len(first):
            self._queue.appendleft(memoryview(first)[count:])
        self._queued -= count

    def _cork(self, *, hold: bool) -> None:
        if self._is_corked != hold:
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, hold)
            self._is_corked = hold

    def _block(self) -> None:
        """Go on with ``_flush`` when the socket takes something."""
        if not self._is_blocked:
            self._is_blocked = True
            self._loop.add_writer(self._descriptor, self._flush)

    def _unblock(self) -> None:
        if self._is_blocked:
            self._is_blocked = False
            self._loop.remove_writer(self._descriptor)

    def _stop_flushing(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None

    def _pause_or_resume(self) -> None:
        """Tell the protocol when too much waits, and when it does no more."""
        if not self._is_protocol_paused and self._queued > self._high:
            self._is_protocol_paused = True
            self._call(self._protocol.pause_writing)
        elif self._is_protocol_paused and self._queued <= self._low:
            self._is_protocol_paused = False
            self._call(self._protocol.resume_writing)

    def _read(self) -> None:
        try:
            with self._watch.reading(self._connection):
                data = self._connection.recv(_RECORD_BYTES)  # OpenSSL takes one from the kernel at a time
        except ssl.SSLWantReadError:  # not a whole record yet
            return
        except ssl.SSLWantWriteError:  # first goes the answer to a KeyUpdate (RFC 8446, section 4.6.3)
            self._loop.remove_reader(self._descriptor)
            self._has_read_to_do = True
            self._block()
            return
        except OSError as error:
            self._lose(error)
            return
        if data:
            self._call(lambda: self._protocol.data_received(data))
            return
        self._is_at_end = True
        self._call(self._protocol.eof_received)
        self.close()

    def _go_on_reading(self) -> None:
        if self._has_read_to_do:
            self._has_read_to_do = False
            if self._is_reading:
                self._loop.add_reader(self._descriptor, self._read)

    def _say_goodbye(self) -> None:
        """Tell the other side that this was all, and wait for its end."""
        if self._is_lost or self._has_said_goodbye:
            return
        try:
            with self._watch.reading(self._connection):
                self._connection.unwrap()
        except ssl.SSLWantWriteError:  # the socket is just full
            self._block()
            return
        except OSError:
            pass  # it has gone, or has not said goodbye yet
        self._has_said_goodbye = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        if self._is_at_end:
            self._lose(None)
            return
        if self._end is not None:
            self._end.cancel()
        self._end = self._loop.call_later(self.goodbye_seconds, self.abort)
        self._loop.add_reader(self._descriptor, self._discard)

    def _discard(self) -> None:
        try:
            if socket.socket.recv(self._connection, _RECORD_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._lose(None)

    def _call(self, told: Callable[[], object]) -> None:
        """Tell the protocol something. A defect of it ends the connection, and no other."""
        try:
            told()
        except Exception as error:  # noqa: BLE001
            self._loop.call_exception_handler({"message": "a protocol failed", "exception": error})
            self._lose(error)

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._is_reading = False
        self._loop.remove_reader(self._descriptor)
        self._unblock()
        self._stop_flushing()
        if self._end is not None:
            self._end.cancel()
        self._queue.clear()
        self._queued = 0
        self._connection.close()
        self._loop.call_soon(lambda: self._protocol.connection_lost(error))  # whose it is then
