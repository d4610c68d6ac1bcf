"""A closed site: who may not come in reaches no process of the company; who may no more is put out."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.services.front import ACME, BOREALIS, Front, exchange, front, upgrade
from tests.services.hellos import client_hello
from tests.services.installation import wait_until

from reelkeep.gateway.client_hello import UNRECOGNIZED_NAME, alert
from reelkeep.gateway.proxy_header import SIGNATURE

STUDIO, HOME = "127.0.0.2", "127.0.0.3"
ENDPOINT, OTHER_ENDPOINT = "vpce-0123456789abcdef0", "vpce-0fedcba9876543210"


@pytest.fixture(scope="module")
def up() -> Iterator[Front]:
    with front() as one:
        yield one


@pytest.fixture(autouse=True)
def open_again(up: Front) -> Iterator[None]:
    yield
    up.set_network(ACME, None)
    wait_until(lambda: up.ask(ACME))


def policy(*networks: str, endpoints: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"networks": list(networks), "endpoints": list(endpoints)}


def header(address: str, endpoint_id: str | None = None) -> bytes:
    """Return the header of a load balancer for a connection from an address, maybe through an endpoint."""
    source = bytes(map(int, address.split(".")))
    body = source + bytes([192, 0, 2, 1]) + (50_000).to_bytes(2) + (443).to_bytes(2)
    if endpoint_id is not None:
        value = b"\x01" + endpoint_id.encode()
        body += b"\xea" + len(value).to_bytes(2) + value
    return SIGNATURE + b"\x21\x11" + len(body).to_bytes(2) + body


HEALTH_CHECK = SIGNATURE + b"\x20\x00\x00\x00"


def is_let_in(up: Front, **where: Any) -> bool:
    try:
        return bool(up.ask(ACME, **where))
    except ssl.SSLError as error:
        if error.reason != "TLSV1_UNRECOGNIZED_NAME":
            raise
        return False


def close(up: Front, network: Mapping[str, Any]) -> None:
    """Close acme, and wait until the gateway knows."""
    up.set_network(ACME, network)
    wait_until(lambda: not is_let_in(up, source="127.0.0.9"))


def answer_to(up: Front, first: bytes, source: str = "127.0.0.1") -> bytes:
    with up.connected(up.proxied_port, source) as client:
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            client.sendall(first)
            while chunk := client.recv(4096):
                answer += chunk
        return answer


def test_a_site_closed_to_all_but_a_network_answers_others_as_if_it_were_not_there(up: Front) -> None:
    close(up, policy("127.0.0.2/32"))
    assert is_let_in(up, source=STUDIO)
    assert not is_let_in(up, source=HOME)
    assert up.ask(BOREALIS, source=HOME)["company"]["slug"] == "borealis"


def test_a_closed_site_is_closed_on_the_plain_listener_too(up: Front) -> None:
    close(up, policy("127.0.0.2/32"))
    with up.connected(up.plain_port, HOME) as client:
        assert exchange(client, ACME)[0] == 421


def test_a_change_of_policy_closes_what_it_no_longer_admits(up: Front) -> None:
    with (
        up.secured(ACME, source=STUDIO) as studio,
        up.secured(ACME, source=HOME) as home,
        up.secured(ACME, source=HOME) as web_socket,
    ):
        assert exchange(home, ACME)[0] == exchange(studio, ACME)[0] == 200
        upgrade(web_socket, ACME)
        up.set_network(ACME, policy("127.0.0.2/32"))
        for closed in (home, web_socket):
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                assert closed.recv(1) == b""
        assert exchange(studio, ACME)[0] == 200


def test_an_answer_under_way_ends_with_the_policy(up: Front) -> None:
    with up.secured(ACME, source=HOME) as home:
        home.sendall(f"GET /slow?20 HTTP/1.1\r\nHost: {ACME}\r\n\r\n".encode())
        time.sleep(0.1)
        up.set_network(ACME, policy("127.0.0.2/32"))
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            assert home.recv(1) == b""
        assert time.monotonic() - began < 5


def test_a_process_judges_for_itself_when_the_gateway_knows_no_better(up: Front) -> None:
    up.web[ACME].push("network", {"network": policy("127.0.0.2/32")})

    def is_refused() -> bool:
        try:
            up.secured(ACME, source=HOME).close()
        except OSError:
            return True  # before a byte of TLS was answered
        return False

    wait_until(is_refused)
    assert is_let_in(up, source=STUDIO)


def test_refused_connections_are_counted_by_whom(up: Front) -> None:
    close(up, policy("127.0.0.2/32", endpoints=(ENDPOINT,)))
    for _ in range(3):
        assert not is_let_in(up, source="127.0.0.44")
    assert not is_let_in(up, header=header("10.0.0.7", OTHER_ENDPOINT))
    counted: dict[str, int] = {}
    while "127.0.0.44" not in counted or OTHER_ENDPOINT not in counted:
        report = up.gateway.hear("refused")
        assert report["host"] == ACME
        counted |= report["sources"]
    assert (counted["127.0.0.44"], counted[OTHER_ENDPOINT]) == (3, 1)


def test_an_endpoint_is_judged_by_its_id_alone(up: Front) -> None:
    close(up, policy("127.0.0.2/32", endpoints=(ENDPOINT,)))
    assert is_let_in(up, header=header("203.0.113.5", ENDPOINT))
    assert not is_let_in(
        up, header=header("127.0.0.2", OTHER_ENDPOINT)
    )  # an address that would do: it may be anybody's


def test_a_site_closed_to_endpoints_takes_no_address(up: Front) -> None:
    close(up, policy(endpoints=(ENDPOINT,)))
    assert not is_let_in(up, source=STUDIO)
    assert not is_let_in(up, header=header("127.0.0.2"))
    assert is_let_in(up, header=header("127.0.0.2", ENDPOINT))


def test_behind_a_load_balancer_the_address_is_the_headers(up: Front) -> None:
    assert up.ask(ACME, header=header("198.51.100.7"))["client"] == ["198.51.100.7", 50_000]
    close(up, policy("198.51.100.0/24"))
    assert is_let_in(up, header=header("198.51.100.7"))
    assert not is_let_in(up, header=header("203.0.113.5"))


def test_headers_of_a_stranger_are_not_believed(up: Front) -> None:
    assert answer_to(up, header("198.51.100.7") + client_hello(ACME), source=STUDIO) == b""
    assert answer_to(up, header("198.51.100.7") + client_hello("nobody.localhost")) == alert(UNRECOGNIZED_NAME)


@pytest.mark.parametrize(
    "first",
    [
        client_hello(ACME),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\r\n" + client_hello(ACME),
        header("198.51.100.7") + header("198.51.100.7") + client_hello(ACME),
        header("198.51.100.7") + b"GET / HTTP/1.1\r\nHost: acme.localhost\r\n\r\n",
        HEALTH_CHECK,
    ],
    ids=["none", "version 1", "two", "plain HTTP", "a health check"],
)
def test_exactly_one_header_and_then_tls_is_taken(up: Front, first: bytes) -> None:
    assert answer_to(up, first) == b""


def test_the_listener_without_headers_takes_none(up: Front) -> None:
    with up.connected(up.tls_port) as client, contextlib.suppress(ConnectionResetError):
        client.sendall(header("198.51.100.7") + client_hello(ACME))
        assert client.recv(100) == b""


def test_a_header_in_pieces_is_put_together(up: Front) -> None:
    with up.connected(up.proxied_port) as client:
        for byte in header("198.51.100.7", ENDPOINT):
            client.send(bytes([byte]))
            time.sleep(0.002)
        with up.trust(ACME).wrap_socket(client, server_hostname=ACME) as secured:
            assert exchange(secured, ACME)[0] == 200


def test_silent_load_balancers_are_no_single_source(up: Front) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(up.connected(up.proxied_port)) for _ in range(100)]
        assert up.ask(ACME, header=header("198.51.100.7"))
        clients[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            clients[0].recv(1)
