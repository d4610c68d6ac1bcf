"""The application of the app process: pages, API and events of one company."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from reelkeep.companies.databases import DATABASE_AWAY, database_errors
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import (
    DependencyError,
    NotFound,
    ReelkeepError,
    RequestError,
    StorageSetupError,
    StorageStopped,
)
from reelkeep.ids import ConnectionId
from reelkeep.ingest.uploads import Uploads
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.signature import address_at
from reelkeep.web.api import (
    assets,
    batches,
    comments,
    deletions,
    events,
    luts,
    network,
    playback,
    processes,
    productions,
    sequences,
    signin,
    storage,
    support,
    uploads,
    users,
)
from reelkeep.web.attempts import SignInLimits
from reelkeep.web.changes import ChangeHub
from reelkeep.web.context import AppContext, NoRegistry, Registry
from reelkeep.web.elsewhere import misdirected
from reelkeep.web.errors import body_of, headers_of, status_of
from reelkeep.web.listener import listen
from reelkeep.web.pages import Pages
from reelkeep.web.security import SecuredApplication, content_security_policy, host_of, security_headers

API_PREFIX: Final = "/api/v1"
HANDLER_THREADS: Final = 4
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ROUTERS: Final[Sequence[APIRouter]] = (
    signin.router,
    users.router,
    productions.router,
    luts.router,
    assets.router,
    uploads.router,
    batches.router,
    sequences.router,
    playback.router,
    comments.router,
    deletions.router,
    events.router,
    storage.router,
    network.router,
    processes.router,
    support.router,
)
_log = logging.getLogger(__name__)


# Made when this module is imported, since it costs more than all the rest of an application; it knows no company.
_PAGES: Final = Pages()
_TABLE: Final = APIRouter(prefix=API_PREFIX)
for _router in ROUTERS:
    _TABLE.include_router(_router)
_PAGE_TABLE: Final = APIRouter(include_in_schema=False)


@_PAGE_TABLE.get("/static/{name:path}")
async def _static_file(request: Request, name: str) -> Response:
    return _PAGES.file(request, name)


@_PAGE_TABLE.api_route(f"{API_PREFIX}/{{rest:path}}", methods=_METHODS)
async def _no_such_call() -> Response:
    raise NotFound("the API has no such address")


@_PAGE_TABLE.get("/{path:path}")
async def _page(request: Request, path: str) -> Response:
    return _PAGES.page(request) if "." not in path else _PAGES.file(request, path)


def make_app(company: CompanyHandle, registry: Registry | None = None) -> SecuredApplication:
    """Return the company's application.

    Args:
        registry: by way of the supervisor; None where there is none.
    """
    context = AppContext(company, Uploads(company), SignInLimits(), ChangeHub(), registry or NoRegistry())
    app = bare_app()
    app.state.context = context

    def headers() -> dict[str, str]:
        stores = store_origins(company.storage.connections())
        return security_headers(content_security_policy(company.app_origin, company.media_origin, stores))

    return SecuredApplication(
        app,
        host=host_of(company.app_origin),
        headers=headers,
        elsewhere=misdirected(company.app_origin),
    )


def bare_app() -> FastAPI:
    """Return an application that belongs to no company yet."""
    app = FastAPI(title="Reelkeep", openapi_url=None, lifespan=_lifespan, redirect_slashes=False)
    app.router.routes.extend([*_TABLE.routes, *_PAGE_TABLE.routes])
    app.add_exception_handler(ReelkeepError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_form)
    app.add_exception_handler(HTTPException, _refuse_http)
    for away in DATABASE_AWAY:
        app.add_exception_handler(away, _refuse_database)
    app.add_exception_handler(Exception, _refuse_defect)
    return app


def store_origins(connections: Sequence[StorageConnection]) -> list[str]:
    """Return the origins of presigned addresses, which the page sends parts to."""
    return sorted({_store_origin(connection) for connection in connections})


def _store_origin(connection: StorageConnection) -> str:
    url = connection.private.clients if connection.private is not None else connection.endpoint_url
    if url is None:
        return f"https://{connection.bucket}.s3.{connection.region}.amazonaws.com"
    return address_at(url, connection.bucket, path_style=connection.path_style).origin


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = HANDLER_THREADS
    context: AppContext = app.state.context
    loop = asyncio.get_running_loop()

    def changed(_: frozenset[ConnectionId]) -> None:
        loop.call_soon_threadsafe(context.hub.publish_storage)

    context.company.storage.on_change(changed)
    listening = asyncio.ensure_future(_listen_when_wanted(context))
    try:
        yield
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def _listen_when_wanted(context: AppContext) -> None:
    await context.hub.wanted()
    await listen(context.company.engine.url, context.hub.publish, context.hub.hears)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReelkeepError)
    if isinstance(error, StorageSetupError) and not isinstance(error, StorageStopped):
        asyncio.get_running_loop().run_in_executor(None, _look, request.app.state.context)
    return JSONResponse(body_of(error), status_of(error), headers_of(error))


def _look(context: AppContext) -> None:
    """Look at the connections in use, unless somebody looks: one of them may have refused.

    What is found is told by the supervisor. Nobody waits for it, and it takes one thread at most.
    """
    lookout = context.company.lookout
    if lookout is None or not context.looking.acquire(blocking=False):
        return
    try:
        for connection in context.company.storage.connections():
            with contextlib.suppress(ReelkeepError), database_errors():
                lookout.look(connection.id)
    finally:
        context.looking.release()


async def _refuse_form(request: Request, error: Exception) -> Response:
    """An id that is none names nothing; anything else wrong with a request is said by its field."""
    assert isinstance(error, RequestValidationError)
    problems: Sequence[Any] = error.errors()
    if any(problem["loc"][0] == "path" for problem in problems):
        return await _refuse(request, NotFound())
    fields = ", ".join(sorted({str(problem["loc"][-1]) for problem in problems}))
    return await _refuse(request, RequestError(f"this part of the request does not do: {fields[:200]}"))


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await _refuse(request, NotFound())
    body = body_of(RequestError("the request was not understood"))
    return JSONResponse(body, error.status_code, {**(error.headers or {}), "Cache-Control": "no-store"})


async def _refuse_database(request: Request, error: Exception) -> Response:
    _log.error("the company's database does not answer: %s", type(error).__name__)
    return await _refuse(request, DependencyError("the database does not answer"))


async def _refuse_defect(_: Request, __: Exception) -> Response:
    """Say no more than that something is wrong; the server's log has the rest."""
    return JSONResponse(body_of(ReelkeepError("something went wrong here")), 500, {"Cache-Control": "no-store"})
