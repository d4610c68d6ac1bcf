"""``reelkeep company network``: from where a company's site may be reached; also the way back in for whoever locked
everybody out. Each change stands in the company's audit record.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.companies.network_policy import NetworkPolicy, policy_of

network = typer.Typer(name="network", help="From where a company's site may be reached.", no_args_is_help=True)
_Company = Annotated[str, typer.Argument(help="Slug of the company.", metavar="COMPANY")]


@network.command("show")
def show(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show who may come in, and how many connections were turned away."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    policy, turned_away = installation.network(installation.company(company))
    fields = {**_fields(policy), "refused": [one.as_fields() for one in turned_away]}
    output.show(fields, f"{_words(policy)} Turned away: {_count(turned_away)}.", as_json=as_json)
    if turned_away and not as_json:
        rows = [(one.source, f"{one.connections:,}", f"{one.last_at:%Y-%m-%d %H:%M}") for one in turned_away]
        output.show_table(("from", "connections", "last at (UTC)"), rows, whole=1)


@network.command("close")
def close(
    company: _Company,
    networks: Annotated[
        list[str] | None, typer.Option("--network", help="A network as 203.0.113.0/24; may be given again.")
    ] = None,
    endpoints: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Id of a PrivateLink endpoint; may be given again.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Let in only these networks and endpoints; they take the place of what was set before."""
    _set(company, policy_of(networks or (), endpoints or ()), data, as_json=as_json)


@network.command("open")
def open_site(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Let everybody reach the company's site, where users sign in as ever."""
    _set(company, None, data, as_json=as_json)


def _set(company: str, policy: NetworkPolicy | None, data: Any, *, as_json: bool) -> None:
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    installation.set_network(installation.company(company), policy)
    output.show(_fields(policy), _words(policy), as_json=as_json)


def _fields(policy: NetworkPolicy | None) -> dict[str, Any]:
    return {"open": policy is None, **(policy.as_fields() if policy else {"networks": [], "endpoints": []})}


def _words(policy: NetworkPolicy | None) -> str:
    """Return a policy as a sentence.

    >>> _words(policy_of(["203.0.113.0/24"], []))
    'Open to 203.0.113.0/24 only.'
    """
    if policy is None:
        return "Open to everybody."
    return f"Open to {', '.join([*map(str, policy.networks), *policy.endpoints])} only."


def _count(turned_away: list[Any]) -> str:
    total = sum(one.connections for one in turned_away)
    return "1 connection" if total == 1 else f"{total:,} connections"
