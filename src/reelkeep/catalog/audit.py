"""The company's audit record: who did what. Rows are added and read, never changed: the database role sees to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, insert

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.tables import audit_events
from reelkeep.ids import UserId, new_id


def record(
    conn: Connection, what: str, subject_id: str | None, user_id: UserId | None, **details: str | int | bool | None
) -> None:
    """Add one event in the transaction of the deed itself, so that neither is there without the other.

    Args:
        what: the deed as "noun.verb", for example "version.stored" or "user.signed_in".
        subject_id: the id of the thing it was done to.
        user_id: who did it; None for the platform itself.
        details: small facts for a reader; never a secret, a token or a presigned URL.
    """
    row = {"id": new_id(), "what": what, "subject_id": subject_id, "user_id": user_id, "details": dict(details)}
    conn.execute(insert(audit_events).values(row))


def record_many(
    conn: Connection,
    what: str,
    user_id: UserId | None,
    subjects: Iterable[tuple[str, Mapping[str, str | int | bool | None]]],
) -> None:
    """Add the same kind of event for many subjects, each with its details, in one statement."""
    rows = [
        {"id": new_id(), "what": what, "subject_id": subject_id, "user_id": user_id, "details": dict(details)}
        for subject_id, details in subjects
    ]
    add_rows(conn, audit_events, rows)
