"""What companies' processes ask the supervisor for, taken apart. They may have been taken over: none is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reelkeep.companies.network_policy import NetworkPolicy, policy_from_fields
from reelkeep.ids import ConnectionId
from reelkeep.isolation.channel import BadFrame
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.connection_states import Revocation
from reelkeep.storage.refusals import Answer as Seen


def connection_id_of(fields: Mapping[str, Any]) -> ConnectionId:
    """Return the connection that a request names; raise BadFrame if it names none."""
    if not isinstance(found := fields.get("connection_id"), str):
        raise BadFrame("a request names no connection")
    return ConnectionId(found)


def revocation_of(fields: Mapping[str, Any]) -> Revocation:
    """Return who refused, as a request tells it; raise BadFrame if it tells nobody."""
    try:
        return Revocation(fields.get("by"))
    except ValueError:
        raise BadFrame("a request names nothing that can refuse") from None


def policy_of(fields: object) -> NetworkPolicy | None:
    """Return the network policy that a request asks for; raise BadFrame or RequestError if it is none."""
    if fields is None:
        return None
    lists = [fields.get(name) for name in ("networks", "endpoints")] if isinstance(fields, dict) else [None]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
        raise BadFrame("a request holds no network policy")
    return policy_from_fields(fields)  # type: ignore[arg-type]


def seen_of(answer: object) -> Seen:
    """Return how a store answers, as a request tells it; raise BadFrame if it tells nothing known."""
    try:
        return Seen(answer)
    except ValueError:
        raise BadFrame("a request says nothing that can be seen") from None


def job_kind(fields: Mapping[str, Any]) -> JobKind:
    """Return the job kind of a request; raise BadFrame if it names none."""
    try:
        return JobKind(fields.get("kind"))
    except ValueError:
        raise BadFrame("a request names no job kind") from None
