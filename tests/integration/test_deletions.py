"""Deleting a version: what was made of it is gone at once, its original waits, and it can be brought back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.media.clips import bunny_loop
from tests.media.originals import make_original
from tests.services.command_line import CommandLine
from tests.services.installation import wait_until
from tests.services.platform import Platform

from reelkeep.catalog import deletions
from reelkeep.catalog.tables import audit_events, jobs, proxies, version_keys
from reelkeep.cli.auditing import Auditing
from reelkeep.cli.installation import Installation
from reelkeep.errors import Conflict, Forbidden, NotFound
from reelkeep.ids import VersionId
from reelkeep.transfer import network
from reelkeep.transfer.api import Api
from reelkeep.web.media import SESSION_KEPT_SECONDS


@dataclass(frozen=True)
class Film:
    """A version that can be watched, in a session that is open."""

    platform: Platform
    id: str
    asset_id: str
    segment: str  # its address

    def is_there(self, api: Api) -> bool:
        return any(self.id == version["id"] for asset in api.assets(self.platform.production_id)
                   for version in asset["versions"])  # fmt: skip

    def proxies(self) -> list[str]:
        return self.platform.objects(f"proxies/{self.id}/")

    def originals(self) -> list[str]:
        return [key for key in self.platform.objects("originals/") if f"/{self.id}/" in key]

    def rows(self) -> int:
        tables = (proxies, version_keys)
        with self.platform.company_engine().begin() as conn:
            return sum(
                conn.execute(select(func.count()).where(table.c.version_id == self.id)).scalar_one() for table in tables
            )


@pytest.fixture
def film(platform: Platform, tmp_path: Path) -> Film:
    sent = platform.upload(make_original(tmp_path / "goes away.mp4", frames=12))
    platform.wait_for(sent.version_id, "ready")
    with platform.api() as api:
        session = api.playback_session(sent.version_id)
    step = next(each["name"] for each in session["renditions"] if each["is_step"])
    return Film(platform, sent.version_id, sent.asset_id, f"{session['base']}/{step}/0.m4s")


def test_a_deleted_version_is_gone_but_for_its_original_and_comes_back_anew(film: Film) -> None:
    with film.platform.api() as api, network.client() as player:
        player.get(film.segment).raise_for_status()
        comment = api._post(f"/versions/{film.id}/comments", {"frame": 0, "text": "the wrong grade"})["id"]
        api.delete_version(film.id)
        assert not film.is_there(api)
        for gone in (
            lambda: api.version(film.id),
            lambda: api.facts(film.id),
            lambda: api.playback_session(film.id),
            lambda: api.download_link(film.id),
            lambda: api.delete_version(film.id),
            lambda: api._call("PATCH", f"/comments/{comment}", {"text": "still here?"}),
        ):
            with pytest.raises(NotFound):
                gone()
        wait_until(lambda: player.get(film.segment).status_code == 404, SESSION_KEPT_SECONDS + 2)
        assert film.rows() == 0
        (waiting,) = [each for each in api.deleted(film.platform.production_id) if each["id"] == film.id]
        assert (waiting["may_be_restored"], waiting["deleted_by"]) == (True, "Ada")
        wait_until(lambda: film.proxies() == [])
        assert len(film.originals()) == 1
        company = film.platform.company
        assert company is not None
        operator = Installation(film.platform.data)
        audited = Auditing(operator, company).by_listing(
            operator.storage.connection(company, "acme-media"), lambda _: None, lambda *_: None, lambda: None
        )
        assert not [one for one in audited.report.kept if film.id in one.key]

        assert wait_until(lambda: restored(api, film.id))["state"] == "stored"
        film.platform.wait_for(film.id, "ready")
        assert film.is_there(api)
        assert [one["id"] for one in api._get(f"/versions/{film.id}/comments")["comments"]] == [comment]
        assert film.id not in [each["id"] for each in api.deleted(film.platform.production_id)]
        session = api.playback_session(film.id)
        assert player.get(f"{session['base']}/{session['renditions'][0]['name']}/0.m4s").is_success
    with film.platform.company_engine().begin() as conn:
        events = conn.scalars(
            select(audit_events.c.what).where(audit_events.c.subject_id == film.id).order_by(audit_events.c.id)
        )
        assert [what for what in events if what in ("version.deleted", "version.restored")] == [
            "version.deleted",
            "version.restored",
        ]


def restored(api: Api, version_id: str) -> dict[str, object] | None:
    try:
        return dict(api.restore_version(version_id))
    except Conflict:  # what was made of it is still being deleted
        return None


def test_what_is_still_being_made_must_be_stopped_first(platform: Platform, tmp_path: Path) -> None:
    sent = platform.upload(bunny_loop(tmp_path / "long.mp4", 120))
    with platform.api() as api:
        with pytest.raises(Conflict, match="still being made"):
            api.delete_version(sent.version_id)
        api._post(f"/versions/{sent.version_id}/cancel", {})
        platform.wait_for(sent.version_id, "cancelled")
        wait_until(lambda: deleted(api, sent.version_id))


def deleted(api: Api, version_id: str) -> bool:
    try:
        api.delete_version(version_id)
    except Conflict:
        return False
    return True


def test_only_admins_of_the_production_delete_see_and_bring_back(film: Film) -> None:
    platform = film.platform
    company = platform.company
    assert company is not None
    email = f"up-{film.id}@acme.example"
    user, password = Installation(platform.data).create_user(company, email, "Up", None, is_company_admin=False)
    with platform.api() as admin, Api(platform.origin) as other:
        other.login(email, password or "")
        with pytest.raises(NotFound):
            other.delete_version(film.id)
        admin._call("PUT", f"/productions/{platform.production_id}/members/{user.id}", {"role": "uploader"})
        for forbidden in (
            lambda: other.delete_version(film.id),
            lambda: other.deleted(platform.production_id),
            lambda: other.restore_version(film.id),
        ):
            with pytest.raises(Forbidden):
                forbidden()
        assert film.is_there(other)


def test_what_was_purged_cannot_come_back(film: Film) -> None:
    with film.platform.api() as api:
        with pytest.raises(Conflict, match="not deleted"):
            api.restore_version(film.id)
        api.delete_version(film.id)
        wait_until(lambda: film.proxies() == [])
        with film.platform.company_engine().begin() as conn:
            deletions.purged(conn, VersionId(film.id))
        wait_until(lambda: cleaned(film))
        with pytest.raises(Conflict, match="no longer there"):
            api.restore_version(film.id)
        assert film.id not in [each["id"] for each in api.deleted(film.platform.production_id)]


def cleaned(film: Film) -> bool:
    done = select(jobs.c.id).where(jobs.c.version_id == film.id, jobs.c.kind == "clean", jobs.c.state == "done")
    with film.platform.company_engine().begin() as conn:
        return conn.execute(done).first() is not None


def test_a_file_whose_version_was_deleted_is_sent_again_with_its_folder(film: Film, tmp_path: Path) -> None:
    platform, folder = film.platform, tmp_path / "day 1"
    folder.mkdir()
    make_original(folder / "one.mp4", frames=12)
    commands = CommandLine.signed_in(platform, tmp_path / "home")

    def send() -> str:
        told = commands.run("upload", folder, "--production", platform.production_id, "--json")
        assert told.code == 0, told.err
        with platform.api() as api:
            (found,) = [one for one in api.assets(platform.production_id) if one["name"] == "one.mp4"]
        return str(found["versions"][0]["id"])

    first = send()
    assert send() == first
    platform.wait_for(first, "ready")
    with platform.api() as api:
        api.delete_version(first)
    assert send() != first


def test_the_command_line_deletes_lists_and_restores(film: Film, tmp_path: Path) -> None:
    commands = CommandLine.signed_in(film.platform, tmp_path / "home")
    assert commands.run("delete", film.id, "--yes").code == 0
    told = commands.run("deleted", "--production", film.platform.production_id, "--json")
    assert film.id in [one["id"] for one in told.fields["versions"]]
    assert "goes away.mp4" in commands.run("deleted", "--production", film.platform.production_id).out
    wait_until(lambda: cleaned(film))
    assert commands.run("restore", film.id).code == 0
    film.platform.wait_for(film.id, "ready")
