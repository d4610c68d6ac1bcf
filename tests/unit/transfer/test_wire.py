"""The client for bytes, against a server on loopback that speaks HTTP/1.1 by hand."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reelkeep.errors import DependencyError, MediaError
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.pace import STEP_BYTES, Pace, Stopped
from reelkeep.transfer.upload import FileBody
from reelkeep.transfer.wire import Wire

Serve = Callable[[socket.socket], None]


@contextmanager
def server(*connections: Serve) -> Iterator[str]:
    """Serve one connection after the other, each by its function."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)  # a connection that does not come must not leave the thread behind

        def run() -> None:
            for serve in connections:
                client, _ = listener.accept()
                with client:
                    serve(client)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/k?a=b"
        finally:
            thread.join(10)


def answers(*texts: bytes) -> Serve:
    """Take a request without a body and send an answer, as often as there are answers."""

    def serve(client: socket.socket) -> None:
        for text in texts:
            seen = b""
            while b"\r\n\r\n" not in seen:
                seen += client.recv(65_536)
            with suppress(ConnectionError):  # the client may have heard enough
                client.sendall(text)

    return serve


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nwrong",
        b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwr\r\n3;x=y\r\nong\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad\r\ncontent-length:5\r\n\r\nwrong",
        b"HTTP/1.0 400 Bad\r\n\r\nwrong",
    ],
)
def test_every_form_of_an_answer_is_read_whole(text: bytes) -> None:
    with server(answers(text)) as url, Wire() as wire:
        answer = wire.request("GET", url, {})
    assert (answer.status, answer.content) == (400, b"wrong")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwro",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwro",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
    ],
)
def test_what_breaks_off_is_no_http_or_has_no_end_is_a_dependency(text: bytes) -> None:
    with server(answers(text)) as url, Wire() as wire, pytest.raises(DependencyError):
        wire.request("GET", url, {})


def test_a_connection_is_used_again_and_one_that_has_ended_is_made_anew() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with server(answers(good, good), answers(good)) as url, Wire() as wire:
        for _ in range(3):
            assert wire.request("GET", url, {}).content == b"ok"


def test_a_connection_that_ends_while_the_next_request_is_on_its_way_is_made_anew(tmp_path: Path) -> None:
    """The end and the request cross: the body is counted once, and goes whole to the new connection."""
    got = bytearray()

    def answer_once_and_end_at_the_next(client: socket.socket) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        client.recv(16)  # unread bytes make the end a reset

    def take(client: socket.socket) -> None:
        while b"frames" not in got:
            got.extend(client.recv(65_536))
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    (tmp_path / "clip").write_bytes(b"frames")
    descriptor, seen = os.open(tmp_path / "clip", os.O_RDONLY), list[int]()
    body = FileBody(descriptor, 0, 6, Meter(6, lambda now: seen.append(now.done_bytes)), Pace(), threading.Event())
    with server(answer_once_and_end_at_the_next, take) as url, Wire() as wire:
        assert wire.request("GET", url, {}).content == b"ok"
        assert wire.request("PUT", url, {}, body=body).content == b"ok"
    os.close(descriptor)
    assert seen[-1] == 6


def test_a_body_goes_to_the_sink_only_with_the_status_that_was_expected() -> None:
    got = bytearray()
    first = b"HTTP/1.1 206 Partial\r\nContent-Length: 6\r\n\r\nframes"
    second = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    with server(answers(first, second)) as url, Wire(step_bytes=4) as wire:
        assert wire.request("GET", url, {}, sink=got.extend).content == b""
        assert wire.request("GET", url, {}, sink=got.extend).content == b"no"
    assert got == b"frames"


def test_a_refusal_in_the_middle_of_a_body_is_heard(tmp_path: Path) -> None:
    """A store that refuses does not read the rest; its answer must not be taken for a broken line."""

    def refuse(client: socket.socket) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 20):
            pass

    with server(refuse) as url, Wire() as wire, body(tmp_path, 20 << 20) as sent:
        assert wire.request("PUT", url, {}, body=sent).status == 403


def test_a_file_that_became_shorter_and_a_stop_end_the_sending(tmp_path: Path) -> None:
    def swallow(client: socket.socket) -> None:
        while client.recv(1 << 20):
            pass

    with server(swallow) as url, Wire() as wire, body(tmp_path, 1000, promised=2000) as sent, pytest.raises(MediaError):
        wire.request("PUT", url, {}, body=sent)
    stop = threading.Event()
    stop.set()
    with server(swallow) as url, Wire() as wire, body(tmp_path, 1000, stop=stop) as sent, pytest.raises(Stopped):
        wire.request("PUT", url, {}, body=sent)


def test_a_pace_is_shared_and_has_small_steps() -> None:
    now = [100.0]
    pace = Pace(80_000, clock=lambda: now[0])
    assert pace.step_bytes == 10_000
    assert Pace().step_bytes == STEP_BYTES
    waits = [pace._book(40_000, 80_000) for _ in range(3)]
    assert waits == [0.0, 0.5, 1.0]
    now[0] += 10
    assert pace._book(40_000, 80_000) == 0.0


@contextmanager
def body(
    folder: Path, size_bytes: int, *, promised: int | None = None, stop: threading.Event | None = None
) -> Iterator[FileBody]:
    path = folder / "body"
    path.write_bytes(b"x" * size_bytes)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        length = promised or size_bytes
        yield FileBody(descriptor, 0, length, Meter(length, None), Pace(), stop or threading.Event())
    finally:
        os.close(descriptor)
