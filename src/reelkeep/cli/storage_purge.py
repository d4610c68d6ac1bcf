"""``reelkeep storage purge``: originals of deleted versions, listed; with ``--yes`` they leave the bucket for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import ReelkeepError

if TYPE_CHECKING:
    from reelkeep.cli.purging import Purging, Waiting

Yes = Annotated[bool, typer.Option("--yes", help="Delete them for good, where the company allows it.")]
_NOT_ALLOWED = "AllowPurge is off: the company deletes them itself, or turns it on in its stack"


def purge(company: CompanySlug = None, yes: Yes = False, data: Data = DEFAULT_DATA, as_json: Json = False) -> int:
    """Show which originals of deleted versions wait in a company's buckets; with --yes, delete all versions of them."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.purging import Purging

    installation = Installation(data)
    chosen = installation.company(company)
    purging = Purging(installation, chosen)
    found = purging.waiting()
    told = [_fields(at, *(_purge(purging, at, as_json=as_json) if yes and at.role_arn else (0, ""))) for at in found]
    if as_json:
        output.show({"company": chosen.slug, "connections": told}, "", as_json=True)
    else:
        _tell(found, told, yes=yes)
    return exits.FINDINGS if any(one["problem"] for one in told) else exits.DONE


def _purge(purging: Purging, at: Waiting, *, as_json: bool) -> tuple[int, str]:
    """Purge what waits at a connection; return how many versions went, and why the others did not."""
    gone = 0
    with output.counter(f"{at.connection.name} ({at.connection.bucket})", as_json=as_json) as progress:
        for one in at.versions:
            try:
                purging.purge(at, one)
            except ReelkeepError as error:
                return gone, f"{error.message}. {error.advice()}"
            gone += 1
            progress(gone, len(at.versions))
    return gone, ""


def _fields(at: Waiting, purged: int, problem: str) -> dict[str, Any]:
    return {
        "connection": at.connection.name,
        "bucket": at.connection.bucket,
        "allowed": bool(at.role_arn),
        "waiting": [
            {
                "version_id": one.id,
                "number": one.number,
                "size_bytes": one.size_bytes,
                "deleted_at": one.deleted_at.isoformat(),
            }
            for one in at.versions[purged:]
        ],
        "purged": purged,
        "problem": problem,
    }


def _tell(found: list[Waiting], told: list[dict[str, Any]], *, yes: bool) -> None:
    for at, fields in zip(found, told, strict=True):
        name, waiting = at.connection.name, fields["waiting"]
        if fields["purged"]:
            output.show({}, f"{name}: {fields['purged']} originals are gone for good.", as_json=False)
        if fields["problem"]:
            output.note(f"{name}: {fields['problem']}")
        if not waiting:
            output.note(f"{name}: nothing waits.")
            continue
        rows = [
            (one["version_id"], f"v{one['number']}", f"{one['size_bytes'] / 1e6:.1f} MB", one["deleted_at"])
            for one in waiting
        ]
        output.show_table(("id", "version", "size", "deleted"), rows)
        if not at.role_arn:
            output.note(f"{name}: {_NOT_ALLOWED}.")
        elif not yes:
            output.note(f"{name}: add --yes to delete every version of these objects for good.")
