"""Audits that were kept: the newest of each connection, with what is fresh told to admins until one takes note."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from tests.services.sites import Site

from reelkeep.catalog import storage_audits
from reelkeep.catalog.tables import audit_events
from reelkeep.custody.history import NOTHING, Comparison, Former
from reelkeep.custody.merge import Finding, FindingKind
from reelkeep.ids import new_id

API = "/api/v1"
START = datetime(2026, 11, 1, tzinfo=UTC)


def keep(site: Site, former: Former, day: int, *keys: str) -> Former:
    comparison = Comparison(former)
    for key in keys:
        comparison.add(Finding(FindingKind.FOREIGN, key, "nobody here made it", 1, None))
    made = comparison.result()
    body = {**made.as_fields(), "objects": 3, "bytes": 9, "rows": 2, "settings": [], "notes": []}
    with site.engine.begin() as conn:
        storage_audits.keep(
            conn, site.connection.id, START + timedelta(days=day), is_clean=not made.found, fresh=made.fresh_count,
            body=body, marks=made.marks,
        )  # fmt: skip
        marks = storage_audits.marks(conn, site.connection.id)
    assert marks == made.marks
    return Former(made.found, None if marks is None else frozenset(marks))


def test_the_newest_are_kept_and_admins_are_told_of_what_is_fresh_until_one_takes_note(site: Site) -> None:
    client, eve = site.client(ada := site.user(is_company_admin=True)), site.client(site.user("Eve"))
    former = keep(site, keep(site, NOTHING, 0, "a\x00b"), 1, "a\x00b", "c")
    keep(site, former, 2)

    def told() -> list[str]:
        return [one["state"] for one in client.get(f"{API}/me").json()["storage"]]

    audits = client.get(f"{API}/storage/audits").json()["audits"]
    assert [(one["found"], one["fresh"], one["gone"], one["noted"]) for one in audits] == [
        ("", "", 2, True),
        ("2 foreign objects", "1 foreign object", 0, False),
        ("1 foreign object", "1 foreign object", 0, False),
    ]
    assert audits[2]["named"] == [{"kind": "foreign", "key": "a\ufffdb", "what": "nobody here made it"}]
    assert told() == ["audit"]
    assert eve.get(f"{API}/me").json()["storage"] == []
    assert eve.get(f"{API}/storage/audits").status_code == 403
    assert eve.post(f"{API}/storage/audits/{audits[0]['id']}/noted").status_code == 403
    assert client.post(f"{API}/storage/audits/{new_id()}/noted").status_code == 404
    assert client.post(f"{API}/storage/audits/{audits[2]['id']}/noted").status_code == 200
    assert told() == ["audit"]  # a later one is not noted
    noted = client.post(f"{API}/storage/audits/{audits[1]['id']}/noted").json()["audits"]
    assert ([one["noted"] for one in noted], told()) == ([True] * 3, [])
    with site.engine.begin() as conn:
        event = conn.execute(select(audit_events).where(audit_events.c.what == "storage.audit_noted")).first()
        assert event is not None
        assert event.user_id == ada.id
    for day in range(3, storage_audits.KEPT + 5):
        keep(site, NOTHING, day)
    with site.engine.begin() as conn:
        kept = storage_audits.newest(conn, [site.connection.id], limit=1_000)
    assert (len(kept), kept[-1].made_at) == (storage_audits.KEPT, START + timedelta(days=5))
