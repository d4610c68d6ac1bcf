from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request

from reelkeep.catalog.changes import Change
from reelkeep.ids import ProductionId, VersionId
from reelkeep.web.changes import ChangeHub
from reelkeep.web.pages import Pages


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


def test_a_file_is_served_by_its_exact_name_with_a_hash_to_ask_by(tmp_path: Path) -> None:
    (tmp_path / "player").mkdir()
    (tmp_path / "player" / "x.js").write_text("export {};")
    (tmp_path / ".secret").write_text("no")
    pages = Pages(tmp_path)
    first = pages.file(request(), "player/x.js")
    assert (first.status_code, first.media_type, first.body) == (200, "text/javascript", b"export {};")
    again = pages.file(request(if_none_match=first.headers["etag"]), "player/x.js")
    assert (again.status_code, again.body) == (304, b"")
    for name in ("player", "player/", "/player/x.js", "player//x.js", "player/../player/x.js", ".secret", "", "x.js"):
        assert pages.file(request(), name).status_code == 404


def test_the_page_that_is_shipped_has_no_inline_script_or_style() -> None:
    page = Pages().page(request())
    text = page.body.decode()
    assert page.status_code == 200
    assert "<style" not in text
    assert " style=" not in text
    assert "onclick" not in text
    assert all('src="/static/' in tag for tag in text.split("<script")[1:])


def test_many_changes_of_a_version_become_one_for_those_who_watch_its_production() -> None:
    async def watch() -> tuple[dict[VersionId, set[str]], bool]:
        hub = ChangeHub()
        ours, theirs = ProductionId("0" * 20), ProductionId("1" * 20)
        version = VersionId("2" * 20)
        with hub.subscribe(ours) as subscription, hub.subscribe(theirs) as other:
            for what in ("state", "segments", "segments"):
                hub.publish(Change(ours, version, what))
            taken = await asyncio.wait_for(subscription.take(), 1)
            return taken, other._event.is_set()

    assert asyncio.run(watch()) == ({VersionId("2" * 20): {"state", "segments"}}, False)
