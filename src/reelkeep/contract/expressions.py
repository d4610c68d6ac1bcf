"""Values of the contract that depend on a stack's parameters, and what they come to for given ones. Pure; no I/O.

Each node has three faces: an intrinsic function of CloudFormation, an expression of Terraform, and ``resolve`` here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_HOLE: Final = re.compile(r"\{([A-Za-z]+)\}")


@dataclass(frozen=True)
class Sub:
    """A text with holes, such as ``{MediaBucketArn}/{Prefix}*``; each names a parameter or a fact of the stack."""

    text: str

    def holes(self) -> list[str]:
        return _HOLE.findall(self.text)

    def filled(self, fill: Mapping[str, str]) -> str:
        return _HOLE.sub(lambda hole: fill[hole[1]], self.text)


@dataclass(frozen=True)
class Items:
    """All items of a parameter that is a list."""

    parameter: str


@dataclass(frozen=True)
class Joined:
    """One flat list of texts and of the items of parameters that are lists."""

    parts: tuple[str | Sub | Items, ...]


@dataclass(frozen=True)
class Number:
    """A parameter that is a whole number."""

    parameter: str


@dataclass(frozen=True)
class Choice:
    condition: str
    yes: Value
    no: Value


@dataclass(frozen=True)
class Only:
    """An item of a list, or an entry of a mapping, that is there only while the condition holds."""

    condition: str
    value: Value


Value = str | int | bool | Sub | Items | Joined | Number | Choice | Only | Mapping[str, Any] | Sequence[Any]
_ABSENT: Final = object()


@dataclass(frozen=True)
class Facts:
    """What a stack was given and what it made: texts and lists by name, and the conditions that hold."""

    names: Mapping[str, str | tuple[str, ...]]
    conditions: frozenset[str]

    def text(self, name: str) -> str:
        found = self.names[name]
        if not isinstance(found, str):
            raise TypeError(f"{name} is a list")
        return found

    def items(self, name: str) -> tuple[str, ...]:
        found = self.names[name]
        if isinstance(found, str):
            raise TypeError(f"{name} is no list")
        return found


def resolve(value: Value, facts: Facts) -> Any:
    """Return plain data: what ``value`` comes to in a stack with these facts."""
    found = _resolve(value, facts)
    return None if found is _ABSENT else found


def _resolve(value: Value, facts: Facts) -> Any:
    match value:
        case Sub():
            return value.filled({hole: facts.text(hole) for hole in value.holes()})
        case Items(parameter):
            return list(facts.items(parameter))
        case Joined(parts):
            return [item for part in parts for item in _flat(part, facts)]
        case Number(parameter):
            return int(facts.text(parameter))
        case Choice(condition, yes, no):
            return _resolve(yes if condition in facts.conditions else no, facts)
        case Only(condition, kept):
            return _resolve(kept, facts) if condition in facts.conditions else _ABSENT
        case Mapping():
            pairs = ((key, _resolve(item, facts)) for key, item in value.items())
            return {key: item for key, item in pairs if item is not _ABSENT}
        case str():
            return value
        case Sequence():
            return [item for item in (_resolve(item, facts) for item in value) if item is not _ABSENT]
        case _:
            return value


def _flat(part: str | Sub | Items, facts: Facts) -> list[str]:
    found = _resolve(part, facts)
    return found if isinstance(found, list) else [found]
