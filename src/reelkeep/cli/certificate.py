"""``reelkeep certificate``: the public key of this installation, and whether a certificate is what it signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from reelkeep.cli import drill_certificate, output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.encryption import signing
from reelkeep.errors import NotFound

certificate = typer.Typer(name="certificate", help="Signed certificates.", no_args_is_help=True)


@certificate.command("key")
def key(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Print the public key that certificates of this installation are checked with (operator)."""
    from reelkeep.supervisor.folder import DataFolder

    if not data.is_dir():
        raise NotFound(f"there is no installation in {data}", advice="Start one with `reelkeep up --data DIR`.")
    public = DataFolder.open(data).signing_key().public_text
    output.show({"public_key": public}, public, as_json=as_json)


@certificate.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The certificate, as JSON or as its page.")],
    public_key: Annotated[str, typer.Option("--public-key", help="Of the installation; from reelkeep.json, say.")],
    as_json: Json = False,
) -> None:
    """Check that a certificate is as the installation signed it; needs nothing but the file and the public key."""
    try:
        text = file.read_text(encoding="utf-8")[: 2 * signing.MAX_DOCUMENT_BYTES]
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"there is no certificate in {file}") from None
    fields = signing.check(drill_certificate.document_of(text), public_key)
    output.show(fields, f"Signed by this key, and not altered:\n{json.dumps(fields, indent=1)}", as_json=as_json)
