"""Media of an isolated connection, in network namespaces, with a real store behind two private endpoints.

An endpoint is what AWS puts into a network for one: an address in it behind which the store is, and which is nowhere
else. Here it is a listener in the namespace, whose connections a thread carries to the store.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from tests.services.networks import Networks, Place

from reelkeep.ids import GrantId, new_id
from reelkeep.storage.interface import Capability, Purpose, SessionRequest, StorageConnection
from reelkeep.storage.private_endpoints import private_endpoints
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.supervisor.object_store import AccessKey

STUDIOS, PLATFORMS = "203.0.113.20", "192.0.2.20"  # addresses of the endpoints, in the studio's and our own network
FILM = bytes(range(256)) * 2_000
GRANT = GrantId(new_id())
CAN = frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32})


@contextlib.contextmanager
def endpoint(place: Place, address: str, device: str, store: tuple[str, int]) -> Iterator[str]:
    """Give a network an address behind which the store is; return its origin."""
    place.run("ip", "address", "replace", f"{address}/32", "dev", device)
    server = place.do(lambda: socket.create_server((address, 0)))
    carried: list[tuple[threading.Thread, socket.socket, socket.socket]] = []

    def carry() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                far = socket.create_connection(store)
                for source, target in ((client, far), (far, client)):
                    moving = threading.Thread(target=_move, args=(source, target))
                    moving.start()
                    carried.append((moving, source, target))

    carrying = threading.Thread(target=carry)
    carrying.start()
    try:
        yield f"http://{address}:{server.getsockname()[1]}"
    finally:
        _end(server)
        carrying.join()
        for moving, source, target in carried:
            _end(source)
            _end(target)
            moving.join()
        server.close()
        for _, source, _ in carried:
            source.close()


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _move(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while more := source.recv(1 << 16):
            target.sendall(more)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def isolated(
    world: Networks, acme_connection: StorageConnection, platform_credentials: AccessKey
) -> Iterator[tuple[S3Store, str]]:
    """Return a store whose connection is isolated, and a prefix of its own."""
    public = urlsplit(acme_connection.endpoint_url or "")
    behind = public.hostname or "", public.port or 80
    with (
        endpoint(world.studio, STUDIOS, "eth0", behind) as clients,
        endpoint(world.platform, PLATFORMS, "lo", behind) as platform,
    ):
        private = private_endpoints(clients, platform, region=acme_connection.region, public_url=public.geturl())
        connection = dataclasses.replace(acme_connection, capabilities=CAN, private=private)
        identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
        scope = f"probe/{new_id()}/"
        request = SessionRequest(connection.id, Purpose.PROBE, scope)
        session = StsBroker(identity, lambda _: acme_connection, "acme", session_seconds=900).session(request)
        yield S3Store(connection, lambda: session), scope


def test_links_lead_to_the_media_from_the_studio_and_from_the_internet_nowhere(
    world: Networks, isolated: tuple[S3Store, str]
) -> None:
    store, scope = isolated
    key = f"{scope}film.mov"
    world.platform.do(lambda: store.put_new(key, FILM, content_type="video/quicktime", grant=GRANT))
    link = store.presign_get(key, file_name="film.mov", seconds=300, grant=GRANT)
    assert urlsplit(link.url).hostname == STUDIOS
    assert world.studio.do(lambda: httpx.get(link.url)).content == FILM
    with pytest.raises(httpx.ConnectError):
        world.internet.do(lambda: httpx.get(link.url, timeout=3))


def test_the_platform_itself_asks_by_its_own_endpoint_alone(world: Networks, isolated: tuple[S3Store, str]) -> None:
    store, scope = isolated
    key = f"{scope}film.mov"
    world.platform.do(lambda: store.put_new(key, FILM, content_type="video/quicktime", grant=GRANT))
    assert world.platform.do(lambda: store.get(key, offset=5, length=1_000, grant=GRANT)) == FILM[5:1_005]
    assert world.platform.do(lambda: store.head(key, grant=GRANT)).size_bytes == len(FILM)
    signed = store._presign(store._own_signer(GRANT), "GET", key, {}, 60, GRANT, {})
    for place in (world.studio, world.internet):
        with pytest.raises(httpx.ConnectError):
            place.do(lambda: httpx.get(signed.url, timeout=3))
