"""Ends a connection that keeps the loop in one read.

OpenSSL reads on by itself as long as what comes is nothing for the application. So a client who asks for new keys
without end (KeyUpdate, RFC 8446, section 4.6.3; 27 bytes that take some 8 microseconds to read)
would hold the thread that reads, all other connections with it, and no timer of the loop would run. Python has no
switch for that (``SSL_MODE_AUTO_RETRY``); but it lets other threads run meanwhile, and one looks at the clock here.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

MOST_SECONDS: Final = 0.2  # of the processor's time in one read; a record takes some microseconds


class ReadWatch:
    """Belongs to the thread that reads. Its own thread begins with the first read, and rests while nothing is read.

    Args:
        most_seconds: of the reading thread's CPU time; looked at as often by the clock on the wall.
    """

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self._most_seconds = most_seconds
        self._lock, self._awake = threading.Lock(), threading.Event()
        self._reading: ssl.SSLSocket | None = None
        self._began = 0.0  # of the reading thread's CPU time
        self._is_used = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def reading(self, connection: ssl.SSLSocket) -> Iterator[None]:
        """Watch what is done with a connection now; when it takes too long, nothing more comes in by it."""
        if self._thread is None:
            clock = time.pthread_getcpuclockid(threading.get_ident())
            self._thread = threading.Thread(target=self._watch, args=(clock,), name="read-watch", daemon=True)
            self._thread.start()
        with self._lock:
            self._reading, self._began, self._is_used = connection, time.thread_time(), True
            if not self._awake.is_set():
                self._awake.set()
        try:
            yield
        finally:
            with self._lock:  # not in the middle of being ended: its descriptor may be another's soon
                self._reading = None

    def _watch(self, clock: int) -> None:
        while True:
            self._awake.wait()
            time.sleep(self._most_seconds)
            with self._lock:
                if self._reading is not None and time.clock_gettime(clock) - self._began > self._most_seconds:
                    with suppress(OSError):  # it has gone by itself
                        socket.socket.shutdown(self._reading, socket.SHUT_RDWR)  # past TLS, which is being read
                elif self._reading is None and not self._is_used:
                    self._awake.clear()
                self._is_used = False
