"""TLS straight into a socket, with real clients: whole answers, slow ones, rude ones, and both ends of a goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from reelkeep.encryption.tls_certificate import self_signed
from reelkeep.web import tls_transport
from reelkeep.web.read_watch import ReadWatch
from reelkeep.web.tls import context_of
from reelkeep.web.tls_transport import TlsTransport, open_tls

HOST: Final = "acme.localhost"
MADE: Final = self_signed(HOST, datetime.now(UTC))
BULK: Final = random.Random(11).randbytes(3_000_001)
WATCH: Final = ReadWatch(0.05)
RESET: Final = struct.pack("ii", 1, 0)  # of SO_LINGER: close() resets


class Talk(asyncio.Protocol):
    """Writes down what the transport tells it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.heard, self.lost = bytearray(), asyncio.Event()
        self.error: Exception | None = None
        self.on_data: Callable[[bytes], object] = lambda _: None
        self.transport: TlsTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, TlsTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.on_data(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.error = exc
        self.lost.set()


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname(), timeout=20)
        far, _ = server.accept()
    far.setblocking(False)
    return near, far


def client_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=MADE.chain)
    context.maximum_version = version
    return context


Scene = Callable[[Talk, ssl.SSLSocket], Awaitable[None]]


def play(scene: Scene, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, loop: Any = uvloop) -> Talk:
    """Play a scene with a protocol and a client, who have shaken hands; nothing is open afterwards."""
    talk = []

    async def run() -> None:
        near, far = tcp()
        talk.append(Talk())
        shaking = asyncio.to_thread(
            client_context(version).wrap_socket, near, server_hostname=HOST, suppress_ragged_eofs=False
        )
        client, _ = await asyncio.gather(shaking, open_tls(far, context_of(MADE.chain, MADE.key), talk[0], WATCH))
        try:
            async with asyncio.timeout(20):
                await scene(talk[0], client)
                if client.fileno() >= 0:
                    client.close()
                await talk[0].lost.wait()
        finally:
            client.close()
            talk[0].transport.abort()

    uvloop.run(asyncio.sleep(0))  # the first keeps something open
    before = descriptors()
    loop.run(run())
    assert descriptors() <= before
    assert talk[0].told.count("lost") == 1
    return talk[0]


def take(client: ssl.SSLSocket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count and (more := client.recv(count - len(found))):
        found += more
    return bytes(found)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("loop", [asyncio, uvloop])
def test_what_is_written_arrives_whole_and_in_order(version: ssl.TLSVersion, loop: Any) -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        for size in (1, 16_383, 16_384, 16_385, 65_536, 65_537, 1_048_576, 1_048_577, len(BULK)):
            talk.transport.write(b"head")
            talk.transport.write(memoryview(BULK)[:size])
            talk.transport.write(b"")
            talk.transport.write(bytearray(b"end"))
            assert await asyncio.to_thread(take, client, size + 7) == b"head" + BULK[:size] + b"end"
            await asyncio.to_thread(client.sendall, BULK[:size])
            while len(talk.heard) < size:
                await asyncio.sleep(0.001)
            assert talk.heard == BULK[:size]
            talk.heard.clear()

    play(scene, version=version, loop=loop)


def test_a_short_answer_is_one_record() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        talk.transport.write(b"head")
        talk.transport.write(b"body")
        assert await asyncio.to_thread(client.recv, 100) == b"headbody"

    play(scene)


def test_the_end_of_a_large_answer_does_not_wait_in_the_kernel() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        loop = asyncio.get_running_loop()
        for size in (20_000, 100_000, 400_001):  # the end of the last is below a record and comes after a wait
            talk.transport.write(BULK[:size])
            began = loop.time()
            await asyncio.to_thread(take, client, size)
            assert talk.transport.get_write_buffer_size() == 0
            assert client_is_uncorked(talk)
            assert loop.time() - began < 0.19, "the kernel holds what is not a full packet for 0.2 s (tcp(7))"

    def client_is_uncorked(talk: Talk) -> bool:
        sock = talk.transport.get_extra_info("socket")
        return not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK)

    play(scene)


