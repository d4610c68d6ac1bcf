"""``reelkeep user create``: a user of a company."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json, Password, read_password

user = typer.Typer(name="user", help="Users of a company (operator).", no_args_is_help=True)


@user.command("create")
def create(
    email: Annotated[str, typer.Argument(help="Email address; the name to sign in with.")],
    name: Annotated[str, typer.Option("--name", help="Name as people read it.")] = "",
    company: Annotated[str | None, typer.Option("--company", help="Slug of the company.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an admin of the company.")] = False,
    password_file: Password = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Create a user. Without --password-file a password is made and printed once."""
    from reelkeep.cli.installation import Installation

    password = read_password(password_file, "Password") if password_file else None
    installation = Installation(data)
    chosen = installation.company(company)
    shown = name or email.partition("@")[0]
    made, fresh = installation.create_user(chosen, email, shown, password, is_company_admin=admin)
    fields = {"id": made.id, "email": made.email, "name": made.name, "company": chosen.slug, "password": fresh}
    sentence = f"Created {made.name} <{made.email}> in {chosen.name}."
    if fresh:
        sentence += f" Password, shown this once: {fresh}"
    output.show(fields, sentence, as_json=as_json)
