"""Backups of one company's database, encrypted under its key, and their restoration into a fresh database.

A backup is one consistent snapshot: every row of every table, as PostgreSQL's COPY writes it, and the revision of the
schema. The schema itself comes from the migrations, so a backup opens in every later release and on every PostgreSQL.
Nothing is in plain on a disk, and little in memory.

    archive (``encryption.archive``): header {company, backup, made_at, revision, key}, then records:
    T {"table", "columns"} | D bytes of COPY ... D | T ... | E {"rows": {table: count}}
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, func, select, update

from reelkeep.catalog import audit
from reelkeep.catalog.migrations import MIGRATIONS
from reelkeep.catalog.tables import login_sessions, metadata, playback_sessions
from reelkeep.companies import provisioning, registry
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.registry import Company
from reelkeep.encryption.aead import WrapBroken
from reelkeep.encryption.archive import ArchiveBroken, ArchiveReader, ArchiveWriter, Sink, Source
from reelkeep.encryption.keyring import Keyring
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import RequestError
from reelkeep.ids import BackupId, new_id

MAX_RECORD_BYTES: Final = 256 << 10
_TABLE, _DATA, _END = b"T", b"D", b"E"
_LENGTH_BYTES: Final = 4


class ForeignBackup(RequestError):
    """This backup is of another company, or of a newer release."""

    default_advice = "Look which company and release it is of: the beginning of the file says so. Nothing was changed."


@dataclass(frozen=True)
class Backup:
    """What a backup says of itself."""

    id: BackupId
    made_at: datetime  # of the snapshot
    revision: str
    rows: Mapping[str, int]  # by table


def write_backup(
    server: DatabaseServer,
    keyring: Keyring,
    company: Company,
    company_key: CompanyKey,
    sink: Sink,
    backup_id: BackupId | None = None,
) -> Backup:
    """Write a company's database to ``sink``, as it is at this moment. Writers are not held up.

    Args:
        backup_id: that the sink's place is called by; None: a fresh one.

    Raises:
        OperationalError: the database went away; what was written has no end and no reader takes it.
    """
    backup_id = backup_id or BackupId(new_id())
    key, wrapped = company_key.new_backup_key(backup_id)
    engine = provisioning.owner_engine(server, keyring, company)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as conn:
            revision, made_at = MIGRATIONS.revision_of(conn), conn.scalar(select(func.now()))
            assert revision is not None
            assert made_at is not None
            fields = {
                "company": company.id,
                "backup": backup_id,
                "made_at": made_at.isoformat(),
                "revision": revision,
                "key": wrapped.hex(),
            }
            archive = ArchiveWriter(sink, key, fields)
            rows = {name: _dump(_driver(conn), name, archive) for name in _tables()}
            _record(archive, _END, json.dumps({"rows": rows}).encode())
            archive.close()
    finally:
        engine.dispose()
    return Backup(backup_id, made_at, revision, rows)


def restore_backup(
    server: DatabaseServer, keyring: Keyring, company: Company, company_key: CompanyKey, source: Source
) -> tuple[Backup, Company]:
    """Make a fresh database of a backup and let the company have it; return the backup and the company's new row.

    The database that the company had, if it is still there, is left as it is. Login sessions that were open then are
    ended: some may have been ended since.

    Raises:
        ForeignBackup: it is another company's, or of a newer release.
        ArchiveBroken: it was cut off or altered. In each case the company has the database that it had.
    """
    reader = ArchiveReader(source)
    backup = _opened(reader, company, company_key)
    fresh = replace(company, database_name=provisioning.new_database_name())
    with contextlib.ExitStack() as undo:
        at = provisioning.server_of(server, keyring, company)
        undo.callback(provisioning.drop_database, at, fresh.database_name)
        provisioning.create_database(at, fresh)
        rows = _fill(server, keyring, fresh, reader, backup)
        schema = provisioning.migrate_company(server, keyring, fresh)
        fresh = replace(fresh, schema_revision=schema.revision, schema_floor=schema.floor)
        _hand_over(server, fresh)
        undo.pop_all()
    return replace(backup, rows=rows), fresh


def _hand_over(server: DatabaseServer, fresh: Company) -> None:
    engine = registry.engine(server)
    try:
        with engine.begin() as conn:
            registry.change_database(conn, fresh)
    finally:
        engine.dispose()


def _opened(reader: ArchiveReader, company: Company, company_key: CompanyKey) -> Backup:
    """Check whose the backup is and give the reader its key; nothing of this is trusted before the first chunk."""
    header = reader.header
    try:
        backup = Backup(BackupId(header["backup"]), datetime.fromisoformat(header["made_at"]), header["revision"], {})
        wrapped, whose = bytes.fromhex(header["key"]), header["company"]
    except (KeyError, ValueError):
        raise ArchiveBroken("this archive is no backup of a company") from None
    if whose != company.id:
        raise ForeignBackup(f"this backup is not one of {company.name}")
    if not MIGRATIONS.knows(backup.revision):
        raise ForeignBackup("this backup was made by a newer release than this one")
    try:
        reader.open(company_key.unwrap_backup_key(backup.id, wrapped))
    except WrapBroken:
        raise ArchiveBroken("the key of this backup is not under the company's key") from None
    return backup


def _fill(
    server: DatabaseServer, keyring: Keyring, fresh: Company, reader: ArchiveReader, backup: Backup
) -> Mapping[str, int]:
    engine = provisioning.owner_engine(server, keyring, fresh)
    try:
        with engine.begin() as conn:
            MIGRATIONS.upgrade(conn, backup.revision)
            rows = _load(_driver(conn), reader)
            now = datetime.now(UTC)
            for table in (login_sessions, playback_sessions):
                conn.execute(update(table).where(table.c.ended_at.is_(None)).values(ended_at=now))
            made_at = backup.made_at.isoformat()
            audit.record(conn, "database.restored", None, None, backup=backup.id, made_at=made_at)
    finally:
        engine.dispose()
    return rows


def _tables() -> list[str]:
    """Return the tables in an order in which they can be filled: whom a row refers to comes first."""
    return [table.name for table in metadata.sorted_tables]


def _dump(conn: psycopg.Connection, table: str, archive: ArchiveWriter) -> int:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
        "ORDER BY ordinal_position"
    )
    columns = [row[0] for row in conn.execute(query, (table,))]
    _record(archive, _TABLE, json.dumps({"table": table, "columns": columns}).encode())
    pending = bytearray()
    with conn.cursor() as cursor:
        with cursor.copy(_copy("COPY {} ({}) TO STDOUT", table, columns)) as copy:
            for data in copy:
                pending += data
                while len(pending) >= MAX_RECORD_BYTES:
                    _record(archive, _DATA, bytes(pending[:MAX_RECORD_BYTES]))
                    del pending[:MAX_RECORD_BYTES]
        _record(archive, _DATA, bytes(pending))
        return cursor.rowcount


def _load(conn: psycopg.Connection, reader: ArchiveReader) -> Mapping[str, int]:
    """Fill the tables and return how many rows each got, once the end of the backup was seen."""
    loaded: dict[str, int] = {}
    kind, body = _next(reader)
    while kind == _TABLE:
        about = json.loads(body)
        with conn.cursor() as cursor:
            with cursor.copy(_copy("COPY {} ({}) FROM STDIN", about["table"], about["columns"])) as copy:
                kind, body = _next(reader)
                while kind == _DATA:
                    copy.write(body)
                    kind, body = _next(reader)
            loaded[about["table"]] = cursor.rowcount
    if kind != _END or json.loads(body)["rows"] != loaded:
        raise ArchiveBroken("this backup does not hold the rows that it says")
    reader.finish()
    return loaded


def _record(archive: ArchiveWriter, kind: bytes, body: bytes) -> None:
    archive.write(kind + len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def _next(reader: ArchiveReader) -> tuple[bytes, bytes]:
    kind = reader.read(1)
    length = int.from_bytes(reader.read(_LENGTH_BYTES), "big")
    if length > MAX_RECORD_BYTES:
        raise ArchiveBroken("a record of this backup is too long")
    return kind, reader.read(length)


def _copy(statement: str, table: str, columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(statement).format(sql.Identifier(table), names)


def _driver(conn: Connection) -> psycopg.Connection[Any]:
    """Return psycopg's connection below SQLAlchemy's, in the same transaction: COPY is not SQLAlchemy's."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
