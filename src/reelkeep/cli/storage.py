"""``reelkeep storage connect`` and ``check``: a company's own bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.errors import RequestError, StorageSetupError
from reelkeep.storage.interface import StorageConnection

if TYPE_CHECKING:
    from reelkeep.cli.installation import Installation, NewConnection
    from reelkeep.companies.registry import Company

storage = typer.Typer(name="storage", help="A company's own bucket (operator).", no_args_is_help=True)
CompanySlug = Annotated[str | None, typer.Option("--company", help="Slug of the company.")]
ForProduction = Annotated[str, typer.Option("--production-id", help="For one production only; else for the company.")]


@storage.command("connect")
def connect(
    company: CompanySlug = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="Make a bucket on the embedded store.")] = False,
    bucket: Annotated[str, typer.Option("--bucket")] = "",
    region: Annotated[str, typer.Option("--region")] = "us-east-1",
    role: Annotated[str, typer.Option("--role", help="ARN of the role that the platform assumes.")] = "",
    prefix: Annotated[str, typer.Option("--prefix", help="Everything is kept below it, such as media/reelkeep.")] = "",
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="URL of an S3-compatible store; AWS if not given.")
    ] = None,
    sts_endpoint: Annotated[
        str | None, typer.Option("--sts-endpoint", help="URL of its STS if it is another one.")
    ] = None,
    path_style: Annotated[bool, typer.Option("--path-style", help="Name the bucket in the path.")] = False,
    production_id: ForProduction = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Connect a bucket: write it down, try it out, and store new versions there."""
    from reelkeep.cli.installation import Installation, NewConnection

    installation = Installation(data)
    chosen = installation.company(company)
    new = NewConnection(bucket, region, role, prefix, endpoint, sts_endpoint, path_style)
    if embedded:
        new = _embedded(installation, chosen)
    elif not (bucket and role):
        raise RequestError("a bucket and a role are needed", advice="Give --bucket and --role, or --embedded.")
    made = installation.connect(chosen, new)
    try:
        _check(installation, chosen, made, production_id, as_json=as_json)
    except StorageSetupError as error:
        raise StorageSetupError(
            error.message,
            advice=f"{error.advice()} External id: {made.external_id}. "
            f"Then run `reelkeep storage check {made.id} --company {chosen.slug}`.",
        ) from error


@storage.command("check")
def check(
    connection_id: Annotated[str, typer.Argument(help="Id that `storage connect` printed.")],
    company: CompanySlug = None,
    production_id: ForProduction = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Try a connection out again; if it works, store new versions there."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    chosen = installation.company(company)
    _check(installation, chosen, installation.connection(chosen, connection_id), production_id, as_json=as_json)


def _embedded(installation: Installation, company: Company) -> NewConnection:
    port = installation.folder.config().port
    return installation.embedded_bucket(company, f"http://{company.app_host}:{port}")


def _check(
    installation: Installation, company: Company, connection: StorageConnection, production_id: str, *, as_json: bool
) -> None:
    found = installation.check(company, connection, production_id)
    fields = {
        "id": connection.id,
        "bucket": connection.bucket,
        "external_id": connection.external_id,
        "capabilities": sorted(capability.value for capability in found.capabilities),
        "warnings": list(found.warnings),
    }
    sentence = f"Connected {connection.bucket} for {company.name} (connection {connection.id})."
    output.show(fields, "\n".join((sentence, *(f"Note: {text}." for text in found.warnings))), as_json=as_json)
