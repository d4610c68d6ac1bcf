"""A company's storage for its admins: connections, where new versions go and why, what lies there, what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from reelkeep.catalog import audit, grants, holdings, productions, storage_audits
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.holdings import Held
from reelkeep.catalog.storage_audits import KeptAudit
from reelkeep.companies import onboarding
from reelkeep.companies.onboarding_steps import MAX_TEXT, Line, Note, Step, StepState
from reelkeep.custody.cost import estimate, read_prices
from reelkeep.custody.history import words
from reelkeep.custody.shipped import estimate_fields, shipped_prices
from reelkeep.custody.usage import of_month
from reelkeep.errors import DependencyError, NotFound, StorageSetupError
from reelkeep.ids import ConnectionId, ProductionId
from reelkeep.jobs import queue
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import Purpose, StorageConnection
from reelkeep.storage.layout import MARKER
from reelkeep.storage.placement import check_resumable
from reelkeep.storage.refusals import Answer
from reelkeep.web.api.reading import api_router
from reelkeep.web.api.views import placement_json, stopped_json, time_json
from reelkeep.web.context import Call, Caller, IdInPath

router = api_router("/storage")
LINK_LIFE: Final = timedelta(minutes=2)
AUDITS_SHOWN: Final = 30


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
        "company_key": _company_key_json(storage.all_connections()),
    }


@router.get("/estimate")
def estimate_storage(caller: Caller, replica: bool = False, wrapping_key: bool = False) -> dict[str, Any]:
    """Return what a month costs the company, by what lies there and what was done in 30 days, at list prices.

    A wrapping key that is in use is counted, asked for or not.
    """
    with caller.company_admin() as (conn, _):
        usage = of_month(conn, datetime.now(UTC))
    with_key = wrapping_key or any(one.wrapping_key for one in caller.company.storage.all_connections())
    found = estimate(usage, read_prices(shipped_prices()), with_replica=replica, with_wrapping_key=with_key)
    return estimate_fields(usage, found)


@router.post("/connections/{connection_id}/resume")
def resume_connection(connection_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Put a revoked connection into use again, if its bucket lets the platform in: for an admin of the company."""
    with caller.company_admin() as (_, login):
        user_id = login.user.id
    company, found = caller.company, _connection(caller, connection_id)
    wanted = found.id
    if company.lookout is None:
        raise NotFound("the company has no such storage connection")
    check_resumable(found)
    if found.state is ConnectionState.REVOKED:
        told = company.lookout.look(wanted)
        if told.answer is Answer.AWAY:
            raise DependencyError("the store does not answer", advice="Try again in a minute.")
        if told.is_refused:
            raise StorageSetupError(
                "the bucket still refuses Reelkeep", advice="Ask your cloud team to let Reelkeep in again first."
            )
    caller.context.registry.resume(wanted)
    with company.engine.begin() as conn:
        audit.record(conn, "storage.resumed", wanted, user_id)
        kinds = queue.unpark(conn, wanted if found.wrapping_key is None else None)
    for kind in kinds:
        company.doorbell.ring(kind)
    return {"id": wanted, "state": ConnectionState.ACTIVE.value}


@router.get("/audits")
def list_audits(caller: Caller) -> dict[str, Any]:
    """Return the last audits of the company's buckets, the newest first: for an admin of the company."""
    names = {one.id: one.name for one in caller.company.storage.all_connections()}
    with caller.company_admin() as (conn, _):
        found = storage_audits.newest(conn, names, limit=AUDITS_SHOWN)
    return {"audits": [_audit_json(one, names[one.connection_id]) for one in found]}


