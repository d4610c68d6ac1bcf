"""``reelkeep storage contract``: what a newer version of the bucket contract changes, to be signed afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.cli.storage_places import ConnectionArgument
from reelkeep.errors import NotFound

if TYPE_CHECKING:
    from reelkeep.contract.interface import Setting, Statement


def contract(
    connection: ConnectionArgument, company: CompanySlug = None, data: Data = DEFAULT_DATA, as_json: Json = False
) -> None:
    """Show the version of the contract that a stack keeps, and what this release's version changes."""
    from reelkeep.cli.installation import Installation
    from reelkeep.companies import onboarding, stacks
    from reelkeep.companies.onboarding_steps import Step, StepState
    from reelkeep.contract import table
    from reelkeep.contract.parameters import PARAMETERS

    installation = Installation(data)
    chosen = installation.company(company)
    found = installation.storage.connection(chosen, connection)
    with installation.on_registry() as conn:
        stack = stacks.stack_of(conn, found.id)
        review = onboarding.known(conn, chosen.id).noted.get(Step.REVIEW)
    if stack is None:
        raise NotFound(f"the company has told of no stack for {found.name}", advice="Connect it with --stack first.")
    changes = table.difference(table.rows_of(stack.contract), table.rows_of(table.VERSION))
    parameters = [one for one in PARAMETERS if one.since > stack.contract]
    signed = review.contract if review is not None and review.state is StepState.DONE else None
    fields = {
        "connection": found.name,
        "stack": stack.contract,
        "release": table.VERSION,
        "signed": signed,
        "parameters": [{"name": one.name, "default": one.default, "what": one.what} for one in parameters],
        "added": [_fields(row) for row in changes.added],
        "changed": [_fields(row) for _, row in changes.changed],
        "removed": [_fields(row) for row in changes.removed],
    }
    if as_json:
        output.show(fields, "", as_json=True)
        return
    output.show({}, _sentence(found.name, stack.contract, table.VERSION, signed), as_json=False)
    rows = [("parameter", one.name, one.what, f"default {one.default}") for one in parameters]
    for what, kept in (("added", changes.added), ("changed", [row for _, row in changes.changed])):
        rows += [(what, table.key(row), row.reason, ", ".join(table.conditions_of(row))) for row in kept]
    rows += [("removed", table.key(row), row.reason, "") for row in changes.removed]
    if rows:
        output.show_table(("change", "row", "why", "when"), rows, whole=2)


def _fields(row: Setting | Statement) -> dict[str, Any]:
    from reelkeep.contract import table

    actions = list(getattr(row, "actions", ()))
    return {
        "row": table.key(row),
        "reason": row.reason,
        "breaks": row.breaks,
        "actions": actions,
        "when": list(table.conditions_of(row)),
    }


def _sentence(name: str, reported: int, offered: int, signed: int | None) -> str:
    if reported == offered and signed == offered:
        return f"The stack of {name} keeps version {reported} of the contract, the newest, and it was signed."
    words = f"The stack of {name} keeps version {reported} of the contract; this release offers version {offered}"
    last = f"version {signed} was signed" if signed else "none was signed"
    advice = (
        "Hand this over with `reelkeep storage template` and docs/security-review.md. Once it is signed, note it with "
        "`reelkeep storage onboarding --done review`; once the stack is updated, connect it again with --stack."
    )
    return f"{words}, and {last}. {advice}"
