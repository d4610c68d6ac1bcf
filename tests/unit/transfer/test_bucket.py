"""Answers of a store that go wrong, from a real server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reelkeep.errors import Conflict, DependencyError, StorageSetupError
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer.bucket import MAX_BAD_BYTES, MAX_RESIGNS, StoreClient
from reelkeep.transfer.interface import SignedRequest
from reelkeep.transfer.wire import Line, Wire

EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@contextmanager
def store_answering(answers: Callable[[int], tuple[int, bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    """A server whose nth PUT is answered by ``answers(n)``; yields its address and the bodies it got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            status, body = answers(len(bodies))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/part", bodies
        finally:
            server.shutdown()
            thread.join()


class Body:
    size_bytes = 5

    def __init__(self) -> None:
        self.taken_back = 0

    def send(self, line: Line) -> None:
        line.send(b"he")
        line.send(b"llo")

    def take_back(self) -> None:
        self.taken_back += 1


class Links:
    def __init__(self, url: str) -> None:
        self.url, self.asked = url, []

    def __call__(self, fresh: bool) -> SignedRequest:
        self.asked.append(fresh)
        return SignedRequest(1, "PUT", self.url, {}, datetime.now(UTC) + timedelta(minutes=10))


def put(url: str) -> tuple[Links, Body]:
    links, body = Links(url), Body()
    with Wire() as wire:
        StoreClient(wire, threading.Event()).put(links, body)
    return links, body


def test_a_part_is_sent_with_its_length() -> None:
    with store_answering(lambda _: (200, b"")) as (url, bodies):
        put(url)
    assert bodies == [b"hello"]


def test_a_busy_store_is_asked_again_and_the_part_is_sent_whole_each_time() -> None:
    with store_answering(lambda n: (503, b"") if n < 3 else (200, b"")) as (url, bodies):
        _, body = put(url)
    assert bodies == [b"hello"] * 3
    assert body.taken_back == 2


def test_an_expired_link_is_replaced_by_a_fresh_one() -> None:
    with store_answering(lambda n: (403, EXPIRED) if n == 1 else (200, b"")) as (url, _):
        links, _ = put(url)
    assert links.asked == [False, True]


def test_links_that_expire_again_and_again_end_it() -> None:
    with store_answering(lambda _: (403, EXPIRED)) as (url, bodies), pytest.raises(StorageSetupError):
        put(url)
    assert len(bodies) == MAX_RESIGNS + 1


def test_a_real_refusal_is_not_repeated() -> None:
    with store_answering(lambda _: (403, DENIED)) as (url, bodies), pytest.raises(StorageSetupError):
        put(url)
    assert len(bodies) == 1


def test_an_upload_that_the_store_forgot_ends_it() -> None:
    gone = b"<Error><Code>NoSuchUpload</Code></Error>"
    with store_answering(lambda _: (404, gone)) as (url, bodies), pytest.raises(Conflict):
        put(url)
    assert len(bodies) == 1


def test_bytes_that_broke_on_the_way_are_sent_again_a_few_times() -> None:
    bad = b"<Error><Code>BadDigest</Code></Error>"
    with store_answering(lambda n: (400, bad) if n == 1 else (200, b"")) as (url, bodies):
        put(url)
    assert len(bodies) == 2
    with store_answering(lambda _: (400, bad)) as (url, bodies), pytest.raises(ChecksumMismatch):
        put(url)
    assert len(bodies) == MAX_BAD_BYTES + 1


def test_a_store_that_is_not_there_is_a_dependency_and_a_stop_ends_the_waiting() -> None:
    stop = threading.Event()
    stop.set()
    with Wire() as wire, pytest.raises(DependencyError):
        StoreClient(wire, stop).put(Links("http://127.0.0.1:1/x"), Body())
