"""A TCP forwarder in front of a store that can misbehave: answer 503, reset a connection in the middle of a body, or
take bytes slowly.

Host is left as it is, so that signatures made for the forwarder's address hold at the store (SeaweedFS checks them
against the Host that it was sent).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

CHUNK_BYTES = 1 << 16
HEAD_BYTES = 1 << 13  # a longer piece ends in a body


class FaultyStore:
    """Counts what it refuses.

    ``key_disabled`` answers every request for an object as S3 does whose KMS key is disabled (S3 and KMS API
    references, DisabledException; *not verified on AWS*); STS still answers.

    ``busy`` answers every new request with 503; ``away`` resets every connection; ``resets_left`` connections break
    after ``reset_after_bytes``; ``flipping`` changes a bit in the body of every part.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.busy, self.away, self.flipping = threading.Event(), threading.Event(), threading.Event()
        self.key_disabled = threading.Event()
        self.resets_left = 0
        self.reset_after_bytes = 0
        self.bytes_per_second = 0  # of each connection, towards the store; 0: as fast as it goes
        self.slow_after_bytes = 0
        self.refused = 0
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def accept_forever(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for open_socket in self._open:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _serve(self, client: socket.socket) -> None:
        self._open.append(client)
        with client, contextlib.suppress(OSError):
            if self.away.is_set():
                self._reset(client)
                return
            if self.busy.is_set():
                self._refuse(client)
                return
            with socket.create_connection(self._target) as store:
                self._open.append(store)
                back = threading.Thread(target=_copy, args=(store, client))
                back.start()
                self._forward(client, store)
                with contextlib.suppress(OSError):
                    store.shutdown(socket.SHUT_WR)
                back.join(10)

    def _refuse(self, client: socket.socket) -> None:
        client.recv(CHUNK_BYTES)
        self.refused += 1
        client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        client.settimeout(1)
        while client.recv(CHUNK_BYTES):
            pass

    def _forward(self, client: socket.socket, store: socket.socket) -> None:
        seen = 0
        while data := client.recv(CHUNK_BYTES):
            seen += len(data)
            if self.key_disabled.is_set() and _is_for_an_object(data):
                self.refused += 1
                client.sendall(KEY_DISABLED)
                return
            breaks = bool(self.resets_left) and seen > self.reset_after_bytes
            if breaks or self.busy.is_set() or self.away.is_set():
                self.resets_left -= breaks
                self._reset(client)
                return
            if self.flipping.is_set() and seen > CHUNK_BYTES and len(data) > HEAD_BYTES:
                data = data[:-1] + bytes([data[-1] ^ 1])
            store.sendall(data)
            if self.bytes_per_second and seen > self.slow_after_bytes:
                time.sleep(len(data) / self.bytes_per_second)

    def _reset(self, client: socket.socket) -> None:
        self.refused += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


_BODY = b"<Error><Code>KMS.DisabledException</Code><Message>the key is disabled</Message></Error>"
KEY_DISABLED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(_BODY) + _BODY


def _is_for_an_object(data: bytes) -> bool:
    """Tell whether a piece begins a request for an object in a bucket; STS is asked at the root."""
    method, _, rest = data.partition(b" ")
    return method in (b"GET", b"PUT", b"HEAD", b"POST", b"DELETE") and not rest.startswith((b"/ ", b"/?"))


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)  # a store that died must not leave its client waiting


@contextlib.contextmanager
def in_front_of(endpoint_url: str) -> Iterator[FaultyStore]:
    host, port = endpoint_url.removeprefix("http://").split(":")
    forwarder = FaultyStore(host, int(port))
    accepting = threading.Thread(target=forwarder.accept_forever)
    accepting.start()
    try:
        yield forwarder
    finally:
        forwarder.close()
        accepting.join(5)
