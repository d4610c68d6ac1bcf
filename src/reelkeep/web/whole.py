"""Answers with a body of some megabytes, given to the transport as it is. Pure ASGI; no I/O.

The transport takes what it is given without a copy, and sends it as the client takes it. Whoever wrote such an answer
would count as done at once: then the time until the connection's next request would run while it is being sent, and
room for others would be made by closing it.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class WholeResponse(Response):
    """A ``Response`` that is complete once the client has taken its body, but for what a transport always holds.

    Args:
        content: ``bytes``, or a view of memory that stays as it is.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI names them
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})  # waits for the client
