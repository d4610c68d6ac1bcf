"""Notices that a version or its production has changed, sent with the transaction that changed it (PostgreSQL NOTIFY).

A notice says where to look, never what is there: whoever hears it reads the row again and checks who may see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ARRAY, Connection, Text, cast, func, select

from reelkeep.catalog.tables import CHANGED_CHANNEL
from reelkeep.ids import ProductionId, VersionId, is_id


@dataclass(frozen=True)
class Change:
    production_id: ProductionId
    version_id: VersionId | None  # None: the production itself
    what: str  # "state" | "segments" | "stills" | "comments"; "settings" of a production


def notify(conn: Connection, production_id: ProductionId, version_id: VersionId, what: str) -> None:
    """Tell every listener of this company that a version changed; delivered when the transaction commits."""
    payload = json.dumps({"production": production_id, "version": version_id, "what": what}, separators=(",", ":"))
    conn.execute(select(func.pg_notify(CHANGED_CHANNEL, payload)))


def notify_production(conn: Connection, production_id: ProductionId) -> None:
    """Tell every listener of this company that a production's own settings changed, when the transaction commits."""
    payload = json.dumps({"production": production_id, "version": None, "what": "settings"}, separators=(",", ":"))
    conn.execute(select(func.pg_notify(CHANGED_CHANNEL, payload)))


def notify_many(conn: Connection, production_id: ProductionId, version_ids: Iterable[VersionId], what: str) -> None:
    """Do as ``notify`` for many versions, in one statement."""
    payloads = [
        json.dumps({"production": production_id, "version": version_id, "what": what}, separators=(",", ":"))
        for version_id in version_ids
    ]
    each = func.unnest(cast(payloads, ARRAY(Text))).column_valued("payload")
    conn.execute(select(func.pg_notify(CHANGED_CHANNEL, each)))


def parse(payload: str) -> Change | None:
    """Return the change a notice speaks of, or None if the payload has another form.

    >>> parse('{"production":"00000000000000000000","version":"00000000000000000001","what":"state"}').what
    'state'
    >>> parse('{"production":"00000000000000000000","version":null,"what":"settings"}').version_id is None
    True
    >>> parse("nonsense") is None
    True
    """
    try:
        fields = json.loads(payload)
        production, version, what = fields["production"], fields["version"], fields["what"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(production, str) or not is_id(production):
        return None
    if version is None:
        return Change(ProductionId(production), None, str(what))
    if not isinstance(version, str) or not is_id(version):
        return None
    return Change(ProductionId(production), VersionId(version), str(what))
