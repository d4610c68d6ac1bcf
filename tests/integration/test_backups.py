"""Backups of one company's database: a restore drill, and everything that must not be restored."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError
from tests.services.databases import MakeCompany
from tests.services.installation import ask, installation, wait_until
from tests.services.sites import Making, Site, login_of

from reelkeep.catalog import processes
from reelkeep.catalog.processes import Born, Moment, ProcessKind, Supervision
from reelkeep.catalog.tables import (
    APPEND_ONLY,
    audit_events,
    grants,
    login_sessions,
    luts,
    metadata,
    playback_sessions,
    users,
)
from reelkeep.cli import main
from reelkeep.companies import backups, provisioning
from reelkeep.companies import registry as queries
from reelkeep.companies.backups import ForeignBackup
from reelkeep.companies.bucket_backups import BucketSink, BucketSource, find_kept, kept_backups
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.archive import ArchiveBroken, Source
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import NotFound
from reelkeep.ids import BackupId, GrantId, ProcessId, new_id
from reelkeep.packaging.stills import StillKind
from reelkeep.playback import sessions
from reelkeep.review import comments
from reelkeep.storage.memory import MemoryBucket, MemoryStore
from reelkeep.supervisor.folder import DataFolder

SESSIONS = (login_sessions.name, playback_sessions.name)  # restored, but ended


class Drill:
    """A company with rows in most tables, and its backup."""

    def __init__(self, server: DatabaseServer, keyring: LocalKeyring, company: Company, site: Site) -> None:
        self.server, self.keyring, self.company, self.site = server, keyring, company, site
        user = site.user("Zoe")
        production = site.production("Läufer", production_admin=user)
        making = Making(site, site.version(production, user))
        making.publish("v360", 0, 1)
        making.publish_still(StillKind.POSTER, 0, b"picture")
        making.complete(24)
        login, _ = login_of(site, user)
        with site.engine.begin() as conn:
            comments.add(conn, user, making.version.id, frame=1, last_frame=None, text='too "dark"\\')
            sessions.begin(conn, login, production.id, making.version.id)
            conn.execute(update(users).values(name="Zoë \\N \t\n\\. 映画"))  # what COPY has to write otherwise
            row = {"id": new_id(), "production_id": production.id, "file_name": "a.cube", "size_bytes": 9}
            row |= {"connection_id": site.connection.id, "object_key": "k", "store_upload_id": "u", "crc32": b"1234"}
            row |= {"checked_at": func.now(), "points": 17, "domain": [[0, 0, 0], [1, 1, 1]]}
            large = os.urandom(3 * backups.MAX_RECORD_BYTES)  # no record holds its row
            conn.execute(insert(luts).values(**row, numbers=large, added_by=user.id))

    def key(self, company: Company) -> CompanyKey:
        return provisioning.company_key(self.keyring, company)

    def back_up(self, sink: io.BytesIO | None = None) -> bytes:
        sink = sink or io.BytesIO()
        backups.write_backup(self.server, self.keyring, self.company, self.key(self.company), sink)
        return sink.getvalue()

    def restore(self, data: bytes | Source, company: Company | None = None) -> Company:
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        whose = company or self.company
        _, fresh = backups.restore_backup(self.server, self.keyring, whose, self.key(whose), source)
        return fresh

    def row(self) -> Company:
        engine = queries.engine(self.server)
        try:
            with engine.connect() as conn:
                return queries.find_company(conn, self.company.slug)
        finally:
            engine.dispose()

    def databases(self) -> int:
        engine = queries.engine(self.server)
        try:
            with engine.connect() as conn:
                return int(conn.execute(text("SELECT count(*) FROM pg_database")).scalar_one())
        finally:
            engine.dispose()


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as conn:
        return {
            table.name: conn.execute(select(table).order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
        }


@pytest.fixture
def drill(postgres_server: DatabaseServer, keyring: LocalKeyring, company: Company, site: Site) -> Drill:
    return Drill(postgres_server, keyring, company, site)


def test_a_lost_database_comes_back_row_by_row_with_its_rights_and_without_open_sessions(
    drill: Drill, make_company: MakeCompany
) -> None:
    data, before = drill.back_up(), rows_of(drill.site.engine)
    assert sum(1 for rows in before.values() if rows) > 12
    for secret in (b'too "dark', b"audit_events", b"a.cube"):
        assert secret not in data
    provisioning.drop_database(drill.server, drill.company.database_name)

    fresh = drill.restore(data)
    assert drill.row() == fresh
    assert fresh.database_name != drill.company.database_name
    engine = provisioning.app_engine(drill.server, drill.keyring, fresh)
    try:
        after = rows_of(engine)
        (restored,) = [row for row in after["audit_events"] if row not in before["audit_events"]]
        assert restored.what == "database.restored"
        after["audit_events"].remove(restored)
        for name in SESSIONS:
            assert before[name]
            assert [row.id for row in after.pop(name) if row.ended_at] == [row.id for row in before.pop(name)]
        assert after == before
        for table in APPEND_ONLY:
            with engine.connect() as conn, pytest.raises(ProgrammingError, match="permission denied"):
                conn.execute(text(f"DELETE FROM {table.name}"))
        with engine.begin() as conn:
            conn.execute(insert(audit_events).values(id=new_id(), what="test.happened"))
    finally:
        engine.dispose()
    other = make_company()
    stranger = drill.server.engine(fresh.database_name, other.app_role, _password(drill, other))
    with pytest.raises(OperationalError, match="permission denied"), stranger.connect():
        pass


def _password(drill: Drill, company: Company) -> str:
    return drill.keyring.unwrap(company.wrapped_app_password, f"app-password:{company.id}").decode()


def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(drill: Drill) -> None:
    class Busy(io.BytesIO):
        """A folder so slow that somebody is added with each chunk."""

        def write(self, data: Any) -> int:
            drill.site.user("Late")
            return super().write(data)

    before = rows_of(drill.site.engine)["users"]
    fresh = drill.restore(drill.back_up(Busy()))
    engine = provisioning.app_engine(drill.server, drill.keyring, fresh)
    try:
        assert rows_of(engine)["users"] == before
        assert len(rows_of(drill.site.engine)["users"]) > len(before)
    finally:
        engine.dispose()


def test_a_process_whose_end_is_not_in_the_backup_is_closed_by_the_next_one(company_database: Engine) -> None:
    by, now = Supervision("studio-1", "h" * 20, "r" * 20), datetime.now(UTC)
    earlier, later = (Born(ProcessId(new_id()), ProcessKind.APP, pid) for pid in (1, 2))
    with company_database.begin() as conn:
        processes.record(conn, by, [Moment(earlier, now), Moment(later, now)])
        assert processes.close_leftovers(conn, by, now, known={later.id}) == 1
        found = {each.pid: each.reason for each in processes.page(conn, limit=10)}
    assert found == {1: "restored", 2: None}


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


BROKEN: Mapping[str, Callable[[bytes], bytes]] = {
    "cut_in_the_first_chunk": lambda data: data[:4_000],
    "cut_at_a_chunks_end": lambda data: data[: -(len(data) % (1 << 20))],
    "without_its_last_byte": lambda data: data[:-1],
    "with_one_more_byte": lambda data: data + b"x",
    "flipped_early": lambda data: _flip(data, 3_000),
    "flipped_late": lambda data: _flip(data, len(data) - 40),
    "no_backup": lambda _: b"PGDMP" * 100,
    "empty": lambda _: b"",
}


def test_what_is_no_whole_backup_is_refused_and_the_company_keeps_its_database(drill: Drill) -> None:
    data, count, before = drill.back_up(), drill.databases(), rows_of(drill.site.engine)
    for how, spoil in BROKEN.items():
        with pytest.raises(ArchiveBroken):
            drill.restore(spoil(data))
        assert (drill.row(), drill.databases()) == (drill.company, count), how
    assert rows_of(drill.site.engine) == before


def test_another_companys_backup_and_a_newer_releases_are_refused(drill: Drill, make_company: MakeCompany) -> None:
    data, other = drill.back_up(), make_company("Borealis")
    count = drill.databases()
    with pytest.raises(ForeignBackup, match="Borealis"):
        drill.restore(data, other)
    renamed = data.replace(drill.company.id.encode(), other.id.encode())  # as if it were theirs
    with pytest.raises(ArchiveBroken):
        drill.restore(renamed, other)
    length = int.from_bytes(data[19:23], "big")
    newer = data[:19] + (length + 1).to_bytes(4, "big") + data[23:].replace(b'"revision": "', b'"revision": "x', 1)
    with pytest.raises(ForeignBackup, match="newer release"):
        drill.restore(newer)
    assert (drill.row(), drill.databases()) == (drill.company, count)


def test_a_backup_in_objects_comes_back_from_them_and_one_without_an_end_or_a_part_does_not(drill: Drill) -> None:
    bucket = MemoryBucket()
    store, grant = MemoryStore(bucket), GrantId(new_id())
    before = rows_of(drill.site.engine)["comments"]
    ids = []
    for number in range(3):
        ids.append(backup_id := BackupId(new_id()))
        sink = BucketSink(store, backup_id, grant, part_bytes=200_000)
        key = drill.key(drill.company)
        made = backups.write_backup(drill.server, drill.keyring, drill.company, key, sink, backup_id)
        if number != 2:  # killed before its end
            kept = sink.close(made)
            assert kept.parts > 3
    bucket.objects[f"custody/backups/{new_id()}/whole.json"] = b"{}"  # nonsense
    assert [kept.id for kept in kept_backups(store, grant)] == [ids[1], ids[0]]

    fresh = drill.restore(BucketSource(store, find_kept(store, "newest", grant), grant))
    engine = provisioning.app_engine(drill.server, drill.keyring, fresh)
    assert rows_of(engine)["comments"] == before
    engine.dispose()

    count, row = drill.databases(), drill.row()
    del bucket.objects[f"custody/backups/{ids[0]}/00002"]
    bucket.objects[f"custody/backups/{ids[1]}/00001"] = bucket.objects[f"custody/backups/{ids[1]}/00003"]
    for backup_id in ids[:2]:
        with pytest.raises(ArchiveBroken):
            drill.restore(BucketSource(store, find_kept(store, backup_id, grant), grant), fresh)
    with pytest.raises(NotFound):
        find_kept(store, ids[2], grant)
    assert (drill.row(), drill.databases()) == (row, count)


def test_a_lost_database_comes_back_from_the_companys_own_bucket(capsys: pytest.CaptureFixture) -> None:
    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main(["company", *arguments, "--data", str(one.data), "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    with installation(s3=True) as one:
        company, _ = one.create_company("acme"), one.create_company("borealis")
        code, refused = command("backup", "acme", "--to-bucket")
        assert (code, refused["error"]["code"]) == (7, "storage_setup")
        one.connect_bucket(company)
        folder = DataFolder.open(one.data)
        wait_until(lambda: ask(one, "acme.localhost"))
        code, made = command("backup", "acme", "--to-bucket")
        assert (code, made["parts"]) == (0, 1), made
        code, listed = command("backups", "acme")
        assert (code, [each["id"] for each in listed["backups"]]) == (0, [made["id"]])

        provisioning.drop_database(folder.server(), company.database_name)
        code, back = command("restore", "acme", "--from-bucket", "newest")
        assert (code, back["id"], back["rows"]) == (0, made["id"], back["rows"]), back
        registry = queries.engine(folder.server())
        with registry.connect() as conn:
            fresh = queries.find_company(conn, "acme")
        registry.dispose()
        engine = provisioning.app_engine(folder.server(), folder.keyring(), fresh)
        with engine.connect() as conn:  # the grant of the reads, which had no database to be written to
            scopes = conn.execute(select(grants.c.object_key).where(grants.c.action == "back_up")).scalars().all()
        engine.dispose()
        assert "custody/backups/" in scopes

        due = ["company", "backup-due", "--data", str(one.data), "--hours"]
        assert (main([*due, "1"]), capsys.readouterr().err) == (0, "")  # acme's is of this hour; borealis has no bucket


def test_an_operator_backs_up_and_restores_a_company_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        code = main([*arguments, "--data", str(one.data), "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    with installation() as one:
        company = one.create_company("acme")
        folder = DataFolder.open(one.data)
        pid = wait_until(lambda: ask(one, "acme.localhost"))["pid"]
        wait_until(lambda: one.process_record(company, pid))
        code, made = command("company", "backup", "acme", "--to", str(tmp_path))
        assert code == 0
        (path,) = tmp_path.iterdir()
        assert (str(path), path.stat().st_mode & 0o777, path.stat().st_size) == (
            made["path"],
            0o600,
            made["size_bytes"],
        )
        engine = provisioning.app_engine(folder.server(), folder.keyring(), company)
        with engine.begin() as conn:
            conn.execute(insert(users).values(id="late", email="late@acme.example", name="Late", password_hash="x"))
        engine.dispose()

        code, back = command("company", "restore", "acme", "--from", str(path), "--drop-former")
        assert (code, back["id"], back["former_database"]) == (0, made["id"], None)
        wait_until(lambda: ask(one, "acme.localhost")["pid"] != pid)
        registry = queries.engine(folder.server())
        with registry.connect() as conn:
            fresh = queries.find_company(conn, "acme")
            names = conn.execute(text("SELECT datname FROM pg_database")).scalars().all()
        registry.dispose()
        assert company.database_name not in names
        engine = provisioning.app_engine(folder.server(), folder.keyring(), fresh)
        with engine.connect() as conn:
            assert conn.execute(select(users.c.id)).all() == []
        engine.dispose()
        assert wait_until(lambda: one.ended_process(fresh, pid)).reason == "renewed"

        code, answer = command("company", "restore", "acme", "--from", str(tmp_path / "none"))
        assert (code, "cannot be read" in answer["error"]["message"]) == (3, True)
        code, answer = command("company", "backup", "acme", "--to", str(tmp_path / "none"))
        assert (code, "nothing can be written" in answer["error"]["message"].lower()) == (3, True)
        assert len(list(tmp_path.iterdir())) == 1
