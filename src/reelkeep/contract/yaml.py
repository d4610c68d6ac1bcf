"""Writes the small part of YAML that a CloudFormation template needs, with comments. Pure; no I/O."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?:::[A-Za-z0-9]+)*")
_WORDS: Final = frozenset(
    {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
)  # YAML 1.1 reads them otherwise
_WIDTH: Final = 116


@dataclass(frozen=True)
class Tag:
    """A value with a short-form intrinsic function, such as ``!Sub``."""

    name: str
    value: Any


@dataclass(frozen=True)
class Noted:
    """A value with a comment above it."""

    value: Any
    note: str


def document(value: Mapping[str, Any]) -> str:
    return "\n".join(_block(value, 0)) + "\n"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _block(value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of a mapping or a list at this depth of indentation."""
    space = "  " * depth
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _entry(f"{space}{_scalar(name)}:", item, depth)
    else:
        for item in value:
            yield from _item(item, depth)


def _item(item: Any, depth: int) -> Iterator[str]:
    """Yield an item of a list; a mapping begins on the line of its dash."""
    space = "  " * depth
    if not isinstance(item, Mapping) or not item:
        yield from _entry(f"{space}-", item, depth)
        return
    lines = _block(item, depth + 1)
    yield f"{space}- {next(lines).lstrip()}"
    yield from lines


def _on_one_line(head: str, item: Any) -> str | None:
    """Return a list of plain values on one line, if it is one and fits; templates have a limit in bytes."""
    if not isinstance(item, Sequence):
        return None
    found = [_inner(one) for one in item]
    line = f"{head} [{', '.join(one for one in found if one is not None)}]"
    return line if None not in found and len(line) <= _WIDTH else None


def _inner(item: Any) -> str | None:
    if isinstance(item, Tag) and isinstance(item.value, str):
        return f"!{item.name} {_scalar(item.value)}"
    return _scalar(item) if isinstance(item, str | int) else None


def _entry(head: str, item: Any, depth: int) -> Iterator[str]:
    if isinstance(item, Noted):
        space = "  " * depth
        for line in textwrap.wrap(item.note, _WIDTH - len(space) - 2, break_long_words=False, break_on_hyphens=False):
            yield f"{space}# {line}"
        item = item.value
        if head.endswith("-") and isinstance(item, Mapping) and item:
            yield from _item(item, depth)
            return
    if isinstance(item, Tag):
        head, item = f"{head} !{item.name}", item.value
    if isinstance(item, str) or not isinstance(item, (Mapping, Sequence)):
        yield f"{head} {_scalar(item)}"
    elif not item:
        yield f"{head} {'{}' if isinstance(item, Mapping) else '[]'}"
    elif (whole := _on_one_line(head, item)) is not None:
        yield whole
    else:
        yield head
        yield from _block(item, depth + 1)
