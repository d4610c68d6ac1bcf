"""The supervisor's end of a link against a child that was taken over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reelkeep.supervisor.linked import Linked

FLOOD = """
import json, socket, struct, sys, time
link = socket.socket(fileno=int(sys.argv[-1]))
header = json.dumps({"kind": "x", "id": "i" * 60000, "fields": {}}).encode()
frame = struct.pack(">II", len(header), 0) + header
link.settimeout(1.0)
sent = 0
try:
    while sent < 4000:
        link.sendall(frame)
        sent += 1
except TimeoutError:
    pass
time.sleep(60)
"""


def test_a_child_that_asks_and_never_listens_fills_no_memory(tmp_path: Path) -> None:
    program = tmp_path / "flood.py"
    program.write_text(FLOOD)
    answered = 0

    async def answer(kind: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal answered
        answered += 1
        return {}

    async def watch() -> None:
        linked = await Linked.born("flood", [sys.executable, str(program)], {}, answer)
        last = -1
        while answered != last or not answered:
            last = answered
            await asyncio.sleep(0.5)
        await linked.child.stopped(seconds=0)
        await linked.ended()

    asyncio.run(watch())
    assert answered < 200  # 64 requests under way, and what lies in the buffers
