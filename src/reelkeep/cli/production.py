"""``reelkeep production``: the productions of the company one is signed in to, and their settings."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json

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


@production.command("list")
def show_all(address: Address = None, as_json: Json = False) -> None:
    """Show your productions."""
    with default_logins().open(address) as api:
        found = api.productions()
    if as_json:
        output.show({"productions": found}, "", as_json=True)
    else:
        shown = ("slug", "name", "role", "assets", "first_frame", "mark_bands", "largest_edge_px")
        rows = [(*(str(item[name]) for name in shown), item["lut"]["name"] if item["lut"] else "") for item in found]
        output.show_table(("slug", "name", "your role", "assets", "first frame", "mark bands", "largest", "LUT"), rows)


@production.command("first-frame")
def first_frame(
    name: Annotated[str, typer.Argument(help="Name, slug or id of the production.", metavar="PRODUCTION")],
    number: Annotated[int, typer.Argument(help="0, 1 or 1001.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say which number the first frame of every film is shown with (admins of the production)."""
    with default_logins().open(address) as api:
        changed = api.change_production(str(api.find_production(name)["id"]), {"first_frame": number})
    output.show(changed, f"Frames of {changed['name']} are counted from {changed['first_frame']}.", as_json=as_json)


@production.command("mark-bands")
def mark_bands(
    name: Annotated[str, typer.Argument(help="Name, slug or id of the production.", metavar="PRODUCTION")],
    number: Annotated[int, typer.Argument(help="0 to 3. 0: the plain ladder, which cannot be marked later.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say how many mark bands proxies made from now on have (admins of the production)."""
    with default_logins().open(address) as api:
        changed = api.change_production(str(api.find_production(name)["id"]), {"mark_bands": number})
    output.show(changed, f"New proxies of {changed['name']} have {changed['mark_bands']} mark bands.", as_json=as_json)


@production.command("largest")
def largest(
    name: Annotated[str, typer.Argument(help="Name, slug or id of the production.", metavar="PRODUCTION")],
    lines: Annotated[int, typer.Argument(help="720, 1080 or 2160. No proxy is ever larger than its original.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Say how large the largest picture of proxies made from now on may be (admins of the production)."""
    with default_logins().open(address) as api:
        changed = api.change_production(str(api.find_production(name)["id"]), {"largest_edge_px": lines})
    said = f"New proxies of {changed['name']} have up to {changed['largest_edge_px']} lines."
    output.show(changed, said, as_json=as_json)
