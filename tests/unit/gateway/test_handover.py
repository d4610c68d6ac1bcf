"""Passing sockets: at most 32 unacknowledged, one slow company never holds up another, successors are found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelkeep.gateway.handover import MAX_UNACKNOWLEDGED, Handover, Passenger, Unavailable


def passenger(host: str) -> Passenger:
    return Passenger(host, "127.0.0.1", 1234, None, is_tls=True)


class Receiver:
    """A company's process that takes what it is told to take."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._gateway: socket.socket | None = None

    def take(self, *, acknowledge: bool = True) -> dict[str, object]:
        if self._gateway is None:
            self._gateway, _ = self._listener.accept()
            self._gateway.settimeout(2)
        payload, descriptors, _, _ = socket.recv_fds(self._gateway, 4096, 1)
        for descriptor in descriptors:
            os.close(descriptor)
        if acknowledge:
            with contextlib.suppress(BrokenPipeError):  # the gateway's end is closed already
                self._gateway.send(b"\x01")
        fields: dict[str, object] = json.loads(payload)
        return fields

    def close(self) -> None:
        self._listener.close()
        if self._gateway is not None:
            self._gateway.close()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield theirs


@contextlib.contextmanager
def receiving(path: Path) -> Iterator[Receiver]:
    receiver = Receiver(path)
    try:
        yield receiver
    finally:
        receiver.close()


async def passed(handover: Handover, client: socket.socket, host: str, receiver: Receiver) -> dict[str, object]:
    """Pass one and have it taken."""
    passing = asyncio.create_task(handover.pass_on(client, passenger(host)))
    taken = await asyncio.to_thread(receiver.take)
    await passing
    return taken


def test_host_and_peer_travel_with_the_socket(tmp_path: Path, client: socket.socket) -> None:
    async def pass_one(receiver: Receiver) -> dict[str, object]:
        handover = Handover(str(tmp_path / "s"))
        taken = await passed(handover, client, "acme.localhost", receiver)
        handover.close()
        return taken

    with receiving(tmp_path / "s") as receiver:
        assert asyncio.run(pass_one(receiver)) == {
            "host": "acme.localhost",
            "address": "127.0.0.1",
            "port": 1234,
            "endpoint_id": None,
            "is_tls": True,
        }


def test_a_process_that_does_not_acknowledge_gets_32_and_holds_up_nobody_else(
    tmp_path: Path, client: socket.socket
) -> None:
    async def flood(receiver: Receiver) -> int:
        stuck = Handover(str(tmp_path / "stuck"), wait_seconds=0.3)
        healthy = Handover(str(tmp_path / "healthy"), wait_seconds=0.3)
        passing = [asyncio.create_task(stuck.pass_on(client, passenger("a"))) for _ in range(100)]
        refused, waiting = await asyncio.wait(passing, timeout=0.6)
        assert (await passed(healthy, client, "b", receiver))["host"] == "b"
        assert {type(one.exception()) for one in refused} == {Unavailable}
        stuck.close()
        healthy.close()
        await asyncio.gather(*waiting)
        return len(waiting)

    with receiving(tmp_path / "stuck") as stuck, receiving(tmp_path / "healthy") as healthy:
        assert asyncio.run(flood(healthy)) == MAX_UNACKNOWLEDGED == 32
        for _ in range(MAX_UNACKNOWLEDGED):
            stuck.take(acknowledge=False)
        with pytest.raises(json.JSONDecodeError):  # the end of the connection: there is no 33rd
            stuck.take(acknowledge=False)


def test_each_acknowledgement_makes_room_for_one_more(tmp_path: Path, client: socket.socket) -> None:
    async def pass_many(receiver: Receiver) -> None:
        handover = Handover(str(tmp_path / "s"), wait_seconds=2)
        first = [asyncio.create_task(handover.pass_on(client, passenger("a"))) for _ in range(MAX_UNACKNOWLEDGED)]
        last = asyncio.create_task(handover.pass_on(client, passenger("last")))
        assert not (await asyncio.wait([*first, last], timeout=0.1))[0]
        for _ in range(MAX_UNACKNOWLEDGED):
            assert (await asyncio.to_thread(receiver.take))["host"] == "a"
        assert (await asyncio.to_thread(receiver.take))["host"] == "last"
        await asyncio.gather(*first, last)
        handover.close()

    with receiving(tmp_path / "s") as receiver:
        asyncio.run(pass_many(receiver))


def test_a_client_waits_for_a_process_that_is_not_there_yet(tmp_path: Path, client: socket.socket) -> None:
    async def pass_before() -> dict[str, object]:
        handover = Handover(str(tmp_path / "s"), wait_seconds=5)
        passing = asyncio.create_task(handover.pass_on(client, passenger("a")))
        await asyncio.sleep(0.2)
        with receiving(tmp_path / "s") as receiver:
            taken = await asyncio.to_thread(receiver.take)
            await passing
        handover.close()
        return taken

    assert asyncio.run(pass_before())["host"] == "a"


@pytest.mark.parametrize("acknowledged", [0, 2])
def test_the_successor_of_a_process_gets_what_that_one_did_not_acknowledge(
    tmp_path: Path, client: socket.socket, acknowledged: int
) -> None:
    async def pass_over() -> list[object]:
        handover = Handover(str(tmp_path / "s"), wait_seconds=5)
        with receiving(tmp_path / "s") as first:
            passing = [asyncio.create_task(handover.pass_on(client, passenger(str(number)))) for number in range(4)]
            await asyncio.sleep(0.1)
            for _ in range(acknowledged):  # without a pause: what was acknowledged and the end arrive together
                first.take()
        with receiving(tmp_path / "s") as second:
            taken = [(await asyncio.to_thread(second.take))["host"] for _ in range(4 - acknowledged)]
            await asyncio.gather(*passing)
        handover.close()
        return taken

    assert asyncio.run(pass_over()) == [str(number) for number in range(acknowledged, 4)]


def test_a_process_that_never_comes_makes_the_client_come_back(tmp_path: Path, client: socket.socket) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(Handover(str(tmp_path / "s"), wait_seconds=0.2).pass_on(client, passenger("a")))
