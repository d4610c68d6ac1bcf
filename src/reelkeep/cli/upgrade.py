"""``reelkeep upgrade``: brings every company's database to this release while everybody works, then its processes.

Programs get one JSON object; people a bar with the rate and the time left.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.options import DEFAULT_DATA, Data, Json


def upgrade(
    slugs: Annotated[list[str] | None, typer.Option("--company", help="Only this one; may be given again.")] = None,
    at_a_time: Annotated[int, typer.Option("--at-a-time", help="Databases at a time.", min=1, max=32)] = 4,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> int:
    """Bring every company's database to this release, then have its processes make place for new ones.

    Nobody has to stop working. Killed or interrupted, it goes on when it is run again.
    """
    from reelkeep.cli.installation import Installation
    from reelkeep.companies.upgrading import Outcome
    from reelkeep.supervisor.up import compile_modules

    installation = Installation(data)
    compile_modules()
    done = 0
    with output.counter("Upgrading", as_json=as_json) as show:
        companies = installation.every_company(slugs or [])
        show(0, len(companies))

        def on_done(_: Outcome) -> None:
            nonlocal done
            done += 1
            show(done, len(companies))

        outcomes = installation.upgrade(companies, on_done, at_a_time)
    failed = [one for one in outcomes if one.problem is not None]
    changed = sum(one.is_changed for one in outcomes)
    output.show(
        {"companies": [_fields(one) for one in outcomes]},
        f"{len(outcomes) - len(failed)} of {len(outcomes)} companies have this release's schema, {changed} of them "
        "since now; their processes make place for new ones.",
        as_json=as_json,
    )
    for one in failed:
        if one.problem is not None and not as_json:
            output.note(f"{one.company.slug}:")
            output.show_error(one.problem, as_json=False)
    return exits.exit_code(failed[0].problem) if failed and failed[0].problem is not None else exits.DONE


def _fields(one: Any) -> dict[str, Any]:
    return {
        "slug": one.company.slug,
        "before": one.company.schema_revision,
        "after": one.schema.revision if one.schema is not None else one.company.schema_revision,
        "error": output.error_fields(one.problem) if one.problem is not None else None,
    }
