from __future__ import annotations

import asyncio
import json
from typing import Any

from reelkeep.companies.company_states import Closure
from reelkeep.web.closed import closed_application

WHY = Closure("company_suspended", "this site is <suspended>", "Ask Ada & Co.", 30)


def ask(kind: str, accept: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "method": "GET", "path": "/", "headers": [(b"accept", accept.encode())]}
    asyncio.run(closed_application(WHY)(scope, receive, send))
    return sent


def test_people_get_a_page_that_comes_again_by_itself_and_runs_nothing() -> None:
    start, body = ask("http", "text/html,*/*")
    fields = dict(start["headers"])
    assert (start["status"], fields[b"retry-after"], fields[b"refresh"]) == (503, b"30", b"30")
    assert b"<h1>This site is &lt;suspended&gt;.</h1>" in body["body"]
    assert b"Ask Ada &amp; Co." in body["body"]
    assert b"script" not in body["body"]
    assert fields[b"content-security-policy"].startswith(b"default-src 'none'")


def test_programs_get_the_same_as_json() -> None:
    start, body = ask("http", "application/json")
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"30")
    said = {"code": "company_suspended", "message": "This site is <suspended>.", "advice": "Ask Ada & Co."}
    assert json.loads(body["body"]) == {"error": said}


def test_a_websocket_is_told_to_come_again() -> None:
    assert ask("websocket", "") == [{"type": "websocket.close", "code": 1013}]
