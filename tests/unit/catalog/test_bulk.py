"""Rows that are written in bulk arrive as they were, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.services.sites import Site

from reelkeep.catalog import tables
from reelkeep.catalog.bulk import add_rows
from reelkeep.ids import new_id

NASTY = "a'b\"c\\d :rows %s $1 \U0001f3ac ü\n"


def test_values_of_every_kind_arrive_as_they_were(site: Site) -> None:
    version = site.version(site.production(), site.user())
    columns = tables.versions.c
    with site.engine.begin() as conn:
        row = dict(conn.execute(select(tables.versions).where(columns.id == version.id)).mappings().one())
        stored_at = datetime(2026, 11, 25, 23, 59, 59, 123_456, tzinfo=UTC)
        del row["created_at"]  # gets its default
        row |= {"id": new_id(), "number": 7, "original_key": NASTY, "file_name": NASTY, "size_bytes": 1 << 50}
        row |= {"claimed_sha256": bytes(range(256)), "probe": {"a": [None, 0.5, NASTY]}, "stored_at": stored_at}
        add_rows(conn, tables.versions, [row])
        back = dict(conn.execute(select(tables.versions).where(columns.id == row["id"])).mappings().one())
    assert back.pop("created_at") is not None
    assert back == row


def test_a_row_that_stands_already_is_left_out_only_where_that_is_asked(site: Site) -> None:
    production = site.production()
    rows = [{"id": new_id(), "production_id": production.id, "slug": "x", "name": name} for name in ("a", "b", "a")]
    with site.engine.begin() as conn:
        add_rows(conn, tables.assets, rows, skip_known=True)
        named = select(tables.assets.c.name).where(tables.assets.c.production_id == production.id)
        assert sorted(conn.scalars(named)) == ["a", "b"]
        add_rows(conn, tables.assets, [])
    with pytest.raises(TypeError), site.engine.begin() as conn:
        add_rows(conn, tables.assets, [{"id": object()}])
