"""Downloads of originals: one grant and one presigned request for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from reelkeep.catalog import audit, grants, productions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.people import User
from reelkeep.catalog.versions import VersionRow
from reelkeep.errors import Conflict
from reelkeep.ids import GrantId
from reelkeep.storage.access import CompanyStorage
from reelkeep.storage.interface import PresignedRequest, Purpose
from reelkeep.storage.layout import production_scope

LINK_SECONDS: Final = 900
GRANT_LIFE: Final = timedelta(seconds=LINK_SECONDS + 60)  # it is recorded before the link is signed, and outlives it


@dataclass(frozen=True)
class Download:
    version: VersionRow
    scope: str
    grant: GrantId


def prepare(conn: Connection, storage: CompanyStorage, user: User, version: VersionRow) -> Download:
    """Record the grant of a download; the caller has checked the user's right to it.

    Raises:
        Conflict: the original is not stored; nothing was written.
        StorageSetupError: its storage connection has been removed; nothing was written.
    """
    if version.stored_at is None:
        raise Conflict("the original has not arrived yet", advice="Wait until the upload is complete.")
    storage.connection(version.connection_id)
    production = productions.get(conn, version.production_id)
    grant = grants.record(
        conn,
        GrantAction.DOWNLOAD,
        version.original_key,
        f"download of version {version.id}",
        expires_at=datetime.now(UTC) + GRANT_LIFE,
        user_id=user.id,
    )
    audit.record(conn, "version.download_granted", version.id, user.id, grant=grant)
    return Download(version, production_scope(production.slug, production.id), grant)


def sign(storage: CompanyStorage, download: Download) -> PresignedRequest:
    """Return the request the client makes itself. Call it after the grant was committed."""
    version = download.version
    store = storage.open(version.connection_id, Purpose.DOWNLOAD, download.scope)
    return store.presign_get(
        version.original_key, file_name=version.file_name, seconds=LINK_SECONDS, grant=download.grant
    )
