"""``reelkeep production lut``: the LUTs of a production, and which one its versions are shown through."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json
from reelkeep.errors import NotFound
from reelkeep.luts import LutInput, LutScope
from reelkeep.transfer.api import Api
from reelkeep.transfer.luts import add_lut

lut = typer.Typer(name="lut", help="LUTs of a production (its admins).", no_args_is_help=True)

_Production = Annotated[str, typer.Argument(help="Name, slug or id of the production.", metavar="PRODUCTION")]


@lut.command("add")
def add(
    name: _Production,
    file: Annotated[Path, typer.Argument(help="A 3D LUT, .cube or .3dl, of up to 65 points.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Add a LUT. It is used once it is chosen."""
    with default_logins().open(address) as api:
        made = add_lut(api, str(api.find_production(name)["id"]), file)
    words = f"Added {made['name']} ({made['points']} points) as {made['id']}."
    output.show(made, words, as_json=as_json)


@lut.command("list")
def show_all(name: _Production, address: Address = None, as_json: Json = False) -> None:
    """Show the LUTs that can be chosen, newest first."""
    with default_logins().open(address) as api:
        production = api.find_production(name)
        found = api.luts(str(production["id"]))
    chosen = production["lut"]
    if as_json:
        output.show({"luts": found, "chosen": chosen}, "", as_json=True)
        return
    rows = [(each["id"], each["name"], each["title"], str(each["points"]), _use(each["id"], chosen)) for each in found]
    output.show_table(("id", "file", "title", "points", "chosen"), rows)


@lut.command("choose")
def choose(
    name: _Production,
    wanted: Annotated[str, typer.Argument(help="Id or file name of the LUT.", metavar="LUT")],
    into: Annotated[LutInput, typer.Option("--input", help="What scene-linear light is turned into before the LUT.")],
    scope: Annotated[LutScope, typer.Option("--for", help="Scene-linear originals alone, or all.")] = LutScope.LINEAR,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Show versions uploaded from now on through a LUT."""
    with default_logins().open(address) as api:
        production_id = str(api.find_production(name)["id"])
        fields = {"id": _found(api, production_id, wanted), "input": into.value, "scope": scope.value}
        changed = api.change_production(production_id, {"lut": fields})
    what = "scene-linear originals" if scope is LutScope.LINEAR else "everything"
    words = f"New versions of {changed['name']} ({what}) are shown through {changed['lut']['name']}."
    output.show(changed, words, as_json=as_json)


@lut.command("none")
def none(name: _Production, address: Address = None, as_json: Json = False) -> None:
    """Show versions uploaded from now on without a LUT."""
    with default_logins().open(address) as api:
        changed = api.change_production(str(api.find_production(name)["id"]), {"lut": None})
    output.show(changed, f"New versions of {changed['name']} are shown without a LUT.", as_json=as_json)


@lut.command("delete")
def delete(
    name: _Production,
    wanted: Annotated[str, typer.Argument(help="Id or file name of the LUT.", metavar="LUT")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Forget a LUT that nobody uses. Its file stays in the bucket until the company's team removes it."""
    with default_logins().open(address) as api:
        production_id = str(api.find_production(name)["id"])
        gone = api.delete_lut(production_id, _found(api, production_id, wanted))
    output.show(dict(gone), f"Deleted {gone['name']}. Its file in the bucket is {gone['object_key']}.", as_json=as_json)


def _found(api: Api, production_id: str, wanted: str) -> str:
    """Return the id of the LUT with this id, or of the newest one with this file name."""
    found = api.luts(production_id)
    for field in ("id", "name"):
        for each in found:
            if each[field] == wanted:
                return str(each["id"])
    known = ", ".join(each["name"] for each in found) or "none yet"
    raise NotFound(f"the production has no LUT {wanted!r}", advice=f"Its LUTs are: {known}.")


def _use(lut_id: str, chosen: dict[str, Any] | None) -> str:
    if chosen is None or chosen["id"] != lut_id:
        return ""
    return f"for {'scene-linear' if chosen['scope'] == LutScope.LINEAR.value else 'all'}, input {chosen['input']}"