@router.post("/audits/{audit_id}/noted")
def note_audit(audit_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Take note of what an audit found, and those before it; it is said no more at the top of each page."""
    with caller.company_admin() as (conn, login):
        noted = storage_audits.note(conn, audit_id, login.user.id)
        audit.record(conn, "storage.audit_noted", noted.connection_id, login.user.id, audit=audit_id)
    return list_audits(caller)


@router.get("/onboarding")
def describe_onboarding(caller: Caller) -> dict[str, Any]:
    """Return the seven steps to the company's own bucket as they stand: for an admin of the company."""
    with caller.company_admin():
        pass  # nobody else asks the registry anything
    known = caller.context.registry.onboarding()
    with caller.company_admin() as (conn, _):
        found = onboarding.seen_lines(conn, known)
    return {"steps": [_line_json(one) for one in found]}


class NewNote(BaseModel):
    """What an admin notes of a step; their rules are those of ``onboarding_steps``, this bounds the work."""

    model_config = ConfigDict(extra="forbid")

    state: StepState
    owner: str = Field(max_length=MAX_TEXT)
    evidence: str = Field(max_length=MAX_TEXT)


@router.post("/onboarding/{step}/notes")
def note_step(step: Step, form: NewNote, caller: Caller) -> dict[str, Any]:
    """Note what is so of a step that only people can judge; it stands in the audit record with the admin's name."""
    given = Note.of({**form.model_dump(), "step": step})
    with caller.company_admin() as (_, login):
        user_id = login.user.id
    caller.context.registry.note_step(given)
    with caller.company.engine.begin() as conn:
        audit.record(conn, "onboarding.noted", None, user_id, **given.as_fields())
    return describe_onboarding(caller)


@router.post("/connections/{connection_id}/browser-link")
def browser_link(connection_id: IdInPath, caller: Caller) -> dict[str, Any]:
    """Sign an address of the marker with which a page finds out what the bucket lets pages do."""
    with caller.company_admin() as (conn, login):
        store, wanted = caller.company.storage, _connection(caller, connection_id).id
        if store.connection(wanted).is_hosted:
            raise NotFound("hosted storage is the operator's")
        end, reason = datetime.now(UTC) + LINK_LIFE, f"a browser tries storage connection {wanted} out"
        grant = grants.record(conn, GrantAction.PROBE, MARKER, reason, expires_at=end, user_id=login.user.id)
    seconds = int(LINK_LIFE.total_seconds())
    signed = store.open_links(wanted, Purpose.WATCH, MARKER).presign_get(
        MARKER, file_name=MARKER, seconds=seconds, grant=grant
    )
    return {"url": signed.url, "headers": dict(signed.headers)}


class BrowserSaw(BaseModel):
    """What a page met at the bucket."""

    model_config = ConfigDict(extra="forbid")

    reads: bool
    writes: bool
    headers: Annotated[list[Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]+$")]], Field(max_length=20)]


@router.post("/connections/{connection_id}/browser-checks", status_code=204)
def note_browser_check(connection_id: IdInPath, form: BrowserSaw, caller: Caller) -> None:
    """Put on record what an admin's browser met at a connection."""
    with caller.company_admin() as (conn, login):
        wanted = caller.company.storage.connection(_connection(caller, connection_id).id)
        audit.record(conn, "storage.tried_by_browser", wanted.id, login.user.id, **form.model_dump())


def _connection(caller: Call, connection_id: str) -> StorageConnection:
    """Return a connection of the company, whatever its state; raise NotFound for any other."""
    wanted = ConnectionId(connection_id)
    found = next((one for one in caller.company.storage.all_connections() if one.id == wanted), None)
    if found is None:
        raise NotFound("the company has no such storage connection")
    return found


def _audit_json(one: KeptAudit, name: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "connection": name,
        "made_at": time_json(one.made_at),
        "clean": one.is_clean,
        "noted": one.fresh == 0 or one.noted_at is not None,
        "found": words(one.body["found"]),
        "fresh": words(one.body["fresh"]),
        "gone": one.body["gone"],
        "objects": one.body["objects"],
        "bytes": one.body["bytes"],
        "named": one.body["named"],
        "settings": one.body["settings"],
        "notes": one.body["notes"],
    }


def _line_json(one: Line) -> dict[str, Any]:
    return {
        "step": one.step.value,
        "title": one.title,
        "state": one.state.value,
        "owner": one.owner,
        "evidence": one.evidence,
        "at": time_json(one.at),
        "next": one.how,
        "for_people": one.is_for_people,
    }


def _placement(caller: Call, production_id: ProductionId | None) -> dict[str, Any] | None:
    try:
        return placement_json(caller.company.storage.setting(production_id))
    except StorageSetupError:
        return None


def _company_key_json(connections: list[StorageConnection]) -> dict[str, Any] | None:
    """Return by which key of its own the company key is wrapped besides the operator's; None: by none."""
    for one in connections:
        if one.wrapping_key is not None:
            return {"connection": one.name, "key": one.wrapping_key.arn, "open": one.state is ConnectionState.ACTIVE}
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
        "isolated": connection.private is not None,
        "why": why["message"] if why else None,
        "waits_for_key": connection.waits_for_key,
        "answers": seen is not None and seen is Answer.OPEN,
        "away": connection.state is ConnectionState.ACTIVE and seen is Answer.AWAY,
        "versions": held.versions,
        "original_bytes": held.original_bytes,
    }
