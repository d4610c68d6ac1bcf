"""What a release's migrations may do: expand, or be named as contracting (docs/upgrades.md)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.expansion import contracting_statements

import reelkeep.catalog.migrations
import reelkeep.companies.migrations
from reelkeep.companies.migrating import Migrations
from reelkeep.companies.schema import Schema

CHAINS = {
    "company": reelkeep.catalog.migrations.MIGRATIONS,
    "registry": reelkeep.companies.migrations.MIGRATIONS,
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_every_migration_only_expands_or_is_named_as_contracting(chain: Migrations) -> None:
    found = {revision: contracting_statements(chain.sql_of(revision)) for revision in chain.revisions}
    assert {revision for revision, statements in found.items() if statements} == chain.contracting, found


CASES = {
    "op.drop_column('users', 'name')": False,
    "op.drop_table('users')": False,
    "op.drop_constraint('uq_users_email', 'users')": False,
    "op.alter_column('users', 'name', new_column_name='label')": False,
    "op.rename_table('users', 'people')": False,
    "op.alter_column('users', 'name', existing_type=sa.Text(), nullable=False)": False,
    "op.alter_column('users', 'name', type_=sa.Integer())": False,
    "op.alter_column('users', 'name', server_default=None)": False,
    "op.add_column('users', sa.Column('x', sa.Text(), nullable=False))": False,
    "op.create_unique_constraint('uq_x', 'users', ['name'])": False,
    "op.create_check_constraint('ck_x', 'users', 'length(name) > 3')": False,
    "op.create_index('ix_x', 'users', ['name'], unique=True)": False,
    "op.execute('UPDATE users SET name = 1')": False,
    "op.execute('TRUNCATE users')": False,
    "op.add_column('users', sa.Column('x', sa.Text(), nullable=True))": True,
    "op.add_column('users', sa.Column('x', sa.Text(), nullable=False, server_default='no'))": True,
    "op.create_index('ix_x', 'users', ['name'])": True,
    "op.create_table('x', sa.Column('id', sa.Text())); op.create_unique_constraint('u', 'x', ['id'])": True,
    "op.add_column('luts', sa.Column('x', sa.Text())); op.create_foreign_key('f', 'luts', 'y', ['x'], ['id'])": True,
}


@pytest.mark.parametrize("change", CASES)
def test_what_an_older_release_cannot_live_with_is_found(change: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    lines = ("from alembic import op", "import sqlalchemy as sa", "revision, down_revision = 'x', None")
    (tmp_path / "versions" / "x.py").write_text("\n".join([*lines, f"def upgrade(): {change}", ""]))
    assert (contracting_statements(Migrations(tmp_path, ()).sql_of("x")) == []) is CASES[change]


def test_a_schemas_floor_is_the_newest_contracting_migration_that_it_has() -> None:
    chain = CHAINS["company"]
    assert chain.schema_at("0001") == Schema("0001", "0001")
    assert chain.schema_at("units") == Schema("units", "mark_bands")
    assert chain.schema_at("made_anew") == Schema("made_anew", "made_anew")


def test_migrations_of_a_later_release_continue_the_chain(tmp_path: Path) -> None:
    chain = CHAINS["company"]
    (tmp_path / "next.py").write_text(f"revision, down_revision = 'next', '{chain.head}'\n")
    later = Migrations(Path(reelkeep.catalog.migrations.__file__).parent, {"next"}, further=[tmp_path])
    assert later.steps_from(chain.head) == ["next"]
    assert later.schema_at("next") == Schema("next", "next")
    assert (later.knows("next"), chain.knows("next")) == (True, False)
