"""The web entry without the gateway before it, to compare with: listens itself, and speaks TLS as a company's process.

``python -m benchmarks.direct_listener PORT CHAIN KEY``; the certificate and its key are files in PEM.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from reelkeep.web.bounded import BoundedProtocol
from reelkeep.web.tls import context_of

BODY = b"{}"


async def application(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", str(len(BODY)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def listen(port: int, chain: str, key: str) -> None:
    """Serve until killed."""
    config = Config(application, http=BoundedProtocol, lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config=config, server_state=state, app_state={}),
        "127.0.0.1", port, ssl=context_of(chain, key), backlog=1_024,
    )  # fmt: skip
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(listen(int(sys.argv[1]), *(Path(file).read_text() for file in sys.argv[2:4])))
