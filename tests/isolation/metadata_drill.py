"""In a network of its own: a service at the clouds' metadata address, a company whose list names it, and its attempts.

``unshare --net --mount python -m tests.isolation.metadata_drill FOLDER``, as root. Prints what was reached as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from tests.isolation.attempts import outcomes
from tests.isolation.closed import Outside

from reelkeep.companies.destinations import Destination
from reelkeep.ids import CompanyId

METADATA: Final = "169.254.169.254"
NAME: Final = "metadata.test"  # leads there, as a name would that whoever owns it turned round
ATTEMPTS: Final = [["connect", METADATA, 80], ["tunnel", METADATA, 80], ["tunnel", NAME, 80]]


def greet(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client:
                client.sendall(b"hello")


async def drill(folder: Path) -> dict[str, Any]:
    outside = Outside(folder)
    await outside.start_egress()
    outside.way_out.allow(CompanyId("acme"), [Destination(METADATA, 80), Destination(NAME, 80)], None)
    try:
        inside = await outside.process("acme", [*ATTEMPTS, ["fetch", f"http://{METADATA}/latest/meta-data/"]])
        return {"inside": inside, "refused": await outside.reported("acme", 3)}
    finally:
        await outside.end()


def main() -> None:
    hosts = Path(sys.argv[1], "hosts")
    hosts.write_text(f"127.0.0.1 localhost\n{METADATA} {NAME}\n", encoding="ascii")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "address", "add", f"{METADATA}/32", "dev", "lo"],
        ["mount", "--bind", str(hosts), "/etc/hosts"],
    ):
        subprocess.run(command, check=True)
    with socket.create_server((METADATA, 80)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        found = {"outside": outcomes(ATTEMPTS), **asyncio.run(drill(Path(sys.argv[1])))}
        server.shutdown(socket.SHUT_RDWR)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
