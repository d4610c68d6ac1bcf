"""Debian's Firefox without a window, driven by Marionette, the protocol built into it.

Playwright drives only a Firefox of its own build, which is not what people have.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

EXECUTABLE: Final = shutil.which("firefox-esr")
START_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 60.0
_PREFERENCES: Final = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """One window. Messages are ``length:json``; an answer is [1, number, error, result]."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._number = 0
        self._left = b""
        self._message()  # its greeting
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})

    def ask(self, command: str, arguments: dict[str, Any]) -> Any:
        self._number += 1
        words = json.dumps([0, self._number, command, arguments]).encode()
        self._connection.sendall(b"%d:%s" % (len(words), words))
        _, number, error, result = self._message()
        assert number == self._number
        assert error is None, error
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def open(self, address: str) -> None:
        self.ask("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function in the page and return what it returns."""
        body = f"const done = [...arguments].pop(); (async (...given) => {{ {script} }})(...arguments).then(done);"
        return self.ask("WebDriver:ExecuteAsyncScript", {"script": body, "args": list(arguments)})

    def _message(self) -> Any:
        while b":" not in self._left:
            self._left += self._more()
        length, _, rest = self._left.partition(b":")
        while len(rest) < int(length):
            rest += self._more()
        self._left = rest[int(length) :]
        return json.loads(rest[: int(length)])

    def _more(self) -> bytes:
        data = self._connection.recv(1 << 16)
        assert data, "Firefox has gone"
        return data


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Firefox]:
    """Start Firefox with a profile in ``folder``; it ends with the block."""
    assert EXECUTABLE is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    wanted = {**_PREFERENCES, "marionette.port": port}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wanted.items()]
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [EXECUTABLE, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_CRASHREPORTER_DISABLE": "1"}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with _connected(port) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait()


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        except OSError:
            assert time.monotonic() < deadline, "Firefox does not listen"
            time.sleep(0.1)
