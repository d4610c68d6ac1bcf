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
    owner: Annotated[str, typer.Option("--owner", help="Who did it, or who decided.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="What shows it: a ticket, a name, a file.")] = "",
    company: CompanySlug = None,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Show how far a company's own bucket is, or note what is so of a step."""
    from reelkeep.cli.installation import Installation
    from reelkeep.cli.onboarding import Onboarding
    from reelkeep.companies.onboarding_steps import Step, StepState, next_step, skipped

    installation = Installation(data)
    chosen = installation.company(company)
    found = Onboarding(installation, chosen)
    if done or left_out:
        if done and left_out:
            raise RequestError("a step is done or left out, not both")
        names = ", ".join(one.value for one in Step)
        try:
            step = Step(done or left_out)
        except ValueError:
            raise RequestError(f"there is no step {(done or left_out)[:40]}", advice=f"They are {names}.") from None
        found.note(step, StepState.DONE if done else StepState.LEFT_OUT, owner, evidence)
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
