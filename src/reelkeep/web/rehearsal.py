"""What a web process does before anybody wants it, so that its first answer finds made what a first one makes.

Once in the zygote, for all that are forked; and once more in a process that stands ready, since what it is the first to
write to is copied by the kernel then, page by page, and that takes longer than what is written. Nothing of a company is
there yet, and nothing that is made stays.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NoReturn

import uvloop
from anyio import to_thread
from sqlalchemy import event
from starlette.types import ASGIApp

from reelkeep.catalog import login_sessions
from reelkeep.companies.databases import open_engine
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import SignInRequired
from reelkeep.ids import CompanyId
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import SessionRequest
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.web.app import API_PREFIX, bare_app, make_app

_ORIGIN: Final = "http://nobody.invalid"  # RFC 6761, 6.4: a name that is no host's
_NOWHERE: Final = "postgresql+psycopg://nobody@/nothing?host=/nowhere"


def before_the_fork() -> None:
    """Answer one request that needs no company.

    FastAPI finds out what each route needs when one is first looked for, and anyio imports its backend. No thread is
    started.
    """
    asyncio.run(_ask(bare_app(), f"{API_PREFIX}/nothing"))


def while_it_waits() -> None:
    """Open a company that is none, and answer one request to it, up to where its database would be asked."""
    nobody = _Nobody()
    engine = open_engine(_NOWHERE)
    event.listen(engine, "do_connect", nobody.connect)
    login_sessions.OF_TOKEN.compile(dialect=engine.dialect)
    storage = CompanyStorage({}, {}, nobody, S3Store, ObstoreReader)
    company = CompanyHandle(CompanyId(""), "nobody", "Nobody", _ORIGIN, _ORIGIN, engine, storage, nobody)
    uvloop.run(_ask(make_app(company), f"{API_PREFIX}/productions"))


class _Nobody:
    """Is no supervisor, and no database."""

    def session(self, request: SessionRequest) -> NoReturn:
        del request
        raise SignInRequired

    def ring(self, kind: JobKind) -> None:
        """Ring nowhere."""

    def connect(self, *_: object) -> NoReturn:
        raise SignInRequired


async def _ask(app: ASGIApp, path: str) -> None:
    to_thread.current_default_thread_limiter()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        return None

    host = _ORIGIN.partition("//")[2].encode()
    await app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "GET",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(b"host", host), (b"authorization", b"Bearer nobody")], "state": {}, "client": None,
            "server": None,
        },
        receive,
        send,
    )  # fmt: skip
