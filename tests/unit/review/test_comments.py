from __future__ import annotations

import pytest
from tests.services.sites import Making, Site

from reelkeep.catalog.roles import Role
from reelkeep.catalog.tables import proxies
from reelkeep.errors import Forbidden, NotFound, RequestError
from reelkeep.review import comments
from reelkeep.review.comments import MAX_COMMENT_CHARACTERS


def test_a_comment_stands_on_a_frame_that_the_version_has(site: Site) -> None:
    user = site.user()
    version = site.version(site.production(), user)
    with site.engine.begin() as conn, pytest.raises(RequestError):
        comments.add(conn, user, version.id, frame=0, text="too early: nobody knows the length yet")
    Making(site, version, frames=100)
    with site.engine.begin() as conn:
        for frame in (0, 99):
            assert comments.add(conn, user, version.id, frame=frame, text="x").frame == frame
        for frame in (-1, 100, 2**31):
            with pytest.raises(RequestError):
                comments.add(conn, user, version.id, frame=frame, text="x")
        assert [each.frame for each in comments.of_version(conn, version.id)] == [0, 99]


def test_sound_without_pictures_is_commented_on_by_the_frames_of_its_clock(site: Site) -> None:
    user = site.user()
    version = site.version(site.production(), user)
    Making(site, version, frames=48)  # two seconds of sound, so 48 frames of the clock
    with site.engine.begin() as conn:
        conn.execute(proxies.update().where(proxies.c.version_id == version.id).values(planned_frames=0))
        assert comments.add(conn, user, version.id, frame=47, text="x").frame == 47
        with pytest.raises(RequestError):
            comments.add(conn, user, version.id, frame=48, text="x")


@pytest.mark.parametrize("text", ["", "  \n ", "a\x00b", "a\x1bb", "\ud800", "x" * (MAX_COMMENT_CHARACTERS + 1)])
def test_a_text_that_is_empty_endless_or_holds_control_characters_is_refused(site: Site, text: str) -> None:
    user = site.user()
    version = site.version(site.production(), user)
    Making(site, version)
    with site.engine.begin() as conn, pytest.raises(RequestError):
        comments.add(conn, user, version.id, frame=0, text=text)


def test_a_text_is_kept_as_it_was_written_markup_and_other_scripts_too(site: Site) -> None:
    user = site.user()
    version = site.version(site.production(), user)
    Making(site, version)
    text = "<img src=x onerror=alert(1)>\n\tשלום 🎬"
    with site.engine.begin() as conn:
        assert comments.add(conn, user, version.id, frame=0, text=text).text == text


def test_only_the_author_or_an_admin_of_the_production_deletes(site: Site) -> None:
    author, other = site.user("Ada"), site.user("Ben")
    version = site.version(site.production(), author)
    Making(site, version)
    with site.engine.begin() as conn:
        first, second = (comments.add(conn, author, version.id, frame=0, text="x") for _ in range(2))
        with pytest.raises(Forbidden):
            comments.delete(conn, other, Role.UPLOADER, first)
        comments.delete(conn, author, Role.VIEWER, first)
        comments.delete(conn, other, Role.PRODUCTION_ADMIN, second)
        assert comments.of_version(conn, version.id) == []
        with pytest.raises(NotFound):
            comments.get(conn, first.id)
