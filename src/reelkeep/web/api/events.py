"""Live changes of a production, by WebSocket (RFC 6455)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from reelkeep.catalog import members, productions, versions
from reelkeep.catalog.changes import Change
from reelkeep.catalog.roles import Action
from reelkeep.errors import NotFound, ReelkeepError, SignInRequired
from reelkeep.ids import ProductionId, VersionId, is_id
from reelkeep.storage.access import CompanyStorage
from reelkeep.web.api.views import storage_news_json, version_json
from reelkeep.web.changes import STORAGE, Subscription
from reelkeep.web.context import Call, Caller

router = APIRouter()
SEND_INTERVAL_SECONDS: Final = 0.2  # at most five messages a second to each page
CHECK_INTERVAL_SECONDS: Final = 30.0  # a quiet page is asked for its right to listen this often
REFUSED: Final = 4403
_Pending = Mapping[VersionId | None, set[str]]


@router.websocket("/productions/{production_id}/events")
async def events(socket: WebSocket, production_id: str, caller: Caller) -> None:
    """Send every changed version of a production, and its settings, read afresh, to who may see it at that moment.

    And which storage connections are out of use: at once, and whenever that changes.
    """
    watched = ProductionId(production_id)
    try:
        if not is_id(production_id):
            raise NotFound
        if socket.headers.get("origin") != caller.company.app_origin and "authorization" not in socket.headers:
            raise SignInRequired  # browsers always name the page's origin, and send a cookie to any page's socket
        await run_in_threadpool(_read, caller, watched, {})
    except ReelkeepError:
        await socket.close(REFUSED)
        return
    await caller.context.hub.listening()  # so that nothing is missed between what a page reads and what it hears
    await socket.accept()
    with caller.context.hub.subscribe(watched) as subscription:
        news = storage_news_json(caller.company.storage)
        if news["stopped"] or news["away"]:
            subscription.add(Change(watched, None, STORAGE))
        sender = asyncio.ensure_future(_send(socket, caller, watched, subscription))
        try:
            await _until_closed(socket, sender)
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect):
                await sender


async def _send(socket: WebSocket, caller: Call, production_id: ProductionId, subscription: Subscription) -> None:
    while True:
        try:
            pending: _Pending = await asyncio.wait_for(subscription.take(), CHECK_INTERVAL_SECONDS)
        except TimeoutError:
            pending = {}
        try:
            messages = await run_in_threadpool(_read, caller, production_id, pending)
        except ReelkeepError:
            await socket.close(REFUSED)
            return
        for message in messages:
            await socket.send_json(message)
        await asyncio.sleep(SEND_INTERVAL_SECONDS * max(1, len(messages)))


async def _until_closed(socket: WebSocket, sender: asyncio.Future[None]) -> None:
    """Return when the page has gone or the sender has ended. What a page sends is read and dropped."""
    receiver = asyncio.ensure_future(_receive(socket))
    try:
        await asyncio.wait({receiver, sender}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        receiver.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await receiver


async def _receive(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _read(caller: Call, production_id: ProductionId, pending: _Pending) -> list[dict[str, Any]]:
    """Check the right to listen, then return the messages about ``pending``, read from the rows as they are now."""
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, production_id, Action.VIEW)
        return [
            message
            for version_id, whats in pending.items()
            for message in _messages(conn, caller.company.storage, production_id, version_id, whats)
        ]


def _messages(
    conn: Connection,
    storage: CompanyStorage,
    production_id: ProductionId,
    version_id: VersionId | None,
    whats: set[str],
) -> list[dict[str, Any]]:
    if version_id is None:
        found = [storage_news_json(storage)] if STORAGE in whats else []
        if whats == {STORAGE}:
            return found
        production = productions.get(conn, production_id)
        settings = {"id": production.id, "name": production.name, "first_frame": production.first_frame}
        return [*found, {"what": "production", "production": settings}]
    try:
        version = versions.get(conn, version_id)
    except NotFound:
        return []
    if version.production_id != production_id:
        return []
    messages: list[dict[str, Any]] = []
    if "comments" in whats:
        messages.append({"what": "comments", "version_id": version_id})
    if whats - {"comments"}:
        messages.append({"what": "version", "version": version_json(version)})
    return messages
