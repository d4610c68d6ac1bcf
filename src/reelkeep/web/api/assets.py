"""Assets and their versions: reading, stopping, trying again, downloading the original."""

from __future__ import annotations

from typing import Any

from reelkeep.catalog import assets, audit, folders, members, remaking, versions
from reelkeep.catalog.lifecycle import VersionState
from reelkeep.catalog.roles import Action
from reelkeep.delivery import originals
from reelkeep.errors import Conflict, NotFound
from reelkeep.ids import AssetId, ProductionId
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import asset_json, facts_json, time_json, version_json
from reelkeep.web.context import Caller, IdInPath, version_for

router = api_router()


@router.get("/productions/{production_id}/assets")
def list_assets(production_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        members.require(conn, login.user, ProductionId(production_id), Action.VIEW)
        found = assets.of_production(conn, ProductionId(production_id))
        paths = folders.paths(conn, ProductionId(production_id))
        by_asset = versions.of_assets(conn, [asset.id for asset in found])
    shown = [asset for asset in found if by_asset[asset.id]]  # an asset goes with its last version
    return {"assets": [asset_json(asset, by_asset[asset.id], paths[asset.folder_id]) for asset in shown]}


@router.get("/assets/{asset_id}")
def read_asset(asset_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        asset = assets.get(conn, AssetId(asset_id))
        members.require(conn, login.user, asset.production_id, Action.VIEW)
        found = versions.of_assets(conn, [asset.id])[asset.id]
        if not found:
            raise NotFound
        return asset_json(asset, found, folders.paths(conn, asset.production_id)[asset.folder_id])


@router.get("/versions/{version_id}")
def read_version(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    with caller.signed_in() as (conn, login):
        return version_json(version_for(conn, login.user, version_id, Action.VIEW))


@router.get("/versions/{version_id}/facts")
def read_facts(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Say what the original is: container, codecs, size, rate, sound tracks with their loudness."""
    with caller.signed_in() as (conn, login):
        return facts_json(version_for(conn, login.user, version_id, Action.VIEW))


@router.post("/versions/{version_id}/cancel")
def cancel_version(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Stop an upload or a job. A stored original stays as it is; a running job stops within seconds."""
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.UPLOAD)
        is_uploading = version.state is VersionState.UPLOADING
        if not is_uploading:
            stopped = queue.request_cancel(conn, version.id)
            if stopped is None:
                raise Conflict("there is nothing to cancel: no job is waiting or running for this version")
            if stopped.value == VersionState.CANCELLED.value:
                versions.move(conn, version.id, VersionState.CANCELLED)
            audit.record(conn, "version.cancelled", version.id, login.user.id)
    if is_uploading:
        caller.context.uploads.abort_version(login.user, version.id)
    with caller.signed_in() as (conn, login):
        return version_json(versions.get(conn, version.id))


@router.post("/versions/{version_id}/retry")
def retry_version(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Make the proxy again, from a stored original whose job failed or was cancelled."""
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.UPLOAD)
        if version.stored_at is None:
            raise Conflict("the original never arrived whole", advice="Upload the file again as a new version.")
        if queue.is_worked_on(conn, version.id):
            raise Conflict("this version is still being stopped", advice="Press retry again in a few seconds.")
        versions.move(conn, version.id, VersionState.STORED)
        queue.enqueue(conn, JobKind.TRANSCODE, version.id)
        audit.record(conn, "version.retried", version.id, login.user.id)
        answer = version_json(versions.get(conn, version.id))
    caller.company.doorbell.ring(JobKind.TRANSCODE)
    return answer


@router.post("/versions/{version_id}/remake")
def remake_version(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Make the proxy of a ready version anew from its original, as the production wants proxies now, with new keys.

    Whoever watches it sees the picture go, and come again with the first of the new proxy.
    """
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.ADMINISTER)
        remaking.make_anew(conn, version.id)
        queue.enqueue(conn, JobKind.TRANSCODE, version.id)
        audit.record(conn, "version.remade", version.id, login.user.id)
        answer = version_json(versions.get(conn, version.id))
    caller.company.doorbell.ring(JobKind.TRANSCODE)
    return answer


@router.get("/versions/{version_id}/download")
def download_original(version_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Give an address in the company's own bucket, good for a few minutes."""
    with caller.signed_in() as (conn, login):
        version = version_for(conn, login.user, version_id, Action.DOWNLOAD)
        download = originals.prepare(conn, caller.company.storage, login.user, version)
    request = originals.sign(caller.company.storage, download)
    sha256 = version.verified_sha256 or version.claimed_sha256
    return {
        "url": request.url,
        "file_name": version.file_name,
        "size_bytes": version.size_bytes,
        "sha256": sha256.hex() if sha256 else None,
        "expires_at": time_json(request.expires_at),
    }
