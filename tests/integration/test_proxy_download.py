"""Proxies taken away as files: by the right for it, from a whole platform, to a file that plays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import pytest
from sqlalchemy import select
from tests.media.clips import footage
from tests.services.command_line import CommandLine
from tests.services.platform import Platform

from reelkeep.catalog import members, roles, tables
from reelkeep.cli.installation import Installation
from reelkeep.errors import Forbidden, NotFound
from reelkeep.ids import ProductionId
from reelkeep.transfer import network
from reelkeep.transfer.api import Api


@pytest.fixture(scope="module")
def version(platform: Platform) -> str:
    sent = platform.upload(footage("bikes.mp4"))
    platform.wait_for(sent.version_id, "ready", seconds=180)
    return sent.version_id


@pytest.fixture
def media() -> Iterator[httpx.Client]:
    with network.client() as client:
        yield client


def test_a_proxy_comes_as_a_file_that_plays_and_leaves_its_trace(
    platform: Platform, version: str, tmp_path: Path
) -> None:
    line = CommandLine.signed_in(platform, tmp_path)
    told = line.run("download", version, "--proxy", "--to", tmp_path, "--json")
    assert told.code == 0, told.err
    with platform.api() as api:
        shown = api.playback_session(version)
    with av.open(told.fields["path"]) as file, av.open(str(footage("bikes.mp4"))) as original:
        picture = file.streams.video[0]
        assert picture.height == max(each["height_px"] for each in shown["renditions"] if each["height_px"])
        assert sum(1 for _ in file.decode(video=0)) == shown["frames"]
        assert len(file.streams.audio) == min(1, len(original.streams.audio))
    with platform.company_engine().connect() as conn:
        events = tables.audit_events
        taken = conn.scalars(select(events.c.subject_id).where(events.c.what == "version.proxy_taken")).all()
        reasons = conn.scalars(select(tables.grants.c.reason)).all()
    assert version in taken
    assert f"copy of the proxy of version {version}" in reasons


def test_a_right_to_play_takes_nothing_and_a_right_to_take_plays_nothing(
    platform: Platform, version: str, media: httpx.Client
) -> None:
    with platform.api() as api:
        playing = api.playback_session(version)["base"]
        taking = api.proxy_ticket(version, "").base
    base, name = taking.removesuffix("/file").rsplit("/", 1)
    assert media.get(f"{taking}/0").status_code == 200
    assert media.get(f"{playing}/{name}/file/0").status_code == 404
    for path in ("manifest.mpd", f"{name}/init.mp4", f"{name}/0.m4s", f"versions/{version}/poster.jpg"):
        assert media.get(f"{playing}/{path}").status_code == 200, path
        assert media.get(f"{base}/{path}").status_code == 404, path
    assert media.post(f"{base}/licence", json={"kids": []}).status_code == 404
    assert media.get(f"{taking}/999999").status_code == 404


def test_only_admins_of_the_production_take_a_proxy_away(platform: Platform, version: str) -> None:
    assert platform.company is not None
    operator = Installation(platform.data)
    for role in roles.Role:
        email = f"{role.value}@acme.example"
        user, password = operator.create_user(platform.company, email, role.value, None, is_company_admin=False)
        with platform.company_engine().begin() as conn:
            members.put(conn, ProductionId(platform.production_id), user.id, role)
        with Api(platform.origin) as api:
            api.login(email, password or "")
            if role is roles.Role.PRODUCTION_ADMIN:
                assert api.proxy_ticket(version, "").parts_total > 1
                with pytest.raises(NotFound, match="rendition"):
                    api.proxy_ticket(version, "v9")
                continue
            with pytest.raises(Forbidden):
                api.proxy_ticket(version, "")
