"""Assets: the things that are reviewed, each with its versions."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, false, or_, select

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.tables import assets
from reelkeep.errors import NotFound, RequestError
from reelkeep.ids import AssetId, FolderId, ProductionId, new_id
from reelkeep.storage.layout import slug

MAX_ASSET_NAME_CHARACTERS: Final = 255


@dataclass(frozen=True)
class AssetRow:
    id: AssetId
    production_id: ProductionId
    slug: str  # frozen; part of the object keys
    name: str
    created_at: datetime
    folder_id: FolderId | None  # None: the top of the production


_COLUMNS = (assets.c.id, assets.c.production_id, assets.c.slug, assets.c.name, assets.c.created_at, assets.c.folder_id)
_BY_ID: Final = select(*_COLUMNS).where(assets.c.id == bindparam("asset_id"))


def find_or_create(
    conn: Connection, production_id: ProductionId, name: str, folder_id: FolderId | None = None
) -> AssetRow:
    """Return the asset of this name in a folder (the production's top if None), made if it is not there yet.

    Safe when two uploads of one name begin at once: both get the same asset.

    Raises:
        RequestError: the name is empty or longer than 255 characters; nothing was written.
    """
    return find_or_create_many(conn, production_id, [(folder_id, name)])[folder_id, name]


def find_or_create_many(
    conn: Connection, production_id: ProductionId, wanted: Collection[tuple[FolderId | None, str]]
) -> dict[tuple[FolderId | None, str], AssetRow]:
    """Do as ``find_or_create`` for many (folder, name) at once, in two statements."""
    shown = {(folder_id, name): _shown(name) for folder_id, name in wanted}
    places = sorted({(folder_id or "", name) for (folder_id, _), name in shown.items()})  # one order: no deadlock
    rows = [
        {
            "id": AssetId(new_id()),
            "production_id": production_id,
            "folder_id": folder_id or None,
            "slug": slug(name),
            "name": name,
        }
        for folder_id, name in places
    ]
    add_rows(conn, assets, rows, skip_known=True)
    inside = or_(
        assets.c.folder_id.in_({folder_id for folder_id, _ in places}),
        assets.c.folder_id.is_(None) if any(not folder_id for folder_id, _ in places) else false(),
    )
    named = assets.c.production_id == production_id, assets.c.name.in_({name for _, name in places}), inside
    found = {(row.folder_id, row.name): AssetRow(*row) for row in conn.execute(select(*_COLUMNS).where(*named))}
    return {(folder_id, name): found[folder_id, same] for (folder_id, name), same in shown.items()}


def _shown(name: str) -> str:
    shown = unicodedata.normalize("NFC", name)
    if not 1 <= len(shown) <= MAX_ASSET_NAME_CHARACTERS:
        raise RequestError(f"a file name has 1 to {MAX_ASSET_NAME_CHARACTERS} characters")
    return shown


def get(conn: Connection, asset_id: AssetId) -> AssetRow:
    """Return an asset, whoever asks; raise NotFound if there is none."""
    row = conn.execute(_BY_ID, {"asset_id": asset_id}).first()
    if row is None:
        raise NotFound
    return AssetRow(*row)


def of_production(conn: Connection, production_id: ProductionId) -> list[AssetRow]:
    """Return the assets of a production, by name."""
    query = select(*_COLUMNS).where(assets.c.production_id == production_id).order_by(assets.c.name, assets.c.id)
    return [AssetRow(*row) for row in conn.execute(query)]
