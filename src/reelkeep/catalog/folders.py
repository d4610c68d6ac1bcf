"""Folders of a production: a tree of names, as the uploader had them. The top has no row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from reelkeep.catalog.bulk import add_rows
from reelkeep.catalog.tables import folders
from reelkeep.ids import FolderId, ProductionId, new_id

Path = tuple[str, ...]  # from the top down; () is the top itself


def ensure(conn: Connection, production_id: ProductionId, paths: Iterable[Path]) -> dict[Path, FolderId | None]:
    """Return the folder of each path, made with those above it if it is not there yet; the top is None.

    Safe when two uploads make one folder at once: both get the same.
    """
    wanted = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    found: dict[Path, FolderId | None] = {(): None}
    for depth in sorted({len(path) for path in wanted}):
        level = sorted(path for path in wanted if len(path) == depth)
        rows = [
            {"id": new_id(), "production_id": production_id, "parent_id": found[path[:-1]], "name": path[-1]}
            for path in level
        ]
        add_rows(conn, folders, rows, skip_known=True)
        known = {(row.parent_id, row.name): FolderId(row.id) for row in _level(conn, production_id, level)}
        found.update({path: known[found[path[:-1]], path[-1]] for path in level})
    return found


_OF_PRODUCTION: Final = select(folders.c.id, folders.c.parent_id, folders.c.name).where(
    folders.c.production_id == bindparam("production_id")
)


def paths(conn: Connection, production_id: ProductionId) -> dict[FolderId | None, Path]:
    """Return the path of every folder of a production, and of the top."""
    rows = conn.execute(_OF_PRODUCTION, {"production_id": production_id}).all()
    above = {FolderId(row.id): (row.parent_id, row.name) for row in rows}
    found: dict[FolderId | None, Path] = {None: ()}

    def path(folder_id: FolderId | None) -> Path:
        if folder_id is None:
            return ()
        if folder_id not in found:
            parent, name = above[folder_id]
            found[folder_id] = (*path(parent), name)
        return found[folder_id]

    for folder_id in above:
        path(folder_id)
    return found


def _level(conn: Connection, production_id: ProductionId, level: list[Path]) -> Sequence[Row[Any, Any, Any]]:
    names = {path[-1] for path in level}
    query = select(folders.c.id, folders.c.parent_id, folders.c.name)
    return conn.execute(query.where(folders.c.production_id == production_id, folders.c.name.in_(names))).all()
