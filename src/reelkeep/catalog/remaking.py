"""Proxies that are taken away: to be made anew as the production wants them now, or because the version was deleted.

With a proxy go its keys and every playback of it, so that its objects are no more than noise. Attempts at the next one
are numbered on from its own: no object key is ever used twice, and nothing kept in memory is taken for the new proxy.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from reelkeep.catalog import versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.tables import attempts, playback_sessions, proxies, renditions, stills, version_keys
from reelkeep.catalog.tables import versions as table
from reelkeep.errors import Conflict
from reelkeep.ids import VersionId


def make_anew(conn: Connection, version_id: VersionId) -> None:
    """Make a ready version *stored* again and take its proxy away, in the caller's transaction.

    The caller asks for a new one; the job that makes it deletes the objects of the old one.

    Raises:
        Conflict: the version is not ready; nothing was changed.
    """
    if versions.get(conn, version_id).state is not VersionState.READY:
        raise Conflict("there is no whole proxy of this version that could be made anew")
    conn.execute(update(table).where(table.c.id == version_id).values(ready_at=None))
    versions.move(conn, version_id, VersionState.STORED)
    take_proxy_away(conn, version_id)


def take_proxy_away(conn: Connection, version_id: VersionId) -> None:
    """Remove the rows of a proxy that nobody works on, its keys and its playback sessions."""
    last = select(func.max(attempts.c.number)).where(attempts.c.version_id == version_id).scalar_subquery()
    numbered_on = func.coalesce(last, table.c.earlier_attempts)
    conn.execute(update(table).where(table.c.id == version_id).values(earlier_attempts=numbered_on))
    conn.execute(delete(playback_sessions).where(playback_sessions.c.version_id == version_id))
    for rows in (renditions, stills, proxies, version_keys):  # segments and stills go before the attempts they name
        conn.execute(delete(rows).where(rows.c.version_id == version_id))
