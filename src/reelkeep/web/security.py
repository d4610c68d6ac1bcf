"""What every answer of the app process carries, and which requests are let in at all.

Follows Content Security Policy Level 3, the Fetch Standard's Origin header, and RFC 9110 section 15.5.20 (421).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelkeep.errors import RequestError
from reelkeep.web.errors import WrongOrigin

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES: Final = 256 * 1_024  # a hundred parts to sign are 10 kB; media never comes this way
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def host_of(origin: str) -> str:
    """Return the Host header of an origin.

    >>> host_of("http://acme.localhost:8000"), host_of("https://acme.example.org")
    ('acme.localhost:8000', 'acme.example.org')
    """
    parts = urlsplit(origin)
    default = _DEFAULT_PORTS.get(parts.scheme)
    return parts.hostname or "" if parts.port in (None, default) else f"{parts.hostname}:{parts.port}"


def content_security_policy(app_origin: str, media_origin: str, store_origins: Iterable[str]) -> str:
    """Return the policy of the page: only its own scripts and styles, media from memory, and the hosts it talks to."""
    socket_origin = app_origin.replace("http", "ws", 1)
    connect = " ".join(dict.fromkeys(["'self'", socket_origin, media_origin, *store_origins]))
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob: {media_origin}",
            "media-src blob:",
            f"connect-src {connect}",
            "font-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def security_headers(policy: str) -> dict[str, str]:
    """Return the headers of every answer of the app process."""
    return {
        "Cache-Control": "no-store",  # presigned addresses and tokens are among the answers; files say otherwise
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "encrypted-media=(self), fullscreen=(self), camera=(), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def check_origin(method: str, origin: str | None, *, own_origin: str, has_cookie: bool) -> None:
    """Raise WrongOrigin if a page of another site could have made this request in the user's name.

    A browser sends Origin with every unsafe request; a cookie without it is refused. Programs that sign their requests
    with a bearer token send neither.

    >>> check_origin("POST", None, own_origin="http://a.localhost", has_cookie=False)
    >>> check_origin("GET", "http://evil.example", own_origin="http://a.localhost", has_cookie=True)
    """
    if method in SAFE_METHODS:
        return
    if (origin is None and has_cookie) or (origin is not None and origin != own_origin):
        raise WrongOrigin


class SecuredApplication:
    """Wraps the app's routes: answers only to its own host name, takes no large body, and adds the security headers
    to every answer.

    Args:
        inner: the routes; kept as ``inner``, since the OpenAPI document comes from there.
        headers: asked for each answer, because the company's stores may change.
        elsewhere: answers requests with another Host; status 421, no data of the company.
    """

    def __init__(self, inner: ASGIApp, *, host: str, headers: Callable[[], dict[str, str]], elsewhere: ASGIApp) -> None:
        self.inner = inner
        self._host, self._headers, self._elsewhere = host, headers, elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers().items():
                    headers.setdefault(name, value)
            await send(message)

        taken_bytes = 0

        async def receive_bounded() -> Message:
            nonlocal taken_bytes
            message = await receive()
            if message["type"] == "http.request":
                taken_bytes += len(message.get("body", b""))
                if taken_bytes > MAX_BODY_BYTES:
                    raise RequestError("the request is too large")
            return message

        is_own = Headers(scope=scope).get("host", "").lower() == self._host
        await (self.inner if is_own else self._elsewhere)(scope, receive_bounded, send_secured)
