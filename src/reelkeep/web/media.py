"""The application of the media process: manifests, segments, licences and stills of one company.

No cookies: the right to watch is the playback session's token in the path, so no path is ever logged. Bare ASGI on one
event loop; the blocking store is asked from a few threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelkeep.catalog.login_sessions import token_hash
from reelkeep.catalog.versions import get as get_version
from reelkeep.companies.handle import CompanyHandle
from reelkeep.encryption.keys import CompanyKey, ContentKey, content_keys_from_json
from reelkeep.errors import NotFound, ReelkeepError, RequestError, StorageSetupError, StorageStopped
from reelkeep.ids import VersionId
from reelkeep.media import TrackKind
from reelkeep.packaging.cmaf import Protection, init_segment
from reelkeep.packaging.stills import StillKind
from reelkeep.packaging.tracks import track_of
from reelkeep.playback import licences, proxies, sessions
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.manifest import manifest
from reelkeep.playback.recent import Recent
from reelkeep.playback.segments import SegmentSource, Viewer
from reelkeep.playback.sessions import PlaybackSession
from reelkeep.web.elsewhere import misdirected
from reelkeep.web.errors import body_of, headers_of, status_of
from reelkeep.web.security import host_of
from reelkeep.web.taking import Taking
from reelkeep.web.whole import WholeResponse

SESSION_KEPT_SECONDS: Final = 2.0  # how long an ended login session may still be served
_MAX_KEPT_SESSIONS: Final = 4_096
_NO_STORE: Final = {"Cache-Control": "no-store"}
_SEGMENT_TYPES: Final = {"v": "video/mp4", "a": "audio/mp4"}  # by the first letter of a rendition's name
_PATH: Final = re.compile(r"/p/(?P<token>[A-Za-z0-9_-]{16,100})/(?P<rest>[A-Za-z0-9_./-]{1,120})")
_SEGMENT: Final = re.compile(r"(?P<rendition>[a-z][a-z0-9]{0,15})/(?P<number>0|[1-9][0-9]{0,8})\.m4s")
_INIT: Final = re.compile(r"(?P<rendition>[a-z][a-z0-9]{0,15})/init\.mp4")
_TILES: Final = re.compile(r"tiles/(?P<number>0|[1-9][0-9]{0,5})\.jpg")
_POSTER_OF: Final = re.compile(r"versions/(?P<version>[0-9a-z]{20})/poster\.jpg")
_log = logging.getLogger(__name__)


class MediaApplication:
    """Belongs to one event loop.

    Args:
        run_beside: what must run while it serves: the listener and the sweeper.
        on_refusal: called when a bucket refused.
    """

    def __init__(
        self,
        company: CompanyHandle,
        company_key: CompanyKey,
        database: AsyncDatabase,
        source: SegmentSource,
        run_beside: Callable[[], Awaitable[None]],
        on_refusal: Callable[[], None] = lambda: None,
    ) -> None:
        self._company, self._company_key = company, company_key
        self._database, self._source, self._run_beside = database, source, run_beside
        self._host, self._elsewhere = host_of(company.media_origin), misdirected(company.app_origin)
        self._sessions: Recent[bytes, PlaybackSession] = Recent(SESSION_KEPT_SECONDS, _MAX_KEPT_SESSIONS)
        self._taking = Taking(company_key, database, source)
        self._on_refusal = on_refusal
        self._doorplate = f"Pictures and films for {company.app_origin} come from here. You can close this page.\n"
        headers = {
            "Access-Control-Allow-Origin": company.app_origin,
            "Access-Control-Expose-Headers": "Retry-After",
            "Cross-Origin-Resource-Policy": "cross-origin",  # sibling names under "localhost" count as other sites
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Origin",
        }
        self._fields = Headers(headers).raw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        if Headers(scope=scope).get("host", "").lower() != self._host:
            await self._elsewhere(scope, receive, send)
            return
        response = await self._answer(Request(scope, receive))
        own = {name for name, _ in response.raw_headers}
        response.raw_headers += [field for field in self._fields if field[0] not in own]
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._preflight()
        try:
            return await self._route(request)
        except ReelkeepError as error:
            if isinstance(error, StorageSetupError) and not isinstance(error, StorageStopped):
                self._on_refusal()
            return Response(json.dumps(body_of(error)), status_of(error), headers_of(error), "application/json")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001  # uvicorn would log the path with the error, and the path holds a token
            _log.exception("a media request failed by a defect")
            body = body_of(ReelkeepError("something went wrong here"))
            return Response(json.dumps(body), 500, _NO_STORE, "application/json")

    async def _route(self, request: Request) -> Response:
        path = request.scope["path"]  # no URL is made of it, which takes longer than all that follows
        if path == "/" and request.method == "GET":
            return Response(self._doorplate, 200, _NO_STORE, "text/plain")
        found = _PATH.fullmatch(path)
        if found is None or request.method not in ("GET", "HEAD", "POST"):
            raise NotFound
        session, rest = await self._session(found["token"]), found["rest"]
        if session.connection_id is None:
            return await self._routed(request, session, found["token"], rest)
        self._company.storage.connection(session.connection_id)
        response = await self._routed(request, session, found["token"], rest)
        self._company.storage.connection(session.connection_id)  # what was revoked meanwhile does not leave either
        return response

    async def _routed(self, request: Request, session: PlaybackSession, token: str, rest: str) -> Response:
        if session.is_taking and (request.method != "GET" or session.version_id is None):
            raise NotFound
        if request.method == "POST":
            if rest != "licence":
                raise NotFound
            return await self._licence(session, await _short_body(request))
        if not session.is_taking and (of := _POSTER_OF.fullmatch(rest)) is not None:
            return await self._poster(session, VersionId(of["version"]))
        if session.version_id is None:
            raise NotFound
        if session.is_taking:
            taker = Viewer(session.user_id, session.version_id, "copy of the proxy", proxy=session.proxy)
            return await self._taking.part(taker, rest)
        viewer = Viewer(session.user_id, session.version_id, proxy=session.proxy)
        return await self._version_part(viewer, token, rest)

    async def _version_part(self, viewer: Viewer, token: str, rest: str) -> Response:
        if (segment := _SEGMENT.fullmatch(rest)) is not None:
            body = await self._source.segment(viewer, segment["rendition"], int(segment["number"]))
            return WholeResponse(body, 200, _NO_STORE, _SEGMENT_TYPES.get(segment["rendition"][0], "video/mp4"))
        if (init := _INIT.fullmatch(rest)) is not None:
            return await self._init(viewer.version_id, init["rendition"])
        if rest == "manifest.mpd":
            proxy = await self._database.run(lambda conn: proxies.read(conn, viewer.version_id))
            text = manifest(proxy, f"{self._company.media_origin}/p/{token}/licence")
            return Response(text, 200, _NO_STORE, "application/dash+xml")
        if (tiles := _TILES.fullmatch(rest)) is not None:
            return await self._still(viewer, StillKind.TILES, int(tiles["number"]))
        kinds = {"poster.jpg": StillKind.POSTER, "peaks.json": StillKind.PEAKS, "times.json": StillKind.TIMES}
        if rest in kinds:
            return await self._still(viewer, kinds[rest], 0)
        raise NotFound

    async def _init(self, version_id: VersionId, rendition: str) -> Response:
        proxy = await self._database.run(lambda conn: proxies.read(conn, version_id))
        found = next((each for each in proxy.renditions if each.name == rendition), None)
        if found is None:
            raise NotFound("there is no such rendition")
        track = track_of(found.kind, found.codec_config, found.timescale)
        body = init_segment(track, Protection(found.key_id, found.iv))
        return Response(body, 200, _NO_STORE, "video/mp4" if found.kind is TrackKind.VIDEO else "audio/mp4")

    async def _licence(self, session: PlaybackSession, body: bytes) -> Response:
        version_id = session.version_id
        if version_id is None:
            raise NotFound
        key_ids = licences.parse_request(body)
        wrapped, stored = await self._database.run(lambda conn: proxies.wrapped_keys(conn, version_id))
        version_key = self._company_key.unwrap_version_key(version_id, wrapped)
        keys: list[ContentKey] = list(content_keys_from_json(version_key, stored).values())
        return Response(licences.answer(key_ids, keys), 200, _NO_STORE, "application/json")

    async def _poster(self, session: PlaybackSession, version_id: VersionId) -> Response:
        """Send the poster of any version of the session's production; a version's own session gets its own only."""
        if session.version_id not in (None, version_id):
            raise NotFound

        def check(conn: Connection) -> None:
            if get_version(conn, version_id).production_id != session.production_id:
                raise NotFound

        await self._database.run(check)
        return await self._still(Viewer(session.user_id, version_id), StillKind.POSTER, 0)

    async def _still(self, viewer: Viewer, kind: StillKind, number: int) -> Response:
        body, content_type = await self._source.still(viewer, kind, number)
        return Response(body, 200, _NO_STORE, content_type)

    async def _session(self, token: str) -> PlaybackSession:
        """Return the playback session of a token; one that ended less than SESSION_KEPT_SECONDS ago may be kept."""
        name = token_hash(token)
        session = self._sessions.get(name)
        if session is None:
            session = await self._database.look(lambda conn: sessions.find(conn, token))
            self._sessions.put(name, session)
        return session

    def _preflight(self) -> Response:
        headers = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type, Range",
            "Access-Control-Max-Age": "600",
        }
        return Response(status_code=204, headers=headers)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        beside = asyncio.ensure_future(self._run_beside())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        beside.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beside
        await self._database.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _short_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > licences.MAX_REQUEST_BYTES:
            raise RequestError("this is no ClearKey licence request")
    return body
