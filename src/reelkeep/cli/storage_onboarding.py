"""``reelkeep storage onboarding``: the seven steps of a company's own bucket, with owner, state, evidence and date."""

from __future__ import annotations

from typing import Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError


def onboarding(
    done: Annotated[str, typer.Option("--done", help="Note this step as done.")] = "",
    left_out: Annotated[str, typer.Option("--left-out", help="Note this step as left out.")] = "",
    reopen: Annotated[str, typer.Option("--reopen", help="Note this step as open again.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who did it, or who decided.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="What shows it: a ticket, a name, a file.")] = "",
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Show how far a company's own bucket is, or note what is so of a step."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.onboarding import Onboarding
    from reelkeep.companies.onboarding_steps import Note, StepState, next_step, skipped

    installation = Installation(data)
    chosen = installation.company(company)
    found = Onboarding(installation, chosen)
    wanted = {StepState.DONE: done, StepState.LEFT_OUT: left_out, StepState.OPEN: reopen}
    given = [(state, step) for state, step in wanted.items() if step]
    if len(given) > 1:
        raise RequestError("a step is done, left out or open, one of them")
    for state, step in given:
        found.note(Note.of({"step": step, "state": state.value, "owner": owner, "evidence": evidence}))
    lines = found.lines()
    if as_json:
        fields = [
            {
                "step": one.step.value,
                "title": one.title,
                "state": one.state.value,
                "owner": one.owner,
                "evidence": one.evidence,
                "at": one.at.isoformat() if one.at else None,
                "next": one.how,
            }
            for one in lines
        ]
        output.show({"company": chosen.slug, "steps": fields}, "", as_json=True)
        return
    rows = [
        (one.step.value, one.state.value, one.title, one.owner, f"{one.at:%Y-%m-%d}" if one.at else "", one.evidence)
        for one in lines
    ]
    output.show_table(("step", "state", "what", "who", "date", "evidence"), rows, whole=2)
    for one in skipped(lines):
        output.note(f"{one.step.value} is open though a later step is done: do it, or note it with --left-out.")
    if (upcoming := next_step(lines)) is not None:
        output.show({}, f"Next, {upcoming.step.value}: {upcoming.how}", as_json=False)
