"""The gateway and the web entry together: real processes, sockets handed over, slow and strange clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.installation import Installation, answer_of, ask, installation, wait_until
from websockets.sync.client import connect

from reelkeep.gateway.crowd import MAX_PEEKING
from reelkeep.web.serve import MAX_CONNECTIONS

ACME, MEDIA, BOREALIS = "acme.localhost", "acme-media.localhost", "borealis.localhost"


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    with installation() as one:
        one.create_company("acme")
        one.create_company("borealis")
        for host in (ACME, MEDIA, BOREALIS):
            wait_until(lambda host=host: ask(one, host)["pid"])
        yield one


def open_connection(up: Installation) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", up.facts["port"], timeout=15)


def exchange(connection: http.client.HTTPConnection, host: str, path: str = "/who") -> tuple[int, bytes]:
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read()


def raw(up: Installation, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", up.facts["port"]), timeout=15, source_address=(source, 0))


def gateway_pid(up: Installation) -> int:
    return next(pid for pid, line in up.processes().items() if "reelkeep.gateway.gateway_process" in line)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("host", "slug", "role"),
    [(ACME, "acme", "app"), (MEDIA, "acme", "media"), ("BOREALIS.localhost.:8000", "borealis", "app")],
)
def test_a_request_reaches_the_process_of_its_host_name(up: Installation, host: str, slug: str, role: str) -> None:
    facts = answer_of(up, host, "/who")
    assert (facts["company"]["slug"], facts["role"]) == (slug, role)


def test_each_name_is_served_by_a_process_of_its_own(up: Installation) -> None:
    assert len({ask(up, host)["pid"] for host in (ACME, MEDIA, BOREALIS, "borealis-media.localhost")}) == 4


def test_the_clients_own_address_arrives(up: Installation) -> None:
    with contextlib.closing(open_connection(up)) as connection:
        _, body = exchange(connection, ACME)
        assert json.loads(body)["client"] == list(connection.sock.getsockname())


@pytest.mark.parametrize("host", ["nobody.localhost", "127.0.0.1", "acme.localhost.evil.test", "a b", ""])
def test_an_unknown_name_is_told_so_when_there_are_two_companies(up: Installation, host: str) -> None:
    with contextlib.closing(open_connection(up)) as connection:
        assert exchange(connection, host)[0] == 421


def test_a_connection_serves_many_requests_but_one_name_only(up: Installation) -> None:
    with contextlib.closing(open_connection(up)) as connection:
        assert exchange(connection, ACME)[0] == 200
        assert exchange(connection, ACME)[0] == 200
        assert exchange(connection, BOREALIS)[0] == 421
        assert connection.sock is None  # closed by the answer


def test_a_request_with_two_host_fields_is_refused(up: Installation) -> None:
    with raw(up) as client:
        client.sendall(f"GET /who HTTP/1.1\r\nHost: {ACME}\r\nHost: {BOREALIS}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 421")


def test_websockets_work_and_stay_with_their_name(up: Installation) -> None:
    with raw(up) as client, connect(f"ws://{ACME}:{up.facts['port']}/echo", sock=client) as web_socket:
        web_socket.send("kept")
        assert web_socket.recv(timeout=10) == "kept"


def test_a_client_that_sends_its_request_byte_by_byte_neither_spins_nor_blocks(up: Installation) -> None:
    request = f"GET /who HTTP/1.1\r\nHost: {ACME}\r\n\r\n".encode()
    pid = gateway_pid(up)

    with raw(up) as slow:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = cpu_seconds(pid)

        def dribble() -> None:
            for byte in request:
                slow.send(bytes([byte]))
                time.sleep(0.03)

        dribbling = threading.Thread(target=dribble)
        dribbling.start()
        answered = 0
        while dribbling.is_alive():
            began = time.monotonic()
            ask(up, BOREALIS)
            answered += 1
            assert time.monotonic() - began < 2
            time.sleep(0.1)
        spent = cpu_seconds(pid) - before
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    assert answered >= 5
    assert spent < 0.4, f"the gateway burnt {spent:.2f} s of CPU"


def test_a_client_that_stops_in_the_middle_costs_no_time(up: Installation) -> None:
    pid = gateway_pid(up)
    with raw(up) as stopped:
        stopped.sendall(b"GET / HTTP/1.1\r\nHo")
        time.sleep(0.1)
        before = cpu_seconds(pid)
        time.sleep(1.0)
        assert cpu_seconds(pid) - before < 0.05


def test_a_client_that_closes_half_way_is_forgotten(up: Installation) -> None:
    pid = gateway_pid(up)
    with raw(up) as closed:
        closed.sendall(b"GET / HTTP/1.1\r\nHo")
        closed.shutdown(socket.SHUT_WR)
        closed.settimeout(5)
        with contextlib.suppress(ConnectionResetError):  # what it had sent was never read
            assert closed.recv(100) == b""
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 40)


def test_silent_clients_do_not_keep_others_out(up: Installation) -> None:
    with contextlib.ExitStack() as stack:
        sources = [f"127.0.1.{number % 200 + 1}" for number in range(MAX_PEEKING + 50)]
        silent = [stack.enter_context(raw(up, source)) for source in sources]
        assert ask(up, ACME)["role"] == "app"
        assert silent[0].recv(1) == b""  # the one that was silent longest had to go


def test_connections_that_ask_for_nothing_do_not_keep_others_out(up: Installation) -> None:
    most = min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    with contextlib.ExitStack() as stack:
        for _ in range(most + 50):
            client = stack.enter_context(raw(up))
            client.sendall(f"GET /who HTTP/1.1\r\nHost: {ACME}\r\n".encode())
        wait_until(lambda: ask(up, ACME))  # a burst may be told to come back in a moment
        pid = ask(up, ACME)["pid"]
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) < most + 40


def test_a_head_without_end_is_answered_and_closed(up: Installation) -> None:
    with raw(up) as client, contextlib.suppress(OSError):
        client.sendall(b"GET /" + b"a" * 9000)
        assert client.recv(100).startswith(b"HTTP/1.1 421")


def test_a_client_waits_while_its_companys_process_is_started_again(up: Installation) -> None:
    first = ask(up, ACME)["pid"]
    os.kill(first, signal.SIGKILL)
    up.await_gone([first])
    assert ask(up, ACME)["pid"] != first
    assert ask(up, BOREALIS)["role"] == "app"


def test_open_connections_outlive_the_gateway(up: Installation) -> None:
    with contextlib.closing(open_connection(up)) as connection:
        assert exchange(connection, ACME)[0] == 200
        os.kill(gateway_pid(up), signal.SIGKILL)
        assert exchange(connection, ACME)[0] == 200
    wait_until(lambda: ask(up, BOREALIS))


def test_an_answer_under_way_is_finished_when_the_installation_is_stopped() -> None:
    with installation() as one:
        one.create_company("acme")
        wait_until(lambda: ask(one, ACME))
        with raw(one) as client:
            client.sendall(f"GET /slow?1.0 HTTP/1.1\r\nHost: {ACME}\r\n\r\n".encode())
            time.sleep(0.3)
            assert one.end() == 0
            assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_with_one_company_any_name_leads_to_its_app() -> None:
    with installation() as one:
        one.create_company("acme")
        wait_until(lambda: ask(one, ACME))
        assert answer_of(one, "127.0.0.1", "/who")["company"]["slug"] == "acme"
        with contextlib.closing(open_connection(one)) as connection:
            assert exchange(connection, "localhost")[0] == 200
            assert exchange(connection, ACME)[0] == 421  # one name a connection, here too
