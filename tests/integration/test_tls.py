"""TLS through the gateway: a socket goes by the name in its ClientHello, and TLS ends in the company's own process."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.services.front import ACME, BOREALIS, HOSTS, MEDIA, Front, descriptors, exchange, front, upgrade
from tests.services.hellos import client_hello, in_records
from tests.services.installation import wait_until
from tests.services.memory import holds

from reelkeep.encryption.tls_certificate import self_signed
from reelkeep.gateway.client_hello import UNRECOGNIZED_NAME, alert
from reelkeep.gateway.crowd import MAX_OF_ONE_SOURCE, MAX_PEEKING


@pytest.fixture(scope="module")
def up() -> Iterator[Front]:
    with front() as one:
        for host in HOSTS:
            wait_until(lambda name=host: one.ask(name))  # until it listens, a client is told to come again
        yield one


def answer_to(up: Front, first: bytes) -> bytes:
    """Return what comes back to these first bytes, until the end of the connection."""
    with up.connected(up.tls_port) as client:
        client.sendall(first)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(4096):
                answer += chunk
        return answer


@pytest.mark.parametrize("host", HOSTS)
def test_each_name_has_its_own_process_and_its_own_certificate(up: Front, host: str) -> None:
    facts = up.ask(host)  # trusts this name's certificate alone
    assert (facts["company"]["slug"], facts["role"], facts["pid"]) == (*HOSTS[host], up.web[host].pid)


def test_a_name_is_found_in_any_case(up: Front) -> None:
    name = "ACME.LocalHost"
    with up.connected(up.tls_port) as client, up.trust(ACME).wrap_socket(client, server_hostname=name) as secured:
        assert exchange(secured, name)[0] == 200


def test_http_1_1_is_agreed_upon(up: Front) -> None:
    with up.secured(ACME, alpn=["h2", "http/1.1"]) as client:
        assert client.selected_alpn_protocol() == "http/1.1"


def test_old_tls_is_refused(up: Front) -> None:
    context = up.trust(ACME)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    with up.connected(up.tls_port) as client, context.wrap_socket(client, server_hostname=ACME) as secured:
        assert secured.version() == "TLSv1.2"
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with up.connected(up.tls_port) as client, pytest.raises(OSError):
        context.wrap_socket(client, server_hostname=ACME)


@pytest.mark.parametrize("first", [client_hello("nobody.localhost"), client_hello(None)], ids=["unknown", "none"])
def test_a_name_that_is_not_here_is_told_so_by_an_alert(up: Front, first: bytes) -> None:
    assert answer_to(up, first) == alert(UNRECOGNIZED_NAME)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nHost: acme.localhost\r\n\r\n", bytes(5_000), b"\x16\x03\x01\x00\x00"]
)
def test_what_is_no_tls_is_closed_without_an_answer(up: Front, first: bytes) -> None:
    assert answer_to(up, first) == b""


def test_a_hello_in_packets_and_records_arrives_whole(up: Front) -> None:
    """The client's handshake goes on where the gateway only looked."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = up.trust(ACME)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose transcript leaves the records out
    connection = context.wrap_bio(incoming, outgoing, server_hostname=ACME)
    with up.connected(up.tls_port) as client:
        with pytest.raises(ssl.SSLWantReadError):
            connection.do_handshake()
        hello = in_records(outgoing.read(), 10, 60)
        for at in range(0, len(hello), 40):
            client.sendall(hello[at : at + 40])
            time.sleep(0.005)
        done = False
        while not done:
            incoming.write(client.recv(16_384))
            with contextlib.suppress(ssl.SSLWantReadError):
                connection.do_handshake()
                done = True
            client.sendall(outgoing.read())
        assert connection.version() == "TLSv1.2"


def test_a_connection_serves_its_own_name_only(up: Front) -> None:
    with up.secured(ACME) as client:
        assert exchange(client, ACME)[0] == 200
        assert exchange(client, BOREALIS)[0] == 421
        assert client.recv(1) == b""


def test_the_clients_address_travels_with_the_socket(up: Front) -> None:
    assert up.ask(ACME, source="127.0.0.7")["client"][0] == "127.0.0.7"


def test_websockets_work_over_tls(up: Front) -> None:
    with up.secured(ACME) as client:
        upgrade(client, ACME)
        client.sendall(bytes([0x81, 0x84]) + bytes(4) + b"kept")  # RFC 6455, section 5.2; a mask of zeros
        assert client.recv(6) == bytes([0x81, 4]) + b"kept"


def test_a_new_certificate_serves_new_connections_and_drops_none(up: Front) -> None:
    with up.secured(MEDIA) as before:
        assert exchange(before, MEDIA)[0] == 200
        old = up.certificates[MEDIA]
        up.set_certificate(MEDIA, self_signed(MEDIA, datetime.now(UTC)))
        wait_until(lambda: up.ask(MEDIA))  # trusts the new one alone
        assert exchange(before, MEDIA)[0] == 200
        assert old.fingerprint != up.certificates[MEDIA].fingerprint


