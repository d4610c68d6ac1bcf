"""A company's storage for its admins: connections, where new versions go and why, what lies there, what it costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from reelkeep.catalog import holdings, productions
from reelkeep.catalog.holdings import Held
from reelkeep.custody.cost import estimate, read_prices
from reelkeep.custody.shipped import estimate_fields, shipped_prices
from reelkeep.custody.usage import of_month
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ProductionId
from reelkeep.storage.interface import StorageConnection
from reelkeep.web.api.views import placement_json
from reelkeep.web.context import Call, Caller

router = APIRouter(prefix="/storage")


@router.get("")
def describe_storage(caller: Caller) -> dict[str, Any]:
    """Return the company's connections and where new versions of each production go: for an admin of the company."""
    with caller.company_admin() as (conn, _):
        held, found = holdings.held(conn), productions.every(conn)
    connections = caller.company.storage.all_connections()
    return {
        "connections": [_connection_json(one, held.get(one.id, Held(0, 0))) for one in connections],
        "company": _placement(caller, None),
        "productions": [{"id": one.id, "name": one.name, "placement": _placement(caller, one.id)} for one in found],
    }


@router.get("/estimate")
def estimate_storage(caller: Caller, replica: bool = False) -> dict[str, Any]:
    """Return what a month costs the company, by what lies there and what was done in 30 days, at list prices."""
    with caller.company_admin() as (conn, _):
        usage = of_month(conn, datetime.now(UTC))
    return estimate_fields(usage, estimate(usage, read_prices(shipped_prices()), with_replica=replica))


def _placement(caller: Call, production_id: ProductionId | None) -> dict[str, Any] | None:
    try:
        return placement_json(caller.company.storage.setting(production_id))
    except StorageSetupError:
        return None


def _connection_json(connection: StorageConnection, held: Held) -> dict[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "bucket": connection.bucket,
        "prefix": connection.prefix,
        "region": connection.region,
        "state": connection.state.value,
        "hosted": connection.is_hosted,
        "versions": held.versions,
        "original_bytes": held.original_bytes,
    }
