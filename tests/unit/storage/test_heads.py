"""HEAD requests against a server that answers as each test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reelkeep.storage.heads import MAX_HEAD_BYTES, Heads

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n\r\n"


@contextmanager
def store(*answers: bytes) -> Iterator[tuple[Heads, list[bytes]]]:
    """Answer one request after the other, all on the first connection that stays open; b"" closes it."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve() -> None:
            connection, _ = server.accept()
            for answer in answers:
                asked.append(connection.recv(65_536))
                if not answer:
                    connection.close()
                    connection, _ = server.accept()
                    continue
                connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield Heads(f"http://127.0.0.1:{server.getsockname()[1]}", 5.0), asked
        thread.join(5)


def url(heads: Heads) -> str:
    return f"{heads._origin}/bucket/key?x=1"


def test_answers_come_over_one_connection() -> None:
    with store(OK, OK) as (heads, asked):
        for _ in range(2):
            found = heads.ask(url(heads), {"x-amz-checksum-mode": "ENABLED"})
            assert found == (200, {"content-length": "5", "x-amz-checksum-crc32": "AAAAAA=="})
    assert len(asked) == 2
    assert asked[0].startswith(b"HEAD /bucket/key?x=1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nx-amz-checksum-mode: ENABLED\r\n" in asked[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"200\r\n\r\n",
        b"HTTP/1.1 many\r\n\r\n",
        OK + b"a body after an answer to HEAD",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MAX_HEAD_BYTES // 6 + 9_000),
    ],
)
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    with store(answer) as (heads, _):
        heads._seconds = 1.0
        assert heads.ask(url(heads), {}) is None


def test_a_store_that_is_away_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert Heads(f"http://127.0.0.1:{port}", 1.0).ask(f"http://127.0.0.1:{port}/k", {}) is None
