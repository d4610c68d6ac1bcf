"""An ASGI application served on a free port of loopback, for tests that speak HTTP and WebSocket to it."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import httpx
import uvicorn
from websockets.sync.client import ClientConnection, connect


class Served:
    """Serves until closed. Programs connect to 127.0.0.1 and name the host themselves.

    Args:
        host: the Host header, "acme.localhost:8000".
    """

    def __init__(self, application: Any, host: str) -> None:
        self.host = host
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        config = uvicorn.Config(application, loop="uvloop", ws="websockets-sansio", log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._clients: list[httpx.Client] = []
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.002)

    def client(self, **headers: str) -> httpx.Client:
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"Host": self.host, **headers}, timeout=20
        )
        self._clients.append(client)
        return client

    def websocket(self, path: str, headers: dict[str, str]) -> ClientConnection:
        sock = socket.create_connection(("127.0.0.1", self.port))
        try:
            return connect(f"ws://{self.host}{path}", sock=sock, additional_headers=headers)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
