"""How much of a rendition can be played from its beginning: segments of a long film are published out of order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, case, exists, func, select

from reelkeep.catalog.tables import segments


def samples_from_start(rendition_id: ColumnElement[Any]) -> ScalarSelect[int]:
    """Return the samples of a rendition's segments from number 0 up to the first that is missing; 0 if there is none.

    Where none is missing, as nearly always, it is one sum.
    """
    every, run, following = segments.alias("every"), segments.alias("run"), segments.alias("following")
    unmissed, next_one = segments.alias("unmissed"), segments.alias("next_one")
    last = (
        select(func.min(unmissed.c.number))
        .where(
            unmissed.c.rendition_id == rendition_id,
            ~exists().where(
                next_one.c.rendition_id == unmissed.c.rendition_id, next_one.c.number == unmissed.c.number + 1
            ),
        )
        .scalar_subquery()
    )
    begun = exists().where(following.c.rendition_id == rendition_id, following.c.number == 0)
    to_hole = (
        select(func.sum(run.c.samples))
        .where(run.c.rendition_id == rendition_id, run.c.number <= last, begun)
        .scalar_subquery()
    )
    whole = func.count() == func.max(every.c.number) + 1
    counted = func.coalesce(case((whole, func.sum(every.c.samples)), else_=to_hole), 0)
    return select(counted).where(every.c.rendition_id == rendition_id).scalar_subquery()