def test_browsers_are_bound_to_tls_by_a_certificate_that_they_trust_alone(up: Front) -> None:
    with up.secured(BOREALIS) as client:
        assert "strict-transport-security" not in exchange(client, BOREALIS)[1]
    up.set_certificate(BOREALIS, up.certificates[BOREALIS], is_trusted=True)

    def bound() -> bool:
        with up.secured(BOREALIS) as client:
            return exchange(client, BOREALIS)[1].get("strict-transport-security") == "max-age=31536000"

    assert wait_until(bound)


def test_no_session_of_one_process_is_taken_by_another(up: Front) -> None:
    context = up.trust(ACME)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    reused = {}
    with up.connected(up.tls_port) as client, context.wrap_socket(client, server_hostname=ACME) as first:
        session = first.session
    for host in (ACME, BOREALIS):
        with (
            up.connected(up.tls_port) as client,
            context.wrap_socket(client, server_hostname=host, session=session) as again,
        ):
            reused[host] = again.session_reused
    assert reused == {ACME: True, BOREALIS: False}


def test_keys_are_in_no_command_line_and_no_environment(up: Front) -> None:
    secret = up.certificates[ACME].key.splitlines()[1]
    for process in (up.gateway, *up.web.values()):
        for name in ("cmdline", "environ"):
            assert secret.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="reads other processes' memory: root only")
def test_a_key_is_in_the_memory_of_its_own_process_alone(up: Front) -> None:
    processes = {**up.web, "gateway": up.gateway}
    for host in HOSTS:
        up.ask(host)
    for host in HOSTS:
        secret = up.certificates[host].key.splitlines()[1].encode()
        assert [name for name, one in processes.items() if holds(one.pid, secret)] == [host]


def test_silent_clients_of_one_address_keep_nobody_else_out(up: Front) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(up.connected(up.tls_port, "127.0.0.3")) for _ in range(MAX_OF_ONE_SOURCE + 5)]
        assert up.ask(ACME, source="127.0.0.4")["role"] == "app"
        assert silent[0].recv(1) == b""  # the one that was silent longest
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)


@pytest.mark.parametrize("clients", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_connections_that_send_nothing_are_bounded_in_number_and_memory(up: Front, clients: int) -> None:
    """Nobody else has to wait meanwhile, and afterwards nothing is left of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, clients + 1_000)), hard))
    files, memory = descriptors(up.gateway.pid), resident_bytes(up.gateway.pid)
    with contextlib.ExitStack() as stack:
        for number in range(clients):
            source = f"127.1.{number % 250 + 1}.{number // 250 % 250 + 1}"
            stack.enter_context(up.connected(up.tls_port, source))
            if number % (clients // 10) == 0:
                began = time.monotonic()
                assert up.ask(ACME, source="127.0.0.4")["role"] == "app"
                assert time.monotonic() - began < 2
        assert descriptors(up.gateway.pid) <= files + MAX_PEEKING + 20
        assert resident_bytes(up.gateway.pid) <= memory + 32_000_000  # 20 MB were seen, and no more after three rounds
    wait_until(lambda: descriptors(up.gateway.pid) <= files + 4)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_handshakes_that_stop_half_way_are_bounded(up: Front) -> None:
    """A client that asks for a company and then says no more holds no process for ever."""
    before = descriptors(up.web[ACME].pid)
    with contextlib.ExitStack() as stack:
        for number in range(300):
            client = stack.enter_context(up.connected(up.tls_port, f"127.0.1.{number % 200 + 1}"))
            client.sendall(client_hello(ACME))
        assert up.ask(ACME)["role"] == "app"
        wait_until(lambda: descriptors(up.web[ACME].pid) <= before + 262)
    wait_until(lambda: descriptors(up.web[ACME].pid) <= before + 4)


def test_plain_http_leads_to_no_company_that_has_tls(up: Front) -> None:
    with up.connected(up.plain_port) as client:
        client.sendall(f"GET /who HTTP/1.1\r\nHost: {ACME}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_json_of_a_process_is_its_own(up: Front) -> None:
    with up.secured(ACME) as client:
        assert json.loads(exchange(client, ACME)[2])["company"]["slug"] == "acme"


def test_a_request_with_two_host_fields_is_refused_over_tls(up: Front) -> None:
    with up.secured(ACME) as client:
        client.sendall(f"GET /who HTTP/1.1\r\nHost: {ACME}\r\nHost: {BOREALIS}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize("written", ["ACME.localhost", "acme.localhost.", "acme.localhost:8443", "Acme.LOCALHOST.:443"])
def test_a_host_field_may_be_written_otherwise(up: Front, written: str) -> None:
    with up.secured(ACME) as client:
        assert exchange(client, written)[0] == 200


@pytest.mark.parametrize("written", ["[::1]", "[::1]:8443", "127.0.0.1", "acme.localhost.evil.test", "acme", "a b"])
def test_a_host_field_that_is_another_name_is_refused(up: Front, written: str) -> None:
    with up.secured(ACME) as client:
        assert exchange(client, written)[0] == 421


@pytest.mark.parametrize(
    ("asked", "answer"),
    [("acme.localhost.evil.test", alert(UNRECOGNIZED_NAME)), ("acme.localhost:8443", b""), ("[::1]", b"")],
    ids=["another name", "with a port", "an address"],
)
def test_a_server_name_that_is_no_companys_reaches_nobody(up: Front, asked: str, answer: bytes) -> None:
    assert answer_to(up, client_hello(asked)) == answer
