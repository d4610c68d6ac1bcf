"""``reelkeep delete``, ``deleted`` and ``restore``: versions that nobody shall see any more."""

from __future__ import annotations

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json, ProductionName, VersionId, Yes


def delete(version: VersionId, yes: Yes = False, address: Address = None, as_json: Json = False) -> None:
    """Delete a version. Its original waits in the bucket, so it can be restored until it is purged there."""
    with default_logins().open(address) as api:
        found = api.version(version)
        what = f"version {found['number']}, {found['file_name']}"
        if not yes and not as_json:
            typer.confirm(f"Delete {what}?", abort=True, err=True)
        api.delete_version(version)
    output.show({"id": version, "state": "deleted"}, f"Deleted {what}. Take it back with `reelkeep restore {version}`.",
                as_json=as_json)  # fmt: skip


def deleted(production: ProductionName, address: Address = None, as_json: Json = False) -> None:
    """Show the deleted versions of a production whose originals still wait in the bucket."""
    with default_logins().open(address) as api:
        found = api.deleted(str(api.find_production(production)["id"]))
    if as_json:
        output.show({"versions": found}, "", as_json=True)
        return
    rows = [
        (str(one["asset"]), f"v{one['number']}", f"{one['size_bytes'] / 1e6:.1f} MB",
         str(one["deleted_at"]), str(one["deleted_by"]), str(one["id"]))
        for one in found
    ]  # fmt: skip
    output.show_table(("name", "version", "size", "deleted", "by", "version id"), rows)


def restore(version: VersionId, address: Address = None, as_json: Json = False) -> None:
    """Bring a deleted version back; its proxy is made anew."""
    with default_logins().open(address) as api:
        found = api.restore_version(version)
    output.show(dict(found), f"Version {found['number']} is back; its proxy is being made.", as_json=as_json)
