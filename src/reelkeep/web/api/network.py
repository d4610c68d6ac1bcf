"""From where the company's site may be reached: for its admins, who cannot lock themselves out unawares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from reelkeep.catalog import audit
from reelkeep.companies.network_policy import MAX_ENTRIES, NetworkPolicy, admits, policy_details, policy_of
from reelkeep.errors import Conflict
from reelkeep.web.api.reading import api_router
from reelkeep.web.context import Call, Caller

router = api_router("/network")

_Entries = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=MAX_ENTRIES)]


class LocksYouOut(Conflict):
    """With this setting you would be shut out yourself."""

    code = "locks_you_out"
    default_advice = "Add your own network, or confirm that you want this; the operator can open the site again."


class NewNetwork(BaseModel):
    """Who may come in from now on."""

    model_config = ConfigDict(extra="forbid")

    open: bool
    networks: _Entries = []
    endpoints: _Entries = []
    confirmed: bool = False  # that the admin shuts themselves out


@router.get("")
def describe_network(caller: Caller) -> dict[str, Any]:
    """Return who may come in, whom that turned away, and from where the admin comes who asks."""
    with caller.company_admin():
        pass  # nobody else asks the registry anything
    found = caller.context.registry.network()
    return {**policy_json(found.policy), "refused": list(found.refused), "you": _you(caller)}


@router.put("")
def set_network(form: NewNetwork, caller: Caller) -> dict[str, Any]:
    """Open the site to everybody, or close it to all but these; open connections that may not stay are closed."""
    with caller.company_admin() as (_, login):
        user_id = login.user.id
    policy = None if form.open else policy_of(form.networks, form.endpoints)
    if not form.confirmed and not admits(policy, caller.address, caller.endpoint_id):
        raise LocksYouOut(f"you come from {caller.endpoint_id or caller.address}, which would be shut out")
    caller.context.registry.set_network(policy)
    with caller.company.engine.begin() as conn:
        audit.record(conn, "network.set", None, user_id, **policy_details(policy))
    return policy_json(policy)


def policy_json(policy: NetworkPolicy | None) -> dict[str, Any]:
    """Return a policy for programs; None is open."""
    return {"open": policy is None, **(policy.as_fields() if policy else {"networks": [], "endpoints": []})}


def _you(caller: Call) -> dict[str, str | None]:
    return {"address": caller.address, "endpoint": caller.endpoint_id}
