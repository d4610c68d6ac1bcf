"""The template with one company's values filled in, and the link that opens it in its console. Pure; no I/O."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelkeep.contract import cloudformation, terraform
from reelkeep.contract.expressions import Facts
from reelkeep.contract.parameters import BY_NAME, Place, check, facts
from reelkeep.errors import RequestError

NAME_CHARACTERS: Final = 16
MODULE_SOURCE: Final = "./storage"  # where the operator hands the module over, beside the call


@dataclass(frozen=True)
class Offer:
    """What a company is offered: the values that the operator knows, and what follows from them."""

    filled: Mapping[str, str]
    place: Place

    @property
    def facts(self) -> Facts:
        """Return what the stack will come to with these values and defaults."""
        return facts(self.filled, self.place)

    @property
    def stack_name(self) -> str:
        return f"reelkeep-{self.filled['Name']}"

    def template(self, form: str) -> str:
        """Return the text of the template, or of the module's call; raise RequestError for another form."""
        if form == "cloudformation":
            return cloudformation.template(filled=self.filled)
        if form == "terraform":
            return terraform.call(self.filled, MODULE_SOURCE)
        raise RequestError("the format is cloudformation or terraform")

    def launch_url(self, template_url: str = "") -> str:
        """Return the address of the company's console where a stack of this template begins.

        Args:
            template_url: where the template lies in S3, which is where the console takes one from by itself; without
                it the file is chosen on the page that opens, and its defaults are the values filled in.
        """
        home = f"https://{self.place.region}.console.aws.amazon.com/cloudformation/home?region={self.place.region}"
        if not template_url:
            return f"{home}#/stacks/create"
        asked = {"templateURL": template_url, "stackName": self.stack_name}
        asked |= {f"param_{name}": value for name, value in self.filled.items()}
        return f"{home}#/stacks/create/review?{urllib.parse.urlencode(asked)}"


def offer(
    company_slug: str, place: Place, *, principal_arn: str, external_id: str, origins: tuple[str, ...], prefix: str = ""
) -> Offer:
    """Return the offer to one company.

    Raises:
        StorageSetupError: a value is not of the form that the template takes.
    """
    filled = {
        "Name": company_slug[:NAME_CHARACTERS].rstrip("-"),
        "PlatformAccountId": principal_arn.split(":")[4] if principal_arn.count(":") >= 5 else "",
        "PlatformPrincipalArn": principal_arn,
        "ExternalId": external_id,
        "SiteOrigins": ",".join(origins),
        "Prefix": f"{prefix.strip('/')}/" if prefix.strip("/") else "",
    }
    for name, value in filled.items():
        check(BY_NAME[name], value)
    return Offer(filled, place)