def test_who_takes_slowly_pauses_the_protocol_and_gets_everything() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        for _ in range(8):
            talk.transport.write(BULK)
        assert talk.told == ["pause"]
        low, high = talk.transport.get_write_buffer_limits()
        assert talk.transport.get_write_buffer_size() > high > low
        found = await asyncio.to_thread(take, client, 8 * len(BULK))
        assert found == 8 * BULK
        while talk.told != ["pause", "resume"]:
            await asyncio.sleep(0.001)
        watched = talk.transport.get_extra_info("socket").fileno()
        assert not asyncio.get_running_loop().remove_writer(watched), "nobody waits any more"

    play(scene, loop=asyncio)  # which tells whether there was something to remove


def test_a_view_is_held_until_it_was_sent_and_no_longer() -> None:
    memory = bytearray(BULK * 4)

    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        talk.transport.write(memoryview(memory))
        with pytest.raises(BufferError):
            memory.append(0)
        assert await asyncio.to_thread(take, client, len(BULK) * 4) == BULK * 4
        while talk.transport.get_write_buffer_size():
            await asyncio.sleep(0.001)
        gc.collect()
        memory.append(0)

    play(scene)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_close_sends_what_was_written_then_says_goodbye(version: ssl.TLSVersion) -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        for _ in range(8):
            talk.transport.write(BULK)
        talk.transport.close()
        talk.transport.write(b"too late")
        assert talk.transport.is_closing()
        assert await asyncio.to_thread(take, client, 8 * len(BULK)) == 8 * BULK
        assert await asyncio.to_thread(client.recv, 10) == b"", "ended by TLS: a ragged end would be an error"

    assert play(scene, version=version).error is None


def test_what_the_client_still_sends_takes_nothing_from_the_answer() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        talk.transport.pause_reading()
        await asyncio.to_thread(client.sendall, BULK[:500_000])
        talk.transport.write(BULK)
        talk.transport.close()
        assert await asyncio.to_thread(take, client, len(BULK)) == BULK
        assert await asyncio.to_thread(client.recv, 10) == b""

    play(scene)


def test_a_client_that_never_ends_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TlsTransport, "goodbye_seconds", 0.2)

    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        talk.transport.write(b"all")
        talk.transport.close()
        await talk.lost.wait()
        assert await asyncio.to_thread(take, client, 3) == b"all"

    play(scene)


def test_a_client_that_takes_nothing_of_the_rest_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TlsTransport, "rest_seconds", 0.2)

    async def scene(talk: Talk, _client: ssl.SSLSocket) -> None:
        for _ in range(8):
            talk.transport.write(BULK)
        talk.transport.close()
        await asyncio.sleep(0.1)
        assert not talk.lost.is_set()
        await talk.lost.wait()

    play(scene)


@pytest.mark.parametrize("by", ["close", "reset", "goodbye"])
def test_a_client_that_goes_away_is_noticed_once(by: str) -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        if by == "goodbye":
            await asyncio.to_thread(client.unwrap)  # returns once the server has said goodbye, too
        elif by == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        await talk.lost.wait()

    assert play(scene).told == ["eof", "lost"]


def test_a_client_that_goes_away_in_the_middle_of_an_answer() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        for _ in range(8):
            talk.transport.write(BULK)
        await asyncio.to_thread(take, client, 100_000)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()
        await talk.lost.wait()
        assert talk.transport.get_write_buffer_size() == 0

    assert isinstance(play(scene).error, OSError)


def test_a_paused_protocol_hears_nothing() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        assert talk.transport.is_reading()
        talk.transport.pause_reading()
        await asyncio.to_thread(client.sendall, b"later")
        await asyncio.sleep(0.05)
        assert (bytes(talk.heard), talk.transport.is_reading()) == (b"", False)
        talk.transport.resume_reading()
        while talk.heard != b"later":
            await asyncio.sleep(0.001)

    play(scene)


