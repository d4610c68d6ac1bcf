"""What a first request needs is there before a process is forked, and nothing that two companies may not share."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import asyncio, gc, json, ssl, sys, threading
from reelkeep.web import app
app.rehearse()
before = set(sys.modules)
made = [route for route in app._TABLE.routes if getattr(route, "_effective_candidates_version", 0) is None]
again = app._bare_app()
asyncio.run(app._ask_for_nothing(again))
print(json.dumps({
    "imported": sorted(set(sys.modules) - before),
    "unmade": len(made),
    "routers": len(app._TABLE.routes),
    "threads": threading.active_count(),
    "contexts": sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects()),
}))
"""


def test_a_request_after_the_rehearsal_imports_nothing_and_finds_its_routes_made() -> None:
    told = json.loads(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)
    assert told.pop("routers") > 10
    assert told == {"imported": [], "unmade": 0, "threads": 1, "contexts": 0}
