"""Parts of a proxy that is taken away as a file: unsealed and decrypted here, one after the other.

The keys stay in this process. Each part carries its SHA-256 (``Repr-Digest``, RFC 9530), so that a client sees what
the way did to it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import OrderedDict
from typing import Final

from sqlalchemy import Connection
from starlette.responses import Response

from reelkeep.encryption.keys import CompanyKey, ContentKey, content_keys_from_json
from reelkeep.errors import NotFound
from reelkeep.ids import VersionId
from reelkeep.packaging.clear import clear_fragment
from reelkeep.playback import proxies
from reelkeep.playback.database import AsyncDatabase
from reelkeep.playback.proxies import Proxy, RenditionRow
from reelkeep.playback.segments import SegmentSource, Viewer
from reelkeep.playback.taking import FilePlan, choose, file_plan

MAX_PLANS: Final = 16
_PART: Final = re.compile(r"(?P<rendition>[a-z][a-z0-9]{0,15})/file/(?P<part>0|[1-9][0-9]{0,8})")


class Taking:
    """Belongs to one event loop."""

    def __init__(self, company_key: CompanyKey, database: AsyncDatabase, source: SegmentSource) -> None:
        self._company_key, self._database, self._source = company_key, database, source
        self._plans: OrderedDict[tuple[VersionId, str], tuple[Proxy, FilePlan]] = OrderedDict()

    async def part(self, viewer: Viewer, rest: str) -> Response:
        """Answer with one part of the file; raise NotFound beyond its end."""
        asked = _PART.fullmatch(rest)
        if asked is None:
            raise NotFound

        def look(conn: Connection) -> tuple[Proxy, bytes, dict[str, dict[str, str]]]:
            return proxies.read(conn, viewer.version_id), *proxies.wrapped_keys(conn, viewer.version_id)

        proxy, wrapped, stored = await self._database.run(look)
        plan = self._plan(viewer.version_id, proxy, asked["rendition"])
        number = int(asked["part"])
        if number >= plan.parts_total:
            raise NotFound("this lies beyond the end")
        if number == 0:
            return _answer(plan.head())
        fragment = plan.fragments[number - 1]
        rendition = fragment.rendition
        segment = bytes(await self._source.segment(viewer, rendition.name, fragment.number))

        def decrypt() -> bytes:
            version_key = self._company_key.unwrap_version_key(viewer.version_id, wrapped)
            key = _key_of(rendition, list(content_keys_from_json(version_key, stored).values()))
            return clear_fragment(
                segment, rendition.kind, key, rendition.iv, number=number - 1, track_id=fragment.track_id
            )

        return _answer(await asyncio.get_running_loop().run_in_executor(None, decrypt))

    def _plan(self, version_id: VersionId, proxy: Proxy, rendition: str) -> FilePlan:
        """Return the plan of a file: every part asks for it, and that of a long film takes some milliseconds."""
        name = version_id, rendition
        kept = self._plans.get(name)
        if kept is not None and kept[0] == proxy:
            return kept[1]
        plan = file_plan(proxy, choose(proxy, rendition))
        self._plans[name] = proxy, plan
        while len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan


def _key_of(rendition: RenditionRow, keys: list[ContentKey]) -> ContentKey:
    found = next((key for key in keys if key.key_id == rendition.key_id), None)
    if found is None:
        raise NotFound("the keys of this rendition are no longer there")
    return found


def _answer(body: bytes) -> Response:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    headers = {"Cache-Control": "no-store", "Repr-Digest": f"sha-256=:{digest}:"}
    return Response(body, 200, headers, "video/mp4")
