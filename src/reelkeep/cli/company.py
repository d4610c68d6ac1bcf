"""``reelkeep company``: companies and their databases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelkeep.cli import backups, output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json, read_secret

company = typer.Typer(name="company", help="Companies of this installation (operator).", no_args_is_help=True)


@company.command("create")
def create(
    slug: Annotated[str, typer.Argument(help="Short name; the first label of the company's host name.")],
    name: Annotated[str, typer.Option("--name", help="Name as people read it; the slug if not given.")] = "",
    domain: Annotated[str, typer.Option("--domain", help="Domain below which its host names lie.")] = "localhost",
    database: Annotated[
        Path | None,
        typer.Option(
            "--database", help="File with the address of a PostgreSQL server of its own ('-': standard input)."
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Create a company: a database of its own, two roles, a key, two host names."""
    from reelkeep.cli.installation import Installation

    address = read_secret(database) if database is not None else None
    made = Installation(data).create_company(slug, name or slug, domain, address)
    fields = {"id": made.id, "slug": made.slug, "name": made.name, "host": made.app_host, "media_host": made.media_host}
    sentence = (
        f"Created {made.name}, at {made.app_host}. Next: `reelkeep storage connect --company {made.slug}` and "
        f"`reelkeep user create EMAIL --company {made.slug} --admin`."
    )
    output.show(fields, sentence, as_json=as_json)


@company.command("rotate-passwords")
def rotate_passwords(
    slug: Annotated[str, typer.Argument(help="Short name of the company.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Give both database roles of a company fresh random passwords; its processes are started anew within seconds."""
    from reelkeep.cli.installation import Installation

    rotated = Installation(data).rotate_passwords(slug)
    output.show({"slug": rotated.slug}, f"The database of {rotated.name} has new passwords.", as_json=as_json)


company.command("backup")(backups.backup)
company.command("restore")(backups.restore)
