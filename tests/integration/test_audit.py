"""Audits of a real bucket with real rows: what is foreign, missing or changed is found and nothing is touched."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.media.originals import make_original
from tests.media.sequences import shoot
from tests.services.command_line import CommandLine
from tests.services.installation import wait_until
from tests.services.inventory import write_parquet_report, write_report
from tests.services.platform import Platform

from reelkeep.catalog import people, support
from reelkeep.catalog.tables import audit_events, storage_audits
from reelkeep.cli.accepting import Accepting
from reelkeep.cli.app import main
from reelkeep.cli.installation import Installation
from reelkeep.companies.registry import Company
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.layout import without_names
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.programs import Programs
from reelkeep.supervisor.recurring import Recurring
from reelkeep.transfer.api import Api
from reelkeep.transfer.luts import add_lut
from reelkeep.transfer.upload import upload

BUCKET = "acme-audited"


class Audited:
    """A bucket of acme's that holds one production's versions."""

    def __init__(self, platform: Platform, connection: StorageConnection, capsys: pytest.CaptureFixture[str]) -> None:
        self.platform, self.connection, self.store, self._capsys = platform, connection, platform.store(), capsys

    def audit(self, *options: str | Path) -> tuple[int, dict[str, Any]]:
        named = ["--company", "acme", "--connection", self.connection.name, "--data", str(self.platform.data), "--json"]
        self._capsys.readouterr()
        code = main(["storage", "audit", *named, *map(str, options)])
        answer = json.loads(self._capsys.readouterr().out)
        return code, answer.get("audits", [answer])[0]

    @contextmanager
    def let_support_look(self) -> Iterator[None]:
        """Have an admin of acme let support look at all of it while the block runs."""
        operator = Installation(self.platform.data)
        company = operator.company("acme")
        with operator.on_company(company) as conn:
            admin = next(user for user in people.everyone(conn) if user.is_company_admin)
            support.give(conn, admin, support.DEFAULT, None, with_media=False)
        try:
            yield
        finally:
            with operator.on_company(company) as conn:
                support.end(conn)

    def put(self, key: str, body: bytes = b"stranger") -> None:
        self.store.put_object(Bucket=BUCKET, Key=key, Body=body)

    def listed(self) -> dict[str, int]:
        pages = self.store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}


@pytest.fixture(scope="module")
def connection(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> StorageConnection:
    """A connection with three originals of one file, one of four pictures, two proxies that are complete, and a LUT."""
    operator, company = Installation(platform.data), platform.company
    assert isinstance(company, Company)
    with platform.api() as api:
        production = api.create_production("Audited")
        made = operator.storage.connect(company, operator.storage.embedded_bucket(company, platform.origin, BUCKET))
        Accepting(operator, company).put_into_use(made, production["id"])
        wait_until(lambda: api.find_production(production["id"])["placement"]["bucket"] == BUCKET)
        folder = tmp_path_factory.mktemp("clips")
        clip = make_original(folder / "take 1.mp4", frames=12)
        platform.wait_for(upload(api, production["id"], clip).version_id, "ready")
        pictures = shoot(folder / "shot", "png", range(1001, 1005))
        line = CommandLine.signed_in(platform, tmp_path_factory.mktemp("home"))
        sent = line.run("upload", str(pictures[0].parent), "-p", production["slug"], "--json").fields
        platform.wait_for(sent["uploads"][0]["version_id"], "ready")
        cube = folder / "show.cube"
        cube.write_text("LUT_3D_SIZE 2\n" + "0 0 0\n" * 8)
        add_lut(api, production["id"], cube)
        for number in range(2):  # no media: an original stays whatever it is
            (folder / f"notes {number}.txt").write_text("notes " * 100)
            platform.wait_for(upload(api, production["id"], folder / f"notes {number}.txt").version_id, "failed")
    return made


@pytest.fixture
def audited(platform: Platform, connection: StorageConnection, capsys: pytest.CaptureFixture[str]) -> Audited:
    return Audited(platform, connection, capsys)


def test_a_bucket_as_it_should_be_is_clean(audited: Audited) -> None:
    code, found = audited.audit()
    assert (code, found["clean"], found["notes"]) == (0, True, [])
    assert set(found["found"]) <= {"unnamed"}  # the ends of proxies, which hold no segment
    assert found["objects"] == len(audited.listed())
    assert found["bytes"] == sum(audited.listed().values())


def test_an_inventory_report_tells_the_same_and_asks_the_store_nothing(audited: Audited, tmp_path: Path) -> None:
    items = audited.store.list_objects_v2(Bucket=BUCKET)["Contents"]
    rows = [(item["Key"], True, False, item["Size"], item["ETag"].strip('"')) for item in items]
    at = str(int((time.time() + 3_600) * 1_000))
    whole = write_report(tmp_path / "whole", rows, bucket=BUCKET, creationTimestamp=at)
    columns = write_parquet_report(tmp_path / "columns", rows, bucket=BUCKET, creationTimestamp=at)
    for report in (whole, columns):
        code, found = audited.audit("--inventory", report)
        assert (code, found["objects"], found["clean"]) == (0, len(items), True)
    lost = next(row for row in rows if row[0].startswith("originals/"))
    rest = [row for row in rows if row is not lost] + [("notes.txt", True, False, 1, "x")]
    code, found = audited.audit(
        "--inventory", write_report(tmp_path / "lost", rest, bucket=BUCKET, creationTimestamp=at)
    )
    told = {(one["kind"], one["key"]) for one in found["findings"] if one["kind"] != "unnamed"}
    assert (code, told) == (10, {("missing", without_names(lost[0])), ("foreign", without_names("notes.txt"))})
    code, found = audited.audit("--inventory", write_report(tmp_path / "other", rows))
    assert (code, "of the bucket acme-media" in found["error"]["message"]) == (3, True)
    early = str(int((time.time() - 86_400) * 1_000))  # before anything of this arrived
    _, found = audited.audit("--inventory", write_report(tmp_path / "old", [], bucket=BUCKET, creationTimestamp=early))
    assert (found["clean"], found["objects"], found["rows"] > 0) == (True, 0, True)


def said(api: Api, connection: StorageConnection) -> int:
    return len([one for one in api.me()["storage"] if (one["name"], one["state"]) == (connection.name, "audit")])


def test_what_was_not_there_before_is_told_once_until_an_admin_takes_note(audited: Audited) -> None:
    connection = audited.connection
    assert audited.audit()[1]["clean"]
    with audited.platform.api() as api:
        for one in api._get("/storage/audits")["audits"]:
            api._post(f"/storage/audits/{one['id']}/noted", {})
        assert said(api, connection) == 0
        audited.put("stranger.txt")
        audited.put("zz/other.txt")
        try:
            _, found = audited.audit()
            assert (found["fresh"], found["gone"]) == ({"foreign": 2}, 0)
            assert said(api, connection) == 1
            _, again = audited.audit()
            assert (again["fresh"], again["gone"], again["clean"]) == ({}, 0, False)
        finally:
            for key in ("stranger.txt", "zz/other.txt"):
                audited.store.delete_object(Bucket=BUCKET, Key=key)
        _, mended = audited.audit()
        assert (mended["fresh"], mended["gone"], mended["clean"]) == ({}, 2, True)
        assert said(api, connection) == 1  # gone or not, nobody has seen it yet
        ours = [one for one in api._get("/storage/audits")["audits"] if one["connection"] == connection.name]
        assert [(one["found"], one["fresh"]) for one in ours[:3]] == [
            ("", ""),
            ("2 foreign objects", ""),
            ("2 foreign objects", "2 foreign objects"),
        ]
        assert [one["key"] for one in ours[2]["named"]] == ["stranger.txt", "zz/other.txt"]
        assert [one["noted"] for one in ours[:3]] == [True, True, False]
        api._post(f"/storage/audits/{ours[0]['id']}/noted", {})
        assert said(api, connection) == 0
    with audited.platform.company_engine().connect() as conn:
        query = select(audit_events.c.details).where(audit_events.c.what == "storage.differs")
        details = [row for row in conn.scalars(query) if row["audit"] == ours[2]["id"]]
    assert details == [{"audit": ours[2]["id"], "foreign": 2}]
    listed = ["--company", "acme", "--connection", connection.name, "--data", str(audited.platform.data), "--json"]
    assert main(["storage", "audits", "--limit", "3", *listed]) == 0


def test_connections_are_audited_again_each_day_by_themselves(audited: Audited, tmp_path: Path) -> None:
    platform, table, log = audited.platform, storage_audits, tmp_path / "audit.log"
    program = [*Programs().audit, "--data", str(platform.data), "--hours", "24"]
    audits = Recurring("audits", program, log, PlatformIdentity())
    engine = platform.company_engine()
    this = table.c.connection_id == audited.connection.id

    def count() -> int:
        with engine.connect() as conn:
            return int(conn.execute(select(func.count()).select_from(table).where(this)).scalar_one())

    audited.audit()
    assert asyncio.run(audits.once()) == 0, log.read_text()
    recent = count()
    assert asyncio.run(audits.once()) == 0, log.read_text()
    assert count() == recent
    with engine.begin() as conn:
        conn.execute(update(table).where(this).values(made_at=table.c.made_at - timedelta(days=2)))
    assert asyncio.run(audits.once()) == 0, log.read_text()
    assert count() == recent + 1
    assert f"acme: {audited.connection.name}: in order." in log.read_text()


def test_what_is_foreign_missing_or_changed_is_found_and_nothing_is_touched(audited: Audited, tmp_path: Path) -> None:
    """The last one: what is put back has another ETag than what was uploaded in parts."""
    store, before = audited.store, audited.listed()
    originals = sorted(key for key in before if key.startswith("originals/") and not key.endswith(".png"))
    frame = next(key for key in before if key.endswith("shot.1003.png"))
    bundle = next(key for key in sorted(before) if "/v" in key and key.endswith("/0"))
    taken = {key: store.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in (*originals[:2], frame, bundle)}
    strangers = ["originals.txt", "zz/notes.txt", f"{bundle}.bak", "originals/é &+.mov"]
    begun = store.create_multipart_upload(Bucket=BUCKET, Key="stray.mov")
    try:
        for key in strangers:
            audited.put(key)
        store.delete_object(Bucket=BUCKET, Key=originals[0])
        audited.put(originals[1], taken[originals[1]][::-1])  # as long as before, with other bytes
        audited.put(bundle, taken[bundle][:100])
        audited.put(frame, taken[frame][:100])
        now = audited.listed()
        code, found = audited.audit("--findings", tmp_path / "findings.jsonl")
        assert (code, found["clean"]) == (10, False)
        told = {(one["kind"], one["key"]) for one in found["findings"] if one["kind"] != "unnamed"}
        wrong = {
            *(("foreign", key) for key in (*strangers, "stray.mov")),
            ("missing", originals[0]),
            ("mismatched", originals[1]),
            ("mismatched", bundle),
            ("mismatched", frame),
        }
        assert told == {(kind, without_names(key)) for kind, key in wrong}
        assert audited.audit("--names", "Rita Moss")[0] == 5
        with audited.let_support_look():
            code, found = audited.audit("--names", "Rita Moss")
        assert (code, {(one["kind"], one["key"]) for one in found["findings"] if one["kind"] != "unnamed"}) == (
            10,
            wrong,
        )
        lines = [json.loads(line) for line in (tmp_path / "findings.jsonl").read_text().splitlines()]
        assert len(lines) == sum(found["found"].values())
        assert audited.listed() == now
        code, error = audited.audit("--findings", tmp_path / "findings.jsonl")
        assert (code, "already" in error["error"]["message"]) == (3, True)
    finally:
        store.abort_multipart_upload(Bucket=BUCKET, Key="stray.mov", UploadId=begun["UploadId"])
        for key in strangers:
            store.delete_object(Bucket=BUCKET, Key=key)
        for key, body in taken.items():
            audited.put(key, body)
