"""``reelkeep company backup``, ``backups`` and ``restore``: one company's database in an encrypted file, and back."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.errors import ReelkeepError, RequestError

if TYPE_CHECKING:
    from reelkeep.cli.installation import Installation
    from reelkeep.companies.bucket_backups import KeptBackup
    from reelkeep.companies.registry import Company

SUFFIX = ".rkbackup"


ToBucket = Annotated[bool, typer.Option("--to-bucket", help="Into the company's own bucket.")]


def backup(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    to: Annotated[Path | None, typer.Option("--to", help="Folder that gets the file.")] = None,
    to_bucket: ToBucket = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Write the company's database, as it is at this moment, into a file or into the company's own bucket.

    It is encrypted under the company's key.
    """
    from reelkeep.cli.installation import Installation

    if (to is None) is not to_bucket:
        raise RequestError("say where to", advice="Give --to FOLDER, or --to-bucket.")
    installation = Installation(data)
    company = installation.company(slug)
    if to is None:
        from reelkeep.cli.bucket_backing import BucketBacking

        kept = BucketBacking(installation, company).back_up()
        output.show(_kept_fields(kept), f"Backup {kept.id} is in the bucket of {slug}.", as_json=as_json)
    else:
        _to_folder(installation, company, to, as_json=as_json)


def _to_folder(installation: Installation, company: Company, to: Path, *, as_json: bool) -> None:
    from reelkeep.cli.wrapping import Wrapping

    key = Wrapping(installation, company).company_key()
    with _unfinished(to) as (path, file):
        made = installation.back_up(company, key, file)
        size_bytes = file.tell()
        target = to / f"{company.slug}-{made.made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{made.id}{SUFFIX}"
        file.flush()
        os.fsync(file.fileno())
        path.rename(target)
    rows = sum(made.rows.values())
    fields = {"id": made.id, "path": str(target), "made_at": made.made_at.isoformat(), "rows": rows}
    sentence = f"{target} holds {rows:,} rows, {size_bytes / 1e6:.1f} MB, as of {made.made_at:%Y-%m-%d %H:%M:%S %Z}."
    output.show({**fields, "size_bytes": size_bytes}, sentence, as_json=as_json)


def list_backups(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """List the backups in the company's own bucket, the newest first."""
    from reelkeep.cli.bucket_backing import BucketBacking
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    found = BucketBacking(installation, installation.company(slug)).kept()
    if as_json:
        output.show({"backups": [_kept_fields(one) for one in found]}, "", as_json=True)
        return
    rows = [(one.id, f"{one.made_at:%Y-%m-%d %H:%M:%S %Z}", f"{one.size_bytes / 1e6:.1f} MB") for one in found]
    output.show_table(("backup", "as of", "size"), rows, whole=1)


def backup_due(
    data: Data = DEFAULT_DATA,
    hours: Annotated[int, typer.Option("--hours", min=1, help="Whose newest backup is older than this.")] = 24,
    identity_fd: Annotated[int, typer.Option("--identity-fd", help="For the supervisor.", hidden=True)] = -1,
) -> int:
    """Back up every company with a bucket of its own whose newest backup there is old. `reelkeep up` can do it."""
    from reelkeep.cli.bucket_backing import back_up_due
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    installation.storage.take_identity(identity_fd)
    code = exits.DONE
    for company, made in back_up_due(installation, timedelta(hours=hours)):
        if isinstance(made, ReelkeepError):
            code = exits.exit_code(made)
            output.note(f"{company.slug} was not backed up: {made.message}")
        else:
            output.note(f"{company.slug}: backup {made.id}, {made.size_bytes / 1e6:.1f} MB")
    return code


def _kept_fields(kept: KeptBackup) -> dict[str, Any]:
    return {**vars(kept), "made_at": kept.made_at.isoformat()}


def restore(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    source: Annotated[Path | None, typer.Option("--from", help="File that `reelkeep company backup` has made.")] = None,
    from_bucket: Annotated[
        str, typer.Option("--from-bucket", help="Id of a backup in the company's own bucket, or: newest.")
    ] = "",
    drop_former: Annotated[
        bool, typer.Option("--drop-former", help="Drop the database that the company has had until now.")
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Give the company a fresh database made of a backup. Everything since then is not in it; everybody signs in anew.

    If the backup was altered or cut off, or is another company's, the company keeps the database that it has.
    """
    from reelkeep.cli.bucket_backing import BucketBacking
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    if (source is None) is not bool(from_bucket):
        raise RequestError("say what from", advice="Give --from FILE, or --from-bucket with an id or: newest.")
    installation = Installation(data)
    company = installation.company(slug)
    if source is None:
        made, former = BucketBacking(installation, company).restore(from_bucket, drop_former=drop_former)
    else:
        try:
            file = source.open("rb")
        except OSError as error:
            raise RequestError(f"{source} cannot be read: {error.strerror}") from None
        with file:
            key = Wrapping(installation, company).company_key()
            made, former = installation.restore(company, key, file, drop_former=drop_former)
    rows, kept = sum(made.rows.values()), None if drop_former else former
    fields = {"id": made.id, "made_at": made.made_at.isoformat(), "rows": rows, "former_database": kept}
    left = f" Its former database {former} is still there, without use." if kept else ""
    sentence = f"The database of {slug} is as of {made.made_at:%Y-%m-%d %H:%M:%S %Z}, {rows:,} rows.{left}"
    output.show(fields, sentence, as_json=as_json)


@contextmanager
def _unfinished(folder: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Give a new file that is gone again unless it was renamed: half a backup has no name that anybody looks for."""
    path = folder / f".{secrets.token_hex(8)}{SUFFIX}.part"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RequestError(f"nothing can be written into {folder}: {error.strerror}") from None
    try:
        with open(descriptor, "wb") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)
