from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from reelkeep.web.elsewhere import misdirected

ORIGIN = "http://acme.localhost:8123"


def ask(host: str, *, accept: str = "text/html,*/*", origin: str = ORIGIN) -> tuple[int, dict[str, str], str]:
    headers = [(b"host", host.encode("latin-1")), (b"accept", accept.encode())]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(misdirected(origin)(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        ("192.0.2.7:8123", "192.0.2.7"),
        ("Cutting-Room.example", "cutting-room.example"),
        ("[2001:db8::5]:8123", "2001:db8::5"),
    ],
)
def test_somebody_from_another_machine_reads_why_eme_is_missing_and_how_to_make_a_tunnel(
    host: str, machine: str
) -> None:
    status, _, text = ask(host)
    assert status == 421
    assert "so EME is missing" in text.replace("\n", " ")
    assert f">ssh -L 8123:127.0.0.1:8123 {machine}<" in text
    assert f">{ORIGIN}/<" in text


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "[::1]:8123", ""])
def test_somebody_at_this_machine_is_shown_the_address(host: str) -> None:
    status, _, text = ask(host)
    assert status == 421
    assert f"{ORIGIN}/" in text
    assert "ssh -L 8123:127.0.0.1:8123 THIS-MACHINE" in text


def test_a_host_that_is_none_is_never_written_into_the_page() -> None:
    for host in ("<script>alert(1)</script>", 'x" onload="', "a;rm -rf ~", "-oproxycommand"):
        text = ask(host)[2]
        assert "script" not in text
        assert "onload" not in text
        assert "rm -rf" not in text
        assert "proxycommand" not in text
        assert "127.0.0.1:8123 THIS-MACHINE<" in text


def test_the_pages_one_style_is_allowed_by_its_hash_and_nothing_else_is() -> None:
    _, headers, text = ask("192.0.2.7")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = headers["content-security-policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    assert "<script" not in text
    assert " style=" not in text
    assert headers["cache-control"] == "no-store"


def test_a_program_gets_plain_text() -> None:
    status, headers, text = ask("192.0.2.7", accept="*/*")
    assert (status, headers["content-type"]) == (421, "text/plain; charset=utf-8")
    assert "    ssh -L 8123:127.0.0.1:8123 192.0.2.7\n" in text


def test_an_installation_with_https_speaks_of_no_tunnel() -> None:
    text = ask("old-name.example", origin="https://acme.example.org")[2]
    assert "ssh" not in text
    assert 'href="https://acme.example.org/"' in text
