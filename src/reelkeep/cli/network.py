"""``reelkeep network template``: what closes a network, for the company's cloud team or the operator's own."""

from __future__ import annotations

import enum
import sys
from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import Json

network = typer.Typer(name="network", help="Closed networks on AWS (operator).", no_args_is_help=True)


class SideName(enum.Enum):
    COMPANY = "company"
    OPERATOR = "operator"


class Form(enum.Enum):
    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"


@network.callback()
def _group() -> None:
    """Closed networks on AWS (operator)."""


@network.command("template")
def template(
    side: Annotated[SideName, typer.Option("--side", help="Whose account it is for.")] = SideName.COMPANY,
    form: Annotated[Form, typer.Option("--format", help="Of which tool.")] = Form.CLOUDFORMATION,
    as_json: Json = False,
) -> None:
    """Print the template of one side: endpoints for bucket and site, or the endpoint service. Not verified on AWS."""
    from reelkeep.contract import network_cloudformation, network_terraform
    from reelkeep.contract.network import COMPANY, OPERATOR

    chosen = COMPANY if side is SideName.COMPANY else OPERATOR
    if form is Form.CLOUDFORMATION:
        text = network_cloudformation.template(chosen)
    else:
        text = "\n".join(network_terraform.files(chosen).values())
    if as_json:
        parameters = [{"name": one.name, "what": one.what} for one in chosen.parameters]
        fields = {"side": side.value, "format": form.value, "parameters": parameters, "template": text}
        output.show(fields, "", as_json=True)
        return
    sys.stdout.write(text)
