"""``reelkeep storage audits`` and ``audit-due``: the audits that were kept, and those that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json

if TYPE_CHECKING:
    from reelkeep.catalog.storage_audits import KeptAudit

OneConnection = Annotated[str, typer.Option("--connection", help="Name or id; else all of them.")]


def audits(
    company: CompanySlug = None,
    connection: OneConnection = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many to list.")] = 20,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """List the kept audits of a company's buckets, the newest first, and what each found that was not there before."""
    from reelkeep.cli.auditing import Auditing
    from reelkeep.cli.installation import Installation
    from reelkeep.custody.history import words

    installation = Installation(data)
    chosen = installation.company(company)
    auditing = Auditing(installation, chosen)
    wanted = auditing.connections(connection)
    names = {one.id: one.name for one in wanted}
    kept = auditing.kept(wanted, limit=limit)
    if as_json:
        told = [_fields(names[one.connection_id], one) for one in kept]
        output.show({"company": chosen.slug, "audits": told}, "", as_json=True)
        return
    rows = [
        (
            f"{one.made_at:%Y-%m-%d %H:%M} UTC",
            names[one.connection_id],
            words(one.body["found"]) or "in order",
            words(one.body["fresh"]),
            "" if one.body["gone"] is None else f"{one.body['gone']:,}",
        )
        for one in kept
    ]
    output.show_table(("made", "connection", "found", "not there before", "gone since"), rows, whole=2)
    for named in _without_names(kept[0].body["named"]) if kept else ():
        output.note(f"{named['kind']}: {named['key']}: {named['what']}")


def audit_due(
    data: Data = DEFAULT_DATA,
    hours: Annotated[int, typer.Option("--hours", min=1, help="Whose last audit is older than this.")] = 24,
    identity_fd: Annotated[int, typer.Option("--identity-fd", help="For the supervisor.", hidden=True)] = -1,
) -> int:
    """Audit every connection in use of every company whose last audit is old. `reelkeep up` does it by itself."""
    from datetime import timedelta

    from reelkeep.cli.auditing import Auditing
    from reelkeep.cli.installation import Installation
    from reelkeep.custody.history import words
    from reelkeep.errors import ReelkeepError

    installation = Installation(data)
    installation.storage.take_identity(identity_fd)
    failed = False
    for company in installation.companies():
        for connection, made in Auditing(installation, company).audit_due(timedelta(hours=hours)):
            if isinstance(made, ReelkeepError):
                failed, told = True, f"not audited: {made.message}"
            else:
                told = words(made.compared.found) or "in order"
                told += f"; not there before: {words(made.compared.fresh)}" if made.compared.fresh_count else ""
            output.show({}, f"{company.slug}: {connection.name}: {told}.", as_json=False)
    return exits.FINDINGS if failed else exits.DONE


def _fields(name: str, kept: KeptAudit) -> dict[str, Any]:
    return {
        "id": kept.id,
        "connection": name,
        "made_at": kept.made_at.isoformat(),
        "clean": kept.is_clean,
        "noted_at": kept.noted_at.isoformat() if kept.noted_at else None,
        **kept.body,
        "named": _without_names(kept.body["named"]),
    }


def _without_names(named: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return findings as the operator may see them; what a setting is called is no secret."""
    from reelkeep.custody.history import SETTING
    from reelkeep.storage.layout import without_names

    return [{**one, "key": one["key"] if one["kind"] == SETTING else without_names(one["key"])} for one in named]
