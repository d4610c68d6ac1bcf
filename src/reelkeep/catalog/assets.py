"""Assets: the things that are reviewed, each with its versions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from reelkeep.catalog.tables import assets
from reelkeep.errors import NotFound, RequestError
from reelkeep.ids import AssetId, ProductionId, new_id
from reelkeep.storage.layout import slug

MAX_ASSET_NAME_CHARACTERS: Final = 255


@dataclass(frozen=True)
class AssetRow:
    id: AssetId
    production_id: ProductionId
    slug: str  # frozen; part of the object keys
    name: str
    created_at: datetime


_COLUMNS = (assets.c.id, assets.c.production_id, assets.c.slug, assets.c.name, assets.c.created_at)


def find_or_create(conn: Connection, production_id: ProductionId, name: str) -> AssetRow:
    """Return the asset of this name in the production's top folder, made if it is not there yet.

    Safe when two uploads of one name begin at once: both get the same asset.

    Raises:
        RequestError: the name is empty or longer than 255 characters; nothing was written.
    """
    shown = unicodedata.normalize("NFC", name)
    if not 1 <= len(shown) <= MAX_ASSET_NAME_CHARACTERS:
        raise RequestError(f"a file name has 1 to {MAX_ASSET_NAME_CHARACTERS} characters")
    row = {"id": AssetId(new_id()), "production_id": production_id, "slug": slug(shown), "name": shown}
    conn.execute(insert(assets).values(row).on_conflict_do_nothing())
    same = assets.c.production_id == production_id, assets.c.folder_id.is_(None), assets.c.name == shown
    found = conn.execute(select(*_COLUMNS).where(*same)).one()
    return AssetRow(*found)


def get(conn: Connection, asset_id: AssetId) -> AssetRow:
    """Return an asset, whoever asks; raise NotFound if there is none."""
    row = conn.execute(select(*_COLUMNS).where(assets.c.id == asset_id)).first()
    if row is None:
        raise NotFound
    return AssetRow(*row)


def of_production(conn: Connection, production_id: ProductionId) -> list[AssetRow]:
    """Return the assets of a production, by name."""
    query = select(*_COLUMNS).where(assets.c.production_id == production_id).order_by(assets.c.name, assets.c.id)
    return [AssetRow(*row) for row in conn.execute(query)]
