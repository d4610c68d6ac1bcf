"""Holds a connection to the host name it was handed over for, and says from where it comes. Pure ASGI; no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from reelkeep.companies.hosts import normal_host

ENDPOINT: Final = "reelkeep.endpoint_id"  # of an ASGI scope: the PrivateLink endpoint a request came through, or None
HSTS: Final = b"max-age=31536000"  # RFC 6797; a year, without subdomains: those are other companies'
_TEXT = b"This connection was opened for another name.\n"
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


class ConnectionHost:
    """Wraps the application for one connection.

    Args:
        host: as the gateway read it; "" if the connection named none.
        peer: the client's address as the gateway saw it.
        endpoint_id: of the PrivateLink endpoint that it came through.
        has_hsts: whether browsers are told to use TLS alone: with a certificate that they trust.
        is_last: tells whether an answer that begins now is the connection's last.
    """

    def __init__(
        self,
        application: Any,
        host: str,
        peer: tuple[str, int],
        endpoint_id: str | None = None,
        *,
        has_hsts: bool = False,
        is_last: Callable[[], bool] = lambda: False,
    ) -> None:
        self._application = application
        self._host = host
        self.peer, self.endpoint_id = peer, endpoint_id
        self._has_hsts, self._is_last = has_hsts, is_last

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["client"], scope[ENDPOINT] = self.peer, self.endpoint_id
        names = [normal_host(value) for name, value in scope["headers"] if name == b"host"]
        if names == [self._host] or (not names and not self._host):
            await self._application(scope, receive, self._sending(send))
        else:
            kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_TEXT)).encode()), *_HEADERS]
            await send({"type": f"{kind}.start", "status": 421, "headers": [*headers, (b"connection", b"close")]})
            await send({"type": f"{kind}.body", "body": _TEXT})

    def _sending(self, send: Any) -> Any:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                further = [(b"strict-transport-security", HSTS)] if self._has_hsts else []
                if self._is_last():
                    further.append((b"connection", b"close"))
                if further:
                    message["headers"] = [*message.get("headers", ()), *further]
            await send(message)

        return sending
