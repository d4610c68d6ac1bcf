"""Writes the part of HCL that a Terraform module needs: blocks, arguments, comments. Pure; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_INDENT: Final = "  "


@dataclass(frozen=True)
class Raw:
    """An expression that is written as it stands, such as ``var.prefix``."""

    text: str


@dataclass(frozen=True)
class Call:
    """A function with one argument, such as ``jsonencode({...})``."""

    name: str
    argument: Any


@dataclass(frozen=True)
class Block:
    """``kind "label" { ... }`` with arguments and inner blocks, in the order in which they are given."""

    kind: str
    labels: tuple[str, ...] = ()
    body: Sequence[tuple[str, Any] | Block] = field(default_factory=tuple)
    notes: tuple[str, ...] = ()  # comments above it
    inner_notes: tuple[str, ...] = ()  # comments at the beginning of its body


def document(blocks: Sequence[Block]) -> str:
    return "\n".join("\n".join(_lines(block, 0)) + "\n" for block in blocks)


def _lines(block: Block, depth: int) -> Iterator[str]:
    space = _INDENT * depth
    yield from (f"{space}# {note}" for note in block.notes)
    yield f"{space}{' '.join((block.kind, *(json.dumps(label) for label in block.labels)))} {{"
    yield from (f"{space}{_INDENT}# {note}" for note in block.inner_notes)
    width = max((len(item[0]) for item in block.body if not isinstance(item, Block)), default=0)
    for item in block.body:
        if isinstance(item, Block):
            yield from _lines(item, depth + 1)
        else:
            name, value = item
            yield f"{space}{_INDENT}{name.ljust(width)} = {expression(value, depth + 1)}"
    yield f"{space}}}"


def expression(value: Any, depth: int = 0) -> str:
    """Return a value as an expression; a list of more than one item stands on lines of its own."""
    space = _INDENT * depth
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Call):
        return f"{value.name}({expression(value.argument, depth)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        pairs = (f"{space}{_INDENT}{name} = {expression(item, depth + 1)}" for name, item in value.items())
        return "\n".join(("{", *pairs, f"{space}}}"))
    items = [expression(item, depth + 1) for item in value]
    if len(items) <= 1:
        return f"[{', '.join(items)}]"
    return "\n".join(("[", *(f"{space}{_INDENT}{item}," for item in items), f"{space}]"))


def text(value: str) -> str:
    """Return a quoted template; ``${...}`` in it stays an interpolation.

    >>> print(text('a "b" ${var.c}'))
    "a \\"b\\" ${var.c}"
    """
    return re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), json.dumps(value))
