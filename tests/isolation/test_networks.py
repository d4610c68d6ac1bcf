"""A closed site seen from a studio and from the internet, in network namespaces, with real packets and HAProxy."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.front import ACME, BOREALIS, HOSTS, MEDIA, Front, exchange, front
from tests.services.hellos import client_hello
from tests.services.installation import wait_until
from tests.services.networks import Networks, Place

from reelkeep.gateway.proxy_header import SIGNATURE
from reelkeep.supervisor.ports import free_ports

HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
CLOSED = {"networks": ["203.0.113.0/24", "2001:db8:1::/64"], "endpoints": []}
CONFIGURATION = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend outside
  bind :::{port} v4v6
  default_backend gateway
backend gateway
  server one 127.0.0.1:{proxied_port} send-proxy-v2 check check-send-proxy inter 100ms
"""


@pytest.fixture(scope="module")
def up(world: Networks) -> Iterator[Front]:
    """A front whose gateway has the platform's network; the company's processes are reached by nobody else anyway."""
    with front(inside=world.platform.inside, address="::") as one:
        for host in (ACME, MEDIA):
            one.set_network(host, CLOSED)
        wait_until(lambda: not gets_in(one, world, world.internet, ACME))
        yield one


@pytest.fixture(scope="module")
def balancer(world: Networks, up: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of HAProxy, which stands before the gateway on the platform, and sends PROXY headers of version 2."""
    if HAPROXY is None:
        pytest.skip("haproxy is not installed")
    (port,) = free_ports(1)
    file: Path = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(port=port, proxied_port=up.proxied_port))
    with subprocess.Popen([*world.platform.inside, HAPROXY, "-db", "-f", str(file)]) as process:
        try:
            wait_until(lambda: gets_in(up, world, world.studio, ACME, port=port))
            yield port
        finally:
            process.terminate()


def gets_in(
    up: Front,
    world: Networks,
    place: Place,
    host: str,
    *,
    port: int | None = None,
    version: int = 4,
    first: bytes = b"",
) -> bool:
    """Tell whether a name answers to somebody at a place, with its own certificate and from its own process."""
    client = place.connected(world.platform_from(place, version=version), port or up.tls_port)
    try:
        client.sendall(first)
        with up.trust(host).wrap_socket(client, server_hostname=host) as secured:
            return exchange(secured, host)[0] == 200
    except ssl.SSLError as error:
        if error.reason != "TLSV1_UNRECOGNIZED_NAME":
            raise
        return False
    finally:
        client.close()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("host", HOSTS)
def test_a_closed_site_is_reached_from_the_studio_and_not_from_the_internet(
    up: Front, world: Networks, host: str, version: int
) -> None:
    assert gets_in(up, world, world.studio, host, version=version)
    assert gets_in(up, world, world.internet, host, version=version) is (host == BOREALIS)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("host", HOSTS)
def test_behind_haproxy_the_header_says_who_it_is(
    up: Front, world: Networks, balancer: int, host: str, version: int
) -> None:
    assert gets_in(up, world, world.studio, host, port=balancer, version=version)
    assert gets_in(up, world, world.internet, host, port=balancer, version=version) is (host == BOREALIS)


def test_a_header_that_a_client_sends_through_haproxy_makes_two_and_ends_the_connection(
    up: Front, world: Networks, balancer: int
) -> None:
    forged = header(world.address_of(world.studio))
    for place in (world.internet, world.studio):
        assert answer(world, place, balancer, forged + client_hello(ACME)) == b""
    assert gets_in(up, world, world.studio, ACME, port=balancer)


@pytest.mark.parametrize("name", ["studio", "internet"])
def test_whoever_is_not_the_load_balancer_is_not_heard_on_its_listener(up: Front, world: Networks, name: str) -> None:
    place: Place = getattr(world, name)
    assert answer(world, place, up.proxied_port, header(world.address_of(world.studio)) + client_hello(ACME)) == b""


def test_the_refused_are_counted_under_their_own_addresses(up: Front, world: Networks, balancer: int) -> None:
    for version in (4, 6):
        for port in (up.tls_port, balancer):
            assert not gets_in(up, world, world.internet, MEDIA, port=port, version=version)
    expected = {world.address_of(world.internet), world.address_of(world.internet, version=6)}
    counted: set[str] = set()
    while not expected <= counted:
        report = up.gateway.hear("refused")
        counted |= set(report["sources"]) if report["host"] == MEDIA else set()
    assert counted == expected  # and never the load balancer's own


def test_closing_a_site_puts_out_those_who_came_through_haproxy(up: Front, world: Networks, balancer: int) -> None:
    places = {}
    with contextlib.ExitStack() as stack:
        for place in (world.internet, world.studio):
            client = stack.enter_context(place.connected(world.platform_from(place), balancer))
            places[place.name] = stack.enter_context(up.trust(BOREALIS).wrap_socket(client, server_hostname=BOREALIS))
            assert exchange(places[place.name], BOREALIS)[0] == 200
        up.set_network(BOREALIS, CLOSED)
        try:
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                assert places["internet"].recv(1) == b""
            assert exchange(places["studio"], BOREALIS)[0] == 200
        finally:
            up.set_network(BOREALIS, None)


def header(address: str) -> bytes:
    """Return a PROXY header of version 2 (its specification, section 2.2) for a TCP connection over IPv4."""
    body = socket.inet_aton(address) + socket.inet_aton("192.0.2.1") + (50_000).to_bytes(2) + (443).to_bytes(2)
    return SIGNATURE + b"\x21\x11" + len(body).to_bytes(2) + body


def answer(world: Networks, place: Place, port: int, first: bytes) -> bytes:
    """Return what comes back to these first bytes, until the connection's end."""
    with place.connected(world.platform_from(place), port) as client:
        got = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(first)
            while chunk := client.recv(4096):
                got += chunk
        return got
