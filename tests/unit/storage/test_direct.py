"""HEAD and GET against a server that answers as each test says."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reelkeep.encryption.tls_certificate import self_signed
from reelkeep.storage import direct as module
from reelkeep.storage.direct import MAX_HEAD_BYTES, DirectRequests

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n\r\n"


@contextmanager
def store(*answers: bytes) -> Iterator[tuple[DirectRequests, list[bytes]]]:
    """Answer one request after the other, all on the first connection that stays open; b"" closes it."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve() -> None:
            connection, _ = server.accept()
            for answer in answers:
                try:
                    asked.append(connection.recv(65_536))
                except ConnectionResetError:  # closed with something unread
                    asked.append(b"")
                if not answer:
                    connection.close()
                    connection, _ = server.accept()
                    continue
                connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield DirectRequests(f"http://127.0.0.1:{server.getsockname()[1]}", 5.0, 5.0), asked
        thread.join(5)


def url(direct: DirectRequests) -> str:
    return f"{direct._origin}/bucket/key?x=1"


def test_answers_come_over_one_connection() -> None:
    with store(OK, OK) as (direct, asked):
        for _ in range(2):
            found = direct.head(url(direct), {"x-amz-checksum-mode": "ENABLED"})
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
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (MAX_HEAD_BYTES // 6 + 9_000),
    ],
)
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    with store(answer) as (direct, _):
        direct._seconds = 1.0
        assert direct.head(url(direct), {}) is None


def test_a_store_that_is_away_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert DirectRequests(f"http://127.0.0.1:{port}", 1.0, 1.0).head(f"http://127.0.0.1:{port}/k", {}) is None


PART = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/9\r\n\r\n"


def test_a_range_comes_whole_and_the_connection_serves_the_next_one() -> None:
    with store(PART + b"first", PART + b"again") as (direct, asked):
        assert direct.get(url(direct), {"range": "bytes=0-4"}, 0, 5) == b"first"
        assert direct.get(url(direct), {"range": "bytes=0-4"}, 0, 5) == b"again"
    assert len(asked) == 2
    assert asked[0].startswith(b"GET /bucket/key?x=1 HTTP/1.1\r\n")
    assert b"\r\nrange: bytes=0-4\r\n" in asked[0]


@pytest.mark.parametrize(
    "answer",
    [
        PART.replace(b"206 Partial Content", b"200 OK") + b"first",
        PART.replace(b"206 Partial Content", b"403 Forbidden") + b"first",
        PART.replace(b"Length: 5", b"Length: 4") + b"firs",
        PART.replace(b"Content-Length: 5\r\n", b"") + b"first",
        PART.replace(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n") + b"5\r\nfirst\r\n0\r\n\r\n",
        PART.replace(b"Content-Range", b"Content-Encoding: gzip\r\nContent-Range") + b"first",
        PART.replace(b"bytes 0-4", b"bytes 5-9") + b"other",
        PART.replace(b"Content-Range: bytes 0-4/9\r\n", b"") + b"first",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + PART + b"first",
        PART + b"fir",
    ],
)
def test_what_is_not_the_range_is_none(answer: bytes) -> None:
    with store(answer) as (direct, _):
        direct._seconds = 1.0
        assert direct.get(url(direct), {}, 0, 5) is None


@pytest.mark.parametrize("answer", [OK + b"a body after an answer to HEAD", PART + b"first and more"])
def test_what_follows_an_answer_is_never_taken_for_another(answer: bytes) -> None:
    with store(answer, b"", PART + b"again") as (direct, asked):
        if answer.startswith(OK):
            found = direct.head(url(direct), {})
            assert found is not None
            assert found[0] == 200
        else:
            assert direct.get(url(direct), {}, 0, 5) == b"first"
        direct._idle[0].recv(1, socket.MSG_PEEK)  # until what follows has come
        assert direct.get(url(direct), {}, 0, 5) == b"again"
    assert [len(each) > 0 for each in asked] == [True, False, True], "the second was asked for over a new connection"


@contextmanager
def tls_store(folder: Path, answers: Sequence[Sequence[bytes]]) -> Iterator[tuple[DirectRequests, ssl.SSLContext]]:
    """Answer requests over one connection by TLS, each part of an answer in a record of its own."""
    made = self_signed("localhost", datetime.now(UTC))
    (folder / "chain.pem").write_text(made.chain)
    (folder / "key.pem").write_text(made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve() -> None:
            plain, _ = server.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                for parts in answers:
                    connection.recv(65_536)
                    for part in parts:
                        connection.sendall(part)
                connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        origin = f"https://localhost:{server.getsockname()[1]}"
        direct = DirectRequests(origin, 5.0, 5.0)
        yield direct, ssl.create_default_context(cadata=made.chain)
        while direct._idle:
            direct._idle.pop().close()
        thread.join(5)


def test_by_tls_ranges_come_whole_over_one_connection_and_too_much_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [PART + b"fi", b"rst"], [PART + b"again"], [PART + b"third and more"]
    with tls_store(tmp_path, answers) as (direct, trust):
        monkeypatch.setattr(module, "_trust", lambda: trust)
        assert direct.get(url(direct), {}, 0, 5) == b"first"
        assert direct.get(url(direct), {}, 0, 5) == b"again"
        assert direct.get(url(direct), {}, 0, 5) is None


def test_a_kept_connection_that_the_store_has_closed_meanwhile_is_not_used_again() -> None:
    with store(OK) as (direct, _):
        assert direct.head(url(direct), {}) is not None
    (kept,) = direct._idle  # the store has closed its end by now
    assert direct._take() is None
    assert kept.fileno() == -1
