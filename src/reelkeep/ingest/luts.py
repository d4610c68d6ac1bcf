"""LUTs of a production, from the file on somebody's machine to numbers that a codec can be given.

The file goes straight to the company's bucket like every upload: as an upload of one part, because every store takes
those. Then this process, which holds one company's secrets and no more, reads it back once and takes it apart
(``cube``, ``mesh``). The numbers are kept with the row, so that a job needs no right to a second object and parses no
text.
A file that is no LUT stays in the bucket, named by a row that nobody can choose: what was uploaded is not deleted here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from reelkeep.catalog import audit, grants, luts, members
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.luts import LutRow
from reelkeep.catalog.people import User
from reelkeep.catalog.roles import Action
from reelkeep.companies.handle import CompanyHandle
from reelkeep.errors import Conflict, NotFound, RequestError
from reelkeep.ids import GrantId, LutId, ProductionId, new_id
from reelkeep.ingest.cube import MAX_CUBE_BYTES, Cube, NotACube, parse_cube
from reelkeep.ingest.file_names import true_name
from reelkeep.ingest.mesh import parse_3dl
from reelkeep.storage import crc
from reelkeep.storage.interface import ObjectStore, PresignedRequest, Purpose
from reelkeep.storage.layout import LUTS_SCOPE, lut_key
from reelkeep.storage.translate import ChecksumMismatch

LINK_SECONDS: Final = 900
GRANT_LIFE: Final = timedelta(seconds=LINK_SECONDS + 60)  # recorded before the link is signed; outlives it
CONTENT_TYPE: Final = "application/octet-stream"
_FORMATS: Final[Mapping[str, Callable[[bytes], Cube]]] = {".cube": parse_cube, ".3dl": parse_3dl}


@dataclass(frozen=True)
class Begun:
    row: LutRow
    request: PresignedRequest


class Luts:
    """The LUTs of one company. Every method checks that the user administers the production; thread-safe."""

    def __init__(self, company: CompanyHandle) -> None:
        self._company = company

    def begin(self, user: User, production_id: ProductionId, *, file_name: str, size_bytes: int, crc32: bytes) -> Begun:
        """Begin to add a LUT; return the one PUT that sends it.

        Args:
            crc32: of the whole file.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to administer it; nothing was written.
            NotACube: by its name or size it is none; nothing was written.
            StorageSetupError, DependencyError: the bucket does not let us begin; nothing was written.
        """
        name = true_name(file_name)
        if _suffix(name) not in _FORMATS:
            raise NotACube("a LUT is a file whose name ends in .cube or .3dl")
        if not 1 <= size_bytes <= MAX_CUBE_BYTES:
            raise NotACube(f"a LUT has 1 byte to {MAX_CUBE_BYTES >> 20} MiB")
        if len(crc32) != crc.CRC32_BYTES:
            raise RequestError("a CRC-32 has 4 bytes")
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.ADMINISTER)
        placement, lut_id = self._company.storage.place(production_id), LutId(new_id())
        row = LutRow(
            id=lut_id,
            production_id=production_id,
            name=name,
            connection_id=placement.connection.id,
            object_key=lut_key(lut_id, name),
            store_upload_id="",
            size_bytes=size_bytes,
            crc32=crc32,
        )
        store, grant = self._store(row), self._grant(user, row, f"begin to add LUT {lut_id}")
        row = replace(row, store_upload_id=store.create_upload(row.object_key, content_type=CONTENT_TYPE, grant=grant))
        links = self._company.storage.open_links(row.connection_id, Purpose.ATTACH, LUTS_SCOPE)
        request = links.presign_part(
            row.object_key,
            row.store_upload_id,
            number=1,
            size_bytes=size_bytes,
            crc32=crc32,
            seconds=LINK_SECONDS,
            grant=grant,
        )
        with self._company.engine.begin() as conn:
            luts.add(conn, row, user.id)
            audit.record(conn, "lut.begun", lut_id, user.id, production=production_id, size_bytes=size_bytes)
        return Begun(row, request)

    def complete(self, user: User, production_id: ProductionId, lut_id: LutId) -> LutRow:
        """Read what has arrived and make a LUT of it that can be chosen. Safe to repeat.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to administer it.
            Conflict: the file has not arrived; send it.
            ChecksumMismatch: it is not the file that was sent.
            NotACube: it is no LUT; the message says why.
            DependencyError: the store does not answer; repeat it.
        """
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.ADMINISTER)
            row = luts.get(conn, production_id, lut_id)
        if row.is_checked:
            return row
        cube = _FORMATS[_suffix(row.name)](self._body(user, row))
        with self._company.engine.begin() as conn:
            if luts.checked(conn, lut_id, cube.title, cube.lut):
                audit.record(conn, "lut.added", lut_id, user.id, production=production_id, points=cube.lut.points)
            return luts.get(conn, production_id, lut_id)

    def delete(self, user: User, production_id: ProductionId, lut_id: LutId) -> LutRow:
        """Forget a LUT; its file stays in the bucket, where the platform may delete none.

        Raises:
            NotFound, Forbidden: not the user's production, or no right to administer it.
            Conflict: somebody uses it; the message says who. Nothing was changed.
        """
        with self._company.engine.begin() as conn:
            members.require(conn, user, production_id, Action.ADMINISTER)
            row = luts.get(conn, production_id, lut_id)
            luts.delete_lut(conn, row, user.id)
            audit.record(conn, "lut.deleted", lut_id, user.id, production=production_id, object_key=row.object_key)
        return row

    def _body(self, user: User, row: LutRow) -> bytes:
        store, grant = self._store(row), self._grant(user, row, f"read LUT {row.id}")
        if not row.is_stored:
            self._assemble(store, row, grant)
        body = bytes(store.get(row.object_key, offset=0, length=row.size_bytes, grant=grant))
        if len(body) != row.size_bytes or crc.to_bytes(zlib.crc32(body)) != row.crc32:
            raise ChecksumMismatch("the LUT in the bucket is not the file that was sent", advice="Add it again.")
        return body

    def _assemble(self, store: ObjectStore, row: LutRow, grant: GrantId) -> None:
        try:
            parts = store.list_parts(row.object_key, row.store_upload_id, grant=grant)
        except NotFound:  # completed at the store, and we died before it was recorded; or thrown away
            parts = None
        try:
            if parts is None:
                facts = store.head(row.object_key, grant=grant)
            elif [part.size_bytes for part in parts] != [row.size_bytes]:
                raise Conflict("the LUT has not arrived", advice="Send it.")
            else:
                facts = store.complete_upload(row.object_key, row.store_upload_id, parts, crc32=row.crc32, grant=grant)
        except NotFound:
            raise Conflict("the store has thrown the unfinished upload away", advice="Add the LUT again.") from None
        with self._company.engine.begin() as conn:
            luts.stored(conn, row.id, facts.etag)

    def _store(self, row: LutRow) -> ObjectStore:
        return self._company.storage.open(row.connection_id, Purpose.ATTACH, LUTS_SCOPE)

    def _grant(self, user: User, row: LutRow, reason: str) -> GrantId:
        expires_at = datetime.now(UTC) + GRANT_LIFE
        with self._company.engine.begin() as conn:
            return grants.record(
                conn, GrantAction.UPLOAD, row.object_key, reason, expires_at=expires_at, user_id=user.id
            )


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower() if "." in name else ""
