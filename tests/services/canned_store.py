"""A relay in front of a store that gives some requests an answer of its own, or none at all.

It answers as stores do that MiniStack cannot be: without versioning or logging, with a key that KMS has disabled, with
requester pays, or hanging. What it says is the words of the S3 API reference; *not verified on AWS*.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping

CHUNK_BYTES = HEAD_BYTES = 1 << 16
HANGS = "hangs"
LATE = "AccessDenied, an hour ago"


@contextlib.contextmanager
def in_front_of(
    endpoint_url: str, canned: Mapping[str, tuple[int, str]], seen: list[str] | None = None
) -> Iterator[str]:
    """Yield the URL of a relay.

    Args:
        seen: gets the first line of every request.
        canned: "METHOD part-of-the-target" to status and error code (or, with 200, the whole body), or HANGS.
    """
    host, port = endpoint_url.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    accepting = threading.Thread(target=_accept, args=(listener, (host, int(port)), canned, ended, seen), daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)


def _accept(
    listener: socket.socket,
    target: tuple[str, int],
    canned: Mapping[str, tuple[int, str]],
    ended: threading.Event,
    seen: list[str] | None,
) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target, canned, ended, seen), daemon=True).start()


def _serve(
    client: socket.socket,
    target: tuple[str, int],
    canned: Mapping[str, tuple[int, str]],
    ended: threading.Event,
    seen: list[str] | None,
) -> None:
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_BYTES:
            if not (data := client.recv(CHUNK_BYTES)):
                return
            head += data
        lines, _, rest = head.partition(b"\r\n\r\n")
        method, path, *_ = lines.split(b"\r\n")[0].decode("latin-1").split(" ")
        if seen is not None:
            seen.append(lines.split(b"\r\n")[0].decode("latin-1"))
        for wanted, (status, text) in canned.items():
            verb, part = wanted.split(" ", 1)
            if method == verb and part in path:
                if text == HANGS:
                    while not ended.wait(0.1):
                        pass
                    return
                _answer(client, lines, status, text)
                return
        kept = [line for line in lines.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(target) as server:
            server.sendall(b"\r\n".join(kept) + b"\r\nConnection: close\r\n\r\n" + rest)
            upwards = threading.Thread(target=_copy, args=(client, server), daemon=True)
            upwards.start()
            _copy(server, client)
            client.shutdown(socket.SHUT_RDWR)
            upwards.join(5)


def _answer(client: socket.socket, lines: bytes, status: int, text: str) -> None:
    if b"expect: 100-continue" in lines.lower():
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    text, ago = ("AccessDenied", 3_600) if text == LATE else (text, 0)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - ago))
    body = text if status == 200 else f"<Error><Code>{text}</Code><Message>no</Message></Error>"
    head = f"HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    client.sendall((head + body).encode())
    client.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while client.recv(CHUNK_BYTES):  # the body of the request; a reset would take the answer with it
            pass


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