def test_abort_ends_it_at_once() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        for _ in range(8):
            talk.transport.write(BULK)
        talk.transport.abort()
        talk.transport.write(b"more")
        talk.transport.close()
        talk.transport.resume_reading()
        await talk.lost.wait()
        with pytest.raises(OSError):  # what the kernel had is not the whole, and there is no goodbye
            await asyncio.to_thread(take, client, 8 * len(BULK))

    play(scene)


def test_a_defect_of_the_protocol_ends_its_connection_alone() -> None:
    reports: list[Any] = []

    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))

        def fail(_: bytes) -> None:
            raise RuntimeError("a defect")

        talk.on_data = fail
        await asyncio.to_thread(client.sendall, b"anything")
        await talk.lost.wait()

    talk = play(scene)
    assert [type(each) for each in reports] == [RuntimeError]
    assert isinstance(talk.error, RuntimeError)


class Keys:
    """What a client encrypts with, record by record; TLS_AES_256_GCM_SHA384, RFC 8446, sections 4.6.3, 5.2 and 7.2."""

    def __init__(self, log: Path) -> None:
        lines = [each.split() for each in log.read_text().splitlines()]
        (self._secret,) = (bytes.fromhex(each[2]) for each in lines if each[0] == "CLIENT_TRAFFIC_SECRET_0")
        self._number = 0  # of the next record under this key

    def key_update(self, *, asks: bool) -> bytes:
        """Return the record that says so, and go on with the next key."""
        made = self.record(b"\x18\0\0\x01" + bytes([asks]), kind=22)
        self._secret, self._number = self._expanded(b"traffic upd", 48), 0
        return made

    def record(self, plain: bytes, kind: int = 23) -> bytes:
        head = struct.pack(">BHH", 23, 0x0303, len(plain) + 17)
        nonce = (int.from_bytes(self._expanded(b"iv", 12)) ^ self._number).to_bytes(12)
        self._number += 1
        return head + AESGCM(self._expanded(b"key", 32)).encrypt(nonce, plain + bytes([kind]), head)

    def _expanded(self, label: bytes, length: int) -> bytes:
        info = struct.pack(">HB", length, len(label) + 6) + b"tls13 " + label + b"\0"
        return HKDFExpand(SHA384(), length, info).derive(self._secret)


async def shaken(talk: Talk, log: Path, near: socket.socket, far: socket.socket) -> tuple[socket.socket, Keys]:
    """Shake hands; return the client's bare socket and its keys."""
    context = client_context()
    context.keylog_filename = str(log)
    shaking = asyncio.to_thread(context.wrap_socket, near, server_hostname=HOST)
    client, _ = await asyncio.gather(shaking, open_tls(far, context_of(MADE.chain, MADE.key), talk, WATCH))
    assert (client.cipher() or [None])[0] == "TLS_AES_256_GCM_SHA384"
    keys, raw = Keys(log), socket.socket(fileno=client.detach())
    raw.settimeout(20)
    return raw, keys


@pytest.mark.parametrize("count", [3, 100_000])
def test_a_client_who_asks_for_new_keys_without_end_is_left(count: int, tmp_path: Path) -> None:
    async def run() -> bool:
        talk = Talk()
        client, keys = await shaken(talk, tmp_path / "keys", *tcp())
        flood = await asyncio.to_thread(lambda: b"".join(keys.key_update(asks=False) for _ in range(count)))
        with contextlib.suppress(OSError):  # it is reset in the middle
            await asyncio.to_thread(client.sendall, flood)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10 if count > 3 else 0.5):
                await talk.lost.wait()
        was_left = talk.lost.is_set()
        client.close()
        talk.transport.abort()
        return was_left

    assert uvloop.run(run()) == (count > 3)


