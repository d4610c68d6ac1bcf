"""Does what stands in an account keep a row of the contract? The one comparison behind every check. Pure; no I/O.

A stack's parameters are the company's own, and the platform is told only some of them. One that was not told is *open*:
any value of its form does. Names that stand where an open list may stand are handed back, so that a report can show
them: whoever they are, the company has let them in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.contract import table
from reelkeep.contract.expressions import Choice, Facts, Items, Joined, Number, Only, Sub, Value
from reelkeep.contract.interface import Kind, Setting, Statement
from reelkeep.contract.parameters import BY_NAME, open_conditions

KEY_PATTERN: Final = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}"
_PARTS: Final = ("Effect", "Principal", "Action", "Resource", "Condition")


@dataclass(frozen=True)
class Known:
    """What the platform knows of a stack.

    Args:
        facts: with anything at all in the place of what is open.
        open: names of parameters (and ``KeyArn``) that the platform was not told.
    """

    facts: Facts
    open: frozenset[str] = frozenset()

    @property
    def open_conditions(self) -> frozenset[str]:
        return open_conditions(self.open)

    def expects(self, row: Setting | Statement) -> bool | None:
        """Tell whether the row is part of this stack; None if that depends on what is open."""
        needed = frozenset(table.conditions_of(row))
        if any(one not in self.facts.conditions and one not in self.open_conditions for one in needed):
            return False
        return None if needed & self.open_conditions else True


@dataclass
class Verdict:
    """Whether a row is kept, what differs if not, and who else is named where an open list may stand."""

    holds: bool
    differs: str = ""
    named: list[str] = field(default_factory=list)


def setting_holds(row: Setting, found: Any, known: Known) -> Verdict:
    """Compare a setting's row with the whole setting as S3 returns it; what else stands there is not judged here."""
    fit = _Fit(known)
    if row.kind is Kind.SESSION_LENGTH:
        expected: Value = row.value
    else:
        expected = table.assembled(row.kind, [row.value])
    holds = fit.fits(expected, found, strict=False)
    return Verdict(holds, "" if holds else _told(found), fit.named)


def statement_holds(row: Statement, document: Any, known: Known) -> Verdict:
    """Compare a statement's row with the statement of its name in a policy document as AWS returns it."""
    found = next((one for one in statements(document) if one.get("Sid") == row.id), None)
    if found is None:
        return Verdict(False, "it is not there")
    expected: dict[str, Value] = {"Effect": row.effect, "Action": row.actions}
    if row.principal is not None:
        expected["Principal"] = row.principal
    if row.resources:
        expected["Resource"] = row.resources
    if row.conditions:
        expected["Condition"] = row.conditions
    fit = _Fit(known)
    wrong = [part for part in _PARTS if not _part_fits(fit, expected, found, part)]
    wrong += sorted(set(found) - {"Sid", *_PARTS})
    return Verdict(not wrong, ", ".join(f"its {part}" for part in wrong), fit.named)


def statements(document: Any) -> list[Mapping[str, Any]]:
    """Return the statements of a policy document; anything else has none."""
    found = document.get("Statement", ()) if isinstance(document, Mapping) else ()
    return [one for one in ([found] if isinstance(found, Mapping) else found) if isinstance(one, Mapping)]


def _part_fits(fit: _Fit, expected: Mapping[str, Value], found: Mapping[str, Any], part: str) -> bool:
    if part not in expected or part not in found:
        return part not in expected and part not in found
    return fit.fits(expected[part], found[part], strict=True)


def _told(found: Any) -> str:
    return f"found {json.dumps(found, default=str)[:300]}" if found else "nothing is set"


class _Fit:
    """One comparison. ``strict``: nothing may stand there besides; otherwise only what is expected is looked for."""

    def __init__(self, known: Known) -> None:
        self._known, self.named = known, list[str]()

    def fits(self, value: Value, found: Any, *, strict: bool) -> bool:
        match value:
            case Choice(condition, yes, no):
                if condition in self._known.open_conditions:
                    return self.fits(yes, found, strict=strict) or self.fits(no, found, strict=strict)
                return self.fits(yes if condition in self._known.facts.conditions else no, found, strict=strict)
            case Number(parameter):
                return self._number(parameter, found)
            case Sub():
                one = found[0] if isinstance(found, list) and len(found) == 1 else found
                return isinstance(one, str) and re.fullmatch(self._pattern(value), one) is not None
            case Items() | Joined():
                return self._texts((value,) if isinstance(value, Items) else value.parts, found)
            case Mapping():
                return isinstance(found, Mapping) and self._mapping(value, found, strict=strict)
            case str():
                one = found[0] if isinstance(found, list) and len(found) == 1 else found
                return str(one) == value
            case Sequence():
                return self._sequence(value, found, strict=strict)
            case _:
                return str(found).lower() == str(value).lower()

    def _number(self, parameter: str, found: Any) -> bool:
        if not isinstance(found, int):
            return False
        if parameter not in self._known.open:
            return found == int(self._known.facts.text(parameter))
        limits = BY_NAME[parameter]
        return (limits.lowest or 0) <= found <= (limits.highest or found)

    def _pattern(self, text: Sub) -> str:
        parts = re.split(r"\{([A-Za-z]+)\}", text.text)
        return "".join(self._hole(part) if index % 2 else re.escape(part) for index, part in enumerate(parts))

    def _hole(self, name: str) -> str:
        if name not in self._known.open:
            return re.escape(self._known.facts.text(name))
        return f"(?:{KEY_PATTERN if name == 'KeyArn' else BY_NAME[name].pattern})"

    def _texts(self, parts: Sequence[str | Sub | Items], found: Any) -> bool:
        """Compare a flat list of texts as a set; names beyond what is known stand for the lists that are open."""
        texts = [found] if isinstance(found, str) else found
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            return False
        lists = [part.parameter for part in parts if isinstance(part, Items)]
        is_open = any(name in self._known.open for name in lists)
        patterns = [self._pattern(part) if isinstance(part, Sub) else re.escape(part) for part in self._flat(parts)]
        if not all(any(re.fullmatch(pattern, one) for one in texts) for pattern in patterns):
            return False
        others = [one for one in texts if not any(re.fullmatch(pattern, one) for pattern in patterns)]
        self.named += others if is_open else []
        return is_open or not others

    def _flat(self, parts: Sequence[str | Sub | Items]) -> list[str | Sub]:
        found: list[str | Sub] = []
        for part in parts:
            if not isinstance(part, Items):
                found.append(part)
            elif part.parameter not in self._known.open:
                found += self._known.facts.items(part.parameter)
        return found

    def _mapping(self, value: Mapping[str, Value], found: Mapping[str, Any], *, strict: bool) -> bool:
        seen: set[str] = set()
        for name, item in value.items():
            kept = item
            if isinstance(item, Only):
                is_open = item.condition in self._known.open_conditions
                if is_open and name not in found:
                    continue
                if not is_open and item.condition not in self._known.facts.conditions:
                    continue
                kept = item.value
            seen.add(name)
            if name not in found or not self.fits(kept, found[name], strict=strict):
                return False
        return not strict or not set(found) - seen

    def _sequence(self, value: Sequence[Any], found: Any, *, strict: bool) -> bool:
        if all(isinstance(item, str | Sub) for item in value):
            return self._texts(value, found)
        if all(isinstance(item, Choice) for item in value) and len(value) == 1:
            return self.fits(
                value[0], found[0] if isinstance(found, list) and len(found) == 1 else found, strict=strict
            )
        if not isinstance(found, list):
            return False
        return all(any(self.fits(item, one, strict=strict) for one in found) for item in value)
