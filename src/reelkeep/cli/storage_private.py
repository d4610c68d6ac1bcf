"""``reelkeep storage isolate``, ``direct``: whether a bucket is reached by interface endpoints alone, or publicly."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.cli.storage_places import ConnectionArgument, connection_fields

Clients = Annotated[
    str, typer.Option("--client-endpoint", help="DNS name of the company's interface endpoint for S3: links carry it.")
]
Platform = Annotated[
    str, typer.Option("--platform-endpoint", help="DNS name of the platform's own: its requests go through it.")
]


def isolate(
    connection: ConnectionArgument,
    clients: Clients,
    platform: Platform,
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Reach a bucket by interface endpoints alone, if it passes its acceptance test so: no public link is made."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places
    from reelkeep.storage.private_endpoints import private_endpoints

    installation = Installation(data)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    private = private_endpoints(clients, platform, region=found.region, public_url=found.endpoint_url)
    made = Places(installation).set_private(chosen, found, private)
    sentence = f"{made.name} is isolated: clients reach it by {private.clients}, the platform by {private.platform}."
    output.show(connection_fields(made), sentence, as_json=as_json)


def direct(
    connection: ConnectionArgument, company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False
) -> None:
    """Reach a bucket by its public name again, if it passes its acceptance test so."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    made = Places(installation).set_private(chosen, installation.storage.connection(chosen, connection), None)
    output.show(
        connection_fields(made), f"{made.name} is direct: clients reach it by its public name.", as_json=as_json
    )
