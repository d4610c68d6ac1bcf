"""`reelkeep up --tls` as operator, admin and stranger meet it: certificates, sign-in, a site that closes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as select_rows
from tests.services.authority import Authority
from tests.services.databases import open_folder
from tests.services.front import exchange
from tests.services.installation import wait_until

from reelkeep.catalog.tables import audit_events
from reelkeep.cli.app import main
from reelkeep.cli.installation import Installation
from reelkeep.companies.tables import certificates

ACME, BOREALIS = "acme.localhost", "borealis.localhost"
STUDIO, HOME = "127.0.0.2", "127.0.0.3"
EMAIL, PASSWORD = "ada@acme.example", "a long pass phrase"


@dataclass
class Site:
    """An installation with TLS and two companies."""

    data: Path
    process: subprocess.Popen[bytes]
    port: int
    authority: Authority

    @property
    def operator(self) -> Installation:
        return Installation(self.data)

    def command(self, *arguments: str) -> tuple[int, Any]:
        """Run a command of the operator with --json; return its exit code and its object."""
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
            code = main([*arguments, "--data", str(self.data), "--json"])
        return code, json.loads(told.getvalue().splitlines()[-1])

    def secured(self, host: str = ACME, source: str = "127.0.0.1") -> ssl.SSLSocket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(source, 0))
        try:
            context = ssl.create_default_context(cadata=self.authority.pem)
            return context.wrap_socket(client, server_hostname=host)
        except BaseException:
            client.close()
            raise

    def call(
        self, method: str, path: str, body: Any = None, *, cookie: str = "", source: str = STUDIO, origin: str = ""
    ) -> tuple[int, Any, str]:
        """Make one request; return status, JSON and Set-Cookie."""
        content = json.dumps(body) if body is not None else ""
        host = f"{ACME}:{self.port}"
        fields = {"Host": host, "Content-Length": str(len(content)), "Content-Type": "application/json"}
        fields |= {"Origin": origin or f"https://{host}", "Cookie": cookie, "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        with self.secured(source=source) as client:
            client.sendall(f"{method} /api/v1{path} HTTP/1.1\r\n{head}\r\n{content}".encode())
            answer = b""
            while chunk := client.recv(1 << 16):
                answer += chunk
        top, _, rest = answer.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        cookies = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("set-cookie:")]
        return int(lines[0].split()[1]), json.loads(rest or b"null"), "".join(cookies)


def start(data: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "reelkeep.cli", "up", "--data", str(data), "--tls", "0"]
    process = subprocess.Popen([*command, "--ready-fd", str(writing)], pass_fds=[writing])
    os.close(writing)
    with open(reading, encoding="utf-8") as ready:
        assert select.select([ready], [], [], 60)[0]
        return process, json.loads(ready.readline())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = open_folder("rk-tls-")
    process, facts = start(folder / "data")
    try:
        one = Site(folder / "data", process, facts["port"], Authority(datetime.now(UTC)))
        for slug in ("acme", "borealis"):
            one.operator.create_company(slug, slug.title(), "localhost")
            issue(one, slug, f"{slug}.localhost", f"{slug}-media.localhost")
        acme = one.operator.company("acme")
        one.operator.create_user(acme, EMAIL, "Ada", PASSWORD, is_company_admin=True)
        wait_until(lambda: one.secured().close() is None, 30)
        yield one
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def cookie(site: Site) -> str:
    form = {"email": EMAIL, "password": PASSWORD, "kind": "browser"}
    status, _, cookie = site.call("POST", "/login", form)
    assert status == 200
    return cookie


@pytest.fixture(autouse=True)
def open_again(site: Site) -> Iterator[None]:
    yield
    site.operator.set_network(site.operator.company("acme"), None)
    wait_until(lambda: is_let_in(site, HOME))


def issue(site: Site, slug: str, *names: str) -> tuple[int, Any]:
    """Have the authority issue a certificate, and give it to a company by the operator's command."""
    chain, key = site.authority.issue(*names)
    files = site.data.parent / "chain.pem", site.data.parent / "key.pem"
    for file, text in zip(files, (chain, key), strict=True):
        file.write_text(text)
    return site.command("cert", "set", slug, "--cert", str(files[0]), "--key", str(files[1]))


def is_let_in(site: Site, source: str) -> bool:
    try:
        site.secured(source=source).close()
    except ssl.SSLError as error:
        if error.reason != "TLSV1_UNRECOGNIZED_NAME":
            raise
        return False
    return True


def named(cookie: str) -> str:
    return cookie.partition(";")[0]


def test_signing_in_over_tls_gives_a_cookie_of_this_host_alone(site: Site, cookie: str) -> None:
    assert cookie.startswith("__Host-reelkeep_login=")
    assert "Secure" in cookie
    assert site.call("GET", "/me", cookie=named(cookie))[0] == 200
    other = site.call("POST", "/logout", {}, cookie=named(cookie), origin=f"https://{BOREALIS}:{site.port}")
    assert (other[0], other[1]["error"]["code"]) == (403, "wrong_origin")