async def on_a_full_line(talk: Talk, log: Path) -> tuple[socket.socket, Keys, int]:
    """Shake hands, then fill the server's socket past TLS, to the last byte; return client, keys and how many."""
    near, far = socket.socketpair()  # what is sent waits exactly there
    near.settimeout(20)
    far.setblocking(False)
    client, keys = await shaken(talk, log, near, far)
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        client.recv(1 << 16)  # session tickets
    client.settimeout(20)
    sock, filled = talk.transport.get_extra_info("socket"), 0
    for size in (4_096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += socket.socket.send(sock, bytes(size))
    return client, keys, filled


def take_raw(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += client.recv(count - len(found))
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def test_a_client_who_asks_for_new_keys_while_his_line_is_full_is_answered_later(tmp_path: Path) -> None:
    async def run() -> None:
        talk = Talk()
        client, keys, filled = await on_a_full_line(talk, tmp_path / "keys")
        client.sendall(keys.key_update(asks=True) + keys.record(b"first"))
        await until(lambda: talk.heard == b"first")
        talk.transport.write(b"answer")  # before it goes what says that new keys were asked for
        await asyncio.sleep(0.05)
        client.sendall(keys.record(b", second"))  # which the next read would have to send, too
        before = time.process_time()
        await asyncio.sleep(0.3)
        assert time.process_time() - before < 0.15, "nothing goes round and round meanwhile"
        assert talk.told == []
        await asyncio.to_thread(take_raw, client, filled)
        await until(lambda: talk.heard == b"first, second")
        update, answer = 5 + 5 + 17, 5 + len(b"answer") + 17
        assert len(await asyncio.to_thread(take_raw, client, update + answer)) == update + answer
        client.close()
        await talk.lost.wait()

    uvloop.run(run())


def test_the_goodbye_waits_for_room(tmp_path: Path) -> None:
    async def run() -> None:
        talk = Talk()
        client, _, filled = await on_a_full_line(talk, tmp_path / "keys")
        talk.transport.close()
        await asyncio.sleep(0.05)
        await asyncio.to_thread(take_raw, client, filled)
        assert (await asyncio.to_thread(client.recv, 100))[:5] == b"\x17\x03\x03\x00\x13", "an alert, encrypted"
        assert await asyncio.to_thread(client.recv, 100) == b""
        client.close()
        await talk.lost.wait()

    uvloop.run(run())


@pytest.mark.parametrize("then", ["close", "abort", "write", "write and close"])
def test_a_protocol_may_do_as_it_likes_when_it_is_told_to_go_on(then: str) -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        def resume() -> None:
            talk.resume_writing = lambda: None  # type: ignore[method-assign]
            if "write" in then:
                talk.transport.write(BULK)
            if "close" in then:
                talk.transport.close()
            if then == "abort":
                talk.transport.abort()

        talk.resume_writing = resume  # type: ignore[method-assign]
        for _ in range(8):
            talk.transport.write(BULK)
        expected = (8 + ("write" in then)) * BULK
        assert await asyncio.to_thread(take, client, len(expected)) == expected

    assert play(scene).error is None


def test_another_protocol_may_take_over() -> None:
    async def scene(talk: Talk, client: ssl.SSLSocket) -> None:
        other = Talk()
        talk.on_data = lambda _: talk.transport.set_protocol(other)
        await asyncio.to_thread(client.sendall, b"upgrade")
        while not talk.heard:
            await asyncio.sleep(0.001)
        assert talk.transport.get_protocol() is other
        await asyncio.to_thread(client.sendall, b"frames")
        while not other.heard:
            await asyncio.sleep(0.001)
        assert (bytes(talk.heard), bytes(other.heard)) == (b"upgrade", b"frames")
        talk.transport.set_protocol(talk)

    play(scene)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff", BULK[:64], b""], ids=range(4))
def test_what_is_no_tls_is_refused_and_nothing_stays_open(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_transport, "HANDSHAKE_SECONDS", 0.3)

    async def run() -> None:
        near, far = tcp()
        talk = Talk()
        near.sendall(sent)
        with pytest.raises(OSError):
            await open_tls(far, context_of(MADE.chain, MADE.key), talk, WATCH)
        assert not talk.told
        near.close()

    before = descriptors()
    uvloop.run(run())
    assert descriptors() <= before


def test_a_handshake_that_is_given_up_leaves_nothing_open() -> None:
    async def run() -> None:
        near, far = tcp()
        task = asyncio.create_task(open_tls(far, context_of(MADE.chain, MADE.key), Talk(), WATCH))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        near.close()

    before = descriptors()
    uvloop.run(run())
    assert descriptors() <= before
