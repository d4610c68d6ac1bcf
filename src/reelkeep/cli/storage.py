"""``reelkeep storage connect``, ``host`` and ``check``; the other commands of storage stand in files of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reelkeep.cli import output, storage_audit, storage_drill, storage_estimate, storage_places
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError, StorageSetupError
from reelkeep.storage.interface import StorageConnection

if TYPE_CHECKING:
    from reelkeep.cli.installation import Installation
    from reelkeep.companies.registry import Company
    from reelkeep.storage.discovery import Discovery

storage = typer.Typer(name="storage", help="Companies' buckets, and what goes where (operator).", no_args_is_help=True)
HOSTED_BUCKET: Final = "hosted-media"
storage.command("estimate")(storage_estimate.estimate)
storage.command("audit")(storage_audit.audit)
storage.command("list")(storage_places.list_storage)
storage.command("place")(storage_places.place)
storage.command("suspend")(storage_places.suspend)
storage.command("resume")(storage_places.resume)
storage.command("retire")(storage_places.retire)
storage.command("drill")(storage_drill.drill)

ForProduction = Annotated[str, typer.Option("--production-id", help="Store new versions of this production there.")]
Name = Annotated[str, typer.Option("--name", help="As people will call the connection; else made from the bucket's.")]
Embedded = Annotated[bool, typer.Option("--embedded", help="Make the bucket on the embedded store.")]
Bucket = Annotated[str, typer.Option("--bucket")]
Region = Annotated[str, typer.Option("--region")]
RoleArn = Annotated[str, typer.Option("--role", help="ARN of the role that the platform assumes.")]
Prefix = Annotated[str, typer.Option("--prefix", help="Everything is kept below it, such as media/reelkeep.")]
Endpoint = Annotated[str | None, typer.Option("--endpoint", help="URL of an S3-compatible store; AWS if not given.")]
StsEndpoint = Annotated[str | None, typer.Option("--sts-endpoint", help="URL of its STS if it is another one.")]
PathStyle = Annotated[bool, typer.Option("--path-style", help="Name the bucket in the path.")]


@storage.command("connect")
def connect(
    company: CompanySlug = None,
    embedded: Embedded = False,
    bucket: Bucket = "",
    region: Region = "us-east-1",
    role: RoleArn = "",
    prefix: Prefix = "",
    endpoint: Endpoint = None,
    sts_endpoint: StsEndpoint = None,
    path_style: PathStyle = False,
    name: Name = "",
    production_id: ForProduction = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Connect a company's bucket: write it down and try it out; the first one takes the company's new versions."""
    from reelkeep.cli.installation import Installation, NewConnection

    installation = Installation(data)
    chosen = installation.company(company)
    new = NewConnection(bucket, region, role, prefix, endpoint, sts_endpoint, path_style, name)
    if embedded:
        origin = f"http://{chosen.app_host}:{installation.folder.config().port}"
        new = replace(installation.embedded_bucket(chosen, origin, bucket), name=name, prefix=prefix)
    elif not (bucket and role):
        raise RequestError("a bucket and a role are needed", advice="Give --bucket and --role, or --embedded.")
    made = installation.connect(chosen, new)
    try:
        _check(installation, chosen, made, production_id, as_json=as_json)
    except StorageSetupError as error:
        raise StorageSetupError(
            error.message,
            advice=f"{error.advice()} External id: {made.external_id}. "
            f"Then run `reelkeep storage check {made.name} --company {chosen.slug}`.",
        ) from error


@storage.command("host")
def host(
    company: CompanySlug = None,
    embedded: Embedded = False,
    bucket: Bucket = "",
    region: Region = "us-east-1",
    role: RoleArn = "",
    prefix: Prefix = "",
    endpoint: Endpoint = None,
    sts_endpoint: StsEndpoint = None,
    path_style: PathStyle = False,
    name: Name = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Connect the operator's own bucket, for every company that has no place of its own; each below its own prefix."""
    from reelkeep.cli.installation import Installation, NewConnection
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    new = NewConnection(bucket, region, role, prefix, endpoint, sts_endpoint, path_style, name)
    if embedded:
        domain = chosen.app_host.removeprefix(f"{chosen.slug}.")
        origin = f"http://*.{domain}:{installation.folder.config().port}"
        new = replace(installation.bucket_on_store(bucket or HOSTED_BUCKET, origin), name=name, prefix=prefix)
    elif not (bucket and role):
        raise RequestError("a bucket and a role are needed", advice="Give --bucket and --role, or --embedded.")
    made, found = Places(installation).host(new, chosen)
    sentence = f"New versions of companies without a place of their own go to {made.bucket} (connection {made.name})."
    _show(made, found, sentence, as_json=as_json)


@storage.command("check")
def check(
    connection: Annotated[str, typer.Argument(help="Name or id of the connection.")],
    company: CompanySlug = None,
    production_id: ForProduction = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Try a connection out again; if it works, it is in use, unless it was suspended or revoked."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    chosen = installation.company(company)
    _check(installation, chosen, installation.connection(chosen, connection), production_id, as_json=as_json)


def _check(
    installation: Installation, company: Company, connection: StorageConnection, production_id: str, *, as_json: bool
) -> None:
    from reelkeep.cli.installation import SWITCHED_OFF

    found = installation.check(company, connection, production_id)
    sentence = f"Connected {connection.bucket} for {company.name} (connection {connection.name})."
    if connection.state in SWITCHED_OFF:
        resume = f"`reelkeep storage resume {connection.name} --company {company.slug}`"
        sentence = f"{connection.name} works, and is {connection.state.value}; {resume} puts it into use."
    _show(connection, found, sentence, as_json=as_json)


def _show(connection: StorageConnection, found: Discovery, sentence: str, *, as_json: bool) -> None:
    fields = {
        "id": connection.id,
        "name": connection.name,
        "bucket": connection.bucket,
        "external_id": connection.external_id,
        "capabilities": sorted(capability.value for capability in found.capabilities),
        "warnings": list(found.warnings),
    }
    output.show(fields, "\n".join((sentence, *(f"Note: {text}." for text in found.warnings))), as_json=as_json)
