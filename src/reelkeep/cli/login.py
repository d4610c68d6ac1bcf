"""``reelkeep login``: sign in to a company."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Json, Password, read_password
from reelkeep.transfer.api import Api


def login(
    address: Annotated[str, typer.Argument(help="The company's address, such as http://acme.localhost:8000.")],
    email: Annotated[str, typer.Option("--email", prompt=True)],
    password_file: Password = None,
    as_json: Json = False,
) -> None:
    """Sign in; the session is kept for the other commands."""
    address = address if "://" in address else f"https://{address}"
    with Api(address) as api:
        token = api.login(email, read_password(password_file, "Password"))
        me = api.me()
        default_logins().keep(api.address, token)
    fields = {"address": api.address, "user": me["user"], "company": me["company"]}
    sentence = f"Signed in to {me['company']['name']} as {me['user']['name']}."
    output.show(fields, sentence, as_json=as_json)
