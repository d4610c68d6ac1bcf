"""``reelkeep company``: companies, their databases, the keys of their keys, and where they are reached from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelkeep.cli import backups, company_states, output
from reelkeep.cli.company_network import network
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json, read_secret

company = typer.Typer(name="company", help="Companies of this installation (operator).", no_args_is_help=True)
company.add_typer(network)


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


@company.command("key")
def show_key(slug: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Tell by which keys a company key is wrapped, and whether the company's own opens now."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    installation = Installation(data)
    chosen = installation.company(slug)
    found = Wrapping(installation, chosen).facts()
    connection = found.connection.name if found.connection else None
    fields = {"company": chosen.slug, "connection": connection, "key": found.key_arn or None, "opens": found.opens}
    if connection is None:
        sentence = f"The company key of {chosen.name} is wrapped by the operator's keyring alone."
    else:
        told = {True: "opens", False: "is closed to Reelkeep", None: "does not answer"}[found.opens]
        sentence = (
            f"The company key of {chosen.name} is wrapped by the operator's keyring and by {found.key_arn}, "
            f"which {told} (connection {connection})."
        )
    output.show(fields, sentence, as_json=as_json)


@company.command("wrap")
def wrap(
    connection: Annotated[str, typer.Argument(help="Connection whose stack made the key.", metavar="CONNECTION")],
    slug: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Have a company key wrapped by the company's own KMS key as well: a proxy then opens with both together only."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    installation = Installation(data)
    chosen = installation.company(slug)
    key = Wrapping(installation, chosen).wrap(found := installation.storage.connection(chosen, connection))
    sentence = (
        f"The company key of {chosen.name} is wrapped by {key.arn}, too. "
        "Backups of the registry from before still hold it as the operator's keyring alone opens it."
    )
    output.show({"company": chosen.slug, "connection": found.name, "key": key.arn}, sentence, as_json=as_json)


@company.command("unwrap")
def unwrap(slug: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Take the wrapping by the company's own key off again; takes that key once more."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.wrapping import Wrapping

    installation = Installation(data)
    chosen = installation.company(slug)
    Wrapping(installation, chosen).unwrap()
    sentence = f"The company key of {chosen.name} is wrapped by the operator's keyring alone."
    output.show({"company": chosen.slug, "connection": None, "key": None}, sentence, as_json=as_json)


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
company.command("backups")(backups.list_backups)
company.command("backup-due")(backups.backup_due)
company.command("restore")(backups.restore)
company.command("suspend")(company_states.suspend)
company.command("resume")(company_states.resume)
company.command("retire")(company_states.retire)
