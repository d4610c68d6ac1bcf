"""``reelkeep processes``: which processes served the company, for its admins."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json


def processes(
    newest: Annotated[int, typer.Option("--newest", min=1, help="So many at most, the newest first.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="The whole ledger.")] = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Show the processes that served your company: when each began and ended, and why (admins of the company)."""
    with default_logins().open(address) as api:
        found = list(islice(api.processes(), None if everything else newest))
    if as_json:
        output.show({"processes": found}, "", as_json=True)
        return
    output.show_table(("process", "host", "pid", "started", "ended", "why it ended"), [_row(one) for one in found])


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    started, ended = (str(one[name] or "")[:19].replace("T", " ") for name in ("started_at", "ended_at"))
    return (str(one["kind"]), str(one["host"]), str(one["pid"]), started, ended or "it serves", str(one["why"]))
