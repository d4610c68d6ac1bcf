"""The process ledger for admins of the company: page by page, and whole as CSV (RFC 4180) or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import Engine
from starlette.responses import StreamingResponse

from reelkeep.catalog import processes
from reelkeep.catalog.processes import Process
from reelkeep.ids import ID_PATTERN
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import time_json
from reelkeep.web.context import Caller

router = api_router("/processes")
_MAX_LISTED: Final = 1_000
_COLUMNS: Final = ("id", "kind", "host", "pid", "started_at", "ended_at", "reason", "status", "why")
Before = Annotated[str, Query(pattern=rf"^({ID_PATTERN})?$")]


@router.get("")
def list_processes(caller: Caller, before: Before = "", limit: int = _MAX_LISTED) -> dict[str, Any]:
    """List processes, the newest first; ``next`` goes on where the answer ends."""
    most = max(1, min(limit, _MAX_LISTED))
    with caller.company_admin() as (conn, _):
        found = processes.page(conn, before=before, limit=most)
    return {"processes": [_json(one) for one in found], "next": found[-1].id if len(found) == most else None}


@router.get("/csv")
def export_csv(caller: Caller) -> StreamingResponse:
    """Send the whole ledger as CSV, the newest first."""
    with caller.company_admin():
        pass
    return _file("processes.csv", "text/csv; charset=utf-8", _csv(caller.company.engine))


@router.get("/json")
def export_json(caller: Caller) -> StreamingResponse:
    """Send the whole ledger as JSON, one process a line, the newest first."""
    with caller.company_admin():
        pass
    return _file("processes.jsonl", "application/x-ndjson", _lines(caller.company.engine))


def _file(name: str, content_type: str, body: Iterator[str]) -> StreamingResponse:
    return StreamingResponse(
        body, media_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _csv(engine: Engine) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    for page in _pages(engine):
        writer.writerows(_json(one) for one in page)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _lines(engine: Engine) -> Iterator[str]:
    for page in _pages(engine):
        yield "".join(json.dumps(_json(one)) + "\n" for one in page)


def _pages(engine: Engine) -> Iterator[list[Process]]:
    """Yield every process, some at a time, with no transaction open in between; at least one list."""
    before = ""
    while True:
        with engine.begin() as conn:
            found = processes.page(conn, before=before, limit=_MAX_LISTED)
        yield found
        if len(found) < _MAX_LISTED:
            return
        before = found[-1].id


def _json(process: Process) -> dict[str, Any]:
    return {
        "id": process.id,
        "kind": process.kind,
        "host": process.host,
        "pid": process.pid,
        "started_at": time_json(process.started_at),
        "ended_at": time_json(process.ended_at),
        "reason": process.reason,
        "status": process.status,
        "why": processes.ending(process),
    }
