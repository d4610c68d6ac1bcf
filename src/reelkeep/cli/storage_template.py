"""``reelkeep storage template``: what a company's security team reads and its cloud team deploys."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError


def template(
    account: Annotated[str, typer.Option("--account", help="The company's AWS account.")],
    region: Annotated[str, typer.Option("--region", help="Where its bucket is to lie.")],
    principal: Annotated[str, typer.Option("--principal", help="ARN of the role or user that this platform runs as.")],
    company: CompanySlug = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Everything is kept below it.")] = "",
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="Address of the company's pages; more than one is possible.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="cloudformation or terraform.")] = "cloudformation",
    template_url: Annotated[
        str, typer.Option("--template-url", help="Where the template lies in S3, for a link that fills everything in.")
    ] = "",
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Print the storage template with a company's values; its external id is made and kept here."""
    from reelkeep.cli.installation import Installation
    from reelkeep.contract.parameters import Place

    if not (account.isascii() and account.isdecimal() and len(account) == 12):
        raise RequestError("an AWS account has twelve digits")
    installation = Installation(data)
    chosen = installation.company(company)
    place = Place(account, region, principal.split(":")[1] if ":" in principal else "aws")
    origins = tuple(origin or [f"https://{chosen.app_host}"])
    connection, made = installation.storage.offer(chosen, place, principal, origins, prefix)
    text, link = made.template(form), made.launch_url(template_url)
    if as_json:
        fields = {
            "connection": connection.id,
            "external_id": connection.external_id,
            "bucket": connection.bucket,
            "role": connection.role_arn,
            "format": form,
            "parameters": dict(made.filled),
            "launch_url": link,
            "template": text,
        }
        output.show(fields, "", as_json=True)
        return
    sys.stdout.write(text)
    output.people.print(
        f"Launch: {link}\nOnce the stack is there: "
        f"reelkeep storage connect --company {chosen.slug} --stack OUTPUTS.json",
        soft_wrap=True,
    )
