"""``reelkeep storage connect`` and ``host``; the other commands of storage stand in files of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reelkeep.cli import (
    output,
    storage_audit,
    storage_audits,
    storage_contract,
    storage_drill,
    storage_estimate,
    storage_onboarding,
    storage_places,
    storage_private,
    storage_purge,
    storage_verify,
)
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError
from reelkeep.storage.interface import StorageConnection

if TYPE_CHECKING:
    from reelkeep.acceptance.interface import Report

storage = typer.Typer(name="storage", help="Companies' buckets, and what goes where (operator).", no_args_is_help=True)
HOSTED_BUCKET: Final = "hosted-media"
storage.command("estimate")(storage_estimate.estimate)
storage.command("audit")(storage_audit.audit)
storage.command("audits")(storage_audits.audits)
storage.command("audit-due")(storage_audits.audit_due)
storage.command("verify")(storage_verify.verify)
storage.command("verify-due")(storage_verify.verify_due)
storage.command("reports")(storage_verify.reports)
storage.command("activate")(storage_verify.activate)
storage.command("contract")(storage_contract.contract)
storage.command("onboarding")(storage_onboarding.onboarding)
storage.command("list")(storage_places.list_storage)
storage.command("place")(storage_places.place)
storage.command("suspend")(storage_places.suspend)
storage.command("resume")(storage_places.resume)
storage.command("retire")(storage_places.retire)
storage.command("isolate")(storage_private.isolate)
storage.command("direct")(storage_private.direct)
storage.command("purge")(storage_purge.purge)
storage.command("drill")(storage_drill.drill)

Name = Annotated[str, typer.Option("--name", help="As people will call the connection; else made from the bucket's.")]
Embedded = Annotated[bool, typer.Option("--embedded", help="Make the bucket on the embedded store.")]
StackFile = Annotated[
    str, typer.Option("--stack", help="File with the stack's outputs as the company gave them back; - is stdin.")
]
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
    stack: StackFile = "",
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
    """Connect a company's bucket: write it down as a draft, from the stack's outputs or from what is given.

    Nothing is stored there before `storage verify` has passed and `storage activate` has said for whom.
    A bucket on the embedded store is made, verified and used at once.
    """
    from reelkeep.cli.accepting import Accepting
    from reelkeep.cli.connections import NewConnection
    from reelkeep.cli.installation import Installation
    from reelkeep.contract import pasted

    installation = Installation(data)
    chosen = installation.company(company)
    new = NewConnection(bucket, region, role, prefix, endpoint, sts_endpoint, path_style, name)
    if embedded:
        origin = installation.folder.origin(chosen.app_host)
        new = replace(installation.storage.embedded_bucket(chosen, origin, bucket), name=name, prefix=prefix)
        made = installation.storage.connect(chosen, new)
        report = Accepting(installation, chosen).put_into_use(made).report
        sentence = f"Connected {made.bucket} for {chosen.name} (connection {made.name})."
        _show(made, report, sentence, as_json=as_json)
        return
    if stack:
        made = installation.storage.connect_stack(chosen, pasted.read(_read(stack)), new)
    elif bucket and role:
        made = installation.storage.connect(chosen, new)
    else:
        raise RequestError(
            "a stack, or a bucket and a role are needed",
            advice="Give --stack FILE with the stack's outputs, or --bucket and --role, or --embedded.",
        )
    sentence = (
        f"Wrote down {made.bucket} for {chosen.name} (connection {made.name}). Its external id is {made.external_id}. "
        f"Next: `reelkeep storage verify {made.name} --company {chosen.slug}`."
    )
    output.show({**_fields(made), "state": made.state.value}, sentence, as_json=as_json)


def _read(path: str) -> str:
    """Return what was pasted; a little more than is taken, so that too much is noticed."""
    from reelkeep.contract.pasted import MAX_CHARACTERS

    if path == "-":
        return typer.get_text_stream("stdin").read(MAX_CHARACTERS + 1)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise RequestError(f"{path} cannot be read", advice="Name a file, or - for the standard input.") from error


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
    from reelkeep.cli.connections import NewConnection
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.places import Places

    installation = Installation(data)
    chosen = installation.company(company)
    new = NewConnection(bucket, region, role, prefix, endpoint, sts_endpoint, path_style, name)
    if embedded:
        domain = chosen.app_host.removeprefix(f"{chosen.slug}.")
        origin = installation.folder.origin(f"*.{domain}")
        new = replace(installation.storage.bucket_on_store(bucket or HOSTED_BUCKET, origin), name=name, prefix=prefix)
    elif not (bucket and role):
        raise RequestError("a bucket and a role are needed", advice="Give --bucket and --role, or --embedded.")
    made, report = Places(installation).host(new, chosen)
    sentence = f"New versions of companies without a place of their own go to {made.bucket} (connection {made.name})."
    _show(made, report, sentence, as_json=as_json)


def _fields(connection: StorageConnection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "bucket": connection.bucket,
        "external_id": connection.external_id,
    }


def _show(connection: StorageConnection, report: Report, sentence: str, *, as_json: bool) -> None:
    from reelkeep.acceptance.interface import Result
    from reelkeep.acceptance.run import capabilities

    notes = [one.found for one in report.findings if one.result is Result.UNSUPPORTED]
    fields = {
        **_fields(connection),
        "capabilities": sorted(capability.value for capability in capabilities(report)),
        "warnings": notes,
    }
    output.show(fields, "\n".join((sentence, *(f"Note: {text}." for text in notes))), as_json=as_json)
