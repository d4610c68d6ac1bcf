"""Stands in for the processes of a company: `python stub_process.py ROLE --link-fd N`. Imports no web application.

GET /who tells role, company and birth; /session and /ring ask the supervisor; /slow answers late; WebSockets echo.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from reelkeep.bootstrap import open_company
from reelkeep.catalog.tables import audit_events
from reelkeep.companies.link import SupervisorLink
from reelkeep.errors import ReelkeepError
from reelkeep.ids import ConnectionId, new_id
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.interface import Purpose, SessionRequest
from reelkeep.web.serve import listen, serve


def application(link: SupervisorLink, birth: dict[str, Any], company: Any) -> Any:
    def facts(scope: Any) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "role": birth["role"],
            "company": birth["company"],
            "birth": {key: birth[key] for key in birth if key not in ("dsn",)},
            "client": scope["client"],
            "placements": sorted(company.storage._placements.values()),
        }

    def session(query: bytes) -> dict[str, Any]:
        connection, purpose, scope = query.decode().split("|")
        try:
            got = link.session(SessionRequest(ConnectionId(connection), Purpose(purpose), scope))
        except ReelkeepError as error:
            return {"error": error.code}
        return {"key": got.access_key_id, "left": (got.expires_at - datetime.now(got.expires_at.tzinfo)).seconds}

    async def handle(scope: Any) -> dict[str, Any]:
        path, query = scope["path"], scope["query_string"]
        if path == "/session":
            return await asyncio.to_thread(session, query)
        if path == "/ring":
            link.ring(JobKind.TRANSCODE)
        if path == "/slow":
            await asyncio.sleep(float(query))
        return facts(scope)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (event := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": event["text"]})
        elif scope["type"] == "http":
            body = json.dumps(await handle(scope)).encode()
            headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            raise NotImplementedError  # no lifespan

    return app


def main() -> int:
    role = sys.argv.pop(1)
    link = SupervisorLink.from_arguments()
    birth = dict(link.birth())
    company = open_company(link, birth)
    if role == "job":
        with company.engine.begin() as conn:
            conn.execute(insert(audit_events).values(id=new_id(), what="test.job", details={"kind": birth["job_kind"]}))
        return 3
    serve(company, application(link, birth, company), listen(birth["handover_path"]), link)
    return 0


if __name__ == "__main__":
    sys.exit(main())
