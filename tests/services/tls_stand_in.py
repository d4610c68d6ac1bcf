"""A relay that tells MiniStack that a request came over TLS, as a load balancer does that ends TLS in front of it.

So the bucket policy's demand for TLS holds and is tested: what comes through here passes, and what goes to MiniStack
directly is plain HTTP to it and is refused. One request to a connection; Host is left as it is. A whole address in the
first line (RFC 9112, section 3.2.2), as a client behind a proxy sends it, is shortened: MiniStack knows paths alone.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

CHUNK_BYTES = 1 << 16
HEAD_BYTES = 1 << 16
WHOLE_ADDRESS = re.compile(rb"\A([A-Z]+) http://[^/ ]+/")
ADDED = b"\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def in_front_of(endpoint_url: str) -> Iterator[str]:
    """Yield the URL of a relay to ``endpoint_url``."""
    host, port = endpoint_url.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=_accept, args=(listener, (host, int(port))), daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target), daemon=True).start()


def _serve(client: socket.socket, target: tuple[str, int]) -> None:
    with client, contextlib.suppress(OSError), socket.create_connection(target) as server:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
            if not (data := client.recv(CHUNK_BYTES)):
                return
            head += data
        lines, _, rest = head.partition(b"\r\n\r\n")
        lines = WHOLE_ADDRESS.sub(rb"\1 /", lines)
        kept = [line for line in lines.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        server.sendall(b"\r\n".join(kept) + ADDED + rest)
        upwards = threading.Thread(target=_copy, args=(client, server), daemon=True)
        upwards.start()
        _copy(server, client)
        client.shutdown(socket.SHUT_RDWR)
        upwards.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
