"""What a first request needs is there before a company is, and nothing that two companies may not share."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, gc, json, ssl, sys, threading
from reelkeep.web import app, rehearsal
rehearsal.before_the_fork()
before = set(sys.modules)
made = [route for route in app._TABLE.routes if getattr(route, "_effective_candidates_version", 0) is None]
connections = []
refuse = rehearsal._Nobody.connect
rehearsal._Nobody.connect = lambda *each: (connections.append(threading.current_thread().name), refuse(*each))
rehearsal.{then}()
for one in set(threading.enumerate()) - {{threading.main_thread()}}:
    one.join(10)
print(json.dumps({{
    "imported": sorted(set(sys.modules) - before),
    "unmade": len(made),
    "routers": len(app._TABLE.routes),
    "threads": threading.active_count(),
    "connections": sum(name != "MainThread" for name in connections),
    "contexts": sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects()),
}}))
"""


@pytest.mark.parametrize("then", ["before_the_fork", "while_it_waits"])
def test_what_follows_a_rehearsal_imports_nothing_finds_its_routes_made_and_leaves_nothing(then: str) -> None:
    program = [sys.executable, "-c", PROGRAM.format(then=then)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told.pop("routers") > 10
    assert told.pop("connections") == (1 if then == "while_it_waits" else 0), "a handler got as far as its database"
    assert told == {"imported": [], "unmade": 0, "threads": 1, "contexts": 0}
    assert done.stderr == ""
