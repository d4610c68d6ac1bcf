"""Support access as everybody in the company is told of it: nobody learns the name of a production not their own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from reelkeep.catalog import members, productions
from reelkeep.catalog.people import User
from reelkeep.catalog.support import SupportAccess
from reelkeep.web.api.views import time_json


def support_json(conn: Connection, user: User, access: SupportAccess) -> dict[str, Any]:
    """Return an open access for a user; the production is named to those who may see it."""
    wanted = access.production_id
    is_theirs = wanted is not None and members.role(conn, user, wanted) is not None
    return {
        "whole_company": wanted is None,
        "production": productions.get(conn, wanted).name if wanted is not None and is_theirs else None,
        "with_media": access.with_media,
        "given_by": access.given_by,
        "given_at": time_json(access.given_at),
        "ends_at": time_json(access.ends_at),
    }
