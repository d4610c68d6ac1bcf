"""A company's storage for its admins: connections, where new versions go and why, what lies there, what it costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from reelkeep.catalog import audit, holdings, productions
from reelkeep.catalog.holdings import Held
from reelkeep.custody.cost import estimate, read_prices
from reelkeep.custody.shipped import estimate_fields, shipped_prices
from reelkeep.custody.usage import of_month
from reelkeep.errors import DependencyError, NotFound, StorageSetupError
from reelkeep.ids import ConnectionId, ProductionId
from reelkeep.jobs import queue
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.refusals import Answer
from reelkeep.web.api.views import placement_json, stopped_json
from reelkeep.web.context import Call, Caller, IdInPath

router = APIRouter(prefix="/storage")


@router.get("")
def describe_storage(caller: Caller) -> dict[str, Any]:
    """Return the company's connections and where new versions of each production go: for an admin of the company."""
    with caller.company_admin() as (conn, _):
        held, found = holdings.held(conn), productions.every(conn)
    storage = caller.company.storage
    return {
        "connections": [
            _connection_json(one, held.get(one.id, Held(0, 0)), storage.seen(one.id))
            for one in storage.all_connections()
        ],
        "company": _placement(caller, None),
        "productions": [{"id": one.id, "name": one.name, "placement": _placement(caller, one.id)} for one in found],
    }


@router.get("/estimate")
def estimate_storage(caller: Caller, replica: bool = False) -> dict[str, Any]:
    """Return what a month costs the company, by what lies there and what was done in 30 days, at list prices."""
    with caller.company_admin() as (conn, _):
        usage = of_month(conn, datetime.now(UTC))
    return estimate_fields(usage, estimate(usage, read_prices(shipped_prices()), with_replica=replica))


@router.post("/connections/{connection_id}/resume")
def resume_connection(connection_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Put a revoked connection into use again, if its bucket lets the platform in: for an admin of the company."""
    with caller.company_admin() as (_, login):
        user_id = login.user.id
    wanted = ConnectionId(connection_id)
    company = caller.company
    found = next((one for one in company.storage.all_connections() if one.id == wanted), None)
    if found is None or company.lookout is None:
        raise NotFound("the company has no such storage connection")
    if found.state is ConnectionState.REVOKED:
        told = company.lookout.look(wanted)
        if told.answer is Answer.AWAY:
            raise DependencyError("the store does not answer", advice="Try again in a minute.")
        if told.is_refused:
            raise StorageSetupError(
                "the bucket still refuses Reelkeep", advice="Ask your cloud team to let Reelkeep in again first."
            )
    caller.context.resume(wanted)
    with company.engine.begin() as conn:
        audit.record(conn, "storage.resumed", wanted, user_id)
        kinds = queue.unpark(conn, wanted)
    for kind in kinds:
        company.doorbell.ring(kind)
    return {"id": wanted, "state": ConnectionState.ACTIVE.value}


def _placement(caller: Call, production_id: ProductionId | None) -> dict[str, Any] | None:
    try:
        return placement_json(caller.company.storage.setting(production_id))
    except StorageSetupError:
        return None


def _connection_json(connection: StorageConnection, held: Held, seen: Answer | None) -> dict[str, Any]:
    why = stopped_json(connection)
    return {
        "id": connection.id,
        "name": connection.name,
        "bucket": connection.bucket,
        "prefix": connection.prefix,
        "region": connection.region,
        "state": connection.state.value,
        "hosted": connection.is_hosted,
        "why": why["message"] if why else None,
        "answers": seen is not None and seen is Answer.OPEN,
        "away": connection.state is ConnectionState.ACTIVE and seen is Answer.AWAY,
        "versions": held.versions,
        "original_bytes": held.original_bytes,
    }
