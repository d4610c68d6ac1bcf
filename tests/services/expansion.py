"""Judges a migration by the SQL that it would run: does it only expand (docs/upgrades.md)?

What is not known to be harmless counts as contracting, so a new kind of statement has to be looked at once.
"""

from __future__ import annotations

import re

_NAME = r'"?([a-z_0-9]+)"?'
_WORD = re.compile(r"[a-z_][a-z_0-9]*")


def contracting_statements(sql: str) -> list[str]:
    """Return the statements of a migration that the release before it might not live with."""
    new_tables: set[str] = set()
    new_columns: set[tuple[str, str]] = set()
    statements = (" ".join(each.split()).lower() for each in sql.split(";"))
    return [each for each in statements if each and not _expands(each, new_tables, new_columns)]


def _expands(statement: str, new_tables: set[str], new_columns: set[tuple[str, str]]) -> bool:
    if found := re.match(rf"create table {_NAME} \(", statement):
        new_tables.add(found[1])
        return True
    if found := re.match(rf"create (unique )?index {_NAME} on {_NAME} (.*)", statement):
        unique, _, table, columns = found.groups()
        return not unique or table in new_tables or _are_new(table, columns, new_columns)
    found = re.match(rf"alter table {_NAME} (.*)", statement)
    if found is None:
        return False
    table, change = found.groups()
    if table in new_tables:
        return True
    if added := re.fullmatch(rf"add column {_NAME} (.*)", change):
        new_columns.add((table, added[1]))
        return "not null" not in added[2] or " default " in f" {added[2]} "
    if added := re.fullmatch(rf"add constraint {_NAME} (?:unique|check|foreign key) ?(.*)", change):
        return _are_new(table, added[2].split(" references ")[0], new_columns)
    return False


def _are_new(table: str, text: str, new_columns: set[tuple[str, str]]) -> bool:
    """Tell whether an index or a constraint speaks of columns alone that no older release knows."""
    columns = set(_WORD.findall(text)) - {"is", "null", "and", "or", "not", "using", "btree"}
    return bool(columns) and all((table, column) in new_columns for column in columns)
