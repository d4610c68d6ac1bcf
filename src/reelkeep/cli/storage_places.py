"""``reelkeep storage list``, ``place``, ``host``, ``suspend``, ``resume``, ``retire``: where new versions go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError

if TYPE_CHECKING:
    from reelkeep.storage.interface import StorageConnection
    from reelkeep.storage.placement import Placement

OfProduction = Annotated[str, typer.Option("--production", "-p", help="Name, slug or id; else the whole company.")]
ConnectionName = Annotated[str, typer.Option("--connection", help="Name or id of the connection.")]
ConnectionArgument = Annotated[str, typer.Argument(help="Name or id of the connection.", metavar="CONNECTION")]


def list_storage(company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show a company's connections, and where new versions of each production go and why."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    found = Places(installation).overview(installation.company(company))
    if as_json:
        fields = {
            "connections": [
                {**connection_fields(one), "versions": held.versions, "original_bytes": held.original_bytes}
                for one, held in found.connections
            ],
            "company": placement_fields(found.company),
            "productions": [
                {"id": one.production.id, "placement": placement_fields(one.placement)} for one in found.productions
            ],
        }
        output.show(fields, "", as_json=True)
        return
    rows = [
        (one.name, one.bucket, one.prefix, one.region, one.state.value, f"{held.versions:,}", _whose(one))
        for one, held in found.connections
    ]
    output.show_table(("connection", "bucket", "prefix", "region", "state", "versions", ""), rows)
    places = [("the company", *_placed(found.company))]
    places += [(one.production.id, *_placed(one.placement)) for one in found.productions]
    output.show_table(("new versions of", "go to", "set at"), places)


def place(
    connection: ConnectionName = "",
    production: OfProduction = "",
    inherit: Annotated[bool, typer.Option("--inherit", help="Take the own setting away.")] = False,
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Choose where new versions of a production, or of the company, are stored. What is stored stays where it is."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    if bool(connection) == inherit:
        raise RequestError("say where to", advice="Give --connection NAME, or --inherit to take a setting away.")
    installation = Installation(data)
    chosen, places = installation.company(company), Places(installation)
    if inherit:
        placement = places.inherit(chosen, production)
    else:
        placement = places.place(chosen, production, installation.storage.connection(chosen, connection))
    whose = f"the production {production}" if production else chosen.name
    sentence = f"New versions of {whose} go to {placement.connection.name} ({_set_at(placement)})."
    output.show({"placement": placement_fields(placement)}, sentence, as_json=as_json)


def suspend(
    connection: ConnectionArgument, company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False
) -> None:
    """Switch a connection off: nothing is read from its bucket or written to it. Nothing is deleted."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    Places(installation).suspend(chosen, found := installation.storage.connection(chosen, connection))
    output.show({"id": found.id, "state": "suspended"}, f"Suspended {found.name}.", as_json=as_json)


def resume(
    connection: ConnectionArgument, company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False
) -> None:
    """Try a connection out that was suspended or revoked; if it works, it is in use again."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    Places(installation).resume(chosen, found := installation.storage.connection(chosen, connection))
    output.show({"id": found.id, "state": "active"}, f"{found.name} is in use again.", as_json=as_json)


def retire(
    connection: ConnectionArgument, company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False
) -> None:
    """Give a connection up for good. Refused, with a list, while versions lie there. Nothing is deleted."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    Places(installation).retire(chosen, found := installation.storage.connection(chosen, connection))
    output.show({"id": found.id, "state": "retired"}, f"Retired {found.name}.", as_json=as_json)


def connection_fields(connection: StorageConnection) -> dict[str, Any]:
    """Return what programs get to know of a connection."""
    return {
        "id": connection.id,
        "name": connection.name,
        "bucket": connection.bucket,
        "prefix": connection.prefix,
        "region": connection.region,
        "state": connection.state.value,
        "hosted": connection.is_hosted,
        "isolated": vars(connection.private) if connection.private else None,
        "wrapping_key": connection.wrapping_key.arn if connection.wrapping_key else None,
    }


def placement_fields(placement: Placement | None) -> dict[str, str] | None:
    """Return what programs get to know of where new versions go."""
    if placement is None:
        return None
    connection = placement.connection
    return {
        "connection": connection.name,
        "bucket": connection.bucket,
        "state": connection.state.value,
        "inherited_from": placement.inherited_from.value,
    }


def _whose(connection: StorageConnection) -> str:
    if connection.wrapping_key is not None:
        return "opens the company key"
    if connection.private is not None:
        return "isolated"
    return "hosted" if connection.is_hosted else ""


def _placed(placement: Placement | None) -> tuple[str, str]:
    return ("nowhere", "") if placement is None else (placement.connection.name, _set_at(placement))


def _set_at(placement: Placement) -> str:
    words = {"production": "the production's own", "company": "the company's", "hosted": "hosted by the operator"}
    return words[placement.inherited_from.value]
