"""What a closed site answers: a page for people, JSON for programs, 503 for both (RFC 9110, section 15.6.4)."""

from __future__ import annotations

from html import escape
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reelkeep.companies.company_states import Closure
from reelkeep.errors import sentence
from reelkeep.web.plain_page import plain_page

_STATUS: Final = 503
_NO_WEBSOCKET: Final = 1013  # try again later; IANA, WebSocket Close Code Number Registry


def closed_application(why: Closure) -> ASGIApp:
    """Return the whole application of a process in reduced mode."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _NO_WEBSOCKET})
        elif scope["type"] == "http":
            await _answer(why, Headers(scope=scope))(scope, receive, send)
        else:
            raise NotImplementedError  # no lifespan

    return application


def _answer(why: Closure, headers: Headers) -> Response:
    message, retry = sentence(why.message), {"Retry-After": str(why.retry_seconds)}
    if "text/html" in headers.get("accept", ""):
        body = f'<p class="quiet">{escape(why.advice)}</p>'
        return plain_page(escape(message), body, _STATUS, {**retry, "Refresh": str(why.retry_seconds)})
    error = {"code": why.code, "message": message, "advice": why.advice}
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
    return JSONResponse({"error": error}, _STATUS, {**fixed, **retry})
