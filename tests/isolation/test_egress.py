"""A company's process without a network, and the one way out of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy import make_url
from tests.isolation.closed import Outside
from tests.services.authority import Authority
from tests.services.databases import MakeCompany

from reelkeep.companies import provisioning
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.destinations import Destination, database_of, destinations_of, forwarded
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.ids import CompanyId

ACME, BOREALIS = CompanyId("acme"), CompanyId("borealis")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@contextmanager
def greeter(greeting: bytes = b"hello", host: str = "127.0.0.1", *, speaks_http: bool = False) -> Iterator[int]:
    """Listen on loopback and greet whoever connects; return the port."""

    def greet(server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                if speaks_http:
                    client.recv(4_096)
                client.sendall(greeting)

    with socket.create_server((host, 0)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def tls_greeter(folder: Path) -> Iterator[tuple[int, str]]:
    """Listen on loopback as https://localhost; return the port, and the authority that vouches for it."""

    class Greets(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            pass

    authority = Authority(datetime.now(UTC))
    for name, pem in zip(("chain", "key"), authority.issue("localhost"), strict=True):
        (folder / name).write_text(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain", folder / "key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Greets) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, authority.pem
        server.shutdown()


@asynccontextmanager
async def on_a_network(server: DatabaseServer) -> AsyncIterator[int]:
    """Let a PostgreSQL that has a Unix socket be reached on loopback, too."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_unix_connection(f"{server.host}/.s.PGSQL.{server.port}")
        with suppress(ConnectionError):
            await asyncio.gather(copy(reader, its_writer), copy(its_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(join, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


def test_a_process_reaches_what_its_companys_list_names_and_nothing_else(tmp_path: Path) -> None:
    async def run(mine: int, yours: int, plain: int) -> None:
        outside = Outside(tmp_path)
        try:
            await outside.start_egress()
            outside.way_out.allow(
                ACME, [Destination("127.0.0.1", mine), Destination("127.0.0.1", plain)], Destination("127.0.0.1", mine)
            )
            outside.way_out.allow(BOREALIS, [Destination("127.0.0.1", yours)], None)
            attempts = [
                ["tunnel", "127.0.0.1", mine],
                ["fetch", f"http://127.0.0.1:{plain}/"],
                ["connect", "127.0.0.1", 5432],
                ["tunnel", "127.0.0.1", yours],
                ["connect", "127.0.0.1", mine],
                ["fetch", f"http://127.0.0.1:{yours}/"],
                ["connect", "169.254.169.254", 80],
                ["fetch", "http://169.254.169.254/latest/meta-data/"],
                ["tunnel", "leak.example", 443],
            ]
            got = list((await outside.process(ACME, attempts)).values())
            assert got[:3] == ["hello"] * 3
            assert all(each.startswith("refused") for each in got[3:]), got
            theirs = list((await outside.process(BOREALIS, attempts[:4])).values())
            assert theirs[3] == "hello"
            # No database of its own is on a network, so what asks there is left without a word.
            assert theirs[2] == ""
            assert all(each.startswith("refused") for each in theirs[:2]), theirs
            assert await outside.reported(ACME, 4) == {
                f"127.0.0.1:{yours}": 2,
                "169.254.169.254:80": 1,
                "leak.example:443": 1,
            }
        finally:
            await outside.end()

    with greeter() as mine, greeter() as yours, greeter(ANSWER, speaks_http=True) as plain:
        asyncio.run(run(mine, yours, plain))


def test_tls_of_each_library_goes_through_unopened(tmp_path: Path) -> None:
    async def run(port: int, authority: str) -> None:
        outside, url = Outside(tmp_path), f"https://localhost:{port}"
        try:
            await outside.start_egress(["127.0.0.0/8", "::1/128"])  # the operator lets names lead to this machine
            attempts = [["fetch_tls", url, authority], ["fetch_by_sdk", url], ["fetch_by_obstore", url]]
            outside.way_out.allow(ACME, [Destination("localhost", port)], None)
            assert list((await outside.process(ACME, attempts)).values()) == ["hello"] * 3
            outside.way_out.allow(ACME, [], None)
            (refused,) = (await outside.again(attempts[:1])).values()
            assert "403" in refused
        finally:
            await outside.end()

    with tls_greeter(tmp_path) as (port, authority):
        asyncio.run(run(port, authority))


def test_a_database_on_a_network_has_a_way_of_its_own(
    tmp_path: Path,
    postgres_server: DatabaseServer,
    registry: object,
    keyring: LocalKeyring,
    make_company: MakeCompany,
) -> None:
    company = make_company()
    url = provisioning.app_url(postgres_server, keyring, company)

    async def run() -> None:
        outside = Outside(tmp_path)
        try:
            await outside.start_egress()
            async with on_a_network(postgres_server) as port:
                dsn = url.update_query_dict({"host": "127.0.0.1", "port": str(port)}).render_as_string(False)
                outside.way_out.allow(ACME, destinations_of([], dsn), database_of(dsn))
                conninfo = make_url(forwarded(dsn)).set(drivername="postgresql").render_as_string(False)
                attempts = [["database", conninfo]]
                assert list((await outside.process(ACME, attempts)).values()) == [f"('{company.database_name}',)"]
                outside.way_out.allow(ACME, [], None)
                (refused,) = (await outside.again(attempts)).values()
                assert refused.startswith("refused")
        finally:
            await outside.end()

    asyncio.run(run())


def test_who_asks_while_the_egress_process_is_killed_is_answered_by_the_next(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        outside = Outside(tmp_path)
        try:
            first = await outside.start_egress()
            outside.way_out.allow(ACME, [Destination("127.0.0.1", port)], None)
            attempts = [["tunnel", "127.0.0.1", port, 60]]
            assert list((await outside.process(ACME, attempts)).values()) == ["hello"]
            await first.child.stopped(seconds=0)
            asking = asyncio.create_task(outside.again(attempts))
            await asyncio.sleep(0.2)
            assert not asking.done()
            await outside.start_egress()
            assert list((await asking).values()) == ["hello"]
        finally:
            await outside.end()

    with greeter() as port:
        asyncio.run(run(port))
