"""``reelkeep support open``: the operator's way to look at a company's site, if an admin of the company lets them."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json

support = typer.Typer(
    name="support", help="Looking at a company's site, while it allows that (operator).", no_args_is_help=True
)


@support.callback()
def _group() -> None:
    """Looking at a company's site, while it allows that (operator)."""


@support.command("open")
def open_support(
    company: Annotated[str, typer.Argument(help="Slug of the company.", metavar="COMPANY")],
    name: Annotated[str, typer.Option("--name", help="Your name, as the company reads it in its record.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Print a link by which you come in once, within minutes. The company sees your name and each of your requests."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    chosen = installation.company(company)
    arrival = installation.open_support(chosen, name)
    access = arrival.access
    link = f"{installation.folder.origin(chosen.app_host)}/support-sign-in#{arrival.token}"
    fields = {
        "link": link,
        "link_ends_at": arrival.link_ends_at.isoformat(),
        "ends_at": access.ends_at.isoformat(),
        "whole_company": access.production_id is None,
        "with_media": access.with_media,
    }
    what = "the whole company" if access.production_id is None else "one production"
    media = "with pictures and sound" if access.with_media else "without pictures and sound"
    sentence = (
        f"Open {link} before {arrival.link_ends_at:%H:%M} UTC; it works once. "
        f"You may look at {what}, {media}, until {access.ends_at:%H:%M} UTC."
    )
    output.show(fields, sentence, as_json=as_json)
