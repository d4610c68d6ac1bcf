"""``reelkeep cert``: the certificates with which a company's own processes speak TLS.

An ACME client's hook calls ``cert set`` after each renewal; keys are read from files, and are in no command line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json
from reelkeep.errors import RequestError

if TYPE_CHECKING:
    from reelkeep.companies.certificates import KeptCertificate

cert = typer.Typer(name="cert", help="TLS certificates of companies' host names (operator).", no_args_is_help=True)
_WARN_DAYS = 14

_Company = Annotated[str, typer.Argument(help="Slug of the company.", metavar="COMPANY")]


@cert.command("set")
def set_certificate(
    company: _Company,
    chain: Annotated[Path, typer.Option("--cert", help="Certificate with its chain, in PEM (fullchain.pem).")],
    key: Annotated[Path, typer.Option("--key", help="Its private key, in PEM (privkey.pem).")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Use a certificate for the company's host names that it is valid for. Open connections stay open."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    chosen = installation.company(company)
    made = installation.set_certificate(chosen, _read(chain), _read(key))
    names = sorted(made.hosts)
    fields = {"hosts": names, "fingerprint": made.fingerprint, "not_after": made.not_after.isoformat()}
    sentence = f"{' and '.join(names)} use it from now on; it ends on {made.not_after:%Y-%m-%d}."
    output.show(fields, sentence, as_json=as_json)


@cert.command("show")
def show(company: _Company, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show the certificates of a company's host names, and when they end."""
    from reelkeep.cli.installation import Installation

    installation = Installation(data)
    found = installation.certificates(installation.company(company))
    lines = [{"host": host, **_fields(one)} for host, one in found.items()]
    if as_json:
        output.show({"certificates": lines}, "", as_json=True)
        return
    rows = [(one["host"], one["ends"], one["made_by"], one["fingerprint"]) for one in lines]
    output.show_table(("host name", "ends", "made by", "SHA-256"), rows, whole=2)


def _fields(kept: KeptCertificate) -> dict[str, Any]:
    left = (kept.not_after - datetime.now(UTC)).days
    ends = f"{kept.not_after:%Y-%m-%d}"
    return {
        "not_after": kept.not_after.isoformat(),
        "ends": f"{ends}, in {left} days" if left <= _WARN_DAYS else ends,
        "is_self_signed": kept.is_self_signed,
        "made_by": "Reelkeep (self-signed; browsers warn)" if kept.is_self_signed else "a certificate authority",
        "fingerprint": kept.fingerprint,
    }


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise RequestError(f"{file} cannot be read: {type(error).__name__}", advice="Give a file in PEM.") from None
