"""``reelkeep company backup`` and ``restore``: one company's database in one encrypted file, and back."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import IO, Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.errors import RequestError

SUFFIX = ".rkbackup"


def backup(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    to: Annotated[Path, typer.Option("--to", help="Folder that gets the file.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Write the company's database into one file, encrypted under the company's key, as it is at this moment."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    installation = Installation(data)
    company = installation.company(slug)
    key = Wrapping(installation, company).company_key()
    with _unfinished(to) as (path, file):
        made = installation.back_up(company, key, file)
        size_bytes = file.tell()
        target = to / f"{slug}-{made.made_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{made.id}{SUFFIX}"
        file.flush()
        os.fsync(file.fileno())
        path.rename(target)
    rows = sum(made.rows.values())
    fields = {"id": made.id, "path": str(target), "made_at": made.made_at.isoformat(), "rows": rows}
    sentence = f"{target} holds {rows:,} rows, {size_bytes / 1e6:.1f} MB, as of {made.made_at:%Y-%m-%d %H:%M:%S %Z}."
    output.show({**fields, "size_bytes": size_bytes}, sentence, as_json=as_json)


def restore(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    source: Annotated[Path, typer.Option("--from", help="File that `reelkeep company backup` has made.")],
    drop_former: Annotated[
        bool, typer.Option("--drop-former", help="Drop the database that the company has had until now.")
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Give the company a fresh database made of a backup. Everything since then is not in it; everybody signs in anew.

    If the file was altered or cut off, or is another company's, the company keeps the database that it has.
    """
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    installation = Installation(data)
    company = installation.company(slug)
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
