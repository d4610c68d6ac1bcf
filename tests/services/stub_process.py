"""Stands in for the processes of a company: `python stub_process.py ROLE --link-fd N`, or forked by `stub_zygote`.

GET /who tells role, company and birth, /nothing nothing; /session and /ring ask the supervisor; /slow answers late;
/grow takes so many bytes of memory and keeps them; /reach asks for a tunnel to a host and port; WebSockets echo.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from tests.isolation.attempts import outcomes

from reelkeep.bootstrap import open_company
from reelkeep.catalog.tables import audit_events
from reelkeep.companies.handover import listen
from reelkeep.companies.link import SupervisorLink
from reelkeep.errors import ReelkeepError
from reelkeep.ids import ConnectionId, new_id
from reelkeep.isolation.descriptors import handed_out
from reelkeep.isolation.network import leave_network
from reelkeep.isolation.title import set_title
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.interface import Purpose, SessionRequest
from reelkeep.web.serve import serve


def application(link: SupervisorLink, birth: dict[str, Any], company: Any, title: str | None) -> Any:
    def facts(scope: Any) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "title": title,
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

    kept: list[bytes] = []

    async def handle(scope: Any) -> dict[str, Any]:
        path, query = scope["path"], scope["query_string"]
        if path == "/nothing":
            return {}
        if path == "/session":
            return await asyncio.to_thread(session, query)
        if path == "/reach":
            host, port = query.decode().rsplit(":")
            return await asyncio.to_thread(outcomes, [["tunnel", host, int(port)]])
        if path == "/ring":
            link.ring(JobKind.TRANSCODE)
        if path == "/grow":
            kept.append(b"x" * int(query))
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


def run(link_socket: socket.socket) -> None:
    """Be an app or media process that the zygote has forked."""
    (handover,) = handed_out(link_socket) or sys.exit(0)
    link = SupervisorLink.of_forked(link_socket)
    title = f"stub_process {link.birth()['role']} {new_id()}"  # it does not know its number on the host
    set_title(title)
    _serve(link, handover, title)


def _serve(link: SupervisorLink, handover: socket.socket, title: str | None = None) -> None:
    birth = dict(link.birth())
    company = open_company(link, birth)
    serve(company, application(link, birth, company, title), handover, link)


def main() -> int:
    role = sys.argv.pop(1)
    link = SupervisorLink.from_arguments(bring=leave_network)
    birth = dict(link.birth())
    if role != "job":
        _serve(link, listen(birth["handover_path"]))
        return 0
    with open_company(link, birth).engine.begin() as conn:
        conn.execute(insert(audit_events).values(id=new_id(), what="test.job", details={"kind": birth["job_kind"]}))
    return 3


if __name__ == "__main__":
    sys.exit(main())
