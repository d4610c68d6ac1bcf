"""Deleting versions, seeing what was deleted, bringing it back."""

from __future__ import annotations

from typing import Any

from reelkeep.catalog import audit, deletions, members, versions
from reelkeep.catalog.deletions import Deleted
from reelkeep.catalog.roles import Action
from reelkeep.errors import Conflict
from reelkeep.ids import ProductionId, VersionId
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import time_json, version_json
from reelkeep.web.context import Caller, IdInPath, version_for

router = api_router()


@router.delete("/versions/{version_id}", status_code=204)
def delete_version(version_id: IdInPath, caller: Caller) -> None:
    """Delete a version: its proxy and keys at once; its original waits in the company's bucket to be purged."""
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.ADMINISTER)
        if queue.is_worked_on(conn, version.id):
            raise Conflict("this version is still being made", advice="Stop it first, then delete it.")
        deletions.take_away(conn, version.id, login.user.id)
        queue.enqueue(conn, JobKind.CLEAN, version.id)
        audit.record(conn, "version.deleted", version.id, login.user.id)
    caller.company.doorbell.ring(JobKind.CLEAN)


@router.get("/productions/{production_id}/deleted")
def list_deleted(production_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.ADMINISTER)
        return {"versions": [_json(one) for one in deletions.of_production(conn, ProductionId(production_id))]}


@router.post("/versions/{version_id}/restore")
def restore_version(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Bring a deleted version back: its proxy is made anew from the original, with new keys."""
    with caller.signed_in() as (conn, login):
        version = versions.get(conn, VersionId(version_id))
        members.require(conn, login.user, version.production_id, Action.ADMINISTER)
        if version.deleted_at and not queue.was_done_since(conn, JobKind.CLEAN, version.id, version.deleted_at):
            raise Conflict("what was made of it is still being deleted", advice="Try again in a few seconds.")
        deletions.bring_back(conn, version.id)
        queue.enqueue(conn, JobKind.TRANSCODE, version.id)
        audit.record(conn, "version.restored", version.id, login.user.id)
        answer = version_json(versions.get(conn, version.id))
    caller.company.doorbell.ring(JobKind.TRANSCODE)
    return answer


def _json(one: Deleted) -> dict[str, Any]:
    return {
        "id": one.id,
        "asset": one.asset,
        "number": one.number,
        "file_name": one.file_name,
        "size_bytes": one.size_bytes,
        "may_be_restored": one.is_stored,
        "deleted_at": time_json(one.deleted_at),
        "deleted_by": one.deleted_by,
    }
