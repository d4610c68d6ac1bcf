"""What somebody sees who came by another host name: no data, only the right address and why it matters."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

_TEXT = """This is Reelkeep, but not its own address.

Open {origin}/ instead.

Protected films play only in what browsers call a secure context: https, or a host name that ends in "localhost".
From another machine, forward the port first, then open the address above there:

    ssh -L {port}:127.0.0.1:{port} USER@THIS-MACHINE
"""


def misdirected(app_origin: str) -> PlainTextResponse:
    """Return the answer to a request whose Host header is not the company's own (RFC 9110, 421)."""
    parts = urlsplit(app_origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return PlainTextResponse(_TEXT.format(origin=app_origin, port=port), 421, {"Cache-Control": "no-store"})
