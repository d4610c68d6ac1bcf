from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import ProgrammingError
from tests.services.sites import Making, Site

from reelkeep.catalog import assets, audit, grants, tables, versions
from reelkeep.catalog.lifecycle import VERSION_STEPS, VersionState
from reelkeep.errors import Conflict, MediaError, NotFound, RequestError
from reelkeep.ids import VersionId, new_id


def test_uploads_of_one_name_at_once_get_one_asset_and_numbers_without_gap(site: Site) -> None:
    user = site.user()
    production = site.production(uploader=user)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: site.version(production, user, "reel 🎬.mov"), range(8)))
    assert sorted(version.number for version in made) == list(range(1, 9))
    assert len({version.asset_id for version in made}) == 1


def test_a_name_is_the_same_asset_however_its_letters_are_composed(site: Site) -> None:
    production = site.production()
    with site.engine.begin() as conn:
        found = [
            assets.find_or_create(conn, production.id, name).id for name in ("L\u00e4ufer", "La\u0308ufer", "Laufer")
        ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_an_asset_without_a_name_or_with_an_endless_one_is_refused(site: Site, name: str) -> None:
    production = site.production()
    with site.engine.begin() as conn, pytest.raises(RequestError):
        assets.find_or_create(conn, production.id, name)


def test_every_step_outside_the_table_raises_and_changes_nothing(site: Site) -> None:
    user = site.user()
    version = site.version(site.production(), user)
    for old, new in itertools.product(VersionState, VersionState):
        with site.engine.begin() as conn:
            conn.execute(tables.versions.update().where(tables.versions.c.id == version.id).values(state=old.value))
        if new in VERSION_STEPS[old]:
            continue
        with pytest.raises(Conflict), site.engine.begin() as conn:
            versions.move(conn, version.id, new)
        assert site.read(version.id).state is old


def test_a_problem_is_kept_for_the_uploader_until_the_next_step(site: Site) -> None:
    version = site.version(site.production(), site.user())
    with site.engine.begin() as conn:
        versions.move(
            conn, version.id, VersionState.FAILED, MediaError("it ends in the middle", advice="Export again.")
        )
    problem = site.read(version.id).problem
    assert problem is not None
    assert (problem.code, problem.message, problem.advice) == ("media", "it ends in the middle", "Export again.")
    with site.engine.begin() as conn:
        assert versions.move(conn, version.id, VersionState.STORED) is VersionState.FAILED
    assert site.read(version.id).problem is None
    assert site.read(version.id).stored_at == version.stored_at


def test_published_frames_are_those_of_the_step_rung(site: Site) -> None:
    version = site.version(site.production(), site.user())
    making = Making(site, version)
    assert site.read(version.id).published_frames == 0
    making.publish("a1", 0)
    making.publish("v360", 0)
    making.publish("v360", 1, 2)
    assert site.read(version.id).published_frames == 96
    with site.engine.begin() as conn:
        assert versions.published_frames(conn, version.id) == 96


def test_segments_behind_a_hole_are_not_counted_until_it_is_filled(site: Site) -> None:
    version = site.version(site.production(), site.user())
    making = Making(site, version)
    for numbers, frames in (((3,), 0), ((0,), 12), ((1,), 48), ((2,), 144)):
        making.publish("v360", *numbers)
        assert site.read(version.id).published_frames == frames


def test_a_version_that_is_not_there_is_not_found(site: Site) -> None:
    with site.engine.begin() as conn:
        for work in (versions.get, lambda c, i: versions.move(c, i, VersionState.STORED)):
            with pytest.raises(NotFound):
                work(conn, VersionId(new_id()))


@pytest.mark.parametrize("table", [tables.grants, tables.audit_events])
def test_grants_and_audit_can_be_added_and_read_but_not_changed(site: Site, table: object) -> None:
    with site.engine.begin() as conn:
        grants.record(conn, grants.GrantAction.PLAY, "proxies/x", "test", expires_at=func.now())
        audit.record(conn, "test.done", None, None, number=1)
        assert conn.scalar(select(func.count()).select_from(table)) >= 1
    for statement in (table.update().values(id=new_id()), table.delete()):
        with pytest.raises(ProgrammingError, match="permission denied"), site.engine.begin() as conn:
            conn.execute(statement)
