"""Which company is served by this release, and what the visitors of one that is not are told."""

from __future__ import annotations

from pathlib import Path

import pytest

import reelkeep.catalog.migrations
from reelkeep.catalog.lifecycle import step
from reelkeep.catalog.migrations import MIGRATIONS, OLDEST_SERVED
from reelkeep.companies.company_states import COMPANY_STEPS, CompanyState, closure_of
from reelkeep.companies.migrating import Migrations
from reelkeep.companies.schema import Schema
from reelkeep.errors import Conflict

ACTIVE, HEAD = CompanyState.ACTIVE, MIGRATIONS.schema_at(MIGRATIONS.head)


def code(state: CompanyState, schema: Schema | None) -> str | None:
    found = closure_of(state, schema, MIGRATIONS, OLDEST_SERVED)
    return found.code if found is not None else None


def test_only_an_active_company_whose_database_this_release_can_serve_is_served() -> None:
    older = MIGRATIONS.revisions[MIGRATIONS.revisions.index(OLDEST_SERVED) - 1]
    assert code(ACTIVE, HEAD) is None
    assert code(ACTIVE, MIGRATIONS.schema_at(OLDEST_SERVED)) is None
    assert code(ACTIVE, MIGRATIONS.schema_at(older)) == "company_upgrade"
    assert code(ACTIVE, None) == "company_upgrade"
    assert code(CompanyState.SUSPENDED, HEAD) == "company_suspended"
    assert code(CompanyState.RETIRED, HEAD) == "company_retired"


@pytest.mark.parametrize(("contracting", "told"), [((), None), (("next",), "company_newer")])
def test_a_newer_releases_database_is_served_unless_it_was_contracted(
    contracting: tuple[str, ...], told: str | None, tmp_path: Path
) -> None:
    (tmp_path / "next.py").write_text(f"revision, down_revision = 'next', '{MIGRATIONS.head}'\n")
    folder = Path(reelkeep.catalog.migrations.__file__).parent
    later = Migrations(folder, MIGRATIONS.contracting.union(contracting), further=[tmp_path])
    assert code(ACTIVE, later.schema_at("next")) == told


def test_a_retired_company_stays_so_and_an_active_one_is_suspended_first() -> None:
    for old, new in ((CompanyState.RETIRED, ACTIVE), (ACTIVE, CompanyState.RETIRED)):
        with pytest.raises(Conflict):
            step(COMPANY_STEPS, old, new)
