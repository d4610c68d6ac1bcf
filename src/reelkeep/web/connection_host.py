"""Holds a connection to the host name it was handed over for. Pure ASGI; no I/O of its own."""

from __future__ import annotations

from typing import Any

from reelkeep.companies.hosts import normal_host

_TEXT = b"This connection was opened for another name.\n"
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


class ConnectionHost:
    """Wraps the application for one connection.

    Args:
        host: as the gateway read it; "" if the first request named none.
        peer: the client's address as the gateway saw it.
    """

    def __init__(self, application: Any, host: str, peer: tuple[str, int]) -> None:
        self._application = application
        self._host = host
        self._peer = peer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = self._peer
        names = [normal_host(value) for name, value in scope["headers"] if name == b"host"]
        if names == [self._host] or (not names and not self._host):
            await self._application(scope, receive, send)
        else:
            kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_TEXT)).encode()), *_HEADERS]
            await send({"type": f"{kind}.start", "status": 421, "headers": [*headers, (b"connection", b"close")]})
            await send({"type": f"{kind}.body", "body": _TEXT})
