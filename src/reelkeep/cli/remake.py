"""``reelkeep remake``: a proxy made anew from its original, as the production wants proxies now."""

from __future__ import annotations

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, VersionId, Yes


def remake(version: VersionId, yes: Yes = False, address: Address = None, as_json: Json = False) -> None:
    """Make a version's proxy anew, with the LUT, the mark bands and the largest picture of its production now."""
    with default_logins().open(address) as api:
        found = api.version(version)
        what = f"version {found['number']}, {found['file_name']}"
        if not yes and not as_json:
            asked = f"Make the proxy of {what} anew? Whoever watches it loses the picture meanwhile."
            typer.confirm(asked, abort=True, err=True)
        found = api.remake_version(version)
    output.show(dict(found), f"The proxy of {what} is being made anew.", as_json=as_json)