def test_a_certificate_for_another_companys_host_is_refused(site: Site) -> None:
    for names in ((ACME, BOREALIS), ("*.localhost",), (BOREALIS,)):
        code, answer = issue(site, "acme", *names)
        assert (code, answer["error"]["code"]) == (3, "certificate")
    with site.secured(BOREALIS) as client:
        assert client.getpeercert()["subjectAltName"] == (("DNS", BOREALIS), ("DNS", "borealis-media.localhost"))


def test_a_renewed_certificate_is_used_at_once_and_drops_no_connection(site: Site) -> None:
    with site.secured() as before:
        code, answer = issue(site, "acme", ACME, "acme-media.localhost")
        assert code == 0

        def serial() -> str:
            with site.secured() as client:
                return str(client.getpeercert()["serialNumber"])

        wait_until(lambda: serial() != before.getpeercert()["serialNumber"])
        assert exchange(before, f"{ACME}:{site.port}", "/api/v1/me")[0] == 401
    shown = site.command("cert", "show", "acme")[1]["certificates"]
    assert {(one["host"], one["fingerprint"]) for one in shown} == {
        (host, answer["fingerprint"]) for host in (ACME, "acme-media.localhost")
    }


def test_keys_rest_wrapped_and_are_shown_nowhere(site: Site) -> None:
    _, key = site.authority.issue(ACME)
    secret = (site.data.parent / "key.pem").read_text().splitlines()[1].encode()
    with site.operator.on_registry() as conn:
        rows = conn.execute(select_rows(certificates)).all()
    assert len(rows) == 4
    assert all(secret not in bytes(row.wrapped_key) and secret.decode() not in row.chain for row in rows)
    assert key


def test_an_admin_closes_the_site_and_strangers_are_counted(site: Site, cookie: str) -> None:
    with site.secured(source=HOME) as home:
        status, answer, _ = site.call(
            "PUT", "/network", {"open": False, "networks": ["127.0.0.2/32"]}, cookie=named(cookie)
        )
        assert (status, answer["networks"]) == (200, ["127.0.0.2/32"])
        wait_until(lambda: not is_let_in(site, HOME))
        home.settimeout(10)
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            assert home.recv(1) == b""  # it was open, and may not stay
    assert is_let_in(site, STUDIO)

    def counted() -> dict[str, Any]:
        return {one["source"]: one for one in site.call("GET", "/network", cookie=named(cookie))[1]["refused"]}

    assert wait_until(lambda: counted().get(HOME))["connections"] >= 1
    shown = site.command("company", "network", "show", "acme")[1]
    assert (shown["open"], HOME in {one["source"] for one in shown["refused"]}) == (False, True)


def test_an_admin_is_warned_before_locking_themselves_out(site: Site, cookie: str) -> None:
    closed = {"open": False, "networks": ["198.51.100.0/24"]}
    status, answer, _ = site.call("PUT", "/network", closed, cookie=named(cookie))
    assert (status, answer["error"]["code"]) == (409, "locks_you_out")
    assert STUDIO in answer["error"]["message"]
    assert is_let_in(site, STUDIO)
    with contextlib.suppress(OSError, ValueError, IndexError):  # the very connection may be closed by it
        site.call("PUT", "/network", {**closed, "confirmed": True}, cookie=named(cookie))
    wait_until(lambda: not is_let_in(site, STUDIO))
    assert site.command("company", "network", "open", "acme")[1]["open"] is True
    wait_until(lambda: is_let_in(site, STUDIO))


def test_changes_are_on_the_companys_record(site: Site, cookie: str) -> None:
    site.call("PUT", "/network", {"open": False, "networks": ["127.0.0.0/8"]}, cookie=named(cookie))
    site.command("company", "network", "close", "acme", "--endpoint", "vpce-0123456789abcdef0")
    with site.operator.on_company(site.operator.company("acme")) as conn:
        query = select_rows(audit_events).where(audit_events.c.what == "network.set").order_by(audit_events.c.id)
        told = conn.execute(query).all()[-2:]
    assert [(row.user_id is None, row.details["networks"], row.details["endpoints"]) for row in told] == [
        (False, "127.0.0.0/8", ""),
        (True, "", "vpce-0123456789abcdef0"),
    ]


@pytest.mark.parametrize("arguments", [["--network", "0.0.0.0/0"], ["--endpoint", "*"], []])
def test_what_is_no_policy_changes_nothing(site: Site, arguments: list[str]) -> None:
    code, answer = site.command("company", "network", "close", "acme", *arguments)
    assert (code, answer["error"]["code"]) == (3, "request")
    assert is_let_in(site, HOME)


def test_nobody_but_an_admin_sees_or_sets_it(site: Site) -> None:
    assert site.call("GET", "/network")[0] == 401
    assert site.call("PUT", "/network", {"open": True})[0] == 401


def test_the_network_policy_outlives_the_gateway(site: Site) -> None:
    site.command("company", "network", "close", "acme", "--network", "127.0.0.2/32")
    wait_until(lambda: not is_let_in(site, HOME))
    children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    gateway = next(pid for pid in children if b"gateway_process" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(int(gateway), signal.SIGKILL)

    def answers() -> bool:
        try:
            return is_let_in(site, STUDIO)
        except OSError:
            return False

    wait_until(answers)
    assert not is_let_in(site, HOME)
