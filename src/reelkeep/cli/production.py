"""``reelkeep production create``: a new production of the company one is signed in to."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json
from reelkeep.media import MAX_BANDS

production = typer.Typer(name="production", help="Productions of your company.", no_args_is_help=True)


@production.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name as people read it.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Create a production (admins of the company)."""
    with default_logins().open(address) as api:
        answer = api.create_production(name)
    made = answer.get("production", answer)
    output.show(made, f"Created {made['name']} ({made['slug']}).", as_json=as_json)


@production.command("change")
def change(
    name: Annotated[str, typer.Argument(help="Name, slug or id.")],
    mark_bands: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_BANDS,
            help="Mark bands of proxies made from now on. 0: the plain ladder, which cannot be marked later.",
        ),
    ],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Change a production (its admins)."""
    with default_logins().open(address) as api:
        changed = api.change_production(api.find_production(name)["id"], mark_bands=mark_bands)
    output.show(changed, f"New proxies of {changed['name']} have {changed['mark_bands']} mark bands.", as_json=as_json)


@production.command("list")
def show_all(address: Address = None, as_json: Json = False) -> None:
    """Show your productions."""
    with default_logins().open(address) as api:
        found = api.productions()
    if as_json:
        output.show({"productions": found}, "", as_json=True)
    else:
        rows = [(item["slug"], item["name"], item["role"], str(item["assets"])) for item in found]
        output.show_table(("slug", "name", "your role", "assets"), rows)
