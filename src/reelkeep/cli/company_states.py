"""``reelkeep company suspend``, ``resume`` and ``retire``: a company is switched off, on again, or given up.

Visitors of one that is off get a page that says so. Nothing is deleted by any of them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json

_Company = Annotated[str, typer.Argument(help="Short name of the company.", metavar="COMPANY")]


def suspend(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Switch a company off: its site says so, its jobs wait, and no process holds its keys. Nothing is deleted."""
    _move(company, "suspended", "is suspended", data, as_json=as_json)


def resume(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Switch a suspended company on again."""
    _move(company, "active", "is active again", data, as_json=as_json)


def retire(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Give a suspended company up for good: its site says so. Its database and its buckets stay as they are."""
    _move(company, "retired", "is retired", data, as_json=as_json)


def _move(slug: str, state: str, words: str, data: Data, *, as_json: bool) -> None:
    from reelkeep.cli.installation import Installation
    from reelkeep.companies.company_states import CompanyState

    installation = Installation(data)
    chosen = installation.company(slug)
    installation.move_company(chosen, CompanyState(state))
    output.show({"company": chosen.slug, "state": state}, f"{chosen.name} {words}.", as_json=as_json)
