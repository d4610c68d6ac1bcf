"""What somebody sees who came by another host name: no data, only the right address, and the way to it.

On the plain listener that is somebody at another machine, or at this one by its number. Films are encrypted, and a
browser decrypts them in a secure context only (W3C Secure Contexts, section 3.1): https, or a name under "localhost".
The page carries its style with its hash in the policy, as every other address is refused under this name too.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reelkeep.companies.hosts import normal_host
from reelkeep.web.plain_page import plain_page

_STATUS: Final = 421  # RFC 9110, section 15.5.20
_HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_UNKNOWN_HOST: Final = "THIS-MACHINE"

_FAR: Final = """<p>Films are encrypted on their way to you. Browsers decrypt them (Encrypted Media Extensions, EME)
only over HTTPS, or under a name that ends in <b>localhost</b>. You came by plain HTTP from another machine, so EME
is missing.</p>
<p>Make a tunnel: run this in a terminal on your own machine, and leave it open.</p>
<code id="tunnel">{command}</code>
<p>Then open</p>
<code id="address">{origin}/</code>
<p class="quiet">Put your user name and an @ before the machine's name if it differs there. The operator of this
installation can also give it an HTTPS address; then no tunnel is needed.</p>"""
_NEAR: Final = """<p>Reelkeep answers under its company's own name only, which keeps other companies' pages apart from
it and lets the browser decrypt films.</p>
<p><a id="address" href="{origin}/">Open {origin}/</a></p>
<p class="quiet">From another machine, make a tunnel first, and open the same address there:</p>
<code id="tunnel">{command}</code>"""
_PUBLIC: Final = """<p>Nothing is kept under this name.</p><p><a id="address" href="{origin}/">Open {origin}/</a></p>"""
_TEXT: Final = """This is Reelkeep, but not its own address.

Open {origin}/ instead.

Protected films play only in what browsers call a secure context: https, or a host name that ends in "localhost".
From another machine, forward the port first, then open the address above there:

    {command}
"""


def misdirected(app_origin: str) -> ASGIApp:
    """Return what answers requests by another name than the company's own: a page for people, text for programs."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(app_origin, Headers(scope=scope))(scope, receive, send)

    return answer


def _answer(app_origin: str, headers: Headers) -> Response:
    parts = urlsplit(app_origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = normal_host(headers.get("host", "").encode("latin-1"))
    is_machine = host not in _HERE and host[:1] not in ("", "-")  # ssh would take a leading "-" for an option
    command = f"ssh -L {port}:127.0.0.1:{port} {host.strip('[]') if is_machine else _UNKNOWN_HOST}"
    if "text/html" not in headers.get("accept", ""):
        text = _TEXT.format(origin=app_origin, command=command)
        return PlainTextResponse(text, _STATUS, {"Cache-Control": "no-store"})
    if parts.scheme == "https":
        title, body = "This is not Reelkeep's address", _PUBLIC
    elif host in _HERE:
        title, body = "Reelkeep has an address of its own", _NEAR
    else:
        title, body = "Films need a connection that the browser trusts", _FAR
    filled = body.format(origin=escape(app_origin), command=escape(command))
    return plain_page(title, filled, _STATUS)
